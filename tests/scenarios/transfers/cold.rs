//! Row 9: Alice leaves while Bob still rings. It completes at his answer; if he cannot be had she is rung again, and if she is gone too the
//! customer goes to the fallback.

use std::time::Duration;

use baton_tests::house::{Setup, tones};
use baton_tests::one_line::OneLine;
use baton_tests::people::SOON;
use baton_tests::stage::{Stage, scene};
use softphone::{LineState, LineView};

const BRIEFLY: Setup = Setup { ring_timeout_s: 2, recall_s: 2, ..Setup::USUAL };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blind_transfer_completes_at_the_answer() {
    let mut stage = Stage::open("plain").await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
    assert_eq!(stage.alice.is_notified(&stage.first).await, (100, false));
    stage.alice.hangs_up(&mut stage.first).await;
    let his = stage.bob.is_rung().await;
    stage.house.freeze_and_thaw(1).await;
    stage.bob.phone.answer(his).expect("it rings");
    stage.joined(his).await;
    stage.house.freeze_and_thaw(2).await;
    stage.bob_closes(his).await;
}

/// Alice's phone stays: she is told of the ringing and the answer, and is in the consult then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refer_without_a_hang_up_becomes_a_consult() {
    let mut stage = Stage::open("plain").await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
    assert_eq!(stage.alice.is_notified(&stage.first).await, (100, false));
    let his = stage.bob.is_rung().await;
    assert_eq!(stage.alice.is_notified(&stage.first).await, (180, false));
    stage.customer_mumbles();
    stage.first.says(tones::SECRET);
    scene(&[stage.customer_hears_music()]).await;
    stage.bob.phone.answer(his).expect("it rings");
    stage.bob.says(his, tones::BOB_TOO);
    assert_eq!(stage.alice.is_told(&stage.first).await, 200);
    scene(&[
        stage.first.hears(&[tones::BOB_TOO]),
        stage.bob.hears(his, &[tones::SECRET]),
        stage.customer_hears_music(),
    ])
    .await;
    stage.house.freeze_and_thaw(3).await;
    stage.ends_privacy(his);
    stage.alice.hangs_up(&mut stage.first).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_is_rung_again_when_bob_does_not_answer() {
    let mut stage = Stage::with("plain", BRIEFLY).await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
    let his = stage.bob.is_rung().await;
    stage.alice.hangs_up(&mut stage.first).await;
    stage.house.freeze_and_thaw(1).await;
    stage.bob.is_let_go(his).await;
    let invite = stage.alice.is_rung().await;
    let mut again = stage.alice.answers(&invite, tones::ALICE).await;
    scene(&[again.hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::ALICE])]).await;
    stage.alice.hangs_up(&mut again).await;
    stage.customer.is_let_go(stage.theirs).await;
    stage.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fallback_gets_the_customer_when_alice_is_gone_too() {
    let mut stage = Stage::with("plain", Setup { fallback: "agent:carol", ..BRIEFLY }).await;
    let carol = stage.house.carol().await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
    let his = stage.bob.is_rung().await;
    stage.alice.hangs_up(&mut stage.first).await;
    stage.bob.phone.reject(his, 486);
    stage.house.freeze_and_thaw(1).await;
    // she is rung and does not answer
    stage.alice.is_rung().await;
    let rings = |lines: &[LineView]| lines.iter().any(|line| line.state == LineState::RingingHere);
    carol.phone.until("the fallback rings", SOON, rings).await.unwrap_or_else(|error| panic!("{error}"));
    let carols = carol.answers().await;
    scene(&[stage.customer_hears(&[tones::CAROL]), carol.hears(carols, &[tones::CUSTOMER])]).await;
    carol.hangs_up(carols);
    stage.customer.is_let_go(stage.theirs).await;
    stage.house.close().await;
}

/// No fallback but the announcement: never silence, and then BYE.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_announcement_is_heard_when_nobody_is_left() {
    let mut stage = Stage::with("plain", Setup { recall_s: 0, ..BRIEFLY }).await;
    let ear = stage.customer.ear(stage.theirs);
    assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
    let his = stage.bob.is_rung().await;
    stage.alice.hangs_up(&mut stage.first).await;
    stage.house.freeze_and_thaw(1).await;
    let from = softphone::Mark::now();
    stage.bob.phone.reject(his, 603);
    let over = stage.customer.phone.until_over(stage.theirs, Duration::from_secs(12)).await;
    assert!(matches!(over, Ok(LineState::Ended(_))), "{over:?}");
    let heard = ear.since(from);
    assert!(heard.loudness() > -45.0, "never silence");
    stage.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_hangs_up_while_bob_rings_by_keypad() {
    let stage = OneLine::open().await;
    let his = stage.dials_bob().await;
    stage.house.freeze_and_thaw(2).await;
    stage.alice.hangs_up(stage.hers);
    stage.ends_privacy_of_others(his);
    stage.bob.phone.answer(his).expect("it rings on");
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// A second line: Alice completes by REFER while it rings, and everything ends in the same way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_line_is_handed_over_while_it_rings() {
    let mut stage = Stage::open("plain").await;
    stage.holds().await;
    let (dialling, his) = stage.dials_bob().await;
    let named = dialling.dialog().clone();
    assert_eq!(stage.alice.refers_naming(&mut stage.first, "refer", &named).await.status(), Some(202));
    // a repeat of it is absorbed, unless her line is over by then
    let again = stage.alice.refers_naming(&mut stage.first, "refer", &named).await;
    assert!(matches!(again.status(), Some(202 | 481)), "{again:?}");
    stage.alice.says_bye(&mut stage.first).await;
    stage.house.freeze_and_thaw(1).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.bob.phone.answer(his).expect("it rings on");
    stage.joined(his).await;
    stage.bob_closes(his).await;
}
