//! What comes out of the core: effects (to be done, in this order) and events (already true).

use serde::{Deserialize, Serialize};

use crate::ids::{AgentName, CallId, LegId, ParticipantId, ReservationId};
use crate::input::{Destination, Direction, Key};
use crate::mask::ChangeSet;
use crate::moment::Moment;
use crate::refusal::Refusal;

/// One step of a reaction. Outputs are carried out in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// To be done.
    Effect(Effect),
    /// Already true.
    Event(Event),
}

/// Who is shown to a phone that is rung.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The display name, possibly empty.
    pub display: String,
    /// The user part of the address: a number or an agent's name.
    pub user: String,
}

/// A short sound or prompt for one leg, added to what it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cue {
    /// The target could not be had, or is gone.
    Failure,
    /// Something the person should notice (the target answered while they face the customer, the customer hung up).
    Notice,
    /// What a keypad code asked for is done.
    Done,
    /// What a keypad code asked for is not possible now.
    Refused,
    /// Spoken: nobody has that number.
    Unknown,
    /// Spoken: busy.
    Busy,
    /// Spoken: turned down.
    Rejected,
    /// Spoken: no answer.
    NoAnswer,
    /// Spoken: cannot be reached.
    Unreachable,
    /// Spoken: the queue is closed.
    Closed,
    /// Spoken: the caller's place in the queue, 1 being next.
    Position(u16),
    /// Spoken: type the room's number, then the pound key.
    EnterPin,
    /// Spoken: that was wrong, once more.
    WrongPin,
    /// Somebody came into the room.
    Entered,
    /// Somebody left the room.
    Left,
}

/// To be done by the edges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Law 2: before every other output of its reaction.
    SetAudibility(ChangeSet),
    /// Ring somebody on a new leg.
    Ring {
        /// The call it belongs to.
        call: CallId,
        /// The new leg.
        leg: LegId,
        /// Whom to ring: an agent (all their phones at once) or an outside number.
        to: Destination,
        /// Who is shown as calling.
        shown: Identity,
    },
    /// Tell an arrived leg that whom it called is ringing (180).
    Progress {
        /// The leg.
        leg: LegId,
    },
    /// Answer an arrived leg (200).
    Answer {
        /// The leg.
        leg: LegId,
    },
    /// Turn an arrived leg down.
    Reject {
        /// The leg.
        leg: LegId,
        /// The SIP status.
        status: u16,
        /// The refusal behind it, if it is one (becomes the Reason header).
        refusal: Option<Refusal>,
    },
    /// Answer the offer that waits on a leg.
    AnswerOffer {
        /// The leg.
        leg: LegId,
    },
    /// End a leg: BYE, or CANCEL while it rings, or the target's own final status to a leg not answered yet.
    Hangup {
        /// The leg.
        leg: LegId,
        /// For a leg that arrived and was never answered: the status to give.
        status: Option<u16>,
    },
    /// Ask a leg's phone by OPTIONS in the dialog whether it lives; comes back as `Report::Probed`.
    Probe {
        /// The leg.
        leg: LegId,
    },
    /// Accept the REFER that waits on a leg (202 and NOTIFY 100).
    AcceptRefer {
        /// The leg.
        leg: LegId,
    },
    /// Tell whoever sent the REFER on this leg how it goes.
    NotifyReferrer {
        /// The leg.
        leg: LegId,
        /// The status of the sipfrag.
        status: u16,
        /// Whether it is the last word.
        last: bool,
    },
    /// From now on this leg's digits are not relayed to whoever hears it: they are reported (`Report::Digit`).
    CollectDigits {
        /// The leg.
        leg: LegId,
    },
    /// Digits that are no code: to whoever hears the leg now, one after the other, each with its own duration.
    Relay {
        /// The leg whose keys they are.
        leg: LegId,
        /// The keys.
        keys: Vec<Key>,
    },
    /// Ask the dial plan whom digits reach, as if the leg's owner had dialled them; comes back as `Report::Looked`.
    LookUp {
        /// The leg.
        leg: LegId,
        /// The digits.
        dialled: String,
    },
    /// Tell a leg's phone with whom it talks now (P-Asserted-Identity, RFC 3325).
    Identify {
        /// The leg.
        leg: LegId,
        /// Who.
        peer: Identity,
    },
    /// Send keys to one leg's phone.
    Press {
        /// The leg.
        leg: LegId,
        /// The keys.
        keys: Vec<Key>,
    },
    /// How loud a leg's voice is for the others from here on.
    SetVolume {
        /// The leg.
        leg: LegId,
        /// Decibels, -40 to 20; 0: as it comes.
        volume_db: i8,
    },
    /// Play a cue into one leg.
    Cue {
        /// The leg.
        leg: LegId,
        /// What.
        cue: Cue,
    },
}

