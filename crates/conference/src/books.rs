//! What the switchboard knows beyond one call: which call a leg is in, in which calls an agent is, the counters.
//!
//! And the [`Desk`]: what a call is lent while it reacts. It holds no rule.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::agent::Seats;
use crate::floor::Floor;
use crate::ids::{AgentName, CallId, LegId};
use crate::moment::Moment;
use crate::pins::Pins;
use crate::reaction::Reaction;
use crate::settings::Settings;

/// How many completed joins are remembered, so that a repeated REFER is absorbed.
const JOINS_REMEMBERED: usize = 64;

/// How an agent comes to be in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seat {
    /// Whether others put them on it.
    pub(crate) put_on: bool,
    /// Whether they are only rung so far.
    pub(crate) rung: bool,
}

/// Indexes and counters over all calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Books {
    pub(crate) legs: BTreeMap<LegId, CallId>,
    /// The calls of each agent.
    agents: BTreeMap<AgentName, BTreeMap<CallId, Seat>>,
    last_call: u64,
    last_rung: u64,
    /// First lines that are taken to be away, by the second line because of which.
    assumed: BTreeMap<LegId, BTreeSet<LegId>>,
    /// The legs of the last REFERs with Replaces that were carried out.
    joined: VecDeque<(LegId, LegId)>,
    /// Wrong PINs typed at rooms.
    #[serde(default)]
    pub(crate) pins: Pins,
}

impl Books {
    pub(crate) fn next_call(&mut self) -> CallId {
        self.last_call += 1;
        CallId(self.last_call)
    }

    /// The number of the call that began last.
    pub(crate) fn last_call(&self) -> u64 {
        self.last_call
    }

    pub(crate) fn next_rung(&mut self) -> LegId {
        self.last_rung += 1;
        LegId::rung(self.last_rung)
    }

    /// Whether a leg is one that we once rang.
    pub(crate) fn was_rung(&self, leg: LegId) -> bool {
        leg.is_rung() && leg.0 <= LegId::rung(self.last_rung).0
    }

    /// Goes on counting calls after this one.
    pub(crate) fn resume(&mut self, last_call: u64) {
        self.last_call = self.last_call.max(last_call);
    }

    pub(crate) fn note_agent(&mut self, agent: &AgentName, call: CallId, seat: Seat) {
        self.agents.entry(agent.clone()).or_default().insert(call, seat);
    }

    /// An agent who was rung is in the call.
    pub(crate) fn agent_answered(&mut self, agent: &AgentName, call: CallId) {
        if let Some(seat) = self.agents.get_mut(agent).and_then(|calls| calls.get_mut(&call)) {
            seat.rung = false;
        }
    }

    /// Whether an agent is in any call, and whether they are rung.
    pub(crate) fn seats(&self, agent: &AgentName) -> Seats {
        let seats = || self.agents.get(agent).into_iter().flat_map(BTreeMap::values);
        Seats { in_call: seats().any(|seat| !seat.rung), rung: seats().any(|seat| seat.rung) }
    }

    pub(crate) fn forget_agent(&mut self, agent: &AgentName, call: CallId) {
        if let Some(calls) = self.agents.get_mut(agent) {
            calls.remove(&call);
            if calls.is_empty() {
                self.agents.remove(agent);
            }
        }
    }

    /// An agent goes on in another call; who put them on a call stays as it was.
    pub(crate) fn move_agent(&mut self, agent: &AgentName, from: CallId, to: CallId) {
        let seat = self.agents.get(agent).and_then(|calls| calls.get(&from)).copied().unwrap_or_default();
        self.forget_agent(agent, from);
        self.note_agent(agent, to, seat);
    }

    pub(crate) fn calls_of(&self, agent: &AgentName) -> Vec<CallId> {
        self.agents.get(agent).map(|calls| calls.keys().copied().collect()).unwrap_or_default()
    }

    /// Whether others may put no further call on an agent.
    pub(crate) fn is_busy(&self, agent: &AgentName, settings: &Settings) -> bool {
        let most = settings.agents.get(agent).map_or(0, |known| known.max_calls);
        let count = self.agents.get(agent).map_or(0, |calls| calls.values().filter(|seat| seat.put_on).count());
        u32::try_from(count).unwrap_or(u32::MAX) >= most
    }

