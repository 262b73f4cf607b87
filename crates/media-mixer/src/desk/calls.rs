//! The desk's calls: change-sets are checked for their version, compiled into seats, and sent whole.
//!
//! A version that was not expected closes the call, and the full state is asked for. A leg sits in one call at most.

use conference::{CallId, ChangeSet, Ears, LegId, LegMask};
use tokio::sync::oneshot;

use super::roster::{Parted, Plan, Roster};
use super::{CallRecord, Desk, Whereabouts};
use crate::bridge::seat::Seat;
use crate::codec::FRAME_SAMPLES;
use crate::engine::call::{Call, TICK_US};
use crate::engine::command::{Change, Command};
use crate::mixer::{Applied, Audibility, MediaNews};

/// Seats of a new call; it grows when more come.
const ROOM: u32 = 4;

/// When two calls become one, its legs are in neither for a moment: at most so long.
const BETWEEN_CALLS_US: u64 = 200_000;

/// Legs that leave a call together and may meet again; more than that is the end of a call.
const TOGETHER: usize = 64;

impl Desk {
    /// Takes one reaction's change of one call.
    pub(crate) fn set_audibility(&mut self, change: ChangeSet) -> oneshot::Receiver<Applied> {
        let (ack, applied) = oneshot::channel();
        let ChangeSet { call, version, full, legs, gone, .. } = change;
        let expected = self.calls.get(&call).is_none_or(|known| !known.closed && version == known.version + 1);
        if !full && !expected {
            self.close_call(call);
            self.untold.push_back(MediaNews::OutOfStep { call });
            return applied;
        }
        if !self.calls.contains_key(&call) && !self.begin_call(call, &legs) {
            // an empty call needs no thread: whatever was asked is in force
            let now_us = self.now_us();
            tell(ack, Applied { version, at_us: now_us, sample: 0 });
            return applied;
        }
        for mask in &legs {
            let other = self.legs.get(&mask.leg).and_then(|record| record.call).filter(|other| *other != call);
            if other.is_some() {
                self.unseat(mask.leg);
            }
        }
        let mut leaving = gone;
        if let Some(known) = self.calls.get_mut(&call) {
            known.closed = false;
            if full {
                let named = |leg: &LegId| legs.iter().any(|mask| mask.leg == *leg);
                leaving.extend(known.roster.legs().into_iter().filter(|leg| !named(leg)));
            }
        }
        let ack = if self.laws.keeps(2) { Some(ack) } else { self.promise(ack, version) };
        self.send_change(call, Some(version), legs, &leaving, ack);
        applied
    }

    /// Who is in the call by its last change-set.
    pub(crate) fn audibility(&self, call: CallId) -> Option<Audibility> {
        let known = self.calls.get(&call)?;
        let masks = known.roster.masks().cloned().collect();
        Some(Audibility { version: known.version, closed: known.closed, masks })
    }

    /// The present sample of a call's media clock.
    pub(crate) fn media_clock(&self, call: CallId) -> Option<u64> {
        let (at_us, sample) = self.calls.get(&call)?.clock?;
        let ticks = self.now_us().saturating_sub(at_us) / TICK_US;
        Some(sample + ticks * FRAME_SAMPLES as u64)
    }

    /// A leg leaves the call it is in, if any, without a change-set: it ends, or another call took it.
    pub(super) fn unseat(&mut self, leg: LegId) {
        let Some(call) = self.legs.get(&leg).and_then(|record| record.call) else { return };
        self.send_change(call, None, Vec::new(), &[leg], None);
    }

    /// A leg that was named before it was opened takes its seat.
    pub(super) fn seat_late(&mut self, leg: LegId) {
        let Some(call) = self.awaited.get(&leg).copied() else { return };
        let Some(mask) = self.calls.get(&call).and_then(|known| known.roster.mask(leg)).cloned() else { return };
        // as if it joined now: nothing about it was in force before
        self.send_change(call, None, Vec::new(), &[leg], None);
        if self.calls.contains_key(&call) || self.begin_call(call, std::slice::from_ref(&mask)) {
            self.send_change(call, None, vec![mask], &[], None);
        }
    }

    /// Notes which legs a call names that are not open yet, so that none has to be looked for when it opens.
    fn await_legs(&mut self, call: CallId, named: &[LegMask], gone: &[LegId]) {
        for leg in gone {
            if self.awaited.get(leg) == Some(&call) {
                self.awaited.remove(leg);
            }
        }
        for mask in named.iter().filter(|mask| !self.legs.contains_key(&mask.leg)) {
            self.awaited.insert(mask.leg, call);
        }
    }

    fn begin_call(&mut self, call: CallId, legs: &[LegMask]) -> bool {
        if legs.is_empty() {
            return false;
        }
        // where one of its legs is already, so that nobody has to move; else where least is to be done
        let home = legs.iter().find_map(|mask| match self.legs.get(&mask.leg)?.at {
            Whereabouts::On { line, .. } | Whereabouts::Moving { line, .. } => Some(line),
            Whereabouts::Lobby(_) => None,
        });
        let calmest = (0..self.lines.len()).min_by_key(|line| self.lines[*line].legs());
        let Some(line) = home.or(calmest) else { return false };
        let Some(slot) = self.lines[line].take_slot() else { return false };
        let roster = Roster::default();
        let record = CallRecord {
            line,
            slot,
            version: 0,
            serial: 0,
            applied: (0, 0),
            clock: None,
            roster,
            room: 0,
            closed: false,
        };
        self.calls.insert(call, record);
        true
    }

