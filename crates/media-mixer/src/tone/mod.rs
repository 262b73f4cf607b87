//! The tones a telephone makes: each a pure function of the position in it, in samples, so that it goes on without a click
//! wherever it was left, needs no state of its own and never allocates.
//!
//! Levels are dBFS: the RMS value over 32768, so a full sine has -3 dBFS. Decides nothing about who hears which tone.

mod goertzel;
mod sine;

pub use goertzel::{Goertzel, Heard, level_dbfs};

use crate::codec::SAMPLE_RATE;
use sine::SINE;

/// Most parts of one tone.
const MAX_PARTS: usize = 8;

/// Parts begin and end with a ramp of 5 ms, or they would click.
const RAMP_SAMPLES: u64 = 40;

/// Level of the tones of call progress.
const PROGRESS_DBFS: f64 = -20.0;

/// Level of cues that are added to what somebody hears.
const CUE_DBFS: f64 = -22.0;

/// One stretch of a tone: up to two frequencies of the same level, or a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    /// In Hz; zero is none.
    frequencies: [u16; 2],
    /// Peak of each frequency.
    amplitude: i32,
    samples: u64,
}

impl Part {
    const NONE: Self = Self { frequencies: [0, 0], amplitude: 0, samples: 0 };

    fn sound(frequencies: [u16; 2], dbfs: f64, ms: u64) -> Self {
        let count = frequencies.iter().filter(|f| **f > 0).count().max(1) as f64;
        let amplitude = 32_768.0 * 10_f64.powf(dbfs / 20.0) * (2.0 / count).sqrt();
        Self {
            frequencies,
            amplitude: amplitude.min(32_767.0 / count) as i32,
            samples: ms * u64::from(SAMPLE_RATE) / 1_000,
        }
    }

    fn pause(ms: u64) -> Self {
        Self { samples: ms * u64::from(SAMPLE_RATE) / 1_000, ..Self::NONE }
    }

    /// `position` counts from the start of the tone, so that the phase goes on over all parts; `into` from that of this part.
    fn sample(&self, position: u64, into: u64) -> i32 {
        let second = position % u64::from(SAMPLE_RATE);
        let sum: i32 = (self.frequencies.iter().filter(|f| **f > 0))
            .map(|f| {
                (self.amplitude * sine::at(&SINE, (second * u64::from(*f) % u64::from(SAMPLE_RATE)) as usize)) >> 15
            })
            .sum();
        let edge = into.min(self.samples - 1 - into);
        if edge < RAMP_SAMPLES { sum * (edge + 1) as i32 / (RAMP_SAMPLES + 1) as i32 } else { sum }
    }
}

/// A tone, with an end or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    parts: [Part; MAX_PARTS],
    count: usize,
    length: u64,
    repeats: bool,
}

impl Tone {
    /// One frequency in whole Hz, below half the sample rate, without end.
    #[must_use]
    pub fn sine(hz: u16, dbfs: f64) -> Self {
        // A part so long that neither its end nor its repetition is ever reached.
        let part = Part { samples: u64::MAX, ..Part::sound([hz, 0], dbfs, 0) };
        Self::new(&[part], true)
    }

    /// The callee rings: 440 and 480 Hz, two seconds on, four off, as in North America.
    #[must_use]
    pub fn ringback() -> Self {
        Self::new(&[Part::sound([440, 480], PROGRESS_DBFS, 2_000), Part::pause(4_000)], true)
    }

    /// Busy: 480 and 620 Hz, half a second on, half a second off.
    #[must_use]
    pub fn busy() -> Self {
        Self::new(&[Part::sound([480, 620], PROGRESS_DBFS, 500), Part::pause(500)], true)
    }

    /// What `*44` plays: 440 Hz without end.
    #[must_use]
    pub fn test() -> Self {
        Self::sine(440, -16.0)
    }

    /// A transfer failed: 180 ms, downwards.
    #[must_use]
    pub fn failed() -> Self {
        Self::new(&[Part::sound([620, 0], CUE_DBFS, 90), Part::sound([480, 0], CUE_DBFS, 90)], false)
    }

