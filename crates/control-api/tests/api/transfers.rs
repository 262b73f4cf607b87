//! The warm transfer, step by step, from a program.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, customer_of, id_of};
use crate::house::TestHouse;

fn statuses(call: &Value) -> Vec<(String, String)> {
    let person = |person: &Value| {
        assert_eq!(person["held"], person["status"] == "held");
        (person["name"].as_str().unwrap().to_owned(), person["status"].as_str().unwrap().to_owned())
    };
    call["participants"].as_array().unwrap().iter().map(person).collect()
}

fn are(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(name, status)| ((*name).to_owned(), (*status).to_owned())).collect()
}

#[tokio::test]
async fn the_six_steps_by_an_agents_own_token() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let alice = Client::agent(&house, "alice").await;
    let path = format!("/v1/calls/{id}");

    let started = alice.post(&format!("{path}/transfer"), json!({ "target": { "agent": "bob" } })).await;
    let call = started.is(201);
    assert_eq!(started.header("location"), path);
    assert_eq!(call["id"], id);
    assert_eq!(call["room"], Value::Null);
    let (by, target) = (id_of(&call, "alice"), id_of(&call, "bob"));
    assert_eq!(call["transfer"]["phase"], "calling");
    assert_eq!(call["transfer"]["by"], by);
    assert_eq!(call["transfer"]["target"], json!({ "agent": "bob" }));
    assert_eq!(call["transfer"]["participant"], target);
    assert_eq!(call["transfer"]["facing"], "target");
    assert_eq!(statuses(&call), are(&[("+4930111", "held"), ("alice", "live"), ("bob", "calling")]));

    house.inside(|inside| inside.answer("bob")).await;
    let call = alice.get(&path).await.is(200);
    assert_eq!(call["transfer"]["phase"], "private");
    assert_eq!(statuses(&call), are(&[("+4930111", "held"), ("alice", "live"), ("bob", "live")]));

    let call = alice.ask(Method::POST, &format!("{path}/transfer/swap")).await.is(200);
    assert_eq!(call["transfer"]["facing"], "customer");
    assert_eq!(statuses(&call), are(&[("+4930111", "live"), ("alice", "live"), ("bob", "held")]));

    let call = alice.post(&format!("{path}/transfer/merge"), json!({})).await.is(200);
    assert_eq!(call["transfer"]["phase"], "merged");
    assert_eq!(statuses(&call), are(&[("+4930111", "live"), ("alice", "live"), ("bob", "live")]));

    assert_eq!(alice.ask(Method::POST, &format!("{path}/transfer/complete")).await.is(204), Value::Null);
    alice.get(&path).await.refuses(404, "call_not_found");
    let call = Client::agent(&house, "bob").await.get(&path).await.is(200);
    assert_eq!(call["transfer"], Value::Null);
    assert_eq!(statuses(&call), are(&[("+4930111", "live"), ("bob", "live")]));
}

#[tokio::test]
async fn the_operator_does_each_step_in_an_agents_name_or_in_none() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let operator = Client::operator(&house);
    let path = format!("/v1/calls/{id}/transfer");
    operator.post(&path, json!({ "target": { "agent": "bob" } })).await.refuses(422, "invalid");
    let call = operator.post(&path, json!({ "by": "alice", "target": { "uri": "102" } })).await.is(201);
    assert_eq!(call["transfer"]["target"], json!({ "agent": "bob" }));
    assert_eq!(call["allowed_actions"], json!([]));
    let call = operator.post(&format!("{path}/cancel"), json!({ "by": "alice" })).await.is(200);
    assert_eq!(statuses(&call), are(&[("+4930111", "live"), ("alice", "live")]));

    operator.post(&path, json!({ "by": "alice", "target": { "uri": "sip:bob@baton.local" } })).await.is(201);
    house.inside(|inside| inside.answer("bob")).await;
    let call = operator.ask(Method::POST, &format!("{path}/complete")).await.is(200);
    assert_eq!(statuses(&call), are(&[("+4930111", "live"), ("bob", "live")]));
}

