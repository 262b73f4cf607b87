//! What is asked of one leg's sound by the daemon: cues, keys and how loud it is. Each is left for the leg's media thread.
//!
//! It decides nothing about who hears it: keys that are relayed follow the masks on the media thread.

use conference::{Cue, Key, LegId};

use super::{Desk, Whereabouts};
use crate::dtmf::{self, Digit};
use crate::engine::command::{Command, Relay};
use crate::gain::VOLUMES_DB;
use crate::sounds::QueueMusic;

impl Desk {
    pub(crate) fn cue(&mut self, leg: LegId, cue: Cue) {
        if let Some((line, place)) = self.place(leg) {
            self.lines[line].send(Command::Cue { place, cue });
        }
    }

    pub(crate) fn digit(&mut self, leg: LegId, digit: Digit) {
        if let (Some((line, place)), Some(call)) = (self.place(leg), self.slot(leg)) {
            self.lines[line].send(Command::Digit { call, place, digit });
        }
    }

    /// From now on the leg's digits are told and not relayed.
    pub(crate) fn collect(&mut self, leg: LegId) {
        let Some(record) = self.legs.get_mut(&leg) else { return };
        if std::mem::replace(&mut record.collected, true) {
            return;
        }
        match &mut record.at {
            Whereabouts::Lobby(media) => media.collect(),
            Whereabouts::On { line, place } => {
                let (line, place) = (*line, *place);
                self.lines[line].send(Command::Collect { place });
            }
            // told when it gets there
            Whereabouts::Moving { .. } => {}
        }
    }

    /// Collected digits go to whoever hears the leg now.
    pub(crate) fn relay(&mut self, leg: LegId, keys: &[Key]) {
        if let (Some((line, place)), Some(call)) = (self.place(leg), self.slot(leg)) {
            let digits = keys.iter().take(dtmf::QUEUE).map(digit).collect();
            self.lines[line].send(Command::Relay(Box::new(Relay { call, place, digits })));
        }
    }

    /// Keys for one leg's phone alone. What is more than may wait is lost.
    pub(crate) fn press(&mut self, leg: LegId, keys: &[Key]) {
        if let Some((line, place)) = self.place(leg) {
            for key in keys.iter().take(dtmf::QUEUE) {
                self.lines[line].send(Command::Press { place, digit: digit(key) });
            }
        }
    }

    /// How loud the leg is for the others.
    pub(crate) fn set_volume(&mut self, leg: LegId, volume_db: i8) {
        let Some(record) = self.legs.get_mut(&leg) else { return };
        let volume_db = volume_db.clamp(*VOLUMES_DB.start(), *VOLUMES_DB.end());
        if std::mem::replace(&mut record.volume_db, volume_db) == volume_db {
            return;
        }
        match &mut record.at {
            Whereabouts::Lobby(media) => media.set_volume(volume_db),
            Whereabouts::On { line, place } => {
                let (line, place) = (*line, *place);
                self.lines[line].send(Command::Volume { place, volume_db });
            }
            // told when it gets there
            Whereabouts::Moving { .. } => {}
        }
    }

    /// Every thread plays this to those who wait, from its next turn on.
    pub(crate) fn set_queue_music(&mut self, queues: &QueueMusic) {
        for line in &mut self.lines {
            line.send(Command::QueueMusic(Box::new(queues.clone())));
        }
    }

    fn place(&self, leg: LegId) -> Option<(usize, u32)> {
        match self.legs.get(&leg)?.at {
            Whereabouts::On { line, place } => Some((line, place)),
            Whereabouts::Lobby(_) | Whereabouts::Moving { .. } => None,
        }
    }

    /// The slot of the call that a leg is in.
    fn slot(&self, leg: LegId) -> Option<u32> {
        let call = self.legs.get(&leg)?.call?;
        self.calls.get(&call).map(|call| call.slot)
    }
}

fn digit(key: &Key) -> Digit {
    Digit { symbol: key.digit, duration_ms: key.duration_ms }
}
