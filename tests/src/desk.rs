//! Somebody at the API: an agent with a token of their own, or the operator; and their ear for events.
//!
//! It says what the HTTP answers are and judges nothing but that answers come, and are JSON.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::house::House;
use crate::people::SOON;

/// How often something that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What the API answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; null if there was none.
    pub body: Value,
}

impl Answer {
    /// The status and the code of a refusal.
    #[must_use]
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }

    /// The body of a success.
    pub fn done(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

/// Somebody at the API.
#[derive(Clone, Debug)]
pub struct Desk {
    client: Client,
    host: String,
    token: String,
}

/// A client of HTTP. It brings its own TLS, as `reqwest` is built without one.
///
/// # Panics
/// If there is none to be had.
#[must_use]
pub fn http_client() -> Client {
    let tls = secure_wire::Connector::to_own(None).expect("settings of TLS");
    Client::builder().tls_backend_preconfigured(tls.settings()).no_proxy().build().expect("a client")
}

impl Desk {
    /// An agent who logged in.
    pub async fn of(house: &House, agent: &str) -> Self {
        let nobody = Self::with_token(house, String::new());
        let login = json!({"name": agent, "password": format!("{agent}-secret")});
        let known = nobody.post("/v1/login", login).await.done(200);
        Self { token: known["token"].as_str().expect("a token").to_owned(), ..nobody }
    }

    /// The operator.
    #[must_use]
    pub fn operator(house: &House) -> Self {
        let token = std::fs::read_to_string(house.data().join("admin.token")).expect("the operator's token");
        Self::with_token(house, token.trim().to_owned())
    }

    /// Somebody with this token.
    #[must_use]
    pub fn with_token(house: &House, token: String) -> Self {
        Self::at(house.running.http(), token)
    }

    /// Somebody with this token at a service that is no house of ours.
    #[must_use]
    pub fn at(http: SocketAddr, token: String) -> Self {
        Self { client: http_client(), host: http.to_string(), token }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.asks(Method::GET, path, None).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.asks(Method::POST, path, Some(body)).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.asks(Method::PUT, path, Some(body)).await
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.asks(Method::PATCH, path, Some(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.asks(Method::DELETE, path, None).await
    }

    /// A number of `/metrics`: the value of the line that begins with this name and its labels.
    pub async fn number(&self, name: &str) -> f64 {
        let request = self.client.get(format!("http://{}/metrics", self.host)).bearer_auth(&self.token).timeout(SOON);
        let text = request.send().await.expect("an answer").text().await.expect("a body");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    async fn asks(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.client.request(method, format!("http://{}{path}", self.host)).timeout(SOON);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status();
        let text = response.text().await.expect("a body");
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON with {status} from {path}: {text}"))
        };
        if status.is_client_error() || status.is_server_error() {
            assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{body}");
            assert!(body["code"].is_string(), "a problem without a code: {body}");
        }
        Answer { status: status.as_u16(), body }
    }

    /// The only call of this agent, or of the house.
    pub async fn only_call(&self) -> Value {
        let calls = self.get("/v1/calls").await.done(200);
        let items = calls["items"].as_array().expect("a list").clone();
        assert_eq!(items.len(), 1, "{calls}");
        items.into_iter().next().unwrap_or_default()
    }

    /// Waits until a call is so.
    pub async fn until_call(&self, call: &str, so: impl Fn(&Value) -> bool) -> Value {
        self.until_call_within(SOON, call, so).await
    }

    /// As [`Desk::until_call`], for what takes its time.
    pub async fn until_call_within(&self, limit: Duration, call: &str, so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + limit;
        loop {
            let sheet = self.get(&format!("/v1/calls/{call}")).await;
            if sheet.status == 200 && so(&sheet.body) {
                return sheet.body;
            }
            assert!(Instant::now() < end, "the call did not come to that: {}", sheet.body);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until something got is so.
    pub async fn until(&self, path: &str, so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + SOON;
        loop {
            let got = self.get(path).await;
            if got.status == 200 && so(&got.body) {
                return got.body;
            }
            assert!(Instant::now() < end, "{path} did not come to that: {}", got.body);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Listens to the events from here on, or from behind one.
    pub async fn listens(&self, since: Option<u64>) -> Events {
        let since = since.map(|seq| format!("?since={seq}")).unwrap_or_default();
        let mut request = format!("ws://{}/v1/events{since}", self.host).into_client_request().expect("a request");
        let value = format!("Bearer {}", self.token).parse().expect("a token");
        request.headers_mut().insert("authorization", value);
        let (socket, _) = connect_async(request).await.expect("the events");
        Events { socket }
    }
}

/// A participant of a call's JSON, by agent's name, or by role.
#[must_use]
pub fn person<'a>(call: &'a Value, who: &str) -> &'a Value {
    let people = call["participants"].as_array().expect("participants");
    people.iter().find(|person| person["agent"] == who || person["role"] == who).unwrap_or(&Value::Null)
}

/// Their id in the call.
#[must_use]
pub fn id_of(call: &Value, who: &str) -> String {
    person(call, who)["id"].as_str().unwrap_or_else(|| panic!("{who} is not in {call}")).to_owned()
}

/// An ear for events.
#[derive(Debug)]
pub struct Events {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Events {
    /// The next message.
    pub async fn next(&mut self) -> Value {
        let next = async {
            loop {
                match self.socket.next().await.expect("the events go on").expect("a message") {
                    Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                    Message::Close(why) => panic!("the events were closed: {why:?}"),
                    Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                }
            }
        };
        tokio::time::timeout(SOON, next).await.expect("an event")
    }

    /// Waits for an event of a type that is so; whatever comes before it is passed over.
    pub async fn until(&mut self, kind: &str, so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next().await;
            if event["type"] == kind && so(&event) {
                return event;
            }
        }
    }
}
