//! Lamps while calls are held and resumed: how long it takes from a command until each watcher has the NOTIFY of it, and what that
//! costs whoever gives the commands.
//!
//! ```text
//!   operator         baton          watcher (one socket, ten agents)
//!      |-- PATCH hold -->|                |   timed from here
//!      |<-- 200 ---------|--- NOTIFY ---->|   to here, at each of ten who watch that lamp
//! ```
//!
//! First nobody watches, then all do. Times are printed; that every change came, in order, and no version was left out, is judged.

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::Api;
use crate::house::{DOMAIN, House};
use crate::report::{line, part};
use crate::traffic::{CALLER_SAYS, PATIENCE, PHONE_SAYS, Plan, Traffic};
use crate::wire::{Message, authorize};
use crate::{ALICE, Arguments, ROOM_FILL_RATE, settle, turn_for};

/// Lamps, each of an agent in a call.
const LAMPS: usize = 100;
/// Agents who watch every lamp.
const WATCHERS: usize = 10;
/// How soon a watcher is to see a change.
const GOAL: Duration = Duration::from_millis(500);
/// How long a SUBSCRIBE may take.
const ANSWER: Duration = Duration::from_secs(2);

/// A lamp whose agent was held, or not any more, by a command given then.
struct Pressed {
    lamp: usize,
    held: bool,
    at: Instant,
}

/// What the commands came to.
struct Commands {
    alone: Vec<Duration>,
    watched: Vec<Duration>,
    seen: Vec<Duration>,
    wrong: Vec<String>,
}

/// Runs the mode.
pub(crate) fn lamps(arguments: &Arguments) -> Result<bool, String> {
    let house = House::open(&arguments.baton, LAMPS)?;
    let mut traffic = Traffic::open(house.address, ALICE).map_err(|why| why.to_string())?;
    for lamp in 0..LAMPS {
        traffic.register_as(DOMAIN, &format!("desk{lamp}"), 3600)?;
    }
    for lamp in 0..LAMPS {
        let (says, hears) = (CALLER_SAYS, vec![PHONE_SAYS]);
        let plan = Plan { to: format!("desk{lamp}"), says, hears, never: None, talk: None };
        traffic.start(plan).map_err(|why| format!("cannot start a call: {why}"))?;
        turn_for(&mut traffic, Duration::from_secs(1) / ROOM_FILL_RATE);
    }
    turn_for(&mut traffic, Duration::from_secs(1));
    let commands = commands(&house, arguments)?;
    while !commands.is_finished() {
        traffic.turn();
    }
    let commands = commands.join().map_err(|_| "the commands panicked".to_owned())??;
    traffic.end_all();
    settle(&mut traffic, PATIENCE);
    let (outcome, _) = traffic.close();
    house.close()?;
    let connected = outcome.connected;
    let mut good = tell(commands);
    if connected != LAMPS as u64 {
        line(&format!("WRONG     {connected} of {LAMPS} calls were connected"));
        good = false;
    }
    Ok(good)
}

/// Holds and resumes in a thread of its own, half the time with nobody watching.
fn commands(house: &House, arguments: &Arguments) -> Result<JoinHandle<Result<Commands, String>>, String> {
    let (api, server) = (Api::of(house)?, house.address);
    let (rate, half) = (arguments.rate, arguments.seconds / 2);
    Ok(std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|why| why.to_string())?;
        runtime.block_on(async {
            let paths = api.desks().await?;
            let (told, presses) = channel();
            let alone = press(&api, &paths, rate, half, &told).await?;
            // of these nobody was to be told
            presses.try_iter().for_each(drop);
            let over = std::sync::Arc::new(AtomicBool::new(false));
            let (ready, is_ready) = channel();
            let ends = std::sync::Arc::clone(&over);
            let watcher = std::thread::spawn(move || {
                let mut watcher = Watcher::begin(server)?;
                let _gone = ready.send(());
                watcher.run(&presses, &ends);
                Ok::<_, String>(watcher)
            });
            if is_ready.recv().is_err() {
                let why = watcher.join().map_err(|_| "the watcher panicked".to_owned())?;
                return Err(why.err().unwrap_or_default());
            }
            let watched = press(&api, &paths, rate, half, &told).await?;
            over.store(true, Ordering::Relaxed);
            let watcher = watcher.join().map_err(|_| "the watcher panicked".to_owned())??;
            let (seen, wrong) = watcher.outcome();
            Ok(Commands { alone, watched, seen, wrong })
        })
    }))
}

