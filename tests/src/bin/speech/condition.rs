//! What a line does to what is said on it.

use std::time::Duration;

use media_mixer::sdp::Codec;
use softphone::Wire;

/// Share of packets that are lost, and milliseconds by which they are late at most.
const LINES: [(u32, u64); 8] = [(0, 0), (5, 0), (10, 0), (20, 0), (0, 30), (0, 60), (0, 100), (10, 60)];
const CODECS: [Codec; 2] = [Codec::Pcmu, Codec::Opus];

/// One line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition {
    pub(crate) codec: Codec,
    loss_percent: u32,
    jitter_ms: u64,
}

/// Every codec over every line.
pub(crate) fn all() -> Vec<Condition> {
    let of = |codec| LINES.map(|(loss_percent, jitter_ms)| Condition { codec, loss_percent, jitter_ms });
    CODECS.into_iter().flat_map(of).collect()
}

impl Condition {
    pub(crate) fn wire(self) -> Wire {
        Wire {
            delay: Duration::ZERO,
            jitter: Duration::from_millis(self.jitter_ms),
            loss: f64::from(self.loss_percent) / 100.0,
        }
    }

    /// The name of a file about it.
    pub(crate) fn file(self, server: &str) -> String {
        let codec = if self.codec == Codec::Opus { "opus" } else { "g711" };
        format!("{server}-{codec}-l{}-j{}.wav", self.loss_percent, self.jitter_ms)
    }
}
