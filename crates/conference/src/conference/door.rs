//! Somebody at the door of a room with a PIN: what they type, how often, how long it may take.
//!
//! The door is a call of its own with one person in it, so that nothing of the room reaches them and nothing of them,
//! keys included, reaches the room. Who goes in, and what becomes of the door, is `switchboard::door`.

use std::hint::black_box;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Call, Exit, Kind};
use crate::books::Desk;
use crate::ids::{CallId, LegId, ParticipantId};
use crate::input::Key;
use crate::moment::Moment;
use crate::output::{Cue, Event, Left};
use crate::pins::Guesser;

use super::union::Mover;

/// How often somebody may type a wrong PIN in one call; over several calls see `pins`.
const TRIES: u8 = 3;
/// How long they may take for the next key.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest PIN; whatever is typed beyond it only makes it wrong.
const LONGEST_PIN: usize = 32;
/// The status of somebody who did not know the PIN.
const WRONG: u16 = 403;
/// The status of somebody who typed nothing for too long.
const TOO_LATE: u16 = 408;

/// The door of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Door {
    /// The room behind it.
    pub(crate) room: String,
    /// Who stands there, over all their calls.
    guesser: Guesser,
    typed: String,
    wrong: u8,
    until: Option<Moment>,
    /// A PIN that is answered only then, because many are wrong at this room.
    waits: Option<(Moment, String)>,
}

impl Door {
    pub(crate) fn new(room: String, guesser: Guesser) -> Self {
        Self { room, guesser, typed: String::new(), wrong: 0, until: None, waits: None }
    }

    /// Until when the next key is waited for, or when a PIN is answered.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.waits.as_ref().map(|(at, _)| *at).or(self.until)
    }

    /// A key; at the pound key what was typed before it. The star begins anew. While an answer is waited for keys mean
    /// nothing.
    fn press(&mut self, now: Moment, digit: char) -> Option<String> {
        if self.waits.is_some() {
            return None;
        }
        self.until = Some(now + PATIENCE);
        match digit {
            '#' => return Some(std::mem::take(&mut self.typed)),
            '*' => self.typed.clear(),
            _ if self.typed.len() > LONGEST_PIN => {}
            _ => self.typed.push(digit),
        }
        None
    }
}

/// Whether a PIN is right, in a time that does not tell how much of it was.
fn is_right(typed: &str, pin: &str) -> bool {
    let at = |text: &str, at: usize| text.as_bytes().get(at).copied().unwrap_or(0);
    let mut differs = u8::from(typed.len() != pin.len());
    for place in 0..=LONGEST_PIN {
        differs = black_box(differs | (at(typed, place) ^ at(pin, place)));
    }
    differs == 0 && pin.len() <= LONGEST_PIN
}

impl Call {
    pub(crate) fn is_door(&self) -> bool {
        matches!(self.kind, Kind::Door(_))
    }

    pub(super) fn door(&self) -> Option<&Door> {
        match &self.kind {
            Kind::Door(door) => Some(door),
            Kind::Plain | Kind::Room(_) | Kind::Service(_) => None,
        }
    }

    fn door_mut(&mut self) -> Option<&mut Door> {
        match &mut self.kind {
            Kind::Door(door) => Some(door),
            Kind::Plain | Kind::Room(_) | Kind::Service(_) => None,
        }
    }

    /// Whoever stands at the door is asked for the PIN.
    pub(crate) fn ask_for_pin(&mut self, desk: &mut Desk<'_>, cue: Cue) {
        let who = self.people.keys().next().copied();
        if let Some(door) = self.door_mut() {
            door.until = Some(desk.now + PATIENCE);
        }
        if let Some(who) = who {
            desk.out.cue(self.id, who, cue);
        }
    }

