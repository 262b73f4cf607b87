//! What one agent does, and since when: registered phones, what was said of their availability, wrap-up, offers.
//!
//! It does not choose agents for calls (`queue`), and of calls it knows only whether the agent is in one or is rung.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::ReservationId;
use crate::input::Availability;
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::AgentState;

/// Where an agent sits, over all calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seats {
    /// In a call, or calling.
    pub(crate) in_call: bool,
    /// Rung by a caller, a transfer or a queue.
    pub(crate) rung: bool,
}

/// Whether an agent finishes the last call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Wrap {
    #[default]
    No,
    /// Until told otherwise.
    Open,
    /// Until then, or until told otherwise.
    Until(Moment),
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agent {
    /// Phones that are registered.
    pub(crate) phones: u32,
    /// What was said last.
    pub(crate) availability: Availability,
    wrap: Wrap,
    /// The wrap-up that begins once the agent is in no call any more.
    due: Option<Duration>,
    /// The call they are offered.
    pub(crate) reservation: Option<ReservationId>,
    /// What was told last.
    pub(crate) state: AgentState,
    /// Since when.
    pub(crate) since: Moment,
    /// Since the end of the last call, or since they became ready. An offer that was missed changes nothing.
    pub(crate) idle_since: Moment,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            phones: 0,
            availability: Availability::Ready,
            wrap: Wrap::No,
            due: None,
            reservation: None,
            state: AgentState::Offline,
            since: Moment::ZERO,
            idle_since: Moment::ZERO,
        }
    }
}

impl Agent {
    /// Somebody says what the agent's availability is. A wrap-up that runs is over; one that is due after a call stays
    /// due.
    pub(crate) fn say(&mut self, availability: Availability, in_call: bool) {
        self.wrap = Wrap::No;
        self.availability = availability;
        if !in_call {
            self.due = None;
        }
    }

    /// The agent took a call of a queue with this wrap-up.
    pub(crate) fn owes_wrap_up(&mut self, wrap_up: Duration) {
        if !wrap_up.is_zero() {
            self.due = self.due.max(Some(wrap_up));
        }
    }

    /// Wrap-ups begin and end. `longest`: the longest wrap-up of the agent's queues.
    pub(crate) fn settle(&mut self, now: Moment, seats: Seats, longest: impl FnOnce() -> Option<Duration>) {
        if matches!(self.wrap, Wrap::Until(until) if until <= now) {
            self.wrap = Wrap::No;
            if self.availability == Availability::WrapUp {
                self.availability = Availability::Ready;
            }
        }
        let by_hand = self.availability == Availability::WrapUp && self.wrap == Wrap::No;
        if seats.in_call || (self.due.is_none() && !by_hand) {
            return;
        }
        let due = self.due.take();
        let limit = if by_hand { due.max(longest()) } else { due };
        self.wrap = limit.map_or(Wrap::Open, |limit| Wrap::Until(now + limit));
    }

    /// When the wrap-up is over by itself.
    pub(crate) fn wrap_until(&self) -> Option<Moment> {
        match self.wrap {
            Wrap::Until(until) => Some(until),
            Wrap::No | Wrap::Open => None,
        }
    }

    /// What the agent does.
    pub(crate) fn state_with(&self, seats: Seats) -> AgentState {
        if seats.in_call {
            AgentState::OnCall
        } else if seats.rung || self.reservation.is_some() {
            AgentState::Reserved
        } else if self.phones == 0 {
            AgentState::Offline
        } else if self.wrap != Wrap::No {
            AgentState::WrapUp
        } else {
            match self.availability {
                Availability::Ready => AgentState::Ready,
                Availability::Paused => AgentState::Paused,
                Availability::WrapUp => AgentState::WrapUp,
            }
        }
    }

    /// Whether an offer that is out must be taken back: the agent could not be offered a call now, were it not for it.
    pub(crate) fn is_gone(&self, seats: Seats) -> bool {
        self.phones == 0 || seats.in_call || self.availability != Availability::Ready || self.wrap != Wrap::No
    }

