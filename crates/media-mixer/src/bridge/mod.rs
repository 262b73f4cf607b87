//! One call's mixing: which frames of this tick each listener hears, and the sums of them. Frames in, frames out.
//!
//! Pure: no socket, no clock, no packet. It asks two questions of each pair, `hears` and `since`, and nothing else opens an ear.
//! A mix is made once for every distinct set of talkers (an audibility group), however many listeners hear it. The scratch
//! room belongs to the media thread and serves one call after the other, so a tick allocates nothing.

pub(crate) mod coded;
pub(crate) mod group;
mod loudest;
mod rates;
pub(crate) mod seat;
#[cfg(test)]
mod tests;
mod voice;

use conference::Ears;

use crate::codec::Rate;
use crate::mix;
use crate::resample::Resampler;
use crate::settings::{Laws, MAX_SEATS};
pub(crate) use group::{Groups, Key, Sound};
pub(crate) use loudest::ALL_MIXED;
use rates::Rates;
use seat::Seat;
pub(crate) use voice::Voice;

/// Talkers of one call and tick at most: one bit each in a group's key.
pub(crate) const TALKERS: usize = 64;

/// From so many talkers heard by all on, everybody-but-me is put together from sums of those before and those after.
const WORTH_SUMMING: usize = 4;

/// What one leg hears in this tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The mix of a group.
    Group(u16),
    /// By its mask it hears nobody: what its `ears` say.
    Ears,
}

/// Whoever is mixed in this tick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talker {
    seat: u16,
    opened_by: u64,
}

/// The scratch room of one media thread.
pub(crate) struct Bridge {
    voices: Box<[Voice]>,
    /// At which rate each seat hears.
    ears: Box<[Rate]>,
    heard: Box<[Heard]>,
    talkers: [Talker; TALKERS],
    talking: usize,
    /// What the talkers say, at every rate at which somebody hears them.
    rates: Rates,
    groups: Groups,
}

impl Bridge {
    /// Takes all the room it will ever need.
    pub(crate) fn new() -> Self {
        Self {
            voices: vec![Voice::NONE; MAX_SEATS].into_boxed_slice(),
            ears: vec![Rate::Narrow; MAX_SEATS].into_boxed_slice(),
            heard: vec![Heard::Ears; MAX_SEATS].into_boxed_slice(),
            talkers: [Talker { seat: 0, opened_by: 0 }; TALKERS],
            talking: 0,
            rates: Rates::new(),
            groups: Groups::new(),
        }
    }

    /// Seat `seat` hears at this rate, until it is said otherwise.
    pub(crate) fn hears_at(&mut self, seat: usize, rate: Rate) {
        self.ears[seat] = rate;
    }

    /// Where seat `seat` puts what it says.
    pub(crate) fn voice(&mut self, seat: usize) -> &mut Voice {
        &mut self.voices[seat]
    }

    /// Makes the mixes of one tick from the voices. Afterwards [`Bridge::heard`] says who hears which.
    pub(crate) fn tick(&mut self, seats: &mut [Option<Seat>], laws: Laws) {
        self.groups.clear();
        self.rates.clear();
        self.choose(seats);
        note_early_media(seats, &self.voices);
        for (index, listener) in seats.iter().enumerate() {
            let Some(listener) = listener else { continue };
            let rate = self.ears[index];
            self.heard[index] = if listener.alone || waits_for_early_media(listener, seats) {
                Heard::Ears
            } else if laws.keeps(1) {
                let (set, fresh) = self.audible(listener, rate, seats, laws);
                Heard::Group(self.group(set, fresh, rate))
            } else {
                Heard::Group(self.everything_but(index, rate))
            };
        }
        for talker in &self.talkers[..self.talking] {
            if let Some(seat) = &mut seats[usize::from(talker.seat)] {
                seat.opened_by = talker.opened_by;
            }
        }
    }

    /// What seat `seat` hears.
    pub(crate) fn heard(&self, seat: usize) -> Heard {
        self.heard[seat]
    }

    /// The groups of this tick, to which sounds that are no mix may be added.
    pub(crate) fn groups(&mut self) -> &mut Groups {
        &mut self.groups
    }

    /// The filters by which sound changes its rate, and the groups.
    pub(crate) fn house(&mut self) -> (&Resampler, &mut Groups) {
        (self.rates.resampler(), &mut self.groups)
    }

    /// Gives seat `seat` what it said itself: the echo.
    pub(crate) fn echo(&mut self, seat: usize, rate: Rate) -> u16 {
        let (voice, resampler) = (&self.voices[seat], self.rates.resampler());
        self.groups.add(Key::Own(seat as u32), rate, |frame| {
            if voice.speaks {
                resampler.convert(voice.rate(), rate, voice.with_past(), frame);
            }
        })
    }

