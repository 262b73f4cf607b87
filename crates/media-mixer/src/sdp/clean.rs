//! Makes tolerant input out of what phones send, before `sdp-types` reads it, and holds the limits.
//!
//! Only the lines we read survive: `v`, `m`, the first `c` of each section and the attributes below. So an `o=` user with a
//! space, a latin-1 name, a missing `s=` or `t=`, bare line feeds and a last line without one are no trouble, and a description
//! full of candidates costs nothing. It judges no meaning.

use super::{SdpError, limits};

/// The attributes we read.
const READ: [&str; 10] = [
    "rtpmap", "fmtp", "ptime", "maxptime", "rtcp", "rtcp-mux", "sendrecv", "sendonly", "recvonly",
    "inactive",
];

/// The part of `body` that we read, as ASCII lines ending in CRLF.
///
/// # Errors
/// `TooLarge` for every limit, `Malformed` for a NUL byte or a line that is not `x=…`.
pub(super) fn clean(body: &[u8]) -> Result<Vec<u8>, SdpError> {
    let size = measure(body)?;
    let mut cleaned = Vec::with_capacity(size);
    let mut connection_seen = false;
    for line in lines(body) {
        match line[0] {
            b'v' => push(&mut cleaned, line),
            b'm' => {
                connection_seen = false;
                push_fields(&mut cleaned, line);
            }
            b'c' if !connection_seen => {
                connection_seen = true;
                push_fields(&mut cleaned, line);
            }
            b'a' if is_read(line) => push(&mut cleaned, line),
            _ => (),
        }
    }
    Ok(cleaned)
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
    body.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
}

fn is_read(line: &[u8]) -> bool {
    let attribute = line.get(2..).unwrap_or_default();
    let name = attribute
        .split(|byte| *byte == b':')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    READ.iter()
        .any(|read| read.as_bytes().eq_ignore_ascii_case(name))
}

/// The value's fields; runs of white space count as one.
fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.get(2..)
        .unwrap_or_default()
        .split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
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
    if matches!(byte, b' '..=b'~') {
        byte
    } else {
        b'?'
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_the_lines_we_read_survive() {
        let body = b"v=0\no=J\xf6rg M 1 2 IN IP4 10.0.0.1\ns=\xff\nc=IN  IP4 10.0.0.1\nb=AS:84\n\
            m=audio  4000 RTP/AVP 0  8\r\na=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\na=sendonly ";
        assert_eq!(
            String::from_utf8(clean(body).unwrap()).unwrap(),
            "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0 8\r\na=sendonly\r\n"
        );
    }

    #[test]
    fn a_nul_byte_is_malformed() {
        assert!(matches!(
            clean(b"v=0\r\na=fmtp\0:101\r\n"),
            Err(SdpError::Malformed(_))
        ));
    }

    #[test]
    fn each_limit_is_held_and_named() {
        let name = |body: String| match clean(body.as_bytes()) {
            Err(SdpError::TooLarge { what, .. }) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(name("x".repeat(65_536)), "bytes");
        assert_eq!(
            name(format!("v=0\n{}", "m=audio 1 RTP/AVP 0\n".repeat(1000))),
            "media lines"
        );
        assert_eq!(
            name(format!("v=0\nm=audio 1 RTP/AVP{}\n", " 0".repeat(500))),
            "payload types on a line"
        );
        assert_eq!(name(format!("v=0\n{}", "a=candidate\n".repeat(5000))), "attributes");
        assert_eq!(name(format!("v=0\n{}", "a=ptime:20\n".repeat(257))), "attributes we read");
    }
}
