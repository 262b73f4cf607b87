//! Who may do what: nobody without a token, an agent in their own calls only, a reading token nothing.

use reqwest::Method;
use serde_json::json;

use crate::client::{Client, customer_of};
use crate::house::TestHouse;

#[tokio::test]
async fn without_a_good_token_nothing_is_told() {
    let house = TestHouse::open().await;
    for token in ["", "wrong", "the-operator's-toke"] {
        let nobody = Client::with(&house, token);
        for path in ["/v1/calls", "/v1/agents", "/v1/events", "/v1/history", "/v1/directory", "/v1/users", "/v1/trace"]
        {
            let answer = nobody.get(path).await;
            answer.refuses(401, "unauthenticated");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
    Client::with(&house, "").get("/v1/openapi.json").await.is(200);
}

#[tokio::test]
async fn a_call_of_others_does_not_exist_for_an_agent() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let (alice, bob) = (Client::agent(&house, "alice").await, Client::agent(&house, "bob").await);
    let customer = customer_of(&alice.get(&format!("/v1/calls/{id}")).await.is(200));
    let call = format!("/v1/calls/{id}");
    let person = format!("{call}/participants/{}", customer["id"].as_str().unwrap());
    assert_eq!(bob.get("/v1/calls").await.is(200)["items"], json!([]));
    bob.get(&call).await.refuses(404, "call_not_found");
    bob.get(&format!("{call}/audibility")).await.refuses(404, "call_not_found");
    bob.get(&format!("/v1/history/{id}")).await.refuses(404, "call_not_found");
    bob.delete(&call).await.refuses(404, "call_not_found");
    bob.patch(&call, json!({ "locked": true })).await.refuses(404, "call_not_found");
    bob.patch(&person, json!({ "hold": true })).await.refuses(404, "call_not_found");
    bob.patch(&format!("{call}/participants/p99"), json!({ "hold": true })).await.refuses(404, "call_not_found");
    bob.delete(&person).await.refuses(404, "call_not_found");
    bob.delete(&format!("{call}/participants/x")).await.refuses(404, "call_not_found");
    bob.post(&format!("{person}/dtmf"), json!({ "digits": "1" })).await.refuses(404, "call_not_found");
    bob.post(&format!("{person}/play"), json!({ "prompt": "busy" })).await.refuses(404, "call_not_found");
    for by in [json!({}), json!({ "by": "alice" }), json!({ "by": "bob" })] {
        let mut start = by.clone();
        start["target"] = json!({ "agent": "carol" });
        bob.post(&format!("{call}/transfer"), start).await.refuses(404, "call_not_found");
        for step in ["cancel", "swap", "merge", "complete"] {
            bob.post(&format!("{call}/transfer/{step}"), by.clone()).await.refuses(404, "call_not_found");
        }
    }
    let still = alice.get(&call).await.is(200);
    assert_eq!(customer_of(&still), customer);
    alice
        .post(&format!("{call}/transfer"), json!({ "by": "bob", "target": { "agent": "carol" } }))
        .await
        .refuses(403, "not_allowed");
}

#[tokio::test]
async fn who_left_a_call_sees_of_it_what_was_until_then() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let call = format!("/v1/calls/{id}");
    let (alice, bob) = (Client::agent(&house, "alice").await, Client::agent(&house, "bob").await);
    let consult = async |whom: &'static str| {
        alice.post(&format!("{call}/transfer"), json!({ "target": { "agent": whom } })).await.is(201);
        house.inside(move |inside| inside.answer(whom)).await;
        alice.post(&format!("{call}/transfer/merge"), json!({})).await.is(200);
    };
    consult("bob").await;
    let own = bob.get(&call).await.is(200);
    let people = own["participants"].as_array().unwrap();
    let own = people.iter().find(|person| person["agent"] == "bob").unwrap()["id"].as_str().unwrap().to_owned();
    bob.delete(&format!("{call}/participants/{own}")).await.is(204);
    consult("carol").await;
    for path in [call.clone(), format!("{call}/audibility"), format!("/v1/history/{id}")] {
        bob.get(&path).await.refuses(404, "call_not_found");
    }
    alice.delete(&call).await.is(204);
    let has = |told: &serde_json::Value, what: &str| told.to_string().contains(what);
    let record = alice.get(&format!("/v1/history/{id}")).await.is(200);
    let carol = record["participants"].as_array().unwrap().iter().find(|party| party["agent"] == "carol").unwrap();
    let carol = carol["id"].to_string();
    for (who, sees) in [(&alice, true), (&bob, false)] {
        let record = who.get(&format!("/v1/history/{id}")).await.is(200);
        assert_eq!((has(&record, "carol"), record["transfers"].as_array().unwrap().len() == 2), (sees, sees));
        assert_eq!(has(&who.get("/v1/history").await.is(200), "carol"), sees);
        assert_eq!(has(&who.get(&format!("{call}/audibility")).await.is(200), &carol), sees);
    }
}

