//! Who watches what, by what is watched: one state for all who watch the same, made anew only when it may have changed.
//!
//! ```text
//!   call ──(of_calls)──> watched ──(things)──> its state, and whoever watches it with what they were told last
//! ```
//!
//! It makes no state and knows no rule of who may see what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use conference::{AgentName, CallId};
use sip_signalling::{WatchId, WatchedState};

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Watched {
    /// An agent's calls.
    Agent(AgentName),
    /// A room, also while nobody is in it.
    Room(String),
    /// A call, as long as it lasts.
    Call(CallId),
}

/// How something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The calls that it was made of.
    pub(super) calls: BTreeSet<CallId>,
    /// As everybody is shown it.
    pub(super) shown: Arc<WatchedState>,
    /// As these agents are shown it instead, who are in it.
    pub(super) inside: Option<(BTreeSet<AgentName>, Arc<WatchedState>)>,
}

impl Standing {
    fn to(&self, watcher: &AgentName) -> &Arc<WatchedState> {
        let inside = self.inside.as_ref().filter(|(people, _)| people.contains(watcher));
        inside.map_or(&self.shown, |(_, state)| state)
    }
}

/// One watch.
#[derive(Debug)]
struct Watching {
    watcher: AgentName,
    /// What was said last.
    told: Option<Arc<WatchedState>>,
}

/// Something that somebody watches.
#[derive(Debug, Default)]
struct Thing {
    watches: BTreeMap<WatchId, Watching>,
    /// How it stood when its state was made last.
    standing: Option<Standing>,
}

/// All watches.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    things: BTreeMap<Watched, Thing>,
    /// What each watch watches.
    all: BTreeMap<WatchId, Watched>,
    /// What was made of each call.
    of_calls: BTreeMap<CallId, BTreeSet<Watched>>,
    /// What may have changed since its state was made.
    stale: BTreeSet<Watched>,
    /// States that were made.
    #[cfg(test)]
    pub(super) made: usize,
}

impl Watches {
    /// Whether nobody watches anything.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Somebody watches; they are to be told.
    pub(super) fn insert(&mut self, watch: WatchId, watcher: AgentName, watched: Watched) {
        let thing = self.things.entry(watched.clone()).or_default();
        thing.watches.insert(watch, Watching { watcher, told: None });
        self.stale.insert(watched.clone());
        self.all.insert(watch, watched);
    }

    /// Somebody watches no more.
    pub(super) fn remove(&mut self, watch: WatchId) {
        let Some(watched) = self.all.remove(&watch) else { return };
        let Some(thing) = self.things.get_mut(&watched) else { return };
        thing.watches.remove(&watch);
        if thing.watches.is_empty() {
            self.forget(&watched);
        }
    }

    /// This may have changed, if anybody watches it.
    pub(super) fn touch(&mut self, watched: Watched) {
        if self.things.contains_key(&watched) {
            self.stale.insert(watched);
        }
    }

    /// Whatever was made of this call may have changed.
    pub(super) fn touch_call(&mut self, call: CallId) {
        self.stale.extend(self.of_calls.get(&call).into_iter().flatten().cloned());
    }

    /// Everything may have changed.
    pub(super) fn touch_all(&mut self) {
        self.stale.extend(self.things.keys().cloned());
    }

    /// What may have changed.
    pub(super) fn stale(&self) -> Vec<Watched> {
        self.stale.iter().cloned().collect()
    }

    /// The calls that the state of something was made of.
    pub(super) fn calls(&self, watched: &Watched) -> impl Iterator<Item = CallId> {
        let standing = self.things.get(watched).and_then(|thing| thing.standing.as_ref());
        standing.into_iter().flat_map(|standing| standing.calls.iter().copied())
    }

    /// It stands so: whom that is new to, and what they are to be told.
    pub(super) fn stands(&mut self, watched: &Watched, now: Standing) -> Vec<(WatchId, Arc<WatchedState>)> {
        self.stale.remove(watched);
        let Some(thing) = self.things.get_mut(watched) else { return Vec::new() };
        #[cfg(test)]
        {
            self.made += 1;
        }
        let before = thing.standing.take();
        let of_before = before.iter().flat_map(|before| &before.calls);
        for call in of_before.filter(|call| !now.calls.contains(call)) {
            leave(&mut self.of_calls, *call, watched);
        }
        for call in &now.calls {
            self.of_calls.entry(*call).or_default().insert(watched.clone());
        }
        // what is the same is shared with those who know it
        let now = before.filter(|before| *before == now).unwrap_or(now);
        let mut new = Vec::new();
        for (watch, watching) in &mut thing.watches {
            let state = now.to(&watching.watcher);
            if watching.told.as_ref() != Some(state) {
                new.push((*watch, Arc::clone(state)));
            }
            watching.told = Some(Arc::clone(state));
        }
        thing.standing = Some(now);
        new
    }

    /// Only who may goes on watching this: who did beside them.
    pub(super) fn keep_only(&mut self, watched: &Watched, may: impl Fn(&AgentName) -> bool) -> Vec<WatchId> {
        let watches = self.things.get(watched).into_iter().flat_map(|thing| &thing.watches);
        let foreign: Vec<WatchId> =
            watches.filter(|(_, watching)| !may(&watching.watcher)).map(|(watch, _)| *watch).collect();
        for watch in &foreign {
            self.remove(*watch);
        }
        foreign
    }

    /// It is not there any more: who watched it.
    pub(super) fn end(&mut self, watched: &Watched) -> Vec<WatchId> {
        let watches: Vec<WatchId> =
            self.forget(watched).map(|gone| gone.watches.into_keys().collect()).unwrap_or_default();
        for watch in &watches {
            self.all.remove(watch);
        }
        watches
    }

    /// What a watch was told last.
    #[cfg(test)]
    pub(super) fn told(&self, watch: WatchId) -> Option<Arc<WatchedState>> {
        self.things.get(self.all.get(&watch)?)?.watches.get(&watch)?.told.clone()
    }

    /// Everything that is not to be looked at again, and how it stands.
    #[cfg(test)]
    pub(super) fn settled(&self) -> impl Iterator<Item = (&Watched, Option<&Standing>)> {
        let settled = self.things.iter().filter(|(watched, _)| !self.stale.contains(watched));
        settled.map(|(watched, thing)| (watched, thing.standing.as_ref()))
    }

    fn forget(&mut self, watched: &Watched) -> Option<Thing> {
        self.stale.remove(watched);
        let gone = self.things.remove(watched)?;
        for call in gone.standing.iter().flat_map(|standing| &standing.calls) {
            leave(&mut self.of_calls, *call, watched);
        }
        Some(gone)
    }
}

fn leave(of_calls: &mut BTreeMap<CallId, BTreeSet<Watched>>, call: CallId, watched: &Watched) {
    if let Some(made) = of_calls.get_mut(&call) {
        made.remove(watched);
        if made.is_empty() {
            of_calls.remove(&call);
        }
    }
}
