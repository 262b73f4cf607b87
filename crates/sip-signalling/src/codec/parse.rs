//! One message from its bytes, checked.
//!
//! What is checked is in the order a caller would want to hear of it: is it SIP, which version, are the headers every
//! message needs there and readable, does CSeq fit, is the method known, is the Request-URI one we can serve. Whether a
//! request is welcome is not decided here.

use std::str::FromStr;

use rsip::{Headers, Method, Request, Response, SipMessage, Version};

use super::fields::push;
use super::headers::{CSeq, NameAddr, Via};
use super::limits;
use super::malformed::{Answerable, Fault, Malformed};
use super::scan::{Head, head_end, leading_empty_lines, scan};
use super::text::{Unreadable, is_token, number, split};
use super::uri::{Scheme, SipUri};

/// Headers that may come once (RFC 3261 §7.3.1), of those that decide something.
const SINGLE: [&str; 8] =
    ["To", "From", "Call-ID", "CSeq", "Max-Forwards", "Content-Type", "Expires", "Session-Expires"];
/// Headers whose lists are split, one value per header.
const SPLIT: [&str; 4] = ["Via", "Contact", "Route", "Record-Route"];

/// Whether a datagram only keeps a way open: empty lines, NULs or blanks (RFC 5626 §3.5.1 and what phones send).
pub(crate) fn is_keep_alive(datagram: &[u8]) -> bool {
    datagram.len() <= limits::LEADING_LINES && datagram.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0))
}

/// Reads one datagram, or one message that a [`super::StreamFramer`] cut out. Empty lines before it are skipped and what
/// follows its body is dropped (RFC 3261 §18.3).
///
/// # Errors
/// What is wrong, with the answer if one is due.
pub(crate) fn parse(datagram: &[u8]) -> Result<SipMessage, Malformed> {
    let bytes = &datagram[leading_empty_lines(datagram)..];
    if bytes.len() > limits::MESSAGE {
        return Err(refuse(Fault::TooLarge, &scan(&bytes[..limits::MESSAGE])));
    }
    let end = head_end(bytes, 0);
    let mut head = scan(&bytes[..end.unwrap_or(bytes.len())]);
    if end.is_none() {
        head.fault.get_or_insert(Fault::NoEnd);
    }
    message(&head, &bytes[end.unwrap_or(bytes.len())..]).map_err(|fault| refuse(fault, &head))
}

/// The refusal of whatever this head was to be.
pub(super) fn refuse(fault: Fault, head: &Head) -> Malformed {
    let request = match StartLine::read(&head.start) {
        Ok(StartLine::Request { method, .. }) => method != "ACK",
        Ok(StartLine::Response { .. }) | Err(Fault::NotSip) => false,
        Err(_) => !head.start.starts_with("ACK ") && !begins_with_sip(&head.start),
    };
    if !request || head.one("Via").is_none() {
        return Malformed::silent(fault);
    }
    let one = |name| head.one(name).map(str::to_owned);
    let answerable = Answerable {
        vias: head.all("Via").map(str::to_owned).collect(),
        from: one("From"),
        to: one("To"),
        call_id: one("Call-ID"),
        cseq: one("CSeq"),
    };
    Malformed { fault, answerable: Some(Box::new(answerable)) }
}

/// Content-Length, if there is one.
pub(super) fn content_length(head: &Head) -> Result<Option<usize>, Fault> {
    let mut length = None;
    for value in head.all("Content-Length") {
        let read = number(value, u32::MAX).map_err(|why| Fault::Header("Content-Length", why))?;
        if length.is_some_and(|known| known != read) {
            return Err(Fault::Repeated("Content-Length"));
        }
        length = Some(read);
    }
    Ok(length.map(|length| usize::try_from(length).unwrap_or(usize::MAX)))
}

/// A start-line taken apart; the parts are not read yet.
enum StartLine<'a> {
    Request { method: &'a str, uri: &'a str },
    Response { status: u16 },
}

impl<'a> StartLine<'a> {
    fn read(line: &'a str) -> Result<Self, Fault> {
        if begins_with_sip(line) {
            return Self::response(line);
        }
        let trimmed = line.trim_end_matches([' ', '\t']);
        let (rest, version) = trimmed.rsplit_once(' ').ok_or(Fault::NotSip)?;
        if !begins_with_sip(version) {
            return Err(Fault::NotSip);
        }
        check_version(version)?;
        let (method, uri) = rest.split_once(' ').ok_or(Fault::StartLine)?;
        if trimmed != line || !is_token(method) || uri.is_empty() || uri.contains([' ', '\t']) {
            return Err(Fault::StartLine);
        }
        Ok(Self::Request { method, uri })
    }

    fn response(line: &str) -> Result<Self, Fault> {
        let mut parts = line.splitn(3, ' ');
        check_version(parts.next().unwrap_or_default())?;
        let status = parts.next().filter(|status| status.len() == 3).ok_or(Fault::StartLine)?;
        match number(status, 699) {
            Ok(status @ 100..) => Ok(Self::Response { status: u16::try_from(status).map_err(|_| Fault::StartLine)? }),
            Ok(_) | Err(_) => Err(Fault::StartLine),
        }
    }
}

fn begins_with_sip(line: &str) -> bool {
    line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/"))
}

