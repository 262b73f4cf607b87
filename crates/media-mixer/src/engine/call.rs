//! One call on its media thread: every 20 ms its legs are heard, mixed and spoken to. The order of a tick is in [`Call::tick`].
//!
//! It never decides who hears whom: `bridge` obeys the masks, and what is heard when nobody is heard stands in each mask's `ears`.

use std::sync::Arc;
use std::time::Duration;

use conference::{CallId, Ears};

use super::command::{Change, Relay, Word};
use super::wheel::SLOT_US;
use super::worker::Voicebox;
use crate::bridge::seat::{Elder, Seat};
use crate::bridge::{Bridge, find_alone};
use crate::codec::FRAME_SAMPLES;
use crate::dtmf;
use crate::leg::{KeyPress, Leg, Listening, Opening, Room};
use crate::mixer::Applied;
use crate::music::{Music, MusicPosition};
use crate::prompts::Prompts;
use crate::settings::Laws;
use crate::sounds::QueueMusic;

/// Length of a tick.
pub(crate) const TICK_US: u64 = 20_000;

/// Up to so many seats loudness is not asked for.
const SMALL: usize = crate::bridge::ALL_MIXED;

/// Ticks between two looks at whether the call may tick earlier: two seconds.
const PHASE_TICKS: u64 = 100;

/// Fewer slots than this are not worth a shift.
const WORTH_SHIFTING: u64 = 2;

/// What every call of a thread shares.
pub(crate) struct Shared {
    pub(crate) laws: Laws,
    pub(crate) music: Arc<Music>,
    pub(crate) queues: Box<QueueMusic>,
    pub(crate) prompts: Arc<Prompts>,
    pub(crate) media_timeout: Duration,
    pub(crate) tail_guard: Duration,
    /// Voices are brought to the level of speech.
    pub(crate) agc: bool,
    /// How much time an encoder may take at the moment, 0 to 10.
    pub(crate) complexity: u8,
    /// There is no time at all: encoders take fewer bits, too.
    pub(crate) pressed: bool,
}

/// A media thread's scratch room, lent to one call after the other.
pub(crate) struct Scratch {
    pub(crate) bridge: Bridge,
    pub(crate) room: Box<Room>,
}

/// One call.
pub(crate) struct Call {
    pub(super) id: CallId,
    /// The wheel's slot in which it ticks.
    pub(crate) wheel: usize,
    /// When its next tick is due.
    pub(crate) due_us: u64,
    pub(super) seats: Vec<Option<Seat>>,
    /// Masks have changed since the last tick.
    changed: bool,
    /// When the last change came into force.
    changed_us: u64,
    pub(super) ticks: u64,
    /// Slots by which it should tick earlier, and may in the next pause.
    earlier: usize,
    pub(super) music: MusicPosition,
    /// Where those who wait in a queue are in its music.
    pub(super) queue_music: MusicPosition,
    pub(super) ringback: u64,
    /// Digits of INFO whose turn is the next tick.
    pressed: [Option<(u32, dtmf::Digit)>; PRESSED],
}

/// Digits of INFO that may wait for one tick.
const PRESSED: usize = 16;

impl Call {
    pub(crate) fn new(id: CallId, capacity: usize) -> Self {
        Self {
            id,
            wheel: 0,
            due_us: 0,
            seats: Vec::with_capacity(capacity),
            changed: true,
            changed_us: 0,
            ticks: 0,
            earlier: 0,
            music: MusicPosition::default(),
            queue_music: MusicPosition::default(),
            ringback: 0,
            pressed: [None; PRESSED],
        }
    }

