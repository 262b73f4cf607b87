//! How long a search of the directory takes, over HTTP, among ten thousand agents and a thousand queues.
//!
//! `cargo run --release -p control-api --example directory`; exits 1 when 99 of 100 searches take longer than 20 ms.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use conference::{AgentName, AgentState, AgentView, Availability, Event, Moment, QueueView};
use control_api::{Api, ApiSettings, Ask, House, Secret, Snapshot, Told};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const AGENTS: usize = 10_000;
const QUEUES: usize = 1_000;
const SEARCHES: usize = 2_000;
const GOAL: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> ExitCode {
    let (asks, mut asked) = mpsc::channel(16);
    let house = House::new(asks);
    tokio::spawn(async move {
        while let Some(ask) = asked.recv().await {
            if let Ask::Everything(reply) = ask {
                drop(reply.send(everything()));
            }
        }
    });
    let settings = ApiSettings::new(Secret::new("token".to_owned()));
    settings.doors.send_modify(|doors| (doors.rate_per_s, doors.burst) = (1_000_000, 1_000_000));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = Api::start(listener, house.clone(), settings).unwrap();
    let tls = secure_wire::Connector::to_own(None).unwrap();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls.settings()).no_proxy().build().unwrap();
    let mut times = Vec::new();
    for n in 0..SEARCHES {
        // Agents come and go meanwhile: a hundred changes for each search.
        for change in 0..100 {
            let agent = AgentName(format!("agent{:05}", (n * 100 + change) % AGENTS));
            let seq = u64::try_from(n * 100 + change).unwrap() + 1;
            drop(house.events.send(Told {
                seq,
                at: 0,
                event: Event::AgentChanged { agent, state: AgentState::Paused },
            }));
        }
        let wanted = ["", "a", "agent0", "number 99", "queue07", "nobody"][n % 6];
        let request = client.get(format!("http://{}/v1/directory", api.address())).query(&[("q", wanted)]);
        let begun = Instant::now();
        let answer = request.bearer_auth("token").send().await.unwrap();
        assert!(answer.status().is_success());
        answer.bytes().await.unwrap();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let (median, p99) = (times[SEARCHES / 2], times[SEARCHES * 99 / 100]);
    println!(
        "directory  {AGENTS} agents, {QUEUES} queues, {SEARCHES} searches: median {median:?}, p99 {p99:?} (at most {GOAL:?})"
    );
    api.stop().await;
    if p99 <= GOAL { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn everything() -> Snapshot {
    let agent = |n: usize| AgentView {
        name: AgentName(format!("agent{n:05}")),
        display_name: format!("Agent Number {n}"),
        state: AgentState::Ready,
        since: Moment::ZERO,
        availability: Availability::Ready,
        phones: 1,
        calls: Vec::new(),
        queues: Vec::new(),
        reservation: None,
    };
    let queue = |n: usize| QueueView {
        name: format!("queue{n:04}"),
        open: true,
        waiting: Vec::new(),
        ready: 3,
        agents: Vec::new(),
    };
    Snapshot {
        seq: 0,
        calls: Vec::new(),
        agents: (0..AGENTS).map(agent).collect(),
        queues: (0..QUEUES).map(queue).collect(),
        reservations: Vec::new(),
        extensions: BTreeMap::new(),
        epoch: 0,
    }
}
