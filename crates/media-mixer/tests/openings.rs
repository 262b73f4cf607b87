//! Law 3, measured at the ears, with the masks of a real switchboard: when a newly audible pair is heard, that nothing spoken
//! before the command is, and that pairs which go on lose nothing.
//!
//! Talker `k` says, in every frame, the number of that frame as a digit of base 16, so that each sample a listener receives says
//! whose speech of which moment it is.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use std::collections::{BTreeMap, BTreeSet};

use conference::{
    AgentName, AgentSettings, Asker, CallId, Caller, Command, Destination, Direction, Effect, LegId, Moment, Output,
    Phone, Report, Settings, Switchboard,
};
use lab::*;
use media_mixer::codec::{Codec, FRAME_SAMPLES};
use media_mixer::lab::{Lab, Parcel, SLOT_US};
use media_mixer::{HoldMusic, MediaSettings};

/// Small enough for the sum of three to be left alone by the limiter.
const BASE: i16 = 16;
/// Frames after which a talker's digit comes again: 300 ms.
const ROUND: u64 = BASE as u64 - 1;
/// What a newly audible pair may take beyond its guard.
const BEYOND_GUARD_US: u64 = 60_000;
/// A stream is judged by its own jitter after so long, and is not assumed to be worse any more.
const GROWN_UP_MS: u64 = 3_500;

/// A frame that a listener heard: when, and for each talker when the speech in it began (`None`: not heard).
#[derive(Clone, Copy, Debug)]
struct Frame {
    at_us: u64,
    spoken_us: [Option<u64>; 3],
}

struct Stage {
    house: House,
    board: Switchboard,
    talkers: Vec<LegId>,
    /// When each talker's frame number `n` began to be spoken.
    spoken: [Vec<u64>; 3],
    heard: BTreeMap<LegId, Vec<Frame>>,
    rung: Vec<LegId>,
    offers: BTreeMap<LegId, Direction>,
    next_leg: u64,
}

fn agent(name: &str) -> AgentName {
    AgentName(name.to_owned())
}

impl Stage {
    fn new() -> Self {
        let media = MediaSettings { hold_music: HoldMusic::Silence, ..settings() };
        let mut stage = Self {
            house: House::new(&media),
            board: Switchboard::new(),
            talkers: Vec::new(),
            spoken: [const { Vec::new() }; 3],
            heard: BTreeMap::new(),
            rung: Vec::new(),
            offers: BTreeMap::new(),
            next_leg: 0,
        };
        let mut settings = Settings::default();
        for name in ["alice", "bob", "dave"] {
            let known = AgentSettings { max_calls: 2, ..AgentSettings::default() };
            settings.agents.insert(agent(name), known);
        }
        stage.command(Command::Configure(settings));
        for name in ["alice", "bob", "dave"] {
            stage.report(Report::Registered { agent: agent(name), phones: 1 });
        }
        stage
    }

    fn now_us(&self) -> u64 {
        self.house.lab.now_us()
    }

    /// When the command was given.
    fn command(&mut self, command: Command) -> u64 {
        let now_us = self.now_us();
        let outputs = self.board.command(Moment(now_us), command.clone());
        self.carry(outputs.unwrap_or_else(|refusal| panic!("{command:?}: {refusal:?}")));
        now_us
    }

    fn report(&mut self, report: Report) {
        let outputs = self.board.report(Moment(self.now_us()), report);
        self.carry(outputs);
    }

