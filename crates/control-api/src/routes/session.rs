//! Logging in and out. Whether a password is right, the house says; it takes as long for names that do not exist.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use conference::AgentName;
use serde::Deserialize;
use tracing::warn;
use utoipa::{OpenApi, ToSchema};

use super::Shared;
use crate::asking::Asking;
use crate::body::Said;
use crate::house::Ask;
use crate::limits::{LOGIN_LIFE, NAME, PASSWORD};
use crate::logins::hash;
use crate::problem::Problem;
use crate::shown::{Session, time};
use crate::visitor::Visitor;

/// The OpenAPI of this file.
#[derive(OpenApi)]
#[openapi(paths(login, logout))]
pub(crate) struct SessionApi;

/// Who wants a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// An agent's name.
    #[schema(max_length = 128)]
    name: String,
    /// Their password.
    #[schema(max_length = 256, format = Password)]
    password: String,
    /// What the token is to be good for.
    #[serde(default)]
    scope: Scope,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Everything the agent may do.
    #[default]
    Full,
    /// Looking alone.
    Read,
}

/// An agent's token, good for 12 hours.
#[utoipa::path(post, path = "/v1/login", tag = "session", request_body = Login, security(()),
    responses((status = 200, body = Session)))]
pub(super) async fn login(
    State(counter): Shared,
    Extension(Visitor { address: from, .. }): Extension<Visitor>,
    Said(Login { name, password, scope }): Said<Login>,
) -> Result<Json<Session>, Problem> {
    let wrong = || Problem::new(StatusCode::UNAUTHORIZED, "wrong_login", "name and password do not belong together");
    if name.len() > NAME || password.len() > PASSWORD {
        return Err(wrong());
    }
    let name = name.to_lowercase();
    let too_many = |wait| Problem::too_many("too many wrong passwords", wait);
    let attempt = counter.logins.attempt(from, &name).map_err(too_many)?;
    let asked = counter.ask(|reply| Ask::Login { name: name.clone(), password, reply }).await?;
    let Some(known) = asked else {
        if attempt.was_wrong() {
            warn!(%from, ?name, "security: too many wrong passwords over HTTP");
        }
        return Err(wrong());
    };
    attempt.was_right();
    let (who, supervisor, read_only) = (known.name.0.clone(), known.supervisor, scope == Scope::Read);
    let token = counter.logins.open(known.name, known.credential.clone(), read_only).ok_or_else(|| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "no randomness to make a token of")
    })?;
    // the password may have become another since it was judged
    if counter.house.standing.borrow().get(&AgentName(who.clone())) != Some(&known.credential) {
        counter.logins.close(&hash(&token));
        return Err(wrong());
    }
    let ends = SystemTime::now() + LOGIN_LIFE;
    let ends = ends.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let expires_at = time(i64::try_from(ends).unwrap_or(i64::MAX));
    Ok(Json(Session { token, name: who, expires_at, read_only, supervisor }))
}

/// Ends the login of the token that is used.
#[utoipa::path(post, path = "/v1/logout", tag = "session", responses((status = 204)))]
pub(super) async fn logout(State(counter): Shared, asking: Asking) -> StatusCode {
    counter.logins.close(&asking.token);
    StatusCode::NO_CONTENT
}
