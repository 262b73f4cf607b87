//! Adds permitted frames up. There is no function here that subtracts: law 1.
//!
//! It does not know who may hear whom, nor what a leg is.

/// Up to here a sample passes unchanged; above, the curve bends so that it never reaches full scale.
const KNEE: i32 = 24_576;
const ABOVE: i64 = 32_767 - KNEE as i64;

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
        *sample = if total.abs() <= KNEE { *total as i16 } else { bend(*total) };
    }
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
