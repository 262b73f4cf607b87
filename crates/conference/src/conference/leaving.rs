//! Who leaves, and what becomes of those who are left: holds, transfers, customers without an agent.
//!
//! Nobody waits for ever: every customer left alone has somebody who is rung, an announcement, or a BYE.

use super::clock::BEREFT;
use super::keys::spoken;
use super::{Call, Kind};
use crate::audibility;
use crate::books::Desk;
use crate::consult::Stage;
use crate::ids::{LegId, ParticipantId};
use crate::mask::Place;
use crate::mutants::broken;
use crate::output::{Cue, Effect, Event, Left, Outcome};
use crate::participant::{Errand, HeldBy, Leg, Line, Participant, Parting};

/// How somebody leaves.
pub(crate) struct Exit {
    pub(crate) why: Left,
    /// If they are a transfer's target: how it comes out, and the status its referrer is told.
    pub(crate) outcome: Option<(Outcome, u16)>,
}

impl Exit {
    /// They leave, and their phones are told if they do not know.
    pub(crate) fn told(why: Left) -> Self {
        Self { why, outcome: None }
    }
}

impl Call {
    /// How things stand for those whom somebody would leave now.
    pub(crate) fn parting(&self, who: ParticipantId, dead: bool) -> Parting {
        let open = |id: &LegId| self.published.get(id).filter(|mask| mask.open && mask.supervises.is_none());
        let own = self.people.get(&who).map(|person| person.legs.clone()).unwrap_or_default();
        let places: Vec<Place> = own.iter().filter_map(open).map(|mask| mask.place).collect();
        let talked_with = self
            .customers()
            .into_iter()
            .filter(|customer| {
                let legs = self.people.get(customer).map(|person| person.legs.as_slice()).unwrap_or_default();
                legs.iter().filter_map(open).any(|mask| places.contains(&mask.place))
            })
            .collect();
        let faced_side =
            self.transfer.as_ref().is_some_and(|transfer| transfer.initiator == who) && audibility::faces_side(self);
        Parting { talked_with, faced_side, dead }
    }

    /// How things stood before the first of somebody's legs ended or was found dead; now, if that is now.
    pub(super) fn last_words(&self, who: ParticipantId, dead: bool) -> Parting {
        let transfer = self.transfer.as_ref().filter(|transfer| transfer.initiator == who);
        let grace = transfer.and_then(|transfer| transfer.grace.as_ref()).map(|grace| grace.parting.clone());
        let dying = || self.people.get(&who).and_then(|person| person.parting.clone());
        grace.or_else(dying).unwrap_or_else(|| self.parting(who, dead))
    }

    /// A leg is no longer in the call; its phone is told unless it knows.
    pub(crate) fn drop_leg(&mut self, desk: &mut Desk<'_>, id: LegId, tell: bool) {
        let Some(leg) = self.legs.remove(&id) else { return };
        if let Some(offer) = &leg.offer {
            desk.unseat(&offer.agent, self.id);
        }
        if let Some(person) = self.people.get_mut(&leg.person) {
            person.legs.retain(|other| *other != id);
        }
        desk.books.legs.remove(&id);
        // a line taken to be away because of it is back in the same change; those in other calls follow (`dropped`)
        for first in self.legs.values_mut().filter(|first| first.assumed_away == Some(id)) {
            first.assumed_away = None;
        }
        desk.out.dropped.push(id);
        if !tell || leg.dying == Some(true) {
            return;
        }
        match leg.line {
            Line::Arrived => {
                let status = desk.out.status.unwrap_or(480);
                desk.out.effect(Effect::Reject { leg: id, status, refusal: None });
            }
            Line::Calling | Line::Ringing | Line::Live => desk.out.effect(Effect::Hangup { leg: id, status: None }),
        }
    }

