//! Finds the call for an input and lets it react: the whole state of the service hangs here.
//!
//! One input, one whole reaction, masks first. It holds no rule about one call (`conference`), but those that span
//! several: who may be called (`arriving`), two calls that become one (`joining`), agents and queues (`agents`, `queues`).

mod agents;
mod allowed;
mod arriving;
mod door;
mod joining;
mod keys;
mod queues;
mod replacing;
mod views;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::books::{Books, Desk};
use crate::conference::{Asked, Call, Kind, Means};
use crate::floor::Floor;
use crate::ids::{AgentName, CallId, LegId};
use crate::input::{Asker, Command, Report};
use crate::moment::Moment;
use crate::output::{Effect, Event, Output};
use crate::reaction::Reaction;
use crate::refusal::Refusal;
use crate::settings::Settings;

pub use views::{
    Action, AgentView, Allowed, CallView, LegView, ParticipantView, QueueView, ReservationView, TransferView,
};

/// All calls. Owned by one task; a serde value that can be stored and goes on after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switchboard {
    settings: Settings,
    calls: BTreeMap<CallId, Call>,
    rooms: BTreeMap<String, CallId>,
    books: Books,
    floor: Floor,
    /// When each call wants to be woken, earliest first.
    alarms: BTreeSet<(Moment, CallId)>,
}

impl Switchboard {
    /// No calls, default settings. The first input should be `Command::Configure`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Does what somebody asks, or refuses; a refusal changes nothing.
    ///
    /// # Errors
    /// The refusal, if the command is not allowed now.
    pub fn command(&mut self, now: Moment, command: Command) -> Result<Vec<Output>, Refusal> {
        match command {
            Command::Configure(settings) => {
                self.settings = settings;
                let mut out = Reaction::default();
                out.event(Event::SettingsChanged);
                self.floor.configure(&self.settings, &mut out);
                self.withdraw_offers_of_nobody(now, &mut out);
                let calls = self.calls.keys().copied().collect();
                Ok(self.finish(now, out, calls))
            }
            Command::Shutdown => Ok(self.shutdown(now)),
            Command::Dial { from, to } => self.dial(now, from, to),
            Command::Join { by, named } => self.join(now, by, named),
            Command::Supervise { call, by, agent, mode } => {
                self.ask(now, call, None, |call, desk, _| call.supervise(desk, &by, &agent, mode))
            }
            Command::Start { call, by, target, shown } => {
                self.ask(now, call, Some(by), |call, desk, asked| call.start(desk, asked, target, shown))
            }
            Command::Cancel { call, by } => self.ask(now, call, Some(by), Call::cancel),
            Command::Swap { call, by } => self.ask(now, call, Some(by), |call, _, asked| call.swap(asked)),
            Command::Merge { call, by } => self.ask(now, call, Some(by), |call, _, asked| call.merge(asked)),
            Command::Complete { call, by } => self.ask(now, call, Some(by), Call::complete),
            Command::Hold { call, by, who } => self.ask(now, call, Some(by), |call, _, asked| call.hold(asked, who)),
            Command::Unhold { call, by, who } => {
                self.ask(now, call, Some(by), |call, _, asked| call.unhold(asked, who))
            }
            Command::Mute { call, by, who, muted } => {
                self.ask(now, call, Some(by), |call, desk, asked| call.mute(desk, asked, who, muted))
            }
            Command::Remove { call, by, who } => {
                self.ask(now, call, Some(by), |call, desk, asked| call.remove(desk, asked, who))
            }
            Command::SetState { agent, by, availability } => self.set_state(now, &agent, &by, availability),
            Command::Accept { reservation, by } => self.accept(now, reservation, &by),
            Command::Reject { reservation, by } => self.reject(now, reservation, &by),
            Command::Lock { call, by, locked } => {
                self.ask(now, call, Some(by), |call, desk, asked| call.lock(desk, asked, locked))
            }
            Command::Press { call, by, who, keys } => {
                self.ask(now, call, Some(by), |call, desk, asked| call.press(desk, asked, who, keys))
            }
            Command::Play { call, by, who, cue } => {
                self.ask(now, call, Some(by), |call, desk, asked| call.play(desk, asked, who, cue))
            }
            Command::SetVolume { call, by, who, volume_db } => {
                self.ask(now, call, Some(by), |call, desk, asked| call.set_volume(desk, asked, who, volume_db))
            }
            Command::End { call, by } => self.ask(now, call, Some(by), Call::end),
        }
    }

