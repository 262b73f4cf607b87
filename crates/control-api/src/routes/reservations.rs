//! The offered agent's answer, besides answering the phone.

use axum::extract::State;
use axum::http::StatusCode;
use conference::{AgentName, Asker, Command, Refusal, ReservationId};
use utoipa::OpenApi;

use super::Shared;
use super::calls::By;
use crate::asking::{Asking, Who};
use crate::body::{At, Said, reservation_id};
use crate::counter::Counter;
use crate::problem::Problem;

/// The OpenAPI of this file.
#[derive(OpenApi)]
#[openapi(paths(accept, reject))]
pub(crate) struct ReservationsApi;

/// The offered agent takes the call: it is offered to nobody else, and their phone rings on.
#[utoipa::path(post, path = "/v1/reservations/{id}/accept", tag = "reservations", request_body = Option<By>,
    params(("id" = String, Path, description = "`r-0001`")), responses((status = 204)))]
pub(super) async fn accept(
    State(counter): Shared,
    asking: Asking,
    At(id): At<String>,
    Said(By { by }): Said<By>,
) -> Result<StatusCode, Problem> {
    answer(&counter, &asking, &id, by, |reservation, by| Command::Accept { reservation, by }).await
}

/// The offered agent does not take the call: it goes to the next at once.
#[utoipa::path(post, path = "/v1/reservations/{id}/reject", tag = "reservations", request_body = Option<By>,
    params(("id" = String, Path, description = "`r-0001`")), responses((status = 204)))]
pub(super) async fn reject(
    State(counter): Shared,
    asking: Asking,
    At(id): At<String>,
    Said(By { by }): Said<By>,
) -> Result<StatusCode, Problem> {
    answer(&counter, &asking, &id, by, |reservation, by| Command::Reject { reservation, by }).await
}

async fn answer(
    counter: &Counter,
    asking: &Asking,
    id: &str,
    by: Option<String>,
    answer: impl FnOnce(ReservationId, Asker) -> Command,
) -> Result<StatusCode, Problem> {
    let reservation = reservation_id(id)?;
    let by = match (&asking.who, by) {
        (Who::Operator, None) => Asker::Operator,
        (Who::Operator, Some(by)) => Asker::Agent(AgentName(by)),
        (Who::Agent(own), None) => Asker::Agent(own.clone()),
        (Who::Agent(own), Some(by)) if by == own.0 => Asker::Agent(own.clone()),
        (Who::Agent(_), Some(_)) => return Err(Problem::not_allowed("an agent answers in their own name only")),
    };
    counter.command(answer(reservation, by)).await.map_err(|problem| {
        // An offer made to somebody else does not exist for an agent.
        let foreign = asking.agent().is_some() && problem.code == Refusal::NotAllowed.code();
        if foreign { Refusal::ReservationNotFound.into() } else { problem }
    })?;
    Ok(StatusCode::NO_CONTENT)
}
