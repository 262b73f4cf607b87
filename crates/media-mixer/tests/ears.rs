//! The product's promise, sample by sample: core and mixer together, random people in several calls at once, and nobody hears
//! whom he must not.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use std::collections::BTreeMap;

use lab::drama::{Drama, KeptFrom, Wire, media_settings};

const STEPS: u32 = 200;
/// Seeds of each of the three tests: together 720 000 steps.
const SEEDS: u64 = 1_200;
/// What every test must have seen.
const SEEN: [&str; 22] = [
    "answers",
    "cancel",
    "change of lines",
    "complete",
    "early media",
    "fails",
    "freeze and thaw",
    "hangs up",
    "hears early media",
    "hold",
    "join across calls",
    "join in one call",
    "keys",
    "late news",
    "merge",
    "phone holds",
    "press",
    "relayed key",
    "replaces",
    "second line",
    "swap",
    "volume",
];

/// `EARS_SEED` runs one seed again; `EARS_RUNS` asks for more of them, or for fewer.
fn seeds(first: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("EARS_SEED") {
        Some(seed) => vec![seed],
        None => (first..first + number("EARS_RUNS").unwrap_or(SEEDS)).collect(),
    }
}

fn run(first: u64, wire: Wire, kept_from: KeptFrom) {
    let (mut packets, mut judged, mut consults, mut three, mut done) = (0, 0, 0, 0, BTreeMap::new());
    let seeds = seeds(first);
    let steps = seeds.len() as u64 * u64::from(STEPS);
    for seed in &seeds {
        let mut drama = Drama::new(*seed, wire, &media_settings());
        drama.kept_from = kept_from;
        drama.play(STEPS);
        assert!(drama.leaks.is_empty(), "EARS_SEED={seed}: {} leaks, first {:?}", drama.leaks.len(), drama.leaks[0]);
        packets += drama.packets;
        judged += drama.judged;
        consults += drama.consults;
        three += drama.three_calls;
        drama.add_to(&mut done);
    }
    eprintln!("{steps} steps, {three} with three calls or more, {packets} packets of which {judged} were judged");
    eprintln!("{consults} steps in consults; {done:?}");
    if seeds.len() < 20 {
        return;
    }
    assert!(packets > 10_000 && judged * 10 > packets * 8, "only {judged} of {packets} packets were judged");
    assert!(consults > 10, "only {consults} steps in consults");
    assert!(three * 2 > steps, "three calls at once in only {three} of {steps} steps");
    let missing: Vec<&&str> = SEEN.iter().filter(|what| !done.contains_key(**what)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
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
