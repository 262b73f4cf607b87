//! What lamps and lists show of calls, as values. It knows no watch and no watcher.

use conference::{AgentName, CallView, Direction, Identity, LegView, ParticipantView, Role, Status};
use sip_signalling::{Attendance, DialogStage, WatchedConference, WatchedDialog, WatchedEndpoint, WatchedUser};

#[cfg(test)]
mod tests;

fn is(person: &ParticipantView, agent: &AgentName) -> bool {
    person.agent.as_ref() == Some(agent)
}

/// A room's call without whoever is only consulted: so it is shown to those who are not in it.
pub(super) fn from_outside(mut call: CallView) -> CallView {
    if let Some(transfer) = &call.transfer {
        let consulted = transfer.target;
        call.participants.retain(|person| person.who != consulted);
    }
    call
}

/// Whom an agent talks to: the consult's other side while there is one, else the first of the others but supervisors.
fn peer<'a>(call: &'a CallView, agent: &AgentName) -> Option<&'a ParticipantView> {
    let by_name = |who| call.participants.iter().find(|person| person.who == who);
    let consults = call.transfer.as_ref().and_then(|transfer| {
        let (by, target) = (by_name(transfer.by)?, by_name(transfer.target)?);
        match (is(target, agent), is(by, agent) && transfer.faces_target) {
            (true, _) if !transfer.cold => Some(by),
            (_, true) => Some(target),
            _ => None,
        }
    });
    let others = || call.participants.iter().filter(|person| !is(person, agent) && person.role != Role::Supervisor);
    let consulted = call.transfer.as_ref().map(|transfer| transfer.target);
    consults.or_else(|| others().find(|person| Some(person.who) != consulted)).or_else(|| others().next())
}

/// An agent's legs in one call; none in one to which they listen as a supervisor, which nobody is told of.
pub(super) fn of_call(call: &CallView, agent: &AgentName) -> Vec<WatchedDialog> {
    let own = call.participants.iter().filter(|person| is(person, agent) && person.role != Role::Supervisor);
    let peer = peer(call, agent).map(identity).unwrap_or_default();
    let dialog = |person: &ParticipantView, leg: &LegView| WatchedDialog {
        leg: leg.leg,
        stage: stage(person, leg),
        calls: !leg.leg.is_rung(),
        peer: peer.clone(),
        on_hold: is_on_hold(person, leg),
    };
    own.flat_map(|person| person.legs.iter().map(move |leg| dialog(person, leg))).collect()
}

fn identity(person: &ParticipantView) -> Identity {
    match &person.agent {
        Some(agent) => Identity { display: person.name.clone(), user: agent.0.clone() },
        None => Identity { display: String::new(), user: person.name.clone() },
    }
}

fn stage(person: &ParticipantView, leg: &LegView) -> DialogStage {
    match (leg.live, person.status) {
        (true, _) => DialogStage::Confirmed,
        (false, Status::Calling) => DialogStage::Trying,
        (false, Status::Queued | Status::Ringing | Status::Live | Status::Held) => DialogStage::Early,
    }
}

/// Held by somebody, waiting, or away.
fn is_on_hold(person: &ParticipantView, leg: &LegView) -> bool {
    let away = leg.direction == Direction::Away || leg.assumed_away;
    leg.live && (away || person.status == Status::Held)
}

/// Everybody in a call but supervisors, whom nobody is told of.
pub(super) fn conference(call: &CallView, user: String) -> WatchedConference {
    let users = call.participants.iter().filter(|person| person.role != Role::Supervisor);
    let users = users.map(|person| WatchedUser {
        who: person.who,
        shown: identity(person),
        role: person.role,
        endpoints: person.legs.iter().map(|leg| endpoint(person, leg)).collect(),
    });
    WatchedConference {
        user,
        subject: call.room.clone().unwrap_or_default(),
        locked: call.locked,
        most: None,
        users: users.collect(),
    }
}

fn endpoint(person: &ParticipantView, leg: &LegView) -> WatchedEndpoint {
    let attendance = match (leg.live, leg.leg.is_rung(), person.status) {
        (true, _, _) if is_on_hold(person, leg) => Attendance::OnHold,
        (true, _, _) if person.muted || leg.direction == Direction::Listens => Attendance::Muted,
        (true, _, _) => Attendance::Connected,
        (false, true, Status::Ringing) => Attendance::Alerting,
        (false, true, _) => Attendance::DialingOut,
        (false, false, _) => Attendance::DialingIn,
    };
    WatchedEndpoint { leg: leg.leg, attendance }
}
