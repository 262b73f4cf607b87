//! What is deleted: records that are too old, and a number that must be forgotten.

use conference::record::CallRecord;
use conference::{CallId, Destination};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use crate::apply::put_call;
use crate::database::said;
use crate::history::{Kind, number_key};
use crate::kept::StoreError;

/// Calls deleted or rewritten in one transaction: the writer waits no longer than for one of these.
const BATCH: i64 = 200;
/// What stands where a number stood.
pub(crate) const ERASED: &str = "erased";

/// Deletes some of the calls that began before. How many; fewer than a batch: there are no more.
pub(crate) async fn expire(connection: &mut SqliteConnection, before: i64) -> Result<(u64, bool), sqlx::Error> {
    let mut together = connection.begin_with("BEGIN IMMEDIATE").await?;
    let old: Vec<i64> =
        sqlx::query_scalar("SELECT call FROM calls WHERE started_at < ? ORDER BY started_at, call LIMIT ?")
            .bind(before)
            .bind(BATCH)
            .fetch_all(&mut *together)
            .await?;
    for call in &old {
        for table in [
            "DELETE FROM call_keys WHERE call = ?",
            "DELETE FROM audibilities WHERE call = ?",
            "DELETE FROM calls WHERE call = ?",
        ] {
            sqlx::query(table).bind(call).execute(&mut *together).await?;
        }
    }
    together.commit().await?;
    Ok((old.len() as u64, old.len() < usize::try_from(BATCH).unwrap_or(0)))
}

/// Takes a number or name out of all records; the calls stay, with `erased` in its place. How many calls.
pub(crate) async fn erase(pool: &SqlitePool, number: &str) -> Result<u64, StoreError> {
    let key = number_key(number);
    let mut changed = 0;
    loop {
        let mut together = pool.begin_with("BEGIN IMMEDIATE").await.map_err(said)?;
        let found: Vec<(i64, String)> = sqlx::query_as(
            "SELECT c.call, c.record FROM call_keys k CROSS JOIN calls c ON c.call = k.call WHERE k.kind = ? AND k.key = ? LIMIT ?",
        )
        .bind(Kind::Number as i64)
        .bind(&key)
        .bind(BATCH)
        .fetch_all(&mut *together)
        .await
        .map_err(said)?;
        if found.is_empty() || key == ERASED {
            return Ok(changed);
        }
        for (call, text) in found {
            let record = serde_json::from_str(&text);
            let record =
                record.map_err(|error| StoreError::Database(format!("{}: {error}", CallId(call.cast_unsigned()))))?;
            put_call(&mut together, &without(record, &key)).await.map_err(said)?;
            changed += 1;
        }
        together.commit().await.map_err(said)?;
    }
}

fn without(mut record: CallRecord, key: &str) -> CallRecord {
    let erase = |text: &mut String| {
        if number_key(text) == key {
            ERASED.clone_into(text);
        }
    };
    for party in &mut record.parties {
        erase(&mut party.name);
        party.agent.iter_mut().for_each(|agent| erase(&mut agent.0));
    }
    for transfer in &mut record.transfers {
        match &mut transfer.to {
            Destination::Outside { number, .. } => erase(number),
            Destination::Agent(agent) => erase(&mut agent.0),
            Destination::Queue(_)
            | Destination::Room(_)
            | Destination::NewRoom
            | Destination::Service(_)
            | Destination::Unknown => {}
        }
    }
    record.queues.iter_mut().flat_map(|queue| &mut queue.offered).for_each(|agent| erase(&mut agent.0));
    record
}
