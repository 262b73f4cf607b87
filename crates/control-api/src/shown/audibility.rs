//! Who could hear whom, from which sample to which, by whose command, as people and programs are shown it.

use std::collections::BTreeSet;

use conference::record::{self, AudibilityHistory};
use conference::{CallId, LegId, ParticipantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::house::AudibilitySheet;

/// Samples of a call's media clock in a second.
const RATE: u32 = 8_000;
/// Spans that are shown at most; the rest is told by the changes alone.
const SPANS: usize = 10_000;
/// Legs of which pairs are worked out at most.
const LEGS: usize = 64;

/// Who hears and heard whom in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Audibility {
    /// The call.
    pub call: String,
    /// Samples of its media clock in a second.
    pub sample_rate: u32,
    /// The media clock now; null: the call is over, or has no media.
    #[schema(required)]
    pub sample: Option<u64>,
    /// Who hears whom now. Whoever is in no pair as a listener hears nobody.
    pub now: Vec<Pair>,
    /// Who heard whom from which sample to which, oldest first. Empty for calls with very many legs: see `changes`.
    pub history: Vec<Span>,
    /// Every change, oldest first.
    pub changes: Vec<Change>,
    /// Changes before the oldest that are not kept any more.
    pub forgotten: u64,
}

/// Somebody hears somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pair {
    /// Who hears.
    pub listener: String,
    /// Whom.
    pub speaker: String,
}

/// A time in which one leg could hear another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Span {
    /// Who heard.
    pub listener: String,
    /// On which leg.
    pub listener_leg: String,
    /// Whom.
    pub speaker: String,
    /// On which leg.
    pub speaker_leg: String,
    /// The first sample.
    pub from_sample: u64,
    /// The first sample after it; null: it goes on.
    #[schema(required)]
    pub to_sample: Option<u64>,
    /// What opened it.
    pub opened_by: Cause,
    /// What shut it.
    #[schema(required)]
    pub shut_by: Option<Cause>,
}

/// One change of who hears whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Its number in the call.
    pub version: u64,
    /// The first sample that was mixed by it.
    pub sample: u64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// What led to it.
    pub by: Cause,
    /// The legs whose masks changed.
    pub legs: Vec<String>,
    /// The legs that left.
    pub gone: Vec<String>,
}

/// What led to a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// A command.
    Command {
        /// `swap`, `merge`, `hold` …
        name: String,
        /// The agent who gave it; null: the operator.
        #[schema(required)]
        by: Option<String>,
    },
    /// What a phone did.
    Phone {
        /// Its leg.
        leg: String,
        /// `answered`, `hold`, `bye` …
        did: String,
    },
    /// A time that was over.
    Time,
}

impl Audibility {
    pub(crate) fn of(call: CallId, sheet: &AudibilitySheet) -> Self {
        let pair = |(listener, speaker): &(ParticipantId, ParticipantId)| Pair {
            listener: listener.to_string(),
            speaker: speaker.to_string(),
        };
        Self {
            call: call.to_string(),
            sample_rate: RATE,
            sample: sheet.sample,
            now: sheet.now.iter().map(pair).collect(),
            history: spans(&sheet.history),
            changes: sheet.history.changes.iter().map(Change::of).collect(),
            forgotten: sheet.history.forgotten,
        }
    }
}

impl Change {
    fn of(change: &record::AudibilityChange) -> Self {
        Self {
            version: change.version,
            sample: change.sample,
            at: super::time(change.at),
            by: Cause::of(&change.by),
            legs: change.legs.iter().map(|mask| mask.leg.to_string()).collect(),
            gone: change.gone.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Cause {
    fn of(cause: &record::Cause) -> Self {
        match cause {
            record::Cause::Command { name, by } => {
                Self::Command { name: name.clone(), by: by.as_ref().map(|by| by.0.clone()) }
            }
            record::Cause::Phone { leg, did } => Self::Phone { leg: leg.to_string(), did: did.clone() },
            record::Cause::Time => Self::Time,
        }
    }
}

/// The spans of a history, oldest first; none of a call with very many legs.
fn spans(history: &AudibilityHistory) -> Vec<Span> {
    let legs: BTreeSet<LegId> = history.changes.iter().flat_map(|change| &change.legs).map(|mask| mask.leg).collect();
    if legs.len() > LEGS {
        return Vec::new();
    }
    let mut spans = history.spans();
    spans.sort_by_key(|span| span.from_sample);
    spans.truncate(SPANS);
    spans.iter().map(Span::of).collect()
}

impl Span {
    fn of(span: &record::AudibilitySpan) -> Self {
        Self {
            listener: span.listener.to_string(),
            listener_leg: span.listener_leg.to_string(),
            speaker: span.speaker.to_string(),
            speaker_leg: span.speaker_leg.to_string(),
            from_sample: span.from_sample,
            to_sample: span.to_sample,
            opened_by: Cause::of(&span.opened_by),
            shut_by: span.shut_by.as_ref().map(Cause::of),
        }
    }
}
