//! Judges the credentials of a request (RFC 3261 §22, RFC 7616 §3.4).
//!
//! ```text
//!   phone                          baton
//!     |--- REGISTER ----------------->|   no credentials
//!     |<-- 401, SHA-256 then MD5 -----|   RFC 8760 §2.3: best first
//!     |--- REGISTER, Authorization -->|   digest right, then nonce, then count
//!     |<-- 200 -----------------------|   or 401 stale=true: right password, old nonce
//! ```
//!
//! Says who it is; not what they may do. A name nobody has is judged like any other, against a secret nobody knows.

use std::net::IpAddr;
use std::time::Duration;

use conference::Moment;
use subtle::ConstantTimeEq;

use super::bans::{Bans, Begins};
use super::hash::{Exchange, Ha1s, name, named, response};
use super::nonce::{Counts, Mint, NonceKey, Read};
use crate::codec::headers::AuthParams;
use crate::codec::{SipUri, all, quote};
use crate::settings::{Algorithm, Secret};

#[cfg(test)]
mod tests;

/// Bytes of a user name that are looked at; a longer one is nobody's.
const USER: usize = 128;

/// A request that wants to be let in.
#[derive(Clone, Debug)]
pub(crate) struct Attempt<'a> {
    method: String,
    uri: SipUri,
    values: Vec<&'a str>,
    source: IpAddr,
}

impl<'a> Attempt<'a> {
    /// What a request brings in its Authorization headers.
    pub(crate) fn of(request: &'a rsip::Request, source: IpAddr) -> Self {
        let values = all(&request.headers, "Authorization").collect();
        Self { method: request.method.to_string(), uri: (&request.uri).into(), values, source }
    }
}

/// What is to be done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It comes from this user.
    Granted {
        /// The account's name.
        user: String,
    },
    /// 401 with [`DigestServer::challenges`].
    Challenge {
        /// The password was right, only the nonce is old.
        stale: bool,
        /// Send it so much later (after wrong passwords).
        after: Duration,
    },
    /// 403, or nothing: this address guessed too often and is not listened to for this user until then.
    Banned {
        /// Until when.
        until: Moment,
    },
}

/// A verdict with what an operator should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// A security event.
    pub(crate) alarm: Option<Alarm>,
}

/// A security event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alarm {
    /// Its rule: `password-ban` or `password-siege`.
    pub(crate) rule: &'static str,
    /// The user concerned, made safe for logs.
    pub(crate) detail: String,
}

/// Judges requests for one realm.
pub(crate) struct DigestServer {
    realm: String,
    algorithms: Vec<Algorithm>,
    mint: Mint,
    counts: Counts,
    bans: Bans,
    ban_loopback: bool,
    nobody: Ha1s,
}

/// Credentials that have everything they need.
struct Credentials {
    user: String,
    algorithm: Algorithm,
    nonce: String,
    /// nc as written and as a number, and cnonce; `None` in the form without qop.
    counted: Option<(String, u32, String)>,
    uri: String,
    response: String,
}

impl DigestServer {
    /// `algorithms` in the order they are offered in; loopback addresses are never banned unless `ban_loopback`.
    pub(crate) fn new(realm: &str, algorithms: Vec<Algorithm>, key: NonceKey, ban_loopback: bool) -> Self {
        let secret = Secret(key.iter().map(|byte| format!("{byte:02x}")).collect());
        Self {
            realm: realm.to_owned(),
            algorithms,
            mint: Mint::new(key, realm),
            counts: Counts::default(),
            bans: Bans::default(),
            ban_loopback,
            nobody: Ha1s::of("", realm, &secret),
        }
    }

    /// The WWW-Authenticate values of a 401, best first. `salt` is random, or at least new.
    pub(crate) fn challenges(&self, now: Moment, source: IpAddr, stale: bool, salt: u64) -> Vec<String> {
        let nonce = self.mint.make(now, source, salt);
        let stale = if stale { ", stale=true" } else { "" };
        let realm = quote(&self.realm);
        let challenge = |algorithm: &Algorithm| {
            format!("Digest realm={realm}, nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}", name(*algorithm))
        };
        self.algorithms.iter().map(challenge).collect()
    }

