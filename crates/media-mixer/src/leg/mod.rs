//! One leg's media end: what arrives at its two ports becomes a voice, what it is to hear becomes packets.
//!
//! The leg belongs to one media thread. It does not know its call, nor who hears it; it obeys its agreement (an away phone is
//! neither heard nor sent to) and its latch.

mod coder;
mod hear;
mod keys;
mod overlay;
mod protect;
mod say;
mod state;

use std::net::IpAddr;
use std::time::Duration;

use conference::LegId;

use crate::agc::Leveller;
use crate::codec::{Codec, Rate, SAMPLE_RATE};
use crate::dtmf;
use crate::gain::Gain;
use crate::io::Wires;
use crate::jitter::{Arrival, Jitter, Tools};
use crate::latch::Latch;
use crate::law::{self, Path, Timeline, Timing};
use crate::resample::MAX_PAST;
use crate::rtcp::{Clock, Reporter};
use crate::sdp::{Agreement, Direction};
use crate::speech::{Speech, Talk};
use crate::srtp::Shield;
pub(crate) use coder::{Coder, Loss};
pub use hear::{DropReason, Drops};
pub(crate) use hear::{Listening, Opening, Room};
pub(crate) use keys::{KeyPress, Keys};
use overlay::Overlays;
use protect::Wall;
pub(crate) use say::{Outgoing, Said};
pub(crate) use state::Snapshot;
pub use state::{LegState, LegStats};

/// Random numbers that a leg begins with; drawn on the signalling side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) name: u128,
    pub(crate) report: u32,
}

/// What a leg needs for the codecs that were agreed, and cannot make on the tick: decoder, room and encoder.
pub(crate) struct Gear {
    tools: Option<Tools>,
    coder: Option<Box<Coder>>,
    shield: Option<Box<Shield>>,
}

impl Gear {
    /// All that `agreement` may need. Allocates.
    pub(crate) fn for_agreement(agreement: &Agreement) -> Self {
        let heard = || agreement.receive.iter().map(|(_, codec)| codec);
        let narrow = heard().all(|codec| codec.rate() == Codec::Pcmu.rate());
        let tools = (!narrow).then(|| Tools::new(heard().collect::<Vec<_>>().into_iter()));
        Self { tools, coder: Coder::for_agreement(agreement).map(Box::new), shield: Self::shield(agreement) }
    }

    /// Its ciphers; without them a leg says and hears nothing. Allocates.
    fn shield(agreement: &Agreement) -> Option<Box<Shield>> {
        agreement.srtp.and_then(|protection| Shield::new(&protection).ok()).map(Box::new)
    }
}

/// One leg.
pub(crate) struct Leg {
    id: LegId,
    wires: Wires,
    agreement: Option<Agreement>,
    latch: Latch,
    wall: Wall,
    reporter: Reporter,
    /// State of the generator that spreads reports.
    random: u32,

    // What arrives.
    jitter: Jitter,
    keys: Keys,
    /// How loud its voice is for the others.
    volume: Gain,
    /// The same, found out by how loud it speaks (`media.agc`).
    leveller: Leveller,
    speech: Speech,
    talk: Talk,
    /// The end of what it said in the last tick, and when that was: what a change of its rate needs.
    said_last: [i16; MAX_PAST],
    said_last_us: u64,
    said_last_rate: Rate,
    timeline: Timeline,
    guard_us: u64,
    /// The opening for which `guard_us` was measured.
    guard_for: u64,
    /// Reads made, to spread the second look over the legs.
    reads: u32,
    /// Nothing was read for a while: what waits is not speech for now, but a backlog to be thrown away.
    stale: bool,
    heard_us: u64,
    silent_told: bool,
    drops: Drops,

    /// Paper for the next picture of this leg, and when that is due.
    picture: Option<Box<Snapshot>>,
    picture_due_us: u64,

    // What leaves.
    out: Outgoing,
    /// What it hears is encoded here, if its codec has a memory.
    coder: Option<Box<Coder>>,
    /// How much of what it is sent is lost on the way.
    loss: Loss,
    digits: dtmf::Sender,
    overlays: Overlays,
    /// Samples of the announcement played so far.
    announced: u64,
}

impl Leg {
    /// A leg of which nothing is known but its ports and where its signalling comes from.
    pub(crate) fn new(id: LegId, wires: Wires, latch: Latch, chance: Chance, now_us: u64, arrival: Arrival) -> Self {
        let clock = Clock { rate: SAMPLE_RATE, now_us };
        let mut leg = Self {
            id,
            wires,
            agreement: None,
            latch,
            wall: Wall::default(),
            reporter: Reporter::new(chance.ssrc, clock, chance.name, chance.report),
            random: chance.report | 1,
            jitter: Jitter::new(SAMPLE_RATE, arrival),
            keys: Keys::default(),
            volume: Gain::UNITY,
            leveller: Leveller::NEW,
            speech: Speech::default(),
            talk: Talk::default(),
            said_last: [0; MAX_PAST],
            said_last_us: 0,
            said_last_rate: Rate::Narrow,
            timeline: Timeline::default(),
            guard_us: 0,
            guard_for: 0,
            reads: chance.report,
            stale: true,
            heard_us: now_us,
            silent_told: false,
            drops: Drops::default(),
            picture: None,
            picture_due_us: now_us,
            out: Outgoing::new(chance),
            coder: None,
            loss: Loss::default(),
            digits: dtmf::Sender::default(),
            overlays: Overlays::NONE,
            announced: 0,
        };
        leg.picture = Some(Box::new(leg.snapshot(now_us)));
        leg
    }

