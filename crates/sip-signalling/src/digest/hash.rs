//! The arithmetic of a digest response (RFC 7616 §3.4). Decides nothing.

use hmac::digest::Digest;
use md5::Md5;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::settings::{Algorithm, Secret};

/// H(user:realm:password) for every algorithm (RFC 7616 §3.4.2), which is all a server needs to keep. `Debug` shows nothing of
/// it, and two are compared in a time that says nothing of where they differ.
#[derive(Clone)]
pub struct Ha1s {
    sha256: String,
    md5: String,
}

impl Ha1s {
    /// Of a user with a password. The realm is the domain.
    #[must_use]
    pub fn of(user: &str, realm: &str, password: &Secret) -> Self {
        let secret = format!("{user}:{realm}:{}", password.0);
        Self { sha256: hash(Algorithm::Sha256, &secret), md5: hash(Algorithm::Md5, &secret) }
    }

    /// Those that were kept, in hexadecimal; `None` if they are not as long as they must be, or no hexadecimal.
    #[must_use]
    pub fn from_hex(sha256: &str, md5: &str) -> Option<Self> {
        let is_hex =
            |text: &str, bytes: usize| text.len() == 2 * bytes && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let both = is_hex(sha256, 32) && is_hex(md5, 16);
        both.then(|| Self { sha256: sha256.to_ascii_lowercase(), md5: md5.to_ascii_lowercase() })
    }

    /// By SHA-256, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// By MD5, in hexadecimal.
    #[must_use]
    pub fn md5(&self) -> &str {
        &self.md5
    }

    /// For one algorithm, in hexadecimal.
    pub(super) fn get(&self, algorithm: Algorithm) -> &str {
        match algorithm {
            Algorithm::Sha256 => &self.sha256,
            Algorithm::Md5 => &self.md5,
        }
    }
}

impl PartialEq for Ha1s {
    fn eq(&self, other: &Self) -> bool {
        let same =
            self.sha256.as_bytes().ct_eq(other.sha256.as_bytes()) & self.md5.as_bytes().ct_eq(other.md5.as_bytes());
        same.into()
    }
}

impl Eq for Ha1s {}

impl std::fmt::Debug for Ha1s {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1s(…)")
    }
}

/// What goes into a response beside HA1. `counted` is nc and cnonce under `qop=auth`, nothing in the older form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange<'a> {
    pub(super) nonce: &'a str,
    pub(super) counted: Option<(&'a str, &'a str)>,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
}

/// The `response` value in hexadecimal, RFC 7616 §3.4.1.
pub(super) fn response(algorithm: Algorithm, ha1: &str, exchange: &Exchange<'_>) -> String {
    let ha2 = hash(algorithm, &format!("{}:{}", exchange.method, exchange.uri));
    let nonce = exchange.nonce;
    match exchange.counted {
        Some((nc, cnonce)) => hash(algorithm, &format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}")),
        None => hash(algorithm, &format!("{ha1}:{nonce}:{ha2}")),
    }
}

/// The name in a challenge, RFC 8760 §2.
pub(super) fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Md5 => "MD5",
    }
}

/// The algorithm of this name; none means MD5 (RFC 7616 §3.3).
pub(super) fn named(text: Option<&str>) -> Option<Algorithm> {
    let Some(text) = text else { return Some(Algorithm::Md5) };
    [Algorithm::Sha256, Algorithm::Md5].into_iter().find(|algorithm| text.eq_ignore_ascii_case(name(*algorithm)))
}

fn hash(algorithm: Algorithm, text: &str) -> String {
    match algorithm {
        Algorithm::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        Algorithm::Md5 => hex(&Md5::digest(text.as_bytes())),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// RFC 7616 §3.9.1.
    #[test]
    fn answers_the_examples_of_rfc_7616() {
        let ha1s = Ha1s::of("Mufasa", "http-auth@example.org", &Secret("Circle of Life".into()));
        let exchange = Exchange {
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            counted: Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
            method: "GET",
            uri: "/dir/index.html",
        };
        assert_eq!(response(Algorithm::Md5, ha1s.get(Algorithm::Md5), &exchange), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            response(Algorithm::Sha256, ha1s.get(Algorithm::Sha256), &exchange),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    /// RFC 2617 §3.5, and the form without qop of RFC 2069 §2.4 with its erratum.
    #[test]
    fn answers_the_examples_of_older_rfcs() {
        let ha1s = Ha1s::of("Mufasa", "testrealm@host.com", &Secret("Circle Of Life".into()));
        let exchange = Exchange {
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            counted: Some(("00000001", "0a4f113b")),
            method: "GET",
            uri: "/dir/index.html",
        };
        assert_eq!(response(Algorithm::Md5, ha1s.get(Algorithm::Md5), &exchange), "6629fae49393a05397450978507c4ef1");
        let ha1s = Ha1s::of("Mufasa", "testrealm@host.com", &Secret("CircleOfLife".into()));
        let exchange = Exchange { counted: None, ..exchange };
        assert_eq!(response(Algorithm::Md5, ha1s.get(Algorithm::Md5), &exchange), "1949323746fe6a43ef61f9606e7febea");
    }

    /// rsip's generator shares no code with this one.
    #[test]
    fn agrees_with_an_independent_generator() {
        let uri = rsip::Uri::try_from("sip:baton.local").unwrap();
        let qop = rsip::headers::auth::AuthQop::Auth { cnonce: "c0ffee".into(), nc: 7 };
        for (ours, theirs) in [
            (Algorithm::Sha256, rsip::headers::auth::Algorithm::Sha256),
            (Algorithm::Md5, rsip::headers::auth::Algorithm::Md5),
        ] {
            for qop in [Some(&qop), None] {
                let generator = rsip::services::DigestGenerator {
                    username: "alice",
                    password: "alice-secret",
                    nonce: "abc",
                    uri: &uri,
                    realm: "baton.local",
                    method: &rsip::Method::Register,
                    qop,
                    algorithm: theirs,
                };
                let ha1s = Ha1s::of("alice", "baton.local", &Secret("alice-secret".into()));
                let counted = qop.map(|_| ("00000007", "c0ffee"));
                let exchange = Exchange { nonce: "abc", counted, method: "REGISTER", uri: "sip:baton.local" };
                assert_eq!(response(ours, ha1s.get(ours), &exchange), generator.compute());
            }
        }
    }

    #[test]
    fn what_was_kept_is_what_was_made() {
        let made = Ha1s::of("alice", "baton.local", &Secret("alice-secret".into()));
        assert_eq!(Ha1s::from_hex(made.sha256(), made.md5()), Some(made.clone()));
        assert_eq!(Ha1s::from_hex(&made.sha256().to_uppercase(), made.md5()), Some(made.clone()));
        assert_ne!(Ha1s::of("alice", "other", &Secret("alice-secret".into())), made);
        for (sha256, md5) in [("", made.md5()), (made.sha256(), "abc"), (made.md5(), made.sha256())] {
            assert_eq!(Ha1s::from_hex(sha256, md5), None);
        }
        assert_eq!(Ha1s::from_hex(made.sha256(), &"g".repeat(32)), None);
    }

    #[test]
    fn a_password_is_in_no_debug_text() {
        let ha1s = Ha1s::of("alice", "r", &Secret("alice-secret".into()));
        assert_eq!(format!("{ha1s:?}"), "Ha1s(…)");
    }
}
