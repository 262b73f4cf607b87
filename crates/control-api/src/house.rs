//! What the API may ask of the house it stands in, and what it is told. The daemon answers; a test may as well.
//!
//! Every answer to a command comes once the masks are in force. Nothing here decides anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use conference::record::{AgentTotals, AudibilityHistory, CallRecord, Quality};
use conference::{
    AgentName, AgentView, Allowed, CallId, CallView, Command, Destination, Event, LegId, ParticipantId, QueueView,
    Refusal, ReservationView,
};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::limits::{EVENTS, PATIENCE};

/// Where an answer goes.
pub type Reply<T> = oneshot::Sender<T>;

/// An event with its place in the order of all events. Numbers rise by one, and go on rising after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its number.
    pub seq: u64,
    /// When, in microseconds of Unix time.
    pub at: i64,
    /// What.
    pub event: Event,
}

/// A call with what only the edges know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct CallSheet {
    /// As the core shows it.
    pub view: CallView,
    /// When it began, in microseconds of Unix time.
    pub started_at: i64,
    /// The SIP address of everybody, for people: `sip:alice@baton.local`.
    pub addresses: BTreeMap<ParticipantId, String>,
    /// How each leg sounds.
    pub quality: BTreeMap<LegId, Quality>,
    /// What the asking agent could ask now, and why not if not; empty for the operator.
    pub allowed: Vec<Allowed>,
}

/// Everything at one place in the order of events.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The number of the last event that is part of it.
    pub seq: u64,
    /// The calls, oldest first.
    pub calls: Vec<CallSheet>,
    /// The agents, by name.
    pub agents: Vec<AgentView>,
    /// The queues, by name.
    pub queues: Vec<QueueView>,
    /// The offers.
    pub reservations: Vec<ReservationView>,
    /// The extensions of agents and queues, by name.
    pub extensions: BTreeMap<String, String>,
    /// The moment 0 of the core, in microseconds of Unix time.
    pub epoch: i64,
}

/// Calls at one place in the order of events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calls {
    /// The number of the last event that is part of it.
    pub seq: u64,
    /// The calls, oldest first.
    pub calls: Vec<CallSheet>,
}

/// Who hears whom in a call, now and until now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudibilitySheet {
    /// Now: (listener, speaker), by participant.
    pub now: Vec<(ParticipantId, ParticipantId)>,
    /// The call's media clock now.
    pub sample: Option<u64>,
    /// Everything until now.
    pub history: AudibilityHistory,
}

/// Which records are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only calls in which this agent was.
    pub agent: Option<AgentName>,
    /// Only calls in which this number or name was.
    pub number: Option<String>,
    /// Only calls that waited in this queue.
    pub queue: Option<String>,
    /// Only calls that began at or after, microseconds of Unix time.
    pub from: Option<i64>,
    /// Only calls that began before.
    pub to: Option<i64>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Records a page, 1 to 500.
    pub limit: u32,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page<T> {
    /// What is on it, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<String>,
}

/// Why something that is not a command was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HouseError {
    /// The house is stopping, or a part of it is away: `unavailable`.
    #[error("not available now: {0}")]
    Unavailable(String),
    /// Nothing was heard within [`PATIENCE`]: it may have been done, or be done yet: `unavailable`.
    #[error("no answer in time")]
    NoAnswer,
    /// No such thing: `not_found`.
    #[error("not found")]
    NotFound,
    /// It exists already, or belongs to the settings file: `conflict`.
    #[error("{0}")]
    Conflict(String),
    /// What was said makes no sense: `invalid`; one line for each mistake.
    #[error("{0}")]
    Invalid(String),
}

/// A user in the database, or of the settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// Shown to people.
    pub display_name: String,
    /// What a keypad dials.
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

/// Stands for a password and changes with it. Shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(pub String);

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// Who may log in, each with what stands for their password.
pub type Standing = BTreeMap<AgentName, Credential>;

/// What a login came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Who.
    pub name: AgentName,
    /// The password it was.
    pub credential: Credential,
    /// Whether a supervisor.
    pub supervisor: bool,
}

/// One SIP message, for the ladder. Credentials are left out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// When, in microseconds of Unix time.
    pub at: i64,
    /// Whether we sent it.
    pub sent: bool,
    /// `udp`, `tcp`.
    pub protocol: &'static str,
    /// From or to where.
    pub peer: String,
    /// The call it belongs to, if it is known.
    pub call: Option<CallId>,
    /// Its Call-ID.
    pub call_id: String,
    /// The message, as it was.
    pub text: Bytes,
}

