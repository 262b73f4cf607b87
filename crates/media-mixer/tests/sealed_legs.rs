//! Legs that are encrypted, on the virtual net: who hears whom, what a stranger can do, and what stays over holds, new keys, freezing and
//! roll-overs. The phones' ciphers are ours; that those are right is shown in `tests/srtp`.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use std::net::SocketAddr;

use conference::{CallId, LegId};
use lab::*;
use media_mixer::codec::{Codec, FRAME_SAMPLES};
use media_mixer::lab::{Lab, Parcel};
use media_mixer::srtp::{MasterKey, Protection, RTCP_OVERHEAD, Shield, Suite};
use media_mixer::{DropReason, MediaNews, MediaSettings, Srtp};

const CALL: CallId = CallId(1);
/// What the two say.
const OURS: i16 = 1_000;
const THEIRS: i16 = -3_000;

fn open_to_encryption() -> MediaSettings {
    MediaSettings { srtp: Srtp::Optional, ..settings() }
}

fn key(suite: Suite) -> MasterKey {
    MasterKey::random(suite).unwrap()
}

/// The one by which every phone begins.
fn first_key(suite: Suite) -> MasterKey {
    MasterKey::from_bytes(suite, &vec![7; suite.key_length() + suite.salt_length()]).unwrap()
}

/// An encrypted phone, and a plain one that it talks with.
fn talking(suite: Suite) -> (House, LegId, LegId) {
    let mut house = House::new(&open_to_encryption());
    let (a, b) = (house.protected(1, Codec::L16, first_key(suite), ""), house.phone(2, Codec::L16));
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    talk(&mut house, a, b, 60);
    (house, a, b)
}

fn talk(house: &mut House, a: LegId, b: LegId, frames: u32) {
    house.frames(frames, &[(a, OURS), (b, THEIRS)]);
}

/// Both hear each other now.
fn they_hear_each_other(house: &mut House, a: LegId, b: LegId) {
    talk(house, a, b, 15);
    house.forget_heard();
    talk(house, a, b, 15);
    for (leg, value) in [(a, THEIRS), (b, OURS)] {
        let heard = house.heard(leg);
        let share = heard.iter().filter(|sample| **sample == value).count() * 100 / heard.len().max(1);
        assert!(heard.len() >= 12 * FRAME_SAMPLES && share > 90, "{leg}: {} samples, {share} %", heard.len());
    }
}

fn drops(house: &mut House, leg: LegId, reason: DropReason) -> u64 {
    // a picture is up to a second old
    house.frames(55, &[]);
    house.mixer.leg_stats(leg).unwrap().drops.of(reason)
}

fn throw(house: &mut House, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
    let at_us = house.lab.now_us();
    house.lab.net().arrive(Parcel { from, to, at_us, bytes: bytes.to_vec() });
}

fn stranger() -> SocketAddr {
    SocketAddr::new(Lab::signalling(), 6_666)
}

fn control(of: SocketAddr) -> SocketAddr {
    SocketAddr::new(of.ip(), of.port() + 1)
}

#[test]
fn an_encrypted_and_a_plain_phone_hear_each_other_by_every_suite() {
    for suite in Suite::ALL {
        let (mut house, a, b) = talking(suite);
        they_hear_each_other(&mut house, a, b);
        house.frames(400, &[(a, OURS), (b, THEIRS)]);
        let phone = &house.phones[&a];
        assert!(phone.unopened.is_empty(), "{suite:?}: all of it is for who has the key");
        assert!(!phone.control.is_empty(), "{suite:?}: reports came, and were sealed");
        assert_eq!(house.mixer.leg_stats(a).unwrap().encryption, Some(suite));
        assert_eq!(house.mixer.leg_stats(b).unwrap().encryption, None);
        assert!(house.mixer.leg_stats(a).unwrap().rtcp.sent_packets > 400);
    }
}

#[test]
fn nothing_that_goes_to_an_encrypted_phone_can_be_read_on_the_way() {
    let (mut house, a, b) = talking(Suite::Gcm128);
    let (address, plain) = (house.phones[&a].address, THEIRS.to_be_bytes());
    let mut packets = 0;
    for _ in 0..100 {
        house.say(b, &[THEIRS; FRAME_SAMPLES], 0);
        for _ in 0..10 {
            let next = house.lab.now_us() + media_mixer::lab::SLOT_US;
            house.lab.turn(next);
            while let Some(parcel) = house.lab.net().take() {
                if parcel.to == address {
                    packets += 1;
                    let same = parcel.bytes[12..].chunks_exact(2).filter(|sample| **sample == plain).count();
                    assert!(same < 3, "{same} samples are there to be read");
                }
            }
        }
    }
    assert!(packets > 90, "{packets}");
}

