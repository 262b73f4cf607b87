//! Fills what is missing where the codec or the sender knows better than a copy of what was heard: Opus by its decoder, pauses by
//! the noise that the sender described.
//!
//! ```text
//!   lost, nothing behind it       the decoder makes it up, fading out by 100 ms     RFC 6716 §4.4
//!   lost, the next packet is here the last lost frame comes from what that repeats  RFC 6716 §4.2.4
//!   the sender pauses             noise of its level, for as long as it pauses      RFC 3389, RFC 7587 §3.1.3
//! ```
//!
//! What is made up derives from what was heard before, and so does a little of what the decoder makes next: both are labelled
//! with the oldest of it, so that law 3 holds. Noise derives from nobody.

use super::{Frame, Jitter};
use crate::codec::{Codec, OPUS_STEP, Rate, is_pause, is_without_voice, repeats_the_frame_before};
use crate::mix::power;
use crate::noise::Noise;

/// Frames for which a decoder with a memory may still hold what it made up.
const TAINTED_FRAMES: i64 = 3;

/// Samples of 48 kHz from which on what is made up fades, and at which it is silent: 60 and 100 ms.
const FADING: usize = 2_880;
const SILENT: usize = 4_800;

/// Samples of 8 kHz for which a pause is filled without hearing from its sender: 30 s. Few send their noise so rarely.
const LONGEST_PAUSE: usize = 240_000;

/// Mean square below which a frame is hardly louder than silence: -50 dBFS.
const QUIET: u32 = 10_700;

/// Noise in pauses is never louder than this, whatever its sender says, nor as quiet that nobody hears it.
const LEVELS_DBFS: std::ops::RangeInclusive<f64> = -75.0..=-35.0;

impl Jitter {
    /// Samples before a frame of which its decoder may have left something in it: pitch and overlap of Opus, filters and prediction
    /// of G.722.
    pub(super) fn memory(&self) -> i64 {
        match self.codec {
            Codec::Pcmu | Codec::Pcma | Codec::L16 | Codec::ComfortNoise => 0,
            Codec::G722 => (Rate::Wide.frame() / 4) as i64,
            Codec::Opus => 2 * Rate::Full.frame() as i64,
        }
    }

    /// The oldest speech in a frame that begins at `start` and has no hole in it.
    pub(super) fn oldest_in(&self, start: i64) -> i64 {
        let oldest = start - self.memory();
        if start < self.tainted_to { oldest.min(self.hole_oldest) } else { oldest }
    }

    /// A hole was filled up to `end`: what the decoder makes next may hold some of it.
    pub(super) fn taint(&mut self, end: i64) {
        if self.memory() > 0 {
            self.tainted_to = end + TAINTED_FRAMES * self.rate.frame() as i64;
        }
    }

    /// Whether holes are filled by the decoder, and not from what was heard.
    pub(super) fn mends(&self) -> bool {
        self.codec == Codec::Opus && self.comfort.is_none() && self.tools.opus.is_some()
    }

    /// Lets the decoder make up to `wanted` samples of a hole that begins now, which wait then. False: it has been open for so long
    /// that there is nothing to be heard.
    pub(super) fn mend(&mut self, wanted: usize, hole: i64) -> bool {
        if self.filled >= SILENT {
            return false;
        }
        let made = match self.store.first().filter(|next| hole <= i64::from(next.duration)) {
            Some(next) => self.recover(usize::from(next.duration), hole as usize),
            None => self.make_up(wanted, hole),
        };
        self.made_up = made;
        self.fifo_len = made;
        self.fade(made);
        self.taint(self.next + made as i64);
        made > 0
    }

    /// The frame before the next packet, by that packet.
    fn recover(&mut self, duration: usize, hole: usize) -> usize {
        let bytes = self.store.read_first(&mut self.payload);
        let payload = &self.payload[..bytes];
        let Some(opus) = &mut self.tools.opus else { return 0 };
        let room = &mut self.tools.fifo[..duration];
        let made = if repeats_the_frame_before(payload) { opus.recover(payload, room) } else { opus.conceal(room) };
        // of the frame before only the end is missing
        let missing = hole.min(made);
        room.copy_within(made - missing..made, 0);
        missing
    }

    fn make_up(&mut self, wanted: usize, hole: i64) -> usize {
        let next = self.store.first().map_or(0, |next| i64::from(next.duration));
        let wanted = wanted.min(usize::try_from(hole - next).unwrap_or(wanted)).max(1);
        let Some(opus) = &mut self.tools.opus else { return 0 };
        let room = &mut self.tools.fifo[..wanted.next_multiple_of(OPUS_STEP)];
        opus.conceal(room).min(wanted)
    }

    fn fade(&mut self, made: usize) {
        for sample in &mut self.tools.fifo[..made] {
            if self.filled > FADING {
                let left = SILENT.saturating_sub(self.filled) as i32;
                *sample = (i32::from(*sample) * left / (SILENT - FADING) as i32) as i16;
            }
            self.filled += 1;
        }
    }

    /// Fills a pause with the sender's noise; false if it does not pause.
    pub(super) fn comfort(&mut self, out: &mut [i16]) -> bool {
        if self.filled > LONGEST_PAUSE * self.rate.times() {
            self.comfort = None;
        }
        let Some(noise) = &mut self.comfort else { return false };
        noise.fill(out);
        self.filled += out.len();
        true
    }

    /// A packet of comfort noise (RFC 3389 §3.1): its first byte is the level in -dBov.
    pub(super) fn pauses(&mut self, bytes: usize) {
        let level = self.payload[..bytes].first().map_or(127, |level| level & 127);
        self.comfort_at(-f64::from(level));
    }

    /// A packet was decoded to the samples from `from` on. Behind one without sound, without voice or hardly louder than silence
    /// whatever is missing is taken for a pause: its sender may have meant it so, and else the same noise hides a loss best.
    pub(super) fn decoded(&mut self, codec: Codec, bytes: usize, from: usize) {
        self.codec = codec;
        self.filled = 0;
        self.comfort = None;
        if codec == Codec::Opus {
            let (payload, power) = (&self.payload[..bytes], power(&self.tools.fifo[from..self.fifo_len]));
            if is_pause(payload) || is_without_voice(payload) || power < QUIET {
                self.comfort_at(10.0 * (f64::from(power.max(1)) / f64::from(1 << 30)).log10());
            }
        }
    }

    /// Whether the hole is the frame before the next packet, and that repeats it: then it was lost, and no pause.
    pub(super) fn is_repeated(&mut self, hole: i64) -> bool {
        let next = self.store.first().filter(|next| next.codec == Codec::Opus && hole <= i64::from(next.duration));
        if next.is_none() || self.codec != Codec::Opus || self.tools.opus.is_none() {
            return false;
        }
        let bytes = self.store.read_first(&mut self.payload);
        repeats_the_frame_before(&self.payload[..bytes])
    }

    fn comfort_at(&mut self, dbfs: f64) {
        let level = dbfs.clamp(*LEVELS_DBFS.start(), *LEVELS_DBFS.end());
        self.comfort = Some(Noise::new(self.next as u32, level));
        self.filled = 0;
    }
}

impl Frame {
    /// The end of a frame of 20 ms, as an RTP timestamp of a clock of `clock_rate`.
    pub(crate) fn end(&self, clock_rate: u32) -> Option<u32> {
        self.timestamp.map(|timestamp| timestamp.wrapping_add(clock_rate / 50))
    }
}
