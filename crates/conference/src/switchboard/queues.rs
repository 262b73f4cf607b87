//! Queues: after each reaction, whoever may not wait any more leaves, and those who wait are offered to those who are
//! ready: calls of the highest priority first, then whoever waits longest. Also the agents' answers by command.
//!
//! Only queues of which something changed are looked at. Who is asked first in one queue is `queue`.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{QueueView, ReservationView, Switchboard};
use crate::floor::Alarm;
use crate::ids::{AgentName, CallId, ReservationId};
use crate::input::Asker;
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::{Event, Output, ReservationEnd};
use crate::queue::{Line, Ticket};
use crate::reaction::Reaction;
use crate::refusal::Refusal;
use crate::reservation::Reservation;

/// A call that could be offered now: the more urgent, the smaller.
type Turn = (Reverse<u8>, Ticket, String, AgentName);

impl Switchboard {
    /// A queue's hours began or ended.
    pub(super) fn hours(&mut self, now: Moment, queue: &str, open: bool) -> Vec<Output> {
        let mut out = Reaction::default();
        if let Some(line) = self.floor.lines.get_mut(queue) {
            line.closed = !open;
            out.queues.insert(queue.to_owned());
        }
        self.finish(now, out, Vec::new())
    }

    /// The offered agent says yes.
    pub(super) fn accept(&mut self, now: Moment, id: ReservationId, by: &Asker) -> Result<Vec<Output>, Refusal> {
        let offer = self.offer_to(id, by)?;
        let mut out = Reaction::default();
        let mut touched = Vec::new();
        if !offer.accepted {
            self.touch(now, offer.call, &mut out, &mut touched, |call, desk| call.accept_offer(desk, id));
        }
        Ok(self.finish(now, out, touched))
    }

    /// The offered agent says no.
    pub(super) fn reject(&mut self, now: Moment, id: ReservationId, by: &Asker) -> Result<Vec<Output>, Refusal> {
        let offer = self.offer_to(id, by)?;
        let mut out = Reaction::default();
        let mut touched = Vec::new();
        let how = ReservationEnd::Rejected;
        self.touch(now, offer.call, &mut out, &mut touched, |call, desk| call.end_reservation(desk, id, how));
        Ok(self.finish(now, out, touched))
    }

    /// An offer, if whoever asks may answer it.
    fn offer_to(&self, id: ReservationId, by: &Asker) -> Result<Reservation, Refusal> {
        let offer = self.floor.reservations.get(&id).ok_or(Refusal::ReservationNotFound)?;
        if matches!(by, Asker::Operator) || self.named_by(by).as_ref() == Some(&offer.agent) {
            Ok(offer.clone())
        } else {
            Err(Refusal::NotAllowed)
        }
    }

    /// What is due: offers that end, entries and agents to be looked at.
    pub(super) fn floor_expires(&mut self, now: Moment, out: &mut Reaction, touched: &mut Vec<CallId>) {
        for alarm in self.floor.take_due(now) {
            match alarm {
                Alarm::Offer(id) => {
                    let Some(call) = self.floor.reservations.get(&id).map(|offer| offer.call) else { continue };
                    let how = ReservationEnd::Expired;
                    self.touch(now, call, out, touched, |call, desk| call.end_reservation(desk, id, how));
                }
                Alarm::Wait(queue, ticket) => {
                    let line = self.floor.lines.get_mut(&queue);
                    if let Some(entry) = line.and_then(|line| line.waiting.get_mut(&ticket)) {
                        entry.alarm = None;
                    }
                    out.queues.insert(queue);
                }
                Alarm::WrapUp(agent) => {
                    out.agents.insert(agent);
                }
            }
        }
    }

    /// Looks at the queues of which something changed.
    pub(super) fn tend_queues(&mut self, now: Moment, out: &mut Reaction, touched: &mut Vec<CallId>) {
        let queues = std::mem::take(&mut out.queues);
        for queue in &queues {
            let Some(line) = self.floor.lines.get(queue) else { continue };
            for (id, who, how) in line.leaving(now, self.settings.queues.get(queue)) {
                self.touch(now, id, out, touched, |call, desk| call.turned_out(desk, who, how));
            }
        }
        self.offer_in_turn(now, &queues, out, touched);
        for queue in &queues {
            self.number(now, queue, out, touched);
        }
    }

