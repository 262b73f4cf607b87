//! One second of a 1 Hz sine, made by the compiler: every whole frequency is a walk through it with its own step.

use crate::codec::SAMPLE_RATE;

/// Entries of a quarter of the wave.
const QUARTER: usize = SAMPLE_RATE as usize / 4;

/// A quarter of the wave, zero to crest, scaled to 32768.
pub(super) static SINE: [u16; QUARTER + 1] = quarter_wave();

/// The sine at `phase` of [`SAMPLE_RATE`] steps a turn, scaled to 32768.
pub(super) fn at(table: &[u16; QUARTER + 1], phase: usize) -> i32 {
    let (half, within) = (phase / (2 * QUARTER), phase % (2 * QUARTER));
    let value = i32::from(table[if within > QUARTER { 2 * QUARTER - within } else { within }]);
    if half == 0 { value } else { -value }
}

const fn quarter_wave() -> [u16; QUARTER + 1] {
    let mut table = [0; QUARTER + 1];
    let mut i = 0;
    while i <= QUARTER {
        let x = i as f64 / QUARTER as f64 * std::f64::consts::FRAC_PI_2;
        // The Taylor series: nine terms are exact to 1e-12 in the first quarter.
        let (mut term, mut sum, mut n) = (x, x, 1.0);
        while n < 17.0 {
            term = -term * x * x / ((n + 1.0) * (n + 2.0));
            sum += term;
            n += 2.0;
        }
        table[i] = (sum * 32_768.0 + 0.5) as u16;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_sine() {
        for phase in 0..SAMPLE_RATE as usize {
            let exact = (phase as f64 / f64::from(SAMPLE_RATE) * std::f64::consts::TAU).sin() * 32_768.0;
            assert!((f64::from(at(&SINE, phase)) - exact).abs() <= 0.51, "at {phase}");
        }
    }
}
