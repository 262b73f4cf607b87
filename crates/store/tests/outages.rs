//! The database is locked, or the disk is full, while calls end: nothing is lost, nothing is written twice, and nobody
//! waits for it.

#![allow(clippy::unwrap_used)]

mod house;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use conference::record::CallRecord;
use conference::{AgentName, Availability};
use house::{Folder, assert_once, call, lock, other, recovered, settings, unlock, until, watch, write_call, written};
use store::{Contact, Known, Store, Write};

const LOAD: u64 = 5_000;

#[tokio::test]
async fn while_another_holds_the_database_nobody_waits_and_nothing_is_lost_or_twice() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    let mut holder = other(&folder.data()).await;
    watch(&mut holder).await;
    lock(&mut holder).await;
    let began = Instant::now();
    for id in 1..=LOAD {
        write_call(&store, id);
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{LOAD} writes took {took:?}");
    store.flush().await.unwrap();
    until(|| store.health().degraded.is_some_and(|why| why.contains("locked"))).await;
    let health = store.health();
    assert_eq!((health.spooled, health.waiting, health.lost_history), (LOAD, 0, 0));
    // also while the database is tried again and again
    let tried = store.counts().failures + 4;
    let mut more = LOAD;
    while store.counts().failures < tried {
        more += 1;
        let given = Instant::now();
        write_call(&store, more);
        store.flush().await.unwrap();
        assert!(given.elapsed() < Duration::from_secs(2), "on the disk only after {:?}", given.elapsed());
    }
    unlock(&mut holder).await;
    for id in more + 1..=more + 500 {
        write_call(&store, id);
    }
    store.flush().await.unwrap();
    recovered(&store).await;
    assert_eq!(written(&mut holder).await, (1..=more + 500).collect::<Vec<_>>(), "each once, in their order");
    assert_eq!(store.counts().lost, 0);
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_waits_in_the_spool_is_known_after_a_restart_even_if_the_database_is_away_still() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    let contact = Contact { binding: "{}".to_owned(), expires_at: i64::MAX / 2 };
    let alice = AgentName("alice".to_owned());
    store.write(Write::Registrations { agent: AgentName("bob".to_owned()), contacts: vec![contact.clone()] });
    store.flush().await.unwrap();
    let mut holder = other(&folder.data()).await;
    watch(&mut holder).await;
    lock(&mut holder).await;
    store.write(Write::Registrations { agent: alice.clone(), contacts: vec![contact] });
    store.write(Write::Registrations { agent: AgentName("bob".to_owned()), contacts: Vec::new() });
    let paused = Known { agent: alice.clone(), availability: Availability::Paused, at: 3 };
    store.write(Write::Availability(paused.clone()));
    store.write(Write::Reserved { last_call: 100, last_event: 2000, last_reservation: 300 });
    for id in 1..=50 {
        write_call(&store, id);
    }
    store.close().await.unwrap();

    let (store, restored) = folder.open().await;
    assert_eq!(restored.registrations.iter().map(|(agent, _)| agent).collect::<Vec<_>>(), [&alice]);
    assert_eq!(restored.availabilities, [paused]);
    assert_eq!((restored.last_call, restored.last_event, restored.last_reservation), (100, 2000, 300));
    write_call(&store, 51);
    store.flush().await.unwrap();
    unlock(&mut holder).await;
    recovered(&store).await;
    assert_eq!(written(&mut holder).await, (1..=51).collect::<Vec<_>>());
    store.close().await.unwrap();
}

/// The disk is one of a few megabytes, mounted for a process of its own.
const DISK: &str = "BATON_STORE_TEST_DISK";

#[test]
fn a_full_disk_loses_nothing_and_nothing_is_twice() {
    if let Some(disk) = std::env::var_os(DISK) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(on_a_full_disk(Path::new(&disk)));
    }
    let folder = Folder::new();
    let status = Command::new("unshare")
        .args(["-rm", "sh", "-ec", "mount -t tmpfs -o size=8m tmpfs \"$0\"; exec \"$@\""])
        .arg(&folder.0)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_loses_nothing_and_nothing_is_twice", "--nocapture"])
        .env(DISK, &folder.0)
        .status();
    assert!(status.unwrap().success());
}

async fn on_a_full_disk(disk: &Path) {
    let data = disk.join("data");
    let (store, _) = Store::open(settings(&data)).await.unwrap();
    let mut second = other(&data).await;
    watch(&mut second).await;
    for id in 1..=100 {
        write_call(&store, id);
    }
    store.flush().await.unwrap();
    assert_eq!(store.health().degraded, None);
    fill(&disk.join("filler"));

    // what the database's log has room for goes there, then comes the spool
    let mut last = 100;
    until(|| {
        last += 1;
        write_call(&store, last);
        store.health().spooled > 200
    })
    .await;
    store.flush().await.unwrap();
    let health = store.health();
    assert!(health.degraded.is_some_and(|why| why.contains("full") || why.contains("I/O")));
    assert_eq!((health.lost_history, health.lost_latest), (0, 0));

    // the reserve is used up: the rest waits in memory, and that is told
    let mut large: CallRecord = call(0);
    large.room = Some("x".repeat(64 << 10));
    for _ in 0..20 {
        last += 1;
        large.call.0 = last;
        store.write(Write::Call(Box::new(large.clone())));
    }
    until(|| store.health().degraded.is_some_and(|why| why.contains("wait in memory"))).await;
    assert!(store.health().waiting > 0);
    assert!(store.flush().await.is_err(), "what is on no disk is not said to be");

    fs::remove_file(disk.join("filler")).unwrap();
    recovered(&store).await;
    let written = written(&mut second).await;
    assert_once(&written, 1..=last);
    assert!(written.is_sorted(), "in their order");
    assert_eq!(store.counts().lost, 0);
    store.close().await.unwrap();
}

/// Writes until there is no room at all.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    for size in [64 << 10, 4 << 10, 1 << 10, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}
