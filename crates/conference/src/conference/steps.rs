//! What people ask of one call: start, swap, merge, complete, cancel, hold, remove, end, mute, supervise.
//!
//! Every step first asks whether it is allowed and changes nothing if it is not. Phases are judged by `consult`.

use std::time::Duration;

use super::{Call, Exit, Kind};
use crate::audibility;
use crate::books::Desk;
use crate::consult::{Stage, Step, Transfer, allowed};
use crate::ids::{AgentName, LegId, ParticipantId};
use crate::input::{Destination, SuperviseMode};
use crate::mask::Place;
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::{Effect, Event, Left, Outcome, Role};
use crate::participant::{Errand, HeldBy, Participant};
use crate::refusal::Refusal;

/// Transfers that may be started in one call within [`STARTS_WINDOW`].
pub(super) const STARTS_PER_MINUTE: usize = 5;
/// The span in which starts are counted.
const STARTS_WINDOW: Duration = Duration::from_secs(60);

/// Who asks, as this call knows them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// Somebody in the call, perhaps by a leg of theirs.
    Person(ParticipantId, Option<LegId>),
    /// The operator.
    Operator,
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

    fn leg(self) -> Option<LegId> {
        match self {
            Self::Person(_, leg) => leg,
            Self::Operator => None,
        }
    }
}

impl Call {
    fn stage(&self) -> Option<Stage> {
        self.transfer.as_ref().map(|transfer| transfer.stage)
    }

    /// The leg by which somebody hears and is heard now.
    fn open_leg(&self, who: ParticipantId) -> Option<LegId> {
        if self.transfer.as_ref().is_some_and(Transfer::is_silent) {
            return None;
        }
        self.ready_leg(who)
    }

    fn ready_leg(&self, who: ParticipantId) -> Option<LegId> {
        let person = self.people.get(&who)?;
        self.legs_of(person).find(|(id, leg)| audibility::is_ready(self, *id, leg)).map(|(id, _)| id)
    }

    /// The youngest leg of somebody that is not found dead.
    fn last_leg(&self, who: ParticipantId) -> Option<LegId> {
        let person = self.people.get(&who)?;
        self.legs_of(person).filter(|(_, leg)| leg.dying.is_none()).map(|(id, _)| id).last()
    }

    fn is_bridged(&self, who: ParticipantId) -> bool {
        self.people.get(&who).is_some_and(|person| audibility::is_bridged(self, person))
    }

    fn is_held(&self, who: ParticipantId) -> bool {
        self.people.get(&who).is_some_and(|person| person.held.is_some())
    }

    /// Whoever asks may command here at all.
    fn may_command(&self, asked: Asked) -> Result<(), Refusal> {
        match asked {
            Asked::Operator => Ok(()),
            Asked::Person(who, _) => match self.people.get(&who) {
                Some(person) if person.commands() => Ok(()),
                Some(_) => Err(Refusal::NotAllowed),
                None => Err(Refusal::CallNotFound),
            },
        }
    }

    /// … and is not on hold.
    fn may_act(&self, asked: Asked) -> Result<(), Refusal> {
        self.may_command(asked)?;
        match asked {
            Asked::Person(who, _) if self.is_held(who) => Err(Refusal::InitiatorOnHold),
            Asked::Person(..) | Asked::Operator => Ok(()),
        }
    }

    /// … and the call is live: somebody else is there to talk to.
    fn must_be_live(&self, asked: Asked) -> Result<(), Refusal> {
        let live = self.people.iter().filter(|(who, person)| !person.lurks() && self.is_live(**who)).count();
        let asker_live = match asked {
            Asked::Person(who, _) => self.is_live(who),
            Asked::Operator => true,
        };
        if live > 1 && asker_live && !matches!(self.kind, Kind::Service(_)) {
            Ok(())
        } else {
            Err(Refusal::CallNotLive)
        }
    }

    /// A step of the transfer by its initiator (or the operator): who the initiator is.
    fn may_step(&self, asked: Asked, step: Step) -> Result<ParticipantId, Refusal> {
        self.may_command(asked)?;
        let Some(transfer) = &self.transfer else { return allowed(None, step).and(Err(Refusal::NoTransfer)) };
        if let Asked::Person(who, _) = asked
            && who != transfer.initiator
        {
            return Err(Refusal::NotAllowed);
        }
        self.may_act(asked)?;
        allowed(Some(transfer.stage), step)?;
        Ok(transfer.initiator)
    }

