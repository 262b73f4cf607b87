//! What reports about legs and the passing of time mean, worked out naively.

use std::collections::BTreeSet;
use std::time::Duration;

use conference::{Caller, Destination, Direction, Effect, Ending, LegId, Output, ParticipantId, Report, Role};

use super::{Call, Holder, Leg, Oracle, Rings};

impl Oracle {
    /// Something happened on a leg.
    pub fn reported(&mut self, report: &Report, outputs: &[Output]) -> Result<(), String> {
        let before = self.facing();
        match report {
            Report::Arrived { leg, caller, direction, to, .. } if !self.legs.contains_key(leg) => {
                self.service = matches!(to, Destination::Service(_));
                self.shut = matches!(to, Destination::Room(to) if self.shut_rooms.contains(to));
                let phone = match caller {
                    Caller::Agent { name, phone } => Some((name.clone(), phone.clone())),
                    Caller::Customer { .. } => None,
                };
                self.arriving = Some((*leg, phone, *direction));
                self.arrived(*leg, outputs);
            }
            Report::Early { leg, direction } => self.has_early_media(*leg, *direction),
            Report::Answered { leg, direction, phone } => self.answered(*leg, *direction, phone.clone()),
            Report::Failed { leg, .. } if self.legs.get(leg).is_some_and(|leg| leg.live) => {
                self.dies(*leg);
                self.not_found(*leg);
            }
            Report::Failed { leg, .. } => self.close(*leg),
            Report::Probed { leg, alive: true } if self.is_asked_for_another(*leg) => self.lives(*leg),
            Report::Probed { leg, alive: false } if self.is_asked_for_another(*leg) => self.dies(*leg),
            Report::Ended { leg, how } => self.ended(*leg, *how),
            Report::Offered { leg, direction } => self.offered(*leg, *direction),
            Report::Silent { leg } => {
                let open = self.mixer.calls.values().any(|(_, legs)| legs.get(leg).is_some_and(|mask| mask.open));
                let both = self.legs.get(leg).is_some_and(|known| known.direction == Direction::Both);
                if open && both {
                    self.dies(*leg);
                }
            }
            Report::Talks { leg, talks: true } => _ = self.talk.legs.insert(*leg),
            Report::Talks { leg, talks: false } => _ = self.talk.legs.remove(leg),
            Report::Arrived { .. } | Report::Ringing { .. } | Report::Probed { .. } => {}
            Report::Replaced { leg, old, caller, direction } => {
                self.replaced(*leg, *old, caller, *direction, outputs)?;
            }
            // A code is read as the command it stands for.
            Report::Digit { .. } | Report::Looked { .. } => {}
            Report::Registered { .. } | Report::Hours { .. } => {}
        }
        self.outputs(outputs, &before)?;
        self.arriving = None;
        self.service = false;
        self.shut = false;
        Ok(())
    }

    /// Time passed.
    pub fn expired(&mut self, outputs: &[Output]) -> Result<(), String> {
        let before = self.facing();
        let now = self.now;
        for call in self.calls.values_mut() {
            if call.stuck_since.is_some_and(|since| since + Duration::from_secs(60) <= now) {
                call.stuck_since = None;
                for person in call.people.values_mut().filter(|person| Call::serving(person)) {
                    person.held = None;
                }
            }
            if let Some(transfer) = call.transfer.as_mut() {
                transfer.grace = transfer.grace.filter(|(until, _)| *until > now);
            }
        }
        // A probe that found a phone dead closes its leg before it is hung up; the hang-up is in the outputs.
        self.outputs(outputs, &before)
    }

