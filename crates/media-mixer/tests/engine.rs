//! The engine on the virtual net: two people talk, hold, numbers on the wire, stalls, freezing.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use std::time::Duration;

use conference::{CallId, ChangeSet, Cue, Ears, LegId, LegMask};
use lab::*;
use media_mixer::codec::{Codec, FRAME_SAMPLES};
use media_mixer::lab::Parcel;
use media_mixer::music::{Music, MusicPosition};
use media_mixer::tone::Goertzel;
use media_mixer::{HoldMusic, MediaNews, MediaSettings};

const CALL: CallId = CallId(1);
const OTHER: CallId = CallId(2);

/// Two phones of plain samples who hear each other, past the first moments.
fn talking(house: &mut House) -> (LegId, LegId) {
    let (a, b) = (house.phone(1, Codec::L16), house.phone(2, Codec::L16));
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    house.frames(60, &[(a, 1_000), (b, -3_000)]);
    house.forget_heard();
    (a, b)
}

#[test]
fn two_people_in_a_call_hear_each_other_and_not_themselves() {
    let mut house = House::new(&settings());
    let (a, b) = (house.phone(1, Codec::Pcmu), house.phone(2, Codec::L16));
    let mut applied = house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    house.frames(20, &[(a, 1_000), (b, -3_000)]);
    assert_eq!(applied.try_recv().unwrap().version, 1);
    let (heard_a, heard_b) = (house.heard(a), house.heard(b));
    assert!(heard_a.iter().skip(1_600).all(|s| (-3_100..=-2_900).contains(s)), "{heard_a:?}");
    assert!(heard_b.iter().skip(1_600).all(|s| (950..=1_050).contains(s)), "{heard_b:?}");
}

#[test]
fn who_is_in_no_call_is_sent_nothing() {
    let mut house = House::new(&settings());
    let a = house.phone(1, Codec::Pcmu);
    house.frames(20, &[(a, 1_000)]);
    assert!(house.phones[&a].heard.is_empty());
}

/// As whoever begins to hear it does: rising from silence within 5 ms.
fn rises(sound: &mut [i16]) {
    for (n, sample) in sound[..40].iter_mut().enumerate() {
        *sample = (i32::from(*sample) * n as i32 / 40) as i16;
    }
}

#[test]
fn hold_music_goes_on_at_its_position() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    let (mut heard, mut begins) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        begins.push(heard.len());
        house.masks(CALL, vec![held(mask(b, 2))], vec![]);
        house.forget_heard();
        house.frames(40, &[(a, 1_000), (b, -3_000)]);
        heard.extend(house.heard(b));
        assert!(house.heard(a).iter().all(|sample| *sample == 0 || sample.abs() < 200), "nobody hears the held");
        house.masks(CALL, vec![mask(b, 2)], vec![]);
        house.frames(20, &[(a, 1_000), (b, -3_000)]);
        assert!(house.heard(b).ends_with(&[1_000; 1_600]));
    }
    let mut music = vec![0; heard.len()];
    Music::builtin().read(MusicPosition(0), &mut music);
    begins.into_iter().for_each(|at| rises(&mut music[at..]));
    assert_eq!(heard, music, "three holds, and not a sample of the music lost or heard twice");
}

#[test]
fn away_phones_neither_hear_nor_are_heard_and_listeners_only_hear() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    for (line, b_hears) in [("a=sendonly\r\n", false), ("a=inactive\r\n", false), ("a=recvonly\r\n", true)] {
        let offer = house.phones[&b].offer(line);
        house.mixer.answer(b, offer.as_bytes()).unwrap();
        house.frames(3, &[]);
        house.forget_heard();
        house.frames(20, &[(a, 1_000), (b, -3_000)]);
        assert!(house.heard(a).iter().all(|sample| *sample == 0), "{line}");
        assert_eq!(house.heard(b).contains(&1_000), b_hears, "{line}");
        assert_eq!(house.phones[&b].heard.is_empty(), !b_hears, "{line}");
    }
}