#[tokio::test]
async fn an_agent_sees_their_own_history() {
    let house = TestHouse::open().await;
    let (ended, going_on) = (house.customer_with("alice").await, house.customer_with("bob").await);
    Client::operator(&house).delete(&format!("/v1/calls/{ended}")).await.is(204);
    let alice = Client::agent(&house, "alice").await;
    let page = alice.get("/v1/history").await.is(200);
    assert_eq!((page["items"].as_array().unwrap().len(), &page["items"][0]["id"]), (1, &json!(ended)));
    alice.get(&format!("/v1/history/{ended}")).await.is(200);
    alice.get(&format!("/v1/calls/{ended}/audibility")).await.is(200);
    alice.get("/v1/history?agent=bob").await.refuses(403, "not_allowed");
    let bob = Client::agent(&house, "bob").await;
    assert_eq!(bob.get("/v1/history").await.is(200)["items"], json!([]));
    assert_eq!(bob.get(&format!("/v1/history/{going_on}")).await.is(200)["ended_at"], json!(null));
}

#[tokio::test]
async fn what_is_the_operators_no_agent_does() {
    let house = TestHouse::open().await;
    let alice = Client::agent(&house, "alice").await;
    alice.get("/v1/users").await.refuses(403, "not_allowed");
    alice.post("/v1/users", json!({ "name": "x", "password": "y" })).await.refuses(403, "not_allowed");
    alice.put("/v1/users/bob/password", json!({ "password": "y" })).await.refuses(403, "not_allowed");
    alice.delete("/v1/users/bob").await.refuses(403, "not_allowed");
    alice.ask(Method::POST, "/v1/drain").await.refuses(403, "not_allowed");
    alice.ask(Method::POST, "/v1/reload").await.refuses(403, "not_allowed");
    alice.get("/v1/trace").await.refuses(403, "not_allowed");
}

#[tokio::test]
async fn a_reading_token_writes_nothing() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let reader = Client::login(&house, json!({ "name": "alice", "password": "alice-secret", "scope": "read" })).await;
    reader.get(&format!("/v1/calls/{id}")).await.is(200);
    reader.get("/v1/history").await.is(200);
    let before = house.inside(|inside| inside.commands).await;
    reader.post("/v1/calls", json!({ "to": "bob" })).await.refuses(403, "read_only");
    reader
        .post(&format!("/v1/calls/{id}/transfer"), json!({ "target": { "agent": "bob" } }))
        .await
        .refuses(403, "read_only");
    reader.patch(&format!("/v1/calls/{id}/participants/p1"), json!({ "hold": true })).await.refuses(403, "read_only");
    reader.put("/v1/agents/alice/state", json!({ "state": "paused" })).await.refuses(403, "read_only");
    reader.delete(&format!("/v1/calls/{id}")).await.refuses(403, "read_only");
    assert_eq!(house.inside(|inside| inside.commands).await, before, "the switch was not even asked");
    reader.ask(Method::POST, "/v1/logout").await.is(204);
    reader.get("/v1/calls").await.refuses(401, "unauthenticated");
}
