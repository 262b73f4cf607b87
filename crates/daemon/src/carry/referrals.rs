//! Which REFERs wait on a leg: for the core's word, or, once accepted, for news of how it goes.
//!
//! The core speaks of legs only. A REFER it never heard of (a keypad asked, or a second INVITE) has no entry here, and
//! then nobody is told. It holds no rule about who may refer.
//!
//! ```text
//!   phone           signalling       book             core
//!     |-- REFER ------->|-- Referred ->| waits          |
//!     |                 |              |--- Command --->|
//!     |<- 202, 100 -----|<- accepted --|<- AcceptRefer -|   behind the masks of its reaction
//!     |<- NOTIFY 200 ---|<-- told -----|<- NotifyReferrer
//! ```

use std::collections::{BTreeMap, VecDeque};

use conference::LegId;
use sip_signalling::ReferId;

/// REFERs of one leg that are not over. A phone needs one, and one more that completes the first.
const OF_ONE_LEG: usize = 8;

/// What a REFER is told at once when it is accepted.
const TRYING: u16 = 100;

#[derive(Debug, Default)]
struct OfLeg {
    /// Not answered yet, oldest first: the core answers them in their order.
    waiting: VecDeque<ReferId>,
    /// Accepted, newest last, with what they were told last.
    accepted: Vec<(ReferId, u16)>,
}

/// The REFERs of a leg that ended before they did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// Never answered.
    pub(super) waiting: Vec<ReferId>,
    /// Accepted, with what they were told last. Nobody will have news for them; one that came outside the leg's dialog has
    /// a dialog of its own, which would wait for news until its time is over.
    pub(super) accepted: Vec<(ReferId, u16)>,
}

/// The book.
#[derive(Debug, Default)]
pub(crate) struct Referrals {
    legs: BTreeMap<LegId, OfLeg>,
}

impl Referrals {
    /// A REFER came; false: there are too many already, and it is not taken.
    pub(crate) fn came(&mut self, leg: LegId, refer: ReferId) -> bool {
        let of_leg = self.legs.entry(leg).or_default();
        if of_leg.waiting.len() + of_leg.accepted.len() >= OF_ONE_LEG {
            return false;
        }
        of_leg.waiting.push_back(refer);
        true
    }

    /// The core refused what a REFER asked: it waits no more.
    pub(crate) fn refused(&mut self, leg: LegId, refer: ReferId) {
        self.change(leg, |of_leg| of_leg.waiting.retain(|waiting| *waiting != refer));
    }

    /// The oldest REFER that waits on a leg is accepted.
    pub(crate) fn accept(&mut self, leg: LegId) -> Option<ReferId> {
        let of_leg = self.legs.get_mut(&leg)?;
        let refer = of_leg.waiting.pop_front()?;
        of_leg.accepted.push((refer, TRYING));
        Some(refer)
    }

    /// There is news for whoever sent the newest accepted REFER on a leg; the last word ends it. What is asked and done
    /// at once (completion, removal) is told at once, so the newest is the one that is meant.
    pub(crate) fn told(&mut self, leg: LegId, status: u16, last: bool) -> Option<ReferId> {
        let (newest, said) = self.legs.get_mut(&leg)?.accepted.last_mut()?;
        *said = status;
        let newest = *newest;
        if last {
            self.change(leg, |of_leg| _ = of_leg.accepted.pop());
        }
        Some(newest)
    }

    /// A leg ended. Returns its REFERs that did not.
    pub(super) fn end(&mut self, leg: LegId) -> Ended {
        let OfLeg { waiting, accepted } = self.legs.remove(&leg).unwrap_or_default();
        Ended { waiting: waiting.into(), accepted }
    }

    fn change(&mut self, leg: LegId, change: impl FnOnce(&mut OfLeg)) {
        let Some(of_leg) = self.legs.get_mut(&leg) else { return };
        change(of_leg);
        if of_leg.waiting.is_empty() && of_leg.accepted.is_empty() {
            self.legs.remove(&leg);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const LEG: LegId = LegId(1);

    fn refer(n: u64) -> ReferId {
        serde_json::from_value(serde_json::json!(n)).unwrap()
    }

    #[test]
    fn news_go_to_the_refer_that_was_accepted_and_the_last_word_ends_it() {
        let mut book = Referrals::default();
        assert!(book.came(LEG, refer(1)));
        assert_eq!(book.told(LEG, 180, false), None, "nobody hears of it before it is accepted");
        assert_eq!(book.accept(LEG), Some(refer(1)));
        assert_eq!(book.told(LEG, 180, false), Some(refer(1)));
        assert_eq!(book.told(LEG, 200, true), Some(refer(1)));
        assert_eq!(book.told(LEG, 200, true), None);
        assert!(book.legs.is_empty());
    }

    #[test]
    fn where_no_refer_waits_nobody_is_told() {
        let mut book = Referrals::default();
        assert_eq!((book.accept(LEG), book.told(LEG, 200, true)), (None, None));
    }

    #[test]
    fn a_refer_that_completes_the_one_before_is_told_first_and_both_hear_the_end() {
        let mut book = Referrals::default();
        assert!(book.came(LEG, refer(1)));
        book.accept(LEG);
        assert!(book.came(LEG, refer(2)));
        assert_eq!(book.accept(LEG), Some(refer(2)));
        assert_eq!((book.told(LEG, 200, true), book.told(LEG, 200, true)), (Some(refer(2)), Some(refer(1))));
    }

    #[test]
    fn two_that_wait_behind_a_mask_are_answered_in_their_order() {
        let mut book = Referrals::default();
        assert!(book.came(LEG, refer(1)) && book.came(LEG, refer(2)));
        assert_eq!((book.accept(LEG), book.accept(LEG)), (Some(refer(1)), Some(refer(2))));
    }

    #[test]
    fn a_refused_one_leaves_the_others_alone() {
        let mut book = Referrals::default();
        assert!(book.came(LEG, refer(1)) && book.came(LEG, refer(2)));
        book.refused(LEG, refer(2));
        assert_eq!((book.accept(LEG), book.accept(LEG)), (Some(refer(1)), None));
    }

    #[test]
    fn a_leg_takes_its_refers_with_it_and_has_only_so_many() {
        let mut book = Referrals::default();
        assert!((0..8).all(|n| book.came(LEG, refer(n))));
        assert!(!book.came(LEG, refer(8)));
        book.accept(LEG);
        book.accept(LEG);
        book.told(LEG, 180, false);
        let ended = book.end(LEG);
        assert_eq!(ended.waiting, [2, 3, 4, 5, 6, 7].map(refer));
        assert_eq!(ended.accepted, [(refer(0), 100), (refer(1), 180)], "they hear that there is no more to hear");
        assert!(book.legs.is_empty() && book.end(LEG) == Ended::default());
    }
}