#[tokio::test]
async fn an_agent_is_told_what_they_may_ask_and_why_not() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let alice = Client::agent(&house, "alice").await;
    let path = format!("/v1/calls/{id}");
    alice.post(&format!("{path}/transfer"), json!({ "target": { "agent": "bob" } })).await.is(201);
    let call = alice.get(&path).await.is(200);
    let actions = call["allowed_actions"].as_array().unwrap();
    assert!(actions.contains(&json!({ "action": "cancel" })), "{actions:?}");
    assert!(actions.contains(&json!({ "action": "merge", "refused": "target_not_live" })), "{actions:?}");
    assert!(actions.contains(&json!({ "action": "transfer", "refused": "transfer_in_progress" })), "{actions:?}");
    let bob = id_of(&call, "bob");
    assert!(actions.contains(&json!({ "action": "remove", "participant": bob })), "{actions:?}");
}

#[tokio::test]
async fn the_pause_button_holds_and_unholds() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let alice = Client::agent(&house, "alice").await;
    let call = alice.get(&format!("/v1/calls/{id}")).await.is(200);
    let customer = customer_of(&call);
    assert_eq!(customer["address"], "sip:+4930111@baton.local");
    let path = format!("/v1/calls/{id}/participants/{}", customer["id"].as_str().unwrap());
    let call = alice.patch(&path, json!({ "hold": true })).await.is(200);
    assert_eq!(customer_of(&call)["status"], "held");
    assert_eq!(customer_of(&call)["held_by_somebody"], true);
    let call = alice.patch(&path, json!({ "hold": false, "muted": true, "volume_db": -6 })).await.is(200);
    let customer = customer_of(&call);
    assert_eq!(
        (&customer["status"], &customer["muted"], &customer["volume_db"]),
        (&json!("live"), &json!(true), &json!(-6))
    );
    let call = alice.patch(&path, json!({ "muted": false, "volume_db": 0 })).await.is(200);
    assert_eq!(customer_of(&call)["muted"], false);
    assert_eq!(alice.patch(&path, json!({})).await.is(200)["id"], id);
}

#[tokio::test]
async fn a_change_of_several_things_is_made_whole_or_not_at_all() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let alice = Client::agent(&house, "alice").await;
    alice.post(&format!("/v1/calls/{id}/transfer"), json!({ "target": { "agent": "bob" } })).await.is(201);
    let call = alice.get(&format!("/v1/calls/{id}")).await.is(200);
    // Bob rings: he can be muted, but not held.
    let path = format!("/v1/calls/{id}/participants/{}", id_of(&call, "bob"));
    for client in [alice.clone(), Client::operator(&house)] {
        let said = json!({ "muted": true, "volume_db": 6, "hold": true });
        client.patch(&path, said).await.refuses(409, "target_not_live");
        let call = alice.get(&format!("/v1/calls/{id}")).await.is(200);
        let bob = call["participants"].as_array().unwrap().iter().find(|person| person["agent"] == "bob").unwrap();
        assert_eq!((&bob["muted"], &bob["volume_db"]), (&json!(false), &json!(0)));
    }
}

#[tokio::test]
async fn whoever_hears_whom_is_told_with_its_history() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let alice = Client::agent(&house, "alice").await;
    let path = format!("/v1/calls/{id}");
    let call = alice.post(&format!("{path}/transfer"), json!({ "target": { "agent": "bob" } })).await.is(201);
    house.inside(|inside| inside.answer("bob")).await;
    let (a, b, c) = (id_of(&call, "alice"), id_of(&call, "bob"), customer_of(&call)["id"].as_str().unwrap().to_owned());
    let heard = alice.get(&format!("{path}/audibility")).await.is(200);
    assert_eq!(heard["sample_rate"], 8000);
    assert_eq!(heard["now"], json!([{ "listener": a, "speaker": b }, { "listener": b, "speaker": a }]));
    let history = heard["history"].as_array().unwrap();
    let closed = history.iter().find(|span| span["listener"] == c && span["speaker"] == a).unwrap();
    assert_eq!(closed["shut_by"], json!({ "kind": "command", "name": "transfer", "by": null }));
    assert!(closed["to_sample"].as_u64().unwrap() >= closed["from_sample"].as_u64().unwrap());
    assert!(!history.iter().any(|span| span["listener"] == c && span["speaker"] == b), "the customer heard the target");
    let versions: Vec<u64> =
        heard["changes"].as_array().unwrap().iter().map(|change| change["version"].as_u64().unwrap()).collect();
    assert!(versions.is_sorted() && versions.len() > 2);
}
