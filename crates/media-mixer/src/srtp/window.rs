//! Which packet of a source this is, and whether it came before: the index of RFC 3711 §3.3.1 and the window of §3.3.2.
//!
//! Only what was proved is ever noted, so a stranger can neither move a window nor make one come into being. A source that made
//! room is still known by its highest index: what it said before does not come twice. One key has so many sources and no more.

use serde::{Deserialize, Serialize};

use super::{DEPARTED, SOURCES};

/// Packets behind the newest that may still come, each once.
pub(super) const WINDOW: u64 = 64;

/// What is known of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    ssrc: u32,
    highest: u64,
    /// Bit `n`: the packet `n` before the highest has come.
    seen: u64,
    /// Grows with every packet of any source: who has the smallest was heard longest ago.
    turn: u64,
    /// Packets below may have come before the leg was taken up again, though no picture says so.
    doubtful_below: u64,
}

/// A source that made room for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Departed {
    ssrc: u32,
    highest: u64,
}

/// The sources of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Windows {
    sources: [Option<Source>; SOURCES],
    departed: [Option<Departed>; DEPARTED],
    turns: u64,
    /// Packets that a source may have sent since the picture from which all this was taken up; 0: there was none.
    doubt: u64,
}

/// The index that a sequence number most likely has beside a known one (RFC 3711 §3.3.1, appendix A); `None` for one from before
/// the first roll.
pub(super) fn guess(highest: u64, sequence: u16) -> Option<u64> {
    let rolls = highest >> 16;
    let last = (highest & 0xffff) as u16;
    let step = sequence.wrapping_sub(last);
    let rolls = match (step < 1 << 15, sequence < last) {
        (true, true) => rolls + 1,
        (false, false) => rolls.checked_sub(1)?,
        (true, false) | (false, true) => rolls,
    };
    (rolls <= u64::from(u32::MAX)).then_some(rolls << 16 | u64::from(sequence))
}

impl Windows {
    /// The highest index that came from a source.
    pub(super) fn highest(&self, ssrc: u32) -> Option<u64> {
        self.source(ssrc).map(|source| source.highest).or_else(|| self.departed(ssrc).map(|source| source.highest))
    }

    /// The highest index of whoever was heard last.
    pub(super) fn latest(&self) -> Option<u64> {
        self.sources.iter().flatten().max_by_key(|source| source.turn).map(|source| source.highest)
    }

