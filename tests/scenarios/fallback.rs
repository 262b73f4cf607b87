//! Row 22: Alice's phone dies while the customer is on simple hold; the customer goes to `transfer.fallback`, never to
//! endless music. A phone that dies while it talks is found dead as well.

use std::time::{Duration, Instant};

use baton_tests::hearing::{judge, they_talk, until};
use baton_tests::house::{House, Setup, tones};
use baton_tests::people::Person;
use softphone::{LineId, LineState, Mark};

/// An away leg is asked every 5 s and taken for dead after three questions without an answer within 5 s.
const FOUND_DEAD: Duration = Duration::from_secs(30);

/// The customer talks with a raw phone of Alice's, is put on hold by it, and then the phone is gone.
async fn alices_phone_dies_on_hold(house: &House, customer: &Person) -> LineId {
    let (theirs, mut alice) = house.talks_with_raw_alice(customer).await;
    assert_eq!(alice.reinvites("a=sendonly\r\n").await.status(), Some(200));
    judge(&[customer.hears_music(theirs)]).await;
    house.freeze_and_thaw(2).await;
    judge(&[customer.hears_music(theirs)]).await;
    theirs
}

async fn is_rung_within(person: &Person, limit: Duration) -> LineId {
    let rings = |lines: &[softphone::LineView]| lines.iter().any(|line| line.state == LineState::RingingHere);
    person.phone.until("the fallback rings", limit, rings).await.unwrap_or_else(|error| panic!("{error}"));
    person.is_rung().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_customer_of_a_dead_phone_goes_to_the_fallback_agent() {
    let house = House::with(Setup { fallback: "agent:bob", ..Setup::default() }).await;
    let (bob, customer) = (house.bob().await, house.customer().await);
    let theirs = alices_phone_dies_on_hold(&house, &customer).await;
    let his = is_rung_within(&bob, FOUND_DEAD).await;
    bob.phone.answer(his).expect("it rings");
    they_talk((&customer, theirs), (&bob, his)).await;
    bob.hangs_up(his);
    customer.is_let_go(theirs).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_customer_of_a_dead_phone_goes_to_the_fallback_number() {
    let house = House::with(Setup { fallback: "number:+4930999888", ..Setup::default() }).await;
    let (outside, customer) = (house.at_the_carrier().await, house.customer().await);
    let theirs = alices_phone_dies_on_hold(&house, &customer).await;
    let others = is_rung_within(&outside, FOUND_DEAD).await;
    outside.phone.answer(others).expect("it rings");
    they_talk((&customer, theirs), (&outside, others)).await;
    customer.hangs_up(theirs);
    outside.is_let_go(others).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_customer_of_a_dead_phone_hears_that_the_call_cannot_go_on() {
    let house = House::open().await;
    let customer = house.customer().await;
    let theirs = alices_phone_dies_on_hold(&house, &customer).await;
    let ear = customer.ear(theirs);
    let before = Mark::now();
    // before the announcement: 950, 1400 and 1800 Hz, a quarter of a second each
    let announced = until(FOUND_DEAD, || {
        let heard = ear.last(Duration::from_millis(300));
        [950.0, 1_400.0, 1_800.0].iter().any(|hertz| heard.hears(*hertz) && heard.level(*hertz) > -24.0)
    });
    assert!(announced.await, "the announcement is heard");
    let began = Instant::now();
    let over = customer.phone.until_over(theirs, Duration::from_secs(10)).await;
    assert!(matches!(over, Ok(LineState::Ended(_))), "{over:?}");
    assert!(began.elapsed() > Duration::from_secs(2), "the announcement is heard out");
    let heard = ear.since(before);
    assert!(heard.present_ms(1_400.0) >= 200, "1400 Hz for {} ms", heard.present_ms(1_400.0));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_dies_while_it_talks_is_found_dead() {
    let house = House::with(Setup { fallback: "agent:bob", media_timeout_s: 5, ..Setup::default() }).await;
    let (bob, customer) = (house.bob().await, house.customer().await);
    let (theirs, alice) = house.talks_with_raw_alice(&customer).await;
    house.freeze_and_thaw(2).await;
    judge(&[customer.hears(theirs, &[tones::ALICE])]).await;
    drop(alice);
    let his = is_rung_within(&bob, FOUND_DEAD).await;
    bob.phone.answer(his).expect("it rings");
    they_talk((&customer, theirs), (&bob, his)).await;
    bob.hangs_up(his);
    customer.is_let_go(theirs).await;
    house.close().await;
}
