//! Tests of the codec as a whole; single values are tested beside their readers.
#![allow(clippy::unwrap_used)]

mod ipv6;
mod mutation;
mod rows;
mod stream;
mod torture;
mod wire;

use rsip::{Headers, Request, Response, SipMessage};

use super::fields::all;
use super::headers::Via;
use super::text::{Unreadable, split};

/// A torture message by its RFC 4475 name.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/torture/", $name, ".sip")).as_slice()
    };
}
pub(super) use fixture;

pub(super) fn request(bytes: &[u8]) -> Request {
    match super::parse(bytes) {
        Ok(SipMessage::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

pub(super) fn response(bytes: &[u8]) -> Response {
    match super::parse(bytes) {
        Ok(SipMessage::Response(response)) => response,
        other => panic!("no response: {other:?}"),
    }
}

/// A good OPTIONS with one more line of choice (or none) among its headers.
pub(super) fn options_with(line: &str) -> Vec<u8> {
    let line = if line.is_empty() { String::new() } else { format!("{line}\r\n") };
    format!(
        "OPTIONS sip:baton.local SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKabc;rport\r\n\
         From: <sip:alice@baton.local>;tag=1\r\nTo: <sip:baton.local>\r\nCall-ID: a@b\r\nCSeq: 1 OPTIONS\r\n{line}\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// The same with one of its own lines replaced.
pub(super) fn options_but(old: &str, new: &str) -> Vec<u8> {
    let text = String::from_utf8(options_with("")).unwrap();
    assert!(text.contains(old), "{old} is not in the message");
    text.replacen(old, new, 1).into_bytes()
}

/// All Via values, topmost first.
///
/// # Errors
/// What cannot be read; `Missing` if there is none.
pub(super) fn vias(headers: &Headers) -> Result<Vec<Via>, Unreadable> {
    let mut found = Vec::new();
    for value in all(headers, "Via") {
        for part in split(value, b',')? {
            found.push(Via::parse(part)?);
        }
    }
    if found.is_empty() { Err(Unreadable::Missing) } else { Ok(found) }
}
