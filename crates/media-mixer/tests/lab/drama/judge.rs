//! The judge of a run: every packet that reaches an ear is looked at, by what the masks in force allow and by his own books on
//! whose legs they are.

use std::collections::BTreeSet;

use conference::{CallId, Ears, LegId, LegMask};
use media_mixer::lab::SLOT_US;

use super::agents::key_ms;
use super::extras::PRESSED_MS;
use super::{Drama, KeptFrom, Leak, SECRET, SURELY_US, TALKERS, may_hear};
use crate::lab::Packet;

/// The payload type of the phones' events.
const EVENTS: u8 = 101;
/// Two numbers of one voice may run into each other for so long after it changed.
const BLENDS_US: u64 = 300_000;
/// So many numbers are in a packet of voices that only begin or end.
const FEW_NUMBERS: usize = 8;
/// So many numbers are in a packet of a tone.
const MANY_NUMBERS: usize = 40;
/// Relayed keys may wait for those before them, and codes for their next key: so long ago the pair was audible at the latest.
const RELAYED_US: u64 = 20_000_000;

/// Samples in which a voice that begins to be heard rises: 5 ms.
const RISE: usize = 40;

/// Whether a packet begins with the rise of voices that are heard from here on, and with nothing else: every sample is exactly
/// what was there before and the part that has come of what is new, and all of it may be heard.
fn is_rise(samples: &[i16], allowed: i16) -> bool {
    let (Some(before), Some(after)) = (samples.first(), samples.get(RISE)) else { return false };
    let new = after & !before;
    let exact = |n: usize| {
        let bits = (0..2 * TALKERS).map(|bit| i32::from(new & 1 << bit));
        // a talker who says both their numbers rises as one
        let most: i32 = bits.clone().sum::<i32>() * n as i32 / RISE as i32;
        let least: i32 = bits.map(|bit| bit * n as i32 / RISE as i32).sum();
        i32::from(*before) + least..=i32::from(*before) + most
    };
    new != 0
        && after & before == *before
        && after & !allowed == 0
        && samples[..RISE].iter().enumerate().all(|(n, sample)| exact(n).contains(&i32::from(*sample)))
}

