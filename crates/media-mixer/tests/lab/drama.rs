//! Core and mixer together on the virtual clock: random people call, transfer, hold and hang up, and every sample that
//! reaches an ear is looked at.
//!
//! Talker `k` says `1 << k` in the open and `1 << (k + TALKERS)` in a consult, so the number a listener receives *is* the list
//! of whom he heard. Music and tones are silent here, so that nothing else is heard.

use std::collections::{BTreeMap, BTreeSet};

use conference::{
    AgentName, AgentSettings, Asker, CallId, Caller, Command, Destination, Direction, Ears, Effect, Ending, LegId,
    LegMask, Moment, Output, ParticipantId, Phase, Phone, Place, Report, Role, Settings, Switchboard,
};
use media_mixer::codec::{Codec, FRAME_SAMPLES};
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

struct Actor {
    bit: u32,
    owner: Option<(AgentName, Phone)>,
    customer: bool,
    /// What it was told by the last acknowledged change: it is in a consult.
    private: bool,
    /// Something of the frame being spoken was said in a consult.
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

/// A run.
pub struct Drama {
    pub house: House,
    pub board: Switchboard,
    pub chance: Chance,
    wire: Wire,
    told: bool,
    actors: BTreeMap<LegId, Actor>,
    ringing: BTreeMap<LegId, Destination>,
    acks: Vec<(CallId, oneshot::Receiver<Applied>)>,
    /// The masks in force, and since when each pair is audible by them.
    masks: BTreeMap<CallId, BTreeMap<LegId, LegMask>>,
    pending: BTreeMap<CallId, Vec<(Vec<LegMask>, Vec<LegId>)>>,
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

    fn step(&mut self) {
        match self.chance.below(24) {
            // mostly as many people as can be told apart
            0 | 1 if self.actors.len() < TALKERS as usize - 1 => self.customer_dials(),
            2 if self.actors.len() < TALKERS as usize - 1 => self.agent_dials(),
            3..=7 => self.phone_is_picked_up(),
            8 => self.hangs_up(),
            9 | 10 => self.phone_holds_or_resumes(),
            11..=13 => self.starts(),
            14..=16 => self.step_of_transfer(),
            17..=20 => self.hold_or_unhold(),
            21 => self.mutes(),
            22 => self.joins(),
            _ => self.removes(),
        }
    }

    fn customer_dials(&mut self) {
        self.count("customer dials");
        let to = Destination::Agent(name(self.chance.one_of(&AGENTS).unwrap()));
        let caller = Caller::Customer { trunk: "pstn".into(), number: "+49".into() };
        self.arrives(caller, None, to);
    }

    fn agent_dials(&mut self) {
        self.count("agent dials");
        let agent = name(self.chance.one_of(&AGENTS).unwrap());
        let phone = Phone(format!("{agent}-desk"));
        let to = self.somebody();
        let caller = Caller::Agent { name: agent.clone(), phone: phone.clone() };
        self.arrives(caller, Some((agent, phone)), to);
    }

    fn somebody(&mut self) -> Destination {
        if self.chance.below(4) == 0 {
            return Destination::Outside { trunk: "pstn".into(), number: "+33".into() };
        }
        Destination::Agent(name(self.chance.one_of(&AGENTS).unwrap()))
    }

    fn arrives(&mut self, caller: Caller, owner: Option<(AgentName, Phone)>, to: Destination) {
        self.next_leg += 1;
        let leg = LegId::arrived(self.next_leg);
        let customer = owner.is_none();
        self.house.mixer.open(leg, Lab::signalling()).unwrap();
        self.add_actor(leg, owner, customer);
        self.report(Report::Arrived { leg, caller, to, shown: String::new(), direction: Direction::Both });
    }

