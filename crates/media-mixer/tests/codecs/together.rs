//! Any mix of codecs in one call: everybody hears everybody else, as well as his codec can.

use media_mixer::codec::Codec;
use media_mixer::tone::Goertzel;

use conference::LegMask;

use crate::lab::{held, mask};
use crate::people::People;

/// A tone of 10 000 at its peak.
const LEVEL: f64 = -13.3;

#[test]
fn every_pair_of_codecs_hears_each_other() {
    for one in Codec::ALL {
        for other in Codec::ALL {
            let mut people = People::new();
            let a = people.add(1, one, 500.0, "");
            let b = people.add(2, other, 1_300.0, "");
            people.meet();
            people.talk(100);
            for (ear, voice, own) in [(a, 1_300.0, 500.0), (b, 500.0, 1_300.0)] {
                let level = people.level(ear, voice, 1_000);
                assert!((level - LEVEL).abs() < 1.5, "{one:?} with {other:?}: {voice} Hz at {level}");
                assert!(people.loudest(ear, own) < -45.0, "{one:?} with {other:?}: hears himself");
            }
        }
    }
}

#[test]
fn three_talk_in_three_rates_and_each_hears_the_other_two() {
    let mut people = People::new();
    let voices = [(Codec::Opus, 500.0), (Codec::G722, 930.0), (Codec::Pcmu, 1_310.0), (Codec::Opus, 2_090.0)];
    let legs: Vec<_> = (1..).zip(voices).map(|(n, (codec, hertz))| people.add(n, codec, hertz, "")).collect();
    people.meet();
    people.talk(100);
    for (leg, (codec, own)) in legs.iter().zip(voices) {
        for (_, hertz) in voices.iter().filter(|(_, hertz)| *hertz != own) {
            let level = people.level(*leg, *hertz, 1_000);
            assert!((level - LEVEL).abs() < 2.0, "{codec:?} hears {hertz} Hz at {level}");
        }
        assert!(people.loudest(*leg, own) < -45.0, "{codec:?} hears himself");
    }
}

#[test]
fn two_wideband_phones_hear_what_no_telephone_carries() {
    for (one, other, hertz) in
        [(Codec::Opus, Codec::Opus, 10_000.0), (Codec::Opus, Codec::G722, 6_000.0), (Codec::G722, Codec::Opus, 6_000.0)]
    {
        let mut people = People::new();
        people.add(1, one, hertz, "");
        let b = people.add(2, other, 0.0, "");
        people.meet();
        people.talk(100);
        let level = people.level(b, hertz, 1_000);
        assert!((level - LEVEL).abs() < 3.0, "{one:?} to {other:?}: {hertz} Hz at {level}");
    }
}

#[test]
fn music_tones_and_prompts_are_heard_in_every_codec() {
    for codec in Codec::ALL {
        let mut people = People::new();
        let a = people.add(1, codec, 0.0, "");
        people.masks(vec![LegMask { open: false, ears: conference::Ears::TestTone, ..mask(a, 1) }]);
        people.talk(100);
        let level = people.level(a, 440.0, 1_000);
        assert!((level + 16.0).abs() < 1.5, "{codec:?}: the test tone at {level}");
        people.forget();
        people.masks(vec![held(mask(a, 1))]);
        people.talk(150);
        let music = media_mixer::tone::level_dbfs(&people.sound(a)[people.people[&a].codec.rate().frame() * 50..]);
        assert!((-30.0..-15.0).contains(&music), "{codec:?}: music at {music}");
        people.forget();
        people.masks(vec![LegMask { open: false, ears: conference::Ears::ComfortNoise, ..mask(a, 1) }]);
        people.house.mixer.cue(a, conference::Cue::Notice);
        people.talk(50);
        assert!(people.loudest(a, 660.0) > -30.0, "{codec:?}: the tone of a notice");
        people.forget();
        people.masks(vec![LegMask { open: false, ears: conference::Ears::Echo, ..mask(a, 1) }]);
        people.people.get_mut(&a).unwrap().hertz = 800.0;
        people.talk(100);
        let level = people.level(a, 800.0, 1_000);
        assert!((level + 13.3).abs() < 1.5, "{codec:?}: the echo at {level}");
    }
}

#[test]
fn a_rate_that_is_needed_for_the_first_time_begins_without_a_click() {
    let mut people = People::new();
    people.add(1, Codec::Pcmu, 700.0, "");
    let b = people.add(2, Codec::Pcmu, 0.0, "");
    people.meet();
    people.talk(50);
    // from here on somebody hears at 16 kHz
    let c = people.add(3, Codec::G722, 0.0, "");
    people.meet();
    people.talk(50);
    let sound = people.sound(c);
    let begin = sound.iter().position(|sample| sample.abs() > 2_000).unwrap();
    let steps = sound[begin + 640..].windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs());
    // a tone of 700 Hz at 16 kHz climbs by 2750 at most
    assert!(steps.max().unwrap() < 3_600);
    let share = Goertzel::new(700.0, 16_000).measure(&sound[sound.len() - 8_000..]).share;
    assert!(share > 0.99, "{share}");
    assert!(people.level(b, 700.0, 500) > -15.0);
}