    /// Something changed that is worth a short tone, but not a failure: 120 ms, one pitch.
    #[must_use]
    pub fn notice() -> Self {
        Self::new(&[Part::sound([660, 0], CUE_DBFS, 120)], false)
    }

    /// What a keypad code asked for is done: 140 ms, upwards.
    #[must_use]
    pub fn done() -> Self {
        Self::new(&[Part::sound([660, 0], CUE_DBFS, 70), Part::sound([880, 0], CUE_DBFS, 70)], false)
    }

    /// What a keypad code asked for is not possible now: 200 ms, twice the same low pitch.
    #[must_use]
    pub fn refused() -> Self {
        let low = Part::sound([400, 0], CUE_DBFS, 80);
        Self::new(&[low, Part::pause(40), low], false)
    }

    /// Somebody came into the room: 160 ms, an octave upwards.
    #[must_use]
    pub fn entered() -> Self {
        Self::new(&[Part::sound([500, 0], CUE_DBFS, 80), Part::sound([1_000, 0], CUE_DBFS, 80)], false)
    }

    /// Somebody left the room: 160 ms, an octave downwards.
    #[must_use]
    pub fn left() -> Self {
        Self::new(&[Part::sound([1_000, 0], CUE_DBFS, 80), Part::sound([500, 0], CUE_DBFS, 80)], false)
    }

    /// The special information tone before an announcement: 950, 1400 and 1800 Hz, 270 ms each (ITU-T E.180 §9: 330 ± 70 ms).
    #[must_use]
    pub fn special_information() -> Self {
        Self::new(&[950, 1_400, 1_800].map(|hz| Part::sound([hz, 0], PROGRESS_DBFS, 270)), false)
    }

    /// The two frequencies of a DTMF event for `ms` milliseconds (ITU-T Q.23; event codes of RFC 4733 §3.2, 0 to 15: digits, `*`,
    /// `#`, A to D); `None` for any other event.
    #[must_use]
    pub fn dtmf(event: u8, ms: u64) -> Option<Self> {
        let key = *b"0123456789*#ABCD".get(usize::from(event))?;
        let place = b"123A456B789C*0#D".iter().position(|k| *k == key)?;
        let frequencies = [[697, 770, 852, 941][place / 4], [1_209, 1_336, 1_477, 1_633][place % 4]];
        Some(Self::new(&[Part::sound(frequencies, -10.0, ms)], false))
    }

