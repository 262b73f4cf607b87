//! Rows E of the list of attacks, for what is there: names from outside, tokens of others, keys of repeats, files that are none, and
//! what can be read without a token. Each gets its answer, and a call that is up hears nothing of it.
//!
//! The list has no rows E3 and E11; E1 and E6 wait for the desktop, E8 and E15 for webhooks, E13 for TLS, E16 and the files of E9 for
//! recordings. E5 is in the tests of `control-api`, E14 in those of the daemon's settings; the log of E2 is read in the daemon's
//! `command_line`.

use std::time::Duration;

use baton_tests::by_api::ByApi;
use baton_tests::desk::{Desk, http_client, id_of, person};
use baton_tests::hearing::Talk;
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, DOMAIN, House, tones};
use baton_tests::people::{Person, SOON, connect};
use baton_tests::raw::RawCall;
use baton_tests::shell::Shell;
use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use softphone::LineId;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// What moves a terminal, or hides in a text: ESC, CR, marks of direction, characters without width.
const INVISIBLE: [char; 7] = ['\u{1b}', '\r', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}'];
/// A display name with as much of that as SIP lets through (RFC 3261 §25.1: qdtext has no CR, LF or ESC).
const HOSTILE: &str = "Al\u{9b}31mi\u{202e}ec\u{2066}x\u{200b}y\u{feff}z";
/// A user part in which all of it is escaped (§19.1.2), and what it stands for.
const ESCAPED: &str = "Al%1B%5B31mi%E2%80%AEec%0D%0Ax%E2%80%8By";
const UNESCAPED: &str = "Al\u{1b}[31mi\u{202e}ec\r\nx\u{200b}y";

/// A house in which a customer talks with Alice; whatever is done to it, they have no gap.
struct Bystanders {
    house: House,
    alice: Person,
    hers: LineId,
    customer: Person,
    theirs: LineId,
}

impl Bystanders {
    async fn open() -> Self {
        let house = House::open().await;
        let (alice, customer) = (house.alice().await, house.customer().await);
        let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
        Self { house, alice, hers, customer, theirs }
    }

    async fn talk(&self) -> Talk<'_> {
        Talk::of((&self.customer, self.theirs), (&self.alice, self.hers)).await
    }

    async fn close(self) {
        self.house.freeze_and_thaw(2).await;
        self.talk().await;
        self.customer.hangs_up(self.theirs);
        self.alice.is_let_go(self.hers).await;
        self.house.close().await;
    }
}

/// A request as text, so that the very bytes of its answer can be looked at.
async fn raw_answer(house: &House, token: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let url = format!("http://{}{path}", house.running.http());
    let mut request = http_client().request(method, url).timeout(SOON);
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("a body"))
}

fn admins_token(house: &House) -> String {
    std::fs::read_to_string(house.data().join("admin.token")).expect("a token").trim().to_owned()
}

/// E2: masked in everything that is shown to people, escaped in JSON for programs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e2_a_display_name_moves_no_terminal() {
    let by = Bystanders::open().await;
    let mut talk = by.talk().await;
    let shell = Shell::of(&by.house);
    let mut traces = [shell.starts(&["trace"]), shell.starts(&["trace", "--full"]), shell.starts(&["trace", "--json"])];
    let shown = format!("\"{HOSTILE}\" <sip:{ESCAPED}@{DOMAIN}>");
    for trace in &mut traces {
        trace.until_watching(&by.house).await;
    }
    let mut call = RawCall::dial_as(CUSTOMERS, by.house.udp, &shown, "room7", tones::STRANGER).await;
    let [ladder, full, json] = &mut traces;
    ladder.until("the call", |line| line.contains("INVITE")).await;
    full.until("the name, masked", |line| line.contains("mi\u{fffd}ec")).await;
    json.until("the name, escaped", |line| line.contains("mi\\u202eec")).await;
    let calls = Desk::operator(&by.house).get("/v1/calls").await.done(200);
    let strangers = calls["items"].as_array().expect("a list").iter().find(|call| !call["room"].is_null());
    let id = strangers.expect("the room")["id"].as_str().expect("an id").to_owned();
    let mut written = Vec::new();
    for arguments in [&["calls"][..], &["calls", "--json"], &["call", &id], &["call", &id, "--json"]] {
        written.push(shell.does(arguments).await);
    }
    call.hangs_up().await;
    let record = format!("/v1/history/{id}");
    Desk::operator(&by.house).until(&record, |record| record["ended_at"].is_string()).await;
    for arguments in [&["call", &id][..], &["history"], &["history", "--json"]] {
        written.push(shell.does(arguments).await);
    }
    written.extend(traces.iter_mut().map(|trace| trace.seen().join("\n")));
    for text in &written {
        assert!(!text.contains(INVISIBLE), "{text:?}");
    }
    assert!(
        written[0].contains("Al\u{fffd}[31mi\u{fffd}ec\u{fffd}\u{fffd}x\u{fffd}y"),
        "it is shown, masked: {}",
        written[0]
    );
    let (_, json) = raw_answer(&by.house, &admins_token(&by.house), Method::GET, &record, &[]).await;
    let read: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(read["participants"][0]["name"], UNESCAPED, "programs get it as it came");
    assert!(!json.contains(char::is_control), "{json:?}");
    talk.is_unharmed("a hostile name").await;
    drop(traces);
    by.close().await;
}

