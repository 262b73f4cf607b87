//! What a media thread counts: written by it alone, read by anybody at any time, without a lock.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use crate::leg::{Drops, LegStats};
use crate::realtime::Scheduling;

/// Upper ends, in microseconds, of the classes in which turns are counted by how late they came.
pub const LATENESS_US: [u64; 8] = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000];

/// The counters of one media thread.
#[derive(Default)]
pub(crate) struct Counters {
    scheduling: AtomicU8,
    pub(crate) ticks: AtomicU64,
    pub(crate) lost_ticks: AtomicU64,
    pub(crate) legs: AtomicU64,
    pub(crate) calls: AtomicU64,
    pub(crate) busy_us: AtomicU64,
    pub(crate) longest_turn_us: AtomicU64,
    latest_us: AtomicU64,
    late_us: AtomicU64,
    late_turns: [AtomicU64; LATENESS_US.len() + 1],
    pub(crate) encodes: AtomicU64,
    pub(crate) words_lost: AtomicU64,
}

/// What one media thread has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerStats {
    /// The scheduling it obtained.
    pub scheduling: Scheduling,
    /// Ticks of calls.
    pub ticks: u64,
    /// Ticks of calls that were skipped because they came too late.
    pub lost_ticks: u64,
    /// Legs it has now.
    pub legs: u64,
    /// Calls it has now.
    pub calls: u64,
    /// Microseconds in which it worked.
    pub busy_us: u64,
    /// Microseconds of its longest turn.
    pub longest_turn_us: u64,
    /// Microseconds by which it woke too late, at worst.
    pub latest_us: u64,
    /// Microseconds by which it woke too late, all turns together.
    pub late_us: u64,
    /// Its turns by how late they came: up to each of [`LATENESS_US`] (and beyond the one before), and later than all.
    pub late_turns: [u64; LATENESS_US.len() + 1],
    /// Frames encoded.
    pub encodes: u64,
    /// Words for the signalling side that found no room.
    pub words_lost: u64,
}

/// What the mixer has done so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Thread by thread.
    pub workers: Vec<WorkerStats>,
    /// Datagrams not used by legs that have ended, and up to about a second ago by those that live.
    pub drops: Drops,
    /// Packets that the system did not take, counted in the same way.
    pub unsent: u64,
    /// RTP packets of ours that it took, counted in the same way.
    pub sent_packets: u64,
    /// RTP packets received from the legs' phones, counted in the same way.
    pub received_packets: u64,
    /// RTP packets lost on the way to us, counted in the same way.
    pub lost_packets: u64,
    /// Legs open now, with a call or without.
    pub legs: usize,
    /// Calls with somebody in them.
    pub calls: usize,
    /// Ports that could not be bound.
    pub unbindable_ports: u64,
}

/// What legs have come to, together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) drops: Drops,
    pub(crate) unsent: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) lost: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, leg: &LegStats) {
        self.drops.merge(&leg.drops);
        self.unsent += leg.unsent;
        self.sent += leg.rtcp.sent_packets;
        self.received += leg.rtcp.received_packets;
        self.lost += u64::try_from(leg.lost_packets).unwrap_or(0);
    }
}

impl Counters {
    pub(crate) fn read(&self) -> WorkerStats {
        WorkerStats {
            scheduling: match self.scheduling.load(Relaxed) {
                1 => Scheduling::RealTime,
                2 => Scheduling::ShortSlice,
                3 => Scheduling::SliceOnly,
                _ => Scheduling::Normal,
            },
            ticks: self.ticks.load(Relaxed),
            lost_ticks: self.lost_ticks.load(Relaxed),
            legs: self.legs.load(Relaxed),
            calls: self.calls.load(Relaxed),
            busy_us: self.busy_us.load(Relaxed),
            longest_turn_us: self.longest_turn_us.load(Relaxed),
            latest_us: self.latest_us.load(Relaxed),
            late_us: self.late_us.load(Relaxed),
            late_turns: std::array::from_fn(|class| self.late_turns[class].load(Relaxed)),
            encodes: self.encodes.load(Relaxed),
            words_lost: self.words_lost.load(Relaxed),
        }
    }

    pub(crate) fn scheduled(&self, scheduling: Scheduling) {
        let code = match scheduling {
            Scheduling::RealTime => 1,
            Scheduling::ShortSlice => 2,
            Scheduling::SliceOnly => 3,
            Scheduling::Normal => 0,
        };
        self.scheduling.store(code, Relaxed);
    }

    /// A turn came so late.
    pub(crate) fn late(&self, us: u64) {
        let class = LATENESS_US.iter().position(|end| us <= *end).unwrap_or(LATENESS_US.len());
        self.add(&self.late_turns[class], 1);
        self.add(&self.late_us, us);
        self.raise(&self.latest_us, us);
    }

    pub(crate) fn add(&self, counter: &AtomicU64, more: u64) {
        // one writer: no read-modify-write is needed
        counter.store(counter.load(Relaxed) + more, Relaxed);
    }

    pub(crate) fn raise(&self, counter: &AtomicU64, to: u64) {
        if to > counter.load(Relaxed) {
            counter.store(to, Relaxed);
        }
    }
}
