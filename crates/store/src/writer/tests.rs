//! The process dies between the database's commit and the emptying of the spool; a batch goes to the spool while it is
//! committed.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use conference::CallId;
use conference::record::AudibilityHistory;
use sqlx::sqlite::SqliteConnection;

use super::*;
use crate::kept::{Counts, Write};

fn history(call: u64) -> Write {
    Write::Audibility(Box::new(AudibilityHistory { call: CallId(call), changes: Vec::new(), forgotten: 0 }))
}

/// How often each history was written.
async fn times(connection: &mut SqliteConnection) -> Vec<(i64, i64)> {
    sqlx::query_as("SELECT call, count(*) FROM times GROUP BY call ORDER BY call").fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn what_is_in_the_database_already_is_not_written_again_from_the_spool() {
    let folder: PathBuf = std::env::temp_dir().join(format!("store-writer-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let database = Database::at(&folder).unwrap();
    let pool = database.readers().await.unwrap();
    let watch = "CREATE TABLE times (call INTEGER);
        CREATE TRIGGER a AFTER INSERT ON audibilities BEGIN INSERT INTO times VALUES (new.call); END;
        CREATE TRIGGER b AFTER UPDATE ON audibilities BEGIN INSERT INTO times VALUES (new.call); END;";
    sqlx::raw_sql(watch).execute(&pool).await.unwrap();

    let mut spool = Spool::open(&folder.join("spool"), 1 << 16).unwrap();
    (1..=10).for_each(|number| assert!(spool.append(number, &history(number), false)));
    let mut batch = spool.oldest().unwrap();
    batch.truncate(6);
    let mut connection = database.writer().await.unwrap();
    apply(&mut connection, spool.identity(), &batch).await.unwrap();
    drop(spool);

    for _ in 0..2 {
        let mut writer = Writer::new(&folder, 1 << 16, database.clone()).await.unwrap();
        assert_eq!(writer.next, 11);
        assert!(writer.replay().await.unwrap().is_empty());
    }
    assert_eq!(times(&mut connection).await, (1..=10).map(|call| (call, 1)).collect::<Vec<_>>());

    // numbers go on where they were, also when the spool is empty
    let mut writer = Writer::new(&folder, 1 << 16, database.clone()).await.unwrap();
    writer.queue.give(history(11));
    writer.work().await;
    assert_eq!(applied(&mut connection, writer.spool.identity()).await.unwrap(), 11);
    assert_eq!(times(&mut connection).await.len(), 11);
    pool.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_batch_that_was_spooled_while_it_was_committed_counts_once() {
    const GIVEN: u64 = 40;
    let folder: PathBuf = std::env::temp_dir().join(format!("store-counted-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let database = Database::at(&folder).unwrap();
    let pool = database.readers().await.unwrap();
    let mut writer = Writer::new(&folder, 1 << 20, database.clone()).await.unwrap();
    let mut other = database.writer().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    (1..=GIVEN).for_each(|call| assert_eq!(writer.queue.give(history(call)), Lost::Nothing));
    // it does not wait for the database's answer
    writer.queue.deep.notify_one();
    let ledger = Arc::clone(&writer.ledger);
    let unlock = async {
        while ledger.counts(0).spooled < GIVEN {
            tokio::task::yield_now().await;
        }
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    };
    let both = async { tokio::join!(writer.work(), unlock) };
    tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    assert!(writer.retry.at.is_none(), "the database took the batch, though late");
    while writer.spool.records() > 0 {
        writer.work().await;
    }
    let Counts { written, lost, spooled, .. } = writer.ledger.counts(writer.queue.len());
    assert_eq!((written + lost, spooled), (GIVEN, GIVEN), "given = written + lost");
    pool.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
