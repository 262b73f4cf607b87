//! Every other route, once in good order.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client, customer_of, id_of};
use crate::house::{TestHouse, name};
use conference::Destination;

#[tokio::test]
async fn a_call_is_opened_listed_shown_and_ended() {
    let house = TestHouse::open().await;
    let operator = Client::operator(&house);
    let answer = operator.post("/v1/calls", json!({ "from": "alice", "to": "102" })).await;
    let call = answer.is(201);
    let id = call["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/calls/{id}"));
    house.inside(|inside| inside.answer("alice")).await;
    house.inside(|inside| inside.answer("bob")).await;
    let shown = operator.get(&format!("/v1/calls/{id}")).await.is(200);
    assert!(shown["started_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(shown["participants"].as_array().unwrap().len(), 2);
    let list = operator.get("/v1/calls").await.is(200);
    assert_eq!(list, json!({ "items": [shown], "next": null }));
    operator.delete(&format!("/v1/calls/{id}")).await.is(204);
    assert_eq!(operator.get("/v1/calls").await.is(200)["items"], json!([]));
}

#[tokio::test]
async fn an_agent_opens_their_own_calls() {
    let house = TestHouse::open().await;
    let alice = Client::agent(&house, "alice").await;
    let call = alice.post("/v1/calls", json!({ "to": { "agent": "bob" } })).await.is(201);
    assert_eq!(call["participants"][0]["agent"], "alice");
    alice.post("/v1/calls", json!({ "from": "bob", "to": "carol" })).await.refuses(403, "not_allowed");
    let dan = Client::agent(&house, "dan").await;
    dan.post("/v1/calls", json!({ "to": "bob" })).await.refuses(409, "target_unavailable");
    alice.post("/v1/calls", json!({ "to": "999" })).await.refuses(422, "target_unknown");
    alice.post("/v1/calls", json!({})).await.refuses(422, "invalid");
    Client::operator(&house).post("/v1/calls", json!({ "to": "bob" })).await.refuses(422, "invalid");
}

#[tokio::test]
async fn calls_come_in_pages() {
    let house = TestHouse::open().await;
    for number in ["+491", "+492", "+493"] {
        house.inside(move |inside| inside.customer(number, Destination::Queue("support".to_owned()))).await;
    }
    let operator = Client::operator(&house);
    let first = operator.get("/v1/calls?limit=2").await.is(200);
    let second = operator.get(&format!("/v1/calls?limit=2&cursor={}", first["next"].as_str().unwrap())).await.is(200);
    let count = |page: &Value| page["items"].as_array().unwrap().len();
    assert_eq!((count(&first), count(&second), &second["next"]), (2, 1, &Value::Null));
    for (query, code) in
        [("limit=0", "bad_query"), ("limit=x", "bad_query"), ("cursor=%21", "bad_cursor"), ("no=1", "bad_query")]
    {
        for list in ["calls", "agents", "queues", "directory", "users", "history"] {
            if (list, query) != ("history", "cursor=%21") {
                operator.get(&format!("/v1/{list}?{query}")).await.refuses(400, code);
            }
        }
    }
    operator.get("/v1/history?cursor=%21").await.refuses(400, "bad_cursor");
}

#[tokio::test]
async fn one_participant_is_pressed_played_and_hung_up() {
    let house = TestHouse::open().await;
    let id = house.customer_with("alice").await;
    let alice = Client::agent(&house, "alice").await;
    let call = alice.get(&format!("/v1/calls/{id}")).await.is(200);
    let customer = format!("/v1/calls/{id}/participants/{}", customer_of(&call)["id"].as_str().unwrap());
    alice.post(&format!("{customer}/dtmf"), json!({ "digits": "12#D", "duration_ms": 80 })).await.is(204);
    for digits in ["", "x", "1 2", &"1".repeat(65)] {
        alice.post(&format!("{customer}/dtmf"), json!({ "digits": digits })).await.refuses(422, "invalid");
    }
    alice.post(&format!("{customer}/play"), json!({ "prompt": "position", "position": 3 })).await.is(204);
    alice.post(&format!("{customer}/play"), json!({ "prompt": "position" })).await.refuses(422, "invalid");
    alice.post(&format!("{customer}/play"), json!({ "prompt": "fanfare" })).await.refuses(422, "invalid");
    alice.patch(&customer, json!({ "volume_db": 21 })).await.refuses(422, "invalid");
    // Leaving: the customer is released, the call is over.
    alice.delete(&format!("/v1/calls/{id}/participants/{}", id_of(&call, "alice"))).await.is(204);
    assert_eq!(Client::operator(&house).get("/v1/calls").await.is(200)["items"], json!([]));
}

#[tokio::test]
async fn a_room_is_locked_and_opened() {
    let house = TestHouse::open().await;
    let alice = Client::agent(&house, "alice").await;
    house.inside(|inside| inside.agent_dials("alice", Destination::Room("standup".to_owned()))).await;
    let call = alice.get("/v1/calls").await.is(200)["items"][0].clone();
    let path = format!("/v1/calls/{}", call["id"].as_str().unwrap());
    assert_eq!((&call["room"], &call["locked"]), (&json!("standup"), &json!(false)));
    assert_eq!(alice.patch(&path, json!({ "locked": true })).await.is(200)["locked"], true);
    assert_eq!(Client::operator(&house).patch(&path, json!({ "locked": false })).await.is(200)["locked"], false);
    alice.patch(&path, json!({})).await.refuses(422, "invalid");
}

#[tokio::test]
async fn history_is_json_or_a_sheet() {
    let house = TestHouse::open().await;
    let operator = Client::operator(&house);
    for number in ["+491", "=1+1"] {
        let id = house
            .inside(move |inside| {
                let call = inside.customer(number, Destination::Agent(name("alice")));
                inside.answer("alice");
                call
            })
            .await;
        operator.delete(&format!("/v1/calls/{id}")).await.is(204);
    }
    let page = operator.get("/v1/history?limit=1&from=2020-01-01T00:00:00Z&to=2099-01-01T00:00:00Z").await.is(200);
    let record = &page["items"][0];
    assert_eq!(record["participants"][0]["name"], "=1+1");
    assert_eq!(record["participants"][0]["reason"], "ended");
    assert!(record["ended_at"].is_string() && page["next"].is_string());
    let one = operator.get(&format!("/v1/history/{}", record["id"].as_str().unwrap())).await.is(200);
    assert_eq!(one, *record);
    operator.get("/v1/history/c-beef").await.refuses(404, "call_not_found");
    operator.get("/v1/history?from=yesterday").await.refuses(400, "bad_query");
    operator.get(&format!("/v1/history?queue={}", "x".repeat(129))).await.refuses(400, "bad_query");

    let sheet = operator.get("/v1/history?format=csv&limit=1").await;
    assert_eq!(sheet.header("content-type"), "text/csv; charset=utf-8");
    assert!(sheet.header("link").contains("rel=\"next\""), "{}", sheet.header("link"));
    assert!(sheet.text.lines().nth(1).unwrap().contains(",'=1+1,alice,"), "{}", sheet.text);
    let sheet = operator.get("/v1/history?agent=alice&format=csv&limit=1&from=2020-01-01T00:00:00Z").await;
    let link = sheet.header("link").strip_prefix('<').and_then(|link| link.split('>').next()).unwrap().to_owned();
    assert!(link.starts_with("/v1/history?agent=alice&limit=1&from=2020-01-01T00:00:00Z&format=csv&cursor="), "{link}");
    assert!(operator.get(&link).await.text.lines().count() == 2, "one record, as was asked for the first page");
    let asked = operator.request(Method::GET, "/v1/history").header("accept", "text/csv");
    assert!(Answer::of(asked).await.text.starts_with("call,room,started_at,"));
}

#[tokio::test]
async fn users_are_added_changed_and_deleted() {
    let house = TestHouse::open().await;
    let operator = Client::operator(&house);
    let new = json!({ "name": "erin", "password": "one", "extension": "105", "queues": ["support"] });
    let user = operator.post("/v1/users", new.clone()).await.is(201);
    assert_eq!(
        (&user["display_name"], &user["max_calls"], &user["from_file"]),
        (&json!("erin"), &json!(2), &json!(false))
    );
    operator.post("/v1/users", new).await.refuses(409, "conflict");
    operator.post("/v1/users", json!({ "name": "", "password": "x" })).await.refuses(422, "invalid");
    operator
        .post("/v1/users", json!({ "name": "f", "password": "x", "max_calls": 1_001 }))
        .await
        .refuses(422, "invalid");
    operator.post("/v1/users", json!({ "name": "f", "password": "" })).await.refuses(422, "invalid");
    let erin = Client::login(&house, json!({ "name": "erin", "password": "one" })).await;
    erin.get("/v1/calls").await.is(200);
    operator.put("/v1/users/erin/password", json!({ "password": "two" })).await.is(204);
    erin.get("/v1/calls").await.refuses(401, "unauthenticated");
    Client::login(&house, json!({ "name": "erin", "password": "two" })).await;
    operator.delete("/v1/users/erin").await.is(204);
    operator.delete("/v1/users/erin").await.refuses(404, "user_not_found");
    operator.delete("/v1/users/alice").await.refuses(409, "conflict");
    let names: Vec<Value> = operator.get("/v1/users").await.is(200)["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["name"].clone())
        .collect();
    assert_eq!(names, ["alice", "bob", "carol", "dan"]);
}

#[tokio::test]
async fn the_operator_drains_reloads_and_traces() {
    let house = TestHouse::open().await;
    let operator = Client::operator(&house);
    let anybody = Client::with(&house, "");
    assert_eq!(anybody.get("/readyz").await.is(200)["ready"], true);
    operator.ask(Method::POST, "/v1/drain").await.is(204);
    let health = anybody.get("/readyz").await.is(503);
    assert_eq!(health["parts"][1], json!({ "name": "store", "trouble": "away" }));
    assert_eq!(anybody.get("/healthz").await.is(200)["ready"], false);
    operator.post("/v1/drain", json!({ "draining": false })).await.is(204);
    anybody.get("/readyz").await.is(200);
    assert_eq!(operator.ask(Method::POST, "/v1/reload").await.is(200), json!({ "notes": ["nothing changed"] }));

    let mut messages = operator.request(Method::GET, "/v1/trace?call=c-0001").send().await.unwrap();
    assert_eq!(messages.headers()["content-type"], "application/x-ndjson");
    let line: Value = serde_json::from_slice(&messages.chunk().await.unwrap().unwrap()).unwrap();
    assert_eq!((&line["call"], &line["sent"]), (&json!("c-0001"), &json!(true)));
    assert_eq!(line["text"], "BYE sip:x SIP/2.0\r\n\u{fffd}\r\n");
    operator.get("/v1/trace?call=x").await.refuses(404, "call_not_found");
}

#[tokio::test]
async fn metrics_are_those_of_the_house_and_the_apis_own() {
    let house = TestHouse::open().await;
    Client::operator(&house).get("/v1/nothing").await.refuses(404, "route_not_found");
    let metrics = Client::with(&house, "").get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    assert!(metrics.text.starts_with("# HELP baton_calls") && metrics.text.ends_with("\n# EOF\n"), "{}", metrics.text);
    assert!(metrics.text.contains("baton_api_answers_total{class=\"4xx\"} 1\n"), "{}", metrics.text);
    assert_eq!(metrics.text.matches("# EOF").count(), 1);
}
