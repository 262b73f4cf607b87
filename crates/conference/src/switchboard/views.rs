//! What can be seen of the calls from outside, for the command line, the API and tests. Read only.

use std::collections::{BTreeMap, BTreeSet};

use super::Switchboard;
use crate::conference::Call;
use crate::consult::Stage;
use crate::floor::Floor;
use crate::ids::{AgentName, CallId, LegId, ParticipantId, Phone, ReservationId};
use crate::input::{Availability, Destination, Direction};
use crate::mask::{ChangeSet, LegMask};
use crate::moment::Moment;
use crate::output::{AgentState, Phase, Role, Status};
use crate::participant::{Leg, Line, Participant};
use crate::refusal::Refusal;
use crate::settings::Settings;

/// One call as people are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallView {
    /// Its id.
    pub id: CallId,
    /// The room's name, if it is one.
    pub room: Option<String>,
    /// The room before whose door its one participant stands, who is `Status::Queued` until the PIN is typed. It is no part
    /// of that room: the room is another call.
    pub door: Option<String>,
    /// When it began.
    pub started: Moment,
    /// Whether it is a room that lets nobody in.
    pub locked: bool,
    /// Who is in, in the order in which they joined.
    pub participants: Vec<ParticipantView>,
    /// The transfer that is under way.
    pub transfer: Option<TransferView>,
}

/// One participant as people are shown them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantView {
    /// Their id in the call.
    pub who: ParticipantId,
    /// Their role.
    pub role: Role,
    /// The agent's name, if it is one.
    pub agent: Option<AgentName>,
    /// The name or number to show.
    pub name: String,
    /// The shown status.
    pub status: Status,
    /// Whether somebody put them on hold (as against waiting).
    pub on_hold_by_somebody: bool,
    /// Since when they have that status.
    pub since: Moment,
    /// Whether their voice is switched off.
    pub muted: bool,
    /// How loud their voice is for the others, in decibels.
    pub volume_db: i8,
    /// Whether they talk, and somebody hears it.
    pub talks: bool,
    /// The agents who may know that they talk: those who hear it, and themselves.
    pub talks_to: BTreeSet<AgentName>,
    /// Where they wait to be, or to find, an agent: the queue and the place, 1 being next.
    pub queue: Option<(String, u32)>,
    /// Their legs, oldest first.
    pub legs: Vec<LegView>,
}

/// One leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegView {
    /// Its id.
    pub leg: LegId,
    /// Whether it is answered.
    pub live: bool,
    /// What its phone asked for.
    pub direction: Direction,
    /// Whether it is taken to be away because its phone dialled on a second line.
    pub assumed_away: bool,
    /// The phone, if it is an agent's.
    pub phone: Option<Phone>,
}

/// A transfer that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferView {
    /// Who started it.
    pub by: ParticipantId,
    /// Who is brought in.
    pub target: ParticipantId,
    /// Whom they were asked as.
    pub to: Destination,
    /// Whether the initiator's open leg faces the target (else the customer).
    pub faces_target: bool,
    /// Its phase.
    pub phase: Phase,
    /// Whether the initiator has left while the target rings.
    pub cold: bool,
    /// Whether a BYE on one of the initiator's two lines waits for its judgement.
    pub undecided: bool,
}

/// An agent as people are shown them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentView {
    /// Their name.
    pub name: AgentName,
    /// Shown to people.
    pub display_name: String,
    /// What they do.
    pub state: AgentState,
    /// Since when.
    pub since: Moment,
    /// What they, or somebody for them, said last: taken up again after calls and restarts.
    pub availability: Availability,
    /// Phones that are registered.
    pub phones: u32,
    /// The calls they are in.
    pub calls: Vec<CallId>,
    /// The queues they serve.
    pub queues: Vec<String>,
    /// The call they are offered.
    pub reservation: Option<ReservationView>,
}

/// A queue as people are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Its name.
    pub name: String,
    /// Whether it is open.
    pub open: bool,
    /// The calls that wait, next first: the call, who is looked for an agent, since when.
    pub waiting: Vec<(CallId, ParticipantId, Moment)>,
    /// Agents who serve it and are ready.
    pub ready: u32,
    /// Agents who serve it.
    pub agents: Vec<AgentName>,
}

/// An offer as people are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationView {
    /// Its name.
    pub id: ReservationId,
    /// To whom it is made.
    pub agent: AgentName,
    /// From which queue.
    pub queue: String,
    /// The call.
    pub call: CallId,
    /// The participant who will be the agent.
    pub who: ParticipantId,
    /// When it ends.
    pub until: Moment,
    /// Whether the agent said yes by command.
    pub accepted: bool,
}

/// Something that somebody could ask in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Start a transfer.
    Transfer,
    /// Cancel it.
    Cancel,
    /// Swap.
    Swap,
    /// Merge.
    Merge,
    /// Complete.
    Complete,
    /// Hold somebody.
    Hold(ParticipantId),
    /// End somebody's hold.
    Unhold(ParticipantId),
    /// Switch a voice off.
    Mute(ParticipantId),
    /// Switch it on.
    Unmute(ParticipantId),
    /// Remove somebody; oneself: leave.
    Remove(ParticipantId),
    /// End the call.
    End,
    /// Lock a room.
    Lock,
    /// Open it again.
    Unlock,
}

