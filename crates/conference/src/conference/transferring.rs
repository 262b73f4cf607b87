//! The transfer's steps in one call: start, swap, merge, complete, cancel, and REFER with Replaces within the call.
//!
//! Every step first asks whether it is allowed and changes nothing if it is not. Phases are judged by `consult`.

use std::time::Duration;

use super::{Asked, Call, Exit, Means};
use crate::audibility;
use crate::books::Desk;
use crate::consult::{Stage, Step, Transfer, allowed};
use crate::ids::{LegId, ParticipantId};
use crate::input::Destination;
use crate::mask::Place;
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::{Effect, Event, Left, Outcome, Role};
use crate::participant::{Errand, Participant};
use crate::refusal::Refusal;
use crate::settings::Settings;

/// Transfers that may be started in one call within [`STARTS_WINDOW`].
pub(super) const STARTS_PER_MINUTE: usize = 5;
/// The span in which starts are counted.
const STARTS_WINDOW: Duration = Duration::from_secs(60);

/// How a transfer begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Opening {
    /// Somebody asked for it.
    Asked(Asked),
    /// By the initiator's own second INVITE, not answered yet.
    Second(LegId),
}

impl Opening {
    fn asked(self) -> Option<Asked> {
        match self {
            Self::Asked(asked) => Some(asked),
            Self::Second(_) => None,
        }
    }
}

impl Call {
    /// A step of the transfer by its initiator (or the operator): who the initiator is.
    pub(super) fn may_step(&self, asked: Asked, step: Step) -> Result<ParticipantId, Refusal> {
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
    pub(super) fn must_have_one_line(&self, initiator: ParticipantId) -> Result<(), Refusal> {
        if self.is_bridged(initiator) {
            return Err(Refusal::BridgedByPhone);
        }
        if self.stage().is_some_and(Stage::is_private) && self.open_leg(initiator).is_none() {
            return Err(Refusal::InitiatorAway);
        }
        Ok(())
    }

    /// Whether somebody may start a transfer now, to whomever.
    pub(crate) fn may_transfer(
        &self,
        settings: &Settings,
        now: Moment,
        asked: Asked,
    ) -> Result<ParticipantId, Refusal> {
        let Asked::Person(who, _) = asked else { return Err(Refusal::NotAllowed) };
        self.may_command(asked)?;
        self.must_be_live(asked)?;
        allowed(self.stage(), Step::Start)?;
        self.may_act(asked)?;
        if self.is_bridged(who) {
            return Err(Refusal::BridgedByPhone);
        }
        if self.is_full(settings) || self.starts_too_often(now) { Err(Refusal::LimitReached) } else { Ok(who) }
    }

    /// Whether somebody may start a transfer to a target now.
    pub(crate) fn may_start(&self, desk: &Desk<'_>, asked: Asked, to: &Destination) -> Result<ParticipantId, Refusal> {
        let who = self.may_transfer(desk.settings, desk.now, asked)?;
        match to {
            Destination::Agent(agent) => {
                if self.has(to) || !desk.settings.agents.contains_key(agent) {
                    return Err(Refusal::TargetUnknown);
                }
                desk.floor.may_be_had(agent, desk.books)?;
                if desk.books.is_busy(agent, desk.settings) {
                    return Err(Refusal::TargetBusy);
                }
            }
            Destination::Outside { .. } if self.has(to) => return Err(Refusal::TargetUnknown),
            Destination::Outside { .. } => {}
            Destination::Queue(queue) => self.may_consult_queue(desk.settings, desk.floor, queue)?,
            Destination::Room(_) | Destination::NewRoom | Destination::Service(_) | Destination::Unknown => {
                return Err(Refusal::TargetUnknown);
            }
        }
        Ok(who)
    }

    /// Whether the limit on transfers a minute is reached.
    pub(crate) fn starts_too_often(&self, now: Moment) -> bool {
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
        if let Some(leg) = asked.referrer() {
            desk.out.effect(Effect::AcceptRefer { leg });
        }
        self.begin(desk, initiator, to, shown, Opening::Asked(asked));
        Ok(())
    }

    /// Begins a transfer that is known to be allowed.
    pub(crate) fn begin(
        &mut self,
        desk: &mut Desk<'_>,
        initiator: ParticipantId,
        to: Destination,
        shown: String,
        opening: Opening,
    ) {
        if self.transfer.is_some() {
            self.end_transfer(desk, Outcome::Joined, 200);
        }
        self.face_target(initiator, opening);
        // What an older consult faced says nothing about this one.
        self.forget_parting(initiator);
        let target = self.call_target(desk, initiator, &to, shown);
        self.note_start(desk.now);
        self.transfer = Some(Transfer {
            initiator,
            agent: self.people.get(&initiator).and_then(|person| person.agent.clone()),
            target,
            to: to.clone(),
            stage: Stage::Ringing,
            referrer: opening.asked().and_then(Asked::referrer),
            by_keypad: opening.asked().is_some_and(Asked::by_keypad),
            grace: None,
        });
        desk.out.event(Event::TransferStarted { call: self.id, by: initiator, target, to });
        if let Opening::Second(leg) = opening
            && self.people.get(&target).is_some_and(|target| target.wait.is_some())
        {
            // A call to a queue is answered at once.
            self.answer(desk, leg);
        }
    }

    /// Rings the target, or lets somebody wait who will be it.
    fn call_target(
        &mut self,
        desk: &mut Desk<'_>,
        initiator: ParticipantId,
        to: &Destination,
        shown: String,
    ) -> ParticipantId {
        let (role, agent) = match to {
            Destination::Queue(queue) => {
                return self.queue_up(desk, queue, Self::awaited(queue, Errand::Target));
            }
            Destination::Agent(agent) => (Role::Agent, Some(agent.clone())),
            Destination::Room(_)
            | Destination::NewRoom
            | Destination::Outside { .. }
            | Destination::Service(_)
            | Destination::Unknown => (Role::Outside, None),
        };
        let mut person = Participant::new(role, agent, shown);
        person.errand = Some(Errand::Target);
        let identity = self.identity(initiator, desk.settings);
        self.ring(desk, to.clone(), person, identity).0
    }

    /// Which legs of the initiator face the target: the second line, or whatever they talk by now (nothing: their last
    /// leg). A second lively leg goes along: it would else open for the customer this very moment.
    fn face_target(&mut self, initiator: ParticipantId, opening: Opening) {
        let facing = match opening {
            Opening::Second(leg) => vec![leg],
            Opening::Asked(_) => {
                let lively = self.legs.iter().filter(|(_, leg)| leg.person == initiator && audibility::is_lively(leg));
                let lively: Vec<LegId> = lively.map(|(id, _)| *id).collect();
                if lively.is_empty() { self.last_leg(initiator).into_iter().collect() } else { lively }
            }
        };
        self.face_main(initiator);
        for id in facing {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.faces = Place::Side;
            }
        }
    }

