//! A load generator of its own: SIP and RTP over loopback sockets, sharing no code with what it loads.
//!
//! It starts the daemon, makes calls, judges every leg's sound by Goertzel, prints its figures and exits 1 when anything
//! failed. It is not a benchmark against other servers; timings are reported, never judged.
//!
//! ```text
//! load calls   [--rate 200] [--seconds 60] [--talk-ms 1000]   calls from a trunk to Alice's phone
//! load rooms   [--legs 300] [--seconds 60]                    rooms of three, all talking
//! load transfers [--rate 20] [--seconds 60]                  warm transfers by REFER with Replaces, and what is left
//! load buttons [--legs 300] [--seconds 60] [--rate 20] [--subscribers 200]   commands by API in the middle of it
//! load offers [--legs 300] [--seconds 60]                    from an agent's refusal or logout to the next one's ringing
//! load lamps [--seconds 60] [--rate 20]                      from a command to the NOTIFY at each of 1000 watches
//! load compare [--legs 300] [--seconds 10]                    rooms of three against the bare packets
//! ```
//!
//! `--baton PATH` (or `$BATON_BIN`) is the daemon's program.

mod answerer;
mod api;
mod bare;
mod buttons;
mod caller;
mod desk;
mod desks;
#[path = "../../../phones/goertzel.rs"]
mod goertzel;
mod handover;
mod house;
mod lamps;
mod line;
mod media;
mod offers;
#[path = "../../../phones/ports.rs"]
#[allow(dead_code, reason = "the phones' drivers use the rest")]
mod ports;
#[path = "../../../phones/process.rs"]
#[allow(dead_code, reason = "the phones' drivers use the rest")]
mod process;
mod register;
mod report;
mod taker;
mod traffic;
mod ulaw;
mod wire;

use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use answerer::Manner;
use bare::Reflector;
use house::House;
use media::{Figures, Media, Voice};
use report::Report;
use traffic::{CALLER_SAYS, PATIENCE, PHONE_SAYS, Plan, Traffic};

/// Rooms are filled at this rate, legs a second.
const ROOM_FILL_RATE: u32 = 50;

/// Whom the plain calls reach.
const ALICE: Manner = Manner { user: "alice", says: PHONE_SAYS, hears: CALLER_SAYS, never: None };

struct Arguments {
    mode: String,
    baton: PathBuf,
    rate: u32,
    seconds: u64,
    legs: usize,
    talk: Duration,
    subscribers: usize,
}

fn main() -> ExitCode {
    let done = Arguments::read().and_then(|arguments| match arguments.mode.as_str() {
        "calls" => calls(&arguments),
        "rooms" => rooms(&arguments).map(|(report, _)| report.print()),
        "transfers" => handover::transfers(&arguments),
        "buttons" => buttons::buttons(&arguments),
        "offers" => offers::offers(&arguments),
        "lamps" => lamps::lamps(&arguments),
        "compare" => compare(&arguments),
        "reflect" => bare::reflect(arguments.legs).map(|()| true),
        other => Err(format!("unknown mode `{other}`: calls, rooms, transfers, buttons, offers, lamps or compare")),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            report::line(&format!("load: {why}"));
            ExitCode::from(2)
        }
    }
}

impl Arguments {
    fn read() -> Result<Arguments, String> {
        let mut given = std::env::args().skip(1);
        let mode = given.next().unwrap_or_default();
        let default_rate = if matches!(mode.as_str(), "transfers" | "buttons" | "lamps") { 20 } else { 200 };
        let default_seconds = if mode == "compare" { 10 } else { 60 };
        let mut arguments = Arguments {
            mode,
            baton: std::env::var_os("BATON_BIN").unwrap_or_default().into(),
            rate: default_rate,
            seconds: default_seconds,
            legs: 300,
            talk: Duration::from_secs(1),
            subscribers: 200,
        };
        while let Some(flag) = given.next() {
            let value = given.next().ok_or(format!("{flag} needs a value"))?;
            let number = || value.parse::<u32>().map_err(|_| format!("{flag} needs a number, not `{value}`"));
            match flag.as_str() {
                "--baton" => arguments.baton = value.into(),
                "--rate" => arguments.rate = number()?.max(1),
                "--seconds" => arguments.seconds = u64::from(number()?),
                "--legs" => arguments.legs = number()? as usize / 3 * 3,
                "--subscribers" => arguments.subscribers = number()? as usize,
                "--talk-ms" => arguments.talk = Duration::from_millis(u64::from(number()?)),
                other => return Err(format!("unknown flag `{other}`")),
            }
        }
        Ok(arguments)
    }
}