    /// A key was pressed at the door; the room, if it opens with it.
    pub(crate) fn type_pin(&mut self, desk: &mut Desk<'_>, leg: LegId, key: Key) -> Option<String> {
        let who = self.legs.get(&leg).filter(|leg| leg.is_live())?.person;
        let door = self.door_mut()?;
        let typed = door.press(desk.now, key.digit)?;
        if let Some(later) = desk.books.pins.later(&door.room, desk.now) {
            door.until = None;
            door.waits = Some((desk.now + later, typed));
            return None;
        }
        self.judge_pin(desk, who, &typed)
    }

    /// The answer to a PIN that had to wait for it is due; the room, if it opens with it.
    pub(crate) fn answer_pin(&mut self, desk: &mut Desk<'_>) -> Option<String> {
        let who = self.people.keys().next().copied()?;
        let (_, typed) = self.door_mut()?.waits.take_if(|(at, _)| *at <= desk.now)?;
        self.judge_pin(desk, who, &typed)
    }

    /// Whether a PIN opens the room, which it does for nobody who was wrong too often just now.
    fn judge_pin(&mut self, desk: &mut Desk<'_>, who: ParticipantId, typed: &str) -> Option<String> {
        let call = self.id;
        let door = self.door_mut()?;
        if desk.books.pins.is_paused(&door.guesser, desk.now) {
            self.turn_away(desk, who, WRONG);
            return None;
        }
        let pin = desk.settings.rooms.get(&door.room).map_or("", |room| room.pin.as_str());
        let right = is_right(typed, pin);
        desk.out.event(Event::PinTyped { call, who, right });
        if right {
            desk.books.pins.right(&door.guesser, &door.room);
            door.until = None;
            return Some(door.room.clone());
        }
        let enough = desk.books.pins.wrong(&door.guesser, &door.room, desk.now);
        door.wrong += 1;
        if door.wrong < TRIES && !enough {
            self.ask_for_pin(desk, Cue::WrongPin);
        } else {
            self.turn_away(desk, who, WRONG);
        }
        None
    }

    /// Nothing was typed for too long.
    pub(super) fn waited_at_door(&mut self, desk: &mut Desk<'_>) {
        if self.door().and_then(|door| door.until).is_none_or(|until| until > desk.now) {
            return;
        }
        for who in self.people.keys().copied().collect::<Vec<_>>() {
            self.turn_away(desk, who, TOO_LATE);
        }
    }

    /// Somebody does not get in.
    pub(crate) fn turn_away(&mut self, desk: &mut Desk<'_>, who: ParticipantId, status: u16) {
        if let Some(door) = self.door_mut() {
            (door.until, door.waits) = (None, None);
        }
        self.part(desk, who, Exit::told(Left::Failed(status)));
    }

    /// Those who stood at the door come into this room, each in their role.
    pub(crate) fn let_in(&mut self, desk: &mut Desk<'_>, from: CallId, movers: Vec<Mover>) {
        for mover in movers {
            let who = self.take_in(desk, from, mover);
            let legs = self.people.get(&who).map(|person| person.legs.clone()).unwrap_or_default();
            for leg in legs {
                self.collect_digits(desk, leg);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_pin_is_right() {
        assert!(is_right("4711", "4711"));
        for wrong in ["", "471", "47110", "4712", "1174", "4711\0"] {
            assert!(!is_right(wrong, "4711"), "{wrong}");
        }
        let long = "1".repeat(LONGEST_PIN + 1);
        assert!(!is_right(&long, &long[1..]) && is_right(&long[1..], &long[1..]));
    }

    #[test]
    fn the_star_begins_anew_and_nothing_grows_without_bound() {
        let mut door = Door::new("vault".to_owned(), Guesser::agent(&crate::ids::AgentName("alice".to_owned())));
        let now = Moment(5);
        let mut typed = None;
        for digit in "99*4711#".chars() {
            typed = door.press(now, digit);
        }
        assert_eq!(typed.as_deref(), Some("4711"));
        for _ in 0..1000 {
            door.press(now, '1');
        }
        assert_eq!(door.press(now, '#').map(|typed| typed.len()), Some(LONGEST_PIN + 1));
        assert_eq!(door.deadline(), Some(now + PATIENCE));
    }
}
