//! The transfer and its steps. Each answers with the call as it is then; 204 if whoever asked is not in it any more.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use conference::{AgentName, Asker, CallId, Command, Destination, Event, Outcome, Refusal};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::Shared;
use super::calls::{By, command, reached, sheet};
use crate::asking::Asking;
use crate::body::{At, Said, call_id};
use crate::counter::Counter;
use crate::problem::Problem;
use crate::shown::{Call, Target};

/// The OpenAPI of this file.
#[derive(OpenApi)]
#[openapi(paths(start, cancel, swap, merge, complete))]
pub(crate) struct TransferApi;

/// A transfer to be started.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    /// The initiator: an agent of the call; an agent's own token may leave it out.
    #[schema(max_length = 128)]
    by: Option<String>,
    /// Whom to bring in.
    target: Target,
}

/// Starts a warm transfer: whoever else is in the call hears music from the same instant.
#[utoipa::path(post, path = "/v1/calls/{id}/transfer", tag = "transfer", request_body = Start,
    params(("id" = String, Path, description = "`c-7f3a`")), responses(
    (status = 201, body = Call, headers(("Location" = String, description = "The path of the call")))))]
pub(super) async fn start(
    State(counter): Shared,
    asking: Asking,
    At(id): At<String>,
    Said(Start { by, target }): Said<Start>,
) -> Result<Response, Problem> {
    let call = call_id(&id)?;
    let by = asking.by(&counter, call, by.as_deref()).await?;
    if by == Asker::Operator {
        sheet(&counter, &asking, call).await?;
        return Err(Problem::invalid("by: the agent who is to be the initiator is needed"));
    }
    let to = reached(&counter, &target).await?;
    let shown = shown(&to, target);
    let events = command(&counter, &asking, call, Command::Start { call, by, target: to, shown }).await?;
    if let Some(problem) = ended_at_once(call, &events).and_then(Problem::of_outcome) {
        return Err(problem);
    }
    let location = [(header::LOCATION, format!("/v1/calls/{call}"))];
    let shown = Call::of(&sheet(&counter, &asking, call).await?);
    Ok((StatusCode::CREATED, location, Json(shown)).into_response())
}

/// Ends the transfer; the initiator is back with the customer.
#[utoipa::path(post, path = "/v1/calls/{id}/transfer/cancel", tag = "transfer", request_body = Option<By>,
    params(("id" = String, Path, description = "`c-7f3a`")),
    responses((status = 200, body = Call), (status = 204, description = "Done, and whoever asked has left the call")))]
pub(super) async fn cancel(
    State(counter): Shared,
    asking: Asking,
    At(id): At<String>,
    Said(By { by }): Said<By>,
) -> Result<Response, Problem> {
    step(&counter, &asking, &id, by, |call, by| Command::Cancel { call, by }).await
}

/// The initiator turns from the target to the customer, or back.
#[utoipa::path(post, path = "/v1/calls/{id}/transfer/swap", tag = "transfer", request_body = Option<By>,
    params(("id" = String, Path, description = "`c-7f3a`")),
    responses((status = 200, body = Call), (status = 204, description = "Done, and whoever asked has left the call")))]
pub(super) async fn swap(
    State(counter): Shared,
    asking: Asking,
    At(id): At<String>,
    Said(By { by }): Said<By>,
) -> Result<Response, Problem> {
    step(&counter, &asking, &id, by, |call, by| Command::Swap { call, by }).await
}

/// Nobody is on hold any more: all hear each other.
#[utoipa::path(post, path = "/v1/calls/{id}/transfer/merge", tag = "transfer", request_body = Option<By>,
    params(("id" = String, Path, description = "`c-7f3a`")),
    responses((status = 200, body = Call), (status = 204, description = "Done, and whoever asked has left the call")))]
pub(super) async fn merge(
    State(counter): Shared,
    asking: Asking,
    At(id): At<String>,
    Said(By { by }): Said<By>,
) -> Result<Response, Problem> {
    step(&counter, &asking, &id, by, |call, by| Command::Merge { call, by }).await
}

/// The initiator leaves; target and customer go on.
#[utoipa::path(post, path = "/v1/calls/{id}/transfer/complete", tag = "transfer", request_body = Option<By>,
    params(("id" = String, Path, description = "`c-7f3a`")),
    responses((status = 200, body = Call), (status = 204, description = "Done, and whoever asked has left the call")))]
pub(super) async fn complete(
    State(counter): Shared,
    asking: Asking,
    At(id): At<String>,
    Said(By { by }): Said<By>,
) -> Result<Response, Problem> {
    step(&counter, &asking, &id, by, |call, by| Command::Complete { call, by }).await
}

async fn step(
    counter: &Counter,
    asking: &Asking,
    id: &str,
    by: Option<String>,
    step: impl FnOnce(CallId, Asker) -> Command,
) -> Result<Response, Problem> {
    let call = call_id(id)?;
    let by = asking.by(counter, call, by.as_deref()).await?;
    command(counter, asking, call, step(call, by)).await?;
    Ok(as_it_is_now(counter, asking, call).await)
}

/// The call after something was done in it; 204 if it is gone, or whoever asked is.
pub(super) async fn as_it_is_now(counter: &Counter, asking: &Asking, call: CallId) -> Response {
    match sheet(counter, asking, call).await {
        Ok(sheet) => Json(Call::of(&sheet)).into_response(),
        Err(gone) if gone.code == Refusal::CallNotFound.code() => StatusCode::NO_CONTENT.into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// What people are shown of a target: its name, however it was dialled.
fn shown(to: &Destination, asked: Target) -> String {
    match (to, asked) {
        (Destination::Agent(AgentName(name)) | Destination::Queue(name), _) => name.clone(),
        (Destination::Outside { number, .. }, _) => number.clone(),
        (
            Destination::Room(_) | Destination::NewRoom | Destination::Service(_) | Destination::Unknown,
            Target::Agent(text) | Target::Queue(text) | Target::Uri(text),
        ) => text,
    }
}

/// How the transfer that a reaction began came out in that same reaction, if it did.
fn ended_at_once(call: CallId, events: &[Event]) -> Option<Outcome> {
    let begun =
        events.iter().position(|event| matches!(event, Event::TransferStarted { call: of, .. } if *of == call))?;
    events.iter().skip(begun).find_map(|event| {
        let Event::TransferEnded { call: of, outcome } = event else { return None };
        (*of == call).then_some(*outcome)
    })
}
