//! Core and mixer together on the virtual clock: random people call, transfer, hold and hang up, and every sample that
//! reaches an ear is looked at.
//!
//! Talker `k` says `1 << k` in the open and `1 << (k + TALKERS)` in a consult, so the number a listener receives *is* the list
//! of whom he heard. Music and tones are silent here, so that nothing else is heard.

mod judge;
mod people;

use std::collections::{BTreeMap, BTreeSet};

use conference::{
    AgentName, AgentSettings, CallId, Command, Destination, Direction, Ears, Effect, LegId, LegMask, Moment, Output,
    Phone, Place, Report, Settings, Switchboard,
};
use media_mixer::codec::FRAME_SAMPLES;
use media_mixer::lab::{Lab, Parcel, SLOT_US};
use media_mixer::{Applied, HoldMusic, MediaSettings};
use tokio::sync::oneshot;

use super::{FRAME_US, House, server};

/// Talkers that can be told apart.
pub const TALKERS: u32 = 7;
/// From here on a sample holds a secret bit.
pub const SECRET: i16 = 1 << TALKERS;
/// A pair that has been audible for so long, with its speaker talking, must be heard on a clean wire.
const SURELY_US: u64 = 500_000;
/// For so long a leg that moved from one call to another is not judged exactly.
const MOVING_US: u64 = 200_000;
const AGENTS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// What the wire does to packets.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// Each packet is late by up to so much, so that many overtake each other.
    pub jitter_us: u64,
    /// Of a thousand packets so many are lost.
    pub lost: u64,
}

impl Wire {
    pub const CLEAN: Self = Self { jitter_us: 0, lost: 0 };
    pub const ROUGH: Self = Self { jitter_us: 45_000, lost: 20 };
}

/// What must never be.
#[derive(Clone, Debug)]
pub struct Leak {
    pub at_us: u64,
    pub listener: LegId,
    pub sample: i16,
    pub why: String,
}

/// xorshift: a test's chance, repeatable by its seed.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n.max(1)
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        let place = self.below(all.len() as u64) as usize;
        all.get(place).cloned()
    }
}

/// A change-set that is not acknowledged yet: masks, and who left.
type Pending = (Vec<LegMask>, Vec<LegId>);

struct Actor {
    bit: u32,
    owner: Option<(AgentName, Phone)>,
    customer: bool,
    /// By the last acknowledged change: what it says must not reach whom secrets are kept from.
    private: bool,
    /// Something of the frame being spoken must not.
    secret: bool,
    talks: bool,
    talks_since_us: u64,
    /// When it came into its call from another one: its new call ticks at another moment, which costs one made-up frame.
    moved_us: u64,
    call: Option<CallId>,
    /// When in the 20 ms it sends, in slots.
    phase: u64,
    offer: Option<Direction>,
}

/// Whose ear a secret is kept from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptFrom {
    /// What is said in the consult must not reach the customer.
    Customer,
    /// What is said beside the consult must not reach its target, after the merge either.
    Target,
}

/// A run.
pub struct Drama {
    pub house: House,
    /// For whom the secret bits are set and looked for.
    pub kept_from: KeptFrom,
    pub board: Switchboard,
    pub chance: Chance,
    wire: Wire,
    told: bool,
    actors: BTreeMap<LegId, Actor>,
    ringing: BTreeMap<LegId, Destination>,
    acks: Vec<(CallId, oneshot::Receiver<Applied>)>,
    /// The masks in force, and since when each pair is audible by them.
    masks: BTreeMap<CallId, BTreeMap<LegId, LegMask>>,
    pending: BTreeMap<CallId, Vec<Pending>>,
    audible: BTreeMap<(LegId, LegId), u64>,
    next_leg: u64,
    pub leaks: Vec<Leak>,
    pub packets: u64,
    pub consults: u64,
    pub done: BTreeMap<&'static str, u64>,
}

pub fn media_settings() -> MediaSettings {
    MediaSettings { hold_music: HoldMusic::Silence, ..super::settings() }
}

