//! A test that cannot fail proves nothing: every line of the rule is left out or turned round once, and the random
//! walks of `privacy` and `liveness` must notice. Needs the feature `break`. `BATON_MUTANTS` names those to be tried
//! (`PinIsOpen,NoGrace`); without it all are.
#![cfg(feature = "break")]
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod oracle;
mod walk;

use conference::mutants::{Mutant, set};
use oracle::Finding;
use walk::Walk;
use walk::duties::End;

const STEPS_A_RUN: u64 = 200;
/// Runs within which a mutant must be caught.
const RUNS: u64 = 1500;

/// The first finding, with after how many runs and steps.
fn hunt(runs: u64) -> Option<(u64, u64, Finding)> {
    let mut steps = 0;
    for seed in 0..runs {
        let mut walk = Walk::new(seed);
        for _ in 0..STEPS_A_RUN {
            steps += 1;
            if let Err(finding) = walk.step() {
                return Some((seed + 1, steps, finding));
            }
        }
        // The end takes long to play; not every run is played to the end.
        let end = if seed % 2 == 0 { End::ByeToAll } else { End::AllDie };
        if seed % 3 == 0
            && let Err(finding) = walk.wind_down(end)
        {
            return Some((seed + 1, steps, finding));
        }
    }
    None
}

#[test]
fn every_mutant_of_the_rule_is_caught() {
    set(None);
    assert_eq!(hunt(60), None, "without a mutant there is nothing to find");
    let mut missed = Vec::new();
    let named = std::env::var("BATON_MUTANTS").ok();
    let wanted = |mutant: &Mutant| named.as_ref().is_none_or(|n| n.split(',').any(|n| n == format!("{mutant:?}")));
    for mutant in Mutant::ALL.into_iter().filter(wanted) {
        set(Some(mutant));
        match hunt(RUNS) {
            Some((runs, steps, (kind, text))) => {
                println!(
                    "{:<22} caught by \"{kind}\" after {runs} runs, {steps} steps: {text:.80}",
                    format!("{mutant:?}")
                );
            }
            None => {
                println!("{:<22} NOT CAUGHT in {RUNS} runs", format!("{mutant:?}"));
                missed.push(mutant);
            }
        }
        set(None);
    }
    println!("{} mutants, {} missed", Mutant::ALL.len(), missed.len());
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
