//! One call's mixing: which frames of this tick each listener hears, and the sums of them. Frames in, frames out.
//!
//! Pure: no socket, no clock, no packet. It asks two questions of each pair, `hears` and `since`, and nothing else opens an ear.
//! A mix is made once for every distinct set of talkers (an audibility group), however many listeners hear it. The scratch
//! room belongs to the media thread and serves one call after the other, so a tick allocates nothing.

pub(crate) mod group;
mod loudest;
pub(crate) mod seat;
#[cfg(test)]
mod tests;

use crate::mix::{self, Frame, SILENCE, Sum};
use crate::settings::{Laws, MAX_SEATS};
pub(crate) use group::{Groups, Key, Sound};
pub(crate) use loudest::ALL_MIXED;
use seat::Seat;

/// Talkers of one call and tick at most: one bit each in a group's key.
pub(crate) const TALKERS: usize = 64;

/// From so many talkers heard by all on, everybody-but-me is put together from sums of those before and those after.
const WORTH_SUMMING: usize = 4;

/// Mean square below which a frame is a pause: -50 dBFS.
const QUIET: u32 = 10_700;

/// What one leg says in this tick.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    /// 20 ms of sound.
    pub(crate) frame: Frame,
    /// There is sound in it.
    pub(crate) speaks: bool,
    /// Pairs that opened at this moment or before may hear it (law 3).
    pub(crate) opened_by: u64,
    /// Mean square; only set where somebody asks for it.
    pub(crate) power: u32,
}

impl Voice {
    const NONE: Self = Self { frame: SILENCE, speaks: false, opened_by: 0, power: 0 };

    /// Nothing is said.
    pub(crate) fn hush(&mut self) {
        self.speaks = false;
        self.power = 0;
    }

    /// Whether this is a pause, if loudness was asked for.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.speaks || self.power < QUIET
    }
}

/// What one leg hears in this tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The mix of a group.
    Group(u16),
    /// By its mask it hears nobody: what its `ears` say.
    Ears,
}

#[derive(Clone, Copy, Debug)]
struct Talker {
    seat: u16,
    opened_by: u64,
}

/// The scratch room of one media thread.
pub(crate) struct Bridge {
    voices: Box<[Voice]>,
    heard: Box<[Heard]>,
    talkers: [Talker; TALKERS],
    talking: usize,
    /// `before[n]`: everybody of the first `n` talkers; `after[n]`: everybody from the `n`th on. Made when first needed.
    before: Box<[Sum]>,
    after: Box<[Sum]>,
    summed: bool,
    groups: Groups,
}

impl Bridge {
    /// Takes all the room it will ever need.
    pub(crate) fn new() -> Self {
        Self {
            voices: vec![Voice::NONE; MAX_SEATS].into_boxed_slice(),
            heard: vec![Heard::Ears; MAX_SEATS].into_boxed_slice(),
            talkers: [Talker { seat: 0, opened_by: 0 }; TALKERS],
            talking: 0,
            before: vec![[0; SILENCE.len()]; TALKERS + 1].into_boxed_slice(),
            after: vec![[0; SILENCE.len()]; TALKERS + 1].into_boxed_slice(),
            summed: false,
            groups: Groups::new(),
        }
    }

    /// Where seat `seat` puts what it says.
    pub(crate) fn voice(&mut self, seat: usize) -> &mut Voice {
        &mut self.voices[seat]
    }

