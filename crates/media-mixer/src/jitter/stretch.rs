//! Makes a frame last a little shorter or longer without changing its pitch, by overlapping it with itself one period later.
//!
//! Both ways start with the first sample given and use none before it: whoever labels the result with that sample's
//! timestamp never claims later speech than it contains. Decides nothing about when to stretch.

use crate::codec::FRAME_SAMPLES;

/// Shortest period looked for: 400 Hz at 8 kHz.
const MIN_LAG: usize = 20;

/// Most samples one lengthening adds.
pub(crate) const MAX_ADD: usize = 80;

/// Most samples one shortening of speech takes out.
pub(crate) const MAX_CUT: usize = 120;

/// Samples over which two signals are faded into one another.
const FADE: usize = 80;

/// Lags so much less alike than the best are taken if they are longer.
const NEARLY: f32 = 0.01;

/// A way to stretch: by how many samples, and how alike the two overlapped signals are, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lag {
    pub(crate) samples: usize,
    pub(crate) likeness: f32,
}

/// The best lag of at most `most` samples by which `input` may be shortened to one frame; `None` if it is too short for any.
pub(crate) fn best_cut(input: &[i16], most: usize) -> Option<Lag> {
    best(input, most.min(MAX_CUT).min(input.len().checked_sub(FRAME_SAMPLES)?))
}

/// The best lag of at most `most` samples by which one frame can be lengthened.
pub(crate) fn best_add(input: &[i16; FRAME_SAMPLES], most: usize) -> Option<Lag> {
    best(input, most.min(MAX_ADD))
}

/// Makes one frame of the first `FRAME_SAMPLES + lag` samples of `input`.
pub(crate) fn cut(input: &[i16], lag: usize, out: &mut [i16; FRAME_SAMPLES]) {
    for (i, sample) in out.iter_mut().enumerate() {
        *sample = faded(input[i], input[i + lag], i);
    }
}

/// Makes one frame of the first `FRAME_SAMPLES - lag` samples of `input`, peeking at the rest for the overlap.
pub(crate) fn add(input: &[i16; FRAME_SAMPLES], lag: usize, out: &mut [i16; FRAME_SAMPLES]) {
    out[..lag].copy_from_slice(&input[..lag]);
    for i in lag..FRAME_SAMPLES {
        out[i] = faded(input[i], input[i - lag], i - lag);
    }
}

/// From `a` to `b` in `FADE` samples.
pub(crate) fn faded(a: i16, b: i16, position: usize) -> i16 {
    let weight = position.min(FADE) as i32;
    let fade = FADE as i32;
    ((i32::from(a) * (fade - weight) + i32::from(b) * weight) / fade) as i16
}

/// The longest of the lags that are nearly as good as the best.
fn best(input: &[i16], most: usize) -> Option<Lag> {
    let mut likenesses = [0.0_f32; MAX_CUT + 1];
    for samples in MIN_LAG..=most {
        likenesses[samples] = likeness(&input[..FADE], &input[samples..samples + FADE]);
    }
    let top = likenesses.iter().copied().fold(0.0, f32::max);
    let samples = (MIN_LAG..=most).rev().find(|lag| likenesses[*lag] >= top - NEARLY)?;
    Some(Lag { samples, likeness: likenesses[samples] })
}

/// Normalised correlation, 0 where it would be negative.
fn likeness(a: &[i16], b: &[i16]) -> f32 {
    let (mut product, mut power_a, mut power_b) = (0_i64, 1_i64, 1_i64);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (i64::from(*x), i64::from(*y));
        product += x * y;
        power_a += x * x;
        power_b += y * y;
    }
    (product as f32 / (power_a as f32 * power_b as f32).sqrt()).max(0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tone(samples: usize, first: usize) -> Vec<i16> {
        (first..first + samples).map(|i| ((i as f64 * std::f64::consts::TAU / 8.0).sin() * 8_000.0) as i16).collect()
    }

    fn frame(samples: &[i16]) -> [i16; FRAME_SAMPLES] {
        samples[..FRAME_SAMPLES].try_into().unwrap()
    }

    #[test]
    fn a_tone_is_cut_and_lengthened_by_whole_periods_without_a_trace() {
        let input = tone(300, 3);
        let mut out = [0; FRAME_SAMPLES];
        let lag = best_cut(&input, 100).unwrap();
        assert!(lag.samples.is_multiple_of(8) && lag.likeness > 0.999, "{lag:?}");
        cut(&input, lag.samples, &mut out);
        assert!(out.iter().zip(&input).all(|(a, b)| (a - b).abs() <= 2));

        let lag = best_add(&frame(&input), 80).unwrap();
        assert!(lag.samples.is_multiple_of(8) && lag.likeness > 0.999, "{lag:?}");
        add(&frame(&input), lag.samples, &mut out);
        assert!(out.iter().zip(&input).all(|(a, b)| (a - b).abs() <= 2));
    }

    #[test]
    fn the_frame_after_a_stretched_one_joins_without_a_step() {
        let input: Vec<i16> = (0..400).map(|i| ((i * i) % 977) as i16).collect();
        let mut out = [0; FRAME_SAMPLES];
        cut(&input, 50, &mut out);
        assert_eq!(out[FRAME_SAMPLES - 1], input[FRAME_SAMPLES + 50 - 1]);
        add(&frame(&input), 80, &mut out);
        assert_eq!(out[0], input[0]);
        // The fade ends just before sample 80, with which the next frame begins.
        assert!((out[159] - input[79]).abs() <= 13);
    }

    #[test]
    fn nothing_is_cut_out_of_too_little() {
        assert_eq!(best_cut(&[0; 100], 100), None);
        assert_eq!(best_cut(&[0; FRAME_SAMPLES + 19], 100), None);
        assert!(best_cut(&[0; FRAME_SAMPLES + 20], 100).is_some());
        assert_eq!(best_cut(&[0; 400], 19), None);
    }
}
