//! What legs have come to that are not open any more: how they sounded, and their part of the counters.
//!
//! The last word on a leg comes from its media thread after it was closed; until then its last picture speaks for it, so that no
//! counter ever goes back.

use std::collections::{BTreeMap, VecDeque};

use conference::LegId;
use conference::record::Quality;

use super::Desk;
use crate::engine::stats::Totals;
use crate::leg::LegStats;

/// Closed legs whose quality is still known; the oldest are forgotten first.
const REMEMBERED: usize = 4_096;

/// The legs that have left.
#[derive(Default)]
pub(crate) struct Departed {
    /// On their way back from their media threads.
    leaving: BTreeMap<LegId, LegStats>,
    quality: BTreeMap<LegId, Quality>,
    order: VecDeque<LegId>,
    totals: Totals,
}

impl Departed {
    /// A leg was closed, and its media thread has still to hand it out.
    pub(super) fn leave(&mut self, leg: LegId, stats: LegStats) {
        self.leaving.insert(leg, stats);
        self.remember(leg, stats.quality());
    }

    /// A leg's media end has come back for good.
    pub(super) fn left(&mut self, leg: LegId, stats: &LegStats) {
        self.leaving.remove(&leg);
        self.totals.add(stats);
        self.remember(leg, stats.quality());
    }

    /// How a closed leg sounded.
    pub(super) fn quality(&self, leg: LegId) -> Option<Quality> {
        self.quality.get(&leg).cloned()
    }

    fn remember(&mut self, leg: LegId, quality: Quality) {
        if self.quality.insert(leg, quality).is_none() {
            self.order.push_back(leg);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.quality.remove(&oldest);
        }
    }
}

impl Desk {
    /// How a leg sounds, or sounded when it was closed.
    pub(crate) fn quality(&self, leg: LegId) -> Option<Quality> {
        self.leg_stats(leg).map(|stats| stats.quality()).or_else(|| self.departed.quality(leg))
    }

    /// What all legs together have come to.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = self.departed.totals;
        self.departed.leaving.values().for_each(|stats| totals.add(stats));
        self.legs.values().for_each(|record| totals.add(&record.snapshot.stats()));
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_legs_are_remembered_than_there_is_room_for() {
        let mut departed = Departed::default();
        for n in 0..2 * REMEMBERED as u64 {
            departed.remember(LegId::arrived(n), Quality { received: n, ..Quality::default() });
            departed.remember(LegId::arrived(n), Quality { received: n + 1, ..Quality::default() });
        }
        assert_eq!((departed.quality.len(), departed.order.len()), (REMEMBERED, REMEMBERED));
        let newest = 2 * REMEMBERED as u64 - 1;
        assert_eq!(departed.quality(LegId::arrived(newest)).map(|quality| quality.received), Some(newest + 1));
        assert_eq!(departed.quality(LegId::arrived(0)), None);
    }
}