/// E2: what SIP does not let through in a name is no name: a line's end in a From is no new header either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e2_line_ends_and_escapes_in_a_from_are_no_headers() {
    let by = Bystanders::open().await;
    let mut talk = by.talk().await;
    let shown = format!("\"Al\r\n ice\" <sip:+15550199@{DOMAIN}>");
    let mut call = RawCall::dial_as(CUSTOMERS, by.house.udp, &shown, "room7", tones::STRANGER).await;
    let shell = Shell::of(&by.house);
    let calls = shell.does(&["calls"]).await;
    assert!(calls.contains("+15550199"), "a folded line is one blank (RFC 3261 §7.3.1): {calls}");
    call.hangs_up().await;
    let mut peer = baton_tests::raw::Peer::udp(CUSTOMERS, by.house.udp).await;
    let mut dialog = peer.dialog("x", "room7");
    dialog.local = format!("\"Al\u{1b}[2Jice\" <sip:+15550199@{DOMAIN}>;tag=esc");
    let request = peer.request(&mut dialog, "OPTIONS", "", "");
    let answer = peer.ask(&request).await;
    assert!(matches!(answer.status(), Some(200 | 400 | 404)), "{answer:?}");
    talk.is_unharmed("a hostile From").await;
    by.close().await;
}

/// E4: whatever stands in a header is a parameter to the database, never a part of what it is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e4_quotes_in_headers_ask_the_database_nothing() {
    const HOSTILE: &str = "x'; DROP TABLE calls; --";
    let by = Bystanders::open().await;
    let mut talk = by.talk().await;
    let operator = Desk::operator(&by.house);
    let shown = format!("\"{HOSTILE}\" <sip:x'%3B%20DROP%20TABLE%20calls%3B%20--@{DOMAIN}>");
    let mut call = RawCall::dial_as(CUSTOMERS, by.house.udp, &shown, "room7", tones::STRANGER).await;
    let calls = operator.get("/v1/calls").await.done(200);
    let strangers = calls["items"].as_array().expect("a list").iter().find(|call| !call["room"].is_null());
    let id = strangers.expect("the room")["id"].as_str().expect("an id").to_owned();
    call.hangs_up().await;
    operator.until(&format!("/v1/history/{id}"), |record| record["ended_at"].is_string()).await;
    let ids =
        |page: &Value| page["items"].as_array().expect("a list").iter().map(|it| it["id"].clone()).collect::<Vec<_>>();
    // a record is in the list once the store has it
    let by_number = "/v1/history?number=x%27%3B%20DROP%20TABLE%20calls%3B%20--";
    let found = operator.until(by_number, |page| !ids(page).is_empty()).await;
    assert_eq!(ids(&found), [json!(id)], "{found}");
    for nothing in [
        "number=%27%20OR%201%3D1%20--",
        "agent=%27%20OR%20%271%27%3D%271",
        "queue=%27%3B%20DELETE%20FROM%20calls",
        "number=%25",
    ] {
        let page = operator.get(&format!("/v1/history?{nothing}")).await.done(200);
        assert_eq!(page["items"], json!([]), "{nothing}");
    }
    let directory = operator.get("/v1/directory?q=%27%20OR%20%271%27%3D%271").await.done(200);
    assert_eq!(directory["items"], json!([]));
    let user = operator.post("/v1/users", json!({"name": "a'; --", "password": "'; DROP TABLE users; --"})).await;
    assert!(matches!(user.status, 201 | 400 | 422), "{}", user.body);
    let login = json!({"name": "' OR '1'='1", "password": "' OR '1'='1"});
    assert_eq!(operator.post("/v1/login", login).await.status, 401);
    assert_eq!(ids(&operator.get("/v1/history").await.done(200)), [json!(id)], "nothing is gone");
    assert!(operator.get("/v1/users").await.done(200)["items"].as_array().is_some_and(|users| users.len() >= 3));
    talk.is_unharmed("quotes").await;
    by.close().await;
}

