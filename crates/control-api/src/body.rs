//! Reads what a request says: its body, its path, its query. Every mistake is a problem that says what and where.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use conference::{CallId, ParticipantId, Refusal, ReservationId};
use futures_util::StreamExt as _;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, Unexpected};

use crate::limits::{BODY_BYTES, BODY_TIME};
use crate::problem::Problem;

/// What an empty body equals.
const NOTHING: &[u8] = b"{}";

/// A JSON body. An empty one equals `{}`, whatever its type.
#[derive(Debug)]
pub(crate) struct Said<T>(pub(crate) T);

/// The variable parts of a path.
#[derive(Debug)]
pub(crate) struct At<T>(pub(crate) T);

/// The query.
#[derive(Debug)]
pub(crate) struct Wanted<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Said<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let body = read(&parts.headers, body).await?;
        if body.is_empty() {
            return parse(NOTHING).map(Self);
        }
        if !is_json(&parts.headers) {
            let detail = "the body must be application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
        }
        // Nothing said in JSON's own word is nothing said as well.
        parse(if body.trim_ascii() == b"null" { NOTHING } else { &body }).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        let Path(path) = read.map_err(|_| Problem::bad("bad_path", "the path is not UTF-8"))?;
        Ok(Self(path))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Wanted<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Problem::bad("bad_query", rejection.body_text())),
        }
    }
}

/// A whole body, within its limits.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let too_long = || {
        let detail = format!("the body has more than {BODY_BYTES} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    };
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > BODY_BYTES) {
        return Err(too_long());
    }
    let whole = async {
        let mut whole = BytesMut::new();
        let mut pieces = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| Problem::bad("bad_body", "the body did not come to its end"))?;
            if whole.len() + piece.len() > BODY_BYTES {
                return Err(too_long());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    };
    let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body did not come in time");
    tokio::time::timeout(BODY_TIME, whole).await.map_err(late)?
}

/// `c-7f3a`.
pub(crate) fn call_id(said: &str) -> Result<CallId, Problem> {
    numbered(said, "c-").map(CallId).filter(|id| id.to_string() == said).ok_or_else(|| Refusal::CallNotFound.into())
}

/// `p1`.
pub(crate) fn participant_id(said: &str) -> Result<ParticipantId, Problem> {
    let number = said.strip_prefix('p').and_then(|digits| digits.parse().ok()).map(ParticipantId);
    number.filter(|id| id.to_string() == said).ok_or_else(|| Refusal::ParticipantNotFound.into())
}

/// `r-0001`.
pub(crate) fn reservation_id(said: &str) -> Result<ReservationId, Problem> {
    let id = numbered(said, "r-").map(ReservationId).filter(|id| id.to_string() == said);
    id.ok_or_else(|| Refusal::ReservationNotFound.into())
}

/// One id has one spelling: whoever asks compares what it stands for with what was said.
fn numbered(said: &str, prefix: &str) -> Option<u64> {
    u64::from_str_radix(said.strip_prefix(prefix)?, 16).ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // A list would be taken for an object without names.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let parsed = if is_object {
        serde_json::from_slice(body)
    } else {
        let whole: Result<IgnoredAny, _> = serde_json::from_slice(body);
        whole.and_then(|_| Err(serde_json::Error::invalid_type(Unexpected::Other("something else"), &"an object")))
    };
    parsed.map_err(|error| {
        let what = error.to_string();
        let problem = if error.is_data() { Problem::invalid(what) } else { Problem::bad("bad_json", what) };
        problem.at(error.line(), error.column())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        assert_eq!(call_id("c-7f3a").unwrap(), CallId(0x7f3a));
        assert_eq!(call_id("c-00017").map(|id| id.0).ok(), None);
        assert_eq!(participant_id("p1").unwrap(), ParticipantId(1));
        assert_eq!(reservation_id("r-0001").unwrap(), ReservationId(1));
        for odd in ["", "c-", "c-7F3A", "c-1", "c-+07f", "c-7f3a\0", "7f3a", "c-fffffffffffffffff", "../etc/passwd"] {
            assert_eq!(call_id(odd).unwrap_err().code, "call_not_found", "{odd:?}");
        }
        for odd in ["p", "p01", "p-1", "p+1", "p4294967296", "P1"] {
            assert_eq!(participant_id(odd).unwrap_err().code, "participant_not_found", "{odd:?}");
        }
    }

    #[test]
    fn a_mistake_in_json_is_told_with_its_place() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "only read")]
        struct Wanted {
            name: String,
        }
        let syntax = parse::<Wanted>(b"{\"name\":\n }").unwrap_err();
        assert_eq!((syntax.status.as_u16(), syntax.text().line), (400, Some(2)));
        let data = parse::<Wanted>(b"{\"name\": 1}").unwrap_err();
        assert_eq!((data.status.as_u16(), data.code), (422, "invalid"));
        assert!(data.detail.contains("expected a string"), "{}", data.detail);
    }
}
