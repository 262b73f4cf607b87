//! What a phone hears of a leg that was frozen and thawed, several times over: the same source, in step with the clock, and no
//! buffer of any phone waits for a time that has yet to come.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod lab;

use conference::{CallId, ChangeSet, LegId};
use lab::*;
use media_mixer::codec::{Codec, FRAME_SAMPLES};
use media_mixer::jitter::{Arrival, Jitter, PacketMeta};
use media_mixer::rtp::Source;

const CALL: CallId = CallId(1);

fn talking() -> (House, LegId, LegId) {
    let mut house = House::new(&settings());
    let (a, b) = (house.phone(1, Codec::L16), house.phone(2, Codec::L16));
    house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    house.frames(120, &[(a, 1_000), (b, -3_000)]);
    house.forget_heard();
    (house, a, b)
}

/// Nine thaws at odd moments, some right after another; the packets that B heard, and when the thaws were.
fn thawed_nine_times() -> (Vec<Packet>, Vec<u64>) {
    let (mut house, a, b) = talking();
    let saying = [(a, 1_000), (b, -3_000)];
    let mut thaws = Vec::new();
    for (frames, slots, age) in
        [(40, 3, 0), (7, 0, 5), (1, 9, 0), (0, 1, 0), (90, 5, 30), (3, 2, 2), (60, 7, 45), (0, 0, 0), (51, 4, 1)]
    {
        house.frames(frames, &saying);
        let state = house.mixer.freeze(b).unwrap();
        house.frames(age, &saying);
        (0..slots).for_each(|_| house.slot());
        house.mixer.thaw(state).unwrap();
        thaws.push(house.lab.now_us());
    }
    house.frames(60, &saying);
    (house.phones[&b].heard.clone(), thaws)
}

#[test]
fn timestamps_stay_in_step_with_the_clock_over_any_number_of_thaws() {
    let (packets, thaws) = thawed_nine_times();
    assert!(packets.iter().all(|packet| packet.ssrc == packets[0].ssrc), "one source");
    for two in packets.windows(2) {
        let thawed = thaws.iter().any(|at_us| (two[0].at_us..two[1].at_us).contains(at_us));
        let step = two[1].sequence.wrapping_sub(two[0].sequence);
        assert!(if thawed { (1..3_000).contains(&step) } else { step == 1 }, "a step of {step}");
        assert_eq!(two[1].marker, thawed, "the first packet after a thaw has the marker");
    }
    for packet in &packets {
        let passed_us = i64::try_from(packet.at_us - packets[0].at_us).unwrap();
        let stamped_us = i64::from(packet.timestamp.wrapping_sub(packets[0].timestamp)) * 125;
        // the odd moments move the talkers' packets within the 20 ms, and the call comes to tick earlier with them
        assert!((0..60_000).contains(&(stamped_us - passed_us)), "{stamped_us} us of timestamps in {passed_us} us");
    }
}

#[test]
fn the_source_stays_valid_and_our_own_jitter_buffer_plays_on() {
    let (packets, _) = thawed_nine_times();
    let mut source = Source::new(packets[0].sequence.wrapping_sub(1));
    let mut jitter = Jitter::new(8_000, Arrival::Stamped);
    let (mut silent, mut longest) = (0, 0);
    for packet in &packets {
        assert!(source.update(packet.sequence), "taken for another sender");
        let meta = PacketMeta {
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            marker: packet.marker,
            codec: Codec::L16,
        };
        jitter.push(meta, &packet.payload, packet.at_us);
        let mut frame = [0; FRAME_SAMPLES];
        jitter.pull(packet.at_us + 5_000, &mut frame);
        silent = if frame[80] == 0 { silent + 1 } else { 0 };
        longest = longest.max(silent);
    }
    assert!(longest <= 5, "silent for {longest} frames");
}

/// A buffer ordered by sequence numbers, as in pjmedia: what is behind is dropped, what is further ahead than there is room
/// pushes out what waits; one step too far begins anew.
struct BySequence {
    origin: u16,
    waiting: Vec<u16>,
}