    pub(crate) fn note_join(&mut self, by: LegId, named: LegId) {
        self.joined.push_back((by, named));
        if self.joined.len() > JOINS_REMEMBERED {
            self.joined.pop_front();
        }
    }

    /// Whether this very join was carried out already.
    pub(crate) fn was_joined(&self, by: LegId, named: LegId) -> bool {
        self.joined.iter().any(|pair| *pair == (by, named) || *pair == (named, by))
    }

    /// `first` is taken to be away because `second` arrived.
    pub(crate) fn assume_away(&mut self, first: LegId, second: LegId) {
        self.assumed.entry(second).or_default().insert(first);
    }

    /// A second line ended: the calls of the legs that were taken to be away because of it, with those legs.
    pub(crate) fn end_assumption(&mut self, second: LegId) -> Vec<(CallId, LegId)> {
        let firsts = self.assumed.remove(&second).unwrap_or_default();
        firsts.into_iter().filter_map(|first| Some((*self.legs.get(&first)?, first))).collect()
    }

    /// A leg that is taken to be away goes on under another name.
    pub(crate) fn rename_first(&mut self, old: LegId, new: LegId) {
        for firsts in self.assumed.values_mut() {
            if firsts.remove(&old) {
                firsts.insert(new);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.legs.is_empty() && self.agents.is_empty() && self.assumed.is_empty()
    }
}

/// What a call is lent while it reacts to one input.
pub(crate) struct Desk<'a> {
    pub(crate) now: Moment,
    pub(crate) settings: &'a Settings,
    pub(crate) books: &'a mut Books,
    pub(crate) floor: &'a mut Floor,
    pub(crate) out: &'a mut Reaction,
}

impl Desk<'_> {
    /// An agent is in a call, or rung for it.
    pub(crate) fn seat(&mut self, agent: &AgentName, call: CallId, seat: Seat) {
        self.books.note_agent(agent, call, seat);
        self.out.agents.insert(agent.clone());
    }

    /// An agent who was rung answered.
    pub(crate) fn answered(&mut self, agent: &AgentName, call: CallId) {
        self.books.agent_answered(agent, call);
        self.out.agents.insert(agent.clone());
    }

    /// An agent is not in a call any more.
    pub(crate) fn unseat(&mut self, agent: &AgentName, call: CallId) {
        self.books.forget_agent(agent, call);
        self.out.agents.insert(agent.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::AgentSettings;

    #[test]
    fn only_calls_that_others_put_on_an_agent_make_them_busy() {
        let bob = AgentName("bob".to_owned());
        let mut settings = Settings::default();
        let known = AgentSettings { display_name: String::new(), max_calls: 1, ..AgentSettings::default() };
        settings.agents.insert(bob.clone(), known);
        let mut books = Books::default();
        books.note_agent(&bob, CallId(1), Seat::default());
        assert!(!books.is_busy(&bob, &settings));
        books.note_agent(&bob, CallId(2), Seat { put_on: true, rung: true });
        assert!(books.is_busy(&bob, &settings));
        books.move_agent(&bob, CallId(2), CallId(3));
        assert!(books.is_busy(&bob, &settings));
        assert_eq!(books.seats(&bob), Seats { in_call: true, rung: true });
        books.agent_answered(&bob, CallId(3));
        assert_eq!(books.seats(&bob), Seats { in_call: true, rung: false });
        books.forget_agent(&bob, CallId(3));
        assert!(!books.is_busy(&bob, &settings));
    }

    #[test]
    fn the_last_joins_are_remembered_and_no_more() {
        let mut books = Books::default();
        for n in 0..100 {
            books.note_join(LegId(n), LegId(n + 1000));
        }
        assert!(books.was_joined(LegId(1099), LegId(99)) && !books.was_joined(LegId(0), LegId(1000)));
    }

    #[test]
    fn what_was_assumed_because_of_a_leg_ends_with_it() {
        let mut books = Books::default();
        books.legs.insert(LegId(1), CallId(7));
        books.assume_away(LegId(1), LegId(2));
        assert_eq!(books.end_assumption(LegId(2)), [(CallId(7), LegId(1))]);
        assert!(books.end_assumption(LegId(2)).is_empty());
    }
}
