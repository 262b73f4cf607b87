//! The privacy rule, whole: who may hear whom, derived from a call's state.
//!
//! Nothing here is stored and nothing here changes a call. Places make one mask O(1) per leg; a call of a thousand
//! costs a thousand masks.
//!
//! ```text
//! place    Side: the target's legs, and the initiator's leg that faces the target, while a consult is private
//!          Main: every other leg
//! ready    live, not away, its person not held, and no older such leg of that person in the same place
//! waiting  its person is a customer, the call is not a room (or one that waits for an agent), and no ready leg of an
//!          agent or outside party shares its place
//! open     ready and not waiting
//! hears    persons differ, both open, places equal, the speaker not muted        (see `LegMask::hears`)
//! early    an outside number that rings and sounds already (early media) is not open: it is heard, in its place, by those who would
//!          hear its ringback and may be spoken to, and who have nobody else to hear; it hears nobody
//! ```

use std::collections::{BTreeMap, BTreeSet};

use crate::conference::{Call, Kind};
use crate::consult::Stage;
use crate::ids::{LegId, ParticipantId};
use crate::input::{Direction, Service, SuperviseMode};
use crate::mask::{Ears, LegMask, Place, Supervision};
use crate::mutants::broken;
use crate::output::{Role, Status};
use crate::participant::{Errand, HeldBy, Leg, Line, Participant};
use crate::settings::Settings;

/// Where a leg is.
pub(crate) fn place(call: &Call, leg: &Leg) -> Place {
    let Some(transfer) = call.transfer.as_ref().filter(|transfer| transfer.stage.is_private()) else {
        return Place::Main;
    };
    if leg.person == transfer.target && !broken!(TargetInMain) {
        Place::Side
    } else if leg.person == transfer.initiator && !broken!(InitiatorInMain) {
        leg.faces
    } else {
        Place::Main
    }
}

/// Live and not away: as far as its own phone is concerned it talks and listens.
pub(crate) fn is_lively(leg: &Leg) -> bool {
    leg.is_live() && leg.dying.is_none() && (!leg.is_away() || broken!(AwayIsReady))
}

/// How many legs of a person are ready: two while a consult is private and they face both places.
pub(crate) fn ready_legs(call: &Call, person: &Participant) -> usize {
    call.legs_of(person).filter(|(id, leg)| is_ready(call, *id, leg)).count()
}

/// Whether both lines of one phone of a person are ready, so that the phone mixes by itself.
pub(crate) fn is_bridged(call: &Call, person: &Participant) -> bool {
    let ready: Vec<&Leg> =
        call.legs_of(person).filter(|(id, leg)| is_ready(call, *id, leg)).map(|(_, leg)| leg).collect();
    ready.iter().enumerate().any(|(at, one)| ready[..at].iter().any(|other| one.phone == other.phone))
}

/// Live, not away, its person not held, and no older such leg of that person in the same place.
pub(crate) fn is_ready(call: &Call, id: LegId, leg: &Leg) -> bool {
    let Some(person) = call.people.get(&leg.person) else { return false };
    if !is_lively(leg) || (person.held.is_some() && !broken!(HeldIsReady)) {
        return false;
    }
    let here = place(call, leg);
    broken!(BothLegsReady)
        || !call
            .legs_of(person)
            .take_while(|(older, _)| *older != id)
            .any(|(_, older)| is_lively(older) && place(call, older) == here)
}

/// Everything that is derived from one call's state.
pub(crate) struct Picture {
    /// One mask per leg that is live, or sounds before its answer.
    pub(crate) masks: BTreeMap<LegId, LegMask>,
    /// The status of everybody, as shown.
    pub(crate) statuses: BTreeMap<ParticipantId, Status>,
    /// Whose phone mixes.
    pub(crate) bridged: BTreeSet<ParticipantId>,
    /// Whether anybody but those who lurk is open.
    pub(crate) anybody_open: bool,
}

/// What must be known of the whole call before one leg can be judged.
struct Company<'a> {
    call: &'a Call,
    settings: &'a Settings,
    ready: BTreeSet<LegId>,
    /// Whether somebody who serves is ready in Main, in the Side.
    served: [bool; 2],
    /// How many legs that do not wait are ready in Main, in the Side.
    voices: [usize; 2],
    /// Whether there is early media in Main, in the Side.
    early: [bool; 2],
    /// Who holds somebody.
    holders: BTreeSet<ParticipantId>,
    /// What those in Main who hear nobody hear, because somebody is rung or waited for.
    awaited_in_main: Option<Ears>,
    /// The same in the Side, where the initiator waits for the target.
    awaited_by_initiator: Option<(ParticipantId, Ears)>,
}

fn at(place: Place) -> usize {
    match place {
        Place::Main => 0,
        Place::Side => 1,
    }
}

