//! Carries the core's answers out, in the order of their lanes. It has no rules: what is done, and in which order, the
//! core said.
//!
//! What came into force, and when on the call's media clock, goes into the book.
//!
//! A mixer that is late with a tightening raises the alarm: the call is silenced, nobody is told anything meanwhile.

mod effect;
mod lanes;
mod legs;
mod referrals;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use conference::record::Cause;
use conference::{AgentName, CallId, ChangeSet, Effect, Ending, Event, LegId, Output, Refusal, Report, ReservationEnd};
use media_mixer::{Applied, Mixer};
use sip_signalling::{Endpoint, Wish};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::error;

pub(crate) use lanes::GateId;
use lanes::{Lanes, Ready};
pub(crate) use legs::{Leg, Legs, Waiting};
use referrals::{Ended, Referrals};

use crate::book::Book;
use crate::clock::Clock;
use crate::events;
use crate::metrics::Metrics;
use crate::told::Teller;
use crate::view::{CallMasks, Masks};
use crate::ways::Ways;

/// A mixer that has not said so long that a tightening is in force raises the alarm, and the call is silenced.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(100);
/// A timer that is so late says that this process did not run.
const OVERSLEPT: Duration = Duration::from_millis(20);
/// Alarms in a row after which a call whose masks nobody can vouch for is ended.
const ALARMS: u32 = 30;
/// Steps that may wait in one call; a call that comes so far is ended.
const STEPS: usize = 10_000;

/// What became of a tightening.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    call: CallId,
    gate: GateId,
    applied: Option<Applied>,
    alarms: u32,
}

/// What became of a change that nobody waits for.
pub(crate) type Settled = (CallId, u64, Option<Applied>);

/// What there is to carry things out with.
pub(crate) struct Edges {
    pub(crate) endpoint: Endpoint,
    pub(crate) mixer: Mixer,
    /// Our own media address.
    pub(crate) near: IpAddr,
}

/// Something to be said, once every tightening that it stands behind is in force.
struct Word {
    behind: Vec<GateId>,
    say: Box<dyn FnOnce() + Send + Sync>,
}

/// The hands of the daemon.
pub(crate) struct Carry {
    pub(crate) endpoint: Endpoint,
    pub(crate) mixer: Mixer,
    /// Where and how everybody is reached.
    pub(crate) ways: Ways,
    pub(crate) legs: Legs,
    /// The REFERs that wait for a word.
    pub(crate) referrals: Referrals,
    /// What the mixer was told.
    pub(crate) view: Masks,
    /// What carrying out led to; the core is told next.
    pub(crate) reports: VecDeque<Report>,
    /// What keypads dialled; the dial plan is asked next.
    pub(crate) look_ups: VecDeque<(LegId, String)>,
    /// How often the mixer was late.
    pub(crate) alarms: u64,
    pub(crate) acknowledgements: JoinSet<Acknowledged>,
    pub(crate) settled: JoinSet<Settled>,
    /// What is written down of calls.
    pub(crate) book: Book,
    pub(crate) teller: Teller,
    pub(crate) metrics: Metrics,
    /// The calls that are rooms.
    rooms: BTreeMap<CallId, String>,
    /// Calls in which something has changed that watchers may be told.
    pub(crate) moved: BTreeSet<CallId>,
    /// Agents of whom something has changed.
    pub(crate) agents: BTreeSet<AgentName>,
    lanes: Lanes,
    /// What is to be said behind tightenings, besides what the core said.
    words: Vec<Word>,
    log: events::Log,
    clock: Clock,
}

impl Carry {
    pub(crate) fn new(edges: Edges, teller: Teller, clock: Clock) -> Self {
        Self {
            endpoint: edges.endpoint,
            mixer: edges.mixer,
            ways: Ways::new(edges.near),
            legs: Legs::default(),
            referrals: Referrals::default(),
            view: Masks::default(),
            reports: VecDeque::new(),
            look_ups: VecDeque::new(),
            alarms: 0,
            acknowledgements: JoinSet::new(),
            settled: JoinSet::new(),
            book: Book::new(clock.epoch()),
            teller,
            metrics: Metrics::new(),
            rooms: BTreeMap::new(),
            moved: BTreeSet::new(),
            agents: BTreeSet::new(),
            lanes: Lanes::default(),
            words: Vec::new(),
            log: events::Log::default(),
            clock,
        }
    }

