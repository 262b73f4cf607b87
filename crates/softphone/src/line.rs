//! One line of a phone: its state as a person would name it, and its negotiation.

use conference::{Ending, LegId};
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
    /// The state once our offer is answered.
    pub(crate) then: Option<LineState>,
}
