//! What everybody may know of agents and queues, and who is in which call: kept up to date by events, so that a search
//! never waits for the switch.
//!
//! It decides nothing: it is a copy. Every event is seen by whoever it concerns, and nobody else; that is worked out here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use conference::{AgentName, AgentView, CallId, Event, ParticipantId, QueueView, ReservationEnd, ReservationId};

use crate::house::{Snapshot, Told};
use crate::shown::{self, Agent, AgentState, Availability, Queue, Reservation};

/// Whom an event concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everybody: presence.
    All,
    /// The operator, and these agents.
    Agents(BTreeSet<AgentName>),
}

impl Audience {
    /// Whether an agent (`None`: the operator) may see it.
    pub(crate) fn has(&self, who: Option<&AgentName>) -> bool {
        match (self, who) {
            (Self::All, _) | (Self::Agents(_), None) => true,
            (Self::Agents(agents), Some(who)) => agents.contains(who),
        }
    }
}

/// An agent, as far as events and look-ups told.
#[derive(Clone, Debug)]
pub(super) struct AgentEntry {
    pub(super) display_name: String,
    pub(super) extension: String,
    pub(super) state: AgentState,
    /// Microseconds of Unix time.
    pub(super) since: i64,
    availability: Availability,
    phones: u32,
    queues: Vec<String>,
    /// Name, display name, extension, in lower case: what a search looks at.
    pub(super) words: [String; 3],
}

/// A queue, as far as events told.
#[derive(Clone, Debug)]
pub(super) struct QueueEntry {
    pub(super) extension: String,
    pub(super) open: bool,
    pub(super) waiting: u32,
    pub(super) ready: u32,
    agents: Vec<String>,
    pub(super) words: [String; 3],
}

/// The copy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mirror {
    pub(super) agents: BTreeMap<String, AgentEntry>,
    pub(super) queues: BTreeMap<String, QueueEntry>,
    extensions: BTreeMap<String, String>,
    epoch: i64,
    members: HashMap<CallId, HashMap<ParticipantId, AgentName>>,
    /// Who was in a call that goes on: they are told that it ended.
    parted: HashMap<CallId, BTreeSet<AgentName>>,
    calls: HashMap<AgentName, BTreeSet<CallId>>,
    reservations: BTreeMap<ReservationId, Offer>,
}

#[derive(Clone, Debug)]
struct Offer {
    shown: Reservation,
    agent: AgentName,
    call: CallId,
    who: ParticipantId,
}

impl Mirror {
    /// Everything anew.
    pub(crate) fn replace(&mut self, all: &Snapshot) {
        *self = Self::default();
        for sheet in &all.calls {
            for person in &sheet.view.participants {
                if let Some(agent) = &person.agent {
                    self.enter(sheet.view.id, person.who, agent.clone());
                }
            }
        }
        for view in &all.reservations {
            let offer = Offer {
                shown: Reservation::of(view, all.epoch),
                agent: view.agent.clone(),
                call: view.call,
                who: view.who,
            };
            self.reservations.insert(view.id, offer);
        }
        self.renew(all);
    }

    /// Agents, queues and extensions anew; calls go on.
    pub(crate) fn renew(&mut self, all: &Snapshot) {
        self.epoch = all.epoch;
        self.extensions.clone_from(&all.extensions);
        self.agents.clear();
        self.queues.clear();
        for view in &all.agents {
            self.put_agent(view);
        }
        for view in &all.queues {
            self.put_queue(view);
        }
    }

    /// Agents as they are now.
    pub(crate) fn correct(&mut self, views: &[AgentView]) {
        for view in views {
            if let Some(entry) = self.agents.get_mut(&view.name.0) {
                entry.availability = view.availability.into();
                entry.phones = view.phones;
                entry.queues.clone_from(&view.queues);
            }
        }
    }

    /// Takes an event in: whom it concerns.
    pub(crate) fn follow(&mut self, told: &Told) -> Audience {
        let mut audience = self.audience(&told.event);
        self.apply(told);
        if let (Audience::Agents(agents), Some(call)) = (&mut audience, told.event.call())
            && !is_offer(&told.event)
            && !matches!(told.event, Event::TalkChanged { .. })
        {
            agents.extend(self.in_call(call));
        }
        audience
    }

    /// Whether an event speaks of somebody who is not here yet.
    pub(crate) fn misses(&self, event: &Event) -> bool {
        if let Event::AgentChanged { agent, .. } = event {
            return !self.agents.contains_key(&agent.0);
        }
        matches!(event, Event::QueueChanged { queue, .. } if !self.queues.contains_key(queue))
    }

    /// The moment 0 of the core, in microseconds of Unix time.
    pub(crate) const fn epoch(&self) -> i64 {
        self.epoch
    }