    fn carry(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            let Output::Effect(effect) = output else { continue };
            match effect {
                Effect::SetAudibility(mut change) => {
                    for mask in change.legs.iter_mut().filter(|mask| mask.ears != conference::Ears::Nothing) {
                        mask.ears = conference::Ears::HoldMusic;
                    }
                    let tightens = change.tightens;
                    let mut applied = self.house.mixer.set_audibility(change);
                    while tightens && applied.try_recv().is_err() {
                        self.slot();
                    }
                }
                Effect::Ring { leg, .. } => {
                    self.house.mixer.open(leg, Lab::signalling()).unwrap();
                    let phone = self.house.new_phone(leg, 50 + self.rung.len() as u64, Codec::L16, true);
                    self.house.phones.insert(leg, phone);
                    self.rung.push(leg);
                }
                Effect::Answer { leg } => {
                    let offer = self.house.phones[&leg].offer("");
                    let answer = self.house.mixer.answer(leg, offer.as_bytes()).unwrap();
                    self.house.phones.get_mut(&leg).unwrap().server = server(&answer);
                }
                Effect::AnswerOffer { leg } => {
                    let away = self.offers.remove(&leg) == Some(Direction::Away);
                    let offer = self.house.phones[&leg].offer(if away { "a=sendonly\r\n" } else { "a=sendrecv\r\n" });
                    self.house.mixer.answer(leg, offer.as_bytes()).unwrap();
                }
                Effect::Hangup { leg, .. } | Effect::Reject { leg, .. } => {
                    self.house.mixer.close(leg);
                    self.house.phones.remove(&leg);
                }
                _ => {}
            }
        }
    }

    fn dials(&mut self, caller: Caller, to: Destination) -> LegId {
        self.next_leg += 1;
        let leg = LegId::arrived(self.next_leg);
        self.house.mixer.open(leg, Lab::signalling()).unwrap();
        let phone = self.house.new_phone(leg, self.next_leg, Codec::L16, true);
        self.house.phones.insert(leg, phone);
        self.report(Report::Arrived { leg, caller, to, shown: String::new(), direction: Direction::Both });
        leg
    }

    fn customer_dials(&mut self, to: &str) -> LegId {
        let caller = Caller::Customer { trunk: "pstn".into(), number: "+49".into() };
        self.dials(caller, Destination::Agent(agent(to)))
    }

    /// Whoever was rung last picks up.
    fn answers(&mut self, phone: &str) -> LegId {
        let leg = *self.rung.last().unwrap();
        let answer = self.house.phones[&leg].offer("");
        let offer = self.house.mixer.offer(leg).unwrap();
        self.house.phones.get_mut(&leg).unwrap().server = server(&offer);
        self.house.mixer.accept(leg, answer.as_bytes()).unwrap();
        let phone = Some(Phone(phone.to_owned()));
        self.report(Report::Answered { leg, direction: Direction::Both, phone });
        leg
    }

    fn talks(&mut self, leg: LegId) {
        self.talkers.push(leg);
    }

    /// Time goes on by one slot. Talkers speak at different moments of the 20 ms.
    fn slot(&mut self) {
        let now_us = self.now_us();
        for (place, leg) in self.talkers.iter().enumerate() {
            let phase = 2 + 3 * place as u64;
            if now_us / SLOT_US % (FRAME_US / SLOT_US) != phase {
                continue;
            }
            let number = self.spoken[place].len() as u64;
            // what is sent now was spoken in the 20 ms before
            self.spoken[place].push(now_us - FRAME_US);
            let value = BASE.pow(place as u32) * (1 + number % ROUND) as i16;
            let Some(phone) = self.house.phones.get_mut(leg) else { continue };
            let bytes = phone.packet(&[value; FRAME_SAMPLES]);
            self.house.lab.net().arrive(Parcel { from: phone.address, to: phone.server, at_us: now_us, bytes });
        }
        self.house.slot();
        self.collect();
    }

    fn collect(&mut self) {
        let heard: Vec<(LegId, Packet)> = (self.house.phones.iter_mut())
            .flat_map(|(leg, phone)| phone.heard.drain(..).map(|packet| (*leg, packet)))
            .collect();
        for (leg, packet) in heard {
            let value = i16::from_be_bytes([packet.payload[160], packet.payload[161]]);
            let frame = Frame { at_us: packet.at_us, spoken_us: self.decoded(value) };
            self.heard.entry(leg).or_default().push(frame);
        }
    }

    fn decoded(&self, value: i16) -> [Option<u64>; 3] {
        let digits = [value % BASE, value / BASE % BASE, value / BASE / BASE];
        let spoken = |place: usize| {
            let digit = u64::try_from(digits[place]).unwrap_or(0).checked_sub(1)?;
            let numbers = (0..self.spoken[place].len() as u64).rev();
            numbers.take(ROUND as usize).find(|number| number % ROUND == digit).map(|n| self.spoken[place][n as usize])
        };
        [spoken(0), spoken(1), spoken(2)]
    }

    fn run_ms(&mut self, ms: u64) {
        (0..ms * 1_000 / SLOT_US).for_each(|_| self.slot());
    }

    /// What `listener` heard of talker `place` since then: when, and when it was spoken.
    fn heard_of(&self, listener: LegId, place: usize, since_us: u64) -> Vec<(u64, u64)> {
        let frames = self.heard.get(&listener).into_iter().flatten().filter(|frame| frame.at_us >= since_us);
        frames.filter_map(|frame| Some((frame.at_us, frame.spoken_us[place]?))).collect()
    }

    /// The guard of law 3 for a talker, as it is measured on this wire: RTCP says nothing of a round trip here.
    fn guard_us(&self, place: usize) -> u64 {
        let stats = self.house.mixer.leg_stats(self.talkers[place]).unwrap();
        assert_eq!(stats.rtcp.round_trip_us, None);
        FRAME_US + u64::from(stats.jitter_us)
    }

    /// The pair was opened by the command of `at_us`: heard in time, and nothing from before.
    fn assert_opened(&self, listener: LegId, place: usize, at_us: u64) {
        let heard = self.heard_of(listener, place, at_us);
        let (first_us, _) = *heard.first().unwrap_or_else(|| panic!("{listener} never hears talker {place}"));
        let limit_us = self.guard_us(place) + BEYOND_GUARD_US;
        assert!(first_us - at_us <= limit_us, "heard after {} us, {limit_us} allowed", first_us - at_us);
        let oldest_us = heard.iter().map(|(_, spoken_us)| *spoken_us).min().unwrap();
        assert!(oldest_us >= at_us, "{} us before the command", at_us - oldest_us);
    }

    /// The pair was audible before and goes on: every frame is heard, each once, in time.
    fn assert_goes_on(&self, listener: LegId, place: usize, since_us: u64) {
        let heard = self.heard_of(listener, place, since_us);
        assert!(heard.len() > 20, "{listener} hears {} frames of talker {place}", heard.len());
        for two in heard.windows(2) {
            assert_eq!(two[1].1 - two[0].1, FRAME_US, "{listener}, talker {place}, at {} us", two[1].0 - since_us);
        }
    }

    fn assert_silent(&self, listener: LegId, place: usize, since_us: u64) {
        let heard = self.heard_of(listener, place, since_us);
        assert!(heard.is_empty(), "{listener} hears talker {place}: {:?}", heard.first());
    }
}

