//! Waiting for an agent: the participant who will be the agent, the offers that ring for them, and what becomes of a
//! call that nobody took.
//!
//! ```text
//!   customer        baton              agent 1          agent 2
//!   |--- INVITE ----->|                   |                |
//!   |<-- 200 ---------|  masks: the queue's music          |
//!   |                 |--- INVITE ------->|                |   Reserved
//!   |                 |<-- 486 -----------|                |   ReservationEnded; the wait goes on at its place
//!   |                 |--- INVITE ------------------------>|
//!   |<== talk ========|<-- 200 ----------------------------|   the participant is that agent from here on
//! ```
//!
//! Who is offered which call is `queue`; who hears what meanwhile is `audibility`.

use super::{Call, Exit};
use crate::audibility::Picture;
use crate::books::{Desk, Seat};
use crate::consult::{Stage, Step, allowed};
use crate::floor::{Floor, Wait};
use crate::ids::{AgentName, LegId, ParticipantId, ReservationId};
use crate::input::{Destination, Direction};
use crate::mask::{Ears, LegMask};
use crate::mutants::broken;
use crate::output::{Cue, Effect, Identity, Left, Outcome, QueueExit, ReservationEnd, Role};
use crate::participant::{Errand, Leg, Line, Offer, Participant};
use crate::queue::Ticket;
use crate::refusal::Refusal;
use crate::settings::{QueueSettings, Settings};

impl Call {
    /// Whether a consult to a queue would find anybody: said at once, before anybody is put on hold.
    pub(crate) fn may_consult_queue(&self, settings: &Settings, floor: &Floor, queue: &str) -> Result<(), Refusal> {
        let about = settings.queues.get(queue).ok_or(Refusal::TargetUnknown)?;
        let line = floor.lines.get(queue).ok_or(Refusal::TargetUnavailable)?;
        let present = self.people.values().filter_map(|person| person.agent.as_ref());
        if floor.reachable(queue, present) == 0 {
            return Err(Refusal::TargetUnavailable);
        }
        match line.refuses_one_more(Some(about)) {
            Some(QueueExit::Full) => Err(Refusal::TargetBusy),
            Some(_) => Err(Refusal::TargetUnavailable),
            None => Ok(()),
        }
    }

    /// Whether a second line of an agent in this call would be a consult.
    pub(crate) fn may_begin_consult(&self) -> bool {
        let others = self.people.values().filter(|person| !person.lurks() && person.errand.is_none()).count();
        others > 1 && allowed(self.stage(), Step::Start).is_ok()
    }

    /// Somebody who will be an agent begins to wait; if they may not, the call goes where it overflows to.
    pub(super) fn queue_up(&mut self, desk: &mut Desk<'_>, queue: &str, person: Participant) -> ParticipantId {
        let refused = desk
            .floor
            .lines
            .get(queue)
            .map_or(Some(QueueExit::Closed), |line| line.refuses_one_more(desk.settings.queues.get(queue)));
        let who = self.join(desk, person);
        self.enter_queue(desk, who, queue, None);
        if let Some(how) = refused {
            self.turned_out(desk, who, how);
        }
        who
    }

    /// Puts somebody into a line, at the place they had if they had one.
    pub(super) fn enter_queue(&mut self, desk: &mut Desk<'_>, who: ParticipantId, queue: &str, kept: Option<Ticket>) {
        let unknown = QueueSettings::default();
        let about = desk.settings.queues.get(queue).unwrap_or(&unknown);
        let wait = desk.floor.enter(desk.now, about, (queue, self.id, who), kept, desk.out);
        if let Some(person) = self.people.get_mut(&who) {
            person.wait = Some(wait);
        }
    }

    /// Somebody waits no longer: their offers end, and so does their place.
    pub(super) fn stop_waiting(&mut self, desk: &mut Desk<'_>, who: ParticipantId, how: QueueExit) -> Option<Wait> {
        let wait = self.people.get_mut(&who)?.wait.take()?;
        let others = if how == QueueExit::Answered { ReservationEnd::Elsewhere } else { ReservationEnd::Withdrawn };
        self.end_offers(desk, who, None, others);
        desk.floor.leave(&wait, how, desk.out);
        Some(wait)
    }

