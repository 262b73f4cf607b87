//! Digits that are collected: told once each, audible to nobody, relayed when asked, and no press lost or doubled by a thaw.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use conference::{CallId, Key, LegId};
use lab::*;
use media_mixer::codec::{Codec, FRAME_SAMPLES};
use media_mixer::lab::Parcel;
use media_mixer::tone::{Goertzel, Tone, level_dbfs};
use media_mixer::{LegState, MediaNews};

const CALL: CallId = CallId(1);

/// Two phones of plain samples who hear each other, past the first moments.
fn talking(house: &mut House) -> (LegId, LegId) {
    let (a, b) = (house.phone(1, Codec::L16), house.phone(2, Codec::L16));
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    house.frames(60, &[(a, 1_000), (b, -3_000)]);
    house.forget_heard();
    (a, b)
}

/// One packet of an event.
fn event(house: &mut House, leg: LegId, start: u32, event: u8, end: bool, samples: u16) {
    let (now, [high, low]) = (house.lab.now_us(), samples.to_be_bytes());
    let phone = house.phones.get_mut(&leg).unwrap();
    let bytes = phone.raw(101, samples == 160, start, &[event, if end { 0x8a } else { 10 }, high, low]);
    let (from, to) = (phone.address, phone.server);
    house.lab.net().arrive(Parcel { from, to, at_us: now, bytes });
}

/// A key down for `frames` of 20 ms; its phone sends the tone itself beside the events, as some do.
fn press(house: &mut House, leg: LegId, number: u8, frames: u16) {
    let start = house.phones[&leg].timestamp;
    for n in 1..=frames {
        event(house, leg, start, number, n == frames, n * 160);
        let mut tone = [0; FRAME_SAMPLES];
        Tone::dtmf(number, 10_000).unwrap().read(u64::from(n - 1) * 160, &mut tone);
        house.say(leg, &tone, 0);
        house.frames(1, &[]);
    }
    for _ in 0..2 {
        event(house, leg, start, number, true, frames * 160);
        house.frames(1, &[(leg, 1_000)]);
    }
}

/// (digit, duration, collected).
fn told(house: &mut House) -> Vec<(char, u16, bool)> {
    let digit = |news| match news {
        MediaNews::Digit { digit, duration_ms, collected, .. } => Some((digit, duration_ms, collected)),
        _ => None,
    };
    house.news().into_iter().filter_map(digit).collect()
}

/// The digits that came as events: (event, samples), one for each end, and how many packets in all.
fn events_at(house: &House, leg: LegId) -> (Vec<(u8, u16)>, usize) {
    let packets: Vec<&Packet> = house.phones[&leg].heard.iter().filter(|packet| packet.payload_type == 101).collect();
    let length = |packet: &&Packet| u16::from_be_bytes([packet.payload[2], packet.payload[3]]);
    let mut starts: Vec<u32> = packets.iter().map(|packet| packet.timestamp).collect();
    starts.dedup();
    let whole = starts.iter().map(|start| {
        let of_one: Vec<&&Packet> = packets.iter().filter(|packet| packet.timestamp == *start).collect();
        assert_eq!(of_one.iter().filter(|packet| packet.payload[1] & 0x80 != 0).count(), 3, "its end three times");
        (of_one[0].payload[0], of_one.iter().map(|packet| length(packet)).max().unwrap())
    });
    (whole.collect(), packets.len())
}

fn has_tone(samples: &[i16], number: u8) -> bool {
    let mut key = [0; 800];
    Tone::dtmf(number, 100).unwrap().read(0, &mut key);
    let strongest = [697.0, 770.0, 852.0, 941.0].map(|hz| (hz, Goertzel::new(hz, 8_000).measure(&key).share));
    let row = strongest.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0;
    samples.chunks_exact(160).any(|part| Goertzel::new(row, 8_000).measure(part).dbfs > -45.0)
}

