//! Keys, read a second time and naively: what they should mean, and that a code does just what the same command does.

use std::time::Duration;

use conference::{
    AgentName, Asker, CallId, CallView, Command, Cue, Destination, Effect, Event, Key, LegId, Moment, Outcome, Output,
    Report, Role, Switchboard,
};

use super::{Input, Walk};
use crate::oracle::{Call, Finding, Holder};

/// What was pressed on a leg and means nothing yet.
#[derive(Clone, Debug, Default)]
pub struct Held {
    keys: Vec<Key>,
    until: Option<Moment>,
    warned: bool,
    looking: Option<String>,
}

/// What a key should lead to.
#[derive(Debug, Default)]
struct Expected {
    relayed: Vec<Key>,
    command: Option<Command>,
    dialled: Option<String>,
}

/// A row of keys as a person reads the list of codes.
#[derive(PartialEq)]
enum Reads {
    No,
    WaitsShort,
    WaitsLong,
    Code,
}

fn reads(row: &str, transferring: bool) -> Reads {
    match row {
        "*" => Reads::WaitsShort,
        "*1" | "*3" | "*4" => Reads::Code,
        "*2" if transferring => Reads::Code,
        "*2" => Reads::WaitsLong,
        _ => match row.strip_prefix("*2").map(|number| (number, number.trim_end_matches('#'))) {
            Some((number, digits)) if digits.len() <= 32 && digits.chars().all(|d| d.is_ascii_digit()) => {
                match number.len() - digits.len() {
                    0 => Reads::WaitsLong,
                    1 if !digits.is_empty() => Reads::Code,
                    _ => Reads::No,
                }
            }
            _ => Reads::No,
        },
    }
}

fn text(keys: &[Key]) -> String {
    keys.iter().map(|key| key.digit).collect()
}

impl Walk {
    /// Whose keys may be codes: the agent's name and the call, if the leg is one of theirs and answered.
    fn presser(&self, board: &Switchboard, leg: LegId) -> Option<(CallId, AgentName, Role)> {
        let (id, who) = board.person_of(leg)?;
        let person = board.call(id)?.participant(who)?.clone();
        let live = person.legs.iter().any(|known| known.leg == leg && known.live);
        let service = self.oracle.calls.get(&id).is_some_and(|call| call.service);
        if live && !service { Some((id, person.agent?, person.role)) } else { None }
    }

    fn expected(&mut self, before: &Switchboard, leg: LegId, key: Key) -> Expected {
        let mut expected = Expected::default();
        let Some((call, agent, _)) = self.presser(before, leg) else {
            expected.relayed.extend(before.call_of(leg).map(|_| key));
            return expected;
        };
        let transferring = before.call(call).is_some_and(|call| call.transfer.is_some());
        let bereft = self.bereft.get(&(call, agent.clone())).is_some_and(|until| *until > self.now);
        let held = self.held.entry(leg).or_default();
        held.keys.push(key);
        if held.warned && held.keys.len() == 3 && reads(&text(&held.keys), transferring) == Reads::No {
            // the code that was answered with a tone, and no number after it
            held.keys.drain(..2);
            held.warned = false;
        }
        while !held.keys.is_empty() && reads(&text(&held.keys), transferring) == Reads::No {
            expected.relayed.push(held.keys.remove(0));
            held.warned = false;
        }
        let row = text(&held.keys);
        held.until = match reads(&row, transferring) {
            Reads::No | Reads::Code => None,
            Reads::WaitsShort => Some(self.now + Duration::from_millis(1500)),
            Reads::WaitsLong => Some(self.now + Duration::from_secs(5)),
        };
        held.warned |= row == "*2" && bereft;
        if reads(&row, transferring) != Reads::Code || row.is_empty() {
            return expected;
        }
        held.keys.clear();
        held.warned = false;
        let by = Asker::Agent(agent);
        expected.command = match row.as_str() {
            "*1" => Some(Command::Cancel { call, by }),
            "*2" => Some(Command::Complete { call, by }),
            "*3" => Some(Command::Merge { call, by }),
            "*4" => Some(self.swap_or_back(before, leg, call, by)),
            _ => {
                let number = row[2..row.len() - 1].to_owned();
                held.looking = Some(number.clone());
                expected.dialled = Some(number);
                None
            }
        };
        expected
    }

    /// Swap; by somebody on hold whom nobody there holds: the end of that hold.
    fn swap_or_back(&self, before: &Switchboard, leg: LegId, call: CallId, by: Asker) -> Command {
        let swap = Command::Swap { call, by: by.clone() };
        let Some((_, who)) = before.person_of(leg) else { return swap };
        let Some(known) = self.oracle.calls.get(&call) else { return swap };
        let free = known.people.get(&who).is_some_and(|person| {
            let holder =
                matches!(person.held, Some(Holder::Person(by)) if by == who || !known.people.contains_key(&by));
            holder && Call::serving(person) && person.role != Role::Outside
        });
        if free { Command::Unhold { call, by, who } } else { swap }
    }

