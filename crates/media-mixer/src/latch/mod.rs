//! Whose RTP a leg believes, and where it sends its own: plain RTP source latching, `trust.md` rule 1, parts 3 and 4.
//!
//! Sans-IO: addresses and times come in, verdicts go out. It reads no payload and proves nothing. Of packets that were proved by
//! their key (rule 2) it only learns where they came from: [`Latch::proved`].
//!
//! | rank | a source at | may be believed |
//! |---|---|---|
//! | 3 | the SDP's address and port | always; takes over even from another locked source |
//! | 2 | the SDP's address, another port | until somebody is locked |
//! | 1 | the address signalling comes from | until somebody is locked |
//! | 0 | anywhere else | never |
//!
//! ```text
//!          4 packets in sequence, one SSRC, over 60 ms
//!   Open ------------------------------------------------> Locked ---+  same address, same SSRC, sequence goes on,
//!    ^                                                     |    ^    |  old source silent for 500 ms: follow it
//!    +-- a rank 3 source appears and the locked is lower --+    +----+
//!    +-- re-INVITE ----------------------------------------+
//! ```

mod contender;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use contender::{Contender, Contenders};

/// Packets in sequence that lock a source.
pub const LOCK_PACKETS: u32 = 4;
/// Microseconds which those packets must span.
pub const LOCK_SPAN_US: u64 = 60_000;
/// Microseconds of silence after which a source may have moved, or a contender is forgotten.
pub const SILENT_US: u64 = 500_000;
/// Sources that may contend at one time; a further one is dropped.
pub const CONTENDERS: usize = 4;
/// After a move the sequence may have gone on by one packet per so many microseconds of silence …
const FASTEST_PACKET_US: u64 = 10_000;
/// … and a few that were under way.
const MOVE_SLACK: u64 = 10;

/// `media.nat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Sources behind an address translator are learned.
    Auto,
    /// Only the SDP's address and port.
    Off,
}

/// Why a packet was dropped; the label of `rtp_drop{reason}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// `nat = "off"`, and not from the SDP's address and port.
    NotSdp,
    /// From an address that neither the SDP nor signalling named.
    Stranger,
    /// Another source is locked.
    Locked,
    /// Another source is preferred at the moment.
    Outranked,
}

impl Reason {
    /// Every reason, in the order of [`Latch::drops`].
    pub const ALL: [Reason; 4] = [Reason::NotSdp, Reason::Stranger, Reason::Locked, Reason::Outranked];

