//! INVITE client transaction, RFC 3261 §17.1.1 as amended by RFC 6026 §7.2.
//!
//! ```text
//!   Calling ---1xx---> Proceeding
//!      |  \               |   \
//!   B: timed out  2xx -> Accepted (M)     300-699 -> Completed (D, ACK to every repeat)
//! ```

use std::time::Duration;

use conference::Moment;

use super::timer::{PATIENCE, Repeat, earlier};

/// Timer A has no upper limit; B ends it long before this.
const NO_LIMIT: Duration = Duration::from_secs(3_600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling { repeat: Option<Repeat>, until: Moment },
    Proceeding,
    Completed { until: Moment },
    Accepted { until: Moment },
    Terminated,
}

/// What a response or a timer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Nothing,
    /// Send the INVITE again.
    Repeat,
    /// Tell the user of the layer.
    Pass,
    /// Send an ACK, and tell.
    AckAndPass,
    /// Send the ACK again.
    Ack,
    /// Nobody answered (timer B).
    TimedOut,
}

/// The machine.
#[derive(Clone, Debug)]
pub(super) struct InviteClient {
    state: State,
    reliable: bool,
}

impl InviteClient {
    pub(super) fn new(now: Moment, reliable: bool) -> Self {
        let repeat = (!reliable).then(|| Repeat::from(now, NO_LIMIT));
        Self { state: State::Calling { repeat, until: now + PATIENCE }, reliable }
    }

    pub(super) fn response(&mut self, now: Moment, status: u16) -> Step {
        match (self.state, status) {
            (State::Calling { .. } | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                Step::Pass
            }
            // RFC 6026 §7.2: timer M; the dialog sends the ACK.
            (State::Calling { .. } | State::Proceeding, 200..=299) => {
                self.state = State::Accepted { until: now + PATIENCE };
                Step::Pass
            }
            (State::Calling { .. } | State::Proceeding, _) => {
                self.state = State::Completed { until: if self.reliable { now } else { now + PATIENCE } };
                Step::AckAndPass
            }
            (State::Accepted { .. }, 200..=299) => Step::Pass,
            (State::Completed { .. }, 300..) => Step::Ack,
            (State::Accepted { .. } | State::Completed { .. } | State::Terminated, _) => Step::Nothing,
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        match self.state {
            State::Calling { repeat, until } => earlier(repeat.map(|repeat| repeat.at()), Some(until)),
            State::Completed { until } | State::Accepted { until } => Some(until),
            State::Proceeding | State::Terminated => None,
        }
    }

    pub(super) fn expire(&mut self, now: Moment) -> Step {
        match &mut self.state {
            State::Calling { until, .. } if *until <= now => {
                self.state = State::Terminated;
                Step::TimedOut
            }
            State::Calling { repeat: Some(repeat), .. } if repeat.at() <= now => {
                repeat.sent(now);
                Step::Repeat
            }
            State::Completed { until } | State::Accepted { until } if *until <= now => {
                self.state = State::Terminated;
                Step::Nothing
            }
            State::Calling { .. }
            | State::Proceeding
            | State::Completed { .. }
            | State::Accepted { .. }
            | State::Terminated => Step::Nothing,
        }
    }

    /// Its flow failed: over at once, unless it was answered.
    pub(super) fn fail(&mut self) -> bool {
        let waiting = matches!(self.state, State::Calling { .. } | State::Proceeding);
        self.state = State::Terminated;
        waiting
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Terminated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment(ms * 1_000)
    }

    #[test]
    fn over_udp_the_invite_is_repeated_until_timer_b() {
        let mut machine = InviteClient::new(at(0), false);
        let mut repeats = Vec::new();
        loop {
            let due = machine.deadline().unwrap_or_default();
            match machine.expire(due) {
                Step::Repeat => repeats.push(due.0 / 1_000),
                Step::TimedOut => break assert_eq!(due, at(32_000)),
                step => panic!("{step:?}"),
            }
        }
        assert_eq!(repeats, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
        assert!(machine.is_over());
    }

    #[test]
    fn over_tcp_nothing_is_repeated() {
        let machine = InviteClient::new(at(0), true);
        assert_eq!(machine.deadline(), Some(at(32_000)));
    }

    #[test]
    fn a_provisional_response_ends_the_repeats_and_the_time_out() {
        let mut machine = InviteClient::new(at(0), false);
        assert_eq!(machine.response(at(10), 180), Step::Pass);
        assert_eq!(machine.deadline(), None);
    }

    #[test]
    fn every_2xx_is_passed_for_64_t1() {
        let mut machine = InviteClient::new(at(0), false);
        assert_eq!(machine.response(at(0), 200), Step::Pass);
        assert_eq!(machine.response(at(100), 200), Step::Pass);
        assert_eq!(machine.response(at(100), 486), Step::Nothing);
        assert_eq!(machine.deadline(), Some(at(32_000)));
        machine.expire(at(32_000));
        assert!(machine.is_over());
    }

    #[test]
    fn a_failure_is_acknowledged_each_time_but_told_once() {
        let mut machine = InviteClient::new(at(0), false);
        assert_eq!(machine.response(at(0), 486), Step::AckAndPass);
        assert_eq!(machine.response(at(50), 486), Step::Ack);
        assert_eq!(machine.response(at(50), 200), Step::Nothing);
    }
}
