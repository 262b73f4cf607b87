//! Questions about calls that are over. Values are bound, never put into the text; pages are cut by (time, call), so that a
//! page stays what it is while new records come.

use std::collections::BTreeSet;

use conference::CallId;
use conference::record::{AudibilityHistory, CallRecord};
use serde::de::DeserializeOwned;
use sqlx::sqlite::{Sqlite, SqlitePool};
use sqlx::{QueryBuilder, Row};

use crate::database::said;
use crate::kept::{HistoryFilter, Page, StoreError};

/// Records a page at most.
pub(crate) const PAGE: u32 = 500;

/// By what a call is found: the kinds of `call_keys`.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Agent = 0,
    Number = 1,
    Queue = 2,
}

/// Everything a record is found by.
pub(crate) fn keys(record: &CallRecord) -> Vec<(Kind, String)> {
    let mut keys = Vec::new();
    for party in &record.parties {
        keys.push((Kind::Number, number_key(&party.name)));
        if let Some(agent) = &party.agent {
            keys.push((Kind::Agent, agent.0.clone()));
            keys.push((Kind::Number, number_key(&agent.0)));
        }
    }
    keys.extend(record.queues.iter().map(|queue| (Kind::Queue, queue.queue.clone())));
    keys
}

/// A number or name as it is compared: without case and spaces around it, a number also without the signs people put
/// between digits (RFC 3966 §5.1.1).
pub(crate) fn number_key(text: &str) -> String {
    let text = text.trim();
    let between = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/');
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.contains(|c: char| c.is_ascii_digit()) && digits.chars().all(|c| c.is_ascii_digit() || between(c)) {
        text.chars().filter(|c| !between(*c)).collect()
    } else {
        text.to_lowercase()
    }
}

/// One page of records.
pub(crate) async fn page(pool: &SqlitePool, filter: &HistoryFilter) -> Result<Page<CallRecord>, StoreError> {
    let limit = filter.limit.clamp(1, PAGE);
    let mut query = question(filter, limit)?;
    let rows = query.build().fetch_all(pool).await.map_err(said)?;
    let mut page = Page { items: Vec::with_capacity(rows.len()), next: None };
    for (at, row) in rows.iter().enumerate() {
        if at == limit as usize {
            let last = &rows[at - 1];
            page.next = Some(cursor(last.try_get(0).map_err(said)?, last.try_get(1).map_err(said)?));
            break;
        }
        page.items.extend(readable(row.try_get(1).map_err(said)?, row.try_get(2).map_err(said)?));
    }
    Ok(page)
}

/// A page of the database with those of `unwritten` that belong on it. A page is cut by (time, call), and where it ends the
/// next begins: so it does not matter which of both knows a record by then.
pub(crate) fn merged(
    page: Page<CallRecord>,
    filter: &HistoryFilter,
    unwritten: Vec<CallRecord>,
) -> Result<Page<CallRecord>, StoreError> {
    let place = |record: &CallRecord| (record.started_at, column(record.call));
    let end = page.next.as_deref().and_then(read_cursor);
    let begin = filter.cursor.as_deref().map(|text| read_cursor(text).ok_or(StoreError::Cursor)).transpose()?;
    let known: BTreeSet<CallId> = page.items.iter().map(|record| record.call).collect();
    let belongs = |record: &CallRecord| {
        let here = begin.is_none_or(|begin| place(record) < begin) && end.is_none_or(|end| place(record) > end);
        here && !known.contains(&record.call) && matches(filter, record)
    };
    let mut items = page.items;
    items.extend(unwritten.into_iter().filter(belongs));
    items.sort_by_key(|record| std::cmp::Reverse(place(record)));
    let limit = filter.limit.clamp(1, PAGE) as usize;
    let mut next = page.next;
    if items.len() > limit {
        items.truncate(limit);
        next = items.last().map(place).map(|(time, call)| cursor(time, call));
    }
    Ok(Page { items, next })
}

/// Whether a record is asked for; the cursor is not looked at.
fn matches(filter: &HistoryFilter, record: &CallRecord) -> bool {
    let keys = keys(record);
    let has = |(kind, key): (Kind, String)| keys.iter().any(|(of, own)| *of as i64 == kind as i64 && *own == key);
    filter.call.is_none_or(|call| call == record.call)
        && filter.from.is_none_or(|from| record.started_at >= from)
        && filter.to.is_none_or(|to| record.started_at < to)
        && wanted_keys(filter).into_iter().all(has)
}