    /// A key was pressed: the house did what it means, and no more.
    pub(super) fn pressed(&mut self, before: Switchboard, leg: LegId, key: Key, out: &[Output]) -> Result<(), Finding> {
        if self.at_door(leg) {
            return self.typed_at_door(leg, key, out);
        }
        let expected = self.expected(&before, leg, key);
        let relayed = text(&relays(out, leg));
        if relays(out, leg) != expected.relayed {
            return Err(("keys", format!("{leg}: {relayed:?} went on, not {:?}", text(&expected.relayed))));
        }
        let asked = out.iter().find_map(|output| match output {
            Output::Effect(Effect::LookUp { dialled, .. }) => Some(dialled.clone()),
            _ => None,
        });
        if asked != expected.dialled {
            return Err(("keys", format!("{leg}: {asked:?} is looked up, not {:?}", expected.dialled)));
        }
        self.like_the_command(before, expected.command, leg, out)
    }

    /// The dial plan answered.
    pub(super) fn looked(
        &mut self,
        before: Switchboard,
        leg: LegId,
        (target, shown): (Destination, String),
        out: &[Output],
    ) -> Result<(), Finding> {
        let waits =
            self.held.get_mut(&leg).is_some_and(|held| held.looking.take_if(|number| *number == shown).is_some());
        let presser = self.presser(&before, leg).filter(|_| waits);
        let command = presser.map(|(call, agent, _)| Command::Start { call, by: Asker::Agent(agent), target, shown });
        self.like_the_command(before, command, leg, out)
    }

    /// What keys did is just what the command would have done, and the rest is tones for the one who pressed.
    fn like_the_command(
        &mut self,
        mut before: Switchboard,
        command: Option<Command>,
        leg: LegId,
        out: &[Output],
    ) -> Result<(), Finding> {
        let mine = |output: &&Output| {
            let answer =
                |cue: &Cue| !matches!(cue, Cue::Failure | Cue::Notice | Cue::Entered | Cue::Left | Cue::Position(_));
            !matches!(output,
                Output::Effect(Effect::Relay { leg: whose, .. } | Effect::LookUp { leg: whose, .. }) if *whose == leg)
                && !matches!(output, Output::Effect(Effect::Cue { leg: whose, cue }) if *whose == leg && answer(cue))
        };
        let done: Vec<Output> = out.iter().filter(mine).cloned().collect();
        let command = command.and_then(|command| Some((before.command(self.now, command.clone()).ok()?, command)));
        let expected = command.as_ref().map(|(outputs, _)| outputs.clone()).unwrap_or_default();
        if done != expected {
            return Err(("keys", format!("{leg}: {done:?}, by command {expected:?}")));
        }
        match command {
            Some((_, command)) => {
                let read = self.oracle.commanded(&command, out).map_err(super::told);
                self.keyed = Some(command);
                read
            }
            None => Ok(()),
        }
    }

    /// Time passed: what waited too long went on to whoever hears the leg, and nothing else did.
    pub(super) fn keys_waited(&mut self, out: &[Output]) -> Result<(), Finding> {
        let now = self.now;
        for (leg, held) in &mut self.held {
            let due = held.until.is_some_and(|until| until <= now);
            let late = if due && !(held.warned && held.keys.len() == 2) { held.keys.clone() } else { Vec::new() };
            if relays(out, *leg) != late {
                return Err(("keys", format!("{leg}: {:?} should have gone on", text(&late))));
            }
            if due {
                let looking = held.looking.take();
                *held = Held { looking, ..Held::default() };
            }
        }
        Ok(())
    }

    /// What the reaction means for keys to come.
    pub(super) fn note_keys(&mut self, before: &[CallView], input: &Input, out: &[Output]) -> Result<(), Finding> {
        for output in out {
            match output {
                Output::Effect(Effect::LookUp { leg, dialled }) => self.lookups.push((*leg, dialled.clone())),
                Output::Event(Event::TransferEnded { call, outcome }) => self.note_end(before, *call, *outcome, input),
                Output::Event(Event::ParticipantLeft { call, who, .. }) => {
                    // Whoever comes back is told afresh.
                    let agent = |view: &CallView| view.participant(*who)?.agent.clone();
                    let left = before.iter().find(|view| view.id == *call).and_then(agent);
                    left.map(|agent| self.bereft.remove(&(*call, agent)));
                }
                Output::Event(Event::CallsJoined { call, joined }) => self.bereft_move(before, *call, *joined),
                Output::Effect(Effect::Cue { leg, cue }) => self.may_be_played(*leg, *cue)?,
                _ => {}
            }
        }
        self.held.retain(|leg, _| self.board.call_of(*leg).is_some());
        Ok(())
    }

