//! How the service is, for watchdogs and graphs. From this machine without a token, from elsewhere with one.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;

use super::Shared;
use crate::house::Ask;
use crate::limits::SUBSCRIBERS;
use crate::problem::Problem;
use crate::shown::Health;

/// The OpenAPI of this file.
#[derive(OpenApi)]
#[openapi(paths(metrics, healthz, readyz))]
pub(crate) struct ServiceApi;

/// What ends a text of OpenMetrics.
const END: &str = "# EOF\n";

/// Numbers for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "service", security((), ("token" = [])),
    responses((status = 200, content((String = "application/openmetrics-text"), (String = "text/plain")))))]
pub(super) async fn metrics(State(counter): Shared) -> Result<Response, Problem> {
    let mut text = counter.ask(Ask::Metrics).await?;
    let open = text.strip_suffix(END).map(str::len);
    text.truncate(open.unwrap_or(text.len()));
    text.push_str(&counter.tally.text(SUBSCRIBERS - counter.subscribers.available_permits()));
    text.push_str(END);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Whether the service lives: it answers.
#[utoipa::path(get, path = "/healthz", tag = "service", security((), ("token" = [])),
    responses((status = 200, body = Health)))]
pub(super) async fn healthz(State(counter): Shared) -> Result<Json<Health>, Problem> {
    Ok(Json(Health::of(&counter.ask(Ask::Health).await?)))
}

/// Whether calls can be taken.
#[utoipa::path(get, path = "/readyz", tag = "service", security((), ("token" = [])),
    responses((status = 200, body = Health), (status = 503, content((Health = "application/json")))))]
pub(super) async fn readyz(State(counter): Shared) -> Result<Response, Problem> {
    let health = Health::of(&counter.ask(Ask::Health).await?);
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(health)).into_response())
}
