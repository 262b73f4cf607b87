//! Who talks, told to those who hear it and to nobody else: talk events follow `hears` as every other sound does.
//!
//! The mixer says which legs talk; by the masks it is told on, anew whenever they change. Nothing is decided by it.

use std::collections::{BTreeMap, BTreeSet};

use super::Call;
use crate::books::Desk;
use crate::ids::{AgentName, LegId, ParticipantId};
use crate::mutants::broken;
use crate::output::Event;

/// Everybody who talks and is heard, with the agents who know it: whoever hears them, and themselves.
pub(super) type Talkers = BTreeMap<ParticipantId, BTreeSet<AgentName>>;

impl Call {
    /// A leg has begun to talk, or has stopped.
    pub(crate) fn talks(&mut self, desk: &mut Desk<'_>, id: LegId, talks: bool) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.talks = talks;
            self.tell_talk(desk);
        }
    }

    /// Tells what is different from what was told last.
    pub(super) fn tell_talk(&mut self, desk: &mut Desk<'_>) {
        let now = self.talkers();
        let before = std::mem::replace(&mut self.told.talkers, now);
        let now = &self.told.talkers;
        let mut tell = |who: &ParticipantId, talks, to: BTreeSet<AgentName>, operator| {
            if (operator || !to.is_empty()) && self.people.contains_key(who) {
                desk.out.event(Event::TalkChanged { call: self.id, who: *who, talks, to, operator });
            }
        };
        for (who, knew) in &before {
            match now.get(who) {
                None => tell(who, false, knew.clone(), true),
                Some(know) => tell(who, false, knew - know, false),
            }
        }
        for (who, know) in now {
            match before.get(who) {
                None => tell(who, true, know.clone(), true),
                Some(knew) => tell(who, true, know - knew, false),
            }
        }
    }

    fn talkers(&self) -> Talkers {
        let mut talkers = Talkers::new();
        for (id, leg) in self.legs.iter().filter(|(_, leg)| leg.talks) {
            let Some(speaker) = self.published.get(id) else { continue };
            let mut hearers =
                self.published.values().filter(|listener| listener.hears(speaker) || broken!(TalkToldToAll)).peekable();
            if hearers.peek().is_none() {
                continue;
            }
            let people = hearers.map(|listener| listener.person).chain([leg.person]);
            let agents = people.filter_map(|who| self.people.get(&who)?.agent.clone());
            talkers.entry(leg.person).or_default().extend(agents);
        }
        talkers
    }

    /// Whether somebody talks and is heard, and the agents who know it.
    pub(crate) fn talk_of(&self, who: ParticipantId) -> Option<&BTreeSet<AgentName>> {
        self.told.talkers.get(&who)
    }
}