/// E7: another agent's call does not exist, whatever is asked of it; in one's own call nobody acts in another's name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e7_a_token_is_good_for_its_own_calls() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    let carols = Desk::of(&api.stage.house, "carol").await;
    let who = id_of(&api.sheet().await, "customer");
    let before = api.sheet().await;
    let asked: [(&str, String, Value); 11] = [
        ("GET", api.path(""), Value::Null),
        ("GET", api.path("/audibility"), Value::Null),
        ("GET", format!("/v1/history/{}", api.call), Value::Null),
        ("POST", api.path("/transfer"), json!({"target": {"agent": "carol"}})),
        ("POST", api.path("/transfer/merge"), json!({})),
        ("POST", api.path("/transfer/complete"), json!({"by": "alice"})),
        ("POST", api.path(&format!("/participants/{who}/dtmf")), json!({"digits": "1"})),
        ("POST", api.path(&format!("/participants/{who}/play")), json!({"prompt": "notice"})),
        ("PATCH", api.path(&format!("/participants/{who}")), json!({"hold": false})),
        ("DELETE", api.path(&format!("/participants/{who}")), Value::Null),
        ("DELETE", api.path(""), Value::Null),
    ];
    for (method, path, body) in asked {
        let answer = match method {
            "GET" => carols.get(&path).await,
            "POST" => carols.post(&path, body).await,
            "PATCH" => carols.patch(&path, body).await,
            _ => carols.delete(&path).await,
        };
        assert_eq!(answer.refusal(), (404, "call_not_found"), "{method} {path}");
    }
    assert_eq!(carols.get("/v1/trace").await.refusal(), (403, "not_allowed"));
    assert_eq!(api.desk.post(&api.path("/transfer/merge"), json!({"by": "bob"})).await.refusal(), (403, "not_allowed"));
    let after = api.sheet().await;
    assert_eq!((&after["transfer"], &person(&after, "customer")["status"]), (&before["transfer"], &json!("held")));
    api.stage.is_private(his).await;
    api.stage.kept_private(his);
    api.stage.alice_is_quiet();
    api.steps("cancel").await;
    api.stage.customer_closes().await;
}

/// E7: a token that may only read changes nothing, by request or over the WebSocket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e7_a_reading_token_writes_nothing() {
    let api = ByApi::open().await;
    let login = json!({"name": "alice", "password": "alice-secret", "scope": "read"});
    let known = Desk::operator(&api.stage.house).post("/v1/login", login).await.done(200);
    let token = known["token"].as_str().expect("a token").to_owned();
    let reader = Desk::with_token(&api.stage.house, token.clone());
    let who = id_of(&reader.get(&api.path("")).await.done(200), "customer");
    let person = api.path(&format!("/participants/{who}"));
    for refused in [
        reader.patch(&person, json!({"hold": true})).await,
        reader.delete(&person).await,
        reader.post(&api.path("/transfer"), json!({"target": {"agent": "bob"}})).await,
        reader.put("/v1/agents/alice/state", json!({"state": "paused"})).await,
    ] {
        assert_eq!(refused.refusal(), (403, "read_only"));
    }
    let mut request =
        format!("ws://{}/v1/events", api.stage.house.running.http()).into_client_request().expect("a request");
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a token"));
    let (mut socket, _) = connect_async(request).await.expect("the events");
    let hold = json!({"action": "hold", "call": api.call, "participant": who, "hold": true}).to_string();
    socket.send(Message::Text(hold.into())).await.expect("it is sent");
    // the snapshot, and nothing that comes of what was said
    let quiet = tokio::time::timeout(Duration::from_millis(500), async {
        while let Some(Ok(message)) = socket.next().await {
            assert!(!message.to_text().unwrap_or_default().contains("\"held\":true"), "{message}");
        }
    });
    drop(quiet.await);
    api.stage.alice_and_customer_talk().await;
    assert!(!api.stage.bob.is_busy());
    api.stage.customer_closes().await;
}

/// E9: what names a file in an attack names nothing here: prompts are words of a list, and no file is opened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e9_names_of_files_are_no_names_of_prompts_calls_or_agents() {
    let by = Bystanders::open().await;
    let mut talk = by.talk().await;
    let operator = Desk::operator(&by.house);
    let call = operator.only_call().await;
    let (id, who) = (call["id"].as_str().expect("an id"), id_of(&call, "customer"));
    let long = "x".repeat(5_000);
    for name in ["../../etc/passwd", "notice\0", "/etc/passwd", "file:///etc/passwd", long.as_str()] {
        let play = format!("/v1/calls/{id}/participants/{who}/play");
        let answer = operator.post(&play, json!({"prompt": name})).await;
        assert!(matches!(answer.status, 400 | 422), "{name:.20}: {}", answer.body);
    }
    let token = admins_token(&by.house);
    for path in ["..%2F..%2Fetc%2Fpasswd", "%2e%2e%2fetc", "c-1%00", &long] {
        for place in ["/v1/calls/", "/v1/history/", "/v1/agents/", "/v1/queues/", "/v1/reservations/"] {
            let (status, body) = raw_answer(&by.house, &token, Method::GET, &format!("{place}{path}"), &[]).await;
            assert!(matches!(status, 400 | 404 | 405), "{place}{path:.20}: {status} {body}");
            assert!(!body.contains("root:"), "{body}");
        }
    }
    let user = operator.post("/v1/users", json!({"name": "../../etc/x", "password": "p"})).await;
    assert!(matches!(user.status, 400 | 422), "{}", user.body);
    talk.is_unharmed("files").await;
    by.close().await;
}

