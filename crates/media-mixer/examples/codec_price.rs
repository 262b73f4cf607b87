//! What a leg of each codec costs the media thread, and one that is encrypted by each suite, beside a plain one of G.711 in the same
//! run: rooms of three in which all talk, on a virtual wire, so that what is compared is jitter buffer, decoder, resampling, mix, encoder
//! and ciphers, without the system's sockets.
//!
//! `cargo run --release -p media-mixer --example codec_price [-- LEGS]`. Figures are printed, never judged.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use conference::{CallId, ChangeSet, Ears, LegId, LegMask, ParticipantId, Place};
use media_mixer::codec::{Codec, Encoder};
use media_mixer::lab::{Lab, Parcel, SLOT_US};
use media_mixer::sdp::{OpusSettings, OpusTerms};
use media_mixer::srtp::{MasterKey, Protection, RTP_OVERHEAD, Shield, Suite};
use media_mixer::{MediaSettings, Srtp};

/// Frames of one run that are not measured, and that are.
const WARM_UP: usize = 50;
const FRAMES: usize = 250;
/// Packets that are made beforehand, and said over and over.
const PACKETS: usize = 50;

struct Phone {
    address: SocketAddr,
    server: SocketAddr,
    sequence: u16,
    timestamp: u32,
    shield: Option<Shield>,
}

/// A price in microseconds of one leg and 20 ms.
fn price(codecs: [Codec; 3], opus: OpusSettings, suite: Option<Suite>, legs: u64) -> f64 {
    let settings = MediaSettings {
        codecs: Codec::ALL.to_vec(),
        opus,
        srtp: Srtp::Optional,
        workers: 1,
        ..MediaSettings::default()
    };
    let (mut lab, mixer, _news) = Lab::start(&settings, 1_000_000_000).unwrap();
    let said: Vec<Vec<Vec<u8>>> = codecs.iter().map(|codec| packets(*codec)).collect();
    let mut phones = Vec::new();
    for n in 1..=legs {
        let (leg, codec) = (LegId::arrived(n), codecs[n as usize % 3]);
        mixer.open(leg, Lab::signalling()).unwrap();
        let address = SocketAddr::new(Lab::signalling(), 20_000 + 2 * n as u16);
        let number = codec.static_payload_type().unwrap_or(96);
        let key = suite.map(|suite| MasterKey::random(suite).unwrap());
        let crypto = key.map_or(String::new(), |key| format!("a=crypto:{}\r\n", line_of(&key)));
        let (ip, port, encoding) = (address.ip(), address.port(), codec.encoding());
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {number}\r\n\
             a=rtpmap:{number} {encoding}\r\na=fmtp:{number} useinbandfec=1\r\n{crypto}"
        );
        let answer = String::from_utf8(mixer.answer(leg, offer.as_bytes()).unwrap().to_vec()).unwrap();
        let line = |start: &str| answer.lines().find_map(|line| line.strip_prefix(start)).unwrap().to_owned();
        let ip: IpAddr = line("c=IN IP4 ").parse().unwrap();
        let port = line("m=audio ").split(' ').next().unwrap().parse().unwrap();
        let shield = key.map(|key| shield(key, &line("a=crypto:")));
        phones.push(Phone { address, server: SocketAddr::new(ip, port), sequence: 1, timestamp: 0, shield });
    }
    for room in 0..legs / 3 {
        let masks = (1..=3).map(|n| mask(LegId::arrived(room * 3 + n))).collect();
        let call = CallId(room + 1);
        drop(mixer.set_audibility(ChangeSet {
            call,
            version: 1,
            full: false,
            legs: masks,
            gone: vec![],
            tightens: true,
        }));
    }
    let mut spent = Duration::ZERO;
    for frame in 0..WARM_UP + FRAMES {
        if frame == WARM_UP {
            spent = Duration::ZERO;
        }
        for (n, phone) in (1_usize..).zip(&mut phones) {
            let codec = codecs[n % 3];
            let payload = &said[n % 3][(frame + n) % PACKETS];
            let mut bytes = vec![0x80, codec.static_payload_type().unwrap_or(96)];
            bytes.extend(phone.sequence.to_be_bytes());
            bytes.extend(phone.timestamp.to_be_bytes());
            bytes.extend((n as u32).to_be_bytes());
            bytes.extend(payload);
            if let Some(shield) = &mut phone.shield {
                let length = bytes.len();
                bytes.resize(length + RTP_OVERHEAD, 0);
                let sealed = shield.seal_rtp(&mut bytes, length).unwrap();
                bytes.truncate(sealed);
            }
            phone.sequence = phone.sequence.wrapping_add(1);
            phone.timestamp = phone.timestamp.wrapping_add(codec.clock_rate() / 50);
            lab.net().arrive(Parcel { from: phone.address, to: phone.server, at_us: lab.now_us(), bytes });
        }
        for _ in 0..20_000 / SLOT_US {
            lab.set_time(lab.now_us() + SLOT_US);
            let began = Instant::now();
            lab.work();
            spent += began.elapsed();
            lab.listen();
            while let Some(parcel) = lab.net().take() {
                lab.net().give_back(parcel.bytes);
            }
        }
    }
    spent.as_secs_f64() * 1e6 / (FRAMES as u64 * legs) as f64
}

