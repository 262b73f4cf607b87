//! Goertzel's recurrence, from the textbook: how much of a piece of sound is one pitch.
//!
//! On purpose not shared with the mixer, whose output it judges.

/// Sum of the squares of the samples.
pub(crate) fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}

/// Part of the energy at this pitch (Hz): 1 for a pure tone, 0 for none of it.
pub(crate) fn share(samples: &[i16], rate: u32, pitch: f64) -> f64 {
    let turn = 2.0 * (std::f64::consts::TAU * pitch / f64::from(rate)).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        // Hann window: a pitch between two bins must not smear into its neighbours.
        let weight = 0.5 - 0.5 * (std::f64::consts::TAU * index as f64 / samples.len() as f64).cos();
        let next = turn * last - before + weight * f64::from(*sample);
        (before, last) = (last, next);
    }
    let power = last * last + before * before - turn * last * before;
    // The Hann window halves the amplitude; a pure tone of energy E gives power = E * n / 8.
    8.0 * power / (samples.len() as f64 * energy(samples).max(1.0))
}
