//! How single values are written: addresses, networks, choices, numbers, targets. Each parser says what it wanted.
//!
//! Nothing here knows in which key a value stands, or looks at another value.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sip_signalling::{Network, Source};

use super::tree::{Content, Node};

/// Characters of one name, number or path.
pub(crate) const TEXT: usize = 4096;
/// Characters of an agent's, queue's, room's or trunk's name.
pub(crate) const NAME: usize = 64;
/// Digits of an extension.
pub(crate) const EXTENSION: usize = 15;

/// A string.
pub(crate) fn text(node: &Node) -> Result<String, String> {
    let Content::Text(text) = &node.value else { return Err(node.must_be("a string")) };
    match text {
        text if text.chars().count() > TEXT => Err(format!("is longer than {TEXT} characters")),
        text if text.contains('\0') => Err("has a NUL character in it".to_owned()),
        text => Ok(text.clone()),
    }
}

/// True or false.
pub(crate) fn flag(node: &Node) -> Result<bool, String> {
    let Content::Flag(flag) = &node.value else { return Err(node.must_be("true or false")) };
    Ok(*flag)
}

/// A whole number from `least` to `most`.
pub(crate) fn number(node: &Node, least: u32, most: u32) -> Result<u32, String> {
    let Content::Integer(found) = &node.value else { return Err(node.must_be("a whole number")) };
    match u32::try_from(*found) {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(format!("must be from {least} to {most}, not {found}")),
    }
}

/// Whole seconds from `least` to `most`.
pub(crate) fn seconds(node: &Node, least: u32, most: u32) -> Result<Duration, String> {
    number(node, least, most).map(|seconds| Duration::from_secs(u64::from(seconds)))
}

/// Whole milliseconds from `least` to `most`.
pub(crate) fn milliseconds(node: &Node, least: u32, most: u32) -> Result<Duration, String> {
    number(node, least, most).map(|milliseconds| Duration::from_millis(u64::from(milliseconds)))
}

/// One of a few words.
pub(crate) fn choice<T: Copy>(node: &Node, choices: &[(&str, T)]) -> Result<T, String> {
    let written = text(node)?;
    if let Some((_, chosen)) = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&written)) {
        return Ok(*chosen);
    }
    let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    Err(format!("must be {}, not \"{}\"", words.join(" or "), written.escape_debug()))
}

/// A name people and addresses are found by: lower case, `[a-z0-9._-]`.
pub(crate) fn name(node: &Node) -> Result<String, String> {
    let written = text(node)?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if written.is_empty() {
        return Err("is missing".to_owned());
    }
    if written.len() > NAME || !written.chars().all(allowed) {
        return Err(format!(
            "must be at most {NAME} lower case letters, digits, '.', '_' or '-', not \"{}\"",
            written.escape_debug()
        ));
    }
    Ok(written)
}

/// What a keypad can dial; empty: none.
pub(crate) fn extension(node: &Node) -> Result<String, String> {
    let written = text(node)?;
    if written.len() > EXTENSION || !written.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("must be at most {EXTENSION} digits, not \"{}\"", written.escape_debug()));
    }
    Ok(written)
}

/// An address without a port.
pub(crate) fn ip(node: &Node) -> Result<IpAddr, String> {
    let written = text(node)?;
    written
        .trim_matches(['[', ']'])
        .parse()
        .map_err(|_| format!("must be an IP address, not \"{}\"", written.escape_debug()))
}

/// An address without a port; empty: none.
pub(crate) fn optional_ip(node: &Node) -> Result<Option<IpAddr>, String> {
    if text(node)?.is_empty() { Ok(None) } else { ip(node).map(Some) }
}

/// `ADDRESS:PORT`, IPv6 in brackets.
pub(crate) fn socket(written: &str) -> Result<SocketAddr, String> {
    written.parse().map_err(|_| {
        format!("must be ADDRESS:PORT with a numeric address (IPv6 in brackets), not \"{}\"", written.escape_debug())
    })
}

/// `ADDRESS/BITS`, or one address.
pub(crate) fn network(written: &str) -> Result<Network, String> {
    let wrong = || format!("must be ADDRESS/BITS, not \"{}\"", written.escape_debug());
    let (address, bits) = written.split_once('/').map_or((written, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.trim_matches(['[', ']']).parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match bits {
        None => most,
        Some(bits) => bits.parse::<u8>().map_err(|_| wrong())?,
    };
    if prefix > most {
        return Err(format!("has more than {most} bits: \"{}\"", written.escape_debug()));
    }
    Ok(Network { address, prefix })
}

/// Where a trunk's calls may come from: `ADDRESS/BITS`, one address, or `ADDRESS:PORT`.
pub(crate) fn source(node: &Node) -> Result<Source, String> {
    let written = text(node)?;
    if let Ok(address) = written.parse::<SocketAddr>() {
        return Ok(Source::Exactly(address));
    }
    network(&written)
        .map(Source::Network)
        .map_err(|_| format!("must be ADDRESS/BITS or ADDRESS:PORT, not \"{}\"", written.escape_debug()))
}

/// A feature code: `*` or `#`, then up to three more keys.
pub(crate) fn code(node: &Node) -> Result<String, String> {
    let written = text(node)?;
    let key = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#');
    if (2..=4).contains(&written.len()) && written.starts_with(['*', '#']) && written.chars().all(key) {
        return Ok(written);
    }
    Err(format!("must be * or # and one to three more keys of a phone, not \"{}\"", written.escape_debug()))
}