    pub(crate) fn extension(&self, name: &str) -> String {
        self.extensions.get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn agent_names(&self) -> impl Iterator<Item = &String> {
        self.agents.keys()
    }

    pub(crate) fn queue_names(&self) -> impl Iterator<Item = &String> {
        self.queues.keys()
    }

    pub(crate) fn is_on_call(&self, agent: &str) -> bool {
        self.calls.get(&AgentName(agent.to_owned())).is_some_and(|calls| !calls.is_empty())
    }

    pub(crate) fn is_in_call(&self, agent: &AgentName, call: &str) -> bool {
        self.calls.get(agent).is_some_and(|calls| calls.iter().any(|id| id.to_string() == call))
    }

    /// The agents, by name, as `viewer` may see them.
    pub(crate) fn shown_agents(&self, viewer: Option<&AgentName>) -> Vec<Agent> {
        let mut offers: HashMap<&AgentName, &Reservation> = HashMap::new();
        for offer in self.reservations.values() {
            offers.insert(&offer.agent, &offer.shown);
        }
        let shown = self.agents.iter().map(|(name, entry)| {
            let agent = AgentName(name.clone());
            let calls = self.calls.get(&agent).into_iter().flatten().map(ToString::to_string).collect();
            let whole = Agent {
                name: name.clone(),
                display_name: entry.display_name.clone(),
                extension: entry.extension.clone(),
                state: entry.state,
                since: shown::time(entry.since),
                availability: entry.availability,
                phones: entry.phones,
                calls,
                queues: entry.queues.clone(),
                reservation: offers.get(&agent).map(|offer| (*offer).clone()),
                worked: None,
            };
            whole.seen_by(viewer)
        });
        shown.collect()
    }

    /// The queues, by name, without the calls that wait in them.
    pub(crate) fn shown_queues(&self) -> Vec<Queue> {
        let shown = self.queues.iter().map(|(name, entry)| Queue {
            name: name.clone(),
            extension: entry.extension.clone(),
            open: entry.open,
            length: entry.waiting,
            waiting: Vec::new(),
            ready: entry.ready,
            agents: entry.agents.clone(),
        });
        shown.collect()
    }

    /// The offers that `viewer` may see.
    pub(crate) fn shown_reservations(&self, viewer: Option<&AgentName>) -> Vec<Reservation> {
        let own = |offer: &&Offer| viewer.is_none_or(|viewer| *viewer == offer.agent);
        self.reservations.values().filter(own).map(|offer| offer.shown.clone()).collect()
    }

    fn audience(&self, event: &Event) -> Audience {
        match event {
            Event::AgentChanged { .. } | Event::QueueChanged { .. } | Event::SettingsChanged => Audience::All,
            Event::Reserved { agent, .. }
            | Event::ReservationAccepted { agent, .. }
            | Event::ReservationEnded { agent, .. } => Audience::Agents([agent.clone()].into()),
            Event::TalkChanged { to, .. } => Audience::Agents(to.clone()),
            Event::CallsJoined { call, joined } => {
                Audience::Agents(self.in_call(*call).chain(self.knew(*joined)).collect())
            }
            Event::CallEnded { call } => Audience::Agents(self.knew(*call).collect()),
            Event::Recalling { call, agent } => Audience::Agents(self.in_call(*call).chain([agent.clone()]).collect()),
            Event::CallStarted { .. }
            | Event::ParticipantJoined { .. }
            | Event::StatusChanged { .. }
            | Event::MuteChanged { .. }
            | Event::DirectionChanged { .. }
            | Event::ParticipantLeft { .. }
            | Event::TransferStarted { .. }
            | Event::TransferChanged { .. }
            | Event::TransferEnded { .. }
            | Event::FellBack { .. }
            | Event::BridgedByPhone { .. }
            | Event::QueueEntered { .. }
            | Event::QueueMoved { .. }
            | Event::QueueLeft { .. }
            | Event::VolumeChanged { .. }
            | Event::LockChanged { .. }
            | Event::PinTyped { .. } => {
                Audience::Agents(event.call().map(|call| self.in_call(call)).into_iter().flatten().collect())
            }
        }
    }

    fn apply(&mut self, told: &Told) {
        match &told.event {
            Event::ParticipantJoined { call, who, agent: Some(agent), .. } => self.enter(*call, *who, agent.clone()),
            Event::ParticipantLeft { call, who, .. } => self.leave(*call, *who),
            Event::CallEnded { call } | Event::CallsJoined { joined: call, .. } => self.end(*call),
            Event::AgentChanged { agent, state } => {
                if let Some(entry) = self.agents.get_mut(&agent.0) {
                    let state_now = (*state).into();
                    if entry.state != state_now {
                        (entry.state, entry.since) = (state_now, told.at);
                    }
                    if *state == conference::AgentState::Offline {
                        entry.phones = 0;
                    }
                }
            }
            Event::QueueChanged { queue, waiting, ready, open } => {
                if let Some(entry) = self.queues.get_mut(queue) {
                    (entry.waiting, entry.ready, entry.open) = (*waiting, *ready, *open);
                }
            }
            Event::Reserved { reservation, agent, queue, call, who, until } => {
                let shown = Reservation {
                    id: reservation.to_string(),
                    agent: agent.0.clone(),
                    queue: queue.clone(),
                    call: call.to_string(),
                    participant: who.to_string(),
                    until: shown::moment(self.epoch, *until),
                    accepted: false,
                };
                self.reservations.insert(*reservation, Offer { shown, agent: agent.clone(), call: *call, who: *who });
            }
            Event::ReservationAccepted { reservation, .. } => {
                if let Some(offer) = self.reservations.get_mut(reservation) {
                    offer.shown.accepted = true;
                }
            }
            Event::ReservationEnded { reservation, how, .. } => {
                if let Some(offer) = self.reservations.remove(reservation)
                    && *how == ReservationEnd::Answered
                {
                    self.enter(offer.call, offer.who, offer.agent);
                }
            }
            Event::ParticipantJoined { agent: None, .. }
            | Event::CallStarted { .. }
            | Event::StatusChanged { .. }
            | Event::MuteChanged { .. }
            | Event::DirectionChanged { .. }
            | Event::TransferStarted { .. }
            | Event::TransferChanged { .. }
            | Event::TransferEnded { .. }
            | Event::Recalling { .. }
            | Event::FellBack { .. }
            | Event::BridgedByPhone { .. }
            | Event::SettingsChanged
            | Event::QueueEntered { .. }
            | Event::QueueMoved { .. }
            | Event::QueueLeft { .. }
            | Event::VolumeChanged { .. }
            | Event::TalkChanged { .. }
            | Event::LockChanged { .. }
            | Event::PinTyped { .. } => {}
        }
    }

    fn in_call(&self, call: CallId) -> impl Iterator<Item = AgentName> {
        self.members.get(&call).into_iter().flat_map(HashMap::values).cloned()
    }

    /// Who is in a call, and who was.
    fn knew(&self, call: CallId) -> impl Iterator<Item = AgentName> {
        self.in_call(call).chain(self.parted.get(&call).into_iter().flatten().cloned())
    }

    fn enter(&mut self, call: CallId, who: ParticipantId, agent: AgentName) {
        self.calls.entry(agent.clone()).or_default().insert(call);
        self.members.entry(call).or_default().insert(who, agent);
    }

    fn leave(&mut self, call: CallId, who: ParticipantId) {
        let Some(members) = self.members.get_mut(&call) else { return };
        let Some(agent) = members.remove(&who) else { return };
        if !members.values().any(|other| *other == agent) {
            self.forget(&agent, call);
            self.parted.entry(call).or_default().insert(agent);
        }
    }

    fn end(&mut self, call: CallId) {
        self.parted.remove(&call);
        for agent in self.members.remove(&call).unwrap_or_default().into_values() {
            self.forget(&agent, call);
        }
    }

    fn forget(&mut self, agent: &AgentName, call: CallId) {
        if let Some(calls) = self.calls.get_mut(agent) {
            calls.remove(&call);
            if calls.is_empty() {
                self.calls.remove(agent);
            }
        }
    }

    fn put_agent(&mut self, view: &AgentView) {
        let extension = self.extension(&view.name.0);
        let words = [view.name.0.to_lowercase(), view.display_name.to_lowercase(), extension.to_lowercase()];
        let entry = AgentEntry {
            display_name: view.display_name.clone(),
            extension,
            state: view.state.into(),
            since: self.epoch.saturating_add(i64::try_from(view.since.0).unwrap_or(i64::MAX)),
            availability: view.availability.into(),
            phones: view.phones,
            queues: view.queues.clone(),
            words,
        };
        self.agents.insert(view.name.0.clone(), entry);
    }

    fn put_queue(&mut self, view: &QueueView) {
        let extension = self.extension(&view.name);
        let words = [view.name.to_lowercase(), String::new(), extension.to_lowercase()];
        let entry = QueueEntry {
            extension,
            open: view.open,
            waiting: u32::try_from(view.waiting.len()).unwrap_or(u32::MAX),
            ready: view.ready,
            agents: view.agents.iter().map(|agent| agent.0.clone()).collect(),
            words,
        };
        self.queues.insert(view.name.clone(), entry);
    }
}

/// Whether an event is of one offer alone: not of interest to the others in its call.
const fn is_offer(event: &Event) -> bool {
    matches!(event, Event::Reserved { .. } | Event::ReservationAccepted { .. } | Event::ReservationEnded { .. })
}
