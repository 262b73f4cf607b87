//! What one offer and one answer agreed on: where to send, in which codec, and what the peer's phone asks of its leg.
//!
//! Plain values. How they are found is the business of `choose` and `session`.

use std::net::SocketAddr;

use conference::Direction;
use serde::{Deserialize, Serialize};

use super::opus::OpusTerms;
use crate::codec::Rate;
use crate::rtcp::ExtendedTerms;
use crate::srtp::Protection;

/// An audio codec we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Codec {
    /// G.711 µ-law (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711 A-law (RFC 3551 §4.5.14).
    Pcma,
    /// Plain 16-bit samples (RFC 3551 §4.5.11), bit-exact and never offered unless the settings name it: for tests.
    #[doc(hidden)]
    L16,
    /// G.722 (RFC 3551 §4.5.2).
    G722,
    /// Opus (RFC 7587).
    Opus,
    /// Comfort noise (RFC 3389): what a phone may send in the pauses of another codec. Understood, never sent.
    ComfortNoise,
}

impl Codec {
    /// Every codec, in the order in which we prefer them if nobody says otherwise.
    pub const ALL: [Codec; 4] = [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma];

    /// The encoding name of its `rtpmap` line.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::L16 => "L16",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
            Codec::ComfortNoise => "CN",
        }
    }

    /// RTP clock rate in Hz. That of G.722 is not its sample rate, by an old mistake (RFC 3551 §4.5.2); that of Opus is 48 kHz
    /// whatever it carries (RFC 7587 §4.1).
    pub const fn clock_rate(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::L16 | Codec::G722 | Codec::ComfortNoise => 8000,
            Codec::Opus => 48_000,
        }
    }

    /// The rate of what is decoded of it.
    pub const fn rate(self) -> Rate {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::L16 | Codec::ComfortNoise => Rate::Narrow,
            Codec::G722 => Rate::Wide,
            Codec::Opus => Rate::Full,
        }
    }

    /// What its `rtpmap` line says: name, clock rate, and for Opus always two channels (RFC 7587 §7).
    pub fn encoding(self) -> String {
        let channels = if self == Codec::Opus { "/2" } else { "" };
        format!("{}/{}{channels}", self.name(), self.clock_rate())
    }

    /// Its static payload type (RFC 3551 §6), if it has one.
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Codec::Pcmu => Some(0),
            Codec::Pcma => Some(8),
            Codec::G722 => Some(9),
            Codec::ComfortNoise => Some(13),
            Codec::L16 | Codec::Opus => None,
        }
    }

    /// The codec of that encoding name, whatever its case; `None` for one we do not speak.
    pub fn named(name: &str) -> Option<Codec> {
        Codec::ALL
            .into_iter()
            .chain([Codec::L16, Codec::ComfortNoise])
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// The codec that a payload type means without an `rtpmap` line.
    pub(crate) fn of_static(payload_type: u8) -> Option<Codec> {
        Codec::ALL
            .into_iter()
            .chain([Codec::ComfortNoise])
            .find(|codec| codec.static_payload_type() == Some(payload_type))
    }
}

/// Payload types we accept, each with its codec: any agreed codec may arrive at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PayloadMap {
    entries: [Option<(u8, Codec)>; PayloadMap::CAPACITY],
}

impl PayloadMap {
    /// How many payload types are remembered; further ones are not accepted.
    pub const CAPACITY: usize = 8;

    /// The codec of a payload type that was agreed.
    pub fn codec(&self, payload_type: u8) -> Option<Codec> {
        self.iter().find(|(number, _)| *number == payload_type).map(|(_, codec)| codec)
    }

    /// The entries in order of preference.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Codec)> + '_ {
        self.entries.iter().flatten().copied()
    }

    /// Adds an entry unless the number is known already or the map is full.
    pub(crate) fn insert(&mut self, payload_type: u8, codec: Codec) {
        if self.codec(payload_type).is_some() {
            return;
        }
        if let Some(free) = self.entries.iter_mut().find(|entry| entry.is_none()) {
            *free = Some((payload_type, codec));
        }
    }
}

/// Payload types of telephone events that we accept, each with its clock rate: a phone that may send several codecs says its digits in
/// the clock of the one it is sending (RFC 4733 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventMap {
    entries: [Option<(u8, u32)>; EventMap::CAPACITY],
}

impl EventMap {
    /// How many payload types are remembered; further ones are not accepted.
    pub const CAPACITY: usize = 8;

    /// The clock rate, in Hz, of the events of a payload type; `None`: it is none of theirs.
    pub fn clock(&self, payload_type: u8) -> Option<u32> {
        self.entries.iter().flatten().find(|(number, _)| *number == payload_type).map(|(_, clock)| *clock)
    }

    /// The payload type of the events that go with the codec.
    pub fn first(&self) -> Option<u8> {
        self.entries.iter().flatten().next().map(|(number, _)| *number)
    }

    /// Adds an entry unless the number is known already or the map is full.
    pub(crate) fn insert(&mut self, payload_type: u8, clock: u32) {
        if self.clock(payload_type).is_some() {
            return;
        }
        if let Some(free) = self.entries.iter_mut().find(|entry| entry.is_none()) {
            *free = Some((payload_type, clock));
        }
    }
}

/// The outcome of one offer and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Where the peer wants its RTP; `None` for address zero and for port 0.
    pub remote: Option<SocketAddr>,
    /// Where the peer wants its RTCP: `a=rtcp` (RFC 3605 §2.1), else the next port, or `remote` itself with rtcp-mux.
    pub remote_rtcp: Option<SocketAddr>,
    /// Both sides put RTCP on the RTP port (RFC 5761 §5.1.1).
    pub rtcp_mux: bool,
    /// What we send.
    pub codec: Codec,
    /// The payload type we send it with.
    pub send_pt: u8,
    /// What may arrive.
    pub receive: PayloadMap,
    /// Payload type of the telephone events we send (RFC 4733 §2.4.1), if the peer takes them.
    pub dtmf_send_pt: Option<u8>,
    /// Payload types of the telephone events that may arrive, of each clock that either side named: first those that go with `codec`.
    #[serde(default)]
    pub dtmf_receive: EventMap,
    /// Clock rate of the telephone events that we send, in Hz.
    #[serde(default = "narrow_clock")]
    pub dtmf_clock: u32,
    /// How what we send is encoded, if that is Opus.
    #[serde(default)]
    pub opus: OpusTerms,
    /// Length of the packets we send, in milliseconds: a multiple of ten between 10 and 60.
    pub ptime_ms: u8,
    /// What the peer's phone asks of its leg.
    pub direction: Direction,
    /// How both ways are protected; `None`: plain RTP.
    #[serde(default)]
    pub srtp: Option<Protection>,
    /// Which extended reports the peer wants.
    #[serde(default)]
    pub extended: ExtendedTerms,
}

const fn narrow_clock() -> u32 {
    8000
}