/// D2, D3: plain packets with the right numbers, packets by another key, damaged and repeated ones, from elsewhere and from the phone's
/// own address.
#[test]
fn d3_who_has_no_key_is_neither_heard_nor_followed() {
    for suite in Suite::ALL {
        let (mut house, a, b) = talking(suite);
        let (own, server) = (house.phones[&a].address, house.phones[&a].server);
        let mut liar = house.new_phone(a, 1, Codec::L16, true);
        let mut plain = house.new_phone(a, 1, Codec::L16, true);
        let protection = Protection { tag: 1, ours: key(suite), theirs: key(suite), pair: 1 };
        liar.shield = Some(Shield::new(&protection).unwrap());
        house.forget_heard();
        let mut thrown = 0;
        for _ in 0..50 {
            house.say(a, &[OURS; FRAME_SAMPLES], 0);
            house.say(b, &[THEIRS; FRAME_SAMPLES], 0);
            let phone = &house.phones[&a];
            (liar.sequence, liar.timestamp) = (phone.sequence + 1, phone.timestamp + 160);
            (plain.sequence, plain.timestamp) = (liar.sequence, liar.timestamp);
            let (forged, open) = (liar.packet(&[9_999; FRAME_SAMPLES]), plain.packet(&[9_999; FRAME_SAMPLES]));
            for from in [own, stranger()] {
                throw(&mut house, from, server, &forged);
                throw(&mut house, from, server, &open);
                thrown += 2;
            }
            (0..10).for_each(|_| house.slot());
        }
        assert!(!house.heard(b).contains(&9_999) && house.heard(b).contains(&OURS));
        assert!(house.phones[&a].heard.len() >= 48, "all of it still goes to the phone itself");
        assert_eq!(drops(&mut house, a, DropReason::Unproved), thrown, "{suite:?}");
        they_hear_each_other(&mut house, a, b);
    }
}

#[test]
fn d3_a_stranger_who_is_first_is_sent_nothing_and_keeps_nobody_out() {
    let mut house = House::new(&open_to_encryption());
    let (a, b) = (house.protected(1, Codec::L16, key(Suite::Gcm128), ""), house.phone(2, Codec::L16));
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    let server = house.phones[&a].server;
    let mut plain = house.new_phone(a, 1, Codec::L16, true);
    for _ in 0..50 {
        let packet = plain.packet(&[9_999; FRAME_SAMPLES]);
        throw(&mut house, stranger(), server, &packet);
        for _ in 0..10 {
            let next = house.lab.now_us() + media_mixer::lab::SLOT_US;
            house.lab.turn(next);
            while let Some(parcel) = house.lab.net().take() {
                assert_ne!(parcel.to, stranger());
            }
        }
    }
    they_hear_each_other(&mut house, a, b);
}

/// A recording of what the phone said, played once more, is not heard: within the window and long behind it.
#[test]
fn d3_what_was_said_once_is_not_heard_twice() {
    let (mut house, a, b) = talking(Suite::Sha80);
    let (own, server) = (house.phones[&a].address, house.phones[&a].server);
    let mut recorded = Vec::new();
    for value in 0..100 {
        let bytes = house.phones.get_mut(&a).unwrap().packet(&[5_000 + value; FRAME_SAMPLES]);
        throw(&mut house, own, server, &bytes);
        recorded.push(bytes);
        (0..10).for_each(|_| house.slot());
    }
    talk(&mut house, a, b, 20);
    house.forget_heard();
    for bytes in &recorded {
        for from in [own, stranger()] {
            throw(&mut house, from, server, bytes);
        }
        (0..10).for_each(|_| house.slot());
    }
    assert!(house.heard(b).iter().all(|sample| *sample < 5_000), "an old packet is heard");
    assert_eq!(drops(&mut house, a, DropReason::Replayed), 200);
    they_hear_each_other(&mut house, a, b);
}

