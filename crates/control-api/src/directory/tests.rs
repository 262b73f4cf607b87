//! The search: what it finds, in which order, by which pages, and how fast.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use conference::{AgentName, AgentState, AgentView, Availability, Event, Moment, QueueView};

use super::*;
use crate::house::{Snapshot, Told};

fn agent(name: &str, display_name: &str) -> AgentView {
    AgentView {
        name: AgentName(name.to_owned()),
        display_name: display_name.to_owned(),
        state: AgentState::Ready,
        since: Moment(5_000_000),
        availability: Availability::Ready,
        phones: 1,
        calls: Vec::new(),
        queues: vec!["support".to_owned()],
        reservation: None,
    }
}

fn queue(name: &str) -> QueueView {
    QueueView { name: name.to_owned(), open: true, waiting: Vec::new(), ready: 3, agents: Vec::new() }
}

fn mirror(agents: Vec<AgentView>, queues: Vec<QueueView>, extensions: &[(&str, &str)]) -> Mirror {
    let extensions = extensions.iter().map(|(name, number)| ((*name).to_owned(), (*number).to_owned())).collect();
    let mut mirror = Mirror::default();
    mirror.replace(&Snapshot {
        seq: 1,
        calls: Vec::new(),
        agents,
        queues,
        reservations: Vec::new(),
        extensions,
        epoch: 0,
    });
    mirror
}

fn names(page: &List<DirectoryEntry>) -> Vec<String> {
    let name = |entry: &DirectoryEntry| match entry {
        DirectoryEntry::Agent { name, .. } | DirectoryEntry::Queue { name, .. } => name.clone(),
    };
    page.items.iter().map(name).collect()
}

fn small() -> Mirror {
    let agents =
        vec![agent("ann", "Ann Bobson"), agent("bob", "Robert"), agent("jim", "Jim Kebob"), agent("zoe", "Zoe")];
    mirror(agents, vec![queue("bobsleigh"), queue("sales")], &[("zoe", "200"), ("sales", "2000")])
}

#[test]
fn the_best_fit_comes_first_and_agents_before_queues() {
    let found = small().search("BOB", None, 50).unwrap();
    assert_eq!(names(&found), ["bob", "ann", "bobsleigh", "jim"]);
    assert_eq!(names(&small().search("200", None, 50).unwrap()), ["zoe", "sales"]);
    assert_eq!(names(&small().search("nobody", None, 50).unwrap()), Vec::<String>::new());
}

#[test]
fn its_pages_together_are_the_answer() {
    let mirror = small();
    let whole = names(&mirror.search("", None, 50).unwrap());
    assert_eq!(whole, ["ann", "bob", "jim", "zoe", "bobsleigh", "sales"]);
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = mirror.search("", cursor.as_deref(), 4).unwrap();
        seen.extend(names(&page));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, whole);
    for odd in ["", "x", "MXhib2I", "OWFib2I"] {
        assert_eq!(mirror.search("", Some(odd), 4).unwrap_err().code, "bad_cursor", "{odd:?}");
    }
}

#[test]
fn it_shows_what_the_last_event_said() {
    let mut mirror = small();
    let events = [
        Event::AgentChanged { agent: AgentName("bob".to_owned()), state: AgentState::Paused },
        Event::QueueChanged { queue: "sales".to_owned(), waiting: 7, ready: 0, open: false },
    ];
    for (event, seq) in events.into_iter().zip(2..) {
        mirror.follow(&Told { seq, at: 1_000_000, event });
    }
    let found = mirror.search("bob", None, 1).unwrap().items.remove(0);
    let state = shown::AgentState::Paused;
    assert!(
        matches!(&found, DirectoryEntry::Agent { state: now, since, .. } if *now == state && since == "1970-01-01T00:00:01Z")
    );
    let found = mirror.search("sales", None, 1).unwrap().items.remove(0);
    assert!(matches!(found, DirectoryEntry::Queue { waiting: 7, ready: 0, open: false, .. }));
}

/// The goal is 20 ms for 99 of 100 searches among ten thousand agents and a thousand queues; `examples/directory.rs`
/// measures that. Here the machine may be busy with other tests: half of the searches must be that quick.
#[test]
fn a_search_among_ten_thousand_is_quick() {
    let agents = (0..10_000).map(|n| agent(&format!("agent{n:05}"), &format!("Agent Number {n}"))).collect();
    let queues = (0..1_000).map(|n| queue(&format!("queue{n:04}"))).collect();
    let mirror = mirror(agents, queues, &[]);
    let mut times: Vec<Duration> = Vec::new();
    for n in 0..200 {
        let wanted = ["", "a", "agent0", "number 99", "queue07", "nobody at all"][n % 6];
        let begun = Instant::now();
        let page = mirror.search(wanted, None, 50).unwrap();
        times.push(begun.elapsed());
        assert!(page.items.len() <= 50);
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    assert!(median <= Duration::from_millis(20), "median {median:?}");
}
