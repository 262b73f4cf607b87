//! What a jitter buffer makes of pauses, new sources, jumps, floods and nonsense, and what it says of the age of its frames.
#![allow(clippy::unwrap_used)]

mod wire;

use media_mixer::codec::{Codec, Rate, g711};
use media_mixer::jitter::{Arrival, Jitter, JitterState, Kind, Pushed, Tools};
use wire::{Dice, Run, TICK_US, delayed_randomly, packet, stream};

#[test]
fn a_stall_of_the_network_fills_and_recovers_without_lasting_delay() {
    let mut wire = stream(1_500, 160, 1_004_000, 0);
    for sent in &mut wire {
        if (5_000_000..5_300_000).contains(&sent.arrives_us) {
            sent.arrives_us = 5_300_000;
        }
    }
    let mut run = Run::new(wire);
    run.ticks(150);
    let before = run.delay_ms();
    run.ticks(500);
    assert!((run.delay_ms() - before).abs() <= 20.5, "{} against {before}", run.delay_ms());
    assert!(run.concealed_ms() <= 80, "{}", run.concealed_ms());
    let kinds: Vec<Kind> = run.frames[200..220].iter().map(|f| f.kind).collect();
    assert!(kinds.contains(&Kind::Concealed) && kinds.contains(&Kind::Silence));
}

#[test]
fn speech_after_a_pause_without_packets_starts_at_once() {
    let mut wire = stream(2_000, 160, 1_006_000, 0);
    wire.retain(|sent| (sent.arrives_us / 700_000) % 2 == 1);
    let spurts: Vec<u32> = wire
        .iter()
        .enumerate()
        .filter(|(n, sent)| *n > 0 && sent.arrives_us - wire[n - 1].arrives_us > 500_000)
        .map(|(_, sent)| sent.meta.timestamp)
        .collect();
    assert!(spurts.len() > 10);
    let mut run = Run::new(wire);
    run.ticks(1_900);
    for first in spurts.iter().take(10) {
        assert!(run.frames.iter().any(|f| f.timestamp == Some(*first) && f.kind == Kind::Decoded));
    }
    let silent = run.frames.iter().filter(|f| f.kind == Kind::Silence).count();
    assert!(silent > 700, "a stopped source is silence: {silent}");
    assert_eq!(run.jitter.counts().late, 0);
}

#[test]
fn a_stopped_source_is_silence_after_sixty_milliseconds() {
    let mut run = Run::new(stream(50, 160, 1_002_000, 0));
    run.ticks(100);
    let last = run.frames.iter().rposition(|f| f.kind == Kind::Decoded).unwrap();
    let after: Vec<Kind> = run.frames[last + 1..last + 5].iter().map(|f| f.kind).collect();
    assert_eq!(after, [Kind::Concealed, Kind::Concealed, Kind::Concealed, Kind::Silence]);
    assert!(run.frames[last + 4..].iter().all(|f| f.kind == Kind::Silence && f.timestamp.is_none()));
    assert!(run.sound[(last + 4) * 160..].iter().all(|s| *s == 0));
}

#[test]
fn a_sender_whose_timestamps_stand_still_in_pauses_is_heard_again() {
    for pause_us in [300_000, 600_000, 2_000_000] {
        let mut wire = stream(500, 160, 1_006_000, 0);
        for sent in &mut wire[250..] {
            sent.arrives_us += pause_us;
        }
        let mut run = Run::new(wire);
        run.ticks(250 + (pause_us / TICK_US) as usize + 40);
        assert!(run.frames[run.frames.len() - 25..].iter().all(|f| f.kind == Kind::Decoded), "{pause_us}");
    }
}

#[test]
fn a_new_source_is_heard_at_once_and_marked() {
    let mut wire = stream(500, 160, 1_006_000, 0);
    for sent in &mut wire[250..] {
        sent.meta.ssrc = 99;
        sent.meta.timestamp = sent.meta.timestamp.wrapping_mul(31).wrapping_add(5);
        sent.meta.timestamp = 4_000_000_000_u32.wrapping_add((sent.arrives_us / 125) as u32);
    }
    // A straggler of the old source afterwards must not bring it back.
    let mut straggler = wire[249].clone();
    straggler.arrives_us = wire[255].arrives_us + 1_000;
    wire.push(straggler);
    let mut run = Run::new(wire);
    run.ticks(400);
    let marked: Vec<usize> = (0..400).filter(|n| run.frames[*n].discontinuity).collect();
    assert_eq!(marked.len(), 2, "{marked:?}");
    let holes = run.frames[marked[0]..].iter().filter(|f| f.kind != Kind::Decoded).count();
    assert!(holes <= 1, "{holes} frames without sound");
    assert_eq!((run.jitter.ssrc(), run.jitter.counts().resets), (Some(99), 1));
}

