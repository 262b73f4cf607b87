//! Watches: subscriptions to somebody's calls (RFC 4235) and to conferences (RFC 4575), as values. What is watched, what was
//! said of it last, what waits to be said, and the documents that say it. Sends nothing; knows no call.
//!
//! ```text
//!   Waiting ──(Watch)──> Active ──(taken back, run out, EndWatch, NOTIFY refused or lost)──> gone
//!      └──(RefuseWatch, no word of the owner)──> gone
//! ```

mod conference_info;
mod dialog_info;
mod document;
mod state;
mod watching;

pub use state::{
    Attendance, DialogStage, WatchedConference, WatchedDialog, WatchedDialogs, WatchedEndpoint, WatchedState,
    WatchedUser,
};

pub(crate) use watching::{Watch, Watches};

use std::time::Duration;

use crate::news::Package;

/// Watches there may be at once (F7); beyond, 503.
pub(crate) const MOST: usize = 20_000;
/// Watches one agent may have: every key of every lamp field of all the phones of a desk.
pub(crate) const MOST_OF_ONE: usize = 250;
/// States that wait while a NOTIFY is unanswered; beyond, the oldest is passed over.
pub(crate) const MOST_WAITING: usize = 12;
/// Participants a document lists; of more only their number is told, so that it fits into a datagram.
pub(crate) const MOST_LISTED: usize = 100;
/// How long a watch lives unless it is refreshed, and at most (RFC 4235 §3.4, RFC 4575 §3.3).
pub(crate) const LIFE: Duration = Duration::from_secs(3600);
/// Seconds a watch lives at least; less is answered 423 (RFC 6665 §4.2.1.1).
pub(crate) const LEAST_S: u32 = 60;
/// How long the owner may think about a SUBSCRIBE. Well below the 32 s of its transaction (RFC 3261 §17.1.2.2).
pub(crate) const OWNER: Duration = Duration::from_secs(10);

impl Package {
    /// The word in Event.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::Dialog => "dialog",
            Self::Conference => "conference",
        }
    }

    /// The type of its documents.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Dialog => "application/dialog-info+xml",
            Self::Conference => "application/conference-info+xml",
        }
    }

    /// The package of this word.
    pub(crate) fn of(event: &str) -> Option<Self> {
        [Self::Dialog, Self::Conference].into_iter().find(|package| package.event() == event)
    }
}
