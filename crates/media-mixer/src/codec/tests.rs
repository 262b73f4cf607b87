//! What every codec must do, and what the payloads of Opus show of themselves.

use super::*;

fn tone(hertz: f64, rate: Rate, frames: usize) -> Vec<i16> {
    let turn = hertz * std::f64::consts::TAU / f64::from(rate.hertz());
    (0..frames * rate.frame()).map(|n| ((n as f64 * turn).sin() * 12_000.0) as i16).collect()
}

#[test]
fn a_short_output_is_filled_and_no_more() {
    let mut out = [0_i16; 3];
    assert_eq!(Decoder::new(Codec::Pcmu).decode(&[0x80; 10], &mut out), 3);
    assert_eq!(out, [32_124; 3]);
    let mut bytes = [0_u8; 2];
    assert_eq!(Encoder::new(Codec::Pcma).encode(&[8; 9], &mut bytes), 2);
    assert_eq!(bytes, [0xD5; 2]);
    assert_eq!(Decoder::new(Codec::Pcma).decode(&[], &mut out), 0);
    assert_eq!(Decoder::new(Codec::Opus).decode(&[], &mut out), 0);
}

#[test]
fn what_is_encoded_comes_back_within_the_laws_precision() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let samples: Vec<i16> = (0..160).map(|i| ((f64::from(i) * 0.3).sin() * 12_000.0) as i16).collect();
        let (mut bytes, mut back) = ([0_u8; 160], [0_i16; 160]);
        assert_eq!(Encoder::new(codec).encode(&samples, &mut bytes), 160);
        assert_eq!(Decoder::new(codec).decode(&bytes, &mut back), 160);
        for (a, b) in samples.iter().zip(back) {
            let error = (i32::from(*a) - i32::from(b)).abs();
            assert!(error <= 16 + i32::from(*a).abs() / 16, "{codec:?}: {a} became {b}");
        }
    }
}

#[test]
fn every_codec_carries_a_tone_at_its_level() {
    for codec in Codec::ALL {
        let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
        let mut heard = Vec::new();
        for frame in tone(1_000.0, codec.rate(), 50).chunks(codec.rate().frame()) {
            let (mut bytes, mut out) = ([0; 1_276], [0; MAX_OPUS_SAMPLES]);
            let length = encoder.encode(frame, &mut bytes);
            assert_eq!(samples_in(codec, &bytes[..length]), codec.rate().frame(), "{codec:?}");
            let samples = decoder.decode(&bytes[..length], &mut out);
            assert_eq!(samples, codec.rate().frame(), "{codec:?}");
            heard.extend_from_slice(&out[..samples]);
        }
        let heard = &heard[codec.rate().frame() * 10..];
        let found = crate::tone::Goertzel::new(1_000.0, codec.rate().hertz()).measure(heard);
        assert!(found.share > 0.97 && (found.dbfs + 11.7).abs() < 1.0, "{codec:?}: {found:?}");
    }
}

/// What a payload can carry at most, as its head says (RFC 6716 §3.1): half of so many samples a second.
fn carries_hz(payload: &[u8]) -> u32 {
    match payload[0] >> 3 {
        ..4 | 16..20 => 8_000,
        4..8 => 12_000,
        8..12 | 20..24 => 16_000,
        12..14 | 24..28 => 24_000,
        _ => 48_000,
    }
}

#[test]
fn opus_carries_no_more_than_its_listener_plays() {
    for (playback_hz, most_hz) in
        [(8_000, 8_000), (12_000, 12_000), (16_000, 16_000), (24_000, 24_000), (48_000, 48_000)]
    {
        let terms = OpusTerms { rate: Rate::of(playback_hz), playback_hz, bitrate: 64_000, ..OpusTerms::default() };
        let mut encoder = OpusEncoder::new(&terms);
        let mut seed = 1_u32;
        let mut widest = 0;
        for _ in 0..50 {
            // noise of every frequency there is
            let noise: Vec<i16> = (0..terms.rate.frame())
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 18) as i16 - 8_192
                })
                .collect();
            let mut bytes = [0; 1_276];
            let length = encoder.encode(&noise, &mut bytes);
            widest = widest.max(carries_hz(&bytes[..length]));
        }
        assert_eq!(widest, most_hz, "for who plays {playback_hz} Hz");
    }
}

