//! Reads inputs and outputs one after the other and keeps what follows from them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use conference::{
    Asker, CallId, Caller, ChangeSet, Command, Destination, Direction, Effect, Ending, Event, LegId, Outcome, Output,
    ParticipantId, Phase, Report, Role, SuperviseMode,
};

use super::{Call, Holder, Leg, Oracle, Person, Rings, Transfer};

/// Who rings while two calls become one, until it is told under what number.
const CALLED: ParticipantId = ParticipantId(1_000_000);

impl Oracle {
    /// A command was accepted.
    pub fn commanded(&mut self, command: &Command, outputs: &[Output]) -> Result<(), String> {
        let before = self.facing();
        self.dialling = matches!(command, Command::Dial { .. });
        self.service = matches!(command, Command::Dial { to: Destination::Service(_), .. });
        if let Command::Supervise { mode, .. } = command {
            self.supervising = Some(*mode);
        }
        // What a turn or an un-hold means depends on how things stood before.
        match command {
            Command::Configure(settings) => {
                self.supervise_consults = settings.transfer.supervise_consults;
                let waiting = settings.rooms.iter().filter(|(_, room)| room.wait_for_agent);
                self.waiting_rooms = waiting.map(|(name, _)| name.clone()).collect();
            }
            Command::Start { call, target, .. } => {
                self.name_if(*call, matches!(target, Destination::Outside { .. }));
            }
            Command::Swap { call, .. } => self.swap(*call),
            Command::Merge { call, .. } => self.unhold_all(*call),
            Command::Complete { call, .. } => self.complete(*call),
            Command::Hold { call, by, who } => self.hold(*call, by, *who),
            Command::Unhold { call, by, who } => self.unhold(*call, by, *who),
            Command::Mute { call, who, muted, .. } => {
                if let Some(person) = self.person_mut(*call, *who) {
                    person.muted = *muted;
                }
            }
            Command::Supervise { call, by, agent, mode } => self.supervise(*call, &by.0, &agent.0, *mode),
            Command::Join { by, named } => self.join(*by, *named),
            Command::Cancel { .. } | Command::Remove { .. } | Command::End { .. } => {}
            Command::Dial { .. } | Command::Shutdown => {}
        }
        self.outputs(outputs, &before)?;
        if let Command::Start { call, by: Asker::Leg(_), .. } = command
            && let Some(transfer) = self.calls.get_mut(call).and_then(|call| call.transfer.as_mut())
        {
            transfer.referred = true;
        }
        if let Command::Supervise { call, by, agent, mode } = command {
            self.supervise(*call, &by.0, &agent.0, *mode);
        }
        self.dialling = false;
        self.service = false;
        self.supervising = None;
        Ok(())
    }

