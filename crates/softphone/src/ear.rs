//! What a line heard, kept packet by packet, and how loud which tone was in it.
//!
//! It judges nothing: tests and the demo say what should have been heard.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A tone counts as heard in a window from here up: a spoken tone is at −12 dBFS, a mere half frame of it at −18.
const AUDIBLE_DBFS: f64 = -26.0;

/// Samples in the windows in which presence is judged: 20 ms at 8 kHz.
const WINDOW: usize = 160;

/// The windows in which traces are looked for: 100 ms, every 20 ms, faded in and out so that a loud tone beside the one
/// that is looked for does not reach it.
const TRACE_WINDOW: usize = 800;
/// A tone leaves a trace from here up: two frames of it at −45 dBFS.
const TRACE_DBFS: f64 = -50.0;
/// Whatever begins or ends at once is heard at all frequencies for a moment; a tone stands out by this.
const STANDS_OUT_DB: f64 = 6.0;
/// So far beside a tone it is not heard any more in a trace's window.
const BESIDE_HERTZ: f64 = 40.0;

/// The most packets one ear keeps: an hour.
const MOST_PACKETS: usize = 180_000;

/// One packet that was heard.
#[derive(Clone, Debug)]
struct Piece {
    at: Instant,
    /// Sequence numbers without wrap-around, per source.
    sequence: u64,
    timestamp: u32,
    ssrc: u32,
    samples: Vec<i16>,
}

#[derive(Debug, Default)]
struct Memory {
    pieces: Vec<Piece>,
    digits: Vec<(Instant, char)>,
}

/// The ear of one line. Clones are the same ear.
#[derive(Clone, Debug, Default)]
pub struct Ear(Arc<Mutex<Memory>>);

/// A moment in what an ear heard.
#[derive(Clone, Copy, Debug)]
pub struct Mark(Instant);

impl Mark {
    /// The mark so much later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0 + span)
    }

    /// The mark so much earlier.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.checked_sub(span).unwrap_or(self.0))
    }

    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    pub(crate) const fn instant(self) -> Instant {
        self.0
    }
}

impl Ear {
    /// Takes a packet's sound: its source, sequence number, timestamp and linear samples at 8 kHz.
    pub fn hear(&self, at: Instant, ssrc: u32, sequence: u16, timestamp: u32, samples: &[i16]) {
        let mut memory = self.memory();
        if memory.pieces.len() >= MOST_PACKETS {
            return;
        }
        let before = memory.pieces.iter().rev().find(|piece| piece.ssrc == ssrc).map(|piece| piece.sequence);
        let sequence = before.map_or(u64::from(sequence) + (1 << 16), |before| unwrap(before, sequence));
        memory.pieces.push(Piece { at, sequence, timestamp, ssrc, samples: samples.to_vec() });
    }

    pub(crate) fn digit(&self, at: Instant, digit: char) {
        self.memory().digits.push((at, digit));
    }

    /// The digits that came as RTP events, in their order.
    #[must_use]
    pub fn digits(&self) -> String {
        self.memory().digits.iter().map(|(_, digit)| digit).collect()
    }

    /// What came from `from` until now.
    #[must_use]
    pub fn since(&self, from: Mark) -> Heard {
        self.between(from, Mark::now())
    }

    /// What came in the last while.
    #[must_use]
    pub fn last(&self, span: Duration) -> Heard {
        self.since(Mark::now().before(span))
    }

    /// What came from `from` to `to`.
    #[must_use]
    pub fn between(&self, from: Mark, to: Mark) -> Heard {
        let memory = self.memory();
        let pieces: Vec<Piece> =
            memory.pieces.iter().filter(|piece| piece.at >= from.0 && piece.at < to.0).cloned().collect();
        drop(memory);
        Heard::assemble(pieces, from.0, to.0)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sequence number nearest to `before` whose low 16 bits are `low`.
fn unwrap(before: u64, low: u16) -> u64 {
    let step = low.wrapping_sub((before & 0xffff) as u16).cast_signed();
    before.saturating_add_signed(i64::from(step))
}

/// A stretch of sound as it was heard, put in order by its RTP timestamps; lost packets are silence.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Linear samples at 8 kHz.
    pub samples: Vec<i16>,
    /// Packets that came.
    pub packets: usize,
    /// Packets that the sequence numbers miss.
    pub lost: u64,
    /// The longest time without a packet.
    pub longest_wait: Duration,
}

impl Heard {
    fn assemble(mut pieces: Vec<Piece>, from: Instant, to: Instant) -> Self {
        let longest_wait = longest_wait(&pieces, from, to);
        let sources: Vec<u32> = pieces.iter().fold(Vec::new(), |mut known, piece| {
            if !known.contains(&piece.ssrc) {
                known.push(piece.ssrc);
            }
            known
        });
        let packets = pieces.len();
        pieces.sort_by_key(|piece| (sources.iter().position(|ssrc| *ssrc == piece.ssrc), piece.sequence));
        let mut lost = 0;
        let mut samples = Vec::new();
        let mut before: Option<&Piece> = None;
        for piece in &pieces {
            match before.filter(|before| before.ssrc == piece.ssrc) {
                Some(before) if before.sequence == piece.sequence => continue,
                Some(before) => {
                    lost += piece.sequence - before.sequence - 1;
                    let step = piece.timestamp.wrapping_sub(before.timestamp) as usize;
                    let gap = step.saturating_sub(before.samples.len());
                    // A pause of more than ten seconds in the timestamps is a new beginning, not a silence.
                    samples.resize(samples.len() + if gap <= 80_000 { gap } else { 0 }, 0);
                }
                None => {}
            }
            samples.extend_from_slice(&piece.samples);
            before = Some(piece);
        }
        Self { samples, packets, lost, longest_wait }
    }

