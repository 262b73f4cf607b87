//! The signalling side of the mixer: knows every leg and call, negotiates, compiles masks, and feeds the media threads.
//!
//! It sits behind one small lock that no media thread ever takes. It mixes nothing, and it decides nothing about who hears whom.

mod addresses;
mod asked;
mod calls;
mod departed;
mod legs;
mod line;
mod news;
mod roster;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use conference::{CallId, LegId};

use crate::io::Net;
use crate::latch::Mode;
use crate::leg::{Leg, Snapshot};
use crate::mixer::MediaNews;
use crate::sdp::{Codec, OpusSettings, Session};
use crate::settings::{Laws, MediaSettings, Srtp};
use addresses::Addresses;
use departed::Departed;
pub(crate) use line::Line;
use roster::{Parted, Roster};

/// Where a leg's media end is.
enum Whereabouts {
    /// With nobody: it waits for a call.
    Lobby(Box<Leg>),
    /// On a media thread.
    On { line: usize, place: u32 },
    /// On its way from one thread to the other.
    Moving { line: usize, place: u32 },
}

/// One leg.
struct LegRecord {
    session: Session,
    signalling: IpAddr,
    port: u16,
    at: Whereabouts,
    call: Option<CallId>,
    /// Its digits are told and not relayed.
    collected: bool,
    /// How loud its voice is for the others.
    volume_db: i8,
    /// When something was agreed last.
    agreed_us: u64,
    snapshot: Snapshot,
}

/// One call.
struct CallRecord {
    line: usize,
    slot: u32,
    version: u64,
    /// Changes sent so far.
    serial: u64,
    /// The last change that is known to be in force: its serial number and when that was.
    applied: (u64, u64),
    /// A moment and the sample of its media clock that was reached by then.
    clock: Option<(u64, u64)>,
    roster: Roster,
    /// Room for seats that the media thread has.
    room: u32,
    /// Out of step: closed until the full state comes.
    closed: bool,
}

/// The desk.
pub(crate) struct Desk {
    net: Box<dyn Net>,
    addresses: Addresses,
    codecs: Vec<Codec>,
    opus: OpusSettings,
    srtp: Srtp,
    nat: Mode,
    laws: Laws,
    lines: Vec<Line>,
    legs: BTreeMap<LegId, LegRecord>,
    calls: BTreeMap<CallId, CallRecord>,
    /// Legs that a call names already and that are not open yet.
    awaited: BTreeMap<LegId, CallId>,
    /// Pairs whose call was just left, and when that was: should both meet again at once, they go on.
    parted: Vec<(u64, Parted)>,
    /// News that found no room on the way to the daemon, or came about outside a media thread.
    untold: VecDeque<MediaNews>,
    departed: Departed,
    clock: fn() -> u64,
    /// Set where the clock is turned by hand.
    hand_us: Option<u64>,
}

impl Desk {
    pub(crate) fn new(settings: &MediaSettings, net: Box<dyn Net>, lines: Vec<Line>, clock: fn() -> u64) -> Self {
        Self {
            net,
            addresses: Addresses::of(settings),
            codecs: settings.codecs.clone(),
            opus: settings.opus,
            srtp: settings.srtp,
            nat: settings.nat.into(),
            laws: Laws::new(settings),
            lines,
            legs: BTreeMap::new(),
            calls: BTreeMap::new(),
            awaited: BTreeMap::new(),
            parted: Vec::new(),
            untold: VecDeque::new(),
            departed: Departed::default(),
            clock,
            hand_us: None,
        }
    }

    fn now_us(&self) -> u64 {
        self.hand_us.unwrap_or_else(self.clock)
    }

    /// Turns the clock by hand from now on.
    pub(crate) fn set_time(&mut self, now_us: u64) {
        self.hand_us = Some(now_us);
    }

    /// Sends what found no room before.
    pub(crate) fn flush(&mut self) {
        self.lines.iter_mut().for_each(Line::flush);
    }

    pub(crate) fn lines(&mut self) -> &mut [Line] {
        &mut self.lines
    }
}

/// How long a stopping mixer waits for its threads to say goodbye.
pub(crate) const GOODBYE: Duration = Duration::from_millis(500);
