//! All phones of an agent ring at once; the first answer wins, and of the failures the best is told.
//!
//! Says who has won or what is told; the INVITEs, CANCELs and ACKs themselves are sent by the stack.

use std::collections::VecDeque;

use bytes::Bytes;
use conference::{LegId, Phone};

use crate::codec::SipUri;
use crate::codec::headers::Reason;
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::leg::Party;
use crate::wish::Offer;

#[cfg(test)]
mod tests;

/// How far a CANCEL got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// Not wanted.
    No,
    /// Wanted, but nothing came back yet: it must wait (RFC 3261 §9.1).
    Wanted,
    /// Sent.
    Sent,
}

/// One INVITE of ours, from its sending until its transaction is forgotten: longer than its leg may live.
#[derive(Debug)]
pub(crate) struct Branch {
    /// The leg it was sent for.
    pub(crate) leg: LegId,
    /// Whether it is a re-INVITE.
    pub(crate) again: bool,
    /// With whom.
    pub(crate) party: Party,
    /// Whether it brought an offer (else the 200 does, and the ACK brings our answer).
    pub(crate) offered: bool,
    /// Whether a provisional response came.
    pub(crate) heard: bool,
    /// The tag of whoever sent it.
    pub(crate) remote_tag: Option<String>,
    /// Whether a final one came.
    pub(crate) closed: bool,
    /// The CANCEL.
    pub(crate) cancel: Cancel,
    /// What it says of why.
    pub(crate) why: Option<Reason>,
    /// Its Call-ID and our tag, if it is the first INVITE of its dialog.
    pub(crate) early: Option<(String, String)>,
    /// The early dialogs its provisional answers made.
    pub(crate) earlies: Vec<Early>,
    /// Credentials were sent so often.
    pub(crate) tries: u8,
    /// A larger session interval was asked for so often.
    pub(crate) intervals: u8,
    /// The other flows of the phone it rings, and what it is offered by them: tried one after the other while nobody has answered.
    pub(crate) spares: Option<Box<Spares>>,
    /// What it is offered instead when it turns our offer down with 488.
    pub(crate) strict: Option<Box<Offer>>,
    /// The answers that came, by their To tag, with the ACK that is sent again when they come again.
    pub(crate) acks: Vec<(String, Option<(Flow, Bytes)>)>,
}

/// Early dialogs of one INVITE that are remembered: more phones than any proxy rings at once.
pub(crate) const MOST_EARLY: usize = 16;

/// An early dialog of an INVITE of ours (RFC 3261 §12.1.2).
#[derive(Debug)]
pub(crate) struct Early {
    /// Their tag.
    pub(crate) tag: String,
    /// The dialog.
    pub(crate) dialog: Dialog,
    /// The number of the last reliable answer that was heard (RFC 3262 §4).
    pub(crate) rseq: Option<u32>,
    /// Whether such an answer answered our offer.
    pub(crate) answered: bool,
}

/// Another way to a phone (RFC 5626 §5.3).
#[derive(Clone, Debug)]
pub(crate) struct Spare {
    /// The flow.
    pub(crate) flow: Flow,
    /// The Contact that was registered by it.
    pub(crate) contact: SipUri,
    /// Its Path.
    pub(crate) path: Vec<String>,
}

/// The other ways to a phone, the best first.
#[derive(Clone, Debug)]
pub(crate) struct Spares {
    /// They.
    pub(crate) flows: VecDeque<Spare>,
    /// What whoever is called is offered.
    pub(crate) offer: Offer,
}

impl Branch {
    /// One that is just sent.
    pub(crate) fn new(leg: LegId, party: Party, offered: bool) -> Self {
        Self {
            leg,
            again: false,
            party,
            offered,
            heard: false,
            remote_tag: None,
            closed: false,
            cancel: Cancel::No,
            why: None,
            early: None,
            earlies: Vec::new(),
            tries: 0,
            intervals: 0,
            spares: None,
            strict: None,
            acks: Vec::new(),
        }
    }

    /// The agent's phone it rings.
    pub(crate) fn phone(&self) -> Option<&Phone> {
        match &self.party {
            Party::Agent { phone, .. } => Some(phone),
            Party::Trunk(_) | Party::Server(_) => None,
        }
    }
}

/// The failures of the branches of one leg.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    best: Option<u16>,
}

impl Failures {
    /// Notes one.
    pub(crate) fn note(&mut self, status: u16) {
        if self.best.is_none_or(|best| rank(status) < rank(best)) {
            self.best = Some(status);
        }
    }

    /// What is told when all have failed. A challenge is not passed on, nobody there could answer it: whoever asks so
    /// cannot be reached.
    pub(crate) fn told(&self) -> u16 {
        match self.best {
            Some(401 | 407) => 503,
            Some(status) => status,
            None => 480,
        }
    }
}

/// Whether a failure ends all branches at once (RFC 3261 §16.7 step 5).
pub(crate) fn is_global(status: u16) -> bool {
    status >= 600
}

/// RFC 3261 §16.7 step 6: a 6xx, else the lowest class; within the class what says most about trying again. A phone that
/// is busy says more than one that did not answer.
fn rank(status: u16) -> (u8, u8, u16) {
    let class = match status {
        600.. => 0,
        300..400 => 1,
        400..500 => 2,
        500..600 => 3,
        ..300 => 4,
    };
    let within = match status {
        415 | 420 | 484 => 0,
        486 => 1,
        480 => 3,
        408 | 487 => 4,
        401 | 407 => 5,
        _ => 2,
    };
    (class, within, status)
}
