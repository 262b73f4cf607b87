//! Who could hear whom, from which sample to which, by whose command: every change of the masks of one call.
//!
//! It keeps the changes, not the pairs: a room of a thousand has a million pairs. Pairs are worked out when asked for.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentName, CallId, LegId, ParticipantId};
use crate::mask::LegMask;

/// What led to a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// A command: its name, and who gave it (`None`: the operator).
    Command {
        /// `swap`, `merge`, `hold` …
        name: String,
        /// Who.
        by: Option<AgentName>,
    },
    /// What a phone did: its leg, and what (`answered`, `hold`, `bye` …).
    Phone {
        /// The leg.
        leg: LegId,
        /// What.
        did: String,
    },
    /// A time that was over.
    Time,
}

/// One change of a call's masks, as it came into force at the mixer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudibilityChange {
    /// The version of the change-set.
    pub version: u64,
    /// The call's media clock: the first sample mixed by the new masks, of 8000 a second.
    pub sample: u64,
    /// When, in microseconds of Unix time.
    pub at: i64,
    /// The masks that changed.
    pub legs: Vec<LegMask>,
    /// The legs that left.
    pub gone: Vec<LegId>,
    /// What led to it.
    pub by: Cause,
}

/// All changes of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudibilityHistory {
    /// The call.
    pub call: CallId,
    /// The changes, oldest first.
    pub changes: Vec<AudibilityChange>,
    /// Changes before the oldest that are not kept any more.
    pub forgotten: u64,
}

/// A time in which one leg could hear another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudibilitySpan {
    /// Who heard.
    pub listener: ParticipantId,
    /// On which leg.
    pub listener_leg: LegId,
    /// Whom.
    pub speaker: ParticipantId,
    /// On which leg.
    pub speaker_leg: LegId,
    /// The first sample.
    pub from_sample: u64,
    /// The first sample after it; `None`: it goes on.
    pub to_sample: Option<u64>,
    /// What opened it.
    pub opened_by: Cause,
    /// What shut it.
    pub shut_by: Option<Cause>,
}