    /// Samples until it ends; `None` if it does not.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        if self.repeats { None } else { Some(self.length) }
    }

    /// Fills `out` with the tone from `position` on, and with zeros after its end. False if it ended before `position`.
    pub fn read(&self, position: u64, out: &mut [i16]) -> bool {
        self.each(position, out, |sample, tone| *sample = tone as i16)
    }

    /// Adds the tone from `position` on to what `out` holds. False if it ended before `position`.
    pub fn add(&self, position: u64, out: &mut [i16]) -> bool {
        self.each(position, out, |sample, tone| {
            *sample = (i32::from(*sample) + tone).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        })
    }

    fn new(parts: &[Part], repeats: bool) -> Self {
        let mut all = [Part::NONE; MAX_PARTS];
        all[..parts.len()].copy_from_slice(parts);
        Self { parts: all, count: parts.len(), length: parts.iter().map(|part| part.samples).sum(), repeats }
    }

    fn each(&self, position: u64, out: &mut [i16], mut put: impl FnMut(&mut i16, i32)) -> bool {
        let sounds = self.length > 0 && (self.repeats || position < self.length);
        let (mut part, mut into) = self.place(position);
        for (sample, at) in out.iter_mut().zip(position..) {
            while part < self.count && into >= self.parts[part].samples {
                into = 0;
                part += 1;
                if part == self.count && self.repeats && sounds {
                    part = 0;
                }
            }
            put(sample, self.parts[..self.count].get(part).map_or(0, |part| part.sample(at, into)));
            into += 1;
        }
        sounds
    }

    /// Which part `position` lies in, and how far into it.
    fn place(&self, position: u64) -> (usize, u64) {
        let mut into = if self.repeats && self.length > 0 { position % self.length } else { position };
        for (index, part) in self.parts[..self.count].iter().enumerate() {
            if into < part.samples {
                return (index, into);
            }
            into -= part.samples;
        }
        (self.count, 0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn heard(tone: &Tone, from: u64, samples: usize) -> Vec<i16> {
        let mut out = vec![0; samples];
        tone.read(from, &mut out);
        out
    }

    fn share(hz: f64, samples: &[i16]) -> f64 {
        Goertzel::new(hz, SAMPLE_RATE).measure(samples).share
    }

    #[test]
    fn a_tone_read_in_pieces_is_the_tone_read_at_once() {
        for tone in
            [Tone::ringback(), Tone::busy(), Tone::test(), Tone::failed(), Tone::refused(), Tone::dtmf(5, 100).unwrap()]
        {
            let whole = heard(&tone, 0, 60_000);
            for from in [0, 1, 159, 15_990, 16_000, 47_999] {
                assert_eq!(heard(&tone, from, 777), whole[from as usize..from as usize + 777]);
            }
        }
    }

    #[test]
    fn a_sine_has_its_frequency_and_level() {
        for (hz, dbfs) in [(100, -30.0), (440, -16.0), (1_000, -10.0), (3_400, -20.0)] {
            let out = heard(&Tone::sine(hz, dbfs), 123_456_789, 800);
            let measured = Goertzel::new(f64::from(hz), SAMPLE_RATE).measure(&out);
            assert!(measured.share > 0.999 && (measured.dbfs - dbfs).abs() < 0.05, "{hz}: {measured:?}");
        }
    }

    #[test]
    fn ringback_sounds_two_seconds_and_rests_four() {
        let out = heard(&Tone::ringback(), 6 * 8_000, 48_000);
        assert!(share(440.0, &out[..16_000]) > 0.45 && share(480.0, &out[..16_000]) > 0.45);
        assert!((level_dbfs(&out[..16_000]) + 20.0).abs() < 0.3);
        assert!(out[16_000..].iter().all(|s| *s == 0));
    }

    #[test]
    fn every_digit_has_its_two_frequencies() {
        let rows = [697.0, 770.0, 852.0, 941.0];
        let columns = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
        for (event, row, column) in [(1, 0, 0), (0, 3, 1), (10, 3, 0), (11, 3, 2), (12, 0, 3), (15, 3, 3), (9, 2, 2)] {
            let out = heard(&Tone::dtmf(event, 100).unwrap(), 0, 800);
            assert!(share(rows[row], &out) > 0.4 && share(columns[column], &out) > 0.4, "event {event}");
        }
        assert_eq!(Tone::dtmf(16, 100), None);
    }

    #[test]
    fn cues_are_short_end_and_leave_the_rest_alone() {
        for tone in [Tone::failed(), Tone::notice(), Tone::done(), Tone::refused(), Tone::entered(), Tone::left()] {
            let length = tone.length().unwrap();
            assert!(length <= 1_600 && heard(&tone, 0, length as usize).iter().any(|s| *s > 1_000));
            let mut out = [500; 160];
            assert!(!tone.add(length, &mut out));
            assert_eq!(out, [500; 160]);
            assert!(tone.add(length - 80, &mut out));
            assert_eq!(out[80..], [500; 80]);
        }
        assert!(Tone::test().length().is_none());
        assert!(!heard(&Tone::special_information(), 6_480, 5_000).iter().any(|s| *s != 0));
        assert!(!Tone::dtmf(1, 0).unwrap().read(0, &mut [0; 160]));
    }

    #[test]
    fn nothing_clicks() {
        let short = [Tone::failed(), Tone::done(), Tone::refused(), Tone::entered(), Tone::left()];
        for tone in short.into_iter().chain([Tone::ringback(), Tone::special_information()]) {
            let out = heard(&tone, 0, 60_000);
            let steepest = out.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap();
            // 1800 Hz at -20 dBFS climbs by this much at most.
            assert!(steepest <= 4_634 * 136 / 100, "{steepest}");
        }
    }
}
