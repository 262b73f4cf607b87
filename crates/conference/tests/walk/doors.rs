//! Rooms that are shut, read a second time and naively: nobody is in a room with a PIN who did not type it, nobody comes into
//! a locked one, and a room's tones stay in the room.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use conference::{
    AgentName, CallId, CallView, Caller, Command, Cue, Destination, Effect, Event, Key, LegId, Moment, Output, Place,
    Report,
};

use super::{Input, Walk};
use crate::oracle::Finding;

/// The room with a PIN.
pub const VAULT: &str = "vault";
pub const PIN: &str = "471";
/// How long whoever typed three wrong PINs finds no door, at least.
const PAUSE: Duration = Duration::from_secs(30);

/// What somebody typed so far.
#[derive(Clone, Debug)]
struct Typing {
    typed: String,
    wrong: u32,
    last: Moment,
}

/// Who is let in, and where nobody is.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    at_door: BTreeMap<LegId, Typing>,
    /// Who typed the PIN in this step.
    knows: BTreeSet<LegId>,
    locked: BTreeSet<CallId>,
    /// Who calls the vault on which leg, by a name of their own.
    callers: BTreeMap<LegId, String>,
    /// Wrong PINs of each caller since the last pause, and until when that lasts at least.
    wrong: BTreeMap<String, (u32, Moment)>,
}

/// The legs of a call, with whose they are.
fn legs(view: &CallView) -> BTreeMap<LegId, Option<AgentName>> {
    let people = view.participants.iter();
    people.flat_map(|person| person.legs.iter().map(|leg| (leg.leg, person.agent.clone()))).collect()
}

impl Walk {
    pub(super) fn at_door(&self, leg: LegId) -> bool {
        self.doors.at_door.contains_key(&leg)
    }

    /// Somebody types a PIN: mostly the right one.
    pub(super) fn types_at_door(&mut self) -> Option<Input> {
        let legs: Vec<LegId> = self.doors.at_door.keys().copied().collect();
        let leg = self.random.pick(&legs)?;
        let row = match self.random.below(8) {
            0 => "#",
            1 => "4",
            2 => "4711#",
            3 => "*471#",
            _ => "471#",
        };
        self.typing = row.chars().map(|digit| (leg, digit)).collect();
        self.next_key()
    }

    /// A key at the door: heard by nobody, and at the pound key it is right or wrong.
    pub(super) fn typed_at_door(&mut self, leg: LegId, key: Key, out: &[Output]) -> Result<(), Finding> {
        let goes_on = |output: &Output| matches!(output, Output::Effect(Effect::Relay { .. } | Effect::LookUp { .. }));
        if out.iter().any(goes_on) {
            return Err(("door", format!("{leg}: a key of a PIN goes on")));
        }
        let now = self.now;
        let Some(typing) = self.doors.at_door.get_mut(&leg) else { return Ok(()) };
        typing.last = now;
        let right = match key.digit {
            '#' => Some(std::mem::take(&mut typing.typed) == PIN),
            '*' => {
                typing.typed.clear();
                None
            }
            digit => {
                typing.typed.push(digit);
                None
            }
        };
        let told = out.iter().find_map(|output| match output {
            Output::Event(Event::PinTyped { right, .. }) => Some(*right),
            _ => None,
        });
        if told.is_none() && right.is_some() && self.board.call_of(leg).is_none() {
            // Wrong too often before, on other lines: not even looked at.
            self.doors.at_door.remove(&leg);
            return self.oracle.reported(&Report::Digit { leg, key }, out).map_err(super::told);
        }
        if told != right {
            return Err(("door", format!("{leg}: {told:?} is told, not {right:?}")));
        }
        typing.wrong += u32::from(right == Some(false));
        let caller = self.doors.callers.get(&leg).cloned().unwrap_or_default();
        let tally = self.doors.wrong.entry(caller).or_default();
        match right {
            Some(true) => tally.0 = 0,
            Some(false) if tally.0 == 2 => *tally = (0, now + PAUSE),
            Some(false) => tally.0 += 1,
            None => {}
        }
        if right == Some(true) {
            self.doors.at_door.remove(&leg);
            self.doors.knows.insert(leg);
        } else if typing.wrong == 3 && self.board.call_of(leg).is_some() {
            return Err(("door", format!("{leg} was wrong three times")));
        }
        self.oracle.reported(&Report::Digit { leg, key }, out).map_err(super::told)
    }

