//! The store as everybody sees it. Writing never waits and never fails; reading and users are answered by the database.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use conference::CallId;
use conference::record::{AudibilityHistory, CallRecord};
use sqlx::sqlite::SqlitePool;
use tokio::runtime;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::database::{Database, make_folder};
use crate::kept::{Counts, Ha1s, Health, HistoryFilter, Page, Restored, StoreError, StoreSettings, StoredUser, Write};
use crate::ledger::Ledger;
use crate::queue::Queue;
use crate::writer::{Writer, count, unix_now};
use crate::{history, restored, retention, users};

/// How long [`Store::flush`] waits.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);
/// How long [`Store::close`] waits for the writer after that.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// The store of one data folder. Clones are the same store; it closes itself when the last goes.
///
/// What is given to [`Self::write`] is in the database or in the spool, on the disk, within a second; ordinarily within
/// milliseconds. A process that is killed loses what it gave in its last moments and nothing older; so does a power cut.
#[derive(Clone)]
pub struct Store {
    desk: Arc<Desk>,
}

struct Desk {
    pool: SqlitePool,
    queue: Arc<Queue>,
    ledger: Arc<Ledger>,
    /// Turns true when the writer has ended.
    ended: watch::Receiver<bool>,
    /// No other process may have the folder as long as this one.
    lock: File,
}

impl Store {
    /// Opens the store: makes folder and database if they are not there, brings the tables up to date, puts what waits
    /// in the spool into the database, and reads back what was kept.
    ///
    /// # Errors
    /// `Folder`, `InUse`; `Newer` and `Corrupt` for a file that it leaves as it is; `Database`.
    pub async fn open(settings: StoreSettings) -> Result<(Self, Restored), StoreError> {
        let folder = settings.data_dir.as_path();
        make_folder(folder)?;
        let lock = lock(folder)?;
        let database = Database::at(folder)?;
        let pool = database.readers().await?;
        let mut writer = Writer::new(folder, settings.spool_reserve, database.clone()).await?;
        writer.ledger.retention_days.store(settings.retention_days, Ordering::Relaxed);
        let spooled = writer.replay().await;
        let spooled = spooled.map_err(|source| StoreError::Folder { path: folder.join("spool"), source })?;
        let now = unix_now();
        let mut restored = restored::read(&pool, now).await.map_err(|error| database.or_damage(error))?;
        for (_, write) in &spooled {
            restored::lay_over(&mut restored, write, now);
        }
        let (queue, ledger) = (Arc::clone(&writer.queue), Arc::clone(&writer.ledger));
        let ended = start(writer).map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        Ok((Self { desk: Arc::new(Desk { pool, queue, ledger, ended, lock }) }, restored))
    }

    /// Keeps something. Returns at once and never fails: what the database does not take now goes to the spool; what
    /// has room nowhere is counted in [`Self::health`].
    pub fn write(&self, write: Write) {
        count(&self.desk.ledger, self.desk.queue.give(write));
    }

    /// Sets after how many days call records are deleted (0: never). What is too old by that goes soon, some at a time.
    pub fn retain(&self, days: u32) {
        self.desk.ledger.retention_days.store(days, Ordering::Relaxed);
        self.desk.queue.news.notify_one();
    }

    /// One page of call records, newest first, as far as they are in the database.
    ///
    /// # Errors
    /// `Cursor`, `Database`.
    pub async fn history(&self, filter: HistoryFilter) -> Result<Page<CallRecord>, StoreError> {
        self.history_with(filter, Vec::new()).await
    }

    /// One page of call records, newest first: those in the database, and those of `unwritten` that are not there yet. Each
    /// is on one page once, as long as a record leaves `unwritten` only when it is in the database.
    ///
    /// # Errors
    /// `Cursor`, `Database`.
    pub async fn history_with(
        &self,
        filter: HistoryFilter,
        unwritten: Vec<CallRecord>,
    ) -> Result<Page<CallRecord>, StoreError> {
        let page = history::page(&self.desk.pool, &filter).await?;
        history::merged(page, &filter, unwritten)
    }

