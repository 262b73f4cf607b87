//! One watch: what was said last, what waits to be said, what is not answered yet. One NOTIFY at a time, so that they arrive in
//! order and each document changes the one before it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use conference::{AgentName, Moment};

use super::document::{self, Extent};
use super::{MOST_WAITING, WatchedState};
use crate::dialog::Dialog;
use crate::news::{Package, WatchId};
use crate::refer::{AGAIN, End, Heard};
use crate::transaction::{ClientId, ServerId};

/// What a NOTIFY says.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// The document.
    pub(crate) body: Bytes,
    /// Whether it is the last.
    pub(crate) end: Option<End>,
    /// How often it was sent in vain.
    tries: u8,
}

/// What waits to be said.
#[derive(Debug)]
enum Word {
    /// How it stands; whole if there is nothing to compare it with, or it was asked for.
    State(Arc<WatchedState>, Extent),
    /// The watch is over.
    Last(End),
    /// What was refused once, again.
    Again(Said),
}

/// One subscription of an agent's phone.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Its name.
    pub(crate) id: WatchId,
    /// What is watched.
    pub(crate) package: Package,
    /// Whose it is.
    pub(crate) watcher: AgentName,
    /// The dialog its SUBSCRIBE made.
    pub(crate) dialog: Dialog,
    /// The `id` of its Event (RFC 6665 §8.2.1).
    pub(crate) event_id: Option<String>,
    /// Its transaction, until the owner has answered it.
    pub(crate) waits: Option<ServerId>,
    /// Seconds granted at first.
    pub(crate) seconds: u32,
    /// When it ends unless it is refreshed, once accepted.
    pub(crate) ends: Moment,
    version: u32,
    /// How it stands, as the owner said last.
    latest: Option<Arc<WatchedState>>,
    /// How it stood when the last document was made.
    told: Option<Arc<WatchedState>>,
    words: VecDeque<Word>,
    flying: Option<(ClientId, Said)>,
    closed: bool,
}

impl Watch {
    /// One that waits for its answer.
    pub(crate) fn new(id: WatchId, package: Package, watcher: AgentName, dialog: Dialog, waits: ServerId) -> Self {
        // RFC 4235 §4.1 counts from 0; we count the documents of RFC 4575 from 1
        let version = match package {
            Package::Dialog => 0,
            Package::Conference => 1,
        };
        Self {
            id,
            package,
            watcher,
            dialog,
            event_id: None,
            waits: Some(waits),
            seconds: 0,
            ends: Moment::ZERO,
            version,
            latest: None,
            told: None,
            words: VecDeque::new(),
            flying: None,
            closed: false,
        }
    }

    /// Whether NOTIFYs may be sent.
    pub(crate) fn is_active(&self) -> bool {
        self.waits.is_none() && !self.closed
    }

    /// Whether the last word was said.
    pub(crate) fn is_over(&self) -> bool {
        self.closed
    }

    /// Whether a state is of the kind that is watched.
    pub(crate) fn is_of_kind(&self, state: &WatchedState) -> bool {
        match state {
            WatchedState::Dialogs(_) => self.package == Package::Dialog,
            WatchedState::Conference(_) => self.package == Package::Conference,
        }
    }

    /// It stands so now. What stands as before is not said again.
    pub(crate) fn say(&mut self, state: Arc<WatchedState>) {
        if !self.is_active() || self.latest.as_ref() == Some(&state) {
            return;
        }
        self.latest = Some(Arc::clone(&state));
        self.push(Word::State(state, Extent::Changes));
    }

    /// Says once more, and wholly, how it stands.
    pub(crate) fn repeat(&mut self) {
        if let Some(state) = self.latest.clone().filter(|_| self.is_active()) {
            self.push(Word::State(state, Extent::Whole));
        }
    }

    /// Says that it is over, after all that waits. Nothing is said afterwards.
    pub(crate) fn close(&mut self, end: End) {
        if self.is_active() {
            self.closed = true;
            self.words.push_back(Word::Last(end));
        }
    }

