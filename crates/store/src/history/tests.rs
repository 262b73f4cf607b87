//! Keys and cursors; and what a question costs with 100 000 records.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use conference::AgentName;
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Row};

use super::*;

#[test]
fn a_number_is_found_however_it_is_written() {
    assert_eq!(number_key(" +49 (30) 111-22.33 "), "+49301112233");
    assert_eq!(number_key("Alice"), "alice");
    assert_eq!(number_key("1 & 1"), "1 & 1");
    assert_eq!(number_key("+"), "+");
}

#[test]
fn a_cursor_is_read_back_and_nothing_else_is_one() {
    for (time, call) in [(0, 0), (1_795_000_000_000_000, 0x7f3a), (-5, 1)] {
        assert_eq!(read_cursor(&cursor(time, call)), Some((time, call)));
    }
    for text in ["", ".", "1", "1.", "+1.2", "01.2", "1.2.3", "1.2'", "g.1", "11111111111111111.1"] {
        assert_eq!(read_cursor(text), None, "{text}");
    }
}

const RECORDS: i64 = 100_000;

/// 100 000 calls: a hundred agents, ten queues, a number each.
async fn many(folder: &std::path::Path) -> SqlitePool {
    std::fs::create_dir(folder).unwrap();
    let pool = crate::database::Database::at(folder).unwrap().readers().await.unwrap();
    let record = r#"{"call":CALL,"room":null,"started_at":CALL,"ended_at":null,"joined_into":null,"parties":[],"transfers":[],"queues":[],"forgotten":0}"#;
    let all = "WITH RECURSIVE n(call) AS (SELECT 1 UNION ALL SELECT call + 1 FROM n WHERE call < ?)";
    for insert in [
        "INSERT INTO calls SELECT call, call, replace(?, 'CALL', call) FROM n",
        "INSERT INTO call_keys SELECT 0, 'agent' || (call % 100), call, call FROM n WHERE ? <> ''",
        "INSERT INTO call_keys SELECT 1, '+49' || call, call, call FROM n WHERE ? <> ''",
        "INSERT INTO call_keys SELECT 2, 'queue' || (call % 10), call, call FROM n WHERE ? <> ''",
    ] {
        let sql = AssertSqlSafe(format!("{all} {insert}"));
        sqlx::query(sql).bind(RECORDS).bind(record).execute(&pool).await.unwrap();
    }
    pool
}

#[tokio::test]
async fn with_a_hundred_thousand_records_every_question_is_answered_by_an_index() {
    let folder = std::env::temp_dir().join(format!("store-history-{}", std::process::id()));
    let pool = many(&folder).await;
    let agent = || Some(AgentName("agent7".to_owned()));
    let filter = HistoryFilter { limit: 50, ..HistoryFilter::default() };
    let filters = [
        filter.clone(),
        HistoryFilter { call: Some(CallId(5)), ..filter.clone() },
        HistoryFilter { agent: agent(), ..filter.clone() },
        HistoryFilter { number: Some("+4977".to_owned()), ..filter.clone() },
        HistoryFilter { queue: Some("queue3".to_owned()), ..filter.clone() },
        HistoryFilter { from: Some(5), to: Some(500), ..filter.clone() },
        HistoryFilter { cursor: Some(cursor(50_000, 50_000)), ..filter.clone() },
        HistoryFilter {
            agent: agent(),
            queue: Some("queue7".to_owned()),
            from: Some(5),
            to: Some(90_000),
            cursor: Some(cursor(50_000, 50_000)),
            ..filter
        },
    ];
    for filter in filters {
        let sql = question(&filter, 50).unwrap().into_string();
        let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&pool).await.unwrap();
        let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
        let walks_the_times_alone = filter.call.is_none() && wanted_keys(&filter).is_empty();
        for step in &steps {
            assert!(!step.contains("TEMP B-TREE"), "{filter:?} sorts: {steps:?}");
            let along_an_index = walks_the_times_alone && step.contains("USING INDEX calls_by_time");
            assert!(!step.starts_with("SCAN") || along_an_index, "{filter:?} reads everything: {steps:?}");
        }
        let began = Instant::now();
        let page = page(&pool, &filter).await.unwrap();
        assert!(!page.items.is_empty() && page.items.is_sorted_by_key(|record| -record.started_at));
        assert!(began.elapsed() < Duration::from_millis(500), "{filter:?} took {:?}", began.elapsed());
    }
    pool.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
