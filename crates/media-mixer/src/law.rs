//! Law 3 as arithmetic: a pair of listener and speaker that becomes audible opens with the first frame spoken after that.
//!
//! ```text
//!   cut = RTP time expected at the command's tick + clock rate × guard         (house.md §3, law 3)
//!   a frame passes  ⇔  its oldest speech ≥ cut
//!                   ⇔  the pair opened at or before `opened_by` of that frame
//! ```
//!
//! The second form needs one number per speaker and tick, and none per pair. Pure: it holds no audio and decides no mask.

use std::time::Duration;

use crate::jitter::Frame;

/// The guard is never longer.
pub(crate) const LONGEST_GUARD_US: u64 = 300_000;

/// After so long nothing spoken before a pair opened can still be on its way: the longest guard, the deepest jitter buffer
/// (1.28 s) and the longest hole that concealment fills, with room to spare. Such a pair is settled.
pub(crate) const SETTLED_US: u64 = 3_000_000;

/// In the first second of a stream its jitter says little yet, and even its earliest packet may have been late: then this much
/// is assumed. It only ever makes a pair open later.
pub(crate) const YOUNG_US: u64 = 1_000_000;
pub(crate) const YOUNG_JITTER_US: u64 = 60_000;

/// What was measured of a speaker's way to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path {
    /// Length of one packet.
    pub(crate) packet_us: u64,
    /// By RTCP, if known.
    pub(crate) round_trip_us: Option<u64>,
    /// Interarrival jitter.
    pub(crate) jitter_us: u64,
}

/// Speech may be under way for so long when the command comes. `fixed` replaces what was measured.
pub(crate) fn guard_us(path: Path, fixed: Duration) -> u64 {
    if !fixed.is_zero() {
        return u64::try_from(fixed.as_micros()).unwrap_or(LONGEST_GUARD_US);
    }
    let measured = path.packet_us + path.round_trip_us.unwrap_or(0) / 2 + path.jitter_us;
    measured.min(LONGEST_GUARD_US)
}

/// How a speaker's timestamps lie on our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// Now, on our clock.
    pub(crate) now_us: u64,
    /// RTP time of a packet that would arrive now without delay.
    pub(crate) expected: u32,
    /// RTP clock rate in Hz.
    pub(crate) rate: u32,
}

impl Timing {
    /// The first RTP time that a pair may hear which opens now. The law in its own words; [`Timing::opened_by`] is held to it.
    #[cfg(test)]
    pub(crate) fn cut(&self, guard_us: u64) -> u32 {
        let guard = (guard_us * u64::from(self.rate)).div_ceil(1_000_000);
        self.expected.wrapping_add(guard as u32)
    }

    /// The latest opening that may hear speech from RTP time `oldest` on; 0 if none may.
    pub(crate) fn opened_by(&self, oldest: u32, guard_us: u64) -> u64 {
        let behind = i64::from(self.expected.wrapping_sub(oldest) as i32);
        // rounded up, so that a frame never seems younger than it is
        let behind_us = -(-behind * 1_000_000).div_euclid(i64::from(self.rate));
        let at = self.now_us as i64 - behind_us - guard_us as i64;
        u64::try_from(at).unwrap_or(0)
    }
}

/// One speaker's timestamps over time. A jump makes everything timed before it worthless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// The tick of the first frame of this count of timestamps.
    began_us: u64,
    /// The tick at which one later frame had been timed.
    timed_us: Option<u64>,
}

impl Timeline {
    /// The timeline of a leg that is taken up again: settled pairs go on, young ones wait until one frame has been timed.
    pub(crate) const fn resumed(now_us: u64) -> Self {
        Self { began_us: now_us, timed_us: None }
    }

    /// Whether too little was heard of the stream to judge its jitter by.
    pub(crate) fn is_young(&self, now_us: u64) -> bool {
        self.began_us == 0 || now_us.saturating_sub(self.began_us) < YOUNG_US
    }

    /// Takes a frame in its turn and says which pairs may hear it: those that opened at the answer or before.
    ///
    /// A pair that was settled when the timestamps jumped goes on. Any other one counts as opened when one frame after the jump
    /// has been timed.
    pub(crate) fn opened_by(&mut self, frame: &Frame, timing: Option<Timing>, guard_us: u64) -> u64 {
        let (Some(oldest), Some(timing)) = (frame.oldest, timing) else { return 0 };
        if frame.discontinuity {
            *self = Self { began_us: timing.now_us, timed_us: None };
            return self.settled();
        }
        let timed_us = *self.timed_us.get_or_insert(timing.now_us);
        let opened_by = timing.opened_by(oldest, guard_us);
        if opened_by >= timed_us { opened_by } else { opened_by.min(self.settled()) }
    }

