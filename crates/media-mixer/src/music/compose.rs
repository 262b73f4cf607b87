//! Plays the score: pads, a plucked figure, a bell-like melody and a bass, added up on a ring.
//!
//! The ring is the point: what rings on past the end rings into the beginning, so the round has no seam. Everything is
//! computed, the same on every machine to within rounding.

use std::f64::consts::TAU;

use super::level;
use super::score::{BARS, Bar, FIGURES};
use crate::codec::SAMPLE_RATE;

/// Samples of an eighth note: 375 ms.
const EIGHTH: usize = SAMPLE_RATE as usize * 3 / 8;

/// Samples of a bar.
const BAR: usize = 8 * EIGHTH;

/// An echo after three sixteenths, twice.
const ECHO: [(usize, f32); 2] = [(EIGHTH * 3 / 2, 0.22), (EIGHTH * 3, 0.09)];

/// A voice: its partials as (multiple of the pitch, level), how it starts and how it dies away.
struct Voice {
    partials: &'static [(f64, f64)],
    attack_ms: f64,
    /// Time in which it falls to a third while it is held.
    decay_ms: f64,
    /// The same once it is let go.
    release_ms: f64,
}

const PAD: Voice = Voice {
    partials: &[(0.9985, 0.5), (1.0017, 0.5), (2.0, 0.16), (3.003, 0.05)],
    attack_ms: 500.0,
    decay_ms: 9_000.0,
    release_ms: 450.0,
};

const FIGURE: Voice = Voice {
    partials: &[(1.0, 0.6), (2.0, 0.25), (3.0, 0.1), (4.01, 0.05)],
    attack_ms: 4.0,
    decay_ms: 330.0,
    release_ms: 200.0,
};

const MELODY: Voice =
    Voice { partials: &[(1.0, 0.8), (2.0, 0.14), (3.01, 0.07)], attack_ms: 7.0, decay_ms: 700.0, release_ms: 250.0 };

const BASS: Voice =
    Voice { partials: &[(1.0, 0.5), (2.0, 0.4), (3.0, 0.16)], attack_ms: 15.0, decay_ms: 900.0, release_ms: 120.0 };

/// One round of the piece at the house's loudness.
pub(super) fn compose() -> Vec<i16> {
    let mut ring = vec![0.0_f32; BARS.len() * BAR];
    for (number, bar) in BARS.iter().enumerate() {
        play(&mut ring, number, bar);
    }
    let mut wet = ring.clone();
    for (delay, gain) in ECHO {
        let (start, end) = ring.split_at(ring.len() - delay);
        for (out, echo) in wet.iter_mut().zip(end.iter().chain(start)) {
            *out += echo * gain;
        }
    }
    level::even_out_ring(&mut wet, 5 * SAMPLE_RATE as usize);
    level::finish(&wet)
}

fn play(ring: &mut [f32], number: usize, bar: &Bar) {
    let start = number * BAR;
    let part = number / 8;
    for pitch in bar.chord {
        note(ring, &PAD, start, BAR - EIGHTH / 2, pitch, 0.16);
    }
    note(ring, &BASS, start, 5 * EIGHTH, bar.bass, 0.3);
    note(ring, &BASS, start + 5 * EIGHTH, 3 * EIGHTH, bar.bass, 0.2);
    for (eighth, (which, octaves)) in FIGURES[part].iter().enumerate() {
        // The strong eighths a little stronger: a hand, not a clock.
        let gain = [0.2, 0.13, 0.16, 0.13][eighth % 4];
        note(ring, &FIGURE, start + eighth * EIGHTH, EIGHTH, bar.chord[*which] + 12 * octaves, gain);
    }
    for (eighth, pitch, length) in bar.melody {
        let gain = if part == 2 { 0.22 } else { 0.27 };
        note(ring, &MELODY, start + usize::from(*eighth) * EIGHTH, usize::from(*length) * EIGHTH, *pitch, gain);
    }
}

/// Adds one note to the ring, from `start` on, held for `held` samples and then let go.
fn note(ring: &mut [f32], voice: &Voice, start: usize, held: usize, pitch: u8, gain: f64) {
    let hz = 440.0 * 2_f64.powf((f64::from(pitch) - 69.0) / 12.0);
    // Down by e^5, 43 dB, nobody hears it end under what else sounds.
    let tail = (voice.release_ms * 8.0 * 5.0) as usize;
    let envelope = Envelope::new(voice, held, gain);
    for (multiple, level) in voice.partials {
        let turn = TAU * hz * multiple / f64::from(SAMPLE_RATE);
        let mut wave = (0.0, -turn.sin());
        let factor = 2.0 * turn.cos();
        let mut envelope = envelope.clone();
        let (before, after) = ring.split_at_mut(start);
        for sample in after.iter_mut().chain(before).take(held + tail) {
            *sample += (wave.0 * level * envelope.next()) as f32;
            wave = (factor * wave.0 - wave.1, wave.0);
        }
    }
}

/// The loudness of one note as it goes by.
#[derive(Clone)]
struct Envelope {
    attack: f64,
    attack_step: f64,
    level: f64,
    decay: f64,
    release: f64,
    held: usize,
}

impl Envelope {
    fn new(voice: &Voice, held: usize, gain: f64) -> Self {
        let per_sample = |ms: f64| (-1.0 / (ms * 8.0)).exp();
        Self {
            attack: 0.0,
            attack_step: 1.0 / (voice.attack_ms * 8.0),
            level: gain,
            decay: per_sample(voice.decay_ms),
            release: per_sample(voice.release_ms),
            held,
        }
    }

    fn next(&mut self) -> f64 {
        self.attack = (self.attack + self.attack_step).min(1.0);
        self.level *= if self.held == 0 { self.release } else { self.decay };
        self.held = self.held.saturating_sub(1);
        self.level * self.attack
    }
}
