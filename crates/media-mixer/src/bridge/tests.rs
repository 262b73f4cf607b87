//! The bridge against a naive sum of every permitted frame.
#![allow(clippy::unwrap_used)]

use conference::{Ears, LegId, LegMask, ParticipantId, Place};
use proptest::prelude::*;

use super::seat::Since;
use super::*;

fn seat(leg: u64, side: bool, since_us: u64) -> Seat {
    let mask = LegMask {
        leg: LegId(leg),
        person: ParticipantId(leg as u32),
        place: if side { Place::Side } else { Place::Main },
        open: true,
        early: false,
        muted: false,
        ears: Ears::ComfortNoise,
        supervises: None,
        cues: true,
    };
    let open = Since::At(since_us);
    Seat { listens: open, speaks: open, ..Seat::new(leg as u32, mask) }
}

fn speak(bridge: &mut Bridge, index: usize, value: i16, opened_by: u64) {
    let voice = bridge.voice(index);
    speak_at(voice, Rate::Narrow, value);
    voice.opened_by = opened_by;
}

/// A constant, for long enough that a change of its rate changes nothing.
fn speak_at(voice: &mut Voice, rate: Rate, value: i16) {
    voice.set_rate(rate);
    voice.past_mut().fill(value);
    voice.frame_mut().fill(value);
    voice.speaks = true;
    voice.power = mix::power(voice.frame());
}

fn tick(bridge: &mut Bridge, seats: &mut [Option<Seat>]) {
    find_alone(seats);
    bridge.tick(seats, Laws::default());
}

fn heard(bridge: &mut Bridge, index: usize) -> Option<i16> {
    match bridge.heard(index) {
        Heard::Group(group) => {
            let frame = bridge.groups().frame(group);
            // whoever is heard from here on has risen by then
            let steady = &frame[frame.len() / 4..];
            assert!(steady.iter().all(|sample| *sample == steady[0]));
            Some(steady[0])
        }
        Heard::Ears => None,
    }
}

proptest! {
    #[test]
    fn everybody_hears_the_sum_of_whom_he_may_hear(
        legs in prop::collection::vec((any::<bool>(), any::<bool>(), -300_i16..300, 0_u64..4, 0_u64..4), 1..20)
    ) {
        let mut bridge = Bridge::new();
        let mut seats: Vec<Option<Seat>> = Vec::new();
        for (index, (side, speaks, value, since, opened_by)) in legs.iter().enumerate() {
            let taken = seat(index as u64, *side, *since);
            seats.push(Some(taken));
            if *speaks {
                speak(&mut bridge, index, *value, *opened_by);
            }
        }
        tick(&mut bridge, &mut seats);
        let chosen = |index: usize| seats[index].as_ref().is_some_and(|seat| seat.chosen);
        let in_place = |side: bool| legs.iter().filter(|(s, speaks, ..)| *s == side && *speaks).count();
        for (index, (side, _, _, since, _)) in legs.iter().enumerate() {
            let others = legs.iter().enumerate().filter(|(other, (s, ..))| *other != index && s == side);
            let expected: i16 = others
                .clone()
                .filter(|(other, (_, speaks, _, theirs, by))| *speaks && chosen(*other) && *since.max(theirs) <= *by)
                .map(|(_, (_, _, value, ..))| *value)
                .sum();
            let alone = others.count() == 0;
            prop_assert_eq!(heard(&mut bridge, index), (!alone).then_some(expected));
        }
        for side in [false, true] {
            let mixed = legs.iter().enumerate().filter(|(index, (s, ..))| *s == side && chosen(*index)).count();
            prop_assert_eq!(mixed, in_place(side).min(ALL_MIXED));
        }
    }
}

#[test]
fn whoever_hears_the_same_shares_one_mix_and_one_encoding() {
    let mut bridge = Bridge::new();
    let mut seats: Vec<Option<Seat>> = (0..500).map(|leg| Some(seat(leg, false, 0))).collect();
    (0..3).for_each(|index| speak(&mut bridge, index, 100, 5));
    tick(&mut bridge, &mut seats);
    let before = bridge.groups().encodes();
    for index in 0..500 {
        let Heard::Group(group) = bridge.heard(index) else { panic!("alone") };
        let codec = if index % 2 == 0 { crate::codec::Codec::Pcmu } else { crate::codec::Codec::Pcma };
        bridge.groups().payload(group, codec);
    }
    // three talkers and everybody else; only everybody else in both codecs
    assert_eq!(bridge.groups().encodes() - before, 5);
}

