//! Hold: who hears music, who hears nobody, where the music goes on, and that nothing said on hold is heard afterwards.

use std::time::{Duration, Instant};

use baton_tests::hearing::{judge, judge_for, never_heard, they_talk};
use baton_tests::house::{ALICES_NUMBER, House, tones};
use baton_tests::people::connect;
use media_mixer::music::{Music, MusicPosition};
use softphone::{Ear, Hold, Mark, Wire};

/// What is said is on its way for up to this long more: speech said on hold is in flight when the holder resumes.
const JITTER: Wire = Wire { delay: Duration::ZERO, jitter: Duration::from_millis(60), loss: 0.0 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_held_hear_music_and_nothing_that_the_holder_says() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    they_talk((&customer, theirs), (&alice, hers)).await;
    for how in [Hold::SendOnly, Hold::Inactive, Hold::AddressZero] {
        let held = Mark::now();
        alice.holds(hers, how).await;
        alice.says(hers, tones::SECRET);
        judge(&[customer.hears_music(theirs), alice.hears_nobody(hers)]).await;
        if how == Hold::Inactive {
            house.freeze_and_thaw(2).await;
            judge(&[customer.hears_music(theirs), alice.hears_nobody(hers)]).await;
        }
        alice.says(hers, tones::ALICE);
        alice.resumes(hers).await;
        they_talk((&customer, theirs), (&alice, hers)).await;
        never_heard(&customer, theirs, held, tones::SECRET);
    }
    alice.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_said_on_hold_is_heard_after_the_resume() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    alice.phone.wire(hers, JITTER);
    they_talk((&customer, theirs), (&alice, hers)).await;
    for round in 0..4 {
        alice.holds(hers, Hold::SendOnly).await;
        let held = Mark::now();
        alice.says(hers, tones::SECRET);
        tokio::time::sleep(Duration::from_millis(300)).await;
        if round == 1 {
            house.freeze_and_thaw(2).await;
        }
        alice.says(hers, tones::ALICE);
        alice.resumes(hers).await;
        judge_for(Duration::from_millis(300), &[alice.hears(hers, &[tones::CUSTOMER])]).await;
        assert!(
            baton_tests::hearing::until_heard(&customer.ear(theirs), tones::ALICE, Duration::from_secs(2)).await,
            "the customer hears Alice again"
        );
        never_heard(&customer, theirs, held, tones::SECRET);
    }
    alice.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_music_goes_on_where_it_was() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    let ear = customer.ear(theirs);
    let began = Instant::now();
    alice.holds(hers, Hold::SendOnly).await;
    let first = place_in_the_music(&ear).await;
    house.freeze_and_thaw(2).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let until = place_in_the_music(&ear).await;
    alice.resumes(hers).await;
    let held_ms = began.elapsed().as_millis() as i64;
    they_talk((&customer, theirs), (&alice, hers)).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let again = Instant::now();
    alice.holds(hers, Hold::SendOnly).await;
    let after = place_in_the_music(&ear).await;
    let held_again_ms = again.elapsed().as_millis() as i64;
    assert!(first < held_ms + 100, "a first hold begins at the beginning, not at {first} ms after {held_ms} ms");
    assert!(until > first, "the music went from {first} ms to {until} ms");
    assert!(
        after > until && after < held_ms + held_again_ms + 100,
        "after {until} ms it went on at {after} ms; held {held_ms} ms, then {held_again_ms} ms"
    );
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_may_hold_and_either_may_resume_first() {
    let house = House::open().await;
    let (alice, bob) = (house.alice().await, house.bob().await);
    let (hers, his) = connect(&alice, "102", &bob).await;
    they_talk((&alice, hers), (&bob, his)).await;
    alice.holds(hers, Hold::SendOnly).await;
    bob.holds(his, Hold::SendOnly).await;
    judge(&[alice.hears_nobody(hers), bob.hears_nobody(his)]).await;
    house.freeze_and_thaw(2).await;
    alice.resumes(hers).await;
    judge(&[alice.hears_music(hers), bob.hears_nobody(his)]).await;
    bob.resumes(his).await;
    they_talk((&alice, hers), (&bob, his)).await;
    bob.hangs_up(his);
    alice.is_let_go(hers).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_on_top_of_a_hold_ends_with_one_resume() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    alice.holds(hers, Hold::SendOnly).await;
    alice.holds(hers, Hold::Inactive).await;
    judge(&[customer.hears_music(theirs), alice.hears_nobody(hers)]).await;
    house.freeze_and_thaw(2).await;
    alice.resumes(hers).await;
    they_talk((&customer, theirs), (&alice, hers)).await;
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_who_holds_leaves_alice_with_music() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    customer.holds(theirs, Hold::Inactive).await;
    customer.says(theirs, tones::SECRET);
    judge(&[alice.hears_music(hers), customer.hears_nobody(theirs)]).await;
    house.freeze_and_thaw(2).await;
    customer.says(theirs, tones::CUSTOMER);
    customer.resumes(theirs).await;
    they_talk((&customer, theirs), (&alice, hers)).await;
    alice.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_hears_and_is_not_heard() {
    let house = House::open().await;
    let (alice, bob) = (house.alice().await, house.bob().await);
    let (hers, his) = connect(&alice, "102", &bob).await;
    they_talk((&alice, hers), (&bob, his)).await;
    let listening = Mark::now();
    alice.phone.listen_only(hers).expect("a line");
    alice.comes_to(hers, softphone::LineState::Live).await;
    alice.says(hers, tones::SECRET);
    judge(&[alice.hears(hers, &[tones::BOB]), bob.hears(his, &[])]).await;
    house.freeze_and_thaw(2).await;
    judge(&[alice.hears(hers, &[tones::BOB]), bob.hears(his, &[])]).await;
    alice.says(hers, tones::ALICE);
    alice.resumes(hers).await;
    they_talk((&alice, hers), (&bob, his)).await;
    never_heard(&bob, his, listening, tones::SECRET);
    alice.hangs_up(hers);
    bob.is_let_go(his).await;
    house.close().await;
}

/// Where in the house's music the sound is that an ear hears now, in milliseconds from its beginning.
async fn place_in_the_music(ear: &Ear) -> i64 {
    tokio::time::sleep(Duration::from_millis(600)).await;
    let heard = ear.last(Duration::from_millis(300));
    let samples = &heard.samples[heard.samples.len().saturating_sub(1_600)..];
    assert_eq!(samples.len(), 1_600, "200 ms of music");
    let mut round = vec![0; 12 * 8_000];
    Music::builtin().read(MusicPosition(0), &mut round);
    let best = (0..round.len() - samples.len())
        .map(|at| (at, likeness(samples, &round[at..at + samples.len()])))
        .max_by(|one, other| one.1.total_cmp(&other.1));
    let (at, likeness) = best.expect("there is music");
    assert!(likeness > 0.95, "what is heard is no stretch of the house's music: {likeness:.2} at best");
    (at as i64) / 8
}

/// The normalised correlation of two stretches, 1 for the same sound.
fn likeness(one: &[i16], other: &[i16]) -> f64 {
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    // every fifth sample is enough to tell stretches apart, and five times as fast
    for (one, other) in one.iter().zip(other).step_by(5) {
        let (one, other) = (f64::from(*one), f64::from(*other));
        both += one * other;
        first += one * one;
        second += other * other;
    }
    both / (first * second).sqrt().max(1.0)
}