    /// Carries out one reaction, as far as it need not wait. Returns what a word on it has to stand behind ([`Carry::say`]).
    /// `cause`: what led to it.
    pub(crate) fn reaction(&mut self, cause: Cause, outputs: Vec<Output>) -> Vec<GateId> {
        let asked = Instant::now();
        for output in &outputs {
            match output {
                Output::Effect(Effect::SetAudibility(change)) => self.book.decided(change, &cause, asked),
                Output::Event(Event::CallStarted { call, room: Some(room), .. }) => {
                    self.rooms.insert(*call, room.clone());
                }
                // named by no other output, and gone
                Output::Event(Event::CallsJoined { joined, .. }) => _ = self.moved.insert(*joined),
                Output::Event(Event::ReservationEnded { agent, call, how: ReservationEnd::Elsewhere, .. }) => {
                    self.legs.taken_from(agent, *call);
                }
                Output::Effect(_) | Output::Event(_) => {}
            }
        }
        let Some(main) = outputs.iter().find_map(|output| self.call_of(output)) else {
            outputs.into_iter().for_each(|output| self.carry_out(output));
            return Vec::new();
        };
        for output in &outputs {
            self.note_legs(output, main);
        }
        let outputs: Vec<(CallId, Output)> =
            outputs.into_iter().map(|output| (self.call_of(&output).unwrap_or(main), output)).collect();
        let calls: BTreeSet<CallId> = outputs.iter().map(|(call, _)| *call).collect();
        // who talks is shown by the API alone: nothing that is watched is made anew for it
        let shown = outputs.iter().filter(|(_, output)| !matches!(output, Output::Event(Event::TalkChanged { .. })));
        self.moved.extend(shown.map(|(call, _)| *call));
        let ready = self.lanes.reaction(outputs);
        self.perform(ready);
        let behind: BTreeSet<GateId> = calls.into_iter().flat_map(|call| self.lanes.closed(call)).collect();
        behind.into_iter().collect()
    }

    /// Says something once these tightenings are in force: at once, if they are.
    pub(crate) fn say(&mut self, behind: Vec<GateId>, say: impl FnOnce() + Send + Sync + 'static) {
        self.words.push(Word { behind, say: Box::new(say) });
        self.speak();
    }

    /// What a word on everything there is has to stand behind.
    pub(crate) fn not_in_force(&self) -> Vec<GateId> {
        self.lanes.all_closed()
    }

    /// Says whatever has nothing to wait for any more, in the order in which it came.
    fn speak(&mut self) {
        let lanes = &self.lanes;
        for word in self.words.extract_if(.., |word| !word.behind.iter().any(|gate| lanes.is_closed(*gate))) {
            (word.say)();
        }
    }

    /// Ends a leg's media once everything that was said about it is carried out.
    pub(crate) fn close(&mut self, leg: LegId) {
        match self.legs.call(leg) {
            Some(call) => {
                let ready = self.lanes.close(call, leg);
                self.perform(ready);
            }
            None => self.forget(leg),
        }
    }

    /// Takes a leg from the mixer and from memory, at once.
    pub(crate) fn forget(&mut self, leg: LegId) {
        if let Some(known) = self.legs.remove(leg) {
            if let Some((call, quality)) = known.call.zip(self.mixer.quality(leg)) {
                self.metrics.sounded(&quality);
                self.book.quality(call, leg, quality);
            }
            self.mixer.close(leg);
        }
        let Ended { waiting, accepted } = self.referrals.end(leg);
        for refer in waiting {
            let reason = Some(Refusal::CallNotLive.code().to_owned());
            self.endpoint.wish(Wish::RefuseRefer { refer, status: 403, reason });
        }
        for (refer, status) in accepted {
            self.endpoint.wish(Wish::Notify { refer, status, last: true });
        }
    }

    /// Goes on with whatever waited for a tightening, or raises the alarm.
    pub(crate) fn go_on(&mut self, acknowledged: Acknowledged) {
        match acknowledged.applied {
            Some(applied) => {
                self.book.in_force(acknowledged.call, &applied);
                self.pass(acknowledged.gate);
            }
            None => self.alarm(acknowledged),
        }
    }

    /// A change that nobody waited for is in force, or was turned down.
    pub(crate) fn settled(&mut self, (call, version, applied): Settled) {
        match applied {
            Some(applied) => self.book.in_force(call, &applied),
            None => self.book.turned_down(call, version),
        }
    }

    /// Tells the mixer the whole state of a call that fell out of step.
    pub(crate) fn restate(&mut self, call: CallId) {
        if let Some(full) = self.view.calls.get(&call).map(|view| view.full(call)) {
            drop(self.mixer.set_audibility(full));
        }
    }

    /// Tells the mixer the whole state of every call.
    pub(crate) fn restate_all(&mut self) {
        let calls: Vec<CallId> = self.view.calls.keys().copied().collect();
        calls.into_iter().for_each(|call| self.restate(call));
    }

    /// Whether some call's steps wait.
    pub(crate) fn waits(&self) -> bool {
        !self.lanes.is_empty()
    }

    /// Whether steps of this call wait: what it is said to be is not true yet.
    pub(crate) fn waits_in(&self, call: CallId) -> bool {
        self.lanes.waiting(call) > 0 || self.lanes.closed(call).next().is_some()
    }

    /// Does what is ready.
    fn perform(&mut self, ready: Vec<Ready>) {
        for step in ready {
            match step {
                Ready::Masks(change, gate) => self.tell_mixer(change, gate),
                Ready::Do(output) => self.carry_out(output),
                Ready::Close(leg) => self.forget(leg),
            }
        }
        self.speak();
    }

    /// One tightening is in force: goes on with what waited for it.
    fn pass(&mut self, gate: GateId) {
        let ready = self.lanes.in_force(gate);
        self.perform(ready);
    }

