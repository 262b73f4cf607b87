//! Who hears whom, as it was last told to the mixer: for the full state it may ask for, and for whoever looks in.
//!
//! A copy of the masks, never a source of them.

use std::collections::BTreeMap;

use conference::{CallId, ChangeSet, LegId, LegMask};

/// One call's masks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallMasks {
    /// The version of the last change.
    pub version: u64,
    /// Each leg's mask.
    pub legs: BTreeMap<LegId, LegMask>,
}

impl CallMasks {
    /// Whether a sample of `speaker` may reach `listener`.
    #[must_use]
    pub fn hears(&self, listener: LegId, speaker: LegId) -> bool {
        match (self.legs.get(&listener), self.legs.get(&speaker)) {
            (Some(listener), Some(speaker)) => listener.hears(speaker),
            _ => false,
        }
    }

    /// Puts a change in force.
    pub(crate) fn apply(&mut self, change: &ChangeSet) {
        if change.full {
            self.legs.clear();
        }
        self.version = change.version;
        for gone in &change.gone {
            self.legs.remove(gone);
        }
        for mask in &change.legs {
            self.legs.insert(mask.leg, mask.clone());
        }
    }

    /// The whole state as one change-set.
    pub(crate) fn full(&self, call: CallId) -> ChangeSet {
        ChangeSet {
            call,
            version: self.version,
            full: true,
            legs: self.legs.values().cloned().collect(),
            gone: Vec::new(),
            tightens: true,
        }
    }

    /// The whole state with every ear and mouth closed.
    pub(crate) fn silence(&self, call: CallId) -> ChangeSet {
        let mut silence = self.full(call);
        for mask in &mut silence.legs {
            mask.open = false;
            mask.early = false;
            mask.ears = conference::Ears::Nothing;
        }
        silence
    }
}

/// Every live call's masks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// The calls.
    pub calls: BTreeMap<CallId, CallMasks>,
}

impl Masks {
    /// Whether a sample of `speaker` may reach `listener`, in whichever call they are.
    #[must_use]
    pub fn hears(&self, listener: LegId, speaker: LegId) -> bool {
        self.calls.values().any(|call| call.hears(listener, speaker))
    }

    /// Puts a change in force. A call without legs is forgotten.
    pub(crate) fn apply(&mut self, change: &ChangeSet) {
        let call = self.calls.entry(change.call).or_default();
        call.apply(change);
        if call.legs.is_empty() {
            self.calls.remove(&change.call);
        }
    }
}
