//! Nobody waits for ever, every transfer has exactly one outcome, and once every leg has ended nothing is left.
//!
//! Each run is a random walk that winds down: first everybody only waits for five minutes, then all hang up, or all
//! phones die without a word. `BATON_RUNS` sets how many runs, `BATON_SEED` the first seed.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod oracle;
mod walk;

use walk::duties::End;
use walk::{Walk, show};

const STEPS_A_RUN: u64 = 120;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn once_every_leg_has_ended_nothing_is_left_and_nobody_waits_for_ever() {
    let (runs, first) = (number("BATON_RUNS", 1_000), number("BATON_SEED", 500_000));
    println!("BATON_SEED={first} BATON_RUNS={runs}");
    let (mut steps, mut transfers) = (0, 0);
    for seed in first..first + runs {
        let mut walk = Walk::new(seed);
        let end = if seed % 2 == 0 { End::ByeToAll } else { End::AllDie };
        for _ in 0..STEPS_A_RUN {
            if let Err(finding) = walk.step() {
                panic!("{}", show(seed, &walk.inputs, &finding, None));
            }
        }
        let so_far = walk.inputs.clone();
        if let Err(finding) = walk.wind_down(end) {
            panic!("{}", show(seed, &so_far, &finding, Some(end)));
        }
        steps += walk.inputs.len();
        transfers += walk.oracle.transfers_ended;
    }
    println!("{runs} runs, {steps} steps, {transfers} transfers with exactly one outcome each, nothing left behind");
}
