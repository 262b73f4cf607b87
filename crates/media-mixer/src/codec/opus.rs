//! Opus (RFC 6716, RFC 7587) by Debian's libopus: one mono encoder and one mono decoder per leg, and what a payload shows of itself.
//!
//! libopus allocates when a coder is made and never again, so coders are made on the signalling side and lent to the tick. A
//! coder that could not be made is silent. Decides nothing about when to conceal, recover or keep quiet.

use audiopus::coder::{Decoder, Encoder, GenericCtl};
use audiopus::packet::Packet;
use audiopus::{Application, Bandwidth, Bitrate, Channels, MutSignals, SampleRate, Signal};

use super::Rate;
use crate::sdp::OpusTerms;

/// Longest payload, in samples of 48 kHz: 120 ms (RFC 6716 §3.2.5).
pub const MAX_SAMPLES: usize = 5_760;
/// Shortest stretch that is concealed, in samples of 48 kHz: 2.5 ms.
pub(crate) const STEP: usize = 120;
/// Payloads up to so long hold no sound and are not sent: the sender pauses (RFC 7587 §3.1.3).
const NO_SOUND: usize = 2;

/// Samples of 48 kHz that a payload stands for; 0 for one that no sender makes (RFC 6716 §3.1, §3.2).
#[must_use]
pub(super) fn samples_in(payload: &[u8]) -> usize {
    let Some(head) = payload.first() else { return 0 };
    let configuration = usize::from(head >> 3);
    let frame = match configuration {
        ..12 => [480, 960, 1_920, 2_880][configuration & 3],
        12..16 => [480, 960][configuration & 1],
        _ => STEP << (configuration & 3),
    };
    let frames = match (head & 3, payload.get(1)) {
        (0, _) => 1,
        (1 | 2, _) => 2,
        (_, Some(count)) => usize::from(count & 63),
        (_, None) => 0,
    };
    let samples = frame * frames;
    if samples > MAX_SAMPLES { 0 } else { samples }
}

/// Whether the sender pauses: nothing but a head, or one byte more.
#[must_use]
pub fn is_pause(payload: &[u8]) -> bool {
    payload.len() <= NO_SOUND
}

/// Whether the encoder of a payload of one frame heard no voice in it (RFC 6716 §4.2.3). Where it does not say, or of several
/// frames: no.
#[must_use]
pub fn is_without_voice(payload: &[u8]) -> bool {
    let (Some(head), Some(first)) = (payload.first(), payload.get(1)) else { return false };
    // one flag for each 20 ms; longer frames are not looked at
    let short = matches!(head >> 3, 0 | 1 | 4 | 5 | 8 | 9 | 12..16);
    short && head & 3 == 0 && first & 0x80 == 0
}

/// Whether a payload of one frame repeats the frame before in less quality (RFC 6716 §4.2.4). Of several frames: not looked for.
#[must_use]
pub fn repeats_the_frame_before(payload: &[u8]) -> bool {
    let (Some(head), Some(first)) = (payload.first(), payload.get(1)) else { return false };
    let configuration = head >> 3;
    // the flags of speech stand before that of the repetition, one for each 20 ms
    let speech = match configuration {
        ..12 => [1, 1, 2, 3][usize::from(configuration & 3)],
        12..16 => 1,
        _ => return false,
    };
    head & 3 == 0 && first >> (7 - speech) & 1 == 1
}

/// Decodes one stream to 48 kHz.
#[derive(Debug)]
pub struct OpusDecoder(Option<Decoder>);

impl OpusDecoder {
    /// A decoder in its first state. Allocates, and is the only call that does.
    #[must_use]
    pub fn new() -> Self {
        Self(Decoder::new(SampleRate::Hz48000, Channels::Mono).ok())
    }

    /// Decodes `payload` into the front of `out` and says how many samples that made: 0 for what cannot be decoded.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        self.run(Some(payload), out, false)
    }

    /// Makes up what follows what was decoded last, for the whole of `out`: a multiple of 2.5 ms.
    pub fn conceal(&mut self, out: &mut [i16]) -> usize {
        self.run(None, out, false)
    }

    /// The frame before `payload`, from what `payload` repeats of it, else made up. `out` is as long as that frame.
    pub fn recover(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        self.run(Some(payload), out, true)
    }

    /// Forgets everything it has heard.
    pub fn forget(&mut self) {
        if let Some(decoder) = &mut self.0 {
            // a decoder that cannot be reset goes on as it is: there is no way for it to fail
            let _reset = decoder.reset_state();
        }
    }

    fn run(&mut self, payload: Option<&[u8]>, out: &mut [i16], before: bool) -> usize {
        let Some(decoder) = &mut self.0 else { return 0 };
        let payload = match payload.map(Packet::try_from) {
            Some(Ok(payload)) => Some(payload),
            Some(Err(_)) => return 0,
            None => None,
        };
        let room = out.len();
        let Ok(signals) = MutSignals::try_from(out) else { return 0 };
        decoder.decode(payload, signals, before).map_or(0, |samples| samples.min(room))
    }
}

