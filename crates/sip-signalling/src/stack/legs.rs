//! Legs come and go, and what is found by them with them: dialogs, timers, a trunk's room.

use conference::LegId;

use super::Stack;
use super::alarm::Alarm;
use crate::leg::{Leg, Party};

impl Stack {
    pub(super) fn add_leg(&mut self, leg: Leg) {
        if let Party::Trunk(trunk) = &leg.party {
            *self.trunk_legs.entry(trunk.clone()).or_default() += 1;
        }
        self.legs.insert(leg.id, leg);
    }

    /// A leg has ended: takes it out, and remembers its dialog for whoever names it too late.
    pub(super) fn drop_leg(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.take_leg(id)?;
        self.memory.ended(self.now, &leg);
        Some(leg)
    }

    /// Takes a leg out with its timers; its dialog is no longer found.
    pub(super) fn take_leg(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(&id)?;
        if let Party::Trunk(trunk) = &leg.party
            && let Some(count) = self.trunk_legs.get_mut(trunk)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.trunk_legs.remove(trunk);
            }
        }
        for alarm in Alarm::of_leg(id) {
            self.alarms.disarm(&alarm);
        }
        self.leave_refers(id);
        self.referring.remove(&id);
        if let Some(dialog) = leg.dialog() {
            self.dialogs.remove(&(dialog.call_id.clone(), dialog.local_tag.clone()));
        }
        Some(leg)
    }
}