fn name(name: &str) -> AgentName {
    AgentName(name.to_owned())
}

impl Drama {
    pub fn new(seed: u64, wire: Wire, media: &MediaSettings) -> Self {
        let mut settings = Settings::default();
        for agent in AGENTS {
            let known = AgentSettings { display_name: String::new(), max_calls: 2, supervisor: false };
            settings.agents.insert(name(agent), known);
        }
        let mut drama = Self {
            house: House::new(media),
            kept_from: KeptFrom::Customer,
            board: Switchboard::new(),
            chance: Chance::new(seed),
            wire,
            told: std::env::var_os("EARS_TRACE").is_some(),
            actors: BTreeMap::new(),
            ringing: BTreeMap::new(),
            acks: Vec::new(),
            masks: BTreeMap::new(),
            pending: BTreeMap::new(),
            audible: BTreeMap::new(),
            next_leg: 0,
            leaks: Vec::new(),
            packets: 0,
            consults: 0,
            done: BTreeMap::new(),
        };
        drama.command(Command::Configure(settings));
        drama
    }

    fn now(&self) -> Moment {
        Moment(self.house.lab.now_us())
    }

    /// So many random steps, with some time between them.
    pub fn play(&mut self, steps: u32) {
        for _ in 0..steps {
            self.step();
            let slots = if self.chance.below(3) == 0 { self.chance.below(400) } else { self.chance.below(60) };
            self.pass(slots);
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_insert(0) += 1;
    }

    /// With `EARS_TRACE` set, the run is told on standard error.
    fn trace(&self, what: &dyn std::fmt::Debug) {
        if self.told {
            eprintln!("{} {what:?}", self.house.lab.now_us());
        }
    }

    fn command(&mut self, command: Command) {
        self.trace(&command);
        if let Ok(outputs) = self.board.command(self.now(), command) {
            self.carry(outputs);
        }
    }

    fn report(&mut self, report: Report) {
        self.trace(&report);
        let outputs = self.board.report(self.now(), report);
        self.carry(outputs);
    }

    /// What the daemon does: effects in their order, and a tightening is waited for before anybody is told anything.
    fn carry(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            self.trace(&output);
            let Output::Effect(effect) = output else { continue };
            match effect {
                Effect::SetAudibility(mut change) => {
                    for mask in &mut change.legs {
                        // silent music in place of every tone: whatever is heard is a person
                        if mask.ears != Ears::Nothing {
                            mask.ears = Ears::HoldMusic;
                        }
                    }
                    let (call, tightens) = (change.call, change.tightens);
                    self.pending.entry(call).or_default().push((change.legs.clone(), change.gone.clone()));
                    self.acks.push((call, self.house.mixer.set_audibility(change)));
                    while tightens && self.acks.iter().any(|(of, _)| *of == call) {
                        self.pass(1);
                    }
                }
                Effect::Ring { leg, to, .. } => {
                    self.house.mixer.open(leg, Lab::signalling()).unwrap();
                    self.add_actor(leg, None, false);
                    self.ringing.insert(leg, to);
                }
                Effect::Answer { leg } => {
                    if let Some(phone) = self.house.phones.get_mut(&leg) {
                        let answer = self.house.mixer.answer(leg, phone.offer("").as_bytes()).unwrap();
                        phone.server = server(&answer);
                        self.begin_talking(leg);
                    }
                }
                Effect::AnswerOffer { leg } => self.answer_offer(leg),
                Effect::Hangup { leg, .. } | Effect::Reject { leg, .. } => {
                    self.house.mixer.close(leg);
                    self.forget(leg);
                }
                Effect::Probe { leg } => self.report(Report::Probed { leg, alive: true }),
                Effect::Progress { .. }
                | Effect::AcceptRefer { .. }
                | Effect::NotifyReferrer { .. }
                | Effect::CollectDigits { .. }
                | Effect::Relay { .. }
                | Effect::LookUp { .. }
                | Effect::Identify { .. }
                | Effect::Cue { .. } => {}
            }
        }
    }

