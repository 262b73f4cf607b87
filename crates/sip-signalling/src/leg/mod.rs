//! Legs: one call of one phone each, from INVITE to BYE, and how messages find them.
//!
//! `arrived` is a leg that rings here, `up` one that was answered, `offers` its changes of session, `digit` its INFO bodies,
//! `state` what of it can be stored; a leg that rings elsewhere is a [`crate::fork::Fork`]. Who may have a leg is for the
//! gate; which message is for whom is for the stack.

pub(crate) mod arrived;
pub(crate) mod digit;
mod offers;
pub(crate) mod state;
pub(crate) mod up;

use std::collections::{BTreeMap, HashMap};

use conference::{AgentName, LegId, Phone};
use serde::{Deserialize, Serialize};

use crate::dialog::DialogKey;
use crate::fork::Fork;
use crate::leg::arrived::Arriving;
use crate::leg::up::Up;
use crate::transaction::ServerId;

/// Who is at the other end, as far as proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Party {
    /// A registered user.
    Agent {
        /// Who.
        name: AgentName,
        /// Which of their phones; `None` while several ring.
        phone: Option<Phone>,
    },
    /// Somebody behind this trunk.
    Trunk(String),
    /// Phone's side: whoever the server of this account connects.
    Account(String),
    /// Phone's side, without an account.
    Anybody,
}

/// How far a leg is.
#[derive(Debug)]
pub(crate) enum Phase {
    /// It rings here.
    Arriving(Box<Arriving>),
    /// It rings there.
    Ringing(Fork),
    /// It was answered.
    Up(Box<Up>),
}

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) party: Party,
    pub(crate) phase: Phase,
}

/// What tells requests apart that came over several ways but are one (RFC 3261 §8.2.2.2): Call-ID and From tag.
type Origin = (String, String);

/// All legs, and what finds them.
#[derive(Debug, Default)]
pub(crate) struct Legs {
    counter: u64,
    all: BTreeMap<LegId, Leg>,
    dialogs: HashMap<DialogKey, LegId>,
    arriving: HashMap<ServerId, LegId>,
    origins: HashMap<Origin, (LegId, u32)>,
    of_trunks: BTreeMap<String, u32>,
}

impl Legs {
    /// The id of the next leg that arrives.
    pub(crate) fn next_arrived(&mut self) -> LegId {
        self.counter += 1;
        LegId::arrived(self.counter)
    }

    /// Takes a leg in. An arriving leg is found by its transaction, its dialog and its origin.
    pub(crate) fn insert(&mut self, id: LegId, leg: Leg) {
        if !id.is_rung() {
            // thawed legs keep their numbers: new ones go on after them
            self.counter = self.counter.max(id.0);
        }
        if let Party::Trunk(trunk) = &leg.party {
            *self.of_trunks.entry(trunk.clone()).or_default() += 1;
        }
        match &leg.phase {
            Phase::Arriving(arriving) => {
                let key = arriving.dialog.key();
                self.arriving.insert(arriving.server, id);
                self.origins.insert((key.call_id.clone(), key.remote_tag.clone()), (id, arriving.cseq));
                self.dialogs.insert(key, id);
            }
            Phase::Up(up) => {
                self.dialogs.insert(up.dialog.key(), id);
            }
            Phase::Ringing(_) => {}
        }
        self.all.insert(id, leg);
    }

    /// Takes a leg out, and everything that finds it.
    pub(crate) fn remove(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.all.remove(&id)?;
        if let Party::Trunk(trunk) = &leg.party
            && let Some(calls) = self.of_trunks.get_mut(trunk)
        {
            *calls -= 1;
            if *calls == 0 {
                self.of_trunks.remove(trunk);
            }
        }
        let dialog = match &leg.phase {
            Phase::Arriving(arriving) => {
                self.arriving.remove(&arriving.server);
                Some(&arriving.dialog)
            }
            Phase::Up(up) => Some(&up.dialog),
            Phase::Ringing(_) => None,
        };
        if let Some(key) = dialog.map(crate::dialog::Dialog::key) {
            self.dialogs.remove(&key);
            let origin = (key.call_id, key.remote_tag);
            if self.origins.get(&origin).is_some_and(|(known, _)| *known == id) {
                self.origins.remove(&origin);
            }
        }
        Some(leg)
    }

    /// A leg.
    pub(crate) fn get_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.all.get_mut(&id)
    }

    /// A leg that was answered and is not on its way out.
    pub(crate) fn up(&mut self, id: LegId) -> Option<&mut Up> {
        match &mut self.all.get_mut(&id)?.phase {
            Phase::Up(up) => Some(up),
            Phase::Arriving(_) | Phase::Ringing(_) => None,
        }
    }

    /// The leg of a dialog.
    pub(crate) fn of_dialog(&self, key: &DialogKey) -> Option<LegId> {
        self.dialogs.get(key).copied()
    }

    /// The leg that rings here by this INVITE.
    pub(crate) fn of_invite(&self, server: ServerId) -> Option<LegId> {
        self.arriving.get(&server).copied()
    }

    /// Whether a leg came by the same request over another way.
    pub(crate) fn is_merged(&self, call_id: &str, tag: &str, cseq: u32) -> bool {
        self.origins.get(&(call_id.to_owned(), tag.to_owned())).is_some_and(|(_, known)| *known == cseq)
    }

    /// Calls of a trunk at this moment.
    pub(crate) fn of_trunk(&self, trunk: &str) -> u32 {
        self.of_trunks.get(trunk).copied().unwrap_or_default()
    }

    /// An arriving leg was answered: its INVITE is over, a CANCEL does nothing to it any more.
    pub(crate) fn answered(&mut self, server: ServerId) {
        self.arriving.remove(&server);
    }

    /// All of them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (LegId, &mut Leg)> {
        self.all.iter_mut().map(|(id, leg)| (*id, leg))
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nothing finds anything any more.
    #[cfg(test)]
    pub(crate) fn is_swept(&self) -> bool {
        self.all.is_empty()
            && self.dialogs.is_empty()
            && self.arriving.is_empty()
            && self.origins.is_empty()
            && self.of_trunks.is_empty()
    }
}
