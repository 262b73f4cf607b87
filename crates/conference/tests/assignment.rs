//! How long an assignment takes in a house of ten thousand agents and a thousand queues. Printed, not asserted: the
//! machine decides. What is asserted is that each call finds the agent who is due.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

use std::time::{Duration, Instant};

use conference::{
    AgentName, AgentSettings, Caller, Command, Destination, Direction, Ending, LegId, Moment, QueueSettings, Report,
    Settings, Switchboard,
};

const AGENTS: usize = 10_000;
const QUEUES: usize = 1_000;
/// Queues of each agent.
const SERVED: usize = 5;

fn big_house() -> Settings {
    let mut settings = Settings::default();
    for n in 0..QUEUES {
        settings.queues.insert(format!("queue{n:04}"), QueueSettings::default());
    }
    for n in 0..AGENTS {
        let mut known = AgentSettings { max_calls: 1, ..AgentSettings::default() };
        known.queues.extend((0..SERVED).map(|at| format!("queue{:04}", (n + at * 199) % QUEUES)));
        settings.agents.insert(AgentName(format!("agent{n:05}")), known);
    }
    settings
}

fn told(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!("{what}: {} times, p50 {:?}, p99 {:?}, most {:?}", took.len(), at(50), at(99), at(100));
}

#[test]
fn an_assignment_looks_at_few_of_many_agents() {
    let mut board = Switchboard::new();
    board.command(Moment(1), Command::Configure(big_house())).unwrap();
    let mut registers = Vec::new();
    for n in 0..AGENTS {
        let (agent, at) = (AgentName(format!("agent{n:05}")), Moment(1_000_000 + n as u64));
        let began = Instant::now();
        board.report(at, Report::Registered { agent, phones: 1 });
        registers.push(began.elapsed());
    }
    let (mut offers, mut answers, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..2_000_usize {
        let now = Moment(2_000_000 + n as u64 * 1_000);
        let leg = LegId::arrived(n as u64 + 1);
        let caller = Caller::Customer { trunk: "pstn".to_owned(), number: "+4930".to_owned() };
        let to = Destination::Queue(format!("queue{:04}", (n * 7) % QUEUES));
        let arrived = Report::Arrived { leg, caller, to, shown: String::new(), direction: Direction::Both };
        let began = Instant::now();
        board.report(now, arrived);
        offers.push(began.elapsed());
        let offer = board.reservations().last().unwrap();
        let rung = board.call(offer.call).unwrap().participant(offer.who).unwrap().legs[0].leg;
        let began = Instant::now();
        board.report(now, Report::Answered { leg: rung, direction: Direction::Both, phone: None });
        answers.push(began.elapsed());
        if n % 2 == 0 {
            let began = Instant::now();
            board.report(now, Report::Ended { leg, how: Ending::Bye });
            ends.push(began.elapsed());
        }
    }
    assert_eq!(board.reservations().count(), 0);
    assert_eq!(board.calls().count(), 1_000, "every call found its agent");
    told("an agent registers", registers);
    told("a call is offered to the agent who is due", offers);
    told("an agent answers", answers);
    told("a call ends and its agent is ready again", ends);
}
