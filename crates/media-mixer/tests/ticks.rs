//! A tick of a full call allocates nothing and encodes no more than there are different sounds: counted, not believed.
#![allow(clippy::unwrap_used)]

mod counting;
mod lab;

use conference::{CallId, Cue, Ears, Key, LegId, LegMask};
use counting::calls_of;
use lab::*;
use media_mixer::codec::{Codec, Rate};
use media_mixer::lab::{Parcel, SLOT_US};
use media_mixer::sdp::OpusSettings;
use media_mixer::srtp::{MasterKey, Suite};
use media_mixer::{HoldMusic, MediaSettings, Srtp};

/// Runs `frames` of 20 ms in which everybody talks, and counts what the media thread allocates; the phones' own work and the
/// listening side are not counted.
fn allocations(house: &mut House, frames: u32, chance: &mut drama::Chance) -> u64 {
    let mut calls = 0;
    for _ in 0..frames {
        let now_us = house.lab.now_us();
        for phone in house.phones.values_mut() {
            let start = phone.timestamp;
            let bytes = match chance.below(40) {
                0 => phone.raw(101, true, start, &[3, 10, 0, 160]),
                1 => phone.raw(77, false, start, &[1, 2, 3]),
                2 => vec![0x80; 5],
                3 => phone.raw(13, false, start, &[60]),
                _ => phone.packet(&[700; Rate::MAX_FRAME][..phone.codec.rate().frame()]),
            };
            let late = chance.below(30_000);
            let (from, to) = (phone.address, phone.server);
            house.lab.net().arrive(Parcel { from, to, at_us: now_us + late, bytes });
        }
        for _ in 0..10 {
            let next = house.lab.now_us() + SLOT_US;
            house.lab.set_time(next);
            calls += calls_of(|| house.lab.work());
            house.lab.listen();
            while let Some(parcel) = house.lab.net().take() {
                house.lab.net().give_back(parcel.bytes);
            }
        }
    }
    calls
}

fn full_house(legs: u64) -> House {
    let queue_music = [("support".to_owned(), HoldMusic::Builtin), ("sales".to_owned(), HoldMusic::Silence)];
    let codecs = [&Codec::ALL[..], &[Codec::L16]].concat();
    let opus = OpusSettings { dtx: true, ..OpusSettings::default() };
    let media = MediaSettings {
        queue_music: queue_music.into(),
        codecs: codecs.clone(),
        opus,
        srtp: Srtp::Optional,
        ..settings()
    };
    let mut house = House::new(&media);
    for n in 1..=legs {
        let ptime = ["", "a=ptime:10\r\n", "a=ptime:30\r\n", "a=ptime:60\r\n"][n as usize % 4];
        let opus = ["", "a=fmtp:96 useinbandfec=1;usedtx=1\r\n", "a=fmtp:96 maxplaybackrate=16000\r\n"][n as usize % 3];
        let (codec, extra) = (codecs[n as usize % codecs.len()], format!("{opus}{ptime}"));
        // every suite with every codec, and plain ones between them
        match Suite::ALL.get((n / 5) as usize % 4) {
            Some(suite) => house.protected(n, codec, MasterKey::random(*suite).unwrap(), &extra),
            None => house.phone_with(n, codec, n % 4 != 0, &extra),
        };
    }
    house
}

fn seated(n: u64) -> LegMask {
    let one = mask(LegId::arrived(n), n as u32);
    let queue = |name: &str| Ears::Queue(name.to_owned());
    let ears = [Ears::HoldMusic, queue("support"), Ears::Ringback, Ears::TestTone, Ears::Announcement, Ears::Echo];
    match n % 7 {
        0 => LegMask { open: false, ears: ears[(n / 7) as usize % 6].clone(), ..one },
        3 => LegMask { open: false, ears: queue(if n.is_multiple_of(2) { "sales" } else { "nobody-knows-it" }), ..one },
        1 => in_side(one),
        _ => one,
    }
}