    fn add_actor(&mut self, leg: LegId, owner: Option<(AgentName, Phone)>, customer: bool) {
        let number = leg.0 & 0xffff_ffff;
        let mut phone = self.house.new_phone(leg, number, Codec::L16, false);
        phone.ssrc ^= u32::from(leg.is_rung()) << 30;
        self.house.phones.insert(leg, phone);
        let used: BTreeSet<u32> = self.actors.values().map(|actor| actor.bit).collect();
        let bit = (0..TALKERS).find(|bit| !used.contains(bit)).unwrap_or(self.chance.below(u64::from(TALKERS)) as u32);
        let phase = self.chance.below(FRAME_US / SLOT_US);
        let actor = Actor {
            bit,
            owner,
            customer,
            private: false,
            secret: false,
            talks: false,
            talks_since_us: 0,
            moved_us: 0,
            call: None,
            phase,
            offer: None,
        };
        self.actors.insert(leg, actor);
    }

    fn phone_is_picked_up(&mut self) {
        let ringing: Vec<LegId> = self.ringing.keys().copied().collect();
        let Some(leg) = self.chance.one_of(&ringing) else { return };
        match self.chance.below(8) {
            0 => {
                self.count("fails");
                self.ringing.remove(&leg);
                let status = self.chance.one_of(&[486, 480, 603, 503]).unwrap();
                self.report(Report::Failed { leg, status });
                self.house.mixer.close(leg);
                self.forget(leg);
            }
            1 => self.report(Report::Ringing { leg }),
            _ => {
                self.count("answers");
                let to = self.ringing.remove(&leg);
                let phone = match &to {
                    Some(Destination::Agent(name)) => Some(Phone(format!("{name}-desk"))),
                    _ => None,
                };
                let answer = self.house.phones[&leg].offer("");
                let offer = self.house.mixer.offer(leg).unwrap();
                self.house.phones.get_mut(&leg).unwrap().server = server(&offer);
                self.house.mixer.accept(leg, answer.as_bytes()).unwrap();
                self.begin_talking(leg);
                if let (Some(actor), Some(Destination::Agent(name)), Some(phone)) =
                    (self.actors.get_mut(&leg), to, phone.clone())
                {
                    actor.owner = Some((name, phone));
                }
                self.report(Report::Answered { leg, direction: Direction::Both, phone });
            }
        }
    }

    fn begin_talking(&mut self, leg: LegId) {
        let now = self.house.lab.now_us();
        if let Some(actor) = self.actors.get_mut(&leg) {
            actor.talks = true;
            actor.talks_since_us = now;
        }
    }

    fn live(&mut self) -> Option<LegId> {
        let live: Vec<LegId> = self.actors.keys().filter(|leg| !self.ringing.contains_key(leg)).copied().collect();
        self.chance.one_of(&live)
    }

    fn hangs_up(&mut self) {
        let Some(leg) = self.live() else { return };
        self.count("hangs up");
        let how = if self.chance.below(4) == 0 { Ending::Dead } else { Ending::Bye };
        self.house.mixer.close(leg);
        self.forget(leg);
        self.report(Report::Ended { leg, how });
    }

    fn forget(&mut self, leg: LegId) {
        self.actors.remove(&leg);
        self.ringing.remove(&leg);
        self.house.phones.remove(&leg);
    }

    fn phone_holds_or_resumes(&mut self) {
        let Some(leg) = self.live() else { return };
        let Some(actor) = self.actors.get_mut(&leg) else { return };
        if actor.offer.is_some() || self.house.phones[&leg].server == self.house.phones[&leg].address {
            return;
        }
        let direction = if actor.talks { Direction::Away } else { Direction::Both };
        actor.offer = Some(direction);
        if direction == Direction::Away {
            actor.talks = false;
        }
        self.count(if direction == Direction::Away { "phone holds" } else { "phone resumes" });
        self.report(Report::Offered { leg, direction });
    }

