//! The INVITE server transaction: RFC 3261 §17.2.1 with the `Accepted` state of RFC 6026 §7.1.
//!
//! ```text
//!   Proceeding ── 300-699 ──> Completed ── ACK ──> Confirmed ── I ──> (end)
//!       └──────── 2xx ──> Accepted ── L ──> (end)                    2xx is repeated by the user
//! ```

use std::time::Duration;

use super::timer::{T1, T4, TIMEOUT, doubled};
use super::{Act, Timer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The INVITE again.
    Again,
    /// Its ACK.
    Ack,
    /// The user gives a 1xx.
    Provisional,
    /// The user gives a 2xx (or the same again).
    Success,
    /// The user gives a 3xx to 6xx.
    Failure,
    /// Repeat the failure.
    TimerG,
    /// No ACK came.
    TimerH,
    /// ACKs are no longer expected.
    TimerI,
    /// INVITEs are no longer expected.
    TimerL,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct InviteServer {
    state: State,
    reliable: bool,
    interval: Duration,
}

impl InviteServer {
    /// A new one. The user says 100 itself, once it knows that the caller may know we exist.
    pub(crate) fn start(reliable: bool) -> Self {
        Self { state: State::Proceeding, reliable, interval: T1 }
    }

    /// Takes an input. `Act::Send` without a response yet sends nothing.
    pub(crate) fn on(&mut self, input: Input) -> Vec<Act> {
        use Input::{Ack, Again, Failure, Provisional, Success, TimerG, TimerH, TimerI, TimerL};
        use State::{Accepted, Completed, Confirmed, Proceeding};
        match (self.state, input) {
            (Proceeding, Again | Provisional) | (Completed, Again) | (Accepted, Success) => vec![Act::Send],
            (Proceeding, Success) => {
                self.state = Accepted;
                vec![Act::Send, Act::Arm(Timer::L, TIMEOUT)]
            }
            (Proceeding, Failure) => {
                self.state = Completed;
                let mut acts = vec![Act::Send, Act::Arm(Timer::H, TIMEOUT)];
                if !self.reliable {
                    acts.push(Act::Arm(Timer::G, T1));
                }
                acts
            }
            (Completed, TimerG) => {
                self.interval = doubled(self.interval);
                vec![Act::Send, Act::Arm(Timer::G, self.interval)]
            }
            (Completed, Ack) if self.reliable => vec![Act::End],
            (Completed, Ack) => {
                self.state = Confirmed;
                vec![Act::Disarm(Timer::G), Act::Disarm(Timer::H), Act::Arm(Timer::I, T4)]
            }
            (Accepted, Ack) => vec![Act::Tell],
            (Completed, TimerH) => vec![Act::TellTimeout, Act::End],
            (Confirmed, TimerI) | (Accepted, TimerL) => vec![Act::End],
            (Proceeding, Ack | TimerG | TimerH | TimerI | TimerL)
            | (Completed, Provisional | Success | Failure | TimerI | TimerL)
            | (Confirmed, Again | Ack | Provisional | Success | Failure | TimerG | TimerH | TimerL)
            // RFC 6026 §7.1: repeated INVITEs are absorbed, the user repeats its 2xx by itself
            | (Accepted, Again | Provisional | Failure | TimerG | TimerH | TimerI) => Vec::new(),
        }
    }
}
