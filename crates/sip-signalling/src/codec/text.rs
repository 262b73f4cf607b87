//! Small pieces of RFC 3261 §25.1: tokens, quoted strings, lists and parameters.
//!
//! Reads values, never whole messages; says nothing about which value belongs where.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::limits;

/// Why a value could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// A quoted string or an angle bracket has no end.
    #[error("a quoted string or an angle bracket is left open")]
    Open,
    /// Something must stand here and nothing does.
    #[error("a value is missing")]
    Missing,
    /// Not `;name` or `;name=value`, or too many.
    #[error("a parameter is not name or name=value")]
    Parameter,
    /// Not a number, or out of its range.
    #[error("a number is malformed or out of range")]
    Number,
    /// Not a token.
    #[error("a token has a character it may not have")]
    Token,
    /// No `scheme:`.
    #[error("a URI has no scheme")]
    Scheme,
    /// The user part.
    #[error("the user part of a URI is malformed")]
    User,
    /// The host.
    #[error("a host is malformed")]
    Host,
    /// The port.
    #[error("a port is malformed or out of range")]
    Port,
    /// The `?name=value` part.
    #[error("the header part of a URI is malformed or not allowed here")]
    UriHeaders,
    /// Text around an address.
    #[error("an address has text where none may be")]
    Address,
    /// Not `SIP/2.0/transport`.
    #[error("the sent protocol is not SIP/2.0 and a transport")]
    Protocol,
}

/// RFC 3261 §25.1 `token`.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Splits at `separator` wherever it stands neither in quotes nor in angle brackets; the parts are trimmed.
///
/// # Errors
/// `Open` if a quote or bracket does not end; `Parameter` if there are more parts than any list may have.
pub(crate) fn split(text: &str, separator: u8) -> Result<Vec<&str>, Unreadable> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if !angle => quoted = !quoted,
            b'<' if !quoted => angle = true,
            b'>' if !quoted => angle = false,
            _ if byte == separator && !quoted && !angle => {
                parts.push(trim(&text[from..at]));
                from = at + 1;
                if parts.len() > limits::VALUES {
                    return Err(Unreadable::Parameter);
                }
            }
            _ => {}
        }
    }
    if quoted || angle {
        return Err(Unreadable::Open);
    }
    parts.push(trim(&text[from..]));
    Ok(parts)
}

/// Without the blanks and tabs around it (RFC 3261 `LWS`; not Unicode's notion of white space).
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A whole number within `most`; digits only, no sign, any number of leading zeros.
pub(crate) fn number(text: &str, most: u32) -> Result<u32, Unreadable> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unreadable::Number);
    }
    let value =
        text.bytes().try_fold(0_u32, |value, digit| value.checked_mul(10)?.checked_add(u32::from(digit - b'0')));
    value.filter(|value| *value <= most).ok_or(Unreadable::Number)
}

/// The text in quotes, with quotes and backslashes escaped.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars().filter(|character| !matches!(character, '\r' | '\n')) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// The text of a quoted string without quotes and escapes; anything else as it is.
pub(crate) fn unquote(text: &str) -> Cow<'_, str> {
    let Some(within) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !within.contains('\\') {
        return Cow::Borrowed(within);
    }
    let (mut plain, mut escaped) = (String::with_capacity(within.len()), false);
    for character in within.chars() {
        if character == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(character);
            escaped = false;
        }
    }
    Cow::Owned(plain)
}

/// Where the quoted string at the start of `text` ends (one past its closing quote).
pub(crate) fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Percent-escapes decoded (RFC 3261 §19.1.2); what is no escape stays as it is, bytes that are no UTF-8 are replaced.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        match (bytes[at], hex(bytes, at + 1), hex(bytes, at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(high << 4 | low);
                at += 3;
            }
            (byte, _, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
}

fn hex(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = char::from(*bytes.get(at)?).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// The text with every character escaped that may not stand for itself in the user part of a SIP URI
/// (RFC 3261 §25.1 `unreserved` and `user-unreserved`).
pub(crate) fn escape_user(text: &str) -> String {
    escape(text, b"-_.!~*'()&=+$,;?/")
}

/// The text with every character escaped that may not stand for itself in the value of a URI's header part
/// (RFC 3261 §25.1 `hvalue`).
pub(crate) fn escape_uri_header(text: &str) -> String {
    escape(text, b"-_.!~*'()[]/?:+$")
}

fn escape(text: &str, plain: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push(char::from(DIGITS[usize::from(byte >> 4)]));
            escaped.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    escaped
}

/// `;name=value` lists, in the order in which they came. Names are compared without regard to case; values are kept as
/// they came, quotes included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// Reads `;a=b;c`, or nothing. One semicolon at the very end is forgiven, an empty parameter elsewhere is not.
    ///
    /// # Errors
    /// `Parameter` or `Open`.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let text = trim(text);
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some(text) = text.strip_prefix(';') else { return Err(Unreadable::Parameter) };
        let mut parts = split(text, b';')?;
        if parts.len() > 1 && parts.last() == Some(&"") {
            parts.pop();
        }
        if parts.len() > limits::PARAMS {
            return Err(Unreadable::Parameter);
        }
        parts.into_iter().map(parameter).collect::<Result<_, _>>().map(Self)
    }

    /// The value of a parameter as it came; `None` if it is not there or has no value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_deref())
    }

    /// The value of a parameter without its quotes.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(unquote)
    }

    /// Whether a parameter is there, with or without a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Sets a parameter, where it stands if it is there, else at the end.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(str::to_owned);
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some(known) => known.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Adds a parameter at the end, whether or not it is there.
    pub(super) fn push(&mut self, name: &str, value: Option<&str>) {
        self.0.push((name.to_owned(), value.map(str::to_owned)));
    }

    /// Takes a parameter out.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

impl TryFrom<String> for Params {
    type Error = Unreadable;

    fn try_from(text: String) -> Result<Self, Unreadable> {
        Self::parse(&text)
    }
}

impl From<Params> for String {
    fn from(params: Params) -> Self {
        params.to_string()
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}

fn parameter(text: &str) -> Result<(String, Option<String>), Unreadable> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (trim(name), Some(trim(value))),
        None => (text, None),
    };
    let named = !name.is_empty() && name.bytes().all(|byte| is_token_byte(byte) || b"[]/:&+$".contains(&byte));
    if !named || value.is_some_and(|value| !is_parameter_value(value)) {
        return Err(Unreadable::Parameter);
    }
    Ok((name.to_owned(), value.map(str::to_owned)))
}

/// A quoted string alone, or anything without blanks, quotes and brackets. Wider than the grammar: phones put bare
/// addresses, slashes and equal signs into values.
fn is_parameter_value(value: &str) -> bool {
    if value.starts_with('"') {
        return quoted_end(value) == Some(value.len());
    }
    !value.bytes().any(|byte| byte <= b' ' || byte == 0x7F || b"\"<>,".contains(&byte))
}
