//! What a media thread counts: written by it alone, read by anybody at any time, without a lock.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use crate::leg::Drops;
use crate::realtime::Scheduling;

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
    pub(crate) latest_us: AtomicU64,
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
    /// Legs open now, with a call or without.
    pub legs: usize,
    /// Ports that could not be bound.
    pub unbindable_ports: u64,
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
