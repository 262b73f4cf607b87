//! Who watches whose calls, and which rooms (RFC 4235, RFC 4575): tells watchers how things stand, after each change and only
//! those whom it concerns. How a document looks the signalling knows; whether somebody is there to be watched, the dial plan.
//!
//! Any agent may watch any agent, any call of their own, and any room: as the lamps on their phones do. A room tells nobody
//! outside of it who is only consulted; a lamp tells that whoever is consulted talks to who consults, not to the customer on hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use conference::{
    AgentName, CallId, CallView, Destination, Direction, Identity, LegView, ParticipantView, Role, Status,
};
use sip_signalling::{
    Attendance, DialogStage, Package, WatchId, WatchedAt, WatchedConference, WatchedDialog, WatchedDialogs,
    WatchedEndpoint, WatchedState, WatchedUser, Wish,
};

use crate::dialplan::room_user;
use crate::switch::Switch;

#[cfg(test)]
mod tests;

/// Nobody and nothing of that name.
const NOT_THERE: u16 = 404;
/// Not for whoever asks.
const FORBIDDEN: u16 = 403;

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Watched {
    /// An agent's calls.
    Agent(AgentName),
    /// A room, also while nobody is in it.
    Room(String),
    /// A call, as long as it lasts.
    Call(CallId),
}

/// All watches.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    all: BTreeMap<WatchId, Watching>,
}

/// One watch.
#[derive(Debug)]
struct Watching {
    watcher: AgentName,
    watched: Watched,
    /// What was said of it last.
    told: Option<Arc<WatchedState>>,
}

impl Switch {
    /// An agent wants to watch.
    pub(crate) fn watched(&mut self, watch: WatchId, package: Package, at: &WatchedAt, watcher: &AgentName) {
        match self.to_watch(package, at, watcher) {
            Ok(watched) => {
                self.watches.all.insert(watch, Watching { watcher: watcher.clone(), watched, told: None });
                self.tell_watcher(watch);
            }
            Err(status) => self.carry.endpoint.wish(Wish::RefuseWatch { watch, status }),
        }
    }

    /// A watch is over.
    pub(crate) fn watch_ended(&mut self, watch: WatchId) {
        self.watches.all.remove(&watch);
    }

    /// Tells every watcher what is new. Called after whatever was done.
    pub(crate) fn tell_watchers(&mut self) {
        // what waits for the mixer is not true yet
        if self.watches.all.is_empty() || self.carry.waits() || !std::mem::take(&mut self.carry.moved) {
            return;
        }
        let all: Vec<WatchId> = self.watches.all.keys().copied().collect();
        all.into_iter().for_each(|watch| self.tell_watcher(watch));
    }

    fn tell_watcher(&mut self, watch: WatchId) {
        let Some(Watching { watcher, watched, told }) = self.watches.all.get(&watch) else { return };
        let state = match watched {
            Watched::Agent(agent) => Some(WatchedState::Dialogs(self.dialogs(agent))),
            Watched::Room(room) => {
                let call = self.board.room(room).and_then(|call| self.board.call(call));
                let call = call.map(|call| as_shown_to(watcher, call));
                Some(WatchedState::Conference(self.room(room, call.as_ref())))
            }
            Watched::Call(call) => {
                self.board.call(*call).map(|view| WatchedState::Conference(conference(&view, call.to_string())))
            }
        };
        let Some(state) = state else {
            self.watches.all.remove(&watch);
            return self.carry.endpoint.wish(Wish::EndWatch { watch });
        };
        if told.as_ref().is_some_and(|told| **told == state) {
            return;
        }
        let state = Arc::new(state);
        if let Some(watching) = self.watches.all.get_mut(&watch) {
            watching.told = Some(Arc::clone(&state));
        }
        self.carry.endpoint.wish(Wish::Watch { watch, state });
    }

    fn to_watch(&self, package: Package, at: &WatchedAt, watcher: &AgentName) -> Result<Watched, u16> {
        match (package, at) {
            (Package::Dialog, WatchedAt::User(user)) => match self.plan.for_agents(user, true) {
                Destination::Agent(agent) => Ok(Watched::Agent(agent)),
                Destination::Queue(_)
                | Destination::Room(_)
                | Destination::NewRoom
                | Destination::Outside { .. }
                | Destination::Service(_)
                | Destination::Unknown => Err(NOT_THERE),
            },
            (Package::Dialog, WatchedAt::Leg(_)) => Ok(Watched::Agent(watcher.clone())),
            (Package::Conference, WatchedAt::Leg(leg)) => {
                let call = self.board.call_of(*leg).ok_or(NOT_THERE)?;
                Ok(self.room_or_call(call))
            }
            (Package::Conference, WatchedAt::User(user)) => match self.plan.for_agents(user, true) {
                Destination::Room(room) => Ok(Watched::Room(room)),
                Destination::Agent(_)
                | Destination::Queue(_)
                | Destination::NewRoom
                | Destination::Outside { .. }
                | Destination::Service(_)
                | Destination::Unknown => {
                    let call = self.conference(user).ok_or(NOT_THERE)?;
                    // a call that is no room is for those who are in it
                    match self.board.calls_of(watcher).contains(&call) {
                        true => Ok(self.room_or_call(call)),
                        false => Err(FORBIDDEN),
                    }
                }
            },
        }
    }

    fn room_or_call(&self, call: CallId) -> Watched {
        let room = self.board.call(call).and_then(|view| view.room);
        room.map_or(Watched::Call(call), Watched::Room)
    }

    fn room(&self, room: &str, call: Option<&CallView>) -> WatchedConference {
        let settings = self.board.settings().rooms.get(room);
        let most = settings.map_or(conference::RoomSettings::default().max_participants, |room| room.max_participants);
        let empty =
            WatchedConference { user: room_user(room), subject: room.to_owned(), ..WatchedConference::default() };
        let state = call.map_or(empty, |call| conference(call, room_user(room)));
        WatchedConference { most: Some(most), ..state }
    }

    fn dialogs(&self, agent: &AgentName) -> WatchedDialogs {
        let display = self.board.settings().agents.get(agent).map(|known| known.display_name.clone());
        let owner = Identity { display: display.unwrap_or_default(), user: agent.0.clone() };
        let calls = self.board.calls().filter(|call| call.participants.iter().any(|person| is(person, agent)));
        let mut dialogs: Vec<WatchedDialog> = calls.flat_map(|call| of_call(&call, agent)).collect();
        dialogs.sort_by_key(|dialog| dialog.leg);
        WatchedDialogs { owner, dialogs }
    }
}

fn is(person: &ParticipantView, agent: &AgentName) -> bool {
    person.agent.as_ref() == Some(agent)
}

/// A room's call without whoever is only consulted, unless it is shown to somebody who is in it.
fn as_shown_to(watcher: &AgentName, mut call: CallView) -> CallView {
    let inside = call.participants.iter().any(|person| is(person, watcher));
    if let Some(transfer) = call.transfer.as_ref().filter(|_| !inside) {
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

/// An agent's legs in one call.
fn of_call(call: &CallView, agent: &AgentName) -> Vec<WatchedDialog> {
    let own = call.participants.iter().filter(|person| is(person, agent));
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
fn conference(call: &CallView, user: String) -> WatchedConference {
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
