//! Who should be told that somebody talks, and what was told.

use std::collections::{BTreeMap, BTreeSet};

use conference::{AgentName, CallId, LegId, ParticipantId};

use super::Oracle;
use super::hearing::Finding;

/// The agents who know that somebody talks; the operator always does.
type Known = BTreeMap<(CallId, ParticipantId), BTreeSet<AgentName>>;

/// Which legs talk, and what was told of it.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    pub legs: BTreeSet<LegId>,
    told: Known,
}

impl Talk {
    /// One event. Nobody is told twice, and nobody that somebody stopped whose talk they were not told.
    pub(super) fn told(
        &mut self,
        (call, who): (CallId, ParticipantId),
        talks: bool,
        to: &BTreeSet<AgentName>,
        operator: bool,
    ) -> Result<(), String> {
        if operator && self.told.contains_key(&(call, who)) == talks {
            return Err(format!("history: the operator is told of {who} in {call} again"));
        }
        let known = self.told.entry((call, who)).or_default();
        for agent in to {
            let new = if talks { known.insert(agent.clone()) } else { known.remove(agent) };
            if !new {
                return Err(format!("history: {agent} is told of {who} in {call} again"));
            }
        }
        if operator && !talks {
            self.told.remove(&(call, who));
        }
        Ok(())
    }
}

impl Oracle {
    /// By the naive rule of who hears whom.
    fn should_know(&self) -> Known {
        let mut known = Known::new();
        for leg in &self.talk.legs {
            let Some(owner) = self.legs.get(leg).and_then(|leg| leg.owner) else { continue };
            let Some((_, masks)) = self.mixer.calls.get(&owner.0) else { continue };
            let hearers: Vec<ParticipantId> =
                masks.values().filter(|mask| self.should_hear(mask.leg, *leg)).map(|mask| mask.person).collect();
            if hearers.is_empty() {
                continue;
            }
            let people = self.calls.get(&owner.0).map(|call| &call.people);
            let agent = |who: &ParticipantId| people?.get(who)?.agent.clone();
            let agents = hearers.iter().chain([&owner.1]).filter_map(agent);
            known.entry(owner).or_default().extend(agents);
        }
        known
    }

    pub(super) fn check_talk(&self) -> Result<(), Finding> {
        let here =
            |call: &CallId, who: &ParticipantId| self.calls.get(call).is_some_and(|call| call.people.contains_key(who));
        let told: BTreeMap<_, _> = self.talk.told.iter().filter(|((call, who), _)| here(call, who)).collect();
        let should = self.should_know();
        if told != should.iter().collect() {
            return Err(("who is told who talks", format!("told {told:?}, not {should:?}")));
        }
        Ok(())
    }
}
