//! Every refusal of the table, with its status and its code; and that it changed nothing.

use reqwest::Method;
use serde_json::json;

use crate::client::{Client, customer_of, id_of};
use crate::house::{TestHouse, name};
use conference::{Destination, Direction, LegId, Report};

struct Scene {
    house: TestHouse,
    alice: Client,
    operator: Client,
    id: String,
    path: String,
}

/// A customer talks with alice.
async fn scene() -> Scene {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let (alice, operator) = (Client::agent(&house, "alice").await, Client::operator(&house));
    let path = format!("/v1/calls/{id}/transfer");
    Scene { house, alice, operator, id, path }
}

#[tokio::test]
async fn a_call_that_is_none_is_not_found() {
    let Scene { house: _house, alice, operator, .. } = scene().await;
    for path in ["/v1/calls/c-beef", "/v1/calls/nonsense"] {
        alice.get(path).await.refuses(404, "call_not_found");
        operator.delete(path).await.refuses(404, "call_not_found");
        let said = json!({ "by": "alice", "target": { "agent": "bob" } });
        operator.post(&format!("{path}/transfer"), said).await.refuses(404, "call_not_found");
        operator.ask(Method::POST, &format!("{path}/transfer/merge")).await.refuses(404, "call_not_found");
        alice.get(&format!("{path}/audibility")).await.refuses(404, "call_not_found");
    }
}

#[tokio::test]
async fn a_call_that_still_rings_is_not_live() {
    let house = TestHouse::open().await;
    let id = house
        .inside(|inside| {
            inside.agent_dials("alice", Destination::Agent(name("bob")));
            inside.board.calls_of(&name("alice"))[0].to_string()
        })
        .await;
    let alice = Client::agent(&house, "alice").await;
    let said = json!({ "target": { "agent": "carol" } });
    alice.post(&format!("/v1/calls/{id}/transfer"), said).await.refuses(409, "call_not_live");
}

#[tokio::test]
async fn a_second_transfer_is_refused_and_the_first_goes_on() {
    let Scene { house: _house, alice, path, .. } = scene().await;
    alice.post(&path, json!({ "target": { "agent": "bob" } })).await.is(201);
    alice.post(&path, json!({ "target": { "agent": "carol" } })).await.refuses(409, "transfer_in_progress");
    let call = alice.get(path.trim_end_matches("/transfer")).await.is(200);
    assert_eq!(call["transfer"]["target"], json!({ "agent": "bob" }));
}

#[tokio::test]
async fn whoever_is_on_hold_transfers_nobody() {
    let Scene { house, alice, operator, id, path } = scene().await;
    alice.post(&path, json!({ "target": { "agent": "bob" } })).await.is(201);
    house.inside(|inside| inside.answer("bob")).await;
    let call = alice.ask(Method::POST, &format!("{path}/merge")).await.is(200);
    let bob = format!("/v1/calls/{id}/participants/{}", id_of(&call, "bob"));
    alice.patch(&bob, json!({ "hold": true })).await.is(200);
    let said = json!({ "by": "bob", "target": { "agent": "carol" } });
    operator.post(&path, said).await.refuses(409, "initiator_on_hold");
}

#[tokio::test]
async fn only_the_initiator_takes_the_steps() {
    let Scene { house, alice, operator, path, .. } = scene().await;
    alice.post(&path, json!({ "target": { "agent": "bob" } })).await.is(201);
    house.inside(|inside| inside.answer("bob")).await;
    let bob = Client::agent(&house, "bob").await;
    for step in ["cancel", "swap", "merge", "complete"] {
        bob.ask(Method::POST, &format!("{path}/{step}")).await.refuses(403, "not_allowed");
    }
    // Carol is not in this call; the operator knows the call, carol does not.
    let said = json!({ "by": "carol" });
    operator.post(&format!("{path}/merge"), said.clone()).await.refuses(403, "not_allowed");
    let carol = Client::agent(&house, "carol").await;
    carol.post(&format!("{path}/merge"), said).await.refuses(404, "call_not_found");
}

#[tokio::test]
async fn a_step_needs_a_transfer() {
    let Scene { house, alice, path, .. } = scene().await;
    for step in ["cancel", "swap", "merge", "complete"] {
        alice.ask(Method::POST, &format!("{path}/{step}")).await.refuses(409, "no_transfer");
    }
    alice.post(&path, json!({ "target": { "agent": "bob" } })).await.is(201);
    house.inside(|inside| inside.answer("bob")).await;
    alice.ask(Method::POST, &format!("{path}/merge")).await.is(200);
    for step in ["cancel", "swap"] {
        alice.ask(Method::POST, &format!("{path}/{step}")).await.refuses(409, "no_transfer");
    }
}

#[tokio::test]
async fn a_target_that_rings_is_neither_merged_nor_held() {
    let Scene { house: _house, alice, id, path, .. } = scene().await;
    let call = alice.post(&path, json!({ "target": { "agent": "bob" } })).await.is(201);
    alice.ask(Method::POST, &format!("{path}/merge")).await.refuses(409, "target_not_live");
    let bob = format!("/v1/calls/{id}/participants/{}", id_of(&call, "bob"));
    alice.patch(&bob, json!({ "hold": true })).await.refuses(409, "target_not_live");
    alice.patch(&bob, json!({ "hold": false })).await.refuses(409, "target_not_live");
}

