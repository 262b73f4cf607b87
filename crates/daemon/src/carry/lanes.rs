//! The order of things: one lane per call, in which whatever stands behind a tightening waits until it is in force.
//!
//! Pure: it hands back what is ready and never does it. What waits, waits for *every* tightening of its reaction, so
//! that a reaction over two calls tells nobody of either before both are closed.
//!
//! ```text
//!   reaction:   masks(call 1)  masks(call 2)   gate   answer, ring, events …
//!                    |              |            |
//!   mixer:           '--- in force -'------------'→ opens
//! ```

use std::collections::{BTreeMap, VecDeque};

use conference::{CallId, ChangeSet, Effect, LegId, Output};

/// The tightenings of one reaction.
pub(crate) type GateId = u64;

/// Something to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// Tell the mixer; with a gate, its acknowledgement is waited for.
    Masks(ChangeSet, Option<GateId>),
    /// Carry out.
    Do(Output),
    /// A leg ended: its media goes.
    Close(LegId),
}

#[derive(Debug)]
enum Step {
    Ready(Ready),
    Gate(GateId),
}

/// A gate that is closed.
#[derive(Debug)]
struct Gate {
    /// Its tightenings that are not in force yet.
    left: usize,
    /// The calls that its reaction touched.
    calls: Vec<CallId>,
}

/// All lanes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<CallId, VecDeque<Step>>,
    /// The gates that are closed.
    gates: BTreeMap<GateId, Gate>,
    last_gate: GateId,
}

impl Lanes {
    /// Takes one reaction, each output with the call it is about. Returns what is ready.
    pub(super) fn reaction(&mut self, outputs: Vec<(CallId, Output)>) -> Vec<Ready> {
        // in the core's order: a call that legs leave is told before the one that takes them
        let mut touched: Vec<CallId> = Vec::new();
        for (call, _) in &outputs {
            if !touched.contains(call) {
                touched.push(*call);
            }
        }
        let gate = self.gate(&outputs, &touched);
        let mut gated = false;
        for (call, output) in outputs {
            let step = match output {
                Output::Effect(Effect::SetAudibility(change)) => {
                    let gate = gate.filter(|_| change.tightens);
                    Ready::Masks(change, gate)
                }
                output @ (Output::Effect(_) | Output::Event(_)) => {
                    if let Some(gate) = gate.filter(|_| !gated) {
                        touched.iter().for_each(|call| self.push(*call, Step::Gate(gate)));
                        gated = true;
                    }
                    Ready::Do(output)
                }
            };
            self.push(call, Step::Ready(step));
        }
        self.advance(touched)
    }

    /// Closes a leg behind whatever its call still has to do. Returns what is ready.
    pub(super) fn close(&mut self, call: CallId, leg: LegId) -> Vec<Ready> {
        self.push(call, Step::Ready(Ready::Close(leg)));
        self.advance([call])
    }

    /// One tightening of a gate is in force. Returns what is ready now.
    pub(super) fn in_force(&mut self, gate: GateId) -> Vec<Ready> {
        let Some(closed) = self.gates.get_mut(&gate) else { return Vec::new() };
        closed.left = closed.left.saturating_sub(1);
        if closed.left > 0 {
            return Vec::new();
        }
        self.gates.remove(&gate);
        let waiting = |lane: &VecDeque<Step>| matches!(lane.front(), Some(Step::Gate(front)) if *front == gate);
        let calls: Vec<CallId> = self.lanes.iter().filter(|(_, lane)| waiting(lane)).map(|(call, _)| *call).collect();
        self.advance(calls)
    }

    /// Forgets what a call still had to do. Tightenings among it will never be in force: whatever waited for them in other
    /// calls is ready.
    pub(super) fn clear(&mut self, call: CallId) -> Vec<Ready> {
        let given_up = self.lanes.remove(&call).unwrap_or_default().into_iter().filter_map(|step| match step {
            Step::Ready(Ready::Masks(_, gate)) => gate,
            Step::Ready(Ready::Do(_) | Ready::Close(_)) | Step::Gate(_) => None,
        });
        let given_up: Vec<GateId> = given_up.collect();
        given_up.into_iter().flat_map(|gate| self.in_force(gate)).collect()
    }

