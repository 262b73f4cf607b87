//! One queue: who waits in which order, who is ready for it, and who is offered which call next.
//!
//! Two ordered sets answer every question: the tickets in the order of their entry, and the ready agents in the order in
//! which the strategy asks them. It rings nobody, and knows nothing of calls beyond their ids (`floor`, `conference`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{AgentName, CallId, ParticipantId, ReservationId};
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::QueueExit;
use crate::settings::{AgentSettings, QueueSettings, Strategy};

/// How long whoever did not take a call is not offered it again, when nobody else is to be had.
pub(crate) const COOL_DOWN: Duration = Duration::from_secs(5);
/// Agents whom `Strategy::RingAll` rings at once for one call.
pub(crate) const RING_ALL_AT_ONCE: usize = 100;

/// A place in all the lines of the house: whoever entered earlier has the lower number, and keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Ticket(pub(crate) u64);

/// One call that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) call: CallId,
    /// The participant who will be the agent.
    pub(crate) who: ParticipantId,
    pub(crate) since: Moment,
    /// Its place as it was told last, 1 being next.
    pub(crate) position: u32,
    /// The offers that are out.
    pub(crate) offers: BTreeSet<ReservationId>,
    /// Whether an agent said yes by command: then nobody else is offered it, and it waits no longer.
    pub(crate) accepted: bool,
    /// Who was offered the call and did not take it, and when that was.
    missed: BTreeMap<AgentName, Moment>,
    /// When it has waited too long.
    give_up: Option<Moment>,
    /// When its place is said next.
    say_next: Option<Moment>,
    /// When this entry wants to be looked at; kept by `floor`.
    pub(crate) alarm: Option<Moment>,
}

impl Entry {
    pub(crate) fn new(call: CallId, who: ParticipantId, now: Moment, settings: &QueueSettings) -> Self {
        let after = |span: Duration| (!span.is_zero()).then(|| now + span);
        Self {
            call,
            who,
            since: now,
            position: 0,
            offers: BTreeSet::new(),
            accepted: false,
            missed: BTreeMap::new(),
            give_up: after(settings.max_wait),
            say_next: (!settings.position_every.is_zero()).then_some(now),
            alarm: None,
        }
    }

    /// Somebody was offered the call and did not take it.
    pub(crate) fn miss(&mut self, agent: &AgentName, now: Moment) {
        self.missed.insert(agent.clone(), now);
    }

    /// Whether its place is to be said now; if so, when next is noted.
    fn must_say(&mut self, now: Moment, every: Duration) -> bool {
        let due = self.say_next.is_some_and(|next| next <= now);
        if due {
            self.say_next = (!every.is_zero()).then(|| now + every);
        }
        due
    }

    /// When it has to be looked at next.
    fn deadline(&self, now: Moment) -> Option<Moment> {
        let cool = self.missed.values().map(|at| *at + COOL_DOWN).filter(|at| *at > now);
        let give_up = self.give_up.filter(|_| !self.accepted);
        cool.chain(give_up).chain(self.say_next).min()
    }
}

/// Where an agent stands among those who are ready for one queue; the first is asked first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Rank {
    /// What is lacking to the highest skill there could be.
    lacking: u32,
    idle_since: Moment,
    pub(crate) name: AgentName,
}

impl Rank {
    /// An agent's rank in a queue; `None`: they cannot do what it asks for.
    pub(crate) fn of(
        name: &AgentName,
        agent: &AgentSettings,
        idle_since: Moment,
        queue: &QueueSettings,
    ) -> Option<Self> {
        let (lacking, idle_since) = match queue.strategy {
            Strategy::LongestIdle | Strategy::RingAll => (0, idle_since),
            Strategy::RoundRobin => (0, Moment::ZERO),
            Strategy::Skills => {
                let mut has = 0;
                for (skill, least) in &queue.skills {
                    let level = agent.skills.get(skill).filter(|level| *level >= least)?;
                    has += u32::from(*level);
                }
                (u32::MAX - has, idle_since)
            }
        };
        Some(Self { lacking, idle_since, name: name.clone() })
    }
}

/// One queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Its hours are over.
    pub(crate) closed: bool,
    pub(crate) waiting: BTreeMap<Ticket, Entry>,
    pub(crate) ready: BTreeSet<Rank>,
    /// Who serves it.
    pub(crate) serving: BTreeSet<AgentName>,
    /// How many of them have a phone registered.
    pub(crate) registered: u32,
    /// Whom it offered a call last.
    pub(crate) last_offered: Option<AgentName>,
    /// What was told last: waiting, ready, open.
    pub(crate) told: (u32, u32, bool),
}

/// What numbering a line brought up.
#[derive(Default)]
pub(crate) struct Numbered {
    /// Whose place changed.
    pub(crate) moved: Vec<(CallId, ParticipantId, u32)>,
    /// Whose place is to be said.
    pub(crate) said: Vec<(CallId, ParticipantId, u32)>,
    /// Which entries want to be looked at at another time than before: ticket, before, from now on.
    pub(crate) alarms: Vec<(Ticket, Option<Moment>, Option<Moment>)>,
}

