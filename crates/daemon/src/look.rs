//! What can be seen of the house from outside, at one place in the order of events. It changes nothing.
//!
//! Whoever looks sees what has been told and nothing else: while a step of some call still waits for the mixer the answer
//! waits too, so that the number of the last event and what is shown belong together.
//!
//! Whoever looks comes after whoever calls: one look at a time, when nothing else is to be done, and then as long a rest as it took.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use conference::record::{AgentTotals, CallRecord};
use conference::{AgentName, AgentView, Allowed, Asker, CallId, CallView, QueueView, ReservationView};
use control_api::AudibilitySheet;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::switch::Switch;

/// How long it is waited for a place where nothing is under way. Then what is shown may be ahead of the events by those
/// that wait for the mixer: they are told after it.
const PATIENCE: Duration = Duration::from_millis(200);

/// So many other things at most are done before somebody who looks and could be answered.
const PASSED_OVER: u32 = 16;

/// What somebody dials, or types where they would dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialled {
    pub(crate) user: String,
    /// Whether its host, if it has one, is ours.
    pub(crate) ours: bool,
}

/// A call, and what the asking agent could ask in it.
pub(crate) type Sight = (CallView, Vec<Allowed>);

/// Calls at one place in the order of events.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) seq: u64,
    pub(crate) epoch: i64,
    pub(crate) calls: Vec<Sight>,
}

/// Everything at one place in the order of events.
#[derive(Debug)]
pub(crate) struct Everything {
    pub(crate) seen: Seen,
    pub(crate) agents: Vec<AgentView>,
    pub(crate) queues: Vec<QueueView>,
    pub(crate) reservations: Vec<ReservationView>,
    pub(crate) extensions: BTreeMap<String, String>,
    /// What all agents did together so far.
    pub(crate) worked: AgentTotals,
}

/// What is asked to be seen.
#[derive(Debug)]
pub(crate) enum Look {
    Everything(oneshot::Sender<Everything>),
    /// All calls; or of an agent those they are in.
    Calls(Option<AgentName>, oneshot::Sender<Seen>),
    /// One call; for an agent only if they are in it.
    Call(CallId, Option<AgentName>, oneshot::Sender<Option<(i64, Sight)>>),
    Agents(Vec<AgentName>, oneshot::Sender<Vec<AgentView>>),
    /// What agents did so far.
    Worked(Vec<AgentName>, oneshot::Sender<BTreeMap<AgentName, AgentTotals>>),
    Queues(Vec<String>, oneshot::Sender<Vec<QueueView>>),
    /// The record of a call that goes on.
    Record(CallId, oneshot::Sender<Option<CallRecord>>),
    /// Who hears whom in a call that goes on.
    Audibility(CallId, oneshot::Sender<Option<AudibilitySheet>>),
}

/// Those who look and wait.
#[derive(Debug, Default)]
pub(crate) struct Onlookers {
    waiting: VecDeque<(Instant, Look)>,
    /// Nobody is answered before: the last look took so long that others must get their turn.
    rest: Option<Instant>,
    /// What was done while somebody waited.
    passed_over: u32,
}

impl Switch {
    /// Somebody looks. They are answered by [`Self::show`].
    pub(crate) fn look(&mut self, look: Look) {
        self.onlookers.waiting.push_back((Instant::now() + PATIENCE, look));
    }

    /// From when on the next who looks can be answered; `None`: nobody looks.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let (until, _) = self.onlookers.waiting.front()?;
        let ready = if self.carry.waits() { *until } else { Instant::now() };
        Some(self.onlookers.rest.map_or(ready, |rest| rest.max(ready)))
    }

    /// Whether the next who looks was passed over often enough.
    pub(crate) fn must_show(&self) -> bool {
        self.onlookers.passed_over >= PASSED_OVER && self.next_look().is_some_and(|from| from <= Instant::now())
    }

    /// Something else was done.
    pub(crate) fn pass_over(&mut self) {
        let waits = !self.onlookers.waiting.is_empty();
        self.onlookers.passed_over = if waits { self.onlookers.passed_over.saturating_add(1) } else { 0 };
    }

    /// Answers the next who looks.
    pub(crate) fn show(&mut self) {
        let Some((_, look)) = self.onlookers.waiting.pop_front() else { return };
        let begun = Instant::now();
        self.answer_look(look);
        let over = Instant::now();
        self.onlookers.rest = Some(over + over.duration_since(begun));
        self.onlookers.passed_over = 0;
    }

    /// Whoever asked may have gone meanwhile.
    fn answer_look(&self, look: Look) {
        match look {
            Look::Everything(reply) => _ = reply.send(self.everything()),
            Look::Calls(asker, reply) => _ = reply.send(self.seen(asker.as_ref())),
            Look::Call(call, asker, reply) => {
                let sight = self.sight(call, asker.as_ref());
                _ = reply.send(sight.map(|sight| (self.clock.epoch(), sight)));
            }
            Look::Agents(names, reply) => {
                _ = reply.send(names.iter().filter_map(|name| self.board.agent(name)).collect());
            }
            Look::Worked(agents, reply) => {
                _ = reply.send(self.carry.book.worked(&agents, self.clock.now()));
            }
            Look::Queues(names, reply) => {
                _ = reply.send(names.iter().filter_map(|name| self.board.queue(name)).collect());
            }
            Look::Record(call, reply) => _ = reply.send(self.carry.book.record(call, self.clock.now())),
            Look::Audibility(call, reply) => _ = reply.send(self.audibility(call)),
        }
    }

    fn everything(&self) -> Everything {
        Everything {
            seen: self.seen(None),
            agents: self.board.agents().collect(),
            queues: self.board.queues().collect(),
            reservations: self.board.reservations().collect(),
            extensions: self.extensions.clone(),
            worked: self.carry.book.worked_together(self.clock.now()),
        }
    }

    fn seen(&self, asker: Option<&AgentName>) -> Seen {
        let ids: Vec<CallId> = match asker {
            Some(agent) => self.board.calls_of(agent),
            None => self.board.call_ids().collect(),
        };
        Seen {
            seq: self.carry.teller.last(),
            epoch: self.clock.epoch(),
            calls: ids.into_iter().filter_map(|call| self.sight(call, asker)).collect(),
        }
    }

    fn sight(&self, call: CallId, asker: Option<&AgentName>) -> Option<Sight> {
        let mut view = self.board.call(call)?;
        let allowed = match asker {
            Some(agent) if !self.board.calls_of(agent).contains(&call) => return None,
            Some(agent) => self.board.allowed(call, &Asker::Agent(agent.clone()), self.clock.now()),
            None => Vec::new(),
        };
        if let Some(agent) = asker {
            for person in &mut view.participants {
                person.talks &= person.talks_to.contains(agent);
            }
        }
        Some((view, allowed))
    }

    fn audibility(&self, call: CallId) -> Option<AudibilitySheet> {
        let history = self.carry.book.audibility(call)?;
        let now = self.carry.mixer.audibility(call);
        let pairs = now.iter().flat_map(|now| {
            let person = |leg| now.masks.iter().find(|mask| mask.leg == leg).map(|mask| mask.person);
            now.pairs()
                .filter_map(move |(listener, speaker)| Some((person(listener)?, person(speaker)?)))
                .collect::<Vec<_>>()
        });
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_unstable();
        pairs.dedup();
        Some(AudibilitySheet { now: pairs, sample: self.carry.mixer.media_clock(call), history })
    }
}
