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
/// Packets of one source that may have come between a picture and the end of its process: ten seconds of the usual ones, more than a
/// picture is ever old.
const DOUBTFUL_PACKETS: u64 = 500;
/// The same of reports.
const DOUBTFUL_REPORTS: u64 = 16;
/// Packets of unknown sources that may be tried in every way, until one of them is proved …
const STRANGERS: u32 = 32;
/// … and behind them one in so many: under a flood a peer that has rolled over is found out within a second or two.
const ONE_IN: u32 = 64;

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

/// How far a pair of keys has been used, both ways. It is kept by the keys themselves: whatever was agreed meanwhile, a key goes on
/// where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    ours: Used,
    theirs: Heard,
}

/// How far our key has been used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    key: MasterKey,
    /// The index of our newest packet.
    sent: Option<u64>,
    /// That of our newest report.
    reported: u32,
}

/// What came under the peer's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Heard {
    key: MasterKey,
    media: Windows,
    control: Windows,
}

impl Progress {
    /// The suite in use.
    pub const fn suite(&self) -> Suite {
        self.ours.key.suite()
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
    /// It cannot have come before: false while it may be one that came between the last picture and the end of a process.
    pub fresh: bool,
}

/// The ciphers of one leg, and how far they have come.
pub struct Shield {
    ours: Cipher,
    theirs: Cipher,
    /// The number of its pair of keys.
    pair: u32,
    progress: Progress,
    /// Roll-overs of the peer's media under the keys before: some peers count on under new ones.
    rolls_before: Option<u32>,
    /// Packets of unknown sources that were not proved since one was.
    strangers: u32,
    /// Times that the peer's key was tried on a packet.
    trials: u64,
}

impl Shield {
    /// Makes the ciphers. Allocates.
    ///
    /// # Errors
    /// There is no cipher for these keys; with keys of the right length there is one.
    pub fn new(protection: &Protection) -> Result<Shield, CryptoError> {
        let provider = default_provider()?;
        let progress = Progress {
            ours: Used { key: protection.ours, sent: None, reported: 0 },
            theirs: Heard { key: protection.theirs, media: Windows::default(), control: Windows::default() },
        };
        Ok(Shield {
            ours: Cipher::new(provider.crypto(), &protection.ours)?,
            theirs: Cipher::new(provider.crypto(), &protection.theirs)?,
            pair: protection.pair,
            progress,
            rolls_before: None,
            strangers: 0,
            trials: 0,
        })
    }

    /// The number of its pair of keys.
    pub fn pair(&self) -> u32 {
        self.pair
    }