    /// Swap and merge: the initiator must have one open line, not two, not none.
    fn must_have_one_line(&self, initiator: ParticipantId) -> Result<(), Refusal> {
        if self.is_bridged(initiator) {
            return Err(Refusal::BridgedByPhone);
        }
        if self.stage().is_some_and(Stage::is_private) && self.open_leg(initiator).is_none() {
            return Err(Refusal::InitiatorAway);
        }
        Ok(())
    }

    /// Whether somebody may start a transfer to a target now.
    pub(crate) fn may_start(&self, desk: &Desk<'_>, asked: Asked, to: &Destination) -> Result<ParticipantId, Refusal> {
        let Asked::Person(who, _) = asked else { return Err(Refusal::NotAllowed) };
        self.may_command(asked)?;
        self.must_be_live(asked)?;
        allowed(self.stage(), Step::Start)?;
        self.may_act(asked)?;
        if self.is_bridged(who) {
            return Err(Refusal::BridgedByPhone);
        }
        match to {
            Destination::Agent(agent) => {
                if self.has(to) || !desk.settings.agents.contains_key(agent) {
                    return Err(Refusal::TargetUnknown);
                }
                if desk.books.is_busy(agent, desk.settings) {
                    return Err(Refusal::TargetBusy);
                }
            }
            Destination::Outside { .. } if self.has(to) => return Err(Refusal::TargetUnknown),
            Destination::Outside { .. } => {}
            Destination::Queue(_) => return Err(Refusal::TargetUnavailable),
            Destination::Room(_) | Destination::Service(_) | Destination::Unknown => {
                return Err(Refusal::TargetUnknown);
            }
        }
        if self.is_full(desk.settings) || self.starts_too_often(desk.now) {
            return Err(Refusal::LimitReached);
        }
        Ok(who)
    }

    fn starts_too_often(&self, now: Moment) -> bool {
        let recent = self.starts.iter().filter(|start| now.since(**start) < STARTS_WINDOW).count();
        recent >= STARTS_PER_MINUTE
    }

    /// Start: the target is rung, the initiator faces it, the customer hears music from this instant.
    pub(crate) fn start(
        &mut self,
        desk: &mut Desk<'_>,
        asked: Asked,
        to: Destination,
        shown: String,
    ) -> Result<(), Refusal> {
        let initiator = self.may_start(desk, asked, &to)?;
        if let Some(leg) = asked.leg() {
            desk.out.effect(Effect::AcceptRefer { leg });
        }
        self.begin(desk, initiator, to, shown, asked.leg(), None);
        Ok(())
    }

    /// Begins a transfer that is known to be allowed. `second`: the initiator's own unanswered second INVITE.
    pub(crate) fn begin(
        &mut self,
        desk: &mut Desk<'_>,
        initiator: ParticipantId,
        to: Destination,
        shown: String,
        referrer: Option<LegId>,
        second: Option<LegId>,
    ) {
        if self.transfer.is_some() {
            self.end_transfer(desk, Outcome::Joined, 200);
        }
        let facing = second.or_else(|| self.ready_leg(initiator)).or_else(|| self.last_leg(initiator));
        self.face_main(initiator);
        // What an older consult faced says nothing about this one.
        self.forget_parting(initiator);
        if let Some(leg) = facing.and_then(|facing| self.legs.get_mut(&facing)) {
            leg.faces = Place::Side;
        }
        let (role, agent) = match &to {
            Destination::Agent(agent) => (Role::Agent, Some(agent.clone())),
            Destination::Queue(_)
            | Destination::Room(_)
            | Destination::Outside { .. }
            | Destination::Service(_)
            | Destination::Unknown => (Role::Outside, None),
        };
        let mut person = Participant::new(role, agent, shown);
        person.errand = Some(Errand::Target);
        let identity = self.identity(initiator, desk.settings);
        let (target, _) = self.ring(desk, to, person, identity);
        self.note_start(desk.now);
        self.transfer = Some(Transfer {
            initiator,
            agent: self.people.get(&initiator).and_then(|person| person.agent.clone()),
            target,
            stage: Stage::Ringing,
            referrer,
            grace: None,
        });
        desk.out.event(Event::TransferStarted { call: self.id, by: initiator, target });
    }