    /// Somebody leaves with all their legs.
    pub(crate) fn part(&mut self, desk: &mut Desk<'_>, who: ParticipantId, exit: Exit) {
        let initiates = self.transfer.as_ref().is_some_and(|transfer| transfer.initiator == who);
        if !initiates {
            self.judge_grace(desk);
        }
        self.stop_waiting(desk, who, self.exit_by(who, exit.why));
        let Some(person) = self.people.get(&who) else { return };
        let parting = self.last_words(who, exit.why == Left::Dead);
        for leg in person.legs.clone() {
            self.drop_leg(desk, leg, true);
        }
        let Some(person) = self.people.remove(&who) else { return };
        if let Some(agent) = &person.agent {
            desk.unseat(agent, self.id);
        }
        desk.out.event(Event::ParticipantLeft { call: self.id, who, why: exit.why });
        let kept = self.transfer.as_ref().filter(|transfer| transfer.initiator == who).map(|transfer| transfer.target);
        for (other, held) in &mut self.people {
            if held.held == Some(HeldBy::Person(who)) && Some(*other) != kept {
                held.held = None;
            }
        }
        if person.serves() && person.errand.is_none() {
            self.parted = Some(parting.clone());
        }
        let supervisors: Vec<ParticipantId> = self
            .people
            .iter()
            .filter(|(_, other)| other.lurks() && other.supervises.is_some_and(|(agent, _)| agent == who))
            .map(|(other, _)| *other)
            .collect();
        for supervisor in supervisors {
            self.part(desk, supervisor, Exit::told(Left::Released));
        }
        let Some(transfer) = self.transfer.as_ref() else { return };
        if transfer.initiator == who {
            self.initiator_gone(desk, who, &parting);
        } else if transfer.target == who {
            let (outcome, status) = exit.outcome.unwrap_or((Outcome::TargetGone, 487));
            self.target_gone(desk, outcome, status);
        }
    }

    /// The initiator's last leg is gone (state-change table).
    fn initiator_gone(&mut self, desk: &mut Desk<'_>, initiator: ParticipantId, parting: &Parting) {
        let Some(transfer) = self.transfer.as_mut() else { return };
        transfer.referrer = None;
        transfer.grace = None;
        match transfer.stage {
            Stage::Ringing => {
                transfer.stage = Stage::Cold;
                self.recall = transfer.agent.clone();
            }
            Stage::Private => {
                let target = transfer.target;
                if let Some(target) = self.people.get_mut(&target)
                    && !parting.faced_side
                    && !broken!(LeavingJoinsUnfaced)
                {
                    target.held.get_or_insert(HeldBy::Person(initiator));
                }
                self.end_transfer(desk, Outcome::Completed, 200);
            }
            Stage::Merged => self.end_transfer(desk, Outcome::Completed, 200),
            Stage::Cold => {}
        }
    }

    /// The target is gone, or could not be had (state-change table).
    fn target_gone(&mut self, desk: &mut Desk<'_>, outcome: Outcome, status: u16) {
        let Some(transfer) = self.transfer.as_ref() else { return };
        let (stage, initiator, by_keypad) = (transfer.stage, transfer.initiator, transfer.by_keypad);
        self.end_transfer(desk, outcome, status);
        if !stage.is_private() {
            return;
        }
        for person in self.people.values_mut() {
            if person.held == Some(HeldBy::Person(initiator)) && !broken!(FailureKeepsHold) {
                person.held = None;
            }
        }
        // The initiator's own INVITE was not refused by anybody when it is the customer who is gone.
        let answer = if outcome == Outcome::CustomerGone { 480 } else { status };
        self.end_facing_legs(desk, initiator, answer);
        self.face_main(initiator);
        if outcome != Outcome::Cancelled && outcome != Outcome::CustomerGone {
            desk.out.cue(self.id, initiator, Cue::Failure);
            if let Some(words) = spoken(outcome).filter(|_| by_keypad) {
                desk.out.cue(self.id, initiator, words);
            }
        }
    }

    /// The legs of a two-line phone that faced a target who is gone end; an unanswered second INVITE always does, and
    /// hears the target's own final code.
    fn end_facing_legs(&mut self, desk: &mut Desk<'_>, initiator: ParticipantId, status: u16) {
        let Some(person) = self.people.get(&initiator) else { return };
        let arrived: Vec<LegId> =
            self.legs_of(person).filter(|(_, leg)| leg.line == Line::Arrived).map(|(id, _)| id).collect();
        let faced = |leg: &Leg| leg.faces == Place::Side && leg.dying.is_none();
        let keeps = self.legs_of(person).any(|(_, leg)| leg.faces == Place::Main && leg.dying.is_none());
        let facing = if !arrived.is_empty() {
            arrived
        } else if keeps {
            self.legs_of(person).filter(|(_, leg)| faced(leg)).map(|(id, _)| id).collect()
        } else {
            Vec::new()
        };
        desk.out.status = Some(status);
        for id in facing {
            self.drop_leg(desk, id, true);
        }
        if self.people.get(&initiator).is_some_and(|person| person.legs.is_empty()) {
            self.part(desk, initiator, Exit::told(Left::Failed(status)));
        }
    }

