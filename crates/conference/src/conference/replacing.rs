//! A new leg takes the place of an old one of the same person: same place, holds, role in a transfer, same line of two.
//!
//! It does not judge who may replace what (`switchboard::replacing`).

use super::Call;
use crate::books::Desk;
use crate::ids::{LegId, ParticipantId, Phone};
use crate::input::Direction;
use crate::mask::Place;
use crate::mutants::broken;
use crate::output::{Effect, Event};
use crate::participant::{Leg, Line, Watch};

/// The leg that comes.
pub(crate) struct Newcomer {
    pub(crate) leg: LegId,
    pub(crate) phone: Phone,
    /// What its offer asks for.
    pub(crate) direction: Direction,
}

impl Call {
    /// The new leg is answered where the old one was, and the old one ends without ending anything.
    pub(crate) fn replace(&mut self, desk: &mut Desk<'_>, old: LegId, new: &Newcomer) {
        self.revive(old);
        let Some(mut leg) = self.legs.remove(&old) else { return };
        let (who, was) = (leg.person, leg.clone());
        leg.keypad = None;
        leg.watch = Watch::default();
        // the mixer says it of the new leg when it is so
        leg.talks = false;
        leg.phone = Some(new.phone.clone());
        if broken!(ReplacedInMain) {
            leg.faces = Place::Main;
        }
        self.take_over(desk, old, new.leg, leg);
        desk.out.effect(Effect::Answer { leg: new.leg });
        if was.is_ringing() {
            self.answered(desk, new.leg, new.direction, Some(new.phone.clone()));
        } else {
            self.goes_on(desk, who, new, &was);
        }
        desk.out.effect(Effect::Hangup { leg: old, status: None });
    }

    /// Every mention of the old leg becomes one of the new.
    fn take_over(&mut self, desk: &mut Desk<'_>, old: LegId, new: LegId, leg: Leg) {
        if let Some(person) = self.people.get_mut(&leg.person) {
            person.legs.iter_mut().filter(|id| **id == old).for_each(|id| *id = new);
        }
        if let Some(transfer) = self.transfer.as_mut() {
            // The dialog in which its REFER waits for the last word ends.
            transfer.referrer.take_if(|referrer| *referrer == old);
        }
        self.legs.insert(new, leg);
        desk.books.legs.remove(&old);
        desk.books.legs.insert(new, self.id);
    }

    /// An answered leg's successor: what was assumed of the line stays, what its phone asks for is new.
    fn goes_on(&mut self, desk: &mut Desk<'_>, who: ParticipantId, new: &Newcomer, was: &Leg) {
        let Some(leg) = self.legs.get_mut(&new.leg) else { return };
        leg.line = Line::Live;
        leg.direction = new.direction;
        if leg.is_away() && !was.is_away() {
            leg.away_since = Some(desk.now);
        }
        self.collect_digits(desk, new.leg);
        self.keep_volume(desk, new.leg);
        if was.direction != new.direction {
            let (call, leg, direction) = (self.id, new.leg, new.direction);
            desk.out.event(Event::DirectionChanged { call, who, leg, direction });
        }
    }
}