/// Whether the house is ready to take calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether calls are let in.
    pub ready: bool,
    /// Each part and what is wrong with it, if anything is: `signalling`, `media`, `store`.
    pub parts: Vec<(String, Option<String>)>,
}

/// What the API asks.
#[derive(Debug)]
pub enum Ask {
    /// The core is asked for something; the events of its reaction, once they are true.
    Command(Box<Command>, Reply<Result<Vec<Event>, Refusal>>),
    /// Whom a text would reach if an agent dialled it: an extension, a name, a number, or a whole SIP address, whose
    /// host must then be ours.
    LookUp(String, Reply<Destination>),
    /// Everything there is.
    Everything(Reply<Snapshot>),
    /// The calls, oldest first; `asker`: whose `allowed` is wanted, and only the calls the agent is in.
    Calls {
        /// The agent who asks; `None`: the operator.
        asker: Option<AgentName>,
        /// The answer.
        reply: Reply<Calls>,
    },
    /// These agents as they are now, those that exist.
    Agents(Vec<AgentName>, Reply<Vec<AgentView>>),
    /// What these agents did since the service was started, up to now.
    Worked(Vec<AgentName>, Reply<BTreeMap<AgentName, AgentTotals>>),
    /// These queues as they are now, those that exist.
    Queues(Vec<String>, Reply<Vec<QueueView>>),
    /// One call.
    Call {
        /// Which.
        call: CallId,
        /// The agent who asks; `None`: the operator.
        asker: Option<AgentName>,
        /// The answer.
        reply: Reply<Option<CallSheet>>,
    },
    /// Who hears and heard whom, in a live call or one that is over.
    Audibility(CallId, Reply<Result<Option<AudibilitySheet>, HouseError>>),
    /// The record of one call, live or over.
    Record(CallId, Reply<Result<Option<CallRecord>, HouseError>>),
    /// Records.
    History(HistoryQuery, Reply<Result<Page<CallRecord>, HouseError>>),
    /// Whether name and password belong together. Takes as long for unknown names.
    Login {
        /// The name.
        name: String,
        /// The password.
        password: String,
        /// The answer.
        reply: Reply<Option<Known>>,
    },
    /// Messages from here on, of one call or of all.
    Trace(Option<CallId>, Reply<mpsc::Receiver<Traced>>),
    /// No new calls are let in any more (true), or again.
    Drain(bool, Reply<Result<(), HouseError>>),
    /// The settings file is read again.
    Reload(Reply<Result<Vec<String>, HouseError>>),
    /// Users, by name.
    Users(Reply<Result<Vec<User>, HouseError>>),
    /// A new user.
    AddUser {
        /// Who.
        user: User,
        /// Their password.
        password: String,
        /// The answer.
        reply: Reply<Result<(), HouseError>>,
    },
    /// A new password.
    SetPassword {
        /// Whose.
        name: String,
        /// The password.
        password: String,
        /// The answer.
        reply: Reply<Result<(), HouseError>>,
    },
    /// A user goes.
    DeleteUser {
        /// Who.
        name: String,
        /// The answer.
        reply: Reply<Result<(), HouseError>>,
    },
    /// How the house is.
    Health(Reply<Health>),
    /// The numbers, in the text format of Prometheus.
    Metrics(Reply<String>),
}

/// The house, as the API holds it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct House {
    /// Takes what is asked.
    pub asks: mpsc::Sender<Ask>,
    /// Tells what happens, in order. An event is sent here before the answer to a command that led to it.
    pub events: broadcast::Sender<Told>,
    /// Who may log in, as it is now. A login ends when its name is not here any more, or with another password.
    pub standing: watch::Sender<Arc<Standing>>,
}

impl House {
    /// A house that is asked here; nothing has happened in it yet, and nobody may log in until `standing` says so.
    #[must_use]
    pub fn new(asks: mpsc::Sender<Ask>) -> Self {
        Self { asks, events: broadcast::Sender::new(EVENTS), standing: watch::Sender::default() }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// `Unavailable`: the house is stopping; `NoAnswer`: it did not answer within [`PATIENCE`].
    pub async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, HouseError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.asks.send(ask(reply)).await.ok()?;
            answer.await.ok()
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(HouseError::Unavailable("the service is stopping, or it could not be done".to_owned())),
            Err(_) => Err(HouseError::NoAnswer),
        }
    }
}
