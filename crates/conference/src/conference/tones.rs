//! The tones that tell those in a room that somebody came or went.
//!
//! Inside is whoever is live and part of the room: not a supervisor who lurks, not a consult's target before the merge or
//! the hand-over. Whoever turns to a consult has not left.

use std::collections::BTreeSet;

use super::{Call, Kind};
use crate::audibility::Picture;
use crate::books::Desk;
use crate::ids::ParticipantId;
use crate::mask::{Ears, LegMask, Place};
use crate::mutants::broken;
use crate::output::{Cue, Effect};

/// In a room with more people inside nobody is told: a crowd comes and goes all the time, and each tone is one cue for each.
const TONES_UP_TO: usize = 100;

impl Call {
    /// Tells by tones who came or went since the last reaction.
    pub(super) fn tell_comings(&mut self, desk: &mut Desk<'_>, picture: &Picture) {
        let Kind::Room(name) = &self.kind else { return };
        let wanted = desk.settings.rooms.get(name).is_none_or(|room| room.tones);
        let inside = self.insiders();
        let before = std::mem::replace(&mut self.inside, inside);
        let cue = if self.inside.difference(&before).next().is_some() {
            Cue::Entered
        } else if before.difference(&self.inside).next().is_some() {
            Cue::Left
        } else {
            return;
        };
        if !wanted || self.inside.len() > TONES_UP_TO {
            return;
        }
        let mut told = BTreeSet::new();
        let (open, shut): (Vec<&LegMask>, Vec<&LegMask>) = picture.masks.values().partition(|mask| mask.open);
        for mask in open.into_iter().chain(shut) {
            // Those who came know it.
            let there = before.contains(&mask.person) && may_hear(mask);
            if there && told.insert(mask.person) {
                desk.out.effect(Effect::Cue { leg: mask.leg, cue });
            }
        }
    }

    fn insiders(&self) -> BTreeSet<ParticipantId> {
        let consulted = self.transfer.as_ref().filter(|transfer| transfer.stage.is_private()).map(|t| t.target);
        let live: BTreeSet<ParticipantId> =
            self.legs.values().filter(|leg| leg.is_live()).map(|leg| leg.person).collect();
        let people = self
            .people
            .iter()
            .filter(|(who, person)| !person.lurks() && live.contains(who) && consulted != Some(**who));
        people.map(|(who, _)| *who).collect()
    }
}

/// Whether a tone of the room belongs on a leg: in Main, with an ear, and not a supervisor's.
fn may_hear(mask: &LegMask) -> bool {
    let here = mask.place == Place::Main || broken!(TonesInConsult);
    here && mask.cues && mask.ears != Ears::Nothing && mask.supervises.is_none()
}