/// Alice (0) and a customer (1) talk; Alice consults Bob (2) in private. (stage, call, Alice, customer, Bob)
fn consult() -> (Stage, CallId, LegId, LegId, LegId) {
    let mut stage = Stage::new();
    let customer = stage.customer_dials("alice");
    let alice = stage.answers("alice-desk");
    let call = stage.board.call_of(customer).unwrap();
    stage.talks(alice);
    stage.talks(customer);
    stage.run_ms(500);
    let target = Destination::Agent(agent("bob"));
    stage.command(Command::Start { call, by: Asker::Leg(alice), target, shown: String::new() });
    stage.run_ms(100);
    let bob = stage.answers("bob-desk");
    stage.talks(bob);
    stage.run_ms(GROWN_UP_MS);
    (stage, call, alice, customer, bob)
}

const ALICE: usize = 0;
const CUSTOMER: usize = 1;
const BOB: usize = 2;

#[test]
fn a_swap_opens_in_time_and_lets_nothing_through_that_was_said_before_it() {
    let (mut stage, call, alice, customer, bob) = consult();
    stage.assert_silent(customer, BOB, 0);
    stage.assert_silent(bob, CUSTOMER, 0);
    let mut facing = (bob, customer);
    for _ in 0..7 {
        let at_us = stage.command(Command::Swap { call, by: Asker::Leg(alice) });
        let in_force_us = stage.now_us() + 2 * SLOT_US;
        stage.run_ms(557);
        let (left, faced) = facing;
        let speaks = if faced == customer { CUSTOMER } else { BOB };
        stage.assert_opened(faced, ALICE, at_us);
        stage.assert_opened(alice, speaks, at_us);
        stage.assert_silent(left, ALICE, in_force_us);
        facing = (faced, left);
    }
    stage.assert_silent(customer, BOB, 0);
    stage.assert_silent(bob, CUSTOMER, 0);
}

