//! A leg's dialog as a value without sockets: what a journal keeps and a restarted process goes on with.

use conference::LegId;
use serde::{Deserialize, Serialize};

use super::{Party, Session};
use crate::refer::{Referring, Subscription};

/// Everything the signalling knows of an answered leg. Opaque: it is stored and given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogState {
    pub(crate) leg: LegId,
    pub(crate) party: Party,
    pub(crate) session: Session,
    /// REFERs of theirs in its dialog.
    #[serde(default)]
    pub(crate) refers: Vec<Subscription>,
    /// REFERs of ours.
    #[serde(default)]
    pub(crate) referring: Vec<Referring>,
    /// The user part of our Contact, if its call is a room.
    #[serde(default)]
    pub(crate) focus: Option<String>,
}

impl DialogState {
    /// The leg it is of.
    #[must_use]
    pub fn leg(&self) -> LegId {
        self.leg
    }

    /// Its Call-ID, for logs.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.session.dialog.call_id
    }
}
