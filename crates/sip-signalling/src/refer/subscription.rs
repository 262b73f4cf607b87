//! The subscription a REFER makes (RFC 3515 §2.4.4): what was said, what waits to be said, what is not answered yet. One
//! NOTIFY at a time, so that they arrive in order.

use std::collections::{BTreeMap, HashMap, VecDeque};

use conference::{AgentName, LegId, Moment};
use serde::{Deserialize, Serialize};

use super::{AGAIN, MOST_WORDS};
use crate::dialog::Dialog;
use crate::news::ReferId;
use crate::transaction::{ClientId, ServerId};

/// Where a REFER came, and so where its NOTIFYs go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum At {
    /// In the dialog of a leg.
    Leg(LegId),
    /// Outside any dialog: it made one of its own.
    Alone(Box<Alone>),
    /// In the dialog of a leg that has ended before its answer: it gets that answer and nothing more.
    Gone,
}

/// A dialog that a REFER made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alone {
    /// The dialog.
    pub(crate) dialog: Dialog,
    /// Whose it is.
    pub(crate) agent: AgentName,
}

/// Why a subscription ends (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// There is nothing more to tell.
    NoResource,
    /// Its time has run out, or its owner took it back.
    Timeout,
    /// Its owner may not any more.
    Rejected,
    /// We go, and may be back in a moment.
    Probation,
}

impl End {
    /// The `reason` in Subscription-State, and when to try again.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::NoResource => "noresource",
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::Probation => "probation;retry-after=5",
        }
    }
}

/// What one NOTIFY says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Word {
    /// The status.
    pub(crate) status: u16,
    /// Whether it is the last.
    pub(crate) end: Option<End>,
    /// How often it was sent in vain.
    tries: u8,
}

impl Word {
    /// One that was not sent yet.
    pub(crate) fn new(status: u16, end: Option<End>) -> Self {
        Self { status, end, tries: 0 }
    }
}

/// What follows from the answer to a NOTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The next word may go.
    Next,
    /// The subscription has ended.
    Over,
    /// It answers nothing that is waited for.
    Stray,
}

/// One REFER of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscription {
    /// Its name.
    pub(crate) id: ReferId,
    /// Where it came.
    pub(crate) at: At,
    /// Its CSeq number.
    pub(crate) number: u32,
    /// Not the first in its dialog: its NOTIFYs name it by number (RFC 3515 §2.4.6).
    pub(crate) named: bool,
    /// Its sender wants no NOTIFYs.
    pub(crate) quiet: bool,
    /// Its transaction, until the owner has answered it.
    pub(crate) waits: Option<ServerId>,
    /// When the subscription ends, once accepted.
    pub(crate) ends: Moment,
    /// What was said last.
    status: u16,
    closed: bool,
    words: VecDeque<Word>,
    flying: Option<(ClientId, Word)>,
}

impl Subscription {
    /// One that waits for its answer.
    pub(crate) fn new(id: ReferId, at: At, number: u32, waits: ServerId) -> Self {
        Self {
            id,
            at,
            number,
            named: false,
            quiet: false,
            waits: Some(waits),
            ends: Moment::ZERO,
            status: 100,
            closed: false,
            words: VecDeque::new(),
            flying: None,
        }
    }

    /// Whether it is in the dialog of this leg.
    pub(crate) fn is_at(&self, leg: LegId) -> bool {
        matches!(self.at, At::Leg(at) if at == leg)
    }

    /// Whether NOTIFYs may be sent.
    pub(crate) fn is_active(&self) -> bool {
        self.waits.is_none() && !self.closed
    }

    /// Whether the last word was said and not answered yet.
    pub(crate) fn owes_last_word(&self) -> bool {
        self.closed
    }

    /// Has something to say. After the last word nothing is said.
    pub(crate) fn say(&mut self, word: Word) {
        if !self.is_active() {
            return;
        }
        if self.words.len() >= MOST_WORDS {
            self.words.pop_back();
        }
        self.status = word.status;
        self.closed = word.end.is_some();
        self.words.push_back(word);
    }

