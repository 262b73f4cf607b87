//! One call: its people, their legs, at most one transfer.
//!
//! This file holds the state and how a reaction is closed: masks, statuses and events are derived and compared with
//! what was told last. What people ask is in `steps` and `transferring`, what happens on legs in `news`, who leaves and what becomes of
//! those left in `leaving` and `serving`, a room's door and its tones in `door` and `tones`, who waits for an agent in `queueing`, keypad codes in `keys`, time in `clock`. It does not decide who hears whom (`audibility`).

mod clock;
mod door;
mod extras;
mod keys;
mod leaving;
mod news;
mod queueing;
mod replacing;
mod serving;
mod steps;
mod talk;
mod tones;
mod transferring;
mod union;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::audibility::{self, Picture};
use crate::books::{Desk, Seat};
use crate::consult::Transfer;
use crate::ids::{AgentName, CallId, LegId, ParticipantId, Phone};
use crate::input::{Destination, Direction, Service};
use crate::mask::{LegMask, Place};
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::{Effect, Event, Identity, Phase, Role, Status};
use crate::participant::{Errand, Leg, Line, Participant, Parting};
use crate::reaction;
use crate::settings::Settings;

pub(crate) use door::Door;
pub(crate) use leaving::Exit;
pub(crate) use replacing::Newcomer;
pub(crate) use steps::{Asked, Means};
use talk::Talkers;
pub(crate) use transferring::Opening;

/// How many may be in a call that has no limit of its own.
pub(crate) const MAX_PARTICIPANTS: usize = 1000;

/// What kind of call it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Ends when one is left for whom nobody is rung.
    Plain,
    /// Waits for others; its customers hear each other.
    Room(String),
    /// A phone tests itself.
    Service(Service),
    /// Somebody stands at the door of a room and types its PIN. It is no part of the room.
    Door(Door),
}

impl Kind {
    /// The name of the room that it is, or before whose door it is.
    pub(crate) fn names(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Room(name) => (Some(name.clone()), None),
            Self::Door(door) => (None, Some(door.room.clone())),
            Self::Plain | Self::Service(_) => (None, None),
        }
    }
}

/// What people were told last; the next reaction tells the difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    statuses: BTreeMap<ParticipantId, Status>,
    /// Since when.
    since: BTreeMap<ParticipantId, Moment>,
    transfer: Option<(Phase, bool)>,
    bridged: BTreeSet<ParticipantId>,
    #[serde(skip)]
    talkers: Talkers,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) kind: Kind,
    pub(crate) people: BTreeMap<ParticipantId, Participant>,
    pub(crate) legs: BTreeMap<LegId, Leg>,
    pub(crate) transfer: Option<Transfer>,
    /// When it began.
    pub(crate) started: Moment,
    /// Whether nobody is let in any more.
    pub(crate) locked: bool,
    next_person: u32,
    /// The version of the last change-set.
    version: u64,
    /// The masks as the mixer has them.
    published: BTreeMap<LegId, LegMask>,
    told: Told,
    /// Who is inside, if it is a room: whose coming and going is told by tones.
    inside: BTreeSet<ParticipantId>,
    /// When transfers were started, newest last.
    starts: VecDeque<Moment>,
    /// Whom to ring again when a cold hand-over failed.
    recall: Option<AgentName>,
    /// Whether the fallback was tried for the customers who are left.
    fallback_tried: bool,
    /// Queues in which its customers found no agent: they do not go there again.
    queues_tried: BTreeSet<String>,
    /// When a hold that nobody can end is ended.
    held_alone_until: Option<Moment>,
    /// How things stood before the last one left who served; set only within a reaction.
    parted: Option<Parting>,
    /// Who removes somebody; set only within a reaction.
    removing: Option<ParticipantId>,
    /// When the switchboard wakes this call.
    alarm: Option<Moment>,
}