    /// An asker and a call of theirs, mostly sensible.
    fn asker(&mut self) -> Option<(CallId, Asker)> {
        let calls: Vec<CallId> = self.masks.keys().copied().collect();
        let call = self.chance.one_of(&calls)?;
        let view = self.board.call(call)?;
        let agents: Vec<AgentName> = view.participants.iter().filter_map(|one| one.agent.clone()).collect();
        let agent = self.chance.one_of(&agents)?;
        Some((call, Asker::Agent(agent)))
    }

    fn starts(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let target = self.somebody();
        self.count("start");
        self.command(Command::Start { call, by, target, shown: String::new() });
    }

    fn step_of_transfer(&mut self) {
        let Some((call, _)) = self.asker() else { return };
        let transfer = self.board.call(call).and_then(|view| {
            let transfer = view.transfer?;
            let initiator = view.participants.iter().find(|one| one.who == transfer.by)?;
            Some((transfer.phase, Asker::Agent(initiator.agent.clone()?)))
        });
        let Some((phase, by)) = transfer else { return };
        if phase == Phase::Private {
            self.consults += 1;
        }
        let (what, command) = match self.chance.below(10) {
            0 => ("cancel", Command::Cancel { call, by }),
            1..=5 => ("swap", Command::Swap { call, by }),
            6..=8 => ("merge", Command::Merge { call, by }),
            _ => ("complete", Command::Complete { call, by }),
        };
        self.count(what);
        self.command(command);
    }

    fn participant(&mut self, call: CallId) -> Option<ParticipantId> {
        let all: Vec<ParticipantId> = self.board.call(call)?.participants.iter().map(|one| one.who).collect();
        self.chance.one_of(&all)
    }

    fn hold_or_unhold(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let Some(who) = self.participant(call) else { return };
        let hold = self.chance.below(2) == 0;
        self.count(if hold { "hold" } else { "unhold" });
        self.command(if hold { Command::Hold { call, by, who } } else { Command::Unhold { call, by, who } });
    }

    fn mutes(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let Some(who) = self.participant(call) else { return };
        let muted = self.chance.below(2) == 0;
        self.count("mute");
        self.command(Command::Mute { call, by, who, muted });
    }

    fn removes(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let Some(who) = self.participant(call) else { return };
        if self.chance.below(3) == 0 {
            self.count("remove");
            self.command(Command::Remove { call, by, who });
        }
    }

