//! How loud one voice, or what lies under a prompt, is made: a factor, reached over one frame so that nothing clicks.
//!
//! It adds nothing to a frame and takes nothing out of it, so it opens no ear: silence stays silence. At 0 dB it is not asked.

use crate::mix;

/// Binary places of a factor. Ten times as loud is still less than 2^31 for the loudest sample.
const PLACES: u32 = 12;
const UNITY: i32 = 1 << PLACES;

/// Least and greatest change of loudness, in decibels.
pub(crate) const VOLUMES_DB: std::ops::RangeInclusive<i8> = -40..=20;

/// A factor for sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gain {
    now: i32,
    to: i32,
}

impl Gain {
    /// Sound stays as it is.
    pub(crate) const UNITY: Self = Self { now: UNITY, to: UNITY };

    /// By so many decibels, from the first sample on; what is beyond [`VOLUMES_DB`] counts as its end.
    pub(crate) fn of(volume_db: i8) -> Self {
        let factor = factor(volume_db);
        Self { now: factor, to: factor }
    }

    /// By so many decibels from the next frame on, in which it is reached.
    pub(crate) fn change(&mut self, volume_db: i8) {
        self.to = factor(volume_db);
    }

    /// By so many decibels from the next frame on, in which it is reached; not rounded, for a gain that creeps.
    pub(crate) fn creep(&mut self, db: f32) {
        self.to = (10_f32.powf(db / 20.0) * UNITY as f32).round() as i32;
    }

    /// Nothing has been heard for a while: a change need not be gradual.
    pub(crate) fn settle(&mut self) {
        self.now = self.to;
    }

    /// Whether [`Gain::apply`] would change nothing.
    pub(crate) fn is_unity(&self) -> bool {
        self.now == UNITY && self.to == UNITY
    }

    /// Makes a frame louder or quieter. What gets too loud is limited as a mix is.
    pub(crate) fn apply(&mut self, frame: &mut [i16]) {
        if self.now == self.to {
            let factor = self.now;
            frame.iter_mut().for_each(|sample| *sample = scaled(*sample, factor));
            return;
        }
        let (from, way, length) = (self.now, self.to - self.now, frame.len() as i32);
        for (n, sample) in (1..).zip(frame.iter_mut()) {
            *sample = scaled(*sample, from + way * n / length);
        }
        self.now = self.to;
    }
}

fn factor(volume_db: i8) -> i32 {
    match volume_db.clamp(*VOLUMES_DB.start(), *VOLUMES_DB.end()) {
        0 => UNITY,
        db => (10_f64.powf(f64::from(db) / 20.0) * f64::from(UNITY)).round() as i32,
    }
}

fn scaled(sample: i16, factor: i32) -> i16 {
    let scaled = (i32::from(sample) * factor + UNITY / 2) >> PLACES;
    // what is not made louder is as it came
    if factor <= UNITY { scaled as i16 } else { mix::limited(scaled) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::FRAME_SAMPLES;

    type Frame = [i16; FRAME_SAMPLES];
    const SILENCE: Frame = [0; FRAME_SAMPLES];

    fn made(gain: &mut Gain, sample: i16) -> Frame {
        let mut frame = [sample; FRAME_SAMPLES];
        gain.apply(&mut frame);
        frame
    }

    #[test]
    fn six_decibels_double_and_twenty_make_ten_times_as_much() {
        for (db, sample, expected) in
            [(6, 1_000, 1_995), (-6, 1_000, 501), (20, 1_000, 10_000), (-20, 1_000, 100), (-40, -10_000, -100)]
        {
            let found = i32::from(made(&mut Gain::of(db), sample)[77]);
            assert!((found - expected).abs() <= 1 + expected.abs() / 500, "{db} dB: {sample} became {found}");
        }
    }

    #[test]
    fn nothing_wraps_or_is_cut_off_and_what_is_beyond_the_limits_counts_as_the_limit() {
        let (low, high, higher) =
            (made(&mut Gain::of(20), i16::MIN), made(&mut Gain::of(20), 20_000), made(&mut Gain::of(20), 30_000));
        assert!(i16::MIN < low[0] && low[0] < -32_000, "{}", low[0]);
        assert!(32_000 < high[0] && high[0] < higher[0] && higher[0] < i16::MAX, "{} {}", high[0], higher[0]);
        assert_eq!((Gain::of(127), Gain::of(-128)), (Gain::of(20), Gain::of(-40)));
    }

    #[test]
    fn a_change_takes_one_frame_and_has_no_step_in_it() {
        let mut gain = Gain::UNITY;
        gain.change(20);
        let mut before = 1_000;
        for sample in made(&mut gain, 1_000) {
            assert!((before..=before + 57).contains(&sample), "from {before} to {sample}");
            before = sample;
        }
        assert_eq!(before, 10_000);
        assert_eq!(made(&mut gain, 1_000), [10_000; FRAME_SAMPLES]);
        gain.change(0);
        assert!(!gain.is_unity());
        assert_eq!(made(&mut gain, 1_000)[159], 1_000);
        assert!(gain.is_unity());
    }

    #[test]
    fn at_unity_every_sample_stays_and_silence_stays_silence_at_any_volume() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(scaled(sample, UNITY), sample);
        }
        for db in VOLUMES_DB {
            let mut gain = Gain::UNITY;
            gain.change(db);
            assert_eq!((made(&mut gain, 0), made(&mut gain, 0)), (SILENCE, SILENCE));
        }
    }
}