/// An action, and why it is not possible now if it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// What could be asked.
    pub action: Action,
    /// Why it would be refused; `None`: it would be done.
    pub refused: Option<Refusal>,
}

impl CallView {
    fn of(call: &Call, floor: &Floor) -> Self {
        let (room, door) = call.kind.names();
        let awaited = call.people.values().find_map(|person| place_of(person, floor));
        let place = |who: ParticipantId, person: &Participant| {
            let waits = call.status(who) == Some(Status::Queued);
            place_of(person, floor).or_else(|| awaited.clone().filter(|_| waits))
        };
        let participants = call.people.iter().map(|(who, person)| ParticipantView {
            who: *who,
            role: person.role,
            agent: person.agent.clone(),
            name: person.name.clone(),
            status: call.status(*who).unwrap_or(Status::Calling),
            on_hold_by_somebody: person.held.is_some(),
            since: call.since(*who),
            muted: person.muted,
            volume_db: person.volume_db,
            talks: call.talk_of(*who).is_some(),
            talks_to: call.talk_of(*who).cloned().unwrap_or_default(),
            queue: place(*who, person),
            legs: call.legs_of(person).map(|(id, leg)| LegView::of(id, leg)).collect(),
        });
        let transfer = call.transfer.as_ref().map(|transfer| TransferView {
            by: transfer.initiator,
            target: transfer.target,
            to: transfer.to.clone(),
            faces_target: crate::audibility::faces_side(call),
            phase: transfer.stage.phase(),
            cold: transfer.stage == Stage::Cold,
            undecided: transfer.grace.is_some(),
        });
        Self {
            id: call.id,
            room,
            door,
            started: call.started,
            locked: call.locked,
            participants: participants.collect(),
            transfer,
        }
    }

    /// One participant.
    #[must_use]
    pub fn participant(&self, who: ParticipantId) -> Option<&ParticipantView> {
        self.participants.iter().find(|person| person.who == who)
    }
}

/// Where somebody stands who waits to be an agent.
fn place_of(person: &Participant, floor: &Floor) -> Option<(String, u32)> {
    let wait = person.wait.as_ref()?;
    Some((wait.queue.clone(), floor.entry(wait)?.position))
}

impl LegView {
    fn of(id: LegId, leg: &Leg) -> Self {
        Self {
            leg: id,
            live: leg.line == Line::Live,
            direction: leg.direction,
            assumed_away: leg.assumed_away.is_some(),
            phone: leg.phone.clone(),
        }
    }
}

impl Switchboard {
    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The ids of all calls, oldest first.
    pub fn call_ids(&self) -> impl Iterator<Item = CallId> + '_ {
        self.calls.keys().copied()
    }

    /// All calls, oldest first.
    pub fn calls(&self) -> impl Iterator<Item = CallView> + '_ {
        self.calls.values().map(|call| CallView::of(call, &self.floor))
    }

    /// One call.
    #[must_use]
    pub fn call(&self, id: CallId) -> Option<CallView> {
        self.calls.get(&id).map(|call| CallView::of(call, &self.floor))
    }

    /// The call of a room.
    #[must_use]
    pub fn room(&self, name: &str) -> Option<CallId> {
        self.rooms.get(name).copied()
    }

    /// The call a leg is in.
    #[must_use]
    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.books.legs.get(&leg).copied()
    }

    /// Whose leg it is.
    #[must_use]
    pub fn person_of(&self, leg: LegId) -> Option<(CallId, ParticipantId)> {
        let id = self.call_of(leg)?;
        Some((id, self.calls.get(&id)?.person_of(leg)?))
    }

    /// The calls an agent is in, or is rung for as themselves, oldest first. What a queue offers them is not among them.
    #[must_use]
    pub fn calls_of(&self, agent: &AgentName) -> Vec<CallId> {
        let is_in = |id: &CallId| {
            let mut people = self.calls.get(id).into_iter().flat_map(|call| call.people.values());
            people.any(|person| person.agent.as_ref() == Some(agent))
        };
        self.books.calls_of(agent).into_iter().filter(is_in).collect()
    }

    /// The masks of a call as the mixer should have them.
    #[must_use]
    pub fn masks(&self, id: CallId) -> Option<&BTreeMap<LegId, LegMask>> {
        self.calls.get(&id).map(|call| call.published().1)
    }

    /// The full state of a call's masks, for a mixer that lost count.
    #[must_use]
    pub fn full_masks(&self, id: CallId) -> Option<ChangeSet> {
        let (version, masks) = self.calls.get(&id)?.published();
        let legs = masks.values().cloned().collect();
        Some(ChangeSet { call: id, version, full: true, legs, gone: Vec::new(), tightens: true })
    }

    /// Whether a sample of one leg may reach another now.
    #[must_use]
    pub fn hears(&self, id: CallId, listener: LegId, speaker: LegId) -> bool {
        let Some(masks) = self.masks(id) else { return false };
        match (masks.get(&listener), masks.get(&speaker)) {
            (Some(listener), Some(speaker)) => listener.hears(speaker),
            (Some(_) | None, None) | (None, Some(_)) => false,
        }
    }

    /// Whether nothing at all is left: no call, no leg, nobody who waits, no offer. What agents do does not count.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.floor.is_idle()
            && self.calls.is_empty()
            && self.rooms.is_empty()
            && self.alarms.is_empty()
            && self.books.is_empty()
    }
}
