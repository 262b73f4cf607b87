//! An event as programs are told it: its number, its time, its type, and what it is about.

use conference::{Event as CoreEvent, Left, Outcome};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Agent, AgentState, Call, Direction, Facing, Phase, Queue, Reservation, Role, Status, Target};
use crate::house::Told;

words! {
    /// How a reservation ended.
    ReservationEnd {
        /// The agent's phone answered.
        Answered,
        /// The agent turned it down.
        Rejected,
        /// No answer in time.
        Expired,
        /// Somebody else took the call.
        Elsewhere,
        /// The call is gone, or the agent left.
        Withdrawn,
        /// The agent's phone could not be reached.
        Unreachable,
    }
}

words! {
    /// How a call left a queue.
    QueueExit {
        /// An agent answered.
        Answered,
        /// The caller hung up.
        Abandoned,
        /// The consult was cancelled, or its initiator's call ended.
        Cancelled,
        /// Waited too long.
        TimedOut,
        /// The queue was full.
        Full,
        /// The queue was closed.
        Closed,
        /// Nobody who serves it has a phone registered.
        Empty,
    }
}

/// Why somebody left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftReason {
    /// Hung up.
    HungUp,
    /// Was removed by somebody.
    Removed,
    /// The phone died.
    Dead,
    /// Could not be had: see `sip_status`.
    Failed,
    /// The attempt to reach them was given up.
    Cancelled,
    /// Completed a transfer.
    Completed,
    /// Nobody was left to talk to.
    Released,
    /// The call was ended for everybody.
    Ended,
}

impl LeftReason {
    pub(crate) const fn of(why: Left) -> (Self, Option<u16>) {
        match why {
            Left::HungUp => (Self::HungUp, None),
            Left::Removed => (Self::Removed, None),
            Left::Dead => (Self::Dead, None),
            Left::Failed(status) => (Self::Failed, Some(status)),
            Left::Cancelled => (Self::Cancelled, None),
            Left::Completed => (Self::Completed, None),
            Left::Released => (Self::Released, None),
            Left::Ended => (Self::Ended, None),
        }
    }
}

/// How a transfer came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeName {
    /// The initiator left, target and customer go on.
    Completed,
    /// All stayed together.
    Joined,
    /// Cancelled before completion.
    Cancelled,
    /// The target turned it down: see `sip_status`.
    Rejected,
    /// The target did not answer in time.
    NoAnswer,
    /// The target could not be reached: see `sip_status`.
    Unreachable,
    /// The target hung up during the consult.
    TargetGone,
    /// The customer hung up.
    CustomerGone,
    /// Nobody of the queue took the call in time.
    QueueTimeout,
    /// The call was ended for everybody.
    CallEnded,
}

impl OutcomeName {
    pub(crate) const fn of(outcome: Outcome) -> (Self, Option<u16>) {
        match outcome {
            Outcome::Completed => (Self::Completed, None),
            Outcome::Joined => (Self::Joined, None),
            Outcome::Cancelled => (Self::Cancelled, None),
            Outcome::Rejected(status) => (Self::Rejected, Some(status)),
            Outcome::NoAnswer => (Self::NoAnswer, None),
            Outcome::Unreachable(status) => (Self::Unreachable, Some(status)),
            Outcome::TargetGone => (Self::TargetGone, None),
            Outcome::CustomerGone => (Self::CustomerGone, None),
            Outcome::QueueTimeout => (Self::QueueTimeout, None),
            Outcome::CallEnded => (Self::CallEnded, None),
        }
    }
}

/// One message of `/v1/events`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventMessage {
    /// Its place in the order of all events; go on after a lost connection with `?since=`.
    pub seq: u64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// Everything at one place in the order of events: what the asker may see of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// The calls, oldest first.
    pub calls: Vec<Call>,
    /// The agents, by name.
    pub agents: Vec<Agent>,
    /// The queues, by name.
    pub queues: Vec<Queue>,
    /// The offers.
    pub reservations: Vec<Reservation>,
}

