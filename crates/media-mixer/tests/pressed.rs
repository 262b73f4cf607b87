//! Keys for one phone alone: in order, with their lengths, bounded, as events or as tones; and nobody else hears of them.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use conference::{CallId, Ears, Key, LegId, LegMask};
use lab::*;
use media_mixer::MediaNews;
use media_mixer::codec::Codec;
use media_mixer::dtmf::QUEUE;
use media_mixer::tone::{Goertzel, level_dbfs};

const CALL: CallId = CallId(1);

/// Three phones in one call, past the first moments; the third is held.
fn three(events: bool) -> (House, LegId, LegId, LegId) {
    let mut house = House::new(&settings());
    let a = house.phone_with(1, Codec::L16, events, "");
    let (b, c) = (house.phone(2, Codec::L16), house.phone(3, Codec::L16));
    house.masks(CALL, vec![mask(a, 1), mask(b, 2), held(mask(c, 3))], vec![]);
    house.frames(60, &[(a, 1_000), (b, -3_000)]);
    house.forget_heard();
    (house, a, b, c)
}

fn keys(keys: &[(char, u32)]) -> Vec<Key> {
    keys.iter().map(|(digit, ms)| Key { digit: *digit, duration_ms: u16::try_from(*ms).unwrap() }).collect()
}

/// The digits that came as events: (event, samples), one for each whole event.
fn events_at(house: &House, leg: LegId) -> Vec<(u8, u16)> {
    let ends = house.phones[&leg].heard.iter().filter(|p| p.payload_type == 101 && p.payload[1] & 0x80 != 0);
    let mut ends: Vec<(u32, u8, u16)> =
        ends.map(|p| (p.timestamp, p.payload[0], u16::from_be_bytes([p.payload[2], p.payload[3]]))).collect();
    ends.dedup();
    ends.into_iter().map(|(_, event, samples)| (event, samples)).collect()
}

#[test]
fn keys_reach_one_phone_in_order_with_their_lengths_and_nobody_else() {
    let (mut house, a, b, c) = three(true);
    house.mixer.press(a, &keys(&[('4', 100), ('*', 240), ('x', 100), ('4', 1)]));
    house.mixer.press(a, &keys(&[('D', 9_000)]));
    house.frames(130, &[(a, 1_000), (b, -3_000)]);
    assert_eq!(events_at(&house, a), [(4, 800), (10, 1_920), (4, 320), (15, 6_400)]);
    assert!(events_at(&house, b).is_empty() && events_at(&house, c).is_empty());
    assert!(house.heard(b).iter().all(|sample| *sample == 1_000), "the other hears the voice and nothing else");
    assert!(house.heard(a).ends_with(&[-3_000; 1_600]), "and goes on being heard");
    assert!(!house.news().iter().any(|news| matches!(news, MediaNews::Digit { .. } | MediaNews::DigitBegan { .. })));
}

#[test]
fn a_phone_without_events_hears_the_tones_one_after_the_other() {
    let (mut house, a, b, _) = three(false);
    house.mixer.press(a, &keys(&[('1', 100), ('9', 200)]));
    house.frames(40, &[(a, 1_000), (b, 0)]);
    let heard: Vec<i16> = house.heard(a).into_iter().skip_while(|sample| *sample <= 0).collect();
    let sounds = |hz, from: usize, to: usize| Goertzel::new(hz, 8_000).measure(&heard[from..to]).dbfs > -20.0;
    assert!(sounds(697.0, 0, 800) && !sounds(852.0, 0, 800), "first the one");
    assert!(level_dbfs(&heard[880..1_120]) < -60.0, "a pause");
    assert!(sounds(852.0, 1_280, 2_720) && !sounds(697.0, 1_280, 2_720), "then the nine");
    assert!(house.heard(b).iter().all(|sample| *sample == 1_000));
}

#[test]
fn only_so_many_keys_wait() {
    for events in [true, false] {
        let (mut house, a, ..) = three(events);
        for _ in 0..4 {
            house.mixer.press(a, &keys(&[('7', 40); 20]));
        }
        house.frames(1_000, &[]);
        if events {
            let said = events_at(&house, a).len();
            assert!((QUEUE..=QUEUE + 1).contains(&said), "{said}");
        } else {
            let heard = house.heard(a);
            let loud = heard.chunks_exact(160).filter(|part| level_dbfs(part) > -30.0).count();
            assert!(loud <= 4 * (QUEUE + 1), "{loud} frames of tone");
        }
    }
}

#[test]
fn keys_for_a_phone_that_is_sent_nothing_are_not_said_later() {
    for events in [true, false] {
        let (mut house, a, ..) = three(events);
        house.mixer.press(a, &keys(&[('5', 400)]));
        house.frames(5, &[]);
        house.masks(CALL, vec![LegMask { open: false, ears: Ears::Nothing, ..mask(a, 1) }], vec![]);
        house.mixer.press(a, &keys(&[('1', 100)]));
        house.frames(10, &[]);
        house.forget_heard();
        house.masks(CALL, vec![mask(a, 1)], vec![]);
        house.frames(50, &[]);
        assert!(house.phones[&a].heard.iter().all(|packet| packet.payload_type != 101));
        assert!(house.heard(a).iter().all(|sample| *sample == 0));
    }
}

#[test]
fn keys_for_nobody_do_nothing() {
    let (mut house, a, ..) = three(true);
    house.mixer.press(LegId::arrived(99), &keys(&[('5', 100)]));
    house.mixer.press(a, &[]);
    house.frames(20, &[]);
    assert!(events_at(&house, a).is_empty());
}
