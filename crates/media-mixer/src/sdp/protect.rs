//! Which keys protect a leg: what our descriptions name, what an offer and an answer agree on, what stays over a re-INVITE.
//!
//! ```text
//!   offer of theirs   the keys they had before: ours stay too        other keys: new ones of ours     (RFC 4568 §7.1.4)
//!   offer of ours     what is agreed, and nothing else; before anything is agreed one new key for each suite
//!   answer of theirs  exactly one line, under a tag of ours, in its suite (RFC 4568 §5.1.3), not with our own key
//! ```
//!
//! It judges no line by itself (`crypto` does) and turns no stream down for being plain (`choose` does).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::SdpError;
use super::crypto::{ATTRIBUTE, CryptoLine, CryptoLines, Encryption, SrtpTerms};
use crate::srtp::{MasterKey, Protection};

/// The keys of one leg's negotiation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Keys {
    /// What our last description names.
    pub(super) said: Vec<CryptoLine>,
    /// Pairs of keys agreed on so far, those included that were called off.
    pairs: u32,
}

impl Keys {
    /// What our offer names from here on. `agreed`: there is an agreement already, with this protection or none.
    pub(super) fn offer(&mut self, agreed: Option<Option<Protection>>, terms: &SrtpTerms) {
        // what is agreed to be plain stays so
        let plain = agreed.is_some() && terms.encryption != Encryption::Required;
        if let Some(now) = agreed.flatten() {
            self.answered(Some(now));
        } else if plain || terms.encryption == Encryption::Off {
            self.said.clear();
        } else if self.said.is_empty() {
            // without a random number nothing is named: the peer turns down what must be encrypted, and the rest is plain
            self.said = CryptoLine::fresh(&terms.suites, 1).unwrap_or_default();
        }
    }

    /// What our answer to an offer with these lines agrees on. Nothing has changed yet.
    ///
    /// # Errors
    /// There is no random number for a key of ours.
    pub(super) fn answer(&self, lines: &CryptoLines, now: Option<Protection>) -> Result<Option<Protection>, SdpError> {
        let known = |line: &&CryptoLine| now.is_some_and(|now| now.theirs == line.key);
        if let Some((line, now)) = lines.usable.iter().find(known).zip(now) {
            return Ok(Some(Protection { tag: line.tag, ..now }));
        }
        let Some(line) = lines.usable.first() else { return Ok(None) };
        let ours = MasterKey::random(line.key.suite())?;
        Ok(Some(Protection { tag: line.tag, ours, theirs: line.key, pair: self.pairs + 1 }))
    }

    /// What an answer with these lines agrees on. Nothing has changed yet.
    ///
    /// # Errors
    /// It has not exactly one line that answers one of ours.
    pub(super) fn accept(&self, lines: &CryptoLines, now: Option<Protection>) -> Result<Option<Protection>, SdpError> {
        let line = match (lines.said, lines.usable.as_slice()) {
            (0, _) => return Ok(None),
            (1, [line]) => line,
            _ => return Err(SdpError::NoCommonCrypto),
        };
        let answers = |ours: &&CryptoLine| ours.tag == line.tag && ours.key.suite() == line.key.suite();
        // who sends our own key back would have us believe our own packets
        let ours =
            self.said.iter().find(answers).filter(|ours| ours.key != line.key).ok_or(SdpError::NoCommonCrypto)?;
        let pair = match now {
            Some(now) if (now.ours, now.theirs) == (ours.key, line.key) => now.pair,
            Some(_) | None => self.pairs + 1,
        };
        Ok(Some(Protection { tag: line.tag, ours: ours.key, theirs: line.key, pair }))
    }

    /// It is agreed.
    pub(super) fn agreed(&mut self, protection: Option<Protection>) {
        self.pairs = self.pairs.max(protection.map_or(0, |protection| protection.pair));
    }

    /// Our description names what was agreed.
    pub(super) fn answered(&mut self, protection: Option<Protection>) {
        self.said = protection.map(|now| CryptoLine { tag: now.tag, key: now.ours }).into_iter().collect();
    }
}

/// A description of ours as it was sent. Whoever debugs sees all of it but the keys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Described(pub(super) String);

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |line: &&str| !line.starts_with(&format!("a={ATTRIBUTE}:"));
        f.debug_list().entries(self.0.lines().filter(shown)).finish()
    }
}
