//! Buttons pressed by a program while 300 legs talk: how long each command takes until it is in force, first with nobody listening
//! to the events, then with many.
//!
//! The answer to a command comes when its masks are in force, so the time of a request is never less than that. The pressed room
//! is one of its own: the ears of all others are judged as ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::Value;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::api::Api;
use crate::house::House;
use crate::report::{Report, line, part};
use crate::traffic::{PATIENCE, Plan, Traffic};
use crate::{ALICE, Arguments, ROOM_FILL_RATE, micros_per_leg_tick, settle};

/// The room whose buttons are pressed.
const PRESSED: &str = "room9999";
/// What a command may take at most, at the 99th percentile: a tick and 5 ms.
const GOAL: Duration = Duration::from_millis(25);

/// What the presses came to.
#[derive(Default)]
struct Presses {
    alone: Vec<Duration>,
    watched: Vec<Duration>,
    told: u64,
}

/// Runs the mode.
pub(crate) fn buttons(arguments: &Arguments) -> Result<bool, String> {
    let house = House::open(&arguments.baton, 0)?;
    let mut talking = Traffic::open(house.address, ALICE).map_err(|why| why.to_string())?;
    let mut pressed = Traffic::open(house.address, ALICE).map_err(|why| why.to_string())?;
    fill(&mut pressed, &mut talking, arguments.legs)?;
    let presses = press(&house, arguments)?;
    let (cpu, began) = (house.cpu_seconds(), Instant::now());
    while !presses.is_finished() {
        talking.turn();
        pressed.turn();
    }
    let (cpu, measured) = (house.cpu_seconds() - cpu, began.elapsed());
    let presses = presses.join().map_err(|_| "the presses panicked".to_owned())??;
    for traffic in [&mut talking, &mut pressed] {
        traffic.end_all();
        settle(traffic, PATIENCE);
    }
    let (outcome, late) = talking.close();
    pressed.close();
    let ticks = house.close()?.ticks;
    let per_leg_tick = micros_per_leg_tick(cpu, arguments.legs, measured);
    let good = Report::of_rooms(outcome, measured, cpu, per_leg_tick, late, ticks).print();
    tell(presses, arguments);
    Ok(good)
}

/// Rooms of three, of which the last one is for the buttons.
pub(crate) fn fill(pressed: &mut Traffic, talking: &mut Traffic, legs: usize) -> Result<(), String> {
    let start = Instant::now();
    for leg in 0..legs {
        let says = leg % 3;
        let hears = (0..3).filter(|other| *other != says).collect();
        let own = leg + 3 >= legs;
        let to = if own { PRESSED.to_owned() } else { format!("room{}", leg / 3) };
        let traffic = if own { &mut *pressed } else { &mut *talking };
        let plan = Plan { to, says, hears, never: None, talk: None };
        traffic.start(plan).map_err(|why| format!("cannot start a call: {why}"))?;
        let due = Duration::from_secs(1) * (leg as u32 + 1) / ROOM_FILL_RATE;
        while start.elapsed() < due {
            talking.turn();
            pressed.turn();
        }
    }
    let settled = Instant::now() + Duration::from_secs(2);
    while Instant::now() < settled {
        talking.turn();
        pressed.turn();
    }
    talking.reset_media();
    Ok(())
}

/// Presses in a thread of its own, half the time with nobody listening, half with so many.
fn press(house: &House, arguments: &Arguments) -> Result<JoinHandle<Result<Presses, String>>, String> {
    let api = Api::of(house)?;
    let (rate, half, listeners) = (arguments.rate, arguments.seconds / 2, arguments.subscribers);
    Ok(std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|why| why.to_string())?;
        runtime.block_on(async {
            let paths = api.paths().await?;
            let mut presses = Presses { alone: api.presses(&paths, rate, half).await?, ..Presses::default() };
            let (told, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
            for _ in 0..listeners {
                api.listens(Arc::clone(&told), Arc::clone(&over)).await?;
            }
            let before = told.load(Ordering::Relaxed);
            presses.watched = api.presses(&paths, rate, half).await?;
            presses.told = told.load(Ordering::Relaxed) - before;
            match over.load(Ordering::Relaxed) {
                true => Err("a subscriber was cut off".to_owned()),
                false => Ok(presses),
            }
        })
    }))
}

impl Api {
    /// The participants of the pressed room.
    async fn paths(&self) -> Result<Vec<String>, String> {
        let mut next = String::new();
        loop {
            let list = self.get(&format!("/v1/calls?limit=100{next}")).await?;
            let room = PRESSED.replace("room", "r");
            let calls = list["items"].as_array().cloned().unwrap_or_default();
            if let Some(call) = calls.iter().find(|call| call["room"] == room.as_str()) {
                let id = call["id"].as_str().unwrap_or_default();
                let people = call["participants"].as_array().cloned().unwrap_or_default();
                let path =
                    |who: &Value| format!("/v1/calls/{id}/participants/{}", who["id"].as_str().unwrap_or_default());
                return Ok(people.iter().map(path).collect());
            }
            match list["next"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => return Err(format!("no room {room} among the calls")),
            }
        }
    }

    /// Holds and resumes one after the other at this rate for so many seconds; how long each took.
    async fn presses(&self, paths: &[String], rate: u32, seconds: u64) -> Result<Vec<Duration>, String> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
        let mut took = Vec::new();
        for number in 0..(u64::from(rate) * seconds) as usize {
            ticks.tick().await;
            let path = &paths[number / 2 % paths.len()];
            took.push(self.hold(path, number % 2 == 0).await?);
        }
        Ok(took)
    }

    /// One more subscriber to the events, who reads all of them.
    async fn listens(&self, told: Arc<AtomicU64>, over: Arc<AtomicBool>) -> Result<(), String> {
        let mut request =
            format!("ws://{}/v1/events", self.host).into_client_request().map_err(|why| why.to_string())?;
        let value = format!("Bearer {}", self.token).parse().map_err(|_| "an odd token".to_owned())?;
        request.headers_mut().insert("authorization", value);
        let (mut socket, _) = connect_async(request).await.map_err(|why| why.to_string())?;
        tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                told.fetch_add(u64::from(message.is_text()), Ordering::Relaxed);
            }
            over.store(true, Ordering::Relaxed);
        });
        Ok(())
    }
}

fn tell(mut presses: Presses, arguments: &Arguments) {
    for (who, took) in [("nobody listening", &mut presses.alone), ("listened to", &mut presses.watched)] {
        took.sort_unstable();
        line(&format!(
            "buttons   {} commands, {who}: command to mask in force and answered: p50 {}, p99 {}, worst {} (goal: p99 {} ms)",
            took.len(),
            part(took, 0.5),
            part(took, 0.99),
            part(took, 1.0),
            GOAL.as_millis(),
        ));
    }
    line(&format!("events    {} subscribers were told {} events", arguments.subscribers, presses.told));
}
