//! Who talks is told once it is speech, once it is over, and only while somebody may hear it.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use conference::{CallId, LegId, LegMask};
use lab::*;
use media_mixer::codec::{Codec, FRAME_SAMPLES};
use media_mixer::tone::level_dbfs;
use media_mixer::{MediaNews, MediaSettings};

const CALL: CallId = CallId(1);

/// Frames of a tone whose phase does not matter, as loud as its peak.
fn speak(house: &mut House, frames: u32, saying: &[(LegId, i16)]) -> Vec<MediaNews> {
    for _ in 0..frames {
        for (leg, peak) in saying {
            let tone: Vec<i16> = (0..FRAME_SAMPLES)
                .map(|n| (f64::from(*peak) * (n as f64 * std::f64::consts::TAU / 20.0).sin()) as i16)
                .collect();
            house.say(*leg, &tone, 0);
        }
        for _ in 0..10 {
            house.slot();
        }
    }
    house.news()
}

fn talks(leg: LegId, talks: bool) -> MediaNews {
    MediaNews::Talks { leg, talks }
}

/// Three who hear each other and have been silent for a while.
fn three(settings: &MediaSettings) -> (House, [LegId; 3]) {
    let mut house = House::new(settings);
    let legs = [1, 2, 3].map(|n| house.phone(n, Codec::L16));
    house.masks(CALL, legs.iter().zip(1..).map(|(leg, person)| mask(*leg, person)).collect(), vec![]);
    let told = speak(&mut house, 80, &legs.map(|leg| (leg, 10)));
    assert_eq!(told, [], "silence is no talk");
    (house, legs)
}

#[test]
fn somebody_who_speaks_talks_until_they_have_been_silent_for_a_while() {
    let (mut house, [a, b, c]) = three(&settings());
    assert_eq!(speak(&mut house, 12, &[(a, 8_000), (b, 10), (c, 10)]), [talks(a, true)]);
    assert_eq!(speak(&mut house, 20, &[(a, 10), (b, 10), (c, 10)]), [], "a pause between words");
    assert_eq!(speak(&mut house, 20, &[(a, 8_000), (b, 10), (c, 10)]), []);
    assert_eq!(speak(&mut house, 40, &[(a, 10), (b, 10), (c, 10)]), [talks(a, false)]);
    // a phone that sends nothing in pauses has stopped as well
    assert_eq!(speak(&mut house, 30, &[(a, 10), (b, 8_000), (c, 10)]), [talks(b, true)]);
    assert_eq!(speak(&mut house, 60, &[(a, 10), (c, 10)]), [talks(b, false)]);
}

#[test]
fn whom_nobody_may_hear_does_not_talk_whatever_their_phone_sends() {
    let (mut house, [a, b, c]) = three(&settings());
    let all = [(a, 8_000), (b, 10), (c, 8_000)];
    assert_eq!(speak(&mut house, 30, &all), [talks(a, true), talks(c, true)]);
    house.masks(CALL, vec![held(mask(c, 3))], vec![]);
    assert_eq!(speak(&mut house, 2, &all), [talks(c, false)], "at once");
    assert_eq!(speak(&mut house, 100, &all), [], "on hold");
    house.masks(CALL, vec![mask(c, 3)], vec![]);
    assert_eq!(speak(&mut house, 60, &all), [talks(c, true)]);
    house.masks(CALL, vec![LegMask { muted: true, ..mask(c, 3) }], vec![]);
    assert_eq!(speak(&mut house, 100, &all), [talks(c, false)]);
    // in the consult a talks with b; c hears neither, and is heard by nobody
    house.masks(CALL, vec![in_side(mask(a, 1)), in_side(mask(b, 2)), mask(c, 3)], vec![]);
    assert_eq!(speak(&mut house, 100, &all), [], "a goes on talking, and who speaks alone does not talk");
    // alone at last
    house.masks(CALL, vec![], vec![b, c]);
    assert_eq!(speak(&mut house, 100, &[(a, 8_000)]), [talks(a, false)]);
}

#[test]
fn automatic_gain_brings_two_voices_together_and_is_off_unless_asked_for() {
    for (agc, apart_db) in [(false, 24.0..30.0), (true, 0.0..7.0)] {
        let (mut house, [a, b, c]) = three(&MediaSettings { agc, ..settings() });
        let mut heard = |speaker: LegId, peak: i16| {
            // words of 200 ms, twelve seconds of them
            for _ in 0..40 {
                speak(&mut house, 10, &[(speaker, peak)]);
                speak(&mut house, 5, &[(speaker, 10)]);
            }
            house.forget_heard();
            speak(&mut house, 10, &[(speaker, peak)]);
            let heard = house.heard(c);
            level_dbfs(&heard[heard.len() - 960..])
        };
        let (quiet, loud) = (heard(a, 700), heard(b, 16_000));
        assert!(apart_db.contains(&(loud - quiet)), "agc {agc}: {quiet} and {loud} dBFS");
        if agc {
            assert!((-23.0..=-17.0).contains(&quiet) && (-23.0..=-15.0).contains(&loud), "{quiet} and {loud} dBFS");
        }
    }
}