async fn press(
    api: &Api,
    paths: &[String],
    rate: u32,
    seconds: u64,
    told: &Sender<Pressed>,
) -> Result<Vec<Duration>, String> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut took = Vec::new();
    for number in 0..(u64::from(rate) * seconds / 2 * 2) as usize {
        ticks.tick().await;
        let (lamp, held, at) = (number / 2 % paths.len(), number.is_multiple_of(2), Instant::now());
        let _gone = told.send(Pressed { lamp, held, at });
        took.push(api.hold(&paths[lamp], held).await?);
    }
    Ok(took)
}

impl Api {
    /// The desks in their calls, by number.
    async fn desks(&self) -> Result<Vec<String>, String> {
        let mut desks = vec![String::new(); LAMPS];
        let mut next = String::new();
        loop {
            let list = self.get(&format!("/v1/calls?limit=100{next}")).await?;
            for call in list["items"].as_array().into_iter().flatten() {
                for person in call["participants"].as_array().into_iter().flatten() {
                    let desk = person["agent"].as_str().and_then(|name| name.strip_prefix("desk")?.parse().ok());
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    if let Some(path) = desk.and_then(|desk: usize| desks.get_mut(desk)) {
                        *path = format!("/v1/calls/{}/participants/{}", text(&call["id"]), text(&person["id"]));
                    }
                }
            }
            match list["next"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None if desks.iter().all(|desk| !desk.is_empty()) => return Ok(desks),
                None => return Err("not every desk is in a call".to_owned()),
            }
        }
    }
}

/// One watch.
#[derive(Default)]
struct Watch {
    lamp: usize,
    version: Option<u64>,
    /// What it is to be told, in this order.
    due: VecDeque<(bool, Instant)>,
}

/// All watches, at one socket.
struct Watcher {
    socket: UdpSocket,
    server: SocketAddr,
    /// By Call-ID.
    watches: HashMap<String, Watch>,
    seen: Vec<Duration>,
    wrong: Vec<String>,
}

