//! What the tests of the store share: folders, records, a second connection to the database. It asserts little itself.

#![allow(dead_code, clippy::unwrap_used, reason = "every test uses a part of it")]

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use conference::record::{AgentTimes, CallRecord, LegRecord, PartyRecord, Quality, QueueRecord};
use conference::{AgentName, CallId, LegId, ParticipantId, Role};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};
use store::{Restored, Store, StoreSettings, Write};

/// A wait that has a limit.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that goes with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let unique = RandomState::new().build_hasher().finish();
        let path = std::env::temp_dir().join(format!("store-{}-{unique:x}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(crate) async fn open(&self) -> (Store, Restored) {
        Store::open(settings(&self.data())).await.unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Settings with a small reserve.
pub(crate) fn settings(data: &Path) -> StoreSettings {
    StoreSettings { spool_reserve: 1 << 20, ..StoreSettings::new(data.to_owned()) }
}

/// A call of a customer and an agent.
pub(crate) fn call(id: u64) -> CallRecord {
    call_of(id, &format!("+4930{id:07}"), "alice", "support")
}

/// A call of a customer and an agent, by way of a queue. It began at `id` seconds.
pub(crate) fn call_of(id: u64, number: &str, agent: &str, queue: &str) -> CallRecord {
    let started_at = i64::try_from(id).unwrap() * 1_000_000;
    let party = |who, role, agent: Option<&str>, name: &str| PartyRecord {
        who: ParticipantId(who),
        role,
        agent: agent.map(|agent| AgentName(agent.to_owned())),
        name: name.to_owned(),
        joined_at: started_at,
        answered_at: Some(started_at + 5),
        left_at: Some(started_at + 9),
        why: None,
        times: AgentTimes { talk_us: 4, ..AgentTimes::default() },
        legs: vec![LegRecord {
            leg: LegId::rung(id),
            quality: Some(Quality { received: 7, jitter_ms: 1.5, mos: Some(4.25), ..Quality::default() }),
        }],
    };
    CallRecord {
        call: CallId(id),
        room: None,
        door: None,
        started_at,
        ended_at: Some(started_at + 9),
        joined_into: None,
        parties: vec![party(1, Role::Customer, None, number), party(2, Role::Agent, Some(agent), agent)],
        transfers: Vec::new(),
        forgotten: 0,
        queues: vec![QueueRecord {
            queue: queue.to_owned(),
            entered_at: started_at,
            left_at: Some(started_at + 4),
            how: None,
            offered: vec![AgentName(agent.to_owned())],
        }],
    }
}

pub(crate) fn write_call(store: &Store, id: u64) {
    store.write(Write::Call(Box::new(call(id))));
}

/// A connection of somebody else.
pub(crate) async fn other(data: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(data.join("baton.db")).busy_timeout(PATIENCE).connect().await.unwrap()
}

/// From now on it is noted how often, and in which order, each record is written.
pub(crate) async fn watch(other: &mut SqliteConnection) {
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS times (at INTEGER PRIMARY KEY AUTOINCREMENT, call INTEGER NOT NULL);
         CREATE TRIGGER IF NOT EXISTS a AFTER INSERT ON calls BEGIN INSERT INTO times (call) VALUES (new.call); END;
         CREATE TRIGGER IF NOT EXISTS b AFTER UPDATE ON calls BEGIN INSERT INTO times (call) VALUES (new.call); END;",
    )
    .execute(other)
    .await
    .unwrap();
}

/// The calls in the order in which they were written, each as often as it was.
pub(crate) async fn written(other: &mut SqliteConnection) -> Vec<u64> {
    let rows = sqlx::query("SELECT call FROM times ORDER BY at").fetch_all(other).await.unwrap();
    rows.iter().map(|row| row.get::<i64, _>(0).cast_unsigned()).collect()
}

pub(crate) async fn lock(other: &mut SqliteConnection) {
    sqlx::query("BEGIN EXCLUSIVE").execute(other).await.unwrap();
}

pub(crate) async fn unlock(other: &mut SqliteConnection) {
    sqlx::query("ROLLBACK").execute(other).await.unwrap();
}

/// Each once, and none of them missing.
pub(crate) fn assert_once(written: &[u64], wanted: impl IntoIterator<Item = u64>) {
    let distinct: BTreeSet<u64> = written.iter().copied().collect();
    assert_eq!(distinct.len(), written.len(), "something was written twice");
    let missing: Vec<u64> = wanted.into_iter().filter(|call| !distinct.contains(call)).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
}

/// Waits until nothing is wrong and nothing waits.
pub(crate) async fn recovered(store: &Store) {
    until(|| {
        let health = store.health();
        health.degraded.is_none() && health.spooled == 0 && health.waiting == 0
    })
    .await;
}

pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "it did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