    /// How many steps of a call wait.
    pub(super) fn waiting(&self, call: CallId) -> usize {
        self.lanes.get(&call).map_or(0, VecDeque::len)
    }

    /// The closed gates that whatever is said of this call from here on stands behind.
    pub(super) fn closed(&self, call: CallId) -> impl Iterator<Item = GateId> {
        self.gates.iter().filter(move |(_, gate)| gate.calls.contains(&call)).map(|(id, _)| *id)
    }

    /// Every closed gate.
    pub(super) fn all_closed(&self) -> Vec<GateId> {
        self.gates.keys().copied().collect()
    }

    /// Whether a gate is closed still.
    pub(super) fn is_closed(&self, gate: GateId) -> bool {
        self.gates.contains_key(&gate)
    }

    /// Whether nothing waits anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    fn gate(&mut self, outputs: &[(CallId, Output)], touched: &[CallId]) -> Option<GateId> {
        let tightens =
            |output: &Output| matches!(output, Output::Effect(Effect::SetAudibility(change)) if change.tightens);
        let tightenings = outputs.iter().filter(|(_, output)| tightens(output)).count();
        if tightenings == 0 {
            return None;
        }
        self.last_gate += 1;
        self.gates.insert(self.last_gate, Gate { left: tightenings, calls: touched.to_vec() });
        Some(self.last_gate)
    }

    fn push(&mut self, call: CallId, step: Step) {
        self.lanes.entry(call).or_default().push_back(step);
    }

    /// What stands before the first closed gate of each lane.
    fn advance(&mut self, calls: impl IntoIterator<Item = CallId>) -> Vec<Ready> {
        let mut ready = Vec::new();
        for call in calls {
            let Some(lane) = self.lanes.get_mut(&call) else { continue };
            while let Some(step) = lane.pop_front() {
                match step {
                    Step::Ready(step) => ready.push(step),
                    Step::Gate(gate) if self.gates.contains_key(&gate) => {
                        lane.push_front(Step::Gate(gate));
                        break;
                    }
                    Step::Gate(_) => {}
                }
            }
            if lane.is_empty() {
                self.lanes.remove(&call);
            }
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use conference::Event;

    use super::*;

    const ONE: CallId = CallId(1);
    const TWO: CallId = CallId(2);

    fn masks(call: CallId, tightens: bool) -> (CallId, Output) {
        let change = ChangeSet { call, version: 1, full: false, legs: Vec::new(), gone: Vec::new(), tightens };
        (call, Output::Effect(Effect::SetAudibility(change)))
    }

    fn event(call: CallId) -> (CallId, Output) {
        (call, Output::Event(Event::CallEnded { call }))
    }

    fn answer(call: CallId, leg: u64) -> (CallId, Output) {
        (call, Output::Effect(Effect::Answer { leg: LegId::arrived(leg) }))
    }

    /// `masks`, `masks!` (waited for), `event`, `answer`, `close`.
    fn names(ready: &[Ready]) -> Vec<&'static str> {
        ready
            .iter()
            .map(|step| match step {
                Ready::Masks(_, None) => "masks",
                Ready::Masks(_, Some(_)) => "masks!",
                Ready::Do(Output::Event(_)) => "event",
                Ready::Do(Output::Effect(_)) => "answer",
                Ready::Close(_) => "close",
            })
            .collect()
    }

    fn gate_of(ready: &[Ready]) -> GateId {
        ready.iter().find_map(|step| if let Ready::Masks(_, gate) = step { *gate } else { None }).unwrap()
    }

    #[test]
    fn nobody_is_told_before_a_tightening_is_in_force() {
        let mut lanes = Lanes::default();
        let ready = lanes.reaction(vec![masks(ONE, true), answer(ONE, 1), event(ONE)]);
        assert_eq!(names(&ready), ["masks!"]);
        assert_eq!(names(&lanes.in_force(gate_of(&ready))), ["answer", "event"]);
        assert!(lanes.is_empty());
    }

    #[test]
    fn what_only_opens_waits_for_nothing() {
        let mut lanes = Lanes::default();
        let ready = lanes.reaction(vec![masks(ONE, false), answer(ONE, 1), event(ONE)]);
        assert_eq!(names(&ready), ["masks", "answer", "event"]);
        assert!(lanes.is_empty());
    }

    #[test]
    fn only_the_call_that_tightens_waits() {
        let mut lanes = Lanes::default();
        lanes.reaction(vec![masks(ONE, true), event(ONE)]);
        assert_eq!(names(&lanes.reaction(vec![masks(TWO, false), event(TWO)])), ["masks", "event"]);
        assert_eq!(lanes.waiting(ONE), 2);
    }

    #[test]
    fn a_later_reaction_of_the_call_stays_behind_the_earlier() {
        let mut lanes = Lanes::default();
        let first = lanes.reaction(vec![masks(ONE, true), event(ONE)]);
        assert!(lanes.reaction(vec![masks(ONE, false), answer(ONE, 1)]).is_empty());
        assert!(lanes.close(ONE, LegId::arrived(1)).is_empty());
        assert_eq!(names(&lanes.in_force(gate_of(&first))), ["event", "masks", "answer", "close"]);
    }

    #[test]
    fn a_reaction_over_two_calls_waits_for_both() {
        let mut lanes = Lanes::default();
        let ready = lanes.reaction(vec![masks(ONE, true), masks(TWO, true), answer(ONE, 1), event(TWO)]);
        assert_eq!(names(&ready), ["masks!", "masks!"]);
        let gate = gate_of(&ready);
        assert!(lanes.in_force(gate).is_empty());
        assert_eq!(names(&lanes.in_force(gate)), ["answer", "event"]);
    }

    #[test]
    fn a_call_told_of_another_calls_tightening_waits_for_it() {
        let mut lanes = Lanes::default();
        let ready = lanes.reaction(vec![masks(ONE, true), event(TWO)]);
        assert_eq!(names(&ready), ["masks!"]);
        assert_eq!(names(&lanes.in_force(gate_of(&ready))), ["event"]);
    }

    #[test]
    fn a_word_on_a_gate_that_is_open_changes_nothing() {
        let mut lanes = Lanes::default();
        let ready = lanes.reaction(vec![masks(ONE, true), event(ONE)]);
        assert!(lanes.clear(ONE).is_empty());
        assert!(lanes.in_force(gate_of(&ready)).is_empty());
        assert!(lanes.in_force(gate_of(&ready)).is_empty());
        assert!(lanes.is_empty() && lanes.gates.is_empty());
    }

    #[test]
    fn a_word_on_a_call_stands_behind_every_gate_that_touches_it() {
        let mut lanes = Lanes::default();
        let first = gate_of(&lanes.reaction(vec![masks(ONE, true)]));
        let both = lanes.reaction(vec![masks(ONE, false), masks(TWO, true), event(TWO)]);
        let second = gate_of(&both);
        assert_eq!(lanes.closed(ONE).collect::<Vec<_>>(), [first, second]);
        assert_eq!(lanes.closed(TWO).collect::<Vec<_>>(), [second]);
        assert_eq!(lanes.all_closed(), [first, second]);
        lanes.in_force(first);
        assert!(!lanes.is_closed(first) && lanes.is_closed(second));
    }

    #[test]
    fn calls_are_told_in_the_order_of_the_core() {
        let ready = Lanes::default().reaction(vec![masks(TWO, true), masks(ONE, false), event(ONE)]);
        let calls = ready.iter().map(|step| if let Ready::Masks(change, _) = step { change.call } else { CallId(0) });
        assert_eq!(calls.collect::<Vec<_>>(), [TWO, ONE]);
    }

    #[test]
    fn a_call_that_is_given_up_keeps_no_other_call_waiting() {
        let mut lanes = Lanes::default();
        let first = gate_of(&lanes.reaction(vec![masks(ONE, true), event(ONE)]));
        let both = lanes.reaction(vec![masks(ONE, true), masks(TWO, true), event(TWO)]);
        assert_eq!(names(&both), ["masks!"], "that of the other call alone");
        assert!(lanes.in_force(gate_of(&both)).is_empty());
        assert_eq!(names(&lanes.clear(ONE)), ["event"], "the other's");
        assert!(lanes.in_force(first).is_empty());
        assert!(lanes.is_empty() && lanes.gates.is_empty());
    }
}
