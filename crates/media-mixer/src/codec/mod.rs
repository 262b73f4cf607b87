//! Turns payload bytes into samples and back, one value per leg and direction.
//!
//! Knows nothing of RTP headers, payload type numbers or SDP: whoever reads those says which codec it is.
//! Everything here runs inside the tick: no allocation, no lock.

pub mod g711;

pub use crate::sdp::Codec;

/// Samples a second of everything the mixer handles today.
pub const SAMPLE_RATE: u32 = 8_000;

/// Samples in one tick of the mixer: 20 ms.
pub const FRAME_SAMPLES: usize = 160;

/// How many RTP clock ticks a payload of `bytes` stands for.
#[must_use]
pub const fn duration(codec: Codec, bytes: usize) -> usize {
    match codec {
        Codec::Pcmu | Codec::Pcma => bytes,
        Codec::L16 => bytes / 2,
    }
}

/// Decodes the payloads of one stream.
#[derive(Clone, Debug)]
pub enum Decoder {
    /// µ-law: no state.
    Pcmu,
    /// A-law: no state.
    Pcma,
    /// Plain samples, high byte first (RFC 3551 §4.5.11): no state.
    L16,
}

impl Decoder {
    /// A decoder for `codec`, in its first state.
    #[must_use]
    pub const fn new(codec: Codec) -> Self {
        match codec {
            Codec::Pcmu => Self::Pcmu,
            Codec::Pcma => Self::Pcma,
            Codec::L16 => Self::L16,
        }
    }

    /// Decodes `payload` into the front of `out` and says how many samples that made. What does not fit is left out.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        let table = match self {
            Self::Pcmu => &g711::ULAW_TO_LINEAR,
            Self::Pcma => &g711::ALAW_TO_LINEAR,
            Self::L16 => return decode_plain(payload, out),
        };
        for (sample, code) in out.iter_mut().zip(payload) {
            *sample = table[usize::from(*code)];
        }
        payload.len().min(out.len())
    }
}

/// Encodes the frames of one stream.
#[derive(Clone, Debug)]
pub enum Encoder {
    /// µ-law: no state.
    Pcmu,
    /// A-law: no state.
    Pcma,
    /// Plain samples, high byte first (RFC 3551 §4.5.11): no state.
    L16,
}

impl Encoder {
    /// An encoder for `codec`, in its first state.
    #[must_use]
    pub const fn new(codec: Codec) -> Self {
        match codec {
            Codec::Pcmu => Self::Pcmu,
            Codec::Pcma => Self::Pcma,
            Codec::L16 => Self::L16,
        }
    }

    /// Encodes `samples` into the front of `out` and says how many bytes that made. What does not fit is left out.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        let encode_one = match self {
            Self::Pcmu => g711::encode_ulaw,
            Self::Pcma => g711::encode_alaw,
            Self::L16 => return encode_plain(samples, out),
        };
        for (code, sample) in out.iter_mut().zip(samples) {
            *code = encode_one(*sample);
        }
        samples.len().min(out.len())
    }
}

fn decode_plain(payload: &[u8], out: &mut [i16]) -> usize {
    let (pairs, _) = payload.as_chunks::<2>();
    for (sample, pair) in out.iter_mut().zip(pairs) {
        *sample = i16::from_be_bytes(*pair);
    }
    pairs.len().min(out.len())
}

fn encode_plain(samples: &[i16], out: &mut [u8]) -> usize {
    let (pairs, _) = out.as_chunks_mut::<2>();
    for (pair, sample) in pairs.iter_mut().zip(samples) {
        *pair = sample.to_be_bytes();
    }
    2 * samples.len().min(pairs.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_output_is_filled_and_no_more() {
        let mut out = [0_i16; 3];
        assert_eq!(Decoder::new(Codec::Pcmu).decode(&[0x80; 10], &mut out), 3);
        assert_eq!(out, [32_124; 3]);
        let mut bytes = [0_u8; 2];
        assert_eq!(Encoder::new(Codec::Pcma).encode(&[8; 9], &mut bytes), 2);
        assert_eq!(bytes, [0xD5; 2]);
        assert_eq!(Decoder::new(Codec::Pcma).decode(&[], &mut out), 0);
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
}
