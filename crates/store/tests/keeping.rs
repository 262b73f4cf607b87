//! What is kept comes back: users, registrations, availability, ids, records; and what cannot be opened is left as it is.

#![allow(clippy::unwrap_used)]

mod house;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use conference::record::{AudibilityChange, AudibilityHistory, Cause};
use conference::{AgentName, Availability, CallId, Destination, LegId};
use house::{Folder, call, call_of, other, settings, write_call};
use store::{Contact, Ha1s, HistoryFilter, Known, Store, StoreError, StoreSettings, StoredUser, Write};

const FAR: i64 = i64::MAX / 2;
const DAY_US: i64 = 86_400_000_000;

fn user(name: &str, extension: &str) -> StoredUser {
    StoredUser {
        name: name.to_owned(),
        display_name: format!("{name} '; DROP TABLE users; --"),
        extension: extension.to_owned(),
        queues: vec!["support".to_owned(), "sales".to_owned()],
        supervisor: true,
        max_calls: 2,
        ha1_sha256: "a".repeat(64),
        ha1_md5: "b".repeat(32),
    }
}

fn audibility(id: u64) -> AudibilityHistory {
    let by = Cause::Command { name: "swap".to_owned(), by: Some(AgentName("alice".to_owned())) };
    let change = AudibilityChange { version: 3, sample: 8000, at: 5, legs: Vec::new(), gone: vec![LegId::rung(2)], by };
    AudibilityHistory { call: CallId(id), changes: vec![change], forgotten: 1 }
}

fn phones(agent: &str, expires_at: &[i64]) -> Write {
    let contact = |at: &i64| Contact { binding: format!("{{\"at\":{at}}}"), expires_at: *at };
    Write::Registrations { agent: AgentName(agent.to_owned()), contacts: expires_at.iter().map(contact).collect() }
}

fn known(agent: &str, availability: Availability) -> Known {
    Known { agent: AgentName(agent.to_owned()), availability, at: 17 }
}

#[tokio::test]
async fn everything_comes_back_after_a_restart() {
    let folder = Folder::new();
    let (store, nothing) = folder.open().await;
    assert_eq!(nothing, store::Restored::default());
    store.add_user(&user("dora", "104")).await.unwrap();
    store.write(phones("alice", &[FAR]));
    store.write(phones("alice", &[FAR, 5, FAR + 1]));
    store.write(phones("bob", &[5]));
    store.write(phones("carol", &[FAR]));
    store.write(phones("carol", &[]));
    store.write(Write::Availability(known("alice", Availability::Ready)));
    store.write(Write::Availability(known("alice", Availability::Paused)));
    store.write(Write::Reserved { last_call: 40, last_event: 1000, last_reservation: 70 });
    write_call(&store, 41);
    store.write(Write::Audibility(Box::new(audibility(41))));
    store.close().await.unwrap();

    let (store, restored) = folder.open().await;
    assert_eq!(restored.users, [user("dora", "104")]);
    assert_eq!(restored.registrations.len(), 1, "what has expired is gone");
    assert_eq!(restored.registrations[0].0, AgentName("alice".to_owned()));
    assert_eq!(
        restored.registrations[0].1.iter().map(|contact| contact.expires_at).collect::<Vec<_>>(),
        [FAR, FAR + 1]
    );
    assert_eq!(restored.availabilities, [known("alice", Availability::Paused)]);
    assert_eq!((restored.last_call, restored.last_event, restored.last_reservation), (41, 1000, 70));
    assert_eq!(store.record(CallId(41)).await.unwrap(), Some(call(41)));
    assert_eq!(store.audibility(CallId(41)).await.unwrap(), Some(audibility(41)));
    assert_eq!(store.record(CallId(42)).await.unwrap(), None);
    let health = store.health();
    assert_eq!((health.degraded, health.spooled, health.lost_history), (None, 0, 0));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_record_is_on_the_disk_within_a_second() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    let given = std::time::Instant::now();
    write_call(&store, 1);
    store.flush().await.unwrap();
    assert!(given.elapsed() < std::time::Duration::from_secs(1));
    assert_eq!(store.counts().written, 1);
    assert_eq!(store.record(CallId(1)).await.unwrap(), Some(call(1)));
}

