//! What accepted commands mean, worked out naively.

use conference::{Asker, CallId, Command, Destination, LegId, Output, ParticipantId, SuperviseMode};

use super::{Call, Holder, Oracle, Person};

impl Oracle {
    /// A command was accepted.
    pub fn commanded(&mut self, command: &Command, outputs: &[Output]) -> Result<(), String> {
        let before = self.facing();
        self.dialling = matches!(command, Command::Dial { .. });
        self.service = matches!(command, Command::Dial { to: Destination::Service(_), .. });
        self.shut = matches!(command, Command::Dial { to: Destination::Room(to), .. } if self.shut_rooms.contains(to));
        if let Command::Supervise { mode, .. } = command {
            self.supervising = Some(*mode);
        }
        // What a turn or an un-hold means depends on how things stood before.
        match command {
            Command::Configure(settings) => {
                self.supervise_consults = settings.transfer.supervise_consults;
                let waiting = settings.rooms.iter().filter(|(_, room)| room.wait_for_agent);
                let shut = settings.rooms.iter().filter(|(_, room)| !room.pin.is_empty());
                self.shut_rooms = shut.map(|(name, _)| name.clone()).collect();
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
            Command::SetState { .. } | Command::Accept { .. } | Command::Reject { .. } => {}
            Command::Lock { .. } | Command::Press { .. } | Command::Play { .. } | Command::SetVolume { .. } => {}
            Command::Dial { .. } | Command::Shutdown => {}
        }
        self.outputs(outputs, &before)?;
        if let Command::Start { call, by: Asker::Leg(leg), .. } = command
            && let Some(transfer) = self.calls.get_mut(call).and_then(|call| call.transfer.as_mut())
        {
            transfer.referred = Some(*leg);
        }
        if let Command::Supervise { call, by, agent, mode } = command {
            self.supervise(*call, &by.0, &agent.0, *mode);
        }
        self.dialling = false;
        self.service = false;
        self.shut = false;
        self.supervising = None;
        Ok(())
    }

    pub(super) fn person_mut(&mut self, call: CallId, who: ParticipantId) -> Option<&mut Person> {
        self.calls.get_mut(&call)?.people.get_mut(&who)
    }

    pub(super) fn name_if(&mut self, call: CallId, named: bool) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.named |= named;
        }
    }

    pub(super) fn asker(&self, call: CallId, by: &Asker) -> Option<ParticipantId> {
        match by {
            Asker::Operator => None,
            Asker::Leg(leg) | Asker::Keypad(leg) => self.legs.get(leg)?.owner.map(|owner| owner.1),
            Asker::Agent(name) => {
                let people = &self.calls.get(&call)?.people;
                people.iter().find(|(_, person)| person.agent.as_ref() == Some(name)).map(|(who, _)| *who)
            }
        }
    }

    pub(super) fn hold(&mut self, call: CallId, by: &Asker, who: ParticipantId) {
        let holder = self.asker(call, by).map_or(Holder::Operator, Holder::Person);
        if let Some(person) = self.person_mut(call, who) {
            person.held.get_or_insert(holder);
        }
    }

    pub(super) fn unhold_all(&mut self, call: CallId) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.people.values_mut().for_each(|person| person.held = None);
        }
    }

    pub(super) fn unhold(&mut self, call: CallId, by: &Asker, who: ParticipantId) {
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

    pub(super) fn turn(&mut self, call: CallId, by: ParticipantId) {
        for leg in self.legs.values_mut().filter(|leg| leg.owner == Some((call, by))) {
            leg.faces_side = !leg.faces_side;
        }
    }

    pub(super) fn swap(&mut self, call: CallId) {
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

    pub(super) fn complete(&mut self, call: CallId) {
        let cold = self.calls.get(&call).and_then(|call| call.transfer.as_ref()).is_some_and(|t| t.cold);
        if !cold {
            self.unhold_all(call);
        }
    }

    pub(super) fn join(&mut self, by: LegId, named: LegId) {
        for leg in [by, named] {
            if let Some((call, _)) = self.legs.get(&leg).and_then(|leg| leg.owner) {
                self.complete(call);
                self.name_if(call, true);
            }
        }
    }

    pub(super) fn supervise(&mut self, call: CallId, by: &str, agent: &str, mode: SuperviseMode) {
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
}