/// D4: who has the key is believed wherever he comes from, at once.
#[test]
fn a_phone_whose_address_changed_is_followed_by_its_first_packet() {
    let (mut house, a, b) = talking(Suite::Gcm256);
    house.phones.get_mut(&a).unwrap().address = SocketAddr::new(Lab::signalling(), 45_000);
    they_hear_each_other(&mut house, a, b);
    // and an old packet that was under way does not bring it back
    let old = SocketAddr::new(Lab::signalling(), 40_000);
    let server = house.phones[&a].server;
    let late = house.phones.get_mut(&a).unwrap().packet(&[OURS; FRAME_SAMPLES]);
    talk(&mut house, a, b, 3);
    throw(&mut house, old, server, &late);
    they_hear_each_other(&mut house, a, b);
}

/// D5
#[test]
fn d5_a_goodbye_that_is_not_proved_is_none() {
    let (mut house, a, b) = talking(Suite::Gcm128);
    let ssrc = house.phones[&a].ssrc.to_be_bytes();
    let report = [&[0x80, 201, 0, 1][..], &ssrc, &[0x81, 203, 0, 1], &ssrc].concat();
    let (own, server) = (house.phones[&a].address, house.phones[&a].server);
    house.news();
    for from in [control(own), own, stranger()] {
        for bytes in [&report[..], &report[..4], &report[..8], &[0x80, 200, 0xff, 0xff, 1, 2, 3, 4]] {
            throw(&mut house, from, control(server), bytes);
        }
    }
    talk(&mut house, a, b, 20);
    assert!(house.news().is_empty());
    let length = report.len();
    let mut sealed = report.clone();
    sealed.resize(length + RTCP_OVERHEAD, 0);
    let length = house.phones.get_mut(&a).unwrap().shield.as_mut().unwrap().seal_rtcp(&mut sealed, length).unwrap();
    for _ in 0..2 {
        throw(&mut house, control(own), control(server), &sealed[..length]);
        talk(&mut house, a, b, 20);
    }
    assert_eq!(house.news(), [MediaNews::PeerBye { leg: a }], "once, however often it came");
    they_hear_each_other(&mut house, a, b);
}

/// D9: fifty times as much as there is time for, all of it good: what is too much is dropped, and nobody else loses anything.
#[test]
fn d9_a_flood_of_good_packets_costs_its_own_leg_alone() {
    let (mut house, a, b) = talking(Suite::Gcm128);
    let c = house.protected(3, Codec::L16, key(Suite::Sha80), "");
    house.masks(CALL, vec![mask(c, 3)], vec![]);
    talk(&mut house, c, b, 60);
    house.forget_heard();
    let ticks = house.mixer.stats().workers[0].ticks;
    for _ in 0..100 {
        for _ in 0..50 {
            house.say(a, &[0; FRAME_SAMPLES], 0);
        }
        house.say(b, &[THEIRS; FRAME_SAMPLES], 0);
        house.say(c, &[OURS; FRAME_SAMPLES], 0);
        (0..10).for_each(|_| house.slot());
    }
    assert_eq!(house.mixer.stats().workers[0].ticks - ticks, 100, "the clock went on as it was");
    let heard = house.heard(b);
    let share = heard.iter().filter(|sample| **sample == OURS).count() * 100 / heard.len();
    assert!(heard.len() >= 98 * FRAME_SAMPLES && share > 95, "{} samples, {share} %", heard.len());
    assert!(house.phones[&c].unopened.is_empty() && house.phones[&c].sound().contains(&THEIRS));
    // and a second or two after it is over the flooded leg is heard again: what still waits at its port is read so fast
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![c]);
    talk(&mut house, a, b, 75);
    they_hear_each_other(&mut house, a, b);
}

#[test]
fn keys_go_on_over_hold_and_resume_and_no_index_is_used_twice() {
    let (mut house, a, b) = talking(Suite::Sha80);
    let line = crypto(&first_key(Suite::Sha80));
    for _ in 0..3 {
        for way in ["a=sendonly\r\n", "a=sendrecv\r\n"] {
            let offer = house.phones[&a].offer(&format!("{line}{way}"));
            let before = key_of(&house.mixer.repeat(a).unwrap());
            house.mixer.withdraw(a).unwrap();
            let answer = house.mixer.answer(a, offer.as_bytes()).unwrap();
            assert_eq!(key_of(&answer), before, "the key is the same");
            talk(&mut house, a, b, 10);
        }
        they_hear_each_other(&mut house, a, b);
    }
    assert!(house.phones[&a].unopened.is_empty());
}

