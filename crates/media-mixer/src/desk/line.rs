//! The signalling side's end of one media thread: its rings, and which places and slots of it are free.
//!
//! Sending never waits: what does not fit the ring waits here, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use rtrb::{Consumer, Producer};

use crate::engine::command::{Command, Word};
use crate::engine::stats::Counters;
use crate::settings::{MAX_CALLS, MAX_LEGS};

/// One media thread, seen from outside.
pub(crate) struct Line {
    commands: Producer<Command>,
    waiting: VecDeque<Command>,
    words: Consumer<Word>,
    places: Vec<u32>,
    slots: Vec<u32>,
    pub(crate) counters: Arc<Counters>,
}

impl Line {
    pub(crate) fn new(commands: Producer<Command>, words: Consumer<Word>, counters: Arc<Counters>) -> Self {
        Self {
            commands,
            waiting: VecDeque::new(),
            words,
            places: (0..MAX_LEGS as u32).rev().collect(),
            slots: (0..MAX_CALLS as u32).rev().collect(),
            counters,
        }
    }

    /// Tells the thread something, after everything it was told before.
    pub(crate) fn send(&mut self, command: Command) {
        self.waiting.push_back(command);
        self.flush();
    }

    /// Sends what waits, as far as there is room.
    pub(crate) fn flush(&mut self) {
        while let Some(command) = self.waiting.pop_front() {
            if let Err(rtrb::PushError::Full(command)) = self.commands.push(command) {
                self.waiting.push_front(command);
                break;
            }
        }
    }

    /// The next word, if there is one.
    pub(crate) fn word(&mut self) -> Option<Word> {
        self.words.pop().ok()
    }

    /// A place for a leg.
    pub(crate) fn take_place(&mut self) -> Option<u32> {
        self.places.pop()
    }

    pub(crate) fn free_place(&mut self, place: u32) {
        self.places.push(place);
    }

    /// A slot for a call.
    pub(crate) fn take_slot(&mut self) -> Option<u32> {
        self.slots.pop()
    }

    pub(crate) fn free_slot(&mut self, slot: u32) {
        self.slots.push(slot);
    }

    /// Legs it has.
    pub(crate) fn legs(&self) -> usize {
        MAX_LEGS - self.places.len()
    }
}