#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    write_call(&store, 1);
    store.flush().await.unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.data()), 0o700);
    for file in ["baton.db", "baton.db-wal", "spool"] {
        assert_eq!(mode(folder.data().join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_folder_has_one_store() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    let second = Store::open(settings(&folder.data())).await;
    assert!(matches!(second, Err(StoreError::InUse(path)) if path == folder.data()));
    store.close().await.unwrap();
    folder.open().await.0.close().await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_as_it_is() {
    let folder = Folder::new();
    folder.open().await.0.close().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, '', 1, x'00', 0)";
    sqlx::query(newer).execute(&mut other(&folder.data()).await).await.unwrap();
    let opened = Store::open(settings(&folder.data())).await;
    assert!(matches!(&opened, Err(StoreError::Newer { found: 9999, .. })), "{:?}", opened.err());
}

#[tokio::test]
async fn a_damaged_database_is_named_and_left_as_it_is() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    store.close().await.unwrap();
    let file = folder.data().join("baton.db");
    let mut damaged = fs::read(&file).unwrap();
    damaged[..4096].iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(&file, &damaged).unwrap();
    let error = Store::open(settings(&folder.data())).await.err().unwrap();
    assert!(matches!(&error, StoreError::Corrupt { path, .. } if *path == file), "{error}");
    assert!(error.to_string().contains(file.to_str().unwrap()));
    assert_eq!(fs::read(&file).unwrap(), damaged);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    fs::write(folder.data(), "a file").unwrap();
    let error = Store::open(settings(&folder.data())).await.err().unwrap();
    assert!(error.to_string().starts_with(folder.data().to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn users_are_added_changed_and_deleted() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    store.add_user(&user("dora", "104")).await.unwrap();
    store.add_user(&user("emil", "105")).await.unwrap();
    assert!(matches!(store.add_user(&user("dora", "199")).await, Err(StoreError::UserExists(name)) if name == "dora"));
    assert!(
        matches!(store.add_user(&user("fritz", "104")).await, Err(StoreError::ExtensionTaken(taken)) if taken == "104")
    );
    let ha1s = Ha1s { sha256: "c".repeat(64), md5: "d".repeat(32) };
    store.set_password("dora", &ha1s).await.unwrap();
    assert!(matches!(store.set_password("x' OR '1'='1", &ha1s).await, Err(StoreError::NoSuchUser(_))));
    store.delete_user("emil").await.unwrap();
    assert!(matches!(store.delete_user("emil").await, Err(StoreError::NoSuchUser(_))));
    let users = store.users().await.unwrap();
    assert_eq!(users, [StoredUser { ha1_sha256: ha1s.sha256, ha1_md5: ha1s.md5, ..user("dora", "104") }]);
    assert!(!format!("{users:?}").contains("cccc"), "whoever has a HA1 can log in");
}

#[tokio::test]
async fn text_that_looks_like_sql_is_text() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    let nasty =
        ["'; DROP TABLE calls; --", "\" OR 1=1", "%", "_", "a\0b", "\u{202e}x", "?1", "$1", ":a", "x'00'", "\\'"];
    for (id, text) in (1..).zip(nasty) {
        store.write(Write::Call(Box::new(call_of(id, text, text, text))));
        store.write(phones(text, &[FAR]));
    }
    store.flush().await.unwrap();
    for (id, text) in (1..).zip(nasty) {
        for filter in [
            HistoryFilter { number: Some(text.to_owned()), limit: 10, ..HistoryFilter::default() },
            HistoryFilter { agent: Some(AgentName(text.to_owned())), limit: 10, ..HistoryFilter::default() },
            HistoryFilter { queue: Some(text.to_owned()), limit: 10, ..HistoryFilter::default() },
        ] {
            assert_eq!(store.history(filter).await.unwrap().items, [call_of(id, text, text, text)]);
        }
        let cursor = HistoryFilter { cursor: Some(text.to_owned()), ..HistoryFilter::default() };
        assert!(matches!(store.history(cursor).await, Err(StoreError::Cursor)));
    }
    store.close().await.unwrap();
    assert_eq!(folder.open().await.1.registrations.len(), nasty.len());
}

#[tokio::test]
async fn a_measurement_that_is_no_number_does_not_make_a_record_unreadable() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    let mut record = call(1);
    let quality = record.parties[0].legs[0].quality.as_mut().unwrap();
    (quality.jitter_ms, quality.mos, quality.round_trip_ms) = (f32::NAN, Some(f32::INFINITY), Some(f32::NAN));
    store.write(Write::Call(Box::new(record)));
    store.flush().await.unwrap();
    let kept = store.record(CallId(1)).await.unwrap().unwrap().parties[0].legs[0].quality.clone().unwrap();
    assert_eq!((kept.jitter_ms, kept.mos, kept.round_trip_ms), (0.0, None, None));
}

#[tokio::test]
async fn records_that_are_too_old_go_and_the_others_stay() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap();
    for id in 1..=450 {
        write_call(&store, id);
        store.write(Write::Audibility(Box::new(audibility(id))));
    }
    let mut young = call(451);
    young.started_at = now - 29 * DAY_US;
    store.write(Write::Call(Box::new(young.clone())));
    store.close().await.unwrap();
    let keep = StoreSettings { retention_days: 30, ..settings(&folder.data()) };
    let (store, restored) = Store::open(keep).await.unwrap();
    assert_eq!(restored.last_call, 451);
    house::until(|| store.counts().expired == 450).await;
    let page = store.history(HistoryFilter { limit: 500, ..HistoryFilter::default() }).await.unwrap();
    assert_eq!(page.items, [young]);
    assert_eq!(store.audibility(CallId(7)).await.unwrap(), None);
}

