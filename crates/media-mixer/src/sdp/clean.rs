//! Makes tolerant input out of what phones send, before `sdp-types` reads it, and holds the limits.
//!
//! Only the lines we read survive: `v`, `m`, the first `c` of each section and the attributes below. So an `o=` user with a
//! space, a latin-1 name, a missing `s=` or `t=`, bare line feeds and a last line without one are no trouble, and a description
//! full of candidates costs nothing. It judges no meaning.

use super::crypto::ATTRIBUTE;
use super::{SdpError, limits};

/// What every section of the cleaned text begins with, so that each can be read alone.
const VERSION: &[u8] = b"v=0";
/// The attributes we read.
const READ: [&str; 12] = [
    "rtpmap", "fmtp", "ptime", "maxptime", "rtcp", "rtcp-mux", "rtcp-xr", ATTRIBUTE, "sendrecv", "sendonly",
    "recvonly", "inactive",
];

/// The part of a description that we read, as printable ASCII lines ending in CRLF.
#[derive(Debug)]
pub(super) struct Cleaned {
    text: Vec<u8>,
    /// Where each media section begins.
    starts: Vec<usize>,
}

impl Cleaned {
    /// The session's own lines, a description by themselves.
    pub(super) fn head(&self) -> &[u8] {
        let end = self.starts.first().copied().unwrap_or(self.text.len());
        self.text.get(..end).unwrap_or_default()
    }

    /// The media sections in order, each a description by itself.
    pub(super) fn sections(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.starts.iter().skip(1).copied().chain([self.text.len()]);
        self.starts.iter().zip(ends).filter_map(|(start, end)| self.text.get(*start..end))
    }
}

/// The fields of a section's `m=` line: type, port, protocol, and the formats as they came.
pub(super) fn media_fields(section: &[u8]) -> Result<[&str; 4], SdpError> {
    let wrong = || SdpError::Malformed("m= line".to_owned());
    let text = std::str::from_utf8(section).map_err(|_| wrong())?;
    let line = text.split("\r\n").nth(1).and_then(|line| line.strip_prefix("m="));
    let mut fields = line.unwrap_or_default().splitn(4, ' ');
    match [fields.next(), fields.next(), fields.next(), fields.next()] {
        [Some(media), Some(port), Some(proto), Some(formats)] => Ok([media, port, proto, formats]),
        _ => Err(wrong()),
    }
}

/// Cleans `body`.
///
/// # Errors
/// `TooLarge` for every limit, `Malformed` for a NUL byte, a line that is not `x=…`, and anything but one `v=0` in front.
pub(super) fn clean(body: &[u8]) -> Result<Cleaned, SdpError> {
    let mut text = Vec::with_capacity(measure(body)?);
    let mut starts = Vec::new();
    let mut connection_seen = false;
    let mut lines = lines(body);
    if lines.next() != Some(VERSION) {
        return Err(SdpError::Malformed("v=0 does not come first".to_owned()));
    }
    push(&mut text, VERSION);
    for line in lines {
        match line[0] {
            b'v' => return Err(SdpError::Malformed("a second v= line".to_owned())),
            b'm' => {
                connection_seen = false;
                starts.push(text.len());
                push(&mut text, VERSION);
                push_fields(&mut text, line);
            }
            b'c' if !connection_seen => {
                connection_seen = true;
                push_fields(&mut text, line);
            }
            b'a' if is_read(line) => push(&mut text, line),
            _ => (),
        }
    }
    Ok(Cleaned { text, starts })
}