    /// How a wait ended that somebody's leaving ends.
    pub(super) fn exit_by(&self, who: ParticipantId, why: Left) -> QueueExit {
        let asked = matches!(why, Left::Ended | Left::Removed);
        let consult = self.transfer.as_ref().is_some_and(|t| t.target == who && t.stage != Stage::Cold);
        if asked || consult { QueueExit::Cancelled } else { QueueExit::Abandoned }
    }

    /// A call that waited has to leave the queue without an agent.
    pub(crate) fn turned_out(&mut self, desk: &mut Desk<'_>, who: ParticipantId, how: QueueExit) {
        let Some(wait) = self.stop_waiting(desk, who, how) else { return };
        let Some(errand) = self.people.get(&who).and_then(|person| person.errand.clone()) else { return };
        let mut exit = Exit::told(Left::Failed(480));
        if broken!(LosesCallers) {
            return;
        }
        if errand == Errand::Target {
            if self.transfer.as_ref().is_some_and(|transfer| transfer.stage == Stage::Cold) {
                self.queues_tried.insert(wait.queue);
            }
            let late = how == QueueExit::TimedOut;
            exit.outcome = Some((if late { Outcome::QueueTimeout } else { Outcome::Unreachable(480) }, 480));
            self.part(desk, who, exit);
            return;
        }
        let to = desk.settings.queues.get(&wait.queue).and_then(|about| about.overflow.clone());
        self.queues_tried.insert(wait.queue);
        self.part(desk, who, exit);
        let customers = self.customers();
        let unknown_queue = |to: &Destination| matches!(to, Destination::Queue(q) if self.queues_tried.contains(q));
        let to = to.filter(|to| !unknown_queue(to));
        if !to.is_some_and(|to| self.ring_for(desk, to, errand, &customers)) {
            self.announce_all(desk);
        }
    }

    /// Everybody who waits hears that nobody can take the call; then their BYE.
    fn announce_all(&mut self, desk: &Desk<'_>) {
        let waits = |(who, person): &(&ParticipantId, &Participant)| {
            person.errand.is_none() && !person.lurks() && self.is_live(**who)
        };
        let all: Vec<ParticipantId> = self.people.iter().filter(waits).map(|(who, _)| *who).collect();
        for who in all {
            self.announce(desk.now, who);
        }
    }

    /// Whether the queue may offer this call to an agent: never to somebody who is in it, nor to whoever left it to wait.
    pub(crate) fn may_be_offered_to(&self, agent: &AgentName) -> bool {
        let initiated = self.transfer.as_ref().is_some_and(|transfer| transfer.agent.as_ref() == Some(agent));
        let present = self.people.values().any(|person| person.agent.as_ref() == Some(agent));
        !(initiated || present) || broken!(OffersInitiator)
    }

    /// An agent is rung for somebody who waits.
    pub(crate) fn offer(
        &mut self,
        desk: &mut Desk<'_>,
        who: ParticipantId,
        agent: &AgentName,
        reservation: ReservationId,
    ) {
        let shown = self.shown_for(who, desk.settings);
        let id = desk.books.next_rung();
        let mut leg = Leg::new(who, Line::Calling, Direction::Both, None);
        leg.shown = Some(shown.clone());
        leg.offer = Some(Offer { reservation, agent: agent.clone() });
        self.add_leg(desk, id, leg);
        desk.seat(agent, self.id, Seat { put_on: true, rung: true });
        desk.out.effect(Effect::Ring { call: self.id, leg: id, to: Destination::Agent(agent.clone()), shown });
    }

    /// Who is shown to an agent who is offered this call: who consults, or who waits.
    fn shown_for(&self, who: ParticipantId, settings: &Settings) -> Identity {
        let consult = self.transfer.as_ref().filter(|t| t.target == who && t.stage == Stage::Ringing);
        let initiator = consult.map(|transfer| transfer.initiator);
        let present =
            || self.people.iter().find(|(_, person)| person.errand.is_none() && !person.lurks()).map(|(who, _)| *who);
        let caller = initiator.or_else(|| self.customers().first().copied()).or_else(present);
        caller.map(|caller| self.identity(caller, settings)).unwrap_or_default()
    }

    /// The offered agent said yes by command.
    pub(crate) fn accept_offer(&mut self, desk: &mut Desk<'_>, id: ReservationId) {
        let until = desk.now + desk.settings.transfer.ring_timeout;
        desk.floor.accept(until, id, desk.out);
        if let Some(who) = self.leg_of_offer(id).and_then(|leg| self.person_of(leg)) {
            self.end_offers(desk, who, Some(id), ReservationEnd::Elsewhere);
        }
    }

