//! What stands between one leg and the wire: our own packets get their index and are sealed, the peer's are proved and opened.
//!
//! It belongs to one media thread and allocates nothing after it was made. What must outlive it is its [`Progress`].

use rtc_crypto::{CryptoError, default_provider};
use serde::{Deserialize, Serialize};

use super::cipher::{CONTROL_HEAD, Cipher};
use super::key::{MasterKey, Suite};
use super::window::{Windows, guess};
use crate::rtp::MAX_PACKET;

/// Reports are numbered up to here (RFC 3711 §9.2); nothing is sent behind it.
const LAST_REPORT: u32 = (1 << 31) - 1;
/// Reports by which a leg that is taken up again is ahead of its last picture: no index is used twice under one key.
const RESERVED_REPORTS: u32 = 64;

/// What one offer and its answer agreed on to protect a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// The tag of the line it came by (RFC 4568 §4.1).
    pub tag: u32,
    /// What we seal with.
    pub ours: MasterKey,
    /// What the peer seals with.
    pub theirs: MasterKey,
    /// Counts the pairs of keys that the leg has had: the same number, the same keys.
    pub pair: u32,
}

impl Protection {
    /// The suite of both keys.
    pub const fn suite(&self) -> Suite {
        self.ours.suite()
    }
}

/// How far a pair of keys has been used, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pair: u32,
    suite: Suite,
    /// The index of our newest packet.
    sent: Option<u64>,
    /// That of our newest report.
    reported: u32,
    /// What came.
    media: Windows,
    control: Windows,
}

impl Progress {
    /// The suite in use.
    pub const fn suite(&self) -> Suite {
        self.suite
    }
}

/// Why a packet was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is no packet.
    Unsound,
    /// It came before, or is too old to say.
    Replayed,
    /// It is not by who has the key.
    Unproved,
}

/// A packet that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// How many bytes of it are left.
    pub length: usize,
    /// It is newer than all before it of its source.
    pub newest: bool,
}

/// The ciphers of one leg, and how far they have come.
pub struct Shield {
    ours: Cipher,
    theirs: Cipher,
    /// What both were made of: who takes this one's place may have one of the keys too.
    keys: [MasterKey; 2],
    progress: Progress,
    /// Roll-overs of the peer's media under the keys before: some peers count on under new ones.
    rolls_before: Option<u32>,
}

impl Shield {
    /// Makes the ciphers. Allocates.
    ///
    /// # Errors
    /// There is no cipher for these keys; with keys of the right length there is one.
    pub fn new(protection: &Protection) -> Result<Shield, CryptoError> {
        let provider = default_provider()?;
        let progress = Progress {
            pair: protection.pair,
            suite: protection.suite(),
            sent: None,
            reported: 0,
            media: Windows::default(),
            control: Windows::default(),
        };
        Ok(Shield {
            ours: Cipher::new(provider.crypto(), &protection.ours)?,
            theirs: Cipher::new(provider.crypto(), &protection.theirs)?,
            keys: [protection.ours, protection.theirs],
            progress,
            rolls_before: None,
        })
    }

