//! What is loud is limited and not cut off: how much it is distorted, measured at a listener's ear. The figures of ARCHITECTURE.md.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use std::f64::consts::TAU;

use conference::CallId;
use lab::*;
use media_mixer::codec::{Codec, FRAME_SAMPLES};
use media_mixer::{HoldMusic, MediaSettings};

/// Of the tone: 400 Hz, 20 samples long.
const PERIOD: usize = 20;

fn tone(peak: f64) -> Vec<i16> {
    (0..FRAME_SAMPLES).map(|n| (peak * (n as f64 * TAU / PERIOD as f64 + 0.1).sin()).round() as i16).collect()
}

/// What a third hears of two who say the same tone at once, each with this peak.
fn heard(peak: f64) -> Vec<i16> {
    let mut house = House::new(&MediaSettings { hold_music: HoldMusic::Silence, ..settings() });
    let [a, b, c] = [1, 2, 3].map(|n| house.phone(n, Codec::L16));
    house.masks(CallId(1), vec![mask(a, 1), mask(b, 2), mask(c, 3)], vec![]);
    let tone = tone(peak);
    for _ in 0..60 {
        house.say(a, &tone, 0);
        house.say(b, &tone, 0);
        (0..10).for_each(|_| house.slot());
    }
    let heard = house.heard(c);
    heard[heard.len() - 10 * FRAME_SAMPLES..].to_vec()
}

/// How much of a 400 Hz tone is in its overtones, in a hundred.
fn distortion(sound: &[i16]) -> f64 {
    let part = |overtone: usize| {
        let turn = |n: usize| (n * overtone % PERIOD) as f64 * TAU / PERIOD as f64;
        let sum = |wave: fn(f64) -> f64| -> f64 {
            sound.iter().enumerate().map(|(n, sample)| f64::from(*sample) * wave(turn(n))).sum()
        };
        sum(f64::sin).hypot(sum(f64::cos))
    };
    100.0 * (2..=9).map(part).map(|part| part * part).sum::<f64>().sqrt() / part(1)
}

#[test]
fn a_merge_of_two_loud_voices_is_never_cut_off_and_below_three_quarters_of_full_scale_never_touched() {
    // peak of the sum, in dBFS, and the most that may be distorted
    for (dbfs, most) in [(-12.0, 0.02), (-2.6, 0.02), (-1.0, 3.0), (0.0, 6.0), (3.0, 16.0), (6.0, 24.0)] {
        let sound = heard(16_384.0 * 10_f64.powf(dbfs / 20.0));
        let (distorted, peak) = (distortion(&sound), sound.iter().map(|sample| sample.unsigned_abs()).max().unwrap());
        eprintln!("sum of {dbfs:>5.1} dBFS: {distorted:.2} % distorted, peak {peak}");
        assert!(distorted < most, "{dbfs} dBFS: {distorted} %");
        assert!(peak < 32_000, "{dbfs} dBFS: at full scale");
    }
}
