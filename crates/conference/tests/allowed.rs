//! What people are told they could do is exactly what the command would do: compared on random walks, for everybody in
//! every call, every few steps.
//!
//! `BATON_RUNS` sets how many runs, `BATON_SEED` the first seed.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod oracle;
mod walk;

use std::collections::BTreeMap;

use conference::{Action, AgentName, Asker, CallId, Command, Destination, Refusal, Switchboard};
use walk::Walk;

const STEPS_A_RUN: u64 = 150;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The command behind a button.
fn command(call: CallId, by: Asker, action: Action) -> Command {
    match action {
        Action::Transfer => {
            let target = Destination::Outside { trunk: "pstn".to_owned(), number: "+1999".to_owned() };
            Command::Start { call, by, target, shown: String::new() }
        }
        Action::Cancel => Command::Cancel { call, by },
        Action::Swap => Command::Swap { call, by },
        Action::Merge => Command::Merge { call, by },
        Action::Complete => Command::Complete { call, by },
        Action::Hold(who) => Command::Hold { call, by, who },
        Action::Unhold(who) => Command::Unhold { call, by, who },
        Action::Mute(who) => Command::Mute { call, by, who, muted: true },
        Action::Unmute(who) => Command::Mute { call, by, who, muted: false },
        Action::Remove(who) => Command::Remove { call, by, who },
        Action::End => Command::End { call, by },
        Action::Lock => Command::Lock { call, by, locked: true },
        Action::Unlock => Command::Lock { call, by, locked: false },
    }
}

fn askers(board: &Switchboard, call: CallId) -> Vec<Asker> {
    let view = board.call(call).unwrap();
    let mut askers = vec![Asker::Operator];
    for person in view.participants {
        askers.extend(person.agent.map(Asker::Agent));
        askers.extend(person.legs.first().map(|leg| Asker::Keypad(leg.leg)));
    }
    askers
}

#[test]
fn what_people_are_told_they_may_do_is_what_the_command_does() {
    let (runs, first) = (number("BATON_RUNS", 60), number("BATON_SEED", 700_000));
    println!("BATON_SEED={first} BATON_RUNS={runs}");
    let mut seen: BTreeMap<(String, Option<Refusal>), u64> = BTreeMap::new();
    for seed in first..first + runs {
        let mut walk = Walk::new(seed);
        for step in 0..STEPS_A_RUN {
            walk.step().unwrap();
            if step % 10 != 9 {
                continue;
            }
            for call in walk.calls() {
                for by in askers(&walk.board, call) {
                    for told in walk.board.allowed(call, &by, walk.now) {
                        let mut board = walk.board.clone();
                        let done = board.command(walk.now, command(call, by.clone(), told.action)).err();
                        assert_eq!(told.refused, done, "seed {seed}, step {step}: {call} {by:?} {:?}", told.action);
                        let action = format!("{:?}", told.action);
                        let action = action.split('(').next().unwrap_or_default().to_owned();
                        *seen.entry((action, told.refused)).or_default() += 1;
                    }
                }
            }
        }
    }
    for ((action, refused), times) in &seen {
        println!("  {action:<9} {:<22} {times}", refused.map_or("allowed", Refusal::code));
    }
    for action in ["Transfer", "Cancel", "Swap", "Merge", "Complete", "Hold", "Unhold", "Mute", "Unmute", "Lock"] {
        assert!(seen.contains_key(&(action.to_owned(), None)), "{action} was never allowed");
    }
}

#[test]
fn whoever_is_not_in_the_call_is_told_nothing() {
    let mut walk = Walk::new(1);
    while walk.calls().is_empty() {
        walk.step().unwrap();
    }
    let call = walk.calls()[0];
    let stranger = Asker::Agent(AgentName("nobody".to_owned()));
    assert!(walk.board.allowed(call, &stranger, walk.now).is_empty());
    assert!(walk.board.allowed(CallId(999_999), &Asker::Operator, walk.now).is_empty());
}
