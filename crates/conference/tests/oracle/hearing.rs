//! Who should hear whom, asked pair by pair, and what is found to be different.

use conference::{CallId, Direction, Ears, LegId, ParticipantId, Role, Status, SuperviseMode, Switchboard};

use super::{Call, Leg, Oracle, Person, Rings};

/// What is wrong: the invariant, and the case.
pub type Finding = (&'static str, String);

impl Oracle {
    pub(super) fn legs_of(&self, call: CallId, who: ParticipantId) -> Vec<(LegId, &Leg)> {
        let mut legs: Vec<(LegId, &Leg)> =
            self.legs.iter().filter(|(_, leg)| leg.owner == Some((call, who))).map(|(id, leg)| (*id, leg)).collect();
        legs.sort_by_key(|(_, leg)| leg.order);
        legs
    }

    pub(super) fn lively(leg: &Leg) -> bool {
        leg.live && !leg.closed && leg.direction != Direction::Away && leg.assumed.is_none()
    }

    fn person(&self, leg: &Leg) -> Option<(&Call, &Person)> {
        let (call, who) = leg.owner?;
        let call = self.calls.get(&call)?;
        Some((call, call.people.get(&who)?))
    }

    /// In the private side of a consult.
    pub(super) fn in_side(&self, leg: &Leg) -> bool {
        let Some((id, who)) = leg.owner else { return false };
        let Some(call) = self.calls.get(&id) else { return false };
        let Some(transfer) = call.transfer.as_ref().filter(|_| call.private()) else { return false };
        who == transfer.target || (who == transfer.by && leg.faces_side)
    }

    pub(super) fn ready(&self, id: LegId) -> bool {
        let Some(leg) = self.legs.get(&id) else { return false };
        let Some((_, person)) = self.person(leg) else { return false };
        let Some((call, who)) = leg.owner else { return false };
        let side = self.in_side(leg);
        Self::lively(leg)
            && person.held.is_none()
            && !self
                .legs_of(call, who)
                .iter()
                .any(|(_, other)| other.order < leg.order && Self::lively(other) && self.in_side(other) == side)
    }

    fn waits(&self, id: LegId) -> bool {
        let Some(leg) = self.legs.get(&id) else { return false };
        let Some((call, person)) = self.person(leg) else { return false };
        let room_waits = call.room.as_ref().is_none_or(|room| self.waiting_rooms.contains(room));
        let side = self.in_side(leg);
        person.role == Role::Customer
            && room_waits
            && !call.service
            && !call.door
            && !self.legs.iter().any(|(other, near)| {
                near.owner.map(|owner| owner.0) == leg.owner.map(|owner| owner.0)
                    && self.in_side(near) == side
                    && self.ready(*other)
                    && self.person(near).is_some_and(|(_, person)| Call::serving(person))
            })
    }

    fn open(&self, id: LegId) -> bool {
        let Some(leg) = self.legs.get(&id) else { return false };
        let Some((call, _)) = self.person(leg) else { return false };
        let undecided = call.transfer.as_ref().is_some_and(|transfer| transfer.grace.is_some());
        self.ready(id) && !self.waits(id) && !undecided
    }

    /// The legs by which somebody could talk, were the call not undecided.
    fn talking(&self, call: CallId, who: ParticipantId) -> Vec<&Leg> {
        self.legs_of(call, who).into_iter().filter(|(id, _)| self.ready(*id)).map(|(_, leg)| leg).collect()
    }

    /// Whether a phone of somebody mixes two lines by itself: one towards the target, one towards the customer.
    pub(super) fn bridged(&self, call: CallId, who: ParticipantId) -> bool {
        let talking = self.talking(call, who);
        let towards = |side: bool| talking.iter().filter(move |leg| self.in_side(leg) == side);
        towards(true).any(|one| towards(false).any(|other| one.phone == other.phone))
    }

    pub fn should_hear(&self, listener: LegId, speaker: LegId) -> bool {
        let (Some(l), Some(t)) = (self.legs.get(&listener), self.legs.get(&speaker)) else { return false };
        let (Some((id, who)), Some((_, other))) = (l.owner, t.owner) else { return false };
        let (Some((_, hearer)), Some((_, talker))) = (self.person(l), self.person(t)) else { return false };
        if Self::sounds_early(t) {
            let heard = t.direction == Direction::Both && !talker.muted && who != other;
            return heard && self.in_side(l) == self.in_side(t) && self.may_hear_early_media(listener);
        }
        if who == other || !self.open(listener) || !self.open(speaker) {
            return false;
        }
        if talker.muted || t.direction == Direction::Listens {
            return false;
        }
        let own = |who| self.legs_of(id, who).into_iter().filter(|(leg, _)| self.open(*leg)).collect::<Vec<_>>();
        match (Call::lurking(hearer), Call::lurking(talker)) {
            (false, false) => self.in_side(l) == self.in_side(t),
            (true, true) => false,
            (true, false) => {
                let side = self.in_side(t);
                let (agent, _) = hearer.mode.unwrap_or((who, SuperviseMode::Listen));
                own(agent).iter().any(|(_, leg)| self.in_side(leg) == side) && (!side || self.supervise_consults)
            }
            (false, true) => {
                talker.mode == Some((who, SuperviseMode::Whisper))
                    && own(who).len() < 2
                    && own(who).first().map(|(leg, _)| *leg) == Some(listener)
            }
        }
    }

    /// Not answered, and its sound comes already.
    fn sounds_early(leg: &Leg) -> bool {
        leg.early && !leg.live && !leg.closed && leg.phone.is_none() && leg.direction != Direction::Away
    }

    /// Whether a leg hears ringback, is not on hold, could be spoken to, and has nobody to talk to.
    fn may_hear_early_media(&self, id: LegId) -> bool {
        let Some(leg) = self.legs.get(&id) else { return false };
        let (Some((call, person)), Some((at, who))) = (self.person(leg), leg.owner) else { return false };
        let undecided = call.transfer.as_ref().is_some_and(|transfer| transfer.grace.is_some());
        let side = self.in_side(leg);
        let company = self.legs.iter().any(|(other, near)| {
            near.owner.is_some_and(|(here, person)| here == at && person != who)
                && self.in_side(near) == side
                && self.ready(*other)
                && !self.waits(*other)
                && self.person(near).is_some_and(|(_, person)| !Call::lurking(person))
        });
        let own_phone = if leg.live { self.ready(id) && !company } else { leg.early && leg.assumed.is_none() };
        let away = leg.direction == Direction::Away || leg.closed;
        own_phone && !away && person.held.is_none() && !undecided && self.awaits(id) == Some(Ears::Ringback)
    }

    /// What a leg hears because somebody is rung or waited for.
    fn awaits(&self, id: LegId) -> Option<Ears> {
        let leg = self.legs.get(&id)?;
        let (call, person) = self.person(leg)?;
        let (_, who) = leg.owner?;
        if Call::lurking(person) || call.service || call.door {
            return None;
        }
        let by = call.transfer.as_ref().map(|transfer| transfer.by);
        let awaited = if self.in_side(leg) {
            call.people.values().find(|person| person.rings == Some(Rings::AsTarget)).filter(|_| by == Some(who))
        } else {
            Self::awaited_in_main(call)
        };
        awaited.map(|awaited| awaited.waits.clone().map_or(Ears::Ringback, Ears::Queue))
    }

    /// What a leg that may hear nobody should hear instead; `None` if it is not for the oracle to say.
    fn should_play(&self, id: LegId) -> Option<Ears> {
        let leg = self.legs.get(&id)?;
        let (call, person) = self.person(leg)?;
        if !Self::lively(leg) {
            return (!leg.early || leg.closed || leg.direction == Direction::Away).then_some(Ears::Nothing);
        }
        if Call::lurking(person) || call.service || call.door {
            return None;
        }
        if let Some(awaited) = self.awaits(id) {
            let mine = |other: &Leg| {
                other.owner.map(|owner| owner.0) == leg.owner.map(|owner| owner.0)
                    && Self::sounds_early(other)
                    && self.in_side(other) == self.in_side(leg)
            };
            let early = awaited == Ears::Ringback && self.legs.values().any(mine) && self.may_hear_early_media(id);
            return Some(if early { Ears::Early } else { awaited });
        }
        if person.held.is_some() || self.waits(id) {
            return Some(Ears::HoldMusic);
        }
        None
    }

    /// Who is rung or waited for on behalf of those in the open.
    fn awaited_in_main(call: &Call) -> Option<&Person> {
        let cold = call.transfer.as_ref().is_none_or(|transfer| transfer.cold);
        let awaited = call.people.values().filter(|person| match person.rings {
            Some(Rings::ForCaller) => true,
            Some(Rings::AsTarget) => cold,
            Some(Rings::ForNobody) | None => false,
        });
        // A queue's music comes before ringback.
        awaited.max_by_key(|person| person.waits.is_some())
    }

    /// Whether somebody waits in a queue: in the open, with nobody else to talk to there.
    fn queued(&self, id: CallId, who: ParticipantId) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        let open = |leg: &Leg| !self.in_side(leg);
        let company = self.legs.iter().any(|(other, leg)| {
            leg.owner.is_some_and(|(here, person)| here == id && person != who)
                && open(leg)
                && self.ready(*other)
                && !self.waits(*other)
                && self.person(leg).is_some_and(|(_, person)| !Call::lurking(person))
        });
        let here = self.legs_of(id, who).iter().any(|(_, leg)| leg.live && open(leg));
        let lurks = call.people.get(&who).is_some_and(Call::lurking);
        Self::awaited_in_main(call).is_some_and(|person| person.waits.is_some()) && here && !company && !lurks
    }

    fn should_show(&self, id: CallId, who: ParticipantId) -> Option<Status> {
        let call = self.calls.get(&id)?;
        let person = call.people.get(&who)?;
        let legs: Vec<_> = self.legs_of(id, who).into_iter().filter(|(_, leg)| leg.live).collect();
        if legs.is_empty() {
            return None;
        }
        let unfaced = call.transfer.as_ref().is_some_and(|transfer| {
            transfer.target == who && call.private() && transfer.answered && !self.faces_target(id)
        });
        let waits = legs.iter().any(|(leg, _)| self.waits(*leg));
        if call.door || (person.held.is_none() && self.queued(id, who)) {
            return Some(Status::Queued);
        }
        Some(if person.held.is_some() || waits || unfaced { Status::Held } else { Status::Live })
    }

    pub(super) fn faces_target(&self, id: CallId) -> bool {
        let Some(call) = self.calls.get(&id).filter(|call| call.private()) else { return false };
        let Some(transfer) = &call.transfer else { return false };
        self.legs_of(id, transfer.by).iter().any(|(leg, facing)| facing.faces_side && self.ready(*leg))
    }

    /// Compares what is with what should be.
    pub fn check(&self, board: &Switchboard) -> Result<(), Finding> {
        self.mixer.agrees_with(board).map_err(|text| ("masks", text))?;
        for (id, call) in &self.calls {
            self.check_places(*id, call)?;
            self.check_pairs(*id, call, board)?;
            self.check_shown(*id, call)?;
        }
        self.check_talk()
    }

    fn check_places(&self, id: CallId, call: &Call) -> Result<(), Finding> {
        let Some((_, masks)) = self.mixer.calls.get(&id) else { return Ok(()) };
        for mask in masks.values() {
            let Some(person) = call.people.get(&mask.person) else {
                return Err(("people", format!("{id}: {} belongs to nobody", mask.leg)));
            };
            let known = self.legs.get(&mask.leg).and_then(|leg| leg.phone.as_ref()).map(|(agent, _)| agent);
            if known.is_some() && known != person.agent.as_ref() {
                return Err(("people", format!("{id}: {} was given to somebody else", mask.leg)));
            }
            let side = mask.place == conference::Place::Side;
            if side && person.role == Role::Customer {
                return Err(("customer in the Side", format!("{id}: {}", mask.leg)));
            }
            if person.held.is_some() && mask.open {
                return Err(("the held", format!("{id}: {} is held and open", mask.leg)));
            }
        }
        Ok(())
    }

    fn check_pairs(&self, id: CallId, call: &Call, board: &Switchboard) -> Result<(), Finding> {
        let Some((_, masks)) = self.mixer.calls.get(&id) else { return Ok(()) };
        for listener in masks.values() {
            let mut hears_somebody = false;
            for speaker in masks.values() {
                let hears = board.hears(id, listener.leg, speaker.leg);
                hears_somebody |= hears;
                let should = self.should_hear(listener.leg, speaker.leg);
                if hears != should {
                    let word = if hears { "hears" } else { "does not hear" };
                    return Err(("who hears whom", format!("{id}: {} {word} {}", listener.leg, speaker.leg)));
                }
                if hears {
                    strangers(id, call, listener.person, speaker.person)?;
                }
            }
            let expected = self.should_play(listener.leg).filter(|_| !hears_somebody);
            let announced = listener.ears == Ears::Announcement;
            if expected.is_some_and(|expected| expected != listener.ears) && !announced {
                return Err(("ears", format!("{id}: {} has {:?} at its ear", listener.leg, listener.ears)));
            }
        }
        Ok(())
    }

    fn check_shown(&self, id: CallId, call: &Call) -> Result<(), Finding> {
        for (who, person) in &call.people {
            let expected = self.should_show(id, *who);
            if expected.is_some() && person.told != expected {
                return Err(("shown status", format!("{id}: {who} is shown {:?}, not {expected:?}", person.told)));
            }
        }
        let told = call.transfer.as_ref().and_then(|transfer| transfer.told_faces);
        if told.is_some_and(|told| told != self.faces_target(id)) {
            return Err(("shown status", format!("{id}: the side the initiator faces is told wrongly")));
        }
        Ok(())
    }
}

/// Two customers, or a customer and an outside party whom nobody named, never hear each other but in rooms.
fn strangers(id: CallId, call: &Call, one: ParticipantId, other: ParticipantId) -> Result<(), Finding> {
    let role = |who| call.people.get(&who).map(|person: &Person| person.role);
    let joined = match (role(one), role(other)) {
        (Some(Role::Customer), Some(Role::Customer)) => call.room.is_none(),
        (Some(Role::Customer), Some(Role::Outside)) | (Some(Role::Outside), Some(Role::Customer)) => {
            call.room.is_none() && !call.named
        }
        _ => false,
    };
    if joined { Err(("strangers", format!("{id}: {one} and {other} hear each other"))) } else { Ok(()) }
}
