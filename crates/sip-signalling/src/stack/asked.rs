//! What each request of ours is for, kept from its sending to the end of its transaction.

use std::collections::BTreeMap;

use conference::{LegId, Phone};
use rsip::Request;

use super::credentials::Credentials;
use super::timers::TimerId;
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::transaction::Packet;

/// See the module.
#[derive(Debug)]
pub(crate) enum Asked {
    /// An INVITE that rings one phone.
    Invite(Box<Invite>),
    /// A request inside the dialog of an answered leg.
    Inside {
        /// The leg.
        leg: LegId,
        /// What it asks.
        what: Inside,
    },
    /// A re-INVITE whose 2xx was acknowledged: each repeat of the 2xx gets this again.
    Acknowledged(Packet),
    /// A BYE; the leg is gone.
    Bye(Box<Farewell>),
    /// A CANCEL, or an OPTIONS that keeps a way open: whatever is answered is well.
    Whatever,
    /// A REGISTER of this account (phone's side).
    Register(String),
}

/// What is asked inside a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// re-INVITE.
    Offer,
    /// OPTIONS.
    Probe,
    /// INFO with this body.
    Digit(String),
}

/// One INVITE on its way to one phone.
#[derive(Debug)]
pub(crate) struct Invite {
    /// Whose it is; the leg may be gone or answered elsewhere.
    pub(crate) leg: LegId,
    /// As sent, without Via.
    pub(crate) request: Request,
    /// Its Via.
    pub(crate) via: String,
    /// Its way.
    pub(crate) flow: Flow,
    /// The phone it rings.
    pub(crate) phone: Option<Phone>,
    /// For challenges.
    pub(crate) credentials: Option<Credentials>,
    /// Whether a provisional response came: only then may it be cancelled (RFC 3261 §9.1).
    pub(crate) heard: bool,
    /// Whether somebody still wants it.
    pub(crate) wanted: Wanted,
    /// The ACKs to its 2xx by their tags; `None`: it waits for our answer.
    pub(crate) answers: BTreeMap<String, Option<Packet>>,
    /// The end of its entry, once answered or cancelled.
    pub(crate) timer: Option<TimerId>,
}

/// Whether an INVITE is still wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Yes.
    Yes,
    /// No; CANCEL goes out with this Reason as soon as it may.
    CancelDue(Option<String>),
    /// No; CANCEL is out, or it was answered.
    No,
}

/// A BYE that may have to be repeated with credentials.
#[derive(Debug)]
pub(crate) struct Farewell {
    pub(crate) dialog: Dialog,
    pub(crate) flow: Flow,
    pub(crate) reason: Option<String>,
    pub(crate) credentials: Option<Credentials>,
}