#[test]
fn collected_digits_are_told_and_nobody_hears_anything_of_them() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    let c = house.phone_with(3, Codec::L16, false, "");
    house.masks(CALL, vec![mask(c, 3)], vec![]);
    house.frames(40, &[(a, 1_000)]);
    house.forget_heard();
    house.mixer.collect(a);
    house.mixer.collect(a);
    for number in [2, 10, 15] {
        press(&mut house, a, number, 6);
        house.frames(10, &[(a, 1_000)]);
    }
    house.mixer.digit(a, '#', 120);
    house.frames(20, &[(a, 1_000)]);
    assert_eq!(told(&mut house), [('2', 120, true), ('*', 120, true), ('D', 120, true), ('#', 120, true)]);
    for listener in [b, c] {
        assert_eq!(events_at(&house, listener).1, 0);
        let heard = house.heard(listener);
        assert!([2, 10, 15].iter().all(|number| !has_tone(&heard, *number)), "the tone itself is in the sound");
        assert!(heard.iter().all(|sample| (0..=1_000).contains(sample)));
        assert!(heard.ends_with(&[1_000; 1_600]), "and the voice goes on");
    }
}

#[test]
fn digits_of_others_are_relayed_as_ever() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    house.mixer.collect(a);
    press(&mut house, b, 7, 6);
    house.frames(20, &[]);
    assert_eq!(events_at(&house, a).0, [(7, 960)]);
    assert_eq!(told(&mut house), [('7', 120, false)]);
}

#[test]
fn a_press_told_by_event_and_by_info_counts_once() {
    for collected in [true, false] {
        let mut house = House::new(&settings());
        let (a, b) = talking(&mut house);
        if collected {
            house.mixer.collect(a);
        }
        press(&mut house, a, 4, 5);
        house.mixer.digit(a, '4', 100);
        house.frames(10, &[]);
        // INFO is the faster one
        house.mixer.digit(a, '4', 100);
        house.frames(2, &[]);
        press(&mut house, a, 4, 5);
        house.frames(40, &[]);
        assert_eq!(told(&mut house), [('4', 100, collected), ('4', 100, collected)]);
        assert_eq!(events_at(&house, b).0.len(), if collected { 0 } else { 2 });
    }
}

#[test]
fn what_is_relayed_comes_in_order_with_its_own_durations_to_those_who_hear_the_leg_now() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    let c = house.phone(3, Codec::L16);
    house.masks(CALL, vec![held(mask(c, 3))], vec![]);
    house.mixer.collect(a);
    house.frames(10, &[(a, 1_000)]);
    house.forget_heard();
    let keys = [('*', 80), ('9', 240), ('1', 1), ('1', 8_000)];
    house.mixer.relay(a, &keys.map(|(digit, duration_ms)| Key { digit, duration_ms }));
    house.frames(100, &[(a, 1_000)]);
    assert_eq!(events_at(&house, b).0, [(10, 640), (9, 1_920), (1, 320), (1, 6_400)]);
    assert_eq!((events_at(&house, c).1, events_at(&house, a).1), (0, 0), "the held hear nobody, and nobody himself");
    assert_eq!(told(&mut house), [], "they were told before");
    // a pair that has only just opened does not hear keys from before
    house.masks(CALL, vec![mask(c, 3)], vec![]);
    house.mixer.relay(a, &[Key { digit: '5', duration_ms: 100 }]);
    house.frames(40, &[(a, 1_000)]);
    assert_eq!(events_at(&house, c).1, 0);
}

#[test]
fn relayed_digits_sound_one_after_the_other_for_a_phone_without_events() {
    let mut house = House::new(&settings());
    let a = house.phone(1, Codec::L16);
    let b = house.phone_with(2, Codec::L16, false, "");
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    house.frames(60, &[(a, 0)]);
    house.forget_heard();
    house.mixer.relay(a, &[Key { digit: '1', duration_ms: 100 }, Key { digit: '9', duration_ms: 200 }]);
    house.frames(40, &[(a, 0)]);
    let heard: Vec<i16> = house.heard(b).into_iter().skip_while(|sample| *sample == 0).collect();
    let sounds = |hz, from: usize, to: usize| Goertzel::new(hz, 8_000).measure(&heard[from..to]).dbfs > -20.0;
    assert!(sounds(697.0, 0, 800) && !sounds(852.0, 0, 800), "first the one");
    assert!(level_dbfs(&heard[880..1_120]) < -60.0, "a pause");
    assert!(sounds(852.0, 1_280, 2_720) && !sounds(697.0, 1_280, 2_720), "then the nine");
}