#[tokio::test]
async fn a_new_retention_holds_at_once_and_none_keeps_everything() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    write_call(&store, 1);
    store.flush().await.unwrap();
    assert_eq!(store.counts().expired, 0, "for ever, as long as nothing else is said");
    store.retain(30);
    house::until(|| store.counts().expired == 1).await;
    store.retain(0);
    write_call(&store, 2);
    store.flush().await.unwrap();
    let page = store.history(HistoryFilter { limit: 500, ..HistoryFilter::default() }).await.unwrap();
    assert_eq!(page.items.len(), 1);
    store.close().await.unwrap();
}

#[tokio::test]
async fn an_erased_number_is_in_no_record_and_the_calls_stay() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    let mut record = call_of(1, "+49 30 111", "alice", "support");
    record.transfers.push(conference::record::TransferRecord {
        by: record.parties[1].who,
        target: record.parties[0].who,
        to: Destination::Outside { trunk: "pstn".to_owned(), number: "+4930111".to_owned() },
        started_at: 0,
        answered_at: None,
        merged_at: None,
        ended_at: None,
        outcome: None,
    });
    store.write(Write::Call(Box::new(record)));
    for id in 2..=420 {
        store.write(Write::Call(Box::new(call_of(id, "+4930111", "bob", "support"))));
    }
    write_call(&store, 421);
    assert_eq!(store.erase_number("+49 (30) 111").await.unwrap(), 420);
    assert_eq!(store.erase_number("+49 (30) 111").await.unwrap(), 0);
    let numbered = HistoryFilter { number: Some("+4930111".to_owned()), limit: 500, ..HistoryFilter::default() };
    assert!(store.history(numbered).await.unwrap().items.is_empty());
    let all = store.history(HistoryFilter { limit: 500, ..HistoryFilter::default() }).await.unwrap().items;
    assert_eq!(all.len(), 421);
    assert!(!format!("{all:?}").contains("30111"), "not even as whom a transfer went to");
    store.close().await.unwrap();
    for entry in fs::read_dir(folder.data()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|piece| piece == b"+4930111"), "not even where it was deleted in the file");
    }
}
