//! The jitter buffer on a virtual clock and a seeded wire: what goes in is known, and so is what must come out.
#![allow(clippy::unwrap_used)]

use media_mixer::codec::{Codec, FRAME_SAMPLES, g711};
use media_mixer::jitter::{Arrival, Frame, Jitter, JitterState, Kind, PacketMeta, Pushed};

const TICK_US: u64 = 20_000;

/// A small generator of repeatable chance.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = self.0;
        (x ^ (x >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What a sender says at RTP timestamp `t`: 1 kHz at -13 dBFS.
fn tone(t: i64) -> u8 {
    g711::encode_ulaw(((t as f64 * std::f64::consts::TAU / 8.0).sin() * 10_000.0) as i16)
}

#[derive(Clone)]
struct Sent {
    arrives_us: u64,
    meta: PacketMeta,
    payload: Vec<u8>,
}

fn packet(sequence: u64, timestamp: u64, samples: usize, arrives_us: u64) -> Sent {
    Sent {
        arrives_us,
        meta: PacketMeta {
            sequence: sequence as u16,
            timestamp: timestamp as u32,
            ssrc: 7,
            marker: false,
            codec: Codec::Pcmu,
        },
        payload: (0..samples).map(|i| tone(timestamp as i64 + i as i64)).collect(),
    }
}

/// `count` packets of `samples` each, the first at `first_us`, of a sender whose clock is `ppm` fast.
fn stream(count: u64, samples: usize, first_us: u64, ppm: i64) -> Vec<Sent> {
    let period_ns = samples as i64 * 125_000;
    (0..count)
        .map(|n| {
            let sent_ns = n as i64 * (period_ns - period_ns * ppm / 1_000_000);
            packet(
                n + 65_000,
                n * samples as u64 + u64::from(u32::MAX) - 9_999,
                samples,
                first_us + (sent_ns / 1_000) as u64,
            )
        })
        .collect()
}

/// One run: packets sorted by arrival, a tick every 20 ms.
struct Run {
    jitter: Jitter,
    wire: Vec<Sent>,
    at: usize,
    now_us: u64,
    frames: Vec<Frame>,
    sound: Vec<i16>,
}

impl Run {
    fn new(mut wire: Vec<Sent>) -> Self {
        wire.sort_by_key(|sent| sent.arrives_us);
        let jitter = Jitter::new(8_000, Arrival::Stamped);
        Self { jitter, wire, at: 0, now_us: 1_000_000, frames: Vec::new(), sound: Vec::new() }
    }

    fn deliver(&mut self, seen_at: impl Fn(u64) -> u64) {
        while let Some(sent) = self.wire.get(self.at).filter(|sent| sent.arrives_us <= self.now_us) {
            self.jitter.push(sent.meta, &sent.payload, seen_at(sent.arrives_us));
            self.at += 1;
        }
    }

    fn tick(&mut self) -> Frame {
        self.deliver(|arrived| arrived);
        self.pull()
    }

    fn pull(&mut self) -> Frame {
        let mut out = [0; FRAME_SAMPLES];
        let frame = self.jitter.pull(self.now_us, &mut out);
        self.frames.push(frame);
        self.sound.extend(out);
        self.now_us += TICK_US;
        frame
    }

    fn ticks(&mut self, count: usize) -> &mut Self {
        for _ in 0..count {
            self.tick();
        }
        self
    }

    /// The process stands still, then finds everything that came meanwhile at once.
    fn stall(&mut self, us: u64) {
        self.now_us += us;
        let now = self.now_us;
        self.deliver(|_| now);
        self.pull();
    }

    fn concealed_ms(&self) -> u64 {
        self.jitter.counts().concealed / 8
    }

    fn delay_ms(&self) -> f64 {
        f64::from(self.jitter.added_delay_us().unwrap()) / 1_000.0
    }

    /// Frames after the first sound which are not a clean 1 kHz tone of the right level.
    fn broken_frames(&self, from: usize) -> usize {
        self.sound.chunks(FRAME_SAMPLES).skip(from).filter(|frame| !is_tone(frame)).count()
    }
}

fn is_tone(frame: &[i16]) -> bool {
    let (mut re, mut im, mut total) = (0.0, 0.0, 0.0);
    for (i, sample) in frame.iter().enumerate() {
        let (s, phase) = (f64::from(*sample), i as f64 * std::f64::consts::TAU / 8.0);
        re += s * phase.cos();
        im += s * phase.sin();
        total += s * s;
    }
    let power = (re * re + im * im) * 2.0 / frame.len() as f64;
    power > 0.9 * total && total / frame.len() as f64 > 5_000.0 * 5_000.0
}

fn delayed_randomly(wire: &mut Vec<Sent>, dice: &mut Dice, jitter_us: u64, loss_percent: u64) {
    wire.retain_mut(|sent| {
        sent.arrives_us += dice.below(jitter_us + 1);
        !dice.percent(loss_percent)
    });
}

#[test]
fn a_clean_wire_passes_bit_by_bit_at_every_phase_and_packet_time() {
    for samples in [80, 160, 240, 320, 480, 200, 37] {
        for phase_us in (0..20_000).step_by(1_700) {
            let count = 8_000 / samples as u64 * 3;
            let wire = stream(count, samples, 1_000_000 + phase_us, 0);
            let mut run = Run::new(wire.clone());
            run.ticks(125);
            let begin = run.frames.iter().position(|f| f.kind != Kind::Silence).unwrap();
            assert!(begin <= 6, "{samples} at {phase_us}: starts at frame {begin}");
            let expected = wire.iter().flat_map(|s| s.payload.iter().map(|b| g711::ULAW_TO_LINEAR[usize::from(*b)]));
            let first = run.frames[begin].timestamp.unwrap();
            let silence = wire[0].meta.timestamp.wrapping_sub(first) as usize;
            assert!(silence < FRAME_SAMPLES, "{samples} at {phase_us}: {silence}");
            let heard = &run.sound[begin * FRAME_SAMPLES + silence..];
            assert!(expected.zip(heard).all(|(a, b)| a == *b), "{samples} at {phase_us}");
            for (n, frame) in run.frames[begin..].iter().enumerate() {
                assert_eq!((frame.kind, frame.timestamp), (Kind::Decoded, Some(first.wrapping_add(n as u32 * 160))));
                assert_eq!((frame.oldest, frame.discontinuity), (frame.timestamp, n == 0));
            }
            // The tick itself, then the packets' misfit with it: never more than one packet and one tick.
            let step = samples as f64 / 8.0;
            assert!(run.delay_ms() <= 20.0 + 20.0 + 1.5, "{samples} ({step} ms) at {phase_us}: {}", run.delay_ms());
            if samples == 160 || samples == 320 || samples == 480 {
                assert!(run.delay_ms() <= 21.6, "{samples} at {phase_us}: {} ms", run.delay_ms());
            }
        }
    }
}

#[test]
fn a_clean_wire_read_only_at_ticks_is_not_delayed_further() {
    for samples in [80, 160, 240] {
        for phase_us in [0, 4_999, 12_000, 19_999] {
            let mut run = Run::new(stream(1_000, samples, 1_000_000 + phase_us, 0));
            run.jitter = Jitter::new(8_000, Arrival::AtTick);
            for _ in 0..300 {
                let now = run.now_us;
                run.deliver(|_| now);
                run.pull();
            }
            let begin = run.frames.iter().position(|f| f.kind != Kind::Silence).unwrap();
            assert!(begin <= 3, "{samples} at {phase_us}: {begin}");
            assert_eq!((run.broken_frames(begin + 1), run.concealed_ms()), (0, 0), "{samples} at {phase_us}");
            assert!(run.delay_ms() <= 20.0, "{samples} at {phase_us}: {} ms", run.delay_ms());
            let stretched = run.jitter.counts().shortened + run.jitter.counts().lengthened;
            assert!(stretched == 0 || samples != 160, "{samples} at {phase_us}: {stretched} samples");
        }
    }
}

#[test]
fn a_late_ticking_thread_costs_no_frame() {
    let mut dice = Dice(3);
    let mut run = Run::new(stream(3_000, 160, 1_011_000, 0));
    for n in 0..3_000_u64 {
        run.now_us = 1_000_000 + n * TICK_US + dice.below(3_000);
        run.tick();
    }
    assert_eq!((run.concealed_ms(), run.jitter.counts().late), (0, 0));
    assert!(run.jitter.counts().lengthened <= 170, "{:?}", run.jitter.counts());
}

#[test]
fn reordering_and_duplicates_are_not_heard() {
    let mut dice = Dice(11);
    let mut wire = stream(3_000, 160, 1_001_000, 0);
    // Every other packet overtakes its elder now and then, by less than the tick it waits anyway.
    for sent in &mut wire {
        sent.arrives_us += if dice.percent(5) { 45_000 } else { 0 };
    }
    let copies: Vec<Sent> = wire.iter().filter(|_| dice.percent(5)).cloned().collect();
    let copied = copies.len() as u64;
    wire.extend(copies.into_iter().map(|s| Sent { arrives_us: s.arrives_us + 3_000, ..s }));
    let mut run = Run::new(wire);
    run.ticks(2_990);
    let counts = *run.jitter.counts();
    assert!(counts.duplicates + counts.late >= copied && counts.late <= copied + 10, "{counts:?}, {copied} copies");
    assert!(run.concealed_ms() <= 100, "{} ms concealed", run.concealed_ms());
    assert!(run.broken_frames(200) <= 2);
}

#[test]
fn at_60_ms_jitter_and_5_percent_loss_a_tone_loses_hardly_more_than_the_wire_lost() {
    for seed in 0..20 {
        let mut dice = Dice(seed);
        let mut wire = stream(3_000, 160, 1_000_000 + dice.below(20_000), 0);
        delayed_randomly(&mut wire, &mut dice, 60_000, 5);
        let lost_on_the_wire = 3_000 - wire.len();
        let mut run = Run::new(wire);
        run.ticks(3_000);
        let first = run.frames.iter().position(|f| f.kind != Kind::Silence).unwrap();
        let beyond = (run.concealed_ms() as f64 / 20.0) - lost_on_the_wire as f64;
        assert!(
            beyond <= 30.0,
            "seed {seed}: {beyond} frames beyond the {lost_on_the_wire} lost, {:?}",
            run.jitter.counts()
        );
        let broken = run.broken_frames(first).saturating_sub(lost_on_the_wire);
        assert!(broken <= 30, "seed {seed}: {broken} frames broken beyond {lost_on_the_wire}");
        assert!(run.delay_ms() <= 60.0 + 22.0, "seed {seed}: {} ms", run.delay_ms());
    }
}

#[test]
fn at_30_ms_jitter_late_loss_stays_below_one_percent_with_little_delay() {
    for seed in 0..10 {
        let mut dice = Dice(seed);
        let mut wire = stream(3_000, 160, 1_003_000, 0);
        delayed_randomly(&mut wire, &mut dice, 30_000, 0);
        let mut run = Run::new(wire);
        run.ticks(3_000);
        assert!(run.jitter.counts().late <= 30, "seed {seed}: {:?}", run.jitter.counts());
        assert!(run.delay_ms() <= 30.0 + 22.0, "seed {seed}: {} ms", run.delay_ms());
    }
}

#[test]
fn after_ten_seconds_of_calm_the_delay_is_that_of_calm() {
    for seed in 0..10 {
        let mut dice = Dice(seed);
        let mut wire = stream(4_000, 160, 1_000_000 + dice.below(20_000), 0);
        let mut run = Run::new(wire.clone());
        let calm = {
            run.ticks(500);
            run.delay_ms()
        };
        let mut storm = wire.split_off(500);
        let mut rest = storm.split_off(1_000);
        delayed_randomly(&mut storm, &mut dice, 100, 0);
        for sent in &mut storm {
            sent.arrives_us += dice.below(80_000);
        }
        wire.append(&mut storm);
        wire.append(&mut rest);
        let mut run = Run::new(wire);
        run.ticks(1_500);
        assert!(run.delay_ms() > calm + 40.0, "the storm was felt: {}", run.delay_ms());
        run.ticks(500);
        assert!((run.delay_ms() - calm).abs() <= 10.0, "seed {seed}: {} against {calm}", run.delay_ms());
        let at = run.frames.len() - 20;
        assert_eq!(run.broken_frames(at), 0);
    }
}

#[test]
fn a_sender_200_ppm_fast_or_slow_drops_nothing_and_piles_up_nothing() {
    for ppm in [200, -200] {
        for phase_us in [500, 10_000, 19_500] {
            let mut run = Run::new(stream(30_200, 160, 1_000_000 + phase_us, ppm));
            let mut most = 0.0_f64;
            for _ in 0..30_000 {
                run.tick();
                most = most.max(run.jitter.added_delay_us().map_or(0.0, |us| f64::from(us) / 1_000.0));
            }
            let begin = run.frames.iter().position(|f| f.kind != Kind::Silence).unwrap();
            assert_eq!((run.concealed_ms(), run.jitter.counts().late), (0, 0), "{ppm} ppm");
            assert!(run.frames[begin..].iter().all(|f| f.kind == Kind::Decoded));
            assert_eq!(run.broken_frames(begin), 0, "{ppm} ppm");
            assert!(most <= 45.0, "{ppm} ppm: up to {most} ms");
            let counts = run.jitter.counts();
            let bent = counts.shortened as i64 - counts.lengthened as i64;
            assert!((bent - 960 * ppm.signum()).abs() <= 330, "{ppm} ppm: {counts:?}");
        }
    }
}

#[test]
fn after_a_300_ms_stall_of_the_process_the_delay_is_back_within_five_seconds() {
    for phase_us in (300..20_000).step_by(900) {
        let mut run = Run::new(stream(1_000, 160, 1_000_000 + phase_us, 0));
        run.ticks(200);
        let before = run.delay_ms();
        run.stall(300_000);
        assert!(run.delay_ms() >= before + 290.0);
        run.ticks(250);
        assert!((run.delay_ms() - before).abs() <= 5.0, "{phase_us}: {} against {before}", run.delay_ms());
        assert_eq!((run.concealed_ms(), run.jitter.counts().late), (0, 0));
        assert_eq!(run.broken_frames(2), 0, "the stall was caught up with clicks");
        assert_eq!(run.jitter.wait_us(), 0, "our own stall was taken for jitter");
    }
}

#[test]
fn a_pause_is_left_out_before_any_speech() {
    let mut wire = stream(600, 160, 1_005_000, 0);
    for (n, sent) in wire.iter_mut().enumerate() {
        // Half a second of tone, half a second of pause.
        if n / 25 % 2 == 1 {
            sent.payload.fill(0xFF);
        }
    }
    let mut run = Run::new(wire);
    run.ticks(99);
    let before = run.delay_ms();
    run.stall(300_000);
    run.ticks(50);
    assert!((run.delay_ms() - before).abs() <= 5.0, "{} against {before}", run.delay_ms());
    let tone_frames = run.sound[100 * 160..].chunks(160).take(50).filter(|frame| is_tone(frame)).count();
    assert!(tone_frames >= 24, "speech was shortened although a pause came: {tone_frames} frames of tone");
}

#[test]
fn a_stall_longer_than_a_second_is_not_replayed() {
    let mut run = Run::new(stream(1_000, 160, 1_004_000, 0));
    run.ticks(100);
    let before = run.delay_ms();
    run.stall(3_000_000);
    run.ticks(5);
    assert!((run.delay_ms() - before).abs() <= 5.0, "{} against {before}", run.delay_ms());
}

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

#[test]
fn no_payload_and_no_header_makes_it_panic() {
    for seed in 0..50 {
        let mut dice = Dice(seed);
        let mut run = Run::new(Vec::new());
        let mut timestamp = 0_u64;
        for _ in 0..2_000 {
            for _ in 0..dice.below(4) {
                timestamp = match dice.below(20) {
                    0 => dice.next() >> 2,
                    1 => timestamp.wrapping_sub(dice.below(2_000)),
                    _ => timestamp.wrapping_add(dice.below(400)) >> 1 << 1,
                };
                let sizes = [0, 1, 1, 2, 159, 160, 161, 1_472, 1_473, 9_000];
                let mut sent = packet(dice.next(), timestamp, sizes[dice.below(10) as usize], 0);
                sent.meta.ssrc = if dice.percent(98) { 1 } else { dice.below(3) as u32 };
                sent.meta.codec = if dice.percent(50) { Codec::Pcmu } else { Codec::Pcma };
                let pushed = run.jitter.push(sent.meta, &sent.payload, run.now_us - dice.below(30_000));
                assert!(!sent.payload.is_empty() || pushed == Pushed::Refused);
            }
            run.now_us += if dice.percent(1) { dice.below(3_000_000) } else { 0 };
            run.pull();
            if dice.percent(1) {
                run.jitter.flush();
            }
        }
    }
}
