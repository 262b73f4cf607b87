//! The same `Idempotency-Key` twice: nothing is done twice.

use std::time::Duration;

use control_api::PATIENCE;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::house::TestHouse;

async fn keyed(client: &Client, key: &str, path: &str, said: Value) -> Answer {
    Answer::of(client.request(Method::POST, path).header("idempotency-key", key).json(&said)).await
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_is_done_once() {
    let house = TestHouse::open().await;
    let operator = Client::operator(&house);
    let said = json!({ "from": "alice", "to": "bob" });
    let first = keyed(&operator, "k1", "/v1/calls", said.clone()).await;
    let again = keyed(&operator, "k1", "/v1/calls", said.clone()).await;
    first.is(201);
    assert_eq!(
        (first.status, &first.text, first.header("location")),
        (again.status, &again.text, again.header("location"))
    );
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(operator.get("/v1/calls").await.is(200)["items"].as_array().unwrap().len(), 1);
    // A refusal is an answer as well.
    let id = first.is(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/calls/{id}/transfer/merge");
    let refused = keyed(&operator, "k2", &path, json!({})).await;
    assert!(refused.status.is_client_error());
    assert_eq!(keyed(&operator, "k2", &path, json!({})).await.text, refused.text);
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let house = TestHouse::open().await;
    let operator = Client::operator(&house);
    keyed(&operator, "k", "/v1/calls", json!({ "from": "alice", "to": "bob" })).await.is(201);
    let other = keyed(&operator, "k", "/v1/calls", json!({ "from": "alice", "to": "carol" })).await;
    other.refuses(422, "idempotency_key_reused");
    keyed(&operator, "k", "/v1/drain", json!({})).await.refuses(422, "idempotency_key_reused");
    // Keys belong to tokens.
    let carol = Client::agent(&house, "carol").await;
    keyed(&carol, "k", "/v1/calls", json!({ "to": "bob" })).await.is(201);
    keyed(&operator, "", "/v1/drain", json!({})).await.refuses(400, "bad_idempotency_key");
    keyed(&operator, &"k".repeat(256), "/v1/drain", json!({})).await.refuses(400, "bad_idempotency_key");
}

#[tokio::test]
async fn while_it_is_being_done_the_same_request_is_a_conflict() {
    let house = TestHouse::open().await;
    house.inside(|inside| inside.slow = Duration::from_millis(400)).await;
    let operator = Client::operator(&house);
    let said = json!({ "from": "alice", "to": "bob" });
    let (first, second) = tokio::join!(
        keyed(&operator, "k", "/v1/calls", said.clone()),
        keyed(&operator, "k", "/v1/calls", said.clone()),
    );
    let (done, conflict) = if first.status == 201 { (first, second) } else { (second, first) };
    done.is(201);
    conflict.refuses(409, "idempotency_in_progress");
    assert_eq!(keyed(&operator, "k", "/v1/calls", said).await.text, done.text);
}

#[tokio::test]
async fn a_client_that_hangs_up_finds_its_answer_when_it_comes_back() {
    let house = TestHouse::open().await;
    house.inside(|inside| inside.slow = Duration::from_millis(300)).await;
    let operator = Client::operator(&house);
    let said = json!({ "from": "alice", "to": "bob" });
    let before = house.inside(|inside| inside.commands).await;
    let impatient = keyed(&operator, "k", "/v1/calls", said.clone());
    assert!(tokio::time::timeout(Duration::from_millis(100), impatient).await.is_err());
    let answer = loop {
        let answer = keyed(&operator, "k", "/v1/calls", said.clone()).await;
        if answer.status != 409 {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    answer.is(201);
    assert_eq!(house.inside(|inside| inside.commands).await, before + 1);
}

#[tokio::test]
async fn what_was_not_answered_in_time_is_not_done_again() {
    let house = TestHouse::open().await;
    house.inside(|inside| inside.slow = PATIENCE + Duration::from_millis(200)).await;
    let operator = Client::operator(&house);
    let said = json!({ "from": "alice", "to": "bob" });
    keyed(&operator, "k", "/v1/calls", said.clone()).await.refuses(503, "unavailable");
    house.inside(|inside| inside.slow = Duration::ZERO).await;
    keyed(&operator, "k", "/v1/calls", said.clone()).await.refuses(409, "idempotency_outcome_unknown");
    assert_eq!(operator.get("/v1/calls").await.is(200)["items"].as_array().unwrap().len(), 1);
    // whoever has looked may ask for another
    keyed(&operator, "k2", "/v1/calls", json!({ "from": "carol", "to": "bob" })).await.is(201);
}
