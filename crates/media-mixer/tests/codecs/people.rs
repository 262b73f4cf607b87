//! People who say tones in the codec of their phones, and listen with a decoder of their own.

use std::collections::BTreeMap;

use conference::{CallId, LegId, LegMask};
use media_mixer::MediaSettings;
use media_mixer::codec::{Codec, Decoder, Encoder, MAX_OPUS_SAMPLES, Rate};
use media_mixer::lab::Parcel;
use media_mixer::sdp::OpusTerms;
use media_mixer::tone::{Goertzel, level_dbfs};

use crate::lab::{House, Packet, mask, payload_type};

pub(crate) const CALL: CallId = CallId(1);

/// One person: what he says, and how.
pub(crate) struct Person {
    pub(crate) leg: LegId,
    pub(crate) codec: Codec,
    pub(crate) encoder: Encoder,
    /// What he says; 0: silence.
    pub(crate) hertz: f64,
    /// Milliseconds of one packet.
    pub(crate) ptime: usize,
    said: u64,
    pending: Vec<i16>,
    /// Of a hundred packets so many are lost, both ways.
    pub(crate) loss: u64,
}

/// A small generator of repeatable chance.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// People around one mixer.
pub(crate) struct People {
    pub(crate) house: House,
    pub(crate) people: BTreeMap<LegId, Person>,
    pub(crate) dice: Dice,
    frames: u64,
}

pub(crate) fn settings() -> MediaSettings {
    let codecs = [&Codec::ALL[..], &[Codec::L16]].concat();
    MediaSettings { codecs, workers: 1, ..MediaSettings::default() }
}

impl People {
    pub(crate) fn new() -> Self {
        Self::with(&settings())
    }

    pub(crate) fn with(settings: &MediaSettings) -> Self {
        Self { house: House::new(settings), people: BTreeMap::new(), dice: Dice(7), frames: 0 }
    }

    /// Somebody whose offer names one codec.
    pub(crate) fn add(&mut self, number: u64, codec: Codec, hertz: f64, extra: &str) -> LegId {
        let leg = self.house.phone_with(number, codec, true, extra);
        let repeats = extra.contains("useinbandfec=1");
        let terms = OpusTerms { repeats, ..OpusTerms::default() };
        let mut encoder = Encoder::on_terms(codec, &terms);
        if let Encoder::Opus(opus) = &mut encoder {
            opus.set_loss(if repeats { 15 } else { 0 });
        }
        let person = Person { leg, codec, encoder, hertz, ptime: 20, said: 0, pending: Vec::new(), loss: 0 };
        self.people.insert(leg, person);
        leg
    }

    /// Everybody is in one call, and hears everybody.
    pub(crate) fn meet(&mut self) {
        let masks = self.people.keys().enumerate().map(|(n, leg)| mask(*leg, n as u32)).collect();
        self.masks(masks);
    }

    pub(crate) fn masks(&mut self, masks: Vec<LegMask>) {
        self.house.masks(CALL, masks, vec![]);
    }

    /// Everybody talks for so many frames of 20 ms.
    pub(crate) fn talk(&mut self, frames: u64) {
        for _ in 0..frames {
            self.frames += 1;
            for person in self.people.values_mut() {
                let lost = self.dice.below(100) < person.loss;
                for (timestamp, payload) in person.frame() {
                    let phone = self.house.phones.get_mut(&person.leg).unwrap();
                    let bytes = phone.raw(payload_type(person.codec), false, timestamp, &payload);
                    let (from, to) = (phone.address, phone.server);
                    let at_us = self.house.lab.now_us();
                    if !lost {
                        self.house.lab.net().arrive(Parcel { from, to, at_us, bytes });
                    }
                }
            }
            for _ in 0..10 {
                self.house.slot();
            }
        }
    }

    pub(crate) fn packets(&self, leg: LegId) -> &[Packet] {
        &self.house.phones[&leg].heard
    }

    pub(crate) fn forget(&mut self) {
        self.house.forget_heard();
    }

    /// What somebody heard, in the rate of his codec. Who loses packets hears holes as silence.
    pub(crate) fn sound(&self, leg: LegId) -> Vec<i16> {
        let codec = self.people[&leg].codec;
        let mut decoder = Decoder::new(codec);
        let audio = self.packets(leg).iter().filter(|packet| packet.payload_type == payload_type(codec));
        let mut all = Vec::new();
        for packet in audio {
            let mut out = [0; MAX_OPUS_SAMPLES];
            let count = decoder.decode(&packet.payload, &mut out);
            all.extend_from_slice(&out[..count]);
        }
        all
    }

