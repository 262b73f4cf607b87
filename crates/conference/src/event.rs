//! What is already true: told to logs, history, API and desktops. What is to be done is in `output`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{AgentName, CallId, LegId, ParticipantId, ReservationId};
use crate::input::{Destination, Direction};
use crate::moment::Moment;
use crate::output::{AgentState, Left, Outcome, Phase, QueueExit, ReservationEnd, Role, Status};

/// Already true; told to logs, history, API and desktops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A call began.
    CallStarted {
        /// The call.
        call: CallId,
        /// The room's name, if it is one.
        room: Option<String>,
        /// The room before whose door somebody stands; the call that is the room is another.
        door: Option<String>,
    },
    /// A call ended.
    CallEnded {
        /// The call.
        call: CallId,
    },
    /// Two calls became one.
    CallsJoined {
        /// The call that goes on (the older).
        call: CallId,
        /// The call that is part of it now.
        joined: CallId,
    },
    /// Somebody joined a call (is called, rings, or arrived).
    ParticipantJoined {
        /// The call.
        call: CallId,
        /// Who.
        who: ParticipantId,
        /// Their role.
        role: Role,
        /// The agent's name, if it is one.
        agent: Option<AgentName>,
        /// The name or number to show.
        name: String,
    },
    /// Somebody's status changed.
    StatusChanged {
        /// The call.
        call: CallId,
        /// Who.
        who: ParticipantId,
        /// The new status.
        status: Status,
    },
    /// Somebody was muted or unmuted.
    MuteChanged {
        /// The call.
        call: CallId,
        /// Who.
        who: ParticipantId,
        /// Off (true) or on.
        muted: bool,
    },
    /// A phone put its own leg on hold, or took it back.
    DirectionChanged {
        /// The call.
        call: CallId,
        /// Who.
        who: ParticipantId,
        /// The leg.
        leg: LegId,
        /// What it asks for now.
        direction: Direction,
    },
    /// Somebody left.
    ParticipantLeft {
        /// The call.
        call: CallId,
        /// Who.
        who: ParticipantId,
        /// Why.
        why: Left,
    },
    /// A transfer began.
    TransferStarted {
        /// The call.
        call: CallId,
        /// The initiator.
        by: ParticipantId,
        /// The target.
        target: ParticipantId,
        /// Whom the target was asked as: an agent, a queue, an outside number.
        to: Destination,
    },
    /// A transfer's phase, or the side the initiator faces, changed.
    TransferChanged {
        /// The call.
        call: CallId,
        /// The phase.
        phase: Phase,
        /// Whether the initiator's open leg faces the target (else the customer).
        faces_target: bool,
    },
    /// A transfer ended; exactly once for each that started.
    TransferEnded {
        /// The call.
        call: CallId,
        /// How.
        outcome: Outcome,
    },
    /// An initiator who had left is being rung again.
    Recalling {
        /// The call.
        call: CallId,
        /// The initiator.
        agent: AgentName,
    },
    /// A customer goes to `transfer.fallback`.
    FellBack {
        /// The call.
        call: CallId,
        /// Who.
        who: ParticipantId,
    },
    /// Both lines of a phone are open: the phone mixes, the server does not.
    BridgedByPhone {
        /// The call.
        call: CallId,
        /// Whose phone.
        who: ParticipantId,
        /// Begun (true) or over.
        bridged: bool,
    },
    /// An agent's state changed, or, with the same state, their phones or what was said of their availability.
    AgentChanged {
        /// The agent.
        agent: AgentName,
        /// What they do now.
        state: AgentState,
    },
    /// New settings are in force: agents, queues, rooms and rules may be others than before.
    SettingsChanged,
    /// How many wait in a queue, or how many agents are ready for it, changed.
    QueueChanged {
        /// The queue.
        queue: String,
        /// Calls that wait.
        waiting: u32,
        /// Agents who serve it and are ready.
        ready: u32,
        /// Whether it is open.
        open: bool,
    },
    /// A call entered a queue.
    QueueEntered {
        /// The call.
        call: CallId,
        /// Who is looked for an agent on their behalf: the participant who will be the agent.
        who: ParticipantId,
        /// The queue.
        queue: String,
        /// Its place, 1 being next.
        position: u32,
    },
    /// A waiting call moved up (or down, behind a call of higher priority).
    QueueMoved {
        /// The call.
        call: CallId,
        /// As in `QueueEntered`.
        who: ParticipantId,
        /// Its place, 1 being next.
        position: u32,
    },
    /// A call left a queue.
    QueueLeft {
        /// The call.
        call: CallId,
        /// As in `QueueEntered`.
        who: ParticipantId,
        /// The queue.
        queue: String,
        /// How.
        how: QueueExit,
    },
    /// A waiting call is offered to an agent.
    Reserved {
        /// The offer.
        reservation: ReservationId,
        /// To whom.
        agent: AgentName,
        /// From which queue.
        queue: String,
        /// The call.
        call: CallId,
        /// As in `QueueEntered`.
        who: ParticipantId,
        /// When the offer ends.
        until: Moment,
    },
    /// The offered agent said yes by command; their phone rings on.
    ReservationAccepted {
        /// The offer.
        reservation: ReservationId,
        /// Who.
        agent: AgentName,
        /// The call.
        call: CallId,
    },
    /// An offer ended.
    ReservationEnded {
        /// The offer.
        reservation: ReservationId,
        /// To whom it was made.
        agent: AgentName,
        /// The call.
        call: CallId,
        /// How.
        how: ReservationEnd,
    },
    /// Somebody's voice is louder or softer from here on.
    VolumeChanged {
        /// The call.
        call: CallId,
        /// Whose.
        who: ParticipantId,
        /// Decibels.
        volume_db: i8,
    },
    /// Somebody has begun to talk, or has stopped, as far as those are concerned who hear them. Whoever cannot hear them any more is
    /// told that they stopped.
    TalkChanged {
        /// The call.
        call: CallId,
        /// Who.
        who: ParticipantId,
        /// Whether they talk.
        talks: bool,
        /// The agents for whom that is so.
        to: BTreeSet<AgentName>,
        /// Whether it is so for the operator: nobody heard them before, or nobody does now.
        operator: bool,
    },
    /// A room was locked, or opened again.
    LockChanged {
        /// The call.
        call: CallId,
        /// Shut (true) or open.
        locked: bool,
    },
    /// Somebody typed a room's PIN.
    PinTyped {
        /// The call.
        call: CallId,
        /// Who.
        who: ParticipantId,
        /// Whether it was right.
        right: bool,
    },
}