    pub(crate) fn id(&self) -> LegId {
        self.id
    }

    pub(crate) fn port(&self) -> u16 {
        self.wires.port
    }

    /// An offer and an answer were agreed. Everything is learned afresh, and nobody hears a hole by it. What of `gear` is not
    /// needed any more, or was not, stays in it, to be freed by whoever brought it.
    pub(crate) fn agree(&mut self, agreement: Agreement, signalling: IpAddr, gear: &mut Gear) {
        self.latch.renegotiated(agreement.remote, signalling);
        self.latch.set_rtcp(agreement.remote_rtcp);
        let was_open = self.agreement.is_some_and(|before| before.direction == Direction::Both);
        if !was_open {
            self.jitter.forget();
        }
        if self.agreement.map(|before| (before.ptime_ms, before.codec)) != Some((agreement.ptime_ms, agreement.codec)) {
            self.out.forget_partial();
        }
        self.take(&agreement, gear);
        self.agreement = Some(agreement);
    }

    fn take(&mut self, agreement: &Agreement, gear: &mut Gear) {
        if let Some(tools) = &mut gear.tools {
            self.jitter.equip(tools);
        }
        // an encoder goes on if it was made for the same
        let same = self.coder.as_ref().zip(gear.coder.as_ref()).is_some_and(|(old, new)| old.is_made_for_the_same(new));
        if !same {
            std::mem::swap(&mut self.coder, &mut gear.coder);
        }
        self.wall.take(agreement.srtp.as_ref(), &mut gear.shield);
        self.reporter.set_rate(agreement.codec.clock_rate());
        self.reporter.set_terms(agreement.extended);
        self.keys.receiver.set_clock(agreement.dtmf_clock);
        self.digits.set_clock(agreement.dtmf_clock);
    }

    /// Whether this is what it goes by.
    pub(crate) fn has_agreed(&self, agreement: &Agreement) -> bool {
        self.agreement.as_ref() == Some(agreement)
    }

    /// Whether its phone asks to be heard.
    pub(crate) fn is_heard(&self) -> bool {
        self.agreement.is_some_and(|agreement| agreement.direction == Direction::Both)
    }

    /// How loud its voice is for the others from its next frame on.
    pub(crate) fn set_volume(&mut self, volume_db: i8) {
        self.volume.change(volume_db);
    }

    /// Whether it talks, if that has changed with this tick. `audible`: somebody may hear it.
    pub(crate) fn talks(&mut self, speech: bool, audible: bool) -> Option<bool> {
        self.talk.turn(speech, audible)
    }

    /// The leg takes a seat after it was with nobody: what it was sent meanwhile is not for those it meets now.
    pub(crate) fn begin(&mut self, now_us: u64) {
        self.stale = true;
        self.jitter.forget();
        self.volume.settle();
        self.heard_us = now_us;
        self.silent_told = false;
        self.announced = 0;
    }

    /// Whether it has just become silent for longer than `timeout`; true once, until it is heard again.
    pub(crate) fn became_silent(&mut self, now_us: u64, timeout: Duration) -> bool {
        let silent = now_us.saturating_sub(self.heard_us) >= timeout.as_micros() as u64;
        let told = std::mem::replace(&mut self.silent_told, silent);
        silent && !told
    }

    /// Somebody may not have been expected to be heard until now (away, held): the silence so far does not count.
    pub(crate) fn excuse_silence(&mut self, now_us: u64) {
        self.heard_us = now_us;
        self.silent_told = false;
    }

    /// The announcement begins anew.
    pub(crate) fn rewind_announcement(&mut self) {
        self.announced = 0;
    }

    fn timing(&self, now_us: u64) -> Option<Timing> {
        let expected = self.jitter.expected_timestamp(now_us)?;
        Some(Timing { now_us, expected, rate: self.jitter.clock_rate() })
    }

    /// Law 3's guard for pairs that opened last at `opened_us`. It stays as it was measured first, so that a pair which has
    /// begun to hear does not stop again; while older openings are young it never shrinks.
    fn guard(&mut self, now_us: u64, opened_us: u64, fixed: Duration) -> u64 {
        if self.guard_for != opened_us || self.guard_us == 0 {
            let least_us = if self.timeline.is_young(now_us) { law::YOUNG_JITTER_US } else { 0 };
            let path = Path {
                packet_us: u64::from(self.jitter.packet_us()),
                round_trip_us: self.reporter.counters().round_trip_us,
                jitter_us: u64::from(self.jitter.jitter_us()).max(least_us),
            };
            let measured = law::guard_us(path, fixed);
            let young = opened_us.saturating_sub(self.guard_for) < law::SETTLED_US;
            self.guard_us = if young { measured.max(self.guard_us) } else { measured };
            self.guard_for = opened_us;
        }
        self.guard_us
    }

    /// A number that spreads reports; not a secret.
    fn chance(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }
}