    /// Two calls became one: whoever is new in it takes along what was so before.
    fn bereft_move(&mut self, before: &[CallView], to: CallId, from: CallId) {
        let there = |agent: &AgentName| {
            let mut people = before.iter().filter(|view| view.id == to).flat_map(|view| &view.participants);
            people.any(|person| person.agent.as_ref() == Some(agent))
        };
        for ((call, agent), until) in std::mem::take(&mut self.bereft) {
            if call != from {
                self.bereft.insert((call, agent), until);
            } else if !there(&agent) {
                self.bereft.insert((to, agent), until);
            }
        }
    }

    /// Whose transfer ended without their doing.
    fn note_end(&mut self, before: &[CallView], id: CallId, outcome: Outcome, input: &Input) {
        let by = before.iter().find(|call| call.id == id).and_then(|call| {
            let transfer = call.transfer.clone()?;
            let initiator = call.participant(transfer.by)?;
            Some((initiator.legs.clone(), initiator.agent.clone()?))
        });
        let Some((legs, agent)) = by else { return };
        let asks = |by: &Asker| match by {
            Asker::Leg(leg) | Asker::Keypad(leg) => legs.iter().any(|own| own.leg == *leg),
            Asker::Agent(name) => *name == agent,
            Asker::Operator => false,
        };
        let by_itself = match outcome {
            Outcome::Rejected(_) | Outcome::NoAnswer | Outcome::Unreachable(_) | Outcome::QueueTimeout => true,
            Outcome::TargetGone | Outcome::CustomerGone => {
                !matches!(input, Input::Command(Command::Remove { by, .. }) if asks(by))
            }
            Outcome::Cancelled => matches!(input, Input::Command(Command::Cancel { by: Asker::Operator, .. })),
            Outcome::Completed | Outcome::Joined | Outcome::CallEnded => false,
        };
        if by_itself {
            self.bereft.insert((id, agent), self.now + Duration::from_secs(3));
        } else {
            self.bereft.remove(&(id, agent));
        }
    }

    /// A cue goes to an ear that is there, and never into a phone two legs of whose owner are open.
    fn may_be_played(&self, leg: LegId, cue: Cue) -> Result<(), Finding> {
        let masks = self.board.call_of(leg).and_then(|call| self.board.masks(call));
        let Some(mask) = masks.and_then(|masks| masks.get(&leg)) else {
            return Err(("cue", format!("{cue:?} into {leg}, which is in no call")));
        };
        let open = masks.map_or(0, |masks| masks.values().filter(|m| m.person == mask.person && m.open).count());
        if open > 1 || mask.ears == conference::Ears::Nothing {
            return Err(("cue", format!("{cue:?} into {leg}")));
        }
        Ok(())
    }
}

fn relays(out: &[Output], leg: LegId) -> Vec<Key> {
    let keys = out.iter().filter_map(|output| match output {
        Output::Effect(Effect::Relay { leg: whose, keys }) if *whose == leg => Some(keys),
        _ => None,
    });
    keys.flatten().copied().collect()
}

impl Walk {
    /// Somebody presses keys: mostly codes, mostly whole ones.
    pub(super) fn types(&mut self, leg: LegId) -> Input {
        let row = match self.random.below(16) {
            0..=3 => format!("*2{}#", 100 + self.random.below(6)),
            4 => format!("*2{}", self.random.below(1000)),
            5 | 6 => "*2".to_owned(),
            7 => "*1".to_owned(),
            8 | 9 => "*3".to_owned(),
            10..=12 => "*4".to_owned(),
            13 => "*".to_owned(),
            14 => format!("*2{}#", "9".repeat(30 + self.random.below(4))),
            _ => ["5", "#", "**1", "*7", "*2#", "*2*4", "1*3", "*22*1", "A*D"][self.random.below(9)].to_owned(),
        };
        self.typing = row.chars().map(|digit| (leg, digit)).collect();
        self.next_key().unwrap_or(Input::Expire)
    }

    /// The next key of what is being typed.
    pub(super) fn next_key(&mut self) -> Option<Input> {
        let (leg, digit) = self.typing.pop_front()?;
        let duration_ms = 40 + u16::try_from(self.random.below(400)).unwrap_or(0);
        Some(Input::Report(Report::Digit { leg, key: Key { digit, duration_ms } }))
    }

    /// The dial plan answers, mostly soon, mostly about what was asked.
    pub(super) fn answers_lookup(&mut self) -> Option<Input> {
        let (leg, shown) = self.lookups.pop()?;
        let shown = if self.random.chance(3) { "999".to_owned() } else { shown };
        Some(Input::Report(Report::Looked { leg, target: self.destination(), shown }))
    }
}
