//! The timers of RFC 3261 §17 (table 4) and RFC 6026 §8.4, and a queue of deadlines for whoever needs one.
//!
//! Reads no clock.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use conference::Moment;

/// The estimate of a round trip.
pub(crate) const T1: Duration = Duration::from_millis(500);
/// The longest interval between repetitions of a non-INVITE request or an INVITE response.
pub(crate) const T2: Duration = Duration::from_secs(4);
/// How long a message stays in the network.
pub(crate) const T4: Duration = Duration::from_secs(5);
/// 64*T1: how long a transaction waits.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(32);

/// A transaction's timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// INVITE request is repeated.
    A,
    /// INVITE client gives up.
    B,
    /// INVITE client waits for repeated failures.
    D,
    /// Other request is repeated.
    E,
    /// Other client gives up.
    F,
    /// INVITE failure is repeated.
    G,
    /// INVITE server waits for the ACK.
    H,
    /// INVITE server waits for repeated ACKs.
    I,
    /// Other server waits for repeated requests.
    J,
    /// Other client waits for repeated responses.
    K,
    /// INVITE server waits for repeated INVITEs after a 2xx (RFC 6026).
    L,
    /// INVITE client waits for further 2xx (RFC 6026).
    M,
}

/// Twice as long, at most T2.
pub(crate) fn doubled(interval: Duration) -> Duration {
    (interval * 2).min(T2)
}

/// Deadlines by key; each key has at most one.
#[derive(Debug)]
pub(crate) struct Alarms<K> {
    queue: BTreeMap<(Moment, u64), K>,
    set: HashMap<K, (Moment, u64)>,
    drawn: u64,
}

impl<K> Default for Alarms<K> {
    fn default() -> Self {
        Self { queue: BTreeMap::new(), set: HashMap::new(), drawn: 0 }
    }
}

impl<K: Clone + Eq + Hash> Alarms<K> {
    /// Sets a deadline; an earlier one of this key is forgotten.
    pub(crate) fn arm(&mut self, at: Moment, key: K) {
        self.disarm(&key);
        self.drawn += 1;
        self.queue.insert((at, self.drawn), key.clone());
        self.set.insert(key, (at, self.drawn));
    }

    /// Unsets a deadline.
    pub(crate) fn disarm(&mut self, key: &K) {
        if let Some(place) = self.set.remove(key) {
            self.queue.remove(&place);
        }
    }

    /// The next deadline.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes out one key whose deadline has come.
    pub(crate) fn due(&mut self, now: Moment) -> Option<K> {
        let first = self.queue.first_entry().filter(|first| first.key().0 <= now)?;
        let key = first.remove();
        self.set.remove(&key);
        Some(key)
    }

    /// When this key is due.
    pub(crate) fn at(&self, key: &K) -> Option<Moment> {
        self.set.get(key).map(|(at, _)| *at)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}
