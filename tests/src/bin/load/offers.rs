//! Calls to a queue while 300 legs talk: how long it takes from an agent's turning down of an offer, on the phone or by command, or
//! from their logout, until the next agent's phone is rung.
//!
//! One customer waits at a time. The ears of all who talk meanwhile are judged as ever.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::api::Api;
use crate::buttons::fill;
use crate::house::House;
use crate::report::{Report, line, part};
use crate::taker::{Do, Taker, Told, What};
use crate::traffic::{PATIENCE, Plan, Traffic};
use crate::{ALICE, Arguments, micros_per_leg_tick, settle};

/// How soon the next agent's phone is to ring, at the 99th percentile.
const GOAL: Duration = Duration::from_millis(200);
/// The number of the queue.
const QUEUE: &str = "+15552222";
/// How long anything may take.
const SOON: Duration = Duration::from_secs(5);
/// How often a state that is waited for is asked for.
const LOOK: Duration = Duration::from_millis(5);

/// What leads to the next agent.
const WAYS: [(Way, &str); 3] =
    [(Way::Phone, "turned down on the phone"), (Way::Command, "rejected by command"), (Way::Logout, "logged out")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Phone,
    Command,
    Logout,
}

/// What the queue's only customer does.
enum Customer {
    Calls,
    HangsUp,
}

/// How long each took, by way.
type Took = [Vec<Duration>; 3];

/// Runs the mode.
pub(crate) fn offers(arguments: &Arguments) -> Result<bool, String> {
    let house = House::open(&arguments.baton, 0)?;
    let mut talking = Traffic::open(house.address, ALICE).map_err(|why| why.to_string())?;
    let mut waiting = Traffic::open(house.address, ALICE).map_err(|why| why.to_string())?;
    fill(&mut waiting, &mut talking, arguments.legs)?;
    let (to, customer) = channel();
    let rounds = rounds(&house, to, Duration::from_secs(arguments.seconds))?;
    let (cpu, began) = (house.cpu_seconds(), Instant::now());
    let mut call = None;
    while !rounds.is_finished() {
        talking.turn();
        waiting.turn();
        match customer.try_recv() {
            Ok(Customer::Calls) => {
                let plan = Plan { to: QUEUE.to_owned(), says: 0, hears: Vec::new(), never: None, talk: None };
                call = Some(waiting.start(plan).map_err(|why| format!("cannot start a call: {why}"))?);
            }
            Ok(Customer::HangsUp) => waiting.end_at(call.as_deref().unwrap_or_default(), Instant::now()),
            Err(_) => {}
        }
    }
    let (cpu, measured) = (house.cpu_seconds() - cpu, began.elapsed());
    let took = rounds.join().map_err(|_| "the rounds panicked".to_owned())??;
    for traffic in [&mut talking, &mut waiting] {
        traffic.end_all();
        settle(traffic, PATIENCE);
    }
    let (outcome, late) = talking.close();
    waiting.close();
    let ticks = house.close()?.ticks;
    let per_leg_tick = micros_per_leg_tick(cpu, arguments.legs, measured);
    let good = Report::of_rooms(outcome, measured, cpu, per_leg_tick, late, ticks).print();
    tell(took);
    Ok(good)
}

fn rounds(
    house: &House,
    customer: Sender<Customer>,
    length: Duration,
) -> Result<JoinHandle<Result<Took, String>>, String> {
    let api = Api::of(house)?;
    let (told, tells) = channel();
    let takers = (0..crate::house::TAKERS).map(|who| Taker::start(who, house.address, told.clone()));
    let takers: Vec<Taker> = takers.collect::<Result<_, _>>()?;
    let desk = Desk { api, takers, tells, customer };
    Ok(std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|why| why.to_string())?.block_on(desk.rounds(length))
    }))
}

/// Who watches the queue.
struct Desk {
    api: Api,
    takers: Vec<Taker>,
    tells: Receiver<Told>,
    customer: Sender<Customer>,
}

impl Desk {
    async fn rounds(self, length: Duration) -> Result<Took, String> {
        let end = Instant::now() + length;
        let mut took = Took::default();
        let mut number = 0;
        while Instant::now() < end {
            let at = number % WAYS.len();
            took[at].push(self.round(WAYS[at].0).await?);
            number += 1;
        }
        for taker in &self.takers {
            taker.tell(Do::End);
        }
        Ok(took)
    }

    /// The customer calls, an agent rings and does not want the call, the next agent rings, the customer hangs up.
    async fn round(&self, way: Way) -> Result<Duration, String> {
        self.all_are_ready().await?;
        let _ = self.customer.send(Customer::Calls);
        let first = self.until(|told| told.what == What::Rung)?.who;
        let began = match way {
            Way::Phone => {
                self.takers[first].tell(Do::TurnDown);
                self.until(|told| told.what == What::Began)?.at
            }
            Way::Logout => {
                self.takers[first].tell(Do::LogOut);
                self.until(|told| told.what == What::Began)?.at
            }
            Way::Command => {
                let agent = self.api.get(&format!("/v1/agents/{}", self.takers[first].name)).await?;
                let offer = agent["reservation"]["id"].as_str().ok_or("no reservation")?.to_owned();
                let began = Instant::now();
                self.api.post(&format!("/v1/reservations/{offer}/reject")).await?;
                began
            }
        };
        let next = self.until(|told| told.what == What::Rung && told.who != first)?;
        let _ = self.customer.send(Customer::HangsUp);
        if way == Way::Logout {
            self.takers[first].tell(Do::LogIn);
            self.until(|told| told.what == What::LoggedIn)?;
        }
        Ok(next.at.saturating_duration_since(began))
    }

    async fn all_are_ready(&self) -> Result<(), String> {
        let end = Instant::now() + SOON;
        loop {
            let queue = self.api.get("/v1/queues/support").await?;
            let waits = queue["waiting"].as_array().is_some_and(|waiting| !waiting.is_empty());
            if queue["ready"] == self.takers.len() && !waits {
                return Ok(());
            }
            if Instant::now() > end {
                let agents = self.api.get("/v1/agents").await?;
                return Err(format!("not all agents are ready again: {}", agents["items"]));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn until(&self, so: impl Fn(&Told) -> bool) -> Result<Told, String> {
        let end = Instant::now() + SOON;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.tells.recv_timeout(left) {
                Ok(told) if told.what == What::Failed => return Err(format!("taker{} could not register", told.who)),
                Ok(told) if so(&told) => return Ok(told),
                Ok(_) => {}
                Err(_) => return Err("a phone was not rung in time".to_owned()),
            }
        }
    }
}

fn tell(mut took: Took) {
    for ((_, way), took) in WAYS.iter().zip(&mut took) {
        took.sort_unstable();
        line(&format!(
            "offers    {} {way}: next agent's phone rung after p50 {}, p99 {}, worst {} (goal: p99 {} ms)",
            took.len(),
            part(took, 0.5),
            part(took, 0.99),
            part(took, 1.0),
            GOAL.as_millis(),
        ));
    }
}