impl Call {
    pub(crate) fn new(id: CallId, kind: Kind, started: Moment) -> Self {
        Self {
            id,
            kind,
            people: BTreeMap::new(),
            legs: BTreeMap::new(),
            transfer: None,
            started,
            locked: false,
            next_person: 1,
            version: 0,
            published: BTreeMap::new(),
            told: Told::default(),
            inside: BTreeSet::new(),
            starts: VecDeque::new(),
            recall: None,
            fallback_tried: false,
            queues_tried: BTreeSet::new(),
            held_alone_until: None,
            parted: None,
            removing: None,
            alarm: None,
        }
    }

    /// A person's legs, oldest first.
    pub(crate) fn legs_of<'a>(&'a self, person: &'a Participant) -> impl Iterator<Item = (LegId, &'a Leg)> + Clone {
        person.legs.iter().filter_map(|id| Some((*id, self.legs.get(id)?)))
    }

    pub(crate) fn person_of(&self, leg: LegId) -> Option<ParticipantId> {
        self.legs.get(&leg).map(|leg| leg.person)
    }

    pub(crate) fn is_live(&self, who: ParticipantId) -> bool {
        self.people.get(&who).is_some_and(|person| self.legs_of(person).any(|(_, leg)| leg.is_live()))
    }

    /// Whether customers hear music while nobody serves them.
    pub(crate) fn customers_wait(&self, settings: &Settings) -> bool {
        match &self.kind {
            Kind::Plain => true,
            Kind::Room(name) => settings.rooms.get(name).is_some_and(|room| room.wait_for_agent) || broken!(RoomsWait),
            Kind::Service(_) | Kind::Door(_) => false,
        }
    }

    pub(crate) fn is_room(&self) -> bool {
        matches!(self.kind, Kind::Room(_))
    }

    /// How many may be in it.
    pub(crate) fn capacity(&self, settings: &Settings) -> usize {
        match &self.kind {
            Kind::Room(name) => {
                let room = settings.rooms.get(name);
                room.map_or(MAX_PARTICIPANTS, |room| usize::try_from(room.max_participants).unwrap_or(usize::MAX))
            }
            Kind::Plain | Kind::Service(_) | Kind::Door(_) => MAX_PARTICIPANTS,
        }
    }

    pub(crate) fn is_full(&self, settings: &Settings) -> bool {
        self.people.len() >= self.capacity(settings)
    }

    /// Adds a person without a leg.
    pub(crate) fn join(&mut self, desk: &mut Desk<'_>, person: Participant) -> ParticipantId {
        let who = ParticipantId(self.next_person);
        self.next_person += 1;
        desk.out.event(Event::ParticipantJoined {
            call: self.id,
            who,
            role: person.role,
            agent: person.agent.clone(),
            name: person.name.clone(),
        });
        if let Some(agent) = &person.agent {
            self.end_offers_to(desk, agent);
            let put_on = matches!(person.errand, Some(Errand::Callee | Errand::Target | Errand::Fallback));
            desk.seat(agent, self.id, Seat { put_on, rung: person.errand.is_some() });
        }
        self.people.insert(who, person);
        who
    }

    /// Adds a leg to a person.
    pub(crate) fn add_leg(&mut self, desk: &mut Desk<'_>, id: LegId, leg: Leg) {
        if let Some(person) = self.people.get_mut(&leg.person) {
            person.legs.push(id);
        }
        desk.books.legs.insert(id, self.id);
        self.legs.insert(id, leg);
    }

    /// Adds a leg of somebody who may be in the call already, on another phone. In the middle of a consult it faces what that one
    /// faces: else they would be heard on both sides at once, which only a phone that mixes its own two lines may bring about.
    pub(crate) fn add_leg_beside(&mut self, desk: &mut Desk<'_>, id: LegId, mut leg: Leg) {
        let others = self.legs.values().filter(|other| other.person == leg.person && other.phone != leg.phone);
        let consults = others.filter(|other| audibility::is_lively(other)).any(|other| other.faces == Place::Side);
        if consults && self.consults(leg.person) {
            leg.faces = Place::Side;
        }
        self.add_leg(desk, id, leg);
    }

    /// Adds a person and rings them.
    pub(crate) fn ring(
        &mut self,
        desk: &mut Desk<'_>,
        to: Destination,
        mut person: Participant,
        shown: Identity,
    ) -> (ParticipantId, LegId) {
        let recalls = person.errand == Some(Errand::Recall);
        let first = matches!(person.errand, Some(Errand::First { .. }));
        let patience = if recalls { desk.settings.transfer.recall } else { desk.settings.transfer.ring_timeout };
        person.rings_until = Some(desk.now + patience);
        person.dialled = matches!(to, Destination::Outside { .. }).then(|| to.clone());
        let who = self.join(desk, person);
        let leg = desk.books.next_rung();
        let mut new = Leg::new(who, Line::Calling, Direction::Both, None);
        // Who is rung first of all sees whom they are to be connected to; they know.
        new.shown = (!first).then(|| shown.clone());
        self.add_leg(desk, leg, new);
        desk.out.effect(Effect::Ring { call: self.id, leg, to, shown });
        (who, leg)
    }

    /// Answers an arrived leg.
    pub(crate) fn answer(&mut self, desk: &mut Desk<'_>, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.line == Line::Arrived) {
            leg.line = Line::Live;
            desk.out.effect(Effect::Answer { leg: id });
            self.collect_digits(desk, id);
            self.keep_volume(desk, id);
        }
    }

    /// How somebody is shown to a phone that we ring for them.
    pub(crate) fn identity(&self, who: ParticipantId, settings: &Settings) -> Identity {
        let Some(person) = self.people.get(&who) else { return Identity::default() };
        match &person.agent {
            Some(agent) => Identity {
                display: settings.agents.get(agent).map_or_else(String::new, |known| known.display_name.clone()),
                user: agent.0.clone(),
            },
            None => Identity { display: String::new(), user: person.name.clone() },
        }
    }

    /// Two who are left with each other are shown to each other, unless they are already. Nobody is while a transfer is
    /// under way: swaps show nothing.
    fn identify(&mut self, desk: &mut Desk<'_>) {
        let mut present = self.people.iter().filter(|(_, person)| !person.lurks());
        let (Some((one, _)), Some((other, _)), None) = (present.next(), present.next(), present.next()) else { return };
        let (one, other) = (*one, *other);
        let settled = matches!(self.kind, Kind::Plain) && self.transfer.is_none();
        if !settled || !self.is_live(one) || !self.is_live(other) {
            return;
        }
        for (who, faces) in [(one, other), (other, one)] {
            let peer = self.identity(faces, desk.settings);
            for (id, leg) in self.legs.iter_mut().filter(|(_, leg)| leg.person == who && leg.is_live()) {
                let before = leg.shown.replace(peer.clone());
                if before.is_some_and(|before| before != peer) && !broken!(NobodyIdentified) {
                    desk.out.effect(Effect::Identify { leg: *id, peer: peer.clone() });
                }
            }
        }
    }

    /// Whether an agent or an outside number is in the call already.
    pub(crate) fn has(&self, destination: &Destination) -> bool {
        self.people.values().any(|person| match destination {
            Destination::Agent(name) => person.agent.as_ref() == Some(name),
            Destination::Outside { .. } => person.dialled.as_ref() == Some(destination),
            Destination::Queue(_)
            | Destination::Room(_)
            | Destination::NewRoom
            | Destination::Service(_)
            | Destination::Unknown => false,
        })
    }

    /// The legs of one phone that are live.
    pub(crate) fn legs_of_phone(&self, agent: &AgentName, phone: &Phone) -> Vec<LegId> {
        let owner = self.people.values().find(|person| person.agent.as_ref() == Some(agent));
        let legs = owner.into_iter().flat_map(|person| self.legs_of(person));
        legs.filter(|(_, leg)| leg.phone.as_ref() == Some(phone) && leg.is_live() && leg.dying.is_none())
            .map(|(id, _)| id)
            .collect()
    }

    /// When the switchboard will wake this call.
    pub(crate) fn alarm(&self) -> Option<Moment> {
        self.alarm
    }

    /// Notes when the call wants to be woken next.
    pub(crate) fn set_alarm(&mut self) -> Option<Moment> {
        self.alarm = self.deadline();
        self.alarm
    }

    /// Closes a reaction: lets the rules run until nothing changes, then tells what is different. True: the call is
    /// over.
    pub(crate) fn close(&mut self, desk: &mut Desk<'_>) -> bool {
        self.settle(desk);
        let picture = audibility::picture(self, desk.settings);
        if let Some(change) = reaction::diff(self.id, self.version + 1, &self.published, &picture.masks) {
            self.version = change.version;
            desk.out.masks(change);
        }
        self.identify(desk);
        self.play_cues(desk);
        self.tell_comings(desk, &picture);
        self.say_places(desk, &picture);
        self.watch_legs(desk.now, &picture);
        self.watch_holds(desk, &picture);
        self.tell(desk, picture);
        if self.people.is_empty() {
            desk.out.event(Event::CallEnded { call: self.id });
        }
        self.people.is_empty()
    }

    /// Events for what differs from what was told last.
    fn tell(&mut self, desk: &mut Desk<'_>, picture: Picture) {
        let call = self.id;
        let mut since = std::mem::take(&mut self.told.since);
        since.retain(|who, _| picture.statuses.contains_key(who));
        for (who, status) in &picture.statuses {
            if self.told.statuses.get(who) != Some(status) {
                since.insert(*who, desk.now);
                desk.out.event(Event::StatusChanged { call, who: *who, status: *status });
            }
        }
        let transfer = self.transfer.as_ref().map(|transfer| (transfer.stage.phase(), audibility::faces_side(self)));
        if let Some((phase, faces_target)) = transfer.filter(|now| self.told.transfer != Some(*now)) {
            desk.out.event(Event::TransferChanged { call, phase, faces_target });
        }
        let everybody: BTreeSet<ParticipantId> = self.told.bridged.union(&picture.bridged).copied().collect();
        for who in everybody {
            let bridged = picture.bridged.contains(&who);
            if bridged != self.told.bridged.contains(&who) && self.people.contains_key(&who) {
                desk.out.event(Event::BridgedByPhone { call, who, bridged });
            }
        }
        let talkers = std::mem::take(&mut self.told.talkers);
        self.told = Told { statuses: picture.statuses, since, transfer, bridged: picture.bridged, talkers };
        self.published = picture.masks;
        self.tell_talk(desk);
    }

    /// The masks and their version as the mixer should have them.
    pub(crate) fn published(&self) -> (u64, &BTreeMap<LegId, LegMask>) {
        (self.version, &self.published)
    }

    /// The status of somebody as it was told last.
    pub(crate) fn status(&self, who: ParticipantId) -> Option<Status> {
        self.told.statuses.get(&who).copied()
    }

    /// Since when somebody has the status that was told last.
    pub(crate) fn since(&self, who: ParticipantId) -> Moment {
        self.told.since.get(&who).copied().unwrap_or(self.started)
    }

    /// Whether a transfer may still be started this minute; notes it if so.
    fn note_start(&mut self, now: Moment) {
        self.starts.push_back(now);
        while self.starts.len() > transferring::STARTS_PER_MINUTE {
            self.starts.pop_front();
        }
    }

    /// Customers who are live and not hearing an announcement.
    fn customers(&self) -> Vec<ParticipantId> {
        self.people
            .iter()
            .filter(|(who, person)| {
                person.role == Role::Customer && person.announced_until.is_none() && self.is_live(**who)
            })
            .map(|(who, _)| *who)
            .collect()
    }
}
