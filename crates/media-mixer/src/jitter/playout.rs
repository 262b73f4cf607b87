//! The leaving side: makes one frame of what waits, fills what is missing, and bends time where the delay is wrong.

use super::intake::STOOD_STILL_US;
use super::pace::{Aim, Pace, Wish};
use super::{Arrival, Frame, Jitter, Kind, REMEMBERED_FRAMES, stretch};
use crate::codec::Codec;

/// What is kept in hand beyond the jitter, in samples of 8 kHz: 1.5 ms, so that a drifting sender is met before it is late.
const MARGIN: i64 = 12;

/// The same where arrival times are no better than the tick, in quarters of the grid: such packets seem to come in the last
/// moment and do not.
const QUARTERS_AT_TICK: i64 = -3;

/// Silence after which the sender is taken to have stopped, and is awaited anew: 200 ms.
const STOPPED_SAMPLES: usize = 1_600;

/// Without a pull for so long nobody wants to hear what came meanwhile.
const FORGOTTEN_US: u64 = 1_000_000;

/// Mean square below which a frame is a pause: -45 dBFS.
const QUIET: i64 = 34_000;

/// One frame, in our own count of timestamps.
struct Made {
    start: i64,
    oldest: i64,
    concealed: usize,
    silent: bool,
}

impl Jitter {
    /// Makes the frame of the tick at `now_us` at the front of `out`, of [`Jitter::rate`]; one for which there is no room is silent.
    /// Called once a tick; a missed call delays the sound, which is then caught up, pauses first.
    pub fn pull(&mut self, now_us: u64, out: &mut [i16]) -> Frame {
        let Some(out) = out.get_mut(..self.rate.frame()) else {
            out.fill(0);
            return Frame::SILENCE;
        };
        let since_last = self.last_pull_us.map_or(0, |last| now_us.saturating_sub(last));
        self.last_pull_us = Some(now_us);
        if since_last > STOOD_STILL_US {
            self.pace.restart();
        }
        if since_last > FORGOTTEN_US {
            self.stop();
            self.skip_old = true;
        }
        let now = self.ticks(now_us);
        if !self.playing && !self.begin(now) {
            out.fill(0);
            return Frame::SILENCE;
        }
        let wish = self.pace.pulled(now - self.next, &self.aim());
        let made = self.stretched(wish, out).unwrap_or_else(|| self.plain(wish, out));
        self.conceal.heard(out);
        self.remembered.rotate_left(1);
        self.remembered[REMEMBERED_FRAMES - 1] = made.oldest;
        self.report(&made)
    }

    /// Forgets what plays and what was heard. What waits stays.
    pub(super) fn stop(&mut self) {
        self.playing = false;
        self.fifo_len = 0;
        self.made_up = 0;
        self.filled = 0;
        self.comfort = None;
        self.tainted_to = i64::MIN;
        self.forget_heard();
        self.jump_at = None;
        self.conceal.forget();
        self.remembered = [i64::MAX; REMEMBERED_FRAMES];
        self.pace = Pace::new(self.rate.times());
    }

    fn report(&mut self, made: &Made) -> Frame {
        let discontinuity = self.jump_at.is_some_and(|at| at < self.next);
        if discontinuity {
            self.jump_at = None;
        }
        if made.silent {
            let silent = self.conceal.filled().max(self.filled);
            if silent >= STOPPED_SAMPLES * self.rate.times() && self.store.len() == 0 {
                self.stop();
            }
            return Frame { discontinuity, ..Frame::SILENCE };
        }
        self.counts.concealed += (made.concealed / self.rate.times()) as u64;
        Frame {
            timestamp: Some(self.timestamp_of(made.start)),
            oldest: Some(self.timestamp_of(made.oldest)),
            kind: if made.concealed > 0 { Kind::Concealed } else { Kind::Decoded },
            discontinuity,
            concealed: made.concealed as u16,
        }
    }

    fn aim(&self) -> Aim {
        let margin = match self.arrival {
            Arrival::Stamped => MARGIN * self.rate.times() as i64,
            Arrival::AtTick => self.grid * QUARTERS_AT_TICK / 4,
        };
        let (base, wait) = self.delay.as_ref().map_or((0, 0), |delay| (delay.base(), delay.wait()));
        // what a packet repeats of the one before is only of use while that is still to be played
        let lossy = self.last_pull_us.is_some_and(|now_us| now_us < self.lossy_until_us);
        let repeated = if lossy { self.last_duration as i64 } else { 0 };
        Aim {
            frame: self.rate.frame() as i64,
            base,
            target: wait + margin + repeated,
            grid: self.grid,
            ahead_of_grid: (self.last_start - self.next).rem_euclid(self.grid),
        }
    }

