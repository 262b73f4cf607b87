//! What a person says: one steady tone, so that every ear can tell who it was, or nothing; or recorded speech, where what matters is
//! how well it is understood.

use std::f64::consts::TAU;

/// Samples a second of everything an ear keeps.
pub(crate) const RATE: f64 = 8_000.0;

/// Peak of a spoken tone: −9 dBFS peak, −12 dBFS RMS.
const PEAK: f64 = 0.355 * 32_767.0;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Voice {
    /// A sine of this frequency in hertz at −12 dBFS.
    Tone(f64),
    /// Recorded speech, over and over.
    Recording(&'static Recording),
    /// Packets of silence.
    Silence,
    /// No packets at all.
    Nothing,
}

/// The same speech at the rates in which phones speak. It lasts as long as the program.
#[derive(PartialEq)]
pub struct Recording {
    /// At 8 kHz.
    pub narrow: Vec<i16>,
    /// At 16 kHz.
    pub wide: Vec<i16>,
    /// At 48 kHz.
    pub full: Vec<i16>,
}

impl Recording {
    /// The one of `rate` samples a second, or the one below it.
    fn at(&self, rate: f64) -> &[i16] {
        if rate < 16_000.0 {
            &self.narrow
        } else if rate < 48_000.0 {
            &self.wide
        } else {
            &self.full
        }
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recording({} ms)", self.narrow.len() / 8)
    }
}

/// A voice in the course of speaking; its phase goes on from frame to frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speaking {
    voice: Voice,
    phase: f64,
    /// Samples of a recording that have been said.
    place: usize,
}

impl Speaking {
    pub(crate) fn new(voice: Voice) -> Self {
        Self { voice, phase: 0.0, place: 0 }
    }

    pub(crate) fn change(&mut self, voice: Voice) {
        self.voice = voice;
    }

    /// Speaks the next samples, `rate` of them a second, into `frame`; false when it says nothing, not even silence.
    pub(crate) fn speak(&mut self, frame: &mut [i16], rate: f64) -> bool {
        match self.voice {
            Voice::Tone(hertz) => {
                for sample in frame {
                    #[allow(clippy::cast_possible_truncation, reason = "|PEAK| is below 32 767")]
                    {
                        *sample = (self.phase.sin() * PEAK).round() as i16;
                    }
                    self.phase = (self.phase + TAU * hertz / rate) % TAU;
                }
                true
            }
            Voice::Recording(recording) => {
                let said = recording.at(rate);
                for sample in frame {
                    *sample = said.get(self.place).copied().unwrap_or_default();
                    self.place = (self.place + 1) % said.len().max(1);
                }
                true
            }
            Voice::Silence => {
                frame.fill(0);
                true
            }
            Voice::Nothing => false,
        }
    }
}
