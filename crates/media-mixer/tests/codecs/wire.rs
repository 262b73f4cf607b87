//! How sound is packed: lengths of packets either way, numbers, clocks, changes of the codec, digits.

use conference::LegId;
use media_mixer::MediaNews;
use media_mixer::codec::{Codec, samples_in};

use crate::lab::payload_type;
use crate::people::People;

#[test]
fn packets_have_the_length_that_was_agreed_in_every_codec() {
    for codec in Codec::ALL {
        for ptime in [10_u32, 20, 30, 40, 50, 60] {
            // Opus has no frames of 30 and of 50 ms
            let sent = match (codec, ptime) {
                (Codec::Opus, 30) => 20,
                (Codec::Opus, 50) => 40,
                _ => ptime,
            };
            let mut people = People::new();
            people.add(1, Codec::Pcmu, 700.0, "");
            let b = people.add(2, codec, 0.0, &format!("a=ptime:{ptime}\r\n"));
            people.meet();
            people.talk(90);
            let heard = people.packets(b);
            assert!(heard.len() as u32 >= 85 * 20 / sent, "{codec:?} {ptime}: {}", heard.len());
            let samples = sent * codec.rate().hertz() / 1_000;
            assert!(
                heard.iter().all(|packet| samples_in(codec, &packet.payload) as u32 == samples),
                "{codec:?} {ptime}"
            );
            let ticks = sent * codec.clock_rate() / 1_000;
            let steady = heard.windows(2).all(|two| {
                two[1].timestamp == two[0].timestamp.wrapping_add(ticks)
                    && two[1].sequence == two[0].sequence.wrapping_add(1)
            });
            assert!(steady, "{codec:?} {ptime}");
            let level = people.level(b, 700.0, 1_000);
            assert!((level + 13.3).abs() < 1.5, "{codec:?} {ptime}: {level}");
        }
    }
}

/// Both ways: the phone sends packets of that length, and asks for such.
#[test]
fn packets_of_any_length_are_heard_in_every_codec_without_a_drop_out() {
    for codec in Codec::ALL {
        for ptime in [10, 20, 30, 40, 50, 60] {
            let mut people = People::new();
            let a = people.add(1, codec, 700.0, &format!("a=ptime:{ptime}\r\n"));
            let b = people.add(2, Codec::Pcmu, 1_100.0, "");
            people.people.get_mut(&a).unwrap().ptime = ptime;
            people.meet();
            people.talk(150);
            for (leg, hertz) in [(b, 700.0), (a, 1_100.0)] {
                let level = people.level(leg, hertz, 1_500);
                assert!((level + 13.3).abs() < 1.0, "{codec:?} {ptime}, {hertz} Hz: {level}");
                assert_eq!(people.drop_outs(leg, 1_500), 0, "{codec:?} {ptime}, {hertz} Hz");
            }
        }
    }
}

#[test]
fn a_phone_changes_its_codec_in_mid_call_and_nobody_hears_more_than_a_moment_of_it() {
    let mut people = People::new();
    let a = people.add(1, Codec::Pcmu, 700.0, "");
    let b = people.add(2, Codec::Opus, 1_100.0, "");
    people.meet();
    people.talk(60);
    for codec in [Codec::Opus, Codec::G722, Codec::Pcma, Codec::Opus, Codec::Pcmu] {
        let before = people.packets(a).last().unwrap().clone();
        let phone = people.house.phones.get_mut(&a).unwrap();
        (phone.codec, phone.payload_type) = (codec, payload_type(codec));
        let offer = phone.offer("");
        people.house.mixer.answer(a, offer.as_bytes()).unwrap();
        let person = people.people.get_mut(&a).unwrap();
        person.codec = codec;
        person.encoder = media_mixer::codec::Encoder::new(codec);
        people.talk(20);
        people.forget();
        people.talk(60);
        let after = people.packets(a)[0].clone();
        assert_eq!((after.ssrc, after.payload_type), (before.ssrc, payload_type(codec)));
        assert!(after.sequence.wrapping_sub(before.sequence) <= 21, "{codec:?}: numbers go on");
        let (to_a, to_b) = (people.level(a, 1_100.0, 1_000), people.level(b, 700.0, 1_000));
        assert!((to_a + 13.3).abs() < 1.5 && (to_b + 13.3).abs() < 1.5, "{codec:?}: {to_a}, {to_b}");
    }
}

#[test]
fn a_frozen_leg_goes_on_in_its_codec() {
    for codec in Codec::ALL {
        let mut people = People::new();
        let a = people.add(1, codec, 700.0, "");
        let b = people.add(2, Codec::Opus, 1_100.0, "");
        people.meet();
        people.talk(60);
        for leg in [a, b] {
            let state = people.house.mixer.freeze(leg).unwrap();
            let state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
            people.house.mixer.thaw(state).unwrap();
        }
        let before = people.packets(a).last().unwrap().clone();
        people.talk(20);
        people.forget();
        people.talk(60);
        let after = people.packets(a)[0].clone();
        assert_eq!(after.ssrc, before.ssrc);
        let passed = after.timestamp.wrapping_sub(before.timestamp) * 50 / codec.clock_rate();
        assert!((20..=22).contains(&passed), "{codec:?}: {passed} frames");
        let (to_a, to_b) = (people.level(a, 1_100.0, 1_000), people.level(b, 700.0, 1_000));
        assert!((to_a + 13.3).abs() < 1.5 && (to_b + 13.3).abs() < 1.5, "{codec:?}: {to_a}, {to_b}");
    }
}

