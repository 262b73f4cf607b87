//! One source that wants to be believed, and the few that may contend at a time.
//!
//! It counts; who wins is the latch's business.

use std::cmp::Reverse;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{CONTENDERS, FASTEST_PACKET_US, LOCK_PACKETS, LOCK_SPAN_US, MOVE_SLACK, Rank, SILENT_US};

/// One source: a socket and an SSRC, and how long its run of packets in sequence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contender {
    from: SocketAddr,
    ssrc: u32,
    sequence: u16,
    run: u32,
    run_since_us: u64,
    heard_us: u64,
}

impl Contender {
    pub(super) fn new(from: SocketAddr, ssrc: u32, sequence: u16, now_us: u64) -> Contender {
        Contender { from, ssrc, sequence, run: 1, run_since_us: now_us, heard_us: now_us }
    }

    pub(super) fn from(&self) -> SocketAddr {
        self.from
    }

    pub(super) fn is_same(&self, other: &Contender) -> bool {
        self.from == other.from && self.ssrc == other.ssrc
    }

    /// Takes the next packet of the same source. Late ones and duplicates neither lengthen the run nor break it.
    pub(super) fn hear(&mut self, packet: &Contender) {
        self.heard_us = packet.heard_us;
        match packet.sequence.wrapping_sub(self.sequence) {
            1 => {
                self.sequence = packet.sequence;
                self.run = self.run.saturating_add(1);
            }
            2..0x8000 => {
                self.sequence = packet.sequence;
                self.run = 1;
                self.run_since_us = packet.heard_us;
            }
            0 | 0x8000.. => (),
        }
    }

    pub(super) fn has_proved_itself(&self) -> bool {
        self.run >= LOCK_PACKETS && self.heard_us.saturating_sub(self.run_since_us) >= LOCK_SPAN_US
    }

    /// Whether `packet` is this source behind a new port of its address translator (`trust.md` rule 1, part 4).
    pub(super) fn moved_to(&self, packet: &Contender) -> bool {
        let silence = packet.heard_us.saturating_sub(self.heard_us);
        let ahead = u64::from(packet.sequence.wrapping_sub(self.sequence));
        self.from.ip() == packet.from.ip()
            && self.ssrc == packet.ssrc
            && silence >= SILENT_US
            && (1..=silence / FASTEST_PACKET_US + MOVE_SLACK).contains(&ahead)
            && ahead < 0x8000
    }

    fn is_silent(&self, now_us: u64) -> bool {
        now_us.saturating_sub(self.heard_us) >= SILENT_US
    }
}

/// Those who contend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Contenders {
    places: [Option<(Rank, Contender)>; CONTENDERS],
}

impl Contenders {
    /// Takes a packet; `None` if no place is left for its source.
    pub(super) fn hear(&mut self, rank: Rank, packet: Contender) -> Option<Contender> {
        self.forget_silent(packet.heard_us);
        if let Some((_, known)) = self.places.iter_mut().flatten().find(|(_, known)| known.is_same(&packet)) {
            known.hear(&packet);
            return Some(*known);
        }
        let place = self.place_for(rank, &packet)?;
        self.places[place] = Some((rank, packet));
        Some(packet)
    }

    /// The socket of the one to believe.
    pub(super) fn front(&self) -> Option<SocketAddr> {
        // among equals the one who has been at it longer
        self.places
            .iter()
            .flatten()
            .max_by_key(|(rank, known)| (*rank, known.run, Reverse(known.run_since_us)))
            .map(|(_, known)| known.from)
    }

    fn forget_silent(&mut self, now_us: u64) {
        for place in &mut self.places {
            if place.is_some_and(|(_, known)| known.is_silent(now_us)) {
                *place = None;
            }
        }
    }

    /// The place of the same socket's old SSRC, a free one, or that of a lower rank.
    fn place_for(&self, rank: Rank, packet: &Contender) -> Option<usize> {
        let mut places = self.places.iter();
        let same_socket = |place: &Option<(Rank, Contender)>| place.is_some_and(|(_, known)| known.from == packet.from);
        let lower = |place: &Option<(Rank, Contender)>| place.is_some_and(|(lower, _)| lower < rank);
        places
            .position(same_socket)
            .or_else(|| self.places.iter().position(Option::is_none))
            .or_else(|| self.places.iter().position(lower))
    }
}
