//! Events over a WebSocket: in order, resumed, filtered, and never in anybody's way.

use std::time::Duration;

use conference::{Destination, Report};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::client::{Client, customer_of};
use crate::house::{ADMIN, TestHouse, name};

struct Listener {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

async fn connect(house: &TestHouse, query: &str, headers: &[(&'static str, String)]) -> Result<Listener, u16> {
    let mut request = format!("ws://{}/v1/events{query}", house.address).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(Listener { socket }),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

async fn listen(house: &TestHouse, token: &str, query: &str) -> Listener {
    connect(house, query, &[("authorization", format!("Bearer {token}"))]).await.unwrap()
}

impl Listener {
    async fn next(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(10), self.socket.next()).await;
            match message.expect("a message in time").expect("a message").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Messages until one is of this type.
    async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        loop {
            seen.push(self.next().await);
            if seen.last().unwrap()["type"] == kind {
                return seen;
            }
        }
    }

    async fn close_code(&mut self) -> u16 {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(10), self.socket.next()).await.expect("in time");
            if let Some(Ok(Message::Close(Some(frame)))) = message {
                return frame.code.into();
            }
            assert!(matches!(message, Some(Ok(_))), "closed without a word: {message:?}");
        }
    }
}

#[tokio::test]
async fn the_first_message_is_a_snapshot_and_events_follow_it_in_order() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let mut listener = listen(&house, ADMIN, "").await;
    let snapshot = listener.next().await;
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(snapshot["calls"][0]["id"], id);
    assert_eq!(snapshot["agents"][0]["name"], "alice");
    assert_eq!(snapshot["agents"][0]["calls"], json!([id]));
    assert_eq!(snapshot["queues"][0]["name"], "support");
    assert_eq!(snapshot["reservations"], json!([]));
    let operator = Client::operator(&house);
    operator
        .post(&format!("/v1/calls/{id}/transfer"), json!({ "by": "alice", "target": { "agent": "bob" } }))
        .await
        .is(201);
    let seen = listener.until("transfer_started").await;
    let started = seen.last().unwrap();
    assert_eq!((&started["call"], &started["target"]), (&json!(id), &json!({ "agent": "bob" })));
    assert!(started["at"].as_str().unwrap().ends_with('Z'));
    let seqs: Vec<u64> = seen.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    let first = snapshot["seq"].as_u64().unwrap() + 1;
    assert_eq!(seqs, (first..first + u64::try_from(seqs.len()).unwrap()).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_lost_connection_is_taken_up_where_it_ended() {
    let house = TestHouse::open().await;
    let mut listener = listen(&house, ADMIN, "").await;
    let before = listener.next().await["seq"].as_u64().unwrap();
    house.customer_with("alice").await;
    let mut seen = listener.until("call_started").await;
    drop(listener);
    let last = seen.last().unwrap()["seq"].as_u64().unwrap();
    let mut again = listen(&house, ADMIN, &format!("?since={last}")).await;
    house.inside(|inside| inside.report(Report::Registered { agent: name("dan"), phones: 1 })).await;
    loop {
        let event = again.next().await;
        let is_dan = event["agent"] == "dan";
        seen.push(event);
        if is_dan {
            break;
        }
    }
    let seqs: Vec<u64> = seen.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (before + 1..=before + u64::try_from(seqs.len()).unwrap()).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_gap_that_is_too_old_or_of_the_future_begins_with_a_snapshot() {
    let house = TestHouse::open().await;
    let seq = listen(&house, ADMIN, "").await.next().await["seq"].as_u64().unwrap();
    for since in [0, seq + 1, u64::MAX] {
        let first = listen(&house, ADMIN, &format!("?since={since}")).await.next().await;
        assert_eq!((&first["type"], &first["seq"]), (&json!("snapshot"), &json!(seq)), "since {since}");
    }
    Client::operator(&house).get("/v1/events?since=-1").await.refuses(400, "bad_query");
    // More than is kept.
    house
        .inside(|inside| {
            for _ in 0..6_000 {
                inside.report(Report::Registered { agent: name("dan"), phones: 1 });
                inside.report(Report::Registered { agent: name("dan"), phones: 0 });
            }
        })
        .await;
    let first = listen(&house, ADMIN, &format!("?since={seq}")).await.next().await;
    assert_eq!(first["type"], "snapshot");
}

#[tokio::test]
async fn an_agent_sees_their_own_calls_and_offers_and_everybodys_presence() {
    let house = TestHouse::open().await;
    let foreign = house.customer_with("alice").await;
    let bob = Client::agent(&house, "bob").await;
    let mut listener = listen(&house, &bob.token, "").await;
    let snapshot = listener.next().await;
    assert_eq!(snapshot["calls"], json!([]));
    assert_eq!((&snapshot["agents"][0]["state"], &snapshot["agents"][0]["calls"]), (&json!("on_call"), &json!([])));
    // Alice's call goes on, carol is called, bob is brought in and leaves, and alice's call goes on.
    let alice = Client::agent(&house, "alice").await;
    let path = format!("/v1/calls/{foreign}");
    let customer = customer_of(&alice.get(&path).await.is(200))["id"].as_str().unwrap().to_owned();
    alice.patch(&format!("{path}/participants/{customer}"), json!({ "hold": true })).await.is(200);
    alice.patch(&format!("{path}/participants/{customer}"), json!({ "hold": false })).await.is(200);
    let other = house.customer_with("carol").await;
    alice.post(&format!("{path}/transfer"), json!({ "target": { "agent": "bob" } })).await.is(201);
    alice.post(&format!("{path}/transfer/cancel"), json!({})).await.is(200);
    alice.patch(&format!("{path}/participants/{customer}"), json!({ "muted": true })).await.is(200);
    house.inside(|inside| inside.report(Report::Registered { agent: name("dan"), phones: 1 })).await;
    let mut seen = Vec::new();
    loop {
        let event = listener.next().await;
        let over = event["agent"] == "dan";
        seen.push(event);
        if over {
            break;
        }
    }
    let of_calls: Vec<&Value> = seen.iter().filter(|event| event.get("call").is_some()).collect();
    assert!(of_calls.iter().all(|event| event["call"] == foreign), "nothing of {other}: {of_calls:?}");
    assert_eq!((&of_calls[0]["type"], &of_calls[0]["agent"]), (&json!("participant_joined"), &json!("bob")));
    assert!(of_calls.iter().any(|event| event["type"] == "participant_left"), "he is told that he left");
    assert!(!of_calls.iter().any(|event| event["type"] == "mute_changed"), "he had left by then");
    assert!(seen.iter().any(|event| event["type"] == "agent_changed" && event["agent"] == "carol"));
}

#[tokio::test]
async fn an_offer_is_told_to_whom_it_is_made_and_to_no_other_agent() {
    let house = TestHouse::open().await;
    Client::operator(&house).put("/v1/agents/alice/state", json!({ "state": "paused" })).await.is(200);
    Client::operator(&house).put("/v1/agents/carol/state", json!({ "state": "paused" })).await.is(200);
    let (alice, bob) = (Client::agent(&house, "alice").await, Client::agent(&house, "bob").await);
    let (mut of_alice, mut of_bob) = (listen(&house, &alice.token, "").await, listen(&house, &bob.token, "").await);
    of_alice.next().await;
    of_bob.next().await;
    house.inside(|inside| inside.customer("+49", Destination::Queue("support".to_owned()))).await;
    let offer = of_bob.until("reserved").await.pop().unwrap();
    assert_eq!((&offer["agent"], &offer["queue"]), (&json!("bob"), &json!("support")));
    house.inside(|inside| inside.answer("bob")).await;
    house.inside(|inside| inside.report(Report::Registered { agent: name("dan"), phones: 1 })).await;
    of_bob.until("reservation_ended").await;
    // Now the call is bob's: what happens in it is told.
    bob.delete(&format!("/v1/calls/{}", offer["call"].as_str().unwrap())).await.is(204);
    of_bob.until("call_ended").await;
    house.inside(|inside| inside.report(Report::Registered { agent: name("dan"), phones: 0 })).await;
    loop {
        let event = of_alice.next().await;
        assert!(event.get("call").is_none(), "{event}");
        if event["agent"] == "dan" && event["state"] == "offline" {
            break;
        }
    }
}

#[tokio::test]
async fn a_slow_reader_gets_a_snapshot_and_nobody_waits_for_it() {
    let house = TestHouse::open().await;
    let mut slow = listen(&house, ADMIN, "").await;
    slow.next().await;
    let begun = tokio::time::Instant::now();
    // It does not read; the sockets' buffers fill, then its place in the queue is lost.
    for _ in 0..40 {
        house
            .inside(|inside| {
                for _ in 0..1_000 {
                    inside.report(Report::Registered { agent: name("dan"), phones: 1 });
                    inside.report(Report::Registered { agent: name("dan"), phones: 0 });
                }
            })
            .await;
    }
    assert!(begun.elapsed() < Duration::from_secs(9), "the house waited: {:?}", begun.elapsed());
    let last = house.inside(|inside| inside.seq()).await;
    let (mut snapshots, mut before) = (0, 0);
    loop {
        let event = slow.next().await;
        snapshots += u32::from(event["type"] == "snapshot");
        let seq = event["seq"].as_u64().unwrap();
        assert!(seq > before || event["type"] == "snapshot", "in order");
        before = seq;
        if seq >= last {
            break;
        }
    }
    assert!(snapshots >= 1, "it was told everything anew");
}

#[tokio::test]
async fn tokens_come_by_header_or_subprotocol_and_foreign_pages_do_not() {
    let house = TestHouse::open().await;
    let protocol = |token: &str| ("sec-websocket-protocol", format!("baton, bearer.{token}"));
    let mut browser =
        connect(&house, "", &[protocol(ADMIN), ("origin", format!("http://{}", house.address))]).await.unwrap();
    assert_eq!(browser.next().await["type"], "snapshot");
    let bearer = || ("authorization", format!("Bearer {ADMIN}"));
    for (headers, status) in [
        (vec![], 401),
        (vec![protocol("wrong")], 401),
        (vec![("authorization", "Bearer wrong".to_owned())], 401),
        (vec![bearer(), ("origin", "http://evil.example".to_owned())], 403),
        (vec![bearer(), ("origin", "null".to_owned()), ("cookie", "a=b".to_owned())], 403),
    ] {
        assert_eq!(connect(&house, "", &headers).await.err(), Some(status), "{headers:?}");
    }
    Client::operator(&house).get("/v1/events").await.refuses(426, "upgrade_required");
}

#[tokio::test]
async fn nothing_is_asked_over_the_socket() {
    let house = TestHouse::open().await;
    let reader = Client::login(&house, json!({ "name": "alice", "password": "alice-secret", "scope": "read" })).await;
    for (token, status) in [(reader.token.as_str(), 403), (ADMIN, 400)] {
        let mut listener = listen(&house, token, "").await;
        listener.next().await;
        listener.socket.send(Message::text("{\"hold\":true}")).await.unwrap();
        let told = listener.next().await;
        assert_eq!((&told["type"], &told["status"]), (&json!("problem"), &json!(status)));
        for _ in 0..100 {
            // It may close before all of them are said.
            let _ = listener.socket.send(Message::text("again")).await;
        }
        assert_eq!(listener.close_code().await, 1008);
    }
}

#[tokio::test]
async fn a_login_that_ends_takes_its_subscription_along() {
    let house = TestHouse::open().await;
    let alice = Client::agent(&house, "alice").await;
    let mut listener = listen(&house, &alice.token, "").await;
    listener.next().await;
    alice.post("/v1/logout", json!({})).await.is(204);
    assert_eq!(listener.close_code().await, 1008);
}

#[tokio::test]
async fn an_api_that_stops_says_goodbye() {
    let house = TestHouse::open().await;
    let mut listener = listen(&house, ADMIN, "").await;
    listener.next().await;
    let (_, code) = tokio::join!(house.stop(), listener.close_code());
    assert_eq!(code, 1001);
}

#[tokio::test]
async fn two_hundred_subscribers_slow_no_command() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let mut listeners = Vec::new();
    for _ in 0..200 {
        let mut listener = listen(&house, ADMIN, "").await;
        listener.next().await;
        listeners.push(listener);
    }
    let operator = Client::operator(&house);
    let customer =
        customer_of(&operator.get(&format!("/v1/calls/{id}")).await.is(200))["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/calls/{id}/participants/{customer}");
    let mut slowest = Duration::ZERO;
    for n in 0..20 {
        let begun = tokio::time::Instant::now();
        house
            .inside(move |inside| {
                let number = if n % 2 == 0 { 1 } else { 0 };
                inside.report(Report::Registered { agent: name("dan"), phones: number });
            })
            .await;
        slowest = slowest.max(begun.elapsed());
    }
    operator.patch(&path, json!({ "muted": true })).await.is(200);
    for listener in &mut listeners {
        listener.until("mute_changed").await;
    }
    assert!(slowest < Duration::from_millis(500), "the house waited {slowest:?} for subscribers");
}