impl BySequence {
    const ROOM: u16 = 50;

    fn put(&mut self, sequence: u16) -> bool {
        if self.waiting.is_empty() {
            self.origin = sequence;
        }
        let distance = sequence.wrapping_sub(self.origin);
        if distance > u16::MAX - 100 {
            return false;
        }
        if distance >= Self::ROOM {
            self.waiting.clear();
            self.origin = sequence;
        }
        self.waiting.push(sequence);
        true
    }

    fn get(&mut self) -> bool {
        let there = self.waiting.first() == Some(&self.origin);
        if there {
            self.waiting.remove(0);
        }
        self.origin = self.origin.wrapping_add(1);
        there
    }
}

#[test]
fn a_buffer_ordered_by_sequence_numbers_plays_on() {
    let (packets, thaws) = thawed_nine_times();
    let mut buffer = BySequence { origin: packets[0].sequence, waiting: Vec::new() };
    let mut missed = 0;
    for (n, packet) in packets.iter().enumerate() {
        assert!(buffer.put(packet.sequence), "dropped as late");
        if n >= 3 {
            missed += u32::from(!buffer.get());
        }
    }
    assert!(missed <= 4 * u32::try_from(thaws.len()).unwrap(), "{missed} frames are missing");
}

/// A buffer that plays by timestamps, as in `WebRTC` and oRTP: what is ahead waits for its time, unless it is so far ahead that
/// the buffer begins anew.
#[test]
fn a_buffer_that_plays_by_timestamps_never_waits() {
    let (packets, _) = thawed_nine_times();
    let (mut start_us, mut base) = (packets[0].at_us + 60_000, packets[0].timestamp);
    for packet in &packets {
        let due_us = start_us + u64::from(packet.timestamp.wrapping_sub(base)) * 125;
        let waits_us = due_us.saturating_sub(packet.at_us);
        if waits_us > 1_000_000 {
            (start_us, base) = (packet.at_us + 60_000, packet.timestamp);
        }
        assert!(due_us >= packet.at_us, "too late by {} us", packet.at_us - due_us);
        assert!(waits_us <= 120_000, "waits for {waits_us} us");
    }
}

#[test]
fn a_stream_taken_up_by_another_process_is_in_step_too_however_long_that_took() {
    for (down_ms, lobby_ms) in [(100, 40), (900, 300), (4_000, 1_000), (9_990, 20), (30_000, 2_000)] {
        let (mut house, a, b) = talking();
        house.frames(33, &[(a, 1_000), (b, -3_000)]);
        let states: Vec<_> = [a, b].map(|leg| house.mixer.freeze(leg).unwrap()).into();
        house.frames(20, &[(a, 1_000), (b, -3_000)]);
        let before = house.phones[&b].heard.clone();
        let mut next = House::new(&settings());
        next.lab.turn(house.lab.now_us() + down_ms * 1_000);
        next.phones = std::mem::take(&mut house.phones);
        next.forget_heard();
        for state in states {
            next.mixer.thaw(state).unwrap();
        }
        (0..lobby_ms / 2).for_each(|_| next.slot());
        let legs = vec![mask(a, 1), mask(b, 2)];
        next.mixer.set_audibility(ChangeSet { call: CALL, version: 7, full: true, legs, gone: vec![], tightens: true });
        next.frames(60, &[(a, 1_000), (b, -3_000)]);
        let after = &next.phones[&b].heard;
        assert!(after[0].marker && after[0].ssrc == before[0].ssrc);
        let all: Vec<Packet> = before.iter().chain(after).cloned().collect();
        let first = &all[0];
        for packet in &all {
            let passed_us = i64::try_from(packet.at_us - first.at_us).unwrap();
            let stamped_us = i64::from(packet.timestamp.wrapping_sub(first.timestamp)) * 125;
            let ahead_us = stamped_us - passed_us;
            assert!((-20_000..=20_000).contains(&ahead_us), "down for {down_ms} ms: {ahead_us} us ahead");
        }
    }
}