/// What happened, by `type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of the core's events")]
pub enum Event {
    /// Everything there is: the first message without `since`, and when the gap since then is too old.
    Snapshot(Snapshot),
    /// A call began.
    CallStarted {
        call: String,
        #[schema(required)]
        room: Option<String>,
        #[schema(required)]
        door: Option<String>,
    },
    /// A call ended.
    CallEnded { call: String },
    /// Two calls became one: `joined` is part of `call` now.
    CallsJoined { call: String, joined: String },
    /// Somebody joined a call (is called, rings, or arrived).
    ParticipantJoined {
        call: String,
        participant: String,
        role: Role,
        #[schema(required)]
        agent: Option<String>,
        name: String,
    },
    /// Somebody's status changed.
    StatusChanged { call: String, participant: String, status: Status, held: bool },
    /// Somebody was muted or unmuted.
    MuteChanged { call: String, participant: String, muted: bool },
    /// A phone put its own leg on hold, or took it back.
    DirectionChanged { call: String, participant: String, leg: String, direction: Direction },
    /// Somebody left.
    ParticipantLeft {
        call: String,
        participant: String,
        reason: LeftReason,
        #[schema(required)]
        sip_status: Option<u16>,
    },
    /// A transfer began.
    TransferStarted { call: String, by: String, participant: String, target: Target },
    /// A transfer's phase, or whom the initiator faces, changed.
    TransferChanged { call: String, phase: Phase, facing: Facing },
    /// A transfer ended; exactly once for each that started.
    TransferEnded {
        call: String,
        outcome: OutcomeName,
        #[schema(required)]
        sip_status: Option<u16>,
    },
    /// An initiator who had left is rung again.
    Recalling { call: String, agent: String },
    /// A customer goes where customers go whom nobody is left to serve.
    FellBack { call: String, participant: String },
    /// Both lines of a phone are open: it mixes (true), or does not any more.
    BridgedByPhone { call: String, participant: String, bridged: bool },
    /// An agent's state, availability or number of phones changed; the state may be the one told before.
    AgentChanged { agent: String, state: AgentState },
    /// New settings are in force, or users came or went: agents, queues and extensions may be others. Ask for them again.
    SettingsChanged,
    /// How many wait in a queue, or are ready for it, changed.
    QueueChanged { queue: String, waiting: u32, ready: u32, open: bool },
    /// A call entered a queue; `participant` is who will be the agent.
    QueueEntered { call: String, participant: String, queue: String, position: u32 },
    /// A waiting call moved.
    QueueMoved { call: String, participant: String, position: u32 },
    /// A call left a queue.
    QueueLeft { call: String, participant: String, queue: String, how: QueueExit },
    /// A waiting call is offered to an agent.
    Reserved {
        reservation: String,
        agent: String,
        queue: String,
        call: String,
        participant: String,
        #[schema(format = DateTime)]
        until: String,
    },
    /// The offered agent said yes by command; their phone rings on.
    ReservationAccepted { reservation: String, agent: String, call: String },
    /// An offer ended.
    ReservationEnded { reservation: String, agent: String, call: String, how: ReservationEnd },
    /// Somebody's voice is louder or softer.
    VolumeChanged { call: String, participant: String, volume_db: i8 },
    /// Somebody whom you hear has begun to talk, or has stopped, or cannot be heard by you any more. The operator is told of everybody
    /// whom somebody hears, and may be told again that somebody talks when others begin or cease to hear them.
    TalkChanged { call: String, participant: String, talking: bool },
    /// A room was locked, or opened again.
    LockChanged { call: String, locked: bool },
    /// Somebody typed a room's PIN.
    PinTyped { call: String, participant: String, right: bool },
}

impl EventMessage {
    pub(crate) fn of(told: &Told, epoch: i64) -> Self {
        Self { seq: told.seq, at: super::time(told.at), event: Event::of(&told.event, epoch) }
    }

    /// The same for the operator, where that differs: somebody whom an agent does not hear any more talks on as long as anybody does.
    pub(crate) fn for_operator(&self, told: &Told) -> Option<Self> {
        let CoreEvent::TalkChanged { operator: false, .. } = &told.event else { return None };
        let Event::TalkChanged { call, participant, talking: false } = &self.event else { return None };
        let event = Event::TalkChanged { call: call.clone(), participant: participant.clone(), talking: true };
        Some(Self { event, ..self.clone() })
    }
}

