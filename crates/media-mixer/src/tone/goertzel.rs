//! Finds one frequency in a block of samples (the Goertzel recurrence). An ear for tests and for the scripted phone.

/// Listens for one frequency.
#[derive(Clone, Copy, Debug)]
pub struct Goertzel {
    turn: f64,
}

/// What was heard of the frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// Its level in dBFS (RMS over 32768).
    pub dbfs: f64,
    /// Its part of the block's whole power, from 0 to 1; 0 in silence.
    pub share: f64,
}

impl Goertzel {
    /// An ear for `hz` in sound of `sample_rate`.
    #[must_use]
    pub fn new(hz: f64, sample_rate: u32) -> Self {
        Self { turn: std::f64::consts::TAU * hz / f64::from(sample_rate) }
    }

    /// Measures a block. Two frequencies are told apart if the block holds at least one period of their difference.
    #[must_use]
    pub fn measure(&self, block: &[i16]) -> Heard {
        let factor = 2.0 * self.turn.cos();
        let (mut last, mut before, mut total) = (0.0, 0.0, 0.0);
        for sample in block {
            let sample = f64::from(*sample);
            (last, before) = (sample + factor * last - before, last);
            total += sample * sample;
        }
        let magnitude = last * last + before * before - factor * last * before;
        let count = block.len().max(1) as f64;
        // A sine of power P in N samples gives a magnitude of P * N^2 / 2.
        let power = 2.0 * magnitude / (count * count);
        let share = if total > 0.0 { (power * count / total).min(1.0) } else { 0.0 };
        Heard { dbfs: dbfs(power), share }
    }
}

/// The level of a block, whatever is in it, in dBFS; -120 for silence.
#[must_use]
pub fn level_dbfs(block: &[i16]) -> f64 {
    let total: f64 = block.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    dbfs(total / block.len().max(1) as f64)
}

fn dbfs(power: f64) -> f64 {
    (10.0 * (power / (32_768.0 * 32_768.0)).max(1e-12).log10()).max(-120.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tones(parts: &[(f64, f64)]) -> Vec<i16> {
        let sample = |i: usize| {
            parts.iter().map(|(hz, peak)| (i as f64 * hz / 8_000.0 * std::f64::consts::TAU).sin() * peak).sum::<f64>()
        };
        (0..1_600).map(|i| sample(i) as i16).collect()
    }

    #[test]
    fn one_tone_is_all_there_is() {
        let heard = Goertzel::new(1_000.0, 8_000).measure(&tones(&[(1_000.0, 10_000.0)]));
        assert!(heard.share > 0.999 && (heard.dbfs + 13.32).abs() < 0.02, "{heard:?}");
        let other = Goertzel::new(1_100.0, 8_000).measure(&tones(&[(1_000.0, 10_000.0)]));
        assert!(other.share < 1e-4 && other.dbfs < -50.0, "{other:?}");
    }

    #[test]
    fn two_tones_share_by_their_powers() {
        let block = tones(&[(500.0, 8_000.0), (900.0, 4_000.0)]);
        assert!((Goertzel::new(500.0, 8_000).measure(&block).share - 0.8).abs() < 0.01);
        assert!((Goertzel::new(900.0, 8_000).measure(&block).share - 0.2).abs() < 0.01);
    }

    #[test]
    fn silence_has_no_level_and_no_share() {
        assert_eq!(Goertzel::new(500.0, 8_000).measure(&[0; 160]), Heard { dbfs: -120.0, share: 0.0 });
        assert_eq!((level_dbfs(&[]), level_dbfs(&[0; 9])), (-120.0, -120.0));
    }
}
