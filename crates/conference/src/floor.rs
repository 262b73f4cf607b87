//! Agents, queues and offers of the whole house, with the indexes that let an assignment look at few of them.
//!
//! ```text
//!   call enters --> Line.waiting (by ticket) --+
//!                                              +--> offer --> Reservation --> answered, rejected, expired …
//!   agent ready --> Line.ready (by rank) ------+
//! ```
//!
//! It keeps the books: what changed is marked in the reaction and looked at once its calls are closed
//! (`switchboard::queues`). It rings nobody and ends no leg; that is `conference::queueing`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::books::Books;
use crate::ids::{AgentName, CallId, ParticipantId, ReservationId};
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::{AgentState, Event, QueueExit, ReservationEnd};
use crate::queue::{Entry, Line, Rank, Ticket};
use crate::reaction::Reaction;
use crate::refusal::Refusal;
use crate::reservation::{Reservation, is_missed};
use crate::settings::{QueueSettings, Settings};

/// What is due at a moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Alarm {
    /// An offer ends.
    Offer(ReservationId),
    /// An entry of a queue wants to be looked at.
    Wait(String, Ticket),
    /// An agent's wrap-up ends.
    WrapUp(AgentName),
}

/// Where somebody waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wait {
    pub(crate) queue: String,
    pub(crate) ticket: Ticket,
}

/// All agents, queues and offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Floor {
    pub(crate) agents: BTreeMap<AgentName, Agent>,
    pub(crate) lines: BTreeMap<String, Line>,
    pub(crate) reservations: BTreeMap<ReservationId, Reservation>,
    alarms: BTreeSet<(Moment, Alarm)>,
    last_reservation: u64,
    last_ticket: u64,
}

impl Floor {
    /// When something is due next.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// What is due; it is not any more.
    pub(crate) fn take_due(&mut self, now: Moment) -> Vec<Alarm> {
        let mut due = Vec::new();
        while let Some((at, _)) = self.alarms.first()
            && *at <= now
            && let Some((_, alarm)) = self.alarms.pop_first()
        {
            due.push(alarm);
        }
        due
    }

    /// Moves an alarm.
    pub(crate) fn set_alarm(&mut self, alarm: Alarm, before: Option<Moment>, after: Option<Moment>) {
        if let Some(before) = before {
            self.alarms.remove(&(before, alarm.clone()));
        }
        if let Some(after) = after {
            self.alarms.insert((after, alarm));
        }
    }

    /// Whether nobody waits and nothing is offered. Agents' states do not count.
    pub(crate) fn is_idle(&self) -> bool {
        self.reservations.is_empty() && self.lines.values().all(|line| line.waiting.is_empty())
    }

    /// New settings: who serves which queue is worked out anew, states stay as they are.
    pub(crate) fn configure(&mut self, settings: &Settings, out: &mut Reaction) {
        self.dismiss(settings, out);
        self.lines.retain(|name, line| settings.queues.contains_key(name) || !line.waiting.is_empty());
        for name in settings.queues.keys() {
            self.lines.entry(name.clone()).or_default();
        }
        for (name, line) in &mut self.lines {
            line.ready.clear();
            line.serving.clear();
            line.registered = 0;
            out.queues.insert(name.clone());
        }
        for (name, known) in &settings.agents {
            let agent = self.agents.entry(name.clone()).or_default();
            for queue in &known.queues {
                let Some((line, about)) = self.lines.get_mut(queue).zip(settings.queues.get(queue)) else { continue };
                let Some(rank) = Rank::of(name, known, agent.idle_since, about) else { continue };
                line.serving.insert(name.clone());
                line.registered += u32::from(agent.phones > 0);
                if agent.state == AgentState::Ready {
                    line.ready.insert(rank);
                }
            }
            out.agents.insert(name.clone());
        }
    }

    /// Whoever is no agent any more does nothing from here on, and it is told: else a wrap-up would never be over.
    fn dismiss(&mut self, settings: &Settings, out: &mut Reaction) {
        for (name, agent) in self.agents.iter().filter(|(name, _)| !settings.agents.contains_key(name)) {
            if let Some(until) = agent.wrap_until() {
                self.alarms.remove(&(until, Alarm::WrapUp(name.clone())));
            }
            if agent.state != AgentState::Offline {
                out.event(Event::AgentChanged { agent: name.clone(), state: AgentState::Offline });
            }
        }
        self.agents.retain(|name, _| settings.agents.contains_key(name));
    }