#[test]
fn new_keys_are_in_force_from_their_offer_on_and_not_if_it_is_called_off() {
    let (mut house, a, b) = talking(Suite::Gcm128);
    for suite in [Suite::Sha80, Suite::Gcm256, Suite::Gcm256] {
        let fresh = key(suite);
        let offer = house.phones[&a].offer(&crypto(&fresh));
        house.mixer.answer(a, offer.as_bytes()).unwrap();
        house.shield(a, fresh);
        they_hear_each_other(&mut house, a, b);
        // a picture is up to a second old
        talk(&mut house, a, b, 55);
        assert_eq!(house.mixer.leg_stats(a).unwrap().encryption, Some(suite));
    }
    // the answer to this one never went out
    let offer = house.phones[&a].offer(&crypto(&key(Suite::Gcm128)));
    house.mixer.answer(a, offer.as_bytes()).unwrap();
    talk(&mut house, a, b, 5);
    house.mixer.restore(a).unwrap();
    house.phones.get_mut(&a).unwrap().unopened.clear();
    they_hear_each_other(&mut house, a, b);
    house.frames(2, &[]);
    assert!(house.phones[&a].unopened.is_empty(), "the old keys went on where they were");
}

/// Frozen and thawed so often that the sequence numbers of ours roll over twice.
#[test]
fn keys_come_through_freezing_and_roll_overs_and_no_index_is_used_twice() {
    for suite in [Suite::Sha80, Suite::Gcm128] {
        let (mut house, a, b) = talking(suite);
        // those of the phone roll over as well
        let phone = house.phones.get_mut(&a).unwrap();
        phone.sequence = 32_000;
        talk(&mut house, a, b, 2);
        house.phones.get_mut(&a).unwrap().sequence = 64_000;
        talk(&mut house, a, b, 2);
        house.phones.get_mut(&a).unwrap().sequence = 65_300;
        // a picture is up to a second old, and no phone leaves out thousands within one
        talk(&mut house, a, b, 60);
        for round in 0..280 {
            let state = house.mixer.freeze(a).unwrap();
            let printed = format!("{state:?}");
            assert!(!printed.contains("inline"), "{printed}");
            let written = serde_json::to_string(&state).unwrap();
            house.mixer.thaw(serde_json::from_str(&written).unwrap()).unwrap();
            talk(&mut house, a, b, 1 + round % 4);
        }
        assert!(house.phones[&a].unopened.is_empty(), "{suite:?}: a packet had an index that was used before");
        they_hear_each_other(&mut house, a, b);
    }
}

#[test]
fn a_packet_from_before_a_freeze_is_not_heard_after_it() {
    let (mut house, a, b) = talking(Suite::Gcm128);
    let (own, server) = (house.phones[&a].address, house.phones[&a].server);
    let bytes = house.phones.get_mut(&a).unwrap().packet(&[5_000; FRAME_SAMPLES]);
    throw(&mut house, own, server, &bytes);
    talk(&mut house, a, b, 60);
    let state = house.mixer.freeze(a).unwrap();
    house.mixer.thaw(state).unwrap();
    house.forget_heard();
    throw(&mut house, own, server, &bytes);
    talk(&mut house, a, b, 10);
    assert!(!house.heard(b).contains(&5_000));
    they_hear_each_other(&mut house, a, b);
}

/// Thawed so often that our sequence numbers have rolled over once.
fn rolled_over(house: &mut House, a: LegId, b: LegId) {
    for _ in 0..140 {
        thaw(house, a);
        talk(house, a, b, 1);
    }
}

fn thaw(house: &mut House, leg: LegId) {
    let state = house.mixer.freeze(leg).unwrap();
    let written = serde_json::to_string(&state).unwrap();
    house.mixer.thaw(serde_json::from_str(&written).unwrap()).unwrap();
}

/// The phone answers an offer of ours with a new key, ours stays, and the leg is frozen before its next picture: ours is in no picture
/// of this pair of keys.
#[test]
fn a_key_of_ours_that_stays_beside_a_new_one_of_the_phones_goes_on_over_a_freeze() {
    for suite in [Suite::Sha80, Suite::Gcm128] {
        let (mut house, a, b) = talking(suite);
        rolled_over(&mut house, a, b);
        talk(&mut house, a, b, 400);
        let (fresh, ours) = (key(suite), key_of(&house.mixer.repeat(a).unwrap()).unwrap());
        let answer = house.phones[&a].offer(&crypto(&fresh));
        house.mixer.accept(a, answer.as_bytes()).unwrap();
        let protection = Protection { tag: 1, ours: fresh, theirs: ours, pair: 2 };
        let mut shield = Shield::new(&protection).unwrap();
        shield.follow(house.phones[&a].shield.as_ref().unwrap());
        house.phones.get_mut(&a).unwrap().shield = Some(shield);
        talk(&mut house, a, b, 3);
        thaw(&mut house, a);
        talk(&mut house, a, b, 400);
        assert!(
            house.phones[&a].unopened.is_empty(),
            "{suite:?}: {} had a number twice",
            house.phones[&a].unopened.len()
        );
        they_hear_each_other(&mut house, a, b);
    }
}