/// Holds every limit and says how many bytes the cleaned description needs at most.
fn measure(body: &[u8]) -> Result<usize, SdpError> {
    within(body.len(), limits::BYTES, "bytes")?;
    if body.contains(&0) {
        return Err(SdpError::Malformed("NUL byte".to_owned()));
    }
    let (mut media, mut attributes, mut read, mut size) = (0, 0, 0, 0);
    for line in lines(body) {
        if line.get(1) != Some(&b'=') || !line[0].is_ascii_alphabetic() {
            return Err(SdpError::Malformed("a line is not key=value".to_owned()));
        }
        match line[0] {
            b'm' => {
                media += 1;
                // type, port and protocol come before the payload types
                let formats = fields(line).count().saturating_sub(3);
                within(formats, limits::PAYLOAD_TYPES, "payload types on a line")?;
                size += VERSION.len() + 2;
            }
            b'a' => {
                attributes += 1;
                if !is_read(line) {
                    continue;
                }
                read += 1;
            }
            b'v' | b'c' => (),
            _ => continue,
        }
        size += line.len() + 2;
    }
    within(media, limits::MEDIA_LINES, "media lines")?;
    within(attributes, limits::ATTRIBUTES, "attributes")?;
    within(read, limits::READ_ATTRIBUTES, "attributes we read")?;
    Ok(size)
}

fn within(count: usize, limit: usize, what: &'static str) -> Result<(), SdpError> {
    if count > limit {
        return Err(SdpError::TooLarge { what, limit });
    }
    Ok(())
}

/// The lines that are not blank, however they end, without white space around them.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

fn is_read(line: &[u8]) -> bool {
    let attribute = line.get(2..).unwrap_or_default();
    let name = attribute.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
    READ.iter().any(|read| read.as_bytes().eq_ignore_ascii_case(name))
}

/// The value's fields; runs of white space count as one.
fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.get(2..).unwrap_or_default().split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
}

fn push(cleaned: &mut Vec<u8>, line: &[u8]) {
    cleaned.extend(line.iter().copied().map(printable));
    cleaned.extend_from_slice(b"\r\n");
}

fn push_fields(cleaned: &mut Vec<u8>, line: &[u8]) {
    cleaned.extend_from_slice(&line[..2]);
    for (index, field) in fields(line).enumerate() {
        if index > 0 {
            cleaned.push(b' ');
        }
        cleaned.extend(field.iter().copied().map(printable));
    }
    cleaned.extend_from_slice(b"\r\n");
}

/// The byte, or `?` for one that we would not repeat in an answer.
fn printable(byte: u8) -> u8 {
    if matches!(byte, b' '..=b'~') { byte } else { b'?' }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_the_lines_we_read_survive() {
        let body = b"v=0\no=J\xf6rg M 1 2 IN IP4 10.0.0.1\ns=\xff\nc=IN  IP4 10.0.0.1\nb=AS:84\n\
            m=audio  4000 RTP/AVP 0  8\r\na=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\na=sendonly ";
        let cleaned = clean(body).unwrap();
        assert_eq!(cleaned.head(), b"v=0\r\nc=IN IP4 10.0.0.1\r\n");
        let sections: Vec<&[u8]> = cleaned.sections().collect();
        assert_eq!(sections, [b"v=0\r\nm=audio 4000 RTP/AVP 0 8\r\na=sendonly\r\n"]);
        assert_eq!(media_fields(sections[0]), Ok(["audio", "4000", "RTP/AVP", "0 8"]));
    }

    #[test]
    fn what_is_no_description_is_malformed() {
        let bodies = ["v=0\r\na=fmtp\0:101\r\n", "", "v=1\r\n", "v=0\r\nv=0\r\n", "o=x\r\nv=0\r\n", "v=0\r\nx\r\n"];
        for body in bodies {
            assert!(matches!(clean(body.as_bytes()), Err(SdpError::Malformed(_))), "{body}");
        }
    }

    #[test]
    fn each_limit_is_held_and_named() {
        let name = |body: String| match clean(body.as_bytes()) {
            Err(SdpError::TooLarge { what, .. }) => what,
            other => panic!("{:?}", other.map(|_| ())),
        };
        assert_eq!(name("x".repeat(65_536)), "bytes");
        assert_eq!(name(format!("v=0\n{}", "m=audio 1 RTP/AVP 0\n".repeat(1000))), "media lines");
        assert_eq!(name(format!("v=0\nm=audio 1 RTP/AVP{}\n", " 0".repeat(500))), "payload types on a line");
        assert_eq!(name(format!("v=0\n{}", "a=candidate\n".repeat(5000))), "attributes");
        assert_eq!(name(format!("v=0\n{}", "a=ptime:20\n".repeat(257))), "attributes we read");
    }
}
