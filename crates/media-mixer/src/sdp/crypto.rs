//! `a=crypto` lines (RFC 4568 §9): which of them can be used, and how ours are written. Which line is taken is `session`'s.
//!
//! A line that cannot be used is passed over, as if it were not there (RFC 4568 §5.1.2). Such is one with
//!
//! | it has | because |
//! |---|---|
//! | a suite that is none of ours, `AES_CM_128_HMAC_SHA1_32` among them | a tag of 32 bits can be guessed |
//! | a key of another length than its suite's, or several keys | RFC 4568 §6.1 |
//! | a master key identifier | nobody changes keys in mid stream here |
//! | a lifetime that a long call would outlast, or an impossible one | keys are not renewed by themselves |
//! | a session parameter that takes protection away, or that is unknown and not marked as optional | RFC 4568 §6.3 |
//! | a tag that another line has too | the answer could not say which (RFC 4568 §4.1) |
//!
//! No error says a word of a key.

use serde::{Deserialize, Serialize};

use super::limits;
use crate::srtp::{MasterKey, NoRandom, Suite};

/// The name of the attribute.
pub(super) const ATTRIBUTE: &str = "crypto";
/// Key methods: there is one (RFC 4568 §9.1).
const INLINE: &str = "inline:";
/// Packets for which a key must be good at least: some five hours of the longest packets there are in a second.
const SHORTEST_LIFETIME: u64 = 1 << 20;
/// Packets that one key may seal at most (RFC 3711 §9.2).
const LONGEST_LIFETIME: u64 = 1 << 48;
/// The smallest replay window that may be asked for (RFC 3711 §3.3.2).
const SMALLEST_WINDOW: u32 = 64;

/// Whether media is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Encryption {
    /// Never.
    #[default]
    Off,
    /// If the peer can: offered beside plain RTP (RFC 8643 §3.1), taken wherever it is offered.
    Optional,
    /// Always: what is not encrypted is turned down.
    Required,
}

/// How one leg protects its media.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SrtpTerms {
    /// Whether at all.
    pub encryption: Encryption,
    /// What it speaks, in the order in which it offers them.
    pub suites: Vec<Suite>,
    /// Where one leg rings several phones: what those over TLS are offered, by keys that nobody else is told; `None`: the same as all.
    #[serde(default)]
    pub over_tls: Option<Encryption>,
}

impl SrtpTerms {
    /// Every suite.
    pub fn new(encryption: Encryption) -> SrtpTerms {
        SrtpTerms { encryption, suites: Suite::ALL.to_vec(), over_tls: None }
    }
}

/// A line that can be used, or one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CryptoLine {
    pub(super) tag: u32,
    pub(super) key: MasterKey,
}

impl CryptoLine {
    /// The value of the attribute.
    pub(super) fn written(&self) -> String {
        format!("{} {} {INLINE}{}", self.tag, self.key.suite().name(), self.key.to_text())
    }

    /// New keys, `times` for each suite (RFC 4568 §6.1: no two lines share one), with the tags 1 to as many as there are.
    pub(super) fn fresh(suites: &[Suite], times: usize) -> Result<Vec<CryptoLine>, NoRandom> {
        let line = |(tag, suite): (u32, &Suite)| Ok(CryptoLine { tag, key: MasterKey::random(*suite)? });
        (1..).zip(std::iter::repeat_n(suites, times).flatten()).map(line).collect()
    }
}

/// The `a=crypto` lines of one media line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct CryptoLines {
    /// How many there are, of whatever kind.
    pub(super) said: usize,
    /// Those that can be used, in the peer's order of preference.
    pub(super) usable: Vec<CryptoLine>,
}

impl CryptoLines {
    /// Reads the values of the attributes, in their order.
    pub(super) fn read<'a>(values: impl Iterator<Item = &'a str>, suites: &[Suite]) -> CryptoLines {
        let mut lines = CryptoLines::default();
        let mut tags: Vec<(u32, &str)> = Vec::new();
        let mut twice: Vec<u32> = Vec::new();
        for value in values.map(str::trim) {
            lines.said += 1;
            let Some((tag, rest)) = tagged(value) else { continue };
            match tags.iter().find(|(known, _)| *known == tag) {
                // the very same line twice says nothing else than once
                Some((_, said)) if *said == rest => continue,
                Some(_) => {
                    twice.push(tag);
                    continue;
                }
                None => tags.push((tag, rest)),
            }
            if lines.usable.len() < limits::CRYPTO_LINES
                && let Some(key) = key(rest).filter(|key| suites.contains(&key.suite()))
            {
                lines.usable.push(CryptoLine { tag, key });
            }
        }
        lines.usable.retain(|line| !twice.contains(&line.tag));
        lines
    }
}