impl Event {
    fn of(event: &CoreEvent, epoch: i64) -> Self {
        let id = |id: &dyn ToString| id.to_string();
        match event {
            CoreEvent::CallStarted { call, room, door } => {
                Self::CallStarted { call: id(call), room: room.clone(), door: door.clone() }
            }
            CoreEvent::CallEnded { call } => Self::CallEnded { call: id(call) },
            CoreEvent::CallsJoined { call, joined } => Self::CallsJoined { call: id(call), joined: id(joined) },
            CoreEvent::ParticipantJoined { call, who, role, agent, name } => Self::ParticipantJoined {
                call: id(call),
                participant: id(who),
                role: (*role).into(),
                agent: agent.as_ref().map(|agent| agent.0.clone()),
                name: name.clone(),
            },
            CoreEvent::StatusChanged { call, who, status } => Self::StatusChanged {
                call: id(call),
                participant: id(who),
                status: (*status).into(),
                held: *status == conference::Status::Held,
            },
            CoreEvent::MuteChanged { call, who, muted } => {
                Self::MuteChanged { call: id(call), participant: id(who), muted: *muted }
            }
            CoreEvent::DirectionChanged { call, who, leg, direction } => Self::DirectionChanged {
                call: id(call),
                participant: id(who),
                leg: id(leg),
                direction: (*direction).into(),
            },
            CoreEvent::ParticipantLeft { call, who, why } => {
                let (reason, sip_status) = LeftReason::of(*why);
                Self::ParticipantLeft { call: id(call), participant: id(who), reason, sip_status }
            }
            CoreEvent::TransferStarted { call, by, target, to } => {
                Self::TransferStarted { call: id(call), by: id(by), participant: id(target), target: Target::of(to) }
            }
            CoreEvent::TransferChanged { call, phase, faces_target } => {
                Self::TransferChanged { call: id(call), phase: (*phase).into(), facing: Facing::of(*faces_target) }
            }
            CoreEvent::TransferEnded { call, outcome } => {
                let (outcome, sip_status) = OutcomeName::of(*outcome);
                Self::TransferEnded { call: id(call), outcome, sip_status }
            }
            CoreEvent::Recalling { call, agent } => Self::Recalling { call: id(call), agent: id(agent) },
            CoreEvent::FellBack { call, who } => Self::FellBack { call: id(call), participant: id(who) },
            CoreEvent::BridgedByPhone { call, who, bridged } => {
                Self::BridgedByPhone { call: id(call), participant: id(who), bridged: *bridged }
            }
            CoreEvent::AgentChanged { agent, state } => Self::AgentChanged { agent: id(agent), state: (*state).into() },
            CoreEvent::SettingsChanged => Self::SettingsChanged,
            CoreEvent::QueueChanged { queue, waiting, ready, open } => {
                Self::QueueChanged { queue: queue.clone(), waiting: *waiting, ready: *ready, open: *open }
            }
            CoreEvent::QueueEntered { call, who, queue, position } => {
                Self::QueueEntered { call: id(call), participant: id(who), queue: queue.clone(), position: *position }
            }
            CoreEvent::QueueMoved { call, who, position } => {
                Self::QueueMoved { call: id(call), participant: id(who), position: *position }
            }
            CoreEvent::QueueLeft { call, who, queue, how } => {
                Self::QueueLeft { call: id(call), participant: id(who), queue: queue.clone(), how: (*how).into() }
            }
            CoreEvent::Reserved { reservation, agent, queue, call, who, until } => Self::Reserved {
                reservation: id(reservation),
                agent: id(agent),
                queue: queue.clone(),
                call: id(call),
                participant: id(who),
                until: super::moment(epoch, *until),
            },
            CoreEvent::ReservationAccepted { reservation, agent, call } => {
                Self::ReservationAccepted { reservation: id(reservation), agent: id(agent), call: id(call) }
            }
            CoreEvent::ReservationEnded { reservation, agent, call, how } => Self::ReservationEnded {
                reservation: id(reservation),
                agent: id(agent),
                call: id(call),
                how: (*how).into(),
            },
            CoreEvent::VolumeChanged { call, who, volume_db } => {
                Self::VolumeChanged { call: id(call), participant: id(who), volume_db: *volume_db }
            }
            CoreEvent::TalkChanged { call, who, talks, .. } => {
                Self::TalkChanged { call: id(call), participant: id(who), talking: *talks }
            }
            CoreEvent::LockChanged { call, locked } => Self::LockChanged { call: id(call), locked: *locked },
            CoreEvent::PinTyped { call, who, right } => {
                Self::PinTyped { call: id(call), participant: id(who), right: *right }
            }
        }
    }
}
