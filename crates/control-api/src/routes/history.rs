//! Records of calls, as JSON or CSV. An agent sees their own.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use conference::record::CallRecord;
use conference::{AgentName, CallId, Refusal};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::Shared;
use crate::asking::Asking;
use crate::body::{At, Wanted, call_id};
use crate::counter::Counter;
use crate::house::{Ask, HistoryQuery, Page};
use crate::limits::NAME;
use crate::problem::Problem;
use crate::shown::{List, Record};
use crate::{own_part, pages};

/// The OpenAPI of this file.
#[derive(OpenApi)]
#[openapi(paths(list, show))]
pub(crate) struct HistoryApi;

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    /// Calls in which this agent was; an agent sees their own anyway.
    #[param(max_length = 128)]
    agent: Option<String>,
    /// Calls in which this number or name was.
    #[param(max_length = 128)]
    number: Option<String>,
    /// Calls that waited in this queue.
    #[param(max_length = 128)]
    queue: Option<String>,
    /// Calls that began at or after.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Calls that began before.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Records a page.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`; stronger than `Accept`.
    #[param(inline)]
    format: Option<Format>,
}

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// JSON.
    Json,
    /// Comma-separated values, one line a call; the next page is in the `Link` header.
    Csv,
}

/// The records, newest first.
#[utoipa::path(get, path = "/v1/history", tag = "history", params(Query), responses((status = 200, content(
    (List<Record> = "application/json"), (String = "text/csv")))))]
pub(super) async fn list(
    State(counter): Shared,
    asking: Asking,
    headers: HeaderMap,
    RawQuery(written): RawQuery,
    Wanted(query): Wanted<Query>,
) -> Result<Response, Problem> {
    let agent = match (asking.agent(), query.agent) {
        (Some(own), Some(other)) if own.0 != other => {
            return Err(Problem::not_allowed("an agent sees their own calls only"));
        }
        (Some(own), _) => Some(own.clone()),
        (None, wanted) => wanted.map(AgentName),
    };
    let texts = [agent.as_ref().map(|agent| &agent.0), query.number.as_ref(), query.queue.as_ref()];
    if texts.into_iter().flatten().any(|text| text.chars().count() > NAME) {
        return Err(Problem::bad("bad_query", format!("agent, number, queue: at most {NAME} characters")));
    }
    let asked = HistoryQuery {
        agent,
        number: query.number,
        queue: query.queue,
        from: query.from.as_deref().map(|time| instant("from", time)).transpose()?,
        to: query.to.as_deref().map(|time| instant("to", time)).transpose()?,
        cursor: query.cursor,
        limit: pages::limit(query.limit)?,
    };
    let has_cursor = asked.cursor.is_some();
    let page = counter.ask(|reply| Ask::History(asked, reply)).await?.map_err(|error| {
        let problem = Problem::from(error);
        // All else was looked at here.
        if has_cursor && problem.code == "invalid" { pages::bad_cursor() } else { problem }
    })?;
    let mut page = page;
    if let Some(own) = asking.agent() {
        page.items = page.items.into_iter().filter_map(|record| own_part::of_record(record, own)).collect();
    }
    let accepts = headers.get(header::ACCEPT).and_then(|kinds| kinds.to_str().ok()).unwrap_or_default();
    let wants_csv = accepts.contains("text/csv") && !accepts.contains("application/json");
    match query.format {
        Some(Format::Csv) => sheet(&page, written.as_deref()),
        None if wants_csv => sheet(&page, written.as_deref()),
        Some(Format::Json) | None => {
            Ok(Json(List { items: page.items.iter().map(Record::of).collect(), next: page.next }).into_response())
        }
    }
}

/// The record of one call, over or not.
#[utoipa::path(get, path = "/v1/history/{id}", tag = "history",
    params(("id" = String, Path, description = "`c-7f3a`")), responses((status = 200, body = Record)))]
pub(super) async fn show(State(counter): Shared, asking: Asking, At(id): At<String>) -> Result<Json<Record>, Problem> {
    Ok(Json(Record::of(&record(&counter, &asking, call_id(&id)?).await?)))
}

/// The record of a call, if whoever asks may see it: an agent who is in it now, or was, until they left.
pub(super) async fn record(counter: &Counter, asking: &Asking, call: CallId) -> Result<CallRecord, Problem> {
    let record = counter.ask(|reply| Ask::Record(call, reply)).await??;
    let unknown = || Problem::from(Refusal::CallNotFound);
    let record = record.ok_or_else(unknown)?;
    let Some(own) = asking.agent() else { return Ok(record) };
    if record.ended_at.is_none() {
        // while it goes on it is for those who are in it
        super::calls::sheet(counter, asking, call).await?;
        return Ok(record);
    }
    own_part::of_record(record, own).ok_or_else(unknown)
}

fn instant(name: &str, said: &str) -> Result<i64, Problem> {
    let time: Result<Timestamp, _> = said.parse();
    let wrong = |_| Problem::bad("bad_query", format!("{name}: a time as in RFC 3339, like 2026-11-22T10:00:00Z"));
    time.map(Timestamp::as_microsecond).map_err(wrong)
}

/// A page as a sheet. The next page is what was asked for (`query`), from there on.
fn sheet(page: &Page<CallRecord>, query: Option<&str>) -> Result<Response, Problem> {
    let text = crate::csv_sheet::write(&page.items).ok_or_else(|| {
        Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "internal", "the sheet could not be written")
    })?;
    let mut response = ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response();
    let asked = query
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty() && !matches!(part.split('=').next(), Some("cursor" | "format")));
    let asked: String = asked.map(|part| format!("{part}&")).collect();
    let link = |next: &String| format!("</v1/history?{asked}format=csv&cursor={next}>; rel=\"next\"").parse().ok();
    if let Some(link) = page.next.as_ref().and_then(link) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}