impl Line {
    /// Why a call may not wait here; `settings`: none if there is no such queue any more.
    pub(crate) fn turns_away(&self, settings: Option<&QueueSettings>) -> Option<QueueExit> {
        let Some(settings) = settings else { return Some(QueueExit::Closed) };
        if self.closed {
            Some(QueueExit::Closed)
        } else if !settings.wait_when_empty && self.registered == 0 {
            Some(QueueExit::Empty)
        } else {
            None
        }
    }

    /// … or not one more.
    pub(crate) fn refuses_one_more(&self, settings: Option<&QueueSettings>) -> Option<QueueExit> {
        let full = settings.is_some_and(|settings| self.waiting.len() >= settings.max_length as usize);
        self.turns_away(settings).or(full.then_some(QueueExit::Full))
    }

    /// Who has to leave without an agent. A call that rings at somebody's phone may ring on after the queue has closed; one
    /// that an agent accepted stays in any case.
    pub(crate) fn leaving(
        &self,
        now: Moment,
        settings: Option<&QueueSettings>,
    ) -> Vec<(CallId, ParticipantId, QueueExit)> {
        let shut = self.turns_away(settings);
        let leaves = |entry: &Entry| {
            let late = entry.give_up.is_some_and(|at| at <= now) && !entry.accepted;
            let how = if late { Some(QueueExit::TimedOut) } else { shut.filter(|_| entry.offers.is_empty()) };
            how.map(|how| (entry.call, entry.who, how))
        };
        self.waiting.values().filter_map(leaves).collect()
    }

    /// The call that is offered next, and to whom. `may`: whether an agent may be offered a call at all.
    pub(crate) fn next_offer(
        &self,
        now: Moment,
        strategy: Strategy,
        may: impl Fn(&Entry, &AgentName) -> bool,
    ) -> Option<(Ticket, AgentName)> {
        if self.ready.is_empty() || self.closed {
            return None;
        }
        let offered = |(ticket, entry): (&Ticket, &Entry)| {
            let most = if strategy == Strategy::RingAll { RING_ALL_AT_ONCE } else { 1 };
            if entry.accepted || entry.offers.len() >= most {
                return None;
            }
            self.agent_for(now, strategy, entry, &may).map(|agent| (*ticket, agent))
        };
        if broken!(LastComesFirst) {
            return self.waiting.iter().rev().find_map(offered);
        }
        self.waiting.iter().find_map(offered)
    }

    /// Whoever did not take this call is passed over while others are to be had, and asked again after a while if not.
    fn agent_for(
        &self,
        now: Moment,
        strategy: Strategy,
        entry: &Entry,
        may: impl Fn(&Entry, &AgentName) -> bool,
    ) -> Option<AgentName> {
        let mut again = None;
        for rank in self.in_turn(strategy) {
            if !may(entry, &rank.name) {
                continue;
            }
            match entry.missed.get(&rank.name) {
                None => return Some(rank.name.clone()),
                Some(at) if *at + COOL_DOWN <= now => {
                    again.get_or_insert(&rank.name);
                }
                Some(_) => {}
            }
        }
        again.cloned()
    }

    /// The ready agents in the order in which they are asked.
    fn in_turn(&self, strategy: Strategy) -> impl Iterator<Item = &Rank> {
        let last = self.last_offered.as_ref().filter(|_| strategy == Strategy::RoundRobin);
        let last = last.map(|name| Rank { lacking: 0, idle_since: Moment::ZERO, name: name.clone() });
        let (after, until) = match last {
            Some(last) => {
                let after = self.ready.range((std::ops::Bound::Excluded(last.clone()), std::ops::Bound::Unbounded));
                (after, self.ready.range(..=last))
            }
            None => (self.ready.range::<Rank, _>(..), self.ready.range::<Rank, _>(..)),
        };
        let twice = if strategy == Strategy::RoundRobin { usize::MAX } else { 0 };
        after.chain(until.take(twice))
    }

    /// Numbers those who wait.
    pub(crate) fn number(&mut self, now: Moment, every: Duration) -> Numbered {
        let mut numbered = Numbered::default();
        let mut position = 0;
        for (ticket, entry) in &mut self.waiting {
            position += 1;
            if std::mem::replace(&mut entry.position, position) != position {
                numbered.moved.push((entry.call, entry.who, position));
            }
            if entry.must_say(now, every) {
                numbered.said.push((entry.call, entry.who, position));
            }
            let alarm = entry.deadline(now);
            if alarm != entry.alarm {
                numbered.alarms.push((*ticket, std::mem::replace(&mut entry.alarm, alarm), alarm));
            }
        }
        numbered
    }
}