    pub(super) fn arrived(&mut self, leg: LegId, outputs: &[Output]) {
        let rejected = outputs
            .iter()
            .any(|output| matches!(output, Output::Effect(Effect::Reject { leg: other, .. }) if *other == leg));
        let Some((_, phone, direction)) = self.arriving.clone() else { return };
        if rejected && outputs.len() == 1 {
            return;
        }
        if phone.is_some() {
            for first in self.legs.values_mut() {
                if first.live && !first.closed && first.phone == phone && Self::lively(first) {
                    first.assumed = Some(leg);
                }
            }
        }
        self.note(
            leg,
            Leg {
                owner: None,
                live: false,
                early: false,
                closed: false,
                found_dead: false,
                direction,
                assumed: None,
                phone,
                faces_side: false,
                order: 0,
            },
        );
    }

    pub(super) fn note(&mut self, id: LegId, mut leg: Leg) {
        self.next_order += 1;
        leg.order = self.next_order;
        self.legs.insert(id, leg);
    }

    /// An outside number's sound comes before its answer; those who wait for it may hear it from now on.
    fn has_early_media(&mut self, id: LegId, direction: Direction) {
        let Some((call, who)) = self.ringing.get(&id).copied() else { return };
        let outside = self.outside.contains(&id) && self.legs.get(&id).is_some_and(|leg| !leg.closed);
        if !outside {
            return;
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.early = true;
            leg.direction = direction;
        }
        let Some(known) = self.calls.get(&call) else { return };
        let waiters = match known.people.get(&who).and_then(|person| person.rings) {
            Some(Rings::ForCaller) => None,
            Some(Rings::AsTarget) => known.transfer.as_ref().map(|transfer| transfer.by),
            Some(Rings::ForNobody) | None => return,
        };
        let ringing = &self.ringing;
        let unanswered = |id: &LegId, leg: &Leg| !leg.live && !leg.closed && !ringing.contains_key(id);
        for leg in self.legs.iter_mut().filter(|(id, leg)| unanswered(id, leg)).map(|(_, leg)| leg) {
            let theirs = match leg.owner {
                Some((here, person)) => here == call && waiters.is_none_or(|by| by == person),
                None => false,
            };
            leg.early |= theirs;
        }
    }

    pub(super) fn answered(&mut self, id: LegId, direction: Direction, phone: Option<conference::Phone>) {
        let Some((call, who)) = self.ringing.remove(&id) else { return };
        let offered = self.offered.remove(&id);
        let Some(person) = self.person_mut(call, who) else { return };
        person.rings = None;
        if offered.is_some() {
            person.agent = offered;
            person.waits = None;
        }
        let agent = person.agent.clone();
        let phone = agent.zip(phone);
        if let Some(transfer) = self.calls.get_mut(&call).and_then(|call| call.transfer.as_mut())
            && transfer.target == who
        {
            transfer.answered = true;
            transfer.referred = None;
        }
        let leg = self.legs.get_mut(&id);
        if let Some(leg) = leg {
            leg.live = true;
            leg.direction = direction;
            leg.phone = phone;
        }
    }