    /// Takes note of what the agent does now; whether that is new.
    pub(crate) fn becomes(&mut self, now: Moment, state: AgentState) -> bool {
        if state == self.state {
            return false;
        }
        let idle = |state| matches!(state, AgentState::Ready | AgentState::Reserved);
        if idle(state) && (!idle(self.state) || broken!(MissedIsIdleAnew)) {
            self.idle_since = now;
        }
        self.state = state;
        self.since = now;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Seats = Seats { in_call: false, rung: false };
    const BUSY: Seats = Seats { in_call: true, rung: false };
    const RUNG: Seats = Seats { in_call: false, rung: true };

    fn second(n: u64) -> Moment {
        Moment(n * 1_000_000)
    }

    fn registered() -> Agent {
        Agent { phones: 1, ..Agent::default() }
    }

    #[test]
    fn a_registered_agent_is_ready_until_told_otherwise() {
        assert_eq!(Agent::default().state_with(FREE), AgentState::Offline);
        let mut agent = registered();
        assert_eq!(agent.state_with(FREE), AgentState::Ready);
        agent.say(Availability::Paused, false);
        assert_eq!(agent.state_with(FREE), AgentState::Paused);
        assert_eq!(agent.state_with(BUSY), AgentState::OnCall);
        assert_eq!(agent.state_with(FREE), AgentState::Paused, "a pause survives calls");
    }

    #[test]
    fn wrap_up_begins_after_the_call_and_ends_by_itself() {
        let mut agent = registered();
        agent.owes_wrap_up(Duration::from_secs(20));
        agent.settle(second(1), BUSY, || None);
        assert_eq!(agent.wrap_until(), None);
        agent.settle(second(5), FREE, || None);
        assert_eq!(agent.state_with(FREE), AgentState::WrapUp);
        assert_eq!(agent.wrap_until(), Some(second(25)));
        agent.settle(second(25), FREE, || None);
        assert_eq!(agent.state_with(FREE), AgentState::Ready);
    }

    #[test]
    fn wrap_up_by_hand_has_the_longest_limit_or_none() {
        let mut agent = registered();
        agent.say(Availability::WrapUp, false);
        agent.settle(second(1), FREE, || Some(Duration::from_secs(9)));
        assert_eq!(agent.wrap_until(), Some(second(10)));
        agent.settle(second(10), FREE, || Some(Duration::from_secs(9)));
        assert_eq!((agent.state_with(FREE), agent.availability), (AgentState::Ready, Availability::Ready));
        agent.say(Availability::WrapUp, false);
        agent.settle(second(11), FREE, || None);
        assert_eq!((agent.state_with(FREE), agent.wrap_until()), (AgentState::WrapUp, None));
        agent.say(Availability::Ready, false);
        agent.settle(second(12), FREE, || None);
        assert_eq!(agent.state_with(FREE), AgentState::Ready);
    }

    #[test]
    fn what_is_said_in_a_call_leaves_the_wrap_up_after_it() {
        let mut agent = registered();
        agent.owes_wrap_up(Duration::from_secs(20));
        agent.say(Availability::Paused, true);
        agent.settle(second(5), FREE, || None);
        assert_eq!(agent.state_with(FREE), AgentState::WrapUp);
        agent.settle(second(25), FREE, || None);
        assert_eq!(agent.state_with(FREE), AgentState::Paused);
    }

    #[test]
    fn a_missed_offer_does_not_change_idleness_and_a_call_does() {
        let mut agent = registered();
        assert!(agent.becomes(second(1), agent.state_with(FREE)));
        assert!(agent.becomes(second(2), agent.state_with(RUNG)));
        assert!(agent.becomes(second(3), agent.state_with(FREE)));
        assert_eq!(agent.idle_since, second(1));
        assert!(agent.becomes(second(4), agent.state_with(BUSY)));
        assert!(agent.becomes(second(5), agent.state_with(FREE)));
        assert_eq!(agent.idle_since, second(5));
        assert!(!agent.becomes(second(6), agent.state_with(FREE)));
    }
}
