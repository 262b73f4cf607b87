//! What the signalling side tells a media thread, and what it hears back. Both go through bounded rings.
//!
//! Whatever owns memory travels in a box that was made on the signalling side and goes back there to be freed.

use std::net::IpAddr;

use conference::{CallId, Cue, LegId};
use tokio::sync::oneshot;

use super::call::Call;
use crate::bridge::seat::Seat;
use crate::dtmf::Digit;
use crate::leg::{Gear, Leg, Snapshot};
use crate::mixer::Applied;
use crate::sdp::Agreement;
use crate::sounds::QueueMusic;

/// Told to a media thread.
pub(crate) enum Command {
    /// A leg is this thread's now.
    Insert { place: u32, leg: Box<Leg> },
    /// A leg is handed out: with BYE if it ends, silently if it moves to another thread.
    Remove { place: u32, bye: bool },
    /// A leg is replaced by its thawed self, which takes over the ports.
    Replace { place: u32, leg: Box<Leg> },
    /// A call changes, whole.
    Change(Box<Change>),
    /// An offer and an answer were agreed.
    Agree(Box<Agreed>),
    /// A cue for one leg.
    Cue { place: u32, cue: Cue },
    /// A digit that came by INFO.
    Digit { call: u32, place: u32, digit: Digit },
    /// A leg's digits are told and not relayed from now on.
    Collect { place: u32 },
    /// Digits that were collected and are for whoever hears the leg now.
    Relay(Box<Relay>),
    /// A digit for one leg's phone alone.
    Press { place: u32, digit: Digit },
    /// How loud a leg is for the others.
    Volume { place: u32, volume_db: i8 },
    /// What is played in the queues.
    QueueMusic(Box<QueueMusic>),
    /// Paper for a leg's next picture.
    Paper { place: u32, paper: Box<Snapshot> },
    /// Say BYE to everybody and end.
    Stop,
}

/// One change of one call, applied whole between two ticks (law 2).
pub(crate) struct Change {
    pub(crate) call: CallId,
    /// The call's place among the thread's calls.
    pub(crate) slot: u32,
    pub(crate) version: u64,
    /// Counts the call's changes, those without a change-set of their own included.
    pub(crate) serial: u64,
    /// The call begins with this change.
    pub(crate) begin: Option<Box<Call>>,
    /// Nobody is left in it.
    pub(crate) end: bool,
    /// More room, if the call has grown out of its own.
    pub(crate) room: Option<Vec<Option<Seat>>>,
    /// The seats that change; afterwards, what was in them.
    pub(crate) seats: Vec<(u32, Option<Seat>)>,
    /// Legs that come from nobody: what waits at their ports is not for this call.
    pub(crate) fresh: Vec<u32>,
    /// Filled in when it came into force.
    pub(crate) applied: Option<Applied>,
    /// Not touched by the media thread.
    pub(crate) ack: Option<oneshot::Sender<Applied>>,
}

/// Digits to be relayed, in their order.
pub(crate) struct Relay {
    pub(crate) call: u32,
    pub(crate) place: u32,
    pub(crate) digits: Vec<Digit>,
}

/// What was agreed for one leg.
pub(crate) struct Agreed {
    pub(crate) place: u32,
    pub(crate) agreement: Agreement,
    pub(crate) signalling: IpAddr,
    /// What the agreement needs; afterwards, what the leg does not.
    pub(crate) gear: Gear,
}

/// Said by a media thread.
pub(crate) enum Word {
    /// A change is in force; the box goes back.
    Applied(Box<Change>),
    /// A leg was handed out. `ended`: it has said BYE.
    Removed { place: u32, leg: Box<Leg>, ended: bool },
    /// Something to be freed.
    Spent(Spent),
    /// A picture of a leg, and its call's media clock at that moment.
    Picture { place: u32, picture: Box<Snapshot>, sample: u64 },
    /// An open leg has been silent for the time-out.
    Silent { leg: LegId },
    /// A key went down.
    DigitBegan { leg: LegId, digit: char },
    /// A key was released.
    Digit { leg: LegId, digit: Digit, collected: bool },
    /// Somebody whom somebody may hear has begun to talk, or has stopped.
    Talks { leg: LegId, talks: bool },
    /// The peer said BYE by RTCP.
    PeerBye { leg: LegId },
    /// Ticks have come too late for a while.
    Overload { lost: u64 },
}

/// Boxes on their way to be freed.
pub(crate) enum Spent {
    /// A leg that was replaced.
    Leg { _leg: Box<Leg> },
    /// A call that ended.
    Call { _call: Box<Call> },
    /// An agreement that was taken over.
    Agreed { _agreed: Box<Agreed> },
    /// Digits that were relayed.
    Relay { _relay: Box<Relay> },
    /// What was played in the queues.
    QueueMusic { _music: Box<QueueMusic> },
    /// Paper for which there is no leg.
    Paper { _paper: Box<Snapshot> },
}
