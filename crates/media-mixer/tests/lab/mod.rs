//! Phones on the virtual net: what they say goes out as RTP, what they hear is kept with its moment.
//!
//! They share the codec with the mixer and nothing else; the RTP is written and read here.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, dead_code, unreachable_pub, missing_docs)]

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use conference::{CallId, ChangeSet, Ears, LegId, LegMask, ParticipantId, Place};
use media_mixer::codec::{Codec, Decoder, Encoder, FRAME_SAMPLES};
use media_mixer::lab::{Lab, Parcel};
use media_mixer::srtp::{MasterKey, Protection, RTP_OVERHEAD, Shield, Suite};
use media_mixer::{MediaNews, MediaSettings, Mixer};
use tokio::sync::{mpsc, oneshot};

/// When the tests' clock begins.
pub const START_US: u64 = 1_000_000_000;
pub const FRAME_US: u64 = 20_000;

/// One packet that a phone heard.
#[derive(Clone, Debug)]
pub struct Packet {
    pub at_us: u64,
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

impl Packet {
    pub fn read(bytes: &[u8], at_us: u64) -> Self {
        assert_eq!(bytes[0], 0x80, "a plain header");
        Self {
            at_us,
            marker: bytes[1] & 0x80 != 0,
            payload_type: bytes[1] & 0x7f,
            sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
            timestamp: u32::from_be_bytes(bytes[4..8].try_into().unwrap()),
            ssrc: u32::from_be_bytes(bytes[8..12].try_into().unwrap()),
            payload: bytes[12..].to_vec(),
        }
    }
}

/// One phone.
pub struct Phone {
    pub leg: LegId,
    pub address: SocketAddr,
    pub server: SocketAddr,
    pub codec: Codec,
    pub payload_type: u8,
    pub events: bool,
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub heard: Vec<Packet>,
    pub control: Vec<Vec<u8>>,
    /// With one, all it says is sealed, and what it cannot open it has not heard.
    pub shield: Option<Shield>,
    /// What it could not open.
    pub unopened: Vec<Vec<u8>>,
}

pub fn payload_type(codec: Codec) -> u8 {
    codec.static_payload_type().unwrap_or(96)
}

impl Phone {
    pub fn offer(&self, extra: &str) -> String {
        let (pt, encoding, port) = (self.payload_type, self.codec.encoding(), self.address.port());
        let events = if self.events { "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n" } else { "" };
        let numbers = if self.events { format!("{pt} 101") } else { format!("{pt}") };
        let ip = self.address.ip();
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {numbers}\r\n\
             a=rtpmap:{pt} {encoding}\r\n{events}{extra}"
        )
    }

    /// A packet of this sound, with the next numbers.
    pub fn packet(&mut self, samples: &[i16]) -> Vec<u8> {
        let mut payload = vec![0; samples.len() * 2];
        let length = Encoder::new(self.codec).encode(samples, &mut payload);
        payload.truncate(length);
        let packet = self.raw(self.payload_type, false, self.timestamp, &payload);
        let ticks = samples.len() as u32 * self.codec.clock_rate() / self.codec.rate().hertz();
        self.timestamp = self.timestamp.wrapping_add(ticks);
        packet
    }

    /// Any packet; the sequence goes on.
    pub fn raw(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type | u8::from(marker) << 7];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        if let Some(shield) = &mut self.shield {
            let length = packet.len();
            packet.resize(length + RTP_OVERHEAD, 0);
            let sealed = shield.seal_rtp(&mut packet, length).unwrap();
            packet.truncate(sealed);
        }
        packet
    }

    /// What came to one of its ports.
    fn take(&mut self, mut bytes: Vec<u8>, at_us: u64, control: bool) {
        if let Some(shield) = &mut self.shield {
            let opened = if control { shield.open_rtcp(&mut bytes) } else { shield.open_rtp(&mut bytes) };
            match opened {
                Ok(opened) => bytes.truncate(opened.length),
                Err(_) => return self.unopened.push(bytes),
            }
        }
        if control {
            self.control.push(bytes);
        } else {
            self.heard.push(Packet::read(&bytes, at_us));
        }
    }

    /// What was heard, decoded, in the order of arrival: audio packets only.
    pub fn sound(&self) -> Vec<i16> {
        self.heard
            .iter()
            .filter(|p| p.payload_type == self.payload_type)
            .flat_map(|p| self.decode(&p.payload))
            .collect()
    }

    pub fn decode(&self, payload: &[u8]) -> Vec<i16> {
        let mut samples = vec![0; payload.len()];
        let count = Decoder::new(self.codec).decode(payload, &mut samples);
        samples.truncate(count);
        samples
    }
}

/// A house of phones around one mixer.
pub struct House {
    pub lab: Lab,
    pub mixer: Mixer,
    pub news: mpsc::Receiver<MediaNews>,
    pub phones: BTreeMap<LegId, Phone>,
    pub versions: BTreeMap<CallId, u64>,
    next_port: u16,
}

pub mod drama;

pub fn settings() -> MediaSettings {
    MediaSettings { codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::L16], workers: 1, ..MediaSettings::default() }
}

impl House {
    pub fn new(settings: &MediaSettings) -> Self {
        let (lab, mixer, news) = Lab::start(settings, START_US).unwrap();
        Self { lab, mixer, news, phones: BTreeMap::new(), versions: BTreeMap::new(), next_port: 40_000 }
    }

    /// A phone whose offer was answered, in no call yet.
    pub fn phone(&mut self, number: u64, codec: Codec) -> LegId {
        self.phone_with(number, codec, true, "")
    }

