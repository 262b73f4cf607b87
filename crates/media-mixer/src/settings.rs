//! What the mixer is told once, at its start, and every limit of it.
//!
//! It reads no file and checks no port: the daemon reads `[media]`, the port range refuses what it cannot bind.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::latch;
use crate::sdp::{Codec, Encryption, OpusSettings};

/// Legs and waiting places of one media thread.
pub const MAX_LEGS: usize = 16_384;
/// Calls of one media thread, empty ones included.
pub const MAX_CALLS: usize = 16_384;
/// Legs of one call: a room of 1000 with two lines each, and its supervisors.
pub const MAX_SEATS: usize = 2_048;
/// Commands that may wait for one media thread; more wait on the signalling side.
pub(crate) const COMMANDS: usize = 4_096;
/// Words that may wait to be read from one media thread.
pub(crate) const WORDS: usize = 16_384;
/// News that may wait for the daemon; what is beyond waits in the threads' rings.
pub(crate) const NEWS: usize = 4_096;

/// The settings of the mixer (`[media]` and `transfer.tail_guard_ms`).
#[derive(Clone, Debug)]
pub struct MediaSettings {
    /// Where sockets are bound.
    pub address: IpAddr,
    /// Written into descriptions for peers that are not in `local_networks`, if it differs from `address`.
    pub external_address: Option<IpAddr>,
    /// Whoever is reached there is told our own address: addresses, and how many of their leading bits count.
    pub local_networks: Vec<(IpAddr, u8)>,
    /// Where media is received of whoever is reached over IPv6, if `address` is not an IPv6 address.
    pub address_v6: Option<IpAddr>,
    /// First and last port of the range for RTP and RTCP.
    pub rtp_ports: (u16, u16),
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// How Opus is spoken.
    pub opus: OpusSettings,
    /// Whether media is encrypted.
    pub srtp: Srtp,
    /// Whether sources behind address translators are learned.
    pub nat: Nat,
    /// Media threads; 0: cores − 1, at least one.
    pub workers: usize,
    /// What people on hold hear.
    pub hold_music: HoldMusic,
    /// What people in each queue hear (`queues.music`); in a queue that is not named, the hold music.
    pub queue_music: BTreeMap<String, HoldMusic>,
    /// An open leg is reported after so long without RTP and RTCP.
    pub media_timeout: Duration,
    /// Whether quiet voices are made louder and loud ones quieter.
    pub agc: bool,
    /// Replaces the measured guard of law 3; zero: measured.
    pub tail_guard: Duration,
    /// Switches one of the three laws off, so that tests and the demo can show what it is there for.
    #[cfg(feature = "break")]
    pub break_law: Option<u8>,
}

impl Default for MediaSettings {
    fn default() -> Self {
        Self {
            address: IpAddr::from([127, 0, 0, 1]),
            external_address: None,
            local_networks: Vec::new(),
            address_v6: None,
            rtp_ports: (16_384, 32_767),
            codecs: Codec::ALL.to_vec(),
            opus: OpusSettings::default(),
            srtp: Srtp::Off,
            nat: Nat::Auto,
            workers: 0,
            hold_music: HoldMusic::Builtin,
            queue_music: BTreeMap::new(),
            media_timeout: Duration::from_secs(20),
            agc: false,
            tail_guard: Duration::ZERO,
            #[cfg(feature = "break")]
            break_law: None,
        }
    }
}

/// `media.srtp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Srtp {
    /// Never.
    Off,
    /// With whom can.
    Optional,
    /// With everybody: who cannot is turned away.
    Required,
    /// Required where signalling is encrypted, so that keys are read by nobody on the way; optional elsewhere.
    Auto,
}

impl Srtp {
    /// What it means for a leg whose signalling is like this.
    pub(crate) fn of(self, signalling: Signalling) -> Encryption {
        match (self, signalling.secure) {
            (Self::Off, _) => Encryption::Off,
            (Self::Required, _) | (Self::Auto, true) => Encryption::Required,
            (Self::Optional, _) | (Self::Auto, false) => Encryption::Optional,
        }
    }
}

/// Where a leg's SIP comes from, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signalling {
    /// Its address.
    pub address: IpAddr,
    /// It is encrypted (TLS).
    pub secure: bool,
    /// The leg rings several phones, some of them over TLS and some not; `secure` is false then.
    pub mixed: bool,
    /// What is set for this peer; `None`: as for everybody.
    pub srtp: Option<Srtp>,
}

impl From<IpAddr> for Signalling {
    /// From there, in the clear.
    fn from(address: IpAddr) -> Self {
        Self { address, secure: false, mixed: false, srtp: None }
    }
}

/// `media.nat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// Sources are learned as `trust.md` rule 1 says.
    Auto,
    /// Only the description's address and port.
    Off,
}

impl From<Nat> for latch::Mode {
    fn from(nat: Nat) -> Self {
        match nat {
            Nat::Auto => Self::Auto,
            Nat::Off => Self::Off,
        }
    }
}

/// `media.hold_music`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldMusic {
    /// The music that is part of the mixer.
    Builtin,
    /// Nothing to hear.
    Silence,
    /// A file, or a folder of files.
    Path(PathBuf),
}

/// Which of the three laws are kept. Without the feature `break`: all of them, whatever anybody says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Laws {
    #[cfg(feature = "break")]
    broken: Option<u8>,
}

impl Laws {
    #[cfg(feature = "break")]
    pub(crate) const fn new(settings: &MediaSettings) -> Self {
        Self { broken: settings.break_law }
    }

    #[cfg(not(feature = "break"))]
    pub(crate) const fn new(_settings: &MediaSettings) -> Self {
        Self {}
    }

    /// Whether law `number` is kept.
    #[cfg(feature = "break")]
    pub(crate) fn keeps(self, number: u8) -> bool {
        self.broken != Some(number)
    }

    /// Whether law `number` is kept.
    #[cfg(not(feature = "break"))]
    #[expect(clippy::unused_self, reason = "the other build asks it")]
    pub(crate) const fn keeps(self, _number: u8) -> bool {
        true
    }
}
