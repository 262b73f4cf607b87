//! Writes, put into the database: a batch is one transaction, which also notes up to which number it went. Whatever is
//! numbered no higher than what is noted is in already and is passed over: so nothing is written twice, however often it
//! is tried and wherever the process died.

use std::collections::BTreeSet;

use conference::CallId;
use conference::record::CallRecord;
use serde::Serialize;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::history::{column, keys};
use crate::kept::Write;
use crate::queue::Given;

/// Puts a batch, numbered upwards, into the database, or nothing of it.
pub(crate) async fn apply(connection: &mut SqliteConnection, spool: &str, batch: &[Given]) -> Result<(), sqlx::Error> {
    let mut together = connection.begin_with("BEGIN IMMEDIATE").await?;
    let done = applied(&mut together, spool).await?;
    let mut last = done;
    for (number, write) in batch.iter().filter(|(number, _)| *number > done) {
        put(&mut together, write).await?;
        last = *number;
    }
    sqlx::query(
        "INSERT INTO applied (spool, number) VALUES (?, ?)
         ON CONFLICT (spool) DO UPDATE SET number = excluded.number",
    )
    .bind(spool)
    .bind(last.cast_signed())
    .execute(&mut *together)
    .await?;
    together.commit().await
}

/// The number of the last write of this spool that is in the database; 0: none.
pub(crate) async fn applied(connection: &mut SqliteConnection, spool: &str) -> Result<u64, sqlx::Error> {
    let found = sqlx::query_scalar::<_, i64>("SELECT number FROM applied WHERE spool = ?").bind(spool);
    Ok(found.fetch_optional(connection).await?.map_or(0, i64::cast_unsigned))
}

async fn put(to: &mut SqliteConnection, write: &Write) -> Result<(), sqlx::Error> {
    let query = match write {
        Write::Call(record) => return put_call(to, record).await,
        Write::Audibility(history) => sqlx::query(
            "INSERT INTO audibilities (call, history) VALUES (?, ?)
             ON CONFLICT (call) DO UPDATE SET history = excluded.history",
        )
        .bind(column(history.call))
        .bind(json(history)?),
        Write::Registrations { agent, contacts } if contacts.is_empty() => {
            sqlx::query("DELETE FROM registrations WHERE agent = ?").bind(&agent.0)
        }
        Write::Registrations { agent, contacts } => sqlx::query(
            "INSERT INTO registrations (agent, contacts) VALUES (?, ?)
             ON CONFLICT (agent) DO UPDATE SET contacts = excluded.contacts",
        )
        .bind(&agent.0)
        .bind(json(contacts)?),
        Write::Availability(known) => sqlx::query(
            "INSERT INTO availabilities (agent, availability, at) VALUES (?, ?, ?)
             ON CONFLICT (agent) DO UPDATE SET availability = excluded.availability, at = excluded.at",
        )
        .bind(&known.agent.0)
        .bind(json(&known.availability)?)
        .bind(known.at),
        Write::Reserved { last_call, last_event, last_reservation } => sqlx::query(
            "INSERT INTO reserved (id, last_call, last_event, last_reservation) VALUES (0, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET last_call = max(last_call, excluded.last_call),
                 last_event = max(last_event, excluded.last_event),
                 last_reservation = max(last_reservation, excluded.last_reservation)",
        )
        .bind(last_call.cast_signed())
        .bind(last_event.cast_signed())
        .bind(last_reservation.cast_signed()),
    };
    query.execute(to).await.map(|_| ())
}

/// A record, and everything it is found by. A later record of the same call takes its place.
pub(crate) async fn put_call(to: &mut SqliteConnection, record: &CallRecord) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO calls (call, started_at, record) VALUES (?, ?, ?)
         ON CONFLICT (call) DO UPDATE SET started_at = excluded.started_at, record = excluded.record",
    )
    .bind(column(record.call))
    .bind(record.started_at)
    .bind(json(record)?)
    .execute(&mut *to)
    .await?;
    forget_keys(to, record.call).await?;
    let distinct: BTreeSet<(i64, String)> = keys(record).into_iter().map(|(kind, key)| (kind as i64, key)).collect();
    for (kind, key) in distinct {
        sqlx::query("INSERT INTO call_keys (kind, key, started_at, call) VALUES (?, ?, ?, ?)")
            .bind(kind)
            .bind(key)
            .bind(record.started_at)
            .bind(column(record.call))
            .execute(&mut *to)
            .await?;
    }
    Ok(())
}

async fn forget_keys(to: &mut SqliteConnection, call: CallId) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM call_keys WHERE call = ?").bind(column(call)).execute(to).await.map(|_| ())
}

fn json<T: Serialize>(value: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}
