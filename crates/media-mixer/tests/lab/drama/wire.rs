//! Time and the wire: who talks says a frame every 20 ms, packets are late or lost, and what happened reaches the core, late.

use std::collections::BTreeMap;

use conference::{Key, Report};
use media_mixer::MediaNews;
use media_mixer::codec::FRAME_SAMPLES;
use media_mixer::lab::{Parcel, SLOT_US};

use super::{Drama, TALKERS};
use crate::lab::FRAME_US;

/// What the wire does to packets.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// Each packet is late by up to so much, so that many overtake each other.
    pub jitter_us: u64,
    /// Of a thousand packets so many are lost.
    pub lost: u64,
}

impl Wire {
    pub const CLEAN: Self = Self { jitter_us: 0, lost: 0 };
    pub const ROUGH: Self = Self { jitter_us: 45_000, lost: 20 };

    pub(super) fn is_clean(self) -> bool {
        self.jitter_us == 0 && self.lost == 0
    }
}

impl Drama {
    /// Time goes on by so many slots.
    pub fn pass(&mut self, slots: u64) {
        for _ in 0..slots {
            self.changes_due_volumes();
            self.talk();
            self.house.slot();
            self.take_acks();
            self.listen();
            self.take_news();
            if self.waits {
                continue;
            }
            while self.late.front().is_some_and(|(due_us, _)| *due_us <= self.now_us()) {
                if let Some((_, report)) = self.late.pop_front() {
                    self.arrives_late(report);
                }
            }
            while self.board.deadline().is_some_and(|deadline| deadline <= self.now()) {
                let outputs = self.board.expire(self.now());
                self.carry(outputs);
            }
        }
    }

    /// What the daemon does before it tells the core.
    fn arrives_late(&mut self, report: Report) {
        match &report {
            Report::Answered { leg, .. } => {
                let Some(phone) = self.house.phones.get(leg) else { return };
                let answer = phone.offer("");
                self.house.mixer.accept(*leg, answer.as_bytes()).unwrap();
            }
            Report::Early { leg, .. } => {
                let Some(phone) = self.house.phones.get(leg) else { return };
                let answer = phone.offer("");
                self.house.mixer.accept_early(*leg, answer.as_bytes()).unwrap();
            }
            Report::Failed { leg, .. } | Report::Ended { leg, .. } => {
                let leg = *leg;
                self.report(report);
                self.house.mixer.close(leg);
                self.forget(leg);
                return;
            }
            _ => {}
        }
        self.report(report);
    }

    fn take_news(&mut self) {
        for news in self.house.news() {
            match news {
                MediaNews::Digit { leg, digit, duration_ms, collected: true } => {
                    self.report_late(Report::Digit { leg, key: Key { digit, duration_ms } });
                }
                MediaNews::Silent { leg } => self.report_late(Report::Silent { leg }),
                MediaNews::OutOfStep { call } => panic!("{call}: out of step"),
                _ => {}
            }
        }
    }

    fn talk(&mut self) {
        let now_us = self.now_us();
        let slot = now_us / SLOT_US % (FRAME_US / SLOT_US);
        for (leg, actor) in &mut self.actors {
            if actor.phase != slot {
                continue;
            }
            if actor.talks && self.extras.hushes(*leg, now_us) {
                // its clock goes on
                let phone = self.house.phones.get_mut(leg).unwrap();
                phone.timestamp = phone.timestamp.wrapping_add(FRAME_SAMPLES as u32);
                actor.secret = actor.private;
                continue;
            }
            if !actor.talks {
                // what was said before the phone's hold was never sent
                actor.secret = actor.private;
                continue;
            }
            let value = if actor.secret { 1_i16 << (actor.bit + TALKERS) } else { 1 << actor.bit };
            actor.secret = actor.private;
            if actor.says.0 != value {
                actor.says = (value, now_us);
            }
            let phone = self.house.phones.get_mut(leg).unwrap();
            let bytes = phone.packet(&[self.extras.louder(*leg, value); FRAME_SAMPLES]);
            if self.chance.below(1_000) >= self.wire.lost {
                let at_us = now_us + self.chance.below(self.wire.jitter_us + 1);
                self.house.lab.net().arrive(Parcel { from: phone.address, to: phone.server, at_us, bytes });
            }
        }
    }

    /// What was done in all runs, for the test's last word.
    pub fn add_to(&self, all: &mut BTreeMap<&'static str, u64>) {
        for (what, times) in &self.done {
            *all.entry(what).or_insert(0) += times;
        }
    }
}
