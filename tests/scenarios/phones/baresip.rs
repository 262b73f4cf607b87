//! baresip: everything in one breath, an unescaped Call-ID, BYE on a sipfrag of 2xx in that dialog only.

use baton_tests::field::{Gaps, naming};
use baton_tests::house::tones;
use baton_tests::raw::Message;
use baton_tests::stage::Stage;

use crate::transferred::{comes_off, is_told_that_it_came_off, refers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_transfers_with_the_peers_address_and_an_unescaped_call_id() {
    let mut stage = Stage::open("baresip").await;
    let (second, his) = stage.consults().await;
    let sound = refers(&mut stage, &second, his, "refer").await;
    is_told_that_it_came_off(&stage).await;
    stage.alice.hangs_up(&mut stage.first).await;
    comes_off(stage, &second, his, sound).await;
}

/// `atransferexec` sends the hold of dialog 2 and the REFER in dialog 1 without waiting in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_holds_the_second_call_and_refers_in_one_breath() {
    let mut stage = Stage::open("baresip").await;
    let (mut second, his) = stage.consults().await;
    stage.ends_privacy(his);
    let sound = stage.goes_on(his);
    let gaps = Gaps::from([("rtp", second.audio.own.port().to_string())]);
    let hold = stage.alice.send(&mut second.dialog, "hold", &gaps).await;
    let refer = stage.alice.send(&mut stage.first.dialog, "refer", &naming(&second.dialog)).await;
    let answer = stage.alice.answer_to(&refer, |status| status >= 200).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    let held = stage.alice.settled(&second.dialog, &hold).await;
    assert!(matches!(held.status(), Some(200 | 481 | 491 | 487)), "the hold has an answer: {held:?}");
    assert_eq!(stage.alice.is_notified(&stage.first).await.0, 100);
    is_told_that_it_came_off(&stage).await;
    comes_off(stage, &second, his, sound).await;
}

/// `atransferstart` refuses when the peer does not say that it knows Replaces: in our INVITE and in our 200.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_finds_replaces_among_what_we_support() {
    let mut stage = Stage::open("baresip").await;
    let knows = |message: &Message| message.all("Supported").any(|value| value.contains("replaces"));
    let (second, his) = stage.consults().await;
    let invited = stage.alice.came(|message| message.method() == Some("INVITE"));
    assert!(invited.iter().all(|(_, invite)| knows(invite)), "{invited:?}");
    let answered = stage.alice.came(|message| {
        message.status() == Some(200)
            && message.header("Call-ID") == Some(&second.dialog.call_id)
            && !message.body.is_empty()
    });
    assert!(!answered.is_empty() && answered.iter().all(|(_, answer)| knows(answer)), "{answered:?}");
    let mut second = second;
    stage.bob.says(his, tones::BOB);
    stage.alice.hangs_up(&mut second).await;
    stage.bob.is_let_go(his).await;
    stage.customer_closes().await;
}
