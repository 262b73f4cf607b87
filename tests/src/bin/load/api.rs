//! The operator at the API of the daemon under load.

use std::time::{Duration, Instant};

use baton_tests::desk::http_client;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::house::House;

/// A client with the operator's token.
pub(crate) struct Api {
    pub(crate) client: Client,
    pub(crate) host: String,
    pub(crate) token: String,
}

impl Api {
    pub(crate) fn of(house: &House) -> Result<Self, String> {
        Ok(Self { client: http_client(), host: house.http.to_string(), token: house.token()? })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, String> {
        let answer = self.send(self.client.get(self.url(path))).await?;
        serde_json::from_str(&answer).map_err(|why| why.to_string())
    }

    /// POST of nothing; it must be done.
    pub(crate) async fn post(&self, path: &str) -> Result<(), String> {
        self.send(self.client.post(self.url(path)).json(&json!({}))).await.map(drop)
    }

    /// Holds somebody, or resumes; how long it took until that was in force.
    pub(crate) async fn hold(&self, path: &str, hold: bool) -> Result<Duration, String> {
        let began = Instant::now();
        self.send(self.client.patch(self.url(path)).json(&json!({"hold": hold}))).await?;
        Ok(began.elapsed())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    async fn send(&self, request: RequestBuilder) -> Result<String, String> {
        let response = request.bearer_auth(&self.token).send().await.map_err(|why| why.to_string())?;
        let status = response.status();
        let body = response.text().await.map_err(|why| why.to_string())?;
        if status.is_success() { Ok(body) } else { Err(format!("{status}: {body}")) }
    }
}
