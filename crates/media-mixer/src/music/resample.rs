//! Brings sound of any sample rate down (or up) to the mixer's, without aliases: a windowed sinc in as many phases as the ratio
//! of the rates has. For whole files at load; a tick has no time for it.

use std::f64::consts::PI;

use crate::codec::SAMPLE_RATE;

/// Sample rates taken.
pub(super) const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Half level here; passed up to 3.3 kHz, gone at 4 kHz.
const CUTOFF_HZ: f64 = 3_650.0;

/// From passed to gone.
const TRANSITION_HZ: f64 = 700.0;

/// How much of an alias is left: -70 dB.
const STOP_DB: f64 = 70.0;

/// A resampler fed piece by piece.
pub(super) struct Resampler {
    /// Output samples and input samples in which both rates meet again.
    up: u64,
    down: u64,
    /// `up` filters of `taps` coefficients each.
    filters: Vec<f32>,
    taps: usize,
    /// Input not yet done with; the first sample lies half a filter before the next output.
    waiting: Vec<f32>,
    phase: u64,
    done: Vec<f32>,
}

impl Resampler {
    /// From `rate`, one of [`RATES`], to the mixer's rate.
    pub(super) fn new(rate: u32) -> Self {
        debug_assert!(RATES.contains(&rate));
        let common = gcd(rate, SAMPLE_RATE);
        let (up, down) = (SAMPLE_RATE / common, rate / common);
        let (taps, filters) = if up == down { (1, vec![1.0]) } else { filters(rate, up) };
        // Zeros before the beginning, so that the first output is centred on the first input.
        let waiting = vec![0.0; (taps - 1) / 2];
        Self { up: u64::from(up), down: u64::from(down), filters, taps, waiting, phase: 0, done: Vec::new() }
    }

    /// Takes more input.
    pub(super) fn push(&mut self, input: &[f32]) {
        self.waiting.extend_from_slice(input);
        let mut at = 0;
        while at + self.taps <= self.waiting.len() {
            let filter = &self.filters[self.phase as usize * self.taps..][..self.taps];
            self.done.push(self.waiting[at..at + self.taps].iter().zip(filter).map(|(x, h)| x * h).sum());
            self.phase += self.down;
            at += (self.phase / self.up) as usize;
            self.phase %= self.up;
        }
        // A step may reach beyond what has come.
        let over = at.saturating_sub(self.waiting.len());
        self.waiting.drain(..at - over);
        debug_assert_eq!(over, 0, "a filter is longer than a step");
    }

    /// How much output there is so far.
    pub(super) const fn len(&self) -> usize {
        self.done.len()
    }

    /// Ends the input and gives all output.
    pub(super) fn finish(mut self) -> Vec<f32> {
        self.push(&vec![0.0; self.taps / 2]);
        self.done
    }
}

/// A Kaiser-windowed sinc for each of the `phases`; each sums up to one.
fn filters(rate: u32, phases: u32) -> (usize, Vec<f32>) {
    let rate = f64::from(rate);
    let (cutoff, transition) =
        if rate < 2.0 * (CUTOFF_HZ + TRANSITION_HZ) { (0.45 * rate, 0.1 * rate) } else { (CUTOFF_HZ, TRANSITION_HZ) };
    // Kaiser's formulas for the length and the shape.
    let half = ((STOP_DB - 7.95) / (14.36 * transition / rate) / 2.0).ceil() as usize;
    let beta = 0.1102 * (STOP_DB - 8.7);
    let taps = 2 * half + 1;
    let mut all = Vec::with_capacity(taps * phases as usize);
    for phase in 0..phases {
        let offset = f64::from(phase) / f64::from(phases);
        let filter: Vec<f64> = (0..taps)
            .map(|k| {
                let t = k as f64 - half as f64 - offset;
                let window = bessel(beta * (1.0 - (t / (half as f64 + 1.0)).powi(2)).max(0.0).sqrt()) / bessel(beta);
                let x = 2.0 * PI * cutoff / rate * t;
                window * if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
            })
            .collect();
        let sum: f64 = filter.iter().sum();
        all.extend(filter.iter().map(|h| (h / sum) as f32));
    }
    (taps, all)
}

/// The modified Bessel function of the first kind and order zero.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Goertzel, level_dbfs};

    fn resampled(rate: u32, hz: f64) -> Vec<i16> {
        let input: Vec<f32> =
            (0..rate).map(|i| (f64::from(i) * 2.0 * PI * hz / f64::from(rate)).sin() as f32 * 0.5).collect();
        let mut resampler = Resampler::new(rate);
        input.chunks(777).for_each(|piece| resampler.push(piece));
        resampler.finish().into_iter().map(|s| (s * 32_767.0) as i16).collect()
    }

    #[test]
    fn what_can_be_heard_stays_as_it_is_at_every_rate() {
        for rate in [8_000, 11_025, 12_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000, 8_001] {
            for hz in [300.0, 1_000.0, 3_200.0] {
                let out = resampled(rate, hz);
                assert!((out.len() as i64 - 8_000).abs() <= 1, "{rate}: {} samples", out.len());
                let heard = Goertzel::new(hz, 8_000).measure(&out[400..7_600]);
                assert!(heard.share > 0.999 && (heard.dbfs + 9.03).abs() < 0.15, "{rate}, {hz} Hz: {heard:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_carried_leaves_no_alias() {
        for (rate, hz) in
            [(11_025, 4_500.0), (16_000, 4_100.0), (44_100, 5_000.0), (48_000, 7_000.0), (48_000, 15_500.0)]
        {
            let out = resampled(rate, hz);
            assert!(level_dbfs(&out[400..7_600]) < -65.0, "{rate}, {hz} Hz: {}", level_dbfs(&out[400..7_600]));
        }
    }
}