#[tokio::test]
async fn an_initiator_whose_phone_is_away_neither_swaps_nor_merges() {
    let Scene { house, alice, path, .. } = scene().await;
    alice.post(&path, json!({ "target": { "agent": "bob" } })).await.is(201);
    house
        .inside(|inside| {
            inside.answer("bob");
            let leg = inside
                .board
                .calls()
                .next()
                .unwrap()
                .participants
                .iter()
                .find(|person| person.agent == Some(name("alice")))
                .unwrap()
                .legs[0]
                .leg;
            inside.report(Report::Offered { leg, direction: Direction::Away });
        })
        .await;
    for step in ["swap", "merge"] {
        alice.ask(Method::POST, &format!("{path}/{step}")).await.refuses(409, "initiator_away");
    }
}

#[tokio::test]
async fn a_phone_that_mixes_both_its_lines_is_left_to_it() {
    let Scene { house, alice, path, .. } = scene().await;
    house
        .inside(|inside| {
            let first = first_leg(inside, "alice");
            inside.report(Report::Offered { leg: first, direction: Direction::Away });
            inside.agent_dials("alice", Destination::Agent(name("bob")));
            inside.answer("bob");
            inside.report(Report::Offered { leg: first, direction: Direction::Both });
        })
        .await;
    for step in ["swap", "merge"] {
        alice.ask(Method::POST, &format!("{path}/{step}")).await.refuses(409, "bridged_by_phone");
    }
}

fn first_leg(inside: &crate::house::Inside, agent: &str) -> LegId {
    let call = inside.board.calls().next().unwrap();
    call.participants.iter().find(|person| person.agent == Some(name(agent))).unwrap().legs[0].leg
}

#[tokio::test]
async fn a_target_that_nobody_is_is_unknown() {
    let Scene { house: _house, alice, path, .. } = scene().await;
    let long = "x".repeat(5_000);
    let targets = [
        json!({ "agent": "zoe" }),
        json!({ "agent": "alice" }),
        json!({ "queue": "nothing" }),
        json!({ "uri": "999" }),
        json!({ "uri": "" }),
        json!({ "uri": "sip:bob@elsewhere.example" }),
        json!({ "agent": long }),
        json!({ "uri": "bob\u{0}" }),
    ];
    for target in targets {
        alice.post(&path, json!({ "target": target })).await.refuses(422, "target_unknown");
    }
}

#[tokio::test]
async fn a_target_that_cannot_be_had_at_once_is_a_conflict() {
    let Scene { house, alice, operator, path, .. } = scene().await;
    // Dan has no phone.
    alice.post(&path, json!({ "target": { "agent": "dan" } })).await.refuses(409, "target_unavailable");
    // Bob has as many calls as others may put on him.
    house
        .inside(|inside| {
            for number in ["+491", "+492"] {
                inside.customer(number, Destination::Agent(name("bob")));
                inside.answer("bob");
            }
        })
        .await;
    alice.post(&path, json!({ "target": { "agent": "bob" } })).await.refuses(409, "target_busy");
    operator.post("/v1/calls", json!({ "from": "carol", "to": "bob" })).await.refuses(409, "target_busy");
    house.inside(|inside| inside.report(Report::Hours { queue: "support".to_owned(), open: false })).await;
    alice.post(&path, json!({ "target": { "queue": "support" } })).await.refuses(409, "target_unavailable");
    let call = alice.get(path.trim_end_matches("/transfer")).await.is(200);
    assert_eq!(call["transfer"], serde_json::Value::Null);
    assert_eq!(customer_of(&call)["status"], "live");
}

#[tokio::test]
async fn a_participant_or_reservation_that_is_none_is_not_found() {
    let Scene { house: _house, alice, operator, id, .. } = scene().await;
    for client in [&alice, &operator] {
        for pid in ["p99", "p0x", "nobody"] {
            let path = format!("/v1/calls/{id}/participants/{pid}");
            client.patch(&path, json!({ "hold": true })).await.refuses(404, "participant_not_found");
            client.patch(&path, json!({ "muted": true, "hold": true })).await.refuses(404, "participant_not_found");
            client.delete(&path).await.refuses(404, "participant_not_found");
            client.post(&format!("{path}/dtmf"), json!({ "digits": "1" })).await.refuses(404, "participant_not_found");
            client
                .post(&format!("{path}/play"), json!({ "prompt": "busy" }))
                .await
                .refuses(404, "participant_not_found");
        }
        for answer in ["accept", "reject"] {
            for id in ["r-beef", "r-", "nothing"] {
                client
                    .ask(Method::POST, &format!("/v1/reservations/{id}/{answer}"))
                    .await
                    .refuses(404, "reservation_not_found");
            }
        }
    }
}

#[tokio::test]
async fn what_comes_later_is_not_there_yet() {
    let Scene { house: _house, operator, id, .. } = scene().await;
    operator.post(&format!("/v1/calls/{id}/supervise"), json!({})).await.refuses(404, "route_not_found");
    operator.post(&format!("/v1/calls/{id}/recording"), json!({})).await.refuses(404, "route_not_found");
    operator.get("/v1/recordings").await.refuses(404, "route_not_found");
}
