//! Makes a frame last a little shorter or longer without changing its pitch, by overlapping it with itself one period later.
//!
//! Both ways start with the first sample given and use none before it: whoever labels the result with that sample's
//! timestamp never claims later speech than it contains. Decides nothing about when to stretch.

/// Shortest period looked for: 400 Hz. This and all below in samples of 8 kHz.
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

/// The best lag of at most `most` samples by which `input` may be shortened to one frame of `times` times 8 kHz; `None` if it
/// is too short for any.
pub(crate) fn best_cut(input: &[i16], times: usize, most: usize) -> Option<Lag> {
    best(input, times, most.min(MAX_CUT * times).min(input.len().checked_sub(160 * times)?))
}

/// The best lag of at most `most` samples by which one frame can be lengthened.
pub(crate) fn best_add(input: &[i16], times: usize, most: usize) -> Option<Lag> {
    best(input, times, most.min(MAX_ADD * times))
}

/// Makes one frame of the first frame and `lag` samples of `input`.
pub(crate) fn cut(input: &[i16], times: usize, lag: usize, out: &mut [i16]) {
    for (i, sample) in out.iter_mut().enumerate() {
        *sample = faded(input[i], input[i + lag], i, FADE * times);
    }
}

/// Makes one frame of the first frame less `lag` samples of `input`, peeking at the rest for the overlap.
pub(crate) fn add(input: &[i16], times: usize, lag: usize, out: &mut [i16]) {
    out[..lag].copy_from_slice(&input[..lag]);
    for i in lag..out.len() {
        out[i] = faded(input[i], input[i - lag], i - lag, FADE * times);
    }
}

/// From `a` to `b` in `length` samples.
pub(crate) fn faded(a: i16, b: i16, position: usize, length: usize) -> i16 {
    let weight = position.min(length) as i32;
    let fade = length as i32;
    ((i32::from(a) * (fade - weight) + i32::from(b) * weight) / fade) as i16
}

/// The longest of the lags that are nearly as good as the best. At higher rates one sample stands for its neighbours: a period is
/// found as well, and at no greater cost.
fn best(input: &[i16], times: usize, most: usize) -> Option<Lag> {
    let mut likenesses = [0.0_f32; MAX_CUT + 1];
    let fade = FADE * times;
    let most = most / times;
    for (lag, found) in likenesses.iter_mut().enumerate().take(most + 1).skip(MIN_LAG) {
        let from = lag * times;
        *found = likeness(&input[..fade], &input[from..from + fade], times);
    }
    let top = likenesses.iter().copied().fold(0.0, f32::max);
    let lag = (MIN_LAG..=most).rev().find(|lag| likenesses[*lag] >= top - NEARLY)?;
    Some(Lag { samples: lag * times, likeness: likenesses[lag] })
}

/// Normalised correlation of every so manyth sample, 0 where it would be negative.
fn likeness(a: &[i16], b: &[i16], every: usize) -> f32 {
    let (mut product, mut power_a, mut power_b) = (0_i64, 1_i64, 1_i64);
    for (x, y) in a.iter().step_by(every).zip(b.iter().step_by(every)) {
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
    use crate::codec::FRAME_SAMPLES;

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
        let lag = best_cut(&input, 1, 100).unwrap();
        assert!(lag.samples.is_multiple_of(8) && lag.likeness > 0.999, "{lag:?}");
        cut(&input, 1, lag.samples, &mut out);
        assert!(out.iter().zip(&input).all(|(a, b)| (a - b).abs() <= 2));

        let lag = best_add(&frame(&input), 1, 80).unwrap();
        assert!(lag.samples.is_multiple_of(8) && lag.likeness > 0.999, "{lag:?}");
        add(&frame(&input), 1, lag.samples, &mut out);
        assert!(out.iter().zip(&input).all(|(a, b)| (a - b).abs() <= 2));
    }

    #[test]
    fn the_frame_after_a_stretched_one_joins_without_a_step() {
        let input: Vec<i16> = (0..400).map(|i| ((i * i) % 977) as i16).collect();
        let mut out = [0; FRAME_SAMPLES];
        cut(&input, 1, 50, &mut out);
        assert_eq!(out[FRAME_SAMPLES - 1], input[FRAME_SAMPLES + 50 - 1]);
        add(&frame(&input), 1, 80, &mut out);
        assert_eq!(out[0], input[0]);
        // The fade ends just before sample 80, with which the next frame begins.
        assert!((out[159] - input[79]).abs() <= 13);
    }

    #[test]
    fn nothing_is_cut_out_of_too_little() {
        assert_eq!(best_cut(&[0; 100], 1, 100), None);
        assert_eq!(best_cut(&[0; FRAME_SAMPLES + 19], 1, 100), None);
        assert!(best_cut(&[0; FRAME_SAMPLES + 20], 1, 100).is_some());
        assert_eq!(best_cut(&[0; 400], 1, 19), None);
    }
}
