//! What goes into the core: commands (asked by people) and reports (happened on a leg).

use serde::{Deserialize, Serialize};

use crate::ids::{AgentName, CallId, LegId, ParticipantId, Phone, ReservationId};
use crate::output::Cue;
use crate::settings::Settings;

/// Whom a dialled address or number reaches, after the dial plan was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Destination {
    /// An agent of this house.
    Agent(AgentName),
    /// A queue.
    Queue(String),
    /// A room, made with the defaults when it has no settings of its own.
    Room(String),
    /// A room of its own, of a name that no room has (the conference factory, RFC 4579 §5.4).
    NewRoom,
    /// An outside number by way of a trunk.
    Outside {
        /// The trunk's name.
        trunk: String,
        /// The number as it is to be dialled.
        number: String,
    },
    /// One of the services `*43` to `*45`.
    Service(Service),
    /// Nobody: no such agent, queue, room or route.
    Unknown,
}

/// The services that a phone can dial to test itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Service {
    /// `*43`: hears itself.
    Echo,
    /// `*44`: a steady tone.
    Tone,
    /// `*45`: the hold music.
    Music,
}

/// Who is calling, as far as it was proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Caller {
    /// A registered user who authenticated.
    Agent {
        /// Who.
        name: AgentName,
        /// On which of their phones.
        phone: Phone,
    },
    /// A caller from a trunk: a customer.
    Customer {
        /// The trunk's name.
        trunk: String,
        /// The number or name to show.
        number: String,
    },
}

/// Who asks for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asker {
    /// A REFER on a leg asked: whoever owns it, and the REFER waits for its answer.
    Leg(LegId),
    /// The keypad of a leg asked: whoever owns it; they hear how it goes.
    Keypad(LegId),
    /// An agent asked by API, command line or desktop.
    Agent(AgentName),
    /// The operator (admin token): may do everything.
    Operator,
}

/// How a supervisor joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SuperviseMode {
    /// Hears the agent and whomever the agent hears.
    Listen,
    /// Also is heard by the agent alone.
    Whisper,
    /// Is an agent in Main.
    Barge,
}

/// What an agent, or somebody for them, may say of their availability. What people are shown is `AgentState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Availability {
    /// Takes calls from queues.
    Ready,
    /// Does not.
    Paused,
    /// Finishes the last call; ends by itself with the queue's limit, if it has one.
    WrapUp,
}

/// Asked by people. A command that is not allowed now is refused and changes nothing.
#[expect(clippy::large_enum_variant, reason = "settings come once in a while, one at a time")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// New settings (start, reload). Calls go on.
    Configure(Settings),
    /// Open a call: ring `from`, then connect `to`.
    Dial {
        /// The agent to ring first.
        from: AgentName,
        /// Whom to connect then.
        to: Destination,
    },
    /// Start a transfer. Phone REFER without Replaces, keypad, API.
    Start {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
        /// Whom to bring in.
        target: Destination,
        /// The text to show of the target (what was dialled).
        shown: String,
    },
    /// End the transfer before completion; the initiator is back with the customer.
    Cancel {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
    },
    /// Every leg of the initiator turns to the other place.
    Swap {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
    },
    /// Nobody is held any more: all hear each other.
    Merge {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
    },
    /// The initiator leaves; target and customer go on.
    Complete {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
    },
    /// REFER with Replaces: `by` names another leg of the same agent, in the same call (completion) or in another call
    /// (the two calls become one).
    Join {
        /// The leg on which the REFER came.
        by: LegId,
        /// The leg that Replaces names.
        named: LegId,
    },
    /// Hold somebody.
    Hold {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
        /// Who is held.
        who: ParticipantId,
    },
    /// End somebody's hold.
    Unhold {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
        /// Whose hold ends.
        who: ParticipantId,
    },
    /// Switch somebody's voice off or on.
    Mute {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
        /// Whose voice.
        who: ParticipantId,
        /// Off (true) or on.
        muted: bool,
    },
    /// Remove a participant; oneself: leave without completing.
    Remove {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
        /// Who goes.
        who: ParticipantId,
    },
    /// End the call for everybody.
    End {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
    },
    /// A supervisor joins on a leg of theirs that is rung.
    Supervise {
        /// The call.
        call: CallId,
        /// The supervisor (an agent whose role is supervisor).
        by: AgentName,
        /// The supervised agent.
        agent: AgentName,
        /// How.
        mode: SuperviseMode,
    },
    /// An agent's availability.
    SetState {
        /// Whose.
        agent: AgentName,
        /// Who asks: the agent, a supervisor, the operator.
        by: Asker,
        /// What.
        availability: Availability,
    },
    /// The offered agent takes the call: nobody else is offered it any more, and their phone is rung as long as any
    /// other (`transfer.ring_timeout`).
    Accept {
        /// The offer.
        reservation: ReservationId,
        /// Who asks.
        by: Asker,
    },
    /// The offered agent does not take the call: it is offered to the next at once.
    Reject {
        /// The offer.
        reservation: ReservationId,
        /// Who asks.
        by: Asker,
    },
    /// Lets nobody into a room any more, or again.
    Lock {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
        /// Shut (true) or open.
        locked: bool,
    },
    /// Keys sent to one participant's phone alone.
    Press {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
        /// Who hears them.
        who: ParticipantId,
        /// The keys.
        keys: Vec<Key>,
    },
    /// A tone or prompt for one participant alone.
    Play {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
        /// Who hears it.
        who: ParticipantId,
        /// What.
        cue: Cue,
    },
    /// How loud somebody's voice is for the others.
    SetVolume {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Asker,
        /// Whose voice.
        who: ParticipantId,
        /// Decibels, -40 to 20; 0: as it comes.
        volume_db: i8,
    },
    /// The daemon stops: end every call.
    Shutdown,
}

