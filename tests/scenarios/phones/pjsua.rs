//! pjsua, MicroSIP and whatever else is made with PJSIP: `Require=replaces` inside the Refer-To, a codec locked by UPDATE, and an end
//! of the subscription by SUBSCRIBE.

use baton_tests::field::Gaps;
use baton_tests::house::tones;
use baton_tests::stage::Stage;
use softphone::LineState;

use crate::transferred::{comes_off, is_told_that_it_came_off, refers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pjsua_requires_replaces_inside_the_refer_to() {
    let mut stage = Stage::open("pjsua").await;
    let (second, his) = stage.consults().await;
    let sound = refers(&mut stage, &second, his, "refer").await;
    is_told_that_it_came_off(&stage).await;
    stage.alice.hangs_up(&mut stage.first).await;
    comes_off(stage, &second, his, sound).await;
}

/// The 200 agreed on several codecs: PJSIP locks one by UPDATE at once, on either line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pjsua_locks_a_codec_after_the_answer() {
    let mut stage = Stage::open("pjsua").await;
    let answer = stage.alice.offers(&mut stage.first, "lock").await;
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    stage.holds().await;
    let (dialling, his) = stage.dials_bob().await;
    let mut second = stage.bob_answers(dialling, his).await;
    let answer = stage.alice.offers(&mut second, "lock").await;
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    assert!(answer.body.contains("a=sendrecv") || !answer.body.contains("a=inactive"), "no hold: {answer:?}");
    stage.is_private(&second, his).await;
    stage.house.freeze_and_thaw(4).await;
    let sound = refers(&mut stage, &second, his, "refer").await;
    is_told_that_it_came_off(&stage).await;
    comes_off(stage, &second, his, sound).await;
}

/// SUBSCRIBE with Expires: 0 while Bob still rings: the subscription ends, the transfer does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pjsua_unsubscribes_and_the_transfer_goes_on() {
    let mut stage = Stage::open("pjsua").await;
    let answer = stage.alice.refers_to(&mut stage.first, "102").await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    assert_eq!(stage.alice.is_notified(&stage.first).await.0, 100);
    let his = stage.bob.is_rung().await;
    stage.house.freeze_and_thaw(2).await;
    let answer = stage.alice.ask(&mut stage.first.dialog, "subscribe", &Gaps::new()).await;
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    stage.alice.hangs_up(&mut stage.first).await;
    stage.bob.phone.answer(his).expect("it rings on");
    stage.bob.comes_to(his, LineState::Live).await;
    stage.bob.says(his, tones::BOB);
    stage.joined(his).await;
    stage.bob_closes(his).await;
}
