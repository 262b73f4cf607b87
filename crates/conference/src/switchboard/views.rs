//! What can be seen of the calls from outside, for the command line, the API and tests. Read only.

use std::collections::BTreeMap;

use super::Switchboard;
use crate::conference::Call;
use crate::consult::Stage;
use crate::ids::{AgentName, CallId, LegId, ParticipantId, Phone};
use crate::input::Direction;
use crate::mask::{ChangeSet, LegMask};
use crate::output::{Phase, Role, Status};
use crate::participant::{Leg, Line};
use crate::settings::Settings;

/// One call as people are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallView {
    /// Its id.
    pub id: CallId,
    /// The room's name, if it is one.
    pub room: Option<String>,
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
    /// Whether their voice is switched off.
    pub muted: bool,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferView {
    /// Who started it.
    pub by: ParticipantId,
    /// Who is brought in.
    pub target: ParticipantId,
    /// Its phase.
    pub phase: Phase,
    /// Whether the initiator has left while the target rings.
    pub cold: bool,
    /// Whether a BYE on one of the initiator's two lines waits for its judgement.
    pub undecided: bool,
}

impl CallView {
    fn of(call: &Call) -> Self {
        let room = match &call.kind {
            crate::conference::Kind::Room(name) => Some(name.clone()),
            crate::conference::Kind::Plain | crate::conference::Kind::Service(_) => None,
        };
        let participants = call.people.iter().map(|(who, person)| ParticipantView {
            who: *who,
            role: person.role,
            agent: person.agent.clone(),
            name: person.name.clone(),
            status: call.status(*who).unwrap_or(Status::Calling),
            on_hold_by_somebody: person.held.is_some(),
            muted: person.muted,
            legs: call.legs_of(person).map(|(id, leg)| LegView::of(id, leg)).collect(),
        });
        let transfer = call.transfer.as_ref().map(|transfer| TransferView {
            by: transfer.initiator,
            target: transfer.target,
            phase: transfer.stage.phase(),
            cold: transfer.stage == Stage::Cold,
            undecided: transfer.grace.is_some(),
        });
        Self { id: call.id, room, participants: participants.collect(), transfer }
    }

    /// One participant.
    #[must_use]
    pub fn participant(&self, who: ParticipantId) -> Option<&ParticipantView> {
        self.participants.iter().find(|person| person.who == who)
    }
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
        self.calls.values().map(CallView::of)
    }

    /// One call.
    #[must_use]
    pub fn call(&self, id: CallId) -> Option<CallView> {
        self.calls.get(&id).map(CallView::of)
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

    /// The calls an agent is in, oldest first.
    #[must_use]
    pub fn calls_of(&self, agent: &AgentName) -> Vec<CallId> {
        self.books.calls_of(agent)
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

    /// Whether nothing at all is left: no call, no leg, no deadline.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.rooms.is_empty() && self.alarms.is_empty() && self.books.is_empty()
    }
}