#[test]
fn a_jump_of_the_timestamps_is_marked_and_costs_no_more_than_a_frame() {
    for jump in [1_000_000_u32, 1_000_000_u32.wrapping_neg(), 20_000, 4_000, 1 << 31] {
        let mut wire = stream(500, 160, 1_006_000, 0);
        for sent in &mut wire[250..] {
            sent.meta.timestamp = sent.meta.timestamp.wrapping_add(jump);
        }
        let mut run = Run::new(wire);
        run.ticks(400);
        let marked: Vec<usize> = (0..400).filter(|n| run.frames[*n].discontinuity).collect();
        assert!(marked.len() >= 2 && marked[1] >= 250, "{jump}: {marked:?}");
        let holes = run.frames[300..].iter().filter(|f| f.kind != Kind::Decoded).count();
        assert_eq!(holes, 0, "{jump}");
    }
}

#[test]
fn no_frame_claims_to_be_younger_than_what_it_holds() {
    // Each packet's samples carry the number of their packet, so every sample tells how old it is.
    let mut stretched = 0;
    for seed in 0..20_u64 {
        let mut dice = Dice(seed);
        let mut wire = stream(2_000, 160, 1_006_000, if seed % 2 == 0 { 200 } else { -200 });
        let levels: Vec<i16> = (0..110).map(|n| g711::ULAW_TO_LINEAR[255 - n as usize]).collect();
        for (n, sent) in wire.iter_mut().enumerate() {
            // Levels rise for a hundred packets; loud enough not to be taken for a pause.
            sent.payload.fill(255 - 40 - (n % 60) as u8);
            sent.arrives_us += dice.below(30_000);
        }
        let first = wire[0].meta.timestamp;
        wire.retain(|_| !dice.percent(3));
        let mut run = Run::new(wire);
        run.ticks(1_900);
        stretched += run.jitter.counts().shortened + run.jitter.counts().lengthened;
        for (n, (frame, sound)) in run.frames.iter().zip(run.sound.chunks(160)).enumerate().skip(1) {
            let Some(oldest) = frame.oldest else { continue };
            assert!(oldest.wrapping_sub(frame.timestamp.unwrap()) as i32 <= 0);
            let packet = (oldest.wrapping_sub(first) / 160) as usize;
            // Within a climb a sample below the oldest packet's level would be older speech. Fading out goes below as well.
            let clean = run.frames[n - 1].kind == Kind::Decoded && frame.kind == Kind::Decoded;
            if clean && oldest == frame.timestamp.unwrap() && packet % 60 < 55 {
                let least = levels[40 + packet % 60];
                assert!(
                    sound.iter().all(|s| *s >= least),
                    "seed {seed}, packet {packet}: {:?} under {least}",
                    sound.iter().min()
                );
            }
        }
    }
    assert!(stretched > 1_000);
}

#[test]
fn concealment_says_whose_speech_it_repeats() {
    let mut wire = stream(100, 160, 1_006_000, 0);
    wire.remove(50);
    let mut run = Run::new(wire.clone());
    run.ticks(100);
    let at = run.frames.iter().position(|f| f.kind == Kind::Concealed).unwrap();
    let stands_for = wire[49].meta.timestamp.wrapping_add(160);
    assert_eq!((run.frames[at].timestamp, run.frames[at].concealed), (Some(stands_for), 160));
    assert!(!run.frames[at].spoken_since(stands_for) && !run.frames[at].spoken_since(stands_for.wrapping_sub(390)));
    assert!(run.frames[at].spoken_since(stands_for.wrapping_sub(640)));
    // The frame after it fades out of the concealment, the one after that is clean.
    assert!(!run.frames[at + 1].spoken_since(stands_for) && run.frames[at + 1].kind == Kind::Decoded);
    let clean = run.frames[at + 2];
    assert!(clean.spoken_since(clean.timestamp.unwrap()) && !clean.spoken_since(clean.timestamp.unwrap() + 1));
}

#[test]
fn the_expected_timestamp_follows_the_least_delayed_packets() {
    let mut dice = Dice(5);
    let mut wire = stream(3_000, 160, 1_000_000, -200);
    let sent = wire.clone();
    delayed_randomly(&mut wire, &mut dice, 40_000, 0);
    let mut run = Run::new(wire);
    assert_eq!(run.jitter.expected_timestamp(5), None);
    run.ticks(2_990);
    let now = sent[2_900].arrives_us;
    let off = run.jitter.expected_timestamp(now).unwrap().wrapping_sub(sent[2_900].meta.timestamp) as i32;
    // Never behind what arrives undelayed by more than the drift of a moment.
    assert!((-8..=64).contains(&off), "{off} samples off");
    assert!((8_000..20_000).contains(&run.jitter.jitter_us()), "{}", run.jitter.jitter_us());
}