    /// How often the peer's key was tried on a packet: what packets that may be anybody's have cost so far.
    pub fn trials(&self) -> u64 {
        self.trials
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// It goes on behind the pictures of the leg's keys, those of the agreement before among them. `sequence`: the number that the
    /// leg's next packet had when they were taken; what follows is some way behind it. What happened after the pictures nobody knows:
    /// our numbers leave room for it, and a packet of the peer's that may be of that time is not [`Opened::fresh`].
    pub fn resume(&mut self, pictures: &[Option<Progress>], sequence: u16) {
        // a key that no picture has came into use after them, in the rolls in which they were taken
        let mut used = Used { sent: Some(u64::from(sequence)), reported: 0, ..self.progress.ours };
        let known = pictures.iter().flatten().filter(|picture| picture.ours.key == used.key);
        if let Some(last) = known.map(|picture| picture.ours).max_by_key(|ours| (ours.sent, ours.reported)) {
            used = Used { sent: last.sent.or(used.sent), ..last };
        }
        used.reported = used.reported.saturating_add(RESERVED_REPORTS);
        self.progress.ours = used;
        if let Some(known) = pictures.iter().flatten().find(|picture| picture.theirs.key == self.progress.theirs.key) {
            self.progress.theirs = known.theirs;
        }
        self.progress.theirs.media.resume(DOUBTFUL_PACKETS);
        self.progress.theirs.control.resume(DOUBTFUL_REPORTS);
    }

    /// It takes the place of one under another pair of keys. A key that is in both goes on where it was: under one key no number is
    /// ever used twice, nor taken twice.
    pub fn follow(&mut self, before: &Shield) {
        let (now, before) = (&mut self.progress, &before.progress);
        if now.ours.key == before.ours.key {
            now.ours.sent = now.ours.sent.max(before.ours.sent);
            now.ours.reported = now.ours.reported.max(before.ours.reported);
        }
        if now.theirs.key == before.theirs.key {
            now.theirs = before.theirs;
        }
        self.rolls_before = before.theirs.media.latest().map(|index| (index >> 16) as u32);
    }

    /// Seals the RTP packet in the first `length` bytes of `room`, which has [`super::RTP_OVERHEAD`] bytes more; its new length.
    /// `None`: it must not be sent. Does not allocate.
    pub fn seal_rtp(&mut self, room: &mut [u8], length: usize) -> Option<usize> {
        let header = header_length(room.get(..length)?)?;
        let sequence = u16::from_be_bytes([room[2], room[3]]);
        let index = match self.progress.ours.sent {
            Some(newest) => guess(newest, sequence)?,
            None => u64::from(sequence),
        };
        // under one index nothing is ever sealed twice
        if self.progress.ours.sent.is_some_and(|newest| index <= newest) {
            return None;
        }
        let sealed = self.ours.seal_rtp(room, header, length, index)?;
        self.progress.ours.sent = Some(index);
        Some(sealed)
    }

    /// The same for a compound of reports, with [`super::RTCP_OVERHEAD`] bytes more.
    pub fn seal_rtcp(&mut self, room: &mut [u8], length: usize) -> Option<usize> {
        let index = self.progress.ours.reported.checked_add(1).filter(|index| *index <= LAST_REPORT)?;
        (length >= CONTROL_HEAD).then_some(())?;
        let sealed = self.ours.seal_rtcp(room, length, index)?;
        self.progress.ours.reported = index;
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
        let (length, index) = match self.progress.theirs.media.highest(ssrc) {
            Some(highest) => {
                let index = guess(highest, sequence).ok_or(Refused::Unproved)?;
                if !self.progress.theirs.media.may_come(ssrc, index) {
                    return Err(Refused::Replayed);
                }
                self.trials += 1;
                (self.theirs.open_rtp(packet, header, index).ok_or(Refused::Unproved)?, index)
            }
            None if !self.progress.theirs.media.may_come(ssrc, u64::from(sequence)) => return Err(Refused::Replayed),
            None => self.open_first(packet, header, sequence).ok_or(Refused::Unproved)?,
        };
        let newest = self.progress.theirs.media.note(ssrc, index);
        Ok(Opened { length, newest, fresh: self.progress.theirs.media.is_fresh(ssrc, index) })
    }

    /// The first packet of a source tells by its tag how often its sequence has rolled over: not at all; once, if the packets
    /// before the roll were lost; or as often as that of the source before it, where a peer counts on. While strangers make up
    /// sources, only some of their packets are tried in more than the first way: a stranger costs us no more than the peer does.
    fn open_first(&mut self, packet: &mut [u8], header: usize, sequence: u16) -> Option<(usize, u64)> {
        let known = self.progress.theirs.media.latest().map(|index| (index >> 16) as u32).or(self.rolls_before);
        let early = (sequence < 1 << 15).then_some(1);
        let mut scratch = [0; MAX_PACKET];
        let room = &mut scratch[..packet.len()];
        let mut tried = [None; 3];
        let ways = if self.strangers < STRANGERS || self.strangers.is_multiple_of(ONE_IN) { tried.len() } else { 1 };
        for (place, rolls) in [Some(0), known, early].into_iter().enumerate().take(ways) {
            let Some(rolls) = rolls.filter(|_| !tried.contains(&rolls)) else { continue };
            tried[place] = Some(rolls);
            let index = u64::from(rolls) << 16 | u64::from(sequence);
            room.copy_from_slice(packet);
            self.trials += 1;
            if let Some(length) = self.theirs.open_rtp(room, header, index) {
                packet.copy_from_slice(room);
                self.strangers = 0;
                return Some((length, index));
            }
        }
        self.strangers = self.strangers.wrapping_add(1).max(1);
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
        if !self.progress.theirs.control.may_come(ssrc, u64::from(index)) {
            return Err(Refused::Replayed);
        }
        let length = self.theirs.open_rtcp(packet, index).ok_or(Refused::Unproved)?;
        let newest = self.progress.theirs.control.note(ssrc, u64::from(index));
        Ok(Opened { length, newest, fresh: self.progress.theirs.control.is_fresh(ssrc, u64::from(index)) })
    }
}

impl std::fmt::Debug for Shield {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shield({}, pair {})", self.progress.suite().name(), self.pair)
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
