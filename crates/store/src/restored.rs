//! What is read back at the start: from the database, and over it what still waits in the spool.

use conference::AgentName;
use sqlx::Row;
use sqlx::sqlite::SqlitePool;

use crate::database::said;
use crate::kept::{Contact, Known, Restored, StoreError, Write};
use crate::users;

/// Everything the database knows. `now`: microseconds of Unix time; what has expired by then is left out.
pub(crate) async fn read(pool: &SqlitePool, now: i64) -> Result<Restored, StoreError> {
    let reserved = sqlx::query("SELECT * FROM reserved").fetch_optional(pool).await.map_err(said)?;
    let number = |column: &str| {
        reserved.as_ref().map_or(Ok(0), |row| row.try_get::<i64, _>(column).map(i64::cast_unsigned)).map_err(said)
    };
    let newest: Option<i64> = sqlx::query_scalar("SELECT max(call) FROM calls").fetch_one(pool).await.map_err(said)?;
    let mut restored = Restored {
        users: users::all(pool).await?,
        last_call: number("last_call")?.max(newest.map_or(0, i64::cast_unsigned)),
        last_event: number("last_event")?,
        last_reservation: number("last_reservation")?,
        ..Restored::default()
    };
    let rows =
        sqlx::query("SELECT agent, contacts FROM registrations ORDER BY agent").fetch_all(pool).await.map_err(said)?;
    for row in rows {
        let contacts: Vec<Contact> = json(row.try_get(1).map_err(said)?)?;
        restored.registrations.push((AgentName(row.try_get(0).map_err(said)?), contacts));
    }
    drop_expired(&mut restored, now);
    let known = sqlx::query("SELECT agent, availability, at FROM availabilities ORDER BY agent");
    for row in known.fetch_all(pool).await.map_err(said)? {
        restored.availabilities.push(Known {
            agent: AgentName(row.try_get(0).map_err(said)?),
            availability: json(row.try_get(1).map_err(said)?)?,
            at: row.try_get(2).map_err(said)?,
        });
    }
    Ok(restored)
}

/// What waits in the spool is newer than what the database knows.
pub(crate) fn lay_over(restored: &mut Restored, write: &Write, now: i64) {
    match write {
        Write::Call(record) => restored.last_call = restored.last_call.max(record.call.0),
        Write::Audibility(_) => {}
        Write::Registrations { agent, contacts } => {
            restored.registrations.retain(|(other, _)| other != agent);
            restored.registrations.push((agent.clone(), contacts.clone()));
            drop_expired(restored, now);
        }
        Write::Availability(known) => {
            restored.availabilities.retain(|other| other.agent != known.agent);
            restored.availabilities.push(known.clone());
        }
        Write::Reserved { last_call, last_event, last_reservation } => {
            restored.last_call = restored.last_call.max(*last_call);
            restored.last_event = restored.last_event.max(*last_event);
            restored.last_reservation = restored.last_reservation.max(*last_reservation);
        }
    }
}

fn drop_expired(restored: &mut Restored, now: i64) {
    for (_, contacts) in &mut restored.registrations {
        contacts.retain(|contact| contact.expires_at > now);
    }
    restored.registrations.retain(|(_, contacts)| !contacts.is_empty());
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Database(error.to_string()))
}
