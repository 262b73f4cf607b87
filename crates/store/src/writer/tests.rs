//! The process dies between the database's commit and the emptying of the spool.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use conference::CallId;
use conference::record::AudibilityHistory;
use sqlx::sqlite::SqliteConnection;

use super::*;
use crate::kept::Write;

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
