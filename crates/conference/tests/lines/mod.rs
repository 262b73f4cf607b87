//! A second, naive reading of queues: who waits where in which order, who is offered what, who is ready.
//!
//! It believes what went in (registrations, pauses, hours) and the events that came out, in their order, and asks of every
//! single offer whether it was due: to this agent, for this call. It shares no line with the core.
#![allow(dead_code, unreachable_pub, clippy::wildcard_enum_match_arm)]

pub mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use conference::{
    AgentName, AgentState, Availability, CallId, CallView, Command, Destination, Ears, Event, Moment, Output,
    ParticipantId, QueueExit, Report, ReservationEnd, ReservationId, Role, Settings, Status, Strategy, Switchboard,
};

/// Who waits: the call, and the participant who will be the agent.
type Waiter = (CallId, ParticipantId);

#[derive(Clone, Debug)]
struct Offer {
    agent: AgentName,
    queue: String,
    waiter: Waiter,
    until: Moment,
    accepted: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Lines {
    pub now: Moment,
    settings: Settings,
    phones: BTreeMap<AgentName, u32>,
    closed: BTreeSet<String>,
    /// Who said that they take no calls from queues.
    paused: BTreeSet<AgentName>,
    states: BTreeMap<AgentName, AgentState>,
    idle: BTreeMap<AgentName, Moment>,
    waiting: BTreeMap<String, Vec<Waiter>>,
    offers: BTreeMap<ReservationId, Offer>,
    /// Offers that are over: no id comes twice.
    over: BTreeSet<ReservationId>,
    missed: BTreeMap<(Waiter, AgentName), Moment>,
    last_offered: BTreeMap<String, AgentName>,
    /// Who initiated the transfer whose target waits.
    initiators: BTreeMap<CallId, AgentName>,
    /// Which participant is which agent.
    names: BTreeMap<Waiter, AgentName>,
    /// Whose place was told to be what.
    places: BTreeMap<Waiter, u32>,
    /// Within one reaction: where in a queue somebody stood who left it, and whether two calls became one since.
    left_at: Option<(String, u32)>,
    joined: bool,
    /// What was shown of agents besides their state, who was told of in this reaction, and of whom though their state is
    /// what it was.
    shown: BTreeMap<AgentName, (u32, Availability)>,
    told: BTreeSet<AgentName>,
    repeated: BTreeSet<AgentName>,
    pub entered: u64,
    pub exits: BTreeMap<QueueExit, u64>,
    pub offered: u64,
    pub ends: BTreeMap<ReservationEnd, u64>,
}

const COOL_DOWN: Duration = Duration::from_secs(5);

impl Lines {
    /// What goes in, before the house has it.
    pub fn commanded(&mut self, command: &Command) {
        if let Command::Configure(settings) = command {
            self.settings = settings.clone();
            self.waiting.retain(|queue, line| settings.queues.contains_key(queue) || !line.is_empty());
        }
        if let Command::SetState { agent, availability, .. } = command {
            match availability {
                Availability::Ready | Availability::WrapUp => self.paused.remove(agent),
                Availability::Paused => self.paused.insert(agent.clone()),
            };
        }
    }

    pub fn reported(&mut self, report: &Report) {
        match report {
            Report::Registered { agent, phones } => {
                self.phones.insert(agent.clone(), *phones);
            }
            Report::Hours { queue, open: true } => {
                self.closed.remove(queue);
            }
            Report::Hours { queue, open: false } => {
                self.closed.insert(queue.clone());
            }
            _ => {}
        }
    }

    /// What came out. `board`: as it is after it.
    pub fn outputs(&mut self, outputs: &[Output], board: &Switchboard) -> Result<(), String> {
        self.left_at = None;
        self.joined = false;
        self.told.clear();
        self.repeated.clear();
        for output in outputs {
            if let Output::Event(event) = output {
                self.joined |= matches!(event, Event::CallsJoined { .. });
                self.event(event)?;
            }
        }
        self.agrees_with(board)?;
        self.nobody_is_kept_waiting(board)?;
        board.calls().try_for_each(|call| self.nobody_is_lost(&call, board))
    }