#[test]
fn an_answer_that_did_not_go_out_is_undone_with_direction_codec_and_address() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    let before = house.mixer.repeat(b).unwrap();
    house.mixer.withdraw(b).unwrap();
    // a hold, by another codec and from another address
    let offer = "v=0\r\no=p 1 2 IN IP4 127.0.0.77\r\ns=-\r\nc=IN IP4 127.0.0.77\r\nt=0 0\r\n\
                 m=audio 4998 RTP/AVP 8\r\na=sendonly\r\n";
    house.mixer.answer(b, offer.as_bytes()).unwrap();
    house.frames(20, &[(a, 1_000), (b, -3_000)]);
    house.forget_heard();
    house.frames(20, &[(a, 1_000), (b, -3_000)]);
    assert!(house.heard(b).is_empty() && house.heard(a).iter().all(|sample| *sample == 0), "held");
    assert_eq!(house.mixer.restore(b).unwrap(), Some(conference::Direction::Both));
    assert_eq!(house.mixer.restore(b).unwrap(), None, "once");
    house.frames(20, &[(a, 1_000), (b, -3_000)]);
    house.forget_heard();
    house.frames(20, &[(a, 1_000), (b, -3_000)]);
    assert!(house.heard(a).iter().all(|sample| *sample == -3_000), "in its codec");
    assert!(house.heard(b).contains(&1_000), "at its address");
    assert_eq!(house.mixer.repeat(b).unwrap(), before, "its version too: the answer was never seen");
}

#[test]
fn a_repeated_description_changes_nothing() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    let first = house.mixer.repeat(b).unwrap();
    assert_eq!(house.mixer.repeat(b).unwrap(), first);
    let answer = house.phones[&b].offer("");
    assert_eq!(house.mixer.accept(b, answer.as_bytes()).unwrap(), conference::Direction::Both);
    house.frames(40, &[(a, 1_000), (b, -3_000)]);
    assert!(house.heard(a).iter().all(|sample| *sample == -3_000), "not a frame is lost");
    assert_eq!(house.mixer.repeat(b).unwrap(), first);
    let other = house.mixer.reoffer(b, media_mixer::sdp::Wish::SendOnly).unwrap();
    assert_ne!(house.mixer.repeat(b).unwrap(), first, "an offer of ours is out");
    assert_eq!(house.mixer.repeat(b).unwrap(), other);
}

#[test]
fn numbers_on_the_wire_go_on_and_a_marker_follows_a_pause() {
    let mut house = House::new(&settings());
    let (_, b) = talking(&mut house);
    house.frames(50, &[]);
    house.masks(CALL, vec![LegMask { open: false, ears: Ears::Nothing, ..mask(b, 2) }], vec![]);
    house.frames(25, &[]);
    house.masks(CALL, vec![mask(b, 2)], vec![]);
    house.frames(25, &[]);
    let heard = &house.phones[&b].heard;
    assert!(heard.windows(2).all(|two| two[1].sequence == two[0].sequence.wrapping_add(1)));
    assert!(heard.iter().all(|packet| packet.ssrc == heard[0].ssrc));
    let markers = heard.iter().filter(|packet| packet.marker).count();
    assert_eq!(markers, 1);
    for two in heard.windows(2) {
        let (time, stamps) = (two[1].at_us - two[0].at_us, two[1].timestamp.wrapping_sub(two[0].timestamp));
        assert_eq!(time / 125, u64::from(stamps), "timestamps follow the clock, over the pause too");
        assert_eq!(two[1].marker, time > 20_000);
    }
}

#[test]
fn packets_have_the_length_that_was_agreed() {
    for ptime in [10_u32, 20, 30, 40, 50, 60] {
        let mut house = House::new(&settings());
        let a = house.phone(1, Codec::Pcmu);
        let b = house.phone_with(2, Codec::Pcma, true, &format!("a=ptime:{ptime}\r\n"));
        house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
        house.frames(90, &[(a, 1_000)]);
        let heard = &house.phones[&b].heard;
        assert!(heard.len() as u32 >= 85 * 20 / ptime, "{ptime}");
        assert!(heard.iter().all(|packet| packet.payload.len() as u32 == ptime * 8), "{ptime}");
        let steady = heard.windows(2).all(|two| two[1].timestamp == two[0].timestamp.wrapping_add(ptime * 8));
        assert!(steady, "{ptime}");
        assert!(house.heard(b).iter().skip(3_200).all(|sample| (950..1_050).contains(sample)), "{ptime}");
    }
}

