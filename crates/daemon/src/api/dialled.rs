//! What a program names a target by: an extension, a name, a number, or a whole address.

use std::net::{IpAddr, SocketAddr};

use crate::look::Dialled;

/// Reads `101`, `alice`, `+4930111`, `tel:+49-30-111`, `sip:alice@baton.local`. An address whose host is not ours reaches nobody.
pub(super) fn read(text: &str, domain: &str, addresses: &[SocketAddr]) -> Dialled {
    let text = text.trim();
    let scheme = text.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let rest = match &scheme {
        Some((scheme, rest)) if scheme == "sip" || scheme == "sips" => rest,
        Some((scheme, number)) if scheme == "tel" => {
            let number = number.split(';').next().unwrap_or_default();
            // visual separators, RFC 3966 §5.1.1
            let user = number.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect();
            return Dialled { user, ours: true };
        }
        Some(_) | None => return Dialled { user: unescaped(text), ours: true },
    };
    let Some((user, host)) = rest.split_once('@') else {
        // `sip:baton.local` names nobody; `sip:101` is what people type
        return Dialled { user: unescaped(rest.split([';', '?']).next().unwrap_or_default()), ours: true };
    };
    let host = host.split([';', '?']).next().unwrap_or_default();
    // parameters of the user part (RFC 3261 §19.1.1) and a password name nobody
    let user = user.split([';', ':']).next().unwrap_or_default();
    Dialled { user: unescaped(user), ours: is_ours(host, domain, addresses) }
}

fn is_ours(host: &str, domain: &str, addresses: &[SocketAddr]) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return addresses.contains(&address);
    }
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return addresses.iter().any(|ours| ours.ip() == address);
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case(domain)
}

/// `%2B49` is `+49`; what is no escape stays as it is.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn whatever_people_write_names_the_same_person() {
        let addresses = ["127.0.0.1:5060".parse().unwrap(), "[::1]:5060".parse().unwrap()];
        for (text, user, ours) in [
            ("101", "101", true),
            (" alice ", "alice", true),
            ("sip:101", "101", true),
            ("sip:alice@baton.local", "alice", true),
            ("SIP:alice@Baton.Local:5060;transport=tcp?Replaces=x", "alice", true),
            ("sip:alice;phone-context=x@127.0.0.1", "alice", true),
            ("sip:alice@127.0.0.1:5060", "alice", true),
            ("sip:alice@[::1]", "alice", true),
            ("sip:alice@127.0.0.1:5099", "alice", false),
            ("sip:alice@example.org", "alice", false),
            ("sip:%2B49%2030@baton.local", "+49 30", true),
            ("tel:+49-30-111;ext=1", "+4930111", true),
            ("+4930111", "+4930111", true),
            ("100%", "100%", true),
            ("sip:@", "", false),
        ] {
            assert_eq!(read(text, "baton.local", &addresses), Dialled { user: user.to_owned(), ours }, "{text}");
        }
    }
}