    /// Goes on numbering offers after this one: an id of before a restart stands for no offer of after it.
    pub(crate) fn resume(&mut self, last_reservation: u64) {
        self.last_reservation = self.last_reservation.max(last_reservation);
    }

    /// How many phones of an agent are registered.
    pub(crate) fn registered(&mut self, settings: &Settings, name: &AgentName, phones: u32, out: &mut Reaction) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        let before = std::mem::replace(&mut agent.phones, phones);
        out.agents.insert(name.clone());
        if before != phones {
            out.retold.insert(name.clone());
        }
        if (before > 0) == (phones > 0) {
            return;
        }
        for queue in settings.agents.get(name).iter().flat_map(|known| &known.queues) {
            if let Some(line) = self.lines.get_mut(queue).filter(|line| line.serving.contains(name)) {
                line.registered = if phones > 0 { line.registered + 1 } else { line.registered.saturating_sub(1) };
                out.queues.insert(queue.clone());
            }
        }
    }

    /// What an agent does from now on; told if it, or how they are shown beside it, is new.
    pub(crate) fn becomes(
        &mut self,
        now: Moment,
        settings: &Settings,
        name: &AgentName,
        state: AgentState,
        out: &mut Reaction,
    ) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        let (was, idle_since) = (agent.state, agent.idle_since);
        let (becomes, retold) = (agent.becomes(now, state), out.retold.remove(name));
        let idle_now = agent.idle_since;
        if becomes || retold {
            out.event(Event::AgentChanged { agent: name.clone(), state });
        }
        if !becomes {
            return;
        }
        if was == AgentState::Ready {
            self.list(settings, name, idle_since, false, out);
        }
        if state == AgentState::Ready {
            self.list(settings, name, idle_now, true, out);
        }
    }

    /// Puts an agent among those who are ready, or takes them out.
    fn list(&mut self, settings: &Settings, name: &AgentName, idle_since: Moment, ready: bool, out: &mut Reaction) {
        let Some(known) = settings.agents.get(name) else { return };
        for queue in &known.queues {
            let Some((line, about)) = self.lines.get_mut(queue).zip(settings.queues.get(queue)) else { continue };
            let Some(rank) = Rank::of(name, known, idle_since, about) else { continue };
            if ready {
                line.ready.insert(rank);
            } else {
                line.ready.remove(&rank);
            }
            out.queues.insert(queue.clone());
        }
    }

    /// A call begins to wait, at its old place if it had one.
    pub(crate) fn enter(
        &mut self,
        now: Moment,
        about: &QueueSettings,
        (queue, call, who): (&str, CallId, ParticipantId),
        kept: Option<Ticket>,
        out: &mut Reaction,
    ) -> Wait {
        let ticket = kept.filter(|_| !broken!(ForgetsPlace)).unwrap_or_else(|| {
            self.last_ticket += 1;
            Ticket(self.last_ticket)
        });
        let line = self.lines.entry(queue.to_owned()).or_default();
        let mut entry = Entry::new(call, who, now, about);
        let position = u32::try_from(line.waiting.range(..ticket).count() + 1).unwrap_or(u32::MAX);
        entry.position = position;
        line.waiting.insert(ticket, entry);
        out.queues.insert(queue.to_owned());
        out.event(Event::QueueEntered { call, who, queue: queue.to_owned(), position });
        Wait { queue: queue.to_owned(), ticket }
    }

    /// A call does not wait any more. Its offers have ended.
    pub(crate) fn leave(&mut self, wait: &Wait, how: QueueExit, out: &mut Reaction) {
        let Some(line) = self.lines.get_mut(&wait.queue) else { return };
        let Some(entry) = line.waiting.remove(&wait.ticket) else { return };
        self.set_alarm(Alarm::Wait(wait.queue.clone(), wait.ticket), entry.alarm, None);
        out.queues.insert(wait.queue.clone());
        out.event(Event::QueueLeft { call: entry.call, who: entry.who, queue: wait.queue.clone(), how });
    }

    /// The entry of somebody who waits.
    pub(crate) fn entry(&self, wait: &Wait) -> Option<&Entry> {
        self.lines.get(&wait.queue)?.waiting.get(&wait.ticket)
    }

    /// A waiting call is offered to an agent.
    pub(crate) fn reserve(
        &mut self,
        now: Moment,
        settings: &Settings,
        (queue, ticket): (&str, Ticket),
        name: &AgentName,
        out: &mut Reaction,
    ) -> Option<Reservation> {
        let ring = settings.queues.get(queue)?.ring_timeout;
        let line = self.lines.get_mut(queue)?;
        let entry = line.waiting.get_mut(&ticket)?;
        self.last_reservation += 1;
        let id = ReservationId(self.last_reservation);
        entry.offers.insert(id);
        line.last_offered = Some(name.clone());
        let (call, who, until) = (entry.call, entry.who, now + ring);
        let (agent, queue) = (name.clone(), queue.to_owned());
        out.event(Event::Reserved { reservation: id, agent: agent.clone(), queue: queue.clone(), call, who, until });
        let reservation = Reservation { id, agent, queue, ticket, call, who, until, accepted: false };
        self.reservations.insert(id, reservation.clone());
        self.set_alarm(Alarm::Offer(id), None, Some(until));
        if let Some(agent) = self.agents.get_mut(name) {
            agent.reservation = Some(id);
        }
        if !broken!(ReservesTwice) {
            self.becomes(now, settings, name, AgentState::Reserved, out);
        }
        Some(reservation)
    }

    /// The agent said yes: the phone is rung on, and the call is offered to nobody else.
    pub(crate) fn accept(&mut self, until: Moment, id: ReservationId, out: &mut Reaction) {
        let Some(reservation) = self.reservations.get_mut(&id) else { return };
        reservation.accepted = true;
        let before = std::mem::replace(&mut reservation.until, until);
        let (agent, call) = (reservation.agent.clone(), reservation.call);
        let (queue, ticket) = (reservation.queue.clone(), reservation.ticket);
        self.set_alarm(Alarm::Offer(id), Some(before), Some(until));
        if let Some(entry) = self.lines.get_mut(&queue).and_then(|line| line.waiting.get_mut(&ticket)) {
            entry.accepted = true;
        }
        out.queues.insert(queue);
        out.event(Event::ReservationAccepted { reservation: id, agent, call });
    }

    /// An offer is over.
    pub(crate) fn end(
        &mut self,
        now: Moment,
        id: ReservationId,
        how: ReservationEnd,
        out: &mut Reaction,
    ) -> Option<Reservation> {
        let over = self.reservations.remove(&id)?;
        self.set_alarm(Alarm::Offer(id), Some(over.until), None);
        if let Some(agent) = self.agents.get_mut(&over.agent) {
            agent.reservation = None;
        }
        out.agents.insert(over.agent.clone());
        out.queues.insert(over.queue.clone());
        if let Some(entry) = self.lines.get_mut(&over.queue).and_then(|line| line.waiting.get_mut(&over.ticket)) {
            entry.offers.remove(&id);
            entry.accepted &= !over.accepted;
            if is_missed(how) && !broken!(OffersAgain) {
                entry.miss(&over.agent, now);
            }
        }
        let (agent, call) = (over.agent.clone(), over.call);
        out.event(Event::ReservationEnded { reservation: id, agent, call, how });
        Some(over)
    }

    /// Whether an agent has a phone registered.
    pub(crate) fn has_phone(&self, name: &AgentName) -> bool {
        self.agents.get(name).is_some_and(|agent| agent.phones > 0)
    }

    /// Whether an agent can be rung at all: has a phone registered, or talks by one that is not any more.
    pub(crate) fn may_be_had(&self, name: &AgentName, books: &Books) -> Result<(), Refusal> {
        let there = self.has_phone(name) || books.seats(name).in_call;
        if there { Ok(()) } else { Err(Refusal::TargetUnavailable) }
    }

    /// How many agents of a queue have a phone registered, but for these.
    pub(crate) fn reachable<'a>(&self, queue: &str, but: impl Iterator<Item = &'a AgentName>) -> u32 {
        let Some(line) = self.lines.get(queue) else { return 0 };
        let here = |name: &&AgentName| line.serving.contains(*name) && self.has_phone(name);
        let but: BTreeSet<&AgentName> = but.filter(here).collect();
        line.registered.saturating_sub(u32::try_from(but.len()).unwrap_or(u32::MAX))
    }
}