    /// How loud a tone is for somebody in the last so many milliseconds.
    pub(crate) fn level(&self, leg: LegId, hertz: f64, last_ms: usize) -> f64 {
        let rate = self.people[&leg].codec.rate();
        let sound = self.sound(leg);
        let from = sound.len().saturating_sub(last_ms * rate.hertz() as usize / 1_000);
        Goertzel::new(hertz, rate.hertz()).measure(&sound[from..]).dbfs
    }

    /// Stretches of 10 ms, among the last so many milliseconds, in which somebody hears less than a tone has.
    pub(crate) fn drop_outs(&self, leg: LegId, last_ms: usize) -> usize {
        let rate = self.people[&leg].codec.rate();
        let sound = self.sound(leg);
        let from = sound.len().saturating_sub(last_ms * rate.hertz() as usize / 1_000);
        sound[from..].chunks_exact(rate.frame() / 2).filter(|part| level_dbfs(part) < -20.0).count()
    }

    /// The loudest that a tone ever is for somebody: in windows of 100 ms, faded so that a loud tone beside it does not reach it, every
    /// 20 ms.
    pub(crate) fn loudest(&self, leg: LegId, hertz: f64) -> f64 {
        loudest(&self.sound(leg), self.people[&leg].codec.rate(), hertz)
    }
}

pub(crate) fn loudest(sound: &[i16], rate: Rate, hertz: f64) -> f64 {
    let length = rate.frame() * 5;
    let faded = |window: &[i16]| -> Vec<i16> {
        let turn = std::f64::consts::TAU / length as f64;
        window.iter().enumerate().map(|(n, s)| (f64::from(*s) * (1.0 - (n as f64 * turn).cos())) as i16).collect()
    };
    let windows = sound.windows(length).step_by(rate.frame());
    let levels = windows.map(|window| Goertzel::new(hertz, rate.hertz()).measure(&faded(window)).dbfs);
    levels.max_by(f64::total_cmp).unwrap_or(-120.0)
}

impl Person {
    /// Says nothing for so many frames; his clock goes on.
    pub(crate) fn skip(&mut self, frames: u64) {
        self.said += frames * self.codec.rate().frame() as u64;
    }

    /// The RTP timestamp of his next packet.
    pub(crate) fn timestamp(&self) -> u32 {
        (self.said * u64::from(self.codec.clock_rate()) / u64::from(self.codec.rate().hertz())) as u32
    }

    /// The packets of the next 20 ms.
    fn frame(&mut self) -> Vec<(u32, Vec<u8>)> {
        let rate = self.codec.rate();
        let turn = self.hertz * std::f64::consts::TAU / f64::from(rate.hertz());
        let from = self.said + self.pending.len() as u64;
        self.pending.extend((0..rate.frame() as u64).map(|n| (((from + n) as f64 * turn).sin() * 10_000.0) as i16));
        let length = self.ptime * rate.hertz() as usize / 1_000;
        let mut packets = Vec::new();
        while self.pending.len() >= length {
            let samples: Vec<i16> = self.pending.drain(..length).collect();
            let payload = self.encoded(&samples);
            let timestamp = self.said * u64::from(self.codec.clock_rate()) / u64::from(rate.hertz());
            self.said += length as u64;
            if !payload.is_empty() {
                packets.push((timestamp as u32, payload));
            }
        }
        packets
    }

    /// Opus has no frames of 30 and of 50 ms: such packets hold several of 10 ms (RFC 6716 §3.2.5, with a length for each but the last).
    fn encoded(&mut self, samples: &[i16]) -> Vec<u8> {
        let several = self.codec == Codec::Opus && [30, 50].contains(&self.ptime);
        let frames = if several { self.ptime / 10 } else { 1 };
        let mut coded: Vec<Vec<u8>> = Vec::new();
        for frame in samples.chunks(samples.len() / frames) {
            let mut payload = vec![0; 1_400];
            let bytes = self.encoder.encode(frame, &mut payload);
            payload.truncate(bytes);
            coded.push(payload);
        }
        if !several {
            return coded.concat();
        }
        // one head for all of them: frames of one configuration, which steady sound has
        let mut packet = vec![coded[0][0] | 3, 0x80 | frames as u8];
        assert!(coded.iter().all(|frame| frame[0] == coded[0][0]), "one configuration");
        for frame in &coded[..frames - 1] {
            let length = frame.len() - 1;
            match length {
                ..252 => packet.push(length as u8),
                _ => packet.extend([252 + (length % 4) as u8, ((length - 252 - length % 4) / 4) as u8]),
            }
        }
        coded.iter().for_each(|frame| packet.extend(&frame[1..]));
        packet
    }
}