#[test]
fn a_merge_opens_in_time_and_the_consult_goes_on_without_a_gap() {
    for early_ms in 0..20 {
        let (mut stage, call, alice, customer, bob) = consult();
        stage.run_ms(early_ms);
        let before_us = stage.now_us() - 500_000;
        let at_us = stage.command(Command::Merge { call, by: Asker::Leg(alice) });
        stage.run_ms(600);
        for (listener, talker) in [(customer, ALICE), (customer, BOB), (alice, CUSTOMER), (bob, CUSTOMER)] {
            stage.assert_opened(listener, talker, at_us);
        }
        for (listener, talker) in [(alice, BOB), (bob, ALICE)] {
            stage.assert_goes_on(listener, talker, before_us);
        }
    }
}

#[test]
fn a_completion_opens_in_time_what_was_closed_and_leaves_alone_what_was_open() {
    let (mut stage, call, alice, customer, bob) = consult();
    let at_us = stage.command(Command::Complete { call, by: Asker::Leg(alice) });
    stage.run_ms(600);
    stage.assert_opened(customer, BOB, at_us);
    stage.assert_opened(bob, CUSTOMER, at_us);
    assert!(!stage.house.phones.contains_key(&alice), "Alice has left");

    let (mut stage, call, alice, customer, bob) = consult();
    stage.command(Command::Merge { call, by: Asker::Leg(alice) });
    stage.run_ms(3_000);
    let before_us = stage.now_us() - 500_000;
    stage.command(Command::Complete { call, by: Asker::Leg(alice) });
    stage.run_ms(600);
    stage.assert_goes_on(customer, BOB, before_us);
    stage.assert_goes_on(bob, CUSTOMER, before_us);
}

/// Alice's customer (0) waits on her first line; on her second she has an outside party (1).
struct TwoCalls {
    stage: Stage,
    customer: LegId,
    first: LegId,
    second: LegId,
    outside: LegId,
}

impl TwoCalls {
    fn new() -> Self {
        let mut stage = Stage::new();
        let customer = stage.customer_dials("alice");
        let first = stage.answers("alice-desk");
        stage.talks(customer);
        stage.run_ms(200);
        stage.offers.insert(first, Direction::Away);
        stage.report(Report::Offered { leg: first, direction: Direction::Away });
        let caller = Caller::Agent { name: agent("alice"), phone: Phone("alice-desk".into()) };
        let second = stage.dials(caller, Destination::Outside { trunk: "pstn".into(), number: "+33".into() });
        let outside = stage.answers("");
        stage.talks(outside);
        Self { stage, customer, first, second, outside }
    }
}

/// Both calls become one.
#[test]
fn a_join_of_two_calls_opens_in_time_and_lets_nothing_through_that_was_said_before_it() {
    let TwoCalls { mut stage, customer, first, second, outside } = TwoCalls::new();
    stage.run_ms(GROWN_UP_MS);
    assert_ne!(stage.board.call_of(first), stage.board.call_of(second), "two calls");
    stage.assert_silent(customer, 1, 0);
    let at_us = stage.command(Command::Join { by: second, named: first });
    stage.run_ms(600);
    stage.assert_opened(customer, 1, at_us);
    stage.assert_opened(outside, 0, at_us);
}