    pub fn phone_with(&mut self, number: u64, codec: Codec, events: bool, extra: &str) -> LegId {
        let leg = LegId::arrived(number);
        self.mixer.open(leg, Lab::signalling()).unwrap();
        let mut phone = self.new_phone(leg, number, codec, events);
        let answer = self.mixer.answer(leg, phone.offer(extra).as_bytes()).unwrap();
        phone.server = server(&answer);
        self.phones.insert(leg, phone);
        leg
    }

    /// A phone that speaks SRTP by `suite`, with this key; what else its offer says in `extra`.
    pub fn protected(&mut self, number: u64, codec: Codec, key: MasterKey, extra: &str) -> LegId {
        let leg = self.phone_with(number, codec, !number.is_multiple_of(4), &format!("{}{extra}", crypto(&key)));
        self.shield(leg, key);
        leg
    }

    /// A phone's shield is made anew by its key and the one of the mixer's last description.
    pub fn shield(&mut self, leg: LegId, ours: MasterKey) {
        let described = self.mixer.repeat(leg).unwrap();
        self.mixer.withdraw(leg).unwrap();
        let theirs = key_of(&described).unwrap();
        let protection = Protection { tag: 1, ours, theirs, pair: 1 };
        self.phones.get_mut(&leg).unwrap().shield = Some(Shield::new(&protection).unwrap());
    }

    /// A phone that the mixer does not know yet.
    pub fn new_phone(&mut self, leg: LegId, number: u64, codec: Codec, events: bool) -> Phone {
        let address = SocketAddr::new(Lab::signalling(), self.next_port);
        self.next_port += 2;
        Phone {
            leg,
            address,
            server: address,
            codec,
            payload_type: payload_type(codec),
            events,
            ssrc: 0x1000 + number as u32,
            sequence: 100,
            timestamp: 5_000 * number as u32,
            heard: Vec::new(),
            control: Vec::new(),
            shield: None,
            unopened: Vec::new(),
        }
    }

    pub fn masks(
        &mut self,
        call: CallId,
        legs: Vec<LegMask>,
        gone: Vec<LegId>,
    ) -> oneshot::Receiver<media_mixer::Applied> {
        let version = self.versions.entry(call).or_insert(0);
        *version += 1;
        let change = ChangeSet { call, version: *version, full: false, legs, gone, tightens: true };
        self.mixer.set_audibility(change)
    }

    /// A phone's packet arrives after `delay_us`.
    pub fn say(&mut self, leg: LegId, samples: &[i16], delay_us: u64) {
        let at_us = self.lab.now_us() + delay_us;
        let phone = self.phones.get_mut(&leg).unwrap();
        let bytes = phone.packet(samples);
        let (from, to) = (phone.address, phone.server);
        self.lab.net().arrive(Parcel { from, to, at_us, bytes });
    }

    /// Time goes on by one slot; what was sent reaches the phones.
    pub fn slot(&mut self) {
        let next = self.lab.now_us() + media_mixer::lab::SLOT_US;
        self.lab.turn(next);
        self.collect();
    }

    pub fn collect(&mut self) {
        while let Some(parcel) = self.lab.net().take() {
            for phone in self.phones.values_mut() {
                let control = SocketAddr::new(phone.address.ip(), phone.address.port() + 1);
                if [phone.address, control].contains(&parcel.to) {
                    phone.take(parcel.bytes.clone(), parcel.at_us, parcel.to == control);
                }
            }
        }
    }

    /// Time goes on by `frames` of 20 ms; at the start of each, every phone of `saying` says a constant.
    pub fn frames(&mut self, frames: u32, saying: &[(LegId, i16)]) {
        for _ in 0..frames {
            for (leg, value) in saying {
                self.say(*leg, &[*value; FRAME_SAMPLES], 0);
            }
            for _ in 0..10 {
                self.slot();
            }
        }
    }

    pub fn forget_heard(&mut self) {
        self.phones.values_mut().for_each(|phone| phone.heard.clear());
    }

    pub fn heard(&self, leg: LegId) -> Vec<i16> {
        self.phones[&leg].sound()
    }

    pub fn news(&mut self) -> Vec<MediaNews> {
        std::iter::from_fn(|| self.news.try_recv().ok()).collect()
    }
}

/// A phone's key, as a line of its offer.
pub fn crypto(key: &MasterKey) -> String {
    format!("a=crypto:1 {} inline:{}\r\n", key.suite().name(), key.to_text())
}

/// The key that a description of the mixer's names.
pub fn key_of(described: &[u8]) -> Option<MasterKey> {
    let text = std::str::from_utf8(described).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("a=crypto:"))?;
    let (suite, key) = line.split_once(' ')?.1.split_once(" inline:")?;
    MasterKey::from_text(Suite::named(suite)?, key)
}

/// The address of an answer's audio line.
pub fn server(answer: &[u8]) -> SocketAddr {
    let text = std::str::from_utf8(answer).unwrap();
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).unwrap();
    let ip: IpAddr = line("c=IN IP4 ").trim().parse().unwrap();
    let port = line("m=audio ").split(' ').next().unwrap().parse().unwrap();
    SocketAddr::new(ip, port)
}

pub fn mask(leg: LegId, person: u32) -> LegMask {
    LegMask {
        leg,
        person: ParticipantId(person),
        place: Place::Main,
        open: true,
        early: false,
        muted: false,
        ears: Ears::ComfortNoise,
        supervises: None,
        cues: true,
    }
}

pub fn in_side(mask: LegMask) -> LegMask {
    LegMask { place: Place::Side, ..mask }
}

pub fn held(mask: LegMask) -> LegMask {
    LegMask { open: false, ears: Ears::HoldMusic, ..mask }
}
