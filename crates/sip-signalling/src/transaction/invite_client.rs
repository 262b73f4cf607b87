//! The INVITE client transaction: RFC 3261 §17.1.1 with the `Accepted` state of RFC 6026 §7.2.
//!
//! ```text
//!   Calling ── 1xx ──> Proceeding ── 300-699 ──> Completed ── D ──> (end)     ACK here
//!      └─────────────── 2xx ──> Accepted ── M ──> (end)                       ACK by the user, every 2xx is told
//! ```

use std::time::Duration;

use super::timer::{T1, TIMEOUT};
use super::{Act, Timer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    Completed,
    Accepted,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx to 6xx.
    Failure,
    /// Repeat.
    TimerA,
    /// Give up.
    TimerB,
    /// Failures are no longer expected.
    TimerD,
    /// Further 2xx are no longer expected.
    TimerM,
    /// Nothing can be sent.
    TransportFailed,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct InviteClient {
    state: State,
    reliable: bool,
    interval: Duration,
}

impl InviteClient {
    /// A new one, with its first acts.
    pub(crate) fn start(reliable: bool) -> (Self, Vec<Act>) {
        let mut acts = vec![Act::Send, Act::Arm(Timer::B, TIMEOUT)];
        if !reliable {
            acts.push(Act::Arm(Timer::A, T1));
        }
        (Self { state: State::Calling, reliable, interval: T1 }, acts)
    }

    /// Takes an input.
    pub(crate) fn on(&mut self, input: Input) -> Vec<Act> {
        use Input::{Failure, Provisional, Success, TimerA, TimerB, TimerD, TimerM, TransportFailed};
        use State::{Accepted, Calling, Completed, Proceeding};
        match (self.state, input) {
            (Calling, Provisional) => self.go(Proceeding, &[Act::Disarm(Timer::A), Act::Disarm(Timer::B), Act::Tell]),
            (Proceeding, Provisional) | (Accepted, Success) => vec![Act::Tell],
            (Calling | Proceeding, Success) => {
                let acts = [Act::Disarm(Timer::A), Act::Disarm(Timer::B), Act::Arm(Timer::M, TIMEOUT), Act::Tell];
                self.go(Accepted, &acts)
            }
            (Calling | Proceeding, Failure) if self.reliable => {
                self.go(Completed, &[Act::Disarm(Timer::B), Act::Ack, Act::Tell, Act::End])
            }
            (Calling | Proceeding, Failure) => {
                let stop = [Act::Disarm(Timer::A), Act::Disarm(Timer::B)];
                self.go(Completed, &[&stop[..], &[Act::Ack, Act::Tell, Act::Arm(Timer::D, TIMEOUT)]].concat())
            }
            (Completed, Failure) => vec![Act::Ack],
            (Calling, TimerA) => {
                // RFC 3261 §17.1.1.2: doubled without bound, timer B ends it
                self.interval *= 2;
                vec![Act::Send, Act::Arm(Timer::A, self.interval)]
            }
            (Calling, TimerB) => vec![Act::TellTimeout, Act::End],
            (Completed, TimerD) | (Accepted, TimerM) => vec![Act::End],
            // RFC 6026 §7.1: also while proceeding nothing will come any more
            (Calling | Proceeding, TransportFailed) => vec![Act::TellFailed, Act::End],
            (Completed, TransportFailed) => vec![Act::End],
            (Proceeding | Completed | Accepted, TimerA | TimerB)
            | (Calling | Proceeding | Accepted, TimerD)
            | (Calling | Proceeding | Completed, TimerM)
            | (Completed, Provisional | Success)
            | (Accepted, Provisional | Failure | TransportFailed) => Vec::new(),
        }
    }

    fn go(&mut self, state: State, acts: &[Act]) -> Vec<Act> {
        self.state = state;
        acts.to_vec()
    }
}
