//! Fills holes with what was heard just before, fading out: packet loss concealment after G.711 Appendix I.
//!
//! Differences from the appendix: no delay of 3.75 ms is added (a step at the start of a hole is levelled out inside the
//! hole instead), so that sound without loss passes bit by bit. Knows samples only; what they stand for is the caller's.

/// Samples of past sound kept: 3¼ of the longest periods (Appendix I, 48.75 ms). This and all below in samples of 8 kHz.
pub(crate) const HISTORY: usize = 390;

/// The highest rate concealed here, in multiples of 8 kHz: above it codecs conceal by themselves.
const MOST_TIMES: usize = 2;
const ROOM: usize = HISTORY * MOST_TIMES;

/// Pitch periods looked for: 200 Hz down to 66 Hz.
const MIN_PITCH: usize = 40;
const MAX_PITCH: usize = 120;

/// Samples compared when the pitch is looked for: 20 ms.
const COMPARED: usize = 160;

/// After each 10 ms one more of the past periods is used, up to three: a single one would buzz.
const PERIOD_STEP: usize = 80;

/// Full level so long, then a straight line down to silence.
const FULL_SAMPLES: usize = 80;

/// A hole is silent from here on: 60 ms.
pub(crate) const AUDIBLE_SAMPLES: usize = 480;

/// Past sound, and the hole being filled if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Conceal {
    /// Samples for one of 8 kHz.
    times: usize,
    history: [i16; ROOM],
    /// A copy of the history at the start of the hole.
    source: [i16; ROOM],
    pitch: usize,
    /// Where in the repeated stretch the next sample is, counted from its start.
    place: usize,
    /// How many periods the repeated stretch has.
    periods: usize,
    /// Samples of the hole filled so far.
    filled: usize,
    /// Difference between the last real sample and the one before the repeated stretch.
    step: i32,
    /// Samples left of the fade from the filling into real sound.
    merging: usize,
    merge_length: usize,
}

impl Conceal {
    /// For sound of `times` times 8 kHz, at most 16 kHz.
    pub(crate) const fn new(times: usize) -> Self {
        let times = if times < MOST_TIMES { times } else { MOST_TIMES };
        Self {
            times,
            history: [0; ROOM],
            source: [0; ROOM],
            pitch: MAX_PITCH * times,
            place: 0,
            periods: 1,
            filled: 0,
            step: 0,
            merging: 0,
            merge_length: 0,
        }
    }

    /// Forgets the past: the next hole is filled with silence.
    pub(crate) const fn forget(&mut self) {
        *self = Self::new(self.times);
    }

    /// Takes one frame that goes to the ears into the past.
    pub(crate) fn heard(&mut self, frame: &[i16]) {
        append(&mut self.history[..HISTORY * self.times], frame);
    }

    /// Fills `out`, going on with the hole if one is open. `before` is what of the current frame went ahead of it.
    pub(crate) fn fill(&mut self, before: &[i16], out: &mut [i16]) {
        if self.filled == 0 || self.merging > 0 {
            self.open(before);
        }
        for sample in out {
            *sample = self.next();
        }
    }

    /// Whether filling still goes on or fades into what follows, so that a real sample would be mixed with it.
    pub(crate) const fn active(&self) -> bool {
        self.filled > 0
    }

    /// Samples of the hole filled so far.
    pub(crate) const fn filled(&self) -> usize {
        self.filled
    }

    /// Whether the hole has been open so long that nothing of the past is heard any more.
    pub(crate) const fn faded_out(&self) -> bool {
        self.filled >= AUDIBLE_SAMPLES * self.times
    }

    /// Fades from the filling into `real`, the first samples after the hole.
    pub(crate) fn merge(&mut self, real: &mut [i16]) {
        if self.merging == 0 {
            // Appendix I: a quarter of a period, and 4 ms more for each 10 ms of hole, at most 10 ms.
            let (grows, times) = (32 * self.filled.saturating_sub(1) / 80, self.times);
            self.merge_length = (self.pitch / 4 + grows).clamp(10 * times, 80 * times);
            self.merging = self.merge_length;
        }
        for sample in real {
            if self.merging == 0 {
                break;
            }
            let (left, length) = (self.merging as i32, self.merge_length as i32);
            let filling = i32::from(self.next());
            *sample = ((i32::from(*sample) * (length - left) + filling * left) / length) as i16;
            self.merging -= 1;
        }
        if self.merging == 0 {
            self.filled = 0;
        }
    }

    fn open(&mut self, before: &[i16]) {
        self.source = self.history;
        let length = HISTORY * self.times;
        append(&mut self.source[..length], before);
        self.pitch = pitch(&self.source[..length], self.times);
        self.periods = 1;
        self.place = 0;
        self.filled = 0;
        self.merging = 0;
        self.step = i32::from(self.source[length - 1]) - i32::from(self.source[length - 1 - self.pitch]);
    }

    fn next(&mut self) -> i16 {
        let (times, full) = (self.times, FULL_SAMPLES * self.times);
        let gain = (AUDIBLE_SAMPLES * times).saturating_sub(self.filled.max(full)) as i32;
        let quarter = self.pitch / 4;
        let levelled = self.step * quarter.saturating_sub(self.filled) as i32 / quarter as i32;
        let sample = self.repeated() + levelled;
        self.filled += 1;
        self.place += 1;
        let step = PERIOD_STEP * times;
        if self.filled.is_multiple_of(step) && self.periods < 3 && self.filled < 3 * step {
            // The stretch grows backwards: the same sample lies one period further from its start.
            self.periods += 1;
            self.place += self.pitch;
        }
        if self.place >= self.periods * self.pitch {
            self.place = 0;
        }
        let faded = sample * gain / ((AUDIBLE_SAMPLES - FULL_SAMPLES) * times) as i32;
        faded.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
    }

