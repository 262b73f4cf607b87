//! What an agent may see of a call that is over: until they left it, and nothing of what came afterwards.

use std::collections::BTreeSet;

use conference::AgentName;
use conference::record::{AudibilityHistory, CallRecord, PartyRecord};

fn own<'a>(record: &'a CallRecord, agent: &'a AgentName) -> impl Iterator<Item = &'a PartyRecord> {
    record.parties.iter().filter(move |party| party.agent.as_ref() == Some(agent))
}

/// The record until the agent left; `None`: they were never in the call.
pub(crate) fn of_record(mut record: CallRecord, agent: &AgentName) -> Option<CallRecord> {
    let until = own(&record, agent).map(|party| party.left_at.unwrap_or(i64::MAX)).max()?;
    record.parties.retain(|party| party.joined_at <= until);
    record.transfers.retain(|transfer| transfer.started_at <= until);
    record.queues.retain(|stay| stay.entered_at <= until);
    for party in &mut record.parties {
        if party.left_at.is_some_and(|left| left > until) {
            (party.left_at, party.why) = (None, None);
        }
    }
    Some(record)
}

/// The audibility until the agent's last leg was gone.
pub(crate) fn of_audibility(
    mut history: AudibilityHistory,
    record: &CallRecord,
    agent: &AgentName,
) -> AudibilityHistory {
    let people: BTreeSet<_> = own(record, agent).map(|party| party.who).collect();
    let masks = history.changes.iter().flat_map(|change| &change.legs);
    let legs: BTreeSet<_> = masks.filter(|mask| people.contains(&mask.person)).map(|mask| mask.leg).collect();
    let gone = |change: &conference::record::AudibilityChange| change.gone.iter().any(|leg| legs.contains(leg));
    let last = history.changes.iter().rposition(gone);
    // Who never had a leg heard nobody.
    history.changes.truncate(last.map_or(if legs.is_empty() { 0 } else { usize::MAX }, |last| last + 1));
    history
}
