//! Keys pressed on a leg: what they ask for is done as if it were asked by any other surface, and they hear how it went.
//!
//! ```text
//!   agent's leg            baton              dial plan
//!   |--- *2 101 # ---------->|                    |       nobody else hears these keys
//!   |                        |--- LookUp -------->|
//!   |                        |<-- Looked ---------|
//!   |<-- ringback -----------|                            masks first, then ring
//! ```

use super::Switchboard;
use crate::conference::{Asked, Call, Means};
use crate::ids::{CallId, LegId};
use crate::input::{Destination, Key};
use crate::keypad::Said;
use crate::moment::Moment;
use crate::output::{Cue, Effect, Output};
use crate::reaction::Reaction;
use crate::refusal::Refusal;

impl Switchboard {
    /// A key was pressed on a leg.
    pub(super) fn pressed(&mut self, now: Moment, leg: LegId, key: Key) -> Vec<Output> {
        let Some(id) = self.books.legs.get(&leg).copied() else { return Vec::new() };
        if self.calls.get(&id).is_some_and(Call::is_door) {
            return self.typed_at_door(now, id, leg, key);
        }
        let mut out = Reaction::default();
        let asked = self.with(now, id, &mut out, |call, desk| call.pressed(desk, leg, key)).unwrap_or_default();
        let mut tones = Vec::new();
        for said in asked {
            match said {
                Said::Warn => tones.push(Cue::Refused),
                Said::Code(code) => {
                    let done = self.by_keypad(id, leg).and_then(|asked| {
                        let done = self.with(now, id, &mut out, |call, desk| call.carry_out(desk, asked, code));
                        done.unwrap_or(Err(Refusal::CallNotFound))
                    });
                    tones.push(done.map_or_else(tone, |()| Cue::Done));
                }
                Said::Relay(_) | Said::Dial(_) => {}
            }
        }
        let mut outputs = self.finish(now, out, vec![id]);
        for cue in tones {
            self.play(leg, cue, &mut outputs);
        }
        outputs
    }

    /// Whom a number reaches that was dialled by keypad: the transfer starts, or they hear why not.
    pub(super) fn looked(&mut self, now: Moment, leg: LegId, target: Destination, shown: String) -> Vec<Output> {
        let Some(id) = self.books.legs.get(&leg).copied() else { return Vec::new() };
        if !self.calls.get_mut(&id).is_some_and(|call| call.looks_for(leg, &shown)) {
            return Vec::new();
        }
        let queue = matches!(target, Destination::Queue(_));
        let mut out = Reaction::default();
        let begun = self.by_keypad(id, leg).and_then(|asked| {
            let begun = self.with(now, id, &mut out, |call, desk| call.start(desk, asked, target, shown));
            begun.unwrap_or(Err(Refusal::CallNotFound))
        });
        let mut outputs = self.finish(now, out, vec![id]);
        if let Err(refusal) = begun {
            let closed = queue && refusal == Refusal::TargetUnavailable;
            self.play(leg, if closed { Cue::Closed } else { tone(refusal) }, &mut outputs);
        }
        outputs
    }

    fn by_keypad(&self, id: CallId, leg: LegId) -> Result<Asked, Refusal> {
        let who = self.calls.get(&id).and_then(|call| call.person_of(leg)).ok_or(Refusal::CallNotFound)?;
        Ok(Asked::Person(who, Means::Keypad(leg)))
    }

    /// A tone or prompt for one leg and nobody else, if it is still there and has an ear.
    fn play(&self, leg: LegId, cue: Cue, outputs: &mut Vec<Output>) {
        let call = self.books.legs.get(&leg).and_then(|id| self.calls.get(id));
        if call.is_some_and(|call| call.has_ear(leg)) {
            outputs.push(Output::Effect(Effect::Cue { leg, cue }));
        }
    }
}

/// How a refusal sounds: the target's own reasons are spoken, everything else is a tone.
fn tone(refusal: Refusal) -> Cue {
    match refusal {
        Refusal::TargetUnknown => Cue::Unknown,
        Refusal::TargetBusy => Cue::Busy,
        Refusal::TargetUnavailable => Cue::Unreachable,
        Refusal::CallNotFound
        | Refusal::CallNotLive
        | Refusal::TransferInProgress
        | Refusal::InitiatorOnHold
        | Refusal::NotAllowed
        | Refusal::NoTransfer
        | Refusal::TargetNotLive
        | Refusal::InitiatorAway
        | Refusal::BridgedByPhone
        | Refusal::ReservationNotFound
        | Refusal::ParticipantNotFound
        | Refusal::Locked
        | Refusal::Draining
        | Refusal::LimitReached => Cue::Refused,
    }
}
