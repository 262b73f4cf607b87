//! Agents, queues, and the directory of whom to transfer to.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use conference::{AgentName, Asker, Command, Refusal};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::Shared;
use crate::asking::{Asking, Who};
use crate::body::{At, Said, Wanted};
use crate::counter::Counter;
use crate::house::Ask;
use crate::limits::NAME;
use crate::pages::{self, Paging};
use crate::problem::Problem;
use crate::shown::{Agent, Availability, DirectoryEntry, List, Queue, Worked};

/// The OpenAPI of this file.
#[derive(OpenApi)]
#[openapi(paths(directory, agents, agent, set_state, queues, queue))]
pub(crate) struct PeopleApi;

/// What is looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Part of a name, display name or extension; empty: everybody.
    #[param(max_length = 128)]
    q: Option<String>,
    /// Entries a page.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// An agent's availability.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateWanted {
    /// What.
    state: Availability,
}

/// Agents and queues to transfer to: the best fit first, agents before queues.
#[utoipa::path(get, path = "/v1/directory", tag = "agents and queues", params(Search),
    responses((status = 200, body = List<DirectoryEntry>)))]
pub(super) async fn directory(
    State(counter): Shared,
    Wanted(search): Wanted<Search>,
) -> Result<Json<List<DirectoryEntry>>, Problem> {
    let wanted = search.q.unwrap_or_default();
    if wanted.chars().count() > NAME {
        return Err(Problem::bad("bad_query", format!("q: at most {NAME} characters")));
    }
    let limit = pages::limit(search.limit)?;
    counter.feed.reach(0).await;
    let found = counter.feed.mirror().search(&wanted, search.cursor.as_deref(), limit);
    found.map(Json)
}

/// The agents, by name.
#[utoipa::path(get, path = "/v1/agents", tag = "agents and queues", params(Paging),
    responses((status = 200, body = List<Agent>)))]
pub(super) async fn agents(
    State(counter): Shared,
    asking: Asking,
    Wanted(paging): Wanted<Paging>,
) -> Result<Json<List<Agent>>, Problem> {
    counter.feed.reach(0).await;
    let page = paging.page(counter.feed.mirror().agent_names().map(|name| (name.clone(), name.clone())))?;
    let items = look_at(&counter, &asking, page.items).await?;
    Ok(Json(List { items, next: page.next }))
}

/// One agent.
#[utoipa::path(get, path = "/v1/agents/{name}", tag = "agents and queues",
    params(("name" = String, Path, description = "The agent's name")), responses((status = 200, body = Agent)))]
pub(super) async fn agent(
    State(counter): Shared,
    asking: Asking,
    At(name): At<String>,
) -> Result<Json<Agent>, Problem> {
    one(&counter, &asking, name).await.map(Json)
}

/// An agent's availability. Agents set their own.
#[utoipa::path(put, path = "/v1/agents/{name}/state", tag = "agents and queues", request_body = StateWanted,
    params(("name" = String, Path, description = "The agent's name")), responses((status = 200, body = Agent)))]
pub(super) async fn set_state(
    State(counter): Shared,
    asking: Asking,
    At(name): At<String>,
    Said(wanted): Said<StateWanted>,
) -> Result<Json<Agent>, Problem> {
    // Whoever does not exist is not found, whoever asks.
    let agent = AgentName(one(&counter, &asking, name.clone()).await?.name);
    let by = match &asking.who {
        Who::Operator => Asker::Operator,
        Who::Agent(own) => Asker::Agent(own.clone()),
    };
    let availability = wanted.state.into();
    let done = counter.command(Command::SetState { agent, by, availability }).await;
    done.map_err(|problem| if problem.code == Refusal::TargetUnknown.code() { no_agent() } else { problem })?;
    one(&counter, &asking, name).await.map(Json)
}

/// The queues, by name.
#[utoipa::path(get, path = "/v1/queues", tag = "agents and queues", params(Paging),
    responses((status = 200, body = List<Queue>)))]
pub(super) async fn queues(
    State(counter): Shared,
    asking: Asking,
    Wanted(paging): Wanted<Paging>,
) -> Result<Json<List<Queue>>, Problem> {
    counter.feed.reach(0).await;
    let page = paging.page(counter.feed.mirror().queue_names().map(|name| (name.clone(), name.clone())))?;
    let items = look_into(&counter, &asking, page.items).await?;
    Ok(Json(List { items, next: page.next }))
}

/// One queue.
#[utoipa::path(get, path = "/v1/queues/{name}", tag = "agents and queues",
    params(("name" = String, Path, description = "The queue's name")), responses((status = 200, body = Queue)))]
pub(super) async fn queue(
    State(counter): Shared,
    asking: Asking,
    At(name): At<String>,
) -> Result<Json<Queue>, Problem> {
    let found = if name.len() > NAME { None } else { look_into(&counter, &asking, vec![name]).await?.pop() };
    found.map(Json).ok_or_else(|| Problem::not_found("queue_not_found", "there is no such queue"))
}

fn no_agent() -> Problem {
    Problem::not_found("agent_not_found", "there is no such agent")
}

async fn one(counter: &Counter, asking: &Asking, name: String) -> Result<Agent, Problem> {
    if name.len() > NAME {
        return Err(no_agent());
    }
    look_at(counter, asking, vec![name]).await?.pop().ok_or_else(no_agent)
}

async fn look_at(counter: &Counter, asking: &Asking, names: Vec<String>) -> Result<Vec<Agent>, Problem> {
    let names: Vec<_> = names.into_iter().map(AgentName).collect();
    let own: Vec<_> = names.iter().filter(|name| asking.agent().is_none_or(|agent| agent == *name)).cloned().collect();
    let views = counter.ask(|reply| Ask::Agents(names, reply)).await?;
    let worked = match own.is_empty() {
        true => BTreeMap::new(),
        false => counter.ask(|reply| Ask::Worked(own, reply)).await?,
    };
    counter.feed.reach(0).await;
    let mirror = counter.feed.mirror();
    let shown = views.iter().map(|view| {
        let worked = worked.get(&view.name).map(Worked::of);
        let agent = Agent::of(view, mirror.extension(&view.name.0), mirror.epoch());
        Agent { worked, ..agent }.seen_by(asking.agent())
    });
    Ok(shown.collect())
}

async fn look_into(counter: &Counter, asking: &Asking, names: Vec<String>) -> Result<Vec<Queue>, Problem> {
    let views = counter.ask(|reply| Ask::Queues(names, reply)).await?;
    counter.feed.reach(0).await;
    let mirror = counter.feed.mirror();
    let shown = views.iter().map(|view| {
        let mut queue = Queue::of(view, mirror.extension(&view.name), mirror.epoch());
        if let Some(agent) = asking.agent() {
            queue.waiting.retain(|waiting| mirror.is_in_call(agent, &waiting.call));
        }
        queue
    });
    Ok(shown.collect())
}
