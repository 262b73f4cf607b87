//! What one leg says in one tick: a frame of its own rate, the end of what it said before, and whose ears it may reach.
//!
//! It opens nobody's ears; it only knows what law 3 found out about it.

use crate::codec::Rate;
use crate::resample::{MAX_PAST, SPAN_US, past};

/// Mean square below which a frame is a pause: -50 dBFS.
const QUIET: u32 = 10_700;

/// What one leg says in this tick.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    /// So much of what was said before as a change of the rate needs, then 20 ms of sound.
    sound: [i16; MAX_PAST + Rate::MAX_FRAME],
    rate: Rate,
    /// There is sound in it.
    pub(crate) speaks: bool,
    /// Pairs that opened at this moment or before may hear it (law 3).
    pub(crate) opened_by: u64,
    /// It is speech.
    pub(crate) speech: bool,
    /// Mean square; only set where somebody asks for it.
    pub(crate) power: u32,
}

impl Voice {
    pub(super) const NONE: Self = Self {
        sound: [0; MAX_PAST + Rate::MAX_FRAME],
        rate: Rate::Narrow,
        speaks: false,
        opened_by: 0,
        speech: false,
        power: 0,
    };

    /// Nothing is said.
    pub(crate) fn hush(&mut self) {
        self.speaks = false;
        self.speech = false;
        self.power = 0;
    }

    /// Whether this is a pause, if loudness was asked for.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.speaks || self.power < QUIET
    }

    /// Its rate.
    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// From now on this is a voice of `rate`; what it says and said before is to be filled in.
    pub(crate) fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
    }

    /// What was said before this tick.
    pub(crate) fn past_mut(&mut self) -> &mut [i16] {
        &mut self.sound[..past(self.rate)]
    }

    /// What is said in this tick.
    pub(crate) fn frame(&self) -> &[i16] {
        &self.sound[past(self.rate)..][..self.rate.frame()]
    }

    /// The same, to be filled in.
    pub(crate) fn frame_mut(&mut self) -> &mut [i16] {
        &mut self.sound[past(self.rate)..][..self.rate.frame()]
    }

    /// What was said before and what is said now.
    pub(crate) fn with_past(&self) -> &[i16] {
        &self.sound[..past(self.rate) + self.rate.frame()]
    }

    /// The latest opening that may hear it at `rate`.
    pub(super) fn opened_by_at(&self, rate: Rate, opened_by: u64) -> u64 {
        if rate == self.rate { opened_by } else { opened_by.saturating_sub(SPAN_US) }
    }
}
