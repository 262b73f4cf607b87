//! What is to be done when: deadlines in order, each of which can be taken back. No clock.

use std::collections::BTreeMap;

use conference::{LegId, Moment};
use rsip::Response;

use crate::transaction::{ClientId, ServerId};

/// Names a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TimerId(Moment, u64);

/// What is due.
#[derive(Clone, Debug)]
pub(crate) enum Timer {
    /// 180 once more, before a proxy gives up (RFC 3261 §13.3.1.1).
    RingAgain(LegId),
    /// 200 once more, or give up waiting for the ACK (RFC 3261 §13.3.1.4).
    AcceptAgain(LegId),
    /// Our re-INVITE once more (RFC 3261 §14.1), or give up waiting for its answer.
    Offer(LegId),
    /// A request of ours whose entry is kept for repeats of its 2xx, or for an answer after CANCEL, is over.
    Asked(ClientId),
    /// An answer that was held back (after wrong passwords).
    Answer(ServerId, Box<Response>),
    /// Bindings may have expired.
    Bindings,
    /// Keep the way to a phone open: the address of record and the contact's place in `Kept`.
    KeepAlive(u64),
    /// Refresh, or try again, the registration of this account (phone's side).
    Register(String),
}

/// All deadlines.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    counter: u64,
    queue: BTreeMap<(Moment, u64), Timer>,
}

impl Timers {
    /// Sets a deadline.
    pub(crate) fn set(&mut self, at: Moment, timer: Timer) -> TimerId {
        self.counter += 1;
        self.queue.insert((at, self.counter), timer);
        TimerId(at, self.counter)
    }

    /// Takes a deadline back; one that has passed is ignored.
    pub(crate) fn cancel(&mut self, id: TimerId) {
        self.queue.remove(&(id.0, id.1));
    }

    /// The next deadline.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the earliest that is due.
    pub(crate) fn due(&mut self, now: Moment) -> Option<Timer> {
        let entry = self.queue.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}
