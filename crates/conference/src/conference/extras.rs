//! What people ask of one call besides holds and transfers: keys and prompts for one participant, volumes, a room's lock.
//!
//! None of it changes who hears whom, and keys and prompts follow it.

use super::{Asked, Call};
use crate::books::Desk;
use crate::ids::{LegId, ParticipantId};
use crate::input::Key;
use crate::mutants::broken;
use crate::output::{Cue, Effect, Event};
use crate::refusal::Refusal;

/// How loud a voice may be made, in decibels.
const VOLUMES: std::ops::RangeInclusive<i8> = -40..=20;

impl Call {
    /// Keys for one participant's phone.
    pub(crate) fn press(
        &mut self,
        desk: &mut Desk<'_>,
        asked: Asked,
        who: ParticipantId,
        keys: Vec<Key>,
    ) -> Result<(), Refusal> {
        let leg = self.may_reach(asked, who)?;
        desk.out.effect(Effect::Press { leg, keys });
        Ok(())
    }

    /// A tone or prompt for one participant.
    pub(crate) fn play(
        &mut self,
        desk: &mut Desk<'_>,
        asked: Asked,
        who: ParticipantId,
        cue: Cue,
    ) -> Result<(), Refusal> {
        let leg = self.may_reach(asked, who)?;
        desk.out.effect(Effect::Cue { leg, cue });
        Ok(())
    }

    /// The leg by which something can be said to one participant alone: by the operator to anybody, by an agent to
    /// himself and to whoever hears him now, as with the keys of his own phone.
    fn may_reach(&self, asked: Asked, who: ParticipantId) -> Result<LegId, Refusal> {
        self.may_act(asked)?;
        let person = self.people.get(&who).ok_or(Refusal::ParticipantNotFound)?;
        let mut ears = person.legs.iter().copied().filter(|leg| self.has_ear(*leg)).peekable();
        ears.peek().ok_or(Refusal::CallNotLive)?;
        let by = match asked {
            Asked::Person(by, _) if by != who && !broken!(KeysCrossTheWall) => by,
            Asked::Person(..) | Asked::Operator => return ears.next().ok_or(Refusal::CallNotLive),
        };
        if self.open_leg(by).is_none() {
            return Err(Refusal::InitiatorAway);
        }
        ears.find(|leg| self.is_heard_by(by, *leg)).ok_or(Refusal::NotAllowed)
    }

    /// Whether a leg hears somebody now.
    fn is_heard_by(&self, speaker: ParticipantId, listener: LegId) -> bool {
        let masks = &self.published;
        let mut spoken = masks.values().filter(|mask| mask.person == speaker);
        masks.get(&listener).is_some_and(|listener| spoken.any(|speaker| listener.hears(speaker)))
    }

    /// How loud somebody's voice is for the others.
    pub(crate) fn set_volume(
        &mut self,
        desk: &mut Desk<'_>,
        asked: Asked,
        who: ParticipantId,
        volume_db: i8,
    ) -> Result<(), Refusal> {
        self.may_act(asked)?;
        let volume_db = volume_db.clamp(*VOLUMES.start(), *VOLUMES.end());
        let person = self.people.get_mut(&who).ok_or(Refusal::ParticipantNotFound)?;
        if std::mem::replace(&mut person.volume_db, volume_db) != volume_db {
            for leg in person.legs.clone() {
                desk.out.effect(Effect::SetVolume { leg, volume_db });
            }
            desk.out.event(Event::VolumeChanged { call: self.id, who, volume_db });
        }
        Ok(())
    }

    /// A leg of somebody whose voice was made louder or quieter is live: it is as loud as their others.
    pub(super) fn keep_volume(&self, desk: &mut Desk<'_>, id: LegId) {
        let person = self.legs.get(&id).and_then(|leg| self.people.get(&leg.person));
        if let Some(volume_db) = person.map(|person| person.volume_db).filter(|volume_db| *volume_db != 0) {
            desk.out.effect(Effect::SetVolume { leg: id, volume_db });
        }
    }

    /// Lets nobody into a room any more, or again.
    pub(crate) fn lock(&mut self, desk: &mut Desk<'_>, asked: Asked, locked: bool) -> Result<(), Refusal> {
        self.may_lock(asked)?;
        if std::mem::replace(&mut self.locked, locked) != locked {
            desk.out.event(Event::LockChanged { call: self.id, locked });
        }
        Ok(())
    }

    /// Only a room can be locked.
    pub(crate) fn may_lock(&self, asked: Asked) -> Result<(), Refusal> {
        self.may_act(asked)?;
        if self.is_room() { Ok(()) } else { Err(Refusal::NotAllowed) }
    }
}