    /// The sample at `place` of the repeated stretch, whose last quarter period fades into what came before its start.
    fn repeated(&self) -> i32 {
        let length = self.periods * self.pitch;
        let quarter = self.pitch / 4;
        let start = HISTORY * self.times - length;
        let here = i32::from(self.source[start + self.place]);
        let Some(into) = (self.place + quarter).checked_sub(length) else { return here };
        let earlier = i32::from(self.source[start - quarter + into]);
        let (into, quarter) = (into as i32 + 1, quarter as i32 + 1);
        (here * (quarter - into) + earlier * into) / quarter
    }
}

/// Moves `samples` into the end of `history`.
fn append(history: &mut [i16], samples: &[i16]) {
    let room = history.len();
    let samples = &samples[samples.len().saturating_sub(room)..];
    history.copy_within(samples.len().., 0);
    history[room - samples.len()..].copy_from_slice(samples);
}

/// The lag at which the last 20 ms are most like what came before them; at 16 kHz of every second sample and lag.
fn pitch(past: &[i16], times: usize) -> usize {
    let (length, compared) = (past.len(), COMPARED * times);
    let recent = &past[length - compared..];
    let mut best = (MAX_PITCH * times, 0.0_f32);
    for lag in (MIN_PITCH..=MAX_PITCH).map(|lag| lag * times) {
        let earlier = &past[length - compared - lag..length - lag];
        let (mut product, mut power) = (0_i64, 1_i64);
        for (a, b) in recent.iter().step_by(times).zip(earlier.iter().step_by(times)) {
            product += i64::from(*a) * i64::from(*b);
            power += i64::from(*b) * i64::from(*b);
        }
        let score = product.max(0) as f32 / (power as f32).sqrt();
        if score > best.1 {
            best = (lag, score);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(samples: usize, period: f64) -> Vec<i16> {
        (0..samples)
            .map(|i| {
                let phase = i as f64 / period * std::f64::consts::TAU;
                ((phase.sin() + 0.5 * (2.0 * phase).sin() + 0.3 * (5.0 * phase).cos()) * 5_000.0) as i16
            })
            .collect()
    }

    fn power(samples: &[i16]) -> f64 {
        samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64
    }

    #[test]
    fn the_first_ten_milliseconds_go_on_as_the_voice_would_have() {
        let wanted = voice(800, 73.0);
        let mut conceal = Conceal::new(1);
        wanted[..640].chunks(160).for_each(|frame| conceal.heard(frame));
        let mut out = [0; 80];
        conceal.fill(&[], &mut out);
        let error: Vec<i16> = out.iter().zip(&wanted[640..]).map(|(a, b)| a - b).collect();
        assert!(power(&error) < power(&wanted[640..720]) / 100.0);
    }

    #[test]
    fn a_hole_fades_to_silence_by_sixty_milliseconds() {
        let mut conceal = Conceal::new(1);
        conceal.heard(&voice(390, 60.0));
        let mut out = [0; 640];
        for frame in out.chunks_mut(160) {
            conceal.fill(&[], frame);
        }
        let full = power(&out[..80]);
        assert!(power(&out[80..240]) < full && power(&out[240..400]) < full / 2.0);
        assert!(power(&out[400..480]) < full / 30.0);
        assert!(out[480..].iter().all(|s| *s == 0) && conceal.faded_out());
    }

    #[test]
    fn sound_resumes_without_a_click() {
        let wanted = voice(1_200, 66.6);
        let steepest = wanted.windows(2).map(|w| (w[1] - w[0]).abs()).max().unwrap_or(0);
        let mut conceal = Conceal::new(1);
        wanted[..480].chunks(160).for_each(|frame| conceal.heard(frame));
        let mut heard = wanted[..480].to_vec();
        let mut hole = [0; 200];
        conceal.fill(&[], &mut hole);
        heard.extend(hole);
        let mut after = wanted[680..].to_vec();
        conceal.merge(&mut after);
        assert!(!conceal.active());
        heard.extend(&after);
        let worst = heard.windows(2).map(|w| (w[1] - w[0]).abs()).max().unwrap_or(0);
        assert!(worst <= steepest * 3 / 2, "a step of {worst}, the voice has {steepest}");
        assert_eq!(after[80..], wanted[760..]);
    }

    #[test]
    fn without_a_past_a_hole_is_silent() {
        let mut conceal = Conceal::new(1);
        let mut out = [7; 160];
        conceal.fill(&[], &mut out);
        assert_eq!(out, [0; 160]);
    }

    #[test]
    fn the_loudest_past_does_not_overflow() {
        let mut conceal = Conceal::new(1);
        let square: Vec<i16> = (0..390).map(|i| if i / 31 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        conceal.heard(&square);
        let mut out = [0; 640];
        conceal.fill(&square[..77], &mut out);
        let mut real = [i16::MIN; 160];
        conceal.merge(&mut real);
        assert_eq!(real[100], i16::MIN);
    }
}
