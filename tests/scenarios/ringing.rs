//! Ringing: several phones of one agent, who answers first, who rejects, nobody there, nobody in time.

use std::time::Duration;

use baton_tests::hearing::{judge, they_talk};
use baton_tests::house::{ALICES_NUMBER, House, Setup, tones};
use baton_tests::raw::{RawAgent, response};
use softphone::LineState;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_phones_of_bob_ring_and_the_first_answer_wins() {
    let house = House::open().await;
    let (desk, mobile) = (house.bob().await, house.agent("bob", tones::BOB_TOO).await);
    let customer = house.customer().await;
    let theirs = customer.calls("102");
    let (at_the_desk, on_the_mobile) = (desk.is_rung().await, mobile.is_rung().await);
    desk.phone.answer(at_the_desk).expect("it rings");
    mobile.is_let_go(on_the_mobile).await;
    customer.comes_to(theirs, LineState::Live).await;
    they_talk((&customer, theirs), (&desk, at_the_desk)).await;
    house.freeze_and_thaw(2).await;
    they_talk((&customer, theirs), (&desk, at_the_desk)).await;
    assert!(!mobile.is_busy());
    desk.hangs_up(at_the_desk);
    customer.is_let_go(theirs).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_second_answer_is_acknowledged_ended_and_hears_nothing() {
    let house = House::open().await;
    let (bob, customer) = (house.bob().await, house.customer().await);
    let mut late = RawAgent::register("bob", house.udp).await;
    let theirs = customer.calls("102");
    let his = bob.is_rung().await;
    let ringing = late.is_rung().await;
    bob.phone.answer(his).expect("it rings");
    let cancel = late.peer.next_request("CANCEL").await;
    // its own 200 crosses the CANCEL
    late.peer.send(late.answer(&ringing)).await;
    late.peer.send(response(&cancel, 200, &ringing.tag, "", "")).await;
    let ack = late.peer.next_request("ACK").await;
    assert_eq!(ack.need("CSeq").split(' ').next(), ringing.invite.need("CSeq").split(' ').next());
    let bye = late.peer.next_request("BYE").await;
    late.peer.send(response(&bye, 200, "", "", "")).await;
    customer.comes_to(theirs, LineState::Live).await;
    house.freeze_and_thaw(2).await;
    they_talk((&customer, theirs), (&bob, his)).await;
    assert!(late.audio.heard().is_empty(), "the late phone was sent {} packets", late.audio.heard().len());
    customer.hangs_up(theirs);
    bob.is_let_go(his).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_phone_may_reject_and_the_other_rings_on() {
    let house = House::open().await;
    let (desk, mobile) = (house.bob().await, house.agent("bob", tones::BOB_TOO).await);
    let customer = house.customer().await;
    let theirs = customer.calls("102");
    let (at_the_desk, on_the_mobile) = (desk.is_rung().await, mobile.is_rung().await);
    desk.phone.reject(at_the_desk, 486);
    house.freeze_and_thaw(0).await;
    judge(&[customer.hears_nobody(theirs)]).await;
    mobile.phone.answer(on_the_mobile).expect("it still rings");
    customer.comes_to(theirs, LineState::Live).await;
    they_talk((&customer, theirs), (&mobile, on_the_mobile)).await;
    customer.hangs_up(theirs);
    mobile.is_let_go(on_the_mobile).await;
    house.close().await;
}

/// RFC 3261 §16.7 step 6: a 6xx counts for all, else the lowest class.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_phones_reject_the_caller_is_told_the_best_code() {
    let house = House::open().await;
    let (desk, mobile) = (house.bob().await, house.agent("bob", tones::BOB_TOO).await);
    let customer = house.customer().await;
    for (one, other, told) in [(486, 603, 603), (500, 486, 486)] {
        let theirs = customer.calls("102");
        let (at_the_desk, on_the_mobile) = (desk.is_rung().await, mobile.is_rung().await);
        desk.phone.reject(at_the_desk, one);
        mobile.phone.reject(on_the_mobile, other);
        assert_eq!(customer.is_let_go(theirs).await, LineState::Failed(told), "{one} and {other}");
        house.is_empty().await;
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_without_a_phone_cannot_be_had() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    for caller in [&alice, &customer] {
        let line = caller.calls("102");
        assert_eq!(caller.is_let_go(line).await, LineState::Failed(480), "{}", caller.name);
    }
    let line = alice.calls("nobody");
    assert_eq!(alice.is_let_go(line).await, LineState::Failed(404));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_told_when_nobody_answers_in_time() {
    let house = House::with(Setup { ring_timeout_s: 1, ..Setup::default() }).await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let theirs = customer.calls(ALICES_NUMBER);
    let hers = alice.is_rung().await;
    let told = customer.is_let_go(theirs).await;
    assert!(matches!(told, LineState::Failed(408 | 480)), "{told:?}");
    alice.is_let_go(hers).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_gives_up_stops_every_phone_ringing() {
    let house = House::open().await;
    let (desk, mobile) = (house.bob().await, house.agent("bob", tones::BOB_TOO).await);
    let customer = house.customer().await;
    let theirs = customer.calls("102");
    let (at_the_desk, on_the_mobile) = (desk.is_rung().await, mobile.is_rung().await);
    house.freeze_and_thaw(0).await;
    customer.hangs_up(theirs);
    desk.is_let_go(at_the_desk).await;
    mobile.is_let_go(on_the_mobile).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_unregistered_does_not_ring() {
    let house = House::open().await;
    let (bob, customer) = (house.bob().await, house.customer().await);
    bob.phone.unregister();
    let end = std::time::Instant::now() + Duration::from_secs(5);
    loop {
        let theirs = customer.calls("102");
        if customer.is_let_go(theirs).await == LineState::Failed(480) {
            break;
        }
        assert!(std::time::Instant::now() < end, "Bob's phone is still registered");
    }
    assert!(!bob.is_busy());
    house.close().await;
}
