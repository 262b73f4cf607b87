//! The arriving side of a leg: datagrams are judged, counted and kept; once a tick they become a voice.
//!
//! Everything that is not certain to be from the leg's phone is dropped and counted. Nothing here allocates.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Leg;
use crate::bridge::Voice;
use crate::codec::Codec;
use crate::engine::call::TICK_US;
use crate::io::Datagram;
use crate::jitter::{Frame, Kind, PacketMeta, Pushed};
use crate::latch::{Reason, Verdict};
use crate::mix;
use crate::resample::past;
use crate::rtp::{MAX_PACKET, Packet, is_rtcp};
use crate::sdp::{Agreement, Direction};
use crate::speech;
use crate::srtp::Refused;

/// Datagrams read in one tick at most, so that a flood costs its own leg and nobody else's time (`trust.md` D9).
const READS: u32 = 32;
/// The same when a leg has waited with nobody: as much as a socket keeps.
const BACKLOG: u32 = 512;
/// Every so many ticks there is a second look at the port, so that a backlog which nothing else shows does not stay for ever.
const SECOND_LOOK: u32 = 32;
/// Ticks between two looks at the RTCP port, and at the ports of a leg that is away.
const SLOW: u32 = 16;
/// What was said longer ago than this is not what was said just before.
const JUST_NOW_US: u64 = 2 * TICK_US;
/// What is left of the time between a packet's arrival and its pull when a call is shifted.
const IN_HAND_US: u64 = 2_000;

/// Room for one datagram, and one byte more to see that it is too long.
pub(crate) type Room = [u8; MAX_PACKET + 1];

/// Why a datagram was not used; the label of `rtp_drop{reason}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DropReason {
    /// Not sound RTP, or RTCP on the RTP port where nobody agreed on that.
    Unsound,
    /// A payload type that was not agreed.
    PayloadType,
    /// Nothing has been agreed yet, or its phone does not send now.
    NotAgreed,
    /// `nat = "off"`, and not from the description's address and port.
    NotSdp,
    /// From an address that neither the description nor signalling named.
    Stranger,
    /// Another source is locked.
    Locked,
    /// Another source is preferred at the moment.
    Outranked,
    /// Unsound RTCP.
    UnsoundRtcp,
    /// It came while nobody could hear it.
    Unheard,
    /// The jitter buffer had no use for it: too late, twice, or empty.
    Unplayable,
    /// It is encrypted media's turn, and this is not by who has the key.
    Unproved,
    /// It is by who has the key, and has come before or is too old to say.
    Replayed,
}

impl DropReason {
    /// Every reason, in the order of [`Drops`].
    pub const ALL: [Self; 12] = [
        Self::Unsound,
        Self::PayloadType,
        Self::NotAgreed,
        Self::NotSdp,
        Self::Stranger,
        Self::Locked,
        Self::Outranked,
        Self::UnsoundRtcp,
        Self::Unheard,
        Self::Unplayable,
        Self::Unproved,
        Self::Replayed,
    ];

    /// The label for counters.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unsound => "unsound",
            Self::PayloadType => "payload_type",
            Self::NotAgreed => "not_agreed",
            Self::NotSdp => "not_sdp",
            Self::Stranger => "stranger",
            Self::Locked => "locked",
            Self::Outranked => "outranked",
            Self::UnsoundRtcp => "unsound_rtcp",
            Self::Unheard => "unheard",
            Self::Unplayable => "unplayable",
            Self::Unproved => "unproved",
            Self::Replayed => "replayed",
        }
    }
}

impl From<Reason> for DropReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::NotSdp => Self::NotSdp,
            Reason::Stranger => Self::Stranger,
            Reason::Locked => Self::Locked,
            Reason::Outranked => Self::Outranked,
        }
    }
}

impl From<Refused> for DropReason {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unsound => Self::Unsound,
            Refused::Unproved => Self::Unproved,
            Refused::Replayed => Self::Replayed,
        }
    }
}

/// Datagrams dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    /// How many were dropped for `reason`.
    #[must_use]
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }
}

/// What one look at a leg's ports told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The peer said BYE by RTCP.
    pub(crate) bye: bool,
}

/// For which openings and with which guard law 3 is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    /// When the call's last change came into force.
    pub(crate) last_us: u64,
    /// Replaces what was measured; zero: measured.
    pub(crate) fixed_guard: Duration,
}

/// What is wanted of a voice besides its sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listening {
    /// How loud it is for the others.
    pub(crate) loudness: bool,
    /// It is brought to the level of speech (`media.agc`).
    pub(crate) agc: bool,
}

impl Leg {
    /// Reads what waits at the ports. `resting`: nobody can hear the leg now, so its sound is not kept.
    pub(crate) fn receive(&mut self, now_us: u64, resting: bool, opening: Opening, room: &mut Room) -> Told {
        let mut told = Told::default();
        self.reads = self.reads.wrapping_add(1);
        let slow = self.reads.is_multiple_of(SLOW);
        if !resting || slow || self.stale {
            self.receive_media(now_us, resting, opening, room, &mut told);
        }
        if slow {
            for _ in 0..READS {
                let Some(datagram) = self.wires.rtcp.receive(room, now_us) else { break };
                told.bye |= self.control(&mut room[..datagram.length], datagram, now_us);
            }
        }
        self.keys.expire(now_us);
        told
    }