    /// The same question for something that is timed but is no frame: a telephone event.
    pub(crate) fn event_opened_by(&self, timing: Option<Timing>, timestamp: u32, guard_us: u64) -> u64 {
        let (Some(timing), Some(timed_us)) = (timing, self.timed_us) else { return self.settled() };
        let opened_by = timing.opened_by(timestamp, guard_us);
        if opened_by >= timed_us { opened_by } else { opened_by.min(self.settled()) }
    }

    fn settled(&self) -> u64 {
        self.began_us.saturating_sub(SETTLED_US)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::jitter::Kind;

    #[test]
    fn the_guard_is_the_sum_of_what_was_measured_and_limited() {
        let path = Path { packet_us: 20_000, round_trip_us: Some(60_000), jitter_us: 5_000 };
        assert_eq!(guard_us(path, Duration::ZERO), 55_000);
        assert_eq!(guard_us(Path { round_trip_us: None, ..path }, Duration::ZERO), 25_000);
        assert_eq!(guard_us(Path { jitter_us: 900_000, ..path }, Duration::ZERO), 300_000);
        assert_eq!(guard_us(path, Duration::from_millis(80)), 80_000);
    }

    proptest! {
        /// Never earlier than the cut says, and at most one sample later.
        #[test]
        fn both_forms_of_the_law_agree(
            ago in 0_u64..2_000, guard in 0_u64..300_000, first in any::<u32>(), after in -4_000_i32..4_000,
        ) {
            let rate = 8_000;
            let opened_us = 50_000_000;
            let now_us = opened_us + ago * 1_000;
            let expected = first.wrapping_add((ago * 8) as u32);
            let cut = Timing { now_us: opened_us, expected: first, rate }.cut(guard);
            let oldest = cut.wrapping_add(after as u32);
            let passes = opened_us <= (Timing { now_us, expected, rate }).opened_by(oldest, guard);
            if after < 0 {
                prop_assert!(!passes, "speech {after} before the cut passed");
            }
            if after > 1 {
                prop_assert!(passes, "speech {after} after the cut was stopped");
            }
        }
    }

    fn frame(timestamp: u32, discontinuity: bool) -> Frame {
        Frame { timestamp: Some(timestamp), oldest: Some(timestamp), kind: Kind::Decoded, discontinuity, concealed: 0 }
    }

    #[test]
    fn a_jump_closes_a_young_pair_until_one_later_frame_was_timed() {
        let mut timeline = Timeline::default();
        let start = 100_000_000;
        let timing = |n: u64, base: u32| Timing {
            now_us: start + n * 20_000,
            expected: base.wrapping_add(n as u32 * 160),
            rate: 8_000,
        };
        let mut opened_by = |n: u64, base: u32, jump: bool| {
            timeline.opened_by(&frame(base.wrapping_add(n as u32 * 160), jump), Some(timing(n, base)), 0)
        };
        assert_eq!(opened_by(0, 7, true), start - SETTLED_US);
        assert_eq!(opened_by(1, 7, false), start + 20_000);
        assert_eq!(opened_by(2, 7, false), start + 40_000);
        // the jump: whoever was settled hears it, nobody else does
        assert_eq!(opened_by(3, 900_000, true), start + 60_000 - SETTLED_US);
        assert_eq!(opened_by(4, 900_000, false), start + 80_000);
    }

    #[test]
    fn late_speech_after_a_jump_is_not_heard_by_young_pairs() {
        let mut timeline = Timeline::default();
        let now_us = 100_000_000;
        let timing = Some(Timing { now_us, expected: 10_000, rate: 8_000 });
        timeline.opened_by(&frame(0, true), timing, 0);
        let late = timeline.opened_by(&frame(9_000, false), timing, 0);
        assert_eq!(late, now_us - SETTLED_US);
    }

    #[test]
    fn silence_is_heard_by_nobody() {
        let mut timeline = Timeline::default();
        let silence = Frame { timestamp: None, oldest: None, kind: Kind::Silence, discontinuity: false, concealed: 0 };
        assert_eq!(timeline.opened_by(&silence, None, 0), 0);
    }
}
