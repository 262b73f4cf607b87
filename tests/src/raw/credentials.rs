//! Answers a digest challenge with MD5 (RFC 7616 §3.4), by hand.

use md5::{Digest, Md5};

use super::message::Message;

/// The value of one parameter of a challenge.
#[must_use]
pub fn part<'a>(challenge: &'a str, key: &str) -> Option<&'a str> {
    let start = challenge.find(&format!("{key}="))? + key.len() + 1;
    let rest = &challenge[start..];
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split([',', ' ']).next(),
    }
}

/// The Authorization header (with its line end) for the MD5 challenge of a 401.
#[must_use]
pub fn authorize(challenge: &Message, user: &str, password: &str, method: &str, uri: &str) -> String {
    let found = challenge.all("WWW-Authenticate").find(|value| value.contains("algorithm=MD5"));
    let found = found.unwrap_or_else(|| panic!("no MD5 challenge in {challenge:?}"));
    authorize_as(found, user, password, method, uri, 1)
}

/// The Authorization header (with its line end) for one challenge, with this nonce count.
#[must_use]
pub fn authorize_as(challenge: &str, user: &str, password: &str, method: &str, uri: &str, count: u32) -> String {
    let (realm, nonce) = (part(challenge, "realm").unwrap_or_default(), part(challenge, "nonce").unwrap_or_default());
    let response = proof([user, realm, password], [method, uri], [nonce, &format!("{count:08x}"), "cn0nce"]);
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm=MD5, \
         qop=auth, nc={count:08x}, cnonce=\"cn0nce\", response=\"{response}\"\r\n"
    )
}

/// The response parameter with `qop=auth`: user, realm and password; method and URI; nonce, nonce count and client nonce.
#[must_use]
pub fn proof(secret: [&str; 3], request: [&str; 2], numbers: [&str; 3]) -> String {
    let (secret, request) = (hash(&secret.join(":")), hash(&request.join(":")));
    hash(&format!("{secret}:{}:auth:{request}", numbers.join(":")))
}

fn hash(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
