//! The one task that writes. It takes from the queue and puts batches into the database; while the database is away, or
//! takes its time, it puts them into the spool, and from there into the database once it is back.
//!
//! It lives on a thread of its own, so that a slow disk stops nobody else. Whatever is numbered goes to the database in
//! the order of its numbers: while anything waits in the spool, everything new goes behind it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::select;
use tokio::time::sleep;

use crate::apply::{applied, apply};
use crate::database::Database;
use crate::kept::StoreError;
use crate::ledger::Ledger;
use crate::queue::{Given, Lost, MOST_WRITES, Queue, key};
use crate::retention;
use crate::spool::Spool;

/// Writes in one transaction.
const BATCH: usize = 500;
/// So long a batch may take before everything goes to the spool meanwhile.
const PATIENCE: Duration = Duration::from_millis(500);
/// The database is tried again after this, then after twice this, and so on.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// … but at least so often.
const LAST_RETRY: Duration = Duration::from_secs(2);
/// How often a database that is given nothing is asked whether it could be written to.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// How often old records are looked for.
const EXPIRE_EVERY: Duration = Duration::from_secs(3600);
/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// The writer and everything it owns.
pub(crate) struct Writer {
    pub(crate) queue: Arc<Queue>,
    pub(crate) ledger: Arc<Ledger>,
    database: Database,
    spool: Spool,
    connection: Option<SqliteConnection>,
    /// The number of the next write.
    next: u64,
    /// Writes up to this number are counted as written: a batch that went to the spool while it was committed comes again.
    counted: u64,
    retry: Retry,
    expire_at: Instant,
    probe_at: Instant,
    /// The retention by which it was looked last.
    retained: u32,
}

/// When the database is tried again; it is there while `at` is `None`.
struct Retry {
    at: Option<Instant>,
    delay: Duration,
}

impl Writer {
    /// A writer with its spool, connected; numbers go on where the database and the spool ended.
    pub(crate) async fn new(folder: &Path, reserve: u64, database: Database) -> Result<Self, StoreError> {
        let path = folder.join("spool");
        let spool = Spool::open(&path, reserve).map_err(|source| StoreError::Folder { path, source })?;
        let mut connection = database.writer().await.map_err(|error| database.cannot_open(&error))?;
        let done = applied(&mut connection, spool.identity()).await.map_err(|error| database.cannot_open(&error))?;
        let writer = Self {
            queue: Arc::default(),
            ledger: Arc::new(Ledger::new()),
            retained: 0,
            database,
            next: done.max(spool.last()) + 1,
            counted: done,
            spool,
            connection: Some(connection),
            retry: Retry { at: None, delay: FIRST_RETRY },
            expire_at: Instant::now(),
            probe_at: Instant::now() + PROBE_EVERY,
        };
        writer.tell();
        Ok(writer)
    }

    /// Puts what waits in the spool into the database, or finds that it cannot be done now: then what waits is returned.
    pub(crate) async fn replay(&mut self) -> std::io::Result<Vec<Given>> {
        while self.spool.records() > 0 && self.retry.at.is_none() {
            self.drain().await;
        }
        let mut left = Vec::new();
        self.spool.each(|write| left.push(write))?;
        Ok(left)
    }

