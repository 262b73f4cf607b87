//! The judge of a run: every packet that reaches an ear is looked at, by what the masks in force allow.

use std::collections::BTreeSet;

use conference::{CallId, LegId, Role};
use media_mixer::lab::SLOT_US;

use super::{Drama, KeptFrom, Leak, MOVING_US, SECRET, SURELY_US, TALKERS};
use crate::lab::Packet;

impl Drama {
    pub(super) fn listen(&mut self) {
        let heard: Vec<(LegId, Packet)> = (self.house.phones.iter_mut())
            .flat_map(|(leg, phone)| phone.heard.drain(..).map(|packet| (*leg, packet)).collect::<Vec<_>>())
            .collect();
        for (listener, packet) in heard {
            self.packets += 1;
            let samples: Vec<i16> =
                packet.payload.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
            self.judge(listener, &samples, packet.at_us);
        }
    }

    fn leak(&mut self, at_us: u64, listener: LegId, sample: i16, why: String) {
        self.trace(&why);
        if self.told {
            for (leg, actor) in &self.actors {
                eprintln!("    {leg} bit {} private {} talks {}", actor.bit, actor.private, actor.talks);
            }
            eprintln!("    masks {:#?}", self.masks);
        }
        self.leaks.push(Leak { at_us, listener, sample, why });
    }

    fn judge(&mut self, listener: LegId, samples: &[i16], at_us: u64) {
        let loudest = samples.iter().copied().max_by_key(|sample| sample.unsigned_abs()).unwrap_or(0);
        let Some((call, who)) = self.board.person_of(listener) else { return };
        let view = self.board.call(call);
        let role =
            view.as_ref().and_then(|view| view.participants.iter().find(|one| one.who == who)).map(|one| one.role);
        let guarded = match self.kept_from {
            KeptFrom::Customer => {
                self.actors.get(&listener).is_some_and(|actor| actor.customer) && role == Some(Role::Customer)
            }
            KeptFrom::Target => view.and_then(|view| view.transfer).is_some_and(|transfer| transfer.target == who),
        };
        if !self.can_be_told_apart(call) {
            return;
        }
        if guarded && !(0..SECRET).contains(&loudest) {
            let why = match self.kept_from {
                KeptFrom::Customer => "the customer's ear holds a secret bit",
                KeptFrom::Target => "the target's ear holds what was said beside the consult",
            };
            self.leak(at_us, listener, loudest, why.into());
        }
        let Some(masks) = self.masks.get(&call).filter(|masks| masks.contains_key(&listener)) else {
            if loudest != 0 {
                self.leak(at_us, listener, loudest, "somebody without a mask hears something".into());
            }
            return;
        };
        let speakers: Vec<LegId> =
            (masks.iter()).filter(|(_, mask)| masks[&listener].hears(mask)).map(|(leg, _)| *leg).collect();
        if speakers.is_empty() && loudest != 0 {
            self.leak(at_us, listener, loudest, "who hears nobody hears something".into());
        }
        if self.wire.jitter_us == 0 && self.wire.lost == 0 {
            self.judge_exactly(listener, &speakers, samples, at_us);
        }
    }

    /// Whether every leg of this call has a bit of its own.
    fn can_be_told_apart(&self, call: CallId) -> bool {
        let legs = self.masks.get(&call).into_iter().flat_map(std::collections::BTreeMap::keys);
        let bits: Vec<u32> = legs.filter_map(|leg| Some(self.actors.get(leg)?.bit)).collect();
        bits.len() == bits.iter().collect::<BTreeSet<_>>().len()
    }

    /// On a clean wire every bit has an owner who may be heard, and whoever may be heard for a while is.
    fn judge_exactly(&mut self, listener: LegId, speakers: &[LegId], samples: &[i16], at_us: u64) {
        let bits: Vec<u32> = speakers.iter().filter_map(|leg| Some(self.actors.get(leg)?.bit)).collect();
        let allowed = bits.iter().fold(0_i16, |all, bit| all | 1 << bit | 1 << (bit + TALKERS));
        let moved =
            |leg: &LegId| self.actors.get(leg).is_some_and(|actor| at_us.saturating_sub(actor.moved_us) < MOVING_US);
        if speakers.iter().any(moved) {
            return;
        }
        let departed = speakers.iter().any(|leg| !self.actors.contains_key(leg));
        let tick_us = at_us.saturating_sub(SLOT_US);
        let needed: Vec<(LegId, i16)> = speakers
            .iter()
            .filter(|speaker| {
                let pair = self.audible.get(&(listener, **speaker));
                let long = pair.is_some_and(|since| tick_us.saturating_sub(*since) > SURELY_US);
                let actor = self.actors.get(speaker);
                long && actor.is_some_and(|a| a.talks && tick_us.saturating_sub(a.talks_since_us) > SURELY_US)
            })
            .map(|leg| (*leg, 1 << self.actors[leg].bit | 1 << (self.actors[leg].bit + TALKERS)))
            .collect();
        for sample in samples {
            if sample & !allowed != 0 && !departed {
                let why = format!("a bit of nobody who may be heard: {sample:#x}, allowed {allowed:#x}");
                return self.leak(at_us, listener, *sample, why);
            }
            if let Some((speaker, _)) = needed.iter().find(|(_, bits)| sample & bits == 0) {
                let why = format!("{speaker} is not heard: {sample:#x}");
                return self.leak(at_us, listener, *sample, why);
            }
        }
    }
}
