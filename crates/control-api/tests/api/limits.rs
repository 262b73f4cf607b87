//! Whatever is sent, the answer is a problem document, and nothing grows or hangs.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Answer, Client};
use crate::house::TestHouse;

#[tokio::test]
async fn every_error_is_a_problem_document() {
    let house = TestHouse::open().await;
    let operator = Client::operator(&house);
    operator.get("/").await.refuses(404, "route_not_found");
    operator.get("/v1/nothing").await.refuses(404, "route_not_found");
    let wrong = operator.ask(Method::PUT, "/v1/calls").await;
    wrong.refuses(405, "method_not_allowed");
    assert!(wrong.header("allow").contains("POST"), "{}", wrong.header("allow"));
    let send = |kind: &'static str, body: &str| {
        let asked = operator.request(Method::POST, "/v1/calls").header("content-type", kind).body(body.to_owned());
        Answer::of(asked)
    };
    let syntax = send("application/json", "{\"from\": \"alice\",\n \"to\": }").await.refuses(400, "bad_json");
    assert_eq!((&syntax["line"], &syntax["column"]), (&json!(2), &json!(8)));
    let data = send("application/json", "{\"from\": 1, \"to\": \"bob\"}").await.refuses(422, "invalid");
    assert!(data["detail"].as_str().unwrap().contains("expected a string"), "{data}");
    let extra = send("application/json", "{\"form\": \"alice\", \"to\": \"bob\"}").await.refuses(422, "invalid");
    assert!(extra["detail"].as_str().unwrap().contains("`form`"), "{extra}");
    send("text/plain", "{}").await.refuses(415, "unsupported_media_type");
    send("application/x-www-form-urlencoded", "from=alice").await.refuses(415, "unsupported_media_type");
    send("application/json", "\u{0}").await.refuses(400, "bad_json");
    send("application/json", &"[".repeat(60_000)).await.refuses(400, "bad_json");
    send("application/json; charset=utf-8", "[]").await.refuses(422, "invalid");
    send("application/json", &" ".repeat(65 * 1_024)).await.refuses(413, "body_too_large");
}

#[tokio::test]
async fn an_empty_body_equals_an_empty_object() {
    let house = TestHouse::open().await;
    let operator = Client::operator(&house);
    for asked in [
        operator.request(Method::POST, "/v1/drain"),
        operator.request(Method::POST, "/v1/drain").header("content-type", "application/json"),
        operator.request(Method::POST, "/v1/drain").header("content-type", "text/plain"),
        operator.request(Method::POST, "/v1/drain").json(&json!({})),
        operator.request(Method::POST, "/v1/drain").json(&json!(null)),
    ] {
        Answer::of(asked).await.is(204);
    }
    operator.ask(Method::POST, "/v1/calls").await.refuses(422, "invalid");
}

#[tokio::test]
async fn odd_names_in_paths_are_not_found() {
    let house = TestHouse::open().await;
    let operator = Client::operator(&house);
    let long = "x".repeat(5_000);
    for odd in
        ["%00", "..%2f..%2fetc%2fx", "%0d%0aSet-Cookie:x", "%F0%9F%92%A9", "'%3b%20DROP%20TABLE", &long, "-1", "%20"]
    {
        operator.get(&format!("/v1/calls/{odd}")).await.refuses(404, "call_not_found");
        operator.get(&format!("/v1/agents/{odd}")).await.refuses(404, "agent_not_found");
        operator.get(&format!("/v1/queues/{odd}")).await.refuses(404, "queue_not_found");
        operator.get(&format!("/v1/history/{odd}")).await.refuses(404, "call_not_found");
        operator.delete(&format!("/v1/users/{odd}")).await.refuses(404, "user_not_found");
        operator
            .put(&format!("/v1/agents/{odd}/state"), json!({ "state": "ready" }))
            .await
            .refuses(404, "agent_not_found");
    }
    operator.get("/v1/calls/%ff").await.refuses(400, "bad_path");
}

#[tokio::test]
async fn every_answer_forbids_browsers_what_is_not_needed() {
    let house = TestHouse::open().await;
    for answer in [Client::operator(&house).get("/v1/calls").await, Client::with(&house, "").get("/v1/nothing").await] {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn a_token_that_asks_too_often_waits() {
    let house = TestHouse::open_with(|doors| (doors.rate_per_s, doors.burst) = (1, 5)).await;
    let (operator, alice) = (Client::operator(&house), Client::agent(&house, "alice").await);
    for _ in 0..5 {
        operator.get("/v1/calls").await.is(200);
    }
    let too_many = operator.get("/v1/calls").await;
    too_many.refuses(429, "too_many_requests");
    assert_eq!(too_many.header("retry-after"), "1");
    alice.get("/v1/calls").await.is(200);
}

/// What is said over a bare connection, and the answer until the peer closes it.
async fn bare(house: &TestHouse, said: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(said).await.unwrap();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut answer)).await;
    assert!(closed.is_ok(), "it is closed in time");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn whoever_dawdles_is_cut_off() {
    let house = TestHouse::open().await;
    let body = b"POST /v1/login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let (head, body) = tokio::join!(bare(&house, b"GET /v1/calls HTTP/1.1\r\nhos"), bare(&house, body));
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
    assert!(body.starts_with("HTTP/1.1 408") && body.contains("body_too_slow"), "{body}");
}

#[tokio::test]
async fn a_body_without_end_is_refused_before_it_is_read() {
    let house = TestHouse::open().await;
    let said =
        b"POST /v1/login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2147483648\r\n\r\n{";
    assert!(bare(&house, said).await.starts_with("HTTP/1.1 413"));
    let mut head = b"GET /v1/calls HTTP/1.1\r\nhost: localhost\r\n".to_vec();
    for n in 0..200 {
        head.extend_from_slice(format!("x-{n}: {n}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    assert!(bare(&house, &head).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_house_that_does_not_answer_is_unavailable() {
    let house = TestHouse::open().await;
    house.inside(|inside| inside.slow = Duration::from_secs(20)).await;
    let operator = Client::operator(&house);
    let late = operator.post("/v1/calls", json!({ "from": "alice", "to": "bob" })).await;
    late.refuses(503, "unavailable");
    assert!(
        !late.headers.contains_key("retry-after"),
        "it may have been done: whoever tries again by themselves does it twice"
    );
}

#[tokio::test]
async fn the_openapi_document_names_every_route_and_no_schema_twice() {
    let house = TestHouse::open().await;
    let document = Client::with(&house, "").get("/v1/openapi.json").await.is(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.keys().all(|path| path.starts_with('/') && !path.starts_with("//")), "{:?}", paths.keys());
    let operations: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!((paths.len(), operations), (33, 38));
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas["ParticipantChange"]["properties"]["hold"].is_object());
    assert!(schemas["Change"]["properties"]["version"].is_object());
    assert!(schemas["EventMessage"].is_object() && schemas["Problem"]["properties"]["code"].is_object());
    assert_eq!(document["security"][0]["token"], json!([]));
}
