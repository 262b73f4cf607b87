//! What the operator does to the service: drain, reload, look at its SIP messages.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::Shared;
use crate::asking::Operator;
use crate::body::{Said, Wanted, call_id};
use crate::house::{Ask, Traced};
use crate::problem::Problem;
use crate::shown::{Reloaded, TraceLine};

/// The OpenAPI of this file.
#[derive(OpenApi)]
#[openapi(paths(drain, reload, trace))]
pub(crate) struct OperateApi;

/// Whether new calls are let in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drain {
    /// No new calls (true, also when left out), or again.
    #[serde(default = "yes")]
    #[schema(default = true)]
    draining: bool,
}

/// Whose messages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Of this call alone.
    call: Option<String>,
}

/// Lets no new calls in any more; those under way go on.
#[utoipa::path(post, path = "/v1/drain", tag = "service", request_body = Option<Drain>, responses((status = 204)))]
pub(super) async fn drain(
    State(counter): Shared,
    _: Operator,
    Said(Drain { draining }): Said<Drain>,
) -> Result<StatusCode, Problem> {
    counter.ask(|reply| Ask::Drain(draining, reply)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads the settings file again. If anything is wrong with it, nothing changes.
#[utoipa::path(post, path = "/v1/reload", tag = "service", responses((status = 200, body = Reloaded)))]
pub(super) async fn reload(State(counter): Shared, _: Operator) -> Result<Json<Reloaded>, Problem> {
    let notes = counter.ask(Ask::Reload).await??;
    Ok(Json(Reloaded { notes }))
}

/// SIP messages from here on, one JSON object a line, until the connection is closed.
#[utoipa::path(get, path = "/v1/trace", tag = "service", params(Which),
    responses((status = 200, content((TraceLine = "application/x-ndjson")))))]
pub(super) async fn trace(
    State(counter): Shared,
    _: Operator,
    Wanted(Which { call }): Wanted<Which>,
) -> Result<Response, Problem> {
    let call = call.as_deref().map(call_id).transpose()?;
    let place = std::sync::Arc::clone(&counter.traces).try_acquire_owned().map_err(|_| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "too many follow the SIP messages already")
    })?;
    let messages = counter.ask(|reply| Ask::Trace(call, reply)).await?;
    let follower = Follower { messages, stopped: counter.stopped.clone(), _place: place };
    let lines = stream::unfold(follower, |mut follower| async move {
        let traced = tokio::select! {
            traced = follower.messages.recv() => traced?,
            _ = follower.stopped.wait_for(|stop| *stop) => return None,
        };
        let mut line = serde_json::to_string(&TraceLine::of(&traced)).unwrap_or_default();
        line.push('\n');
        Some((Ok::<_, std::convert::Infallible>(line), follower))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

struct Follower {
    messages: mpsc::Receiver<Traced>,
    stopped: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

const fn yes() -> bool {
    true
}
