//! The transfer's phases and what may happen in each: one table.
//!
//! ```text
//!              start              answer             merge
//!   (none) ------------> Ringing ---------> Private -------> Merged
//!                           |                  |                |
//!      complete, initiator  |       complete,  |                |  anybody leaves,
//!      gone                 v       cancel,    v                v  another start
//!                         Cold ---> ended    ended            ended
//!                              answer, failure
//! ```
//!
//! It knows no legs and no masks: what a step does to people is in `conference`, who hears whom is in `audibility`.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentName, LegId, ParticipantId};
use crate::input::Destination;
use crate::mask::Place;
use crate::moment::Moment;
use crate::output::Phase;
use crate::participant::Parting;
use crate::refusal::Refusal;

/// How far a transfer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// The target is called or rings; the consult is private already.
    Ringing,
    /// The target answered; the consult is private.
    Private,
    /// Everybody hears everybody.
    Merged,
    /// The initiator has left while the target rings: completes at its answer.
    Cold,
}

impl Stage {
    /// Whether there is a Side.
    pub(crate) fn is_private(self) -> bool {
        match self {
            Self::Ringing | Self::Private => true,
            Self::Merged | Self::Cold => false,
        }
    }

    /// As people are told.
    pub(crate) fn phase(self) -> Phase {
        match self {
            Self::Ringing | Self::Cold => Phase::Calling,
            Self::Private => Phase::Private,
            Self::Merged => Phase::Merged,
        }
    }
}

/// What people may ask of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A new transfer.
    Start,
    Cancel,
    Swap,
    Merge,
    Complete,
    /// Hold or un-hold of the target.
    HoldTarget,
}

/// Whether a step is allowed in a phase: the table. Who asks is judged elsewhere.
pub(crate) fn allowed(stage: Option<Stage>, step: Step) -> Result<(), Refusal> {
    use Stage::{Cold, Merged, Private, Ringing};
    use Step::{Cancel, Complete, HoldTarget, Merge, Start, Swap};
    match (stage, step) {
        (None | Some(Merged), Start) => Ok(()),
        (Some(Ringing | Private | Cold), Start) => Err(Refusal::TransferInProgress),
        (Some(Ringing | Private | Cold), Cancel) => Ok(()),
        (None | Some(Merged), Cancel | Swap) => Err(Refusal::NoTransfer),
        (Some(Ringing | Private), Swap) => Ok(()),
        (Some(Cold), Swap) => Err(Refusal::InitiatorAway),
        (Some(Private | Merged), Merge) => Ok(()),
        (Some(Ringing | Cold), Merge) => Err(Refusal::TargetNotLive),
        (Some(Ringing | Private | Merged), Complete) => Ok(()),
        (Some(Cold), Complete) => Ok(()),
        (None, Merge | Complete) => Err(Refusal::NoTransfer),
        (None | Some(Private | Merged), HoldTarget) => Ok(()),
        (Some(Ringing | Cold), HoldTarget) => Err(Refusal::TargetNotLive),
    }
}

/// A BYE on one of the initiator's two legs that is not judged yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grace {
    /// When it is judged.
    pub(crate) until: Moment,
    /// The leg that ended.
    pub(crate) leg: LegId,
    /// What it faced.
    pub(crate) faced: Place,
    /// How things stood before it ended.
    pub(crate) parting: Parting,
}

/// One transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) initiator: ParticipantId,
    /// Whom to recall.
    pub(crate) agent: Option<AgentName>,
    pub(crate) target: ParticipantId,
    /// Whom the target was asked as.
    pub(crate) to: Destination,
    pub(crate) stage: Stage,
    /// The leg on which a REFER waits for its final word.
    pub(crate) referrer: Option<LegId>,
    /// Whether it was started by keypad: its failure is spoken, for no screen says why.
    pub(crate) by_keypad: bool,
    pub(crate) grace: Option<Grace>,
}

impl Transfer {
    /// Whether masks are shut while a BYE is not judged.
    pub(crate) fn is_silent(&self) -> bool {
        self.grace.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_consult_can_be_cancelled_swapped_merged_and_completed() {
        for step in [Step::Cancel, Step::Swap, Step::Merge, Step::Complete] {
            assert_eq!(allowed(Some(Stage::Private), step), Ok(()));
        }
    }

    #[test]
    fn after_the_merge_there_is_nothing_to_cancel_or_swap() {
        assert_eq!(allowed(Some(Stage::Merged), Step::Cancel), Err(Refusal::NoTransfer));
        assert_eq!(allowed(Some(Stage::Merged), Step::Swap), Err(Refusal::NoTransfer));
        assert_eq!(allowed(Some(Stage::Merged), Step::Start), Ok(()));
    }

    #[test]
    fn a_ringing_target_is_neither_merged_nor_held() {
        assert_eq!(allowed(Some(Stage::Ringing), Step::Merge), Err(Refusal::TargetNotLive));
        assert_eq!(allowed(Some(Stage::Ringing), Step::HoldTarget), Err(Refusal::TargetNotLive));
    }
}
