//! SIP.js and JsSIP, as far as their SIP goes: the display name in the Refer-To, the library that says no BYE, the 403 to late NOTIFYs.

use baton_tests::field::Gaps;
use baton_tests::stage::Stage;

use crate::transferred::{comes_off, is_told_that_it_came_off, refers};

/// The library leaves both dialogs alone: both are the server's to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sipjs_leaves_every_bye_to_the_server() {
    let mut stage = Stage::open("sipjs").await;
    let (second, his) = stage.consults().await;
    let sound = refers(&mut stage, &second, his, "refer").await;
    is_told_that_it_came_off(&stage).await;
    stage.alice.is_let_go(&stage.first).await;
    stage.alice.is_let_go(&second).await;
    comes_off(stage, &second, his, sound).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jssip_transfers_and_its_application_hangs_up() {
    let mut stage = Stage::open("jssip").await;
    let (mut second, his) = stage.consults().await;
    for line in [&mut stage.first, &mut second] {
        let answer = stage.alice.ask(&mut line.dialog, "refresh", &Gaps::new()).await;
        assert_eq!(answer.status(), Some(200), "a refresh without a body: {answer:?}");
    }
    stage.is_private(&second, his).await;
    let sound = refers(&mut stage, &second, his, "refer").await;
    is_told_that_it_came_off(&stage).await;
    stage.alice.hangs_up(&mut stage.first).await;
    comes_off(stage, &second, his, sound).await;
}

/// Its application hangs up as soon as the REFER is accepted; NOTIFYs after that are 403 (Wrong Status).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jssip_says_403_to_notifies_after_its_bye() {
    let mut stage = Stage::open("jssip").await;
    stage.alice.says_to_late_notifies(403);
    let (second, his) = stage.consults().await;
    stage.ends_privacy(his);
    let sound = stage.goes_on(his);
    let answer = stage.alice.refers(&mut stage.first, "refer", &second).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    stage.alice.hangs_up(&mut stage.first).await;
    comes_off(stage, &second, his, sound).await;
}