    /// Something happened on a leg.
    pub fn reported(&mut self, report: &Report, outputs: &[Output]) -> Result<(), String> {
        let before = self.facing();
        match report {
            Report::Arrived { leg, caller, direction, to, .. } if !self.legs.contains_key(leg) => {
                self.service = matches!(to, Destination::Service(_));
                let phone = match caller {
                    Caller::Agent { name, phone } => Some((name.clone(), phone.clone())),
                    Caller::Customer { .. } => None,
                };
                self.arriving = Some((*leg, phone, *direction));
                self.arrived(*leg, outputs);
            }
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
            Report::Arrived { .. } | Report::Ringing { .. } | Report::Probed { .. } => {}
        }
        self.outputs(outputs, &before)?;
        self.arriving = None;
        self.service = false;
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

    /// Which initiators face their target now.
    fn facing(&self) -> BTreeMap<CallId, bool> {
        self.calls.keys().map(|call| (*call, self.faces_target(*call))).collect()
    }

    fn person_mut(&mut self, call: CallId, who: ParticipantId) -> Option<&mut Person> {
        self.calls.get_mut(&call)?.people.get_mut(&who)
    }

    fn name_if(&mut self, call: CallId, named: bool) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.named |= named;
        }
    }

    fn asker(&self, call: CallId, by: &Asker) -> Option<ParticipantId> {
        match by {
            Asker::Operator => None,
            Asker::Leg(leg) => self.legs.get(leg)?.owner.map(|owner| owner.1),
            Asker::Agent(name) => {
                let people = &self.calls.get(&call)?.people;
                people.iter().find(|(_, person)| person.agent.as_ref() == Some(name)).map(|(who, _)| *who)
            }
        }
    }

    fn hold(&mut self, call: CallId, by: &Asker, who: ParticipantId) {
        let holder = self.asker(call, by).map_or(Holder::Operator, Holder::Person);
        if let Some(person) = self.person_mut(call, who) {
            person.held = Some(holder);
        }
    }

    fn unhold_all(&mut self, call: CallId) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.people.values_mut().for_each(|person| person.held = None);
        }
    }

    fn unhold(&mut self, call: CallId, by: &Asker, who: ParticipantId) {
        let asker = self.asker(call, by);
        if let Some(person) = self.person_mut(call, who) {
            person.held = None;
        }
        let Some(known) = self.calls.get(&call).filter(|known| known.private()) else { return };
        let Some(transfer) = known.transfer.clone() else { return };
        if asker != Some(transfer.by) || who == transfer.by || self.bridged(call, transfer.by) {
            return;
        }
        let open = self.legs_of(call, transfer.by).into_iter().find(|(leg, _)| self.ready(*leg));
        let Some(facing) = open.map(|(_, leg)| leg.faces_side) else { return };
        if facing == (who == transfer.target) {
            return;
        }
        // Somebody he talks to now who is not held: then everybody meets, which the events say; else he turns.
        let company = known.people.iter().any(|(other, person)| {
            *other != transfer.by
                && (*other == transfer.target) == facing
                && !Call::lurking(person)
                && person.held.is_none()
                && self.legs_of(call, *other).iter().any(|(_, leg)| leg.live)
        });
        if company { self.unhold_all(call) } else { self.turn(call, transfer.by) }
    }

    fn turn(&mut self, call: CallId, by: ParticipantId) {
        for leg in self.legs.values_mut().filter(|leg| leg.owner == Some((call, by))) {
            leg.faces_side = !leg.faces_side;
        }
    }

    fn swap(&mut self, call: CallId) {
        let Some(transfer) = self.calls.get(&call).and_then(|call| call.transfer.clone()) else { return };
        self.turn(call, transfer.by);
        let open = self.legs_of(call, transfer.by).into_iter().find(|(leg, _)| self.ready(*leg));
        let Some(facing) = open.map(|(_, leg)| leg.faces_side) else { return };
        let Some(known) = self.calls.get_mut(&call) else { return };
        for (who, person) in &mut known.people {
            if *who != transfer.by && (*who == transfer.target) == facing {
                person.held = None;
            }
        }
    }

    fn complete(&mut self, call: CallId) {
        let cold = self.calls.get(&call).and_then(|call| call.transfer.as_ref()).is_some_and(|t| t.cold);
        if !cold {
            self.unhold_all(call);
        }
    }

    fn join(&mut self, by: LegId, named: LegId) {
        for leg in [by, named] {
            if let Some((call, _)) = self.legs.get(&leg).and_then(|leg| leg.owner) {
                self.complete(call);
                self.name_if(call, true);
            }
        }
    }

    fn supervise(&mut self, call: CallId, by: &str, agent: &str, mode: SuperviseMode) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        let find = |name: &str| {
            let mut people = known.people.iter();
            people.find(|(_, p)| p.agent.as_ref().is_some_and(|agent| agent.0 == name)).map(|(who, _)| *who)
        };
        let (supervisor, supervised) = (find(by), find(agent));
        if let (Some(supervisor), Some(supervised)) = (supervisor, supervised)
            && let Some(person) = known.people.get_mut(&supervisor)
        {
            person.mode = Some((supervised, mode));
        }
    }

    fn arrived(&mut self, leg: LegId, outputs: &[Output]) {
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

    fn note(&mut self, id: LegId, mut leg: Leg) {
        self.next_order += 1;
        leg.order = self.next_order;
        self.legs.insert(id, leg);
    }

    fn answered(&mut self, id: LegId, direction: Direction, phone: Option<conference::Phone>) {
        let Some((call, who)) = self.ringing.remove(&id) else { return };
        let Some(person) = self.person_mut(call, who) else { return };
        person.rings = None;
        let agent = person.agent.clone();
        let phone = agent.zip(phone);
        if let Some(transfer) = self.calls.get_mut(&call).and_then(|call| call.transfer.as_mut())
            && transfer.target == who
        {
            transfer.answered = true;
            transfer.referred = false;
        }
        let leg = self.legs.get_mut(&id);
        if let Some(leg) = leg {
            leg.live = true;
            leg.direction = direction;
            leg.phone = phone;
        }
    }

    /// Whoever speaks was not dead.
    fn revive(&mut self, id: LegId) {
        if self.legs.get(&id).is_some_and(|leg| leg.closed && leg.live && leg.found_dead) {
            self.lives(id);
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.closed = false;
                leg.found_dead = false;
            }
        }
    }

    fn offered(&mut self, id: LegId, direction: Direction) {
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
    fn close(&mut self, id: LegId) {
        self.ringing.remove(&id);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.closed = true;
            leg.live = false;
        }
        for leg in self.legs.values_mut().filter(|leg| leg.assumed == Some(id)) {
            leg.assumed = None;
        }
    }

    /// Another leg of the same person goes on.
    fn has_other(&self, id: LegId) -> bool {
        let owner = self.legs.get(&id).and_then(|leg| leg.owner);
        owner.is_some() && self.legs.iter().any(|(other, leg)| *other != id && leg.owner == owner && !leg.closed)
    }

    fn ended(&mut self, id: LegId, how: Ending) {
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
        if let Some((call, who)) = owner {
            let faced = self.faces_target(call);
            let now = self.now;
            let private = self.calls.get(&call).is_some_and(Call::private);
            if let Some(transfer) = self.calls.get_mut(&call).and_then(|call| call.transfer.as_mut()) {
                let waits = live && other && how == Ending::Bye && private && transfer.by == who;
                if waits && !transfer.referred && transfer.grace.is_none() {
                    let faced = transfer.dying.unwrap_or(faced);
                    transfer.grace = Some((now + Duration::from_millis(500), faced));
                }
            }
        }
        self.close(id);
    }

    /// The other leg of a phone answered: what was found dead was one line only.
    fn lives(&mut self, id: LegId) {
        let Some((call, who)) = self.legs.get(&id).and_then(|leg| leg.owner) else { return };
        if let Some(transfer) = self.calls.get_mut(&call).and_then(|call| call.transfer.as_mut())
            && transfer.by == who
        {
            transfer.dying = None;
        }
    }

    /// Another leg of the same person was found dead, and this one is asked whether it lives.
    fn is_asked_for_another(&self, id: LegId) -> bool {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.live && !leg.closed) else { return false };
        let dead = |other: &Leg| other.owner == leg.owner && other.live && other.closed;
        leg.owner.is_some() && self.legs.values().any(dead)
    }

    /// A leg was found dead: closed, and its end judged once its phone's other leg has answered or not.
    fn dies(&mut self, id: LegId) {
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
    fn not_found(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.found_dead = false;
        }
    }

    fn outputs(&mut self, outputs: &[Output], before: &BTreeMap<CallId, bool>) -> Result<(), String> {
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
        for leg in gone {
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
    fn believe_probes(&mut self, outputs: &[Output]) {
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
    fn owns(&mut self, id: LegId, call: CallId, who: ParticipantId) {
        self.next_order += 1;
        let order = self.next_order;
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let old = leg.owner.replace((call, who));
        if old.is_some() {
            leg.order = order;
            leg.faces_side = false;
        }
        let muted = old.and_then(|(call, who)| self.calls.get(&call)?.people.get(&who)).is_some_and(|p| p.muted);
        let known = self.calls.entry(call).or_default();
        if let std::collections::btree_map::Entry::Vacant(place) = known.people.entry(who) {
            // Filled in by the event that follows.
            let (role, agent) = (Role::Customer, None);
            place.insert(Person { role, agent, held: None, muted, mode: None, told: None, rings: None });
        }
    }

    fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Answer { leg } => {
                if let Some(leg) = self.legs.get_mut(leg) {
                    leg.live = true;
                }
            }
            Effect::Hangup { leg, .. } | Effect::Reject { leg, .. } => self.close(*leg),
            Effect::Ring { call, leg, .. } => {
                let newest = self.calls.get(call).and_then(|call| call.people.keys().next_back().copied());
                let Some(who) = newest else { return };
                self.ringing.insert(*leg, (*call, who));
                let new = Leg {
                    owner: Some((*call, who)),
                    live: false,
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
                if let Some(person) = self.person_mut(*call, who) {
                    person.rings = Some(if lurks { Rings::ForNobody } else { Rings::ForCaller });
                }
            }
            _ => {}
        }
    }

    fn event(&mut self, event: &Event, before: &BTreeMap<CallId, bool>) -> Result<(), String> {
        match event {
            Event::CallStarted { call, room } => {
                let new = self.calls.entry(*call).or_default();
                new.room.clone_from(room);
                new.service = self.service;
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
            Event::TransferStarted { call, by, target } => self.started(*call, *by, *target)?,
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
            Event::FellBack { call, .. } => self.name_if(*call, true),
            _ => {}
        }
        Ok(())
    }

    fn joined(&mut self, call: CallId, who: ParticipantId, role: Role, agent: Option<conference::AgentName>) {
        let mode = self.supervising.filter(|_| role == Role::Supervisor);
        let mine = self.arriving.as_ref().map(|(leg, phone, _)| (*leg, phone.as_ref().map(|(agent, _)| agent.clone())));
        let known = self.calls.entry(call).or_default();
        let muted = known.people.get(&who).is_some_and(|person| person.muted);
        let mode = mode.map(|mode| (ParticipantId(0), mode));
        known
            .people
            .insert(who, Person { role, agent: agent.clone(), held: None, muted, mode, told: None, rings: None });
        // The first who joins while an INVITE arrives is whoever sent it.
        if let Some((leg, caller)) = mine
            && let Some(leg) = self.legs.get_mut(&leg).filter(|leg| leg.owner.is_none() && caller == agent)
        {
            leg.owner = Some((call, who));
        }
    }

    fn calls_joined(&mut self, call: CallId, joined: CallId) {
        let service = self.calls.get(&joined).is_some_and(|call| call.service);
        if let Some(known) = self.calls.get_mut(&call) {
            known.service |= service;
            known.named = true;
        }
        // Legs that still ring move too; whose they are then is told by nobody: the newest outside party or agent.
        let moving = self.ringing.iter().filter(|(_, at)| at.0 == joined).map(|(leg, at)| (*leg, at.1));
        for (leg, who) in moving.collect::<Vec<_>>() {
            self.called_muted = self.person_mut(joined, who).is_some_and(|person| person.muted);
            self.ringing.insert(leg, (call, CALLED));
        }
        self.unhold_all(call);
    }

    fn left(&mut self, call: CallId, who: ParticipantId, before: &BTreeMap<CallId, bool>) {
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

    fn started(&mut self, call: CallId, by: ParticipantId, target: ParticipantId) -> Result<(), String> {
        self.transfers_begun += 1;
        let second = self.arriving.as_ref().map(|(leg, _, _)| *leg);
        if let Some(leg) = second.and_then(|leg| self.legs.get_mut(&leg)) {
            leg.owner = Some((call, by));
        }
        let open = self.legs_of(call, by).into_iter().find(|(leg, _)| self.ready(*leg)).map(|(leg, _)| leg);
        let last = self.legs_of(call, by).into_iter().filter(|(_, leg)| !leg.closed).map(|(leg, _)| leg).next_back();
        self.face_main(call, by);
        if let Some(leg) = second.or(open).or(last).and_then(|leg| self.legs.get_mut(&leg)) {
            leg.faces_side = true;
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
        let answered = !rings && moved.is_empty();
        if let Some(person) = known.people.get_mut(&target).filter(|_| !answered) {
            person.rings = Some(Rings::AsTarget);
            person.muted |= !moved.is_empty() && self.called_muted;
        }
        known.transfer = Some(Transfer {
            by,
            target,
            merged: false,
            cold: false,
            answered,
            referred: false,
            grace: None,
            dying: None,
            told_faces: None,
        });
        Ok(())
    }

    fn face_main(&mut self, call: CallId, by: ParticipantId) {
        for leg in self.legs.values_mut().filter(|leg| leg.owner == Some((call, by))) {
            leg.faces_side = false;
        }
    }

    fn transfer_ended(&mut self, call: CallId, outcome: Outcome) -> Result<(), String> {
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
    fn count_stuck(&mut self) {
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