    fn event(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::AgentChanged { agent, state } => self.becomes(agent, *state)?,
            Event::QueueEntered { call, who, queue, position } => {
                self.entered += 1;
                let waiter = (*call, *who);
                if self.waiting.values().any(|line| line.contains(&waiter)) {
                    return Err(format!("{waiter:?} waits twice"));
                }
                let kept = self.left_at.as_ref().filter(|(name, _)| self.joined && name == queue);
                if kept.is_some_and(|(_, place)| place != position) {
                    return Err(format!("{waiter:?} lost their place: {position} after {kept:?}"));
                }
                let line = self.waiting.entry(queue.clone()).or_default();
                let at = (*position as usize).checked_sub(1).filter(|at| *at <= line.len());
                let at = at.ok_or_else(|| format!("{waiter:?} entered at {position} of {}", line.len()))?;
                line.insert(at, waiter);
                self.places.insert(waiter, *position);
            }
            Event::QueueMoved { call, who, position } => {
                self.places.insert((*call, *who), *position);
            }
            Event::QueueLeft { call, who, queue, how } => self.leaves((*call, *who), queue, *how)?,
            Event::ParticipantJoined { call, who, agent: Some(agent), .. } => {
                self.names.insert((*call, *who), agent.clone());
            }
            Event::TransferStarted { call, by, .. } => {
                let agent = self.names.get(&(*call, *by)).cloned();
                self.initiators.extend(agent.map(|agent| (*call, agent)));
            }
            Event::TransferEnded { call, .. } => {
                self.initiators.remove(call);
            }
            Event::Reserved { reservation, agent, queue, call, who, until } => {
                let offer = Offer {
                    agent: agent.clone(),
                    queue: queue.clone(),
                    waiter: (*call, *who),
                    until: *until,
                    accepted: false,
                };
                self.is_offered(*reservation, offer)?;
            }
            Event::ReservationAccepted { reservation, agent, .. } => {
                let offer = self.offers.get_mut(reservation).filter(|offer| offer.agent == *agent);
                offer.ok_or("accepted what is not offered")?.accepted = true;
            }
            Event::ReservationEnded { reservation, agent, call, how } => {
                let offer = self.offers.remove(reservation).ok_or("an offer ended twice")?;
                if (&offer.agent, offer.waiter.0) != (agent, *call) {
                    return Err(format!("{reservation} ended as another: {offer:?}"));
                }
                *self.ends.entry(*how).or_default() += 1;
                if *how == ReservationEnd::Answered {
                    self.names.insert(offer.waiter, offer.agent.clone());
                }
                if !matches!(how, ReservationEnd::Answered | ReservationEnd::Elsewhere) {
                    self.missed.insert((offer.waiter, offer.agent), self.now);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn becomes(&mut self, agent: &AgentName, state: AgentState) -> Result<(), String> {
        let idle = |state| matches!(state, AgentState::Ready | AgentState::Reserved);
        let before = self.states.insert(agent.clone(), state).unwrap_or(AgentState::Offline);
        self.told.insert(agent.clone());
        if before == state {
            self.repeated.insert(agent.clone());
        }
        if idle(state) && !idle(before) {
            self.idle.insert(agent.clone(), self.now);
        }
        if state == AgentState::Ready && self.phones.get(agent).copied().unwrap_or(0) == 0 {
            return Err(format!("{agent} is ready without a phone"));
        }
        Ok(())
    }

    fn leaves(&mut self, waiter: Waiter, queue: &str, how: QueueExit) -> Result<(), String> {
        *self.exits.entry(how).or_default() += 1;
        let line = self.waiting.get_mut(queue).ok_or("left a queue that is none")?;
        let at = line.iter().position(|other| *other == waiter);
        let at = at.ok_or_else(|| format!("{waiter:?} left {queue} twice: {how:?}"))?;
        line.remove(at);
        self.left_at = u32::try_from(at + 1).ok().map(|at| (queue.to_owned(), at));
        self.places.remove(&waiter);
        if let Some((id, _)) = self.offers.iter().find(|(_, offer)| offer.waiter == waiter) {
            return Err(format!("{waiter:?} left and is still offered: {id}"));
        }
        self.missed.retain(|(other, _), _| *other != waiter);
        Ok(())
    }

    /// Every offer is due: to this agent, for this call.
    fn is_offered(&mut self, id: ReservationId, offer: Offer) -> Result<(), String> {
        self.offered += 1;
        let Offer { agent, queue, waiter, .. } = offer.clone();
        if !self.over.insert(id) {
            return Err(format!("{id} comes twice"));
        }
        if self.offers.values().any(|other| other.agent == agent) {
            return Err(format!("{agent} is reserved twice"));
        }
        if self.states.get(&agent) != Some(&AgentState::Ready) {
            return Err(format!("{agent} is offered a call and is {:?}", self.states.get(&agent)));
        }
        if self.initiators.get(&waiter.0) == Some(&agent) {
            return Err(format!("{agent} is offered their own consult"));
        }
        if self.closed.contains(&queue) {
            return Err(format!("{queue} offers and is closed"));
        }
        self.is_the_turn_of(&agent, &queue, waiter)?;
        self.goes_before(&agent, &queue, waiter)?;
        self.last_offered.insert(queue, agent);
        self.offers.insert(id, offer);
        Ok(())
    }

    /// Whether an agent could take a call now.
    fn could_take(&self, agent: &AgentName, queue: &str, waiter: Waiter) -> bool {
        self.states.get(agent) == Some(&AgentState::Ready)
            && self.skill(agent, queue).is_some()
            && self.initiators.get(&waiter.0) != Some(agent)
    }

    /// How well an agent does what a queue asks for; nothing if they do not serve it.
    fn skill(&self, agent: &AgentName, queue: &str) -> Option<u32> {
        let known = self.settings.agents.get(agent).filter(|known| known.queues.contains(queue))?;
        let about = self.settings.queues.get(queue)?;
        if about.strategy != Strategy::Skills {
            return Some(0);
        }
        let level = |(skill, least): (&String, &u8)| known.skills.get(skill).filter(|has| *has >= least);
        about.skills.iter().map(|asked| level(asked).map(|has| u32::from(*has))).sum()
    }

    fn cooled(&self, agent: &AgentName, waiter: Waiter) -> Option<Moment> {
        self.missed.get(&(waiter, agent.clone())).copied()
    }

    /// Among the agents: nobody who should have been asked before.
    fn is_the_turn_of(&self, agent: &AgentName, queue: &str, waiter: Waiter) -> Result<(), String> {
        let strategy = self.settings.queues.get(queue).map(|about| about.strategy).ok_or("no such queue")?;
        let missed = self.cooled(agent, waiter);
        if missed.is_some_and(|at| at + COOL_DOWN > self.now) {
            return Err(format!("{agent} is offered {waiter:?} again too soon"));
        }
        let skill = self.skill(agent, queue).ok_or_else(|| format!("{agent} does not serve {queue}"))?;
        for other in self.settings.agents.keys().filter(|other| *other != agent) {
            let fresh = self.cooled(other, waiter).is_none();
            if !self.could_take(other, queue, waiter) || self.sits_in(other, waiter.0) {
                continue;
            }
            let first = match strategy {
                Strategy::LongestIdle => self.idle.get(other) < self.idle.get(agent),
                Strategy::Skills => {
                    let rank = |skill: Option<u32>, name| (std::cmp::Reverse(skill), self.idle.get(name));
                    rank(self.skill(other, queue), other) < rank(Some(skill), agent)
                }
                Strategy::RoundRobin => {
                    let last = self.last_offered.get(queue);
                    let turn = |name| (Some(name) <= last, name);
                    turn(other) < turn(agent)
                }
                Strategy::RingAll => false,
            };
            let due = (fresh && missed.is_some()) || (first && fresh && missed.is_none());
            if due {
                return Err(format!("{other} should have been asked before {agent}: {strategy:?} {queue}"));
            }
        }
        Ok(())
    }

    /// In a call already: the oracle takes the state for it.
    fn sits_in(&self, agent: &AgentName, _call: CallId) -> bool {
        self.states.get(agent) == Some(&AgentState::OnCall)
    }

    /// Among the calls: nobody in this line, nor in a more important one, whom the agent could have had before.
    fn goes_before(&self, agent: &AgentName, queue: &str, waiter: Waiter) -> Result<(), String> {
        let priority = |queue: &str| self.settings.queues.get(queue).map_or(0, |about| about.priority);
        for (other, line) in &self.waiting {
            if self.closed.contains(other) || self.skill(agent, other).is_none() || priority(other) < priority(queue) {
                continue;
            }
            let all = self.settings.queues.get(other).is_some_and(|about| about.strategy == Strategy::RingAll);
            for earlier in line {
                if *earlier == waiter || (other == queue && !before(line, *earlier, waiter)) {
                    break;
                }
                let offers = self.offers.values().filter(|offer| offer.waiter == *earlier);
                let (mut offers, taken) = (offers.clone(), offers.clone().any(|offer| offer.accepted));
                let free = if all { !taken } else { offers.next().is_none() };
                let cooled = self.cooled(agent, *earlier).is_none_or(|at| at + COOL_DOWN <= self.now);
                // Of equal importance in two lines: whoever entered first, which the naive reading does not compare.
                let more = other == queue || priority(other) > priority(queue);
                if more && free && cooled && self.could_take(agent, other, *earlier) && self.alone(agent, *earlier) {
                    return Err(format!("{earlier:?} in {other} comes before {waiter:?} in {queue} for {agent}"));
                }
            }
        }
        Ok(())
    }

    /// Nobody else would be asked for that call before this agent.
    fn alone(&self, agent: &AgentName, waiter: Waiter) -> bool {
        self.cooled(agent, waiter).is_none()
    }

    /// The house shows the lines, places and offers as they were told.
    fn agrees_with(&mut self, board: &Switchboard) -> Result<(), String> {
        for (queue, line) in &self.waiting {
            let shown = board.queue(queue).map(|view| view.waiting).unwrap_or_default();
            let shown: Vec<Waiter> = shown.into_iter().map(|(call, who, _)| (call, who)).collect();
            if shown != *line && self.settings.queues.contains_key(queue) {
                return Err(format!("{queue}: {shown:?} is shown, {line:?} told"));
            }
            for (at, waiter) in line.iter().enumerate() {
                if self.places.get(waiter).map(|place| *place as usize) != Some(at + 1) {
                    return Err(format!("{waiter:?} stands at {} and was told {:?}", at + 1, self.places.get(waiter)));
                }
                let person = board.call(waiter.0).and_then(|call| call.participant(waiter.1).cloned());
                if person.is_none_or(|person| person.agent.is_some() || person.legs.iter().any(|leg| leg.live)) {
                    return Err(format!("{waiter:?} waits in {queue} and is nobody, or is served"));
                }
            }
        }
        let shown: BTreeSet<ReservationId> = board.reservations().map(|offer| offer.id).collect();
        if shown != self.offers.keys().copied().collect() {
            return Err(format!("offers: {shown:?} are shown, {:?} told", self.offers.keys()));
        }
        if let Some((id, _)) = self.offers.iter().find(|(_, offer)| !offer.accepted && offer.until < self.now) {
            return Err(format!("{id} goes on after its time"));
        }
        for offer in self.offers.values().filter(|offer| !offer.accepted) {
            if self.states.get(&offer.agent) != Some(&AgentState::Reserved) {
                return Err(format!("{} is offered a call and is {:?}", offer.agent, self.states.get(&offer.agent)));
            }
            if self.paused.contains(&offer.agent) {
                return Err(format!("{} paused and is offered a call", offer.agent));
            }
        }
        for view in board.agents() {
            if self.states.get(&view.name).copied().unwrap_or(AgentState::Offline) != view.state {
                return Err(format!("{} is shown {:?}", view.name, view.state));
            }
            self.is_told_in_time(view.name, (view.phones, view.availability))?;
        }
        let exits: u64 = self.exits.values().sum();
        let open: usize = self.waiting.values().map(Vec::len).sum();
        let ends: u64 = self.ends.values().sum();
        if self.entered != exits + open as u64 || self.offered != ends + self.offers.len() as u64 {
            return Err("counts do not add up".to_owned());
        }
        Ok(())
    }

    /// Whatever is shown of an agent besides the state is told when it changes, and not again when it does not.
    fn is_told_in_time(&mut self, agent: AgentName, now: (u32, Availability)) -> Result<(), String> {
        let before = self.shown.insert(agent.clone(), now).unwrap_or((0, Availability::Ready));
        if before != now && !self.told.contains(&agent) {
            return Err(format!("{agent} has {now:?} after {before:?}, and nobody is told"));
        }
        if before == now && self.repeated.contains(&agent) {
            return Err(format!("{agent} is told twice"));
        }
        Ok(())
    }

    /// No call waits that a ready agent could have.
    fn nobody_is_kept_waiting(&self, board: &Switchboard) -> Result<(), String> {
        for (queue, line) in self.waiting.iter().filter(|(queue, _)| !self.closed.contains(*queue)) {
            for waiter in line.iter().filter(|waiter| !self.offers.values().any(|offer| offer.waiter == **waiter)) {
                let present: Vec<AgentName> = board.call(waiter.0).map(agents_in).unwrap_or_default();
                let idle = self.settings.agents.keys().find(|agent| {
                    self.could_take(agent, queue, *waiter)
                        && !present.contains(agent)
                        && self.cooled(agent, *waiter).is_none_or(|at| at + COOL_DOWN <= self.now)
                });
                if let Some(agent) = idle {
                    return Err(format!("{agent} is ready and {waiter:?} waits in {queue}"));
                }
            }
        }
        Ok(())
    }

    /// Every customer without an agent waits for one, is rung for, or hears the announcement.
    fn nobody_is_lost(&self, call: &CallView, board: &Switchboard) -> Result<(), String> {
        let served = call.participants.iter().any(|person| {
            // A second line that is not answered yet is somebody's who is there.
            let here = person.legs.iter().any(|leg| leg.live || !leg.leg.is_rung());
            matches!(person.role, Role::Agent | Role::Outside) && here
        });
        if call.room.is_some() || served {
            return Ok(());
        }
        let masks = board.masks(call.id);
        for person in call.participants.iter().filter(|person| person.role == Role::Customer) {
            for leg in person.legs.iter().filter(|leg| leg.live) {
                let ears = masks.and_then(|masks| masks.get(&leg.leg)).map(|mask| &mask.ears);
                let mut others = call.participants.iter().flat_map(|person| &person.legs);
                let cared = match ears {
                    Some(Ears::Queue(_) | Ears::Announcement | Ears::Nothing | Ears::Echo) => true,
                    Some(Ears::Ringback) => others.any(|other| !other.live && other.leg.is_rung()),
                    _ => false,
                };
                if !cared {
                    return Err(format!("{}: {} hears {ears:?} and nobody is there", call.id, person.who));
                }
                let queued = matches!(ears, Some(Ears::Queue(_)));
                if queued && (person.status != Status::Queued || person.queue.is_none()) && !person.on_hold_by_somebody
                {
                    return Err(format!("{}: {} waits and is shown {:?}", call.id, person.who, person.status));
                }
            }
        }
        Ok(())
    }

    pub fn is_open(&self, to: &Destination) -> bool {
        matches!(to, Destination::Queue(queue) if !self.closed.contains(queue))
    }
}

fn before(line: &[Waiter], one: Waiter, other: Waiter) -> bool {
    let at = |waiter| line.iter().position(|here| *here == waiter);
    at(one) < at(other)
}

fn agents_in(call: CallView) -> Vec<AgentName> {
    call.participants.into_iter().filter_map(|person| person.agent).collect()
}
