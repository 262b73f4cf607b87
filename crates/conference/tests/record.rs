//! Records and audibility histories of random walks: whatever people do, the phases of everybody add up to the time they
//! were in, every transfer has its outcome, and the history of the masks says the same as the switchboard.
//!
//! `BATON_RUNS` sets how many runs, `BATON_SEED` the first seed.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod oracle;
mod walk;

use std::collections::BTreeMap;

use conference::record::{AudibilityChange, AudibilityHistory, CallRecord, Cause, Recorder};
use conference::{AgentName, CallId, ChangeSet, Effect, Event, LegId, Moment, Output, Switchboard};
use walk::{Input, Walk};

const STEPS_A_RUN: u64 = 200;
const EPOCH: i64 = 1_700_000_000_000_000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A house that is played to again, with all that is kept of it.
struct Kept {
    board: Switchboard,
    recorder: Recorder,
    histories: BTreeMap<CallId, AudibilityHistory>,
    records: Vec<CallRecord>,
    started: usize,
}

impl Kept {
    fn new() -> Self {
        let (board, recorder) = (Switchboard::new(), Recorder::new(EPOCH));
        Self { board, recorder, histories: BTreeMap::new(), records: Vec::new(), started: 0 }
    }

    fn give(&mut self, now: Moment, input: &Input) {
        let outputs = match input {
            Input::Command(command) => self.board.command(now, command.clone()).unwrap_or_default(),
            Input::Report(report) => self.board.report(now, report.clone()),
            Input::Expire => self.board.expire(now),
        };
        for output in &outputs {
            match output {
                Output::Effect(Effect::SetAudibility(change)) => self.heard(now, change),
                Output::Effect(_) => {}
                Output::Event(event) => {
                    self.started += usize::from(matches!(event, Event::CallStarted { .. }));
                    self.records.extend(self.recorder.note(now, event));
                }
            }
        }
    }

    /// The history agrees with the switchboard, version by version.
    fn heard(&mut self, now: Moment, change: &ChangeSet) {
        self.recorder.masks(change);
        let history = self.histories.entry(change.call).or_insert_with(|| AudibilityHistory::new(change.call));
        history.note(AudibilityChange {
            version: change.version,
            sample: now.0 / 125,
            at: EPOCH,
            legs: change.legs.clone(),
            gone: change.gone.clone(),
            by: Cause::Time,
        });
        let Some(masks) = self.board.masks(change.call) else { return };
        let legs: Vec<LegId> = masks.keys().copied().collect();
        let pairs = legs.iter().flat_map(|listener| legs.iter().map(move |speaker| (*listener, *speaker)));
        let heard: Vec<_> = pairs.filter(|(l, s)| self.board.hears(change.call, *l, *s)).collect();
        assert_eq!(history.pairs_now(), heard, "{} version {}", change.call, change.version);
    }
}

fn check(record: &CallRecord) {
    assert!(record.ended_at.is_some(), "{record:?}");
    for party in &record.parties {
        let (joined, left) = (party.joined_at, party.left_at.unwrap());
        assert_eq!(i64::try_from(party.times.sum_us()).unwrap(), left - joined, "{party:?}");
        assert!(party.why.is_some() || record.joined_into.is_some(), "{party:?}");
    }
    for transfer in &record.transfers {
        assert!(transfer.outcome.is_some() && transfer.ended_at.is_some(), "{transfer:?}");
        let order = [Some(transfer.started_at), transfer.answered_at, transfer.merged_at, transfer.ended_at];
        assert!(order.iter().flatten().is_sorted(), "{transfer:?}");
    }
    for wait in &record.queues {
        assert!(wait.how.is_some() && wait.left_at.is_some_and(|left| left >= wait.entered_at), "{wait:?}");
    }
}

#[test]
fn whatever_people_do_the_records_add_up() {
    let (runs, first) = (number("BATON_RUNS", 300), number("BATON_SEED", 900_000));
    println!("BATON_SEED={first} BATON_RUNS={runs}");
    let (mut calls, mut parties, mut transfers, mut spans) = (0, 0, 0, 0);
    for seed in first..first + runs {
        let mut walk = Walk::new(seed);
        for _ in 0..STEPS_A_RUN {
            walk.step().unwrap();
        }
        walk.everybody_leaves().unwrap();
        let mut kept = Kept::new();
        for (now, input) in &walk.inputs {
            kept.give(*now, input);
        }
        assert_eq!(kept.records.len(), kept.started, "seed {seed}: a record for every call");
        let mut talked: BTreeMap<AgentName, u64> = BTreeMap::new();
        for record in &kept.records {
            check(record);
            parties += record.parties.len();
            transfers += record.transfers.len();
            for party in &record.parties {
                if let Some(agent) = &party.agent {
                    *talked.entry(agent.clone()).or_default() += party.times.talk_us;
                }
            }
        }
        for (agent, totals) in kept.recorder.totals(walk.now) {
            assert_eq!(totals.times.talk_us, talked.get(&agent).copied().unwrap_or(0), "seed {seed}: {agent}");
        }
        for history in kept.histories.values() {
            let all = history.spans();
            assert!(all.iter().all(|span| span.to_sample.is_some()), "everybody left, so nobody hears anybody");
            spans += all.len();
        }
        calls += kept.records.len();
    }
    println!("{calls} calls, {parties} parties, {transfers} transfers, {spans} spans of audibility: all add up");
    assert!(transfers > 0 && spans > 0);
}
