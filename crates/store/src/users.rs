//! Users whom `baton user` manages: the one part of the store that people wait for.

use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use crate::database::said;
use crate::kept::{Ha1s, StoreError, StoredUser};

/// All, by name.
pub(crate) async fn all(pool: &SqlitePool) -> Result<Vec<StoredUser>, StoreError> {
    let rows = sqlx::query("SELECT * FROM users ORDER BY name").fetch_all(pool).await.map_err(said)?;
    rows.iter().map(read).collect::<Result<_, _>>().map_err(said)
}

/// One more.
pub(crate) async fn add(pool: &SqlitePool, user: &StoredUser) -> Result<(), StoreError> {
    let queues = serde_json::to_string(&user.queues).map_err(|error| StoreError::Database(error.to_string()))?;
    let added = sqlx::query(
        "INSERT INTO users (name, display_name, extension, queues, supervisor, max_calls, ha1_sha256, ha1_md5)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&user.name)
    .bind(&user.display_name)
    .bind(&user.extension)
    .bind(queues)
    .bind(user.supervisor)
    .bind(user.max_calls)
    .bind(&user.ha1_sha256)
    .bind(&user.ha1_md5)
    .execute(pool)
    .await;
    match added {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.as_database_error() {
            Some(database) if database.is_unique_violation() && database.message().contains("users.extension") => {
                StoreError::ExtensionTaken(user.extension.clone())
            }
            Some(database) if database.is_unique_violation() => StoreError::UserExists(user.name.clone()),
            _ => said(error),
        }),
    }
}

/// A new password.
pub(crate) async fn set_password(pool: &SqlitePool, name: &str, ha1s: &Ha1s) -> Result<(), StoreError> {
    let changed = sqlx::query("UPDATE users SET ha1_sha256 = ?, ha1_md5 = ? WHERE name = ?")
        .bind(&ha1s.sha256)
        .bind(&ha1s.md5)
        .bind(name);
    must_be_one(name, changed.execute(pool).await.map_err(said)?.rows_affected())
}

/// A user goes, and with them what they said of their availability and their phones.
pub(crate) async fn delete(pool: &SqlitePool, name: &str) -> Result<(), StoreError> {
    let mut together = pool.begin_with("BEGIN IMMEDIATE").await.map_err(said)?;
    let gone =
        sqlx::query("DELETE FROM users WHERE name = ?").bind(name).execute(&mut *together).await.map_err(said)?;
    must_be_one(name, gone.rows_affected())?;
    for table in ["DELETE FROM registrations WHERE agent = ?", "DELETE FROM availabilities WHERE agent = ?"] {
        sqlx::query(table).bind(name).execute(&mut *together).await.map_err(said)?;
    }
    together.commit().await.map_err(said)
}

fn must_be_one(name: &str, changed: u64) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::NoSuchUser(name.to_owned())) } else { Ok(()) }
}

fn read(row: &SqliteRow) -> Result<StoredUser, sqlx::Error> {
    let queues: String = row.try_get("queues")?;
    Ok(StoredUser {
        name: row.try_get("name")?,
        display_name: row.try_get("display_name")?,
        extension: row.try_get("extension")?,
        queues: serde_json::from_str(&queues).map_err(|error| sqlx::Error::Decode(error.into()))?,
        supervisor: row.try_get("supervisor")?,
        max_calls: row.try_get("max_calls")?,
        ha1_sha256: row.try_get("ha1_sha256")?,
        ha1_md5: row.try_get("ha1_md5")?,
    })
}
