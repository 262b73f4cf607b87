//! What people ask of one call: hold, un-hold, mute, remove, end, supervise; and who may ask for anything at all.
//! The steps of a transfer are in `transferring`.
//!
//! Every step first asks whether it is allowed and changes nothing if it is not. Phases are judged by `consult`.

use super::{Call, Exit, Kind};
use crate::audibility;
use crate::books::Desk;
use crate::consult::{Stage, Step, Transfer, allowed};
use crate::ids::{AgentName, LegId, ParticipantId};
use crate::input::{Destination, SuperviseMode};
use crate::mask::Place;
use crate::mutants::broken;
use crate::output::{Effect, Event, Left, Outcome, Role};
use crate::participant::{Errand, HeldBy, Participant};
use crate::refusal::Refusal;

/// The status of somebody who declines a call (RFC 3261 §21.6.2).
const DECLINED: u16 = 603;

/// Who asks, as this call knows them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// Somebody in the call, and how.
    Person(ParticipantId, Means),
    /// The operator.
    Operator,
}

/// How somebody asks: where the answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// By name (API, command line, desktop), or by what their phone does.
    Name,
    /// By a REFER on this leg.
    Refer(LegId),
    /// By the keypad of this leg.
    Keypad(LegId),
}

/// What it means that a hold ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unholding {
    /// They are not held any more.
    Them,
    /// Everybody meets.
    Merge(ParticipantId),
    /// They are not held any more, and the initiator turns to them.
    Turn(ParticipantId),
}

impl Asked {
    fn holder(self) -> HeldBy {
        match self {
            Self::Person(who, _) => HeldBy::Person(who),
            Self::Operator => HeldBy::Operator,
        }
    }

    fn is(self, other: ParticipantId) -> bool {
        matches!(self, Self::Person(who, _) if who == other)
    }

    /// The leg on which a REFER waits for its answer.
    pub(super) fn referrer(self) -> Option<LegId> {
        match self {
            Self::Person(_, Means::Refer(leg)) => Some(leg),
            Self::Person(_, Means::Name | Means::Keypad(_)) | Self::Operator => None,
        }
    }

    /// Whether a keypad asked, so that no screen says how it goes.
    pub(super) fn by_keypad(self) -> bool {
        matches!(self, Self::Person(_, Means::Keypad(_)))
    }
}

impl Call {
    pub(super) fn stage(&self) -> Option<Stage> {
        self.transfer.as_ref().map(|transfer| transfer.stage)
    }

    /// The leg by which somebody hears and is heard now.
    pub(super) fn open_leg(&self, who: ParticipantId) -> Option<LegId> {
        if self.transfer.as_ref().is_some_and(Transfer::is_silent) {
            return None;
        }
        self.ready_leg(who)
    }

    pub(super) fn ready_leg(&self, who: ParticipantId) -> Option<LegId> {
        let person = self.people.get(&who)?;
        self.legs_of(person).find(|(id, leg)| audibility::is_ready(self, *id, leg)).map(|(id, _)| id)
    }

    /// The youngest leg of somebody that is not found dead.
    pub(super) fn last_leg(&self, who: ParticipantId) -> Option<LegId> {
        let person = self.people.get(&who)?;
        self.legs_of(person).filter(|(_, leg)| leg.dying.is_none()).map(|(id, _)| id).last()
    }

    /// Whether both lines of one phone of somebody are open, so that the phone mixes by itself.
    pub(super) fn is_bridged(&self, who: ParticipantId) -> bool {
        self.people.get(&who).is_some_and(|person| audibility::is_bridged(self, person))
    }

    pub(super) fn is_held(&self, who: ParticipantId) -> bool {
        self.people.get(&who).is_some_and(|person| person.held.is_some())
    }

    /// Whoever asks may command here at all: the operator, and agents who have answered. Whose phone only rings is
    /// offered the call; it is not theirs yet.
    pub(super) fn may_command(&self, asked: Asked) -> Result<(), Refusal> {
        match asked {
            Asked::Operator => Ok(()),
            Asked::Person(who, _) => match self.people.get(&who) {
                Some(person) if matches!(person.role, Role::Customer | Role::Outside) => Err(Refusal::NotAllowed),
                Some(_) if !self.is_live(who) && !broken!(RingingCommands) => Err(Refusal::CallNotLive),
                Some(person) if person.commands() => Ok(()),
                Some(_) => Err(Refusal::NotAllowed),
                None => Err(Refusal::CallNotFound),
            },
        }
    }

    /// … and is not on hold.
    pub(super) fn may_act(&self, asked: Asked) -> Result<(), Refusal> {
        self.may_command(asked)?;
        match asked {
            Asked::Person(who, _) if self.is_held(who) => Err(Refusal::InitiatorOnHold),
            Asked::Person(..) | Asked::Operator => Ok(()),
        }
    }

