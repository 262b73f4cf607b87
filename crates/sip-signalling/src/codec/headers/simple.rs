//! Numbers, tokens and short values: CSeq, Max-Forwards, Expires, Require, Content-Type and their like.

use std::fmt;

use rsip::{Headers, Method};

use crate::codec::fields::{all, one};
use crate::codec::limits;
use crate::codec::text::{Unreadable, is_token, number, split, trim};

/// A CSeq value. The method is text, since rsip has no word for methods it does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CSeq {
    /// The number.
    pub(crate) number: u32,
    /// The method, as written (methods are case-sensitive, RFC 3261 §7.1).
    pub(crate) method: String,
}

impl CSeq {
    /// One for a known method.
    pub(crate) fn new(number: u32, method: Method) -> Self {
        Self { number, method: method.to_string() }
    }

    /// Reads `number method`.
    ///
    /// # Errors
    /// `Number` beyond 32 bits, `Token` for what is no method.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let (digits, method) = trim(text).split_once([' ', '\t']).ok_or(Unreadable::Missing)?;
        let method = trim(method);
        if !is_token(method) {
            return Err(Unreadable::Token);
        }
        Ok(Self { number: number(digits, u32::MAX)?, method: method.to_owned() })
    }

    /// Whether its method is this one.
    pub(crate) fn is(&self, method: Method) -> bool {
        self.method == method.to_string()
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// The CSeq header.
///
/// # Errors
/// `Missing`, or what cannot be read.
pub(crate) fn cseq(headers: &Headers) -> Result<CSeq, Unreadable> {
    CSeq::parse(one(headers, "CSeq").ok_or(Unreadable::Missing)?)
}

/// The Call-ID header; empty if there is none (which the codec lets through only when writing).
pub(crate) fn call_id(headers: &Headers) -> &str {
    one(headers, "Call-ID").unwrap_or_default()
}

/// Max-Forwards, 70 if there is none.
///
/// # Errors
/// `Number` if it is not 0 to 255.
pub(crate) fn max_forwards(headers: &Headers) -> Result<u8, Unreadable> {
    let Some(value) = one(headers, "Max-Forwards") else { return Ok(limits::DEFAULT_MAX_FORWARDS) };
    u8::try_from(number(value, limits::MAX_FORWARDS)?).map_err(|_| Unreadable::Number)
}

/// The Expires header.
///
/// # Errors
/// `Number`, also for what does not fit 32 bits.
pub(crate) fn expires(headers: &Headers) -> Result<Option<u32>, Unreadable> {
    one(headers, "Expires").map(|value| number(value, u32::MAX)).transpose()
}

/// The Min-Expires header of a 423.
///
/// # Errors
/// `Number`, also for what does not fit 32 bits.
pub(crate) fn min_expires(headers: &Headers) -> Result<Option<u32>, Unreadable> {
    one(headers, "Min-Expires").map(|value| number(value, u32::MAX)).transpose()
}

/// All tokens of a list header (Require, Supported, Allow), as written.
pub(crate) fn tokens<'a>(headers: &'a Headers, name: &str) -> Vec<&'a str> {
    all(headers, name).flat_map(|value| value.split(',')).map(trim).filter(|token| !token.is_empty()).collect()
}

/// The media type in small letters without its parameters: `application/sdp`.
pub(crate) fn content_type(headers: &Headers) -> Option<String> {
    one(headers, "Content-Type").map(media_type)
}

/// Whether the sender takes this media type in the answer: no Accept header means `application/sdp`
/// (RFC 3261 §20.1), and an empty one nothing.
pub(crate) fn accepts(headers: &Headers, media: &str) -> bool {
    let mut asked = false;
    let group = media.split('/').next().unwrap_or_default();
    for value in all(headers, "Accept") {
        asked = true;
        let ranges = split(value, b',').unwrap_or_default();
        if ranges
            .into_iter()
            .map(media_type)
            .any(|range| range == media || range == "*/*" || range == format!("{group}/*"))
        {
            return true;
        }
    }
    !asked && media == "application/sdp"
}

fn media_type(value: &str) -> String {
    let value = value.split(';').next().unwrap_or_default();
    value.chars().filter(|character| !matches!(character, ' ' | '\t')).collect::<String>().to_ascii_lowercase()
}
