//! Decides by how many samples what waits should be shortened or lengthened: slowly down, quickly up.
//!
//! Packets are taken whole and frames are given whole, so delay that is no multiple of their common step (the *grid*) buys
//! nothing. Does not stretch anything itself.

/// Less than this (3 ms) is not worth touching the sound for. This and the other samples of 8 kHz.
const WORTH_SAMPLES: i64 = 24;

/// Delay that could be spared must be this much more than needed before sparing it begins: 3 ms.
const HYSTERESIS: i64 = 24;

/// Frames for which a surplus must last before pauses are shortened: 100 ms.
const PATIENCE_IN_PAUSES: u32 = 5;

/// Frames for which a surplus must last before speech is: half a second, in which a pause may come.
const PATIENCE_IN_SPEECH: u32 = 25;

/// Frames from one shortening of speech to the next, and the same when more than 60 ms are to go.
const REST: u32 = 3;
const SHORT_REST: u32 = 2;
const FAR_BEHIND: i64 = 480;

/// Pulls over which the earliest counts: 200 ms.
const WINDOW: u32 = 10;

/// What the delay is and what it should be; all in samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aim {
    /// Samples in a frame.
    pub(crate) frame: i64,
    /// Transit of an undelayed packet.
    pub(crate) base: i64,
    /// How much later the latest packets come, plus what else is to be kept in hand.
    pub(crate) target: i64,
    /// Common step of packets and frames.
    pub(crate) grid: i64,
    /// How far the next frame's first sample lies before a packet boundary, modulo the grid.
    pub(crate) ahead_of_grid: i64,
}

impl Aim {
    /// How long before its pull an undelayed packet arrives, for the packet of each frame that comes last.
    pub(crate) const fn headroom(&self, lag: i64) -> i64 {
        lag - self.base - (self.frame - self.grid) - self.ahead_of_grid
    }
}

/// What should be done about the delay with the next frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wish {
    /// Nothing.
    Keep,
    /// Leave out up to so many samples if this is a pause.
    ShortenPause(i64),
    /// Leave out up to so many samples; of speech only where its periods are at least so alike.
    Shorten(i64, f32),
    /// Add about so many samples where periods are at least so alike.
    Lengthen(i64, f32),
}

/// The recent delay, and for how long it has been too great or too small.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Samples for one of 8 kHz.
    times: i64,
    earliest: i64,
    earliest_before: i64,
    pulls: u32,
    latest_lag: i64,
    shortening: bool,
    frames_too_long: u32,
    frames_too_short: u32,
    rested: u32,
}

impl Pace {
    pub(crate) const fn new(times: usize) -> Self {
        Self {
            times: times as i64,
            earliest: i64::MAX,
            earliest_before: i64::MAX,
            pulls: 0,
            latest_lag: 0,
            shortening: false,
            frames_too_long: 0,
            frames_too_short: 0,
            rested: 0,
        }
    }

    /// How far the next sample to be played lies behind our clock.
    pub(crate) const fn lag(&self) -> i64 {
        self.latest_lag
    }

    /// Forgets what the delay was: pulls did not come on time.
    pub(crate) const fn restart(&mut self) {
        self.earliest = i64::MAX;
        self.earliest_before = i64::MAX;
    }

    /// Takes the delay at this pull and says what should be done about it. The earliest of the recent pulls counts, since the
    /// tick's own lateness must not be taken for room.
    pub(crate) fn pulled(&mut self, lag: i64, aim: &Aim) -> Wish {
        self.latest_lag = lag;
        self.rested += 1;
        self.pulls += 1;
        if self.pulls.is_multiple_of(WINDOW) {
            self.earliest_before = self.earliest;
            self.earliest = lag;
        }
        self.earliest = self.earliest.min(lag);
        let spare = aim.headroom(self.earliest.min(self.earliest_before)) - aim.target;
        if spare < 0 {
            self.too_short(aim.grid - aim.ahead_of_grid + (-spare - 1) / aim.grid * aim.grid)
        } else {
            self.frames_too_short = 0;
            let hysteresis = if self.shortening { 0 } else { HYSTERESIS * self.times };
            self.too_long(aim.ahead_of_grid + (spare - hysteresis).max(0) / aim.grid * aim.grid)
        }
    }

