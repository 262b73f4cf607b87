//! The 20 ms period in ten slots of 2 ms: which calls tick when, so that load and packets are smeared over the period.
//!
//! It knows numbers of calls only, and no clock: the slot's number is given.

/// Length of one slot.
pub(crate) const SLOT_US: u64 = 2_000;

/// Slots in one period.
pub(crate) const SLOTS: usize = 10;

/// Which calls tick in which slot.
pub(crate) struct Wheel {
    slots: [Vec<u32>; SLOTS],
    weights: [usize; SLOTS],
}

impl Wheel {
    /// An empty wheel with room for `calls` in every slot.
    pub(crate) fn new(calls: usize) -> Self {
        Self { slots: std::array::from_fn(|_| Vec::with_capacity(calls)), weights: [0; SLOTS] }
    }

    /// Puts a call into the slot where least is to be done, and says which.
    pub(crate) fn add(&mut self, call: u32) -> usize {
        let slot = (0..SLOTS).min_by_key(|slot| self.weights[*slot]).unwrap_or(0);
        self.put(call, slot);
        slot
    }

    /// Puts a call into this slot.
    pub(crate) fn put(&mut self, call: u32, slot: usize) {
        if self.slots[slot].len() < self.slots[slot].capacity() {
            self.slots[slot].push(call);
            self.weights[slot] += 1;
        }
    }

    /// Takes a call out of its slot.
    pub(crate) fn remove(&mut self, call: u32, slot: usize) {
        if let Some(place) = self.slots[slot].iter().position(|known| *known == call) {
            self.slots[slot].swap_remove(place);
            self.weights[slot] -= 1;
        }
    }

    /// The `n`th call of a slot.
    pub(crate) fn call(&self, slot: usize, n: usize) -> Option<u32> {
        self.slots[slot].get(n).copied()
    }

    /// The slot of the moment `us`.
    pub(crate) fn slot_of(us: u64) -> usize {
        (us / SLOT_US % SLOTS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_spread_evenly_and_found_again() {
        let mut wheel = Wheel::new(100);
        let slots: Vec<usize> = (0..50).map(|call| wheel.add(call)).collect();
        assert!((0..SLOTS).all(|slot| wheel.slots[slot].len() == 5));
        wheel.remove(7, slots[7]);
        assert_eq!(wheel.add(7), slots[7]);
        assert_eq!(wheel.call(slots[7], 4), Some(7));
        assert_eq!(wheel.call(slots[7], 5), None);
    }

    #[test]
    fn slots_follow_the_clock() {
        assert_eq!(
            (0..12).map(|n| Wheel::slot_of(n * SLOT_US + 5)).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
        );
    }
}
