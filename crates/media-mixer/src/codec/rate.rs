//! The three sample rates of this house. Everything the mixer adds up or encodes has one of them.

use serde::{Deserialize, Serialize};

/// Samples a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Rate {
    /// 8 kHz: G.711, and all that this house plays.
    #[default]
    Narrow,
    /// 16 kHz: G.722.
    Wide,
    /// 48 kHz: Opus.
    Full,
}

impl Rate {
    /// Every rate, the lowest first.
    pub const ALL: [Self; 3] = [Self::Narrow, Self::Wide, Self::Full];

    /// Samples of the longest frame: 20 ms at 48 kHz.
    pub const MAX_FRAME: usize = Self::Full.frame();

    /// Samples a second.
    #[must_use]
    pub const fn hertz(self) -> u32 {
        8_000 * self.times() as u32
    }

    /// Samples in one tick of the mixer: 20 ms.
    #[must_use]
    pub const fn frame(self) -> usize {
        160 * self.times()
    }

    /// How many samples there are for one of 8 kHz.
    #[must_use]
    pub const fn times(self) -> usize {
        match self {
            Self::Narrow => 1,
            Self::Wide => 2,
            Self::Full => 6,
        }
    }

    /// The lowest rate that carries everything a listener of `hertz` can hear.
    #[must_use]
    pub const fn of(hertz: u32) -> Self {
        match hertz {
            ..=8_000 => Self::Narrow,
            8_001..=16_000 => Self::Wide,
            _ => Self::Full,
        }
    }
}
