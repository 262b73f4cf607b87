//! One leg's seat in a call, as the media thread keeps it: its mask, and since when it hears and is heard.
//!
//! Seats are made and compared by the desk; the media thread only fills in *when* a change came into force.

use conference::{LegId, LegMask};

use super::Sound;

/// Since when the pairs of one seat are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// Since this change: filled in when it comes into force.
    Now,
    /// As before.
    Kept,
    /// Known.
    At(u64),
}

impl Since {
    fn us(self) -> u64 {
        match self {
            Self::At(us) => us,
            // Never seen after a change was applied; the safe reading is that nothing is open yet.
            Self::Now | Self::Kept => u64::MAX,
        }
    }

    fn settle(&mut self, before: Option<Self>, now_us: u64) {
        if *self == Self::Kept {
            *self = before.unwrap_or(Self::Now);
        }
        if *self == Self::Now {
            *self = Self::At(now_us);
        }
    }
}

/// A pair that stayed audible while one of its ends was opened to others: it keeps its own, earlier opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elder {
    /// The speaker.
    pub(crate) speaker: LegId,
    /// The speaker's seat.
    pub(crate) seat: u32,
    /// Since when the pair is open. Not known: filled in, when the change comes into force, with what was so before.
    pub(crate) since_us: Option<u64>,
}

/// One leg in one call.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// The leg's place among the thread's legs.
    pub(crate) place: u32,
    /// What it may hear and who may hear it.
    pub(crate) mask: LegMask,
    /// Since when it hears whomever it hears.
    pub(crate) listens: Since,
    /// Since when it is heard by whomever hears it.
    pub(crate) speaks: Since,
    /// Pairs, this seat the listener, that are older than those two say.
    pub(crate) elders: Vec<Elder>,
    /// By its mask it hears nobody: then it hears what `mask.ears` says.
    pub(crate) alone: bool,
    /// By the masks somebody may hear it.
    pub(crate) heard: bool,
    /// Its early media has begun.
    pub(crate) begun: bool,
    /// Among the loudest of a large call.
    pub(crate) chosen: bool,
    /// Smoothed loudness, for choosing.
    pub(crate) level: u32,
    /// What law 3 said of what it said last: pairs that opened later have not heard it yet.
    pub(crate) opened_by: u64,
    /// The sound of this house that it heard in the last tick.
    pub(crate) sounded: Option<Sound>,
}

impl Seat {
    /// A seat that opens with the change that brings it.
    pub(crate) fn new(place: u32, mask: LegMask) -> Self {
        Self {
            place,
            mask,
            listens: Since::Now,
            speaks: Since::Now,
            elders: Vec::new(),
            alone: true,
            heard: false,
            begun: false,
            chosen: false,
            level: 0,
            opened_by: 0,
            sounded: None,
        }
    }

    /// The same leg in the same seat after a change of its mask.
    pub(crate) fn changed(place: u32, mask: LegMask) -> Self {
        Self { listens: Since::Kept, speaks: Since::Kept, ..Self::new(place, mask) }
    }

    /// Whether a sample of `speaker` may reach this seat at all: the mask, and nothing but the mask.
    pub(crate) fn hears(&self, speaker: &Self) -> bool {
        self.mask.hears(&speaker.mask)
    }

    /// Since when the pair is open, if it is. Speech from before that never passes (law 3).
    pub(crate) fn since_us(&self, speaker: &Self) -> u64 {
        let since = self.listens.us().max(speaker.speaks.us());
        let elder = self.elders.iter().find(|elder| elder.speaker == speaker.mask.leg);
        elder.and_then(|elder| elder.since_us).map_or(since, |elder_us| elder_us.min(since))
    }

    /// Since when it is heard by whomever hears it.
    pub(crate) fn speaks_since_us(&self) -> u64 {
        self.speaks.us()
    }

    /// Takes over what the seat before it knew, and the moment at which the change came into force.
    pub(crate) fn settle(&mut self, before: Option<&Self>, now_us: u64) {
        self.listens.settle(before.map(|seat| seat.listens), now_us);
        self.speaks.settle(before.map(|seat| seat.speaks), now_us);
        if let Some(before) = before {
            self.begun = before.begun;
            self.chosen = before.chosen;
            self.level = before.level;
            self.opened_by = before.opened_by;
            self.sounded = before.sounded;
        }
    }
}
