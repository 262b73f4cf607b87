//! Brings 20 ms of sound from one of the house's three rates to another, on the tick: a polyphase FIR of fixed delay.
//!
//! ```text
//!   from, to      taps  delay     flat within 0.1 dB to   images, aliases   half level at
//!   8 <-> 48 kHz   216  2.24 ms   3.4 kHz                 -60 dB from 4.4    3.9 kHz
//!   8 <-> 16 kHz    72  2.22 ms   3.4 kHz                 -60 dB from 4.4    3.9 kHz
//!   16 <-> 48 kHz  108  1.11 ms   6.9 kHz                 -60 dB from 8.7    7.8 kHz
//! ```
//!
//! It has no state: whoever wants a frame converted brings the last samples before it, [`past`] of them. So a rate that is needed
//! for the first time, or again after a while, begins without a click. What comes out holds sound of up to [`SPAN_US`] before
//! the frame: law 3 counts that. Integer arithmetic in 16 bits by 16 bits, which compilers turn into vectors.

use std::f64::consts::PI;

use crate::codec::Rate;

/// No converted sample derives from sound longer before its frame than this.
pub(crate) const SPAN_US: u64 = 4_500;

/// Most samples of [`past`].
pub(crate) const MAX_PAST: usize = past(Rate::Full);

/// Binary places of a coefficient. The sum of all sizes in one filter is below three, so no sum of products reaches 2^31.
const PLACES: u32 = 14;
/// Shape of the window: 60 dB.
const STOP_DB: f64 = 60.0;

/// So many samples before a frame of this rate its conversion needs: 4.5 ms.
#[must_use]
pub(crate) const fn past(rate: Rate) -> usize {
    36 * rate.times()
}

/// The filters of all six conversions.
pub(crate) struct Resampler {
    narrow_wide: Filter,
    narrow_full: Filter,
    wide_full: Filter,
}

impl Resampler {
    /// Works the filters out. Allocates, and is the only call that does.
    pub(crate) fn new() -> Self {
        Self {
            narrow_wide: Filter::new(2, 72, 3_900.0 / 16_000.0),
            narrow_full: Filter::new(6, 216, 3_900.0 / 48_000.0),
            wide_full: Filter::new(3, 108, 7_800.0 / 48_000.0),
        }
    }

    /// Converts a frame of `from` with [`past`] samples before it, all in `sound`, to a frame of `to` in `out`.
    pub(crate) fn convert(&self, from: Rate, to: Rate, sound: &[i16], out: &mut [i16]) {
        debug_assert_eq!((sound.len(), out.len()), (past(from) + from.frame(), to.frame()));
        match (from, to) {
            (Rate::Narrow, Rate::Wide) => self.narrow_wide.up(sound, past(from), out),
            (Rate::Narrow, Rate::Full) => self.narrow_full.up(sound, past(from), out),
            (Rate::Wide, Rate::Full) => self.wide_full.up(sound, past(from), out),
            (Rate::Wide, Rate::Narrow) => self.narrow_wide.down(sound, past(from), out),
            (Rate::Full, Rate::Narrow) => self.narrow_full.down(sound, past(from), out),
            (Rate::Full, Rate::Wide) => self.wide_full.down(sound, past(from), out),
            (Rate::Narrow, Rate::Narrow) | (Rate::Wide, Rate::Wide) | (Rate::Full, Rate::Full) => {
                out.copy_from_slice(&sound[past(from)..]);
            }
        }
    }
}

/// One low pass at the higher of two rates, as a whole and in its phases.
struct Filter {
    ratio: usize,
    /// Newest sample last.
    whole: Box<[i16]>,
    /// Phase by phase, newest sample last, each with a gain of one.
    phases: Box<[i16]>,
}

impl Filter {
    /// A windowed sinc of `taps` coefficients, `cutoff` as a part of the higher rate.
    fn new(ratio: usize, taps: usize, cutoff: f64) -> Self {
        let beta = 0.1102 * (STOP_DB - 8.7);
        let middle = (taps - 1) as f64 / 2.0;
        let ideal: Vec<f64> = (0..taps)
            .map(|k| {
                let t = k as f64 - middle;
                let x = 2.0 * PI * cutoff * t;
                let window = bessel(beta * (1.0 - (t / (middle + 0.5)).powi(2)).max(0.0).sqrt()) / bessel(beta);
                window * if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
            })
            .collect();
        let whole = rounded(ideal.iter().rev().copied());
        let phases = (0..ratio).flat_map(|phase| rounded(ideal.iter().skip(phase).step_by(ratio).rev().copied()));
        Self { ratio, phases: phases.collect(), whole: whole.into() }
    }