#[test]
fn an_open_leg_that_falls_silent_is_told_once_until_it_is_heard_again() {
    let settings = MediaSettings { media_timeout: Duration::from_secs(2), ..settings() };
    let mut house = House::new(&settings);
    let (a, b) = talking(&mut house);
    let silent = |house: &mut House| {
        house.news().into_iter().filter(|news| matches!(news, MediaNews::Silent { .. })).collect::<Vec<_>>()
    };
    house.frames(90, &[(b, 1)]);
    assert_eq!(silent(&mut house), []);
    house.frames(200, &[(b, 1)]);
    assert_eq!(silent(&mut house), [MediaNews::Silent { leg: a }]);
    house.frames(5, &[(a, 1), (b, 1)]);
    house.frames(120, &[(b, 1)]);
    assert_eq!(silent(&mut house), [MediaNews::Silent { leg: a }]);
    // who is held or away is not expected to be heard
    house.masks(CALL, vec![held(mask(a, 1)), mask(b, 2)], vec![]);
    house.frames(300, &[(b, 1)]);
    assert_eq!(silent(&mut house), []);
}

/// How long a change of what A says takes to B's ear, in microseconds.
fn latency_us(house: &mut House, a: LegId, b: LegId) -> u64 {
    house.frames(25, &[(a, 500)]);
    house.forget_heard();
    let said_us = house.lab.now_us();
    house.frames(50, &[(a, 700)]);
    let heard = house.phones[&b].heard.iter().find(|packet| packet.payload[..2] == 700_i16.to_be_bytes());
    heard.unwrap().at_us - said_us
}

#[test]
fn after_a_stall_of_the_whole_process_the_delay_is_back_within_five_seconds() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    let before = latency_us(&mut house, a, b);
    let lost = house.mixer.stats().workers[0].lost_ticks;
    // A goes on talking into our sockets while nobody reads them
    let resumes = house.lab.now_us() + 300_000;
    for n in 0..15 {
        house.say(a, &[500; FRAME_SAMPLES], n * 20_000);
    }
    house.forget_heard();
    house.lab.turn(resumes);
    house.collect();
    assert!(house.phones[&b].heard.len() <= 1, "no burst after the stall");
    assert!(house.mixer.stats().workers[0].lost_ticks - lost >= 13);
    assert!(house.news().iter().any(|news| matches!(news, MediaNews::Overload { .. })));
    house.frames(225, &[(a, 500)]);
    let after = latency_us(&mut house, a, b);
    assert!(after <= before + 5_000, "{before} us before, {after} us after");
}

#[test]
fn a_version_that_was_not_expected_closes_the_call_until_its_full_state_comes() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    let change = |version, full| ChangeSet {
        call: CALL,
        version,
        full,
        legs: vec![mask(a, 1), mask(b, 2)],
        gone: vec![],
        tightens: false,
    };
    let mut refused = house.mixer.set_audibility(change(7, false));
    house.frames(2, &[(a, 1_000), (b, -3_000)]);
    assert!(refused.try_recv().is_err());
    assert_eq!(house.news(), [MediaNews::OutOfStep { call: CALL }]);
    house.forget_heard();
    house.frames(20, &[(a, 1_000), (b, -3_000)]);
    assert!(house.phones[&a].heard.is_empty() && house.phones[&b].heard.is_empty(), "closed means silent");
    // even the right one does not open it now
    house.mixer.set_audibility(change(2, false));
    house.frames(10, &[(a, 1_000), (b, -3_000)]);
    assert!(house.phones[&b].heard.is_empty());
    let mut applied = house.mixer.set_audibility(change(8, true));
    house.frames(20, &[(a, 1_000), (b, -3_000)]);
    assert_eq!(applied.try_recv().unwrap().version, 8);
    assert!(house.heard(b).contains(&1_000));
}

