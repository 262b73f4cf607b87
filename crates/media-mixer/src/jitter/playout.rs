//! The leaving side: makes one frame of what waits, fills what is missing, and bends time where the delay is wrong.

use super::intake::STOOD_STILL_US;
use super::pace::{Aim, Pace, Wish};
use super::{Arrival, FIFO_SAMPLES, Frame, Jitter, Kind, REMEMBERED_FRAMES, stretch};
use crate::codec::{Decoder, FRAME_SAMPLES};

/// What is kept in hand beyond the jitter, in samples: 1.5 ms, so that a drifting sender is met before it is late.
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
    /// Makes the frame of the tick at `now_us` in `out`. Called once a tick; a missed call delays the sound, which is then
    /// caught up, pauses first.
    pub fn pull(&mut self, now_us: u64, out: &mut [i16; FRAME_SAMPLES]) -> Frame {
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
        self.jump_at = None;
        self.conceal.forget();
        self.remembered = [i64::MAX; REMEMBERED_FRAMES];
        self.pace = Pace::new();
    }

    fn report(&mut self, made: &Made) -> Frame {
        let discontinuity = self.jump_at.is_some_and(|at| at < self.next);
        if discontinuity {
            self.jump_at = None;
        }
        if made.silent {
            if self.conceal.filled() >= STOPPED_SAMPLES && self.store.len() == 0 {
                self.stop();
            }
            return Frame { discontinuity, ..Frame::SILENCE };
        }
        self.counts.concealed += made.concealed as u64;
        Frame {
            timestamp: Some(made.start as u32),
            oldest: Some(made.oldest as u32),
            kind: if made.concealed > 0 { Kind::Concealed } else { Kind::Decoded },
            discontinuity,
            concealed: made.concealed as u16,
        }
    }

    fn aim(&self) -> Aim {
        let margin = match self.arrival {
            Arrival::Stamped => MARGIN,
            Arrival::AtTick => self.grid * QUARTERS_AT_TICK / 4,
        };
        let (base, wait) = self.delay.as_ref().map_or((0, 0), |delay| (delay.base(), delay.wait()));
        Aim {
            base,
            target: wait + margin,
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
        (0..FRAME_SAMPLES as i64).step_by(self.grid as usize).map(|silence| timestamp - silence).find(|start| {
            self.next = *start;
            let aim = self.aim();
            aim.headroom(now - start) >= aim.target
        })
    }

    /// A frame made of a little more or a little less than a frame's sound, if that is wished and can be done unheard.
    fn stretched(&mut self, wish: Wish, out: &mut [i16; FRAME_SAMPLES]) -> Option<Made> {
        if wish == Wish::Keep || self.conceal.active() {
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
        self.consume((FRAME_SAMPLES as i64 + left_out) as usize);
        Some(Made { start, oldest: start, concealed: 0, silent: false })
    }

    fn shorten(&mut self, samples: usize, likeness: Option<f32>, out: &mut [i16; FRAME_SAMPLES]) -> Option<i64> {
        let samples = samples.min(FRAME_SAMPLES);
        self.decode_up_to(FRAME_SAMPLES + samples);
        let input = &self.fifo[..self.fifo_len.min(FRAME_SAMPLES + samples)];
        let most = input.len().checked_sub(FRAME_SAMPLES).filter(|most| *most > 0)?;
        let lag = if is_pause(input) {
            most
        } else {
            stretch::best_cut(input, most).filter(|lag| likeness.is_some_and(|least| lag.likeness >= least))?.samples
        };
        stretch::cut(input, lag, out);
        self.counts.shortened += lag as u64;
        Some(lag as i64)
    }

    fn lengthen(&mut self, samples: usize, likeness: f32, out: &mut [i16; FRAME_SAMPLES]) -> Option<i64> {
        self.decode_up_to(FRAME_SAMPLES);
        let input = self.fifo[..self.fifo_len].first_chunk::<FRAME_SAMPLES>()?;
        let lag = if is_pause(input) {
            samples.min(stretch::MAX_ADD)
        } else {
            stretch::best_add(input, samples.max(stretch::MAX_ADD / 2)).filter(|lag| lag.likeness >= likeness)?.samples
        };
        stretch::add(input, lag, out);
        self.counts.lengthened += lag as u64;
        Some(lag as i64)
    }

    /// A frame of what waits, with what is missing filled in. If more time is needed anyway and nothing waits, what is missing is
    /// taken to be late, not lost: the filling then stands for nothing and is followed by what was missing.
    fn plain(&mut self, wish: Wish, out: &mut [i16; FRAME_SAMPLES]) -> Made {
        let mut patience = if let Wish::Lengthen(samples, _) = wish { samples as usize } else { 0 };
        let mut made = Made { start: self.next, oldest: self.next, concealed: 0, silent: true };
        let mut done = 0;
        while done < FRAME_SAMPLES {
            self.decode_up_to(FRAME_SAMPLES - done);
            let wanted = FRAME_SAMPLES - done;
            if self.fifo_len > 0 {
                let count = wanted.min(self.fifo_len);
                self.real(&mut out[done..done + count], &mut made);
                done += count;
            } else {
                let next_packet = self.store.first().map(|packet| packet.timestamp);
                let hole = next_packet.map_or(i64::MAX, |start| start - self.next);
                let count = hole.min(wanted as i64) as usize;
                let (before, rest) = out.split_at_mut(done);
                self.hole(before, &mut rest[..count], &mut made);
                done += count;
                if next_packet.is_none() && !self.conceal.faded_out() {
                    let waited = patience.min(count);
                    patience -= waited;
                    self.wait_for_late(waited);
                }
            }
        }
        made
    }

    /// The last `samples` of filling were added, not put in the place of something.
    fn wait_for_late(&mut self, samples: usize) {
        self.next -= samples as i64;
        self.pace.stretched(-(samples as i64));
        self.counts.lengthened += samples as u64;
    }

    fn real(&mut self, out: &mut [i16], made: &mut Made) {
        out.copy_from_slice(&self.fifo[..out.len()]);
        if self.conceal.active() {
            if !self.conceal.faded_out() {
                made.oldest = made.oldest.min(self.hole_oldest);
            }
            self.conceal.merge(out);
        }
        self.consume(out.len());
        made.silent = false;
    }

    fn hole(&mut self, before: &[i16], out: &mut [i16], made: &mut Made) {
        if made.silent && self.remembered == [i64::MAX; REMEMBERED_FRAMES] {
            // Not a hole: the stream starts within this frame.
            out.fill(0);
            self.next += out.len() as i64;
            return;
        }
        if !self.conceal.active() {
            self.hole_oldest = self.remembered.iter().copied().min().unwrap_or(i64::MAX).min(made.oldest);
        }
        if !self.conceal.faded_out() {
            made.oldest = made.oldest.min(self.hole_oldest);
            made.concealed += out.len();
            made.silent = false;
        }
        self.conceal.fill(before, out);
        self.next += out.len() as i64;
    }

    /// Decodes what follows without a hole until at least `samples` wait, if there is so much.
    fn decode_up_to(&mut self, samples: usize) {
        while self.fifo_len < samples {
            let end = self.next + self.fifo_len as i64;
            let Some(packet) = self.store.first().filter(|packet| packet.timestamp <= end) else { return };
            if packet.after_jump {
                self.jump_at = Some(packet.timestamp.max(self.next));
            }
            if packet.end() <= end {
                self.store.drop_first();
                continue;
            }
            if self.decoder.0 != packet.codec {
                self.decoder = (packet.codec, Decoder::new(packet.codec));
            }
            let bytes = self.store.take_first(&mut self.payload);
            let room = &mut self.fifo[self.fifo_len..];
            let decoded = self.decoder.1.decode(&self.payload[..bytes], room);
            let heard_already = ((end - packet.timestamp) as usize).min(decoded);
            room.copy_within(heard_already..decoded, 0);
            self.fifo_len += decoded - heard_already;
            self.decoded_to = packet.end();
        }
        debug_assert!(self.fifo_len <= FIFO_SAMPLES);
    }

    /// Takes the first samples off what is decoded; they have been played.
    fn consume(&mut self, samples: usize) {
        self.fifo.copy_within(samples..self.fifo_len, 0);
        self.fifo_len -= samples;
        self.next += samples as i64;
    }
}

fn is_pause(samples: &[i16]) -> bool {
    let power: i64 = samples.iter().map(|s| i64::from(*s) * i64::from(*s)).sum();
    power < QUIET * samples.len() as i64
}