/// A participant's role in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Came in from a trunk, or is the outside number with which an agent opened the call.
    Customer,
    /// A registered user.
    Agent,
    /// An outside number brought in as a transfer's target; serves like an agent, commands nothing.
    Outside,
    /// Listens, whispers, barges.
    Supervisor,
}

/// A participant's status as people are shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Waits in a queue.
    Queued,
    /// Being called, not ringing yet.
    Calling,
    /// Ringing.
    Ringing,
    /// Talks.
    Live,
    /// On hold: held, or waiting, or the answered target whom nobody faces.
    Held,
}

/// Why a participant left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Left {
    /// Hung up.
    HungUp,
    /// Was removed by somebody.
    Removed,
    /// The phone died.
    Dead,
    /// Could not be had; the SIP status.
    Failed(u16),
    /// The attempt to reach them was given up.
    Cancelled,
    /// Completed a transfer.
    Completed,
    /// Released because nobody is left to talk to.
    Released,
    /// The call was ended for everybody, or the service stops.
    Ended,
}

/// How a transfer came out; exactly one per transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// The initiator left, target and customer go on.
    Completed,
    /// All stayed together and another transfer began, or the call ended merged.
    Joined,
    /// Cancelled before completion.
    Cancelled,
    /// The target turned it down; the SIP status.
    Rejected(u16),
    /// The target did not answer in time.
    NoAnswer,
    /// The target could not be reached; the SIP status.
    Unreachable(u16),
    /// The target hung up during the consult.
    TargetGone,
    /// The customer hung up.
    CustomerGone,
    /// The target is a queue in which nobody took the call in time.
    QueueTimeout,
    /// The call was ended for everybody.
    CallEnded,
}

/// A transfer's phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// The target is called or rings.
    Calling,
    /// Target answered; the consult is private.
    Private,
    /// Everybody hears everybody.
    Merged,
}

/// What an agent does, as people are shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AgentState {
    /// No phone is registered.
    Offline,
    /// Takes calls from queues.
    Ready,
    /// Does not.
    Paused,
    /// Finishes the last call.
    WrapUp,
    /// Is offered a call, or is rung by a caller.
    Reserved,
    /// In a call.
    OnCall,
}

/// How a reservation ended; exactly one per reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReservationEnd {
    /// The agent's phone answered.
    Answered,
    /// The agent turned it down, on the phone or by command.
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

/// How a call left a queue; exactly one per entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum QueueExit {
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
    /// The queue was closed, or closed while the call waited.
    Closed,
    /// Nobody who serves it has a phone registered.
    Empty,
}

/// Already true; told to logs, history, API and desktops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A call began.
    CallStarted {
        /// The call.
        call: CallId,
        /// The room's name, if it is one.
        room: Option<String>,
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
    /// An agent's state changed.
    AgentChanged {
        /// The agent.
        agent: AgentName,
        /// What they do now.
        state: AgentState,
    },
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
    /// The call it is about; `None`: about an agent or a queue.
    #[must_use]
    pub const fn call(&self) -> Option<CallId> {
        match self {
            Self::AgentChanged { .. } | Self::QueueChanged { .. } => None,
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
            | Self::LockChanged { call, .. }
            | Self::PinTyped { call, .. } => Some(*call),
        }
    }
}