    fn answer_offer(&mut self, leg: LegId) {
        let Some(direction) = self.actors.get_mut(&leg).and_then(|actor| actor.offer.take()) else { return };
        let line = if direction == Direction::Away { "a=sendonly\r\n" } else { "a=sendrecv\r\n" };
        let offer = self.house.phones[&leg].offer(line);
        self.house.mixer.answer(leg, offer.as_bytes()).unwrap();
        if direction == Direction::Both {
            self.begin_talking(leg);
        }
    }

    /// Time goes on by so many slots.
    pub fn pass(&mut self, slots: u64) {
        for _ in 0..slots {
            self.talk();
            self.house.slot();
            self.take_acks();
            self.listen();
            while self.board.deadline().is_some_and(|deadline| deadline <= self.now()) {
                let outputs = self.board.expire(self.now());
                self.carry(outputs);
            }
        }
    }

    fn talk(&mut self) {
        let slot = self.house.lab.now_us() / SLOT_US % (FRAME_US / SLOT_US);
        let now = self.house.lab.now_us();
        for (leg, actor) in &mut self.actors {
            if actor.phase != slot {
                continue;
            }
            if !actor.talks {
                // what was said before the phone's hold was never sent
                actor.secret = actor.private;
                continue;
            }
            let value = if actor.secret { 1_i16 << (actor.bit + TALKERS) } else { 1 << actor.bit };
            actor.secret = actor.private;
            let phone = self.house.phones.get_mut(leg).unwrap();
            let bytes = phone.packet(&[value; FRAME_SAMPLES]);
            if self.chance.below(1_000) >= self.wire.lost {
                let at_us = now + self.chance.below(self.wire.jitter_us + 1);
                self.house.lab.net().arrive(Parcel { from: phone.address, to: phone.server, at_us, bytes });
            }
        }
    }

    fn take_acks(&mut self) {
        let now = self.house.lab.now_us();
        let mut acks = std::mem::take(&mut self.acks);
        let mut changed = BTreeSet::new();
        acks.retain_mut(|(call, ack)| match ack.try_recv() {
            Ok(_) => {
                changed.insert(*call);
                let (legs, gone) = self.pending.get_mut(call).unwrap().remove(0);
                let masks = self.masks.entry(*call).or_default();
                gone.iter().for_each(|leg| drop(masks.remove(leg)));
                masks.extend(legs.into_iter().map(|mask| (mask.leg, mask)));
                false
            }
            Err(oneshot::error::TryRecvError::Empty) => true,
            Err(oneshot::error::TryRecvError::Closed) => panic!("{call}: out of step"),
        });
        self.acks = acks;
        for call in changed {
            self.note_audible(call, now);
        }
    }

    fn note_audible(&mut self, call: CallId, now: u64) {
        let masks = &self.masks[&call];
        let consult = masks.values().any(|mask| mask.place == Place::Side);
        for (leg, mask) in masks {
            if let Some(actor) = self.actors.get_mut(leg) {
                actor.private = match self.kept_from {
                    KeptFrom::Customer => mask.place == Place::Side,
                    KeptFrom::Target => consult && mask.place == Place::Main,
                };
                if actor.call.replace(call).is_some_and(|before| before != call) {
                    actor.moved_us = now;
                }
                actor.secret |= actor.private;
            }
        }
        self.audible.retain(|(listener, speaker), _| {
            let inside = |leg: &LegId| masks.contains_key(leg);
            let still = |a: &LegId, b: &LegId| inside(a) && inside(b) && masks[a].hears(&masks[b]);
            !(inside(listener) || inside(speaker)) || still(listener, speaker)
        });
        for (listener, a) in masks {
            for (speaker, _) in masks.iter().filter(|(_, b)| a.hears(b)) {
                self.audible.entry((*listener, *speaker)).or_insert(now);
            }
        }
        if masks.is_empty() {
            self.masks.remove(&call);
        }
    }
}
