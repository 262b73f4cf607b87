//! What is known of legs and calls in figures: how they sound, also when they are gone, the media clock, and the counters.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use conference::{CallId, LegId};
use lab::*;
use media_mixer::codec::{Codec, FRAME_SAMPLES};
use media_mixer::{DropReason, LATENESS_US};

const CALL: CallId = CallId(1);

fn two() -> (House, LegId, LegId) {
    let mut house = House::new(&settings());
    let (a, b) = (house.phone(1, Codec::Pcmu), house.phone(2, Codec::Pcmu));
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    (house, a, b)
}

/// One packet of `every` is lost on its way.
fn lossy(house: &mut House, leg: LegId, frames: u32, every: u32) {
    for n in 1..=frames {
        if n.is_multiple_of(every) {
            house.phones.get_mut(&leg).unwrap().packet(&[100; FRAME_SAMPLES]);
        } else {
            house.say(leg, &[100; FRAME_SAMPLES], 0);
        }
        for _ in 0..10 {
            house.slot();
        }
    }
}

#[test]
fn a_clean_leg_sounds_well_and_a_lossy_one_less() {
    let (mut house, a, b) = two();
    house.frames(1, &[]);
    let nothing = house.mixer.quality(a).unwrap();
    assert_eq!((nothing.received, nothing.lost, nothing.mos), (0, 0, None), "nothing is known yet");
    assert_eq!(house.mixer.quality(LegId::arrived(99)), None);
    house.frames(200, &[(b, 100)]);
    lossy(&mut house, a, 400, 10);
    house.frames(60, &[(b, 100)]);
    let (bad, good) = (house.mixer.quality(a).unwrap(), house.mixer.quality(b).unwrap());
    assert_eq!((bad.received, bad.lost), (360, 39), "the last one cannot be missed yet");
    assert_eq!(good.lost, 0);
    let (bad, good) = (bad.mos.unwrap(), good.mos.unwrap());
    assert!((4.2..4.45).contains(&good), "{good}");
    assert!((3.0..3.7).contains(&bad), "{bad}");
}

#[test]
fn losses_of_all_sources_of_a_phone_count() {
    let (mut house, a, _) = two();
    lossy(&mut house, a, 105, 10);
    house.phones.get_mut(&a).unwrap().ssrc = 77;
    lossy(&mut house, a, 105, 10);
    house.frames(60, &[]);
    let quality = house.mixer.quality(a).unwrap();
    assert_eq!((quality.received, quality.lost), (190, 20));
}

#[test]
fn the_quality_of_a_closed_leg_is_exact_to_its_last_packet() {
    let (mut house, a, b) = two();
    house.frames(73, &[(a, 100), (b, 100)]);
    house.mixer.close(a);
    assert!(house.mixer.quality(a).is_some(), "at once, by its last picture");
    house.frames(2, &[(b, 100)]);
    assert_eq!(house.mixer.quality(a).unwrap().received, 73);
    assert_eq!(house.mixer.leg_stats(a), None);
    // one that was never in a call
    let c = house.phone(3, Codec::Pcmu);
    house.mixer.close(c);
    assert_eq!(house.mixer.quality(c).unwrap().received, 0);
}

#[test]
fn the_media_clock_counts_the_calls_frames_and_agrees_with_acknowledgements() {
    let (mut house, a, b) = two();
    assert_eq!(house.mixer.media_clock(CallId(9)), None);
    house.frames(1, &[]);
    let mut before = house.mixer.media_clock(CALL).unwrap();
    for second in 1..=5 {
        house.frames(50, &[(a, 100), (b, 100)]);
        let now = house.mixer.media_clock(CALL).unwrap();
        assert!(now.abs_diff(before + 8_000) <= 2 * FRAME_SAMPLES as u64, "second {second}: from {before} to {now}");
        let mut applied = house.masks(CALL, vec![mask(a, 1)], vec![]);
        house.slot();
        let sample = applied.try_recv().unwrap().sample;
        before = house.mixer.media_clock(CALL).unwrap();
        assert!((sample..=sample + FRAME_SAMPLES as u64).contains(&before), "{sample} was in force, now {before}");
        assert!(before + FRAME_SAMPLES as u64 >= now);
    }
    house.masks(CALL, vec![], vec![a, b]);
    house.frames(1, &[]);
    assert_eq!(house.mixer.media_clock(CALL), None);
}

#[test]
fn counters_go_on_when_legs_end_and_never_back() {
    let (mut house, a, b) = two();
    house.frames(100, &[(a, 100), (b, 100)]);
    let before = house.mixer.stats();
    assert_eq!((before.legs, before.calls), (2, 1));
    house.mixer.close(a);
    let closing = house.mixer.stats();
    house.frames(60, &[(b, 100)]);
    let after = house.mixer.stats();
    for (one, other) in [(&before, &closing), (&closing, &after)] {
        assert!(one.received_packets <= other.received_packets && one.sent_packets <= other.sent_packets);
        assert!(DropReason::ALL.iter().all(|reason| one.drops.of(*reason) <= other.drops.of(*reason)));
    }
    assert_eq!((after.lost_packets, after.legs, after.calls), (0, 1, 1));
    assert!(
        (205..=260).contains(&after.received_packets),
        "{}, of which a second may be missing",
        after.received_packets
    );
    assert!(after.sent_packets > 150);
}

#[test]
fn turns_are_counted_by_how_late_they_came() {
    let (mut house, ..) = two();
    house.frames(10, &[]);
    let before = house.mixer.stats().workers[0];
    assert!(before.late_turns[0] >= 99 && before.late_us <= media_mixer::lab::SLOT_US, "{before:?}");
    house.lab.turn(house.lab.now_us() + media_mixer::lab::SLOT_US + 4_000);
    house.lab.turn(house.lab.now_us() + 500_000);
    let after = house.mixer.stats().workers[0];
    let class = LATENESS_US.iter().position(|end| *end == 5_000).unwrap();
    assert_eq!(after.late_turns[class], before.late_turns[class] + 1);
    assert_eq!(after.late_turns[LATENESS_US.len()], 1, "later than all");
    assert!(after.late_us >= 500_000 && after.latest_us >= 490_000);
}