    /// Starts to play once the first packet has waited as long as its successors may need, within a frame if that is enough.
    fn begin(&mut self, now: i64) -> bool {
        let Some(first) = self.store.first() else { return false };
        let Some(mut start) = self.start_before(first.timestamp, now) else { return false };
        while let Some(second) = self.store.second().filter(|_| self.skip_old) {
            let Some(later) = self.start_before(second.timestamp, now) else { break };
            self.store.drop_first();
            self.counts.overflowed += 1;
            start = later;
        }
        self.skip_old = false;
        self.next = start;
        self.playing = true;
        true
    }

    /// The latest timestamp, at most a frame before `timestamp`, with which to start now gives all packets enough time.
    fn start_before(&mut self, timestamp: i64, now: i64) -> Option<i64> {
        (0..self.rate.frame() as i64).step_by(self.grid as usize).map(|silence| timestamp - silence).find(|start| {
            self.next = *start;
            let aim = self.aim();
            aim.headroom(now - start) >= aim.target
        })
    }

    /// A frame made of a little more or a little less than a frame's sound, if that is wished and can be done unheard.
    fn stretched(&mut self, wish: Wish, out: &mut [i16]) -> Option<Made> {
        if wish == Wish::Keep || self.conceal.active() || self.made_up > 0 {
            return None;
        }
        let left_out = match wish {
            Wish::Keep => return None,
            Wish::ShortenPause(samples) => self.shorten(samples as usize, None, out)?,
            Wish::Shorten(samples, likeness) => self.shorten(samples as usize, Some(likeness), out)?,
            Wish::Lengthen(samples, likeness) => -self.lengthen(samples as usize, likeness, out)?,
        };
        let start = self.next;
        self.pace.stretched(left_out);
        self.consume((out.len() as i64 + left_out) as usize);
        Some(Made { start, oldest: self.oldest_in(start), concealed: 0, silent: false })
    }

    fn shorten(&mut self, samples: usize, likeness: Option<f32>, out: &mut [i16]) -> Option<i64> {
        let (frame, times) = (self.rate.frame(), self.rate.times());
        let samples = samples.min(frame);
        self.decode_up_to(frame + samples);
        let input = &self.tools.fifo[..self.fifo_len.min(frame + samples)];
        let most = input.len().checked_sub(frame).filter(|most| *most > 0)?;
        let lag = if is_pause(input) {
            most
        } else {
            let alike = stretch::best_cut(input, times, most);
            alike.filter(|lag| likeness.is_some_and(|least| lag.likeness >= least))?.samples
        };
        stretch::cut(input, times, lag, out);
        self.counts.shortened += (lag / times) as u64;
        Some(lag as i64)
    }

    fn lengthen(&mut self, samples: usize, likeness: f32, out: &mut [i16]) -> Option<i64> {
        let times = self.rate.times();
        self.decode_up_to(self.rate.frame());
        let input = self.tools.fifo[..self.fifo_len].get(..self.rate.frame())?;
        let most = stretch::MAX_ADD * times;
        let lag = if is_pause(input) {
            samples.min(most)
        } else {
            stretch::best_add(input, times, samples.max(most / 2)).filter(|lag| lag.likeness >= likeness)?.samples
        };
        stretch::add(input, times, lag, out);
        self.counts.lengthened += (lag / times) as u64;
        Some(lag as i64)
    }

    /// A frame of what waits, with what is missing filled in. If more time is needed anyway and nothing waits, what is missing is
    /// taken to be late, not lost: the filling then stands for nothing and is followed by what was missing.
    fn plain(&mut self, wish: Wish, out: &mut [i16]) -> Made {
        let mut patience = if let Wish::Lengthen(samples, _) = wish { samples as usize } else { 0 };
        let start = self.next;
        // what is put into it says how old that is; noise is of nobody
        let mut made = Made { start, oldest: start, concealed: 0, silent: true };
        let mut done = 0;
        while done < out.len() {
            let wanted = out.len() - done;
            self.decode_up_to(wanted);
            if self.fifo_len > 0 {
                let count = wanted.min(self.fifo_len);
                self.real(&mut out[done..done + count], &mut made);
                done += count;
                continue;
            }
            let next_packet = self.store.first().map(|packet| packet.timestamp);
            let hole = next_packet.map_or(i64::MAX, |start| start - self.next);
            let count = hole.min(wanted as i64) as usize;
            let (before, rest) = out.split_at_mut(done);
            let filled = self.hole(before, &mut rest[..count], hole, &mut made);
            done += filled;
            if next_packet.is_none() && self.may_be_late() {
                let waited = patience.min(filled);
                patience -= waited;
                self.wait_for_late(waited);
            }
        }
        made
    }

