//! What people could see in the outputs: who joined and left, when transfers began and ended, whose a leg is.

use std::collections::BTreeMap;

use conference::{
    CallId, ChangeSet, Destination, Direction, Effect, Event, LegId, Outcome, Output, ParticipantId, Phase, Role,
};

use super::{Call, Holder, Leg, Oracle, Person, Rings, Transfer};

/// Who rings while two calls become one, until it is told under what number.
const CALLED: ParticipantId = ParticipantId(1_000_000);

impl Oracle {
    /// Which initiators face their target now.
    pub(super) fn facing(&self) -> BTreeMap<CallId, bool> {
        self.calls.keys().map(|call| (*call, self.faces_target(*call))).collect()
    }

    pub(super) fn outputs(&mut self, outputs: &[Output], before: &BTreeMap<CallId, bool>) -> Result<(), String> {
        self.believe_probes(outputs);
        for change in changes(outputs) {
            {
                let mut moved: Vec<(u64, LegId, ParticipantId)> = Vec::new();
                for mask in &change.legs {
                    let known = self.legs.get(&mask.leg);
                    if known.is_none_or(|leg| leg.owner != Some((change.call, mask.person))) {
                        moved.push((known.map_or(0, |leg| leg.order), mask.leg, mask.person));
                    }
                }
                moved.sort_unstable();
                for (_, leg, person) in moved {
                    self.owns(leg, change.call, person);
                }
            }
        }
        self.mixer.apply(outputs)?;
        let here = |leg: &LegId| self.mixer.calls.values().any(|(_, legs)| legs.contains_key(leg));
        let gone: Vec<LegId> =
            changes(outputs).flat_map(|change| &change.gone).copied().filter(|leg| !here(leg)).collect();
        // one with early media may lose its mask and ring on
        let rings = |leg: &LegId| self.legs.get(leg).is_some_and(|leg| leg.early && !leg.live);
        for leg in gone.into_iter().filter(|leg| !rings(leg)).collect::<Vec<_>>() {
            self.close(leg);
        }
        for output in outputs {
            match output {
                Output::Effect(effect) => self.effect(effect),
                Output::Event(event) => self.event(event, before)?,
            }
        }
        self.count_stuck();
        Ok(())
    }

    /// Probes are counted by the core alone: a leg that it shuts because of them is shut here too. (Only ever less is
    /// heard by believing this.)
    pub(super) fn believe_probes(&mut self, outputs: &[Output]) {
        let shut = changes(outputs).flat_map(|change| &change.legs);
        let shut: Vec<LegId> =
            shut.filter(|mask| !mask.open && mask.ears == conference::Ears::Nothing).map(|mask| mask.leg).collect();
        for leg in shut {
            if self.legs.get(&leg).is_some_and(Self::lively)
                && self.mixer.calls.values().any(|(_, l)| l.contains_key(&leg))
            {
                self.dies(leg);
            }
        }
    }

    /// Whose a leg is becomes known, or changes when two calls become one.
    pub(super) fn owns(&mut self, id: LegId, call: CallId, who: ParticipantId) {
        self.next_order += 1;
        let order = self.next_order;
        // Another phone of somebody in the middle of a consult goes where they are heard.
        let consults = self
            .calls
            .get(&call)
            .is_some_and(|known| known.private() && known.transfer.as_ref().is_some_and(|transfer| transfer.by == who));
        let phone = self.legs.get(&id).and_then(|leg| leg.phone.clone());
        let beside = consults
            && self
                .legs_of(call, who)
                .iter()
                .any(|(other, leg)| *other != id && leg.faces_side && Self::lively(leg) && leg.phone != phone);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let old = leg.owner.replace((call, who));
        if old.is_some() {
            leg.order = order;
        }
        leg.faces_side = beside;
        let muted = old.and_then(|(call, who)| self.calls.get(&call)?.people.get(&who)).is_some_and(|p| p.muted);
        let known = self.calls.entry(call).or_default();
        if let std::collections::btree_map::Entry::Vacant(place) = known.people.entry(who) {
            // Filled in by the event that follows.
            let (role, agent) = (Role::Customer, None);
            place.insert(Person { role, agent, held: None, muted, mode: None, told: None, rings: None, waits: None });
        }
    }