    /// Judges a request. `users` knows the secrets of those who exist.
    pub(crate) fn judge<'u>(
        &mut self,
        now: Moment,
        attempt: &Attempt<'_>,
        users: impl Fn(&str) -> Option<&'u Ha1s>,
    ) -> Judged {
        let Some(credentials) = self.credentials(attempt) else { return challenge(false) };
        let user = credentials.user.as_str();
        let counted = self.ban_loopback || !attempt.source.to_canonical().is_loopback();
        if let Some(until) = self.bans.banned_until(now, attempt.source, user).filter(|_| counted) {
            return Judged { verdict: Verdict::Banned { until }, alarm: None };
        }
        let known = users(user);
        if !self.is_right(attempt, &credentials, known.unwrap_or(&self.nobody)) || known.is_none() {
            return if counted { self.wrong(now, attempt.source, user) } else { challenge(false) };
        }
        self.bans.succeeded(attempt.source, user);
        if !is_for(&attempt.uri, &credentials.uri) {
            return challenge(false);
        }
        let count = credentials.counted.as_ref().map_or(u32::MAX, |(_, count, _)| *count);
        match self.mint.read(now, attempt.source, &credentials.nonce) {
            Read::Good(stamp) if self.counts.take(now, stamp, count) => {
                Judged { verdict: Verdict::Granted { user: credentials.user }, alarm: None }
            }
            Read::Good(_) | Read::Stale => challenge(true),
            Read::Forged => challenge(false),
        }
    }

    /// Whether an ACK, which is not challenged, brings the right password of `user`: of its own, or the copy of its
    /// INVITE's credentials (RFC 3261 §22.1). The nonce must be one made for this address.
    pub(crate) fn vouches<'u>(
        &mut self,
        now: Moment,
        attempt: &Attempt<'_>,
        user: &str,
        users: impl Fn(&str) -> Option<&'u Ha1s>,
    ) -> bool {
        let Some(credentials) = self.credentials(attempt).filter(|credentials| credentials.user == user) else {
            return false;
        };
        let Some(known) = users(user) else { return false };
        let counted = self.ban_loopback || !attempt.source.to_canonical().is_loopback();
        if counted && self.bans.banned_until(now, attempt.source, user).is_some() {
            return false;
        }
        let copied = Attempt { method: rsip::Method::Invite.to_string(), ..attempt.clone() };
        if ![attempt, &copied].into_iter().any(|attempt| self.is_right(attempt, &credentials, known)) {
            if counted {
                let _told_by_its_requests = self.bans.failed(now, attempt.source, user);
            }
            return false;
        }
        is_for(&attempt.uri, &credentials.uri)
            && matches!(self.mint.read(now, attempt.source, &credentials.nonce), Read::Good(_))
    }

    /// The one complete Digest value for our realm. Two of them are none (B9).
    fn credentials(&self, attempt: &Attempt<'_>) -> Option<Credentials> {
        let read = attempt.values.iter().filter_map(|value| AuthParams::parse(value).ok());
        let mut ours = read.filter(|value| value.is_digest() && value.get("realm") == Some(&self.realm));
        let value = ours.next().filter(|_| ours.next().is_none())?;
        let algorithm = named(value.get("algorithm")).filter(|algorithm| self.algorithms.contains(algorithm))?;
        let text = |name| value.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let counted = match (value.get("qop"), algorithm) {
            (Some(qop), _) if qop.eq_ignore_ascii_case("auth") => {
                let nc = text("nc").filter(|nc| nc.len() == 8)?;
                let count = u32::from_str_radix(&nc, 16).ok().filter(|_| !nc.starts_with('+'))?;
                Some((nc, count, text("cnonce")?))
            }
            // RFC 2617 phones, which know MD5 only, may leave qop out; then a nonce is good once
            (None, Algorithm::Md5) => None,
            (Some(_), _) | (None, Algorithm::Sha256) => return None,
        };
        let user = text("username").filter(|user| user.len() <= USER)?;
        Some(Credentials {
            user,
            algorithm,
            nonce: text("nonce")?,
            counted,
            uri: text("uri")?,
            response: text("response")?,
        })
    }

    fn is_right(&self, attempt: &Attempt<'_>, credentials: &Credentials, ha1s: &Ha1s) -> bool {
        let counted = credentials.counted.as_ref().map(|(nc, _, cnonce)| (nc.as_str(), cnonce.as_str()));
        let exchange = Exchange { nonce: &credentials.nonce, counted, method: &attempt.method, uri: &credentials.uri };
        let expected = response(credentials.algorithm, ha1s.get(credentials.algorithm), &exchange);
        bool::from(expected.as_bytes().ct_eq(credentials.response.to_ascii_lowercase().as_bytes()))
    }

    fn wrong(&mut self, now: Moment, source: IpAddr, user: &str) -> Judged {
        let failure = self.bans.failed(now, source, user);
        let rule = failure.begins.map(|begins| match begins {
            Begins::Ban => "password-ban",
            Begins::Siege => "password-siege",
        });
        let alarm = rule.map(|rule| Alarm { rule, detail: user.escape_default().to_string() });
        Judged { verdict: Verdict::Challenge { stale: false, after: failure.delay }, alarm }
    }
}

fn challenge(stale: bool) -> Judged {
    Judged { verdict: Verdict::Challenge { stale, after: Duration::ZERO }, alarm: None }
}

/// Whether credentials made for `written` fit this Request-URI (RFC 7616 §3.4.6). Parameters may differ: phones leave
/// them out of one or the other, and they do not say whom a request is for.
fn is_for(uri: &SipUri, written: &str) -> bool {
    let Ok(written) = SipUri::parse(written) else { return false };
    let port = |uri: &SipUri| uri.port.unwrap_or(5060);
    written.scheme == uri.scheme
        && written.user_text() == uri.user_text()
        && written.host.eq_ignore_ascii_case(&uri.host)
        && port(&written) == port(uri)
}
