//! The parameters of Opus in a description: what a peer asks of our encoder, and what we say of our decoder (RFC 7587 §6.1).
//!
//! Nothing here is an error: a parameter that cannot be understood is as if it were not there.

use serde::{Deserialize, Serialize};

use crate::codec::Rate;

/// Bits a second that an Opus encoder can be asked for (RFC 7587 §6.1).
pub const BITRATES: std::ops::RangeInclusive<u32> = 6_000..=510_000;
/// Bits a second that we ever send: more is not heard in a voice, and a packet of 60 ms must fit one datagram.
const MOST: u32 = 128_000;

/// What the settings say of Opus (`[media.opus]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpusSettings {
    /// Bits a second that we send, and ask to be sent.
    pub bitrate: u32,
    /// 0 to 10: how much time an encoder takes for how good a sound. Under load it falls by itself.
    pub complexity: u8,
    /// Frames are repeated in less quality for peers that lose packets, if they can use that.
    pub fec: bool,
    /// Nothing is sent in pauses to peers that ask for that, and they are asked for the same.
    pub dtx: bool,
}

impl Default for OpusSettings {
    fn default() -> Self {
        Self { bitrate: 32_000, complexity: 5, fec: true, dtx: false }
    }
}

/// How one leg's sound is encoded by Opus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OpusTerms {
    /// Rate of the sound that is encoded: the lowest that carries all the peer plays.
    pub rate: Rate,
    /// The most that the peer plays of it, in samples a second (RFC 7587 §6.1): nothing above half of that is encoded.
    #[serde(default = "full_playback")]
    pub playback_hz: u32,
    /// Bits a second.
    pub bitrate: u32,
    /// All packets of one length.
    pub constant: bool,
    /// Each frame may repeat the one before, for packets that are lost.
    pub repeats: bool,
    /// Nothing is sent in pauses.
    pub pauses: bool,
}

const fn full_playback() -> u32 {
    Rate::Full.hertz()
}

impl Default for OpusTerms {
    fn default() -> Self {
        Self {
            rate: Rate::Full,
            playback_hz: full_playback(),
            bitrate: 32_000,
            constant: false,
            repeats: false,
            pauses: false,
        }
    }
}

impl OpusTerms {
    /// What `settings` and the peer's `fmtp` parameters come to.
    pub(super) fn agreed(settings: &OpusSettings, parameters: &str) -> Self {
        let number = |name| value(parameters, name).and_then(|value| value.parse::<u32>().ok());
        let asks = |name| value(parameters, name) == Some("1");
        let playback_hz = number("maxplaybackrate").unwrap_or(full_playback()).min(full_playback());
        let rate = Rate::of(playback_hz);
        let most = number("maxaveragebitrate").unwrap_or(u32::MAX).min(match rate {
            Rate::Narrow => 20_000,
            Rate::Wide => 40_000,
            Rate::Full => MOST,
        });
        Self {
            rate,
            playback_hz,
            bitrate: settings.bitrate.min(most).max(*BITRATES.start()),
            constant: asks("cbr"),
            repeats: settings.fec && asks("useinbandfec"),
            pauses: settings.dtx && asks("usedtx"),
        }
    }
}

impl OpusSettings {
    /// What we say of ourselves: one channel both ways, packets from 10 ms on, repeated frames are of use to us.
    pub(super) fn parameters(&self) -> String {
        let dtx = if self.dtx { ";usedtx=1" } else { "" };
        let bitrate = self.bitrate;
        format!("minptime=10;useinbandfec=1{dtx};stereo=0;sprop-stereo=0;maxaveragebitrate={bitrate}")
    }
}

/// The value of one parameter of an `fmtp` line; names are whatever their case.
fn value<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(known, _)| known.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_parameters_bound_what_we_send() {
        let settings = OpusSettings { dtx: true, ..OpusSettings::default() };
        let agreed = |parameters| OpusTerms::agreed(&settings, parameters);
        assert_eq!(agreed(""), OpusTerms::default());
        assert!(agreed("minptime=10; UseInbandFEC=1 ;usedtx=1").repeats);
        assert!(agreed("usedtx=1").pauses && !agreed("usedtx=0").pauses && agreed("cbr=1").constant);
        assert_eq!(agreed("maxaveragebitrate=12000").bitrate, 12_000);
        assert_eq!(agreed("maxaveragebitrate=1").bitrate, 6_000);
        assert_eq!(agreed("maxaveragebitrate=x;;=;stereo=1"), OpusTerms::default());
        let narrow = agreed("maxplaybackrate=8000");
        assert_eq!((narrow.rate, narrow.bitrate), (Rate::Narrow, 20_000));
        assert_eq!(agreed("maxplaybackrate=16000;").rate, Rate::Wide);
        let wider = agreed("maxplaybackrate=24000");
        assert_eq!((wider.rate, wider.playback_hz), (Rate::Full, 24_000));
        assert_eq!(agreed("maxplaybackrate=96000"), OpusTerms::default());
        let off = OpusSettings { fec: false, dtx: false, ..settings };
        assert_eq!(OpusTerms::agreed(&off, "useinbandfec=1;usedtx=1"), OpusTerms::default());
    }
}