    pub(super) fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Answer { leg } => {
                if let Some(leg) = self.legs.get_mut(leg) {
                    leg.live = true;
                }
            }
            Effect::Hangup { leg, .. } | Effect::Reject { leg, .. } => self.close(*leg),
            Effect::Ring { call, leg, to, .. } => {
                if matches!(to, Destination::Outside { .. }) {
                    self.outside.insert(*leg);
                }
                let newest = self.calls.get(call).and_then(|call| call.people.keys().next_back().copied());
                let offer = self.offer.take().filter(|offer| offer.0 == *call);
                let offered = offer.is_some();
                let whose = offer.map(|(_, who, agent)| {
                    self.offered.insert(*leg, agent);
                    who
                });
                let Some(who) = whose.or(newest) else { return };
                self.ringing.insert(*leg, (*call, who));
                let new = Leg {
                    owner: Some((*call, who)),
                    live: false,
                    early: false,
                    closed: false,
                    found_dead: false,
                    direction: Direction::Both,
                    assumed: None,
                    phone: None,
                    faces_side: false,
                    order: 0,
                };
                self.note(*leg, new);
                let lurks = self.supervising.is_some() || self.dialling;
                if let Some(person) = self.person_mut(*call, who).filter(|_| !offered) {
                    person.rings = Some(if lurks { Rings::ForNobody } else { Rings::ForCaller });
                }
            }
            _ => {}
        }
    }

    pub(super) fn event(&mut self, event: &Event, before: &BTreeMap<CallId, bool>) -> Result<(), String> {
        match event {
            Event::CallStarted { call, room, .. } => {
                let new = self.calls.entry(*call).or_default();
                new.room.clone_from(room);
                new.service = self.service;
                new.door = self.shut && room.is_none();
            }
            Event::CallEnded { call } => {
                let ended = self.calls.remove(call).ok_or("a call ended twice")?;
                if ended.transfer.is_some() {
                    return Err(format!("outcome: {call} ended with a transfer open"));
                }
                self.legs.retain(|_, leg| leg.owner.is_none_or(|owner| owner.0 != *call));
                self.legs.retain(|_, leg| !leg.closed || leg.live);
            }
            Event::CallsJoined { call, joined } => self.calls_joined(*call, *joined),
            Event::ParticipantJoined { call, who, role, agent, .. } => self.joined(*call, *who, *role, agent.clone()),
            Event::ParticipantLeft { call, who, .. } => self.left(*call, *who, before),
            Event::StatusChanged { call, who, status } => {
                if let Some(person) = self.person_mut(*call, *who) {
                    person.told = Some(*status);
                }
            }
            Event::TransferStarted { call, by, target, .. } => self.started(*call, *by, *target)?,
            Event::TransferChanged { call, phase, faces_target } => {
                let Some(transfer) = self.calls.get_mut(call).and_then(|call| call.transfer.as_mut()) else {
                    return Err("outcome: a transfer changed that is over".to_owned());
                };
                transfer.told_faces = Some(*faces_target);
                if *phase == Phase::Merged && !transfer.merged {
                    transfer.merged = true;
                    transfer.grace = None;
                    let by = transfer.by;
                    self.face_main(*call, by);
                }
            }
            Event::TransferEnded { call, outcome } => self.transfer_ended(*call, *outcome)?,
            Event::TalkChanged { call, who, talks, to, operator } => {
                self.talk.told((*call, *who), *talks, to, *operator)?;
            }
            Event::FellBack { call, .. } => self.name_if(*call, true),
            Event::Reserved { call, who, agent, .. } => self.offer = Some((*call, *who, agent.clone())),
            Event::QueueEntered { call, who, queue, .. } => {
                if let Some(person) = self.person_mut(*call, *who) {
                    person.waits = Some(queue.clone());
                    person.rings = Some(Rings::ForCaller);
                }
            }
            Event::QueueLeft { call, who, .. } => {
                if let Some(person) = self.person_mut(*call, *who) {
                    person.waits = None;
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn joined(
        &mut self,
        call: CallId,
        who: ParticipantId,
        role: Role,
        agent: Option<conference::AgentName>,
    ) {
        let mode = self.supervising.filter(|_| role == Role::Supervisor);
        let mine = self.arriving.as_ref().map(|(leg, phone, _)| (*leg, phone.as_ref().map(|(agent, _)| agent.clone())));
        let known = self.calls.entry(call).or_default();
        let muted = known.people.get(&who).is_some_and(|person| person.muted);
        let mode = mode.map(|mode| (ParticipantId(0), mode));
        known.people.insert(
            who,
            Person { role, agent: agent.clone(), held: None, muted, mode, told: None, rings: None, waits: None },
        );
        // The first who joins while an INVITE arrives is whoever sent it.
        if let Some((leg, caller)) = mine
            && let Some(leg) = self.legs.get_mut(&leg).filter(|leg| leg.owner.is_none() && caller == agent)
        {
            leg.owner = Some((call, who));
        }
    }

    pub(super) fn calls_joined(&mut self, call: CallId, joined: CallId) {
        if self.calls.get(&joined).is_some_and(|call| call.door) {
            // Somebody came in; nobody asked anybody there for anything.
            return;
        }
        let service = self.calls.get(&joined).is_some_and(|call| call.service);
        if let Some(known) = self.calls.get_mut(&call) {
            known.service |= service;
            known.named = true;
        }
        let awaited = self.calls.get(&joined).into_iter().flat_map(|call| call.people.values());
        self.called_muted = awaited
            .filter(|person| person.waits.is_some() || person.agent.is_none())
            .any(|person| person.role == Role::Agent && person.muted);
        // Legs that still ring move too; whose they are then is told by nobody: the newest outside party or agent.
        let moving = self.ringing.iter().filter(|(_, at)| at.0 == joined).map(|(leg, at)| (*leg, at.1));
        for (leg, who) in moving.collect::<Vec<_>>() {
            self.called_muted = self.person_mut(joined, who).is_some_and(|person| person.muted);
            self.ringing.insert(leg, (call, CALLED));
        }
        self.unhold_all(call);
    }

    pub(super) fn left(&mut self, call: CallId, who: ParticipantId, before: &BTreeMap<CallId, bool>) {
        let faced_before = before.get(&call).copied().unwrap_or(false);
        let Some(known) = self.calls.get_mut(&call) else { return };
        known.people.remove(&who);
        let initiates = known.transfer.as_ref().is_some_and(|transfer| transfer.by == who);
        let kept = known.transfer.as_ref().filter(|_| initiates).map(|transfer| transfer.target);
        for (other, person) in &mut known.people {
            if person.held == Some(Holder::Person(who)) && Some(*other) != kept {
                person.held = None;
            }
        }
        let Some(transfer) = known.transfer.as_mut() else { return };
        if !initiates {
            transfer.grace = None;
            return;
        }
        let faced = transfer.grace.map(|(_, faced)| faced).or(transfer.dying).unwrap_or(faced_before);
        let (target, answered, merged) = (transfer.target, transfer.answered, transfer.merged);
        transfer.grace = None;
        if !answered {
            transfer.cold = true;
            transfer.told_faces = None;
        } else if !merged
            && !faced
            && let Some(person) = known.people.get_mut(&target)
        {
            person.held.get_or_insert(Holder::Person(who));
        }
    }

    pub(super) fn started(&mut self, call: CallId, by: ParticipantId, target: ParticipantId) -> Result<(), String> {
        self.transfers_begun += 1;
        let second = self.arriving.as_ref().map(|(leg, _, _)| *leg);
        if let Some(leg) = second.and_then(|leg| self.legs.get_mut(&leg)) {
            leg.owner = Some((call, by));
        }
        let mine = self.legs_of(call, by);
        let last = mine.iter().filter(|(_, leg)| !leg.closed).map(|(leg, _)| *leg).next_back();
        // Every line by which he could be heard turns away from the customer; a phone that dials keeps its first there.
        let mut turning: Vec<LegId> = mine.iter().filter(|(_, leg)| Self::lively(leg)).map(|(leg, _)| *leg).collect();
        if let Some(second) = second {
            turning = vec![second];
        } else if turning.is_empty() {
            turning.extend(last);
        }
        self.face_main(call, by);
        for leg in turning {
            if let Some(leg) = self.legs.get_mut(&leg) {
                leg.faces_side = true;
            }
        }
        let rings = self.ringing.values().any(|at| *at == (call, target));
        let moved: Vec<LegId> =
            self.ringing.iter().filter(|(_, at)| **at == (call, CALLED)).map(|(leg, _)| *leg).collect();
        for leg in &moved {
            self.ringing.insert(*leg, (call, target));
            if let Some(leg) = self.legs.get_mut(leg) {
                leg.owner = Some((call, target));
            }
        }
        let known = self.calls.get_mut(&call).ok_or("a transfer in no call")?;
        if known.transfer.is_some() {
            return Err(format!("outcome: {call} has two transfers at once"));
        }
        let waits = known.people.get(&target).is_some_and(|person| person.waits.is_some());
        let answered = !rings && moved.is_empty() && !waits;
        if let Some(person) = known.people.get_mut(&target).filter(|_| !answered) {
            person.rings = Some(Rings::AsTarget);
            person.muted |= (!moved.is_empty() || waits) && self.called_muted;
        }
        self.called_muted = false;
        known.transfer = Some(Transfer {
            by,
            target,
            merged: false,
            cold: false,
            answered,
            referred: None,
            grace: None,
            dying: None,
            told_faces: None,
        });
        Ok(())
    }

    pub(super) fn face_main(&mut self, call: CallId, by: ParticipantId) {
        for leg in self.legs.values_mut().filter(|leg| leg.owner == Some((call, by))) {
            leg.faces_side = false;
        }
    }

    pub(super) fn transfer_ended(&mut self, call: CallId, outcome: Outcome) -> Result<(), String> {
        self.transfers_ended += 1;
        let known = self.calls.get_mut(&call).ok_or("outcome: a transfer ended in no call")?;
        let transfer = known.transfer.take().ok_or("outcome: a transfer ended twice")?;
        let gone = match outcome {
            Outcome::Completed | Outcome::Joined | Outcome::CallEnded => return Ok(()),
            Outcome::CustomerGone => {
                self.unhold_all(call);
                self.face_main(call, transfer.by);
                if let Some(person) = self.person_mut(call, transfer.target).filter(|person| person.rings.is_some()) {
                    person.rings = Some(Rings::ForCaller);
                }
                return Ok(());
            }
            _ => transfer.by,
        };
        if !transfer.merged && !transfer.cold {
            for person in known.people.values_mut().filter(|person| person.held == Some(Holder::Person(gone))) {
                person.held = None;
            }
        }
        self.face_main(call, transfer.by);
        Ok(())
    }

    /// Since when somebody is held and nobody at all is open.
    pub(super) fn count_stuck(&mut self) {
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            let Some(call) = self.calls.get(&id) else { continue };
            let held = call.people.values().any(|person| Call::serving(person) && person.held.is_some());
            let open = self
                .mixer
                .calls
                .get(&id)
                .is_some_and(|(_, legs)| legs.values().any(|mask| mask.open && mask.supervises.is_none()));
            let now = self.now;
            if let Some(call) = self.calls.get_mut(&id) {
                call.stuck_since = if held && !open { call.stuck_since.or(Some(now)) } else { None };
            }
        }
    }
}

fn changes(outputs: &[Output]) -> impl Iterator<Item = &ChangeSet> {
    outputs.iter().filter_map(|output| match output {
        Output::Effect(Effect::SetAudibility(change)) => Some(change),
        _ => None,
    })
}
