//! Agents, queues, offers and users as people and programs are shown them.

use conference::record::AgentTotals;
use conference::{AgentName, AgentView, QueueView, ReservationView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Times;
use crate::house;

words! {
    /// What an agent does.
    AgentState {
        /// No phone is registered.
        Offline,
        /// Takes calls from queues.
        Ready,
        /// Does not.
        Paused,
        /// Finishes the last call.
        WrapUp,
        /// Is offered a call, or rung by a caller.
        Reserved,
        /// In a call.
        OnCall,
    }
}

words! {
    /// What an agent says of their availability.
    Availability {
        /// Takes calls from queues.
        Ready,
        /// Does not.
        Paused,
        /// Finishes the last call.
        WrapUp,
    }
}

impl From<Availability> for conference::Availability {
    fn from(said: Availability) -> Self {
        match said {
            Availability::Ready => Self::Ready,
            Availability::Paused => Self::Paused,
            Availability::WrapUp => Self::WrapUp,
        }
    }
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// The name.
    #[schema(example = "alice")]
    pub name: String,
    /// Shown to people.
    pub display_name: String,
    /// What a keypad dials; empty: nothing.
    pub extension: String,
    /// What they do.
    pub state: AgentState,
    /// Since when.
    #[schema(format = DateTime)]
    pub since: String,
    /// What they said last.
    pub availability: Availability,
    /// Phones that are registered.
    pub phones: u32,
    /// The calls they are in; an agent sees their own only.
    pub calls: Vec<String>,
    /// The queues they serve.
    pub queues: Vec<String>,
    /// The call they are offered; an agent sees their own only.
    #[schema(required)]
    pub reservation: Option<Reservation>,
    /// What they did since the service was started. Null in a snapshot, and of others for an agent.
    #[schema(required)]
    pub worked: Option<Worked>,
}

/// What an agent did over all calls since the service was started, in seconds, up to now. The phases of one call do not
/// overlap; of two calls at once both count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Worked {
    /// Calls in which they were live.
    pub calls: u64,
    /// Called and ringing.
    pub ring_s: f64,
    /// Waiting in a queue, or before the door of a room.
    pub queued_s: f64,
    /// Talking, outside any private consult.
    pub talk_s: f64,
    /// On hold, or facing nobody because everybody else is on hold.
    pub hold_s: f64,
    /// In a private consult.
    pub consult_s: f64,
    /// In wrap-up.
    pub wrap_up_s: f64,
}

/// An offer of a waiting call to one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reservation {
    /// Its id.
    #[schema(example = "r-0001")]
    pub id: String,
    /// To whom it is made.
    pub agent: String,
    /// From which queue.
    pub queue: String,
    /// The call.
    pub call: String,
    /// The participant who will be the agent.
    pub participant: String,
    /// When it ends.
    #[schema(format = DateTime)]
    pub until: String,
    /// Whether the agent said yes by command.
    pub accepted: bool,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// The name.
    #[schema(example = "support")]
    pub name: String,
    /// What a keypad dials; empty: nothing.
    pub extension: String,
    /// Whether it is open.
    pub open: bool,
    /// How many calls wait.
    pub length: u32,
    /// The calls that wait, next first. An agent sees their own only; a snapshot leaves them out.
    pub waiting: Vec<Waiting>,
    /// Agents who serve it and are ready.
    pub ready: u32,
    /// Agents who serve it.
    pub agents: Vec<String>,
}

/// A call that waits in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// The call.
    pub call: String,
    /// The participant who will be the agent.
    pub participant: String,
    /// 1: next.
    pub position: u32,
    /// Since when it waits.
    #[schema(format = DateTime)]
    pub since: String,
}

/// Somebody or something that a call can be transferred to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DirectoryEntry {
    /// An agent.
    Agent {
        /// The name.
        name: String,
        /// Shown to people.
        display_name: String,
        /// What a keypad dials; empty: nothing.
        extension: String,
        /// What they do.
        state: AgentState,
        /// Since when.
        #[schema(format = DateTime)]
        since: String,
        /// Whether they are in a call.
        on_call: bool,
    },
    /// A queue.
    Queue {
        /// The name.
        name: String,
        /// What a keypad dials; empty: nothing.
        extension: String,
        /// Whether it is open.
        open: bool,
        /// Calls that wait.
        waiting: u32,
        /// Agents who serve it and are ready.
        ready: u32,
    },
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The name.
    pub name: String,
    /// Shown to people.
    pub display_name: String,
    /// What a keypad dials; empty: nothing.
    pub extension: String,
    /// The queues served.
    pub queues: Vec<String>,
    /// Whether a supervisor.
    pub supervisor: bool,
    /// Calls others may put on them at once.
    pub max_calls: u32,
    /// Whether they stand in the settings file, and can only be changed there.
    pub from_file: bool,
}

impl Agent {
    pub(crate) fn of(view: &AgentView, extension: String, epoch: i64) -> Self {
        Self {
            name: view.name.0.clone(),
            display_name: view.display_name.clone(),
            extension,
            state: view.state.into(),
            since: super::moment(epoch, view.since),
            availability: view.availability.into(),
            phones: view.phones,
            calls: view.calls.iter().map(ToString::to_string).collect(),
            queues: view.queues.clone(),
            reservation: view.reservation.as_ref().map(|offer| Reservation::of(offer, epoch)),
            worked: None,
        }
    }
}

impl Worked {
    pub(crate) fn of(totals: &AgentTotals) -> Self {
        let Times { ring_s, queued_s, talk_s, hold_s, consult_s } = Times::of(&totals.times);
        let wrap_up_s = super::seconds(totals.wrap_up_us);
        Self { calls: totals.calls, ring_s, queued_s, talk_s, hold_s, consult_s, wrap_up_s }
    }
}

impl Agent {
    /// What an agent (`None`: the operator) may see of it: of others, nothing of their calls.
    pub(crate) fn seen_by(mut self, viewer: Option<&AgentName>) -> Self {
        if viewer.is_some_and(|viewer| viewer.0 != self.name) {
            self.calls.clear();
            self.reservation = None;
            self.worked = None;
        }
        self
    }
}

impl Reservation {
    pub(crate) fn of(view: &ReservationView, epoch: i64) -> Self {
        Self {
            id: view.id.to_string(),
            agent: view.agent.0.clone(),
            queue: view.queue.clone(),
            call: view.call.to_string(),
            participant: view.who.to_string(),
            until: super::moment(epoch, view.until),
            accepted: view.accepted,
        }
    }
}

impl Queue {
    pub(crate) fn of(view: &QueueView, extension: String, epoch: i64) -> Self {
        let waiting = view.waiting.iter().zip(1..).map(|((call, who, since), position)| Waiting {
            call: call.to_string(),
            participant: who.to_string(),
            position,
            since: super::moment(epoch, *since),
        });
        Self {
            name: view.name.clone(),
            extension,
            open: view.open,
            length: u32::try_from(view.waiting.len()).unwrap_or(u32::MAX),
            waiting: waiting.collect(),
            ready: view.ready,
            agents: view.agents.iter().map(|agent| agent.0.clone()).collect(),
        }
    }
}

impl User {
    pub(crate) fn of(user: &house::User) -> Self {
        Self {
            name: user.name.clone(),
            display_name: user.display_name.clone(),
            extension: user.extension.clone(),
            queues: user.queues.clone(),
            supervisor: user.supervisor,
            max_calls: user.max_calls,
            from_file: user.from_file,
        }
    }
}
