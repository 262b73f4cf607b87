//! Fifty consults to a queue with three agents: the order in which they ring is the order in which they became idle.

use std::collections::VecDeque;

use baton_tests::desk::Desk;
use baton_tests::house::{ALICES_NUMBER, House, Setup};
use baton_tests::people::{Person, connect};
use serde_json::json;

use super::{QUIET, until_agent};

/// Five transfers may be started in one call within a minute: each call sees four.
const CONSULTS_A_CALL: usize = 4;
const CONSULTS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_consults_ring_whoever_was_idle_longest() {
    let house = House::with(Setup { agents: &["alice", "bob", "carol", "dave"], rtp_ports: 600, ..QUIET }).await;
    let operator = Desk::operator(&house);
    let (alice, customer) = (house.alice().await, house.customer().await);
    let mut people: Vec<Person> = Vec::new();
    for name in ["bob", "carol", "dave"] {
        people.push(house.agent(name, 2_450.0).await);
        until_agent(&operator, name, "ready").await;
    }
    // registered in this order
    let mut idle: VecDeque<usize> = VecDeque::from([0, 1, 2]);
    let desk = Desk::of(&house, "alice").await;
    let mut consults = 0;
    while consults < CONSULTS {
        let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
        let call = desk.only_call().await["id"].as_str().expect("an id").to_owned();
        for _ in 0..CONSULTS_A_CALL.min(CONSULTS - consults) {
            desk.post(&format!("/v1/calls/{call}/transfer"), json!({"target": {"queue": "support"}})).await.done(201);
            let next = idle.pop_front().expect("three agents");
            let line = people[next].answers().await;
            for other in &idle {
                assert!(!people[*other].is_busy(), "consult {consults}: {} rings too", people[*other].name);
            }
            // before that, whoever answered has not had a call
            desk.until_call(&call, |call| call["transfer"]["phase"] == "private").await;
            let cancelled = desk.post(&format!("/v1/calls/{call}/transfer/cancel"), json!({})).await;
            assert!(matches!(cancelled.status, 200 | 204), "{}", cancelled.body);
            people[next].is_let_go(line).await;
            until_agent(&operator, people[next].name, "ready").await;
            idle.push_back(next);
            consults += 1;
        }
        customer.hangs_up(theirs);
        alice.is_let_go(hers).await;
    }
    house.close().await;
}
