//! Calls that begin: INVITEs that arrive, and calls that the house opens for somebody.
//!
//! Also the second line of a phone: the first is taken to be away, and a call to a colleague is linked as the consult
//! of the call whose line went away last. What the people in a call do then is `conference`.

use super::Switchboard;
use crate::conference::{Asked, Call, Kind, Means, Opening};
use crate::ids::{AgentName, CallId, LegId, ParticipantId, Phone};
use crate::input::{Caller, Destination, Direction};
use crate::mask::Place;
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::{Effect, Identity, Output, Role};
use crate::participant::{Errand, Leg, Line, Participant};
use crate::pins::Guesser;
use crate::reaction::Reaction;
use crate::refusal::Refusal;

/// Later than any line went away.
const MAX: Moment = Moment(u64::MAX);

/// An INVITE that arrived.
pub(super) struct Arrival {
    pub(super) leg: LegId,
    pub(super) caller: Caller,
    pub(super) to: Destination,
    pub(super) shown: String,
    pub(super) direction: Direction,
}

impl Arrival {
    fn agent(&self) -> Option<(&AgentName, &Phone)> {
        match &self.caller {
            Caller::Agent { name, phone } => Some((name, phone)),
            Caller::Customer { .. } => None,
        }
    }

    fn person(&self) -> Participant {
        match &self.caller {
            Caller::Agent { name, .. } => Participant::new(Role::Agent, Some(name.clone()), name.0.clone()),
            Caller::Customer { number, .. } => {
                let role = if broken!(CustomerIsOutside) { Role::Outside } else { Role::Customer };
                Participant::new(role, None, number.clone())
            }
        }
    }

    fn new_leg(&self, who: ParticipantId, now: Moment) -> Leg {
        let phone = self.agent().map(|(_, phone)| phone.clone());
        let mut leg = Leg::new(who, Line::Arrived, self.direction, phone);
        leg.away_since = (self.direction == Direction::Away).then_some(now);
        leg
    }
}

impl Switchboard {
    /// An INVITE arrived: turn it down, link it as a consult, or open a call for it.
    pub(super) fn arrived(&mut self, now: Moment, mut arrival: Arrival) -> Vec<Output> {
        let leg = arrival.leg;
        arrival.to = self.with_a_name(arrival.to);
        if self.books.legs.contains_key(&leg) {
            return Vec::new();
        }
        if let Err((status, refusal)) = self.may_arrive(now, &arrival) {
            return vec![Output::Effect(Effect::Reject { leg, status, refusal })];
        }
        let mut out = Reaction::default();
        let mut touched = self.take_first_line_away(now, &arrival);
        let consult = self.implied_consult(now, &arrival, &mut out);
        let call = match (consult, &arrival.to) {
            (Some((call, who)), _) => {
                self.link_consult(now, call, who, &arrival, &mut out);
                call
            }
            (None, Destination::Room(name)) => self.enter_room(now, name, &arrival, &mut out),
            (None, Destination::Service(service)) => {
                let call = self.open(now, Kind::Service(*service), &mut out);
                self.seat(now, call, &arrival, &mut out);
                call
            }
            (None, _) => {
                let call = self.open(now, Kind::Plain, &mut out);
                self.call_up(now, call, &arrival, &mut out);
                call
            }
        };
        touched.push(call);
        self.finish(now, out, touched)
    }

    /// Whether an INVITE is let in at all.
    fn may_arrive(&self, now: Moment, arrival: &Arrival) -> Result<(), (u16, Option<Refusal>)> {
        let caller = arrival.agent().map(|(name, _)| name);
        match &arrival.to {
            Destination::Unknown => Err((404, None)),
            Destination::Agent(name) if !self.knows(name) => Err((404, None)),
            Destination::Agent(name) if caller == Some(name) => Err((486, None)),
            Destination::Agent(name) if self.books.is_busy(name, &self.settings) => {
                Err((486, Some(Refusal::TargetBusy)))
            }
            Destination::Agent(_) => self.may_consult(arrival),
            // A trunk's call never goes out again.
            Destination::Outside { .. } if caller.is_none() => Err((404, None)),
            Destination::Room(name) => {
                let guesser = Guesser::of(&arrival.caller);
                self.may_try(name, &guesser, now).map_err(|refusal| (403, Some(refusal)))?;
                self.may_enter(name, caller).map_err(|refusal| (486, Some(refusal)))
            }
            Destination::Queue(name) if !self.settings.queues.contains_key(name) => Err((404, None)),
            Destination::Queue(_) => self.may_consult(arrival),
            Destination::NewRoom | Destination::Outside { .. } | Destination::Service(_) => Ok(()),
        }
    }