    /// Makes the mixes of one tick from the voices. Afterwards [`Bridge::heard`] says who hears which.
    pub(crate) fn tick(&mut self, seats: &mut [Option<Seat>], laws: Laws) {
        self.groups.clear();
        self.summed = false;
        self.choose(seats);
        for (index, listener) in seats.iter().enumerate() {
            let Some(listener) = listener else { continue };
            self.heard[index] = if listener.alone {
                Heard::Ears
            } else if laws.keeps(1) {
                let set = self.audible(listener, seats, laws);
                Heard::Group(self.group(set))
            } else {
                Heard::Group(self.everything_but(index))
            };
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

    /// The frame that seat `seat` said, for the echo.
    pub(crate) fn said(&self, seat: usize) -> &Frame {
        let voice = &self.voices[seat];
        if voice.speaks { &voice.frame } else { &SILENCE }
    }

    fn choose(&mut self, seats: &mut [Option<Seat>]) {
        loudest::choose(seats, &self.voices);
        self.talking = 0;
        for (index, seat) in seats.iter().enumerate() {
            let speaks = seat.as_ref().is_some_and(|seat| seat.chosen && seat.mask.open && !seat.mask.muted);
            if speaks && self.voices[index].speaks && self.talking < TALKERS {
                let opened_by = self.voices[index].opened_by;
                self.talkers[self.talking] = Talker { seat: index as u16, opened_by };
                self.talking += 1;
            }
        }
    }

    /// The talkers that may be heard by `listener` now: one bit each.
    fn audible(&self, listener: &Seat, seats: &[Option<Seat>], laws: Laws) -> u64 {
        let mut set = 0;
        for (bit, talker) in self.talkers[..self.talking].iter().enumerate() {
            let Some(speaker) = &seats[usize::from(talker.seat)] else { continue };
            let open = listener.hears(speaker);
            if open && (listener.since_us(speaker) <= talker.opened_by || !laws.keeps(3)) {
                set |= 1 << bit;
            }
        }
        set
    }

    fn group(&mut self, set: u64) -> u16 {
        if let Some(known) = self.groups.find(Key::Mix(set)) {
            return known;
        }
        let mut sum: Sum = [0; SILENCE.len()];
        match self.all_but_one_run(set) {
            Some((first, end)) => {
                self.prepare_sums();
                mix::add_sum(&mut sum, &self.before[first]);
                mix::add_sum(&mut sum, &self.after[end]);
            }
            None => {
                for (bit, talker) in self.talkers[..self.talking].iter().enumerate() {
                    if set >> bit & 1 == 1 {
                        mix::add(&mut sum, &self.voices[usize::from(talker.seat)].frame);
                    }
                }
            }
        }
        self.groups.add(Key::Mix(set), |frame| mix::limit(&sum, frame))
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

    fn prepare_sums(&mut self) {
        if self.summed {
            return;
        }
        self.summed = true;
        self.before[0] = [0; SILENCE.len()];
        self.after[self.talking] = [0; SILENCE.len()];
        for n in 0..self.talking {
            self.before[n + 1] = self.before[n];
            mix::add(&mut self.before[n + 1], &self.voices[usize::from(self.talkers[n].seat)].frame);
        }
        for n in (0..self.talking).rev() {
            self.after[n] = self.after[n + 1];
            mix::add(&mut self.after[n], &self.voices[usize::from(self.talkers[n].seat)].frame);
        }
    }

    /// Law 1 broken: everybody is summed up, and each listener's own voice is all that is left out. Only in builds with the
    /// feature `break`; otherwise nobody gets here, because the law is always kept.
    fn everything_but(&mut self, index: usize) -> u16 {
        let mut sum: Sum = [0; SILENCE.len()];
        for talker in self.talkers[..self.talking].iter().filter(|talker| usize::from(talker.seat) != index) {
            mix::add(&mut sum, &self.voices[usize::from(talker.seat)].frame);
        }
        self.groups.add(Key::Own(index as u32), |frame| mix::limit(&sum, frame))
    }
}

/// Finds out who, by the masks, hears nobody. Only needed when masks have changed.
pub(crate) fn find_alone(seats: &mut [Option<Seat>]) {
    for index in 0..seats.len() {
        let Some(listener) = &seats[index] else { continue };
        let alone = !seats.iter().flatten().any(|speaker| listener.hears(speaker));
        if let Some(listener) = &mut seats[index] {
            listener.alone = alone;
        }
    }
}
