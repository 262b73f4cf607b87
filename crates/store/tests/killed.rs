//! A process is killed in the middle of its work, with the database free and with the database locked: whatever it was
//! told to be on the disk is there, and nothing is there twice.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod house;

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use house::{Folder, assert_once, lock, other, recovered, settings, unlock, watch, write_call, written};
use store::Store;

const DATA: &str = "BATON_STORE_TEST_DATA";
const FROM: &str = "BATON_STORE_TEST_FROM";
/// Calls between two times at which the child says how far it is.
const STEP: u64 = 25;

#[test]
fn a_killed_process_loses_nothing_that_was_on_the_disk_and_writes_nothing_twice() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(data) = std::env::var_os(DATA) {
        let from = std::env::var(FROM).unwrap().parse().unwrap();
        return runtime.block_on(write_for_ever(Path::new(&data), from));
    }
    let folder = Folder::new();
    runtime.block_on(async {
        folder.open().await.0.close().await.unwrap();
        let mut second = other(&folder.data()).await;
        watch(&mut second).await;
        let (mut told, mut from) = (Vec::new(), 1);
        for round in 0..12_u64 {
            let locked = round % 3 > 0;
            let (mut child, mut lines) = start(&folder.data(), from);
            if locked {
                lock(&mut second).await;
            }
            let upto = wait_for(&mut lines, from + STEP * (4 + round));
            if locked {
                unlock(&mut second).await;
                // somewhere in the middle of bringing the spool to the database
                tokio::time::sleep(Duration::from_millis(round * 7)).await;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            told.extend(from..=upto);
            // what the child wrote after its last word may be there or not
            from = upto + 100_000;
        }
        let (store, restored) = folder.open().await;
        recovered(&store).await;
        assert!(restored.last_call >= *told.last().unwrap());
        assert_once(&written(&mut second).await, told);
        assert_eq!(store.health().put_aside, 0, "a killed process damages no spool");
        store.close().await.unwrap();
    });
}

async fn write_for_ever(data: &Path, from: u64) {
    let (store, _) = Store::open(settings(data)).await.unwrap();
    println!("begins");
    for id in from.. {
        write_call(&store, id);
        if id % STEP == 0 {
            store.flush().await.unwrap();
            println!("told {id}");
            std::io::stdout().flush().unwrap();
        }
    }
}

fn start(data: &Path, from: u64) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_killed_process_loses_nothing_that_was_on_the_disk_and_writes_nothing_twice",
            "--nocapture",
        ])
        .env(DATA, data)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("begins")), "it must begin");
    (child, lines)
}

/// Up to where the child says it is on the disk, once that is far enough.
fn wait_for(lines: &mut impl Iterator<Item = String>, upto: u64) -> u64 {
    let told = lines.filter_map(|line| line.strip_prefix("told ").and_then(|id| id.parse::<u64>().ok()));
    told.into_iter().find(|id| *id >= upto).unwrap()
}