#[test]
fn a_long_press_takes_no_more_than_a_second_of_the_voices() {
    for ptime in ["", "a=ptime:60\r\n"] {
        let mut house = House::new(&settings());
        let a = house.phone(1, Codec::L16);
        let b = house.phone_with(2, Codec::L16, true, ptime);
        house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
        house.frames(60, &[(a, 1_000)]);
        house.forget_heard();
        house.mixer.digit(a, '5', 8_000);
        house.frames(500, &[(a, 1_000)]);
        let (digits, packets) = events_at(&house, b);
        assert_eq!(digits, [(5, 6_400)]);
        let length_ms = if ptime.is_empty() { 20 } else { 60 };
        assert!(packets * length_ms <= 1_000, "{packets} packets of {length_ms} ms");
        house.forget_heard();
        press(&mut house, a, 6, 390);
        house.frames(100, &[(a, 1_000)]);
        let (digits, packets) = events_at(&house, b);
        assert_eq!(digits, [(6, 6_400)]);
        assert!(packets * length_ms <= 1_000, "{packets} packets of {length_ms} ms");
    }
}

fn frozen(house: &House, leg: LegId) -> LegState {
    let text = serde_json::to_string(&house.mixer.freeze(leg).unwrap()).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_thawed_leg_goes_on_being_collected() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    house.mixer.collect(a);
    house.mixer.thaw(frozen(&house, a)).unwrap();
    press(&mut house, a, 3, 5);
    house.frames(60, &[]);
    assert_eq!((told(&mut house), events_at(&house, b).1), (vec![('3', 100, true)], 0));
}

#[test]
fn no_key_is_ended_twice_by_a_thaw_however_old_its_picture_is() {
    for (pictured, gone_on) in [(2, 0), (2, 3), (5, 0), (5, 4), (0, 6), (0, 7), (0, 8)] {
        let mut house = House::new(&settings());
        let (a, _) = talking(&mut house);
        house.mixer.collect(a);
        let start = house.phones[&a].timestamp;
        let mut pictures = Vec::new();
        // six packets of the key, then its end twice more
        for n in 1..=8_u16 {
            if n - 1 == pictured {
                // a picture is made once a second: wait for one of this moment, with the key as it is
                let before = house.mixer.freeze(a).unwrap();
                house.frames(16, &[]);
                pictures.push(before);
            }
            event(&mut house, a, start, 8, n >= 6, n.min(6) * 160);
            house.frames(1, &[]);
            if n == pictured + gone_on
                && let Some(state) = pictures.pop()
            {
                house.mixer.thaw(state).unwrap();
            }
        }
        house.frames(60, &[]);
        let digits = told(&mut house);
        assert!(digits.len() <= 1, "pictured after {pictured}, thawed {gone_on} later: {digits:?}");
    }
}

#[test]
fn a_key_that_is_down_over_a_thaw_ends_once() {
    let mut house = House::new(&settings());
    let (a, _) = talking(&mut house);
    house.mixer.collect(a);
    let start = house.phones[&a].timestamp;
    for n in 1..=70_u16 {
        event(&mut house, a, start, 8, false, n * 160);
        house.frames(1, &[]);
        if n == 60 {
            house.mixer.thaw(frozen(&house, a)).unwrap();
        }
    }
    event(&mut house, a, start, 8, true, 71 * 160);
    house.frames(60, &[]);
    assert_eq!(told(&mut house), [('8', 1_420, true)]);
}
