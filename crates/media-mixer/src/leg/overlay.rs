//! What is added to what one leg hears: cues one after the other, and the tones of digits for a phone that takes no events.
//!
//! Added to this leg's own frame and to nobody else's; music gives way to a prompt. It decides nothing about when a cue is due.
//! Bounded, and without allocation.

use conference::Cue;

use super::Leg;
use crate::codec::{FRAME_SAMPLES, Rate};
use crate::dtmf::{self, Digit, QUEUE};
use crate::gain::Gain;
use crate::prompts::Prompts;
use crate::resample::{Resampler, past};
use crate::tone::Tone;

/// Cues that may wait: a tone and what is said about it, twice.
const CUES: usize = 4;
/// How much quieter music is while a prompt is spoken over it, in decibels.
const UNDER_DB: i8 = -12;
/// Samples of pause after a cue and after a digit: 50 ms.
const PAUSE: u64 = 400;
/// Samples before a frame that a change of its rate needs.
const BEFORE: usize = past(Rate::Narrow);
/// Symbols in the order of their event numbers (RFC 4733 §3.2).
const SYMBOLS: &str = "0123456789*#ABCD";

/// Sounds that wait for their turn; the first of them plays.
#[derive(Clone, Copy, Debug)]
struct Queue<T, const N: usize> {
    waiting: [Option<T>; N],
    /// Samples of the first played so far.
    position: u64,
}

impl<T: Copy, const N: usize> Queue<T, N> {
    const EMPTY: Self = Self { waiting: [None; N], position: 0 };

    /// One for which there is no room is lost: those before it are not.
    fn push(&mut self, sound: T) {
        if let Some(free) = self.waiting.iter_mut().find(|place| place.is_none()) {
            *free = Some(sound);
        }
    }

    /// Plays 20 ms of what is first: `play` gets it and the position in it, and says how long it is in all.
    fn play(&mut self, play: impl FnOnce(T, u64) -> u64) {
        let Some(first) = self.waiting.first().copied().flatten() else { return };
        let length = play(first, self.position);
        self.position += FRAME_SAMPLES as u64;
        if self.position >= length + PAUSE {
            self.waiting[0] = None;
            self.waiting.rotate_left(1);
            self.position = 0;
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting.first().is_none_or(Option::is_none)
    }

    fn iter(&self) -> impl Iterator<Item = T> {
        self.waiting.into_iter().flatten()
    }

    /// What is not to be kept is not played, or not to its end.
    fn retain(&mut self, keep: impl Fn(T) -> bool) {
        if self.iter().all(&keep) {
            return;
        }
        if self.waiting.first().copied().flatten().is_some_and(|first| !keep(first)) {
            self.position = 0;
        }
        let before = std::mem::replace(&mut self.waiting, [None; N]);
        let kept = before.into_iter().flatten().filter(|sound| keep(*sound));
        self.waiting.iter_mut().zip(kept).for_each(|(place, sound)| *place = Some(sound));
    }
}

/// The sounds added to what one leg hears.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overlays {
    cues: Queue<Cue, CUES>,
    digits: Queue<Digit, QUEUE>,
    /// How loud the music under a prompt is.
    under: Gain,
    /// The end of what was added in the last tick.
    before: [i16; BEFORE],
}

impl Overlays {
    pub(crate) const NONE: Self =
        Self { cues: Queue::EMPTY, digits: Queue::EMPTY, under: Gain::UNITY, before: [0; BEFORE] };

    /// A digit, for a phone that takes no events.
    pub(super) fn digit(&mut self, digit: Digit) {
        self.digits.push(digit);
    }
}

impl Leg {
    /// Plays a cue into this leg, after those that wait.
    pub(crate) fn cue(&mut self, cue: Cue) {
        self.overlays.cues.push(cue);
    }

    /// Whether something of its own is added to what it hears. A cue that may not be played now is not played later either, and
    /// nobody is told their place in a queue who has left it: whose ears have no music.
    pub(crate) fn has_overlay(&mut self, cues: bool, music: bool) -> bool {
        let overlays = &mut self.overlays;
        if !cues {
            overlays.cues = Queue::EMPTY;
        }
        if !music {
            overlays.cues.retain(|cue| !matches!(cue, Cue::Position(_)));
            overlays.under = Gain::UNITY;
        }
        let some = !overlays.cues.is_empty() || !overlays.digits.is_empty() || !overlays.under.is_unity();
        if !some && overlays.before != [0; BEFORE] {
            overlays.before = [0; BEFORE];
        }
        some
    }

    /// Nothing is sent to it: what was to be added, or said by events, is not heard later.
    pub(crate) fn drop_overlays(&mut self) {
        let Overlays { cues, digits, under, before: _ } = &self.overlays;
        if !cues.is_empty() || !digits.is_empty() || !under.is_unity() {
            self.overlays = Overlays::NONE;
        }
        if !self.digits.is_idle() {
            self.digits = dtmf::Sender::default();
        }
    }

    /// Adds what is its own to a frame of `rate`. Call once a tick, if at all.
    pub(crate) fn overlay(
        &mut self,
        prompts: &Prompts,
        music: bool,
        rate: Rate,
        resampler: &Resampler,
        frame: &mut [i16],
    ) {
        let overlays = &mut self.overlays;
        let speaks = music && overlays.cues.iter().any(|cue| prompts.cue(cue).is_spoken());
        overlays.under.change(if speaks { UNDER_DB } else { 0 });
        if !overlays.under.is_unity() {
            overlays.under.apply(frame);
        }
        if rate == Rate::Narrow {
            overlays.play(prompts, frame);
            return;
        }
        let (mut sound, mut converted) = ([0; BEFORE + FRAME_SAMPLES], [0; Rate::MAX_FRAME]);
        sound[..BEFORE].copy_from_slice(&overlays.before);
        overlays.play(prompts, &mut sound[BEFORE..]);
        overlays.before.copy_from_slice(&sound[FRAME_SAMPLES..]);
        resampler.convert(Rate::Narrow, rate, &sound, &mut converted[..rate.frame()]);
        for (sample, more) in frame.iter_mut().zip(&converted) {
            *sample = sample.saturating_add(*more);
        }
    }

    /// Where in the announcement that nobody can take the call it is; the next frame begins 20 ms later.
    pub(crate) fn announce(&mut self) -> u64 {
        let position = self.announced;
        self.announced += FRAME_SAMPLES as u64;
        position
    }
}

impl Overlays {
    /// Adds 20 ms of 8 kHz of what is first in each queue.
    fn play(&mut self, prompts: &Prompts, frame: &mut [i16]) {
        self.cues.play(|cue, position| {
            let sound = prompts.cue(cue);
            sound.add(position, frame);
            sound.samples() as u64
        });
        self.digits.play(|digit, position| tone_of(digit).map_or(0, |tone| add_tone(&tone, position, frame)));
    }
}

/// Adds a tone that ends; its length.
fn add_tone(tone: &Tone, position: u64, frame: &mut [i16]) -> u64 {
    let _sounds = tone.add(position, frame);
    tone.length().unwrap_or(0)
}

fn tone_of(digit: Digit) -> Option<Tone> {
    let event = SYMBOLS.find(digit.symbol.to_ascii_uppercase())?;
    Tone::dtmf(u8::try_from(event).ok()?, u64::from(digit.duration_ms))
}