    #[cfg(test)]
    pub(crate) fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().flatten()
    }

    /// Applies a change whole, between two ticks. Allocates nothing: what the change brings is swapped in.
    pub(crate) fn apply(&mut self, change: &mut Change, legs: &mut [Option<Box<Leg>>], now_us: u64) {
        if let Some(mut room) = change.room.take() {
            room.append(&mut self.seats);
            change.room = Some(std::mem::replace(&mut self.seats, room));
        }
        // pairs that stay audible keep their own opening: read it before anything changes
        for (index, seat) in &mut change.seats {
            if let Some(seat) = seat {
                let before = self.seats.get(*index as usize).and_then(Option::as_ref);
                self.remember_elders(before, &mut seat.elders);
            }
        }
        for (index, seat) in &mut change.seats {
            let index = *index as usize;
            while self.seats.len() <= index && self.seats.len() < self.seats.capacity() {
                self.seats.push(None);
            }
            let Some(old) = self.seats.get_mut(index) else { continue };
            if let Some(new) = seat.as_mut() {
                // somebody else may have sat there until now
                let before = old.as_ref().filter(|old| old.mask.leg == new.mask.leg);
                new.settle(before, now_us);
                prepare_leg(new, before, legs, now_us);
            }
            std::mem::swap(old, seat);
        }
        for place in &change.fresh {
            if let Some(leg) = legs.get_mut(*place as usize).and_then(Option::as_mut) {
                leg.begin(now_us);
            }
        }
        self.changed = true;
        self.changed_us = now_us;
        change.applied =
            Some(Applied { version: change.version, at_us: now_us, sample: self.ticks * FRAME_SAMPLES as u64 });
    }

    fn remember_elders(&self, listener: Option<&Seat>, elders: &mut [Elder]) {
        for elder in elders.iter_mut().filter(|elder| elder.since_us.is_none()) {
            let speaker = self.seats.get(elder.seat as usize).and_then(Option::as_ref);
            let speaker = speaker.filter(|speaker| speaker.mask.leg == elder.speaker);
            let since_us = match (listener, speaker) {
                (Some(listener), Some(speaker)) if listener.hears(speaker) => listener.since_us(speaker),
                (Some(_) | None, Some(_) | None) => u64::MAX,
            };
            elder.since_us = Some(since_us);
        }
    }

    /// A digit that came by INFO on the leg at `place`. False if too many wait.
    pub(crate) fn press(&mut self, place: u32, digit: dtmf::Digit) -> bool {
        let free = self.pressed.iter_mut().find(|waiting| waiting.is_none());
        free.map(|free| *free = Some((place, digit))).is_some()
    }

    /// Time passes in which nobody was served: the music goes on. Each leg sees by itself that its stream's clock does too.
    pub(crate) fn skip(&mut self, ticks: u64) {
        self.ticks += ticks;
        self.music = self.music.after(ticks * FRAME_SAMPLES as u64);
        self.queue_music = self.queue_music.after(ticks * FRAME_SAMPLES as u64);
    }

    /// One tick: hear everybody, relay keys, mix, speak to everybody.
    pub(crate) fn tick(
        &mut self,
        now_us: u64,
        legs: &mut [Option<Box<Leg>>],
        scratch: &mut Scratch,
        shared: &Shared,
        voicebox: &mut Voicebox,
    ) {
        if std::mem::take(&mut self.changed) {
            find_alone(&mut self.seats);
        }
        let opening = Opening { last_us: self.changed_us, fixed_guard: shared.tail_guard };
        self.hear(now_us, opening, legs, scratch, shared, voicebox);
        self.relay_keys(now_us, opening, legs, shared, voicebox);
        scratch.bridge.tick(&mut self.seats, shared.laws);
        self.speak(now_us, legs, &mut scratch.bridge, shared, voicebox);
        self.ticks += 1;
        if self.ticks.is_multiple_of(PHASE_TICKS) {
            self.earlier = self.slack_slots(legs);
        }
    }

    /// By how many slots the call may tick earlier from now on: nobody speaks in this tick, so nobody hears the shift. Who speaks
    /// since it was found out may have nothing to spare.
    pub(crate) fn take_shift(&mut self, legs: &[Option<Box<Leg>>], bridge: &mut Bridge) -> Option<usize> {
        let quiet = |index: usize| bridge.voice(index).is_quiet();
        if self.earlier == 0 || !(0..self.seats.len()).all(quiet) {
            return None;
        }
        let found = std::mem::take(&mut self.earlier);
        Some(found.min(self.slack_slots(legs))).filter(|slots| *slots > 0)
    }

    /// What all who speak can spare; nothing if it is hardly worth it.
    fn slack_slots(&self, legs: &[Option<Box<Leg>>]) -> usize {
        let open = self.seats.iter().flatten().filter(|seat| seat.mask.open);
        let slacks = open.filter_map(|seat| legs[seat.place as usize].as_ref()?.slack_us());
        let slots = slacks.min().unwrap_or(0) / SLOT_US;
        if slots < WORTH_SHIFTING { 0 } else { slots as usize }
    }

    fn hear(
        &mut self,
        now_us: u64,
        opening: Opening,
        legs: &mut [Option<Box<Leg>>],
        scratch: &mut Scratch,
        shared: &Shared,
        voicebox: &mut Voicebox,
    ) {
        let listening = Listening { loudness: self.seats.len() > SMALL || self.earlier > 0, agc: shared.agc };
        for (index, seat) in self.seats.iter().enumerate() {
            let Some(seat) = seat else { continue };
            let voice = scratch.bridge.voice(index);
            voice.hush();
            let Some(leg) = &mut legs[seat.place as usize] else { continue };
            scratch.bridge.hears_at(index, leg.ears_rate());
            let voice = scratch.bridge.voice(index);
            let resting = is_resting(seat);
            if leg.receive(now_us, resting, opening, &mut scratch.room).bye {
                voicebox.say(Word::PeerBye { leg: seat.mask.leg });
            }
            if resting {
                leg.excuse_silence(now_us);
                continue;
            }
            leg.voice(now_us, opening, listening, voice);
            if !seat.mask.open || !leg.is_heard() {
                leg.excuse_silence(now_us);
            } else if leg.became_silent(now_us, shared.media_timeout) {
                voicebox.say(Word::Silent { leg: seat.mask.leg });
            }
        }
    }

    /// Digits follow `hears` and law 3 like speech. One is relayed when it is over: by then its length is known, and whoever may
    /// not hear it any more does not.
    fn relay_keys(
        &mut self,
        now_us: u64,
        opening: Opening,
        legs: &mut [Option<Box<Leg>>],
        shared: &Shared,
        voicebox: &mut Voicebox,
    ) {
        for (place, digit) in self.pressed.iter_mut().filter_map(Option::take) {
            if let Some(leg) = &mut legs[place as usize] {
                leg.press(digit, now_us, opening);
            }
        }
        for speaker in self.seats.iter().flatten() {
            let Some(leg) = &mut legs[speaker.place as usize] else { continue };
            let collected = leg.is_collected();
            for press in leg.take_keys() {
                tell(&press, speaker, collected, voicebox);
                if let dtmf::Key::Ended(digit) = press.key
                    && !collected
                {
                    self.relay_to_hearers(speaker, digit, press.opened_by, legs, shared);
                }
            }
        }
    }

    /// Digits that were collected go to whoever hears their leg now, by the masks and by law 3 like any other.
    pub(crate) fn relay(&self, relay: &Relay, now_us: u64, legs: &mut [Option<Box<Leg>>], shared: &Shared) {
        let opening = Opening { last_us: self.changed_us, fixed_guard: shared.tail_guard };
        let Some(speaker) = self.seats.iter().flatten().find(|seat| seat.place == relay.place) else { return };
        let Some(leg) = &mut legs[relay.place as usize] else { return };
        let opened_by = leg.replayed_by(now_us, opening);
        for digit in &relay.digits {
            self.relay_to_hearers(speaker, *digit, opened_by, legs, shared);
        }
    }

    fn relay_to_hearers(
        &self,
        speaker: &Seat,
        digit: dtmf::Digit,
        opened_by: u64,
        legs: &mut [Option<Box<Leg>>],
        shared: &Shared,
    ) {
        for listener in self.seats.iter().flatten().filter(|listener| listener.hears(speaker)) {
            let open = listener.since_us(speaker) <= opened_by || !shared.laws.keeps(3);
            if let Some(leg) = legs[listener.place as usize].as_mut().filter(|_| open) {
                leg.relay(digit);
            }
        }
    }
}

/// Nothing is sent to it and nothing it says can be heard: a slow look at its ports is enough.
pub(super) fn is_resting(seat: &Seat) -> bool {
    !seat.mask.open && seat.mask.ears == Ears::Nothing
}

fn prepare_leg(new: &Seat, old: Option<&Seat>, legs: &mut [Option<Box<Leg>>], now_us: u64) {
    let Some(leg) = legs.get_mut(new.place as usize).and_then(Option::as_mut) else { return };
    let rested = old.is_some_and(is_resting);
    if rested && !is_resting(new) {
        leg.begin(now_us);
    }
    if new.mask.open && old.is_some_and(|old| !old.mask.open) {
        leg.excuse_silence(now_us);
    }
    if new.mask.ears == Ears::Announcement && old.is_none_or(|old| old.mask.ears != Ears::Announcement) {
        leg.rewind_announcement();
    }
}

fn tell(press: &KeyPress, speaker: &Seat, collected: bool, voicebox: &mut Voicebox) {
    let leg = speaker.mask.leg;
    voicebox.say(match press.key {
        dtmf::Key::Began(digit) => Word::DigitBegan { leg, digit },
        dtmf::Key::Ended(digit) => Word::Digit { leg, digit, collected },
    });
}
