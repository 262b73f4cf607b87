//! One reaction: what one input leads to, collected in the order in which it is carried out, masks first.
//!
//! Also the diff of derived masks that becomes a change-set. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{AgentName, CallId, LegId, ParticipantId, Phone};
use crate::mask::{ChangeSet, Ears, LegMask};
use crate::mutants::broken;
use crate::output::{Cue, Effect, Event, Output};

/// The outputs of one input, over all the calls it touches.
#[derive(Default)]
pub(crate) struct Reaction {
    masks: Vec<ChangeSet>,
    rest: Vec<Output>,
    /// What is to be played to whom, if they have an ear once the reaction is over.
    cues: Vec<(CallId, ParticipantId, Cue)>,
    /// Legs that are no longer in any call: what was assumed because of them ends.
    pub(crate) dropped: Vec<LegId>,
    /// Agents of whom something changed: what they do now is worked out once the calls are closed.
    pub(crate) agents: BTreeSet<AgentName>,
    /// Those of them who are shown differently even if what they do is the same: a phone more or less, another word on
    /// their availability.
    pub(crate) retold: BTreeSet<AgentName>,
    /// Queues of which something changed: they are looked at once the calls are closed.
    pub(crate) queues: BTreeSet<String>,
    /// Places in a queue that are to be said: the call, who will be the agent, the place.
    pub(crate) places: Vec<(CallId, ParticipantId, u32)>,
    /// Phones of which a leg was found dead: their other legs are asked at once.
    pub(crate) dead_phones: Vec<(AgentName, Phone)>,
    /// The status for callers who never were answered and have nobody left to call.
    pub(crate) status: Option<u16>,
}

impl Reaction {
    pub(crate) fn masks(&mut self, change: ChangeSet) {
        self.masks.push(change);
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.rest.push(Output::Effect(effect));
    }

    /// Something is to be played to somebody.
    pub(crate) fn cue(&mut self, call: CallId, who: ParticipantId, cue: Cue) {
        self.cues.push((call, who, cue));
    }

    /// What is to be played in one call.
    pub(crate) fn take_cues(&mut self, call: CallId) -> Vec<(ParticipantId, Cue)> {
        let mine = self.cues.extract_if(.., |(id, ..)| *id == call);
        mine.map(|(_, who, cue)| (who, cue)).collect()
    }

    /// The places that are to be said in one call.
    pub(crate) fn take_places(&mut self, call: CallId) -> Vec<(ParticipantId, u32)> {
        let mine = self.places.extract_if(.., |(id, ..)| *id == call);
        mine.map(|(_, who, place)| (who, place)).collect()
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.rest.push(Output::Event(event));
    }

    /// Law 2: the masks come before everything else.
    pub(crate) fn into_outputs(self) -> Vec<Output> {
        let masks = self.masks.into_iter().map(|change| Output::Effect(Effect::SetAudibility(change)));
        if broken!(TellBeforeTighten) {
            return self.rest.into_iter().chain(masks).collect();
        }
        masks.chain(self.rest).collect()
    }
}

/// The change-set that leads from `before` to `after`; `None` if nothing changed.
pub(crate) fn diff(
    call: CallId,
    version: u64,
    before: &BTreeMap<LegId, LegMask>,
    after: &BTreeMap<LegId, LegMask>,
) -> Option<ChangeSet> {
    let legs: Vec<LegMask> =
        after.iter().filter(|(leg, mask)| before.get(leg) != Some(mask)).map(|(_, mask)| mask.clone()).collect();
    let gone: Vec<LegId> = before.keys().filter(|leg| !after.contains_key(leg)).copied().collect();
    if legs.is_empty() && gone.is_empty() {
        return None;
    }
    let tightens = legs.iter().any(|mask| before.get(&mask.leg).is_some_and(|old| may_hear_less(old, mask)))
        || gone.iter().any(|leg| before.get(leg).is_some_and(|mask| mask.open || mask.early || mask.listens()));
    // A call of which the mixer has no leg (yet, or any more) starts afresh.
    Some(ChangeSet { call, version, full: before.is_empty(), legs, gone, tightens })
}

/// Whether anybody may hear less once `new` stands in for `old`. Says yes rather once too often.
fn may_hear_less(old: &LegMask, new: &LegMask) -> bool {
    let moved = old.place != new.place;
    let quieter = old.speaks() && (!new.speaks() || moved);
    let deafer = old.listens() && (!new.listens() || moved || old.ears == Ears::Early && new.ears != Ears::Early);
    quieter || deafer || old.open && old.supervises != new.supervises
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Place;

    fn mask(leg: u64, open: bool) -> LegMask {
        LegMask {
            leg: LegId(leg),
            person: ParticipantId(1),
            place: Place::Main,
            open,
            early: false,
            muted: false,
            ears: Ears::HoldMusic,
            supervises: None,
            cues: true,
        }
    }

    fn masks(all: &[LegMask]) -> BTreeMap<LegId, LegMask> {
        all.iter().map(|mask| (mask.leg, mask.clone())).collect()
    }

    #[test]
    fn what_did_not_change_is_not_told() {
        let same = masks(&[mask(1, true)]);
        assert_eq!(diff(CallId(1), 2, &same, &same), None);
    }

    #[test]
    fn a_leg_that_opens_does_not_tighten_and_one_that_shuts_does() {
        let (shut, open) = (masks(&[mask(1, false)]), masks(&[mask(1, true)]));
        let opens = diff(CallId(1), 2, &shut, &open).unwrap();
        assert!(!opens.tightens && !opens.full && opens.legs.len() == 1);
        assert!(diff(CallId(1), 3, &open, &shut).unwrap().tightens);
    }

    #[test]
    fn an_open_leg_that_leaves_or_moves_tightens() {
        let before = masks(&[mask(1, true), mask(2, true)]);
        let left = diff(CallId(1), 2, &before, &masks(&[mask(1, true)])).unwrap();
        assert!(left.tightens && left.gone == [LegId(2)]);
        let moved = masks(&[mask(1, true), LegMask { place: Place::Side, ..mask(2, true) }]);
        assert!(diff(CallId(1), 2, &before, &moved).unwrap().tightens);
    }

    #[test]
    fn a_call_without_a_leg_at_the_mixer_starts_with_its_full_state() {
        assert!(diff(CallId(1), 1, &BTreeMap::new(), &masks(&[mask(1, true)])).unwrap().full);
    }

    #[test]
    fn masks_come_before_everything_else() {
        let mut reaction = Reaction::default();
        reaction.effect(Effect::Answer { leg: LegId(1) });
        reaction.masks(diff(CallId(1), 1, &BTreeMap::new(), &masks(&[mask(1, true)])).unwrap());
        let outputs = reaction.into_outputs();
        assert!(matches!(outputs[0], Output::Effect(Effect::SetAudibility(_))));
    }
}
