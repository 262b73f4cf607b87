//! Tags, branches, Call-IDs: a hash of a secret seed and a counter, so that outsiders cannot guess them and tests can
//! repeat them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What the generator starts from.
pub(crate) type Seed = [u8; 32];

/// Bytes of a tag or branch: 96 bits, more than the 32 that RFC 3261 §19.3 asks for.
const TOKEN: usize = 12;

/// The generator.
#[derive(Debug)]
pub(crate) struct Random {
    seed: Seed,
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, counter: 0 }
    }

    /// A tag, a cnonce, or the middle of a branch or Call-ID.
    pub(crate) fn token(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(&self.bytes()[..TOKEN])
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes()[..8].try_into().unwrap_or_default())
    }

    /// A number below `end`; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.number().checked_rem(end).unwrap_or_default()
    }

    /// A first CSeq (RFC 3261 §8.1.1.5: below 2^31).
    pub(crate) fn cseq(&mut self) -> u32 {
        u32::try_from(self.below(1 << 15)).unwrap_or_default() + 1
    }

    fn bytes(&mut self) -> [u8; 32] {
        self.counter += 1;
        let mut mac = match Hmac::<Sha256>::new_from_slice(&self.seed) {
            Ok(mac) => mac,
            // HMAC takes keys of any length.
            Err(_) => return [0; 32],
        };
        mac.update(&self.counter.to_be_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_says_the_same_and_nothing_twice() {
        let (mut one, mut other) = (Random::new([7; 32]), Random::new([7; 32]));
        let said: Vec<String> = (0..100).map(|_| one.token()).collect();
        assert!(said.iter().all(|token| *token == other.token()));
        let unlike: std::collections::BTreeSet<&String> = said.iter().collect();
        assert_eq!(unlike.len(), 100);
        assert_ne!(Random::new([8; 32]).token(), said[0]);
    }
}