impl Default for OpusDecoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Bits a second when there is no time: enough for speech that is understood, and less to send.
const PRESSED_BPS: u32 = 16_000;

/// What of a sound is of use to a peer that plays so many samples a second (RFC 6716 §2, RFC 7587 §3.1.1).
const fn bandwidth(playback_hz: u32) -> Bandwidth {
    match playback_hz {
        ..=8_000 => Bandwidth::Narrowband,
        8_001..=12_000 => Bandwidth::Mediumband,
        12_001..=16_000 => Bandwidth::Wideband,
        16_001..=24_000 => Bandwidth::Superwideband,
        _ => Bandwidth::Fullband,
    }
}

/// Encodes one stream, on the terms it was made for.
#[derive(Debug)]
pub struct OpusEncoder {
    encoder: Option<Encoder>,
    complexity: u8,
    /// As agreed, and as it is now, in bits a second.
    agreed_bps: u32,
    bitrate_bps: u32,
    loss_percent: u8,
}

impl OpusEncoder {
    /// An encoder of sound of `terms.rate`. Allocates, and is the only call that does.
    #[must_use]
    pub fn new(terms: &OpusTerms) -> Self {
        let rate = match terms.rate {
            Rate::Narrow => SampleRate::Hz8000,
            Rate::Wide => SampleRate::Hz16000,
            Rate::Full => SampleRate::Hz48000,
        };
        let encoder = Encoder::new(rate, Channels::Mono, Application::Voip).ok();
        let encoder = encoder.and_then(|mut encoder| {
            encoder.set_bitrate(Bitrate::BitsPerSecond(i32::try_from(terms.bitrate).ok()?)).ok()?;
            encoder.set_signal(Signal::Voice).ok()?;
            encoder.set_vbr(!terms.constant).ok()?;
            encoder.set_inband_fec(terms.repeats).ok()?;
            encoder.set_dtx(terms.pauses).ok()?;
            encoder.set_max_bandwidth(bandwidth(terms.playback_hz)).ok()?;
            Some(encoder)
        });
        let (agreed_bps, bitrate_bps) = (terms.bitrate, terms.bitrate);
        let mut made = Self { encoder, complexity: u8::MAX, agreed_bps, bitrate_bps, loss_percent: 0 };
        made.set_complexity(5, false);
        made
    }

    /// Encodes one frame of 10, 20, 40 or 60 ms into the front of `out`. Returns the payload's length; 0: nothing is to be sent.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        let Some(encoder) = &self.encoder else { return 0 };
        match encoder.encode(samples, out) {
            Ok(length) if length > NO_SOUND => length,
            Ok(_) | Err(_) => 0,
        }
    }

    /// How much time it takes for how good a sound, 0 to 10. `pressed`: there is no time at all, and it takes fewer bits too.
    pub fn set_complexity(&mut self, complexity: u8, pressed: bool) {
        let complexity = complexity.min(10);
        let bps = if pressed { self.agreed_bps.min(PRESSED_BPS) } else { self.agreed_bps };
        if let Some(encoder) = self.encoder.as_mut().filter(|_| self.bitrate_bps != bps) {
            let _known = encoder.set_bitrate(Bitrate::BitsPerSecond(i32::try_from(bps).unwrap_or(i32::MAX)));
            self.bitrate_bps = bps;
        }
        if let Some(encoder) = self.encoder.as_mut().filter(|_| self.complexity != complexity) {
            let _known = encoder.set_complexity(complexity);
            self.complexity = complexity;
        }
    }

    /// How many of a hundred packets its listener loses; the more, the more of each frame is repeated in the next.
    pub fn set_loss(&mut self, percent: u8) {
        if let Some(encoder) = self.encoder.as_mut().filter(|_| self.loss_percent != percent) {
            let _known = encoder.set_packet_loss_perc(percent.min(100));
            self.loss_percent = percent;
        }
    }

    /// Forgets everything it was given to encode; its settings stay.
    pub fn forget(&mut self) {
        if let Some(encoder) = &mut self.encoder {
            // as for the decoder: it cannot fail
            let _reset = encoder.reset_state();
        }
    }
}
