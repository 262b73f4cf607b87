//! Keeps the record of every call that goes on, and what agents did over all calls, from the core's events.
//!
//! It decides nothing: what it is told has happened already. Give it a whole reaction in its order.

use std::collections::BTreeMap;

use super::running::Running;
use super::sheet::{AgentTotals, CallRecord, Quality};
use crate::ids::{AgentName, CallId, LegId, ParticipantId, ReservationId};
use crate::mask::ChangeSet;
use crate::moment::Moment;
use crate::output::{AgentState, Event, ReservationEnd};

/// The records of all calls that go on.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// The Unix time of `Moment` 0, in microseconds.
    epoch_us: i64,
    calls: BTreeMap<CallId, Running>,
    totals: BTreeMap<AgentName, AgentTotals>,
    together: AgentTotals,
    /// Who is in wrap-up, and since when.
    wrapping_up: BTreeMap<AgentName, Moment>,
    /// For whom an offer is: the participant who will be the agent.
    offers: BTreeMap<ReservationId, ParticipantId>,
    /// Legs of calls of which the beginning was not told yet: masks come first in a reaction.
    early: BTreeMap<CallId, Vec<(ParticipantId, LegId)>>,
}

impl Recorder {
    /// No calls. `epoch_us`: the Unix time of `Moment` 0, in microseconds.
    #[must_use]
    pub fn new(epoch_us: i64) -> Self {
        Self {
            epoch_us,
            calls: BTreeMap::new(),
            totals: BTreeMap::new(),
            together: AgentTotals::default(),
            wrapping_up: BTreeMap::new(),
            offers: BTreeMap::new(),
            early: BTreeMap::new(),
        }
    }

    /// The Unix time of `Moment` 0 is another from here on: for calls that begin now.
    pub fn set_epoch(&mut self, epoch_us: i64) {
        self.epoch_us = epoch_us;
    }

    /// Takes note of an event; the record of a call that is over.
    pub fn note(&mut self, now: Moment, event: &Event) -> Option<CallRecord> {
        match event {
            Event::CallStarted { call, room, door } => self.started(now, *call, (room.clone(), door.clone())),
            Event::CallEnded { call } => return self.ended(now, *call),
            Event::CallsJoined { call, joined } => self.with(*joined, |running| running.joined_into(now, *call)),
            Event::ParticipantJoined { call, who, role, agent, name } => {
                self.with(*call, |running| running.joined(now, *who, *role, agent.clone(), name.clone()));
            }
            Event::StatusChanged { call, who, status } => {
                self.with(*call, |running| running.status(now, *who, *status));
            }
            Event::ParticipantLeft { call, who, why } => {
                self.with(*call, |running| running.left(now, *who, Some(*why)));
            }
            Event::TransferStarted { call, by, target, to } => {
                self.with(*call, |running| running.transfer_started(now, *by, *target, to.clone()));
            }
            Event::TransferChanged { call, phase, faces_target } => {
                self.with(*call, |running| running.transfer_changed(now, *phase, *faces_target));
            }
            Event::TransferEnded { call, outcome } => {
                self.with(*call, |running| running.transfer_ended(now, *outcome));
            }
            Event::AgentChanged { agent, state } => self.agent_changed(now, agent, *state),
            Event::QueueEntered { call, queue, .. } => {
                self.with(*call, |running| running.queue_entered(now, queue.clone()));
            }
            Event::QueueLeft { call, queue, how, .. } => {
                self.with(*call, |running| running.queue_left(now, queue, *how));
            }
            Event::Reserved { reservation, agent, queue, call, who, .. } => {
                self.offers.insert(*reservation, *who);
                self.with(*call, |running| running.offered(queue, agent.clone()));
            }
            Event::ReservationEnded { reservation, agent, call, how } => {
                let who = self.offers.remove(reservation).filter(|_| *how == ReservationEnd::Answered);
                if let Some(who) = who {
                    self.with(*call, |running| running.is_agent(now, who, agent));
                }
            }
            Event::MuteChanged { .. }
            | Event::DirectionChanged { .. }
            | Event::Recalling { .. }
            | Event::FellBack { .. }
            | Event::BridgedByPhone { .. }
            | Event::QueueChanged { .. }
            | Event::SettingsChanged
            | Event::QueueMoved { .. }
            | Event::ReservationAccepted { .. }
            | Event::VolumeChanged { .. }
            | Event::TalkChanged { .. }
            | Event::LockChanged { .. }
            | Event::PinTyped { .. } => {}
        }
        None
    }

    /// Somebody has a leg. `masks` says so of every leg that is answered.
    pub fn leg(&mut self, call: CallId, who: ParticipantId, leg: LegId) {
        match self.calls.get_mut(&call) {
            Some(running) => running.leg(who, leg),
            None => self.early.entry(call).or_default().push((who, leg)),
        }
    }