    /// The frame just made left out so many samples (added them, if negative).
    pub(crate) fn stretched(&mut self, left_out: i64) {
        self.rested = 0;
        self.shortening = left_out > 0;
        self.latest_lag -= left_out;
        self.earliest = self.earliest.saturating_sub(left_out);
        self.earliest_before = self.earliest_before.saturating_sub(left_out);
    }

    fn too_short(&mut self, missing: i64) -> Wish {
        self.shortening = false;
        self.frames_too_long = 0;
        self.frames_too_short += 1;
        let likeness = if self.frames_too_short > 5 { 0.0 } else { 0.5 };
        Wish::Lengthen(missing, likeness)
    }

    fn too_long(&mut self, surplus: i64) -> Wish {
        if surplus < WORTH_SAMPLES * self.times {
            self.shortening = false;
            self.frames_too_long = 0;
            return Wish::Keep;
        }
        self.frames_too_long += 1;
        let rest = if surplus > FAR_BEHIND * self.times { SHORT_REST } else { REST };
        if self.frames_too_long < PATIENCE_IN_PAUSES {
            Wish::Keep
        } else if self.frames_too_long < PATIENCE_IN_SPEECH || self.rested < rest {
            Wish::ShortenPause(surplus)
        } else {
            // The longer nothing alike is found, the less is asked for: after two seconds anything goes.
            let waited = self.rested.min(100) as f32 / 100.0;
            Wish::Shorten(surplus, 0.7 * (1.0 - waited))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AIM: Aim = Aim { frame: 160, base: 1_000, target: 12, grid: 160, ahead_of_grid: 0 };

    fn after(frames: u32, pace: &mut Pace, lag: i64, aim: &Aim) -> Wish {
        (0..frames).fold(Wish::Keep, |_, _| pace.pulled(lag, aim))
    }

    #[test]
    fn less_than_a_grid_step_too_much_is_left_alone() {
        let mut pace = Pace::new(1);
        assert_eq!(after(500, &mut pace, 1_012, &AIM), Wish::Keep);
        assert_eq!(after(500, &mut pace, 1_012 + 160 + 23, &AIM), Wish::Keep);
    }

    #[test]
    fn pauses_go_first_and_speech_after_half_a_second() {
        let mut pace = Pace::new(1);
        let lag = 1_012 + 320 + 24;
        assert_eq!(after(4, &mut pace, lag, &AIM), Wish::Keep);
        assert_eq!(after(1, &mut pace, lag, &AIM), Wish::ShortenPause(320));
        assert!(matches!(after(20, &mut pace, lag, &AIM), Wish::Shorten(320, _)));
        pace.stretched(80);
        let halfway = Aim { ahead_of_grid: 80, ..AIM };
        assert_eq!(after(1, &mut pace, lag - 80, &halfway), Wish::ShortenPause(240));
        assert!(matches!(after(2, &mut pace, lag - 80, &halfway), Wish::Shorten(240, _)));
    }

    #[test]
    fn one_early_pull_counts_for_a_while_and_is_then_forgotten() {
        let mut pace = Pace::new(1);
        assert!(matches!(pace.pulled(1_000, &AIM), Wish::Lengthen(160, _)));
        assert!(matches!(pace.pulled(1_100, &AIM), Wish::Lengthen(160, _)));
        assert_eq!(after(2 * WINDOW, &mut pace, 1_100, &AIM), Wish::Keep);
    }

    #[test]
    fn packets_of_thirty_milliseconds_need_half_a_frame_more() {
        let aim = Aim { grid: 80, ..AIM };
        let mut pace = Pace::new(1);
        assert_eq!(pace.pulled(1_092, &aim), Wish::Keep);
        assert!(matches!(pace.pulled(1_091, &aim), Wish::Lengthen(80, _)));
    }
}
