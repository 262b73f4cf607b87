//! The product's promise, sample by sample: core and mixer together, random calls, and nobody hears whom he must not.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use lab::drama::{Drama, KeptFrom, Wire, media_settings};

const STEPS: u32 = 200;

/// `EARS_SEED` runs one seed again; `EARS_RUNS` asks for more of them.
fn seeds(first: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("EARS_SEED") {
        Some(seed) => vec![seed],
        None => (first..first + number("EARS_RUNS").unwrap_or(1_700)).collect(),
    }
}

fn run(first: u64, wire: Wire, kept_from: KeptFrom) {
    let (mut packets, mut consults) = (0, 0);
    for seed in seeds(first) {
        let mut drama = Drama::new(seed, wire, &media_settings());
        drama.kept_from = kept_from;
        drama.play(STEPS);
        assert!(drama.leaks.is_empty(), "EARS_SEED={seed}: {} leaks, first {:?}", drama.leaks.len(), drama.leaks[0]);
        packets += drama.packets;
        consults += drama.consults;
    }
    assert!(packets > 10_000, "only {packets} packets were heard");
    assert!(consults > 10, "only {consults} steps in consults");
}

#[test]
fn on_a_clean_wire_everybody_hears_exactly_whom_the_masks_say() {
    run(1, Wire::CLEAN, KeptFrom::Customer);
}

#[test]
fn customers_ear_never_holds_a_secret_bit_whatever_the_wire_does() {
    run(1_000, Wire::ROUGH, KeptFrom::Customer);
}

#[test]
fn targets_ear_never_holds_what_was_said_beside_the_consult() {
    run(2_000, Wire::ROUGH, KeptFrom::Target);
}