    /// Takes the answered legs, and whose they are, from a change of masks (`Effect::SetAudibility`).
    pub fn masks(&mut self, change: &ChangeSet) {
        for mask in &change.legs {
            self.leg(change.call, mask.person, mask.leg);
        }
    }

    /// How a leg sounded. False: the call is over, or the leg is nobody's there (`CallRecord::set_quality`).
    pub fn quality(&mut self, call: CallId, leg: LegId, quality: Quality) -> bool {
        self.calls.get_mut(&call).is_some_and(|running| running.quality(leg, quality))
    }

    /// The record of a call that goes on, all phases counted up to now.
    #[must_use]
    pub fn live(&self, call: CallId, now: Moment) -> Option<CallRecord> {
        self.calls.get(&call).map(|running| running.so_far(now))
    }

    /// What agents did since the recorder began, all phases counted up to now.
    #[must_use]
    pub fn totals(&self, now: Moment) -> BTreeMap<AgentName, AgentTotals> {
        let mut totals = self.totals.clone();
        self.open_spans(now, |agent, spent| add(totals.entry(agent.clone()).or_default(), &spent));
        totals
    }

    /// What these agents did since the recorder began, all phases counted up to now; whoever is unknown did nothing.
    #[must_use]
    pub fn totals_of(&self, agents: &[AgentName], now: Moment) -> BTreeMap<AgentName, AgentTotals> {
        let known = |agent: &AgentName| self.totals.get(agent).copied().unwrap_or_default();
        let mut totals: BTreeMap<_, _> = agents.iter().map(|agent| (agent.clone(), known(agent))).collect();
        self.open_spans(now, |agent, spent| {
            if let Some(total) = totals.get_mut(agent) {
                add(total, &spent);
            }
        });
        totals
    }

    /// What all agents did together, those who are agents no longer as well: it never falls.
    #[must_use]
    pub fn totals_together(&self, now: Moment) -> AgentTotals {
        let mut together = self.together;
        self.open_spans(now, |_, spent| add(&mut together, &spent));
        together
    }

    /// What is not counted yet because it goes on.
    fn open_spans(&self, now: Moment, mut each: impl FnMut(&AgentName, AgentTotals)) {
        for spent in self.calls.values().flat_map(|running| running.unspent(now)) {
            each(&spent.agent, spent.total());
        }
        for (agent, since) in &self.wrapping_up {
            each(agent, wrap_up(now, *since));
        }
    }

    /// An agent's span is over.
    fn count(&mut self, agent: AgentName, spent: AgentTotals) {
        add(&mut self.together, &spent);
        add(self.totals.entry(agent).or_default(), &spent);
    }

    /// Lets a call take note of something; what its agents spent till then is counted.
    fn with(&mut self, call: CallId, note: impl FnOnce(&mut Running)) {
        let Some(running) = self.calls.get_mut(&call) else { return };
        note(running);
        for spent in running.take_spent() {
            let total = spent.total();
            self.count(spent.agent, total);
        }
    }

    /// `names`: the room that it is, and the one before whose door it is.
    fn started(&mut self, now: Moment, call: CallId, names: (Option<String>, Option<String>)) {
        let mut running = Running::new(self.epoch_us, now, call, names);
        for (who, leg) in self.early.remove(&call).unwrap_or_default() {
            running.leg(who, leg);
        }
        // A call that begins in this reaction is the only one whose legs can be early.
        self.early.clear();
        self.calls.insert(call, running);
    }

    fn ended(&mut self, now: Moment, call: CallId) -> Option<CallRecord> {
        let (record, spent) = self.calls.remove(&call)?.ended(now);
        for spent in spent {
            let total = spent.total();
            self.count(spent.agent, total);
        }
        Some(record)
    }

    fn agent_changed(&mut self, now: Moment, agent: &AgentName, state: AgentState) {
        if state == AgentState::WrapUp {
            self.wrapping_up.entry(agent.clone()).or_insert(now);
        } else if let Some(since) = self.wrapping_up.remove(agent) {
            self.count(agent.clone(), wrap_up(now, since));
        }
    }
}

fn wrap_up(now: Moment, since: Moment) -> AgentTotals {
    AgentTotals { wrap_up_us: now.0.saturating_sub(since.0), ..AgentTotals::default() }
}

fn add(total: &mut AgentTotals, spent: &AgentTotals) {
    total.calls += spent.calls;
    total.times.ring_us += spent.times.ring_us;
    total.times.queued_us += spent.times.queued_us;
    total.times.talk_us += spent.times.talk_us;
    total.times.hold_us += spent.times.hold_us;
    total.times.consult_us += spent.times.consult_us;
    total.wrap_up_us += spent.wrap_up_us;
}

#[cfg(test)]
mod tests;
