//! Which frames of a voice are speech, and who talks: what automatic gain and talk events go by. It opens no ear.
//!
//! Speech is what stands out of the noise that goes on all the time. Somebody talks from a few such frames on until none has come
//! for a while, so that neither a cough nor a pause between words is told.

/// Below this a frame is no speech, whatever the noise is like.
const GATE_DBFS: f32 = -50.0;
/// Speech stands out of the noise by so much.
const ABOVE_NOISE_DB: f32 = 9.0;
/// How much of the way down a tick makes: the noise is followed within a quarter of a second when it falls.
const NOISE_PART: f32 = 0.08;
/// The noise is taken to rise by so much in a tick at most: 1 dB a second, so that a long word is not taken for noise.
const NOISE_UP_DB: f32 = 0.02;

/// Frames of speech before somebody talks: 60 ms, with gaps between them.
const BEGINS: u8 = 3;
/// Ticks without speech after which somebody has stopped: 600 ms.
const ENDS: u8 = 30;
/// Ticks from one change to the next beginning at least: one second. So a leg is told of twice a second at most.
const APART: u8 = 50;

/// A mean square in decibels below full scale.
pub(crate) fn dbfs(power: u32) -> f32 {
    const FULL: f32 = 32_768.0 * 32_768.0;
    10.0 * (power.max(1) as f32 / FULL).log10()
}

/// Tells speech from noise.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Speech {
    /// In dBFS; `None`: nothing was heard yet.
    noise: Option<f32>,
}

impl Speech {
    /// Whether a frame of this loudness is speech.
    pub(crate) fn is_in(&mut self, frame_dbfs: f32) -> bool {
        let noise = self.noise.get_or_insert(frame_dbfs);
        let over = frame_dbfs - *noise;
        *noise += if over < 0.0 { over * NOISE_PART } else { over.min(NOISE_UP_DB) };
        frame_dbfs >= GATE_DBFS && over >= ABOVE_NOISE_DB
    }
}

/// Whether somebody talks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Talk {
    talks: bool,
    /// Frames of speech lately, while nobody talks; ticks without one, while somebody does.
    count: u8,
    /// Ticks since the last change.
    since: u8,
}

impl Talk {
    /// One tick's turn. `audible`: somebody may hear the voice now; who may not be heard does not talk, from that tick on. Returns
    /// what is so now, if it has changed.
    pub(crate) fn turn(&mut self, speech: bool, audible: bool) -> Option<bool> {
        self.since = self.since.saturating_add(1).min(APART);
        let before = self.talks;
        if !audible {
            (self.talks, self.count) = (false, 0);
        } else if self.talks {
            self.count = if speech { 0 } else { self.count + 1 };
            self.talks = self.count < ENDS;
        } else {
            self.count = if speech { self.count + 1 } else { self.count.saturating_sub(1) };
            self.talks = self.count >= BEGINS && self.since >= APART;
            // it waits for its turn without counting on
            self.count = self.count.min(BEGINS);
        }
        if self.talks == before {
            return None;
        }
        (self.count, self.since) = (0, 0);
        Some(self.talks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told in so many ticks of this.
    fn told(talk: &mut Talk, ticks: usize, speech: impl Fn(usize) -> bool) -> Vec<(usize, bool)> {
        (0..ticks).filter_map(|tick| Some((tick, talk.turn(speech(tick), true)?))).collect()
    }

    fn rested() -> Talk {
        Talk { since: APART, ..Talk::default() }
    }

    #[test]
    fn talk_begins_after_sixty_milliseconds_and_ends_after_six_hundred_of_silence() {
        let mut talk = rested();
        // a pause of half a second between words is none
        let words = |tick: usize| tick < 40 || (65..100).contains(&tick);
        assert_eq!(told(&mut talk, 200, words), [(2, true), (129, false)]);
    }

    #[test]
    fn a_click_is_no_talk_and_whoever_flutters_is_told_of_twice_a_second_at_most() {
        assert_eq!(told(&mut rested(), 500, |tick| tick.is_multiple_of(10)), []);
        // ten minutes of the worst
        let changes = told(&mut rested(), 30_000, |tick| tick % 34 < 4);
        assert!(changes.len() > 500 && changes.len() <= 1_200, "{}", changes.len());
    }

    #[test]
    fn who_may_not_be_heard_has_stopped_in_that_very_tick() {
        let mut talk = rested();
        told(&mut talk, 10, |_| true);
        assert_eq!(talk.turn(true, false), Some(false));
        assert!((0..500).all(|_| talk.turn(true, false).is_none()));
    }

    #[test]
    fn noise_is_no_speech_and_speech_in_noise_is() {
        let mut speech = Speech::default();
        assert!((0..1_000).all(|tick| !speech.is_in(-40.0 + (tick % 5) as f32)), "a steady noise");
        assert!(speech.is_in(-25.0));
        let mut speech = Speech::default();
        assert!((0..1_000).all(|_| !speech.is_in(-60.0)));
        assert!(!speech.is_in(-50.5) && speech.is_in(-49.0), "the gate");
        // somebody who begins in the middle of a word is heard after the first pause
        let mut speech = Speech::default();
        let found: Vec<bool> = (0..40).map(|tick| speech.is_in(if tick % 12 < 8 { -20.0 } else { -70.0 })).collect();
        assert!(found[12..20].iter().all(|speech| *speech), "{found:?}");
    }
}