#[test]
fn freezing_and_thawing_in_a_call_is_hardly_heard() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    house.frames(200, &[(a, 1_000), (b, -3_000)]);
    house.forget_heard();
    for leg in [a, b] {
        let state = house.mixer.freeze(leg).unwrap();
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<media_mixer::LegState>(&text).unwrap(), state);
        house.frames(10, &[(a, 1_000), (b, -3_000)]);
        house.mixer.thaw(state).unwrap();
        house.frames(50, &[(a, 1_000), (b, -3_000)]);
    }
    for (leg, value) in [(a, -3_000), (b, 1_000)] {
        let heard = &house.phones[&leg].heard;
        assert!(heard.iter().all(|packet| packet.ssrc == heard[0].ssrc), "the same source");
        let steps: Vec<u16> = heard.windows(2).map(|two| two[1].sequence.wrapping_sub(two[0].sequence)).collect();
        assert_eq!(steps.iter().filter(|step| **step != 1).count(), 1);
        assert!(steps.iter().all(|step| *step <= 500 && *step >= 1), "numbers only go forward");
        let others = house.heard(leg).iter().filter(|sample| **sample != value).count();
        assert!(others <= 2 * FRAME_SAMPLES, "{others} samples of a hole");
    }
}

#[test]
fn a_frozen_leg_is_taken_up_by_another_process_at_its_own_port() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    house.frames(100, &[(a, 1_000), (b, -3_000)]);
    let states: Vec<_> = [a, b].map(|leg| house.mixer.freeze(leg).unwrap()).into();
    let last = house.phones[&b].heard.last().unwrap().clone();
    let mut next = House::new(&settings());
    next.lab.turn(house.lab.now_us() + 400_000);
    next.phones = std::mem::take(&mut house.phones);
    next.phones.values_mut().for_each(|phone| phone.timestamp += 8 * 400);
    for state in states {
        assert_eq!(state.call(), Some(CALL));
        next.mixer.thaw(state).unwrap();
    }
    next.frames(5, &[(a, 1_000), (b, -3_000)]);
    next.forget_heard();
    let legs = vec![mask(a, 1), mask(b, 2)];
    next.mixer.set_audibility(ChangeSet { call: CALL, version: 41, full: true, legs, gone: vec![], tightens: true });
    next.frames(30, &[(a, 1_000), (b, -3_000)]);
    let heard = &next.phones[&b].heard;
    assert_eq!(heard[0].ssrc, last.ssrc);
    let ahead = heard[0].sequence.wrapping_sub(last.sequence);
    assert!((1..1_000).contains(&ahead), "{ahead}");
    assert!(next.heard(b).contains(&1_000));
}

#[test]
fn a_leg_that_is_named_before_it_is_opened_takes_its_seat_when_it_is() {
    let mut house = House::new(&settings());
    let a = house.phone(1, Codec::L16);
    let b = LegId::arrived(2);
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    house.frames(10, &[(a, 1_000)]);
    assert_eq!(house.phone(2, Codec::L16), b);
    house.frames(30, &[(a, 1_000), (b, -3_000)]);
    assert!(house.heard(a).contains(&-3_000) && house.heard(b).contains(&1_000));
}

#[test]
fn legs_move_between_calls_on_two_threads() {
    let mut house = House::new(&MediaSettings { workers: 2, ..settings() });
    let legs: Vec<LegId> = (1..=4).map(|n| house.phone(n, Codec::L16)).collect();
    let (a, b, c, d) = (legs[0], legs[1], legs[2], legs[3]);
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    house.masks(OTHER, vec![mask(c, 1), mask(d, 2)], vec![]);
    let saying = [(a, 1), (b, 2), (c, 4), (d, 8)];
    house.frames(30, &saying);
    let workers = house.mixer.stats().workers;
    assert_eq!((workers[0].legs, workers[1].legs), (2, 2), "shared out");
    house.masks(OTHER, vec![], vec![c, d]);
    house.masks(CALL, vec![mask(c, 3), mask(d, 4)], vec![]);
    house.frames(30, &saying);
    house.forget_heard();
    house.frames(5, &saying);
    for (leg, own) in saying {
        assert!(house.heard(leg).iter().all(|sample| *sample == 15 - own), "{leg}");
    }
    let workers = house.mixer.stats().workers;
    assert_eq!((workers[0].legs, workers[1].legs), (4, 0));
    for leg in legs {
        house.mixer.close(leg);
    }
    house.frames(2, &[]);
    let stats = house.mixer.stats();
    assert_eq!((stats.legs, stats.workers[0].legs, stats.workers[0].calls), (0, 0, 0));
}