    /// What holds of rooms after every step.
    pub(super) fn rooms_are_shut(&mut self, before: &[CallView], input: &Input, out: &[Output]) -> Result<(), Finding> {
        for output in out {
            if let Output::Effect(Effect::Cue { leg, cue: Cue::Entered | Cue::Left }) = output {
                self.tone_is_in_place(*leg)?;
            }
        }
        let brought = matches!(input, Input::Command(Command::Join { .. }) | Input::Report(Report::Replaced { .. }));
        for view in self.board.calls().filter(|view| view.room.is_some() && !brought) {
            let was = before.iter().find(|old| old.id == view.id);
            let old = was.map(legs).unwrap_or_default();
            for (leg, agent) in legs(&view).into_iter().filter(|(leg, _)| !old.contains_key(leg)) {
                let knows = self.doors.knows.contains(&leg);
                let inside = agent.is_some() && old.values().any(|other| *other == agent);
                // A second line of somebody inside is their consult.
                let consults =
                    inside && !matches!(input, Input::Report(Report::Arrived { to: Destination::Room(_), .. }));
                if view.room.as_deref() == Some(VAULT) && !knows && !consults && !leg.is_rung() {
                    return Err(("door", format!("{leg} is in {} without its PIN", view.id)));
                }
                if self.doors.locked.contains(&view.id) && !leg.is_rung() && !inside {
                    return Err(("door", format!("{leg} came into {}, which is locked", view.id)));
                }
            }
        }
        self.doors.knows.clear();
        self.note_locks(input);
        self.nobody_guesses_on(input, out)?;
        self.note_doors(input, out)
    }

    /// A tone of a room is heard in the room alone, not in a consult.
    fn tone_is_in_place(&self, leg: LegId) -> Result<(), Finding> {
        let call = self.board.call_of(leg);
        let room = call.and_then(|call| self.board.call(call)).is_some_and(|view| view.room.is_some());
        let mask = call.and_then(|call| self.board.masks(call)?.get(&leg));
        if room && mask.is_some_and(|mask| mask.place == Place::Main && mask.supervises.is_none()) {
            return Ok(());
        }
        Err(("tone", format!("{leg} hears who comes and goes: {mask:?}")))
    }

    /// Whoever typed three wrong PINs finds no door for a while; notes who calls.
    fn nobody_guesses_on(&mut self, input: &Input, out: &[Output]) -> Result<(), Finding> {
        let mut comes: Option<(String, LegId)> = None;
        match input {
            Input::Report(Report::Arrived { leg, caller, to: Destination::Room(to), .. }) if to == VAULT => {
                let name = match caller {
                    Caller::Agent { name, .. } => name.to_string(),
                    Caller::Customer { trunk, number } => format!("{trunk} {number}"),
                };
                let answered = out.contains(&Output::Effect(Effect::Answer { leg: *leg }));
                comes = answered.then_some((name, *leg));
            }
            Input::Command(Command::Dial { from, to: Destination::Room(to) }) if to == VAULT => {
                let rung = out.iter().find_map(|output| match output {
                    Output::Effect(Effect::Ring { leg, .. }) => Some(*leg),
                    _ => None,
                });
                comes = rung.map(|leg| (from.to_string(), leg));
            }
            Input::Report(Report::Replaced { leg, old, .. }) => {
                if let Some(caller) = self.doors.callers.get(old).cloned() {
                    self.doors.callers.insert(*leg, caller);
                }
            }
            _ => {}
        }
        let Some((caller, leg)) = comes else { return Ok(()) };
        if self.doors.wrong.get(&caller).is_some_and(|(_, until)| *until > self.now) {
            return Err(("door", format!("{leg}: {caller} goes on guessing")));
        }
        self.doors.callers.insert(leg, caller);
        Ok(())
    }

    fn note_locks(&mut self, input: &Input) {
        match input {
            Input::Command(Command::Lock { call, locked: true, .. }) => drop(self.doors.locked.insert(*call)),
            Input::Command(Command::Lock { call, .. }) => drop(self.doors.locked.remove(call)),
            _ => {}
        }
        let board = &self.board;
        self.doors.locked.retain(|call| board.call(*call).is_some());
    }

    /// Who stands at a door now, and that nobody stands there for ever.
    fn note_doors(&mut self, input: &Input, out: &[Output]) -> Result<(), Finding> {
        if let Input::Report(Report::Replaced { leg, old, .. }) = input
            && self.board.call_of(*leg).is_some()
            && let Some(typing) = self.doors.at_door.remove(old)
        {
            self.doors.at_door.insert(*leg, typing);
        }
        for output in out {
            match output {
                Output::Effect(Effect::Cue { leg, cue: Cue::EnterPin }) => {
                    let typing = Typing { typed: String::new(), wrong: 0, last: self.now };
                    self.doors.at_door.entry(*leg).or_insert(typing);
                }
                Output::Effect(Effect::CollectDigits { leg }) if self.stands_at_door(*leg) => {
                    let typing = Typing { typed: String::new(), wrong: 0, last: self.now };
                    self.doors.at_door.entry(*leg).or_insert(typing);
                }
                // A wrong PIN gives as long as any key.
                _ => {}
            }
        }
        let board = &self.board;
        self.doors.at_door.retain(|leg, _| board.call_of(*leg).is_some());
        let late = self
            .doors
            .at_door
            .iter()
            .find(|(_, typing)| self.now.since(typing.last) >= Duration::from_secs(30) && *input == Input::Expire);
        late.map_or(Ok(()), |(leg, _)| Err(("door", format!("{leg} has stood there for too long"))))
    }

    fn stands_at_door(&self, leg: LegId) -> bool {
        let call = self.board.call_of(leg);
        call.and_then(|call| self.oracle.calls.get(&call)).is_some_and(|call| call.door)
    }
}
