//! Who gets into a room: its limit, its lock, its PIN; and rooms of a name of their own.
//!
//! ```text
//!   caller                    door (a call of its own)           room
//!   |--- INVITE ---------------->|                                 |      answered, not in the room
//!   |<-- 200, "the number" ------|                                 |
//!   |--- 4 7 1 1 # ------------->|                                 |      nobody else hears these keys
//!   |                            |--- masks of both, one change -->|      limit and lock are asked once more
//! ```
//!
//! What is typed is judged by `conference::door`. Whom somebody inside brings in is asked for nothing.

use super::Switchboard;
use super::arriving::{Arrival, person_named};
use crate::conference::{Call, Door, Kind};
use crate::ids::{AgentName, CallId, LegId};
use crate::input::{Destination, Key};
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::{Cue, Event, Output, Role};
use crate::participant::LEGS_PER_PERSON;
use crate::pins::Guesser;
use crate::reaction::Reaction;
use crate::refusal::Refusal;

/// Names of rooms that the house makes up begin with this.
const MADE_UP: &str = "conf-";
/// Busy here: the room is full or locked.
const BUSY: u16 = 486;

impl Switchboard {
    /// A room of a name of its own gets that name.
    pub(super) fn with_a_name(&self, to: Destination) -> Destination {
        if to != Destination::NewRoom {
            return to;
        }
        let taken = |name: &String| self.rooms.contains_key(name) || self.settings.rooms.contains_key(name);
        let names = (self.books.last_call() + 1..).map(|number| format!("{MADE_UP}{number}"));
        names.into_iter().find(|name| !taken(name)).map_or(Destination::Unknown, Destination::Room)
    }

    /// Whether a room lets somebody in.
    pub(super) fn may_enter(&self, room: &str, caller: Option<&AgentName>) -> Result<(), Refusal> {
        let Some(call) = self.rooms.get(room).and_then(|id| self.calls.get(id)) else {
            let closed = self.settings.rooms.get(room).is_some_and(|room| room.max_participants == 0);
            return if closed { Err(Refusal::LimitReached) } else { Ok(()) };
        };
        match caller.and_then(|name| person_named(call, name)) {
            // Whoever is being rung into the room answers that ring instead.
            Some((_, person)) => {
                let full =
                    person.role == Role::Supervisor || person.errand.is_some() || person.legs.len() >= LEGS_PER_PERSON;
                if full { Err(Refusal::LimitReached) } else { Ok(()) }
            }
            None if call.locked => Err(Refusal::Locked),
            None if call.is_full(&self.settings) => Err(Refusal::LimitReached),
            None => Ok(()),
        }
    }

    /// Somebody dialled a room: they are in, or at its door.
    pub(super) fn enter_room(&mut self, now: Moment, name: &str, arrival: &Arrival, out: &mut Reaction) -> CallId {
        let id = self.before_room(now, name, Guesser::of(&arrival.caller), out);
        self.seat(now, id, arrival, out);
        self.with(now, id, out, |call, desk| {
            if call.is_door() {
                call.ask_for_pin(desk, Cue::EnterPin);
            }
        });
        id
    }

    /// The call in which somebody who dialled a room is answered: the room, or a door of their own.
    pub(super) fn before_room(&mut self, now: Moment, name: &str, guesser: Guesser, out: &mut Reaction) -> CallId {
        if self.is_shut(name) && !broken!(PinIsOpen) {
            return self.open(now, Kind::Door(Door::new(name.to_owned(), guesser)), out);
        }
        self.room_named(now, name, out)
    }

    /// Whether a room has a PIN.
    fn is_shut(&self, room: &str) -> bool {
        self.settings.rooms.get(room).is_some_and(|room| !room.pin.is_empty())
    }

    /// Whether somebody may stand at the door of a room at all: not for a while who was wrong too often.
    pub(super) fn may_try(&self, room: &str, guesser: &Guesser, now: Moment) -> Result<(), Refusal> {
        let paused = self.is_shut(room) && self.books.pins.is_paused(guesser, now);
        if paused { Err(Refusal::NotAllowed) } else { Ok(()) }
    }

    fn room_named(&mut self, now: Moment, name: &str, out: &mut Reaction) -> CallId {
        let known = self.rooms.get(name).copied();
        known.unwrap_or_else(|| self.open(now, Kind::Room(name.to_owned()), out))
    }

    /// A key was pressed at the door of a room.
    pub(super) fn typed_at_door(&mut self, now: Moment, door: CallId, leg: LegId, key: Key) -> Vec<Output> {
        let mut out = Reaction::default();
        let opens = self.with(now, door, &mut out, |call, desk| call.type_pin(desk, leg, key)).flatten();
        let room = opens.and_then(|room| self.go_in(now, door, &room, &mut out));
        self.finish(now, out, std::iter::once(door).chain(room).collect())
    }

    /// A PIN that had to wait is answered; the room, if it opens with it.
    pub(super) fn answer_at_door(&mut self, now: Moment, door: CallId, out: &mut Reaction) -> Option<CallId> {
        let opens = self.with(now, door, out, |call, desk| call.answer_pin(desk)).flatten();
        opens.and_then(|room| self.go_in(now, door, &room, out))
    }

    /// Whoever stands at the door goes in, if the room still has a place; the room.
    fn go_in(&mut self, now: Moment, door: CallId, name: &str, out: &mut Reaction) -> Option<CallId> {
        let (who, agent) = self.calls.get(&door).and_then(newcomer)?;
        if self.may_enter(name, agent.as_ref()).is_err() {
            self.with(now, door, out, |call, desk| call.turn_away(desk, who, BUSY));
            return None;
        }
        let room = self.room_named(now, name, out);
        let movers = self.with(now, door, out, Call::take_everybody)?;
        out.event(Event::CallsJoined { call: room, joined: door });
        self.with(now, room, out, |call, desk| call.let_in(desk, door, movers));
        Some(room)
    }
}

/// Who stands at a door.
fn newcomer(door: &Call) -> Option<(crate::ids::ParticipantId, Option<AgentName>)> {
    door.people.iter().next().map(|(who, person)| (*who, person.agent.clone()))
}