    fn choose(&mut self, seats: &mut [Option<Seat>]) {
        loudest::choose(seats, &self.voices);
        self.talking = 0;
        for (index, seat) in seats.iter().enumerate() {
            let speaks = seat.as_ref().is_some_and(|seat| seat.chosen && seat.mask.speaks());
            if speaks && self.voices[index].speaks && self.talking < TALKERS {
                let opened_by = self.voices[index].opened_by;
                self.talkers[self.talking] = Talker { seat: index as u16, opened_by };
                self.talking += 1;
            }
        }
    }

    /// The talkers that may be heard by `listener`, at `rate`, now, and those of them that he could not hear when they last spoke:
    /// one bit each.
    fn audible(&self, listener: &Seat, rate: Rate, seats: &[Option<Seat>], laws: Laws) -> (u64, u64) {
        let (mut set, mut fresh) = (0, 0);
        for (bit, talker) in self.talkers[..self.talking].iter().enumerate() {
            let Some(speaker) = &seats[usize::from(talker.seat)] else { continue };
            let open = listener.hears(speaker);
            // what changes its rate holds a little of what was said before (law 3)
            let voice = &self.voices[usize::from(talker.seat)];
            let since_us = if open { listener.since_us(speaker) } else { continue };
            if since_us <= voice.opened_by_at(rate, talker.opened_by) || !laws.keeps(3) {
                set |= 1 << bit;
                fresh |= u64::from(since_us > voice.opened_by_at(rate, speaker.opened_by)) << bit;
            }
        }
        (set, fresh)
    }

    fn group(&mut self, set: u64, fresh: u64, rate: Rate) -> u16 {
        let key = Key::Mix(set, fresh);
        if let Some(known) = self.groups.find(key, rate) {
            return known;
        }
        let all = &self.talkers[..self.talking];
        let sum = match self.all_but_one_run(set).filter(|_| fresh == 0) {
            Some((first, end)) => self.rates.all_but(first, end, all, &self.voices, rate),
            None => self.rates.sum(set, fresh, all, &self.voices, rate),
        };
        self.groups.add(key, rate, |frame| mix::limit(sum, frame))
    }

    /// If `set` is every talker but one run of neighbours (`first` to before `end`), and they are many enough to be worth it.
    fn all_but_one_run(&self, set: u64) -> Option<(usize, usize)> {
        if self.talking < WORTH_SUMMING {
            return None;
        }
        let all = u64::MAX >> (TALKERS - self.talking);
        let missing = all & !set;
        let first = (missing.trailing_zeros() as usize).min(self.talking);
        let run = (missing.checked_shr(first as u32).unwrap_or(0)).trailing_ones() as usize;
        let end = first + run;
        let rest = missing.checked_shr(end as u32).unwrap_or(0);
        (rest == 0 && run * 2 < self.talking).then_some((first, end))
    }

    /// Law 1 broken: everybody is summed up, and each listener's own voice is all that is left out. Only in builds with the
    /// feature `break`; otherwise nobody gets here, because the law is always kept.
    fn everything_but(&mut self, index: usize, rate: Rate) -> u16 {
        let all = &self.talkers[..self.talking];
        let others = all.iter().enumerate().filter(|(_, talker)| usize::from(talker.seat) != index);
        let set = others.fold(0, |set, (bit, _)| set | 1 << bit);
        let sum = self.rates.sum(set, 0, all, &self.voices, rate);
        self.groups.add(Key::Own(index as u32), rate, |frame| mix::limit(sum, frame))
    }
}

/// Early media has begun once something of it was heard: from then on its pauses are its own.
fn note_early_media(seats: &mut [Option<Seat>], voices: &[Voice]) {
    for (seat, voice) in seats.iter_mut().zip(voices) {
        if let Some(seat) = seat.as_mut().filter(|seat| seat.mask.early) {
            seat.begun |= voice.speaks && seat.mask.speaks();
        }
    }
}

/// Whether nothing has come yet of the early media that it may hear.
fn waits_for_early_media(listener: &Seat, seats: &[Option<Seat>]) -> bool {
    let begun = |speaker: &Seat| speaker.begun && speaker.mask.early && listener.hears(speaker);
    listener.mask.ears == Ears::Early && !seats.iter().flatten().any(begun)
}

/// Finds out who, by the masks, hears nobody, and whom nobody hears. Only needed when masks have changed.
pub(crate) fn find_alone(seats: &mut [Option<Seat>]) {
    for index in 0..seats.len() {
        let Some(seat) = &seats[index] else { continue };
        let mut others = seats.iter().flatten();
        let alone = !seat.mask.listens() || !others.clone().any(|speaker| seat.hears(speaker));
        let heard = seat.mask.speaks() && others.any(|listener| listener.hears(seat));
        if let Some(seat) = &mut seats[index] {
            (seat.alone, seat.heard) = (alone, heard);
        }
    }
}