    /// The number of its pair of keys.
    pub fn pair(&self) -> u32 {
        self.progress.pair
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// It goes on where it was in a picture of the same keys; one of other keys is of no use to it.
    pub fn resume(&mut self, progress: &Progress) {
        if (progress.pair, progress.suite) == (self.progress.pair, self.progress.suite) {
            self.progress = *progress;
            self.progress.reported = progress.reported.saturating_add(RESERVED_REPORTS);
        }
    }

    /// It takes the place of one under another pair of keys. A key that is in both goes on where it was: under one key no number is
    /// ever used twice, nor taken twice.
    pub fn follow(&mut self, before: &Shield) {
        if self.keys[0] == before.keys[0] {
            self.progress.sent = self.progress.sent.max(before.progress.sent);
            self.progress.reported = self.progress.reported.max(before.progress.reported);
        }
        if self.keys[1] == before.keys[1] {
            (self.progress.media, self.progress.control) = (before.progress.media, before.progress.control);
        }
        self.rolls_before = before.progress.media.latest().map(|index| (index >> 16) as u32);
    }

    /// Seals the RTP packet in the first `length` bytes of `room`, which has [`super::RTP_OVERHEAD`] bytes more; its new length.
    /// `None`: it must not be sent. Does not allocate.
    pub fn seal_rtp(&mut self, room: &mut [u8], length: usize) -> Option<usize> {
        let header = header_length(room.get(..length)?)?;
        let sequence = u16::from_be_bytes([room[2], room[3]]);
        let index = match self.progress.sent {
            Some(newest) => guess(newest, sequence)?,
            None => u64::from(sequence),
        };
        // under one index nothing is ever sealed twice
        if self.progress.sent.is_some_and(|newest| index <= newest) {
            return None;
        }
        let sealed = self.ours.seal_rtp(room, header, length, index)?;
        self.progress.sent = Some(index);
        Some(sealed)
    }

    /// The same for a compound of reports, with [`super::RTCP_OVERHEAD`] bytes more.
    pub fn seal_rtcp(&mut self, room: &mut [u8], length: usize) -> Option<usize> {
        let index = self.progress.reported.checked_add(1).filter(|index| *index <= LAST_REPORT)?;
        (length >= CONTROL_HEAD).then_some(())?;
        let sealed = self.ours.seal_rtcp(room, length, index)?;
        self.progress.reported = index;
        Some(sealed)
    }

    /// Opens an RTP packet in place. Does not allocate.
    ///
    /// # Errors
    /// Nothing of the packet may be used, and nothing was learnt from it.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<Opened, Refused> {
        if packet.len() > MAX_PACKET {
            return Err(Refused::Unsound);
        }
        let header = header_length(packet).ok_or(Refused::Unsound)?;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let (length, index) = match self.progress.media.highest(ssrc) {
            Some(highest) => {
                let index = guess(highest, sequence).ok_or(Refused::Unproved)?;
                if !self.progress.media.may_come(ssrc, index) {
                    return Err(Refused::Replayed);
                }
                (self.theirs.open_rtp(packet, header, index).ok_or(Refused::Unproved)?, index)
            }
            None => self.open_first(packet, header, sequence).ok_or(Refused::Unproved)?,
        };
        Ok(Opened { length, newest: self.progress.media.note(ssrc, index) })
    }

    /// The first packet of a source tells by its tag how often its sequence has rolled over: not at all; once, if the packets
    /// before the roll were lost; or as often as that of the source before it, where a peer counts on.
    fn open_first(&mut self, packet: &mut [u8], header: usize, sequence: u16) -> Option<(usize, u64)> {
        let known = self.progress.media.latest().map(|index| (index >> 16) as u32).or(self.rolls_before);
        let early = (sequence < 1 << 15).then_some(1);
        let mut scratch = [0; MAX_PACKET];
        let room = &mut scratch[..packet.len()];
        let mut tried = [None; 3];
        for (place, rolls) in [Some(0), known, early].into_iter().enumerate() {
            let Some(rolls) = rolls.filter(|_| !tried.contains(&rolls)) else { continue };
            tried[place] = Some(rolls);
            let index = u64::from(rolls) << 16 | u64::from(sequence);
            room.copy_from_slice(packet);
            if let Some(length) = self.theirs.open_rtp(room, header, index) {
                packet.copy_from_slice(room);
                return Some((length, index));
            }
        }
        None
    }

    /// Opens a compound of reports in place. Does not allocate.
    ///
    /// # Errors
    /// Nothing of it may be used, and nothing was learnt from it.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<Opened, Refused> {
        let sound = packet.len() <= MAX_PACKET && packet.first().is_some_and(|flags| flags >> 6 == 2);
        let head = packet.first_chunk::<CONTROL_HEAD>().filter(|_| sound).ok_or(Refused::Unsound)?;
        let ssrc = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let index = self.theirs.rtcp_index(packet).ok_or(Refused::Unproved)?;
        if !self.progress.control.may_come(ssrc, u64::from(index)) {
            return Err(Refused::Replayed);
        }
        let length = self.theirs.open_rtcp(packet, index).ok_or(Refused::Unproved)?;
        Ok(Opened { length, newest: self.progress.control.note(ssrc, u64::from(index)) })
    }
}

impl std::fmt::Debug for Shield {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shield({}, pair {})", self.progress.suite.name(), self.progress.pair)
    }
}

/// Bytes before the part that is encrypted (RFC 3711 §3.1): contributing sources and the header extension stay readable.
fn header_length(packet: &[u8]) -> Option<usize> {
    let flags = *packet.first_chunk::<12>()?.first()?;
    if flags >> 6 != 2 {
        return None;
    }
    let sources = 12 + usize::from(flags & 0x0f) * 4;
    let length = match flags & 0x10 {
        0 => sources,
        _ => {
            let head = packet.get(sources..)?.first_chunk::<4>()?;
            sources + 4 + usize::from(u16::from_be_bytes([head[2], head[3]])) * 4
        }
    };
    (length <= packet.len()).then_some(length)
}
