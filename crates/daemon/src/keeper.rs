//! Gives the store what is to be kept. Nothing here waits for the store, and nobody in a call waits for this.
//!
//! ```text
//!   book ── record of a call ──(its legs' last figures are there)──┐
//!   book ── who heard whom ────────────────────────────────────────┤
//!   signalling ── registrations ───────────────────────────────────┼──> store
//!   core ── what agents said last, numbers that are taken ─────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// The store has a record so soon, if the database is there; if it has not, it is asked after twice this, and so on.
const STORED_AFTER: Duration = Duration::from_secs(5);
/// … but at least so often.
const ASKED_AT_LEAST: Duration = Duration::from_secs(60);
/// Records that wait for that; of more the oldest are left to the store.
const JUST_ENDED: usize = 1_024;

/// Calls of which the record is not in the database yet: whoever was told of the end and asks for the record, or for a list,
/// finds it all the same, also while the database is away.
#[derive(Clone, Debug, Default)]
pub(crate) struct JustEnded {
    ended: Arc<Mutex<Ended>>,
}

/// Their records, and in which order they ended.
#[derive(Debug, Default)]
struct Ended {
    records: BTreeMap<CallId, Arc<CallRecord>>,
    order: VecDeque<CallId>,
}

impl Ended {
    fn remove(&mut self, call: CallId) {
        self.records.remove(&call);
        self.order.retain(|ended| *ended != call);
    }
}

impl JustEnded {
    /// The record, but for its legs' last figures.
    pub(crate) fn record(&self, call: CallId) -> Option<CallRecord> {
        self.ended().records.get(&call).map(|record| CallRecord::clone(record))
    }

    /// All of them; of the latest without their legs' last figures.
    pub(crate) fn all(&self) -> Vec<CallRecord> {
        // the switch may wait for the lock: under it nothing is copied
        let all: Vec<Arc<CallRecord>> = self.ended().records.values().map(Arc::clone).collect();
        all.iter().map(|record| CallRecord::clone(record)).collect()
    }

    /// A call ended. It is here until `is_written` says that the database has its record.
    fn add<F: Future<Output = bool> + Send>(&self, record: &CallRecord, is_written: impl Fn() -> F + Send + 'static) {
        {
            let record = Arc::new(record.clone());
            let mut ended = self.ended();
            ended.order.push_back(record.call);
            ended.records.insert(record.call, record);
            if ended.order.len() > JUST_ENDED
                && let Some(first) = ended.order.pop_front()
            {
                ended.records.remove(&first);
            }
        }
        let (call, all) = (record.call, Arc::downgrade(&self.ended));
        tokio::spawn(async move {
            let mut wait = STORED_AFTER;
            loop {
                tokio::time::sleep(wait).await;
                let is_written = is_written().await;
                let Some(ended) = all.upgrade() else { return };
                let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                if is_written {
                    ended.remove(call);
                }
                if !ended.records.contains_key(&call) {
                    return;
                }
                wait = (wait * 2).min(ASKED_AT_LEAST);
            }
        });
    }

    /// The record with its legs' last figures.
    fn complete(&self, record: &CallRecord) {
        let record = Arc::new(record.clone());
        if let Some(known) = self.ended().records.get_mut(&record.call) {
            *known = record;
        }
    }

    fn ended(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (asked, call) = (self.store.clone(), record.call);
        self.just_ended.add(&record, move || {
            let store = asked.clone();
            async move { matches!(store.record(call).await, Ok(Some(_))) }
        });
        let (store, mixer, just_ended) = (self.store.clone(), self.mixer.clone(), self.just_ended.clone());
        self.waiting.spawn(async move {
            tokio::time::sleep(FINAL_AFTER).await;
            add_quality(&mixer, &mut record);
            just_ended.complete(&record);
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
        leg.quality = mixer.quality(leg.leg).or_else(|| leg.quality.take());
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn record(call: u64) -> CallRecord {
        CallRecord {
            call: CallId(call),
            room: None,
            door: None,
            started_at: 0,
            ended_at: Some(1),
            joined_into: None,
            parties: Vec::new(),
            transfers: Vec::new(),
            queues: Vec::new(),
            forgotten: 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_is_known_until_the_database_has_it_however_long_it_is_away() {
        let (just_ended, written) = (JustEnded::default(), Arc::new(AtomicBool::new(false)));
        let asked = Arc::clone(&written);
        just_ended.add(&record(7), move || std::future::ready(asked.load(Ordering::Relaxed)));
        just_ended.complete(&CallRecord { forgotten: 3, ..record(7) });
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(just_ended.all(), [CallRecord { forgotten: 3, ..record(7) }]);
        written.store(true, Ordering::Relaxed);
        tokio::time::sleep(ASKED_AT_LEAST).await;
        assert_eq!((just_ended.record(CallId(7)), just_ended.all()), (None, Vec::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_the_oldest_are_left_to_the_store() {
        let just_ended = JustEnded::default();
        for call in 0..JUST_ENDED as u64 + 3 {
            just_ended.add(&record(call), || std::future::ready(false));
        }
        assert_eq!((just_ended.all().len(), just_ended.all()[0].call), (JUST_ENDED, CallId(3)));
    }
}