    /// REFER with Replaces: two legs of one agent, in one call or in two.
    fn joins(&mut self) {
        let owned: Vec<(LegId, AgentName)> =
            (self.actors.iter()).filter_map(|(leg, actor)| Some((*leg, actor.owner.as_ref()?.0.clone()))).collect();
        let pairs: Vec<(LegId, LegId)> = owned
            .iter()
            .flat_map(|(by, name)| owned.iter().filter(move |(n, o)| o == name && n != by).map(|(n, _)| (*by, *n)))
            .collect();
        let Some((by, named)) = self.chance.one_of(&pairs) else { return };
        self.count("join");
        self.command(Command::Join { by, named });
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
            if actor.phase != slot || !actor.talks {
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
        for (leg, mask) in masks {
            if let Some(actor) = self.actors.get_mut(leg) {
                actor.private = mask.place == Place::Side;
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

    fn listen(&mut self) {
        let heard: Vec<(LegId, super::Packet)> = (self.house.phones.iter_mut())
            .flat_map(|(leg, phone)| phone.heard.drain(..).map(|packet| (*leg, packet)).collect::<Vec<_>>())
            .collect();
        for (listener, packet) in heard {
            self.packets += 1;
            let samples: Vec<i16> =
                packet.payload.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
            self.judge(listener, &samples, packet.at_us);
        }
    }

    fn leak(&mut self, at_us: u64, listener: LegId, sample: i16, why: String) {
        self.trace(&why);
        if self.told {
            for (leg, actor) in &self.actors {
                eprintln!("    {leg} bit {} private {} talks {}", actor.bit, actor.private, actor.talks);
            }
            eprintln!("    masks {:#?}", self.masks);
        }
        self.leaks.push(Leak { at_us, listener, sample, why });
    }

    fn judge(&mut self, listener: LegId, samples: &[i16], at_us: u64) {
        let loudest = samples.iter().copied().max_by_key(|sample| sample.unsigned_abs()).unwrap_or(0);
        let Some((call, who)) = self.board.person_of(listener) else { return };
        let role = self
            .board
            .call(call)
            .and_then(|view| view.participants.iter().find(|one| one.who == who).map(|one| one.role));
        let customer = self.actors.get(&listener).is_some_and(|actor| actor.customer) && role == Some(Role::Customer);
        if !self.can_be_told_apart(call) {
            return;
        }
        if customer && (loudest >= SECRET || loudest < 0) {
            self.leak(at_us, listener, loudest, "the customer's ear holds a secret bit".into());
        }
        let Some(masks) = self.masks.get(&call).filter(|masks| masks.contains_key(&listener)) else {
            if loudest != 0 {
                self.leak(at_us, listener, loudest, "somebody without a mask hears something".into());
            }
            return;
        };
        let speakers: Vec<LegId> =
            (masks.iter()).filter(|(_, mask)| masks[&listener].hears(mask)).map(|(leg, _)| *leg).collect();
        if speakers.is_empty() && loudest != 0 {
            self.leak(at_us, listener, loudest, "who hears nobody hears something".into());
        }
        if self.wire.jitter_us == 0 && self.wire.lost == 0 {
            self.judge_exactly(listener, &speakers, samples, at_us);
        }
    }

    /// Whether every leg of this call has a bit of its own.
    fn can_be_told_apart(&self, call: CallId) -> bool {
        let legs = self.masks.get(&call).into_iter().flat_map(BTreeMap::keys);
        let bits: Vec<u32> = legs.filter_map(|leg| Some(self.actors.get(leg)?.bit)).collect();
        bits.len() == bits.iter().collect::<BTreeSet<_>>().len()
    }

    /// On a clean wire every bit has an owner who may be heard, and whoever may be heard for a while is.
    fn judge_exactly(&mut self, listener: LegId, speakers: &[LegId], samples: &[i16], at_us: u64) {
        let bits: Vec<u32> = speakers.iter().filter_map(|leg| Some(self.actors.get(leg)?.bit)).collect();
        let allowed = bits.iter().fold(0_i16, |all, bit| all | 1 << bit | 1 << (bit + TALKERS));
        let moved =
            |leg: &LegId| self.actors.get(leg).is_some_and(|actor| at_us.saturating_sub(actor.moved_us) < MOVING_US);
        if speakers.iter().any(moved) {
            return;
        }
        let departed = speakers.iter().any(|leg| !self.actors.contains_key(leg));
        let tick_us = at_us.saturating_sub(SLOT_US);
        let needed: Vec<(LegId, i16)> = speakers
            .iter()
            .filter(|speaker| {
                let pair = self.audible.get(&(listener, **speaker));
                let long = pair.is_some_and(|since| tick_us.saturating_sub(*since) > SURELY_US);
                let actor = self.actors.get(speaker);
                long && actor.is_some_and(|a| a.talks && tick_us.saturating_sub(a.talks_since_us) > SURELY_US)
            })
            .map(|leg| (*leg, 1 << self.actors[leg].bit | 1 << (self.actors[leg].bit + TALKERS)))
            .collect();
        for sample in samples {
            if sample & !allowed != 0 && !departed {
                let why = format!("a bit of nobody who may be heard: {sample:#x}, allowed {allowed:#x}");
                return self.leak(at_us, listener, *sample, why);
            }
            if let Some((speaker, _)) = needed.iter().find(|(_, bits)| sample & bits == 0) {
                let why = format!("{speaker} is not heard: {sample:#x}");
                return self.leak(at_us, listener, *sample, why);
            }
        }
    }
}
