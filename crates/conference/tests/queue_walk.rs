//! Nobody is reserved twice, no caller is lost, the order is kept, and the counts add up: random people around queues,
//! judged after every step by a naive reading of the events. And a week of ordinary traffic, in virtual time.
//!
//! `BATON_RUNS` sets how many runs, `BATON_SEED` the first seed.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub)]

mod lines;
#[path = "walk/random.rs"]
mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use conference::{
    AgentSettings, Asker, Availability, Command, Destination, Direction, Ending, LegId, Moment, QueueExit,
    QueueSettings, Report, ReservationEnd, Settings,
};
use lines::people::{AGENTS, People};
use random::Random;

const STEPS_A_RUN: usize = 250;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn run(seed: u64) -> Result<People, String> {
    let mut people = People::new(seed)?;
    for _ in 0..STEPS_A_RUN {
        if let Err(finding) = people.step() {
            return Err(people.shown(seed, &finding, 40));
        }
    }
    let end = if seed.is_multiple_of(3) { people.wait_it_out() } else { Ok(()) };
    if let Err(finding) = end.and_then(|()| people.everybody_leaves()) {
        return Err(people.shown(seed, &finding, 40));
    }
    Ok(people)
}

#[test]
fn nobody_is_reserved_twice_no_caller_is_lost_and_the_order_is_kept() {
    let (runs, first) = (number("BATON_RUNS", 1_000), number("BATON_SEED", 1));
    println!("BATON_SEED={first} BATON_RUNS={runs}");
    let (mut steps, mut entered, mut offered) = (0, 0, 0);
    let (mut exits, mut ends) = (BTreeMap::<QueueExit, u64>::new(), BTreeMap::<ReservationEnd, u64>::new());
    for seed in first..first + runs {
        let people = run(seed).unwrap_or_else(|finding| panic!("{finding}"));
        steps += people.inputs.len();
        entered += people.lines.entered;
        offered += people.lines.offered;
        people.lines.exits.iter().for_each(|(how, count)| *exits.entry(*how).or_default() += count);
        people.lines.ends.iter().for_each(|(how, count)| *ends.entry(*how).or_default() += count);
    }
    println!("{steps} steps; {entered} entered: {exits:?}; {offered} offers: {ends:?}");
    assert_eq!(entered, exits.values().sum::<u64>());
    assert_eq!(offered, ends.values().sum::<u64>());
    assert!(runs < 100 || (exits.len() == 7 && ends.len() == 6), "an exit or end was never seen");
}

/// What happens at some moment of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Call,
    Answer(LegId),
    HangUp(LegId),
    Pause(usize),
    Back(usize),
}

fn week_settings() -> Settings {
    let mut settings = Settings::default();
    for name in AGENTS {
        let mut known = AgentSettings { max_calls: 1, ..AgentSettings::default() };
        known.queues.insert("support".to_owned());
        settings.agents.insert(conference::AgentName(name.to_owned()), known);
    }
    let about = QueueSettings {
        wrap_up: Duration::from_secs(20),
        max_length: 20,
        max_wait: Duration::from_secs(180),
        ..QueueSettings::default()
    };
    settings.queues.insert("support".to_owned(), about);
    settings
}

#[test]
fn after_a_week_of_traffic_the_counts_add_up() {
    const WEEK: u64 = 7 * 24 * 3600;
    let hours = number("BATON_HOURS", 7 * 24).min(7 * 24);
    let mut people = People::with(week_settings(), Random::new(7)).unwrap();
    let end = Moment(1_000_000) + Duration::from_secs(WEEK * hours / (7 * 24));
    let mut agenda: BTreeSet<(Moment, u64, Next)> = BTreeSet::new();
    let mut serial = 0;
    let mut put = |agenda: &mut BTreeSet<(Moment, u64, Next)>, at: Moment, next: Next| {
        serial += 1;
        agenda.insert((at, serial, next));
    };
    put(&mut agenda, people.now, Next::Call);
    (0..AGENTS.len()).for_each(|at| put(&mut agenda, people.now + Duration::from_secs(3600), Next::Pause(at)));
    let (mut calls, mut known) = (0_u64, BTreeSet::new());
    while let Some((at, _, next)) = agenda.pop_first() {
        if at > end {
            break;
        }
        people.pass(at.since(people.now)).unwrap_or_else(|finding| panic!("{}", people.shown(7, &finding, 30)));
        let after = |random: &mut Random, least: u64, most: usize| {
            at + Duration::from_millis(least * 1000 + random.below(most * 1000) as u64)
        };
        let did = match next {
            Next::Call => {
                calls += 1;
                let gap = after(&mut people.random, 1, 60);
                put(&mut agenda, gap, Next::Call);
                people.customer(Destination::Queue("support".to_owned())).map(|leg| {
                    let patience = after(&mut people.random, 20, 900);
                    put(&mut agenda, patience, Next::HangUp(leg));
                })
            }
            Next::Answer(leg) => people.report(Report::Answered { leg, direction: Direction::Both, phone: None }),
            Next::HangUp(leg) => people.report(Report::Ended { leg, how: Ending::Bye }),
            Next::Pause(who) | Next::Back(who) => {
                let paused = matches!(next, Next::Pause(_));
                let agent = conference::AgentName(AGENTS[who].to_owned());
                let availability = if paused { Availability::Paused } else { Availability::Ready };
                let then = after(&mut people.random, 600, 3600);
                put(&mut agenda, then, if paused { Next::Back(who) } else { Next::Pause(who) });
                people.command(Command::SetState { agent, by: Asker::Operator, availability }).map(drop)
            }
        };
        did.unwrap_or_else(|finding| panic!("{}", people.shown(7, &finding, 30)));
        // Every phone that is rung from here on answers, most in time; the talk lasts some minutes.
        let offers: Vec<_> = people.board.reservations().collect();
        for offer in offers {
            let view = people.board.call(offer.call).unwrap();
            for leg in &view.participant(offer.who).unwrap().legs {
                if known.insert(leg.leg) {
                    let (answer, bye) = (after(&mut people.random, 1, 18), after(&mut people.random, 60, 200));
                    put(&mut agenda, answer, Next::Answer(leg.leg));
                    put(&mut agenda, bye, Next::HangUp(leg.leg));
                }
            }
        }
        people.inputs.drain(..people.inputs.len().saturating_sub(50));
    }
    people.everybody_leaves().unwrap();
    let lines = &people.lines;
    println!(
        "{hours} hours: {calls} calls, {} entered, {:?}; {} offers, {:?}",
        lines.entered, lines.exits, lines.offered, lines.ends
    );
    assert_eq!(lines.entered, calls, "every call waited once");
    assert_eq!(lines.exits.values().sum::<u64>(), calls, "and left once");
    assert_eq!(lines.exits.get(&QueueExit::Answered), lines.ends.get(&ReservationEnd::Answered));
}

/// A test that cannot fail proves nothing: each line of the queues' rules is left out once.
#[cfg(feature = "break")]
#[test]
fn every_mutant_of_the_queues_is_caught() {
    use conference::mutants::{Mutant, set};
    set(None);
    assert!((0..30).all(|seed| run(seed).is_ok()), "without a mutant there is nothing to find");
    let mut missed = Vec::new();
    for mutant in Mutant::QUEUES {
        set(Some(mutant));
        let found = (1..1500).find_map(|seed| run(seed).err().map(|finding| (seed, finding)));
        match found {
            Some((seed, finding)) => {
                println!("{mutant:?} caught after {seed} runs: {}", finding.lines().next().unwrap())
            }
            None => missed.push(mutant),
        }
        set(None);
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
