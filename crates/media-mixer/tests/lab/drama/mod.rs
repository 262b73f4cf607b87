//! Core and mixer together on the virtual clock: random people in several calls at once call, transfer, hold and hang up, and
//! every sample that reaches an ear is looked at.
//!
//! Talker `k` of a call says `1 << k` in the open and `1 << (k + TALKERS)` in a consult, so the number a listener receives *is*
//! the list of whom he heard. Music and tones are silent here, so that nothing else is heard.

mod agents;
mod extras;
mod frozen;
mod judge;
mod people;
mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use conference::{
    AgentName, AgentSettings, CallId, Command, Destination, Direction, Ears, Effect, LegId, LegMask, Moment, Output,
    Phone, Place, Report, Role, Settings, Switchboard,
};
use media_mixer::lab::Lab;
use media_mixer::{Applied, HoldMusic, MediaSettings};
use tokio::sync::oneshot;

pub use wire::Wire;

use super::{House, server};

/// Talkers that can be told apart in one call.
pub const TALKERS: u32 = 7;
/// From here on a sample holds a secret bit.
pub const SECRET: i16 = 1 << TALKERS;
/// Legs in all calls together; new people come only up to here.
const LEGS: usize = 13;
/// A pair that has been audible for so long, with its speaker talking, must be heard on a clean wire.
const SURELY_US: u64 = 500_000;
/// For so long a leg that moved from one call to another is not judged exactly.
const MOVING_US: u64 = 200_000;
const AGENTS: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];

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

/// Whose leg it is, by who dialled and whom we rang: the judge's own books. What the masks say of it is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Person {
    Agent(AgentName),
    /// Whoever is on this one leg.
    Somebody(LegId),
}

