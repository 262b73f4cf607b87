//! Customers whom nobody serves any more: recall, fallback, announcement, or the BYE; and whoever is left alone.
//!
//! Nobody waits for ever. Who leaves, and what that means for holds and transfers, is in `leaving`.

use super::clock::ANNOUNCEMENT;
use super::{Call, Exit};
use crate::books::Desk;
use crate::ids::ParticipantId;
use crate::input::Destination;
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::{Event, Left, Role};
use crate::participant::{Errand, Participant};

impl Call {
    /// Customers without anybody who serves them: recall, fallback, announcement, or the BYE.
    pub(super) fn serve_customers(&mut self, desk: &mut Desk<'_>) -> bool {
        if self.people.values().any(Participant::serves) {
            if self.transfer.is_none() {
                self.recall = None;
            }
            return false;
        }
        let customers = self.customers();
        if customers.is_empty() {
            return false;
        }
        if let Some(agent) = self.recall.take().filter(|_| !broken!(NoRecall))
            && self.ring_for(desk, Destination::Agent(agent.clone()), Errand::Recall, &customers)
        {
            desk.out.event(Event::Recalling { call: self.id, agent });
            return true;
        }
        if let Some(parting) = self.parted.take().filter(|parting| !parting.dead) {
            let released: Vec<ParticipantId> =
                customers.iter().copied().filter(|customer| parting.talked_with.contains(customer)).collect();
            for customer in &released {
                self.part(desk, *customer, Exit::told(Left::Released));
            }
            if !released.is_empty() {
                return true;
            }
        }
        self.fall_back(desk, &customers);
        true
    }

    fn fall_back(&mut self, desk: &mut Desk<'_>, customers: &[ParticipantId]) {
        if broken!(NoFallback) {
            for customer in customers {
                if let Some(person) = self.people.get_mut(customer) {
                    person.announced_until = Some(Moment(u64::MAX));
                }
            }
            return;
        }
        let first_time = !std::mem::replace(&mut self.fallback_tried, true);
        if first_time {
            for who in customers {
                desk.out.event(Event::FellBack { call: self.id, who: *who });
            }
            let to = desk.settings.transfer.fallback.clone();
            if to.is_some_and(|to| self.ring_for(desk, to, Errand::Fallback, customers)) {
                return;
            }
        }
        for customer in customers {
            self.announce(desk.now, *customer);
        }
    }

    /// Rings somebody for customers who wait; false if there is nobody to ring.
    pub(super) fn ring_for(
        &mut self,
        desk: &mut Desk<'_>,
        to: Destination,
        errand: Errand,
        customers: &[ParticipantId],
    ) -> bool {
        if self.has(&to) || self.is_full(desk.settings) {
            return false;
        }
        let (role, agent, name) = match &to {
            Destination::Agent(agent) => {
                let busy = errand != Errand::Recall && desk.books.is_busy(agent, desk.settings);
                if busy || !desk.settings.agents.contains_key(agent) {
                    return false;
                }
                (Role::Agent, Some(agent.clone()), agent.0.clone())
            }
            // An outside number with which an agent alone is connected is the customer of that call.
            Destination::Outside { number, .. } if customers.is_empty() => (Role::Customer, None, number.clone()),
            Destination::Outside { number, .. } => (Role::Outside, None, number.clone()),
            Destination::Queue(queue) => {
                let known = desk.settings.queues.contains_key(queue) && !self.queues_tried.contains(queue);
                if known {
                    self.queue_up(desk, queue, Self::awaited(queue, errand));
                }
                return known;
            }
            Destination::Room(_) | Destination::NewRoom | Destination::Service(_) | Destination::Unknown => {
                return false;
            }
        };
        let mut person = Participant::new(role, agent, name);
        person.errand = Some(errand);
        let present = || self.people.iter().find(|(_, person)| !person.lurks()).map(|(who, _)| *who);
        let caller = customers.first().copied().or_else(present);
        let shown = caller.map(|caller| self.identity(caller, desk.settings)).unwrap_or_default();
        self.ring(desk, to, person, shown);
        true
    }

    /// Somebody hears that nobody can take the call; then their BYE.
    pub(crate) fn announce(&mut self, now: Moment, who: ParticipantId) {
        if let Some(person) = self.people.get_mut(&who) {
            person.announced_until = Some(now + ANNOUNCEMENT);
        }
    }

    /// One person is left for whom nobody is rung.
    pub(super) fn release_last(&mut self, desk: &mut Desk<'_>) -> bool {
        let mut present = self.people.iter().filter(|(_, person)| !person.lurks());
        let (Some((who, person)), None) = (present.next(), present.next()) else { return false };
        if person.announced_until.is_some() || matches!(person.errand, Some(Errand::First { .. })) {
            return false;
        }
        let who = *who;
        self.part(desk, who, Exit::told(Left::Released));
        true
    }
}