    /// Offers calls until nobody who waits and nobody who is ready are left for each other.
    fn offer_in_turn(&mut self, now: Moment, queues: &BTreeSet<String>, out: &mut Reaction, touched: &mut Vec<CallId>) {
        let mut turns: BTreeSet<Turn> = queues.iter().filter_map(|queue| self.turn(now, queue)).collect();
        while let Some((_, ticket, queue, agent)) = turns.pop_first() {
            // Another queue may have been quicker.
            let ready = self.floor.agents.get(&agent).is_some_and(|agent| agent.reservation.is_none());
            if (ready || broken!(ReservesTwice))
                && let Some(offer) = self.floor.reserve(now, &self.settings, (&queue, ticket), &agent, out)
            {
                self.touch(now, offer.call, out, touched, |call, desk| {
                    call.offer(desk, offer.who, &agent, offer.id);
                });
                if broken!(ReservesTwice) {
                    continue;
                }
            }
            turns.extend(self.turn(now, &queue));
        }
    }

    /// The next call of a queue that could be offered, and to whom.
    fn turn(&self, now: Moment, queue: &str) -> Option<Turn> {
        let about = self.settings.queues.get(queue)?;
        let line = self.floor.lines.get(queue)?;
        let (ticket, agent) = line.next_offer(now, about.strategy, |entry, agent| {
            self.calls.get(&entry.call).is_some_and(|call| call.may_be_offered_to(agent))
        })?;
        Some((Reverse(about.priority), ticket, queue.to_owned(), agent))
    }

    /// Numbers a line, and tells what changed.
    fn number(&mut self, now: Moment, queue: &str, out: &mut Reaction, touched: &mut Vec<CallId>) {
        let Some(line) = self.floor.lines.get_mut(queue) else { return };
        let about = self.settings.queues.get(queue);
        let numbered = line.number(now, about.map(|about| about.position_every).unwrap_or_default());
        for (call, who, position) in numbered.moved {
            out.event(Event::QueueMoved { call, who, position });
        }
        for said in numbered.said {
            touched.push(said.0);
            out.places.push(said);
        }
        let (waiting, ready, open) = told(line);
        if line.told != (waiting, ready, open) {
            line.told = (waiting, ready, open);
            out.event(Event::QueueChanged { queue: queue.to_owned(), waiting, ready, open });
        }
        let over = about.is_none() && line.waiting.is_empty();
        for (ticket, before, after) in numbered.alarms {
            self.floor.set_alarm(Alarm::Wait(queue.to_owned(), ticket), before, after);
        }
        if over {
            self.floor.lines.remove(queue);
        }
    }

    /// All queues, by name.
    pub fn queues(&self) -> impl Iterator<Item = QueueView> + '_ {
        let known = self.floor.lines.iter().filter(|(name, _)| self.settings.queues.contains_key(*name));
        known.map(|(name, line)| queue_view(name, line))
    }

    /// One queue.
    #[must_use]
    pub fn queue(&self, name: &str) -> Option<QueueView> {
        let line = self.floor.lines.get(name).filter(|_| self.settings.queues.contains_key(name))?;
        Some(queue_view(name, line))
    }

    /// All offers that are out, oldest first.
    pub fn reservations(&self) -> impl Iterator<Item = ReservationView> + '_ {
        self.floor.reservations.values().map(reservation_view)
    }

    /// One offer.
    #[must_use]
    pub fn reservation(&self, id: ReservationId) -> Option<ReservationView> {
        self.floor.reservations.get(&id).map(reservation_view)
    }
}

/// What is told of a line: how many wait, how many are ready, whether it is open.
fn told(line: &Line) -> (u32, u32, bool) {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (count(line.waiting.len()), count(line.ready.len()), !line.closed)
}

fn queue_view(name: &str, line: &Line) -> QueueView {
    let (_, ready, open) = told(line);
    QueueView {
        name: name.to_owned(),
        open,
        waiting: line.waiting.values().map(|entry| (entry.call, entry.who, entry.since)).collect(),
        ready,
        agents: line.serving.iter().cloned().collect(),
    }
}

fn reservation_view(offer: &Reservation) -> ReservationView {
    ReservationView {
        id: offer.id,
        agent: offer.agent.clone(),
        queue: offer.queue.clone(),
        call: offer.call,
        who: offer.who,
        until: offer.until,
        accepted: offer.accepted,
    }
}