    /// Whether what is missing may come yet: it has not been filled for so long, and the sender does not pause.
    fn may_be_late(&self) -> bool {
        let long = self.conceal.faded_out() || self.filled >= STOPPED_SAMPLES * self.rate.times();
        self.comfort.is_none() && !long
    }

    /// The last `samples` of filling were added, not put in the place of something.
    fn wait_for_late(&mut self, samples: usize) {
        self.next -= samples as i64;
        self.pace.stretched(-(samples as i64));
        self.counts.lengthened += (samples / self.rate.times()) as u64;
    }

    fn real(&mut self, out: &mut [i16], made: &mut Made) {
        out.copy_from_slice(&self.tools.fifo[..out.len()]);
        if self.conceal.active() {
            if !self.conceal.faded_out() {
                made.oldest = made.oldest.min(self.hole_oldest);
            }
            self.conceal.merge(out);
        }
        made.oldest = made.oldest.min(self.oldest_in(self.next));
        made.concealed += out.len().min(self.made_up);
        self.consume(out.len());
        made.silent = false;
    }

    /// Fills `out` or its front; how much of it.
    fn hole(&mut self, before: &[i16], out: &mut [i16], hole: i64, made: &mut Made) -> usize {
        let unheard = self.remembered == [i64::MAX; REMEMBERED_FRAMES];
        if made.silent && unheard {
            // Not a hole: the stream starts within this frame.
            out.fill(0);
            self.next += out.len() as i64;
            return out.len();
        }
        let repeated = self.is_repeated(hole);
        if !self.conceal.active() && self.filled == 0 && self.next >= self.tainted_to {
            let before = self.oldest_in(self.next).min(made.oldest);
            self.hole_oldest = self.remembered.iter().copied().min().unwrap_or(i64::MAX).min(before);
        }
        if !repeated && self.comfort(out) {
            self.conceal.forget();
            made.silent = false;
            self.next += out.len() as i64;
            // the decoder heard nothing of the pause: what it makes next begins with what it knew before
            self.taint(self.next);
            return out.len();
        }
        if repeated || self.mends() {
            return self.mended(out, hole, made);
        }
        if !self.conceal.faded_out() {
            made.oldest = made.oldest.min(self.hole_oldest);
            made.concealed += out.len();
            made.silent = false;
        }
        self.conceal.fill(before, out);
        self.next += out.len() as i64;
        self.taint(self.next);
        out.len()
    }

    /// The decoder fills the hole, or silence does when it has been open for long.
    fn mended(&mut self, out: &mut [i16], hole: i64, made: &mut Made) -> usize {
        if !self.mend(out.len(), hole) {
            out.fill(0);
            self.filled += out.len();
            self.next += out.len() as i64;
            self.taint(self.next);
            return out.len();
        }
        made.oldest = made.oldest.min(self.hole_oldest);
        let count = out.len().min(self.fifo_len);
        self.real(&mut out[..count], made);
        count
    }

    /// Decodes what follows without a hole until at least `samples` wait, if there is so much.
    fn decode_up_to(&mut self, samples: usize) {
        while self.fifo_len < samples {
            let end = self.next + self.fifo_len as i64;
            let Some(packet) = self.store.first().filter(|packet| packet.timestamp <= end) else { return };
            if packet.after_jump {
                self.jump_at = Some(packet.timestamp.max(self.next));
            }
            if packet.codec == Codec::ComfortNoise {
                let bytes = self.store.take_first(&mut self.payload);
                self.pauses(bytes);
                continue;
            }
            if packet.end() <= end {
                self.store.drop_first();
                continue;
            }
            let bytes = self.store.take_first(&mut self.payload);
            let decoded = self.decode(packet.codec, bytes);
            let heard_already = ((end - packet.timestamp) as usize).min(decoded);
            self.tools.fifo[self.fifo_len..].copy_within(heard_already..decoded, 0);
            let from = self.fifo_len;
            self.fifo_len += decoded - heard_already;
            self.decoded(packet.codec, bytes, from);
            self.decoded_to = packet.end();
        }
        debug_assert!(self.fifo_len <= self.tools.fifo.len());
    }

    /// Takes the first samples off what is decoded; they have been played.
    fn consume(&mut self, samples: usize) {
        self.tools.fifo.copy_within(samples..self.fifo_len, 0);
        self.fifo_len -= samples;
        self.made_up = self.made_up.saturating_sub(samples);
        self.next += samples as i64;
    }
}

fn is_pause(samples: &[i16]) -> bool {
    let power: i64 = samples.iter().map(|s| i64::from(*s) * i64::from(*s)).sum();
    power < QUIET * samples.len() as i64
}