    /// Takes note of what happened on a leg.
    pub fn report(&mut self, now: Moment, report: Report) -> Vec<Output> {
        match report {
            Report::Arrived { leg, caller, to, shown, direction } => {
                self.arrived(now, arriving::Arrival { leg, caller, to, shown, direction })
            }
            Report::Ringing { leg } => self.tell(now, leg, |call, desk| call.rings(desk, leg)),
            Report::Early { leg, direction } => {
                self.tell(now, leg, |call, desk| call.sounds_early(desk, leg, direction))
            }
            Report::Answered { leg, direction, phone } => {
                if !self.books.legs.contains_key(&leg) && self.books.was_rung(leg) {
                    // CANCEL and 200 crossed: nobody wants this leg any more.
                    return vec![Output::Effect(Effect::Hangup { leg, status: None })];
                }
                self.tell(now, leg, |call, desk| call.answered(desk, leg, direction, phone))
            }
            Report::Failed { leg, status } => {
                self.tell(now, leg, |call, desk| call.could_not_be_had(desk, leg, status, false))
            }
            Report::Ended { leg, how } => self.tell(now, leg, |call, desk| call.lost(desk, leg, how, true)),
            Report::Offered { leg, direction } => {
                if !self.books.legs.contains_key(&leg) {
                    return vec![Output::Effect(Effect::AnswerOffer { leg })];
                }
                self.tell(now, leg, |call, desk| call.offered(desk, leg, direction))
            }
            Report::Silent { leg } => self.tell(now, leg, |call, desk| call.silent(desk, leg)),
            Report::Talks { leg, talks } => self.talks(now, leg, talks),
            Report::Probed { leg, alive } => self.tell(now, leg, |call, desk| call.probed(desk, leg, alive)),
            Report::Replaced { leg, old, caller, direction } => self.replaced(now, leg, old, caller, direction),
            Report::Digit { leg, key } => self.pressed(now, leg, key),
            Report::Registered { agent, phones } => self.registered(now, &agent, phones),
            Report::Hours { queue, open } => self.hours(now, &queue, open),
            Report::Looked { leg, target, shown } => self.looked(now, leg, target, shown),
        }
    }

