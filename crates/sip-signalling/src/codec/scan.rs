//! From bytes to a start-line and named header values: line ends, folding, compact names.
//!
//! Checks no value and knows no header but by name. Goes on after a bad line, so that the rest can still be answered.

use super::fields::long_name;
use super::limits;
use super::malformed::Fault;
use super::text::{is_token, trim};

/// Headers that must be UTF-8 to the last byte, because they are compared or copied exactly. Elsewhere a display name
/// in an old character set is no reason to lose a call: its odd bytes are replaced.
const EXACT: [&str; 5] = ["Via", "Call-ID", "CSeq", "Route", "Record-Route"];

/// The head of a message, unchecked.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// The start-line.
    pub(super) start: String,
    /// Long name and unfolded, trimmed value, in order.
    pub(super) fields: Vec<(String, String)>,
    /// The first thing wrong with its lines.
    pub(super) fault: Option<Fault>,
}

impl Head {
    /// All values of a header, unsplit.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first value of a header.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn note(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

/// How many bytes of empty lines stand before the message (RFC 3261 §7.5).
pub(super) fn leading_empty_lines(bytes: &[u8]) -> usize {
    let empty = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    empty.min(2 * limits::LEADING_LINES)
}

/// Where the body starts: one past the empty line. `from` is how far an earlier search came. A line may end in a bare
/// LF: senders that do exist, and nothing is forwarded as read, so nobody else can read it differently.
pub(super) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = bytes.get(at..)?.iter().position(|byte| *byte == b'\n') {
        let line_end = at + found + 1;
        match bytes.get(line_end..)? {
            [b'\n', ..] => return Some(line_end + 1),
            [b'\r', b'\n', ..] => return Some(line_end + 2),
            _ => at = line_end,
        }
    }
    None
}

/// Takes a head apart. `bytes` starts with the start-line and ends with the empty line, or wherever the bytes end.
pub(super) fn scan(bytes: &[u8]) -> Head {
    let mut head = Head::default();
    let mut lines = Lines { rest: bytes };
    match lines.next().map(|line| std::str::from_utf8(line).map(str::to_owned)) {
        Some(Ok(start)) if start.len() <= limits::LINE => head.start = start,
        Some(Ok(_) | Err(_)) | None => head.note(Fault::StartLine),
    }
    let mut line: Vec<u8> = Vec::new();
    for next in lines {
        if matches!(next.first(), Some(b' ' | b'\t')) && !line.is_empty() {
            if line.len() <= limits::LINE {
                line.push(b' ');
                line.extend_from_slice(trim_bytes(next));
            }
            continue;
        }
        take_line(&mut head, &line);
        line.clear();
        if next.is_empty() || head.fields.len() > limits::HEADERS {
            break;
        }
        line.extend_from_slice(next);
    }
    take_line(&mut head, &line);
    head
}

/// One unfolded header line.
fn take_line(head: &mut Head, line: &[u8]) {
    if line.is_empty() {
        return;
    }
    if head.fields.len() >= limits::HEADERS {
        head.note(Fault::TooManyHeaders);
        return;
    }
    let colon = line.iter().position(|byte| *byte == b':');
    let name = colon.and_then(|colon| std::str::from_utf8(&line[..colon]).ok()).map(trim);
    let (Some(colon), Some(name)) = (colon, name.filter(|name| is_token(name))) else {
        head.note(Fault::HeaderLine);
        return;
    };
    if line.len() > limits::LINE || line.contains(&b'\r') {
        head.note(Fault::HeaderLine);
        return;
    }
    let name = long_name(name);
    let value = String::from_utf8_lossy(trim_bytes(&line[colon + 1..]));
    let exact = EXACT.iter().find(|exact| exact.eq_ignore_ascii_case(name));
    if let (std::borrow::Cow::Owned(_), Some(exact)) = (&value, exact) {
        head.note(Fault::Utf8(exact));
    }
    head.fields.push((name.to_owned(), value.into_owned()));
}

fn trim_bytes(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let from = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let to = bytes.iter().rposition(|byte| !blank(byte)).map_or(from, |last| last + 1);
    &bytes[from..to]
}

/// Lines without their CRLF or LF.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = match self.rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &[][..]),
        };
        self.rest = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}