    /// Cancel: the target goes, the initiator is back with the customer.
    pub(crate) fn cancel(&mut self, desk: &mut Desk<'_>, asked: Asked) -> Result<(), Refusal> {
        self.may_step(asked, Step::Cancel)?;
        self.cancel_transfer(desk);
        Ok(())
    }

    /// Swap: every leg of the initiator turns; whoever the open one now faces is un-held.
    pub(crate) fn swap(&mut self, asked: Asked) -> Result<(), Refusal> {
        let initiator = self.may_step(asked, Step::Swap)?;
        if let Err(refusal) = self.must_have_one_line(initiator) {
            if broken!(RefusedSwapSwaps) {
                self.turn(initiator);
            }
            return Err(refusal);
        }
        self.turn(initiator);
        let faced = self.ready_leg(initiator).and_then(|leg| self.legs.get(&leg)).map(|leg| leg.faces);
        if let Some(faced) = faced.filter(|_| !broken!(SwapKeepsHold)) {
            for who in self.people_in(faced, initiator) {
                self.unhold_one(who);
            }
        }
        Ok(())
    }

    fn turn(&mut self, initiator: ParticipantId) {
        let only = self.ready_leg(initiator).filter(|_| broken!(TurnOneLeg));
        for (id, leg) in self.legs.iter_mut().filter(|(_, leg)| leg.person == initiator) {
            if only.is_none_or(|only| only == *id) {
                leg.faces = match leg.faces {
                    Place::Main => Place::Side,
                    Place::Side => Place::Main,
                };
            }
        }
    }

    fn unhold_one(&mut self, who: ParticipantId) {
        if let Some(person) = self.people.get_mut(&who) {
            person.held = None;
        }
    }

    /// Who is in a place, but for the initiator and those who lurk.
    fn people_in(&self, place: Place, initiator: ParticipantId) -> Vec<ParticipantId> {
        let target = self.transfer.as_ref().filter(|t| t.stage.is_private()).map(|transfer| transfer.target);
        let there = self.people.iter().filter(|(who, person)| {
            let side = target == Some(**who);
            **who != initiator && !person.lurks() && (place == Place::Side) == side
        });
        there.map(|(who, _)| *who).collect()
    }

    /// Merge: no Side, nobody held.
    pub(crate) fn merge(&mut self, asked: Asked) -> Result<(), Refusal> {
        let initiator = self.may_step(asked, Step::Merge)?;
        self.must_have_one_line(initiator)?;
        self.merge_all(initiator);
        Ok(())
    }

    fn merge_all(&mut self, initiator: ParticipantId) {
        if let Some(transfer) = self.transfer.as_mut() {
            transfer.stage = Stage::Merged;
            transfer.grace = None;
        }
        self.face_main(initiator);
        if !broken!(MergeKeepsHold) {
            self.unhold_all();
        }
    }

    pub(super) fn unhold_all(&mut self) {
        for person in self.people.values_mut() {
            person.held = None;
        }
    }

    /// Complete: no Side, nobody held, the initiator's legs end; a ringing target rings on.
    pub(crate) fn complete(&mut self, desk: &mut Desk<'_>, asked: Asked) -> Result<(), Refusal> {
        let initiator = self.may_step(asked, Step::Complete)?;
        if self.stage() != Some(Stage::Cold) {
            self.hand_over(desk, initiator);
        }
        Ok(())
    }

    /// The initiator leaves the call to customer and target.
    pub(crate) fn hand_over(&mut self, desk: &mut Desk<'_>, initiator: ParticipantId) {
        self.unhold_all();
        match self.stage() {
            Some(Stage::Private | Stage::Merged) => self.end_transfer(desk, Outcome::Completed, 200),
            Some(Stage::Ringing | Stage::Cold) => {
                if let Some(transfer) = self.transfer.as_mut() {
                    transfer.grace = None;
                    if let Some(leg) = transfer.referrer.take() {
                        desk.out.effect(Effect::NotifyReferrer { leg, status: 200, last: true });
                    }
                }
            }
            None => {}
        }
        self.part(desk, initiator, Exit::told(Left::Completed));
    }

