//! What the daemon remembers of each leg: the call it is in, and the description that waits for an answer.
//!
//! Nothing here is state of the call: that is the core's.

use std::collections::BTreeMap;

use bytes::Bytes;
use conference::{AgentName, CallId, Direction, LegId};

/// Legs at once. Beyond it new ones are turned away.
pub(crate) const LEGS: usize = 16_384;

/// The description that waits on a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Nothing waits.
    Nothing,
    /// Their offer: our 200 answers it.
    Offer(Bytes),
    /// Their request has no offer: our 200 makes one.
    NoOffer,
    /// Our offer is out: their ACK (or 200) answers it.
    Ours,
    /// What our 200 will say is made already: an answer, or the offer where theirs has none.
    Made {
        /// The description.
        body: Bytes,
        /// Whether it makes the offer.
        offers: bool,
    },
}

/// One leg.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    pub(crate) call: Option<CallId>,
    pub(crate) waiting: Waiting,
    /// The number of their offer that waits, or waited last.
    pub(crate) number: u32,
    /// Whether that one was answered by us.
    pub(crate) answered: bool,
    /// What its phone last asked of it.
    pub(crate) direction: Direction,
    /// What it asked before the offer that waits, or waited last.
    pub(crate) before: Direction,
    /// Answers of the core that are still to come and that nobody waits for: to directions that came by no offer, or by
    /// one that was called off.
    pub(crate) unasked: u32,
    /// The agent whose phone it rings, or has rung.
    pub(crate) rung: Option<AgentName>,
    /// Somebody else took the call that it was offered.
    pub(crate) elsewhere: bool,
}

impl Leg {
    /// A leg that nothing is known of yet.
    pub(crate) const fn new(waiting: Waiting, direction: Direction) -> Self {
        Self {
            call: None,
            waiting,
            number: 0,
            answered: false,
            direction,
            before: direction,
            unasked: 0,
            rung: None,
            elsewhere: false,
        }
    }
}

/// All legs.
#[derive(Debug, Default)]
pub(crate) struct Legs {
    known: BTreeMap<LegId, Leg>,
}

impl Legs {
    pub(crate) fn add(&mut self, leg: LegId, what: Leg) {
        self.known.insert(leg, what);
    }

    pub(crate) fn get(&self, leg: LegId) -> Option<&Leg> {
        self.known.get(&leg)
    }

    pub(crate) fn get_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.known.get_mut(&leg)
    }

    pub(crate) fn remove(&mut self, leg: LegId) -> Option<Leg> {
        self.known.remove(&leg)
    }

    pub(crate) fn call(&self, leg: LegId) -> Option<CallId> {
        self.known.get(&leg)?.call
    }

    /// Notes which call a leg is in.
    pub(crate) fn put(&mut self, leg: LegId, call: CallId) {
        if let Some(known) = self.known.get_mut(&leg) {
            known.call = Some(call);
        }
    }

    /// Takes what waits on a leg.
    pub(crate) fn take_waiting(&mut self, leg: LegId) -> Waiting {
        let known = self.known.get_mut(&leg);
        known.map_or(Waiting::Nothing, |known| std::mem::replace(&mut known.waiting, Waiting::Nothing))
    }

    /// Whether the core's next answer on a leg is one that nobody waits for; it counts as given then.
    pub(crate) fn take_unasked(&mut self, leg: LegId) -> bool {
        let Some(known) = self.known.get_mut(&leg).filter(|known| known.unasked > 0) else { return false };
        known.unasked -= 1;
        true
    }

    /// Notes a direction that came by no offer, or holds again; whether it is another than before. Then the core is to
    /// be told, and nobody waits for its answer.
    pub(crate) fn turn(&mut self, leg: LegId, direction: Direction) -> bool {
        let Some(known) = self.known.get_mut(&leg).filter(|known| known.direction != direction) else { return false };
        known.direction = direction;
        known.unasked += 1;
        true
    }

    /// An offer came to nothing: what the phone asked before it holds again (RFC 3261 §14.1). Returns what that is, if
    /// the core was told otherwise.
    pub(crate) fn as_before(&mut self, leg: LegId) -> Option<Direction> {
        let before = self.known.get(&leg)?.before;
        self.turn(leg, before).then_some(before)
    }

    /// Their offer with this number waits now, and asks for a direction.
    pub(crate) fn wait(&mut self, leg: LegId, number: u32, waiting: Waiting, direction: Direction) {
        let Some(known) = self.known.get_mut(&leg) else { return };
        (known.waiting, known.number, known.answered) = (waiting, number, false);
        known.before = std::mem::replace(&mut known.direction, direction);
    }

    /// Their last offer is answered by us; its number.
    pub(crate) fn answered(&mut self, leg: LegId) -> u32 {
        let Some(known) = self.known.get_mut(&leg) else { return 0 };
        known.answered = true;
        known.number
    }

    /// Somebody else took the call that this agent's phone rings for.
    pub(crate) fn taken_from(&mut self, agent: &AgentName, call: CallId) {
        for leg in self.known.values_mut() {
            leg.elsewhere |= leg.call == Some(call) && leg.rung.as_ref() == Some(agent);
        }
    }

    /// Whether somebody else took the call that this leg was offered.
    pub(crate) fn is_elsewhere(&self, leg: LegId) -> bool {
        self.known.get(&leg).is_some_and(|known| known.elsewhere)
    }

    pub(crate) fn of_call(&self, call: CallId) -> Vec<LegId> {
        self.known.iter().filter(|(_, leg)| leg.call == Some(call)).map(|(id, _)| *id).collect()
    }

    pub(crate) fn all(&self) -> Vec<LegId> {
        self.known.keys().copied().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.known.len() >= LEGS
    }
}
