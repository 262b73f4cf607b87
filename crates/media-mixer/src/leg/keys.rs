//! The keys of a leg's phone: presses by telephone events and by INFO, each counted once, and whose ears they may reach.
//!
//! It relays nothing: the call does, by its masks. A leg whose digits are collected is relayed to nobody.

use super::{Leg, Opening};
use crate::dtmf::{Digit, Key, Receiver, Twins};
use crate::jitter::Frame;

/// Beginnings and ends of presses that one leg may report in one tick: a whole number by INFO may come at once, as phones send it
/// that have it on one button.
const PRESSES: usize = 32;

/// A key that its phone pressed or released, and which pairs may be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyPress {
    pub(crate) key: Key,
    /// Pairs that opened at this moment or before.
    pub(crate) opened_by: u64,
}

/// The keys of one leg.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keys {
    pub(super) receiver: Receiver,
    pub(super) twins: Twins,
    presses: [Option<KeyPress>; PRESSES],
    /// Who may be told of the key that is down: its end follows its beginning.
    down: u64,
    /// From now on digits are for this house, and for nobody's ears.
    collected: bool,
}

impl Keys {
    /// The keys of a leg that is taken up again.
    pub(super) fn thaw(receiver: Receiver, twins: Twins, collected: bool, now_us: u64) -> Self {
        Self { receiver: receiver.thaw(now_us), twins, collected, ..Self::default() }
    }

    /// A packet of telephone events.
    pub(super) fn packet(&mut self, timestamp: u32, payload: &[u8], opened_by: u64, now_us: u64) {
        for key in self.receiver.packet(timestamp, payload, now_us) {
            self.event(key, opened_by, now_us);
        }
    }

    /// Ends a key of which nothing has been heard for too long.
    pub(super) fn expire(&mut self, now_us: u64) {
        if let Some(digit) = self.receiver.expire(now_us) {
            self.event(Key::Ended(digit), 0, now_us);
        }
    }

    fn event(&mut self, key: Key, opened_by: u64, now_us: u64) {
        let new = match key {
            Key::Began(symbol) => {
                self.down = opened_by;
                self.twins.began(symbol, now_us)
            }
            Key::Ended(_) => self.twins.ended(now_us),
        };
        if new {
            self.push(key, self.down);
        }
    }

    fn info(&mut self, digit: Digit, opened_by: u64, now_us: u64) {
        if self.twins.info(digit.symbol, now_us) {
            self.push(Key::Began(digit.symbol), opened_by);
            self.push(Key::Ended(digit), opened_by);
        }
    }

    fn push(&mut self, key: Key, opened_by: u64) {
        if let Some(free) = self.presses.iter_mut().find(|place| place.is_none()) {
            *free = Some(KeyPress { key, opened_by });
        }
    }

    /// Whether something in this frame was made while a key was down: its tone is told as a digit, and the sound of it would be
    /// a second one, or tell a digit that is for nobody's ears.
    pub(super) fn sound_in(&self, frame: &Frame, clock_rate: u32) -> bool {
        let (Some(oldest), Some(end)) = (frame.oldest, frame.end(clock_rate)) else { return false };
        self.receiver.is_sound_of_key(oldest, end)
    }
}

impl Leg {
    /// The keys that became known since the last call.
    pub(crate) fn take_keys(&mut self) -> impl Iterator<Item = KeyPress> + use<> {
        std::mem::take(&mut self.keys.presses).into_iter().flatten()
    }

    /// A digit that came by INFO: its key was pressed a while ago, at most as long as speech is under way.
    pub(crate) fn press(&mut self, digit: Digit, now_us: u64, opening: Opening) {
        let opened_by = self.replayed_by(now_us, opening);
        self.keys.info(digit, opened_by, now_us);
    }

    /// Which pairs may hear what this leg's keys say now without a timestamp of its own: those that opened at the answer or before.
    pub(crate) fn replayed_by(&mut self, now_us: u64, opening: Opening) -> u64 {
        let guard_us = self.guard(now_us, opening.last_us, opening.fixed_guard);
        now_us.saturating_sub(guard_us)
    }

    /// From now on this leg's digits are told and not relayed.
    pub(crate) fn collect(&mut self) {
        self.keys.collected = true;
    }

    /// Whether its digits are told and not relayed.
    pub(crate) fn is_collected(&self) -> bool {
        self.keys.collected
    }
}