    fn receive_media(&mut self, now_us: u64, resting: bool, opening: Opening, room: &mut Room, told: &mut Told) {
        let packet_us = u64::from(self.jitter.packet_us()).max(10_000);
        let usual = u32::try_from(20_000_u64.div_ceil(packet_us)).unwrap_or(1);
        let second_look = resting || self.reads.is_multiple_of(SECOND_LOOK);
        let (mut read, stale) = (0, std::mem::take(&mut self.stale));
        let mut quota = if stale {
            BACKLOG
        } else if second_look {
            READS
        } else {
            usual
        };
        while read < quota {
            let Some(datagram) = self.wires.rtp.receive(room, now_us) else { break };
            read += 1;
            let heard = self.datagram(&mut room[..datagram.length], datagram, now_us, resting || stale, opening);
            told.bye |= heard.bye;
            if heard.behind {
                quota = quota.max(READS);
            }
        }
        // a flood is cut off here; a backlog of old sound goes on being thrown away in the next tick
        self.stale = stale && read == BACKLOG;
    }

    fn datagram(
        &mut self,
        bytes: &mut [u8],
        datagram: Datagram,
        now_us: u64,
        unheard: bool,
        opening: Opening,
    ) -> Heard {
        let nothing = Heard { bye: false, behind: true };
        let Some(agreement) = self.agreement else {
            self.drops.count(DropReason::NotAgreed);
            return nothing;
        };
        if is_rtcp(bytes) {
            if agreement.rtcp_mux {
                return Heard { bye: self.control(bytes, datagram, now_us), ..nothing };
            }
            self.drops.count(DropReason::Unsound);
            return nothing;
        }
        // what is in no agreement is not worth a proof
        if self.wall.stands() && bytes.get(1).is_some_and(|second| !is_agreed(&agreement, second & 0x7f)) {
            self.drops.count(DropReason::PayloadType);
            return nothing;
        }
        // nothing else of it is looked at, and nothing learnt from it, before it is proved
        let (bytes, proved) = match self.wall.open(bytes) {
            None => (&*bytes, None),
            Some(Ok(opened)) if !opened.fresh && !self.latch.knows(datagram.from) => {
                self.drops.count(DropReason::Replayed);
                return nothing;
            }
            Some(Ok(opened)) => (&bytes[..opened.length], Some(opened)),
            Some(Err(refused)) => {
                self.drops.count(refused.into());
                return nothing;
            }
        };
        let Ok(packet) = Packet::read(bytes) else {
            self.drops.count(DropReason::Unsound);
            return nothing;
        };
        if !is_agreed(&agreement, packet.payload_type) {
            self.drops.count(DropReason::PayloadType);
            return nothing;
        }
        let (from, ssrc, sequence) = (datagram.from, packet.ssrc, packet.sequence);
        let verdict = match proved {
            Some(opened) => self.latch.proved(from, ssrc, sequence, opened.newest, now_us),
            None => self.latch.admit(from, ssrc, sequence, now_us),
        };
        if let Verdict::Drop(reason) = verdict {
            self.drops.count(reason.into());
            return nothing;
        }
        let arrival_us = datagram.at_us.unwrap_or(now_us);
        self.reporter.received(&packet, arrival_us);
        self.heard_us = now_us;
        self.admitted(&agreement, &packet, arrival_us, now_us, unheard, opening)
    }

    fn admitted(
        &mut self,
        agreement: &Agreement,
        packet: &Packet<'_>,
        arrival_us: u64,
        now_us: u64,
        unheard: bool,
        opening: Opening,
    ) -> Heard {
        // one more packet than usual waits if this one came long before this tick
        let behind = now_us.saturating_sub(arrival_us) > 20_000;
        let heard = Heard { bye: false, behind };
        if agreement.direction != Direction::Both {
            self.drops.count(DropReason::NotAgreed);
            return heard;
        }
        if let Some(clock) = agreement.dtmf_receive.clock(packet.payload_type) {
            self.keys.receiver.set_clock(clock);
            let opened_by = self.event_opened_by(clock, packet.timestamp, now_us, opening);
            self.keys.packet(packet.timestamp, packet.payload, opened_by, now_us);
            return heard;
        }
        let Some(codec) = codec_of(agreement, packet.payload_type) else { return heard };
        if unheard {
            self.drops.count(DropReason::Unheard);
            return heard;
        }
        let meta = PacketMeta {
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            marker: packet.marker,
            codec,
        };
        match self.jitter.push(meta, packet.payload, arrival_us) {
            Pushed::Stored | Pushed::Reset => {}
            Pushed::Late | Pushed::Duplicate | Pushed::Refused => self.drops.count(DropReason::Unplayable),
        }
        heard
    }

