//! Each of the three laws, broken, is caught by the ears: a promise that no test can see broken is no promise.
#![cfg(feature = "break")]
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use lab::drama::{Drama, KeptFrom, SECRET, Wire, media_settings};
use media_mixer::MediaSettings;

const STEPS: u32 = 200;
const SEEDS: u64 = 60;

/// The first seed with which somebody hears what he must not, and whether a customer heard a secret in any of them.
fn caught(law: Option<u8>, wire: Wire) -> (Option<u64>, bool) {
    let (mut first, mut secret) = (None, false);
    for seed in 1..=SEEDS {
        let settings = MediaSettings { break_law: law, ..media_settings() };
        let mut drama = Drama::new(seed, wire, &settings);
        drama.play(STEPS);
        if !drama.leaks.is_empty() {
            first = first.or(Some(seed));
        }
        secret |= drama.leaks.iter().any(|leak| leak.sample >= SECRET && leak.why.contains("customer"));
        if secret {
            break;
        }
    }
    (first, secret)
}

#[test]
fn with_all_laws_kept_nobody_is_caught() {
    assert_eq!(caught(None, Wire::CLEAN), (None, false));
}

#[test]
fn summing_everybody_and_leaving_out_ones_own_voice_leaks_to_the_customer() {
    let (first, secret) = caught(Some(1), Wire::CLEAN);
    assert!(first.is_some() && secret, "law 1 broken: {first:?} {secret}");
}

#[test]
fn masks_that_come_late_leak_to_the_customer() {
    let (first, secret) = caught(Some(2), Wire::CLEAN);
    assert!(first.is_some() && secret, "law 2 broken: {first:?} {secret}");
}

#[test]
fn opening_at_once_leaks_to_the_customer() {
    let (first, secret) = caught(Some(3), Wire::ROUGH);
    assert!(first.is_some() && secret, "law 3 broken: {first:?} {secret}");
}

#[test]
fn opening_at_once_leaks_to_the_target_as_well() {
    let settings = MediaSettings { break_law: Some(3), ..media_settings() };
    let leaks = (2_000..2_000 + SEEDS).any(|seed| {
        let mut drama = Drama::new(seed, Wire::ROUGH, &settings);
        drama.kept_from = KeptFrom::Target;
        drama.play(STEPS);
        drama.leaks.iter().any(|leak| leak.sample >= SECRET && leak.why.contains("target"))
    });
    assert!(leaks, "law 3 broken: the target heard nothing of it");
}
