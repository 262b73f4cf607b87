//! What a jitter buffer makes of good and bad wires, on a virtual clock: what goes in is known, and so is what must come out.
#![allow(clippy::unwrap_used)]

mod wire;

use media_mixer::codec::{FRAME_SAMPLES, g711};
use media_mixer::jitter::{Arrival, Jitter, Kind};
use wire::{Dice, Run, Sent, TICK_US, delayed_randomly, is_tone, stream};

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
