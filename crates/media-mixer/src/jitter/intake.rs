//! The arriving side: whose packet it is, where its timestamp belongs, and whether its turn is still to come.

use super::delay::Delay;
use super::store::{Kept, MAX_PAYLOAD};
use super::{Jitter, PacketMeta, Pushed, StreamState};
use crate::codec::{self, Codec, samples_in};

/// Samples of 8 kHz that one packet of a codec with a memory may stand for: 120 ms, the most that Opus has.
const LONGEST: usize = 960;

/// For so long after a loss in a stream that repeats its frames it is worth waiting for the packet after a lost one.
const LOSSY_US: u64 = 10_000_000;

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
        if !self.is_playable(packet, payload) {
            self.counts.refused += 1;
            return Pushed::Refused;
        }
        if packet.codec != Codec::ComfortNoise && !self.is_tuned_to(packet.codec) {
            self.tune(packet.codec);
            return self.start_over(packet, payload, now_us);
        }
        let Some(stream) = self.stream.filter(|stream| stream.ssrc == packet.ssrc) else {
            return self.start_over(packet, payload, now_us);
        };
        let timestamp = stream.timestamp + i64::from(packet.timestamp.wrapping_sub(stream.timestamp as u32) as i32);
        let place = self.place_of(timestamp);
        let transit = self.ticks(now_us) - place;
        let newer = packet.sequence.wrapping_sub(stream.sequence) < 1 << 15;
        let off = self.delay.as_ref().map_or(0, |delay| transit - delay.base());
        let ms = i64::from(self.rate.hertz()) / 1_000;
        let ours = self.last_pull_us.is_none_or(|pull| now_us.saturating_sub(pull) > STOOD_STILL_US);
        if off < -JUMP_MS * ms || (off > JUMP_MS * ms && newer && !ours) {
            return self.start_over(packet, payload, now_us);
        }
        self.jumped |= off < -EARLY_MS * ms;
        if let Some(delay) = &mut self.delay {
            delay.arrived(transit, now_us, ours);
        }
        self.notice_loss(packet, payload, stream.sequence, now_us);
        if newer && timestamp > stream.timestamp {
            self.stream = Some(StreamState { timestamp, sequence: packet.sequence, ..stream });
        }
        if self.is_over(place + self.duration(packet, payload) as i64) {
            self.counts.late += 1;
            let since = *self.late_since_us.get_or_insert(now_us);
            if newer && now_us.saturating_sub(since) > ALL_LATE_US {
                return self.start_over(packet, payload, now_us);
            }
            return Pushed::Late;
        }
        self.keep(packet, place, payload)
    }

    /// Whether there is a decoder for this packet, and room for what it makes of it. One of another clock that is older than the
    /// newest is a straggler from before a change of the codec, and comfort noise is none without the stream it belongs to.
    fn is_playable(&self, packet: PacketMeta, payload: &[u8]) -> bool {
        let samples = samples_in(packet.codec, payload);
        let same = self.stream.filter(|stream| stream.ssrc == packet.ssrc);
        let newer = same.is_none_or(|stream| packet.sequence.wrapping_sub(stream.sequence) < 1 << 15);
        match packet.codec {
            Codec::ComfortNoise => same.is_some() && packet.codec.clock_rate() == self.clock_rate,
            Codec::Opus => samples > 0 && self.tools.opus.is_some() && (newer || self.is_tuned_to(packet.codec)),
            Codec::Pcmu | Codec::Pcma | Codec::L16 | Codec::G722 => {
                let times = packet.codec.rate().times();
                let fits = times == 1 || samples <= LONGEST * times;
                fits && samples > 0
                    && self.tools.fifo.len() >= super::fifo_samples(packet.codec.rate())
                    && (newer || self.is_tuned_to(packet.codec))
            }
        }
    }

    /// Samples that a packet stands for; comfort noise for a frame, until more comes.
    fn duration(&self, packet: PacketMeta, payload: &[u8]) -> usize {
        match packet.codec {
            Codec::ComfortNoise => self.rate.frame(),
            codec @ (Codec::Pcmu | Codec::Pcma | Codec::L16 | Codec::G722 | Codec::Opus) => samples_in(codec, payload),
        }
    }

    /// A gap in the numbers of a stream whose packets repeat the frame before: from now on it is worth waiting for the next one.
    fn notice_loss(&mut self, packet: PacketMeta, payload: &[u8], before: u16, now_us: u64) {
        let missing = packet.sequence.wrapping_sub(before);
        if packet.codec == Codec::Opus && (2..100).contains(&missing) && codec::repeats_the_frame_before(payload) {
            self.lossy_until_us = now_us + LOSSY_US;
        }
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
        let place = self.place_of(timestamp);
        let wait = self.delay.as_ref().map_or(0, Delay::wait);
        self.delay = Some(Delay::new(self.rate.hertz(), self.ticks(now_us) - place, now_us, wait));
        self.stream = Some(StreamState { ssrc: packet.ssrc, timestamp, sequence: packet.sequence });
        self.jumped = true;
        let kept = self.keep(packet, place, payload);
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

    /// What was to be played next has made room, and what waits goes on as fast as it is played: the hole before it would stay for
    /// ever. So it is passed over, and the newest of what waits comes next.
    fn leave_what_was_dropped(&mut self) {
        let due = self.next + self.fifo_len as i64;
        if self.playing && self.store.first().is_some_and(|first| first.timestamp > due) {
            self.stop();
            self.skip_old = true;
        }
    }

    fn keep(&mut self, packet: PacketMeta, place: i64, payload: &[u8]) -> Pushed {
        let duration = self.duration(packet, payload);
        match self.store.insert(place, duration, packet.codec, payload, self.jumped) {
            Kept::Stored => {}
            Kept::StoredAfterDropping(packets) => {
                self.counts.overflowed += u64::from(packets);
                self.leave_what_was_dropped();
            }
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
        if packet.codec != Codec::ComfortNoise {
            self.grid = gcd(gcd(self.rate.frame(), duration), self.last_duration) as i64;
            self.last_duration = duration;
            self.last_start = place;
        }
        Pushed::Stored
    }
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