    /// What waits is passed over: the last word says how it stands.
    pub(crate) fn only_last(&mut self) {
        self.words.clear();
    }

    /// Nobody waits for the answer to a NOTIFY any more.
    pub(crate) fn forget_sent(&mut self) {
        self.flying = None;
    }

    /// Each document is made from the one before that was sent, so those passed over are missing nowhere.
    fn push(&mut self, word: Word) {
        let full = self.words.len() >= MOST_WAITING;
        if full && let Some(oldest) = self.words.iter().position(|word| matches!(word, Word::State(..))) {
            self.words.remove(oldest);
        }
        self.words.push_back(word);
    }

    /// What is to be said next, if nothing is unanswered.
    pub(crate) fn next_said(&mut self, domain: &str) -> Option<Said> {
        if self.flying.is_some() {
            return None;
        }
        let (state, extent, end) = match self.words.pop_front()? {
            Word::Again(said) => return Some(said),
            Word::State(state, extent) => (Some(state), extent, None),
            Word::Last(end) => (self.latest.clone(), Extent::of_end(end), Some(end)),
        };
        let body = match state {
            Some(state) => {
                let body = document::write(&state, self.told.as_deref(), extent, self.version, domain);
                self.version = self.version.wrapping_add(1);
                self.told = Some(state);
                body
            }
            None => Bytes::new(),
        };
        Some(Said { body, end, tries: 0 })
    }

    /// It was sent.
    pub(crate) fn sent(&mut self, client: ClientId, said: Said) {
        self.flying = Some((client, said));
    }

    /// The final answer to a NOTIFY; `status` 408 also stands for none. A refusal ends the watch (RFC 6665 §4.2.2).
    pub(crate) fn answered(&mut self, client: ClientId, status: u16) -> Heard {
        let Some((_, said)) = self.flying.take_if(|(known, _)| *known == client) else { return Heard::Stray };
        match status {
            200..300 if said.end.is_some() => Heard::Over,
            200..300 => Heard::Next,
            // it was overtaken by another request of ours, or met one of theirs: the same document once more
            491 | 500 | 503 if said.tries < AGAIN => {
                self.words.push_front(Word::Again(Said { tries: said.tries + 1, ..said }));
                Heard::Next
            }
            _ => Heard::Over,
        }
    }
}

/// All watches.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// By name.
    pub(crate) all: BTreeMap<WatchId, Watch>,
    /// By Call-ID and our tag.
    dialogs: HashMap<(String, String), WatchId>,
    /// How many each agent has.
    of_agents: HashMap<AgentName, usize>,
    drawn: u64,
}

impl Watches {
    /// A name nobody has had, also not in a process before this one: names follow the clock.
    pub(crate) fn draw(&mut self, now: Moment) -> WatchId {
        self.drawn = self.drawn.saturating_add(1).max(now.0);
        WatchId(self.drawn)
    }

    /// Puts one in.
    pub(crate) fn insert(&mut self, watch: Watch) {
        self.dialogs.insert(key(&watch.dialog), watch.id);
        *self.of_agents.entry(watch.watcher.clone()).or_default() += 1;
        self.all.insert(watch.id, watch);
    }

    /// Takes one out.
    pub(crate) fn remove(&mut self, id: WatchId) -> Option<Watch> {
        let gone = self.all.remove(&id)?;
        self.dialogs.remove(&key(&gone.dialog));
        if let Some(count) = self.of_agents.get_mut(&gone.watcher) {
            *count -= 1;
            if *count == 0 {
                self.of_agents.remove(&gone.watcher);
            }
        }
        Some(gone)
    }

    /// How many an agent has.
    pub(crate) fn of(&self, watcher: &AgentName) -> usize {
        self.of_agents.get(watcher).copied().unwrap_or(0)
    }

    /// The one whose dialog this is, by Call-ID and our tag.
    pub(crate) fn in_dialog(&self, key: &(String, String)) -> Option<&Watch> {
        self.all.get(self.dialogs.get(key)?)
    }
}

fn key(dialog: &Dialog) -> (String, String) {
    (dialog.call_id.clone(), dialog.local_tag.clone())
}