/// Alice has a customer and Bob on her first line, an outside party and Dave on her second, and is in the middle of it when both
/// calls become one: who talked with each other goes on.
#[test]
fn who_talked_before_a_join_goes_on_talking() {
    let (mut stage, call, alice, customer, bob) = consult();
    stage.command(Command::Merge { call, by: Asker::Leg(alice) });
    stage.offers.insert(alice, Direction::Away);
    stage.report(Report::Offered { leg: alice, direction: Direction::Away });
    let caller = Caller::Agent { name: agent("alice"), phone: Phone("alice-desk".into()) };
    let second = stage.dials(caller, Destination::Outside { trunk: "pstn".into(), number: "+33".into() });
    stage.answers("");
    stage.run_ms(GROWN_UP_MS);
    let before_us = stage.now_us() - 500_000;
    stage.command(Command::Join { by: second, named: alice });
    stage.run_ms(600);
    stage.assert_goes_on(customer, BOB, before_us);
    stage.assert_goes_on(bob, CUSTOMER, before_us);
}

/// Those who talked in the younger call move into the older one, which ticks at another moment.
#[test]
fn who_talked_in_the_younger_call_goes_on_talking_in_the_older_one() {
    let TwoCalls { mut stage, customer, first, second, outside } = TwoCalls::new();
    let call = stage.board.call_of(second).unwrap();
    let target = Destination::Agent(agent("dave"));
    stage.command(Command::Start { call, by: Asker::Leg(second), target, shown: String::new() });
    let dave = stage.answers("dave-desk");
    stage.talks(dave);
    stage.command(Command::Merge { call, by: Asker::Leg(second) });
    stage.run_ms(GROWN_UP_MS);
    let before_us = stage.now_us() - 500_000;
    let at_us = stage.command(Command::Join { by: second, named: first });
    stage.run_ms(600);
    stage.assert_opened(customer, 1, at_us);
    stage.assert_opened(dave, 0, at_us);
    stage.assert_goes_on(dave, 1, before_us);
    stage.assert_goes_on(outside, 2, before_us);
}

#[test]
fn through_a_hundred_swaps_at_ten_a_second_nobody_beside_whom_she_faces_hears_the_initiator() {
    let (mut stage, call, alice, customer, bob) = consult();
    let began_us = stage.now_us();
    let mut facing = (bob, customer);
    let mut commands = Vec::new();
    for n in 0..100 {
        let at_us = stage.command(Command::Swap { call, by: Asker::Leg(alice) });
        facing = (facing.1, facing.0);
        commands.push((at_us, facing.0));
        // ten a second on average, at every phase of the 20 ms
        let until_us = began_us + (n + 1) * 100_000 + n % 10 * SLOT_US;
        while stage.now_us() < until_us {
            stage.slot();
        }
    }
    let hears = |listener: LegId| stage.heard_of(listener, ALICE, began_us);
    let (by_customer, by_bob) = (hears(customer), hears(bob));
    assert!(by_customer.len() > 50 && by_bob.len() > 50, "{} and {} frames", by_customer.len(), by_bob.len());
    let moments: BTreeSet<u64> = by_customer.iter().map(|(at_us, _)| *at_us).collect();
    assert!(by_bob.iter().all(|(at_us, _)| !moments.contains(at_us)), "both hear her in one tick");
    let speech: BTreeSet<u64> = by_customer.iter().map(|(_, spoken_us)| *spoken_us).collect();
    assert!(by_bob.iter().all(|(_, spoken_us)| !speech.contains(spoken_us)), "both hear the same words");
    // whatever was heard was spoken while she faced its listener
    for (listener, heard) in [(customer, by_customer), (bob, by_bob)] {
        for (_, spoken_us) in heard {
            let faced = commands.iter().rev().find(|(at_us, _)| *at_us <= spoken_us);
            assert_eq!(faced.map_or(bob, |(_, faced)| *faced), listener, "spoken at {spoken_us}");
        }
    }
    stage.assert_silent(customer, BOB, 0);
    stage.assert_silent(bob, CUSTOMER, 0);
}
