//! Digits on the virtual net: relayed once, to those who hear their sender, and told.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use conference::{CallId, LegId};
use lab::*;
use media_mixer::MediaNews;
use media_mixer::codec::Codec;
use media_mixer::lab::Parcel;
use media_mixer::tone::Goertzel;

const CALL: CallId = CallId(1);

/// Two phones of plain samples who hear each other, past the first moments.
fn talking(house: &mut House) -> (LegId, LegId) {
    let (a, b) = (house.phone(1, Codec::L16), house.phone(2, Codec::L16));
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    house.frames(60, &[(a, 1_000), (b, -3_000)]);
    house.forget_heard();
    (a, b)
}

/// An event of `frames` packets and its end, three times.
fn press(house: &mut House, leg: LegId, event: u8, frames: u16) {
    let start = house.phones[&leg].timestamp;
    for n in 1..=frames + 3 {
        let duration = (n.min(frames) * 160).to_be_bytes();
        let end = if n > frames { 0x80 } else { 0 };
        let now = house.lab.now_us();
        let phone = house.phones.get_mut(&leg).unwrap();
        let bytes = phone.raw(101, n == 1, start, &[event, end | 10, duration[0], duration[1]]);
        phone.timestamp = phone.timestamp.wrapping_add(160);
        let (from, to) = (phone.address, phone.server);
        house.lab.net().arrive(Parcel { from, to, at_us: now, bytes });
        house.frames(1, &[]);
    }
}

fn digits(news: &[MediaNews]) -> Vec<(LegId, char, u16)> {
    news.iter()
        .filter_map(|news| match news {
            MediaNews::Digit { leg, digit, duration_ms, .. } => Some((*leg, *digit, *duration_ms)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_digit_is_relayed_once_to_those_who_hear_its_sender() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    let c = house.phone_with(3, Codec::L16, false, "");
    let d = house.phone(4, Codec::L16);
    let masks = vec![mask(c, 3), held(mask(d, 4))];
    house.masks(CALL, masks, vec![]);
    house.frames(30, &[(a, 0)]);
    house.forget_heard();
    press(&mut house, a, 5, 8);
    house.frames(40, &[]);
    let events = |leg: LegId| -> Vec<Packet> {
        house.phones[&leg].heard.iter().filter(|packet| packet.payload_type == 101).cloned().collect()
    };
    let to_b = events(b);
    assert_eq!(to_b.iter().filter(|packet| packet.marker).count(), 1, "one digit");
    assert_eq!(to_b.iter().filter(|packet| packet.payload[1] & 0x80 != 0).count(), 3, "its end three times");
    assert!(to_b.iter().all(|packet| packet.payload[0] == 5 && packet.timestamp == to_b[0].timestamp));
    assert_eq!(to_b.last().unwrap().payload[2..], 1_280_u16.to_be_bytes());
    assert!(events(a).is_empty(), "never echoed");
    assert!(events(d).is_empty(), "the held hear nobody");
    let tone: Vec<i16> = house.heard(c).into_iter().skip_while(|sample| *sample == 0).take(800).collect();
    for hz in [770.0, 1_336.0] {
        assert!(Goertzel::new(hz, 8_000).measure(&tone).dbfs > -20.0, "{hz} Hz in the tone for whom takes no events");
    }
    assert_eq!(digits(&house.news()), [(a, '5', 160)]);
}

#[test]
fn a_digit_by_info_is_relayed_and_told_like_any_other() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    house.mixer.digit(a, '#', 120);
    house.frames(20, &[]);
    let ends = |leg: LegId| {
        house.phones[&leg].heard.iter().filter(|p| p.payload_type == 101 && p.payload[1] & 0x80 != 0).count()
    };
    assert_eq!((ends(b), ends(a)), (3, 0));
    assert_eq!(digits(&house.news()), [(a, '#', 120)]);
}

#[test]
fn d13_odd_events_make_one_digit_at_most_and_it_ends_in_time() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    let start = house.phones[&a].timestamp;
    // duration 65535 again and again, then no end; and an event that there is not
    for (event, times) in [(7_u8, 20), (255, 10)] {
        for _ in 0..times {
            let now = house.lab.now_us();
            let phone = house.phones.get_mut(&a).unwrap();
            let bytes = phone.raw(101, false, start, &[event, 10, 0xff, 0xff]);
            let (from, to) = (phone.address, phone.server);
            house.lab.net().arrive(Parcel { from, to, at_us: now, bytes });
            house.frames(1, &[]);
        }
    }
    house.frames(600, &[]);
    assert_eq!(digits(&house.news()).len(), 1);
    let markers = house.phones[&b].heard.iter().filter(|p| p.payload_type == 101 && p.marker).count();
    assert_eq!(markers, 1);
}