    /// An offer is over without an answer.
    pub(crate) fn end_reservation(&mut self, desk: &mut Desk<'_>, id: ReservationId, how: ReservationEnd) {
        if let Some(leg) = self.leg_of_offer(id) {
            self.end_offer(desk, leg, how);
        }
    }

    fn leg_of_offer(&self, id: ReservationId) -> Option<LegId> {
        let mine = |leg: &Leg| leg.offer.as_ref().is_some_and(|offer| offer.reservation == id);
        self.legs.iter().find(|(_, leg)| mine(leg)).map(|(leg, _)| *leg)
    }

    /// The offer for which this leg is rung is over, and so is the leg; whoever waits goes on waiting.
    pub(super) fn end_offer(&mut self, desk: &mut Desk<'_>, leg: LegId, how: ReservationEnd) {
        let Some(offer) = self.legs.get(&leg).and_then(|leg| leg.offer.clone()) else { return };
        desk.floor.end(desk.now, offer.reservation, how, desk.out);
        self.drop_leg(desk, leg, true);
    }

    /// All offers of somebody, but for one, are over.
    pub(super) fn end_offers(
        &mut self,
        desk: &mut Desk<'_>,
        who: ParticipantId,
        but: Option<ReservationId>,
        how: ReservationEnd,
    ) {
        let over = |leg: &Leg| leg.person == who && leg.offer.as_ref().is_some_and(|o| Some(o.reservation) != but);
        let legs: Vec<LegId> = self.legs.iter().filter(|(_, leg)| over(leg)).map(|(id, _)| *id).collect();
        for leg in legs {
            self.end_offer(desk, leg, how);
        }
    }

    /// An agent comes into the call by another way: what they were offered of it is over.
    pub(super) fn end_offers_to(&mut self, desk: &mut Desk<'_>, agent: &AgentName) {
        let theirs = |leg: &Leg| leg.offer.as_ref().is_some_and(|offer| offer.agent == *agent);
        let legs: Vec<LegId> = self.legs.iter().filter(|(_, leg)| theirs(leg)).map(|(id, _)| *id).collect();
        for leg in legs {
            self.end_offer(desk, leg, ReservationEnd::Withdrawn);
        }
    }

    /// The phone of an agent who was offered the call answered: whoever waited is that agent from here on.
    pub(super) fn won(&mut self, desk: &mut Desk<'_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (who, Some(offer)) = (leg.person, leg.offer.take()) else { return };
        let over = desk.floor.end(desk.now, offer.reservation, ReservationEnd::Answered, desk.out);
        let about = over.and_then(|over| desk.settings.queues.get(&over.queue));
        if let Some((about, agent)) = about.zip(desk.floor.agents.get_mut(&offer.agent)) {
            agent.owes_wrap_up(about.wrap_up);
        }
        if let Some(person) = self.people.get_mut(&who) {
            person.name.clone_from(&offer.agent.0);
            person.agent = Some(offer.agent);
        }
        self.stop_waiting(desk, who, QueueExit::Answered);
        self.queues_tried.clear();
    }

    /// Says their place to those who hear the queue: whoever hears somebody hears no queue.
    pub(super) fn say_places(&self, desk: &mut Desk<'_>, picture: &Picture) {
        for (who, place) in desk.out.take_places(self.id) {
            let Some(wait) = self.people.get(&who).and_then(|person| person.wait.as_ref()) else { continue };
            let hears = |ears: &Ears| matches!(ears, Ears::Queue(queue) if *queue == wait.queue);
            let alone = |mask: &LegMask| !picture.masks.values().any(|other| mask.hears(other));
            for mask in picture.masks.values().filter(|mask| mask.cues && hears(&mask.ears) && alone(mask)) {
                let cue = Cue::Position(u16::try_from(place).unwrap_or(u16::MAX));
                desk.out.effect(Effect::Cue { leg: mask.leg, cue });
            }
        }
    }

    /// The participant who will be an agent of a queue, for whatever they are wanted.
    pub(super) fn awaited(queue: &str, errand: Errand) -> Participant {
        let mut person = Participant::new(Role::Agent, None, queue.to_owned());
        person.errand = Some(errand);
        person
    }
}