#[test]
fn an_opus_payload_says_how_long_it_is() {
    for (head, second, samples) in [
        (0b0000_0000, 0, 480),
        (0b0000_1000, 0, 960),
        (0b0001_1000, 0, 2_880),
        (0b0001_1001, 0, 5_760),
        (0b0110_0000, 0, 480),
        (0b0110_1000, 0, 960),
        (0b1000_0000, 0, 120),
        (0b1111_1000, 0, 960),
        (0b1111_1010, 0, 1_920),
        (0b1111_1011, 6, 5_760),
        (0b1111_1011, 7, 0),
        (0b1111_1011, 63, 0),
        (0b1000_0011, 0, 0),
    ] {
        assert_eq!(samples_in(Codec::Opus, &[head, second, 0, 0]), samples, "{head:08b} {second}");
    }
    assert_eq!((samples_in(Codec::Opus, &[]), samples_in(Codec::Opus, &[3])), (0, 0));
}

#[test]
fn d12_garbage_is_decoded_or_refused_and_nothing_breaks() {
    let mut chance = 5_u32;
    let mut decoder = OpusDecoder::new();
    let mut out = [0; MAX_OPUS_SAMPLES];
    for n in 0..20_000_usize {
        let payload: Vec<u8> = (0..n % 200)
            .map(|_| {
                chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (chance >> 24) as u8
            })
            .collect();
        let (claimed, _) = (samples_in(Codec::Opus, &payload), repeats_the_frame_before(&payload));
        let made = decoder.decode(&payload, &mut out);
        assert!(made == 0 || made == claimed, "{made} of {claimed}");
        decoder.recover(&payload, &mut out[..960]);
        decoder.conceal(&mut out[..480]);
    }
}

#[test]
fn a_lost_frame_comes_back_from_the_next_one_where_that_repeats_it() {
    let terms = OpusTerms { repeats: true, bitrate: 32_000, rate: Rate::Wide, ..OpusTerms::default() };
    let mut encoder = OpusEncoder::new(&terms);
    encoder.set_loss(20);
    // a voice: many tones in syllables, for the encoder takes what never changes for no voice, and a little noise
    let mut chance = 1_u32;
    let voice: Vec<i16> = (0..100 * 320_u32)
        .map(|n| {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let sum: f64 = (1..8).map(|k| (f64::from(n * k) * 0.05).sin() / f64::from(k)).sum();
            let syllable = 0.55 + 0.45 * (f64::from(n) * 0.0016).sin();
            (sum * 6_000.0 * syllable) as i16 + (chance >> 25) as i16
        })
        .collect();
    let payloads: Vec<Vec<u8>> = voice
        .chunks(320)
        .map(|frame| {
            let mut bytes = [0; 600];
            let length = encoder.encode(frame, &mut bytes);
            bytes[..length].to_vec()
        })
        .collect();
    let repeating = payloads.iter().filter(|payload| repeats_the_frame_before(payload)).count();
    assert!(repeating > 60, "{repeating} of 100 repeat the frame before");
    let (mut whole, mut lossy) = (OpusDecoder::new(), OpusDecoder::new());
    let (mut wanted, mut got) = ([0_i16; 960], [0_i16; 960]);
    let (mut error, mut power) = (0.0, 0.0);
    for n in 0..99 {
        whole.decode(&payloads[n], &mut wanted);
        if n % 10 == 5 && repeats_the_frame_before(&payloads[n + 1]) {
            assert_eq!(lossy.recover(&payloads[n + 1], &mut got), 960);
            error += wanted.iter().zip(got).map(|(a, b)| (f64::from(*a) - f64::from(b)).powi(2)).sum::<f64>();
            power += wanted.iter().map(|a| f64::from(*a).powi(2)).sum::<f64>();
        } else {
            lossy.decode(&payloads[n], &mut got);
        }
    }
    assert!(power > 0.0 && error < power / 2.0, "{}", error / power);
}