    /// Says once more how it stands.
    pub(crate) fn repeat(&mut self, end: Option<End>) {
        self.say(Word::new(self.status, end));
    }

    /// The next word to be sent, if none is unanswered.
    pub(crate) fn next_word(&mut self) -> Option<Word> {
        if self.flying.is_some() { None } else { self.words.pop_front() }
    }

    /// A word was sent.
    pub(crate) fn sent(&mut self, client: ClientId, word: Word) {
        self.flying = Some((client, word));
    }

    /// The NOTIFY that is not answered yet.
    pub(crate) fn unanswered(&self) -> Option<ClientId> {
        self.flying.map(|(client, _)| client)
    }

    /// The NOTIFY that is not answered yet was lost with its process: it is to be sent again.
    pub(crate) fn forget_sent(&mut self) {
        if let Some((_, word)) = self.flying.take() {
            self.words.push_front(word);
        }
    }

    /// The final answer to a NOTIFY; `status` 408 and 503 also stand for no answer and no way. A refusal ends the
    /// subscription and nothing else (RFC 6665 §4.2.2, RFC 5057 §5.1).
    pub(crate) fn answered(&mut self, client: ClientId, status: u16) -> Heard {
        let Some((_, word)) = self.flying.take_if(|(known, _)| *known == client) else { return Heard::Stray };
        match status {
            200..300 if word.end.is_some() => Heard::Over,
            200..300 => Heard::Next,
            // it was overtaken by another request of ours, or met one of theirs
            491 | 500 | 503 if word.tries < AGAIN => {
                self.words.push_front(Word { tries: word.tries + 1, ..word });
                Heard::Next
            }
            _ => Heard::Over,
        }
    }
}

/// All REFERs of theirs.
#[derive(Debug, Default)]
pub(crate) struct Refers {
    /// By name.
    pub(crate) all: BTreeMap<ReferId, Subscription>,
    /// The dialogs that REFERs made, by Call-ID and our tag.
    pub(crate) dialogs: HashMap<(String, String), ReferId>,
    drawn: u64,
}

impl Refers {
    /// A name nobody has had, also not in a process before this one: names follow the clock.
    pub(crate) fn draw(&mut self, now: Moment) -> ReferId {
        self.drawn = self.drawn.saturating_add(1).max(now.0);
        ReferId(self.drawn)
    }

    /// Puts one in.
    pub(crate) fn insert(&mut self, subscription: Subscription) {
        self.drawn = self.drawn.max(subscription.id.0);
        if let At::Alone(alone) = &subscription.at {
            self.dialogs.insert(key(&alone.dialog), subscription.id);
        }
        self.all.insert(subscription.id, subscription);
    }

    /// Takes one out.
    pub(crate) fn remove(&mut self, id: ReferId) -> Option<Subscription> {
        let gone = self.all.remove(&id)?;
        if let At::Alone(alone) = &gone.at {
            self.dialogs.remove(&key(&alone.dialog));
        }
        Some(gone)
    }

    /// Those in the dialog of a leg.
    pub(crate) fn of(&self, leg: LegId) -> Vec<ReferId> {
        self.all.values().filter(|known| known.is_at(leg)).map(|known| known.id).collect()
    }

    /// How many an agent has outside dialogs.
    pub(crate) fn alone(&self, name: &AgentName) -> usize {
        let of = |known: &&Subscription| matches!(&known.at, At::Alone(alone) if alone.agent == *name);
        self.all.values().filter(of).count()
    }

    /// Whether a BYE of ours in this leg's dialog would overtake a last word.
    pub(crate) fn owe_last_word(&self, leg: LegId) -> bool {
        self.all.values().any(|known| known.is_at(leg) && known.owes_last_word())
    }
}

fn key(dialog: &Dialog) -> (String, String) {
    (dialog.call_id.clone(), dialog.local_tag.clone())
}

#[cfg(test)]
mod tests;
