//! Time in one call: what is due when, and what happens then. Deadlines are state; nothing here waits.

use std::time::Duration;

use super::{Call, Door, Exit};
use crate::audibility::Picture;
use crate::books::Desk;
use crate::ids::{LegId, ParticipantId};
use crate::input::{Direction, Ending};
use crate::moment::Moment;
use crate::mutants::broken;
use crate::output::{Effect, Left};
use crate::participant::{PROBE_EVERY, PROBE_PATIENCE, PROBES_MISSED, Watch};

/// How long somebody hears the announcement before the BYE.
pub(super) const ANNOUNCEMENT: Duration = Duration::from_secs(5);
/// How long after a transfer that ended by itself the code that completes one is taken for a late one.
pub(super) const BEREFT: Duration = Duration::from_secs(3);
/// How long a BYE on one of two lines waits for its judgement.
pub(super) const GRACE: Duration = Duration::from_millis(500);

impl Call {
    /// When `expire` has something to do next.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        let people = self.people.values().flat_map(|person| [person.rings_until, person.announced_until]).flatten();
        let legs = self.legs.values().filter_map(|leg| leg.watch.next);
        let grace = self.transfer.iter().filter_map(|transfer| Some(transfer.grace.as_ref()?.until));
        let keys = self.legs.values().filter_map(|leg| leg.keypad.as_ref()?.deadline());
        let door = self.door().and_then(Door::deadline);
        people.chain(door).chain(legs).chain(keys).chain(grace).chain(self.held_alone_until).min()
    }

    /// Does what is due.
    pub(crate) fn expire(&mut self, desk: &mut Desk<'_>) {
        self.waited_at_door(desk);
        self.let_keys_go(desk);
        if self
            .transfer
            .as_ref()
            .and_then(|transfer| transfer.grace.as_ref())
            .is_some_and(|grace| grace.until <= desk.now)
        {
            self.judge_grace(desk);
        }
        if self.held_alone_until.is_some_and(|until| until <= desk.now) {
            self.held_alone_until = None;
            for person in self.people.values_mut().filter(|person| person.serves()) {
                person.held = None;
            }
        }
        for who in self.due(desk.now, |person| person.rings_until) {
            self.rang_out(desk, who);
        }
        for who in self.due(desk.now, |person| person.announced_until) {
            self.announced(desk, who);
        }
        let due: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| leg.watch.next.is_some_and(|next| next <= desk.now))
            .map(|(id, _)| *id)
            .collect();
        for leg in due {
            self.probe(desk, leg);
        }
    }

    fn due(
        &self,
        now: Moment,
        until: impl Fn(&crate::participant::Participant) -> Option<Moment>,
    ) -> Vec<ParticipantId> {
        let due = self.people.iter().filter(|(_, person)| until(person).is_some_and(|until| until <= now));
        due.map(|(who, _)| *who).collect()
    }

    /// Nobody answered in time.
    fn rang_out(&mut self, desk: &mut Desk<'_>, who: ParticipantId) {
        let leg = self.people.get(&who).and_then(|person| person.legs.first().copied());
        if let Some(leg) = leg {
            self.could_not_be_had(desk, leg, 408, true);
        }
    }

    /// The announcement is over.
    fn announced(&mut self, desk: &mut Desk<'_>, who: ParticipantId) {
        let served = self.people.values().any(|person| person.serves() && person.announced_until.is_none());
        let Some(person) = self.people.get_mut(&who) else { return };
        person.announced_until = None;
        if !served {
            self.part(desk, who, Exit::told(Left::Released));
        }
    }

    /// Asks a leg whether it lives, or counts that it did not answer.
    fn probe(&mut self, desk: &mut Desk<'_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.watch.asked {
            self.missed(desk, id);
            return;
        }
        leg.watch.asked = true;
        leg.watch.next = Some(desk.now + PROBE_PATIENCE);
        desk.out.effect(Effect::Probe { leg: id });
    }

    /// A probe was not answered.
    fn missed(&mut self, desk: &mut Desk<'_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.watch.missed += 1;
        if leg.watch.urgent || leg.watch.missed >= PROBES_MISSED {
            self.lost(desk, id, Ending::Dead, false);
            return;
        }
        leg.watch.asked = true;
        leg.watch.next = Some(desk.now + PROBE_PATIENCE);
        desk.out.effect(Effect::Probe { leg: id });
    }

    /// A leg is asked at once, because another leg of its phone was found dead.
    pub(crate) fn ask_now(&mut self, desk: &mut Desk<'_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.is_live() && leg.dying.is_none()) else { return };
        if leg.watch.urgent {
            return;
        }
        leg.watch = Watch { next: Some(desk.now + PROBE_PATIENCE), asked: true, missed: 0, urgent: true };
        desk.out.effect(Effect::Probe { leg: id });
    }

    /// The answer to a probe.
    pub(crate) fn probed(&mut self, desk: &mut Desk<'_>, id: LegId, alive: bool) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.is_live() && leg.watch.asked) else { return };
        if !alive {
            self.missed(desk, id);
            return;
        }
        let who = leg.person;
        leg.watch = Watch { next: Some(desk.now + PROBE_EVERY), ..Watch::default() };
        self.bury_dying(desk, who, true);
    }

    /// Legs from which no media is expected are asked from time to time; the mixer watches the others.
    pub(super) fn watch_legs(&mut self, now: Moment, picture: &Picture) {
        for (id, leg) in &mut self.legs {
            let open = picture.masks.get(id).is_some_and(|mask| mask.open) && leg.direction == Direction::Both;
            let idle = leg.is_live() && leg.dying.is_none() && !open && !broken!(NoProbes);
            if !idle && (!leg.watch.urgent || leg.dying.is_some()) {
                leg.watch = Watch::default();
            } else if idle && leg.watch.next.is_none() {
                leg.watch.next = Some(now + PROBE_EVERY);
            }
        }
    }

    /// A held agent or outside party with nobody open in the call is un-held after a while.
    pub(super) fn watch_holds(&mut self, desk: &Desk<'_>, picture: &Picture) {
        let stuck = !picture.anybody_open
            && !broken!(HeldAlone)
            && self.people.values().any(|person| person.serves() && person.held.is_some());
        if !stuck {
            self.held_alone_until = None;
        } else if self.held_alone_until.is_none() {
            self.held_alone_until = Some(desk.now + desk.settings.transfer.held_alone);
        }
    }
}