    /// Every leg of somebody faces Main.
    pub(super) fn face_main(&mut self, who: ParticipantId) {
        for leg in self.legs.values_mut().filter(|leg| leg.person == who) {
            leg.faces = Place::Main;
        }
    }

    /// The transfer is over; its referrer hears the last word.
    pub(super) fn end_transfer(&mut self, desk: &mut Desk<'_>, outcome: Outcome, status: u16) {
        self.notify_referrer(desk, status, true);
        let Some(transfer) = self.transfer.take() else { return };
        let by_itself = match outcome {
            Outcome::Rejected(_)
            | Outcome::NoAnswer
            | Outcome::Unreachable(_)
            | Outcome::TargetGone
            | Outcome::QueueTimeout
            | Outcome::CustomerGone => self.removing != Some(transfer.initiator),
            Outcome::Completed | Outcome::Joined | Outcome::Cancelled | Outcome::CallEnded => false,
        };
        self.bereave(desk, transfer.initiator, by_itself);
        desk.out.event(Event::TransferEnded { call: self.id, outcome });
        if broken!(TwoOutcomes) {
            desk.out.event(Event::TransferEnded { call: self.id, outcome });
        }
    }

    /// For a moment the code that completes a transfer may be a late one: it ended without the initiator's doing.
    pub(super) fn bereave(&mut self, desk: &Desk<'_>, initiator: ParticipantId, by_itself: bool) {
        if let Some(initiator) = self.people.get_mut(&initiator) {
            initiator.bereft_until = by_itself.then(|| desk.now + BEREFT);
        }
    }

    /// The consult ends before completion; the target goes.
    pub(super) fn cancel_transfer(&mut self, desk: &mut Desk<'_>) {
        let Some(transfer) = self.transfer.as_mut() else { return };
        transfer.grace = None;
        let target = transfer.target;
        let exit = Exit { why: Left::Cancelled, outcome: Some((Outcome::Cancelled, 487)) };
        self.part(desk, target, exit);
    }

    /// A BYE on one of two lines, the other of which goes on, is judged.
    pub(super) fn judge_grace(&mut self, desk: &mut Desk<'_>) {
        let Some(transfer) = self.transfer.as_mut() else { return };
        let Some(grace) = transfer.grace.take() else { return };
        let initiator = transfer.initiator;
        match grace.faced {
            Place::Side => self.cancel_transfer(desk),
            Place::Main => self.release_main(desk, initiator),
        }
    }

    /// The initiator hung up on Main: its customers are released, unless somebody else is there for them.
    fn release_main(&mut self, desk: &mut Desk<'_>, initiator: ParticipantId) {
        let Some(transfer) = self.transfer.as_ref() else { return };
        let (target, stage) = (transfer.target, transfer.stage);
        let accompanied = self.people.iter().any(|(who, person)| {
            person.serves()
                && *who != target
                && (*who != initiator || self.legs_of(person).any(|(_, leg)| leg.faces == Place::Main))
        });
        if self.is_room() || accompanied {
            return;
        }
        // A queue answers at once: then the line that waits there is live.
        let queued = self.people.get(&target).is_some_and(|target| target.wait.is_some());
        let calls_by_itself = self
            .legs
            .values()
            .any(|leg| leg.person == initiator && (leg.line == Line::Arrived || (queued && leg.faces == Place::Side)));
        if stage == Stage::Ringing && calls_by_itself {
            // The agent let the customer go and goes on calling the colleague: from here on a plain call.
            self.end_transfer(desk, Outcome::CustomerGone, 487);
            self.face_main(initiator);
            self.unhold_all();
            if let Some(target) = self.people.get_mut(&target) {
                target.errand = Some(Errand::Callee);
            }
        }
        for customer in self.customers() {
            self.part(desk, customer, Exit::told(Left::Released));
        }
    }

