//! Who watches whose calls, and which rooms (RFC 4235, RFC 4575): tells watchers how things stand, after each change and only
//! those whom it concerns. How a document looks the signalling knows; whether somebody is there to be watched, the dial plan.
//!
//! Any agent may watch any agent, any call of their own, and any room: as the lamps on their phones do. A room tells nobody
//! outside of it who is only consulted; a lamp tells that whoever is consulted talks to who consults, not to the customer on hold.

mod shown;
#[cfg(test)]
mod tests;
mod watches;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use conference::{AgentName, CallId, CallView, Destination, Identity};
use sip_signalling::{Package, WatchId, WatchedAt, WatchedConference, WatchedDialogs, WatchedState, Wish};

use crate::dialplan::room_user;
use crate::switch::Switch;
use shown::{conference, from_outside, of_call};
pub(crate) use watches::Watches;
use watches::{Standing, Watched};

/// Nobody and nothing of that name.
const NOT_THERE: u16 = 404;
/// Not for whoever asks.
const FORBIDDEN: u16 = 403;

/// Calls as they are shown, put together once for all who watch something of them.
type Views = BTreeMap<CallId, Option<CallView>>;

impl Switch {
    /// An agent wants to watch.
    pub(crate) fn watched(&mut self, watch: WatchId, package: Package, at: &WatchedAt, watcher: &AgentName) {
        match self.to_watch(package, at, watcher) {
            Ok(watched) => {
                self.watches.insert(watch, watcher.clone(), watched.clone());
                self.tell_of(&watched, &mut Views::new());
            }
            Err(status) => self.carry.endpoint.wish(Wish::RefuseWatch { watch, status }),
        }
    }

    /// A watch is over.
    pub(crate) fn watch_ended(&mut self, watch: WatchId) {
        self.watches.remove(watch);
    }

    /// The settings are others: names, sizes of rooms, who is there at all.
    pub(crate) fn watched_under_new_settings(&mut self) {
        self.watches.touch_all();
    }

    /// Tells every watcher what is new, and looks at nothing that has not moved. Called after whatever was done.
    pub(crate) fn tell_watchers(&mut self) {
        let moved = std::mem::take(&mut self.carry.moved);
        if self.watches.is_empty() {
            return;
        }
        moved.into_iter().for_each(|call| self.touch(call));
        let mut views = Views::new();
        self.watches.stale().iter().for_each(|watched| self.tell_of(watched, &mut views));
    }

    /// A call has moved: whoever is in it, and whoever was, and where it is, may be shown otherwise.
    fn touch(&mut self, call: CallId) {
        self.watches.touch_call(call);
        let Some(view) = self.board.call(call) else { return };
        self.watches.touch(Watched::Call(call));
        if let Some(room) = view.room {
            self.watches.touch(Watched::Room(room));
        }
        for agent in view.participants.into_iter().filter_map(|person| person.agent) {
            self.watches.touch(Watched::Agent(agent));
        }
    }

    /// Tells whoever watches this how it stands, unless they know. What waits for the mixer is not true yet, and is told later.
    fn tell_of(&mut self, watched: &Watched, views: &mut Views) {
        let calls = self.calls_of(watched);
        if self.watches.calls(watched).chain(calls.iter().copied()).any(|call| self.carry.waits_in(call)) {
            return;
        }
        if let Watched::Call(call) = watched {
            // a call that is no room is for those who are in it
            let board = &self.board;
            for watch in self.watches.keep_only(watched, |watcher| board.calls_of(watcher).contains(call)) {
                self.carry.endpoint.wish(Wish::EndWatch { watch });
            }
        }
        match self.standing(watched, calls, views) {
            Some(standing) => {
                for (watch, state) in self.watches.stands(watched, standing) {
                    self.carry.endpoint.wish(Wish::Watch { watch, state });
                }
            }
            None => {
                for watch in self.watches.end(watched) {
                    self.carry.endpoint.wish(Wish::EndWatch { watch });
                }
            }
        }
    }

    /// The calls that are shown of something.
    fn calls_of(&self, watched: &Watched) -> BTreeSet<CallId> {
        match watched {
            Watched::Agent(agent) => self.board.calls_of(agent).into_iter().collect(),
            Watched::Room(room) => self.board.room(room).into_iter().collect(),
            Watched::Call(call) => BTreeSet::from([*call]),
        }
    }

    /// How something stands; `None`: it is not there any more.
    fn standing(&self, watched: &Watched, calls: BTreeSet<CallId>, known: &mut Views) -> Option<Standing> {
        for call in &calls {
            known.entry(*call).or_insert_with(|| self.board.call(*call));
        }
        let views: Vec<&CallView> = calls.iter().filter_map(|call| known.get(call)?.as_ref()).collect();
        let alike = |calls, state| Some(Standing { calls, shown: Arc::new(state), inside: None });
        match watched {
            Watched::Agent(agent) => {
                let known = self.board.settings().agents.contains_key(agent);
                // calls of somebody who was taken from the settings go on
                let there = known || !calls.is_empty();
                there.then(|| WatchedState::Dialogs(self.dialogs(agent, &views))).and_then(|state| alike(calls, state))
            }
            Watched::Call(call) => {
                let view = views.first()?;
                alike(calls, WatchedState::Conference(conference(view, call.to_string())))
            }
            Watched::Room(room) => {
                let view = views.first().copied();
                let consults = view.filter(|view| view.transfer.is_some());
                let inside = consults.map(|view| {
                    let people = view.participants.iter().filter_map(|person| person.agent.clone());
                    (people.collect(), Arc::new(WatchedState::Conference(self.room(room, Some(view)))))
                });
                let view = view.cloned().map(from_outside);
                let shown = Arc::new(WatchedState::Conference(self.room(room, view.as_ref())));
                Some(Standing { calls, shown, inside })
            }
        }
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

    fn dialogs(&self, agent: &AgentName, calls: &[&CallView]) -> WatchedDialogs {
        let display = self.board.settings().agents.get(agent).map(|known| known.display_name.clone());
        let owner = Identity { display: display.unwrap_or_default(), user: agent.0.clone() };
        let mut dialogs: Vec<_> = calls.iter().flat_map(|call| of_call(call, agent)).collect();
        dialogs.sort_by_key(|dialog| dialog.leg);
        WatchedDialogs { owner, dialogs }
    }
}