    /// When to call `expire` next.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let calls = self.alarms.first().map(|(moment, _)| *moment);
        calls.into_iter().chain(self.floor.deadline()).min()
    }

    /// Does what is due by now.
    pub fn expire(&mut self, now: Moment) -> Vec<Output> {
        let mut due: Vec<CallId> = self.alarms.iter().take_while(|(at, _)| *at <= now).map(|(_, call)| *call).collect();
        let mut out = Reaction::default();
        for id in due.clone() {
            due.extend(self.answer_at_door(now, id, &mut out));
            self.with(now, id, &mut out, |call, desk| call.expire(desk));
        }
        self.floor_expires(now, &mut out, &mut due);
        self.finish(now, out, due)
    }

    /// Lends a call its desk.
    fn with<T>(
        &mut self,
        now: Moment,
        id: CallId,
        out: &mut Reaction,
        react: impl FnOnce(&mut Call, &mut Desk<'_>) -> T,
    ) -> Option<T> {
        let call = self.calls.get_mut(&id)?;
        let mut desk = Desk { now, settings: &self.settings, books: &mut self.books, floor: &mut self.floor, out };
        Some(react(call, &mut desk))
    }

    /// Lends a call its desk; it is closed with the reaction.
    fn touch(
        &mut self,
        now: Moment,
        id: CallId,
        out: &mut Reaction,
        touched: &mut Vec<CallId>,
        react: impl FnOnce(&mut Call, &mut Desk<'_>),
    ) {
        if self.with(now, id, out, react).is_some() {
            touched.push(id);
        }
    }

    /// A command for one call.
    fn ask(
        &mut self,
        now: Moment,
        id: CallId,
        by: Option<Asker>,
        react: impl FnOnce(&mut Call, &mut Desk<'_>, Asked) -> Result<(), Refusal>,
    ) -> Result<Vec<Output>, Refusal> {
        let asked = match by {
            Some(by) => self.asked(id, &by)?,
            None => Asked::Operator,
        };
        let mut out = Reaction::default();
        self.with(now, id, &mut out, |call, desk| react(call, desk, asked)).ok_or(Refusal::CallNotFound)??;
        Ok(self.finish(now, out, vec![id]))
    }

    /// A report for the call of one leg; nothing if the leg is in none.
    fn tell(&mut self, now: Moment, leg: LegId, react: impl FnOnce(&mut Call, &mut Desk<'_>)) -> Vec<Output> {
        let Some(id) = self.books.legs.get(&leg).copied() else { return Vec::new() };
        let mut out = Reaction::default();
        self.with(now, id, &mut out, react);
        self.finish(now, out, vec![id])
    }

    /// Somebody talks, or stopped: it changes nothing but what is shown, so nothing has to be settled after it.
    fn talks(&mut self, now: Moment, leg: LegId, talks: bool) -> Vec<Output> {
        let mut out = Reaction::default();
        if let Some(id) = self.books.legs.get(&leg).copied() {
            self.with(now, id, &mut out, |call, desk| call.talks(desk, leg, talks));
        }
        out.into_outputs()
    }

    /// Who asks, as the call knows them.
    fn asked(&self, id: CallId, by: &Asker) -> Result<Asked, Refusal> {
        let call = self.calls.get(&id).ok_or(Refusal::CallNotFound)?;
        match by {
            Asker::Operator => Ok(Asked::Operator),
            Asker::Leg(leg) => {
                call.person_of(*leg).map(|who| Asked::Person(who, Means::Refer(*leg))).ok_or(Refusal::CallNotFound)
            }
            Asker::Keypad(leg) => {
                call.person_of(*leg).map(|who| Asked::Person(who, Means::Keypad(*leg))).ok_or(Refusal::CallNotFound)
            }
            Asker::Agent(name) => call
                .people
                .iter()
                .find(|(_, person)| person.agent.as_ref() == Some(name))
                .map(|(who, _)| Asked::Person(*who, Means::Name))
                .ok_or(Refusal::CallNotFound),
        }
    }

    /// Closes a reaction: what it means for other calls, the masks, the events, the alarms.
    fn finish(&mut self, now: Moment, mut out: Reaction, mut touched: Vec<CallId>) -> Vec<Output> {
        let mut at = 0;
        loop {
            while let Some(id) = touched.get(at).copied() {
                at += 1;
                self.close(now, id, &mut out);
            }
            self.end_assumptions(&mut out, &mut touched);
            self.ask_dead_phones(now, &mut out, &mut touched);
            if at == touched.len() {
                self.tend_agents(now, &mut out, &mut touched);
                self.tend_queues(now, &mut out, &mut touched);
            }
            if at == touched.len() && out.agents.is_empty() && out.queues.is_empty() {
                return out.into_outputs();
            }
        }
    }

    /// Closes one call's part of a reaction.
    fn close(&mut self, now: Moment, id: CallId, out: &mut Reaction) {
        let Some(before) = self.calls.get(&id).and_then(Call::alarm) else {
            return self.close_unarmed(now, id, out);
        };
        self.alarms.remove(&(before, id));
        self.close_unarmed(now, id, out);
    }

    fn close_unarmed(&mut self, now: Moment, id: CallId, out: &mut Reaction) {
        if self.with(now, id, out, Call::close) == Some(true) {
            if let Some(call) = self.calls.remove(&id)
                && let Kind::Room(name) = &call.kind
            {
                self.rooms.remove(name);
            }
            return;
        }
        if let Some(call) = self.calls.get_mut(&id)
            && let Some(alarm) = call.set_alarm()
        {
            self.alarms.insert((alarm, id));
        }
    }

    /// Lines that were taken to be away because of a leg that ended are back.
    fn end_assumptions(&mut self, out: &mut Reaction, touched: &mut Vec<CallId>) {
        for dropped in std::mem::take(&mut out.dropped) {
            for (id, first) in self.books.end_assumption(dropped) {
                let Some(leg) = self.calls.get_mut(&id).and_then(|call| call.legs.get_mut(&first)) else { continue };
                if leg.assumed_away == Some(dropped) {
                    leg.assumed_away = None;
                    touched.push(id);
                }
            }
        }
    }

    /// The other legs of a phone of which one leg was found dead are asked at once.
    fn ask_dead_phones(&mut self, now: Moment, out: &mut Reaction, touched: &mut Vec<CallId>) {
        for (agent, phone) in std::mem::take(&mut out.dead_phones) {
            for id in self.books.calls_of(&agent) {
                let suspects = self.calls.get(&id).map(|call| call.legs_of_phone(&agent, &phone)).unwrap_or_default();
                for leg in suspects {
                    self.with(now, id, out, |call, desk| call.ask_now(desk, leg));
                    touched.push(id);
                }
            }
        }
    }

    /// Says BYE to everybody.
    fn shutdown(&mut self, now: Moment) -> Vec<Output> {
        let mut out = Reaction::default();
        out.status = Some(503);
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        for id in &calls {
            self.with(now, *id, &mut out, |call, desk| call.end_all(desk));
        }
        self.finish(now, out, calls)
    }

    /// Opens a call.
    fn open(&mut self, now: Moment, kind: Kind, out: &mut Reaction) -> CallId {
        let id = self.books.next_call();
        let (room, door) = kind.names();
        if let Some(name) = &room {
            self.rooms.insert(name.clone(), id);
        }
        self.calls.insert(id, Call::new(id, kind, now));
        out.event(Event::CallStarted { call: id, room, door });
        id
    }

    fn knows(&self, agent: &AgentName) -> bool {
        self.settings.agents.contains_key(agent)
    }
}
