//! A naive mixer: believes every change-set and checks how it came.

use std::collections::BTreeMap;

use conference::{CallId, ChangeSet, Effect, LegId, LegMask, Output, Place, Switchboard};

/// The masks as the outputs made them.
#[derive(Clone, Debug, Default)]
pub struct Mixer {
    pub calls: BTreeMap<CallId, (u64, BTreeMap<LegId, LegMask>)>,
}

impl Mixer {
    /// Applies a reaction's change-sets; complains about how they came.
    pub fn apply(&mut self, outputs: &[Output]) -> Result<(), String> {
        let is_mask = |output: &&Output| matches!(output, Output::Effect(Effect::SetAudibility(_)));
        let first = outputs.iter().take_while(is_mask).count();
        if outputs.iter().filter(is_mask).count() != first {
            return Err("law 2: a mask came after something else".to_owned());
        }
        for output in &outputs[..first] {
            if let Output::Effect(Effect::SetAudibility(change)) = output {
                self.change(change)?;
            }
        }
        Ok(())
    }

    fn change(&mut self, change: &ChangeSet) -> Result<(), String> {
        let (version, legs) = self.calls.entry(change.call).or_default();
        if change.version != *version + 1 && !(change.full && legs.is_empty()) {
            return Err(format!("law 2: version {} after {version}", change.version));
        }
        *version = change.version;
        let before = legs.clone();
        for leg in &change.gone {
            legs.remove(leg);
        }
        for mask in &change.legs {
            legs.insert(mask.leg, mask.clone());
        }
        if !change.tightens && less_is_heard(&before, legs) {
            return Err("law 2: a tightening does not say that it is one".to_owned());
        }
        if legs.is_empty() {
            self.calls.remove(&change.call);
        }
        Ok(())
    }

    /// Whether the mixer has what the core believes it has.
    pub fn agrees_with(&self, board: &Switchboard) -> Result<(), String> {
        let none = BTreeMap::new();
        for id in board.call_ids() {
            let here = self.calls.get(&id).map_or(&none, |(_, legs)| legs);
            if Some(here) != board.masks(id) {
                return Err(format!("{id}: the mixer's masks differ from the core's"));
            }
        }
        if let Some((id, _)) = self.calls.iter().find(|(id, _)| board.masks(**id).is_none()) {
            return Err(format!("{id}: the mixer has masks of a call that is over"));
        }
        for (_, legs) in self.calls.values() {
            let heard = |whisperer: &LegMask| legs.values().filter(|listener| listener.hears(whisperer)).count();
            if let Some(mask) = legs.values().find(|mask| mask.supervises.is_some() && heard(mask) > 1) {
                return Err(format!("whisper: {} is heard by more than one leg", mask.leg));
            }
            if let Some(mask) = legs.values().find(|mask| mask.hears(mask)) {
                return Err(format!("self: {} hears itself", mask.leg));
            }
        }
        Ok(())
    }

    pub fn place(&self, call: CallId, leg: LegId) -> Option<Place> {
        self.calls.get(&call)?.1.get(&leg).map(|mask| mask.place)
    }
}

fn less_is_heard(before: &BTreeMap<LegId, LegMask>, after: &BTreeMap<LegId, LegMask>) -> bool {
    before.values().any(|listener| {
        before.values().filter(|speaker| listener.hears(speaker)).any(|speaker| {
            match (after.get(&listener.leg), after.get(&speaker.leg)) {
                (Some(listener), Some(speaker)) => !listener.hears(speaker),
                _ => true,
            }
        })
    })
}