    /// Writes until the queue is closed, and then what it holds still.
    pub(crate) async fn run(mut self) {
        loop {
            if self.retry.is_due(Instant::now()) {
                self.work().await;
            }
            if self.retry.at.is_some() {
                self.spool_queue();
            }
            self.tell();
            let idle = self.queue.len() == 0 && self.spool.records() == 0;
            if idle {
                self.ledger.spool(None);
            }
            if self.queue.is_closing() && (idle || self.retry.at.is_some()) {
                break;
            }
            self.rest(idle).await;
        }
        self.spool_queue();
        self.tell();
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database was not closed in order");
        }
    }

    /// Waits until there is something to do.
    async fn rest(&self, idle: bool) {
        let now = Instant::now();
        let wake = match self.retry.at {
            Some(at) => at,
            None if idle => self.expire_at.min(self.probe_at),
            None => return,
        };
        select! {
            () = self.queue.news.notified() => {}
            () = sleep(wake.saturating_duration_since(now)) => {}
        }
    }

    async fn work(&mut self) {
        if self.spool.records() > 0 {
            return self.drain().await;
        }
        let batch = self.queue.take(BATCH);
        if !batch.is_empty() {
            return self.write(batch).await;
        }
        if self.retry.at.is_some() {
            self.connect().await;
        }
        let days = self.ledger.retention_days.load(Ordering::Relaxed);
        if days != self.retained || Instant::now() >= self.expire_at {
            self.expire().await;
        }
        if Instant::now() >= self.probe_at {
            self.probe().await;
        }
    }

    /// Takes the database's lock and gives it back: so it is known to be away before something is lost in a queue for it.
    async fn probe(&mut self) {
        self.probe_at = Instant::now() + PROBE_EVERY;
        let Some(mut connection) = self.connection.take() else { return self.connect().await };
        let probed = async {
            sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
            sqlx::query("ROLLBACK").execute(&mut connection).await?;
            Ok::<_, sqlx::Error>(())
        };
        match probed.await {
            Ok(()) => self.back(connection),
            Err(error) => self.away(&error),
        }
    }

    /// The oldest of the spool, into the database.
    async fn drain(&mut self) {
        let batch = match self.spool.oldest() {
            Ok(batch) => batch,
            Err(error) => return self.away(&error),
        };
        let numbers = batch.iter().map(|(number, _)| *number).collect();
        let (done, _) = self.commit(batch, Vec::new()).await;
        if done {
            self.count_written(numbers);
            if let Err(error) = self.spool.passed() {
                self.away(&error);
            }
        }
    }

    /// New writes, into the database; into the spool if it does not take them.
    async fn write(&mut self, given: Vec<Given>) {
        let batch: Vec<Given> = given.iter().map(|(_, write)| (self.number(), Arc::clone(write))).collect();
        let numbers: Vec<u64> = batch.iter().map(|(number, _)| *number).collect();
        let waiting = given.into_iter().zip(numbers.iter().copied()).collect();
        let (done, left) = self.commit(batch, waiting).await;
        if done {
            self.count_written(numbers);
        } else {
            let left = self.spool_writes(left, false);
            self.queue.give_back(left.into_iter().map(|(given, _)| given).collect());
        }
    }

    /// The writes of these numbers, rising, are in the database; each is counted once, however often it was tried.
    fn count_written(&mut self, numbers: Vec<u64>) {
        let counted = self.counted;
        self.counted = numbers.last().copied().unwrap_or(0).max(counted);
        let new = numbers.into_iter().filter(|number| *number > counted).count();
        self.ledger.written.fetch_add(new as u64, Ordering::Relaxed);
    }

    /// One batch, into the database. While it takes its time, what is on no disk yet (`waiting`: the batch itself, unless it
    /// came from the spool) and what is new goes to the spool. Whether it was taken, and what is on no disk still.
    async fn commit(&mut self, batch: Vec<Given>, mut waiting: Vec<Numbered>) -> (bool, Vec<Numbered>) {
        let (database, connection, spool) =
            (self.database.clone(), self.connection.take(), self.spool.identity().to_owned());
        let begun = Instant::now();
        let mut work = std::pin::pin!(async move {
            let mut connection = match connection {
                Some(connection) => connection,
                None => database.writer().await?,
            };
            apply(&mut connection, &spool, &batch).await?;
            Ok::<_, sqlx::Error>(connection)
        });
        loop {
            select! {
                biased;
                done = &mut work => return match done {
                    Ok(connection) => {
                        self.back(connection);
                        (true, Vec::new())
                    }
                    Err(error) => {
                        self.away(&error);
                        (false, waiting)
                    }
                },
                () = self.queue.deep.notified() => {}
                () = sleep(PATIENCE) => {
                    self.ledger.database(Some(format!("database: no answer for {:.0?}", begun.elapsed())));
                }
            }
            waiting = self.spool_writes(waiting, false);
            if waiting.is_empty() {
                self.spool_queue();
            }
            self.tell_before(waiting.first().map(|((place, _), _)| *place));
        }
    }

    /// Everything that waits in memory, into the spool; what has no room there goes on waiting.
    fn spool_queue(&mut self) {
        let closing = self.queue.is_closing();
        let given = self.queue.take(MOST_WRITES);
        let numbered = given.into_iter().map(|given| (given, self.number())).collect();
        let left = self.spool_writes(numbered, closing);
        self.queue.give_back(left.into_iter().map(|(given, _)| given).collect());
    }

    /// Puts writes into the spool; what has no room there is returned. History comes in its order: after one that has no
    /// room no other has. `last_chance`: registrations and availabilities may fill it as well.
    fn spool_writes(&mut self, writes: Vec<Numbered>, last_chance: bool) -> Vec<Numbered> {
        if writes.is_empty() {
            return writes;
        }
        let (before, mut full, mut left) = (self.spool.last(), false, Vec::new());
        for ((place, write), number) in writes {
            let latest = key(&write).is_some();
            if (full && !latest) || !self.spool.append(number, &write, latest && !last_chance) {
                full |= !latest;
                left.push(((place, write), number));
            } else {
                self.ledger.spooled.fetch_add(1, Ordering::Relaxed);
            }
        }
        let synced = if self.spool.last() > before { self.spool.sync() } else { Ok(()) };
        self.ledger.spool(match synced {
            Err(error) => Some(format!("spool: {error}")),
            Ok(()) if !left.is_empty() => {
                Some(format!("spool: no room for {} writes, which wait in memory", left.len()))
            }
            Ok(()) => None,
        });
        left
    }

    async fn connect(&mut self) {
        match self.database.writer().await {
            Ok(connection) => self.back(connection),
            Err(error) => self.away(&error),
        }
    }

    /// Old records go, some at once, so that new ones never wait long.
    async fn expire(&mut self) {
        self.expire_at = Instant::now() + EXPIRE_EVERY;
        let days = self.ledger.retention_days.load(Ordering::Relaxed);
        self.retained = days;
        if days == 0 {
            return;
        }
        let Some(mut connection) = self.connection.take() else { return self.connect().await };
        let before = unix_now().saturating_sub(i64::from(days).saturating_mul(DAY_US));
        match retention::expire(&mut connection, before).await {
            Ok((gone, all)) => {
                self.ledger.expired.fetch_add(gone, Ordering::Relaxed);
                if !all {
                    self.expire_at = Instant::now();
                }
                self.back(connection);
            }
            Err(error) => self.away(&error),
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn back(&mut self, connection: SqliteConnection) {
        self.connection = Some(connection);
        if self.retry.at.take().is_some() {
            tracing::info!(spooled = self.spool.records(), "the database is back");
        }
        self.retry.delay = FIRST_RETRY;
        self.ledger.database(None);
    }

    fn away(&mut self, error: &dyn std::fmt::Display) {
        if self.retry.at.is_none() {
            tracing::warn!(%error, "the database is away: history goes to the spool");
        }
        self.connection = None;
        self.retry.at = Some(Instant::now() + self.retry.delay);
        self.retry.delay = (self.retry.delay * 2).min(LAST_RETRY);
        self.ledger.failures.fetch_add(1, Ordering::Relaxed);
        self.ledger.database(Some(format!("database: {error}")));
    }

    fn tell(&self) {
        self.tell_before(None);
    }

    /// Tells how it is; everything given before `place` and before what waits is on the disk.
    fn tell_before(&self, place: Option<u64>) {
        let ledger = &self.ledger;
        ledger.in_spool.store(self.spool.records(), Ordering::Relaxed);
        ledger.spool_bytes.store(self.spool.bytes(), Ordering::Relaxed);
        ledger.put_aside.store(self.spool.put_aside(), Ordering::Relaxed);
        ledger.unreserved.store(!self.spool.is_reserved(), Ordering::Relaxed);
        let oldest = self.queue.oldest();
        ledger.settled.send_replace(place.map_or(oldest, |place| place.min(oldest)));
    }
}

/// A write that was given, and its number.
type Numbered = (Given, u64);

impl Retry {
    fn is_due(&self, now: Instant) -> bool {
        self.at.is_none_or(|at| now >= at)
    }
}

/// Microseconds of Unix time.
pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// What the queue could not keep is counted.
pub(crate) fn count(ledger: &Ledger, lost: Lost) {
    if lost != Lost::Nothing {
        ledger.lose(lost);
        tracing::warn!(?lost, "no room in memory or on the disk: a write is lost");
    }
}

#[cfg(test)]
mod tests;
