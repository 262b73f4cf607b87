//! What runs in a tick never asks the allocator for anything: counted, not believed.
#![allow(clippy::unwrap_used)]

mod counting;

use counting::calls_of;
use media_mixer::codec::{Codec, Decoder, Encoder, FRAME_SAMPLES};
use media_mixer::jitter::{Arrival, Jitter, Kind, PacketMeta};
use media_mixer::music::{Music, MusicPosition};
use media_mixer::noise::Noise;
use media_mixer::tone::Tone;

#[test]
fn a_leg_is_heard_and_spoken_to_without_allocating() {
    let mut jitter = Jitter::new(8_000, Arrival::Stamped);
    let (mut decoder, mut encoder) = (Decoder::new(Codec::Pcmu), Encoder::new(Codec::Pcma));
    let (music, mut position) = (Music::builtin(), MusicPosition::default());
    let (tone, mut noise) = (Tone::ringback(), Noise::comfort(1));
    let (mut concealed, mut silent) = (0, 0);
    let calls = calls_of(|| {
        let mut chance = 1_u32;
        for n in 0..5_000_u64 {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let now_us = n * 20_000;
            // Loss, reordering, repeated packets, a new source, jumps, long packets, a stall and a pause.
            let late = u64::from(chance >> 30);
            let payload = [(chance >> 9) as u8; 480];
            let meta = PacketMeta {
                sequence: (n - late.min(n)) as u16,
                timestamp: ((n - late.min(n)) * 160) as u32 + if n > 3_000 { 1_000_000 } else { 0 },
                ssrc: (n / 2_000) as u32,
                marker: false,
                codec: if n % 2 == 0 { Codec::Pcmu } else { Codec::Pcma },
            };
            if !(2_500..2_600).contains(&n) {
                jitter.push(meta, &payload[..if n % 7 == 0 { 480 } else { 160 }], now_us - late * 4_000 % (now_us + 1));
            }
            let mut out = [0; FRAME_SAMPLES];
            if !(1_000..1_015).contains(&n) {
                match jitter.pull(now_us, &mut out).kind {
                    Kind::Concealed => concealed += 1,
                    Kind::Silence => silent += 1,
                    Kind::Decoded => {}
                }
            }
            if n == 4_000 {
                jitter.flush();
            }
            let mut bytes = [0; FRAME_SAMPLES];
            music.read(position, &mut out);
            position = position.after(160);
            tone.read(n * 160, &mut out);
            tone.add(n * 160, &mut out);
            noise.fill(&mut out);
            noise.add(&mut out);
            encoder.encode(&out, &mut bytes);
            decoder.decode(&bytes, &mut out);
            std::hint::black_box((
                jitter.freeze(),
                jitter.expected_timestamp(now_us),
                jitter.jitter_us(),
                *jitter.counts(),
            ));
        }
    });
    assert_eq!(calls, 0, "the tick asked the allocator {calls} times");
    assert!(concealed > 10 && silent > 50, "every way was gone: {concealed} concealed, {silent} silent");
    let counts = jitter.counts();
    assert!(counts.shortened + counts.lengthened > 0 && counts.late + counts.duplicates > 0, "{counts:?}");
    // A leg at rest fits into what `media.md` allows it.
    assert!(size_of::<Jitter>() < 9 * 1_024, "{}", size_of::<Jitter>());
}
