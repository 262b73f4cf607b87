//! Legs and the switchboard are frozen into plain text and thawed in the middle of it all, as after a restart.

use conference::{LegId, Switchboard};
use media_mixer::LegState;

use super::{Drama, SURELY_US};

impl Drama {
    /// Some legs, or all of them and the switchboard.
    pub(super) fn freezes(&mut self) {
        self.count("freeze and thaw");
        let all = self.chance.below(4) == 0;
        let legs: Vec<LegId> = self.actors.keys().copied().collect();
        for leg in legs {
            if all || self.chance.below(2) == 0 {
                self.freeze_leg(leg);
            }
        }
        if all {
            let board = serde_json::to_string(&self.board).unwrap();
            self.board = serde_json::from_str::<Switchboard>(&board).unwrap();
            self.restates();
        }
    }

    fn freeze_leg(&mut self, leg: LegId) {
        let Some(state) = self.house.mixer.freeze(leg) else { return };
        let text = serde_json::to_string(&state).unwrap();
        self.trace(&format!("thaw {leg} {text}"));
        self.house.mixer.thaw(serde_json::from_str::<LegState>(&text).unwrap()).unwrap();
        let now_us = self.now_us();
        if let Some(actor) = self.actors.get_mut(&leg) {
            actor.blurred_until_us = now_us + SURELY_US;
        }
    }

    /// The mixer is told the full state of every call; nothing changes by it.
    pub(super) fn restates(&mut self) {
        self.count("restate");
        let calls: Vec<_> = self.board.call_ids().collect();
        for call in calls {
            if let Some(change) = self.board.full_masks(call) {
                self.set_audibility(change);
            }
        }
    }
}
