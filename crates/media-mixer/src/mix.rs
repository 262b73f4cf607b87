//! Adds permitted frames up. There is no function here that subtracts: law 1.
//!
//! It does not know who may hear whom, nor what a leg is.

/// Up to here a sample passes unchanged; above, the curve bends so that it never reaches full scale.
const KNEE: i32 = 24_576;
const ABOVE: i64 = 32_767 - KNEE as i64;

/// A fade takes this part of a frame: 5 ms. Long enough not to click, short enough that no word loses its beginning.
const FADE_PART: usize = 4;

/// Makes the beginning of a frame rise from silence. It changes nothing after [`FADE_PART`] of it.
pub(crate) fn raise(frame: &mut [i16]) {
    let length = frame.len() / FADE_PART;
    for (n, sample) in frame[..length].iter_mut().enumerate() {
        *sample = part(*sample, n, length);
    }
}

/// Adds the beginning of a frame, falling into silence, to a frame of the same rate.
pub(crate) fn add_falling(out: &mut [i16], frame: &[i16]) {
    let length = frame.len() / FADE_PART;
    for (n, (total, sample)) in out.iter_mut().zip(&frame[..length]).enumerate() {
        *total = limited(i32::from(*total) + i32::from(part(*sample, length - n, length)));
    }
}

/// Adds a frame to a sum of the same rate, its beginning rising from silence.
pub(crate) fn add_rising(sum: &mut [i32], frame: &[i16]) {
    let length = frame.len() / FADE_PART;
    for (n, (total, sample)) in sum.iter_mut().zip(&frame[..length]).enumerate() {
        *total += i32::from(part(*sample, n, length));
    }
    add(&mut sum[length..], &frame[length..]);
}

fn part(sample: i16, n: usize, of: usize) -> i16 {
    (i32::from(sample) * n as i32 / of.max(1) as i32) as i16
}

/// Adds a frame to a sum of the same rate.
pub(crate) fn add(sum: &mut [i32], frame: &[i16]) {
    for (total, sample) in sum.iter_mut().zip(frame) {
        *total += i32::from(*sample);
    }
}

/// Adds a sum to another one.
pub(crate) fn add_sum(sum: &mut [i32], other: &[i32]) {
    for (total, part) in sum.iter_mut().zip(other) {
        *total += part;
    }
}

/// Makes a frame of a sum: exact as long as it is not loud, softly limited where it is.
pub(crate) fn limit(sum: &[i32], out: &mut [i16]) {
    for (sample, total) in out.iter_mut().zip(sum) {
        *sample = limited(*total);
    }
}

/// A sample of a sum: exact as long as it is not loud, bent where it is, never at full scale.
///
/// The limiter has no memory: a gain that follows the loudest would let what is loud in one place be heard as a breathing in
/// another, and whoever shares a sum would need a gain of his own.
pub(crate) fn limited(total: i32) -> i16 {
    if total.abs() <= KNEE { total as i16 } else { bend(total) }
}

/// Mean square of a frame's samples.
pub(crate) fn power(frame: &[i16]) -> u32 {
    let sum: i64 = frame.iter().map(|sample| i64::from(*sample) * i64::from(*sample)).sum();
    u32::try_from(sum / frame.len().max(1) as i64).unwrap_or(u32::MAX)
}

fn bend(total: i32) -> i16 {
    let over = i64::from(total.abs() - KNEE);
    let limited = KNEE + (ABOVE * over / (ABOVE + over)) as i32;
    (limited * total.signum()) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::FRAME_SAMPLES;

    #[test]
    fn quiet_sums_are_exact_and_loud_ones_bend_without_wrapping() {
        let mut out = [0; FRAME_SAMPLES];
        for total in [0, 1, -1, 24_576, -24_576] {
            limit(&[total; FRAME_SAMPLES], &mut out);
            assert_eq!(i32::from(out[0]), total);
        }
        let mut before = 24_576;
        for total in (24_577..3_000_000).step_by(997) {
            limit(&[total; FRAME_SAMPLES], &mut out);
            assert!(out[7] >= before, "{total} became {}", out[7]);
            before = out[7];
            limit(&[-total; FRAME_SAMPLES], &mut out);
            assert_eq!(out[7], -before);
        }
        assert!(before > 32_700);
    }

    #[test]
    fn a_fade_is_a_straight_line_of_five_milliseconds_and_nothing_after_them_is_changed() {
        let frame = [8_000; FRAME_SAMPLES];
        let (mut rising, mut sum, mut falling) = (frame, [100; FRAME_SAMPLES], [100; FRAME_SAMPLES]);
        raise(&mut rising);
        add_rising(&mut sum, &frame);
        add_falling(&mut falling, &frame);
        for n in 0..FRAME_SAMPLES {
            let up = 200 * n.min(40) as i16;
            assert_eq!((rising[n], sum[n]), (up, 100 + i32::from(up)), "sample {n}");
            assert_eq!(falling[n], 100 + if n < 40 { 8_000 - up } else { 0 }, "sample {n}");
        }
    }

    #[test]
    fn a_thousand_full_frames_fit_a_sum() {
        let mut sum = [0_i32; FRAME_SAMPLES];
        (0..1000).for_each(|_| add(&mut sum, &[i16::MIN; FRAME_SAMPLES]));
        assert_eq!(sum[159], -32_768_000);
    }

    #[test]
    fn power_is_the_mean_square() {
        assert_eq!(power(&[100; FRAME_SAMPLES]), 10_000);
        assert_eq!(power(&[i16::MIN; FRAME_SAMPLES]), 1 << 30);
    }
}
