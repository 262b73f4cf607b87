//! The client transaction of requests other than INVITE: RFC 3261 §17.1.2.
//!
//! ```text
//!   Trying ── 1xx ──> Proceeding ── 200-699 ──> Completed ── K ──> (end)
//! ```

use std::time::Duration;

use super::timer::{T1, T2, T4, TIMEOUT, doubled};
use super::{Act, Timer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// 1xx.
    Provisional,
    /// 2xx to 6xx.
    Final,
    /// Repeat.
    TimerE,
    /// Give up.
    TimerF,
    /// Responses are no longer expected.
    TimerK,
    /// Nothing can be sent.
    TransportFailed,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Client {
    state: State,
    reliable: bool,
    interval: Duration,
}

impl Client {
    /// A new one, with its first acts.
    pub(crate) fn start(reliable: bool) -> (Self, Vec<Act>) {
        let mut acts = vec![Act::Send, Act::Arm(Timer::F, TIMEOUT)];
        if !reliable {
            acts.push(Act::Arm(Timer::E, T1));
        }
        (Self { state: State::Trying, reliable, interval: T1 }, acts)
    }

    /// Takes an input.
    pub(crate) fn on(&mut self, input: Input) -> Vec<Act> {
        use Input::{Final, Provisional, TimerE, TimerF, TimerK, TransportFailed};
        use State::{Completed, Proceeding, Trying};
        match (self.state, input) {
            (Trying, Provisional) => {
                self.state = Proceeding;
                vec![Act::Tell]
            }
            (Proceeding, Provisional) => vec![Act::Tell],
            (Trying | Proceeding, Final) => {
                self.state = Completed;
                let after = if self.reliable { Act::End } else { Act::Arm(Timer::K, T4) };
                vec![Act::Disarm(Timer::E), Act::Disarm(Timer::F), Act::Tell, after]
            }
            (Trying, TimerE) => {
                self.interval = doubled(self.interval);
                vec![Act::Send, Act::Arm(Timer::E, self.interval)]
            }
            (Proceeding, TimerE) => vec![Act::Send, Act::Arm(Timer::E, T2)],
            (Trying | Proceeding, TimerF) => vec![Act::TellTimeout, Act::End],
            (Trying | Proceeding, TransportFailed) => vec![Act::TellFailed, Act::End],
            (Completed, TimerK) => vec![Act::End],
            (Completed, Provisional | Final | TimerE | TimerF | TransportFailed) | (Trying | Proceeding, TimerK) => {
                Vec::new()
            }
        }
    }
}
