//! A phone may tell one press twice, by a telephone event and by INFO. It counts once, whichever way is the faster.
//!
//! Each press waits a while for its twin by the other way: the same key, and close enough in time. Two presses by one way are
//! always two. It knows nothing of packets or requests, and its memory is bounded.

use serde::{Deserialize, Serialize};

/// How far apart the twins may be, in microseconds: INFO comes when the key is released, and half a second later if its first
/// packet was lost (RFC 3261 §17.1.2.1, timer E).
const APART_US: u64 = 1_000_000;
/// Presses that may wait for their twin.
const WAITING: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Way {
    Event,
    Info,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Press {
    symbol: char,
    way: Way,
    /// When it was released; `None` while the key is down.
    released_us: Option<u64>,
}

impl Press {
    fn waits(&self, now_us: u64) -> bool {
        self.released_us.is_none_or(|released_us| now_us.saturating_sub(released_us) <= APART_US)
    }
}

/// The presses of one leg that may have a twin on its way, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Twins {
    waiting: [Option<Press>; WAITING],
    /// The key that is down was told by INFO already.
    told: bool,
}

impl Twins {
    /// A telephone event begins; whether its press is a new one.
    pub(crate) fn began(&mut self, symbol: char, now_us: u64) -> bool {
        self.told = self.take(symbol, Way::Info, now_us);
        if !self.told {
            self.push(Press { symbol, way: Way::Event, released_us: None }, now_us);
        }
        !self.told
    }

    /// The event that began last has ended; whether its press was a new one.
    pub(crate) fn ended(&mut self, now_us: u64) -> bool {
        for press in self.waiting.iter_mut().flatten().filter(|press| press.released_us.is_none()) {
            press.released_us = Some(now_us);
        }
        !std::mem::take(&mut self.told)
    }

    /// An INFO came; whether its press is a new one.
    pub(crate) fn info(&mut self, symbol: char, now_us: u64) -> bool {
        let told = self.take(symbol, Way::Event, now_us);
        if !told {
            self.push(Press { symbol, way: Way::Info, released_us: Some(now_us) }, now_us);
        }
        !told
    }

    /// Takes the oldest press that `symbol` by `way` may be the twin of.
    fn take(&mut self, symbol: char, way: Way, now_us: u64) -> bool {
        let twin = |press: &Press| press.symbol == symbol && press.way == way && press.waits(now_us);
        let place = self.waiting.iter().position(|press| press.as_ref().is_some_and(twin));
        place.and_then(|place| self.waiting[place].take()).is_some()
    }

    fn push(&mut self, press: Press, now_us: u64) {
        let mut kept = [None; WAITING];
        let still = self.waiting.iter().flatten().filter(|press| press.waits(now_us)).count();
        let waits = self.waiting.iter().flatten().filter(|press| press.waits(now_us));
        // the oldest makes room
        for (place, press) in kept.iter_mut().zip(waits.skip((still + 1).saturating_sub(WAITING)).chain([&press])) {
            *place = Some(*press);
        }
        self.waiting = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    #[test]
    fn a_press_by_both_ways_counts_once_whichever_comes_first() {
        let mut twins = Twins::default();
        assert!(twins.began('5', 0) && twins.ended(100 * MS));
        assert!(!twins.info('5', 150 * MS), "after the release");
        assert!(twins.began('5', 300 * MS) && !twins.info('5', 350 * MS), "while it is down");
        assert!(twins.ended(900 * MS));
        assert!(twins.info('5', 1_000 * MS), "before the event");
        assert!(!twins.began('5', 1_040 * MS) && !twins.ended(1_100 * MS));
    }

    #[test]
    fn the_same_key_twice_by_both_ways_is_two_presses() {
        let mut twins = Twins::default();
        assert!(twins.began('1', 0) && twins.ended(80 * MS) && twins.began('1', 150 * MS) && twins.ended(230 * MS));
        assert!(!twins.info('1', 600 * MS) && !twins.info('1', 700 * MS), "both late");
        assert!(twins.info('1', 800 * MS), "a third one has no twin");
    }

    #[test]
    fn presses_by_one_way_are_never_twins_nor_are_other_keys_or_old_ones() {
        let mut twins = Twins::default();
        for n in 0..20 {
            assert!(twins.info('7', n * 10 * MS));
        }
        let mut twins = Twins::default();
        assert!(twins.began('1', 0) && twins.ended(50 * MS));
        assert!(twins.info('2', 60 * MS), "another key");
        assert!(twins.info('1', 60 * MS + APART_US), "long after");
    }
}
