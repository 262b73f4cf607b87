//! Two calls become one: what each of them does for it. Which calls may, and which goes on, is `switchboard::joining`.

use std::collections::BTreeMap;

use super::{Call, Exit, Kind};
use crate::books::Desk;
use crate::consult::{Stage, Step, Transfer, allowed};
use crate::floor::Wait;
use crate::ids::{AgentName, CallId, LegId, ParticipantId};
use crate::input::Destination;
use crate::moment::Moment;
use crate::output::{Event, Left, Outcome, QueueExit, Role};
use crate::participant::{Errand, Leg, Line, Participant};
use crate::refusal::Refusal;

/// Somebody on the way from one call to another.
pub(crate) struct Mover {
    person: Participant,
    legs: Vec<(LegId, Leg)>,
    /// The line somebody stood in to be an agent; their place is kept.
    waited: Option<Wait>,
}

impl Mover {
    fn rings(&self) -> bool {
        self.person.errand == Some(Errand::Callee)
    }
}

impl Call {
    /// Whether a leg is a caller's whose callee still rings.
    pub(crate) fn is_early(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|leg| leg.line == Line::Arrived)
    }

    /// Whether this call of an agent's leg can become one with another.
    pub(crate) fn may_be_united(&self, leg: LegId) -> Result<(), Refusal> {
        let who = self.person_of(leg).ok_or(Refusal::CallNotFound)?;
        let mine = self.people.get(&who).ok_or(Refusal::CallNotFound)?;
        let line = self.legs.get(&leg).map(|leg| leg.line);
        if matches!(self.kind, Kind::Service(_) | Kind::Door(_)) || !matches!(line, Some(Line::Live | Line::Arrived)) {
            return Err(Refusal::CallNotLive);
        }
        let others = self.people.iter().any(|(other, person)| *other != who && !person.lurks());
        if !others || mine.announced_until.is_some() {
            return Err(Refusal::CallNotLive);
        }
        allowed(self.transfer.as_ref().map(|transfer| transfer.stage), Step::Start)?;
        if mine.held.is_some() { Err(Refusal::InitiatorOnHold) } else { Ok(()) }
    }

    /// Whether an agent is in both calls, and is only rung in one of them: then nobody could say who is meant.
    pub(crate) fn shares_ringing(&self, other: &Self) -> bool {
        let rung = |person: &Participant| person.errand.is_some();
        self.people.values().any(|mine| {
            let twins = other.people.values().filter(|theirs| mine.agent.is_some() && theirs.agent == mine.agent);
            twins.into_iter().any(|theirs| rung(mine) || rung(theirs))
        })
    }

    /// Ends a merged transfer, every hold, and what is supervised.
    pub(crate) fn ready_for_union(&mut self, desk: &mut Desk<'_>) {
        if self.transfer.is_some() {
            self.end_transfer(desk, Outcome::Joined, 200);
        }
        for person in self.people.values_mut() {
            person.held = None;
        }
        let lurking: Vec<ParticipantId> =
            self.people.iter().filter(|(_, person)| person.lurks()).map(|(who, _)| *who).collect();
        for who in lurking {
            self.part(desk, who, Exit::told(Left::Released));
        }
    }

    /// When transfers were started here; they count where the call becomes part of.
    pub(crate) fn take_starts(&mut self) -> Vec<Moment> {
        std::mem::take(&mut self.starts).into()
    }

    /// Takes everybody out, with their legs. Offers are taken back; places in queues are kept.
    pub(crate) fn take_everybody(&mut self, desk: &mut Desk<'_>) -> Vec<Mover> {
        let mut waited: BTreeMap<ParticipantId, Wait> = BTreeMap::new();
        for who in self.people.keys().copied().collect::<Vec<_>>() {
            waited.extend(self.stop_waiting(desk, who, QueueExit::Cancelled).map(|wait| (who, wait)));
        }
        let mut legs = std::mem::take(&mut self.legs);
        let people = std::mem::take(&mut self.people);
        let movers = people.into_iter().map(|(who, person)| {
            let own = person.legs.iter().filter_map(|id| Some((*id, legs.remove(id)?))).collect();
            Mover { person, legs: own, waited: waited.remove(&who) }
        });
        movers.collect()
    }

    /// Joining two calls is a transfer as any other: it counts, and so do those of the call that becomes part of this.
    pub(crate) fn count_union(&mut self, starts: Vec<Moment>, now: Moment) {
        let mut all: Vec<Moment> = self.starts.drain(..).chain(starts).collect();
        all.sort_unstable();
        for start in all.into_iter().chain([now]) {
            self.note_start(start);
        }
    }

    /// Takes in the people of another call; the agent who joined the two leaves.
    pub(crate) fn receive(&mut self, desk: &mut Desk<'_>, from: CallId, movers: Vec<Mover>, agent: &AgentName) {
        let Some(initiator) = self.named(agent) else { return };
        let mut target = None;
        for mover in movers {
            let rings = mover.rings();
            let who = self.admit(desk, from, mover);
            if who != initiator && (rings || target.is_none()) {
                target = Some((who, rings));
            }
        }
        if let Some((target, rings)) = target {
            let to = self.people.get(&target).map_or(Destination::Unknown, Participant::destination);
            desk.out.event(Event::TransferStarted { call: self.id, by: initiator, target, to: to.clone() });
            if rings {
                let (agent, stage) = (Some(agent.clone()), Stage::Ringing);
                self.transfer = Some(Transfer {
                    initiator,
                    agent,
                    target,
                    to,
                    stage,
                    referrer: None,
                    by_keypad: false,
                    grace: None,
                });
            } else {
                desk.out.event(Event::TransferEnded { call: self.id, outcome: Outcome::Completed });
            }
        }
        desk.out.status = Some(487);
        self.part(desk, initiator, Exit::told(Left::Completed));
    }

    /// The participant of an agent.
    fn named(&self, agent: &AgentName) -> Option<ParticipantId> {
        self.people.iter().find(|(_, person)| person.agent.as_ref() == Some(agent)).map(|(who, _)| *who)
    }

    /// One mover finds their place here: as themselves if they are in this call already.
    fn admit(&mut self, desk: &mut Desk<'_>, from: CallId, mut mover: Mover) -> ParticipantId {
        if mover.person.role == Role::Customer {
            mover.person.role = Role::Outside;
        }
        self.take_in(desk, from, mover)
    }

    /// One mover finds their place here, in the role they had.
    pub(super) fn take_in(&mut self, desk: &mut Desk<'_>, from: CallId, mover: Mover) -> ParticipantId {
        let Mover { mut person, legs, waited } = mover;
        let agent = person.agent.clone();
        let who = match agent.as_ref().and_then(|agent| self.named(agent)) {
            Some(present) => present,
            None => {
                person.legs.clear();
                person.parting = None;
                person.supervises = None;
                if person.errand == Some(Errand::Callee) {
                    person.errand = Some(Errand::Target);
                }
                self.join(desk, person)
            }
        };
        if let Some(agent) = &agent {
            desk.books.move_agent(agent, from, self.id);
            desk.out.agents.insert(agent.clone());
        }
        for (id, mut leg) in legs {
            leg.person = who;
            self.add_leg_beside(desk, id, leg);
        }
        if let Some(wait) = waited {
            self.enter_queue(desk, who, &wait.queue, Some(wait.ticket));
        }
        who
    }
}