impl Event {
    /// The call it is about; `None`: about an agent, a queue, or all of them.
    #[must_use]
    pub const fn call(&self) -> Option<CallId> {
        match self {
            Self::AgentChanged { .. } | Self::QueueChanged { .. } | Self::SettingsChanged => None,
            Self::CallStarted { call, .. }
            | Self::CallEnded { call }
            | Self::CallsJoined { call, .. }
            | Self::ParticipantJoined { call, .. }
            | Self::StatusChanged { call, .. }
            | Self::MuteChanged { call, .. }
            | Self::DirectionChanged { call, .. }
            | Self::ParticipantLeft { call, .. }
            | Self::TransferStarted { call, .. }
            | Self::TransferChanged { call, .. }
            | Self::TransferEnded { call, .. }
            | Self::Recalling { call, .. }
            | Self::FellBack { call, .. }
            | Self::BridgedByPhone { call, .. }
            | Self::QueueEntered { call, .. }
            | Self::QueueMoved { call, .. }
            | Self::QueueLeft { call, .. }
            | Self::Reserved { call, .. }
            | Self::ReservationAccepted { call, .. }
            | Self::ReservationEnded { call, .. }
            | Self::VolumeChanged { call, .. }
            | Self::TalkChanged { call, .. }
            | Self::LockChanged { call, .. }
            | Self::PinTyped { call, .. } => Some(*call),
        }
    }
}
