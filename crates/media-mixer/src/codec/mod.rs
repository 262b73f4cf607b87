//! Turns payload bytes into samples and back, one value per leg and direction.
//!
//! Knows nothing of RTP headers, payload type numbers or SDP: whoever reads those says which codec it is.
//! Everything here but the making of coders runs inside the tick: no allocation, no lock.

pub mod g711;
mod g722;
mod opus;
mod rate;

pub use crate::sdp::Codec;
pub use g722::{G722Decoder, G722Encoder};
pub(crate) use opus::STEP as OPUS_STEP;
pub use opus::{
    MAX_SAMPLES as MAX_OPUS_SAMPLES, OpusDecoder, OpusEncoder, is_pause, is_without_voice, repeats_the_frame_before,
};
pub use rate::Rate;

use crate::sdp::OpusTerms;

/// Samples a second of everything this house plays, and of the call's media clock.
pub const SAMPLE_RATE: u32 = Rate::Narrow.hertz();

/// The same in one tick of the mixer: 20 ms.
pub const FRAME_SAMPLES: usize = Rate::Narrow.frame();

/// How many samples of the codec's rate a payload stands for; 0 if it is none. A payload of comfort noise stands for nothing by
/// itself.
#[must_use]
pub fn samples_in(codec: Codec, payload: &[u8]) -> usize {
    match codec {
        Codec::Pcmu | Codec::Pcma => payload.len(),
        Codec::L16 => payload.len() / 2,
        Codec::G722 => payload.len() * 2,
        Codec::Opus => opus::samples_in(payload),
        Codec::ComfortNoise => 0,
    }
}

/// Decodes the payloads of one stream.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "in a box G.722 would allocate where a stream begins anew, on the tick")]
pub enum Decoder {
    /// µ-law: no state.
    Pcmu,
    /// A-law: no state.
    Pcma,
    /// Plain samples, high byte first (RFC 3551 §4.5.11): no state.
    L16,
    /// G.722.
    G722(G722Decoder),
    /// Opus, to 48 kHz.
    Opus(OpusDecoder),
    /// What has no samples in it.
    Nothing,
}

impl Decoder {
    /// A decoder for `codec`, in its first state, to the codec's [`Codec::rate`]. Allocates for Opus only.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        match codec {
            Codec::Pcmu => Self::Pcmu,
            Codec::Pcma => Self::Pcma,
            Codec::L16 => Self::L16,
            Codec::G722 => Self::G722(G722Decoder::default()),
            Codec::Opus => Self::Opus(OpusDecoder::new()),
            Codec::ComfortNoise => Self::Nothing,
        }
    }

    /// Decodes `payload` into the front of `out` and says how many samples that made. What does not fit is left out, or, of
    /// Opus, not decoded at all.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        let table = match self {
            Self::Pcmu => &g711::ULAW_TO_LINEAR,
            Self::Pcma => &g711::ALAW_TO_LINEAR,
            Self::L16 => return decode_plain(payload, out),
            Self::G722(decoder) => return decoder.decode(payload, out),
            Self::Opus(decoder) => return decoder.decode(payload, out),
            Self::Nothing => return 0,
        };
        for (sample, code) in out.iter_mut().zip(payload) {
            *sample = table[usize::from(*code)];
        }
        payload.len().min(out.len())
    }
}

/// Encodes the frames of one stream.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "in a box G.722 would allocate where a stream begins anew, on the tick")]
pub enum Encoder {
    /// µ-law: no state.
    Pcmu,
    /// A-law: no state.
    Pcma,
    /// Plain samples, high byte first (RFC 3551 §4.5.11): no state.
    L16,
    /// G.722.
    G722(G722Encoder),
    /// Opus.
    Opus(OpusEncoder),
    /// What has no samples in it.
    Nothing,
}

impl Encoder {
    /// An encoder for `codec`, in its first state, of the codec's [`Codec::rate`]. Allocates for Opus only.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self::on_terms(codec, &OpusTerms::default())
    }

    /// The same, for Opus on these terms.
    #[must_use]
    pub fn on_terms(codec: Codec, terms: &OpusTerms) -> Self {
        match codec {
            Codec::Pcmu => Self::Pcmu,
            Codec::Pcma => Self::Pcma,
            Codec::L16 => Self::L16,
            Codec::G722 => Self::G722(G722Encoder::default()),
            Codec::Opus => Self::Opus(OpusEncoder::new(terms)),
            Codec::ComfortNoise => Self::Nothing,
        }
    }

    /// Encodes `samples` into the front of `out` and says how many bytes that made. What does not fit is left out; Opus takes
    /// whole frames of 10, 20, 40 or 60 ms, and makes nothing of a pause that need not be sent.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        let encode_one = match self {
            Self::Pcmu => g711::encode_ulaw,
            Self::Pcma => g711::encode_alaw,
            Self::L16 => return encode_plain(samples, out),
            Self::G722(encoder) => return encoder.encode(samples, out),
            Self::Opus(encoder) => return encoder.encode(samples, out),
            Self::Nothing => return 0,
        };
        for (code, sample) in out.iter_mut().zip(samples) {
            *code = encode_one(*sample);
        }
        samples.len().min(out.len())
    }

    /// Forgets everything it was given to encode.
    pub fn forget(&mut self) {
        match self {
            Self::Pcmu | Self::Pcma | Self::L16 | Self::Nothing => {}
            Self::G722(encoder) => *encoder = G722Encoder::default(),
            Self::Opus(encoder) => encoder.forget(),
        }
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
mod tests;
