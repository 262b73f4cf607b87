//! What the writer tells of itself: how it is, and numbers. It decides nothing.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::kept::{Counts, Health};
use crate::queue::Lost;

/// Shared by the writer and everybody who asks.
pub(crate) struct Ledger {
    pub(crate) written: AtomicU64,
    pub(crate) spooled: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) put_aside: AtomicU64,
    pub(crate) in_spool: AtomicU64,
    pub(crate) spool_bytes: AtomicU64,
    /// The disk had no room to be kept for the spool.
    pub(crate) unreserved: AtomicBool,
    /// Days after which call records go; 0: never. Anybody may set it.
    pub(crate) retention_days: AtomicU32,
    lost_history: AtomicU64,
    lost_latest: AtomicU64,
    wrong: Mutex<Wrong>,
    /// Everything given before this place is on the disk.
    pub(crate) settled: watch::Sender<u64>,
}

#[derive(Default)]
struct Wrong {
    /// The database did not take what it was given.
    database: Option<String>,
    /// The spool did not.
    spool: Option<String>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            written: AtomicU64::new(0),
            spooled: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            put_aside: AtomicU64::new(0),
            in_spool: AtomicU64::new(0),
            spool_bytes: AtomicU64::new(0),
            unreserved: AtomicBool::new(false),
            retention_days: AtomicU32::new(0),
            lost_history: AtomicU64::new(0),
            lost_latest: AtomicU64::new(0),
            wrong: Mutex::default(),
            settled: watch::Sender::new(0),
        }
    }

    pub(crate) fn lose(&self, lost: Lost) {
        match lost {
            Lost::Nothing => return,
            Lost::History => self.lost_history.fetch_add(1, Ordering::Relaxed),
            Lost::Latest => self.lost_latest.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// What is wrong with the database; `None`: nothing.
    pub(crate) fn database(&self, wrong: Option<String>) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).database = wrong;
    }

    /// What is wrong with the spool; `None`: nothing.
    pub(crate) fn spool(&self, wrong: Option<String>) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).spool = wrong;
    }

    pub(crate) fn health(&self, waiting: usize) -> Health {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let unreserved =
            self.unreserved.load(Ordering::Relaxed).then_some("spool: the disk has no room to be kept for it");
        let said: Vec<&str> = wrong.database.iter().chain(&wrong.spool).map(String::as_str).chain(unreserved).collect();
        Health {
            degraded: (!said.is_empty()).then(|| said.join("; ")),
            spooled: self.in_spool.load(Ordering::Relaxed),
            waiting,
            lost_history: self.lost_history.load(Ordering::Relaxed),
            lost_latest: self.lost_latest.load(Ordering::Relaxed),
            put_aside: self.put_aside.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn counts(&self, waiting: usize) -> Counts {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Counts {
            written: read(&self.written),
            spooled: read(&self.spooled),
            lost: read(&self.lost_history) + read(&self.lost_latest),
            failures: read(&self.failures),
            waiting: waiting as u64,
            spool_bytes: read(&self.spool_bytes),
            expired: read(&self.expired),
        }
    }
}
