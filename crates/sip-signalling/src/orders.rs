//! The queue from the owner to the loop: in order, bounded, and never too full for what a call hangs on.
//!
//! What is in it is nobody's business here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use crate::stack::MOST_LEGS;

/// Orders that wait before ordinary ones are refused.
const ORDINARY: usize = 16_384;
/// What a leg may need while the loop does not keep up: its answer, that to its phone's offer, its end, and one more.
const NEEDED_PER_LEG: usize = 4;
/// Orders that wait before needed ones are refused: more than all legs there may be can need.
const NEEDED: usize = ORDINARY + NEEDED_PER_LEG * MOST_LEGS;

/// How much an order weighs when there is little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// May be lost.
    Ordinary,
    /// Some leg would hang without it.
    Needed,
    /// Somebody waits for what comes of it, or it gives a leg back: as many as there are askers and legs.
    Awaited,
}

/// Where orders are given. Cheap to clone.
pub(crate) struct Orders<T> {
    queue: mpsc::UnboundedSender<T>,
    waiting: Arc<AtomicUsize>,
}

/// Where they come out, in the order they were given.
pub(crate) struct Given<T> {
    queue: mpsc::UnboundedReceiver<T>,
    waiting: Arc<AtomicUsize>,
}

/// Both ends.
pub(crate) fn channel<T>() -> (Orders<T>, Given<T>) {
    let (orders, given) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Orders { queue: orders, waiting: Arc::clone(&waiting) }, Given { queue: given, waiting })
}

impl<T> std::fmt::Debug for Orders<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Orders").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl<T> Clone for Orders<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), waiting: Arc::clone(&self.waiting) }
    }
}

impl<T> Orders<T> {
    /// Gives an order. Never waits; `false` when there was no room for it, or nobody takes orders any more.
    pub(crate) fn give(&self, order: T, weight: Weight) -> bool {
        let most = match weight {
            Weight::Ordinary => ORDINARY,
            Weight::Needed => NEEDED,
            Weight::Awaited => usize::MAX,
        };
        let given = self.waiting.fetch_add(1, Ordering::Relaxed) < most && self.queue.send(order).is_ok();
        if !given {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        given
    }
}

impl<T> Given<T> {
    /// The next order; `None` once nobody is left to give any. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<T> {
        let order = self.queue.recv().await?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn a_full_queue_takes_what_is_needed_and_keeps_the_order() {
        let (orders, mut given) = channel();
        let took = (0..ORDINARY + 10).filter(|number| orders.give(*number, Weight::Ordinary)).count();
        assert_eq!(took, ORDINARY);
        assert!(orders.give(1_000_001, Weight::Needed) && orders.give(1_000_002, Weight::Awaited));
        for expected in 0..ORDINARY {
            assert_eq!(given.next().await.unwrap(), expected);
        }
        assert!(orders.give(1_000_003, Weight::Ordinary), "there is room again");
        for expected in 1_000_001..=1_000_003 {
            assert_eq!(given.next().await.unwrap(), expected);
        }
    }

    #[test]
    fn even_what_is_needed_has_an_end() {
        let (orders, _given) = channel();
        let took = (0..NEEDED + 10).filter(|number| orders.give(*number, Weight::Needed)).count();
        assert_eq!(took, NEEDED);
    }

    #[test]
    fn nobody_takes_orders_any_more() {
        let (orders, given) = channel();
        drop(given);
        assert!(!orders.give(1, Weight::Awaited));
    }
}