/// The tag: one to nine digits without a leading zero (RFC 4568 §9.1; §4.1 wants none).
fn tagged(value: &str) -> Option<(u32, &str)> {
    let (tag, rest) = value.split_once(' ')?;
    let sound = (1..=9).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_digit());
    (sound && (tag.len() == 1 || !tag.starts_with('0'))).then_some(())?;
    Some((tag.parse().ok()?, rest.trim()))
}

/// The key of a line, if all of the line can be used.
fn key(rest: &str) -> Option<MasterKey> {
    let mut fields = rest.split_ascii_whitespace();
    let suite = Suite::named(fields.next()?)?;
    let parameters = fields.next()?;
    let (method, info) = parameters.split_at_checked(INLINE.len())?;
    if !method.eq_ignore_ascii_case(INLINE) || !fields.all(is_harmless) {
        return None;
    }
    let (text, lifetime) = match info.split_once('|') {
        // what stands behind another bar is a master key identifier, and several keys need one
        Some((text, lifetime)) => (text, Some(lifetime)),
        None => (info, None),
    };
    lifetime.is_none_or(outlasts_a_call).then_some(())?;
    MasterKey::from_text(suite, text)
}

/// `2^20`, or a number (RFC 4568 §9.2).
fn outlasts_a_call(written: &str) -> bool {
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let packets = match written.strip_prefix("2^") {
        Some(power) => number(power).and_then(|power| 1_u64.checked_shl(u32::try_from(power).ok()?)),
        None => number(written),
    };
    packets.is_some_and(|packets| (SHORTEST_LIFETIME..=LONGEST_LIFETIME).contains(&packets))
}

