//! What of a leg must outlive its process, and what people are shown of it.
//!
//! Plain values without sockets. No audio is kept; numbers on the wire are reserved ahead, so that none is ever used twice.

use std::net::IpAddr;

use conference::{CallId, LegId};
use serde::{Deserialize, Serialize};

use super::{Chance, Drops, Gear, Keys, Leg};
use crate::codec::Codec;
use crate::dtmf;
use crate::gain::Gain;
use crate::io::Wires;
use crate::jitter::{Arrival, Counts, Jitter, JitterState};
use crate::latch::Latch;
use crate::law::Timeline;
use crate::rtcp::{Counters, Reporter};
use crate::sdp::Session;
use crate::srtp::{Progress, Suite};

/// Packets by which a thawed leg's sequence is ahead of the frozen one: ten seconds, more than a picture is ever old. Few enough
/// for every receiver to take the step for a loss and not for another sender (RFC 3550 A.1: 3000), so the source stays valid,
/// its round trip known, and no index is used twice under one key.
const RESERVED: u16 = 500;

/// Microseconds between two pictures of one leg.
const PICTURE_US: u64 = 1_000_000;

/// A leg as the media thread last saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) leg: LegId,
    /// When the picture was taken.
    pub(crate) taken_us: u64,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// When the frame before that timestamp was due.
    said_us: u64,
    latch: Latch,
    reporter: Reporter,
    /// How far the keys of encrypted media have come, and those before them.
    #[serde(default)]
    srtp: [Option<Progress>; 2],
    /// How its packets are encrypted.
    #[serde(default)]
    encryption: Option<Suite>,
    /// `None`: what was known of its timing is no use any more.
    jitter: Option<JitterState>,
    keys: dtmf::Receiver,
    twins: dtmf::Twins,
    heard_us: u64,
    counts: Counts,
    drops: Drops,
    unsent: u64,
    added_delay_us: Option<u32>,
    jitter_us: u32,
    /// What it is sent, once something is agreed.
    #[serde(default)]
    codec: Option<Codec>,
    /// Length of its phone's packets.
    #[serde(default)]
    packet_us: u32,
}

/// One leg, frozen. Thawed by [`crate::Mixer::thaw`], also in another process: its port, SSRC and negotiation go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegState {
    pub(crate) leg: LegId,
    pub(crate) call: Option<CallId>,
    pub(crate) port: u16,
    pub(crate) signalling: IpAddr,
    /// Its digits are told and not relayed.
    pub(crate) collected: bool,
    /// How loud its voice is for the others.
    #[serde(default)]
    pub(crate) volume_db: i8,
    pub(crate) session: Session,
    pub(crate) snapshot: Snapshot,
}

impl LegState {
    /// Which leg.
    #[must_use]
    pub fn leg(&self) -> LegId {
        self.leg
    }

    /// The call it was in.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        self.call
    }

    /// Its RTP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// What a leg's media has come to; at most about a second old.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LegStats {
    /// Our SSRC.
    pub ssrc: u32,
    /// Sent, received, reported by the peer.
    pub rtcp: Counters,
    /// Packets of its current source that were lost on the way to us; negative where duplicates came.
    pub lost: i32,
    /// Packets of all its sources that were lost on the way to us.
    pub lost_packets: i64,
    /// What became of its packets in the jitter buffer.
    pub jitter: Counts,
    /// Interarrival jitter, in microseconds.
    pub jitter_us: u32,
    /// How long an undelayed packet waits for its turn, in microseconds, while something plays.
    pub added_delay_us: Option<u32>,
    /// Datagrams not used, by reason.
    pub drops: Drops,
    /// Packets of ours that the system did not take.
    pub unsent: u64,
    /// Its source is locked.
    pub locked: bool,
    /// How its media is encrypted; `None`: not at all.
    pub encryption: Option<Suite>,
    /// In which codec it is sent to; `None`: nothing was agreed.
    pub codec: Option<Codec>,
    /// Length of its phone's packets, in microseconds.
    pub packet_us: u32,
    /// Packets lost in a row, on average; 1 where they are lost at random.
    pub mean_run: f32,
}

impl Snapshot {
    /// Something was agreed after the picture was taken. A phone that comes back from its own hold goes on with timestamps that
    /// the hold has made late by its whole length: by the old timing all it says would be held back for so long.
    pub(crate) fn forget_timing(&mut self) {
        self.jitter = None;
    }

