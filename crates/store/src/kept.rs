//! What is kept, in the words of the house. No table and no query stands here.

use std::fmt;
use std::path::PathBuf;

use conference::record::{AudibilityHistory, CallRecord};
use conference::{AgentName, Availability, CallId};
use serde::{Deserialize, Serialize};

/// Where things are kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The folder of the database file (`baton.db`) and of the spool.
    pub data_dir: PathBuf,
    /// Days after which call records are deleted; 0: never.
    pub retention_days: u32,
    /// Bytes of the disk that are kept for the spool from the start, so that a full disk loses no history.
    pub spool_reserve: u64,
}

impl StoreSettings {
    /// The defaults: everything is kept for ever, 16 MB are reserved.
    #[must_use]
    pub fn new(data_dir: PathBuf) -> Self {
        Self { data_dir, retention_days: 0, spool_reserve: 16 << 20 }
    }
}

/// Why the store cannot be had, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or written.
    #[error("{path}: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has this folder in use.
    #[error("{0}: in use by another process")]
    InUse(PathBuf),
    /// The file was written by a newer version. It is left as it is.
    #[error("{path}: written by a newer version (migration {found}, this one knows {known})")]
    Newer {
        /// Which.
        path: PathBuf,
        /// The newest migration in it.
        found: i64,
        /// The newest we know.
        known: i64,
    },
    /// The file is no database, or a damaged one. It is left as it is.
    #[error("{path}: damaged, or not a database ({reason}); put back a copy, or move it away")]
    Corrupt {
        /// Which.
        path: PathBuf,
        /// The database's words.
        reason: String,
    },
    /// The database says no. Its words.
    #[error("database: {0}")]
    Database(String),
    /// A user of that name exists.
    #[error("there is a user {0} already")]
    UserExists(String),
    /// A user of that extension exists.
    #[error("there is a user with the extension {0} already")]
    ExtensionTaken(String),
    /// No such user.
    #[error("there is no user {0}")]
    NoSuchUser(String),
    /// A cursor that is none of ours.
    #[error("not a cursor")]
    Cursor,
    /// What was given is not on the disk yet, and the time for it is over.
    #[error("{0} writes are not on the disk yet")]
    NotYet(usize),
    /// What was given waits in the spool, so that what is asked cannot be done now.
    #[error("not while {0} writes wait in the spool")]
    Spooled(u64),
}

/// A user whom `baton user` manages. Passwords are kept as HA1 alone (RFC 7616 §3.4.2), one per algorithm.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredUser {
    /// The name.
    pub name: String,
    /// Shown to people.
    pub display_name: String,
    /// What a keypad dials.
    pub extension: String,
    /// The queues served.
    pub queues: Vec<String>,
    /// Whether a supervisor.
    pub supervisor: bool,
    /// Calls others may put on them at once.
    pub max_calls: u32,
    /// HA1 by SHA-256, in hexadecimal.
    pub ha1_sha256: String,
    /// HA1 by MD5, in hexadecimal.
    pub ha1_md5: String,
}

/// Without the HA1s: whoever has one can log in.
impl fmt::Debug for StoredUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredUser")
            .field("name", &self.name)
            .field("extension", &self.extension)
            .finish_non_exhaustive()
    }
}

/// A password, by the two algorithms of `sip.digest`.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1s {
    /// HA1 by SHA-256, in hexadecimal.
    pub sha256: String,
    /// HA1 by MD5, in hexadecimal.
    pub md5: String,
}

/// One registered phone, as the registrar knows it, opaque to the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Its address and flow, in the registrar's own words (JSON).
    pub binding: String,
    /// When it expires, microseconds of Unix time.
    pub expires_at: i64,
}

/// What an agent said last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Who.
    pub agent: AgentName,
    /// What.
    pub availability: Availability,
    /// When, microseconds of Unix time.
    pub at: i64,
}

/// What was kept when the process ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// Users of the database.
    pub users: Vec<StoredUser>,
    /// Registrations that have not expired, by agent.
    pub registrations: Vec<(AgentName, Vec<Contact>)>,
    /// What agents said last.
    pub availabilities: Vec<Known>,
    /// The highest call there is a record of, or that was begun: the next has a higher id.
    pub last_call: u64,
    /// The highest event number that was told, rounded up: the next is higher.
    pub last_event: u64,
    /// The highest number of an offer, rounded up: the next is higher.
    pub last_reservation: u64,
}

/// Something to be kept. Given to the store without waiting; what cannot be written at once is spooled and written exactly
/// once later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Write {
    /// A call is over.
    Call(Box<CallRecord>),
    /// Who could hear whom in it.
    Audibility(Box<AudibilityHistory>),
    /// All phones of an agent, as they are now.
    Registrations {
        /// Whose.
        agent: AgentName,
        /// The phones; empty: none.
        contacts: Vec<Contact>,
    },
    /// What an agent said of their availability.
    Availability(Known),
    /// Ids up to these are taken.
    Reserved {
        /// Calls.
        last_call: u64,
        /// Events.
        last_event: u64,
        /// Offers; what was spooled by a version that did not number them on has none.
        #[serde(default)]
        last_reservation: u64,
    },
}

/// Which records are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Only this call.
    pub call: Option<CallId>,
    /// Only calls in which this agent was.
    pub agent: Option<AgentName>,
    /// Only calls in which this number or name was.
    pub number: Option<String>,
    /// Only calls that waited in this queue.
    pub queue: Option<String>,
    /// Only calls that began at or after, microseconds of Unix time.
    pub from: Option<i64>,
    /// Only calls that began before.
    pub to: Option<i64>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Records a page, 1 to 500.
    pub limit: u32,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page<T> {
    /// What is on it, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<String>,
}

/// How the store is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What is wrong now, if anything is; calls go on all the same.
    pub degraded: Option<String>,
    /// Writes that wait in the spool.
    pub spooled: u64,
    /// Writes that wait in memory, and would be lost with the process.
    pub waiting: usize,
    /// Call records and audibility histories that were lost since the start.
    pub lost_history: u64,
    /// Registrations and availabilities that were lost since the start; the next ones replace them.
    pub lost_latest: u64,
    /// Damaged pieces of the spool that were put aside since the start, as `spool.bad-N`.
    pub put_aside: u64,
}

/// Numbers since the start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Writes that are in the database.
    pub written: u64,
    /// Writes that went through the spool.
    pub spooled: u64,
    /// Writes that were lost.
    pub lost: u64,
    /// Times the database did not take what it was given.
    pub failures: u64,
    /// Writes that wait in memory now.
    pub waiting: u64,
    /// Bytes of the spool in use now.
    pub spool_bytes: u64,
    /// Records deleted because of their age.
    pub expired: u64,
}
