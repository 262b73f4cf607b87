//! What comes out of the core: effects (to be done, in this order) and events (already true; `event`).

use serde::{Deserialize, Serialize};

pub use crate::event::Event;
use crate::ids::{CallId, LegId};
use crate::input::{Destination, Key};
use crate::mask::ChangeSet;
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
    /// Give an arrived leg sound before its answer (183 with a description): whom it called has early media.
    ProgressWithSound {
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
    /// Waits in a queue, or before the door of a room.
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
