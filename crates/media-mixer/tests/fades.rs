//! Where sound begins it rises within 5 ms, and music ends so; a voice that may not be heard any more ends at once, between two samples.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use conference::{CallId, Ears, LegId, LegMask};
use lab::*;
use media_mixer::codec::{Codec, FRAME_SAMPLES};
use media_mixer::{HoldMusic, MediaSettings};

const CALL: CallId = CallId(1);
/// 5 ms.
const FADE: usize = 40;
/// Far from the knee of the limiter.
const LOUD: i16 = 8_000;

fn steepest(heard: &[i16]) -> i32 {
    heard.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
}

/// A phone that listens, and two who say something loud and constant; nobody hears anybody yet.
fn three(hold_music: HoldMusic) -> (House, [LegId; 3]) {
    let mut house = House::new(&MediaSettings { hold_music, ..settings() });
    let legs = [1, 2, 3].map(|n| house.phone(n, Codec::L16));
    house.masks(CALL, apart(legs), vec![]);
    house.frames(60, &saying(legs));
    house.forget_heard();
    (house, legs)
}

fn saying([_, b, c]: [LegId; 3]) -> [(LegId, i16); 2] {
    [(b, LOUD), (c, 100)]
}

/// The first hears nobody, the others each other.
fn apart([a, b, c]: [LegId; 3]) -> Vec<LegMask> {
    vec![held(mask(a, 1)), mask(b, 2), mask(c, 3)]
}

fn together([a, b, c]: [LegId; 3]) -> Vec<LegMask> {
    vec![mask(a, 1), mask(b, 2), mask(c, 3)]
}

#[test]
fn a_voice_that_may_be_heard_from_now_on_rises_within_five_milliseconds_and_no_sample_of_it_comes_before() {
    let (mut house, legs) = three(HoldMusic::Silence);
    house.masks(CALL, together(legs), vec![]);
    house.frames(40, &saying(legs));
    let heard = house.heard(legs[0]);
    let both = LOUD + 100;
    let begins = heard.iter().position(|sample| *sample != 0).unwrap();
    let whole = heard.iter().position(|sample| *sample == both).unwrap();
    assert_eq!(
        (begins % FRAME_SAMPLES, whole - begins),
        (1, FADE - 1),
        "with a frame, and its first sample is still silent"
    );
    let rise = &heard[begins - 1..=whole];
    for (n, sample) in rise.iter().enumerate() {
        let exact = i32::from(LOUD) * n as i32 / FADE as i32 + 100 * n as i32 / FADE as i32;
        assert_eq!(i32::from(*sample), exact, "sample {n}");
    }
    assert!(heard[whole..].iter().all(|sample| *sample == both), "and stays");
}

#[test]
fn who_hears_on_hears_no_fade_when_somebody_else_begins_to_hear() {
    let (mut house, legs) = three(HoldMusic::Silence);
    house.masks(CALL, together(legs), vec![]);
    house.frames(40, &saying(legs));
    assert!(house.heard(legs[2]).iter().all(|sample| *sample == LOUD), "the one who heard before");
    // and somebody who begins to be heard does not touch whoever was heard already
    let d = house.phone(4, Codec::L16);
    house.masks(CALL, vec![mask(d, 4)], vec![]);
    house.forget_heard();
    let [b, c] = saying(legs);
    house.frames(40, &[b, c, (d, 1_000)]);
    let heard = house.heard(legs[0]);
    assert!(heard.iter().all(|sample| (LOUD + 100..=LOUD + 1_100).contains(sample)), "nothing below what was there");
    assert!(steepest(&heard) <= 25 + 1, "{}", steepest(&heard));
    assert_eq!(*heard.last().unwrap(), LOUD + 1_100);
}

#[test]
fn a_voice_that_may_not_be_heard_any_more_ends_at_once_and_leaves_no_tail() {
    let (mut house, legs) = three(HoldMusic::Silence);
    house.masks(CALL, together(legs), vec![]);
    house.frames(40, &saying(legs));
    house.forget_heard();
    house.masks(CALL, vec![held(mask(legs[0], 1))], vec![]);
    house.frames(10, &saying(legs));
    let heard = house.heard(legs[0]);
    let ends = heard.iter().position(|sample| *sample != LOUD + 100).unwrap();
    assert!(ends.is_multiple_of(FRAME_SAMPLES), "{ends}");
    assert!(heard[ends..].iter().all(|sample| *sample == 0), "nothing of it is left");
}

#[test]
fn music_rises_where_it_begins_and_falls_where_it_ends() {
    let (mut house, legs) = three(HoldMusic::Builtin);
    // the music is there already, for somebody else
    let d = house.phone(4, Codec::L16);
    house.masks(CALL, vec![held(mask(d, 4))], vec![]);
    house.frames(100, &saying(legs));
    house.masks(CALL, together(legs), vec![]);
    house.frames(20, &[]);
    house.forget_heard();
    house.masks(CALL, vec![held(mask(legs[0], 1))], vec![]);
    house.frames(100, &[]);
    house.masks(CALL, together(legs), vec![]);
    house.frames(20, &[]);
    let heard = house.heard(legs[0]);
    let (first, last) = (heard.iter().position(|sample| *sample != 0), heard.iter().rposition(|sample| *sample != 0));
    let (first, last) = (first.unwrap(), last.unwrap());
    assert!(last - first > 15_000, "two seconds of music: {first} to {last}");
    // the other one heard the same, without an end
    let music = house.heard(d);
    let inner = steepest(&music);
    let frame = first / FRAME_SAMPLES * FRAME_SAMPLES;
    assert_eq!(
        heard[frame + FADE..frame + 15_000],
        music[frame + FADE..frame + 15_000],
        "the music goes on, for all at one place"
    );
    let tail = last / FRAME_SAMPLES * FRAME_SAMPLES;
    for n in 0..FADE {
        let (up, down) =
            (i32::from(music[frame + n]) * n as i32 / 40, i32::from(music[tail + n]) * (40 - n as i32) / 40);
        assert_eq!((i32::from(heard[frame + n]), i32::from(heard[tail + n])), (up, down), "sample {n}");
    }
    assert!(last - tail < FADE, "and is over: {last}");
    assert!(
        steepest(&heard) <= inner + 8_000 / FADE as i32,
        "no click: {} in it, {inner} in the music",
        steepest(&heard)
    );
}

#[test]
fn every_sound_of_the_house_rises_once_and_then_goes_on() {
    for ears in [Ears::Ringback, Ears::TestTone, Ears::HoldMusic] {
        let mut house = House::new(&settings());
        let a = house.phone(1, Codec::L16);
        house.masks(CALL, vec![LegMask { open: false, ears: ears.clone(), ..mask(a, 1) }], vec![]);
        house.frames(50, &[]);
        let heard = house.heard(a);
        let peak = heard[FADE..].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        for (n, sample) in heard[..FADE].iter().enumerate() {
            let most = usize::from(peak) * n / FADE;
            assert!(usize::from(sample.unsigned_abs()) <= most + 1, "{ears:?}: {sample} at {n}, of at most {most}");
        }
        assert!(peak > 1_000, "{ears:?} is heard");
    }
}
