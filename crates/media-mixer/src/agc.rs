//! Automatic gain: a voice that is too quiet or too loud is brought to the level of speech, slowly, in speech and in nothing else.
//!
//! The level is that of the loud parts of speech, seen over seconds; pauses, comfort noise and what a stationary noise makes do not
//! count, and in them the gain stays where it is. It is a factor and never more: it adds nothing, so it opens no ear.

use crate::gain::Gain;
use crate::music::LOUDNESS_DBFS;

/// Where speech is brought to, in dBFS (RMS while it is active): as loud as the house's music.
pub(crate) const TARGET_DBFS: f32 = LOUDNESS_DBFS as f32;
/// How much louder, and how much quieter, a voice is made at most.
const MOST_DB: f32 = 18.0;
const LEAST_DB: f32 = -12.0;
/// So near is near enough: a voice at the right level is left as it came.
const NEAR_DB: f32 = 2.0;
/// The gain rises and falls by so much in a tick of speech at most: 4 dB and 12 dB a second.
const UP_DB: f32 = 0.08;
const DOWN_DB: f32 = 0.24;
/// How much of the difference a tick makes: the level follows within about a second.
const LEVEL_PART: f32 = 0.02;

/// One voice's gain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leveller {
    gain: Gain,
    gain_db: f32,
    /// Of speech, in dBFS; `None`: nothing was said yet.
    level: Option<f32>,
}

impl Leveller {
    pub(crate) const NEW: Self = Self { gain: Gain::UNITY, gain_db: 0.0, level: None };

    /// Makes a frame louder or quieter that came with this loudness; only `speech` is learnt from.
    pub(crate) fn apply(&mut self, frame_dbfs: f32, speech: bool, frame: &mut [i16]) {
        if speech {
            self.learn(frame_dbfs);
        }
        self.gain.creep(self.gain_db);
        if !self.gain.is_unity() {
            self.gain.apply(frame);
        }
    }

    fn learn(&mut self, frame: f32) {
        let level = *self.level.get_or_insert(frame);
        // the quiet ends of words say little of how loud somebody speaks
        let part = if frame >= level { 2.0 * LEVEL_PART } else { LEVEL_PART * (1.0 - (level - frame) / 20.0).max(0.0) };
        let level = level + (frame - level) * part;
        self.level = Some(level);
        let apart = TARGET_DBFS - level;
        let wanted = if apart.abs() <= NEAR_DB { 0.0 } else { apart - NEAR_DB * apart.signum() };
        let step = wanted.clamp(LEAST_DB, MOST_DB) - self.gain_db;
        self.gain_db += step.clamp(-DOWN_DB, UP_DB);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::FRAME_SAMPLES;
    use crate::mix::power;
    use crate::speech::{Speech, dbfs};

    /// A voice and its gain.
    struct Spoken(Speech, Leveller);

    impl Spoken {
        fn new() -> Self {
            Self(Speech::default(), Leveller::NEW)
        }

        /// One tick of a tone of this loudness; how loud it comes out.
        fn tick(&mut self, loud: f32) -> f32 {
            let mut frame = tone(loud);
            let came = dbfs(power(&frame));
            self.1.apply(came, self.0.is_in(came), &mut frame);
            dbfs(power(&frame))
        }

        /// So many ticks of words of 160 ms with pauses of 80 ms between them; how loud the last word comes out.
        fn speak(&mut self, loud: f32, ticks: usize) -> f32 {
            (0..ticks).fold(0.0, |last, tick| {
                let speaks = tick % 12 < 8;
                let out = self.tick(if speaks { loud } else { -80.0 });
                if speaks { out } else { last }
            })
        }
    }

    fn tone(loud: f32) -> [i16; FRAME_SAMPLES] {
        let peak = 32_768.0 * 2_f32.sqrt() * 10_f32.powf(loud / 20.0);
        std::array::from_fn(|n| (peak * (n as f32 * std::f32::consts::TAU / 20.0).sin()) as i16)
    }

    #[test]
    fn the_quiet_get_louder_and_the_loud_get_quieter_within_ten_seconds() {
        for (said, expected) in [(-40.0, -22.0), (-34.0, -22.0), (-10.0, -18.0), (-21.0, -21.0)] {
            let heard = Spoken::new().speak(said, 500);
            assert!((heard - expected).abs() < 0.5, "{said} dBFS came out at {heard}");
        }
    }

    #[test]
    fn nobody_is_made_louder_or_quieter_than_by_its_limits() {
        for (said, expected) in [(-48.0, -30.0), (-3.0, -15.0)] {
            let heard = Spoken::new().speak(said, 2_000);
            assert!((heard - expected).abs() < 1.0, "{said} dBFS came out at {heard}");
        }
    }

    #[test]
    fn noise_and_pauses_are_not_pulled_up() {
        let mut noise = Spoken::new();
        for loud in [-55.0, -46.0] {
            let heard = (0..3_000).fold(0.0, |_, _| noise.tick(loud));
            assert!((heard - loud).abs() < 1.0, "{loud} dBFS of noise came out at {heard}");
        }
        let mut voice = Spoken::new();
        voice.speak(-36.0, 500);
        let gain_db = voice.1.gain_db;
        assert!(gain_db > 10.0, "{gain_db}");
        (0..3_000).for_each(|_| _ = voice.tick(-65.0));
        assert!((voice.1.gain_db - gain_db).abs() < 0.01, "from {gain_db} to {} in a pause", voice.1.gain_db);
    }

    #[test]
    fn it_creeps_and_silence_stays_silence() {
        let mut voice = Spoken::new();
        let mut before = 0.0;
        for tick in 0..600 {
            let loud = if tick < 300 { -40.0 } else { -8.0 };
            voice.tick(if tick % 12 < 8 { loud } else { -80.0 });
            let gain_db = voice.1.gain_db;
            assert!((gain_db - before).abs() <= DOWN_DB + 1e-4, "a step from {before} to {gain_db}");
            before = gain_db;
        }
        let mut silence = [0; FRAME_SAMPLES];
        voice.1.apply(dbfs(0), false, &mut silence);
        assert_eq!(silence, [0; FRAME_SAMPLES]);
    }
}
