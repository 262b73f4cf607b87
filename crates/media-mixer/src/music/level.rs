//! Brings music to the house's loudness: evenly, and without hard clipping.

use super::LOUDNESS_DBFS;

/// Above this part of full scale the tops are bent instead of cut.
const KNEE: f32 = 0.6;

/// Blocks quieter than this part of full scale (-50 dBFS) do not count for the loudness.
const GATE: f64 = 0.003_16;

/// Samples in which loudness is measured: 400 ms.
const BLOCK: usize = 3_200;

/// Music is not made louder than by this: what is quieter is noise.
const MAX_GAIN: f64 = 32.0;

/// Evens out how loud the parts of a ring are, seen through a window of `window` samples which goes round over its end. A ring
/// that is not a whole number of blocks is left as it is.
pub(super) fn even_out_ring(ring: &mut [f32], window: usize) {
    let block = window / 5;
    if !ring.len().is_multiple_of(block) {
        return;
    }
    let powers: Vec<f64> = ring.chunks(block).map(power).collect();
    let count = powers.len();
    let all = powers.iter().sum::<f64>() / count as f64;
    // Three quarters of the difference: some life is left.
    let gains: Vec<f64> = (0..count)
        .map(|n| (0..5).map(|k| powers[(n + count + k - 2) % count]).sum::<f64>() / 5.0)
        .map(|around| (all / around.max(1e-9)).powf(0.375))
        .collect();
    for (n, sample) in ring.iter_mut().enumerate() {
        // Each gain holds at the middle of its block, a straight line in between.
        let place = (n as f64 / block as f64 + count as f64 - 0.5) % count as f64;
        let (left, part) = (place as usize % count, place.fract());
        *sample *= (gains[left] * (1.0 - part) + gains[(left + 1) % count] * part) as f32;
    }
}

/// 16-bit samples of the house's loudness, measured where there is sound at all.
pub(super) fn finish(samples: &[f32]) -> Vec<i16> {
    let target = 10_f64.powf(LOUDNESS_DBFS / 20.0);
    let gain = loudness(samples).map_or(1.0, |rms| (target / rms).min(MAX_GAIN)) as f32;
    samples.iter().map(|sample| (bend(sample * gain) * 32_767.0) as i16).collect()
}

/// RMS of the blocks that are not silent; `None` if all are.
pub(super) fn loudness(samples: &[f32]) -> Option<f64> {
    let loud: Vec<f64> = samples.chunks(BLOCK).map(power).filter(|p| *p > GATE * GATE).collect();
    (!loud.is_empty()).then(|| (loud.iter().sum::<f64>() / loud.len() as f64).sqrt())
}

fn power(samples: &[f32]) -> f64 {
    samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len().max(1) as f64
}

/// Straight up to the knee, then towards full scale and never over it.
fn bend(sample: f32) -> f32 {
    let size = sample.abs();
    if size <= KNEE {
        return sample;
    }
    let over = (size - KNEE) / (1.0 - KNEE);
    (KNEE + (1.0 - KNEE) * over / (1.0 + over)).copysign(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loud_and_quiet_music_ends_equally_loud() {
        for peak in [0.05, 0.3, 1.0] {
            let music: Vec<f32> = (0..80_000).map(|i| (i as f32 * 0.7).sin() * peak).collect();
            let done = finish(&music);
            let rms = (done.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 80_000.0).sqrt() / 32_768.0;
            assert!((20.0 * rms.log10() - LOUDNESS_DBFS).abs() < 0.1, "{rms}");
        }
        assert_eq!(finish(&[0.0; 100]), [0; 100]);
    }

    #[test]
    fn peaks_are_bent_and_never_wrap() {
        let mut music = vec![0.01_f32; 80_000];
        music[5] = 1.0;
        music[6] = -1.0;
        let done = finish(&music);
        assert!(done[5] > 25_000 && done[6] < -25_000);
        assert_eq!(bend(0.5), 0.5);
        assert!(bend(-1e9) >= -1.0 && bend(KNEE + 0.001) > KNEE);
    }

    #[test]
    fn a_ring_with_a_quiet_part_becomes_even() {
        let mut ring: Vec<f32> =
            (0..80_000).map(|i| (i as f32 * 0.9).sin() * if i < 40_000 { 0.5 } else { 0.25 }).collect();
        even_out_ring(&mut ring, 10_000);
        let ratio = power(&ring[10_000..30_000]) / power(&ring[50_000..70_000]);
        assert!((1.0..1.6).contains(&ratio), "{ratio}");
    }
}
