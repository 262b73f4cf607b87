//! Who could hear whom, from which sample to which, by whose command: every change of the masks of one call.
//!
//! It keeps the changes, not the pairs: a room of a thousand has a million pairs. Pairs are worked out when asked for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{AgentName, CallId, LegId, ParticipantId};
use crate::mask::LegMask;

/// Masks that the history of one call keeps, over all its changes. A warm transfer has some thirty.
const MASKS_KEPT: usize = 20_000;
/// Changes of one call that are kept.
const CHANGES_KEPT: usize = 5_000;

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
    /// Changes before the oldest that are not kept any more. Then the oldest tells the masks of every leg there was, and
    /// pairs that were open by then open with it.
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

/// Since when a pair is open.
struct Since<'a> {
    sample: u64,
    by: &'a Cause,
    listener: ParticipantId,
    speaker: ParticipantId,
}

impl AudibilityHistory {
    /// Nothing changed yet.
    #[must_use]
    pub const fn new(call: CallId) -> Self {
        Self { call, changes: Vec::new(), forgotten: 0 }
    }

    /// Takes note of a change. When there are too many, the oldest half is folded into one.
    pub fn note(&mut self, change: AudibilityChange) {
        self.changes.push(change);
        let masks: usize = self.changes.iter().map(|change| change.legs.len()).sum();
        if self.changes.len() > CHANGES_KEPT || masks > MASKS_KEPT {
            self.forget(self.changes.len() / 2);
        }
    }

    /// Folds the oldest changes into the one after them.
    fn forget(&mut self, oldest: usize) {
        let mut masks = BTreeMap::new();
        for change in self.changes.iter().take(oldest + 1) {
            apply(&mut masks, change);
        }
        let legs: Vec<LegMask> = masks.into_values().cloned().collect();
        self.changes.drain(..oldest);
        if let Some(first) = self.changes.first_mut() {
            first.legs = legs;
            first.gone = Vec::new();
        }
        self.forgotten += u64::try_from(oldest).unwrap_or(u64::MAX);
    }

    /// Who could hear whom, from which sample to which; in the order in which the times ended, those that go on last.
    ///
    /// There can be as many as pairs of legs: of a big call ask for one listener's ([`Self::spans_of`]).
    #[must_use]
    pub fn spans(&self) -> Vec<AudibilitySpan> {
        self.walk(|_| true)
    }

    /// Whom one participant could hear.
    #[must_use]
    pub fn spans_of(&self, listener: ParticipantId) -> Vec<AudibilitySpan> {
        self.walk(|mask| mask.person == listener)
    }

    /// Who hears whom by the last change: the listener's leg, the speaker's leg.
    #[must_use]
    pub fn pairs_now(&self) -> Vec<(LegId, LegId)> {
        let mut masks = BTreeMap::new();
        for change in &self.changes {
            apply(&mut masks, change);
        }
        let pairs = masks.values().flat_map(|listener| masks.values().map(move |speaker| (listener, speaker)));
        pairs.filter(|(listener, speaker)| listener.hears(speaker)).map(|(l, s)| (l.leg, s.leg)).collect()
    }

    fn walk(&self, listens: impl Fn(&LegMask) -> bool) -> Vec<AudibilitySpan> {
        let mut masks: BTreeMap<LegId, &LegMask> = BTreeMap::new();
        let mut open: BTreeMap<(LegId, LegId), Since<'_>> = BTreeMap::new();
        let mut spans = Vec::new();
        for change in &self.changes {
            apply(&mut masks, change);
            for pair in touched(&masks, &open, change) {
                let (listener, speaker) = (masks.get(&pair.0), masks.get(&pair.1));
                let hears = match (listener, speaker) {
                    (Some(listener), Some(speaker)) if listens(listener) => {
                        listener.hears(speaker).then_some((listener.person, speaker.person))
                    }
                    (Some(_) | None, Some(_) | None) => None,
                };
                match (hears, open.contains_key(&pair)) {
                    (Some((listener, speaker)), false) => {
                        open.insert(pair, Since { sample: change.sample, by: &change.by, listener, speaker });
                    }
                    (None, true) => spans.extend(open.remove(&pair).and_then(|since| shut(pair, &since, change))),
                    (Some(_), true) | (None, false) => {}
                }
            }
        }
        spans.extend(open.iter().map(|(pair, since)| span(*pair, since, None, None)));
        spans
    }
}

/// The masks after a change.
fn apply<'a>(masks: &mut BTreeMap<LegId, &'a LegMask>, change: &'a AudibilityChange) {
    for leg in &change.gone {
        masks.remove(leg);
    }
    masks.extend(change.legs.iter().map(|mask| (mask.leg, mask)));
}

/// The pairs that a change may open or shut. Masks alone decide, so a pair of which neither changed stays as it is.
fn touched(
    masks: &BTreeMap<LegId, &LegMask>,
    open: &BTreeMap<(LegId, LegId), Since<'_>>,
    change: &AudibilityChange,
) -> BTreeSet<(LegId, LegId)> {
    let mut pairs = BTreeSet::new();
    for mask in &change.legs {
        pairs.extend(masks.keys().flat_map(|other| [(mask.leg, *other), (*other, mask.leg)]));
    }
    if !change.gone.is_empty() {
        let gone: BTreeSet<LegId> = change.gone.iter().copied().collect();
        pairs.extend(open.keys().copied().filter(|(one, other)| gone.contains(one) || gone.contains(other)));
    }
    pairs
}

/// A pair that a change shut; nothing if not one sample passed meanwhile.
fn shut(pair: (LegId, LegId), since: &Since<'_>, change: &AudibilityChange) -> Option<AudibilitySpan> {
    (change.sample > since.sample).then(|| span(pair, since, Some(change.sample), Some(change.by.clone())))
}

fn span(pair: (LegId, LegId), since: &Since<'_>, to_sample: Option<u64>, shut_by: Option<Cause>) -> AudibilitySpan {
    AudibilitySpan {
        listener: since.listener,
        listener_leg: pair.0,
        speaker: since.speaker,
        speaker_leg: pair.1,
        from_sample: since.sample,
        to_sample,
        opened_by: since.by.clone(),
        shut_by,
    }
}

#[cfg(test)]
mod tests;