    /// A consult of an agent without a phone, or of a queue in which nobody is to be had, is told so at once; a call of
    /// its own goes where those go.
    fn may_consult(&self, arrival: &Arrival) -> Result<(), (u16, Option<Refusal>)> {
        let Some((name, phone)) = arrival.agent() else { return Ok(()) };
        // A first line that is not away yet will be, by this very INVITE.
        let call = self.first_line(name, phone, |leg| Some(leg.away_since.filter(|_| leg.is_away()).unwrap_or(MAX)));
        let call = call.and_then(|(id, _)| self.calls.get(&id)).filter(|call| call.may_begin_consult());
        let Some(call) = call else { return Ok(()) };
        let judged = match &arrival.to {
            Destination::Queue(queue) => call.may_consult_queue(&self.settings, &self.floor, queue),
            Destination::Agent(agent) if !call.has(&arrival.to) => self.floor.may_be_had(agent, &self.books),
            Destination::Agent(_)
            | Destination::Room(_)
            | Destination::NewRoom
            | Destination::Outside { .. }
            | Destination::Service(_)
            | Destination::Unknown => Ok(()),
        };
        match judged {
            Err(refusal @ Refusal::TargetBusy) => Err((486, Some(refusal))),
            Err(refusal) => Err((480, Some(refusal))),
            Ok(()) => Ok(()),
        }
    }

    /// A phone that sends a second INVITE has turned away from its first line, whether or not it says so.
    fn take_first_line_away(&mut self, now: Moment, arrival: &Arrival) -> Vec<CallId> {
        let Some((name, phone)) = arrival.agent() else { return Vec::new() };
        if broken!(FirstLineStaysOpen) {
            return Vec::new();
        }
        let mut touched = Vec::new();
        for id in self.books.calls_of(name) {
            let Some(call) = self.calls.get_mut(&id) else { continue };
            for first in call.legs_of_phone(name, phone) {
                let Some(leg) = call.legs.get_mut(&first).filter(|leg| !leg.is_away()) else { continue };
                leg.assumed_away = Some(arrival.leg);
                leg.away_since = Some(now);
                self.books.assume_away(first, arrival.leg);
                touched.push(id);
            }
        }
        touched
    }

    /// The call of which this INVITE is the consult: the one whose line went away last, if a transfer may start there.
    fn implied_consult(
        &mut self,
        now: Moment,
        arrival: &Arrival,
        out: &mut Reaction,
    ) -> Option<(CallId, ParticipantId)> {
        let (name, phone) = arrival.agent()?;
        match arrival.to {
            Destination::Agent(_) | Destination::Queue(_) => {}
            Destination::Outside { .. } if broken!(OutsideIsImplied) => {}
            Destination::Room(_)
            | Destination::NewRoom
            | Destination::Outside { .. }
            | Destination::Service(_)
            | Destination::Unknown => {
                return None;
            }
        }
        let (id, leg) = self.first_line(name, phone, |leg| leg.away_since.filter(|_| leg.is_away()))?;
        let who = self.calls.get(&id)?.person_of(leg)?;
        let asked = Asked::Person(who, Means::Name);
        self.with(now, id, out, |call, desk| call.may_start(desk, asked, &arrival.to))?.ok()?;
        Some((id, who))
    }

    /// The line of a phone that went away last.
    fn first_line(
        &self,
        name: &AgentName,
        phone: &Phone,
        away_since: impl Fn(&Leg) -> Option<Moment>,
    ) -> Option<(CallId, LegId)> {
        let mut away: Vec<(Moment, CallId, LegId)> = Vec::new();
        for id in self.books.calls_of(name) {
            let Some(call) = self.calls.get(&id) else { continue };
            for leg in call.legs_of_phone(name, phone) {
                let since = call.legs.get(&leg).and_then(&away_since);
                away.extend(since.map(|since| (since, id, leg)));
            }
        }
        away.into_iter().max().map(|(_, id, leg)| (id, leg))
    }

