//! A leg's life as values: who it is with, which phase it is in, what of its session waits for an answer.
//!
//! ```text
//!   Arrived ──(Answer)──> Talking ──(BYE)──> gone
//!   Ringing ──(2xx)─────> Talking
//! ```
//!
//! The stack moves legs from phase to phase; here is only what a leg is.

pub(crate) mod digits;
pub(crate) mod reliable;
mod state;
pub(crate) mod upkeep;

pub use state::DialogState;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use conference::{AgentName, Identity, LegId, Phone};
use serde::{Deserialize, Serialize};

use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::fork::Failures;
use crate::settings::Protocol;
use crate::transaction::{ClientId, ServerId};
use reliable::Reliable;
use upkeep::Upkeep;

/// Whom a leg is with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Party {
    /// An agent's phone: authenticated, or rung where it is registered.
    Agent {
        /// Who.
        name: AgentName,
        /// Which phone.
        phone: Phone,
    },
    /// A trunk: known by its addresses.
    Trunk(String),
    /// For a phone: its server, by way of one of its accounts, or whoever calls.
    Server(Option<String>),
}

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    /// Its name.
    pub(crate) id: LegId,
    /// Whom it is with; while several phones ring, the agent's.
    pub(crate) party: Party,
    /// How far it is.
    pub(crate) phase: Phase,
    /// The user part of the room's address, if its call is a room: our Contact in it.
    pub(crate) focus: Option<String>,
}

/// How far a leg is.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Its INVITE came and waits for our final answer.
    Arrived(Box<Arrived>),
    /// We ring.
    Ringing(Ringing),
    /// It was answered.
    Talking(Box<Session>),
}

/// An INVITE that waits for its final answer.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// Its transaction.
    pub(crate) server: ServerId,
    /// The dialog to be.
    pub(crate) dialog: Dialog,
    /// Whether it brought an offer.
    pub(crate) offered: bool,
    /// Its provisional answers that must arrive.
    pub(crate) reliable: Reliable,
    /// Who is to be shown to the caller.
    pub(crate) shown: Option<Identity>,
    /// For a phone: whom its server shows.
    pub(crate) seen: Option<Identity>,
}

/// INVITEs of ours that wait for an answer.
#[derive(Debug, Default)]
pub(crate) struct Ringing {
    /// Those still open.
    pub(crate) open: Vec<ClientId>,
    /// Of a trunk: the servers that were not tried yet.
    pub(crate) servers: VecDeque<(Protocol, SocketAddr)>,
    /// How the others failed.
    pub(crate) failures: Failures,
    /// Whether it was told that it rings.
    pub(crate) told: bool,
    /// Who its INVITEs show as calling.
    pub(crate) said: Option<Identity>,
    /// Who is to be shown instead, since they went out.
    pub(crate) shown: Option<Identity>,
}

/// What an answered leg is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Its dialog.
    pub(crate) dialog: Dialog,
    /// Whether we sent the first INVITE, and so own the Call-ID (RFC 3261 §14.1).
    pub(crate) caller: bool,
    /// A 200 of ours that waits for its ACK.
    pub(crate) unacked: Option<Unacked>,
    /// A 200 of theirs with an offer whose ACK waits for our answer: the transaction it came by.
    pub(crate) owes_answer: Option<ClientId>,
    /// Offers under way.
    pub(crate) offers: Offers,
    /// How many offers of theirs were told; the number of the last.
    pub(crate) told_offers: u32,
    /// Our next offer, when the one under way is done.
    pub(crate) queued: Option<Bytes>,
    /// RSeq and CSeq of a provisional answer of ours whose PRACK may still come.
    pub(crate) unproved: Option<(u32, u32)>,
    /// What keeps it going by itself.
    pub(crate) upkeep: Upkeep,
    /// The owner has ended it; only the ACK is waited for, then comes BYE (RFC 3261 §15).
    pub(crate) over: bool,
    /// The text of the Reason in that BYE.
    pub(crate) reason: Option<String>,
}

impl Session {
    /// One that is just answered.
    pub(crate) fn new(dialog: Dialog, caller: bool) -> Self {
        Self {
            dialog,
            caller,
            unacked: None,
            owes_answer: None,
            offers: Offers::Rest,
            told_offers: 0,
            queued: None,
            unproved: None,
            upkeep: Upkeep::default(),
            over: false,
            reason: None,
        }
    }
}

impl Session {
    /// Whether a re-INVITE of ours may go out.
    pub(crate) fn is_free(&self) -> bool {
        self.offers == Offers::Rest && self.unacked.is_none() && self.owes_answer.is_none() && !self.over
    }
}

/// A 200 to an INVITE, repeated until its ACK comes (RFC 3261 §13.3.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unacked {
    /// The CSeq number the ACK bears.
    pub(crate) cseq: u32,
    /// The 200.
    pub(crate) response: Bytes,
    /// Where it goes.
    pub(crate) flow: Flow,
    /// The interval to its next repetition.
    pub(crate) interval: Duration,
    /// Whether it answers the first INVITE.
    pub(crate) first: bool,
    /// Whether it made the offer, so that the ACK brings the answer.
    pub(crate) offers: bool,
}

/// Which offer is under way; there is at most one (RFC 3261 §14, RFC 3264 §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Offers {
    /// None.
    Rest,
    /// Theirs waits for `AnswerOffer`.
    Theirs {
        /// Its transaction.
        server: ServerId,
        /// The number it was told by.
        number: u32,
        /// UPDATE, not re-INVITE.
        update: bool,
        /// Whether it brought an offer.
        offered: bool,
    },
    /// Ours waits for their answer.
    Ours {
        /// The offer.
        body: Bytes,
        /// Whether the endpoint wanted it, not its owner.
        wanted: bool,
    },
    /// Ours met theirs and waits for its second try (RFC 3261 §14.1).
    Glare {
        /// The offer.
        body: Bytes,
        /// Whether the endpoint wanted it, not its owner.
        wanted: bool,
    },
}

impl Leg {
    /// Its dialog, once there is one.
    pub(crate) fn dialog(&self) -> Option<&Dialog> {
        match &self.phase {
            Phase::Arrived(arrived) => Some(&arrived.dialog),
            Phase::Ringing(_) => None,
            Phase::Talking(session) => Some(&session.dialog),
        }
    }

    /// Its dialog, to be changed.
    pub(crate) fn dialog_mut(&mut self) -> Option<&mut Dialog> {
        match &mut self.phase {
            Phase::Arrived(arrived) => Some(&mut arrived.dialog),
            Phase::Ringing(_) => None,
            Phase::Talking(session) => Some(&mut session.dialog),
        }
    }
}
