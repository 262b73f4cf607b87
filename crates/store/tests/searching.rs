//! History is asked: by agent, number, queue, time and all of them, page after page, while new calls end.

#![allow(clippy::unwrap_used)]

mod house;

use conference::record::CallRecord;
use conference::{AgentName, CallId};
use house::{Folder, call_of, lock, other, recovered, unlock, write_call};
use store::{HistoryFilter, Store, Write};

fn ids(items: &[CallRecord]) -> Vec<u64> {
    items.iter().map(|record| record.call.0).collect()
}

async fn found(store: &Store, filter: HistoryFilter) -> Vec<u64> {
    ids(&store.history(HistoryFilter { limit: 500, ..filter }).await.unwrap().items)
}

#[tokio::test]
async fn each_filter_narrows_and_all_of_them_together() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    for id in 1..=60 {
        let (agent, queue) = (["alice", "bob", "carol"][id as usize % 3], ["support", "sales"][id as usize % 2]);
        store.write(Write::Call(Box::new(call_of(id, &format!("+4930{}", id % 5), agent, queue))));
    }
    store.flush().await.unwrap();
    let all = HistoryFilter::default;
    let down = |keep: &dyn Fn(u64) -> bool| (1..=60).rev().filter(|id| keep(*id)).collect::<Vec<_>>();
    let bob = || Some(AgentName("bob".to_owned()));
    assert_eq!(found(&store, all()).await, down(&|_| true));
    assert_eq!(found(&store, HistoryFilter { call: Some(CallId(9)), ..all() }).await, [9]);
    assert_eq!(found(&store, HistoryFilter { call: Some(CallId(9)), agent: bob(), ..all() }).await, Vec::<u64>::new());
    assert_eq!(found(&store, HistoryFilter { agent: bob(), ..all() }).await, down(&|id| id % 3 == 1));
    let number = || Some("+49 (30) 2".to_owned());
    assert_eq!(found(&store, HistoryFilter { number: number(), ..all() }).await, down(&|id| id % 5 == 2));
    let queue = || Some("sales".to_owned());
    assert_eq!(found(&store, HistoryFilter { queue: queue(), ..all() }).await, down(&|id| id % 2 == 1));
    let times = HistoryFilter { from: Some(10_000_000), to: Some(40_000_000), ..all() };
    assert_eq!(found(&store, times.clone()).await, down(&|id| (10..40).contains(&id)));
    let every = HistoryFilter { agent: bob(), number: number(), queue: queue(), ..times };
    assert_eq!(
        found(&store, every).await,
        down(&|id| id % 3 == 1 && id % 5 == 2 && id % 2 == 1 && (10..40).contains(&id))
    );
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_new_calls_end() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    // ten calls at each time, so that pages are cut within one
    let record = |id: u64| {
        let mut record = call_of(id, "+49301", "alice", "support");
        record.started_at = i64::try_from(id / 10).unwrap();
        Write::Call(Box::new(record))
    };
    (0..200).for_each(|id| store.write(record(id)));
    store.flush().await.unwrap();
    let (mut seen, mut cursor, mut newer) = (Vec::new(), None, 1000);
    loop {
        let filter =
            HistoryFilter { agent: Some(AgentName("alice".to_owned())), cursor, limit: 7, ..HistoryFilter::default() };
        let page = store.history(filter).await.unwrap();
        assert!(page.items.len() == 7 || page.next.is_none());
        seen.extend(ids(&page.items));
        (0..5).for_each(|more| store.write(record(newer + more)));
        newer += 5;
        store.flush().await.unwrap();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..200).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_later_record_of_a_call_takes_the_place_of_the_earlier() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    write_call(&store, 1);
    store.write(Write::Call(Box::new(call_of(1, "+4940", "bob", "sales"))));
    store.flush().await.unwrap();
    let alice = HistoryFilter { agent: Some(AgentName("alice".to_owned())), ..HistoryFilter::default() };
    assert_eq!(found(&store, alice).await, Vec::<u64>::new());
    let sales = HistoryFilter { queue: Some("sales".to_owned()), ..HistoryFilter::default() };
    assert_eq!(found(&store, sales).await, [1]);
}

/// Every page, of three records each, one after the other.
async fn leafed(store: &Store, filter: &HistoryFilter, unwritten: &[CallRecord]) -> Vec<u64> {
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let filter = HistoryFilter { limit: 3, cursor: cursor.take(), ..filter.clone() };
        let page = store.history_with(filter, unwritten.to_vec()).await.unwrap();
        assert!(page.items.len() <= 3, "{:?}", ids(&page.items));
        seen.extend(ids(&page.items));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn while_the_database_is_locked_the_latest_calls_are_on_their_pages_once_and_in_order() {
    let folder = Folder::new();
    let (store, _) = folder.open().await;
    let record = |id: u64| {
        let agent = ["alice", "bob"][id as usize % 2];
        call_of(id, &format!("+4930{}", id % 5), agent, "support")
    };
    // a call that was long ends after others that began later: what is unwritten is not always the newest
    let (early, late): (Vec<u64>, Vec<u64>) = (1..=20).partition(|id| *id <= 14 && id % 4 != 0);
    early.iter().for_each(|id| store.write(Write::Call(Box::new(record(*id)))));
    store.flush().await.unwrap();
    let mut holder = other(&folder.data()).await;
    recovered(&store).await;
    lock(&mut holder).await;
    let unwritten: Vec<CallRecord> = late.iter().map(|id| record(*id)).collect();
    unwritten.iter().for_each(|record| store.write(Write::Call(Box::new(record.clone()))));
    store.flush().await.unwrap();
    let all = HistoryFilter::default();
    assert_eq!(found(&store, all.clone()).await.len(), early.len(), "the store does not have them");
    let down = |keep: &dyn Fn(u64) -> bool| (1..=20).rev().filter(|id| keep(*id)).collect::<Vec<_>>();
    let narrow = HistoryFilter {
        agent: Some(AgentName("bob".to_owned())),
        number: Some("+49 (30) 1".to_owned()),
        queue: Some("support".to_owned()),
        from: Some(2_000_000),
        to: Some(20_000_000),
        ..all.clone()
    };
    for round in ["locked", "written meanwhile"] {
        assert_eq!(leafed(&store, &all, &unwritten).await, down(&|_| true), "{round}");
        let wanted = down(&|id| id % 2 == 1 && id % 5 == 1 && (2..20).contains(&id));
        assert_eq!(leafed(&store, &narrow, &unwritten).await, wanted, "{round}");
        let sales = HistoryFilter { queue: Some("sales".to_owned()), ..all.clone() };
        assert_eq!(leafed(&store, &sales, &unwritten).await, Vec::<u64>::new(), "{round}");
        if round == "locked" {
            unlock(&mut holder).await;
            recovered(&store).await;
        }
    }
    assert_eq!(leafed(&store, &all, &[]).await, down(&|_| true), "all of them are in the database");
    let nonsense = HistoryFilter { cursor: Some("nonsense".to_owned()), ..all };
    assert!(store.history_with(nonsense, unwritten).await.is_err());
    store.close().await.unwrap();
}
