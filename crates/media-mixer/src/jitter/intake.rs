//! The arriving side: whose packet it is, where its timestamp belongs, and whether its turn is still to come.

use super::delay::Delay;
use super::store::{Kept, MAX_PAYLOAD};
use super::{Jitter, PacketMeta, Pushed, StreamState};
use crate::codec::{FRAME_SAMPLES, duration};

/// A packet this much earlier or later than expected (1 s at 8 kHz) belongs to another count of timestamps.
const JUMP_MS: i64 = 1_000;

/// A packet this much earlier than the earliest is played in its place, but what was timed before is worth nothing.
const EARLY_MS: i64 = 40;

/// Packets may be too late, one after the other and none in time, for so long; then the stream is taken up anew.
const ALL_LATE_US: u64 = 100_000;

/// Packets of a source that was just left which bring it back, if none of the new one's come between.
const RETURNING: u8 = 3;

/// Pulls this far apart mean that the process stood still: what comes then is not late by the wire's fault.
pub(super) const STOOD_STILL_US: u64 = 40_000;

impl Jitter {
    /// Takes a packet that arrived at `now_us`. Never fails: what cannot be played is counted and dropped.
    pub fn push(&mut self, packet: PacketMeta, payload: &[u8], now_us: u64) -> Pushed {
        if payload.is_empty() || payload.len() > MAX_PAYLOAD || self.just_left(packet.ssrc) {
            self.counts.refused += 1;
            return Pushed::Refused;
        }
        let Some(stream) = self.stream.filter(|stream| stream.ssrc == packet.ssrc) else {
            return self.start_over(packet, payload, now_us);
        };
        let timestamp = stream.timestamp + i64::from(packet.timestamp.wrapping_sub(stream.timestamp as u32) as i32);
        let transit = self.ticks(now_us) - timestamp;
        let newer = packet.sequence.wrapping_sub(stream.sequence) < 1 << 15;
        let off = self.delay.as_ref().map_or(0, |delay| transit - delay.base());
        let ms = i64::from(self.clock_rate) / 1_000;
        let ours = self.last_pull_us.is_none_or(|pull| now_us.saturating_sub(pull) > STOOD_STILL_US);
        if off < -JUMP_MS * ms || (off > JUMP_MS * ms && newer && !ours) {
            return self.start_over(packet, payload, now_us);
        }
        self.jumped |= off < -EARLY_MS * ms;
        if let Some(delay) = &mut self.delay {
            delay.arrived(transit, now_us, ours);
        }
        if newer && timestamp > stream.timestamp {
            self.stream = Some(StreamState { timestamp, sequence: packet.sequence, ..stream });
        }
        if self.is_over(timestamp + duration(packet.codec, payload.len()) as i64) {
            self.counts.late += 1;
            let since = *self.late_since_us.get_or_insert(now_us);
            if newer && now_us.saturating_sub(since) > ALL_LATE_US {
                return self.start_over(packet, payload, now_us);
            }
            return Pushed::Late;
        }
        self.keep(packet, timestamp, payload)
    }

    /// Whether `ssrc` is the source left last and has not come back for good. Its stragglers must not undo the change.
    fn just_left(&mut self, ssrc: u32) -> bool {
        match &mut self.left {
            Some((left, count)) if *left == ssrc => {
                *count += 1;
                *count < RETURNING
            }
            Some((_, count)) => {
                *count = 0;
                false
            }
            None => false,
        }
    }

    /// A new source, or a new count of timestamps.
    fn start_over(&mut self, packet: PacketMeta, payload: &[u8], now_us: u64) -> Pushed {
        let first_ever = self.stream.is_none();
        if let Some(old) = self.stream.filter(|old| old.ssrc != packet.ssrc) {
            self.left = Some((old.ssrc, 0));
        }
        self.store.clear();
        self.stop();
        self.decoded_to = i64::MIN;
        let timestamp = i64::from(packet.timestamp);
        let wait = self.delay.as_ref().map_or(0, Delay::wait);
        self.delay = Some(Delay::new(self.clock_rate, self.ticks(now_us) - timestamp, now_us, wait));
        self.stream = Some(StreamState { ssrc: packet.ssrc, timestamp, sequence: packet.sequence });
        self.jumped = true;
        let kept = self.keep(packet, timestamp, payload);
        if first_ever {
            return kept;
        }
        self.counts.resets += 1;
        Pushed::Reset
    }

    /// Whether sound up to `end` has been played or passed over.
    fn is_over(&self, end: i64) -> bool {
        if self.playing { end <= self.next + self.fifo_len as i64 } else { end <= self.decoded_to }
    }

    fn keep(&mut self, packet: PacketMeta, timestamp: i64, payload: &[u8]) -> Pushed {
        let duration = duration(packet.codec, payload.len());
        match self.store.insert(timestamp, packet.codec, payload, self.jumped) {
            Kept::Stored => {}
            Kept::StoredAfterDropping(packets) => self.counts.overflowed += u64::from(packets),
            Kept::Duplicate => {
                self.counts.duplicates += 1;
                return Pushed::Duplicate;
            }
            Kept::TooOld => {
                self.counts.overflowed += 1;
                return Pushed::Refused;
            }
        }
        self.jumped = false;
        self.late_since_us = None;
        self.counts.stored += 1;
        self.grid = gcd(gcd(FRAME_SAMPLES, duration), self.last_duration) as i64;
        self.last_duration = duration;
        self.last_start = timestamp;
        Pushed::Stored
    }
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
