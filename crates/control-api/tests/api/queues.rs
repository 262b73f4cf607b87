//! Agents, queues, offers, and the directory.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, id_of};
use crate::house::{TestHouse, name};
use conference::{Destination, Report};

#[tokio::test]
async fn agents_and_queues_are_shown_with_what_they_do() {
    let house = TestHouse::open().await;
    let operator = Client::operator(&house);
    let id = house.customer_with("alice").await;
    let agents = operator.get("/v1/agents").await.is(200);
    let states: Vec<&Value> = agents["items"].as_array().unwrap().iter().map(|agent| &agent["state"]).collect();
    assert_eq!(states, ["on_call", "ready", "ready", "offline"]);
    let alice = operator.get("/v1/agents/alice").await.is(200);
    assert_eq!((&alice["calls"], &alice["phones"], &alice["extension"]), (&json!([id]), &json!(1), &json!("101")));
    operator.get("/v1/agents/zoe").await.refuses(404, "agent_not_found");
    let queue = operator.get("/v1/queues/support").await.is(200);
    assert_eq!((&queue["open"], &queue["length"], &queue["ready"]), (&json!(true), &json!(0), &json!(2)));
    assert_eq!(operator.get("/v1/queues").await.is(200)["items"], json!([queue]));
    operator.get("/v1/queues/nothing").await.refuses(404, "queue_not_found");
    let worked = &alice["worked"];
    assert_eq!((&worked["calls"], &worked["consult_s"], &worked["wrap_up_s"]), (&json!(1), &json!(0.0), &json!(0.0)));
    assert!(worked["talk_s"].as_f64().unwrap() >= 0.0, "{worked}");
    // Of others an agent sees what they do, not their calls and not what they did.
    let bob = Client::agent(&house, "bob").await;
    let seen = bob.get("/v1/agents/alice").await.is(200);
    assert_eq!((&seen["state"], &seen["calls"], &seen["worked"]), (&json!("on_call"), &json!([]), &Value::Null));
    assert_eq!(bob.get("/v1/agents/bob").await.is(200)["worked"]["calls"], 0);
}

#[tokio::test]
async fn an_agent_says_when_they_are_ready() {
    let house = TestHouse::open().await;
    let bob = Client::agent(&house, "bob").await;
    assert_eq!(bob.put("/v1/agents/bob/state", json!({ "state": "paused" })).await.is(200)["state"], "paused");
    bob.put("/v1/agents/alice/state", json!({ "state": "paused" })).await.refuses(403, "not_allowed");
    bob.put("/v1/agents/bob/state", json!({ "state": "on_call" })).await.refuses(422, "invalid");
    let operator = Client::operator(&house);
    assert_eq!(operator.put("/v1/agents/bob/state", json!({ "state": "ready" })).await.is(200)["state"], "ready");
    operator.put("/v1/agents/zoe/state", json!({ "state": "ready" })).await.refuses(404, "agent_not_found");
    // A supervisor says it for others.
    let dan = Client::agent(&house, "dan").await;
    assert_eq!(dan.put("/v1/agents/bob/state", json!({ "state": "paused" })).await.is(200)["state"], "paused");
}

#[tokio::test]
async fn a_consult_to_a_queue_is_accepted_or_rejected_by_whom_it_is_offered_to() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let alice = Client::agent(&house, "alice").await;
    let path = format!("/v1/calls/{id}");
    let call = alice.post(&format!("{path}/transfer"), json!({ "target": { "queue": "support" } })).await.is(201);
    let target = call["transfer"]["participant"].as_str().unwrap().to_owned();
    let waiting =
        call["participants"].as_array().unwrap().iter().find(|person| person["id"] == target.as_str()).unwrap();
    assert_eq!(waiting["agent"], Value::Null);

    let operator = Client::operator(&house);
    let offered = |agents: Value| {
        let found = agents["items"].as_array().unwrap().iter().find(|agent| !agent["reservation"].is_null()).cloned();
        let agent = found.expect("somebody is offered the call");
        (agent["name"].as_str().unwrap().to_owned(), agent["reservation"]["id"].as_str().unwrap().to_owned())
    };
    let (first, offer) = offered(operator.get("/v1/agents").await.is(200));
    let others = if first == "bob" { "carol" } else { "bob" };
    let other = Client::agent(&house, others).await;
    for answer in ["accept", "reject"] {
        other
            .ask(Method::POST, &format!("/v1/reservations/{offer}/{answer}"))
            .await
            .refuses(404, "reservation_not_found");
    }
    let own = Client::agent(&house, &first).await;
    own.ask(Method::POST, &format!("/v1/reservations/{offer}/reject")).await.is(204);
    let (second, offer) = offered(operator.get("/v1/agents").await.is(200));
    assert_eq!(second, others);
    other.post(&format!("/v1/reservations/{offer}/accept"), json!({})).await.is(204);
    house.inside(move |inside| inside.answer(others)).await;
    let call = other.get(&path).await.is(200);
    assert_eq!((id_of(&call, others), &call["transfer"]["phase"]), (target, &json!("private")));
}

#[tokio::test]
async fn the_directory_is_searched_and_follows_what_happens() {
    let house = TestHouse::open().await;
    let alice = Client::agent(&house, "alice").await;
    let all = alice.get("/v1/directory").await.is(200);
    let names: Vec<&Value> = all["items"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, ["alice", "bob", "carol", "dan", "support"]);
    assert_eq!(
        all["items"][4],
        json!({ "kind": "queue", "name": "support", "extension": "200", "open": true, "waiting": 0, "ready": 3 })
    );
    for wanted in ["BOB", "102", "Bob%20B"] {
        let found = alice.get(&format!("/v1/directory?q={wanted}")).await.is(200);
        assert_eq!(found["items"][0]["name"], "bob", "{wanted}");
    }
    house.customer_with("bob").await;
    // The mirror follows events: once the snapshot of the events has it, so has the directory.
    house.inside(|inside| inside.report(Report::Registered { agent: name("dan"), phones: 1 })).await;
    let is = async |wanted: &str, field: &str, value: Value| {
        for _ in 0..100 {
            let found = alice.get(&format!("/v1/directory?q={wanted}")).await.is(200);
            if found["items"][0][field] == value {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{wanted} never got {field} {value}");
    };
    is("bob", "on_call", json!(true)).await;
    is("bob", "state", json!("on_call")).await;
    is("dan", "state", json!("ready")).await;
    is("support", "ready", json!(2)).await;
    house.inside(|inside| inside.customer("+49", Destination::Queue("support".to_owned()))).await;
    is("support", "waiting", json!(1)).await;
    alice.get(&format!("/v1/directory?q={}", "x".repeat(129))).await.refuses(400, "bad_query");
}