    /// Whether this one may come: it has not come before, is not older than the window, and is not of one source too many.
    pub(super) fn may_come(&self, ssrc: u32, index: u64) -> bool {
        let Some(source) = self.source(ssrc) else {
            return match self.departed(ssrc) {
                Some(departed) => index > departed.highest,
                None => !self.is_full(),
            };
        };
        match source.highest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WINDOW && source.seen & 1 << behind == 0,
        }
    }

    /// It came, and was proved. Whether it is newer than all before it.
    pub(super) fn note(&mut self, ssrc: u32, index: u64) -> bool {
        self.turns += 1;
        let turn = self.turns;
        let Some(source) = self.sources.iter_mut().flatten().find(|source| source.ssrc == ssrc) else {
            self.admit(Source { ssrc, highest: index, seen: 1, turn, doubtful_below: 0 });
            return true;
        };
        source.turn = turn;
        if let Some(behind) = source.highest.checked_sub(index) {
            source.seen |= 1_u64.checked_shl(behind as u32).unwrap_or(0);
            return false;
        }
        let ahead = index - source.highest;
        source.seen = u32::try_from(ahead).ok().and_then(|ahead| source.seen.checked_shl(ahead)).unwrap_or(0) | 1;
        source.highest = index;
        true
    }

    /// They are of a picture, and up to `doubt` packets of each source may have come after it.
    pub(super) fn resume(&mut self, doubt: u64) {
        self.doubt = doubt;
        for source in self.sources.iter_mut().flatten() {
            source.doubtful_below = source.highest.saturating_add(doubt + 1);
        }
    }

    /// Whether a packet that was noted is certain not to have come before the leg was taken up again.
    pub(super) fn is_fresh(&self, ssrc: u32, index: u64) -> bool {
        self.source(ssrc).is_none_or(|source| index >= source.doubtful_below)
    }

    /// A source takes the place of the one heard longest ago, which goes where it stood itself if it has come back.
    fn admit(&mut self, mut fresh: Source) {
        if self.doubt > 0 {
            fresh.doubtful_below = fresh.highest.saturating_add(self.doubt + 1);
        }
        let came_back = self.departed.iter_mut().find(|place| place.is_some_and(|known| known.ssrc == fresh.ssrc));
        let left = came_back.map(std::mem::take).is_some();
        let oldest = self.sources.iter_mut().min_by_key(|place| place.map_or(0, |source| source.turn));
        let made_room = oldest.and_then(|place| place.replace(fresh));
        let free = self.departed.iter_mut().find(|place| place.is_none());
        debug_assert!(free.is_some() || made_room.is_none() || left, "may_come lets nobody in then");
        if let (Some(place), Some(Source { ssrc, highest, .. })) = (free, made_room) {
            *place = Some(Departed { ssrc, highest });
        }
    }

    /// Nobody can make room any more without being forgotten.
    fn is_full(&self) -> bool {
        self.sources.iter().all(Option::is_some) && self.departed.iter().all(Option::is_some)
    }

    fn source(&self, ssrc: u32) -> Option<&Source> {
        self.sources.iter().flatten().find(|source| source.ssrc == ssrc)
    }

    fn departed(&self, ssrc: u32) -> Option<&Departed> {
        self.departed.iter().flatten().find(|source| source.ssrc == ssrc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_guessed_across_rolls_both_ways() {
        for (highest, sequence, index) in [
            (10, 11, Some(11)),
            (10, 9, Some(9)),
            (0xfffe, 1, Some(0x1_0001)),
            (0x1_0001, 0xfffe, Some(0xfffe)),
            (0x5_8000, 0x8001, Some(0x5_8001)),
            // before the first roll there was nothing
            (3, 0xfffe, None),
            // and behind the last there is nothing more
            ((1 << 48) - 1, 0, None),
        ] {
            assert_eq!(guess(highest, sequence), index, "{highest:#x} {sequence:#x}");
        }
    }

    #[test]
    fn each_packet_comes_once_and_none_that_is_too_old() {
        let mut windows = Windows::default();
        assert!(windows.note(1, 1_000));
        assert!(!windows.may_come(1, 1_000), "the first one too");
        assert!(windows.may_come(1, 1_001) && windows.may_come(1, 999) && windows.may_come(2, 1_000));
        assert!(windows.note(1, 1_063));
        assert!(!windows.may_come(1, 1_000) && windows.may_come(1, 1_001));
        assert!(windows.note(1, 1_064));
        assert!(!windows.may_come(1, 1_000), "behind the window");
        assert!(!windows.note(1, 1_010), "late, and not the newest");
        assert!(!windows.may_come(1, 1_010) && windows.may_come(1, 1_011));
        assert!(windows.note(1, 1 << 40));
        assert!(!windows.may_come(1, 1_011) && windows.may_come(1, (1 << 40) - 1));
    }

    #[test]
    fn a_source_too_many_takes_the_place_of_the_one_heard_longest_ago() {
        let mut windows = Windows::default();
        for ssrc in 0..SOURCES as u32 {
            windows.note(ssrc, 7);
        }
        windows.note(0, 8);
        windows.note(99, 3);
        assert_eq!((windows.highest(0), windows.highest(1), windows.highest(99)), (Some(8), Some(7), Some(3)));
        assert_eq!(windows.latest(), Some(3));
        assert!(windows.source(1).is_none(), "it made room");
    }

    #[test]
    fn a_source_that_made_room_says_nothing_twice_when_it_comes_back() {
        let mut windows = Windows::default();
        for ssrc in 0..=SOURCES as u32 {
            windows.note(ssrc, 1_000);
        }
        assert!(!windows.may_come(0, 1_000) && !windows.may_come(0, 1) && windows.may_come(0, 1_001));
        windows.note(0, 1_001);
        assert!(windows.source(0).is_some() && !windows.may_come(0, 1_001) && windows.may_come(0, 1_002));
        assert!(!windows.may_come(1, 1_000), "nor does the one that made room for it");
    }

    #[test]
    fn one_key_has_so_many_sources_and_none_of_them_is_forgotten() {
        let mut windows = Windows::default();
        let all = (SOURCES + DEPARTED) as u32;
        for ssrc in 0..all {
            assert!(windows.may_come(ssrc, 7), "{ssrc}");
            windows.note(ssrc, 7);
        }
        assert!(!windows.may_come(all, 7), "one too many");
        // whoever comes back, all of them stay known
        for ssrc in (0..all).rev() {
            assert!(!windows.may_come(ssrc, 7) && windows.may_come(ssrc, 8), "{ssrc}");
            windows.note(ssrc, 8);
        }
        assert!((0..all).all(|ssrc| windows.highest(ssrc) == Some(8)));
    }

    #[test]
    fn what_may_have_come_after_the_picture_is_doubtful() {
        let mut windows = Windows::default();
        windows.note(1, 1_000);
        assert!(windows.is_fresh(1, 1_000));
        windows.resume(500);
        for (ssrc, index, fresh) in
            [(1, 1_001, false), (1, 1_500, false), (1, 1_501, true), (2, 30, false), (2, 531, true)]
        {
            windows.note(ssrc, index);
            assert_eq!(windows.is_fresh(ssrc, index), fresh, "{ssrc} {index}");
        }
    }
}