/// Derives masks and statuses.
pub(crate) fn picture(call: &Call, settings: &Settings) -> Picture {
    let company = Company::of(call, settings);
    let masks: BTreeMap<LegId, LegMask> = call
        .legs
        .iter()
        .filter(|(_, leg)| leg.is_live() || leg.speaks_early() || leg.listens_early())
        .filter_map(|(id, leg)| Some((*id, company.mask(*id, leg, call.people.get(&leg.person)?))))
        .collect();
    let statuses = call.people.iter().map(|(who, person)| (*who, company.status(*who, person))).collect();
    let bridged = call.people.iter().filter(|(_, person)| is_bridged(call, person)).map(|(who, _)| *who).collect();
    let anybody_open = masks.values().any(|mask| mask.open && mask.supervises.is_none());
    Picture { masks, statuses, bridged, anybody_open }
}

impl<'a> Company<'a> {
    fn of(call: &'a Call, settings: &'a Settings) -> Self {
        let ready: BTreeSet<LegId> =
            call.legs.iter().filter(|(id, leg)| is_ready(call, **id, leg)).map(|(id, _)| *id).collect();
        let mut company = Company {
            call,
            settings,
            ready,
            served: [false; 2],
            voices: [0; 2],
            early: [false; 2],
            holders: BTreeSet::new(),
            awaited_in_main: None,
            awaited_by_initiator: None,
        };
        for leg in company.ready.iter().filter_map(|id| call.legs.get(id)) {
            if call.people.get(&leg.person).is_some_and(Participant::serves) {
                company.served[at(place(call, leg))] = true;
            }
        }
        for leg in company.ready.iter().filter_map(|id| call.legs.get(id)) {
            let Some(person) = call.people.get(&leg.person) else { continue };
            if !person.lurks() && !company.waits(leg, person) {
                company.voices[at(place(call, leg))] += 1;
            }
        }
        for leg in call.legs.values().filter(|leg| leg.speaks_early()) {
            company.early[at(place(call, leg))] = true;
        }
        company.note_ringing();
        company
    }

    fn note_ringing(&mut self) {
        for (who, person) in &self.call.people {
            if let Some(HeldBy::Person(holder)) = person.held {
                self.holders.insert(holder);
            }
            let heard = || person.wait.as_ref().map_or(Ears::Ringback, |wait| Ears::Queue(wait.queue.clone()));
            match person.errand {
                Some(Errand::Callee | Errand::Recall | Errand::Fallback) => self.await_in_main(heard()),
                Some(Errand::Target) => match &self.call.transfer {
                    Some(transfer) if transfer.target == *who && transfer.stage == Stage::Ringing => {
                        self.awaited_by_initiator = Some((transfer.initiator, heard()));
                        if broken!(CustomerHearsRingback) {
                            self.await_in_main(heard());
                        }
                    }
                    Some(_) | None => self.await_in_main(heard()),
                },
                Some(Errand::First { .. } | Errand::Supervise) | None => {}
            }
        }
    }

    /// Those in Main wait for somebody: a queue's music comes before ringback.
    fn await_in_main(&mut self, heard: Ears) {
        if !matches!(self.awaited_in_main, Some(Ears::Queue(_))) {
            self.awaited_in_main = Some(heard);
        }
    }

    /// Whether a customer has nobody to talk to in their place.
    fn waits(&self, leg: &Leg, person: &Participant) -> bool {
        person.role == Role::Customer
            && self.call.customers_wait(self.settings)
            && !self.served[at(place(self.call, leg))]
            && !broken!(NobodyWaits)
    }

    fn is_open(&self, id: LegId, leg: &Leg, person: &Participant) -> bool {
        let silent = self.call.transfer.as_ref().is_some_and(|transfer| transfer.is_silent());
        self.ready.contains(&id)
            && !self.call.is_door()
            && !self.waits(leg, person)
            && (!silent || broken!(TalkInGrace))
    }

    fn mask(&self, id: LegId, leg: &Leg, person: &Participant) -> LegMask {
        let lively = is_lively(leg);
        let ears = match () {
            () if lively => self.ears(id, leg, person),
            () if leg.listens_early() => self.ears_before_answer(leg, person),
            // so that its way to us opens, if there is a NAT in it
            () if leg.speaks_early() => Ears::ComfortNoise,
            () => Ears::Nothing,
        };
        LegMask {
            leg: id,
            person: leg.person,
            place: place(self.call, leg),
            open: self.is_open(id, leg, person),
            early: leg.speaks_early(),
            muted: person.muted || leg.direction == Direction::Listens,
            ears,
            supervises: self.supervision(person),
            cues: lively && ready_legs(self.call, person) < 2,
        }
    }

    /// What a lively leg hears while it may hear nobody: the first that applies.
    fn ears(&self, id: LegId, leg: &Leg, person: &Participant) -> Ears {
        if person.announced_until.is_some() {
            return Ears::Announcement;
        }
        if let Kind::Service(service) = self.call.kind {
            return match service {
                Service::Echo => Ears::Echo,
                Service::Tone => Ears::TestTone,
                Service::Music => Ears::HoldMusic,
            };
        }
        if person.lurks() || self.call.is_door() {
            return Ears::ComfortNoise;
        }
        let here = place(self.call, leg);
        if let Some(awaited) = self.awaited_by(leg, person) {
            // whoever may talk to somebody here is not to be talked over
            let own = usize::from(!self.waits(leg, person));
            let alone = self.voices[at(here)] <= own || broken!(EarlyInCompany);
            let ready = self.ready.contains(&id) || (person.held.is_some() && broken!(EarlyForTheHeld));
            return self.with_early_media(awaited, here, alone && ready);
        }
        if (person.held.is_some() || self.waits(leg, person)) && !broken!(NoHoldMusic) {
            return Ears::HoldMusic;
        }
        let own = usize::from(self.ready.contains(&id));
        let company = own == 0 || self.voices[at(here)] > own;
        if company || self.holders.contains(&leg.person) { Ears::ComfortNoise } else { Ears::HoldMusic }
    }