fn check_version(version: &str) -> Result<(), Fault> {
    let (_, number) = version.split_once('/').ok_or(Fault::StartLine)?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match number.split_once('.') {
        Some(("2", "0")) => Ok(()),
        Some((major, minor)) if digits(major) && digits(minor) => Err(Fault::Version),
        Some(_) | None => Err(Fault::StartLine),
    }
}

fn message(head: &Head, body: &[u8]) -> Result<SipMessage, Fault> {
    let start = StartLine::read(&head.start)?;
    if let Some(fault) = &head.fault {
        return Err(fault.clone());
    }
    let headers = headers(head)?;
    let cseq = mandatory(head)?;
    match start {
        StartLine::Response { status } => {
            let body = cut(head, body)?;
            Ok(SipMessage::Response(Response { status_code: status.into(), version: Version::V2, headers, body }))
        }
        StartLine::Request { method, uri } => {
            optional(head)?;
            if cseq.method != method {
                return Err(Fault::MethodMismatch);
            }
            let method = known_method(method)?;
            let uri = request_uri(uri)?;
            let body = cut(head, body)?;
            Ok(SipMessage::Request(Request { method, uri: uri.to_rsip(), version: Version::V2, headers, body }))
        }
    }
}

/// rsip's headers, lists split.
fn headers(head: &Head) -> Result<Headers, Fault> {
    let (mut headers, mut values) = (Headers::default(), 0);
    for (name, value) in &head.fields {
        let Some(list) = SPLIT.iter().find(|list| name.eq_ignore_ascii_case(list)) else {
            if !name.eq_ignore_ascii_case("Content-Length") {
                push(&mut headers, name, value);
            }
            continue;
        };
        for part in split(value, b',').map_err(|why| Fault::Header(list, why))? {
            push(&mut headers, list, part);
            values += 1;
        }
        if values > limits::VALUES {
            return Err(Fault::TooManyHeaders);
        }
    }
    Ok(headers)
}

/// The headers every message has (RFC 3261 §8.1.1, Max-Forwards apart), each readable.
fn mandatory(head: &Head) -> Result<CSeq, Fault> {
    if let Some(twice) = SINGLE.iter().find(|name| head.all(name).nth(1).is_some()) {
        return Err(Fault::Repeated(twice));
    }
    let one = |name| head.one(name).ok_or(Fault::Header(name, Unreadable::Missing));
    address("From", one("From")?)?;
    address("To", one("To")?)?;
    let call_id = one("Call-ID")?;
    if call_id.is_empty() || call_id.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err(Fault::Header("Call-ID", Unreadable::Token));
    }
    one("Via")?;
    for via in values(head, "Via")? {
        Via::parse(via).map_err(|why| Fault::Header("Via", why))?;
    }
    CSeq::parse(one("CSeq")?).map_err(|why| Fault::Header("CSeq", why))
}

/// What a request may have besides, if it is there.
fn optional(head: &Head) -> Result<(), Fault> {
    for (name, most) in [("Max-Forwards", limits::MAX_FORWARDS), ("Expires", u32::MAX)] {
        if let Some(value) = head.one(name) {
            number(value, most).map_err(|why| Fault::Header(name, why))?;
        }
    }
    for name in ["Contact", "Route", "Record-Route"] {
        let values = values(head, name)?;
        // RFC 3261 §20.10: `*` stands alone
        if !(name == "Contact" && values == ["*"]) {
            values.into_iter().try_for_each(|value| address(name, value))?;
        }
    }
    Ok(())
}

fn values<'a>(head: &'a Head, name: &'static str) -> Result<Vec<&'a str>, Fault> {
    let mut found = Vec::new();
    for value in head.all(name) {
        found.extend(split(value, b',').map_err(|why| Fault::Header(name, why))?);
    }
    Ok(found)
}

/// An address that can be read. Replaced bytes (no UTF-8) may stand in its display name only.
fn address(name: &'static str, value: &str) -> Result<(), Fault> {
    let read = NameAddr::parse(value).map_err(|why| Fault::Header(name, why))?;
    let replaced = |text: String| text.contains(char::REPLACEMENT_CHARACTER);
    if replaced(read.uri.to_string()) || replaced(read.params.to_string()) {
        return Err(Fault::Utf8(name));
    }
    Ok(())
}

/// rsip's own reading ignores case; methods do not (RFC 3261 §7.1).
fn known_method(method: &str) -> Result<Method, Fault> {
    Method::from_str(method).ok().filter(|known| known.to_string() == method).ok_or(Fault::Method)
}

fn request_uri(text: &str) -> Result<SipUri, Fault> {
    let uri = SipUri::parse(text).map_err(Fault::RequestUri)?;
    match &uri.scheme {
        Scheme::Other(scheme) if scheme != "tel" => Err(Fault::Scheme),
        // RFC 3261 §19.1.1, table 1: no headers in a Request-URI
        Scheme::Sip | Scheme::Sips | Scheme::Other(_) if !uri.headers.is_empty() => {
            Err(Fault::RequestUri(Unreadable::UriHeaders))
        }
        Scheme::Sip | Scheme::Sips | Scheme::Other(_) => Ok(uri),
    }
}

/// The body: as long as Content-Length says, all there is without it.
fn cut(head: &Head, body: &[u8]) -> Result<Vec<u8>, Fault> {
    let length = content_length(head)?.unwrap_or(body.len());
    body.get(..length).map(<[u8]>::to_vec).ok_or(Fault::ShortBody)
}
