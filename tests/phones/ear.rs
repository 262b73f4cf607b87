//! What an ear heard: a recording cut into short windows, each judged by Goertzel.
//!
//! Written from the textbook and on purpose not shared with the mixer's own detector. A phone's recording starts with
//! the first sound and may stand still while a call is held, so only the order and the length of what was heard can be
//! judged here, never when it was.

use std::path::Path;
use std::time::Duration;

use super::goertzel::{energy, share};
use super::manner::Codec;

/// A window's length. Short enough to place a change, long enough to tell pitches 100 Hz apart.
const WINDOW_MS: usize = 50;

/// Root mean square (of 32768) below which a window is silence; comfort noise lies below it.
const SILENCE: f64 = 100.0;

/// Part of a window's energy a pitch must have to be *the* thing heard.
const DOMINANT: f64 = 0.7;

/// Part of a window's energy that must not belong to one's own pitch while somebody else is heard: -30 dB.
const TRACE: f64 = 0.001;

/// Shorter stretches are transitions and are left out of [`Recording::story`].
const STRETCH_MS: usize = 250;

/// A voice that begins may be broken for so long, on a machine that is busy, until a whole window holds it.
const ONSET_MS: usize = 300;

/// What one window holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Heard {
    Silence,
    /// The tone of whoever says this pitch, in Hz.
    Tone(f64),
    /// Sound that is no known pitch: hold music.
    Music,
}

/// What one phone's ear recorded.
#[derive(Debug)]
pub(crate) struct Recording {
    samples: Vec<i16>,
    rate: u32,
}

impl Recording {
    /// Reads one or several WAV files, one after the other. A missing file is silence of no length.
    pub(crate) fn read(paths: &[impl AsRef<Path>]) -> Recording {
        let mut recording = Recording { samples: Vec::new(), rate: 8000 };
        for path in paths {
            let Ok(mut reader) = hound::WavReader::open(path) else { continue };
            let spec = reader.spec();
            recording.rate = spec.sample_rate;
            let channels = usize::from(spec.channels);
            recording.samples.extend(reader.samples::<i16>().map_while(Result::ok).step_by(channels));
        }
        recording
    }

    /// Each window, judged against the pitches that somebody says in the scenario.
    pub(crate) fn windows(&self, pitches: &[f64]) -> Vec<Heard> {
        self.cut().map(|window| judge(window, self.rate, pitches)).collect()
    }

    /// Seconds during which this pitch was what was heard.
    pub(crate) fn seconds_of(&self, pitch: f64) -> f64 {
        self.seconds(&[pitch], |heard| heard == Heard::Tone(pitch))
    }

    /// Seconds of music, given the pitches that are not music.
    pub(crate) fn seconds_of_music(&self, pitches: &[f64]) -> f64 {
        self.seconds(pitches, |heard| heard == Heard::Music)
    }

    /// Seconds in which one's own pitch was heard: dominant, or a trace of it under another's tone.
    pub(crate) fn seconds_of_own(&self, own: f64, others: &[f64]) -> f64 {
        let leaks = self.cut().filter(|window| match judge(window, self.rate, &[&[own], others].concat()) {
            Heard::Tone(pitch) if pitch == own => true,
            Heard::Tone(_) => share(window, self.rate, own) > TRACE,
            Heard::Silence | Heard::Music => false,
        });
        seconds(leaks.count())
    }

    /// The largest part that a pitch has of any window before it is first heard by itself: what of it leaks into something
    /// else. Silence holds nobody. What comes shortly before that moment is left out: a voice may begin in it.
    pub(crate) fn largest_trace_before_it_is_heard(&self, pitch: f64) -> f64 {
        let heard = |window: &[i16]| judge(window, self.rate, &[pitch]) == Heard::Tone(pitch);
        let until = self.cut().position(heard).unwrap_or(usize::MAX).saturating_sub(ONSET_MS / WINDOW_MS);
        let audible =
            self.cut().take(until).filter(|window| energy(window) / (window.len() as f64) > SILENCE * SILENCE);
        audible.map(|window| share(window, self.rate, pitch)).fold(0.0, f64::max)
    }

    /// What was heard in order, stretches under a quarter of a second and silence left out.
    pub(crate) fn story(&self, pitches: &[f64]) -> Vec<Heard> {
        let mut story: Vec<Heard> = Vec::new();
        let windows = self.windows(pitches);
        for stretch in windows.chunk_by(|a, b| a == b) {
            let long = stretch.len() * WINDOW_MS >= STRETCH_MS;
            if long && stretch[0] != Heard::Silence && story.last() != Some(&stretch[0]) {
                story.push(stretch[0]);
            }
        }
        story
    }

    fn seconds(&self, pitches: &[f64], wanted: impl Fn(Heard) -> bool) -> f64 {
        seconds(self.windows(pitches).into_iter().filter(|heard| wanted(*heard)).count())
    }

    fn cut(&self) -> std::slice::ChunksExact<'_, i16> {
        self.samples.chunks_exact(self.rate as usize * WINDOW_MS / 1000)
    }
}

fn seconds(windows: usize) -> f64 {
    (windows * WINDOW_MS) as f64 / 1000.0
}

fn judge(window: &[i16], rate: u32, pitches: &[f64]) -> Heard {
    if energy(window) / (window.len() as f64) < SILENCE * SILENCE {
        return Heard::Silence;
    }
    let dominant = pitches.iter().find(|pitch| share(window, rate, **pitch) > DOMINANT);
    dominant.map_or(Heard::Music, |pitch| Heard::Tone(*pitch))
}

/// Writes a tone at -14 dBFS, in the form in which a phone needs it for its codec.
pub(crate) fn write_tone(path: &Path, pitch: f64, length: Duration, codec: Codec) {
    let (rate, channels) = codec.sound();
    let spec =
        hound::WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let written = hound::WavWriter::create(path, spec).and_then(|mut writer| {
        for index in 0..length.as_secs() * u64::from(rate) {
            let phase = std::f64::consts::TAU * pitch * index as f64 / f64::from(rate);
            for _ in 0..channels {
                writer.write_sample((phase.sin() * 6500.0) as i16)?;
            }
        }
        writer.finalize()
    });
    written.unwrap_or_else(|why| panic!("cannot write {}: {why}", path.display()));
}
