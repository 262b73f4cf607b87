//! A second, naive reading of what went in and what came out: who should hear whom, who is held, who is on hold.
//!
//! It shares no line with the core. It keeps no places or masks, asks every pair by itself, and takes from the outputs
//! only what people could see: who joined and left, when a transfer began and ended, whose a leg is. What holds, turns
//! and departures mean it works out by itself from the accepted commands.
#![allow(dead_code, unreachable_pub, clippy::wildcard_enum_match_arm)]

mod commands;
mod events;
mod hearing;
mod mixer;
mod replaced;
mod reports;
mod talk;

use std::collections::{BTreeMap, BTreeSet};

use conference::{AgentName, CallId, Direction, LegId, Moment, ParticipantId, Phone, Role, Status, SuperviseMode};

pub use hearing::Finding;
pub use mixer::Mixer;
pub use talk::Talk;

/// Who put somebody on hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    Person(ParticipantId),
    Operator,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub role: Role,
    pub agent: Option<AgentName>,
    pub held: Option<Holder>,
    pub muted: bool,
    pub mode: Option<(ParticipantId, SuperviseMode)>,
    pub told: Option<Status>,
    /// Rung or waited for, and not answered, for whose sake.
    pub rings: Option<Rings>,
    /// The queue in which somebody who will be an agent is waited for.
    pub waits: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rings {
    ForCaller,
    ForNobody,
    AsTarget,
}

#[derive(Clone, Debug)]
pub struct Leg {
    /// Where and whose, once that can be known.
    pub owner: Option<(CallId, ParticipantId)>,
    pub live: bool,
    /// Its sound comes, or goes to it, before the answer.
    pub early: bool,
    /// Ended, hung up, or found silent: never heard again.
    pub closed: bool,
    /// Closed because it was found silent, not because the edge said it ended.
    pub found_dead: bool,
    pub direction: Direction,
    /// The second line because of which it counts as away.
    pub assumed: Option<LegId>,
    pub phone: Option<(AgentName, Phone)>,
    pub faces_side: bool,
    pub order: u64,
}

#[derive(Clone, Debug)]
pub struct Transfer {
    pub by: ParticipantId,
    pub target: ParticipantId,
    pub merged: bool,
    pub cold: bool,
    pub answered: bool,
    /// The leg on which a REFER started it that has not had its last word.
    pub referred: Option<LegId>,
    /// A BYE that is not judged yet: until when, and whether the target was faced before it.
    pub grace: Option<(Moment, bool)>,
    /// Whether the target was faced before the first of the initiator's legs was found dead.
    pub dying: Option<bool>,
    pub told_faces: Option<bool>,
}

#[derive(Clone, Debug, Default)]
pub struct Call {
    pub room: Option<String>,
    pub service: bool,
    /// Somebody types the PIN of a room.
    pub door: bool,
    pub people: BTreeMap<ParticipantId, Person>,
    pub transfer: Option<Transfer>,
    /// Somebody named an outside party and a customer together.
    pub named: bool,
    pub stuck_since: Option<Moment>,
    pub transfers_begun: u32,
    pub transfers_ended: u32,
}

/// An INVITE that just arrived: its leg, whose phone it came from, and what it asks for.
type Arriving = (LegId, Option<(AgentName, Phone)>, Direction);

/// Everything the oracle has understood so far.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    pub calls: BTreeMap<CallId, Call>,
    pub legs: BTreeMap<LegId, Leg>,
    pub mixer: Mixer,
    pub now: Moment,
    pub supervise_consults: bool,
    pub waiting_rooms: BTreeSet<String>,
    /// What the current input is, as far as the reading of events depends on it.
    arriving: Option<Arriving>,
    dialling: bool,
    service: bool,
    /// Whether a room with a PIN was dialled.
    shut: bool,
    pub shut_rooms: BTreeSet<String>,
    supervising: Option<SuperviseMode>,
    /// Whether whoever rings while two calls become one is muted.
    called_muted: bool,
    next_order: u64,
    ringing: BTreeMap<LegId, (CallId, ParticipantId)>,
    /// Legs by which outside numbers are rung.
    outside: BTreeSet<LegId>,
    /// Which agent a leg is rung for that a queue offers a call.
    offered: BTreeMap<LegId, AgentName>,
    /// The offer for which somebody is about to be rung.
    offer: Option<(CallId, ParticipantId, AgentName)>,
    pub talk: Talk,
    pub transfers_begun: u64,
    pub transfers_ended: u64,
}

impl Call {
    pub fn private(&self) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| !transfer.merged && !transfer.cold)
    }

    pub fn serving(person: &Person) -> bool {
        match person.role {
            Role::Agent | Role::Outside => true,
            Role::Customer => false,
            Role::Supervisor => !Self::lurking(person),
        }
    }

    pub fn lurking(person: &Person) -> bool {
        let rung = person.rings.is_some();
        person.role == Role::Supervisor && (rung || !matches!(person.mode, Some((_, SuperviseMode::Barge)) | None))
    }
}
