//! Customers who call a queue: answered at once, music, an agent; and what they and the agents do meanwhile.

use baton_tests::desk::{Desk, person};
use baton_tests::hearing::they_talk;
use baton_tests::house::{House, SUPPORTS_NUMBER, Setup, tones};
use baton_tests::stage::scene;
use serde_json::json;
use softphone::LineState;

use super::{QUIET, until_agent, until_queue};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_hears_music_until_an_agent_answers() {
    let house = House::with(QUIET).await;
    let operator = Desk::operator(&house);
    let customer = house.customer().await;
    let theirs = customer.calls(SUPPORTS_NUMBER);
    customer.comes_to(theirs, LineState::Live).await;
    scene(&[customer.hears_music(theirs)]).await;
    let call = operator.only_call().await;
    let waits = person(&call, "customer");
    assert_eq!((&waits["status"], &waits["held"]), (&json!("queued"), &json!(false)), "{call}");
    assert_eq!(waits["queue"]["position"], 1, "{call}");
    // Bob registers, is ready, and is offered the call
    let bob = house.bob().await;
    let his = bob.is_rung().await;
    until_agent(&operator, "bob", "reserved").await;
    scene(&[customer.hears_music(theirs)]).await;
    bob.phone.answer(his).expect("it rings");
    they_talk((&customer, theirs), (&bob, his)).await;
    house.freeze_and_thaw(2).await;
    they_talk((&customer, theirs), (&bob, his)).await;
    until_agent(&operator, "bob", "on_call").await;
    let queue = until_queue(&operator, |queue| queue["waiting"].as_array().is_some_and(Vec::is_empty)).await;
    assert_eq!(queue["ready"], 0, "{queue}");
    bob.hangs_up(his);
    customer.is_let_go(theirs).await;
    until_agent(&operator, "bob", "ready").await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_is_out_of_the_queue_and_whoever_was_offered_the_call_rings_no_more() {
    let house = House::with(QUIET).await;
    let operator = Desk::operator(&house);
    let (bob, customer) = (house.bob().await, house.customer().await);
    let theirs = customer.calls(SUPPORTS_NUMBER);
    let his = bob.is_rung().await;
    customer.hangs_up(theirs);
    bob.is_let_go(his).await;
    until_queue(&operator, |queue| queue["waiting"].as_array().is_some_and(Vec::is_empty)).await;
    until_agent(&operator, "bob", "ready").await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_are_served_in_the_order_in_which_they_came() {
    let house = House::with(QUIET).await;
    let operator = Desk::operator(&house);
    let (first, second) = (house.customer().await, house.outside("second", tones::STRANGER).await);
    let one = first.calls(SUPPORTS_NUMBER);
    first.comes_to(one, LineState::Live).await;
    let two = second.calls(SUPPORTS_NUMBER);
    second.comes_to(two, LineState::Live).await;
    until_queue(&operator, |queue| queue["waiting"].as_array().is_some_and(|waiting| waiting.len() == 2)).await;
    scene(&[first.hears_music(one), second.hears_music(two)]).await;
    let bob = house.bob().await;
    let his = bob.answers().await;
    they_talk((&first, one), (&bob, his)).await;
    scene(&[second.hears_music(two)]).await;
    house.freeze_and_thaw(3).await;
    first.hangs_up(one);
    bob.is_let_go(his).await;
    let next = bob.answers().await;
    they_talk((&second, two), (&bob, next)).await;
    bob.hangs_up(next);
    second.is_let_go(two).await;
    house.close().await;
}

/// No agent in time: the queue's overflow, here another agent who does not serve it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_waits_too_long_goes_to_the_overflow() {
    let setup = Setup { queue: "position_every_s = 0\nmax_wait_s = 1\noverflow = \"agent:carol\"", ..Setup::USUAL };
    let house = House::with(setup).await;
    let operator = Desk::operator(&house);
    let (carol, customer) = (house.carol().await, house.customer().await);
    let paused = operator.put("/v1/agents/carol/state", json!({"state": "paused"})).await;
    assert!(matches!(paused.status, 200 | 204), "{}", paused.body);
    let theirs = customer.calls(SUPPORTS_NUMBER);
    customer.comes_to(theirs, LineState::Live).await;
    scene(&[customer.hears_music(theirs)]).await;
    let hers = carol.answers().await;
    they_talk((&customer, theirs), (&carol, hers)).await;
    house.freeze_and_thaw(2).await;
    customer.hangs_up(theirs);
    carol.is_let_go(hers).await;
    house.close().await;
}
