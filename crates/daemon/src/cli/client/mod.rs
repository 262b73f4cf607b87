//! A client of a running daemon: asks over HTTP, listens over WebSocket, and says plainly why something was not done.
//!
//! It prints nothing and draws nothing. Which path means what stands in `asks`; what comes back in `wire`.

mod asks;
mod place;
mod stream;
pub(super) mod wire;

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use secure_wire::Connector;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) use asks::{HistoryAsked, NewUser, Target};
pub(super) use place::{Place, PlaceError, Reach};
pub(super) use stream::{Lines, Stream};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Why the daemon did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Where it is, or by what right it is asked, is not known.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// It does not answer there.
    #[error("no daemon answers at {url}: {why}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// The innermost cause.
        why: String,
    },
    /// It said no.
    #[error("{detail} ({code})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable code: `transfer_in_progress`.
        code: String,
        /// Its words.
        detail: String,
    },
    /// What it said is not understood.
    #[error("{url} answered what this program does not understand: {why}")]
    Odd {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

impl ClientError {
    /// Whether it was said that there is no such thing.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

/// What came back.
struct Answer {
    body: Vec<u8>,
    /// Where there is more (RFC 8288).
    link: Option<String>,
}

/// A daemon that can be asked.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    place: Place,
    connector: Connector,
}

impl Client {
    /// A client of the daemon that `reach` names. Nothing is sent yet.
    ///
    /// # Errors
    /// The settings or the token cannot be read.
    pub(super) fn new(reach: &Reach) -> Result<Self, ClientError> {
        let place = Place::find(reach)?;
        // what stands in the environment for browsers must not lead an operator's token elsewhere
        let connector = connector(&place)?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(connector.settings())
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .build()
            .map_err(|error| ClientError::Unreachable { url: place.url.clone(), why: innermost(&error) })?;
        Ok(Self { http, place, connector })
    }

    /// Where the daemon is.
    pub(super) fn url(&self) -> &str {
        &self.place.url
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.http.request(method, self.address(path)).bearer_auth(&self.place.token)
    }

    fn address(&self, path: &[&str]) -> String {
        path.iter().fold(format!("{}/v1", self.place.url), |url, segment| url + "/" + &escaped(segment))
    }

    /// Sends it; the answer to a success.
    async fn send(&self, request: RequestBuilder) -> Result<Answer, ClientError> {
        let mut response = request.timeout(ANSWER).send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let link = response.headers().get("link").and_then(|link| link.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + chunk.len() > ANSWER_BYTES {
                let why = format!("more than {ANSWER_BYTES} bytes");
                return Err(ClientError::Odd { url: self.place.url.clone(), why });
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() { Ok(Answer { body, link }) } else { Err(refused(status, &body)) }
    }

    /// Sends it; the JSON of a success, `{}` where there is none.
    async fn json(&self, request: RequestBuilder) -> Result<Value, ClientError> {
        let Answer { body, .. } = self.send(request).await?;
        if body.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(&body).map_err(|error| self.odd(&error))
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let why = if error.is_timeout() { "no answer in time".to_owned() } else { innermost(error) };
        ClientError::Unreachable { url: self.place.url.clone(), why }
    }

    fn odd(&self, error: &serde_json::Error) -> ClientError {
        ClientError::Odd { url: self.place.url.clone(), why: error.to_string() }
    }

    /// Reads a value as what it should be.
    ///
    /// # Errors
    /// It is something else.
    pub(super) fn read<T: DeserializeOwned>(&self, value: &Value) -> Result<T, ClientError> {
        T::deserialize(value).map_err(|error| self.odd(&error))
    }
}

/// Believes the daemon's own certificate, if it is known, and whomever this machine trusts.
fn connector(place: &Place) -> Result<Connector, PlaceError> {
    let own = place.certificate.as_deref();
    Connector::to_own(own).map_err(|error| PlaceError::Certificate(error.to_string()))
}

/// What a problem document (RFC 9457) says; without one, the status alone.
fn refused(status: StatusCode, body: &[u8]) -> ClientError {
    let problem: wire::Problem = serde_json::from_slice(body).unwrap_or_default();
    let code = if problem.code.is_empty() { format!("http_{}", status.as_u16()) } else { problem.code };
    let said = [problem.detail, problem.title].into_iter().find(|text| !text.is_empty());
    let detail = said.unwrap_or_else(|| status.canonical_reason().unwrap_or("refused").to_owned());
    ClientError::Refused { status: status.as_u16(), code, detail }
}

/// The cause behind all causes: "Connection refused", not "error sending request for url".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// One segment of a path, or a word of a query: whatever is not unreserved as `%XX` (RFC 3986 §2.3).
fn escaped(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        assert_eq!(escaped("../../etc?x=1#y"), "..%2F..%2Fetc%3Fx%3D1%23y");
        assert_eq!(escaped("ä"), "%C3%A4");
    }

    #[test]
    fn a_refusal_is_told_with_its_code_and_its_words() {
        let body = br#"{"type":"about:blank","title":"Conflict","status":409,"code":"no_transfer","detail":"none is under way"}"#;
        assert_eq!(refused(StatusCode::CONFLICT, body).to_string(), "none is under way (no_transfer)");
        assert_eq!(refused(StatusCode::BAD_GATEWAY, b"<html>").to_string(), "Bad Gateway (http_502)");
        assert!(refused(StatusCode::NOT_FOUND, b"").is_not_found());
    }
}
