//! Reservations: turned down on the phone or by command, not answered in time, a phone that was killed, an agent who logs out or
//! pauses; the next agent is rung.

use std::time::Duration;

use baton_tests::desk::Desk;
use baton_tests::hearing::{they_talk, until};
use baton_tests::house::{House, SUPPORTS_NUMBER, Setup, tones};
use baton_tests::people::Person;
use baton_tests::raw::{Message, RawAgent, Ringing, response};
use serde_json::json;
use softphone::{LineId, LineState};

use super::{QUIET, until_agent};

/// Bob, idle longer than Carol, is offered the customer's call first.
async fn bob_is_offered(setup: Setup) -> (House, Person, LineId, Person, Person, LineId) {
    let house = House::with(setup).await;
    let operator = Desk::operator(&house);
    let bob = house.bob().await;
    until_agent(&operator, "bob", "ready").await;
    let carol = house.carol().await;
    until_agent(&operator, "carol", "ready").await;
    let customer = house.customer().await;
    let theirs = customer.calls(SUPPORTS_NUMBER);
    customer.comes_to(theirs, LineState::Live).await;
    let his = bob.is_rung().await;
    assert!(!carol.is_busy(), "one after the other");
    (house, bob, his, carol, customer, theirs)
}

async fn carol_takes_it(house: House, carol: &Person, customer: &Person, theirs: LineId) {
    let hers = carol.answers().await;
    they_talk((customer, theirs), (carol, hers)).await;
    house.freeze_and_thaw(2).await;
    carol.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turned_down_on_the_phone_the_next_agent_rings() {
    let (house, bob, his, carol, customer, theirs) = bob_is_offered(QUIET).await;
    bob.phone.reject(his, 486);
    carol_takes_it(house, &carol, &customer, theirs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_by_command_the_next_agent_rings() {
    let (house, bob, his, carol, customer, theirs) = bob_is_offered(QUIET).await;
    let bobs = Desk::of(&house, "bob").await;
    let offered = bobs.get("/v1/agents/bob").await.done(200);
    let id = offered["reservation"]["id"].as_str().expect("a reservation").to_owned();
    let carols = Desk::of(&house, "carol").await;
    let strangers = carols.post(&format!("/v1/reservations/{id}/reject"), json!({})).await;
    assert!(matches!(strangers.status, 403 | 404), "{}", strangers.body);
    let rejected = bobs.post(&format!("/v1/reservations/{id}/reject"), json!({})).await;
    assert!(matches!(rejected.status, 200 | 204), "{}", rejected.body);
    bob.is_let_go(his).await;
    let again = bobs.post(&format!("/v1/reservations/{id}/reject"), json!({})).await;
    assert_eq!(again.refusal(), (404, "reservation_not_found"));
    carol_takes_it(house, &carol, &customer, theirs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_answered_in_time_the_next_agent_rings() {
    let setup = Setup { queue: "position_every_s = 0\nring_timeout_s = 1", ..Setup::USUAL };
    let (house, bob, his, carol, customer, theirs) = bob_is_offered(setup).await;
    bob.is_let_go(his).await;
    carol_takes_it(house, &carol, &customer, theirs).await;
}

/// Accepted by command: his phone rings on, longer than the queue would let it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_by_command_the_phone_rings_on() {
    let setup = Setup { queue: "position_every_s = 0\nring_timeout_s = 1", ..Setup::USUAL };
    let (house, bob, his, carol, customer, theirs) = bob_is_offered(setup).await;
    let bobs = Desk::of(&house, "bob").await;
    let mut events = bobs.listens(None).await;
    let offered = bobs.get("/v1/agents/bob").await.done(200);
    let id = offered["reservation"]["id"].as_str().expect("a reservation").to_owned();
    let accepted = bobs.post(&format!("/v1/reservations/{id}/accept"), json!({})).await;
    assert!(matches!(accepted.status, 200 | 204), "{}", accepted.body);
    events.until("reservation_accepted", |event| event["reservation"] == json!(id)).await;
    assert!(!until(Duration::from_millis(1_500), || carol.is_busy()).await, "nobody else is offered it");
    bob.phone.answer(his).expect("it rings on");
    they_talk((&customer, theirs), (&bob, his)).await;
    house.freeze_and_thaw(2).await;
    bob.hangs_up(his);
    customer.is_let_go(theirs).await;
    house.close().await;
}

/// Whoever logs out while the call is offered to them loses it at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logged_out_while_it_rings_the_next_agent_rings() {
    let (house, bob, _, carol, customer, theirs) = bob_is_offered(QUIET).await;
    bob.phone.unregister();
    carol_takes_it(house, &carol, &customer, theirs).await;
}

/// A paused agent is passed over, and takes calls again when ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_agent_is_offered_nothing() {
    let house = House::with(QUIET).await;
    let operator = Desk::operator(&house);
    let bob = house.bob().await;
    let bobs = Desk::of(&house, "bob").await;
    let state = bobs.put("/v1/agents/bob/state", json!({"state": "paused"})).await;
    assert!(matches!(state.status, 200 | 204), "{}", state.body);
    until_agent(&operator, "bob", "paused").await;
    let carol = house.carol().await;
    let customer = house.customer().await;
    let theirs = customer.calls(SUPPORTS_NUMBER);
    let hers = carol.answers().await;
    they_talk((&customer, theirs), (&carol, hers)).await;
    assert!(!bob.is_busy());
    let second = house.outside("second", tones::STRANGER).await;
    let two = second.calls(SUPPORTS_NUMBER);
    second.comes_to(two, LineState::Live).await;
    let state = bobs.put("/v1/agents/bob/state", json!({"state": "ready"})).await;
    assert!(matches!(state.status, 200 | 204), "{}", state.body);
    let his = bob.answers().await;
    they_talk((&second, two), (&bob, his)).await;
    house.freeze_and_thaw(4).await;
    bob.hangs_up(his);
    second.is_let_go(two).await;
    carol.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

/// All at once: the first answer wins, the others stop ringing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ring_all_rings_everybody_and_the_first_answer_wins() {
    let setup = Setup { queue: "position_every_s = 0\nstrategy = \"ring-all\"", ..Setup::USUAL };
    let house = House::with(setup).await;
    let (bob, carol, customer) = (house.bob().await, house.carol().await, house.customer().await);
    let operator = Desk::operator(&house);
    until_agent(&operator, "bob", "ready").await;
    until_agent(&operator, "carol", "ready").await;
    let theirs = customer.calls(SUPPORTS_NUMBER);
    let (his, hers) = (bob.is_rung().await, carol.is_rung().await);
    carol.phone.answer(hers).expect("it rings");
    bob.is_let_go(his).await;
    they_talk((&customer, theirs), (&carol, hers)).await;
    house.freeze_and_thaw(2).await;
    until_agent(&operator, "bob", "ready").await;
    carol.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

/// RFC 3326 §3.1: whose offer somebody else took is told so, and their phone shows no missed call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_lost_the_race_is_told_that_the_call_was_answered_elsewhere() {
    let setup = Setup { queue: "position_every_s = 0\nstrategy = \"ring-all\"", ..Setup::USUAL };
    let house = House::with(setup).await;
    let operator = Desk::operator(&house);
    let mut bob = RawAgent::register("bob", house.udp).await;
    let (carol, customer) = (house.carol().await, house.customer().await);
    until_agent(&operator, "bob", "ready").await;
    until_agent(&operator, "carol", "ready").await;
    let theirs = customer.calls(SUPPORTS_NUMBER);
    let (lost, hers) = tokio::join!(bob.is_rung(), carol.is_rung());
    carol.phone.answer(hers).expect("it rings");
    let cancel = is_called_off(&mut bob, &lost).await;
    assert_eq!(cancel.header("Reason"), Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    they_talk((&customer, theirs), (&carol, hers)).await;
    carol.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

/// Nobody else took it: the phone may show that it was missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_whose_offer_ran_out_is_not_told_that_somebody_else_answered() {
    let setup = Setup { queue: "position_every_s = 0\nstrategy = \"ring-all\"\nring_timeout_s = 1", ..Setup::USUAL };
    let house = House::with(setup).await;
    let operator = Desk::operator(&house);
    let mut bob = RawAgent::register("bob", house.udp).await;
    until_agent(&operator, "bob", "ready").await;
    let customer = house.customer().await;
    let theirs = customer.calls(SUPPORTS_NUMBER);
    let missed = bob.is_rung().await;
    let cancel = is_called_off(&mut bob, &missed).await;
    assert_eq!(cancel.header("Reason"), None);
    customer.hangs_up(theirs);
    house.close().await;
}

/// The CANCEL of a phone that rings; answered as a phone does.
async fn is_called_off(phone: &mut RawAgent, ringing: &Ringing) -> Message {
    let cancel = phone.peer.next_request("CANCEL").await;
    phone.peer.send(response(&cancel, 200, &ringing.tag, "", "")).await;
    phone.peer.send(response(&ringing.invite, 487, &ringing.tag, "", "")).await;
    phone.peer.next_request("ACK").await;
    cancel
}

/// A phone whose process was killed: its port answers by ICMP, and the next agent is rung long before the offer would have ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_phone_is_passed_over() {
    let house = House::with(QUIET).await;
    let operator = Desk::operator(&house);
    // a registration without a phone: the socket is closed at once
    drop(RawAgent::register("bob", house.udp).await);
    until_agent(&operator, "bob", "ready").await;
    let carol = house.carol().await;
    until_agent(&operator, "carol", "ready").await;
    let customer = house.customer().await;
    let theirs = customer.calls(SUPPORTS_NUMBER);
    // people::SOON is 5 s, the offer would last 15 s
    carol_takes_it(house, &carol, &customer, theirs).await;
}