    /// Milliseconds of sound.
    #[must_use]
    pub fn length_ms(&self) -> usize {
        self.samples.len() / 8
    }

    /// How loud `hertz` is over the whole stretch, in dBFS (a full-scale sine is −3).
    #[must_use]
    pub fn level(&self, hertz: f64) -> f64 {
        level(&self.samples, hertz)
    }

    /// How loud everything is, in dBFS.
    #[must_use]
    pub fn loudness(&self) -> f64 {
        decibels(power(&self.samples))
    }

    /// Whether a tone is heard in most of the stretch.
    #[must_use]
    pub fn hears(&self, hertz: f64) -> bool {
        let present = self.present_ms(hertz);
        present > 0 && present * 2 > self.length_ms()
    }

    /// Milliseconds (in windows of 20) in which a tone is audible: 0 is what a leak test asks for.
    #[must_use]
    pub fn present_ms(&self, hertz: f64) -> usize {
        20 * self.presence(hertz).filter(|present| *present).count()
    }

    /// How loud everything but a tone is where that is loudest, in dBFS, in windows of 20 ms.
    #[must_use]
    pub fn beside(&self, hertz: f64) -> f64 {
        let linear = |decibels: f64| 10_f64.powf(decibels / 10.0);
        let windows = self.samples.chunks_exact(WINDOW);
        let beside = windows.map(|window| decibels(power(window) - linear(level(window, hertz))));
        beside.max_by(f64::total_cmp).unwrap_or(-120.0)
    }

    /// The loudest trace of a tone in dBFS, however soft: two frames at −45 dBFS are found. `None`: there is not one.
    ///
    /// What leak tests ask for besides [`Heard::present_ms`], which counts what a person would hear.
    #[must_use]
    pub fn trace_of(&self, hertz: f64) -> Option<f64> {
        let mut padded = vec![0; TRACE_WINDOW / 2];
        padded.extend_from_slice(&self.samples);
        padded.resize(padded.len() + TRACE_WINDOW / 2, 0);
        let windows = padded.windows(TRACE_WINDOW).step_by(WINDOW);
        windows.filter_map(|window| trace(window, hertz)).max_by(f64::total_cmp)
    }

    /// The longest time a tone is not audible within this stretch, in milliseconds, its ends left out.
    #[must_use]
    pub fn longest_hole_ms(&self, hertz: f64) -> usize {
        let present: Vec<bool> = self.presence(hertz).collect();
        let Some(first) = present.iter().position(|p| *p) else { return self.length_ms() };
        let last = present.iter().rposition(|p| *p).unwrap_or(first);
        let longest = present[first..=last].split(|p| *p).map(<[bool]>::len).max().unwrap_or(0);
        20 * longest
    }

    fn presence(&self, hertz: f64) -> impl Iterator<Item = bool> + '_ {
        self.samples.chunks_exact(WINDOW).map(move |window| level(window, hertz) >= AUDIBLE_DBFS)
    }
}

fn longest_wait(pieces: &[Piece], from: Instant, to: Instant) -> Duration {
    let mut times: Vec<Instant> = pieces.iter().map(|piece| piece.at).collect();
    times.push(from);
    times.push(to);
    times.sort();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

/// Mean power of samples relative to full scale.
fn power(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| (f64::from(*sample) / 32_768.0).powi(2)).sum();
    sum / (samples.len().max(1) as f64)
}

fn decibels(power: f64) -> f64 {
    10.0 * power.max(1e-12).log10()
}

/// How loud a tone is in a faded window, if it stands out from what is beside it.
fn trace(window: &[i16], hertz: f64) -> Option<f64> {
    let at = |hertz| {
        let faded = window.iter().zip(fade()).map(|(sample, weight)| f64::from(*sample) / 32_768.0 * weight);
        goertzel(faded, window.len(), hertz)
    };
    let found = at(hertz);
    let stands_out =
        || [hertz - BESIDE_HERTZ, hertz + BESIDE_HERTZ].iter().all(|beside| found > at(*beside) + STANDS_OUT_DB);
    (found >= TRACE_DBFS && stands_out()).then_some(found)
}

/// A Hann window, twice as high so that a steady tone keeps its level.
fn fade() -> &'static [f64] {
    static FADE: std::sync::OnceLock<Vec<f64>> = std::sync::OnceLock::new();
    let weight = |n| 1.0 - (std::f64::consts::TAU * f64::from(n) / TRACE_WINDOW as f64).cos();
    FADE.get_or_init(|| (0..TRACE_WINDOW as u32).map(weight).collect())
}