/// A session parameter that changes nothing of what is protected (RFC 4568 §6.3). An unknown one may be passed over only if its
/// name begins with a dash (§6.3.7).
fn is_harmless(parameter: &str) -> bool {
    if let Some(extension) = parameter.strip_prefix('-') {
        return !extension.is_empty();
    }
    match parameter.split_once('=') {
        // a hint; ours is the smallest that is allowed, and keeps what it promises
        Some((name, window)) if name.eq_ignore_ascii_case("WSH") => {
            window.parse::<u32>().is_ok_and(|window| window >= SMALLEST_WINDOW)
        }
        // no redundancy goes before or behind encryption here: there is none outside the codec
        Some((name, order)) if name.eq_ignore_ascii_case("FEC_ORDER") => {
            ["FEC_SRTP", "SRTP_FEC"].iter().any(|known| known.eq_ignore_ascii_case(order))
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SHA: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    const GCM: &str = "inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";

    fn read(values: &[&str]) -> Vec<(u32, Suite)> {
        let lines = CryptoLines::read(values.iter().copied(), &Suite::ALL);
        assert_eq!(lines.said, values.len());
        lines.usable.iter().map(|line| (line.tag, line.key.suite())).collect()
    }

    fn takes(line: &str) -> bool {
        !read(&[line]).is_empty()
    }

    #[test]
    fn lines_are_taken_in_the_peers_order_and_d16_the_weak_tag_is_not() {
        let weak = format!("1 AES_CM_128_HMAC_SHA1_32 {SHA}");
        let (sha, gcm) = (format!("2 AES_CM_128_HMAC_SHA1_80 {SHA}"), format!("3 aead_aes_128_gcm {GCM}"));
        assert_eq!(read(&[&weak, &sha, &gcm]), [(2, Suite::Sha80), (3, Suite::Gcm128)]);
        assert_eq!(read(&[&weak]), []);
        assert_eq!(read(&[&format!("4 F8_128_HMAC_SHA1_80 {SHA}")]), []);
    }

    #[test]
    fn d16_a_tag_that_two_lines_share_is_of_no_use_but_the_same_line_twice_is_one() {
        let (sha, gcm) = (format!("1 AES_CM_128_HMAC_SHA1_80 {SHA}"), format!("1 AEAD_AES_128_GCM {GCM}"));
        assert_eq!(read(&[&sha, &sha]), [(1, Suite::Sha80)]);
        assert_eq!(read(&[&sha, &gcm]), []);
        let weak = format!("1 AES_CM_128_HMAC_SHA1_32 {SHA}");
        assert_eq!(read(&[&weak, &gcm, &format!("2 AEAD_AES_128_GCM {GCM}")]), [(2, Suite::Gcm128)]);
    }

    #[test]
    fn tags_and_keys_are_read_strictly() {
        for tag in ["", "0x1", "01", "1234567890", "-1", "+1", "1.0"] {
            assert!(!takes(&format!("{tag} AES_CM_128_HMAC_SHA1_80 {SHA}")), "{tag}");
        }
        for tag in ["0", "1", "999999999"] {
            assert!(takes(&format!("{tag} AES_CM_128_HMAC_SHA1_80 {SHA}")), "{tag}");
        }
        let line = |key: &str| format!("1 AES_CM_128_HMAC_SHA1_80 {key}");
        for wrong in ["", "inline:", "inline:AAAA", GCM, "uri:x", &SHA.replace("inline:", ""), &format!("{SHA}AAAA")] {
            assert!(!takes(&line(wrong)), "{wrong}");
        }
        assert!(takes(&format!("1 AEAD_AES_128_GCM {}", GCM.trim_end_matches('='))), "without its padding");
    }

    #[test]
    fn a_key_must_outlast_a_call_and_have_no_identifier() {
        let line = |behind: &str| format!("1 AES_CM_128_HMAC_SHA1_80 {SHA}{behind}");
        for good in ["|2^20", "|2^31", "|2^48", "|1048576", "|281474976710656"] {
            assert!(takes(&line(good)), "{good}");
        }
        let no_lifetimes =
            ["|", "|0", "|2^", "|2^19", "|2^49", "|2^64", "|2^999999999999", "|1048575", "|-1", "|+1048576", "|2^+20"];
        let identifiers = ["|1:4", "|2^20|1:4", "|2^31|1:128", ";inline:AAAA"];
        for wrong in no_lifetimes.iter().chain(&identifiers) {
            assert!(!takes(&line(wrong)), "{wrong}");
        }
    }

    #[test]
    fn beside_a_line_with_an_identifier_the_one_without_is_taken() {
        let with = format!("1 AES_CM_128_HMAC_SHA1_80 {SHA}|2^20|1:4");
        let short = format!("2 AES_CM_128_HMAC_SHA1_80 {SHA}|1:4");
        let without = format!("3 AES_CM_128_HMAC_SHA1_80 {SHA}|2^20");
        assert_eq!(read(&[&with, &short, &without]), [(3, Suite::Sha80)]);
    }

    #[test]
    fn nothing_is_taken_that_takes_protection_away() {
        let line = |parameter: &str| format!("1 AES_CM_128_HMAC_SHA1_80 {SHA} {parameter}");
        for good in ["", "WSH=64", "wsh=1024", "-ANYTHING=1", "FEC_ORDER=FEC_SRTP", "WSH=64 -X"] {
            assert!(takes(&line(good)), "{good}");
        }
        let wrong = [
            "UNENCRYPTED_SRTP",
            "UNENCRYPTED_SRTCP",
            "UNAUTHENTICATED_SRTP",
            "KDR=1",
            "WSH=63",
            "WSH=x",
            "-",
            "ANYTHING=1",
            "FEC_KEY=inline:AAAA",
            "WSH=64 UNENCRYPTED_SRTCP",
        ];
        for wrong in wrong {
            assert!(!takes(&line(wrong)), "{wrong}");
        }
    }

    #[test]
    fn what_we_write_can_be_read_and_no_two_lines_share_a_key() {
        let lines = CryptoLine::fresh(&Suite::ALL, 1).unwrap();
        let written: Vec<String> = lines.iter().map(CryptoLine::written).collect();
        let read = CryptoLines::read(written.iter().map(String::as_str), &Suite::ALL);
        assert_eq!(read.usable, lines);
        assert_eq!(lines.iter().map(|line| line.tag).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn lines_without_end_are_not_remembered() {
        let lines: Vec<String> = (0..250).map(|tag| format!("{tag} AES_CM_128_HMAC_SHA1_80 {SHA}")).collect();
        let read = CryptoLines::read(lines.iter().map(String::as_str), &Suite::ALL);
        assert_eq!(read.usable.len(), limits::CRYPTO_LINES);
    }
}
