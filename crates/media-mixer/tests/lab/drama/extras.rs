//! Keys for one phone, and volumes: by them nobody may hear anything more, or anybody else.
//!
//! A phone whose voice is made quieter says as much more as makes its number whole again. While its volume changes it says nothing,
//! so that no number of before is heard by the new measure.

use std::collections::BTreeMap;

use conference::{Asker, Command, Key, LegId, ParticipantId};

use super::people::FADING_US;
use super::{CallId, Drama, SURELY_US};

/// How long the keys are down that are pressed for a phone: no talker's own are.
pub(super) const PRESSED_MS: u16 = 333;
/// What was said before is over by then, the wire's jitter included.
const HUSHED_US: u64 = FADING_US + 200_000;
/// In this time the next frame was made.
const CHANGED_US: u64 = 100_000;
/// Quieter only: one is the least that can be said.
const VOLUMES_DB: [i8; 4] = [0, -3, -6, -9];

/// Volumes under way, and who was pressed keys for.
#[derive(Default)]
pub(super) struct Extras {
    changes: Vec<(u64, LegId, i8)>,
    hushed_until_us: BTreeMap<LegId, u64>,
    volumes_db: BTreeMap<LegId, i8>,
    pressed: BTreeMap<LegId, u64>,
}

impl Extras {
    /// Whether the leg's phone says nothing now.
    pub(super) fn hushes(&self, leg: LegId, now_us: u64) -> bool {
        self.hushed_until_us.get(&leg).is_some_and(|until_us| now_us < *until_us)
    }

    /// Whether the leg's phone said nothing until just now.
    pub(super) fn hushed_lately(&self, leg: LegId, now_us: u64) -> bool {
        self.hushes(leg, now_us.saturating_sub(SURELY_US))
    }

    /// What the leg's phone has to say so that the others hear `value`.
    pub(super) fn louder(&self, leg: LegId, value: i16) -> i16 {
        let volume_db = self.volumes_db.get(&leg).copied().unwrap_or(0);
        if volume_db == 0 {
            return value;
        }
        // the mixer's factors have twelve binary places
        let factor = (10_f64.powf(f64::from(volume_db) / 20.0) * 4_096.0).round() / 4_096.0;
        // the middle of what becomes `value`
        let said = (f64::from(value) / factor).round() as i16;
        assert!((f64::from(said) * factor - f64::from(value)).abs() < 0.45, "{value} cannot be said at {volume_db} dB");
        said
    }

    /// Whether keys were pressed for this leg.
    pub(super) fn was_pressed(&self, leg: LegId) -> bool {
        self.pressed.contains_key(&leg)
    }
}

impl Drama {
    fn somebody_in_a_call(&mut self) -> Option<(CallId, ParticipantId)> {
        let calls: Vec<CallId> = self.masks.keys().copied().collect();
        let call = self.chance.one_of(&calls)?;
        let people: Vec<ParticipantId> = self.board.call(call)?.participants.iter().map(|one| one.who).collect();
        Some((call, self.chance.one_of(&people)?))
    }

    pub(super) fn presses_for_somebody(&mut self) {
        let Some((call, who)) = self.somebody_in_a_call() else { return };
        let keys = vec![Key { digit: '5', duration_ms: PRESSED_MS }; 2];
        self.command(Command::Press { call, by: Asker::Operator, who, keys });
    }

    pub(super) fn changes_a_volume(&mut self) {
        let Some((call, who)) = self.somebody_in_a_call() else { return };
        let Some(volume_db) = self.chance.one_of(&VOLUMES_DB) else { return };
        self.command(Command::SetVolume { call, by: Asker::Operator, who, volume_db });
    }

    pub(super) fn is_pressed(&mut self, leg: LegId, keys: &[Key]) {
        self.count("press");
        let now_us = self.now_us();
        self.extras.pressed.insert(leg, now_us);
        self.house.mixer.press(leg, keys);
    }

    /// The phone falls silent, and when that is heard everywhere the volume changes.
    pub(super) fn volume_is_asked(&mut self, leg: LegId, volume_db: i8) {
        let now_us = self.now_us();
        self.extras.changes.push((now_us + HUSHED_US, leg, volume_db));
        self.extras.hushed_until_us.insert(leg, now_us + HUSHED_US + CHANGED_US);
        if let Some(actor) = self.actors.get_mut(&leg) {
            actor.moved_until_us = actor.moved_until_us.max(now_us + FADING_US);
        }
    }

    pub(super) fn changes_due_volumes(&mut self) {
        let now_us = self.now_us();
        while self.extras.changes.first().is_some_and(|(due_us, ..)| *due_us <= now_us) {
            let (_, leg, volume_db) = self.extras.changes.remove(0);
            self.count("volume");
            self.house.mixer.set_volume(leg, volume_db);
            self.extras.volumes_db.insert(leg, volume_db);
        }
    }
}