impl Watcher {
    /// Subscribes to every lamp as every watcher, and waits for all first documents.
    fn begin(server: SocketAddr) -> Result<Self, String> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|why| why.to_string())?;
        socket.set_read_timeout(Some(Duration::from_millis(1))).map_err(|why| why.to_string())?;
        let mut watcher = Self { socket, server, watches: HashMap::new(), seen: Vec::new(), wrong: Vec::new() };
        for who in 0..WATCHERS {
            for lamp in 0..LAMPS {
                watcher.subscribe(who, lamp)?;
            }
        }
        let end = Instant::now() + ANSWER;
        while watcher.watches.values().any(|watch| watch.version.is_none()) {
            watcher.receive();
            if Instant::now() > end {
                return Err("a first NOTIFY did not come".to_owned());
            }
        }
        Ok(watcher)
    }

    fn subscribe(&mut self, who: usize, lamp: usize) -> Result<(), String> {
        let own = self.socket.local_addr().map_err(|why| why.to_string())?;
        let (name, call_id) = (format!("desk{who}"), format!("lamp-{who}-{lamp}-{own}"));
        let target = format!("sip:desk{lamp}@{DOMAIN}");
        self.watches.insert(call_id.clone(), Watch { lamp, ..Watch::default() });
        let mut authorization = String::new();
        for sequence in 1..=2 {
            let request = format!(
                "SUBSCRIBE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKl{who}x{lamp}x{sequence};rport\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:{name}@{DOMAIN}>;tag=l\r\nTo: <{target}>\r\nCall-ID: {call_id}\r\n\
                 CSeq: {sequence} SUBSCRIBE\r\nContact: <sip:{name}@{own}>\r\nEvent: dialog\r\nExpires: 3600\r\n\
                 {authorization}Content-Length: 0\r\n\r\n"
            );
            let answer = self.ask(&request, &call_id, sequence)?;
            let message = Message::read(answer.as_bytes()).ok_or("a garbled answer to SUBSCRIBE")?;
            match message.status() {
                Some(200) => return Ok(()),
                Some(401) => {
                    let challenge = message.header("WWW-Authenticate").ok_or("401 without a challenge")?;
                    let value = authorize(challenge, &name, &format!("{name}-secret"), "SUBSCRIBE", &target);
                    authorization = format!("Authorization: {}\r\n", value.ok_or("an unreadable challenge")?);
                }
                status => return Err(format!("SUBSCRIBE was answered {status:?}")),
            }
        }
        Err("credentials for SUBSCRIBE were not taken".to_owned())
    }

    /// The answer to a request; what comes between is taken note of.
    fn ask(&mut self, request: &str, call_id: &str, sequence: u32) -> Result<String, String> {
        self.socket.send_to(request.as_bytes(), self.server).map_err(|why| why.to_string())?;
        let end = Instant::now() + ANSWER;
        while Instant::now() < end {
            let Some(text) = self.receive() else { continue };
            let answers = |message: &Message<'_>| {
                message.header("Call-ID") == Some(call_id)
                    && message.cseq().is_some_and(|(number, _)| number == sequence)
            };
            if Message::read(text.as_bytes()).is_some_and(|message| answers(&message)) {
                return Ok(text);
            }
        }
        Err("SUBSCRIBE is not answered".to_owned())
    }

    /// Goes on until the presses are over and all was told, or should have been.
    fn run(&mut self, presses: &Receiver<Pressed>, over: &AtomicBool) {
        let mut end = None;
        loop {
            // what came was caused by what was pressed before
            let came = self.next();
            let last = over.load(Ordering::Relaxed);
            for pressed in presses.try_iter() {
                for watch in self.watches.values_mut().filter(|watch| watch.lamp == pressed.lamp) {
                    watch.due.push_back((pressed.held, pressed.at));
                }
            }
            if let Some((text, at)) = came {
                self.note(text, at);
            }
            if last {
                let end = *end.get_or_insert(Instant::now() + ANSWER);
                if Instant::now() > end || self.watches.values().all(|watch| watch.due.is_empty()) {
                    return;
                }
            }
        }
    }

    /// Reads one message: a NOTIFY is answered and noted, a response given back.
    fn receive(&mut self) -> Option<String> {
        let (text, at) = self.next()?;
        self.note(text, at)
    }

    /// A message, and when it came.
    fn next(&self) -> Option<(String, Instant)> {
        let mut buffer = [0; 8192];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some((String::from_utf8_lossy(&buffer[..length]).into_owned(), Instant::now()))
    }

    fn note(&mut self, text: String, at: Instant) -> Option<String> {
        let message = Message::read(text.as_bytes())?;
        if message.status().is_some() {
            return Some(text);
        }
        drop(self.socket.send_to(message.respond("200 OK", "l", "", "").as_bytes(), self.server));
        let watch = self.watches.get_mut(message.header("Call-ID")?)?;
        let version = message.body().split_once("<dialog-info").and_then(|(_, body)| {
            let (_, value) = body.split_once(" version=\"")?;
            value.split('"').next()?.parse::<u64>().ok()
        });
        let expected = watch.version.map_or(0, |known| known + 1);
        match version {
            // sent again: it came already
            Some(version) if version < expected => return None,
            Some(version) if version == expected => {}
            other => self.wrong.push(format!("version {other:?} came where {expected} was due")),
        }
        let first = watch.version.is_none();
        watch.version = version;
        if first {
            return None;
        }
        let held = message.body().contains("pval=\"no\"");
        match watch.due.pop_front() {
            Some((due, since)) if due == held => self.seen.push(at.saturating_duration_since(since)),
            Some((due, _)) => self.wrong.push(format!("held={held} was told where held={due} was due")),
            None => self.wrong.push("a change was told that nobody made".to_owned()),
        }
        None
    }

    fn outcome(mut self) -> (Vec<Duration>, Vec<String>) {
        let missing: usize = self.watches.values().map(|watch| watch.due.len()).sum();
        if missing > 0 {
            self.wrong.push(format!("{missing} changes were never told"));
        }
        (self.seen, self.wrong)
    }
}

fn tell(commands: Commands) -> bool {
    let Commands { mut alone, mut watched, mut seen, wrong } = commands;
    let of = |took: &mut Vec<Duration>| {
        took.sort_unstable();
        format!("p50 {}, p99 {}, worst {}", part(took, 0.5), part(took, 0.99), part(took, 1.0))
    };
    let watches = LAMPS * WATCHERS;
    line(&format!("lamps     {} commands, nobody watching: command to answer: {}", alone.len(), of(&mut alone)));
    line(&format!("lamps     {} commands, {watches} watches: command to answer: {}", watched.len(), of(&mut watched)));
    line(&format!(
        "lamps     {} changes told, {LAMPS} lamps, {WATCHERS} watching each: command to NOTIFY: {} (goal: {} ms)",
        seen.len(),
        of(&mut seen),
        GOAL.as_millis()
    ));
    wrong.iter().take(20).for_each(|text| line(&format!("WRONG     {text}")));
    wrong.is_empty() && seen.len() == watched.len() * WATCHERS
}