    /// Whoever speaks was not dead.
    pub(super) fn revive(&mut self, id: LegId) {
        if self.legs.get(&id).is_some_and(|leg| leg.closed && leg.live && leg.found_dead) {
            self.lives(id);
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.closed = false;
                leg.found_dead = false;
            }
        }
    }

    pub(super) fn offered(&mut self, id: LegId, direction: Direction) {
        self.revive(id);
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.closed) else { return };
        let was_away = leg.direction == Direction::Away || leg.assumed.is_some();
        leg.direction = direction;
        leg.assumed = None;
        let Some((call, who)) = leg.owner else { return };
        if !was_away || direction == Direction::Away {
            return;
        }
        let Some(known) = self.calls.get_mut(&call) else { return };
        let present: BTreeSet<ParticipantId> = known.people.keys().copied().collect();
        let Some(person) = known.people.get_mut(&who) else { return };
        let may = matches!(person.held, Some(Holder::Person(by)) if by == who || !present.contains(&by));
        if may && Call::serving(person) && person.role != Role::Outside {
            person.held = None;
        }
    }

    /// A leg is over; what was assumed because of it is over too.
    pub(super) fn close(&mut self, id: LegId) {
        self.ringing.remove(&id);
        self.offered.remove(&id);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.closed = true;
            leg.live = false;
        }
        for leg in self.legs.values_mut().filter(|leg| leg.assumed == Some(id)) {
            leg.assumed = None;
        }
    }

    /// Another leg of the same person goes on.
    pub(super) fn has_other(&self, id: LegId) -> bool {
        let owner = self.legs.get(&id).and_then(|leg| leg.owner);
        owner.is_some() && self.legs.iter().any(|(other, leg)| *other != id && leg.owner == owner && !leg.closed)
    }

    /// Another leg of the same person goes on where this one is.
    fn has_twin(&self, id: LegId) -> bool {
        let Some(mine) = self.legs.get(&id) else { return false };
        self.legs.iter().any(|(other, leg)| {
            *other != id && leg.owner == mine.owner && !leg.closed && leg.faces_side == mine.faces_side
        })
    }

    pub(super) fn ended(&mut self, id: LegId, how: Ending) {
        if self.legs.get(&id).is_some_and(|leg| leg.closed) {
            if how != Ending::Bye || !self.legs.get(&id).is_some_and(|leg| leg.found_dead && leg.live) {
                return;
            }
            self.revive(id);
        }
        let live = self.legs.get(&id).is_some_and(|leg| leg.live && !leg.closed);
        if how == Ending::Dead && live {
            self.dies(id);
            self.not_found(id);
            return;
        }
        let owner = self.legs.get(&id).and_then(|leg| leg.owner);
        let other = self.has_other(id);
        if let Some((call, who)) = owner.filter(|_| !self.has_twin(id)) {
            let faced = self.faces_target(call);
            let now = self.now;
            let private = self.calls.get(&call).is_some_and(Call::private);
            if let Some(transfer) = self.calls.get_mut(&call).and_then(|call| call.transfer.as_mut()) {
                let waits = live && other && how == Ending::Bye && private && transfer.by == who;
                if waits && transfer.referred.is_none() && transfer.grace.is_none() {
                    let faced = transfer.dying.unwrap_or(faced);
                    transfer.grace = Some((now + Duration::from_millis(500), faced));
                }
            }
        }
        self.close(id);
    }

    /// The other leg of a phone answered: what was found dead was one line only.
    pub(super) fn lives(&mut self, id: LegId) {
        let Some((call, who)) = self.legs.get(&id).and_then(|leg| leg.owner) else { return };
        if let Some(transfer) = self.calls.get_mut(&call).and_then(|call| call.transfer.as_mut())
            && transfer.by == who
        {
            transfer.dying = None;
        }
    }

    /// Another leg of the same person was found dead, and this one is asked whether it lives.
    pub(super) fn is_asked_for_another(&self, id: LegId) -> bool {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.live && !leg.closed) else { return false };
        let dead = |other: &Leg| other.owner == leg.owner && other.live && other.closed;
        leg.owner.is_some() && self.legs.values().any(dead)
    }

    /// A leg was found dead: closed, and its end judged once its phone's other leg has answered or not.
    pub(super) fn dies(&mut self, id: LegId) {
        let owner = self.legs.get(&id).and_then(|leg| leg.owner);
        if let Some((call, who)) = owner {
            let faced = self.faces_target(call);
            let other = self.legs_of(call, who).iter().any(|(leg, other)| *leg != id && other.live && !other.closed);
            if let Some(transfer) = self.calls.get_mut(&call).and_then(|call| call.transfer.as_mut())
                && transfer.by == who
                && other
            {
                transfer.dying.get_or_insert(faced);
            }
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.closed = true;
            leg.found_dead = true;
        }
    }

    /// The edge itself said that the leg is over.
    pub(super) fn not_found(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.found_dead = false;
        }
    }
}