async fn keyed(api: &ByApi, key: &str, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("http://{}{path}", api.stage.house.running.http());
    let token = admins_token(&api.stage.house);
    let request = http_client().post(url).bearer_auth(token).header("idempotency-key", key).json(body).timeout(SOON);
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

/// E10: the same key, the same body: the same answer, done once. Another body: 422. At once: 409, or the same answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e10_a_transfer_that_is_asked_for_again_is_started_once() {
    let api = ByApi::open().await;
    let (path, body) = (api.path("/transfer"), json!({"by": "alice", "target": {"agent": "bob"}}));
    let (one, other) = tokio::join!(keyed(&api, "k", &path, &body), keyed(&api, "k", &path, &body));
    let mut both = [one, other];
    both.sort_by_key(|(status, _)| *status);
    assert_eq!(both[0].0, 201, "{both:?}");
    let again_or_busy =
        both[1] == both[0] || (both[1].0, &both[1].1["code"]) == (409, &json!("idempotency_in_progress"));
    assert!(again_or_busy, "{both:?}");
    let his = api.stage.bob.is_rung().await;
    let again = keyed(&api, "k", &path, &body).await;
    assert_eq!(again, both[0], "and not `transfer_in_progress`");
    let different = json!({"by": "alice", "target": {"agent": "carol"}});
    let (status, refused) = keyed(&api, "k", &path, &different).await;
    assert_eq!((status, &refused["code"]), (422, &json!("idempotency_key_reused")));
    assert_eq!(api.stage.bob.phone.lines().len(), 1, "he is rung once");
    // a step that is repeated is done once: two swaps would lead back
    api.stage.bob.phone.answer(his).expect("it rings");
    api.stage.bob.says(his, tones::BOB_TOO);
    api.stage.alice.says(api.stage.hers, tones::SECRET);
    api.stage.customer.says(api.stage.theirs, tones::STRANGER);
    api.stage.is_private(his).await;
    api.stage.alice_is_quiet();
    for _ in 0..2 {
        let (status, answer) = keyed(&api, "swap", &api.path("/transfer/swap"), &json!({"by": "alice"})).await;
        assert!(matches!(status, 200 | 204), "{answer}");
    }
    assert_eq!(api.sheet().await["transfer"]["facing"], "customer");
    api.steps("cancel").await;
    api.stage.bob.is_let_go(his).await;
    api.stage.customer_closes().await;
}

/// E12: from this machine, or with a token; and no caller's number or name is in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_numbers_for_graphs_name_no_caller() {
    let by = Bystanders::open().await;
    let mut talk = by.talk().await;
    let relayed = [("x-forwarded-for", "192.0.2.7")];
    let agents = json!({"name": "bob", "password": "bob-secret"});
    let bobs = Desk::operator(&by.house).post("/v1/login", agents).await.done(200);
    let admins = admins_token(&by.house);
    for path in ["/metrics", "/healthz", "/readyz"] {
        let (status, text) = raw_answer(&by.house, "", Method::GET, path, &[]).await;
        assert_eq!(status, 200, "from this machine: {path}");
        for named in ["+15550100", "15550100", "+15551111", "127.0.0.2"] {
            assert!(!text.contains(named), "{path} names {named}");
        }
        assert_eq!(raw_answer(&by.house, "", Method::GET, path, &relayed).await.0, 401, "{path}");
        assert_eq!(raw_answer(&by.house, "guessed", Method::GET, path, &relayed).await.0, 401, "{path}");
        for token in [admins.as_str(), bobs["token"].as_str().expect("a token")] {
            assert_eq!(raw_answer(&by.house, token, Method::GET, path, &relayed).await.0, 200, "{path}");
        }
    }
    for path in ["/debug", "/debug/pprof", "/v1/debug", "/tokio-console"] {
        assert_eq!(raw_answer(&by.house, &admins, Method::GET, path, &[]).await.0, 404, "{path}");
    }
    talk.is_unharmed("scrapes").await;
    by.close().await;
}
