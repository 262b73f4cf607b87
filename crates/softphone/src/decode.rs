//! What arrives on a line becomes sound of 8 kHz: decoded, brought down from higher rates, its timestamps counted in that rate.
//!
//! It mends nothing: what is lost is a hole. Written apart from the server's filters, so that no mistake of theirs is shared.

use std::f64::consts::PI;

use media_mixer::codec::{Decoder, MAX_OPUS_SAMPLES};
use media_mixer::rtp::Packet;
use media_mixer::sdp::Codec;

/// Coefficients for one sample of 8 kHz, in samples of 8 kHz.
const SPAN: usize = 64;
/// Where the low pass has half its level, in Hz.
const CUTOFF_HZ: f64 = 3_800.0;

/// The decoder of one line.
#[derive(Debug)]
pub(crate) struct Decoding {
    decoder: Option<(Codec, Decoder)>,
    low_pass: Vec<f64>,
    /// The last samples before the low pass.
    past: Vec<f64>,
    sequence: Option<u16>,
    /// RTP timestamps counted on over their wraps.
    timestamp: i64,
}

impl Decoding {
    pub(crate) fn new() -> Self {
        Self { decoder: None, low_pass: Vec::new(), past: Vec::new(), sequence: None, timestamp: 1 << 32 }
    }

    /// The sound of a packet at 8 kHz, and its timestamp in that count.
    pub(crate) fn take(&mut self, codec: Codec, packet: &Packet<'_>) -> (u32, Vec<i16>) {
        if self.decoder.as_ref().is_none_or(|(known, _)| *known != codec) {
            self.decoder = Some((codec, Decoder::new(codec)));
            self.low_pass = low_pass(codec.rate().times());
            self.past.clear();
        }
        let mut room = [0_i16; MAX_OPUS_SAMPLES];
        let count = self.decoder.as_mut().map_or(0, |(_, decoder)| decoder.decode(packet.payload, &mut room));
        let step = packet.timestamp.wrapping_sub(self.timestamp as u32).cast_signed();
        self.timestamp += i64::from(step);
        let timestamp = (self.timestamp * 8_000 / i64::from(codec.clock_rate())) as u32;
        if self.sequence.replace(packet.sequence).is_some_and(|before| packet.sequence != before.wrapping_add(1)) {
            self.past.clear();
        }
        (timestamp, self.lowered(&room[..count], codec.rate().times()))
    }

    fn lowered(&mut self, samples: &[i16], times: usize) -> Vec<i16> {
        if times == 1 {
            return samples.to_vec();
        }
        let taps = self.low_pass.len();
        self.past.resize(taps, 0.0);
        self.past.extend(samples.iter().map(|sample| f64::from(*sample)));
        let lowered = self.past[times..]
            .windows(taps)
            .step_by(times)
            .map(|window| window.iter().zip(&self.low_pass).map(|(x, h)| x * h).sum::<f64>().round() as i16)
            .collect();
        self.past.drain(..samples.len());
        lowered
    }
}

/// A sinc under a Blackman window, for `times` times 8 kHz.
fn low_pass(times: usize) -> Vec<f64> {
    let count = SPAN * times + 1;
    let middle = (count - 1) as f64 / 2.0;
    let filter: Vec<f64> = (0..count)
        .map(|n| {
            let x = 2.0 * PI * CUTOFF_HZ / (8_000.0 * times as f64) * (n as f64 - middle);
            let turn = 2.0 * PI * n as f64 / (count - 1) as f64;
            let window = 0.42 - 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos();
            window * if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
        })
        .collect();
    let sum: f64 = filter.iter().sum();
    filter.iter().map(|h| h / sum).collect()
}

#[cfg(test)]
mod tests {
    use media_mixer::codec::Encoder;

    use super::*;

    #[test]
    fn every_codec_sounds_the_same_at_eight_kilohertz() {
        for codec in Codec::ALL {
            let (mut encoder, mut decoding) = (Encoder::new(codec), Decoding::new());
            let (frame, clock) = (codec.rate().frame(), codec.clock_rate());
            let mut heard: Vec<i16> = Vec::new();
            let mut timestamps = Vec::new();
            for n in 0..50_u32 {
                let turn = 2.0 * PI * 1_000.0 / f64::from(codec.rate().hertz());
                let sample = |k: usize| (((n as usize * frame + k) as f64 * turn).sin() * 10_000.0) as i16;
                let sound: Vec<i16> = (0..frame).map(sample).collect();
                let mut bytes = [0; 1_276];
                let length = encoder.encode(&sound, &mut bytes);
                let timestamp = (u32::MAX - 20_000).wrapping_add(n * clock / 50);
                let packet = Packet {
                    marker: false,
                    payload_type: 96,
                    sequence: n as u16,
                    timestamp,
                    ssrc: 1,
                    payload: &bytes[..length],
                };
                let (timestamp, samples) = decoding.take(codec, &packet);
                timestamps.push(timestamp);
                assert_eq!(samples.len(), 160, "{codec:?}");
                heard.extend(samples);
            }
            assert!(
                timestamps.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 160),
                "{codec:?}: {timestamps:?}"
            );
            let found = media_mixer::tone::Goertzel::new(1_000.0, 8_000).measure(&heard[3_200..]);
            assert!(found.share > 0.97 && (found.dbfs + 13.3).abs() < 1.0, "{codec:?}: {found:?}");
        }
    }
}
