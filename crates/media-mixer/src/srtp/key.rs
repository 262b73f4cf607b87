//! The suites we speak and the master keys of one direction. Keys are never shown: not by `Debug`, not in an error.
//!
//! They are written down only where a leg is frozen, because the call could not go on without them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of the longest key and its salt.
const LONGEST: usize = 32 + 12;

/// A crypto suite. `AES_CM_128_HMAC_SHA1_32` is none of ours: its tag can be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Suite {
    /// RFC 7714 §14.2.
    Gcm128,
    /// RFC 7714 §14.2.
    Gcm256,
    /// RFC 4568 §6.2.1.
    Sha80,
}

impl Suite {
    /// Every suite, in the order in which we offer them: the cheapest of the strong ones first.
    pub const ALL: [Suite; 3] = [Suite::Gcm128, Suite::Gcm256, Suite::Sha80];

    /// Its name in an `a=crypto` line.
    pub const fn name(self) -> &'static str {
        match self {
            Suite::Gcm128 => "AEAD_AES_128_GCM",
            Suite::Gcm256 => "AEAD_AES_256_GCM",
            Suite::Sha80 => "AES_CM_128_HMAC_SHA1_80",
        }
    }

    /// The suite of that name, whatever its case (RFC 4568 §9.2 has names as literals, which ABNF reads so).
    pub fn named(name: &str) -> Option<Suite> {
        Suite::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Bytes of its master key.
    pub const fn key_length(self) -> usize {
        match self {
            Suite::Gcm128 | Suite::Sha80 => 16,
            Suite::Gcm256 => 32,
        }
    }

    /// Bytes of its master salt.
    pub const fn salt_length(self) -> usize {
        match self {
            Suite::Gcm128 | Suite::Gcm256 => 12,
            Suite::Sha80 => 14,
        }
    }
}

/// The system gave no random number for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no random number for a key")]
pub struct NoRandom;

/// What one side seals with: master key and master salt of one suite.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    bytes: [u8; LONGEST],
}

impl MasterKey {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random number.
    pub fn random(suite: Suite) -> Result<MasterKey, NoRandom> {
        let mut bytes = [0; LONGEST];
        getrandom::fill(&mut bytes[..suite.key_length() + suite.salt_length()]).map_err(|_| NoRandom)?;
        Ok(MasterKey { suite, bytes })
    }

    /// Key and salt, one behind the other; `None` if they have not exactly the length of `suite`.
    pub fn from_bytes(suite: Suite, given: &[u8]) -> Option<MasterKey> {
        let length = suite.key_length() + suite.salt_length();
        let mut bytes = [0; LONGEST];
        (given.len() == length).then(|| bytes[..length].copy_from_slice(given))?;
        Some(MasterKey { suite, bytes })
    }

    /// As in `inline:` (RFC 4568 §6.1). Some phones leave the padding out.
    pub fn from_text(suite: Suite, text: &str) -> Option<MasterKey> {
        let bytes = STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()?;
        MasterKey::from_bytes(suite, &bytes)
    }

    /// For an `a=crypto` line, and for nobody else.
    pub fn to_text(&self) -> String {
        STANDARD.encode(self.whole())
    }

    /// What it is for.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.bytes[..self.suite.key_length()]
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.whole()[self.suite.key_length()..]
    }

    fn whole(&self) -> &[u8] {
        &self.bytes[..self.suite.key_length() + self.suite.salt_length()]
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, …)", self.suite.name())
    }
}

impl Serialize for MasterKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.suite, self.to_text()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for MasterKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (suite, text) = <(Suite, String)>::deserialize(deserializer)?;
        MasterKey::from_text(suite, &text).ok_or_else(|| serde::de::Error::custom("a key of a wrong length"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_key_has_exactly_the_length_of_its_suite() {
        for suite in Suite::ALL {
            let length = suite.key_length() + suite.salt_length();
            assert!(MasterKey::from_bytes(suite, &vec![7; length]).is_some());
            assert!(MasterKey::from_bytes(suite, &vec![7; length - 1]).is_none());
            assert!(MasterKey::from_bytes(suite, &vec![7; length + 1]).is_none());
        }
    }

    #[test]
    fn a_key_survives_being_written_with_and_without_padding() {
        for suite in Suite::ALL {
            let key = MasterKey::random(suite).unwrap();
            let text = key.to_text();
            assert_eq!(MasterKey::from_text(suite, &text), Some(key));
            assert_eq!(MasterKey::from_text(suite, text.trim_end_matches('=')), Some(key));
            let frozen = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<MasterKey>(&frozen).unwrap(), key);
            assert_ne!(key, MasterKey::random(suite).unwrap());
        }
        assert_eq!(MasterKey::from_text(Suite::Gcm128, "not base64!"), None);
    }

    #[test]
    fn no_key_is_shown_to_whoever_debugs() {
        let key = MasterKey::from_bytes(Suite::Sha80, &[0x41; 30]).unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey(AES_CM_128_HMAC_SHA1_80, …)");
    }

    #[test]
    fn names_are_read_in_any_case_and_the_short_tag_is_not_ours() {
        assert_eq!(Suite::named("aes_cm_128_hmac_sha1_80"), Some(Suite::Sha80));
        assert_eq!(Suite::named("AES_CM_128_HMAC_SHA1_32"), None);
        assert_eq!(Suite::named("AEAD_AES_128_GCM_8"), None);
    }
}