/// Power of one frequency in `samples`, in dBFS.
fn level(samples: &[i16], hertz: f64) -> f64 {
    goertzel(samples.iter().map(|sample| f64::from(*sample) / 32_768.0), samples.len(), hertz)
}

/// Goertzel's algorithm.
fn goertzel(samples: impl Iterator<Item = f64>, count: usize, hertz: f64) -> f64 {
    let turn = std::f64::consts::TAU * hertz / crate::voice::RATE;
    let coefficient = 2.0 * turn.cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        let next = sample + coefficient * one - two;
        two = one;
        one = next;
    }
    let squared = one * one + two * two - coefficient * one * two;
    let count = count.max(1) as f64;
    decibels(2.0 * squared / (count * count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::{Speaking, Voice};

    fn ear_of(frames: impl Iterator<Item = (u16, Voice)>) -> (Ear, Mark) {
        let ear = Ear::default();
        let start = Mark::now();
        let mut speaking = Speaking::new(Voice::Silence);
        for (sequence, voice) in frames {
            speaking.change(voice);
            let mut frame = [0; 160];
            speaking.speak(&mut frame, 8_000.0);
            ear.hear(Instant::now(), 7, sequence, u32::from(sequence) * 160, &frame);
        }
        (ear, start)
    }

    #[test]
    fn a_spoken_tone_is_heard_at_minus_twelve() {
        let (ear, start) = ear_of((0..50).map(|n| (n, Voice::Tone(2_600.0))));
        let heard = ear.since(start);
        assert!((heard.level(2_600.0) + 12.0).abs() < 0.5, "{}", heard.level(2_600.0));
        assert!(heard.hears(2_600.0));
        assert!(!heard.hears(3_000.0));
        assert_eq!(heard.present_ms(3_000.0), 0);
    }

    #[test]
    fn one_leaked_frame_is_found() {
        let (ear, start) = ear_of((0..50).map(|n| (n, if n == 20 { Voice::Tone(2_600.0) } else { Voice::Silence })));
        assert!(ear.since(start).present_ms(2_600.0) >= 20);
    }

    /// A stretch of a loud tone with a soft one under it for some frames in the middle.
    fn with_a_soft_tone(loud: f64, soft: f64, decibels: f64, frames: std::ops::Range<usize>) -> Heard {
        let tone = |hertz: f64, dbfs: f64, n: usize| {
            let peak = 10_f64.powf((dbfs + 3.0) / 20.0);
            peak * (std::f64::consts::TAU * hertz * n as f64 / 8_000.0).sin()
        };
        let sample = |n: usize| {
            let soft = if frames.contains(&(n / 160)) { tone(soft, decibels, n) } else { 0.0 };
            // the loud one begins and ends at once, as tones in scenarios do
            let loud = if (10..40).contains(&(n / 160)) { tone(loud, -12.0, n) } else { 0.0 };
            ((loud + soft) * 32_767.0).round() as i16
        };
        Heard { samples: (0..50 * 160).map(sample).collect(), packets: 50, lost: 0, longest_wait: Duration::ZERO }
    }

    #[test]
    fn two_soft_frames_under_a_loud_tone_leave_a_trace() {
        for loud in [2_300.0, 2_450.0, 2_750.0, 2_900.0, 3_200.0, 3_500.0] {
            let heard = with_a_soft_tone(loud, 2_600.0, -45.0, 24..26);
            assert!(heard.trace_of(2_600.0).is_some_and(|dbfs| dbfs > -52.0), "{:?}", heard.trace_of(2_600.0));
            assert_eq!(heard.present_ms(2_600.0), 0, "a person would not hear it");
        }
    }

    #[test]
    fn a_tone_that_begins_and_ends_at_once_leaves_no_trace_of_another() {
        let tones = [2_300.0, 2_450.0, 2_600.0, 2_750.0, 2_900.0, 3_050.0, 3_200.0, 3_500.0];
        for loud in tones {
            let heard = with_a_soft_tone(loud, 2_600.0, -45.0, 0..0);
            for other in tones.iter().filter(|other| **other != loud) {
                assert_eq!(heard.trace_of(*other), None, "of {other} in {loud}");
            }
        }
    }

    #[test]
    fn a_lost_packet_is_a_hole_and_counted() {
        let (ear, start) = ear_of((0..50).filter(|n| !(20..23).contains(n)).map(|n| (n, Voice::Tone(2_600.0))));
        let heard = ear.since(start);
        assert_eq!(heard.lost, 3);
        assert_eq!(heard.longest_hole_ms(2_600.0), 60);
    }

    #[test]
    fn reordered_and_doubled_packets_are_put_right() {
        let order = [0u16, 2, 1, 1, 3];
        let (ear, start) = ear_of(order.into_iter().map(|n| (n, Voice::Tone(2_600.0))));
        let heard = ear.since(start);
        assert_eq!((heard.lost, heard.length_ms()), (0, 80));
    }
}