#[test]
fn a_tick_of_a_full_call_allocates_nothing() {
    let mut house = full_house(60);
    house.masks(CallId(1), (1..=60).map(seated).collect(), vec![]);
    let mut chance = drama::Chance::new(7);
    allocations(&mut house, 20, &mut chance);
    assert_eq!(allocations(&mut house, 700, &mut chance), 0, "in 14 s with reports, digits, losses and pictures");
}

#[test]
fn prompts_keys_volumes_and_music_allocate_nothing_on_the_media_thread() {
    let mut house = full_house(60);
    house.masks(CallId(1), (1..=60).map(seated).collect(), vec![]);
    let mut chance = drama::Chance::new(9);
    allocations(&mut house, 20, &mut chance);
    let mut calls = 0;
    for n in 1..=60_u16 {
        let leg = LegId::arrived(u64::from(n));
        for cue in [Cue::Position(n), Cue::Position(2 * n), Cue::EnterPin, Cue::Entered] {
            house.mixer.cue(leg, cue);
        }
        house.mixer.press(leg, &[Key { digit: '7', duration_ms: 100 }; 3]);
        house.mixer.set_volume(leg, (n as i8) - 30);
        let music = if n % 2 == 0 { HoldMusic::Silence } else { HoldMusic::Builtin };
        house.mixer.set_queue_music(&[("support".to_owned(), music)].into()).unwrap();
        calls += allocations(&mut house, 5, &mut chance);
    }
    calls += allocations(&mut house, 400, &mut chance);
    assert_eq!(calls, 0);
}

#[test]
fn changes_joins_and_ends_allocate_nothing_on_the_media_thread() {
    let mut house = full_house(60);
    let mut chance = drama::Chance::new(8);
    let mut calls = 0;
    for n in 1..=60 {
        house.masks(CallId(n % 3), vec![seated(n)], vec![]);
        calls += allocations(&mut house, 3, &mut chance);
    }
    for n in 1..=60 {
        house.mixer.cue(LegId::arrived(n), Cue::Busy);
        house.mixer.digit(LegId::arrived(n), '5', 100);
        house.mixer.relay(LegId::arrived(n), &[Key { digit: '7', duration_ms: 100 }; 3]);
        house.mixer.collect(LegId::arrived(n));
        house.mixer.digit(LegId::arrived(n), '6', 100);
        // encrypted legs are held by an offer with new keys
        let fresh =
            house.phones[&LegId::arrived(n)].shield.is_some().then(|| MasterKey::random(Suite::Gcm256).unwrap());
        let held = format!("a=sendonly\r\n{}", fresh.as_ref().map_or(String::new(), crypto));
        let offer = house.phones[&LegId::arrived(n)].offer(&held);
        house.mixer.answer(LegId::arrived(n), offer.as_bytes()).unwrap();
        if let Some(key) = fresh {
            house.shield(LegId::arrived(n), key);
        }
        calls += allocations(&mut house, 2, &mut chance);
        house.mixer.close(LegId::arrived(n));
        house.phones.remove(&LegId::arrived(n));
        calls += allocations(&mut house, 2, &mut chance);
    }
    assert_eq!(calls, 0);
    assert_eq!(house.mixer.stats().workers[0].legs, 0);
}

#[test]
fn encodings_are_as_many_as_different_sounds_and_codecs() {
    let mut house = House::new(&settings());
    for n in 1..=30 {
        house.phone(n, if n % 2 == 0 { Codec::Pcmu } else { Codec::Pcma });
    }
    let masks = (1..=30).map(|n| mask(LegId::arrived(n), n as u32)).collect();
    house.masks(CallId(1), masks, vec![]);
    let saying: Vec<(LegId, i16)> = (1..=3).map(|n| (LegId::arrived(n), 500)).collect();
    house.frames(30, &saying);
    let before = house.mixer.stats().workers[0];
    house.frames(50, &saying);
    let after = house.mixer.stats().workers[0];
    assert_eq!(after.ticks - before.ticks, 50);
    // three talkers hear two each; everybody else hears all three, in two codecs
    assert_eq!(after.encodes - before.encodes, 50 * 5);
}