    pub(crate) fn may_cancel(&self, asked: Asked) -> Result<ParticipantId, Refusal> {
        self.may_step(asked, Step::Cancel)
    }

    pub(crate) fn may_complete(&self, asked: Asked) -> Result<ParticipantId, Refusal> {
        self.may_step(asked, Step::Complete)
    }

    /// Cancel: the target goes, the initiator is back with the customer.
    pub(crate) fn cancel(&mut self, desk: &mut Desk<'_>, asked: Asked) -> Result<(), Refusal> {
        let initiator = self.may_cancel(asked)?;
        self.cancel_transfer(desk);
        self.bereave(desk, initiator, matches!(asked, Asked::Operator));
        Ok(())
    }

    /// Swap: every leg of the initiator turns; whoever the open one now faces is un-held.
    pub(crate) fn swap(&mut self, asked: Asked) -> Result<(), Refusal> {
        let initiator = match self.may_swap(asked) {
            Ok(initiator) => initiator,
            Err(refusal) => {
                if broken!(RefusedSwapSwaps)
                    && let Ok(initiator) = self.may_step(asked, Step::Swap)
                {
                    self.turn(initiator);
                }
                return Err(refusal);
            }
        };
        if broken!(SwapMerges) {
            self.merge_all(initiator);
            return Ok(());
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

    pub(crate) fn may_swap(&self, asked: Asked) -> Result<ParticipantId, Refusal> {
        let initiator = self.may_step(asked, Step::Swap)?;
        self.must_have_one_line(initiator)?;
        Ok(initiator)
    }

    /// Tells whoever sent the REFER that started the transfer how it goes, while the dialog is there.
    pub(super) fn notify_referrer(&mut self, desk: &mut Desk<'_>, status: u16, last: bool) {
        let Some(transfer) = self.transfer.as_mut() else { return };
        if let Some(leg) = transfer.referrer.filter(|leg| self.legs.contains_key(leg)) {
            desk.out.effect(Effect::NotifyReferrer { leg, status, last });
        }
        if last {
            transfer.referrer = None;
        }
    }

    pub(super) fn turn(&mut self, initiator: ParticipantId) {
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

    /// Merge: no Side, nobody held.
    pub(crate) fn merge(&mut self, asked: Asked) -> Result<(), Refusal> {
        let initiator = self.may_merge(asked)?;
        self.merge_all(initiator);
        Ok(())
    }

    pub(crate) fn may_merge(&self, asked: Asked) -> Result<ParticipantId, Refusal> {
        let initiator = self.may_step(asked, Step::Merge)?;
        self.must_have_one_line(initiator)?;
        Ok(initiator)
    }

    pub(super) fn merge_all(&mut self, initiator: ParticipantId) {
        if let Some(transfer) = self.transfer.as_mut() {
            transfer.stage = Stage::Merged;
            transfer.grace = None;
        }
        self.face_main(initiator);
        if !broken!(MergeKeepsHold) {
            self.unhold_all();
        }
    }

    /// Complete: no Side, nobody held, the initiator's legs end; a ringing target rings on.
    pub(crate) fn complete(&mut self, desk: &mut Desk<'_>, asked: Asked) -> Result<(), Refusal> {
        let initiator = self.may_complete(asked)?;
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
                }
                self.notify_referrer(desk, 200, true);
            }
            None => {}
        }
        self.part(desk, initiator, Exit::told(Left::Completed));
    }

    /// Whether a REFER with Replaces that names two legs of this call completes its transfer.
    pub(crate) fn may_join_within(&self, by: LegId, named: LegId) -> Result<ParticipantId, Refusal> {
        let who = self.person_of(by).ok_or(Refusal::CallNotFound)?;
        let asked = Asked::Person(who, Means::Refer(by));
        self.may_command(asked)?;
        let ended = self.transfer.as_ref().and_then(|transfer| transfer.grace.as_ref()).map(|grace| grace.leg);
        if by == named || (self.person_of(named) != Some(who) && ended != Some(named)) {
            return Err(Refusal::TargetUnknown);
        }
        self.may_step(asked, Step::Complete)
    }
}
