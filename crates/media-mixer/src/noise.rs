//! Comfort noise: so quiet that it disturbs nobody, and enough to hear that the line lives.
//!
//! Every listener may have his own; what he hears never depends on anybody else.

use serde::{Deserialize, Serialize};

/// Level of comfort noise in dBFS (RMS over 32768).
pub const COMFORT_DBFS: f64 = -65.0;

/// A source of soft noise, repeatable by its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noise {
    state: u32,
    smooth: i32,
    /// Peak of the noise before it is smoothed.
    peak: i32,
}

impl Noise {
    /// Comfort noise at [`COMFORT_DBFS`].
    #[must_use]
    pub fn comfort(seed: u32) -> Self {
        Self::new(seed, COMFORT_DBFS)
    }

    /// Noise at `dbfs`, at most -12.
    #[must_use]
    pub fn new(seed: u32, dbfs: f64) -> Self {
        // Even chance within ±peak has an RMS of peak/√3; smoothing by halves leaves a third of that power.
        let peak = 3.0 * 32_768.0 * 10_f64.powf(dbfs.min(-12.0) / 20.0);
        Self { state: seed, smooth: 0, peak: (peak * 256.0) as i32 >> 8 }
    }

    /// Fills `out` with what comes next.
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            *sample = self.next() as i16;
        }
    }

    /// Adds what comes next to what `out` holds.
    pub fn add(&mut self, out: &mut [i16]) {
        for sample in out {
            *sample = sample.saturating_add(self.next() as i16);
        }
    }

    fn next(&mut self) -> i32 {
        // Numerical Recipes' linear congruence; its high bits are good enough to hiss.
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let chance = i64::from((self.state >> 8) as i32 - (1 << 23));
        // In 256ths, or noise of a few steps would be rounded away.
        let white = ((chance * i64::from(self.peak)) >> 15) as i32;
        self.smooth += (white - self.smooth) / 2;
        self.smooth >> 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Goertzel, level_dbfs};

    #[test]
    fn comfort_noise_has_its_level_and_no_pitch() {
        let mut noise = Noise::comfort(1);
        let mut out = [0; 16_000];
        noise.fill(&mut out);
        assert!((level_dbfs(&out) - COMFORT_DBFS).abs() < 1.0, "{}", level_dbfs(&out));
        for hz in (100..4_000).step_by(100) {
            assert!(Goertzel::new(f64::from(hz), 8_000).measure(&out).share < 0.01);
        }
        let mean: i64 = out.iter().map(|s| i64::from(*s)).sum::<i64>() / 16_000;
        assert!(mean.abs() <= 1);
    }

    #[test]
    fn the_same_seed_makes_the_same_noise_and_another_does_not() {
        let made = |seed| {
            let mut out = [0; 160];
            Noise::new(seed, -30.0).fill(&mut out);
            out
        };
        assert_eq!(made(4), made(4));
        assert_ne!(made(4), made(5));
        assert!((level_dbfs(&made(4)) + 30.0).abs() < 1.5);
    }

    #[test]
    fn adding_never_wraps_around() {
        let mut out = [i16::MAX; 160];
        Noise::new(9, -12.0).add(&mut out);
        assert!(out.iter().all(|s| *s > 0));
    }
}
