//! What was given and is not on the disk yet: in memory, bounded, behind a lock that is held for moments only.
//!
//! Of what only the latest matters (registrations, availabilities, reserved ids) the newer takes the place of the older.
//! It writes nothing; `writer` takes from it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use conference::AgentName;
use conference::record::{CallRecord, Quality};
use tokio::sync::Notify;

use crate::kept::Write;

/// Writes in memory at most.
pub(crate) const MOST_WRITES: usize = 20_000;
/// Bytes in memory at most, as estimated.
const MOST_BYTES: usize = 64 << 20;
/// So many writes wait: the writer must not go on waiting for the database.
const DEEP: usize = 1_000;

/// A write with its place in the order in which writes were given.
pub(crate) type Given = (u64, Arc<Write>);

/// Of what only the latest matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Registrations(AgentName),
    Availability(AgentName),
    Reserved,
}

/// The key of a write of which only the latest matters; `None`: it is history.
pub(crate) fn key(write: &Write) -> Option<Key> {
    match write {
        Write::Call(_) | Write::Audibility(_) => None,
        Write::Registrations { agent, .. } => Some(Key::Registrations(agent.clone())),
        Write::Availability(known) => Some(Key::Availability(known.agent.clone())),
        Write::Reserved { .. } => Some(Key::Reserved),
    }
}

/// What had to go because there was no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    Nothing,
    History,
    Latest,
}

/// The queue between everybody and the writer.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// Something is new.
    pub(crate) news: Notify,
    /// Much waits.
    pub(crate) deep: Notify,
}

#[derive(Default)]
struct Waiting {
    writes: BTreeMap<u64, Arc<Write>>,
    latest: HashMap<Key, u64>,
    next: u64,
    bytes: usize,
    closing: bool,
}

impl Queue {
    /// Takes one more.
    pub(crate) fn give(&self, mut write: Write) -> Lost {
        if let Write::Call(record) = &mut write {
            make_finite(record);
        }
        let (lost, length) = {
            let mut waiting = self.lock();
            (waiting.give(Arc::new(write)), waiting.writes.len())
        };
        self.news.notify_one();
        if length >= DEEP {
            self.deep.notify_one();
        }
        lost
    }

    /// The oldest, so many at most.
    pub(crate) fn take(&self, most: usize) -> Vec<Given> {
        let mut waiting = self.lock();
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some((place, write)) = waiting.writes.pop_first()
        {
            waiting.bytes -= weight(&write);
            if let Some(key) = key(&write) {
                waiting.latest.remove(&key);
            }
            taken.push((place, write));
        }
        taken
    }

    /// Puts back what could not be written, at its old place, unless something newer came meanwhile.
    pub(crate) fn give_back(&self, writes: Vec<Given>) {
        let mut waiting = self.lock();
        for (place, write) in writes {
            if let Some(key) = key(&write) {
                if waiting.latest.contains_key(&key) {
                    continue;
                }
                waiting.latest.insert(key, place);
            }
            waiting.bytes += weight(&write);
            waiting.writes.insert(place, write);
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().writes.len()
    }

    /// The place of the oldest that waits, or of the next that will be given.
    pub(crate) fn oldest(&self) -> u64 {
        let waiting = self.lock();
        waiting.writes.first_key_value().map_or(waiting.next, |(place, _)| *place)
    }

    /// The place of the next that will be given.
    pub(crate) fn next(&self) -> u64 {
        self.lock().next
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.news.notify_one();
        self.deep.notify_one();
    }

    /// Whether nothing more will come.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn give(&mut self, write: Arc<Write>) -> Lost {
        let key = key(&write);
        if let Some(place) = key.as_ref().and_then(|key| self.latest.get(key)) {
            self.bytes += weight(&write);
            let older = self.writes.insert(*place, write);
            self.bytes -= older.as_deref().map_or(0, weight);
            return Lost::Nothing;
        }
        let mut lost = Lost::Nothing;
        while self.writes.len() >= MOST_WRITES || self.bytes + weight(&write) > MOST_BYTES {
            if key.is_some() {
                return Lost::Latest;
            }
            if !self.drop_newest_latest() {
                return Lost::History;
            }
            lost = Lost::Latest;
        }
        let place = self.next;
        self.next += 1;
        self.bytes += weight(&write);
        self.latest.extend(key.map(|key| (key, place)));
        self.writes.insert(place, write);
        lost
    }