    /// … and the call is live: somebody else is there to talk to.
    pub(super) fn must_be_live(&self, asked: Asked) -> Result<(), Refusal> {
        // two are enough: rooms are large, and this is asked for each of their people
        let live = self.people.iter().filter(|(who, person)| !person.lurks() && self.is_live(**who)).take(2).count();
        let asker_live = match asked {
            Asked::Person(who, _) => self.is_live(who),
            Asked::Operator => true,
        };
        if live > 1 && asker_live && !matches!(self.kind, Kind::Service(_) | Kind::Door(_)) {
            Ok(())
        } else {
            Err(Refusal::CallNotLive)
        }
    }

    pub(super) fn unhold_one(&mut self, who: ParticipantId) {
        if let Some(person) = self.people.get_mut(&who) {
            person.held = None;
        }
    }

    /// Who is in a place, but for the initiator and those who lurk.
    pub(super) fn people_in(&self, place: Place, initiator: ParticipantId) -> Vec<ParticipantId> {
        let target = self.transfer.as_ref().filter(|t| t.stage.is_private()).map(|transfer| transfer.target);
        let there = self.people.iter().filter(|(who, person)| {
            let side = target == Some(**who);
            **who != initiator && !person.lurks() && (place == Place::Side) == side
        });
        there.map(|(who, _)| *who).collect()
    }

    pub(super) fn unhold_all(&mut self) {
        for person in self.people.values_mut() {
            person.held = None;
        }
    }

    /// Hold somebody.
    pub(crate) fn hold(&mut self, asked: Asked, who: ParticipantId) -> Result<(), Refusal> {
        self.may_hold(asked, who)?;
        if let Some(person) = self.people.get_mut(&who) {
            // of two who press at once the first holds: their hold does not end with the other's leaving
            person.held.get_or_insert(asked.holder());
        }
        Ok(())
    }

    pub(crate) fn may_hold(&self, asked: Asked, who: ParticipantId) -> Result<(), Refusal> {
        self.may_command(asked)?;
        let person = self.people.get(&who).ok_or(Refusal::ParticipantNotFound)?;
        let by_himself = asked.is(who) && self.may_unhold_self(who);
        if !by_himself {
            self.may_act(asked)?;
        }
        if person.lurks() {
            return Err(Refusal::NotAllowed);
        }
        if self.transfer.as_ref().is_some_and(|transfer| transfer.target == who) {
            allowed(self.stage(), Step::HoldTarget)?;
        }
        if !self.is_live(who) {
            return Err(Refusal::TargetNotLive);
        }
        self.must_be_live(asked)
    }

    /// End somebody's hold; by the initiator also: turn to them, or merge.
    pub(crate) fn unhold(&mut self, asked: Asked, who: ParticipantId) -> Result<(), Refusal> {
        match self.may_unhold(asked, who)? {
            Unholding::Them => self.unhold_one(who),
            Unholding::Merge(initiator) => self.merge_all(initiator),
            Unholding::Turn(initiator) => {
                self.unhold_one(who);
                self.turn(initiator);
            }
        }
        Ok(())
    }

    /// What the end of somebody's hold means, if it is allowed.
    pub(crate) fn may_unhold(&self, asked: Asked, who: ParticipantId) -> Result<Unholding, Refusal> {
        self.may_hold(asked, who)?;
        let consult = self.transfer.as_ref().filter(|transfer| transfer.stage.is_private());
        let Some(initiator) = consult.map(|transfer| transfer.initiator).filter(|me| asked.is(*me) && who != *me)
        else {
            return Ok(Unholding::Them);
        };
        let Some(open) = self.open_leg(initiator).and_then(|leg| self.legs.get(&leg)) else {
            return Err(Refusal::InitiatorAway);
        };
        let facing = open.faces;
        let theirs = if self.transfer.as_ref().is_some_and(|t| t.target == who) { Place::Side } else { Place::Main };
        if facing == theirs || self.is_bridged(initiator) {
            return Ok(Unholding::Them);
        }
        let company = self.people_in(facing, initiator);
        if company.into_iter().any(|other| self.is_live(other) && !self.is_held(other)) {
            allowed(self.stage(), Step::Merge)?;
            Ok(Unholding::Merge(initiator))
        } else {
            Ok(Unholding::Turn(initiator))
        }
    }

    /// Switch somebody's voice off or on.
    pub(crate) fn mute(
        &mut self,
        desk: &mut Desk<'_>,
        asked: Asked,
        who: ParticipantId,
        muted: bool,
    ) -> Result<(), Refusal> {
        self.may_mute(asked, who)?;
        if let Some(person) = self.people.get_mut(&who)
            && std::mem::replace(&mut person.muted, muted) != muted
        {
            desk.out.event(Event::MuteChanged { call: self.id, who, muted });
        }
        Ok(())
    }