impl Drama {
    pub(super) fn listen(&mut self) {
        let heard: Vec<(LegId, Packet)> = (self.house.phones.iter_mut())
            .flat_map(|(leg, phone)| phone.heard.drain(..).map(|packet| (*leg, packet)))
            .collect();
        for (listener, packet) in heard {
            self.packets += 1;
            if packet.payload_type == EVENTS {
                self.judge_key(listener, &packet);
                continue;
            }
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
                eprintln!("        {:?}", self.house.mixer.leg_stats(*leg));
            }
            eprintln!("    masks {:#?}", self.masks);
        }
        self.leaks.push(Leak { at_us, listener, sample, why });
    }

    /// A relayed key is of somebody whom the listener could hear lately.
    fn judge_key(&mut self, listener: LegId, packet: &Packet) {
        if packet.payload[1] & 0x80 == 0 {
            return;
        }
        let ms = u16::from_be_bytes([packet.payload[2], packet.payload[3]]) / 8;
        if ms == PRESSED_MS {
            if !self.extras.was_pressed(listener) {
                self.leak(packet.at_us, listener, 0, "keys that were pressed for somebody else".into());
            }
            return;
        }
        let bit = (0..TALKERS).find(|bit| key_ms(*bit) == ms);
        let lately = |speaker: &LegId| {
            let pair = (listener, *speaker);
            let ended = self.lately.get(&pair).is_some_and(|us| packet.at_us.saturating_sub(*us) < RELAYED_US);
            self.audible.contains_key(&pair) || ended
        };
        let theirs =
            |(speaker, bits): (&LegId, &BTreeSet<u32>)| bit.is_some_and(|bit| bits.contains(&bit)) && lately(speaker);
        let allowed = self.keys.iter().any(theirs);
        self.count("relayed key");
        if !allowed {
            self.leak(packet.at_us, listener, 0, format!("a key of {ms} ms of nobody who could be heard"));
        }
    }

    fn judge(&mut self, listener: LegId, samples: &[i16], at_us: u64) {
        let loudest = samples.iter().copied().max_by_key(|sample| sample.unsigned_abs()).unwrap_or(0);
        let Some((call, guarded)) = self.standing.get(&listener).copied() else { return };
        if !self.can_be_told_apart(call) {
            return;
        }
        if self.rings_back(listener, call, samples) {
            return;
        }
        self.judged += 1;
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
        let heard = |mask: &LegMask| may_hear(&self.persons, &masks[&listener], mask);
        let speakers: Vec<LegId> = masks.values().filter(|mask| heard(mask)).map(|mask| mask.leg).collect();
        if speakers.is_empty() && loudest != 0 {
            self.leak(at_us, listener, loudest, "who hears nobody hears something".into());
        }
        if self.wire.is_clean() {
            self.judge_exactly(listener, &speakers, samples, at_us);
        }
    }

    /// Whether this is the ringback before early media: a tone is many numbers in a packet, and a voice here is one at a time.
    fn rings_back(&self, listener: LegId, call: CallId, samples: &[i16]) -> bool {
        let mask = self.masks.get(&call).and_then(|masks| masks.get(&listener));
        let numbers: BTreeSet<i16> = samples.iter().copied().collect();
        mask.is_some_and(|mask| mask.ears == Ears::Early) && numbers.len() > MANY_NUMBERS
    }

    /// Whether every leg of this call has a bit of its own.
    fn can_be_told_apart(&self, call: CallId) -> bool {
        let legs = self.masks.get(&call).into_iter().flat_map(std::collections::BTreeMap::keys);
        let mut used = 0_u32;
        for bit in legs.filter_map(|leg| Some(1 << self.actors.get(leg)?.bit)) {
            if used & bit != 0 {
                return false;
            }
            used |= bit;
        }
        true
    }

    /// Where a voice has just changed from one number to another and delay is being reduced, one runs into the other: a packet of
    /// many numbers, and none beyond what its speakers may say. A voice that must not be heard is one number at a time.
    fn blends(&self, speakers: &[LegId], samples: &[i16], at_us: u64) -> bool {
        let lately = |leg: &LegId| self.actors.get(leg).is_some_and(|actor| at_us < actor.says.1 + BLENDS_US);
        let numbers: BTreeSet<i16> = samples.iter().copied().collect();
        numbers.len() > FEW_NUMBERS && speakers.iter().any(lately)
    }

    /// On a clean wire every bit has an owner who may be heard, and whoever may be heard for a while is.
    fn judge_exactly(&mut self, listener: LegId, speakers: &[LegId], samples: &[i16], at_us: u64) {
        let bits: Vec<u32> = speakers.iter().filter_map(|leg| Some(self.actors.get(leg)?.bit)).collect();
        let allowed = bits.iter().fold(0_i16, |all, bit| all | 1 << bit | 1 << (bit + TALKERS));
        if speakers.iter().any(|leg| self.actors.get(leg).is_some_and(|actor| at_us < actor.moved_until_us)) {
            return;
        }
        let departed = speakers.iter().any(|leg| !self.actors.contains_key(leg));
        let tick_us = at_us.saturating_sub(SLOT_US);
        let needed: Vec<(LegId, i16)> = speakers
            .iter()
            .filter(|speaker| {
                let pair = self.audible.get(&(listener, **speaker));
                let long = pair.is_some_and(|since| tick_us.saturating_sub(*since) > SURELY_US);
                let speaks = |a: &super::Actor| {
                    a.talks && at_us > a.blurred_until_us && tick_us.saturating_sub(a.talks_since_us) > SURELY_US
                };
                let hushed = self.extras.hushed_lately(**speaker, at_us);
                long && !hushed && self.actors.get(speaker).is_some_and(speaks)
            })
            .map(|leg| (*leg, 1 << self.actors[leg].bit | 1 << (self.actors[leg].bit + TALKERS)))
            .collect();
        let blends = self.blends(speakers, samples, at_us);
        let samples = if is_rise(samples, allowed) { &samples[RISE..] } else { samples };
        for sample in samples.iter().filter(|sample| !(blends && (0..=allowed).contains(*sample))) {
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
