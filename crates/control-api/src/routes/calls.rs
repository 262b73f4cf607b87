//! Calls: shown, opened, ended, locked, and who hears whom in them.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use conference::{AgentName, CallId, Command, Destination, Event, Refusal};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::Shared;
use crate::asking::{Asking, Who};
use crate::body::{At, Said, Wanted, call_id};
use crate::counter::Counter;
use crate::house::{Ask, CallSheet};
use crate::limits::{ADDRESS, NAME};
use crate::own_part;
use crate::pages::Paging;
use crate::problem::Problem;
use crate::shown::{Audibility, Call, List, Target};

/// The OpenAPI of this file.
#[derive(OpenApi)]
#[openapi(paths(list, show, dial, end, lock, audibility))]
pub(crate) struct CallsApi;

/// A call to be opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dial {
    /// The agent who is rung first; an agent's own token may leave it out.
    #[schema(max_length = 128)]
    from: Option<String>,
    /// Whom to connect then.
    to: Aim,
}

/// Whom a new call is to reach.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Aim {
    /// A name, extension, number or SIP address.
    Dialled(#[schema(inline)] String),
    /// An agent, a queue, or an address.
    Target(Target),
}

/// A room is locked or opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    /// Shut (true) or open.
    locked: bool,
    /// In whose name the operator asks.
    #[schema(max_length = 128)]
    by: Option<String>,
}

/// In whose name something is asked.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct By {
    /// An agent's name; an agent's own token may leave it out.
    #[schema(max_length = 128)]
    pub(crate) by: Option<String>,
}

/// The calls, oldest first. An agent sees those they are in.
#[utoipa::path(get, path = "/v1/calls", tag = "calls", params(Paging), responses((status = 200, body = List<Call>)))]
pub(super) async fn list(
    State(counter): Shared,
    asking: Asking,
    Wanted(paging): Wanted<Paging>,
) -> Result<Json<List<Call>>, Problem> {
    let asker = asking.agent().cloned();
    let sheets = counter.ask(|reply| Ask::Calls { asker, reply }).await?.calls;
    let seen = sheets.iter().filter(|sheet| sees(&asking, sheet));
    let page = paging.page(seen.map(|sheet| (format!("{:016x}", sheet.view.id.0), sheet)))?;
    Ok(Json(List { items: page.items.into_iter().map(Call::of).collect(), next: page.next }))
}

/// One call.
#[utoipa::path(get, path = "/v1/calls/{id}", tag = "calls",
    params(("id" = String, Path, description = "`c-7f3a`")), responses((status = 200, body = Call)))]
pub(super) async fn show(State(counter): Shared, asking: Asking, At(id): At<String>) -> Result<Json<Call>, Problem> {
    Ok(Json(Call::of(&sheet(&counter, &asking, call_id(&id)?).await?)))
}

/// Rings `from`, then connects `to`.
#[utoipa::path(post, path = "/v1/calls", tag = "calls", request_body = Dial, responses(
    (status = 201, body = Call, headers(("Location" = String, description = "The path of the call")))))]
pub(super) async fn dial(
    State(counter): Shared,
    asking: Asking,
    Said(Dial { from, to }): Said<Dial>,
) -> Result<(StatusCode, [(header::HeaderName, String); 1], Json<Call>), Problem> {
    let from = match (&asking.who, from) {
        (Who::Agent(own), None) => own.clone(),
        (Who::Agent(own), Some(from)) if from == own.0 => own.clone(),
        (Who::Agent(_), Some(_)) => return Err(Problem::not_allowed("an agent opens their own calls only")),
        (Who::Operator, Some(from)) => AgentName(from),
        (Who::Operator, None) => return Err(Problem::invalid("from: the agent who is rung first is needed")),
    };
    let to = match to {
        Aim::Dialled(text) => reached(&counter, &Target::Uri(text)).await?,
        Aim::Target(target) => reached(&counter, &target).await?,
    };
    let events = counter.command(Command::Dial { from: from.clone(), to }).await?;
    let joined = |event: &Event| {
        let Event::ParticipantJoined { call, agent: Some(agent), .. } = event else { return None };
        (*agent == from).then_some(*call)
    };
    let Some(call) = events.iter().find_map(joined) else { return Err(Refusal::TargetUnavailable.into()) };
    let shown = Call::of(&sheet(&counter, &asking, call).await?);
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/v1/calls/{call}"))], Json(shown)))
}