    /// The label for counters.
    pub const fn label(self) -> &'static str {
        match self {
            Reason::NotSdp => "not_sdp",
            Reason::Stranger => "stranger",
            Reason::Locked => "locked",
            Reason::Outranked => "outranked",
        }
    }
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Mix it.
    Accept,
    /// Drop it; it has been counted.
    Drop(Reason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Rank {
    Signalling,
    SdpAddress,
    Exact,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a box would allocate on the tick")]
enum State {
    Open(Contenders),
    Locked { rank: Rank, source: Contender },
}

/// One leg's latch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latch {
    mode: Mode,
    sdp: Option<SocketAddr>,
    sdp_rtcp: Option<SocketAddr>,
    signalling: IpAddr,
    state: State,
    /// The locked source of before a re-INVITE that moved nothing: media goes on to it until somebody is locked again.
    kept: Option<SocketAddr>,
    /// Where the peer's RTCP really came from.
    learned_rtcp: Option<SocketAddr>,
    drops: [u64; Reason::ALL.len()],
}

impl Latch {
    /// A latch that has heard nobody. `sdp_rtp` is the agreement's `remote`; `signalling` is where the leg's SIP comes from.
    pub fn new(mode: Mode, sdp_rtp: Option<SocketAddr>, signalling: IpAddr) -> Latch {
        Latch {
            mode,
            sdp: sdp_rtp,
            sdp_rtcp: None,
            signalling,
            state: State::Open(Contenders::default()),
            kept: None,
            learned_rtcp: None,
            drops: [0; Reason::ALL.len()],
        }
    }

    /// The agreement's `remote_rtcp`.
    pub fn set_rtcp(&mut self, sdp_rtcp: Option<SocketAddr>) {
        if self.sdp_rtcp != sdp_rtcp {
            self.sdp_rtcp = sdp_rtcp;
            self.learned_rtcp = None;
        }
    }

    /// Judges one RTP packet, before anything of it is used. Does not allocate.
    pub fn admit(&mut self, from: SocketAddr, ssrc: u32, sequence: u16, now_us: u64) -> Verdict {
        let verdict = match self.rank(from) {
            None if self.mode == Mode::Off => Verdict::Drop(Reason::NotSdp),
            None => Verdict::Drop(Reason::Stranger),
            Some(rank) => self.judge(rank, Contender::new(from, ssrc, sequence, now_us)),
        };
        if let Verdict::Drop(reason) = verdict {
            self.drops[reason as usize] += 1;
        }
        verdict
    }

    /// Learns from one RTP packet that was proved to be the peer's: media goes to where its newest comes from. Only with `nat =
    /// "off"` may it be dropped, if it is not from the SDP's address and port. Does not allocate.
    pub fn proved(&mut self, from: SocketAddr, ssrc: u32, sequence: u16, newest: bool, now_us: u64) -> Verdict {
        let Some(rank) = self.rank(from).or((self.mode == Mode::Auto).then_some(Rank::Signalling)) else {
            return self.dropped(Reason::NotSdp);
        };
        if newest || !self.is_locked() {
            self.kept = None;
            self.state = State::Locked { rank, source: Contender::new(from, ssrc, sequence, now_us) };
        }
        Verdict::Accept
    }

    /// Whether media or reports go to this address now: what was proved, but may have come before, counts from nowhere else.
    pub fn knows(&self, from: SocketAddr) -> bool {
        Some(from) == self.target() || Some(from) == self.rtcp_target()
    }

    /// Learns the same from RTCP that was proved.
    pub fn proved_rtcp(&mut self, from: SocketAddr, newest: bool) -> Verdict {
        if self.mode == Mode::Off && Some(from) != self.sdp_rtcp && Some(from) != self.sdp {
            return self.dropped(Reason::NotSdp);
        }
        if newest {
            self.learned_rtcp = Some(from);
        }
        Verdict::Accept
    }

    /// Judges one RTCP packet by its relation to the RTP: from the SDP's RTCP address, from the believed RTP source itself
    /// (rtcp-mux), or, unless `nat = "off"`, from another port of that source's address.
    pub fn admit_rtcp(&mut self, from: SocketAddr) -> Verdict {
        let exact = Some(from) == self.sdp_rtcp;
        let related = match (self.mode, self.believed()) {
            (_, Some(source)) if source == from => true,
            (Mode::Auto, Some(source)) => source.ip() == from.ip(),
            (Mode::Off, Some(_)) | (_, None) => false,
        };
        if exact || related {
            self.learned_rtcp = Some(from);
            return Verdict::Accept;
        }
        let reason = if self.mode == Mode::Off { Reason::NotSdp } else { Reason::Stranger };
        self.dropped(reason)
    }

    /// Where our RTP goes: the SDP's address until a source is locked, then that source. `None` on hold by address zero.
    pub fn target(&self) -> Option<SocketAddr> {
        let sdp = self.sdp?;
        match &self.state {
            State::Locked { source, .. } => Some(source.from()),
            State::Open(_) => Some(self.kept.unwrap_or(sdp)),
        }
    }

    /// Where our RTCP goes: to where the peer's comes from, else to the SDP's RTCP address.
    pub fn rtcp_target(&self) -> Option<SocketAddr> {
        self.sdp?;
        self.learned_rtcp.or(self.sdp_rtcp)
    }

    /// Whether a source is locked.
    pub fn is_locked(&self) -> bool {
        matches!(self.state, State::Locked { .. })
    }

    /// Takes up an agreement after a thaw: a picture of the latch may be older than the agreement that is kept beside it.
    pub(crate) fn resume(&mut self, sdp_rtp: Option<SocketAddr>, sdp_rtcp: Option<SocketAddr>, signalling: IpAddr) {
        if sdp_rtp != self.sdp || signalling != self.signalling {
            self.renegotiated(sdp_rtp, signalling);
        }
        self.set_rtcp(sdp_rtcp);
    }

    /// A re-INVITE or UPDATE was agreed: everything is learned afresh (`trust.md` C10).
    ///
    /// If it moved nothing, media goes on to the source of before until one is locked again, so that nobody hears a hole. If
    /// it moved the stream, the old address gets nothing any more.
    pub fn renegotiated(&mut self, sdp_rtp: Option<SocketAddr>, signalling: IpAddr) {
        let moved = sdp_rtp != self.sdp || signalling != self.signalling;
        self.kept = if moved { None } else { self.target() };
        if moved {
            self.learned_rtcp = None;
        }
        self.sdp = sdp_rtp;
        self.signalling = signalling;
        self.state = State::Open(Contenders::default());
    }

    /// Packets dropped, in the order of [`Reason::ALL`].
    pub fn drops(&self) -> [u64; Reason::ALL.len()] {
        self.drops
    }

    fn dropped(&mut self, reason: Reason) -> Verdict {
        self.drops[reason as usize] += 1;
        Verdict::Drop(reason)
    }

    fn rank(&self, from: SocketAddr) -> Option<Rank> {
        if Some(from) == self.sdp {
            return Some(Rank::Exact);
        }
        match self.mode {
            Mode::Off => None,
            Mode::Auto if self.sdp.is_some_and(|sdp| sdp.ip() == from.ip()) => Some(Rank::SdpAddress),
            Mode::Auto if self.signalling == from.ip() => Some(Rank::Signalling),
            Mode::Auto => None,
        }
    }

    fn judge(&mut self, rank: Rank, packet: Contender) -> Verdict {
        match &mut self.state {
            State::Locked { rank: locked, source } => {
                if source.is_same(&packet) {
                    source.hear(&packet);
                    return Verdict::Accept;
                }
                if source.from() == packet.from() {
                    // a new SSRC of the very socket we believe: a re-started sender, nothing to learn
                    *source = packet;
                    return Verdict::Accept;
                }
                if rank == Rank::Exact && *locked < Rank::Exact {
                    self.kept = None;
                    self.state = State::Open(Contenders::default());
                    return self.contend(rank, packet);
                }
                if self.mode == Mode::Auto && source.moved_to(&packet) {
                    *source = packet;
                    *locked = rank;
                    return Verdict::Accept;
                }
                Verdict::Drop(Reason::Locked)
            }
            State::Open(_) => self.contend(rank, packet),
        }
    }

    /// Among those who contend the best rank is believed, among equals the one that is nearest to its lock.
    fn contend(&mut self, rank: Rank, packet: Contender) -> Verdict {
        let State::Open(contenders) = &mut self.state else {
            return Verdict::Drop(Reason::Locked);
        };
        let Some(heard) = contenders.hear(rank, packet) else {
            return Verdict::Drop(Reason::Outranked);
        };
        if contenders.front() != Some(heard.from()) {
            return Verdict::Drop(Reason::Outranked);
        }
        if heard.has_proved_itself() {
            self.kept = None;
            self.state = State::Locked { rank, source: heard };
        }
        Verdict::Accept
    }

    /// The RTP source that is believed at the moment, or the one we expect.
    fn believed(&self) -> Option<SocketAddr> {
        match &self.state {
            State::Locked { source, .. } => Some(source.from()),
            State::Open(contenders) => contenders.front().or(self.kept).or(self.sdp),
        }
    }
}