/// One record.
pub(crate) async fn record(pool: &SqlitePool, call: CallId) -> Result<Option<CallRecord>, StoreError> {
    json(pool, "SELECT record FROM calls WHERE call = ?", call).await
}

/// Who could hear whom in one call.
pub(crate) async fn audibility(pool: &SqlitePool, call: CallId) -> Result<Option<AudibilityHistory>, StoreError> {
    json(pool, "SELECT history FROM audibilities WHERE call = ?", call).await
}

/// Ids are counters: they never reach the sign.
pub(crate) fn column(call: CallId) -> i64 {
    call.0.cast_signed()
}

/// The question a filter asks: it walks the index of the narrowest filter there is, newest first, and looks the others up.
pub(crate) fn question(filter: &HistoryFilter, limit: u32) -> Result<QueryBuilder<Sqlite>, StoreError> {
    let mut wanted = wanted_keys(filter).into_iter();
    let mut query;
    let (time, call) = match (filter.call, wanted.next()) {
        (None, Some((kind, key))) => {
            query = QueryBuilder::new(
                "SELECT k.started_at, k.call, c.record FROM call_keys k CROSS JOIN calls c ON c.call = k.call",
            );
            query.push(" WHERE k.kind = ").push_bind(kind as i64).push(" AND k.key = ").push_bind(key);
            ("k.started_at", "k.call")
        }
        (one, first) => {
            query = QueryBuilder::new("SELECT c.started_at, c.call, c.record FROM calls c WHERE TRUE");
            if let Some(one) = one {
                query.push(" AND c.call = ").push_bind(column(one));
            }
            if let Some((kind, key)) = first {
                also(&mut query, ("c.started_at", "c.call"), kind, key);
            }
            ("c.started_at", "c.call")
        }
    };
    for (kind, key) in wanted {
        also(&mut query, (time, call), kind, key);
    }
    if let Some(from) = filter.from {
        query.push(" AND ").push(time).push(" >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        query.push(" AND ").push(time).push(" < ").push_bind(to);
    }
    if let Some(text) = &filter.cursor {
        let (at, after) = read_cursor(text).ok_or(StoreError::Cursor)?;
        query.push(format_args!(" AND ({time}, {call}) < (")).push_bind(at).push(", ").push_bind(after).push(")");
    }
    query.push(format_args!(" ORDER BY {time} DESC, {call} DESC LIMIT ")).push_bind(i64::from(limit) + 1);
    Ok(query)
}

fn wanted_keys(filter: &HistoryFilter) -> Vec<(Kind, String)> {
    let number = filter.number.as_deref().map(|number| (Kind::Number, number_key(number)));
    let agent = filter.agent.as_ref().map(|agent| (Kind::Agent, agent.0.clone()));
    let queue = filter.queue.as_ref().map(|queue| (Kind::Queue, queue.clone()));
    number.into_iter().chain(agent).chain(queue).collect()
}

fn also(query: &mut QueryBuilder<Sqlite>, (time, call): (&str, &str), kind: Kind, key: String) {
    query.push(" AND EXISTS (SELECT 1 FROM call_keys a WHERE a.kind = ").push_bind(kind as i64);
    query.push(" AND a.key = ").push_bind(key);
    query.push(format_args!(" AND a.started_at = {time} AND a.call = {call})"));
}

/// Where a page ended.
fn cursor(time: i64, call: i64) -> String {
    format!("{time:x}.{call:x}")
}

fn read_cursor(text: &str) -> Option<(i64, i64)> {
    let (time, call) = text.split_once('.')?;
    let read = |text: &str| u64::from_str_radix(text, 16).ok().map(u64::cast_signed);
    let (time, call) = (read(time)?, read(call)?);
    (cursor(time, call) == text).then_some((time, call))
}

async fn json<T: DeserializeOwned>(
    pool: &SqlitePool,
    sql: &'static str,
    call: CallId,
) -> Result<Option<T>, StoreError> {
    let found: Option<String> = sqlx::query_scalar(sql).bind(column(call)).fetch_optional(pool).await.map_err(said)?;
    found
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| StoreError::Database(format!("{call}: {error}")))
}

/// One record that cannot be read must not hide the others.
fn readable(call: i64, text: &str) -> Option<CallRecord> {
    let read = serde_json::from_str(text);
    read.inspect_err(|error| tracing::error!(call, %error, "a call record cannot be read")).ok()
}

#[cfg(test)]
mod tests;
