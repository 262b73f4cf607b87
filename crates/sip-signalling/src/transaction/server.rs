//! The server transaction of requests other than INVITE: RFC 3261 §17.2.2.
//!
//! ```text
//!   Trying ── 1xx ──> Proceeding ── 200-699 ──> Completed ── J ──> (end)
//! ```

use super::timer::TIMEOUT;
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
    /// The request again.
    Again,
    /// The user gives a 1xx.
    Provisional,
    /// The user gives a 2xx to 6xx.
    Final,
    /// Requests are no longer expected.
    TimerJ,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Server {
    state: State,
    reliable: bool,
}

impl Server {
    /// A new one.
    pub(crate) fn start(reliable: bool) -> Self {
        Self { state: State::Trying, reliable }
    }

    /// Takes an input.
    pub(crate) fn on(&mut self, input: Input) -> Vec<Act> {
        use Input::{Again, Final, Provisional, TimerJ};
        use State::{Completed, Proceeding, Trying};
        match (self.state, input) {
            (Trying | Proceeding, Provisional) => {
                self.state = Proceeding;
                vec![Act::Send]
            }
            (Proceeding | Completed, Again) => vec![Act::Send],
            (Trying | Proceeding, Final) if self.reliable => {
                self.state = Completed;
                vec![Act::Send, Act::End]
            }
            (Trying | Proceeding, Final) => {
                self.state = Completed;
                vec![Act::Send, Act::Arm(Timer::J, TIMEOUT)]
            }
            (Completed, TimerJ) => vec![Act::End],
            (Trying, Again) | (Trying | Proceeding, TimerJ) | (Completed, Provisional | Final) => Vec::new(),
        }
    }
}
