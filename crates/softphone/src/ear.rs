//! What a line heard, kept packet by packet, and how loud which tone was in it.
//!
//! It judges nothing: tests and the demo say what should have been heard.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A tone counts as heard in a window from here up: a spoken tone is at −12 dBFS, a mere half frame of it at −18.
const AUDIBLE_DBFS: f64 = -26.0;

/// Samples in the windows in which presence is judged: 20 ms at 8 kHz.
const WINDOW: usize = 160;

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
}

impl Ear {
    pub(crate) fn hear(&self, at: Instant, ssrc: u32, sequence: u16, timestamp: u32, samples: &[i16]) {
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

/// Goertzel's algorithm: power of one frequency in `samples`, in dBFS.
fn level(samples: &[i16], hertz: f64) -> f64 {
    let turn = std::f64::consts::TAU * hertz / crate::voice::RATE;
    let coefficient = 2.0 * turn.cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        let next = f64::from(*sample) / 32_768.0 + coefficient * one - two;
        two = one;
        one = next;
    }
    let squared = one * one + two * two - coefficient * one * two;
    let count = samples.len().max(1) as f64;
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
            speaking.speak(&mut frame);
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