/// An offer of Opus with events of its own clock.
fn with_full_events(people: &People, leg: LegId) -> String {
    people.house.phones[&leg].offer("").replace("101 telephone-event/8000", "101 telephone-event/48000")
}

#[test]
fn digits_count_in_the_clock_of_their_codec_both_ways() {
    let mut people = People::new();
    let a = people.add(1, Codec::Opus, 0.0, "");
    let b = people.add(2, Codec::Pcmu, 0.0, "");
    let offer = with_full_events(&people, a);
    let answer = people.house.mixer.answer(a, offer.as_bytes()).unwrap();
    assert!(std::str::from_utf8(&answer).unwrap().contains("a=rtpmap:101 telephone-event/48000\r\n"));
    people.meet();
    people.talk(50);
    people.house.news();
    let start = 48_000;
    for (n, flags) in [(1_u16, 0x0a), (2, 0x0a), (3, 0x0a), (4, 0x0a), (5, 0x8a), (5, 0x8a), (5, 0x8a)] {
        let [high, low] = (n * 960).to_be_bytes();
        let phone = people.house.phones.get_mut(&a).unwrap();
        let bytes = phone.raw(101, n == 1, start, &[7, flags, high, low]);
        let (from, to, at_us) = (phone.address, phone.server, people.house.lab.now_us());
        people.house.lab.net().arrive(media_mixer::lab::Parcel { from, to, at_us, bytes });
        for _ in 0..10 {
            people.house.slot();
        }
    }
    people.talk(50);
    let told = people.house.news();
    let digit = told.iter().find_map(|news| match news {
        MediaNews::Digit { digit, duration_ms, .. } => Some((*digit, *duration_ms)),
        _ => None,
    });
    assert_eq!(digit, Some(('7', 100)));
    let events: Vec<_> = people.packets(b).iter().filter(|packet| packet.payload_type == 101).collect();
    assert_eq!(events.last().unwrap().payload, [7, 0x8a, 3, 32], "100 ms in the clock of PCMU");
    // and the other way
    people.forget();
    people.house.mixer.press(a, &[conference::Key { digit: '3', duration_ms: 100 }]);
    people.talk(30);
    let events: Vec<_> = people.packets(a).iter().filter(|packet| packet.payload_type == 101).collect();
    assert_eq!(events.last().unwrap().payload, [3, 0x8a, 18, 192], "100 ms in the clock of Opus");
    assert!(events.iter().all(|packet| packet.timestamp == events[0].timestamp));
}

/// A phone that may send two codecs says its digits in the clock of the one that it sends; Chromium names events of both clocks.
#[test]
fn digits_of_both_clocks_are_heard_beside_a_codec_of_one() {
    let mut people = People::new();
    let a = people.add(1, Codec::Opus, 0.0, "");
    people.add(2, Codec::Pcmu, 0.0, "");
    let events = "101 telephone-event/48000\r\na=rtpmap:102 telephone-event/8000";
    let offer = people.house.phones[&a].offer("").replace("101 telephone-event/8000", events);
    let offer: String = offer
        .split_inclusive("\r\n")
        .map(|line| if line.starts_with("m=") { line.replace(" 101\r\n", " 101 102\r\n") } else { line.to_owned() })
        .collect();
    people.house.mixer.answer(a, offer.as_bytes()).unwrap();
    people.meet();
    people.talk(50);
    for (start, payload_type, clock, event) in [(48_000, 101, 48_000, 7), (900_000, 102, 8_000, 3)] {
        people.house.news();
        let step = clock / 50;
        for n in [1_u16, 2, 3, 4, 5, 5, 5] {
            let [high, low] = (n * step).to_be_bytes();
            let flags = if n == 5 { 0x8a } else { 0x0a };
            let phone = people.house.phones.get_mut(&a).unwrap();
            let bytes = phone.raw(payload_type, n == 1, start, &[event, flags, high, low]);
            let (from, to, at_us) = (phone.address, phone.server, people.house.lab.now_us());
            people.house.lab.net().arrive(media_mixer::lab::Parcel { from, to, at_us, bytes });
            (0..10).for_each(|_| people.house.slot());
        }
        people.talk(50);
        let told = people.house.news();
        let digits: Vec<_> = told
            .iter()
            .filter_map(|news| match news {
                MediaNews::Digit { digit, duration_ms, .. } => Some((*digit, *duration_ms)),
                _ => None,
            })
            .collect();
        assert_eq!(digits, [((b'0' + event) as char, 100)], "in a clock of {clock}");
    }
}