#[test]
fn reports_go_out_and_come_back_and_the_end_is_said() {
    let mut house = House::new(&settings());
    let (a, b) = talking(&mut house);
    house.frames(600, &[(a, 1_000), (b, -3_000)]);
    let reports = &house.phones[&a].control;
    assert!((1..=5).contains(&reports.len()), "{} reports in 13 s", reports.len());
    assert!(reports.iter().all(|report| report[1] == 200), "sender reports");
    let last = reports.last().unwrap().clone();
    // A's phone reports about us: our last report, held for a tenth of a second, and 40 ms of way in all
    let mut report = vec![0x81, 201, 0, 7];
    report.extend(house.phones[&a].ssrc.to_be_bytes());
    report.extend(&last[4..8]);
    report.extend([0; 12]);
    report.extend(&last[10..14]);
    report.extend((65_536_u32 / 10).to_be_bytes());
    let sent_us = (u64::from(u32::from_be_bytes(last[8..12].try_into().unwrap())) * 1_000_000)
        + ((u64::from(u32::from_be_bytes(last[12..16].try_into().unwrap())) * 1_000_000) >> 32);
    // the last report may be of this very moment
    house.frames(10, &[(a, 1_000), (b, -3_000)]);
    let at_us = house.lab.now_us();
    let phone = &house.phones[&a];
    let from = std::net::SocketAddr::new(phone.address.ip(), phone.address.port() + 1);
    let to = std::net::SocketAddr::new(phone.server.ip(), phone.server.port() + 1);
    house.lab.net().arrive(Parcel { from, to, at_us, bytes: report });
    house.frames(60, &[(a, 1_000), (b, -3_000)]);
    let trip = house.mixer.leg_stats(a).unwrap().rtcp.round_trip_us.unwrap();
    let waited = at_us - sent_us - 100_000;
    assert!(trip.abs_diff(waited) < 1_000, "{trip} {waited}");
    house.mixer.close(a);
    house.frames(1, &[]);
    let bye = house.phones[&a].control.last().unwrap();
    assert!(bye.windows(2).any(|two| two == [0x81, 203]), "{bye:02x?}");
}

#[test]
fn ears_hear_what_their_mask_says_when_nobody_may_be_heard() {
    let mut house = House::new(&settings());
    let a = house.phone(1, Codec::L16);
    let loud = |sound: &[i16], hz| Goertzel::new(hz, 8_000).measure(&sound[sound.len() - 1_600..]).dbfs > -30.0;
    let mut hear = |ears: Ears| {
        house.masks(CALL, vec![LegMask { ears, ..mask(a, 1) }], vec![]);
        house.forget_heard();
        house.frames(30, &[(a, 123)]);
        house.heard(a)
    };
    assert!(loud(&hear(Ears::TestTone), 440.0));
    let ringback = hear(Ears::Ringback);
    assert!(loud(&ringback, 440.0) && loud(&ringback, 480.0));
    assert!(loud(&hear(Ears::Announcement), 1_400.0) || loud(&hear(Ears::Announcement), 950.0));
    assert!(hear(Ears::Echo).ends_with(&[123; 1_600]));
    let noise = hear(Ears::ComfortNoise);
    assert!(noise.iter().any(|sample| *sample != 0) && noise.iter().all(|sample| sample.abs() < 200));
    assert!(hear(Ears::Queue("support".into())).iter().any(|sample| sample.abs() > 500));
    house.masks(CALL, vec![LegMask { open: false, ears: Ears::Nothing, ..mask(a, 1) }], vec![]);
    house.frames(1, &[]);
    house.forget_heard();
    house.frames(10, &[]);
    assert!(house.phones[&a].heard.is_empty());
}

#[test]
fn a_cue_is_added_to_what_one_leg_hears() {
    let settings = MediaSettings { hold_music: HoldMusic::Silence, ..settings() };
    let mut house = House::new(&settings);
    let (a, b) = talking(&mut house);
    house.mixer.cue(b, Cue::Notice);
    house.frames(20, &[(a, 1_000), (b, -3_000)]);
    let heard = house.heard(b);
    let cue: Vec<i16> = heard.iter().map(|sample| sample - 1_000).filter(|sample| *sample != 0).collect();
    assert!((800..=1_000).contains(&cue.len()), "120 ms: {}", cue.len());
    assert!(house.heard(a).iter().all(|sample| *sample == -3_000), "the other hears nothing of it");
}

