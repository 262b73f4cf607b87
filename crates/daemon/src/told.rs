//! Numbers events and tells them: every number once, rising by one, and higher after a restart than before.
//!
//! Numbers are reserved ahead of being used, so that what is written down is always at least what was told. Writing is the
//! store's; here is only said when it is due.

use conference::{CallId, Event, ReservationId};
use control_api::Told;
use tokio::sync::broadcast;

use crate::clock::Clock;

/// Event numbers that are reserved at once.
const EVENTS_AHEAD: u64 = 10_000;
/// Call numbers that are reserved at once.
const CALLS_AHEAD: u64 = 1_000;
/// Numbers of offers that are reserved at once.
const OFFERS_AHEAD: u64 = 10_000;

/// Numbers up to these are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reserved {
    pub(crate) calls: u64,
    pub(crate) events: u64,
    pub(crate) offers: u64,
}

/// Tells events.
#[derive(Debug)]
pub(crate) struct Teller {
    to: broadcast::Sender<Told>,
    last: u64,
    reserved: Reserved,
    /// Has not been written down yet.
    due: bool,
}

impl Teller {
    /// Goes on after the numbers that were taken before.
    pub(crate) fn new(to: broadcast::Sender<Told>, taken: Reserved) -> Self {
        let reserved = Reserved {
            calls: taken.calls + CALLS_AHEAD,
            events: taken.events + EVENTS_AHEAD,
            offers: taken.offers + OFFERS_AHEAD,
        };
        Self { to, last: taken.events, reserved, due: true }
    }

    /// Tells an event to whoever listens.
    pub(crate) fn tell(&mut self, event: Event) {
        self.last += 1;
        if self.last + EVENTS_AHEAD / 2 > self.reserved.events {
            self.reserved.events = self.last + EVENTS_AHEAD;
            self.due = true;
        }
        if let Event::CallStarted { call: CallId(number), .. } = &event
            && number + CALLS_AHEAD / 2 > self.reserved.calls
        {
            self.reserved.calls = number + CALLS_AHEAD;
            self.due = true;
        }
        if let Event::Reserved { reservation: ReservationId(number), .. } = &event
            && number + OFFERS_AHEAD / 2 > self.reserved.offers
        {
            self.reserved.offers = number + OFFERS_AHEAD;
            self.due = true;
        }
        // nobody may be listening
        let _ = self.to.send(Told { seq: self.last, at: Clock::wall(), event });
    }

    /// The number of the last event.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// What is to be written down now, if anything is.
    pub(crate) fn due(&mut self) -> Option<Reserved> {
        std::mem::take(&mut self.due).then_some(self.reserved)
    }

    #[cfg(test)]
    pub(crate) fn listen(&self) -> broadcast::Receiver<Told> {
        self.to.subscribe()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use conference::{AgentName, Moment, ParticipantId};

    use super::*;

    fn offer(number: u64) -> Event {
        Event::Reserved {
            reservation: ReservationId(number),
            agent: AgentName("bob".to_owned()),
            queue: "support".to_owned(),
            call: CallId(8),
            who: ParticipantId(1),
            until: Moment(0),
        }
    }

    #[test]
    fn numbers_rise_by_one_and_never_reach_what_was_not_written_down() {
        let to = broadcast::Sender::new(8);
        let mut heard = to.subscribe();
        let mut teller = Teller::new(to, Reserved { calls: 7, events: 41, offers: 3 });
        let mut written = Reserved::default();
        for n in 0..25_000 {
            written = teller.due().unwrap_or(written);
            teller.tell(Event::CallStarted { call: CallId(8 + n), room: None, door: None });
            assert_eq!(heard.try_recv().unwrap().seq, 42 + n);
            assert!(teller.last() <= written.events && 8 + n <= written.calls, "{n} {written:?}");
        }
        for n in 4..30_000 {
            written = teller.due().unwrap_or(written);
            teller.tell(offer(n));
            assert!(n <= written.offers && teller.last() <= written.events, "{n} {written:?}");
        }
        let mut next = Teller::new(broadcast::Sender::new(8), written);
        next.tell(Event::CallEnded { call: CallId(8) });
        assert!(next.last() > teller.last());
    }
}