/// Ends a call for everyone.
#[utoipa::path(delete, path = "/v1/calls/{id}", tag = "calls", request_body = Option<By>,
    params(("id" = String, Path, description = "`c-7f3a`")), responses((status = 204)))]
pub(super) async fn end(
    State(counter): Shared,
    asking: Asking,
    At(id): At<String>,
    Said(By { by }): Said<By>,
) -> Result<StatusCode, Problem> {
    let call = call_id(&id)?;
    let by = asking.by(&counter, call, by.as_deref()).await?;
    command(&counter, &asking, call, Command::End { call, by }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Locks a room, or opens it again.
#[utoipa::path(patch, path = "/v1/calls/{id}", tag = "calls", request_body = Lock,
    params(("id" = String, Path, description = "`c-7f3a`")), responses((status = 200, body = Call)))]
pub(super) async fn lock(
    State(counter): Shared,
    asking: Asking,
    At(id): At<String>,
    Said(Lock { locked, by }): Said<Lock>,
) -> Result<Json<Call>, Problem> {
    let call = call_id(&id)?;
    let by = asking.by(&counter, call, by.as_deref()).await?;
    command(&counter, &asking, call, Command::Lock { call, by, locked }).await?;
    Ok(Json(Call::of(&sheet(&counter, &asking, call).await?)))
}

/// Who hears whom now, and who could hear whom until now, by whose command. Also of calls that are over.
#[utoipa::path(get, path = "/v1/calls/{id}/audibility", tag = "calls",
    params(("id" = String, Path, description = "`c-7f3a`")), responses((status = 200, body = Audibility)))]
pub(super) async fn audibility(
    State(counter): Shared,
    asking: Asking,
    At(id): At<String>,
) -> Result<Json<Audibility>, Problem> {
    let call = call_id(&id)?;
    let record = match asking.agent() {
        Some(_) => Some(super::history::record(&counter, &asking, call).await?),
        None => None,
    };
    let mut sheet = counter.ask(|reply| Ask::Audibility(call, reply)).await??.ok_or(Refusal::CallNotFound)?;
    if let (Some(agent), Some(record)) = (asking.agent(), record)
        && record.ended_at.is_some()
    {
        sheet.now.clear();
        sheet.history = own_part::of_audibility(sheet.history, &record, agent);
    }
    Ok(Json(Audibility::of(call, &sheet)))
}

/// A call as whoever asks may see it.
pub(crate) async fn sheet(counter: &Counter, asking: &Asking, call: CallId) -> Result<CallSheet, Problem> {
    let asker = asking.agent().cloned();
    let sheet = counter.ask(|reply| Ask::Call { call, asker, reply }).await?;
    sheet.filter(|sheet| sees(asking, sheet)).ok_or_else(|| Refusal::CallNotFound.into())
}

/// Gives a command for one call.
pub(super) async fn command(
    counter: &Counter,
    asking: &Asking,
    call: CallId,
    command: Command,
) -> Result<Vec<Event>, Problem> {
    match counter.command(command).await {
        Ok(events) => Ok(events),
        Err(problem) => Err(asking.explain(counter, call, problem).await),
    }
}

/// Whom a target is. That nobody is reached, the core says: it knows what else is to be said first.
pub(super) async fn reached(counter: &Counter, target: &Target) -> Result<Destination, Problem> {
    Ok(match target {
        Target::Agent(name) if name.len() <= NAME => Destination::Agent(AgentName(name.clone())),
        Target::Queue(name) if name.len() <= NAME => Destination::Queue(name.clone()),
        Target::Uri(text) if !text.is_empty() && text.len() <= ADDRESS && !text.contains(char::is_control) => {
            let text = text.clone();
            counter.ask(|reply| Ask::LookUp(text, reply)).await?
        }
        Target::Agent(_) | Target::Queue(_) | Target::Uri(_) => Destination::Unknown,
    })
}

fn sees(asking: &Asking, sheet: &CallSheet) -> bool {
    let within = |agent: &AgentName| sheet.view.participants.iter().any(|person| person.agent.as_ref() == Some(agent));
    asking.agent().is_none_or(within)
}
