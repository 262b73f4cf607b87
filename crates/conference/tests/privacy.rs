//! The product's promise on the pure core: random people do random things, and after every step a second, naive
//! reading of what went in and out says who may hear whom.
//!
//! `BATON_STEPS` sets how many steps are taken in all, `BATON_SEED` the first seed.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod oracle;
mod walk;

use walk::cells::Cells;
use walk::duties::End;
use walk::{Walk, show};

/// Steps of one run.
const STEPS_A_RUN: u64 = 250;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn nobody_hears_what_is_not_meant_for_them() {
    let (steps, first) = (number("BATON_STEPS", 1_000_000), number("BATON_SEED", 1));
    let runs = steps.div_ceil(STEPS_A_RUN);
    println!("BATON_SEED={first} BATON_STEPS={steps}: {runs} runs of {STEPS_A_RUN} steps");
    let mut cells = Cells::default();
    let (mut taken, mut refused, mut stored, mut transfers) = (0, 0, 0, 0);
    for seed in first..first + runs {
        let mut walk = Walk::new(seed);
        for _ in 0..STEPS_A_RUN {
            if let Err(finding) = walk.step() {
                panic!("{}", show(seed, &walk.inputs, &finding, None));
            }
        }
        let so_far = walk.inputs.clone();
        if let Err(finding) = walk.everybody_leaves() {
            panic!("{}", show(seed, &so_far, &finding, Some(End::ByeToAll)));
        }
        taken += u64::try_from(walk.inputs.len()).unwrap_or(0);
        refused += walk.refused;
        stored += walk.serde_trips;
        transfers += walk.oracle.transfers_begun;
        cells.add(&walk.cells);
    }
    println!("{taken} steps, {transfers} transfers, {refused} refusals, stored and thawed {stored} times");
    let missing: Vec<_> = cells.all().into_iter().filter(|(_, _, count)| *count == 0).collect();
    for (phase, event, count) in cells.all() {
        println!("  {phase:>8} x {event:<12} {count}");
    }
    println!("{} cells of phase x event, {} missing", cells.all().len(), missing.len());
    assert!(missing.is_empty() || steps < 100_000, "cells never reached: {missing:?}");
}
