//! Tags, branches, Call-IDs and nonces' salts: numbers nobody outside can guess, and the same from the same seed.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// A source of numbers: SHA-256 over a secret and a counter.
#[derive(Debug)]
pub(crate) struct Chance {
    seed: [u8; 32],
    drawn: u64,
}

impl Chance {
    /// From a seed: random in the service, chosen in tests.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// 64 bits.
    pub(crate) fn number(&mut self) -> u64 {
        self.drawn += 1;
        let digest = Sha256::new().chain_update(self.seed).chain_update(self.drawn.to_be_bytes()).finalize();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Sixteen hexadecimal digits.
    pub(crate) fn word(&mut self) -> String {
        format!("{:016x}", self.number())
    }

    /// A span between two bounds in steps of 10 ms, as RFC 3261 §14.1 wants it.
    pub(crate) fn span(&mut self, least: Duration, most: Duration) -> Duration {
        let step = Duration::from_millis(10);
        let steps = most.saturating_sub(least).as_millis() / step.as_millis() + 1;
        let drawn = u128::from(self.number()) % steps;
        least + step.saturating_mul(u32::try_from(drawn).unwrap_or(0))
    }

    /// A number that stays the same for the same text: the To tag of answers that keep no state.
    pub(crate) fn of_text(&self, text: &str) -> String {
        let digest = Sha256::new().chain_update(self.seed).chain_update(b"text").chain_update(text).finalize();
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}