    /// The second INVITE becomes the initiator's leg in the Side.
    fn link_consult(&mut self, now: Moment, id: CallId, who: ParticipantId, arrival: &Arrival, out: &mut Reaction) {
        let mut leg = arrival.new_leg(who, now);
        leg.faces = Place::Side;
        self.with(now, id, out, |call, desk| {
            call.add_leg(desk, arrival.leg, leg);
            call.begin(desk, who, arrival.to.clone(), arrival.shown.clone(), Opening::Second(arrival.leg));
        });
    }

    /// Seats the caller and rings whom they called; a queue answers at once.
    fn call_up(&mut self, now: Moment, id: CallId, arrival: &Arrival, out: &mut Reaction) {
        self.with(now, id, out, |call, desk| {
            let who = call.join(desk, arrival.person());
            call.add_leg(desk, arrival.leg, arrival.new_leg(who, now));
            if matches!(arrival.to, Destination::Queue(_)) {
                call.answer(desk, arrival.leg);
            }
            call.connect(desk, who, arrival.to.clone());
        });
    }

    /// Seats the caller, answered at once.
    pub(super) fn seat(&mut self, now: Moment, id: CallId, arrival: &Arrival, out: &mut Reaction) {
        self.with(now, id, out, |call, desk| {
            let present = arrival.agent().and_then(|(name, _)| person_named(call, name)).map(|(who, _)| who);
            let who = present.unwrap_or_else(|| call.join(desk, arrival.person()));
            call.add_leg_beside(desk, arrival.leg, arrival.new_leg(who, now));
            call.answer(desk, arrival.leg);
        });
    }

    /// Opens a call for an agent: rings them first, then whom they want.
    pub(super) fn dial(&mut self, now: Moment, from: AgentName, to: Destination) -> Result<Vec<Output>, Refusal> {
        let to = self.with_a_name(to);
        if !self.knows(&from) {
            return Err(Refusal::TargetUnknown);
        }
        self.may_dial(now, &from, &to)?;
        self.floor.may_be_had(&from, &self.books)?;
        let mut out = Reaction::default();
        let id = match &to {
            Destination::Room(name) => self.before_room(now, name, Guesser::agent(&from), &mut out),
            Destination::Service(service) => self.open(now, Kind::Service(*service), &mut out),
            Destination::Agent(_)
            | Destination::NewRoom
            | Destination::Outside { .. }
            | Destination::Queue(_)
            | Destination::Unknown => self.open(now, Kind::Plain, &mut out),
        };
        let mut person = Participant::new(Role::Agent, Some(from.clone()), from.0.clone());
        let shown = Identity { display: String::new(), user: label(&to) };
        person.errand = Some(Errand::First { then: to });
        self.with(now, id, &mut out, |call, desk| call.ring(desk, Destination::Agent(from), person, shown));
        Ok(self.finish(now, out, vec![id]))
    }

    fn may_dial(&self, now: Moment, from: &AgentName, to: &Destination) -> Result<(), Refusal> {
        match to {
            Destination::Unknown => Err(Refusal::TargetUnknown),
            Destination::Agent(name) if name == from || !self.knows(name) => Err(Refusal::TargetUnknown),
            Destination::Agent(name) if self.books.is_busy(name, &self.settings) => Err(Refusal::TargetBusy),
            Destination::Room(name) => {
                let call = self.rooms.get(name).and_then(|id| self.calls.get(id));
                if call.is_some_and(|call| person_named(call, from).is_some()) {
                    return Err(Refusal::TargetUnknown);
                }
                self.may_try(name, &Guesser::agent(from), now)?;
                self.may_enter(name, Some(from))
            }
            Destination::Queue(name) if !self.settings.queues.contains_key(name) => Err(Refusal::TargetUnknown),
            Destination::Agent(_)
            | Destination::NewRoom
            | Destination::Outside { .. }
            | Destination::Queue(_)
            | Destination::Service(_) => Ok(()),
        }
    }
}

/// The person of an agent in a call.
pub(super) fn person_named<'a>(call: &'a Call, name: &AgentName) -> Option<(ParticipantId, &'a Participant)> {
    call.people.iter().find(|(_, person)| person.agent.as_ref() == Some(name)).map(|(who, person)| (*who, person))
}

/// What is shown of a destination to the agent who is rung first.
fn label(to: &Destination) -> String {
    match to {
        Destination::Agent(name) => name.0.clone(),
        Destination::Queue(name) | Destination::Room(name) => name.clone(),
        Destination::Outside { number, .. } => number.clone(),
        Destination::NewRoom | Destination::Service(_) | Destination::Unknown => String::new(),
    }
}