    fn tell_mixer(&mut self, change: ChangeSet, gate: Option<GateId>) {
        self.view.apply(&change);
        self.ask_mixer(change, gate, 0);
    }

    fn ask_mixer(&mut self, change: ChangeSet, gate: Option<GateId>, alarms: u32) {
        let (call, version) = (change.call, change.version);
        let applied = self.mixer.set_audibility(change);
        match gate {
            Some(gate) => {
                _ = self.acknowledgements.spawn(async move {
                    let applied = within(ACKNOWLEDGED_WITHIN, applied).await;
                    Acknowledged { call, gate, applied, alarms }
                })
            }
            // the mixer says so sooner or later, or forgets it with the call
            None => _ = self.settled.spawn(async move { (call, version, applied.await.ok()) }),
        }
    }

    /// The mixer is late: silence first, then the whole state once more, and nobody is told anything meanwhile.
    fn alarm(&mut self, late: Acknowledged) {
        self.alarms += 1;
        let (call, alarms) = (late.call, late.alarms + 1);
        error!(%call, alarms, "ALARM: the mixer has not put a tightening in force in time; the call is silenced");
        if alarms >= ALARMS || self.lanes.waiting(call) > STEPS {
            self.give_up(call);
            self.pass(late.gate);
            return;
        }
        let Some(view) = self.view.calls.get(&call) else {
            // every leg is gone: there is nothing left to be heard
            self.pass(late.gate);
            return;
        };
        let (silence, full) = (CallMasks::silence(view, call), view.full(call));
        drop(self.mixer.set_audibility(silence));
        self.ask_mixer(full, Some(late.gate), alarms);
    }

    /// Ends a call whose masks nobody can vouch for: no leg of it keeps a voice.
    fn give_up(&mut self, call: CallId) {
        // what was asked is not in force and will never be: whoever waits for an answer must not be told that it is
        let never: BTreeSet<GateId> = self.lanes.closed(call).collect();
        self.words.retain(|word| !word.behind.iter().any(|gate| never.contains(gate)));
        let others = self.lanes.clear(call);
        self.book.given_up(call);
        for leg in self.legs.of_call(call) {
            self.endpoint.wish(Wish::End { leg, status: Some(500), reason: Some("media_failed".to_owned()) });
            self.forget(leg);
            self.reports.push_back(Report::Ended { leg, how: Ending::Dead });
        }
        // whatever of other calls waited for what this one will never do
        self.perform(others);
    }

    fn tell(&mut self, event: Event) {
        self.log.note(&event);
        if let Event::AgentChanged { agent, .. } = &event {
            self.agents.insert(agent.clone());
        }
        if let Event::CallEnded { call } = &event {
            self.rooms.remove(call);
        }
        self.metrics.count(&event);
        if matches!(event, Event::CallStarted { .. }) {
            self.book.set_epoch(self.clock.epoch());
        }
        self.book.note(self.clock.now(), &event);
        self.teller.tell(event);
    }

    /// Which call an output is about; `None` for a leg that is in no call.
    fn call_of(&self, output: &Output) -> Option<CallId> {
        match output {
            Output::Event(event) => event.call(),
            Output::Effect(Effect::SetAudibility(change)) => Some(change.call),
            Output::Effect(Effect::Ring { call, .. }) => Some(*call),
            Output::Effect(effect) => effect::leg(effect).and_then(|leg| self.legs.call(leg)),
        }
    }

    /// Remembers which call the legs of an output are in.
    fn note_legs(&mut self, output: &Output, main: CallId) {
        match output {
            Output::Effect(Effect::SetAudibility(change)) => {
                for mask in &change.legs {
                    let before = self.legs.call(mask.leg);
                    self.legs.put(mask.leg, change.call);
                    // it came in by a door, or with another call
                    if before.is_some_and(|before| before != change.call) {
                        self.tell_focus(mask.leg);
                    }
                }
            }
            Output::Effect(Effect::Ring { .. }) | Output::Event(_) => {}
            Output::Effect(effect) => {
                if let Some(leg) = effect::leg(effect).filter(|leg| self.legs.call(*leg).is_none()) {
                    self.legs.put(leg, main);
                }
            }
        }
    }
}

/// What the mixer said of a change, if it said so in time. When it was us who slept (a machine that stood still), it has the
/// same time once more.
async fn within(limit: Duration, applied: oneshot::Receiver<Applied>) -> Option<Applied> {
    let begun = Instant::now();
    let mut applied = std::pin::pin!(applied);
    if let Ok(word) = tokio::time::timeout(limit, &mut applied).await {
        return word.ok();
    }
    if begun.elapsed() < limit + OVERSLEPT {
        return None;
    }
    tokio::time::timeout(limit, applied).await.ok()?.ok()
}

/// Waits for the next word on a change that was given to the mixer; pends while none is under way. Cancel-safe.
pub(crate) async fn next_of<T: 'static>(words: &mut JoinSet<T>) -> T {
    loop {
        match words.join_next().await {
            Some(Ok(word)) => return word,
            // a task that only waits ends neither by panic nor by abort
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }
}
