//! INVITE server transaction, RFC 3261 §17.2.1 as amended by RFC 6026 §7.1.
//!
//! ```text
//!   Proceeding ---2xx---> Accepted (L)
//!       |
//!    300-699 -> Completed (G, H) ---ACK---> Confirmed (I)
//! ```

use conference::Moment;

use super::timer::{PATIENCE, Repeat, T2, T4, earlier};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    Accepted { until: Moment },
    Completed { repeat: Option<Repeat>, until: Moment },
    Confirmed { until: Moment },
    Terminated,
}

/// What a message or a timer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing; the message is absorbed.
    Nothing,
    /// Send the last response again.
    Repeat,
    /// Tell the user of the layer (an ACK to a 2xx on the INVITE's own branch).
    Pass,
    /// No ACK came (timer H).
    Unanswered,
}

/// The machine.
#[derive(Clone, Debug)]
pub(super) struct InviteServer {
    state: State,
    reliable: bool,
}

impl InviteServer {
    pub(super) fn new(reliable: bool) -> Self {
        Self { state: State::Proceeding, reliable }
    }

    /// The INVITE came again.
    pub(super) fn repeated(&self) -> Step {
        match self.state {
            State::Proceeding | State::Completed { .. } => Step::Repeat,
            // RFC 6026 §7.1: absorbed; the dialog repeats its 2xx by its own timers.
            State::Accepted { .. } | State::Confirmed { .. } | State::Terminated => Step::Nothing,
        }
    }

    /// The user of the layer responds; false if the machine takes no response now.
    pub(super) fn respond(&mut self, now: Moment, status: u16) -> bool {
        match (self.state, status) {
            (State::Proceeding, 100..=199) => true,
            (State::Proceeding, 200..=299) => {
                self.state = State::Accepted { until: now + PATIENCE };
                true
            }
            (State::Proceeding, _) => {
                let repeat = (!self.reliable).then(|| Repeat::from(now, T2));
                self.state = State::Completed { repeat, until: now + PATIENCE };
                true
            }
            (State::Accepted { .. }, 200..=299) => true,
            (State::Accepted { .. } | State::Completed { .. } | State::Confirmed { .. } | State::Terminated, _) => {
                false
            }
        }
    }

    pub(super) fn ack(&mut self, now: Moment) -> Step {
        match self.state {
            State::Completed { .. } => {
                self.state = State::Confirmed { until: if self.reliable { now } else { now + T4 } };
                Step::Nothing
            }
            State::Accepted { .. } => Step::Pass,
            State::Proceeding | State::Confirmed { .. } | State::Terminated => Step::Nothing,
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        match self.state {
            State::Completed { repeat, until } => earlier(repeat.map(|repeat| repeat.at()), Some(until)),
            State::Accepted { until } | State::Confirmed { until } => Some(until),
            State::Proceeding | State::Terminated => None,
        }
    }

    pub(super) fn expire(&mut self, now: Moment) -> Step {
        match &mut self.state {
            State::Completed { until, .. } if *until <= now => {
                self.state = State::Terminated;
                Step::Unanswered
            }
            State::Completed { repeat: Some(repeat), .. } if repeat.at() <= now => {
                repeat.sent(now);
                Step::Repeat
            }
            State::Accepted { until } | State::Confirmed { until } if *until <= now => {
                self.state = State::Terminated;
                Step::Nothing
            }
            State::Proceeding
            | State::Accepted { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Terminated => Step::Nothing,
        }
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
    fn a_failure_is_repeated_until_the_ack() {
        let mut machine = InviteServer::new(false);
        assert!(machine.respond(at(0), 486));
        assert_eq!(machine.expire(at(500)), Step::Repeat);
        assert_eq!(machine.deadline(), Some(at(1_500)));
        assert_eq!(machine.ack(at(600)), Step::Nothing);
        assert_eq!(machine.deadline(), Some(at(5_600)));
        machine.expire(at(5_600));
        assert!(machine.is_over());
    }

    #[test]
    fn without_an_ack_it_ends_with_timer_h() {
        let mut machine = InviteServer::new(true);
        assert!(machine.respond(at(0), 486));
        assert_eq!(machine.deadline(), Some(at(32_000)), "nothing is repeated over TCP");
        assert_eq!(machine.expire(at(32_000)), Step::Unanswered);
    }

    #[test]
    fn after_a_2xx_the_invites_repeats_are_absorbed_and_2xx_pass() {
        let mut machine = InviteServer::new(false);
        assert!(machine.respond(at(0), 200));
        assert_eq!(machine.repeated(), Step::Nothing);
        assert!(machine.respond(at(500), 200), "the dialog repeats its 2xx");
        assert!(!machine.respond(at(500), 486));
        assert_eq!(machine.ack(at(600)), Step::Pass);
    }
}