    /// Which pairs may be told of an event: by its timestamp, if that is of the clock of the sound beside it.
    fn event_opened_by(&mut self, clock: u32, timestamp: u32, now_us: u64, opening: Opening) -> u64 {
        if clock != self.jitter.clock_rate() {
            return self.replayed_by(now_us, opening);
        }
        let guard_us = self.guard(now_us, opening.last_us, opening.fixed_guard);
        self.timeline.event_opened_by(self.timing(now_us), timestamp, guard_us)
    }

    /// Takes an RTCP compound; true if the peer says goodbye.
    fn control(&mut self, bytes: &mut [u8], datagram: Datagram, now_us: u64) -> bool {
        let (bytes, verdict) = match self.wall.open_control(bytes) {
            None => (&*bytes, self.latch.admit_rtcp(datagram.from)),
            Some(Ok(opened)) if !opened.fresh && !self.latch.knows(datagram.from) => {
                self.drops.count(DropReason::Replayed);
                return false;
            }
            Some(Ok(opened)) => (&bytes[..opened.length], self.latch.proved_rtcp(datagram.from, opened.newest)),
            Some(Err(refused)) => {
                self.drops.count(refused.into());
                return false;
            }
        };
        if let Verdict::Drop(reason) = verdict {
            self.drops.count(reason.into());
            return false;
        }
        // the round trip is measured to its arrival, not to our reading it
        match self.reporter.arrived(bytes, datagram.at_us.unwrap_or(now_us)) {
            Ok(Some(arrived)) => {
                self.heard_us = now_us;
                if let Some(block) = arrived.about_us {
                    self.loss.reported(block.fraction_lost);
                }
                arrived.bye
            }
            Ok(None) => false,
            Err(_) => {
                self.drops.count(DropReason::UnsoundRtcp);
                false
            }
        }
    }

    /// Makes the voice of this tick.
    pub(crate) fn voice(&mut self, now_us: u64, opening: Opening, listening: Listening, voice: &mut Voice) {
        let rate = self.jitter.rate();
        voice.set_rate(rate);
        let fresh = now_us.saturating_sub(self.said_last_us) < JUST_NOW_US && rate == self.said_last_rate;
        match fresh {
            true => voice.past_mut().copy_from_slice(&self.said_last[..past(rate)]),
            false => voice.past_mut().fill(0),
        }
        let frame: Frame = self.jitter.pull(now_us, voice.frame_mut());
        let guard_us = self.guard(now_us, opening.last_us, opening.fixed_guard);
        voice.opened_by = self.timeline.opened_by(&frame, self.timing(now_us), guard_us);
        voice.speaks =
            frame.kind != Kind::Silence && !self.keys.sound_in(&frame, self.jitter.clock_rate()) && self.is_heard();
        if voice.speaks {
            self.level(frame.kind, listening, voice);
        } else {
            self.volume.settle();
        }
        self.keep_end(voice, now_us);
    }

    /// Finds out how loud its voice is, and makes it as loud as it is to be.
    fn level(&mut self, kind: Kind, listening: Listening, voice: &mut Voice) {
        voice.power = mix::power(voice.frame());
        let loud = speech::dbfs(voice.power);
        // what was made up tells nothing new of a voice
        voice.speech = kind == Kind::Decoded && self.speech.is_in(loud);
        if listening.agc {
            self.leveller.apply(loud, voice.speech, voice.frame_mut());
        }
        if !self.volume.is_unity() {
            self.volume.apply(voice.frame_mut());
        }
        if listening.loudness && (listening.agc || !self.volume.is_unity()) {
            voice.power = mix::power(voice.frame());
        }
    }

    /// Keeps the end of what was said for the next tick: silence, if nobody was to hear it.
    fn keep_end(&mut self, voice: &Voice, now_us: u64) {
        let count = past(voice.rate());
        if voice.speaks {
            let frame = voice.frame();
            self.said_last[..count].copy_from_slice(&frame[frame.len() - count..]);
        } else {
            self.said_last[..count].fill(0);
        }
        self.said_last_us = now_us;
        self.said_last_rate = voice.rate();
    }

    /// By how much later than necessary its packets are pulled; `None` while nothing plays, or where a shift would not help.
    pub(crate) fn slack_us(&self) -> Option<u64> {
        let added = u64::from(self.jitter.added_delay_us()?);
        if !u64::from(self.jitter.packet_us()).is_multiple_of(TICK_US) {
            return Some(0);
        }
        let needed = u64::from(self.jitter.wait_us()) + IN_HAND_US;
        // whole frames too much are the jitter buffer's business
        Some(added.saturating_sub(needed) % TICK_US)
    }
}

struct Heard {
    bye: bool,
    /// There is likely more to read.
    behind: bool,
}

fn is_agreed(agreement: &Agreement, payload_type: u8) -> bool {
    codec_of(agreement, payload_type).is_some() || agreement.dtmf_receive.clock(payload_type).is_some()
}

/// The codec of a payload type. Comfort noise is understood under its static number also where nobody agreed on it: phones send it.
fn codec_of(agreement: &Agreement, payload_type: u8) -> Option<Codec> {
    let comfort = Codec::ComfortNoise;
    let unasked = || comfort.static_payload_type() == Some(payload_type);
    agreement.receive.codec(payload_type).or_else(|| unasked().then_some(comfort))
}
