//! Keypad codes in one call: whose keys are collected, and what a code does there.
//!
//! Which keys are a code is `keypad`; the steps themselves are those of every other surface.

use super::{Asked, Call, Kind};
use crate::audibility;
use crate::books::Desk;
use crate::ids::LegId;
use crate::input::Key;
use crate::keypad::{Code, Keypad, Said, Surroundings};
use crate::mutants::broken;
use crate::output::{Cue, Effect, Outcome};
use crate::refusal::Refusal;

impl Call {
    /// From when an agent's leg is live its keys may be codes. Nobody else's ever are.
    pub(super) fn collect_digits(&mut self, desk: &mut Desk<'_>, id: LegId) {
        if self.is_door() {
            desk.out.effect(Effect::CollectDigits { leg: id });
            return;
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let commands = self.people.get(&leg.person).is_some_and(|person| person.agent.is_some());
        if commands && leg.keypad.is_none() && !matches!(self.kind, Kind::Service(_)) {
            leg.keypad = Some(Keypad::default());
            desk.out.effect(Effect::CollectDigits { leg: id });
        }
    }

    /// A key was pressed on a leg: what it asks for. Keys that are no code go on to whoever hears the leg.
    pub(crate) fn pressed(&mut self, desk: &mut Desk<'_>, id: LegId, key: Key) -> Vec<Said> {
        let transferring = self.transfer.is_some();
        let Some(leg) = self.legs.get_mut(&id) else { return Vec::new() };
        let spared = self.people.get(&leg.person).and_then(|person| person.bereft_until);
        let bereft = spared.is_some_and(|until| until > desk.now);
        let Some(keypad) = leg.keypad.as_mut() else {
            desk.out.effect(Effect::Relay { leg: id, keys: vec![key] });
            return Vec::new();
        };
        let around = Surroundings { settings: &desk.settings.transfer, transferring, bereft };
        let mut asked = Vec::new();
        for said in keypad.press(desk.now, key, around) {
            match said {
                Said::Relay(keys) => desk.out.effect(Effect::Relay { leg: id, keys }),
                Said::Code(_) if broken!(CodesAreRelayed) => {
                    desk.out.effect(Effect::Relay { leg: id, keys: vec![key] });
                    asked.push(said);
                }
                Said::Code(_) | Said::Warn => asked.push(said),
                Said::Dial(dialled) => desk.out.effect(Effect::LookUp { leg: id, dialled }),
            }
        }
        asked
    }

    /// What a code does here.
    pub(crate) fn carry_out(&mut self, desk: &mut Desk<'_>, asked: Asked, code: Code) -> Result<(), Refusal> {
        match code {
            Code::Cancel => self.cancel(desk, asked),
            Code::Complete => self.complete(desk, asked),
            Code::Merge => self.merge(asked),
            Code::Swap => match asked {
                Asked::Person(who, _) if self.may_unhold_self(who) => self.unhold(asked, who),
                Asked::Person(..) | Asked::Operator => self.swap(asked),
            },
        }
    }

    /// Whether a leg's keypad waits for the dial plan's answer about a number.
    pub(crate) fn looks_for(&mut self, id: LegId, number: &str) -> bool {
        self.legs.get_mut(&id).and_then(|leg| leg.keypad.as_mut()).is_some_and(|keypad| keypad.found(number))
    }

    /// Keys of a leg that are no code after all, because nothing followed them in time.
    pub(super) fn let_keys_go(&mut self, desk: &mut Desk<'_>) {
        for (id, leg) in &mut self.legs {
            let Some(keypad) = leg.keypad.as_mut() else { continue };
            let keys = keypad.expire(desk.now, &desk.settings.transfer.codes);
            if !keys.is_empty() {
                desk.out.effect(Effect::Relay { leg: *id, keys });
            }
        }
    }

    /// Whether a leg has an ear for a tone or prompt now.
    pub(crate) fn has_ear(&self, id: LegId) -> bool {
        let Some(leg) = self.legs.get(&id).filter(|leg| audibility::is_lively(leg)) else { return false };
        self.people.get(&leg.person).is_some_and(|person| audibility::ready_legs(self, person) < 2)
    }

    /// Plays what is to be played in this reaction, to ears that are there once it is over.
    pub(super) fn play_cues(&self, desk: &mut Desk<'_>) {
        for (who, cue) in desk.out.take_cues(self.id) {
            let Some(person) = self.people.get(&who) else { continue };
            if let Some(leg) = person.legs.iter().copied().find(|leg| self.has_ear(*leg)) {
                desk.out.effect(Effect::Cue { leg, cue });
            }
        }
    }
}

/// Why the target could not be had, in words, for an initiator who has no screen.
pub(super) fn spoken(outcome: Outcome) -> Option<Cue> {
    match outcome {
        Outcome::Rejected(486 | 600) => Some(Cue::Busy),
        Outcome::Rejected(_) => Some(Cue::Rejected),
        Outcome::NoAnswer => Some(Cue::NoAnswer),
        Outcome::Unreachable(404 | 484 | 604) => Some(Cue::Unknown),
        Outcome::Unreachable(_) => Some(Cue::Unreachable),
        Outcome::Completed
        | Outcome::Joined
        | Outcome::Cancelled
        | Outcome::TargetGone
        | Outcome::CustomerGone
        | Outcome::CallEnded => None,
        Outcome::QueueTimeout => Some(Cue::NoAnswer),
    }
}
