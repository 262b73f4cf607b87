//! Answers digest challenges (RFC 3261 §22.2): the best algorithm on offer, counting the uses of a nonce.
//!
//! Whether the challenger may be told anything at all, and how often one tries, is for the caller (B15, B16).

use super::hash::{Exchange, Ha1s, name, named, response};
use crate::codec::headers::AuthParams;
use crate::codec::{SipUri, all, quote, set};
use crate::settings::{Algorithm, Secret};

/// Why a challenge cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CannotAnswer {
    /// No 401 or 407, or nothing in it we understand.
    #[error("no digest challenge with an algorithm we have")]
    NotUnderstood,
    /// What we answered with this very nonce was refused: the password is wrong.
    #[error("the credentials were refused")]
    Refused,
}

#[derive(Clone, Debug)]
struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// Whether to count (`qop=auth`); without it the older form is used.
    counts: bool,
    proxy: bool,
}

/// One account's answers to one challenger.
#[derive(Clone, Debug)]
pub(crate) struct DigestClient {
    user: String,
    password: Secret,
    challenge: Option<Challenge>,
    count: u32,
}

impl DigestClient {
    /// Of an account.
    pub(crate) fn new(user: &str, password: &Secret) -> Self {
        Self { user: user.to_owned(), password: password.clone(), challenge: None, count: 0 }
    }

    /// Takes the challenge of a 401 or 407: of those we understand the strongest.
    ///
    /// # Errors
    /// If answering makes no sense.
    pub(crate) fn challenged(&mut self, response: &rsip::Response) -> Result<(), CannotAnswer> {
        let (header, proxy) = match response.status_code.code() {
            401 => ("WWW-Authenticate", false),
            407 => ("Proxy-Authenticate", true),
            _ => return Err(CannotAnswer::NotUnderstood),
        };
        let values = all(&response.headers, header).filter_map(|value| AuthParams::parse(value).ok());
        let understood = values.filter_map(|value| Some((read(&value, proxy)?, is_stale(&value))));
        let strongest = understood.min_by_key(|(challenge, _)| match challenge.algorithm {
            Algorithm::Sha256 => 0,
            Algorithm::Md5 => 1,
        });
        let (challenge, stale) = strongest.ok_or(CannotAnswer::NotUnderstood)?;
        let again = self.challenge.as_ref().is_some_and(|known| known.nonce == challenge.nonce);
        if again && self.count > 0 && !stale {
            return Err(CannotAnswer::Refused);
        }
        if !again {
            self.count = 0;
        }
        self.challenge = Some(challenge);
        Ok(())
    }

    /// Puts credentials into a request, if there was a challenge; also into those after the first, which saves asking.
    /// `cnonce` is random.
    pub(crate) fn authorize(&mut self, request: &mut rsip::Request, cnonce: &str) {
        let Some(challenge) = &self.challenge else { return };
        self.count = self.count.saturating_add(1);
        let uri = SipUri::from(&request.uri).to_string();
        let nc = format!("{:08x}", self.count);
        let method = request.method.to_string();
        let counted = challenge.counts.then_some((nc.as_str(), cnonce));
        let exchange = Exchange { nonce: &challenge.nonce, counted, method: &method, uri: &uri };
        let ha1s = Ha1s::of(&self.user, &challenge.realm, &self.password);
        let response = response(challenge.algorithm, ha1s.get(challenge.algorithm), &exchange);
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\", algorithm={}",
            quote(&self.user),
            quote(&challenge.realm),
            quote(&challenge.nonce),
            quote(&uri),
            name(challenge.algorithm)
        );
        if challenge.counts {
            value.push_str(&format!(", qop=auth, nc={nc}, cnonce={}", quote(cnonce)));
        }
        if let Some(opaque) = &challenge.opaque {
            value.push_str(&format!(", opaque={}", quote(opaque)));
        }
        set(&mut request.headers, if challenge.proxy { "Proxy-Authorization" } else { "Authorization" }, value);
    }
}

fn read(value: &AuthParams, proxy: bool) -> Option<Challenge> {
    if !value.is_digest() {
        return None;
    }
    let counts = match value.get("qop") {
        Some(offered) => {
            let auth = offered.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth"));
            auth.then_some(true)?
        }
        None => false,
    };
    Some(Challenge {
        realm: value.get("realm")?.to_owned(),
        nonce: value.get("nonce")?.to_owned(),
        opaque: value.get("opaque").map(str::to_owned),
        algorithm: named(value.get("algorithm"))?,
        counts,
        proxy,
    })
}

fn is_stale(value: &AuthParams) -> bool {
    value.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true"))
}
