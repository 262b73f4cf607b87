//! Gives the store what is to be kept. Nothing here waits for the store, and nobody in a call waits for this.
//!
//! ```text
//!   book ── record of a call ──(its legs' last figures are there)──┐
//!   book ── who heard whom ────────────────────────────────────────┤
//!   signalling ── registrations ───────────────────────────────────┼──> store
//!   core ── what agents said last, numbers that are taken ─────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use conference::record::CallRecord;
use conference::{AgentName, AgentView, Availability, CallId};
use media_mixer::Mixer;
use sip_signalling::SavedBinding;
use store::{Contact, Known, Restored, Store, Write};
use tokio::task::JoinSet;
use tracing::warn;

use crate::clock::Clock;
use crate::told::Reserved;

/// A leg's figures are final so long after it was closed.
const FINAL_AFTER: Duration = Duration::from_millis(100);

/// The store has a record so soon.
const STORED_AFTER: Duration = Duration::from_secs(5);
/// Records that wait for that; of more the oldest are left to the store.
const JUST_ENDED: usize = 1_024;

/// Calls that ended a moment ago: whoever was told of the end and asks for the record finds it, before the store has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct JustEnded {
    records: Arc<Mutex<BTreeMap<CallId, CallRecord>>>,
}

impl JustEnded {
    /// The record, but for its legs' last figures.
    pub(crate) fn record(&self, call: CallId) -> Option<CallRecord> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).get(&call).cloned()
    }

    fn add(&self, record: &CallRecord) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.insert(record.call, record.clone());
        if records.len() > JUST_ENDED {
            records.pop_first();
        }
        let (call, all) = (record.call, Arc::downgrade(&self.records));
        tokio::spawn(async move {
            tokio::time::sleep(STORED_AFTER).await;
            if let Some(records) = all.upgrade() {
                records.lock().unwrap_or_else(PoisonError::into_inner).remove(&call);
            }
        });
    }
}

/// The keeper.
pub(crate) struct Keeper {
    store: Store,
    mixer: Mixer,
    just_ended: JustEnded,
    /// Records that wait for the last figures of their legs.
    waiting: JoinSet<()>,
    /// What was written of agents last.
    said: BTreeMap<AgentName, Availability>,
    /// Agents of whom something may be new.
    changed: BTreeSet<AgentName>,
}

impl Keeper {
    /// `said`: what is in the store already.
    pub(crate) fn new(
        store: Store,
        mixer: Mixer,
        just_ended: JustEnded,
        said: BTreeMap<AgentName, Availability>,
    ) -> Self {
        Self { store, mixer, just_ended, waiting: JoinSet::new(), said, changed: BTreeSet::new() }
    }

    /// Something that the book has finished.
    pub(crate) fn keep(&mut self, write: Write) {
        while self.waiting.try_join_next().is_some() {}
        let Write::Call(mut record) = write else { return self.store.write(write) };
        self.just_ended.add(&record);
        let (store, mixer) = (self.store.clone(), self.mixer.clone());
        self.waiting.spawn(async move {
            tokio::time::sleep(FINAL_AFTER).await;
            add_quality(&mixer, &mut record);
            store.write(Write::Call(record));
        });
    }

    /// Numbers that are taken.
    pub(crate) fn reserve(&self, reserved: Reserved) {
        let Reserved { calls, events, offers } = reserved;
        self.store.write(Write::Reserved { last_call: calls, last_event: events, last_reservation: offers });
    }

    /// An agent's phones, as the registrar keeps them.
    pub(crate) fn bound(&self, agent: AgentName, bindings: &[SavedBinding]) {
        let contact = |binding: &SavedBinding| {
            let expires_at = i64::try_from(binding.expires_at().0).unwrap_or(i64::MAX);
            Some(Contact { binding: serde_json::to_string(binding).ok()?, expires_at })
        };
        let contacts = bindings.iter().filter_map(contact).collect();
        self.store.write(Write::Registrations { agent, contacts });
    }

    /// Something about an agent may be new.
    pub(crate) fn changed(&mut self, agent: &AgentName) {
        self.changed.insert(agent.clone());
    }

    /// Writes down what agents said last, where it is new.
    pub(crate) fn settle(&mut self, view: impl Fn(&AgentName) -> Option<AgentView>) {
        for agent in std::mem::take(&mut self.changed) {
            let Some(availability) = view(&agent).map(|view| view.availability) else { continue };
            if self.said.insert(agent.clone(), availability) != Some(availability) {
                self.store.write(Write::Availability(Known { agent, availability, at: Clock::wall() }));
            }
        }
    }

    /// Everything that waits is given to the store.
    pub(crate) async fn finish(mut self) {
        while self.waiting.join_next().await.is_some() {}
    }
}

/// How the legs sounded, as the mixer knows it best; of those it has forgotten, as they sounded shortly before their end.
pub(crate) fn add_quality(mixer: &Mixer, record: &mut CallRecord) {
    for leg in record.parties.iter_mut().flat_map(|party| party.legs.iter_mut()) {
        leg.quality = mixer.quality(leg.leg).or(leg.quality);
    }
}

/// The registrations that were kept, as the registrar takes them.
pub(crate) fn bindings(restored: &Restored) -> Vec<(AgentName, Vec<SavedBinding>)> {
    let read = |contact: &Contact| {
        serde_json::from_str(&contact.binding)
            .inspect_err(|error| warn!(%error, "a registration that was kept cannot be read"))
            .ok()
    };
    let agents = restored.registrations.iter();
    agents.map(|(agent, contacts)| (agent.clone(), contacts.iter().filter_map(read).collect())).collect()
}