/// New keys whose offer is called off: those before go on where they were, whether the leg was frozen before that or behind it.
#[test]
fn keys_that_come_back_go_on_over_a_freeze() {
    for frozen_before in [true, false] {
        let (mut house, a, b) = talking(Suite::Gcm128);
        rolled_over(&mut house, a, b);
        talk(&mut house, a, b, 400);
        let offer = house.phones[&a].offer(&crypto(&key(Suite::Gcm128)));
        house.mixer.answer(a, offer.as_bytes()).unwrap();
        // a picture is up to a second old
        talk(&mut house, a, b, 55);
        if frozen_before {
            thaw(&mut house, a);
            talk(&mut house, a, b, 2);
        }
        house.mixer.restore(a).unwrap();
        if !frozen_before {
            thaw(&mut house, a);
        }
        talk(&mut house, a, b, 3);
        house.phones.get_mut(&a).unwrap().unopened.clear();
        talk(&mut house, a, b, 400);
        assert!(house.phones[&a].unopened.is_empty(), "frozen before: {frozen_before}: a number was used twice");
        they_hear_each_other(&mut house, a, b);
    }
}

/// What came after the last picture is not known to have come: thrown again from elsewhere it moves nothing.
#[test]
fn d3_a_recording_of_the_last_second_before_a_freeze_moves_nothing() {
    for suite in [Suite::Sha80, Suite::Gcm128] {
        let (mut house, a, b) = talking(suite);
        let (own, server) = (house.phones[&a].address, house.phones[&a].server);
        let mut recorded = Vec::new();
        for _ in 0..120 {
            let bytes = house.phones.get_mut(&a).unwrap().packet(&[9_999; FRAME_SAMPLES]);
            throw(&mut house, own, server, &bytes);
            recorded.push(bytes);
            (0..10).for_each(|_| house.slot());
        }
        thaw(&mut house, a);
        house.forget_heard();
        for bytes in &recorded[70..] {
            throw(&mut house, stranger(), server, bytes);
        }
        // nobody else speaks for the phone meanwhile
        for _ in 0..300 {
            let next = house.lab.now_us() + media_mixer::lab::SLOT_US;
            house.lab.turn(next);
            while let Some(parcel) = house.lab.net().take() {
                assert_ne!(parcel.to, stranger(), "{suite:?}: our media follows a recording");
            }
        }
        assert!(!house.heard(b).contains(&9_999), "{suite:?}");
        they_hear_each_other(&mut house, a, b);
        // and the phone may move, a while later
        talk(&mut house, a, b, 500);
        house.phones.get_mut(&a).unwrap().address = SocketAddr::new(Lab::signalling(), 45_000);
        they_hear_each_other(&mut house, a, b);
    }
}

/// What must be encrypted is not: no such leg says or takes a word.
#[test]
fn d15_a_leg_that_must_be_encrypted_takes_no_plain_offer_and_says_nothing() {
    let mut house = House::new(&MediaSettings { srtp: Srtp::Required, ..settings() });
    let leg = LegId::arrived(1);
    house.mixer.open(leg, Lab::signalling()).unwrap();
    let mut phone = house.new_phone(leg, 1, Codec::L16, true);
    let refused = house.mixer.answer(leg, phone.offer("").as_bytes()).unwrap_err();
    assert_eq!(refused.status(), 488, "{refused}");
    assert_eq!(house.mixer.read(leg, phone.offer("").as_bytes()).unwrap_err().status(), 488);
    phone.server = server(&house.mixer.offer(leg).unwrap());
    let (own, to) = (phone.address, phone.server);
    house.masks(CALL, vec![mask(leg, 1)], vec![]);
    for _ in 0..50 {
        let packet = phone.packet(&[OURS; FRAME_SAMPLES]);
        throw(&mut house, own, to, &packet);
        (0..10).for_each(|_| {
            let next = house.lab.now_us() + media_mixer::lab::SLOT_US;
            house.lab.turn(next);
        });
    }
    assert!(house.lab.net().take().is_none(), "it was sent something");
}
