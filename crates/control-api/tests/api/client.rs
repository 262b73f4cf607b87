//! A client of the API: requests that say in one line what they are, and answers that can be looked at.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::house::{ADMIN, TestHouse};

/// Somebody with a token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    pub token: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Client {
    pub fn with(house: &TestHouse, token: &str) -> Self {
        let tls = secure_wire::Connector::to_own(None).expect("settings of TLS");
        let http =
            reqwest::Client::builder().tls_backend_preconfigured(tls.settings()).no_proxy().build().expect("a client");
        Self { http, base: house.url(""), token: token.to_owned() }
    }

    pub fn operator(house: &TestHouse) -> Self {
        Self::with(house, ADMIN)
    }

    /// An agent who has logged in.
    pub async fn agent(house: &TestHouse, name: &str) -> Self {
        Self::login(house, serde_json::json!({ "name": name, "password": format!("{name}-secret") })).await
    }

    pub async fn login(house: &TestHouse, said: Value) -> Self {
        let session = Self::with(house, "").post("/v1/login", said).await.is(200);
        Self::with(house, session["token"].as_str().expect("a token"))
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, said: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&said)).await
    }

    /// Without a body.
    pub async fn ask(&self, method: Method, path: &str) -> Answer {
        Answer::of(self.request(method, path)).await
    }

    pub async fn put(&self, path: &str, said: Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(&said)).await
    }

    pub async fn patch(&self, path: &str, said: Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(&said)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path).await
    }
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.expect("a text") }
    }

    /// It has this status: its JSON.
    pub fn is(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { serde_json::from_str(&self.text).expect("JSON") }
    }

    /// It is a problem of this status and code.
    pub fn refuses(&self, status: u16, code: &str) -> Value {
        let problem = self.is(status);
        assert_eq!(problem["code"], code, "{}", self.text);
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        assert_eq!(self.header("content-type"), "application/problem+json");
        problem
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Whoever in a call is this agent: the id.
pub fn id_of(call: &Value, agent: &str) -> String {
    let people = call["participants"].as_array().expect("participants");
    let found = people.iter().find(|person| person["agent"] == agent);
    found.unwrap_or_else(|| panic!("{agent} is in {call}"))["id"].as_str().expect("an id").to_owned()
}

/// The customer of a call.
pub fn customer_of(call: &Value) -> Value {
    let people = call["participants"].as_array().expect("participants");
    people.iter().find(|person| person["role"] == "customer").expect("a customer").clone()
}
