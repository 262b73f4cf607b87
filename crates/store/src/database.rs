//! The database file: how it is made, opened, brought up to date, and what its errors mean. No query stands here.

use std::fs::{self, DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::kept::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// How long a question waits for the database.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the writer waits for a lock before it spools.
const WRITE_TIMEOUT: Duration = Duration::from_millis(250);
/// Questions at once.
const READERS: u32 = 4;
/// The log of the database is cut back to this many bytes.
const LOG_BYTES: u32 = 16 << 20;

/// Makes the folder, for its owner alone.
///
/// # Errors
/// `Folder`.
pub(crate) fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| StoreError::Folder { path: folder.to_owned(), source })
}

/// The one database file.
#[derive(Clone)]
pub(crate) struct Database {
    path: PathBuf,
    options: SqliteConnectOptions,
}

impl Database {
    /// Makes the file if it is not there, readable for its owner alone; the log beside it inherits that.
    ///
    /// # Errors
    /// `Folder` if it cannot be made.
    pub(crate) fn at(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("baton.db");
        let made = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        made.and_then(|_| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)))
            .map_err(|source| StoreError::Folder { path: path.clone(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            // every commit is on the disk before it counts: a power cut loses none
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", LOG_BYTES.to_string())
            // what is deleted is gone from the file as well
            .pragma("secure_delete", "ON")
            .busy_timeout(ASK_TIMEOUT)
            .disable_statement_logging();
        Ok(Self { path, options })
    }

    /// Connections for questions, and for what people wait for. The tables are brought up to date first.
    ///
    /// # Errors
    /// `Newer`, `Corrupt`, `Database`.
    pub(crate) async fn readers(&self) -> Result<SqlitePool, StoreError> {
        let pool = SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(ASK_TIMEOUT);
        let pool = pool.connect_with(self.options.clone()).await.map_err(|error| self.cannot_open(&error))?;
        match MIGRATIONS.run(&pool).await {
            Ok(()) => Ok(pool),
            Err(error) => {
                pool.close().await;
                Err(self.cannot_migrate(&error))
            }
        }
    }

    /// The writer's connection, which gives up soon when another holds the lock.
    pub(crate) async fn writer(&self) -> Result<SqliteConnection, sqlx::Error> {
        self.options.clone().busy_timeout(WRITE_TIMEOUT).connect().await
    }

    /// What an error at the opening means.
    pub(crate) fn cannot_open(&self, error: &sqlx::Error) -> StoreError {
        if is_damage(error) {
            StoreError::Corrupt { path: self.path.clone(), reason: error.to_string() }
        } else {
            StoreError::Database(format!("{}: {error}", self.path.display()))
        }
    }

    /// Names the file when a question at the opening failed.
    pub(crate) fn or_damage(&self, error: StoreError) -> StoreError {
        if let StoreError::Database(reason) = &error
            && (reason.contains("malformed") || reason.contains("not a database"))
        {
            return StoreError::Corrupt { path: self.path.clone(), reason: reason.clone() };
        }
        error
    }

    fn cannot_migrate(&self, error: &MigrateError) -> StoreError {
        let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        if let MigrateError::VersionMissing(found) = error
            && *found > known
        {
            return StoreError::Newer { path: self.path.clone(), found: *found, known };
        }
        if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
            return self.cannot_open(error);
        }
        StoreError::Database(format!("{}: {error}", self.path.display()))
    }
}

/// The database's own words.
pub(crate) fn said(error: sqlx::Error) -> StoreError {
    StoreError::Database(error.to_string())
}

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`, with their extended codes (the low byte is the primary one).
fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| matches!(code & 0xff, 11 | 26))
}