#[test]
fn in_a_room_of_two_hundred_the_ten_loudest_are_heard_by_all() {
    let mut house = House::new(&settings());
    let legs: Vec<LegId> = (1..=200).map(|n| house.phone(n, Codec::L16)).collect();
    let masks = legs.iter().enumerate().map(|(n, leg)| mask(*leg, n as u32)).collect();
    house.masks(CALL, masks, vec![]);
    let saying: Vec<(LegId, i16)> = legs.iter().enumerate().map(|(n, leg)| (*leg, 100 + n as i16)).collect();
    house.frames(20, &saying);
    let encodes = house.mixer.stats().workers[0].encodes;
    let ticks = house.mixer.stats().workers[0].ticks;
    house.forget_heard();
    house.frames(10, &saying);
    let stats = house.mixer.stats().workers[0];
    assert_eq!(
        stats.encodes - encodes,
        11 * (stats.ticks - ticks),
        "ten who hear all but themselves, and all the others"
    );
    let loudest: i16 = (290..300).sum();
    assert!(house.heard(legs[0]).iter().all(|sample| *sample == loudest));
    assert!(house.heard(legs[199]).iter().all(|sample| *sample == loudest - 299));
}

#[test]
fn whoever_is_not_known_is_told_so() {
    let house = House::new(&settings());
    let nobody = LegId::arrived(77);
    let error = house.mixer.offer(nobody).unwrap_err();
    assert_eq!(error.status(), 481);
    assert!(house.mixer.freeze(nobody).is_none() && house.mixer.leg_stats(nobody).is_none());
    house.mixer.close(nobody);
    house.mixer.open(nobody, media_mixer::lab::Lab::signalling()).unwrap();
    assert!(house.mixer.open(nobody, media_mixer::lab::Lab::signalling()).is_err());
    assert_eq!(house.mixer.answer(nobody, b"nonsense").unwrap_err().status(), 400);
    let video = b"v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\n";
    assert_eq!(house.mixer.answer(nobody, video).unwrap_err().status(), 488);
}

#[test]
fn a_call_comes_to_tick_soon_after_its_talkers_packets_arrive() {
    // wherever in the 20 ms the packets come
    for shift in 0..10 {
        let mut house = House::new(&settings());
        let (a, b) = (house.phone(1, Codec::L16), house.phone(2, Codec::L16));
        house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
        (0..shift).for_each(|_| house.slot());
        house.frames(60, &[(a, 9_000)]);
        house.frames(300, &[(a, 5)]);
        let waits = latency_us(&mut house, a, b);
        assert!(waits <= 8_000, "shifted by {shift} slots: {waits} us");
    }
}

#[test]
fn a_call_ticks_no_earlier_than_the_packets_of_whoever_spoke_up_meanwhile_allow() {
    for later_us in (0..20_000).step_by(2_000) {
        let mut house = House::new(&settings());
        let (a, b) = (house.phone(1, Codec::L16), house.phone(2, Codec::L16));
        house.masks(CALL, vec![mask(a, 1), held(mask(b, 2))], vec![]);
        // loud, so that the call, which finds out by whom it could tick earlier every two seconds, finds no pause to do it in
        both_say(&mut house, [a, b], 110, 9_000, later_us);
        house.masks(CALL, vec![mask(b, 2)], vec![]);
        both_say(&mut house, [a, b], 50, 9_000, later_us);
        let concealed = |house: &House| house.mixer.leg_stats(b).unwrap().jitter.concealed;
        let before = concealed(&house);
        both_say(&mut house, [a, b], 80, 5, later_us);
        assert_eq!(concealed(&house), before, "packets {later_us} us later than the other's come too late for a while");
    }
}

fn both_say(house: &mut House, [a, b]: [LegId; 2], frames: u32, sample: i16, later_us: u64) {
    for _ in 0..frames {
        house.say(a, &[sample; FRAME_SAMPLES], 0);
        house.say(b, &[sample; FRAME_SAMPLES], later_us);
        (0..10).for_each(|_| house.slot());
    }
}