#[test]
fn a_flushed_buffer_replays_nothing() {
    let wire = stream(1_000, 160, 1_006_000, 0);
    let mut run = Run::new(wire.clone());
    run.ticks(100);
    // Away: packets still come for a while, nothing is pulled.
    for _ in 0..20 {
        run.deliver(|arrived| arrived);
        run.now_us += TICK_US;
    }
    run.jitter.flush();
    assert_eq!(run.jitter.depth(), 0);
    let after = run.wire[run.at].meta.timestamp;
    let frame = (0..5).map(|_| run.tick()).find(|f| f.kind != Kind::Silence).unwrap();
    assert!(frame.spoken_since(after));
    run.ticks(50);
    assert!(run.delay_ms() <= 21.6);
}

#[test]
fn a_frozen_buffer_goes_on_where_it_was() {
    let mut dice = Dice(9);
    let mut wire = stream(1_000, 160, 1_006_000, 0);
    delayed_randomly(&mut wire, &mut dice, 40_000, 0);
    let mut run = Run::new(wire);
    run.ticks(500);
    let text = serde_json::to_string(&run.jitter.freeze()).unwrap();
    let state: JitterState = serde_json::from_str(&text).unwrap();
    let (waited, expected) = (run.jitter.wait_us(), run.jitter.expected_timestamp(run.now_us).unwrap());
    run.jitter = Jitter::thaw(&state, Arrival::Stamped);
    assert_eq!(run.jitter.wait_us(), waited);
    assert_eq!(run.jitter.expected_timestamp(run.now_us), Some(expected));
    run.ticks(300);
    assert_eq!(run.jitter.counts().resets, 0);
    assert!(run.jitter.counts().late <= 4, "{:?}", run.jitter.counts());
    assert!(run.frames[510..].iter().filter(|f| f.kind != Kind::Decoded).count() <= 4);
}

#[test]
fn a_flood_is_dropped_and_the_depth_stays_bounded() {
    let mut run = Run::new(Vec::new());
    let mut sequence = 0_u64;
    for _ in 0..500 {
        for _ in 0..50 {
            let sent = packet(sequence, sequence * 160, 160, run.now_us);
            run.jitter.push(sent.meta, &sent.payload, run.now_us);
            sequence += 1;
        }
        assert!(run.jitter.depth() <= 64);
        run.pull();
    }
    let counts = run.jitter.counts();
    assert!(counts.overflowed + counts.late + counts.resets > 1_000, "{counts:?}");
}

/// Every codec that may arrive, with payloads that no encoder made, in one stream after the other and mixed.
#[test]
fn no_payload_and_no_header_of_any_codec_makes_it_panic() {
    let codecs = [Codec::Pcmu, Codec::Pcma, Codec::L16, Codec::G722, Codec::Opus, Codec::ComfortNoise];
    let mut stored = [0_u32; 6];
    for seed in 0..50 {
        let mut dice = Dice(seed);
        let mut run = Run::new(Vec::new());
        if seed % 5 != 0 {
            run.jitter.equip(&mut Tools::new(codecs.into_iter()));
        }
        let mut timestamp = 0_u64;
        let mut which = 0;
        let mut out = vec![0; Rate::MAX_FRAME];
        for _ in 0..2_000 {
            for _ in 0..dice.below(4) {
                timestamp = match dice.below(20) {
                    0 => dice.next() >> 2,
                    1 => timestamp.wrapping_sub(dice.below(2_000)),
                    _ => timestamp.wrapping_add(dice.below(1_200)) >> 1 << 1,
                };
                // mostly one codec goes on for a while, as streams do
                which = if dice.percent(5) { dice.below(6) as usize } else { which };
                let sizes = [0, 1, 1, 2, 3, 40, 80, 159, 160, 161, 480, 1_472, 1_473, 9_000];
                let mut sent = packet(dice.next(), timestamp, sizes[dice.below(14) as usize], 0);
                if dice.percent(80) {
                    sent.payload.iter_mut().for_each(|byte| *byte = dice.next() as u8);
                }
                sent.meta.ssrc = if dice.percent(98) { 1 } else { dice.below(3) as u32 };
                sent.meta.codec = codecs[which];
                let pushed = run.jitter.push(sent.meta, &sent.payload, run.now_us - dice.below(30_000));
                assert!(!sent.payload.is_empty() || pushed == Pushed::Refused);
                stored[which] += u32::from(matches!(pushed, Pushed::Stored | Pushed::Reset));
            }
            run.now_us += if dice.percent(1) { dice.below(3_000_000) } else { 0 };
            // a frame that is not silence is as long as its rate says, and what is too short for it stays untouched
            let rate = run.jitter.rate();
            let room = if dice.percent(95) { rate.frame() } else { dice.below(rate.frame() as u64) as usize };
            let frame = run.jitter.pull(run.now_us, &mut out[..room]);
            assert!(frame.kind == Kind::Silence || room == rate.frame());
            run.now_us += TICK_US;
            if dice.percent(1) {
                run.jitter.flush();
            }
        }
    }
    assert!(stored.iter().all(|count| *count > 500), "each of them was played: {stored:?}");
}
