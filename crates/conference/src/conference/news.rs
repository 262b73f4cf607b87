//! What happens on the legs of one call: ringing, answers, failures, holds by phones, legs that end or die.
//!
//! It does not decide what becomes of those who are left (`leaving`).

use super::clock::GRACE;
use super::{Call, Exit};
use crate::audibility;
use crate::books::Desk;
use crate::consult::{Grace, Stage};
use crate::ids::{LegId, ParticipantId, Phone};
use crate::input::{Destination, Direction, Ending};
use crate::mask::Place;
use crate::mutants::broken;
use crate::output::{Cue, Effect, Event, Left, Outcome, Role};
use crate::participant::{Errand, HeldBy, Leg, Line, Participant};
use crate::reservation::ended_by;

/// The status that a caller or referrer is told when whom they wanted could not be had with `status`.
///
/// A phone's own refusal is passed on; what is only of technical interest becomes "unreachable" (503), no answer 480.
fn told(status: u16) -> u16 {
    match status {
        408 | 487 => 480,
        404 | 480 | 486 | 600..=699 => status,
        403 | 410 | 433 | 484 => status,
        _ => 503,
    }
}

/// How a transfer came out whose target could not be had.
fn outcome(status: u16) -> Outcome {
    match status {
        408 | 487 => Outcome::NoAnswer,
        403 | 433 | 486 | 600..=699 => Outcome::Rejected(status),
        480 => Outcome::Unreachable(480),
        _ => Outcome::Unreachable(told(status)),
    }
}

impl Call {
    /// A leg that we ring is ringing.
    pub(crate) fn rings(&mut self, desk: &mut Desk<'_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.line == Line::Calling) else { return };
        leg.line = Line::Ringing;
        let who = leg.person;
        for leg in self.callers_of(who) {
            desk.out.effect(Effect::Progress { leg });
        }
        if self.people.get(&who).is_some_and(|person| person.errand == Some(Errand::Target)) {
            self.notify_referrer(desk, 180, false);
        }
    }

