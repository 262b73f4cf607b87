//! Agents: phones that register, what is said of their availability, and what they do after each reaction.
//!
//! What one agent's state is made of is `agent`; who is offered a call is `queues`.

use super::{AgentView, Switchboard};
use crate::agent::Agent;
use crate::floor::Alarm;
use crate::ids::{AgentName, CallId};
use crate::input::{Asker, Availability};
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::{Output, ReservationEnd};
use crate::reaction::Reaction;
use crate::refusal::Refusal;

impl Switchboard {
    /// Goes on after a restart: calls are numbered after `last_call`, offers after `last_reservation`, and agents are what was
    /// said of them last. Before or after the first `Command::Configure`.
    pub fn resume(&mut self, last_call: u64, last_reservation: u64, availabilities: Vec<(AgentName, Availability)>) {
        self.books.resume(last_call);
        self.floor.resume(last_reservation);
        for (name, availability) in availabilities {
            self.floor.agents.entry(name).or_default().say(availability, false);
        }
    }

    /// How many phones of an agent are registered now.
    pub(super) fn registered(&mut self, now: Moment, agent: &AgentName, phones: u32) -> Vec<Output> {
        let mut out = Reaction::default();
        self.floor.registered(&self.settings, agent, phones, &mut out);
        self.finish(now, out, Vec::new())
    }

    /// Somebody says what an agent's availability is.
    pub(super) fn set_state(
        &mut self,
        now: Moment,
        agent: &AgentName,
        by: &Asker,
        availability: Availability,
    ) -> Result<Vec<Output>, Refusal> {
        if !self.knows(agent) {
            return Err(Refusal::TargetUnknown);
        }
        let asks = self.named_by(by);
        let supervises = |name: &AgentName| self.settings.agents.get(name).is_some_and(|known| known.supervisor);
        if !matches!(by, Asker::Operator) && !asks.is_some_and(|name| name == *agent || supervises(&name)) {
            return Err(Refusal::NotAllowed);
        }
        let mut out = Reaction::default();
        let seats = self.books.seats(agent);
        if let Some(known) = self.floor.agents.get_mut(agent) {
            let before = known.wrap_until();
            if known.availability != availability && !broken!(OfflineIsSilent) {
                out.retold.insert(agent.clone());
            }
            known.say(availability, seats.in_call);
            self.floor.set_alarm(Alarm::WrapUp(agent.clone()), before, None);
        }
        out.agents.insert(agent.clone());
        Ok(self.finish(now, out, Vec::new()))
    }

    /// Which agent asks.
    pub(super) fn named_by(&self, by: &Asker) -> Option<AgentName> {
        match by {
            Asker::Operator => None,
            Asker::Agent(name) => Some(name.clone()),
            Asker::Leg(leg) | Asker::Keypad(leg) => {
                let call = self.calls.get(self.books.legs.get(leg)?)?;
                call.people.get(&call.person_of(*leg)?)?.agent.clone()
            }
        }
    }

    /// What the agents of whom something changed do now. Offers to those who are gone are taken back.
    pub(super) fn tend_agents(&mut self, now: Moment, out: &mut Reaction, touched: &mut Vec<CallId>) {
        for name in std::mem::take(&mut out.agents) {
            let seats = self.books.seats(&name);
            let Some(agent) = self.floor.agents.get_mut(&name) else { continue };
            let (before, said) = (agent.wrap_until(), agent.availability);
            let settings = &self.settings;
            agent.settle(now, seats, || {
                let queues = settings.agents.get(&name).into_iter().flat_map(|known| &known.queues);
                let limits = queues.filter_map(|queue| settings.queues.get(queue)).map(|queue| queue.wrap_up);
                limits.filter(|limit| !limit.is_zero()).max()
            });
            if agent.availability != said && !broken!(OfflineIsSilent) {
                out.retold.insert(name.clone());
            }
            let (after, state) = (agent.wrap_until(), agent.state_with(seats));
            let gone = agent.reservation.filter(|_| agent.is_gone(seats));
            if before != after {
                self.floor.set_alarm(Alarm::WrapUp(name.clone()), before, after);
            }
            self.floor.becomes(now, &self.settings, &name, state, out);
            if let Some(offer) = gone.and_then(|id| self.floor.reservations.get(&id)) {
                // Whoever said yes is rung on, as long as there is a phone.
                let stays = (offer.accepted || broken!(PausedRingsOn)) && self.floor.has_phone(&name);
                let (id, call) = (offer.id, offer.call);
                if !stays {
                    self.touch(now, call, out, touched, |call, desk| {
                        call.end_reservation(desk, id, ReservationEnd::Withdrawn);
                    });
                }
            }
        }
    }

    /// Whoever is no agent any more is offered nothing, also what rings at them now.
    pub(super) fn withdraw_offers_of_nobody(&mut self, now: Moment, out: &mut Reaction) {
        let known = &self.settings.agents;
        let offers = self.floor.reservations.values().filter(|offer| !known.contains_key(&offer.agent));
        let offers: Vec<_> = offers.map(|offer| (offer.id, offer.call)).collect();
        for (id, call) in offers {
            self.with(now, call, out, |call, desk| call.end_reservation(desk, id, ReservationEnd::Withdrawn));
        }
    }

    /// All agents, by name.
    pub fn agents(&self) -> impl Iterator<Item = AgentView> + '_ {
        self.floor.agents.iter().filter_map(|(name, agent)| self.agent_view(name, agent))
    }

    /// One agent.
    #[must_use]
    pub fn agent(&self, name: &AgentName) -> Option<AgentView> {
        self.agent_view(name, self.floor.agents.get(name)?)
    }

    fn agent_view(&self, name: &AgentName, agent: &Agent) -> Option<AgentView> {
        let known = self.settings.agents.get(name)?;
        Some(AgentView {
            name: name.clone(),
            display_name: known.display_name.clone(),
            state: agent.state,
            since: agent.since,
            availability: agent.availability,
            phones: agent.phones,
            calls: self.calls_of(name),
            queues: known.queues.iter().cloned().collect(),
            reservation: agent.reservation.and_then(|id| self.reservation(id)),
        })
    }
}
