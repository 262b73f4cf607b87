//! One line of a phone: its state as a person would name it, and its negotiation.

use conference::{Ending, Identity, LegId};
use media_mixer::sdp;

/// A line's name within its phone.
pub type LineId = LegId;

/// What a line is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineState {
    /// We call; nothing heard yet.
    Calling,
    /// We call, and it rings there.
    RingingThere,
    /// Somebody calls us.
    RingingHere,
    /// In a conversation.
    Live,
    /// We put it on hold.
    OnHold,
    /// Our call failed; the SIP status.
    Failed(u16),
    /// It is over.
    Ended(Ending),
}

impl LineState {
    /// Whether nothing more can come of it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Failed(_) | Self::Ended(_))
    }
}

/// What came of the newest REFER of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferProgress {
    /// The final status of the REFER itself; 202 accepted.
    pub answer: Option<u16>,
    /// The statuses of the NOTIFYs, in the order in which they came.
    pub notified: Vec<u16>,
    /// Whether there will be no more.
    pub over: bool,
}

impl ReferProgress {
    /// How it came out: the last NOTIFY's status, or the status of a REFER that was turned down.
    #[must_use]
    pub fn outcome(&self) -> Option<u16> {
        match self.answer {
            Some(status) if status >= 300 => Some(status),
            Some(_) | None if self.over => self.notified.last().copied(),
            Some(_) | None => None,
        }
    }
}

/// What can be seen of a line.
#[derive(Clone, Debug)]
pub struct LineView {
    /// Which line.
    pub id: LineId,
    /// What it is doing.
    pub state: LineState,
    /// Whether an offer of ours is still unanswered.
    pub offering: bool,
    /// Who calls or is called.
    pub peer: String,
    /// Whom the server shows as the other side since, if it said so (P-Asserted-Identity).
    pub shown: Option<Identity>,
    /// What came of its newest REFER, if there was one.
    pub refer: Option<ReferProgress>,
    /// The digits that came by INFO.
    pub digits: String,
    /// Offers of ours that were refused, with their status.
    pub refused: Vec<u16>,
}

/// A line as the phone keeps it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) view: LineView,
    pub(crate) session: sdp::Session,
    /// The offer that waits for our answer (a call that rings here).
    pub(crate) offered: Option<bytes::Bytes>,
    /// What our answer says, if that was said already: the line has sound and rings here.
    pub(crate) said: Option<bytes::Bytes>,
    /// The state once our offer is answered.
    pub(crate) then: Option<LineState>,
}