    pub(crate) fn stats(&self) -> LegStats {
        LegStats {
            ssrc: self.ssrc,
            rtcp: self.reporter.counters(),
            lost: self.reporter.lost(),
            lost_packets: self.reporter.lost_in_all(),
            jitter: self.counts,
            jitter_us: self.jitter_us,
            added_delay_us: self.added_delay_us,
            drops: self.drops,
            unsent: self.unsent,
            locked: self.latch.is_locked(),
            encryption: self.encryption,
            codec: self.codec,
            packet_us: self.packet_us,
            mean_run: self.reporter.mean_run(),
        }
    }
}

impl Leg {
    /// The leg as it is now. Allocates nothing.
    pub(crate) fn snapshot(&self, now_us: u64) -> Snapshot {
        Snapshot {
            leg: self.id,
            taken_us: now_us,
            ssrc: self.out.ssrc,
            sequence: self.out.sequence,
            timestamp: self.out.timestamp,
            said_us: self.out.said_us,
            latch: self.latch.clone(),
            reporter: self.reporter,
            srtp: self.wall.progress(),
            encryption: self.wall.suite(),
            jitter: Some(self.jitter.freeze()),
            keys: self.keys.receiver,
            twins: self.keys.twins,
            heard_us: self.heard_us,
            counts: *self.jitter.counts(),
            drops: self.drops,
            unsent: self.out.unsent,
            added_delay_us: self.jitter.added_delay_us(),
            jitter_us: self.jitter.jitter_us(),
            codec: self.agreement.map(|agreement| agreement.codec),
            packet_us: self.jitter.packet_us(),
        }
    }

    /// Fills in the picture if it is time for one.
    pub(crate) fn picture(&mut self, now_us: u64) -> Option<Box<Snapshot>> {
        if now_us < self.picture_due_us {
            return None;
        }
        let mut picture = self.picture.take()?;
        *picture = self.snapshot(now_us);
        self.picture_due_us = now_us + PICTURE_US;
        Some(picture)
    }

    /// The paper for the next picture comes back.
    pub(crate) fn give_back(&mut self, picture: Box<Snapshot>) -> Option<Box<Snapshot>> {
        self.picture.replace(picture)
    }

    /// The leg that `state` describes, at the ports `wires`.
    pub(crate) fn thaw(state: &LegState, wires: Wires, now_us: u64, arrival: Arrival) -> Self {
        let frozen = &state.snapshot;
        let chance = Chance {
            ssrc: frozen.ssrc,
            sequence: frozen.sequence.wrapping_add(RESERVED),
            timestamp: frozen.timestamp,
            name: 0,
            report: frozen.ssrc,
        };
        let mut leg = Self::new(state.leg, wires, frozen.latch.clone(), chance, now_us, arrival);
        leg.out.resume(frozen.said_us);
        leg.latch = frozen.latch.clone();
        leg.reporter = frozen.reporter;
        if let Some(jitter) = &frozen.jitter {
            leg.jitter = Jitter::thaw(jitter, arrival);
        }
        leg.keys = Keys::thaw(frozen.keys, frozen.twins, state.collected, now_us);
        leg.volume = Gain::of(state.volume_db);
        leg.drops = frozen.drops;
        leg.heard_us = now_us;
        leg.agreement = state.session.agreement().copied();
        if let Some(agreement) = leg.agreement {
            // the keys that come back if the last agreement is called off go on as well
            if let Some(before) = state.session.agreement_before() {
                leg.wall.take(before.srtp.as_ref(), &mut Gear::shield(before));
                leg.wall.resume(&frozen.srtp, frozen.sequence);
            }
            leg.take(&agreement, &mut Gear::for_agreement(&agreement));
            leg.latch.resume(agreement.remote, agreement.remote_rtcp, state.signalling);
            leg.wall.resume(&frozen.srtp, frozen.sequence);
        }
        leg.stale = false;
        leg.timeline = Timeline::resumed(now_us);
        leg
    }

    /// The same ports under another leg: what a thaw within one process needs.
    pub(crate) fn with_ports_of(mut self: Box<Self>, other: &mut Self) -> Box<Self> {
        std::mem::swap(&mut self.wires, &mut other.wires);
        self
    }
}
