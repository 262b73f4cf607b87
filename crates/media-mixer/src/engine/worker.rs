//! What one media thread does at each turn: takes commands, ticks the calls whose slots have come, counts.
//!
//! Driven by the time it is given: a thread gives it the clock's, a test turns it by hand.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rtrb::{Consumer, Producer};

use super::call::{Call, Scratch, Shared, TICK_US};
use super::command::{Agreed, Change, Command, Spent, Word};
use super::load::Load;
use super::stats::Counters;
use super::wheel::{SLOT_US, SLOTS, Wheel};
use crate::bridge::Bridge;
use crate::leg::Leg;
use crate::rtp::MAX_PACKET;
use crate::settings::{MAX_CALLS, MAX_LEGS};

/// Commands carried out in one turn at most, so that a storm of them does not delay ticks.
const COMMANDS_A_TURN: usize = 256;

/// Room in the ring of words that commands may not use up: each of them may answer with two.
const RESERVED_WORDS: usize = 64;

/// Ticks of one call lost in one turn from which on the daemon is told: 200 ms.
const OVERLOAD: u64 = 10;

/// Turns by which law 2 is late where a test breaks it: 100 ms.
const LATE_TURNS_US: u64 = 100_000;

/// The ring on which a media thread speaks.
pub(crate) struct Voicebox {
    words: Producer<Word>,
    counters: Arc<Counters>,
    spoken: bool,
}

impl Voicebox {
    /// Whether a word that must not be lost finds room.
    pub(crate) fn has_room(&self) -> bool {
        self.words.slots() >= RESERVED_WORDS
    }

    /// Says a word; one for which there is no room is counted and lost.
    pub(crate) fn say(&mut self, word: Word) {
        self.spoken = true;
        if self.words.push(word).is_err() {
            self.counters.add(&self.counters.words_lost, 1);
        }
    }
}

/// One media thread's state.
pub(crate) struct Worker {
    commands: Consumer<Command>,
    voicebox: Voicebox,
    counters: Arc<Counters>,
    legs: Box<[Option<Box<Leg>>]>,
    calls: Box<[Option<Box<Call>>]>,
    wheel: Wheel,
    /// The next slot to be served, counted from the clock's zero.
    next_slot: u64,
    load: Load,
    /// Most ticks that one call lost in this turn.
    worst_lost: u64,
    shared: Shared,
    scratch: Scratch,
    /// A change held back by a test that breaks law 2.
    held_back: Option<(u64, Box<Change>)>,
    stopped: bool,
}

impl Worker {
    pub(crate) fn new(
        commands: Consumer<Command>,
        words: Producer<Word>,
        counters: Arc<Counters>,
        shared: Shared,
        now_us: u64,
    ) -> Self {
        Self {
            commands,
            voicebox: Voicebox { words, counters: Arc::clone(&counters), spoken: false },
            counters,
            legs: (0..MAX_LEGS).map(|_| None).collect(),
            calls: (0..MAX_CALLS).map(|_| None).collect(),
            wheel: Wheel::new(MAX_CALLS),
            next_slot: now_us / SLOT_US,
            load: Load::new(shared.complexity, now_us),
            worst_lost: 0,
            shared,
            scratch: Scratch { bridge: Bridge::new(), room: Box::new([0; MAX_PACKET + 1]) },
            held_back: None,
            stopped: false,
        }
    }

    /// When the next turn is due.
    pub(crate) fn next_turn_us(&self) -> u64 {
        self.next_slot * SLOT_US
    }

    /// Everybody has been said goodbye to.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether there is something to be heard from it since the last time this was asked.
    pub(crate) fn has_spoken(&mut self) -> bool {
        std::mem::take(&mut self.voicebox.spoken)
    }

    /// The last turn took so long and ended at `now_us`.
    pub(crate) fn worked(&mut self, took_us: u64, now_us: u64) {
        self.shared.complexity = self.load.worked(took_us, now_us);
        self.shared.pressed = self.load.is_pressed();
    }

    /// Does what is due at `now_us`. A call ticks at most once, however late it is.
    pub(crate) fn turn(&mut self, now_us: u64) {
        self.obey(now_us);
        let current = now_us / SLOT_US;
        self.counters.late(now_us.saturating_sub(self.next_turn_us()));
        // what is more than one period late is not made up for: each call's due time says what it lost
        self.next_slot = self.next_slot.max((current + 1).saturating_sub(SLOTS as u64));
        while self.next_slot <= current {
            let slot = Wheel::slot_of(self.next_slot * SLOT_US);
            let due_us = self.next_slot * SLOT_US;
            self.next_slot += 1;
            let mut n = 0;
            while let Some(call) = self.wheel.call(slot, n) {
                self.tick(call, due_us, now_us);
                // a call that was shifted has made room for another one
                n += usize::from(self.wheel.call(slot, n) == Some(call));
            }
        }
        let lost = std::mem::take(&mut self.worst_lost);
        if lost >= OVERLOAD {
            self.voicebox.say(Word::Overload { lost });
        }
        self.counters.encodes.store(self.scratch.bridge.groups().encodes(), Relaxed);
    }

    fn tick(&mut self, slot: u32, due_us: u64, now_us: u64) {
        let Some(call) = &mut self.calls[slot as usize] else { return };
        let lost = due_us.saturating_sub(call.due_us) / TICK_US;
        if lost > 0 {
            call.skip(lost);
            self.counters.add(&self.counters.lost_ticks, lost);
            self.worst_lost = self.worst_lost.max(lost);
        }
        call.due_us = due_us + TICK_US;
        call.tick(now_us, &mut self.legs, &mut self.scratch, &self.shared, &mut self.voicebox);
        self.counters.add(&self.counters.ticks, 1);
        if let Some(slots) = call.take_shift(&self.legs, &mut self.scratch.bridge) {
            self.wheel.remove(slot, call.wheel);
            call.wheel = (call.wheel + SLOTS - slots) % SLOTS;
            call.due_us -= slots as u64 * SLOT_US;
            self.wheel.put(slot, call.wheel);
        }
    }