    /// What a leg that we have not answered hears.
    fn ears_before_answer(&self, leg: &Leg, person: &Participant) -> Ears {
        match self.awaited_by(leg, person) {
            Some(awaited) => self.with_early_media(awaited, place(self.call, leg), person.held.is_none()),
            None => Ears::ComfortNoise,
        }
    }

    /// What a leg hears because somebody is rung or waited for.
    fn awaited_by(&self, leg: &Leg, person: &Participant) -> Option<&Ears> {
        match place(self.call, leg) {
            Place::Main => self.awaited_in_main.as_ref().filter(|_| person.errand.is_none()),
            Place::Side => {
                let mine = self.awaited_by_initiator.as_ref().filter(|(initiator, _)| *initiator == leg.person);
                mine.map(|(_, ears)| ears)
            }
        }
    }

    /// Early media instead of ringback, where there is some and it may be heard.
    fn with_early_media(&self, awaited: &Ears, here: Place, may: bool) -> Ears {
        let silent = self.call.transfer.as_ref().is_some_and(|transfer| transfer.is_silent());
        let sounds = *awaited == Ears::Ringback && self.early[at(here)];
        if sounds && may && !silent { Ears::Early } else { awaited.clone() }
    }

    /// How a lurking supervisor is tied to an agent.
    fn supervision(&self, person: &Participant) -> Option<Supervision> {
        let (agent, mode) = person.supervises.filter(|_| person.lurks())?;
        let open: Vec<(LegId, Place)> = self
            .call
            .people
            .get(&agent)
            .into_iter()
            .flat_map(|agent| self.call.legs_of(agent).map(move |(id, leg)| (id, leg, agent)))
            .filter(|(id, leg, agent)| self.is_open(*id, leg, agent))
            .map(|(id, leg, _)| (id, place(self.call, leg)))
            .collect();
        let whisper = mode == SuperviseMode::Whisper && (open.len() < 2 || broken!(WhisperIntoBridge));
        let may_side = self.settings.transfer.supervise_consults || broken!(ConsultSupervised);
        Some(Supervision {
            agent,
            whisper_to: open.first().map(|(id, _)| *id).filter(|_| whisper),
            hears_main: open.iter().any(|(_, place)| *place == Place::Main),
            hears_side: may_side && open.iter().any(|(_, place)| *place == Place::Side),
        })
    }

    fn status(&self, who: ParticipantId, person: &Participant) -> Status {
        let mut legs = self.call.legs_of(person);
        if legs.clone().any(|(_, leg)| leg.is_live()) {
            let waits = legs.any(|(_, leg)| leg.is_live() && self.waits(leg, person));
            if self.call.is_door() || (person.held.is_none() && self.is_queued(person)) {
                return Status::Queued;
            }
            let on_hold = person.held.is_some() || waits || self.is_unfaced_target(who);
            return if on_hold { Status::Held } else { Status::Live };
        }
        if person.wait.is_some() && person.legs.is_empty() {
            return Status::Queued;
        }
        if legs.any(|(_, leg)| leg.line == Line::Ringing) { Status::Ringing } else { Status::Calling }
    }

    /// Whether somebody in Main waits for an agent of a queue: with no voice but their own in it.
    fn is_queued(&self, person: &Participant) -> bool {
        let here = |leg: &Leg| leg.is_live() && place(self.call, leg) == Place::Main;
        let mine = self.call.legs_of(person).filter(|(_, leg)| here(leg));
        let own = mine.clone().filter(|(id, leg)| self.ready.contains(id) && !self.waits(leg, person)).count();
        matches!(self.awaited_in_main, Some(Ears::Queue(_)))
            && mine.clone().next().is_some()
            && self.voices[at(Place::Main)] <= own
            && !person.lurks()
    }

    /// The answered target whom no ready leg of the initiator faces.
    fn is_unfaced_target(&self, who: ParticipantId) -> bool {
        self.call.transfer.as_ref().is_some_and(|transfer| transfer.target == who && transfer.stage == Stage::Private)
            && !faces_side(self.call)
    }
}

/// Whether a ready leg of the initiator faces the Side.
pub(crate) fn faces_side(call: &Call) -> bool {
    let Some(transfer) = call.transfer.as_ref().filter(|transfer| transfer.stage.is_private()) else { return false };
    call.people.get(&transfer.initiator).is_some_and(|initiator| {
        call.legs_of(initiator).any(|(id, leg)| is_ready(call, id, leg) && place(call, leg) == Place::Side)
    })
}