    fn up(&self, sound: &[i16], past: usize, out: &mut [i16]) {
        let taps = self.phases.len() / self.ratio;
        let frame = sound.len() - past;
        for (n, group) in out.chunks_exact_mut(self.ratio).take(frame).enumerate() {
            let newest = past + n + 1;
            let window = &sound[newest - taps..newest];
            for (sample, phase) in group.iter_mut().zip(self.phases.chunks_exact(taps)) {
                *sample = product(window, phase);
            }
        }
    }

    fn down(&self, sound: &[i16], past: usize, out: &mut [i16]) {
        let taps = self.whole.len();
        for (n, sample) in out.iter_mut().enumerate() {
            let newest = past + (n + 1) * self.ratio;
            *sample = product(&sound[newest - taps..newest], &self.whole);
        }
    }
}

fn product(sound: &[i16], filter: &[i16]) -> i16 {
    let sum: i32 = sound.iter().zip(filter).map(|(sample, weight)| i32::from(*sample) * i32::from(*weight)).sum();
    let rounded = (sum + (1 << (PLACES - 1))) >> PLACES;
    rounded.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// Coefficients with a sum of exactly one: what rounding leaves goes to the greatest.
fn rounded(ideal: impl Iterator<Item = f64>) -> Vec<i16> {
    let ideal: Vec<f64> = ideal.collect();
    let one = f64::from(1 << PLACES);
    let sum: f64 = ideal.iter().sum();
    let mut filter: Vec<i16> = ideal.iter().map(|h| (h / sum * one).round() as i16).collect();
    let rest = (1 << PLACES) - filter.iter().map(|h| i32::from(*h)).sum::<i32>();
    if let Some(greatest) = filter.iter_mut().max() {
        *greatest += rest as i16;
    }
    filter
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Goertzel, level_dbfs};

    fn tone(hertz: f64, rate: Rate, frames: usize) -> Vec<i16> {
        let turn = hertz * std::f64::consts::TAU / f64::from(rate.hertz());
        (0..frames * rate.frame()).map(|n| ((n as f64 * turn).sin() * 16_000.0) as i16).collect()
    }

    /// The sound frame by frame, as a leg brings it.
    fn converted(from: Rate, to: Rate, sound: &[i16]) -> Vec<i16> {
        let resampler = Resampler::new();
        let padded = [vec![0; past(from)], sound.to_vec()].concat();
        let mut out = Vec::new();
        for start in (0..sound.len()).step_by(from.frame()) {
            let mut frame = vec![0; to.frame()];
            resampler.convert(from, to, &padded[start..start + past(from) + from.frame()], &mut frame);
            out.extend(frame);
        }
        out
    }

    fn pairs() -> impl Iterator<Item = (Rate, Rate)> {
        Rate::ALL.into_iter().flat_map(|from| Rate::ALL.map(|to| (from, to))).filter(|(from, to)| from != to)
    }

    #[test]
    fn what_both_rates_carry_passes_within_a_tenth_of_a_decibel() {
        for (from, to) in pairs() {
            let flat_to = if from.min(to) == Rate::Narrow { 3_400 } else { 6_900 };
            let mut worst = 0.0_f64;
            for hertz in (100..=flat_to).step_by(300) {
                let out = converted(from, to, &tone(f64::from(hertz), from, 25));
                let middle = &out[to.frame() * 2..to.frame() * 22];
                let found = Goertzel::new(f64::from(hertz), to.hertz()).measure(middle);
                let ripple = found.dbfs - 20.0 * (16_000.0_f64 / 32_768.0).log10() + 3.01;
                worst = worst.max(ripple.abs());
                assert!(worst < 0.1, "{from:?} to {to:?}, {hertz} Hz: {ripple} dB");
                assert!(found.share > 0.999_98, "{from:?} to {to:?}, {hertz} Hz: {found:?}");
            }
            // as ARCHITECTURE.md says
            assert!(worst < 0.008_5, "{from:?} to {to:?}: {worst} dB");
        }
    }

    /// Each tone of the lower rate, and each place in the spectrum of the higher one where its images would be. Every frequency is a
    /// multiple of what the block resolves, so that the tone itself is nothing there.
    #[test]
    fn a_rising_rate_leaves_no_image_of_a_tone() {
        for (from, to) in pairs().filter(|(from, to)| from < to) {
            let up_to = if from == Rate::Narrow { 3_600 } else { 7_300 };
            let mut worst = f64::NEG_INFINITY;
            for hertz in (100..=up_to).step_by(100) {
                let out = converted(from, to, &tone(f64::from(hertz), from, 12));
                let middle = &out[to.frame() * 2..to.frame() * 12];
                let level = |hertz: u32| Goertzel::new(f64::from(hertz), to.hertz()).measure(middle).dbfs;
                let said = 20.0 * (16_000.0_f64 / 32_768.0).log10() - 3.01;
                let around = (1..).map(|n| n * from.hertz()).take_while(|centre| *centre <= to.hertz() / 2);
                for image in around.flat_map(|centre| [centre - hertz, centre + hertz]) {
                    if image < to.hertz() / 2 {
                        worst = worst.max(level(image) - said);
                        assert!(worst < -60.0, "{from:?} to {to:?}, {hertz} Hz: {worst} dB at {image} Hz");
                    }
                }
            }
            // as ARCHITECTURE.md says
            let said = match (from, to) {
                (Rate::Narrow, Rate::Wide) => -64.2,
                (Rate::Narrow, _) => -63.0,
                (Rate::Wide | Rate::Full, _) => -60.6,
            };
            assert!((worst - said).abs() < 0.1, "{from:?} to {to:?}: {worst} dB");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_leaves_no_alias() {
        for (from, to) in pairs().filter(|(from, to)| from > to) {
            let from_hertz = if to == Rate::Narrow { 4_400 } else { 8_700 };
            let mut worst = f64::NEG_INFINITY;
            for hertz in (from_hertz..from.hertz() / 2).step_by(211) {
                let out = converted(from, to, &tone(f64::from(hertz), from, 10));
                let level = level_dbfs(&out[to.frame() * 2..]) - 20.0 * (16_000.0_f64 / 32_768.0).log10() + 3.01;
                worst = worst.max(level);
                assert!(worst < -60.0, "{from:?} to {to:?}, {hertz} Hz: {level} dB");
            }
            // as ARCHITECTURE.md says
            assert!(worst < -60.25, "{from:?} to {to:?}: {worst} dB");
        }
    }

    #[test]
    fn the_delay_is_what_it_is_said_to_be() {
        for (from, to) in pairs() {
            let mut sound = vec![0; from.frame() * 2];
            // long enough to pass the filter whole
            let width = from.times() * 8;
            sound[..width].fill(16_000);
            let out = converted(from, to, &sound);
            let total: f64 = out.iter().map(|s| f64::from(*s)).sum();
            let centre = out.iter().enumerate().map(|(n, s)| n as f64 * f64::from(*s)).sum::<f64>() / total;
            let (got_ms, put_ms) =
                (centre / f64::from(to.hertz()) * 1e3, (width as f64 - 1.0) / 2.0 / f64::from(from.hertz()) * 1e3);
            let narrow = from.min(to) == Rate::Narrow;
            let said_ms = if narrow { 2.24 } else { 1.11 };
            // a decimated sample stands for the last of its group
            assert!((got_ms - put_ms - said_ms).abs() < 0.13, "{from:?} to {to:?}: {}", got_ms - put_ms);
        }
    }

    #[test]
    fn the_loudest_sound_does_not_overflow() {
        for (from, to) in pairs() {
            let square: Vec<i16> =
                (0..from.frame() * 4).map(|n| if n / 9 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
            let out = converted(from, to, &square);
            assert!(out.iter().any(|s| *s > 20_000) && out.iter().any(|s| *s < -20_000));
        }
        for filter in [Filter::new(6, 216, 3_900.0 / 48_000.0), Filter::new(3, 108, 7_800.0 / 48_000.0)] {
            let size = |filter: &[i16]| filter.iter().map(|h| i32::from(*h).abs()).sum::<i32>();
            let taps = filter.phases.len() / filter.ratio;
            assert!(size(&filter.whole) < 3 << PLACES);
            assert!(filter.phases.chunks(taps).all(|phase| size(phase) < 3 << PLACES));
        }
    }
}