    fn drop_newest_latest(&mut self) -> bool {
        let Some(place) = self.latest.values().max().copied() else { return false };
        self.latest.retain(|_, other| *other != place);
        self.bytes -= self.writes.remove(&place).as_deref().map_or(0, weight);
        true
    }
}

/// About how many bytes it takes.
fn weight(write: &Write) -> usize {
    match write {
        Write::Call(record) => {
            let legs: usize = record.parties.iter().map(|party| party.legs.len()).sum();
            400 + record.parties.len() * 300 + legs * 100 + record.transfers.len() * 200 + record.queues.len() * 200
        }
        Write::Audibility(history) => {
            100 + history
                .changes
                .iter()
                .map(|change| 200 + change.legs.len() * 150 + change.gone.len() * 8)
                .sum::<usize>()
        }
        Write::Registrations { contacts, .. } => {
            100 + contacts.iter().map(|contact| contact.binding.len() + 50).sum::<usize>()
        }
        Write::Availability(_) | Write::Reserved { .. } => 150,
    }
}

/// JSON knows no infinity and no NaN: such a measurement would make the record unreadable.
fn make_finite(record: &mut CallRecord) {
    let legs = record.parties.iter_mut().flat_map(|party| &mut party.legs);
    let finite = |value: f32| if value.is_finite() { value } else { 0.0 };
    for quality in legs.filter_map(|leg| leg.quality.as_mut()) {
        let Quality { jitter_ms, round_trip_ms, delay_ms, mos, there, .. } = quality;
        *jitter_ms = finite(*jitter_ms);
        for value in [round_trip_ms, delay_ms, mos] {
            *value = value.filter(|value| value.is_finite());
        }
        if let Some(there) = there {
            (there.loss_percent, there.jitter_ms) = (finite(there.loss_percent), finite(there.jitter_ms));
            there.mos = there.mos.filter(|value| value.is_finite());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conference::CallId;
    use conference::record::AudibilityHistory;

    fn phones(agent: usize, expires_at: i64) -> Write {
        let contact = crate::kept::Contact { binding: String::new(), expires_at };
        Write::Registrations { agent: AgentName(format!("a{agent}")), contacts: vec![contact] }
    }

    fn history(call: u64) -> Write {
        Write::Audibility(Box::new(AudibilityHistory { call: CallId(call), changes: Vec::new(), forgotten: 0 }))
    }

    #[test]
    fn the_newer_takes_the_place_of_the_older() {
        let queue = Queue::default();
        queue.give(phones(1, 1));
        queue.give(history(1));
        queue.give(phones(1, 2));
        let taken: Vec<Write> = queue.take(9).into_iter().map(|(_, write)| (*write).clone()).collect();
        assert_eq!(taken, [phones(1, 2), history(1)]);
    }

    #[test]
    fn what_is_given_back_keeps_its_place_and_never_replaces_the_newer() {
        let queue = Queue::default();
        queue.give(history(1));
        queue.give(phones(1, 1));
        let taken = queue.take(9);
        queue.give(phones(1, 2));
        queue.give(history(2));
        queue.give_back(taken);
        let taken: Vec<Write> = queue.take(9).into_iter().map(|(_, write)| (*write).clone()).collect();
        assert_eq!(taken, [history(1), phones(1, 2), history(2)]);
        assert_eq!(queue.lock().bytes, 0);
    }

    #[test]
    fn when_there_is_no_room_registrations_go_first_and_history_last() {
        let queue = Queue::default();
        for n in 0..MOST_WRITES {
            let write = if n < 2 { phones(n, 0) } else { history(n as u64) };
            assert_eq!(queue.give(write), Lost::Nothing);
        }
        assert_eq!(queue.give(phones(2, 0)), Lost::Latest, "a new one does not get in");
        assert_eq!(queue.give(phones(1, 7)), Lost::Nothing, "a newer one of an agent who waits does");
        assert_eq!(queue.give(history(1)), Lost::Latest);
        assert_eq!(queue.give(history(1)), Lost::Latest);
        assert_eq!(queue.give(history(1)), Lost::History);
        assert_eq!(queue.len(), MOST_WRITES);
    }
}