/// What a phone asks of its own leg by offer or answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Hears and is heard.
    Both,
    /// Only listens (`recvonly`): hears, is not heard.
    Listens,
    /// Its phone pressed hold: nothing is sent to its ears, nothing it sends is heard.
    Away,
}

/// How a leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ending {
    /// Its phone said BYE.
    Bye,
    /// Its phone gave up before an answer (CANCEL).
    Cancelled,
    /// Found dead: no media, no answer to probes, a time-out or a transport that failed.
    Dead,
}

/// A key of a telephone, pressed and released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// `0`-`9`, `*`, `#`, `A`-`D`.
    pub digit: char,
    /// How long it was down.
    pub duration_ms: u16,
}

/// Happened on a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// An INVITE arrived.
    Arrived {
        /// Its leg.
        leg: LegId,
        /// Who calls.
        caller: Caller,
        /// Whom they dialled.
        to: Destination,
        /// The text to show of whom they dialled.
        shown: String,
        /// What its offer asks of the leg.
        direction: Direction,
    },
    /// A leg we ring is ringing (180, 183).
    Ringing {
        /// The leg.
        leg: LegId,
    },
    /// A leg we ring has not answered, but its sound comes already (183 with a description): early media.
    Early {
        /// The leg.
        leg: LegId,
        /// What its description asks of the leg.
        direction: Direction,
    },
    /// A leg we ring answered, with media that can be used.
    Answered {
        /// The leg.
        leg: LegId,
        /// What its answer asks of the leg.
        direction: Direction,
        /// Which phone answered (for agents).
        phone: Option<Phone>,
    },
    /// A leg we ring could not be had.
    Failed {
        /// The leg.
        leg: LegId,
        /// The SIP status that says why (480 no reachable phone, 486 busy, 408 no answer, 503 unreachable …).
        status: u16,
    },
    /// A leg ended. Its id is never used again.
    Ended {
        /// The leg.
        leg: LegId,
        /// How.
        how: Ending,
    },
    /// A re-INVITE or UPDATE was read: what the phone now asks of its leg. Always answered by `AnswerOffer`.
    Offered {
        /// The leg.
        leg: LegId,
        /// The new direction.
        direction: Direction,
    },
    /// No media came on an open leg for `media_timeout_s`.
    Silent {
        /// The leg.
        leg: LegId,
    },
    /// Somebody has begun to talk on a leg, or has stopped, while somebody may hear it.
    Talks {
        /// The leg.
        leg: LegId,
        /// Whether they talk now.
        talks: bool,
    },
    /// The answer to a probe asked by `Effect::Probe`.
    Probed {
        /// The leg.
        leg: LegId,
        /// Whether its phone still answers.
        alive: bool,
    },
    /// An INVITE with Replaces arrived (RFC 3891) from whoever owns the dialog it names: the new leg takes the place of
    /// the old one.
    Replaced {
        /// The new leg.
        leg: LegId,
        /// The leg that Replaces names.
        old: LegId,
        /// Who calls.
        caller: Caller,
        /// What its offer asks of the new leg.
        direction: Direction,
    },
    /// A key was pressed and released on a leg whose digits are collected (`Effect::CollectDigits`). Of any other leg it
    /// goes on as it is (`Effect::Relay`).
    Digit {
        /// The leg.
        leg: LegId,
        /// The key.
        key: Key,
    },
    /// The answer to `Effect::LookUp`: whom the digits reach.
    Looked {
        /// The leg whose keypad asked.
        leg: LegId,
        /// Whom they reach.
        target: Destination,
        /// The digits.
        shown: String,
    },
    /// How many phones of an agent are registered now.
    Registered {
        /// The agent.
        agent: AgentName,
        /// Phones.
        phones: u32,
    },
    /// A queue's hours began or ended. A queue of which nothing was said is open.
    Hours {
        /// The queue.
        queue: String,
        /// Whether it is open now.
        open: bool,
    },
}