/// So many calls a second from the trunk to Alice's phone, each with a talk in both directions.
fn calls(arguments: &Arguments) -> Result<bool, String> {
    let house = House::open(&arguments.baton, 0)?;
    let mut traffic = Traffic::open(house.address, ALICE).map_err(|why| why.to_string())?;
    traffic.register(house::DOMAIN, 3600)?;
    let (start, cpu) = (Instant::now(), house.cpu_seconds());
    let total = u64::from(arguments.rate) * arguments.seconds;
    while traffic.outcome.started < total {
        let due = (start.elapsed().as_secs_f64() * f64::from(arguments.rate)) as u64;
        while traffic.outcome.started <= due.min(total - 1) {
            let plan = Plan {
                to: "+15551111".to_owned(),
                says: CALLER_SAYS,
                hears: vec![PHONE_SAYS],
                never: None,
                talk: Some(arguments.talk),
            };
            traffic.start(plan).map_err(|why| format!("cannot start a call: {why}"))?;
        }
        traffic.turn();
    }
    let offered = start.elapsed();
    settle(&mut traffic, arguments.talk + PATIENCE + PATIENCE);
    let cpu = house.cpu_seconds() - cpu;
    let (outcome, late) = traffic.close();
    let ticks = house.close()?.ticks;
    Ok(Report::of_calls(outcome, offered, cpu, late, ticks).print())
}

/// Rooms of three, everybody talking all the time. Also gives the daemon's processor time per leg and packet time.
fn rooms(arguments: &Arguments) -> Result<(Report, f64), String> {
    let house = House::open(&arguments.baton, 0)?;
    let mut traffic = Traffic::open(house.address, ALICE).map_err(|why| why.to_string())?;
    let start = Instant::now();
    for leg in 0..arguments.legs {
        let says = leg % 3;
        let hears = (0..3).filter(|other| *other != says).collect();
        let plan = Plan { to: format!("room{}", leg / 3), says, hears, never: None, talk: None };
        traffic.start(plan).map_err(|why| format!("cannot start a call: {why}"))?;
        let due = Duration::from_secs(1) * (leg as u32 + 1) / ROOM_FILL_RATE;
        while start.elapsed() < due {
            traffic.turn();
        }
    }
    turn_for(&mut traffic, Duration::from_secs(2));
    traffic.reset_media();
    let cpu = house.cpu_seconds();
    let measured = Duration::from_secs(arguments.seconds);
    turn_for(&mut traffic, measured);
    let cpu = house.cpu_seconds() - cpu;
    traffic.end_all();
    settle(&mut traffic, PATIENCE);
    let (outcome, late) = traffic.close();
    let ticks = house.close()?.ticks;
    let per_leg_tick = micros_per_leg_tick(cpu, arguments.legs, measured);
    Ok((Report::of_rooms(outcome, measured, cpu, per_leg_tick, late, ticks), per_leg_tick))
}

/// The daemon's cost over the bare input and output of the same packets, both measured now, on this machine.
fn compare(arguments: &Arguments) -> Result<bool, String> {
    let (report, mixed) = rooms(arguments)?;
    let good = report.print();
    let bare = bare_cost(arguments)?;
    report::line("");
    report::line(&format!("rooms of three, {} legs, PCMU, all talking, {} s", arguments.legs, arguments.seconds));
    report::line(&format!(
        "  baton              {mixed:6.1} µs per leg and 20 ms, {:5.0} legs per core",
        20_000.0 / mixed
    ));
    report::line(&format!(
        "  bare packets       {bare:6.1} µs per leg and 20 ms, {:5.0} legs per core",
        20_000.0 / bare
    ));
    report::line(&format!("  baton over bare    {:6.2} x", mixed / bare));
    Ok(good)
}

fn bare_cost(arguments: &Arguments) -> Result<f64, String> {
    let reflector = Reflector::start(arguments.legs)?;
    let media = Media::start();
    for (leg, port) in reflector.ports.iter().enumerate() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|why| why.to_string())?;
        socket.set_nonblocking(true).map_err(|why| why.to_string())?;
        socket.connect(port).map_err(|why| why.to_string())?;
        media.begin(leg as u64, Voice { socket, says: leg % 3, hears: vec![leg % 3], never: None });
    }
    std::thread::sleep(Duration::from_secs(1));
    media.reset();
    let measured = Duration::from_secs(arguments.seconds);
    let cpu = reflector.cpu_seconds();
    std::thread::sleep(measured);
    let cpu = reflector.cpu_seconds() - cpu;
    let (figures, _) = media.stop();
    let received: u64 = figures.iter().map(|(_, leg): &(u64, Figures)| leg.received).sum();
    if received == 0 {
        return Err("the reflector sent nothing back".to_owned());
    }
    Ok(micros_per_leg_tick(cpu, arguments.legs, measured))
}

fn micros_per_leg_tick(cpu_seconds: f64, legs: usize, measured: Duration) -> f64 {
    cpu_seconds * 1e6 / (legs as f64 * measured.as_secs_f64() * 50.0)
}

fn turn_for(traffic: &mut Traffic, length: Duration) {
    let end = Instant::now() + length;
    while Instant::now() < end {
        traffic.turn();
    }
}

/// Goes on until every call has ended, or until it should have.
fn settle(traffic: &mut Traffic, limit: Duration) {
    let end = Instant::now() + limit;
    while traffic.open_calls() > 0 && Instant::now() < end {
        traffic.turn();
    }
    for _ in 0..traffic.open_calls() {
        traffic.outcome.fail("a call was never ended");
    }
}