struct Actor {
    bit: u32,
    phone: Option<Phone>,
    customer: bool,
    /// By the last acknowledged change: what it says must not reach whom secrets are kept from.
    private: bool,
    /// Something of the frame being spoken must not.
    secret: bool,
    talks: bool,
    talks_since_us: u64,
    /// What it said last, and since when.
    says: (i16, u64),
    /// Until then it may not be heard although it could: it was thawed, or its bit is another one.
    blurred_until_us: u64,
    /// Until then made-up frames are in what it says: its new call ticks at another moment than the one before.
    moved_until_us: u64,
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
    persons: BTreeMap<LegId, Person>,
    ringing: BTreeMap<LegId, Destination>,
    /// The call of each leg, and whether secrets are kept from it, by what the core knows now.
    standing: BTreeMap<LegId, (CallId, bool)>,
    /// What happened on the wire and is not told to the core yet, and when it will be.
    late: VecDeque<(u64, Report)>,
    /// An effect waits for its acknowledgement: the core is told nothing meanwhile.
    waits: bool,
    /// Arrived legs whose phones got a description before the answer.
    said_early: BTreeSet<LegId>,
    acks: Vec<(CallId, oneshot::Receiver<Applied>)>,
    /// The masks in force, and since when each pair is audible by them; and until when it was.
    masks: BTreeMap<CallId, BTreeMap<LegId, LegMask>>,
    pending: BTreeMap<CallId, Vec<Pending>>,
    audible: BTreeMap<(LegId, LegId), u64>,
    lately: BTreeMap<(LegId, LegId), u64>,
    /// Bits that each leg has told by its keys.
    keys: BTreeMap<LegId, BTreeSet<u32>>,
    /// Calls whose legs get bits that are free in the other call, to be joined when they have them.
    to_join: Option<(LegId, LegId)>,
    /// Volumes and keys for one phone.
    extras: extras::Extras,
    next_leg: u64,
    pub leaks: Vec<Leak>,
    pub packets: u64,
    pub judged: u64,
    pub consults: u64,
    /// Steps with at least three calls up.
    pub three_calls: u64,
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
            let known = AgentSettings { max_calls: 2, ..AgentSettings::default() };
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
            persons: BTreeMap::new(),
            ringing: BTreeMap::new(),
            standing: BTreeMap::new(),
            late: VecDeque::new(),
            waits: false,
            said_early: BTreeSet::new(),
            acks: Vec::new(),
            masks: BTreeMap::new(),
            pending: BTreeMap::new(),
            audible: BTreeMap::new(),
            lately: BTreeMap::new(),
            keys: BTreeMap::new(),
            to_join: None,
            extras: extras::Extras::default(),
            next_leg: 0,
            leaks: Vec::new(),
            packets: 0,
            judged: 0,
            consults: 0,
            three_calls: 0,
            done: BTreeMap::new(),
        };
        drama.command(Command::Configure(settings));
        for agent in AGENTS {
            drama.report(Report::Registered { agent: name(agent), phones: 1 });
        }
        drama
    }

    fn now_us(&self) -> u64 {
        self.house.lab.now_us()
    }

    fn now(&self) -> Moment {
        Moment(self.now_us())
    }

    /// So many random steps, most of them close together, with some time now and then.
    pub fn play(&mut self, steps: u32) {
        for _ in 0..steps {
            self.step();
            self.three_calls += u64::from(self.masks.len() >= 3);
            let slots = if self.chance.below(10) == 0 { self.chance.below(400) } else { self.chance.below(30) };
            self.pass(slots);
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_insert(0) += 1;
    }

    /// With `EARS_TRACE` set, the run is told on standard error.
    fn trace(&self, what: &dyn std::fmt::Debug) {
        if self.told {
            eprintln!("{} {what:?}", self.now_us());
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

    /// Told to the core only after a while, as over a slow wire.
    fn report_late(&mut self, report: Report) {
        let slow = self.chance.below(3) == 0;
        let late_us = if slow { self.chance.below(150_000) } else { 0 };
        // what one phone says stays in its order
        let last_us = self.late.back().map_or(0, |(due_us, _)| *due_us);
        self.late.push_back(((self.now_us() + late_us).max(last_us), report));
    }

    /// What the daemon does: effects in their order, and a tightening is waited for before anybody is told anything.
    fn carry(&mut self, outputs: Vec<Output>) {
        self.note_standing();
        for output in outputs {
            self.trace(&output);
            let Output::Effect(effect) = output else { continue };
            match effect {
                Effect::SetAudibility(change) => self.set_audibility(change),
                Effect::Ring { leg, to, .. } => self.is_rung(leg, to),
                Effect::Answer { leg } => self.is_answered(leg),
                Effect::AnswerOffer { leg } => self.answer_offer(leg),
                Effect::Hangup { leg, .. } | Effect::Reject { leg, .. } => {
                    self.house.mixer.close(leg);
                    self.forget(leg);
                }
                Effect::Probe { leg } => self.report_late(Report::Probed { leg, alive: true }),
                Effect::CollectDigits { leg } => self.house.mixer.collect(leg),
                Effect::Press { leg, keys } => self.is_pressed(leg, &keys),
                Effect::SetVolume { leg, volume_db } => self.volume_is_asked(leg, volume_db),
                Effect::Relay { leg, keys } => self.house.mixer.relay(leg, &keys),
                Effect::LookUp { leg, dialled } => {
                    let target = self.somebody();
                    self.report_late(Report::Looked { leg, target, shown: dialled });
                }
                Effect::ProgressWithSound { leg } => self.hears_early(leg),
                Effect::Progress { .. }
                | Effect::AcceptRefer { .. }
                | Effect::NotifyReferrer { .. }
                | Effect::Identify { .. }
                | Effect::Cue { .. } => {}
            }
        }
    }

    fn set_audibility(&mut self, mut change: conference::ChangeSet) {
        for mask in &mut change.legs {
            // silent music in place of every tone: whatever is heard is a person; but for the ringback before early media
            if !matches!(mask.ears, Ears::Nothing | Ears::Early) {
                mask.ears = Ears::HoldMusic;
            }
        }
        let (call, tightens) = (change.call, change.tightens);
        self.pending.entry(call).or_default().push((change.legs.clone(), change.gone.clone()));
        self.acks.push((call, self.house.mixer.set_audibility(change)));
        let waited = std::mem::replace(&mut self.waits, true);
        while tightens && self.acks.iter().any(|(of, _)| *of == call) {
            self.pass(1);
        }
        self.waits = waited;
    }

    fn is_rung(&mut self, leg: LegId, to: Destination) {
        self.house.mixer.open(leg, Lab::signalling()).unwrap();
        let person = match &to {
            Destination::Agent(name) => Person::Agent(name.clone()),
            _ => Person::Somebody(leg),
        };
        self.add_actor(leg, person, None, false);
        self.ringing.insert(leg, to);
    }

    /// What its 200 will say is said before; its phone sends at once, and nobody may hear that.
    fn hears_early(&mut self, leg: LegId) {
        self.count("hears early media");
        self.is_answered(leg);
        self.said_early.insert(leg);
    }

    fn is_answered(&mut self, leg: LegId) {
        if self.said_early.remove(&leg) {
            return;
        }
        if let Some(phone) = self.house.phones.get_mut(&leg) {
            let answer = self.house.mixer.answer(leg, phone.offer("").as_bytes()).unwrap();
            phone.server = server(&answer);
            self.begin_talking(leg);
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

    /// What the core knows of every leg: from whom secrets are kept follows from the roles, and from who came in as a customer.
    fn note_standing(&mut self) {
        self.standing.clear();
        for view in self.board.calls() {
            let target = view.transfer.map(|transfer| transfer.target);
            for one in &view.participants {
                for leg in &one.legs {
                    let came_in = self.actors.get(&leg.leg).is_some_and(|actor| actor.customer);
                    let guarded = match self.kept_from {
                        KeptFrom::Customer => came_in || one.role == Role::Customer,
                        KeptFrom::Target => target == Some(one.who),
                    };
                    self.standing.insert(leg.leg, (view.id, guarded));
                }
            }
        }
    }

    fn take_acks(&mut self) {
        let now_us = self.now_us();
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
            self.note_audible(call, now_us);
        }
    }

    fn note_audible(&mut self, call: CallId, now_us: u64) {
        let masks = &self.masks[&call];
        let consult = masks.values().any(|mask| mask.place == Place::Side);
        for (leg, mask) in masks {
            if let Some(actor) = self.actors.get_mut(leg) {
                actor.private = match self.kept_from {
                    KeptFrom::Customer => mask.place == Place::Side,
                    KeptFrom::Target => consult && mask.place == Place::Main,
                };
                if actor.call.replace(call).is_some_and(|before| before != call) {
                    actor.moved_until_us = now_us + MOVING_US;
                }
                actor.secret |= actor.private;
            }
        }
        let inside = |leg: &LegId| masks.contains_key(leg);
        let persons = &self.persons;
        let still = |a: &LegId, b: &LegId| inside(a) && inside(b) && may_hear(persons, &masks[a], &masks[b]);
        let lately = &mut self.lately;
        self.audible.retain(|pair, _| {
            let (listener, speaker) = pair;
            let goes_on = !(inside(listener) || inside(speaker)) || still(listener, speaker);
            if !goes_on {
                lately.insert(*pair, now_us);
            }
            goes_on
        });
        for (listener, a) in masks {
            for (speaker, _) in masks.iter().filter(|(_, b)| may_hear(persons, a, b)) {
                self.audible.entry((*listener, *speaker)).or_insert(now_us);
            }
        }
        if masks.is_empty() {
            self.masks.remove(&call);
        }
    }
}

/// A naive reading of two masks, with the judge's own word on whose legs they are.
fn may_hear(persons: &BTreeMap<LegId, Person>, listener: &LegMask, speaker: &LegMask) -> bool {
    assert!(listener.supervises.is_none() && speaker.supervises.is_none(), "nobody supervises here");
    let same = persons.get(&listener.leg) == persons.get(&speaker.leg);
    let open = match speaker.early {
        true => listener.ears == Ears::Early,
        false => listener.open && speaker.open,
    };
    !same && open && !speaker.muted && listener.place == speaker.place
}
