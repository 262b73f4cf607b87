//! Row 25: Alice has two customers on two lines. Whatever becomes of her, they never hear each other.

use std::time::Duration;

use baton_tests::field::FieldLine;
use baton_tests::hearing::{never_heard, until_heard};
use baton_tests::house::{ALICES_NUMBER, Setup, tones};
use baton_tests::people::Person;
use baton_tests::stage::{Stage, scene};
use softphone::{LineId, LineState, Mark};

/// The second customer's voice.
const OTHER: f64 = tones::STRANGER;

/// The first customer is held, Alice talks to a second one.
async fn two_customers(setup: Setup) -> (Stage, FieldLine, Person, LineId, Mark) {
    let mut stage = Stage::with("plain", setup).await;
    stage.alice.holds(&mut stage.first).await;
    let other = stage.house.outside("other", OTHER).await;
    let since = Mark::now();
    let others = other.calls(ALICES_NUMBER);
    let invite = stage.alice.is_rung().await;
    let second = stage.alice.answers(&invite, tones::SECRET).await;
    other.comes_to(others, LineState::Live).await;
    scene(&[
        second.hears(&[OTHER]),
        other.hears(others, &[tones::SECRET]),
        stage.customer_hears_music(),
        stage.first.hears_nobody(),
    ])
    .await;
    stage.house.freeze_and_thaw(4).await;
    (stage, second, other, others, since)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_hangs_up_both_and_the_held_one_goes_to_the_fallback() {
    let setup = Setup { fallback: "agent:bob", ..Setup::USUAL };
    let (mut stage, mut second, other, others, since) = two_customers(setup).await;
    stage.alice.says_bye(&mut second).await;
    stage.alice.says_bye(&mut stage.first).await;
    assert!(matches!(other.is_let_go(others).await, LineState::Ended(_)), "the one she talked with is released");
    let his = stage.bob.answers().await;
    scene(&[stage.customer_hears(&[tones::BOB]), stage.bob.hears(his, &[tones::CUSTOMER])]).await;
    never_heard(&stage.customer, stage.theirs, since, OTHER);
    never_heard(&stage.customer, stage.theirs, since, tones::SECRET);
    never_heard(&other, others, since, tones::CUSTOMER);
    stage.bob_closes(his).await;
}

/// No BYE: both go to the fallback, to one agent each; nobody hears the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alices_phone_dies_and_both_go_to_the_fallback() {
    let setup = Setup { fallback: "agent:bob", media_timeout_s: 5, ..Setup::USUAL };
    let (stage, second, other, others, since) = two_customers(setup).await;
    let Stage { house, alice, first, bob, customer, theirs, .. } = stage;
    drop((alice, first, second));
    let found = Duration::from_secs(30);
    let rings =
        |lines: &[softphone::LineView]| lines.iter().filter(|line| line.state == LineState::RingingHere).count() == 2;
    bob.phone.until("both ring at the fallback", found, rings).await.unwrap_or_else(|error| panic!("{error}"));
    let one = bob.answers().await;
    let answered = |ear: softphone::Ear| async move { until_heard(&ear, tones::BOB, Duration::from_secs(1)).await };
    let first_is_ours = answered(customer.ear(theirs)).await;
    let (taken, waits) =
        if first_is_ours { ((&customer, theirs), (&other, others)) } else { ((&other, others), (&customer, theirs)) };
    scene(&[taken.0.hears(taken.1, &[tones::BOB]), bob.hears(one, &[taken.0.hertz])]).await;
    never_heard(&customer, theirs, since, OTHER);
    never_heard(&other, others, since, tones::CUSTOMER);
    bob.hangs_up(one);
    taken.0.is_let_go(taken.1).await;
    waits.0.hangs_up(waits.1);
    house.close().await;
}