    /// Voices are switched off and on by whoever may command.
    pub(crate) fn may_mute(&self, asked: Asked, who: ParticipantId) -> Result<(), Refusal> {
        self.may_act(asked)?;
        self.people.get(&who).map(drop).ok_or(Refusal::ParticipantNotFound)
    }

    /// Remove somebody, or leave.
    pub(crate) fn remove(&mut self, desk: &mut Desk<'_>, asked: Asked, who: ParticipantId) -> Result<(), Refusal> {
        self.may_remove(asked, who)?;
        if let Some(leg) = asked.referrer() {
            desk.out.effect(Effect::AcceptRefer { leg });
            desk.out.effect(Effect::NotifyReferrer { leg, status: 200, last: true });
        }
        if let Some(leg) = self.ringing_leg(who).filter(|_| asked.is(who)) {
            self.could_not_be_had(desk, leg, DECLINED, true);
            return Ok(());
        }
        let target = self.transfer.as_ref().filter(|t| t.target == who && t.stage.is_private());
        let mut exit = Exit::told(if asked.is(who) { Left::HungUp } else { Left::Removed });
        if target.is_some_and(|transfer| asked.is(transfer.initiator)) {
            exit.outcome = Some((Outcome::Cancelled, 487));
        }
        if let Asked::Person(asker, _) = asked {
            self.removing = Some(asker);
        }
        self.part(desk, who, exit);
        Ok(())
    }

    /// Every agent may leave, or decline while the phone rings; whoever removes others must not be on hold.
    pub(crate) fn may_remove(&self, asked: Asked, who: ParticipantId) -> Result<(), Refusal> {
        if !asked.is(who) {
            self.may_act(asked)?;
        }
        let person = self.people.get(&who).ok_or(Refusal::ParticipantNotFound)?;
        if asked.is(who) && person.agent.is_none() { Err(Refusal::NotAllowed) } else { Ok(()) }
    }

    /// The leg by which somebody is rung.
    fn ringing_leg(&self, who: ParticipantId) -> Option<LegId> {
        self.legs_of(self.people.get(&who)?).find(|(_, leg)| leg.is_ringing()).map(|(id, _)| id)
    }

    /// End the call for everybody.
    pub(crate) fn end(&mut self, desk: &mut Desk<'_>, asked: Asked) -> Result<(), Refusal> {
        self.may_end(asked)?;
        self.end_all(desk);
        Ok(())
    }

    pub(crate) fn may_end(&self, asked: Asked) -> Result<(), Refusal> {
        self.may_act(asked)
    }

    /// Everybody goes.
    pub(crate) fn end_all(&mut self, desk: &mut Desk<'_>) {
        match self.stage() {
            Some(Stage::Merged) => self.end_transfer(desk, Outcome::Joined, 200),
            Some(Stage::Ringing | Stage::Private | Stage::Cold) => {
                self.end_transfer(desk, Outcome::CallEnded, 487);
            }
            None => {}
        }
        for who in self.people.keys().copied().collect::<Vec<_>>() {
            self.part(desk, who, Exit::told(Left::Ended));
        }
    }

    /// A supervisor joins, or changes how.
    pub(crate) fn supervise(
        &mut self,
        desk: &mut Desk<'_>,
        by: &AgentName,
        agent: &AgentName,
        mode: SuperviseMode,
    ) -> Result<(), Refusal> {
        if !desk.settings.agents.get(by).is_some_and(|known| known.supervisor) || by == agent {
            return Err(Refusal::NotAllowed);
        }
        if self.is_door() {
            return Err(Refusal::TargetUnknown);
        }
        let supervised = self
            .people
            .iter()
            .find(|(who, person)| person.agent.as_ref() == Some(agent) && person.commands() && self.is_live(**who))
            .map(|(who, _)| *who)
            .ok_or(Refusal::TargetUnknown)?;
        let present = self.people.values_mut().find(|person| person.agent.as_ref() == Some(by));
        if let Some(supervisor) = present {
            if supervisor.role != Role::Supervisor || !supervisor.lurks() {
                return Err(Refusal::NotAllowed);
            }
            if supervisor.errand.is_some() {
                return Err(Refusal::CallNotLive);
            }
            supervisor.supervises = Some((supervised, mode));
            return Ok(());
        }
        if self.is_full(desk.settings) {
            return Err(Refusal::LimitReached);
        }
        let mut person = Participant::new(Role::Supervisor, Some(by.clone()), by.0.clone());
        person.errand = Some(Errand::Supervise);
        person.supervises = Some((supervised, mode));
        let shown = self.identity(supervised, desk.settings);
        self.ring(desk, Destination::Agent(by.clone()), person, shown);
        Ok(())
    }
}