    fn obey(&mut self, now_us: u64) {
        self.release_held_back(now_us);
        for _ in 0..COMMANDS_A_TURN {
            // a command whose answer would find no room waits
            if !self.voicebox.has_room() || self.held_back.is_some() {
                break;
            }
            match self.commands.pop() {
                Ok(command) => self.carry_out(command, now_us),
                Err(_) => break,
            }
        }
    }

    fn carry_out(&mut self, command: Command, now_us: u64) {
        match command {
            Command::Insert { place, leg } => {
                self.counters.add(&self.counters.legs, 1);
                self.legs[place as usize] = Some(leg);
            }
            Command::Remove { place, bye } => self.remove(place, bye, now_us),
            Command::Replace { place, leg } => self.replace(place, leg),
            Command::Change(change) => self.change(change, now_us),
            Command::Agree(agreed) => self.agree(agreed),
            Command::Cue { place, cue } => {
                if let Some(leg) = &mut self.legs[place as usize] {
                    leg.cue(cue);
                }
            }
            Command::Digit { call, place, digit } => {
                if let Some(call) = &mut self.calls[call as usize] {
                    call.press(place, digit);
                }
            }
            Command::Collect { place } => {
                if let Some(leg) = &mut self.legs[place as usize] {
                    leg.collect();
                }
            }
            Command::Relay(relay) => {
                if let Some(call) = &mut self.calls[relay.call as usize] {
                    call.relay(&relay, now_us, &mut self.legs, &self.shared);
                }
                self.voicebox.say(Word::Spent(Spent::Relay { _relay: relay }));
            }
            Command::Press { place, digit } => {
                if let Some(leg) = &mut self.legs[place as usize] {
                    leg.relay(digit);
                }
            }
            Command::Volume { place, volume_db } => {
                if let Some(leg) = &mut self.legs[place as usize] {
                    leg.set_volume(volume_db);
                }
            }
            Command::QueueMusic(mut music) => {
                std::mem::swap(&mut self.shared.queues, &mut music);
                self.voicebox.say(Word::Spent(Spent::QueueMusic { _music: music }));
            }
            Command::Paper { place, paper } => {
                let unused = match &mut self.legs[place as usize] {
                    Some(leg) => leg.give_back(paper),
                    None => Some(paper),
                };
                if let Some(paper) = unused {
                    self.voicebox.say(Word::Spent(Spent::Paper { _paper: paper }));
                }
            }
            Command::Stop => {
                self.legs.iter_mut().flatten().for_each(|leg| leg.bye(now_us));
                self.stopped = true;
            }
        }
    }

    fn remove(&mut self, place: u32, bye: bool, now_us: u64) {
        if let Some(mut leg) = self.legs[place as usize].take() {
            self.counters.legs.store(self.counters.legs.load(Relaxed).saturating_sub(1), Relaxed);
            if bye {
                leg.bye(now_us);
            }
            self.voicebox.say(Word::Removed { place, leg, ended: bye });
        }
    }

    fn replace(&mut self, place: u32, leg: Box<Leg>) {
        let spent = match self.legs[place as usize].take() {
            Some(mut old) => {
                self.legs[place as usize] = Some(leg.with_ports_of(&mut old));
                old
            }
            None => leg,
        };
        self.voicebox.say(Word::Spent(Spent::Leg { _leg: spent }));
    }

    fn agree(&mut self, mut agreed: Box<Agreed>) {
        let Agreed { place, agreement, signalling, gear } = &mut *agreed;
        if let Some(leg) = &mut self.legs[*place as usize] {
            leg.agree(*agreement, *signalling, gear);
        }
        self.voicebox.say(Word::Spent(Spent::Agreed { _agreed: agreed }));
    }

    fn change(&mut self, change: Box<Change>, now_us: u64) {
        if self.shared.laws.keeps(2) || change.begin.is_some() {
            self.apply(change, now_us);
        } else {
            self.held_back = Some((now_us + LATE_TURNS_US, change));
        }
    }

    /// Law 2 broken: what was said to be in force comes into force later. Only in builds with the feature `break`.
    fn release_held_back(&mut self, now_us: u64) {
        if self.held_back.as_ref().is_some_and(|(due_us, _)| *due_us <= now_us)
            && let Some((_, change)) = self.held_back.take()
        {
            self.apply(change, now_us);
        }
    }

    fn apply(&mut self, mut change: Box<Change>, now_us: u64) {
        let slot = change.slot as usize;
        if let Some(mut call) = change.begin.take() {
            call.wheel = self.wheel.add(change.slot);
            call.due_us = self.first_due_us(call.wheel);
            self.calls[slot] = Some(call);
            self.counters.add(&self.counters.calls, 1);
        }
        if let Some(call) = &mut self.calls[slot] {
            call.apply(&mut change, &mut self.legs, now_us);
        }
        if change.end
            && let Some(call) = self.calls[slot].take()
        {
            self.wheel.remove(change.slot, call.wheel);
            self.counters.calls.store(self.counters.calls.load(Relaxed).saturating_sub(1), Relaxed);
            self.voicebox.say(Word::Spent(Spent::Call { _call: call }));
        }
        self.voicebox.say(Word::Applied(change));
    }

    fn first_due_us(&self, wheel: usize) -> u64 {
        let slots = SLOTS as u64;
        let ahead = (wheel as u64 + slots - self.next_slot % slots) % slots;
        (self.next_slot + ahead) * SLOT_US
    }
}
