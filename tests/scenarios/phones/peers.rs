//! Teams Direct Routing as a peer, and what FreeSWITCH taught phones to rely on.

use std::time::Duration;

use baton_tests::house::tones;
use baton_tests::raw::Message;
use baton_tests::stage::Stage;

use crate::transferred::{comes_off, is_told_that_it_came_off, refers};

/// BYE 280 ms after the 202, while Bob rings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn teams_refers_and_says_bye_280_ms_later() {
    let mut stage = Stage::open("teams").await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
    tokio::time::sleep(Duration::from_millis(280)).await;
    stage.alice.hangs_up(&mut stage.first).await;
    let his = stage.bob.is_rung().await;
    stage.house.freeze_and_thaw(1).await;
    stage.bob.phone.answer(his).expect("it rings");
    stage.bob.says(his, tones::BOB);
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// The last NOTIFY gets lost: our BYE waits for the answer to the next copy of it, or two seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn teams_is_never_sent_a_bye_before_it_answered_the_last_notify() {
    let mut stage = Stage::open("plain").await;
    let (second, his) = stage.consults().await;
    stage.alice.misses_last_notifies(1);
    let sound = refers(&mut stage, &second, his, "refer").await;
    is_told_that_it_came_off(&stage).await;
    stage.alice.is_let_go(&stage.first).await;
    let when = |so: &dyn Fn(&Message) -> bool| {
        let came =
            stage.alice.came(|message| message.header("Call-ID") == Some(&stage.first.dialog.call_id) && so(message));
        came.first().map(|(at, _)| *at)
    };
    let told =
        when(&|message| message.header("Subscription-State").is_some_and(|state| state.starts_with("terminated")));
    let ended = when(&|message| message.method() == Some("BYE"));
    assert!(ended > told, "BYE at {ended:?}, the last NOTIFY was answered at {told:?}");
    comes_off(stage, &second, his, sound).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn freeswitch_taught_phones_that_tags_may_be_exchanged_or_left_out() {
    for section in ["refer", "refer-by-call-id"] {
        let mut stage = Stage::open("freeswitch").await;
        let (second, his) = stage.consults().await;
        let sound = refers(&mut stage, &second, his, section).await;
        is_told_that_it_came_off(&stage).await;
        comes_off(stage, &second, his, sound).await;
    }
}

/// A second REFER in the same dialog: its NOTIFYs say which by `id` (RFC 3515 §2.4.6).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_refer_in_a_dialog_has_an_id() {
    let mut stage = Stage::open("plain").await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "nobody").await.status(), Some(202));
    assert_eq!(stage.alice.is_told(&stage.first).await, 404);
    stage.house.freeze_and_thaw(2).await;
    let answer = stage.alice.refers_to(&mut stage.first, "102").await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    let number = stage.first.dialog.cseq;
    let ours = |message: &Message| message.need("Event").contains(&format!("id={number}"));
    stage.alice.notify(&stage.first, "a NOTIFY with the REFER's id", ours).await;
    stage.alice.hangs_up(&mut stage.first).await;
    let his = stage.bob.answers().await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}
