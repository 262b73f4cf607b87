//! Logging in and out.

use reqwest::Method;
use serde_json::json;

use crate::client::{Answer, Client};
use crate::house::TestHouse;

#[tokio::test]
async fn a_login_is_good_until_it_is_ended() {
    let house = TestHouse::open().await;
    let anybody = Client::with(&house, "");
    let session = anybody.post("/v1/login", json!({ "name": "Dan", "password": "dan-secret" })).await.is(200);
    assert_eq!(
        (&session["name"], &session["supervisor"], &session["read_only"]),
        (&json!("dan"), &json!(true), &json!(false))
    );
    assert!(session["token"].as_str().unwrap().len() >= 43, "256 bits");
    let dan = Client::with(&house, session["token"].as_str().unwrap());
    dan.get("/v1/calls").await.is(200);
    dan.ask(Method::POST, "/v1/logout").await.is(204);
    dan.get("/v1/calls").await.refuses(401, "unauthenticated");
}

#[tokio::test]
async fn names_that_do_not_exist_are_answered_like_wrong_passwords() {
    let house = TestHouse::open().await;
    let anybody = Client::with(&house, "");
    let wrong = anybody.post("/v1/login", json!({ "name": "alice", "password": "x" })).await;
    let unknown = anybody.post("/v1/login", json!({ "name": "nobody", "password": "x" })).await;
    wrong.refuses(401, "wrong_login");
    assert_eq!((wrong.status, &wrong.text), (unknown.status, &unknown.text));
    anybody.post("/v1/login", json!({ "name": "x".repeat(5_000), "password": "x" })).await.refuses(401, "wrong_login");
    anybody.post("/v1/login", json!({ "name": "alice" })).await.refuses(422, "invalid");
}

#[tokio::test]
async fn a_password_that_is_changed_in_the_settings_file_ends_its_logins() {
    let house = TestHouse::open().await;
    let (alice, bob) = (Client::agent(&house, "alice").await, Client::agent(&house, "bob").await);
    alice.get("/v1/calls").await.is(200);
    house.inside(|inside| inside.reread("alice", "another")).await;
    let ended = async {
        while alice.get("/v1/calls").await.status == 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), ended).await.unwrap();
    alice.get("/v1/calls").await.refuses(401, "unauthenticated");
    bob.get("/v1/calls").await.is(200);
}

#[tokio::test]
async fn of_many_passwords_at_once_no_more_are_judged_than_one_may_try() {
    let house = TestHouse::open().await;
    let anybody = Client::with(&house, "");
    let guesses = (0..60).map(|n| {
        let said = json!({ "name": "alice", "password": format!("guess-{n}") });
        let anybody = &anybody;
        async move { anybody.post("/v1/login", said).await.status.as_u16() }
    });
    let statuses = futures_util::future::join_all(guesses).await;
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn after_ten_wrong_passwords_the_right_one_waits_too() {
    let house = TestHouse::open().await;
    let anybody = Client::with(&house, "");
    for _ in 0..10 {
        anybody.post("/v1/login", json!({ "name": "alice", "password": "guess" })).await.refuses(401, "wrong_login");
    }
    let waits = anybody.post("/v1/login", json!({ "name": "ALICE", "password": "alice-secret" })).await;
    waits.refuses(429, "too_many_requests");
    assert!((1..=60).contains(&waits.header("retry-after").parse::<u32>().unwrap()));
    Client::agent(&house, "bob").await.get("/v1/calls").await.is(200);
}

#[tokio::test]
async fn pages_of_others_get_nothing() {
    let house = TestHouse::open().await;
    let operator = Client::operator(&house);
    let own = format!("http://{}", house.address);
    for (origin, status) in
        [(own.as_str(), 200), ("http://evil.example", 403), ("null", 403), ("", 403), ("https://127.0.0.1", 403)]
    {
        let asked = operator.request(Method::GET, "/v1/calls").header("origin", origin).header("cookie", "a=b");
        assert_eq!(Answer::of(asked).await.status.as_u16(), status, "{origin:?}");
    }
    let house = TestHouse::open_with(|doors| doors.origins.push("https://desk.example".to_owned())).await;
    let asked = Client::operator(&house).request(Method::GET, "/v1/calls").header("origin", "https://desk.example");
    assert_eq!(Answer::of(asked).await.status, 200);
}

#[tokio::test]
async fn numbers_are_for_this_machine_or_whoever_has_a_token() {
    let house = TestHouse::open().await;
    for path in ["/metrics", "/healthz", "/readyz"] {
        let (nobody, operator) = (Client::with(&house, "wrong"), Client::operator(&house));
        assert_eq!(nobody.get(path).await.status, 200);
        for header in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
            let relayed = |client: &Client| client.request(Method::GET, path).header(header, "192.0.2.1");
            Answer::of(relayed(&nobody)).await.refuses(401, "unauthenticated");
            assert_eq!(Answer::of(relayed(&operator)).await.status, 200);
        }
    }
}

/// A page of somebody else's may bind its own name to this machine, and its requests are then of the same origin (DNS rebinding).
#[tokio::test]
async fn whoever_asks_for_another_name_is_turned_away() {
    let house = TestHouse::open_with(|doors| {
        doors.domain = "baton.local".to_owned();
        doors.origins.push("https://desk.example:8443".to_owned());
    })
    .await;
    let operator = Client::operator(&house);
    for path in ["/metrics", "/healthz", "/v1/calls", "/v1/openapi.json"] {
        for host in ["127.0.0.1", "[::1]:8080", "localhost:1", "Baton.local", "desk.example"] {
            let asked = operator.request(Method::GET, path).header("host", host);
            assert_eq!(Answer::of(asked).await.status, 200, "{path} {host}");
        }
        for host in ["evil.example:8080", "baton.local.evil.example", "localhost.evil.example"] {
            let asked =
                operator.request(Method::GET, path).header("host", host).header("origin", format!("http://{host}"));
            Answer::of(asked).await.refuses(421, "unknown_host");
        }
    }
}

/// Behind a proxy that is believed everybody has their own count of wrong passwords; nobody else says who they are.
#[tokio::test]
async fn wrong_passwords_by_way_of_a_trusted_proxy_count_for_whoever_sent_them() {
    for (trusted, second) in [(vec!["127.0.0.1".parse().expect("an address")], 401), (Vec::new(), 429)] {
        let house = TestHouse::open_with(|doors| doors.trusted_proxies = trusted).await;
        let nobody = Client::with(&house, "");
        let wrong = async |from: &str| {
            let said = serde_json::json!({"name": "alice", "password": "guess"});
            let asked =
                nobody.request(Method::POST, "/v1/login").header("x-forwarded-for", format!("10.9.9.9, {from}"));
            Answer::of(asked.json(&said)).await.status.as_u16()
        };
        for _ in 0..10 {
            assert_eq!(wrong("192.0.2.1").await, 401);
        }
        assert_eq!(wrong("192.0.2.1").await, 429);
        assert_eq!(wrong("192.0.2.2").await, second);
    }
}