    /// A leg that we ring has early media. Of an agent's phones it is not listened to: several ring at once, and none of them has been
    /// picked up.
    pub(crate) fn sounds_early(&mut self, desk: &mut Desk<'_>, id: LegId, direction: Direction) {
        self.rings(desk, id);
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.is_ringing() && leg.dying.is_none()) else { return };
        let who = leg.person;
        if self.people.get(&who).is_none_or(|person| person.dialled.is_none()) {
            return;
        }
        (leg.early, leg.direction) = (true, direction);
        for caller in self.callers_of(who) {
            if let Some(leg) = self.legs.get_mut(&caller).filter(|leg| !leg.early) {
                leg.early = true;
                desk.out.effect(Effect::ProgressWithSound { leg: caller });
            }
        }
    }

    /// The legs that wait for our answer until this person answers.
    fn callers_of(&self, rung: ParticipantId) -> Vec<LegId> {
        match self.people.get(&rung).and_then(|person| person.errand.as_ref()) {
            Some(Errand::Callee) => self.unanswered(|_| true),
            Some(Errand::Target) => {
                let initiator = self.transfer.as_ref().map(|transfer| transfer.initiator);
                self.unanswered(|person| Some(person) == initiator)
            }
            Some(Errand::First { .. } | Errand::Recall | Errand::Fallback | Errand::Supervise) | None => Vec::new(),
        }
    }

    /// The arrived legs that wait for our answer.
    pub(super) fn unanswered(&self, whose: impl Fn(ParticipantId) -> bool) -> Vec<LegId> {
        let waiting = self.legs.iter().filter(|(_, leg)| leg.line == Line::Arrived && whose(leg.person));
        waiting.map(|(id, _)| *id).collect()
    }

    /// A leg that we ring answered.
    pub(crate) fn answered(&mut self, desk: &mut Desk<'_>, id: LegId, direction: Direction, phone: Option<Phone>) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.is_ringing()) else { return };
        leg.line = Line::Live;
        leg.direction = direction;
        leg.phone = phone;
        if direction == Direction::Away {
            leg.away_since = Some(desk.now);
        }
        let who = leg.person;
        self.won(desk, id);
        self.collect_digits(desk, id);
        self.keep_volume(desk, id);
        let Some(person) = self.people.get_mut(&who) else { return };
        if let Some(agent) = &person.agent {
            desk.answered(agent, self.id);
        }
        person.rings_until = None;
        match person.errand.take() {
            Some(Errand::Callee) => {
                for leg in self.unanswered(|_| true) {
                    self.answer(desk, leg);
                }
            }
            Some(Errand::First { then }) => self.connect(desk, who, then),
            Some(Errand::Target) => self.target_answered(desk),
            Some(Errand::Recall | Errand::Fallback) => self.fallback_tried = false,
            Some(Errand::Supervise) | None => {}
        }
    }

    /// The transfer's target answered.
    fn target_answered(&mut self, desk: &mut Desk<'_>) {
        let Some(transfer) = self.transfer.as_mut() else { return };
        if transfer.stage == Stage::Cold {
            self.end_transfer(desk, Outcome::Completed, 200);
            self.recall = None;
            return;
        }
        transfer.stage = Stage::Private;
        let initiator = transfer.initiator;
        self.notify_referrer(desk, 200, true);
        for leg in self.unanswered(|person| person == initiator) {
            self.answer(desk, leg);
        }
        if !audibility::faces_side(self) {
            desk.out.cue(self.id, initiator, Cue::Notice);
        }
    }

    /// Rings whom somebody called, or gives them what they dialled.
    pub(crate) fn connect(&mut self, desk: &mut Desk<'_>, caller: ParticipantId, to: Destination) {
        let (role, agent, name) = match &to {
            Destination::Agent(agent) => {
                if !desk.settings.agents.contains_key(agent) || desk.books.is_busy(agent, desk.settings) {
                    let status = if desk.settings.agents.contains_key(agent) { 486 } else { 404 };
                    desk.out.status = Some(status);
                    self.part(desk, caller, Exit::told(Left::Failed(status)));
                    return;
                }
                (Role::Agent, Some(agent.clone()), agent.0.clone())
            }
            Destination::Outside { number, .. } => (Role::Customer, None, number.clone()),
            Destination::Queue(queue) => {
                self.queue_up(desk, queue, Self::awaited(queue, Errand::Callee));
                return;
            }
            Destination::Room(_) if self.is_door() => {
                self.ask_for_pin(desk, Cue::EnterPin);
                return;
            }
            Destination::Room(_) | Destination::NewRoom | Destination::Service(_) | Destination::Unknown => return,
        };
        let mut person = Participant::new(role, agent, name);
        person.errand = Some(Errand::Callee);
        let shown = self.identity(caller, desk.settings);
        self.ring(desk, to, person, shown);
    }

    /// Somebody we ring could not be had. `hang_up`: the leg is still ours to end.
    pub(crate) fn could_not_be_had(&mut self, desk: &mut Desk<'_>, id: LegId, status: u16, hang_up: bool) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if !leg.is_ringing() {
            self.lost(desk, id, Ending::Dead, !hang_up);
            return;
        }
        if !hang_up {
            leg.dying = Some(true);
        }
        if leg.offer.is_some() {
            self.end_offer(desk, id, ended_by(status));
            return;
        }
        let who = leg.person;
        let code = told(status);
        let errand = self.people.get(&who).and_then(|person| person.errand.clone());
        let mut exit = Exit::told(Left::Failed(code));
        if errand == Some(Errand::Target) {
            exit.outcome = Some((outcome(status), code));
        }
        desk.out.status = Some(code);
        self.part(desk, who, exit);
        if errand == Some(Errand::Callee) {
            for leg in self.unanswered(|_| true) {
                self.lost(desk, leg, Ending::Cancelled, false);
            }
        }
    }

    /// A phone changed what it asks of its leg.
    pub(crate) fn offered(&mut self, desk: &mut Desk<'_>, id: LegId, direction: Direction) {
        desk.out.effect(Effect::AnswerOffer { leg: id });
        self.revive(id);
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.dying.is_none()) else { return };
        let was_away = leg.is_away();
        let changed = leg.direction != direction || leg.assumed_away.is_some();
        leg.direction = direction;
        leg.assumed_away = None;
        if leg.is_away() && !was_away {
            leg.away_since = Some(desk.now);
        }
        let resumed = was_away && !leg.is_away();
        let who = leg.person;
        if resumed
            && self.may_unhold_self(who)
            && let Some(person) = self.people.get_mut(&who)
        {
            person.held = None;
        }
        if changed {
            desk.out.event(Event::DirectionChanged { call: self.id, who, leg: id, direction });
        }
    }

    /// Whether somebody is held in a way that they may end themselves: by one who left, or by themselves.
    pub(super) fn may_unhold_self(&self, who: ParticipantId) -> bool {
        self.people.get(&who).is_some_and(|person| match person.held {
            Some(HeldBy::Person(holder)) => {
                (person.commands() && (holder == who || !self.people.contains_key(&holder)))
                    || broken!(CustomerUnholdsSelf)
            }
            Some(HeldBy::Operator) | None => false,
        })
    }

    /// No media came on a leg for too long.
    pub(crate) fn silent(&mut self, desk: &mut Desk<'_>, id: LegId) {
        let expected = self.published.get(&id).is_some_and(|mask| mask.open);
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.is_live() && leg.dying.is_none()) else { return };
        if expected && leg.direction == Direction::Both {
            self.lost(desk, id, Ending::Dead, false);
        } else if !leg.watch.asked {
            leg.watch.next = Some(desk.now);
        }
    }

    /// A leg ended (`already`), or is to be ended because it is dead.
    pub(crate) fn lost(&mut self, desk: &mut Desk<'_>, id: LegId, how: Ending, already: bool) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.is_ringing() {
            self.could_not_be_had(desk, id, 480, !already);
            return;
        }
        if already && leg.dying.is_some() {
            if how != Ending::Bye || leg.dying == Some(true) {
                leg.dying = Some(true);
                return;
            }
            self.revive(id);
        }
        let Some(leg) = self.legs.get(&id) else { return };
        let (who, live, phone) = (leg.person, leg.is_live(), leg.phone.clone());
        let others = self.others(who, id);
        let dead = how == Ending::Dead && live;
        if dead {
            self.suspect_phone(desk, who, phone);
            let living: Vec<LegId> =
                others.iter().copied().filter(|other| self.legs.get(other).is_some_and(|leg| leg.is_live())).collect();
            if !living.is_empty() {
                self.keep_parting(who, true);
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.dying = Some(already);
                }
                for other in living {
                    self.ask_now(desk, other);
                }
                return;
            }
        }
        if others.is_empty() {
            self.lost_last(desk, id, how, already);
        } else {
            self.lost_one(desk, id, how, already);
        }
    }

    /// A person's legs that are not this one and not dying.
    fn others(&self, who: ParticipantId, id: LegId) -> Vec<LegId> {
        let Some(person) = self.people.get(&who) else { return Vec::new() };
        let others = self.legs_of(person).filter(|(other, leg)| *other != id && leg.dying.is_none());
        others.map(|(other, _)| other).collect()
    }

    fn suspect_phone(&self, desk: &mut Desk<'_>, who: ParticipantId, phone: Option<Phone>) {
        let agent = self.people.get(&who).and_then(|person| person.agent.clone());
        if let (Some(agent), Some(phone)) = (agent, phone) {
            desk.out.dead_phones.push((agent, phone));
        }
    }

    /// Remembers how things stood before the first of somebody's legs ended.
    fn keep_parting(&mut self, who: ParticipantId, dead: bool) {
        let parting = self.parting(who, dead);
        if let Some(person) = self.people.get_mut(&who) {
            person.parting.get_or_insert(parting);
        }
    }

    /// A phone that speaks is not dead: a leg that was taken for dead is judged as any other again.
    pub(super) fn revive(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.dying == Some(false)) else { return };
        leg.dying = None;
        let who = leg.person;
        for other in self.legs.values_mut().filter(|other| other.person == who) {
            other.watch.urgent = false;
        }
        self.forget_parting(who);
    }

    /// Nobody of somebody's legs is dying any more.
    pub(super) fn forget_parting(&mut self, who: ParticipantId) {
        if let Some(person) = self.people.get_mut(&who) {
            person.parting = None;
        }
    }

    /// Whether somebody is the initiator of a consult that is private.
    pub(super) fn consults(&self, who: ParticipantId) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| transfer.initiator == who && transfer.stage.is_private())
    }

    /// The edge said that a leg ended: nobody needs to be told.
    fn mark_ended(&mut self, id: LegId, already: bool) {
        if let Some(leg) = self.legs.get_mut(&id).filter(|_| already) {
            leg.dying = Some(true);
        }
    }

    /// The last leg of somebody ended.
    fn lost_last(&mut self, desk: &mut Desk<'_>, id: LegId, how: Ending, already: bool) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (who, second_invite) = (leg.person, was_unanswered(leg, how));
        let parting = self.last_words(who, how == Ending::Dead);
        self.mark_ended(id, already);
        if let Some(person) = self.people.get_mut(&who) {
            person.parting = Some(parting);
        }
        if second_invite && self.consults(who) {
            self.cancel_transfer(desk);
        }
        let why = match how {
            Ending::Bye => Left::HungUp,
            Ending::Cancelled => Left::Cancelled,
            Ending::Dead => Left::Dead,
        };
        self.part(desk, who, Exit::told(why));
    }

    /// One of several legs of somebody ended.
    fn lost_one(&mut self, desk: &mut Desk<'_>, id: LegId, how: Ending, already: bool) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (who, faced, second_invite) = (leg.person, leg.faces, was_unanswered(leg, how));
        let consults = self.consults(who);
        let settled = self.transfer.as_ref().is_none_or(|t| t.referrer.is_some() || t.grace.is_some());
        // Another leg of theirs goes on where this one was: nothing has changed.
        let stays = self.others(who, id).iter().any(|other| self.legs.get(other).is_some_and(|leg| leg.faces == faced));
        let consults = consults && (second_invite || !stays);
        let wait = consults && !second_invite && how == Ending::Bye && !settled;
        let parting = self.last_words(who, false);
        self.mark_ended(id, already);
        self.drop_leg(desk, id, true);
        if wait {
            self.begin_grace(desk, Grace { until: desk.now + GRACE, leg: id, faced, parting });
        } else if consults && (second_invite || (faced == Place::Side && how == Ending::Dead)) {
            self.cancel_transfer(desk);
        }
    }

    /// A BYE on one of the initiator's two lines is judged later, by how things stood before it.
    fn begin_grace(&mut self, desk: &mut Desk<'_>, mut grace: Grace) {
        if grace.faced == Place::Main {
            grace.parting.talked_with = self.customers();
        }
        if let Some(transfer) = self.transfer.as_mut() {
            transfer.grace = Some(grace);
        }
        if broken!(NoGrace) {
            self.judge_grace(desk);
        }
    }

    /// The other leg of a phone answered, or did not: what becomes of the leg that was found dead.
    pub(super) fn bury_dying(&mut self, desk: &mut Desk<'_>, who: ParticipantId, alive: bool) {
        if alive {
            self.forget_parting(who);
        }
        let Some(person) = self.people.get(&who) else { return };
        let dying: Vec<(LegId, Place)> =
            self.legs_of(person).filter(|(_, leg)| leg.dying.is_some()).map(|(id, leg)| (id, leg.faces)).collect();
        let consults = self.consults(who);
        for (id, faced) in dying {
            let stays =
                self.others(who, id).iter().any(|other| self.legs.get(other).is_some_and(|leg| leg.faces == faced));
            self.drop_leg(desk, id, true);
            if consults && faced == Place::Side && !stays {
                self.cancel_transfer(desk);
            }
        }
    }
}

/// Whether a leg that ended was an INVITE without an answer: a CANCEL may have crossed the answer that was on its way out.
fn was_unanswered(leg: &Leg, how: Ending) -> bool {
    leg.line == Line::Arrived || how == Ending::Cancelled
}