    /// Lets the rules about who is left run until nothing changes any more.
    pub(super) fn settle(&mut self, desk: &mut Desk<'_>) {
        while self.settle_once(desk) {}
        self.parted = None;
        self.removing = None;
    }

    /// One rule that applies, if any does.
    fn settle_once(&mut self, desk: &mut Desk<'_>) -> bool {
        if self.people.is_empty() {
            return false;
        }
        if self.customers_gone(desk) {
            return true;
        }
        if self.people.values().all(Participant::lurks) || !self.has_anchor() {
            for who in self.people.keys().copied().collect::<Vec<_>>() {
                self.part(desk, who, Exit::told(Left::Cancelled));
            }
            return true;
        }
        if self.bury_unwatched(desk) {
            return true;
        }
        match self.kind {
            Kind::Plain => self.serve_customers(desk) || self.release_last(desk),
            Kind::Room(_) | Kind::Service(_) | Kind::Door(_) => false,
        }
    }

    /// A dead leg waits for the word of another; if there is no such other any more, it ends now.
    fn bury_unwatched(&mut self, desk: &mut Desk<'_>) -> bool {
        let mine = |who: ParticipantId| self.legs.values().filter(move |leg| leg.person == who && leg.dying.is_none());
        let dying = self.legs.values().filter(|leg| leg.dying.is_some()).map(|leg| leg.person);
        let Some(who) = dying.into_iter().find(|who| !mine(*who).any(|leg| leg.watch.urgent)) else { return false };
        if mine(who).next().is_some() {
            self.bury_dying(desk, who, true);
        } else {
            self.part(desk, who, Exit::told(Left::Dead));
        }
        true
    }

    /// Whether somebody is there for whose sake the call goes on: anybody who is not rung for another.
    fn has_anchor(&self) -> bool {
        self.people.values().any(|person| !person.lurks() && is_anchor(person))
    }

    /// Nobody, or only the initiator, is left in Main (state-change table).
    fn customers_gone(&mut self, desk: &mut Desk<'_>) -> bool {
        let Some(transfer) = self.transfer.as_ref() else { return false };
        let (stage, initiator, target) = (transfer.stage, transfer.initiator, transfer.target);
        let others =
            |(who, person): (&ParticipantId, &Participant)| *who != initiator && *who != target && !person.lurks();
        if self.people.iter().any(others) {
            return false;
        }
        if transfer.grace.is_some() {
            self.judge_grace(desk);
            return true;
        }
        match stage {
            Stage::Ringing | Stage::Cold => {
                let exit = Exit { why: Left::Cancelled, outcome: Some((Outcome::CustomerGone, 487)) };
                self.part(desk, target, exit);
            }
            Stage::Private => self.consult_goes_on(desk, initiator, target),
            Stage::Merged => self.end_transfer(desk, Outcome::CustomerGone, 487),
        }
        self.unhold_all();
        true
    }

    /// The customer is gone, initiator and target go on talking.
    fn consult_goes_on(&mut self, desk: &mut Desk<'_>, initiator: ParticipantId, target: ParticipantId) {
        self.end_transfer(desk, Outcome::CustomerGone, 487);
        let legs: Vec<(LegId, Place)> = self
            .people
            .get(&initiator)
            .map(|person| self.legs_of(person).map(|(id, leg)| (id, leg.faces)).collect())
            .unwrap_or_default();
        if legs.iter().any(|(_, faces)| *faces == Place::Side) {
            for (id, _) in legs.iter().filter(|(_, faces)| *faces == Place::Main) {
                self.drop_leg(desk, *id, true);
            }
        }
        self.face_main(initiator);
        desk.out.cue(self.id, initiator, Cue::Notice);
        desk.out.cue(self.id, target, Cue::Notice);
    }
}

/// Whether somebody is in the call for their own sake: live, calling us, or rung to be connected.
fn is_anchor(person: &Participant) -> bool {
    matches!(person.errand, None | Some(Errand::First { .. }))
}
