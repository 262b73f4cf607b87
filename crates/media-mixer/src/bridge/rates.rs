//! What the talkers of one tick say, at each rate at which somebody hears them, and the sums of it.
//!
//! A talker is brought to another rate once a tick, when somebody first needs it, and a sum is made of frames of one rate only.
//! It is told whom to add up; it decides nothing about who may be heard.

use super::{TALKERS, Talker, Voice};
use crate::codec::Rate;
use crate::mix;
use crate::resample::Resampler;

/// One rate's scratch room.
struct Room {
    rate: Rate,
    /// The frames of those talkers who have another rate, and one bit for each that is made.
    converted: Box<[i16]>,
    made: u64,
    /// `before[n]`: everybody of the first `n` talkers; `after[n]`: everybody from the `n`th on. Made when first needed.
    before: Box<[i32]>,
    after: Box<[i32]>,
    summed: bool,
    sum: Box<[i32]>,
}

impl Room {
    fn new(rate: Rate) -> Self {
        let frame = rate.frame();
        Self {
            rate,
            converted: vec![0; TALKERS * frame].into(),
            made: 0,
            before: vec![0; (TALKERS + 1) * frame].into(),
            after: vec![0; (TALKERS + 1) * frame].into(),
            summed: false,
            sum: vec![0; frame].into(),
        }
    }

    /// Brings the talkers of `set` to this rate, as far as they are not.
    fn convert(&mut self, set: u64, all: &[Talker], voices: &[Voice], resampler: &Resampler) {
        let frame = self.rate.frame();
        for (bit, talker) in all.iter().enumerate() {
            let voice = &voices[usize::from(talker.seat)];
            if set & !self.made & 1 << bit != 0 && voice.rate() != self.rate {
                let out = &mut self.converted[bit * frame..][..frame];
                resampler.convert(voice.rate(), self.rate, voice.with_past(), out);
                self.made |= 1 << bit;
            }
        }
    }

    fn sum(&mut self, set: u64, fresh: u64, all: &[Talker], voices: &[Voice]) {
        let frame = self.rate.frame();
        self.sum.fill(0);
        for (bit, talker) in all.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1) {
            let voice = &voices[usize::from(talker.seat)];
            let said = said(voice, self.rate, &self.converted[bit * frame..][..frame]);
            match fresh >> bit & 1 {
                0 => mix::add(&mut self.sum, said),
                _ => mix::add_rising(&mut self.sum, said),
            }
        }
    }

    fn prepare(&mut self, all: &[Talker], voices: &[Voice]) {
        if std::mem::replace(&mut self.summed, true) {
            return;
        }
        let frame = self.rate.frame();
        let said = |n: usize| said(&voices[usize::from(all[n].seat)], self.rate, &self.converted[n * frame..][..frame]);
        self.before[..frame].fill(0);
        self.after[all.len() * frame..][..frame].fill(0);
        for n in 0..all.len() {
            let (known, next) = self.before[n * frame..].split_at_mut(frame);
            next[..frame].copy_from_slice(known);
            mix::add(&mut next[..frame], said(n));
        }
        for n in (0..all.len()).rev() {
            let (next, known) = self.after[n * frame..].split_at_mut(frame);
            next.copy_from_slice(&known[..frame]);
            mix::add(next, said(n));
        }
    }
}

/// What a voice says at `rate`: itself, or what it was converted to.
fn said<'a>(voice: &'a Voice, rate: Rate, converted: &'a [i16]) -> &'a [i16] {
    if voice.rate() == rate { voice.frame() } else { converted }
}

/// The scratch room of all rates.
pub(super) struct Rates {
    rooms: [Room; Rate::ALL.len()],
    resampler: Resampler,
}

impl Rates {
    pub(super) fn new() -> Self {
        Self { rooms: Rate::ALL.map(Room::new), resampler: Resampler::new() }
    }

    /// The filters.
    pub(super) fn resampler(&self) -> &Resampler {
        &self.resampler
    }

    /// Begins a tick.
    pub(super) fn clear(&mut self) {
        for room in &mut self.rooms {
            room.made = 0;
            room.summed = false;
        }
    }

    /// The sum of the talkers in `set`; those who are in `fresh` too rise from silence.
    pub(super) fn sum(&mut self, set: u64, fresh: u64, all: &[Talker], voices: &[Voice], rate: Rate) -> &[i32] {
        let room = &mut self.rooms[rate as usize];
        room.convert(set, all, voices, &self.resampler);
        room.sum(set, fresh, all, voices);
        &room.sum
    }

    /// The sum of all talkers but those from `first` to before `end`: two additions, whatever their number.
    pub(super) fn all_but(&mut self, first: usize, end: usize, all: &[Talker], voices: &[Voice], rate: Rate) -> &[i32] {
        let room = &mut self.rooms[rate as usize];
        room.convert(u64::MAX, all, voices, &self.resampler);
        room.prepare(all, voices);
        let frame = rate.frame();
        room.sum.copy_from_slice(&room.before[first * frame..][..frame]);
        mix::add_sum(&mut room.sum, &room.after[end * frame..][..frame]);
        &room.sum
    }
}