    /// Whether a REFER with Replaces that names two legs of this call completes its transfer.
    pub(crate) fn may_join_within(&self, by: LegId, named: LegId) -> Result<ParticipantId, Refusal> {
        let who = self.person_of(by).ok_or(Refusal::CallNotFound)?;
        self.may_command(Asked::Person(who, Some(by)))?;
        let ended = self.transfer.as_ref().and_then(|transfer| transfer.grace.as_ref()).map(|grace| grace.leg);
        if by == named || (self.person_of(named) != Some(who) && ended != Some(named)) {
            return Err(Refusal::TargetUnknown);
        }
        self.may_step(Asked::Person(who, Some(by)), Step::Complete)
    }

    /// Hold somebody.
    pub(crate) fn hold(&mut self, asked: Asked, who: ParticipantId) -> Result<(), Refusal> {
        self.may_hold(asked, who)?;
        if let Some(person) = self.people.get_mut(&who) {
            person.held = Some(asked.holder());
        }
        Ok(())
    }

    fn may_hold(&self, asked: Asked, who: ParticipantId) -> Result<(), Refusal> {
        self.may_command(asked)?;
        let person = self.people.get(&who).ok_or(Refusal::TargetUnknown)?;
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
        self.may_hold(asked, who)?;
        let consult = self.transfer.as_ref().filter(|transfer| transfer.stage.is_private());
        let Some(initiator) = consult.map(|transfer| transfer.initiator).filter(|me| asked.is(*me) && who != *me)
        else {
            self.unhold_one(who);
            return Ok(());
        };
        let Some(open) = self.open_leg(initiator).and_then(|leg| self.legs.get(&leg)) else {
            return Err(Refusal::InitiatorAway);
        };
        let facing = open.faces;
        let theirs = if self.transfer.as_ref().is_some_and(|t| t.target == who) { Place::Side } else { Place::Main };
        if facing == theirs || self.is_bridged(initiator) {
            self.unhold_one(who);
            return Ok(());
        }
        let company = self.people_in(facing, initiator);
        if company.into_iter().any(|other| self.is_live(other) && !self.is_held(other)) {
            allowed(self.stage(), Step::Merge)?;
            self.merge_all(initiator);
        } else {
            self.unhold_one(who);
            self.turn(initiator);
        }
        Ok(())
    }

    /// Switch somebody's voice off or on.
    pub(crate) fn mute(
        &mut self,
        desk: &mut Desk<'_>,
        asked: Asked,
        who: ParticipantId,
        muted: bool,
    ) -> Result<(), Refusal> {
        self.may_act(asked)?;
        let person = self.people.get_mut(&who).ok_or(Refusal::TargetUnknown)?;
        if std::mem::replace(&mut person.muted, muted) != muted {
            desk.out.event(Event::MuteChanged { call: self.id, who, muted });
        }
        Ok(())
    }

    /// Remove somebody, or leave.
    pub(crate) fn remove(&mut self, desk: &mut Desk<'_>, asked: Asked, who: ParticipantId) -> Result<(), Refusal> {
        if asked.is(who) {
            self.may_command(asked)?;
        } else {
            self.may_act(asked)?;
        }
        if !self.people.contains_key(&who) {
            return Err(Refusal::TargetUnknown);
        }
        if let Some(leg) = asked.leg() {
            desk.out.effect(Effect::AcceptRefer { leg });
            desk.out.effect(Effect::NotifyReferrer { leg, status: 200, last: true });
        }
        let target = self.transfer.as_ref().filter(|t| t.target == who && t.stage.is_private());
        let mut exit = Exit::told(if asked.is(who) { Left::HungUp } else { Left::Removed });
        if target.is_some_and(|transfer| asked.is(transfer.initiator)) {
            exit.outcome = Some((Outcome::Cancelled, 487));
        }
        self.part(desk, who, exit);
        Ok(())
    }

    /// End the call for everybody.
    pub(crate) fn end(&mut self, desk: &mut Desk<'_>, asked: Asked) -> Result<(), Refusal> {
        self.may_act(asked)?;
        self.end_all(desk);
        Ok(())
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
