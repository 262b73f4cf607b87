//! How loud a leg is for the others: by so much and no more, without a click, through freezing and re-INVITE, and no ear opens.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use conference::{CallId, Ears, LegId, LegMask};
use lab::*;
use media_mixer::codec::{Codec, FRAME_SAMPLES};
use media_mixer::{HoldMusic, LegState, MediaSettings};

const CALL: CallId = CallId(1);

/// Three phones who hear each other, past the first moments.
fn three() -> (House, [LegId; 3]) {
    let mut house = House::new(&MediaSettings { hold_music: HoldMusic::Silence, ..settings() });
    let legs = [1, 2, 3].map(|n| house.phone(n, Codec::L16));
    house.masks(CALL, vec![mask(legs[0], 1), mask(legs[1], 2), mask(legs[2], 3)], vec![]);
    house.frames(60, &[(legs[0], 1_000), (legs[1], 30), (legs[2], 0)]);
    house.forget_heard();
    (house, legs)
}

fn frozen(house: &House, leg: LegId) -> LegState {
    let text = serde_json::to_string(&house.mixer.freeze(leg).unwrap()).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn last(house: &House, leg: LegId) -> i16 {
    *house.heard(leg).last().unwrap()
}

#[test]
fn six_decibels_double_one_voice_for_all_others_and_for_nobody_twice() {
    let (mut house, [a, b, c]) = three();
    house.mixer.set_volume(a, 6);
    house.frames(20, &[(a, 1_000), (b, 30), (c, 0)]);
    assert_eq!((last(&house, b), last(&house, c), last(&house, a)), (1_995, 2_025, 30));
    house.mixer.set_volume(a, 0);
    house.frames(20, &[(a, 1_000), (b, 30), (c, 0)]);
    assert_eq!((last(&house, b), last(&house, c)), (1_000, 1_030), "as it came");
    house.mixer.set_volume(a, -20);
    house.mixer.set_volume(b, 20);
    house.frames(20, &[(a, 1_000), (b, 30), (c, 0)]);
    assert_eq!((last(&house, b), last(&house, c), last(&house, a)), (100, 400, 300));
}

#[test]
fn a_change_does_not_click() {
    let (mut house, [a, b, c]) = three();
    for volume_db in [20, -40, 0, 13, 0] {
        house.mixer.set_volume(a, volume_db);
        house.frames(5, &[(a, 1_000), (b, 0), (c, 0)]);
    }
    let heard = house.heard(c);
    let steepest = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max().unwrap();
    // from a tenth of a thousandth to ten thousand within one frame, not within one sample
    assert!(steepest <= 10_000 / FRAME_SAMPLES as i16 + 31, "{steepest}");
    assert!(heard.contains(&10_000) && heard.contains(&10), "each was reached");
}

#[test]
fn what_gets_too_loud_is_limited_and_does_not_wrap() {
    let (mut house, [a, b, c]) = three();
    house.mixer.set_volume(a, 20);
    house.frames(20, &[(a, -20_000), (b, 0), (c, 0)]);
    assert!(house.heard(c)[1_600..].iter().all(|sample| *sample < -24_576), "{}", last(&house, c));
}

#[test]
fn a_volume_lives_through_freezing_and_through_a_new_agreement() {
    let (mut house, [a, b, c]) = three();
    house.mixer.set_volume(a, 12);
    let said = [(a, 1_000), (b, 0), (c, 0)];
    house.frames(10, &said);
    let loud = last(&house, c);
    assert!((3_970..3_990).contains(&loud), "{loud}");
    house.mixer.thaw(frozen(&house, a)).unwrap();
    house.frames(30, &said);
    assert_eq!(last(&house, c), loud, "after a thaw");
    let offer = house.phones[&a].offer("a=sendrecv\r\n");
    house.mixer.answer(a, offer.as_bytes()).unwrap();
    house.frames(30, &said);
    assert_eq!(last(&house, c), loud, "after a re-INVITE");
    // in another process: the leg comes back from its text alone
    let text = serde_json::to_string(&frozen(&house, a)).unwrap();
    assert!(text.contains("\"volume_db\":12"));
    let (call, heard_before) = (CallId(2), house.heard(c).len());
    house.masks(call, vec![mask(a, 1), mask(c, 3)], vec![]);
    house.frames(40, &said);
    assert!(house.heard(c).len() > heard_before);
    assert_eq!(last(&house, c), loud, "in another call");
}

#[test]
fn a_volume_may_be_said_before_the_leg_is_in_a_call() {
    let mut house = House::new(&settings());
    let (a, b) = (house.phone(1, Codec::L16), house.phone(2, Codec::L16));
    house.mixer.set_volume(a, -6);
    house.mixer.set_volume(LegId::arrived(99), 6);
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    house.frames(80, &[(a, 1_000), (b, 0)]);
    assert_eq!(last(&house, b), 501);
    assert_eq!(house.heard(b).iter().max(), Some(&501), "from its first sample on");
}

#[test]
fn no_volume_opens_an_ear() {
    let (mut house, [a, b, c]) = three();
    let masks = vec![
        in_side(LegMask { ears: Ears::HoldMusic, ..mask(a, 1) }),
        LegMask { muted: true, ears: Ears::HoldMusic, ..mask(b, 2) },
        LegMask { ears: Ears::HoldMusic, ..mask(c, 3) },
    ];
    house.masks(CALL, masks, vec![]);
    house.frames(2, &[(a, 0), (b, 0), (c, 0)]);
    house.forget_heard();
    for volume_db in [20, -40, 127, -128, 1, 0, 20] {
        [a, b, c].iter().for_each(|leg| house.mixer.set_volume(*leg, volume_db));
        house.frames(10, &[(a, 3_000), (b, 5_000), (c, 0)]);
    }
    for leg in [a, b, c] {
        assert!(house.heard(leg).iter().all(|sample| *sample == 0), "{leg} hears somebody");
    }
}
