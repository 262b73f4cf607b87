//! What is written down of calls: who was in them, and who could hear whom from which sample on, by whose doing.
//!
//! It is fed in the order in which events are told, and with changes of masks as the mixer says that they are in force. It
//! decides nothing and waits for nobody: what is to be kept it hands out, and the store takes it.

use std::collections::{BTreeMap, VecDeque};

use conference::record::{AgentTotals, AudibilityChange, AudibilityHistory, CallRecord, Cause, Quality, Recorder};
use conference::{AgentName, CallId, ChangeSet, Event, LegId, LegMask, Moment, ParticipantId};
use media_mixer::Applied;
use store::Write;
use tokio::time::Instant;

use crate::clock::Clock;

#[cfg(test)]
mod tests;

/// How long a change took from the reaction that decided it until it was in force, and whether a command led to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Took {
    pub(crate) seconds: f64,
    pub(crate) by_command: bool,
}

/// A change that the mixer has not spoken of yet.
#[derive(Debug)]
struct Pending {
    legs: Vec<LegMask>,
    gone: Vec<LegId>,
    by: Cause,
    asked: Instant,
    /// What became of it, once that is known: its first sample, and when. It waits for those before it.
    outcome: Option<(Option<u64>, i64)>,
}

/// One call.
#[derive(Debug)]
struct Sheet {
    history: AudibilityHistory,
    pending: BTreeMap<u64, Pending>,
    /// Legs of a call whose beginning was not told yet.
    early: Option<Vec<(ParticipantId, LegId)>>,
    /// The last sample that is known.
    sample: u64,
    /// It is over; its history is closed as soon as nothing is pending.
    over: bool,
}

impl Sheet {
    fn new(call: CallId) -> Self {
        let history = AudibilityHistory::new(call);
        Self { history, pending: BTreeMap::new(), early: Some(Vec::new()), sample: 0, over: false }
    }

    /// Writes down whatever waits for nothing any more, in the order of the versions.
    fn settle(&mut self) {
        while let Some(entry) = self.pending.first_entry() {
            let version = *entry.key();
            let Some((sample, at)) = entry.get().outcome else { return };
            let Pending { legs, gone, by, .. } = entry.remove();
            // one that was turned down is in force with the whole state that follows at once
            self.sample = sample.unwrap_or(self.sample).max(self.sample);
            self.history.note(AudibilityChange { version, sample: self.sample, at, legs, gone, by });
        }
    }
}

/// The book.
#[derive(Debug)]
pub(crate) struct Book {
    recorder: Recorder,
    calls: BTreeMap<CallId, Sheet>,
    keep: VecDeque<Write>,
    took: Vec<Took>,
}

impl Book {
    /// An empty book. `epoch`: the moment 0, in microseconds of Unix time.
    pub(crate) fn new(epoch: i64) -> Self {
        Self { recorder: Recorder::new(epoch), calls: BTreeMap::new(), keep: VecDeque::new(), took: Vec::new() }
    }

    /// The moment 0, for calls that begin from here on.
    pub(crate) fn set_epoch(&mut self, epoch: i64) {
        self.recorder.set_epoch(epoch);
    }

    /// A change was decided; the mixer is told.
    pub(crate) fn decided(&mut self, change: &ChangeSet, by: &Cause, asked: Instant) {
        let sheet = self.calls.entry(change.call).or_insert_with(|| Sheet::new(change.call));
        let legs = change.legs.iter().map(|mask| (mask.person, mask.leg));
        match &mut sheet.early {
            Some(early) => early.extend(legs),
            None => legs.for_each(|(who, leg)| self.recorder.leg(change.call, who, leg)),
        }
        let (legs, gone) = (change.legs.clone(), change.gone.clone());
        sheet.pending.insert(change.version, Pending { legs, gone, by: by.clone(), asked, outcome: None });
    }

    /// A change is in force.
    pub(crate) fn in_force(&mut self, call: CallId, applied: &Applied) {
        let Some(sheet) = self.calls.get_mut(&call) else { return };
        if let Some(pending) = sheet.pending.get_mut(&applied.version) {
            pending.outcome = Some((Some(applied.sample), Clock::wall()));
            let by_command = matches!(pending.by, Cause::Command { .. });
            self.took.push(Took { seconds: pending.asked.elapsed().as_secs_f64(), by_command });
        }
        self.settle(call);
    }

    /// The mixer did not take a change: the call is closed until it is told the whole state.
    pub(crate) fn turned_down(&mut self, call: CallId, version: u64) {
        let Some(sheet) = self.calls.get_mut(&call) else { return };
        if let Some(pending) = sheet.pending.get_mut(&version) {
            pending.outcome = Some((None, Clock::wall()));
        }
        self.settle(call);
    }

    /// Nobody can vouch for a call's masks: what is pending never comes into force.
    pub(crate) fn given_up(&mut self, call: CallId) {
        if let Some(sheet) = self.calls.get_mut(&call) {
            sheet.pending.clear();
        }
        self.settle(call);
    }

    /// An event is told.
    pub(crate) fn note(&mut self, now: Moment, event: &Event) {
        let record = self.recorder.note(now, event);
        if let Event::CallStarted { call, .. } = event {
            let sheet = self.calls.entry(*call).or_insert_with(|| Sheet::new(*call));
            for (who, leg) in sheet.early.take().unwrap_or_default() {
                self.recorder.leg(*call, who, leg);
            }
        }
        if let Event::CallEnded { call } = event {
            self.keep.extend(record.map(|record| Write::Call(Box::new(record))));
            if let Some(sheet) = self.calls.get_mut(call) {
                sheet.over = true;
            }
            self.settle(*call);
        }
    }

    /// How a leg of a call sounded until now.
    pub(crate) fn quality(&mut self, call: CallId, leg: LegId, quality: Quality) {
        self.recorder.quality(call, leg, quality);
    }

    /// The record of a call that goes on.
    pub(crate) fn record(&self, call: CallId, now: Moment) -> Option<CallRecord> {
        self.recorder.live(call, now)
    }

    /// What these agents did so far.
    pub(crate) fn worked(&self, agents: &[AgentName], now: Moment) -> BTreeMap<AgentName, AgentTotals> {
        self.recorder.totals_of(agents, now)
    }

    /// What all agents did together so far.
    pub(crate) fn worked_together(&self, now: Moment) -> AgentTotals {
        self.recorder.totals_together(now)
    }

    /// Who could hear whom in a call that goes on.
    pub(crate) fn audibility(&self, call: CallId) -> Option<AudibilityHistory> {
        self.calls.get(&call).map(|sheet| sheet.history.clone())
    }

    /// What is to be kept from here on.
    pub(crate) fn take_kept(&mut self) -> Vec<Write> {
        self.keep.drain(..).collect()
    }

    /// How long changes took.
    pub(crate) fn take_took(&mut self) -> Vec<Took> {
        std::mem::take(&mut self.took)
    }

    fn settle(&mut self, call: CallId) {
        let Some(sheet) = self.calls.get_mut(&call) else { return };
        sheet.settle();
        let closed = sheet.over && sheet.pending.is_empty();
        if let Some(sheet) = closed.then(|| self.calls.remove(&call)).flatten() {
            self.keep.push_back(Write::Audibility(Box::new(sheet.history)));
        }
    }
}
