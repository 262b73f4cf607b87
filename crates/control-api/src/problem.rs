//! Every answer that is a refusal or an error: a problem document (RFC 9457) with a stable `code`.
//!
//! The table from refusals to HTTP stands here, without a wildcard. What is refused, the core decides.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use conference::{Outcome, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::house::HouseError;

/// The media type of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// What a problem document says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemText {
    /// Always `about:blank`: `code` says what it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, for people.
    pub detail: String,
    /// What is wrong, for programs. It does not change from version to version.
    #[schema(example = "call_not_found")]
    pub code: String,
    /// Where in the body, if the body is wrong: the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<usize>,
    /// And the column.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<usize>,
}

/// A refusal or error on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: Cow<'static, str>,
    place: Option<(usize, usize)>,
    retry_after: Option<Duration>,
    outcome_unknown: bool,
}

/// Marks an answer after which nobody knows whether it was done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutcomeUnknown;

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), place: None, retry_after: None, outcome_unknown: false }
    }

    /// 400: what was sent cannot be read.
    pub(crate) fn bad(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 422: what was sent can be read, but makes no sense.
    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    /// 404.
    pub(crate) fn not_found(code: &'static str, detail: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// 401: nobody knows who asks.
    pub(crate) fn unknown_asker(detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// 403 `not_allowed`, with a reason of its own.
    pub(crate) fn not_allowed(detail: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "not_allowed", detail)
    }

    /// 429: come back later.
    pub(crate) fn too_many(detail: &'static str, retry_after: Duration) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail);
        problem.retry_after = Some(retry_after);
        problem
    }

    /// Where in the body it is: line and column, from 1.
    pub(crate) const fn at(mut self, line: usize, column: usize) -> Self {
        self.place = Some((line, column));
        self
    }

    /// Why a transfer that ended in the reaction to its start was not begun.
    pub(crate) fn of_outcome(outcome: Outcome) -> Option<Self> {
        let (code, detail) = match outcome {
            Outcome::Completed | Outcome::Joined => return None,
            Outcome::Rejected(486 | 600) | Outcome::Unreachable(486 | 600) => ("target_busy", "the target is busy"),
            Outcome::Rejected(_) => ("target_rejected", "the target turned it down"),
            Outcome::NoAnswer | Outcome::QueueTimeout => ("target_no_answer", "the target does not answer"),
            Outcome::Unreachable(480) => ("target_unavailable", "the target has no reachable phone"),
            Outcome::Unreachable(_) | Outcome::TargetGone => ("target_unreachable", "the target cannot be reached"),
            Outcome::Cancelled | Outcome::CustomerGone | Outcome::CallEnded => {
                ("call_not_live", "the call is ringing or ending")
            }
        };
        Some(Self::new(StatusCode::CONFLICT, code, detail))
    }

    pub(crate) fn text(&self) -> ProblemText {
        ProblemText {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone().into_owned(),
            code: self.code.to_owned(),
            line: self.place.map(|(line, _)| line),
            column: self.place.map(|(_, column)| column),
        }
    }
}

/// When to ask again whether calls are let in.
const DRAINED_BY: Duration = Duration::from_secs(30);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, detail) = match refusal {
            Refusal::CallNotFound => (StatusCode::NOT_FOUND, "there is no such call"),
            Refusal::CallNotLive => (StatusCode::CONFLICT, "the call is ringing or ending"),
            Refusal::TransferInProgress => (StatusCode::CONFLICT, "another transfer is under way in this call"),
            Refusal::InitiatorOnHold => (StatusCode::CONFLICT, "whoever asks is on hold"),
            Refusal::NotAllowed => (StatusCode::FORBIDDEN, "whoever asks may not do that in this call"),
            Refusal::NoTransfer => (StatusCode::CONFLICT, "no transfer is under way that this could be a step of"),
            Refusal::TargetNotLive => (StatusCode::CONFLICT, "the target has not answered"),
            Refusal::InitiatorAway => (StatusCode::CONFLICT, "no line of the initiator is open"),
            Refusal::BridgedByPhone => (StatusCode::CONFLICT, "the phone mixes both its lines itself"),
            Refusal::TargetUnknown => {
                (StatusCode::UNPROCESSABLE_ENTITY, "nobody is reached by that who is not in the call already")
            }
            Refusal::TargetUnavailable => (StatusCode::CONFLICT, "the target cannot take the call now"),
            Refusal::TargetBusy => (StatusCode::CONFLICT, "the target is busy"),
            Refusal::LimitReached => (StatusCode::CONFLICT, "a limit of this call is reached"),
            Refusal::ReservationNotFound => (StatusCode::NOT_FOUND, "there is no such reservation, or it is over"),
            Refusal::ParticipantNotFound => (StatusCode::NOT_FOUND, "there is no such participant in this call"),
            Refusal::Locked => (StatusCode::CONFLICT, "the room is locked"),
            Refusal::Draining => {
                (StatusCode::SERVICE_UNAVAILABLE, "the house lets no new calls in; those there are go on")
            }
        };
        let mut problem = Self::new(status, refusal.code(), detail);
        problem.retry_after = (refusal == Refusal::Draining).then_some(DRAINED_BY);
        problem
    }
}

impl From<HouseError> for Problem {
    fn from(error: HouseError) -> Self {
        let away = |why: Cow<'static, str>| {
            let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", why);
            problem.retry_after = Some(Duration::from_secs(1));
            problem
        };
        match error {
            HouseError::Unavailable(why) => away(why.into()),
            // no Retry-After: it may have been done, and would be done twice
            HouseError::NoAnswer => {
                Self { outcome_unknown: true, retry_after: None, ..away("no answer in time".into()) }
            }
            HouseError::NotFound => Self::not_found("not_found", "there is no such thing"),
            HouseError::Conflict(why) => Self::new(StatusCode::CONFLICT, "conflict", why),
            HouseError::Invalid(why) => Self::invalid(why),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.text()).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        let mut say = |name: HeaderName, value: HeaderValue| {
            response.headers_mut().insert(name, value);
        };
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6750 §3
            say(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"baton\""));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            say(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        if let Some(wait) = self.retry_after {
            say(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if self.outcome_unknown {
            response.extensions_mut().insert(OutcomeUnknown);
        }
        response
    }
}