#[test]
fn whoever_has_another_rate_is_heard_at_the_listeners() {
    let mut bridge = Bridge::new();
    let mut seats: Vec<Option<Seat>> = (0..9).map(|leg| Some(seat(leg, false, 0))).collect();
    for index in 0..9 {
        let voice = bridge.voice(index);
        speak_at(voice, Rate::ALL[index % 3], 1 << index);
        voice.opened_by = 5;
        bridge.hears_at(index, Rate::ALL[index / 3]);
    }
    find_alone(&mut seats);
    bridge.tick(&mut seats, Laws::default());
    for index in 0..9 {
        assert_eq!(heard(&mut bridge, index), Some(511 - (1 << index)), "{index}");
        let Heard::Group(group) = bridge.heard(index) else { panic!("alone") };
        assert_eq!(bridge.groups().frame(group).len(), Rate::ALL[index / 3].frame());
    }
}

#[test]
fn a_change_of_the_rate_brings_nothing_to_whom_the_end_of_the_last_frame_was_forbidden() {
    let mut bridge = Bridge::new();
    let opened = 10_000;
    let mut seats: Vec<Option<Seat>> = (0..3).map(|leg| Some(seat(leg, false, opened))).collect();
    bridge.hears_at(1, Rate::Narrow);
    bridge.hears_at(2, Rate::Full);
    for (opened_by, narrow, full) in [
        (opened - 1, false, false),
        (opened, true, false),
        (opened + crate::resample::SPAN_US - 1, true, false),
        (opened + crate::resample::SPAN_US, true, true),
    ] {
        let voice = bridge.voice(0);
        speak_at(voice, Rate::Narrow, 1_000);
        voice.opened_by = opened_by;
        find_alone(&mut seats);
        bridge.tick(&mut seats, Laws::default());
        assert_eq!(heard(&mut bridge, 1), Some(if narrow { 1_000 } else { 0 }), "at {opened_by}");
        assert_eq!(heard(&mut bridge, 2), Some(if full { 1_000 } else { 0 }), "at {opened_by}");
    }
}

#[test]
fn the_loudest_are_mixed_and_stay_until_somebody_is_clearly_louder() {
    let mut bridge = Bridge::new();
    let mut seats: Vec<Option<Seat>> = (0..30).map(|leg| Some(seat(leg, false, 0))).collect();
    let chosen = |seats: &[Option<Seat>]| -> Vec<usize> {
        (0..30).filter(|index| seats[*index].as_ref().is_some_and(|seat| seat.chosen)).collect()
    };
    for index in 0..30 {
        speak(&mut bridge, index, 1_000 + index as i16 * 10, 5);
    }
    tick(&mut bridge, &mut seats);
    assert_eq!(chosen(&seats), (20..30).collect::<Vec<_>>());
    speak(&mut bridge, 3, 1_250, 5);
    tick(&mut bridge, &mut seats);
    assert_eq!(chosen(&seats), (20..30).collect::<Vec<_>>(), "a little louder is not enough");
    speak(&mut bridge, 3, 2_500, 5);
    tick(&mut bridge, &mut seats);
    assert_eq!(chosen(&seats)[..2], [3, 21]);
}

#[test]
fn every_key_of_one_tick_is_found_again() {
    let mut groups = Groups::new();
    groups.clear();
    for set in 0..MAX_SEATS as u64 {
        assert_eq!(groups.find(Key::Mix(set << 20, 0), Rate::Wide), None);
        groups.add(Key::Mix(set << 20, 0), Rate::Wide, |frame| frame[0] = set as i16);
    }
    for set in 0..MAX_SEATS as u64 {
        let group = groups.find(Key::Mix(set << 20, 0), Rate::Wide).unwrap();
        assert_eq!(groups.frame(group)[0], set as i16);
    }
    assert_eq!(groups.find(Key::Mix(1 << 20, 0), Rate::Full), None);
    groups.clear();
    assert_eq!(groups.find(Key::Mix(1 << 20, 0), Rate::Wide), None);
}