    /// The record of one call that is over.
    ///
    /// # Errors
    /// `Database`.
    pub async fn record(&self, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        history::record(&self.desk.pool, call).await
    }

    /// Who could hear whom in one call that is over.
    ///
    /// # Errors
    /// `Database`.
    pub async fn audibility(&self, call: CallId) -> Result<Option<AudibilityHistory>, StoreError> {
        history::audibility(&self.desk.pool, call).await
    }

    /// The users of the database, by name.
    ///
    /// # Errors
    /// `Database`.
    pub async fn users(&self) -> Result<Vec<StoredUser>, StoreError> {
        users::all(&self.desk.pool).await
    }

    /// A new user.
    ///
    /// # Errors
    /// `UserExists`, `ExtensionTaken`, `Database`.
    pub async fn add_user(&self, user: &StoredUser) -> Result<(), StoreError> {
        users::add(&self.desk.pool, user).await
    }

    /// A new password.
    ///
    /// # Errors
    /// `NoSuchUser`, `Database`.
    pub async fn set_password(&self, name: &str, ha1s: &Ha1s) -> Result<(), StoreError> {
        users::set_password(&self.desk.pool, name, ha1s).await
    }

    /// A user goes, and what was kept of their phones and availability.
    ///
    /// # Errors
    /// `NoSuchUser`, `Database`.
    pub async fn delete_user(&self, name: &str) -> Result<(), StoreError> {
        users::delete(&self.desk.pool, name).await
    }

    /// Takes a number or name out of all call records; the calls stay. How many calls it was in.
    ///
    /// # Errors
    /// `Spooled` while records wait in the spool, `NotYet`, `Database`.
    pub async fn erase_number(&self, number: &str) -> Result<u64, StoreError> {
        self.flush().await?;
        match self.health().spooled {
            0 => retention::erase(&self.desk.pool, number).await,
            spooled => Err(StoreError::Spooled(spooled)),
        }
    }

    /// How the store is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.desk.ledger.health(self.desk.queue.len())
    }

    /// Numbers for metrics. Asks no database.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.desk.ledger.counts(self.desk.queue.len())
    }

    /// Waits until everything given so far is in the database or in the spool, 5 s at most.
    ///
    /// # Errors
    /// `NotYet`: how many writes are in memory alone.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let upto = self.desk.queue.next();
        let mut settled = self.desk.ledger.settled.subscribe();
        let reached = timeout(FLUSH_LIMIT, settled.wait_for(|settled| *settled >= upto))
            .await
            .is_ok_and(|reached| reached.is_ok());
        if reached { Ok(()) } else { Err(StoreError::NotYet(self.desk.queue.len().max(1))) }
    }

    /// Brings everything to the disk and ends, 10 s at most. What is given after that is not kept.
    ///
    /// # Errors
    /// `NotYet`: how many writes were lost with it.
    pub async fn close(self) -> Result<(), StoreError> {
        let flushed = self.flush().await;
        self.desk.queue.close();
        let mut ended = self.desk.ended.clone();
        let ended = timeout(CLOSE_LIMIT, ended.wait_for(|ended| *ended)).await.is_ok_and(|ended| ended.is_ok());
        self.desk.pool.close().await;
        if ended {
            // clones may live on, and keep nothing: whoever opens the folder next need not wait for them
            let _ = self.desk.lock.unlock();
        }
        let left = self.desk.queue.len();
        match flushed {
            Ok(()) if ended => Ok(()),
            _ if ended && left == 0 => Ok(()),
            _ => Err(StoreError::NotYet(left.max(1))),
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// One process to a folder. The lock goes with the process, however it ends.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("baton.lock");
    let opened = File::options().create(true).append(true).open(&path);
    let file = opened.map_err(|source| StoreError::Folder { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(StoreError::Folder { path, source }),
    }
}

/// The writer on a thread of its own; turns true when it has ended.
fn start(writer: Writer) -> std::io::Result<watch::Receiver<bool>> {
    let (ended, told) = watch::channel(false);
    let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new().name("store".to_owned()).spawn(move || {
        runtime.block_on(writer.run());
        ended.send_replace(true);
    })?;
    Ok(told)
}