fn line_of(key: &MasterKey) -> String {
    format!("1 {} inline:{}", key.suite().name(), key.to_text())
}

/// A phone's ciphers, by its key and the line of the answer.
fn shield(ours: MasterKey, answered: &str) -> Shield {
    let theirs = MasterKey::from_text(ours.suite(), answered.rsplit(':').next().unwrap()).unwrap();
    Shield::new(&Protection { tag: 1, ours, theirs, pair: 1 }).unwrap()
}

fn mask(leg: LegId) -> LegMask {
    LegMask {
        leg,
        person: ParticipantId(leg.0 as u32),
        place: Place::Main,
        open: true,
        early: false,
        muted: false,
        ears: Ears::ComfortNoise,
        supervises: None,
        cues: true,
    }
}

/// A voice of many harmonics that moves, with a little breath.
fn packets(codec: Codec) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::on_terms(codec, &OpusTerms { repeats: true, ..OpusTerms::default() });
    let rate = f64::from(codec.rate().hertz());
    let mut chance = 9_u32;
    (0..PACKETS)
        .map(|packet| {
            let samples: Vec<i16> = (0..codec.rate().frame())
                .map(|n| {
                    chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let t = (packet * codec.rate().frame() + n) as f64 / rate;
                    let pitch = 140.0 + 30.0 * (t * 9.0).sin();
                    let voice: f64 =
                        (1..20).map(|k| (t * pitch * f64::from(k) * std::f64::consts::TAU).sin() / f64::from(k)).sum();
                    (voice * 4_000.0 * (1.2 + (t * 20.0).sin())) as i16 / 2 + (chance >> 26) as i16
                })
                .collect();
            let mut bytes = vec![0; 1_400];
            let length = encoder.encode(&samples, &mut bytes);
            bytes.truncate(length);
            bytes
        })
        .collect()
}

fn main() {
    let legs = std::env::args().nth(1).and_then(|legs| legs.parse().ok()).unwrap_or(30_u64) / 3 * 3;
    let opus = |complexity| OpusSettings { complexity, ..OpusSettings::default() };
    let usual = OpusSettings::default();
    let rows = [
        ("PCMU", [Codec::Pcmu; 3], usual, None),
        ("PCMU, AEAD_AES_128_GCM", [Codec::Pcmu; 3], usual, Some(Suite::Gcm128)),
        ("PCMU, AEAD_AES_256_GCM", [Codec::Pcmu; 3], usual, Some(Suite::Gcm256)),
        ("PCMU, AES_CM_128_HMAC_SHA1_80", [Codec::Pcmu; 3], usual, Some(Suite::Sha80)),
        ("PCMA", [Codec::Pcma; 3], usual, None),
        ("G722", [Codec::G722; 3], usual, None),
        ("opus, complexity 0", [Codec::Opus; 3], opus(0), None),
        ("opus, complexity 5", [Codec::Opus; 3], opus(5), None),
        ("opus, complexity 10", [Codec::Opus; 3], opus(10), None),
        ("one of each: opus, G722, PCMU", [Codec::Opus, Codec::G722, Codec::Pcmu], usual, None),
    ];
    println!("codec     {legs} legs in rooms of three, all talking; a leg and 20 ms, without sockets");
    let mut beside = 0.0;
    for (name, codecs, opus, suite) in rows {
        // the least of three: what else the machine does only ever adds
        let least = (0..3).map(|_| price(codecs, opus, suite, legs)).fold(f64::INFINITY, f64::min);
        if beside == 0.0 {
            beside = least;
        }
        println!("codec     {name:<31} {least:>7.1} us  {:>6.1} x PCMU", least / beside);
    }
}