    fn send_change(
        &mut self,
        call: CallId,
        version: Option<u64>,
        masks: Vec<LegMask>,
        gone: &[LegId],
        ack: Option<oneshot::Sender<Applied>>,
    ) {
        let now_us = self.now_us();
        if !self.calls.contains_key(&call) {
            return;
        }
        self.await_legs(call, &masks, gone);
        let Some(known) = self.calls.get_mut(&call) else { return };
        let (line, slot, before) = (known.line, known.slot, known.serial);
        known.version = version.unwrap_or(known.version);
        known.serial += 1;
        let (version, serial) = (known.version, known.serial);
        self.parted.retain(|(left_us, _)| now_us.saturating_sub(*left_us) < BETWEEN_CALLS_US);
        let parted: Vec<Parted> = self.parted.iter().map(|(_, pair)| *pair).collect();
        if known.applied.0 == before && !known.closed && (2..=TOGETHER).contains(&gone.len()) {
            // they were open by then at the latest: the law's cut was that moment's or an earlier one's
            let since_us = known.applied.1;
            let pairs = known.roster.audible_among(gone).into_iter();
            self.parted.extend(pairs.map(|(listener, speaker)| (now_us, (listener, speaker, since_us))));
        }
        let plans = known.roster.change(masks, gone, &parted, now_us);
        let begin = (known.room == 0).then(|| Box::new(Call::new(call, ROOM.max(known.roster.seats()) as usize)));
        if begin.is_some() {
            known.room = ROOM.max(known.roster.seats());
        }
        let room = (known.roster.seats() > known.room).then(|| {
            known.room = known.roster.seats().next_power_of_two();
            Vec::with_capacity(known.room as usize)
        });
        let end = known.roster.is_empty();
        for leg in gone {
            if let Some(record) = self.legs.get_mut(leg).filter(|record| record.call == Some(call)) {
                record.call = None;
            }
        }
        let mut fresh = Vec::new();
        let mut seats = Vec::with_capacity(plans.len());
        for (seat, plan) in plans {
            let taken = match plan {
                Plan::Empty => None,
                Plan::Taken(taken) => self.settle_leg(*taken, call, line, &mut fresh),
            };
            seats.push((seat, taken));
        }
        let change = Change { call, slot, version, serial, begin, end, room, seats, fresh, applied: None, ack };
        self.lines[line].send(Command::Change(Box::new(change)));
        if end {
            self.calls.remove(&call);
        }
    }

    /// Gets a seat's leg to the call's thread. A leg that is not open yet leaves its seat empty.
    fn settle_leg(&mut self, mut seat: Seat, call: CallId, line: usize, fresh: &mut Vec<u32>) -> Option<Seat> {
        let record = self.legs.get_mut(&seat.mask.leg)?;
        record.call = Some(call);
        seat.place = match record.at {
            Whereabouts::On { line: at, place } if at == line => place,
            Whereabouts::Moving { line: to, place } if to == line => place,
            Whereabouts::Lobby(_) => {
                let place = self.lines[line].take_place()?;
                let at = std::mem::replace(&mut record.at, Whereabouts::On { line, place });
                if let Whereabouts::Lobby(leg) = at {
                    self.lines[line].send(Command::Insert { place, leg });
                }
                fresh.push(place);
                place
            }
            Whereabouts::On { line: from, place: old } => {
                let place = self.lines[line].take_place()?;
                record.at = Whereabouts::Moving { line, place };
                self.lines[from].send(Command::Remove { place: old, bye: false });
                place
            }
            Whereabouts::Moving { .. } => {
                let place = self.lines[line].take_place()?;
                let before = std::mem::replace(&mut record.at, Whereabouts::Moving { line, place });
                if let Whereabouts::Moving { line: to, place: unused } = before {
                    self.lines[to].free_place(unused);
                }
                place
            }
        };
        Some(seat)
    }

    /// Silence for everybody, until the full state comes.
    fn close_call(&mut self, call: CallId) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        known.closed = true;
        let closed =
            known.roster.masks().map(|mask| LegMask { open: false, early: false, ears: Ears::Nothing, ..mask.clone() });
        let closed: Vec<LegMask> = closed.collect();
        self.send_change(call, None, closed, &[], None);
    }

    /// Law 2 broken: what is not in force yet is said to be. Only in builds with the feature `break`.
    fn promise(&self, ack: oneshot::Sender<Applied>, version: u64) -> Option<oneshot::Sender<Applied>> {
        tell(ack, Applied { version, at_us: self.now_us(), sample: 0 });
        None
    }
}

/// Whoever asked may have stopped waiting.
pub(super) fn tell(ack: oneshot::Sender<Applied>, applied: Applied) {
    if ack.send(applied).is_err() {
        tracing::debug!(version = applied.version, "nobody waits for this acknowledgement any more");
    }
}
