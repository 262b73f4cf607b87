//! Yealink: `Proxy-Require: 0` and `Event: refer` in its REFER, hold in both styles, semi-attended by default, and transfer by going on-hook.

use baton_tests::house::tones;
use baton_tests::stage::{Stage, scene};

use crate::transferred::{comes_off, is_told_that_it_came_off, refers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn yealink_transfers_with_a_proxy_require_that_nobody_can_fulfil() {
    let mut stage = Stage::open("yealink").await;
    let (second, his) = stage.consults().await;
    let sound = refers(&mut stage, &second, his, "refer").await;
    is_told_that_it_came_off(&stage).await;
    stage.alice.hangs_up(&mut stage.first).await;
    comes_off(stage, &second, his, sound).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn yealink_transfers_while_it_rings() {
    let mut stage = Stage::open("yealink").await;
    let answer = stage.alice.offers(&mut stage.first, "hold-by-direction").await;
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    scene(&[stage.customer_hears_music()]).await;
    let (dialling, his) = stage.dials_bob().await;
    stage.house.freeze_and_thaw(2).await;
    let answer = stage.alice.refers_naming(&mut stage.first, "refer", &dialling.dialog().clone()).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    assert_eq!(stage.alice.is_notified(&stage.first).await.0, 100);
    let ended = stage.alice.answer_to(dialling.invite(), |status| status >= 200).await;
    assert!(ended.status().is_some_and(|status| status >= 400), "her early call is over: {ended:?}");
    stage.bob.phone.answer(his).expect("it rings on");
    assert_eq!(stage.alice.is_told(&stage.first).await, 200);
    stage.alice_is_out(&[&stage.first]).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// Two calls up and the handset goes down: REFER, and both BYEs right behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn yealink_transfers_by_going_on_hook() {
    let mut stage = Stage::open("yealink").await;
    let (mut second, his) = stage.consults().await;
    let sound = refers(&mut stage, &second, his, "refer").await;
    stage.alice.says_bye(&mut stage.first).await;
    stage.alice.says_bye(&mut second).await;
    comes_off(stage, &second, his, sound).await;
}

/// Its REFER may be in the second dialog and name the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn yealink_refers_in_either_dialog() {
    let mut stage = Stage::open("yealink").await;
    let (mut second, his) = stage.consults().await;
    stage.ends_privacy(his);
    stage.bob.says(his, tones::BOB);
    let sound = stage.goes_on(his);
    let answer = stage.alice.refers(&mut second, "refer", &stage.first).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    assert_eq!(stage.alice.is_told(&second).await, 200);
    comes_off(stage, &second, his, sound).await;
}
