//! Digits in INFO bodies: `application/dtmf-relay` and `application/dtmf`, as phones send them (no RFC says how).

/// How long a digit is taken to be when nobody says.
const DEFAULT_MS: u16 = 160;
/// The longest digit that is believed.
const LONGEST_MS: u16 = 6000;
/// The media type we send.
pub(crate) const RELAY: &str = "application/dtmf-relay";
/// The media type some phones send: the digit alone.
pub(crate) const BARE: &str = "application/dtmf";

/// Reads a body: the digit and its length in milliseconds.
pub(crate) fn read(media_type: &str, body: &[u8]) -> Option<(char, u16)> {
    let text = std::str::from_utf8(body).ok()?;
    if media_type == BARE {
        return Some((digit(text.trim())?, DEFAULT_MS));
    }
    let value = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.filter(|(known, _)| known.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    };
    let length = value("Duration").and_then(|length| length.parse().ok()).unwrap_or(DEFAULT_MS);
    Some((digit(value("Signal")?)?, length.clamp(1, LONGEST_MS)))
}

/// The body that says a digit.
pub(crate) fn relay(digit: char, duration_ms: u16) -> Vec<u8> {
    format!("Signal={digit}\r\nDuration={duration_ms}\r\n").into_bytes()
}

/// 0-9, *, #, A-D; some phones count on: 10 is *, 11 is #, 12 to 15 are A to D.
fn digit(text: &str) -> Option<char> {
    let mut characters = text.chars();
    match (characters.next(), characters.next(), text.parse::<u8>()) {
        (Some(one @ ('0'..='9' | '*' | '#' | 'A'..='D')), None, _) => Some(one),
        (Some(one @ 'a'..='d'), None, _) => Some(one.to_ascii_uppercase()),
        (_, Some(_), Ok(number @ 10..=15)) => "*#ABCD".chars().nth(usize::from(number - 10)),
        (_, _, Ok(_) | Err(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_all_phones_are_read() {
        assert_eq!(read(RELAY, b"Signal=5\r\nDuration=250\r\n"), Some(('5', 250)));
        assert_eq!(read(RELAY, b"Signal= *\nDuration= 100"), Some(('*', 100)));
        assert_eq!(read(RELAY, b"signal=11"), Some(('#', 160)));
        assert_eq!(read(RELAY, b"Signal=d\r\nDuration=99999"), Some(('D', 160)));
        assert_eq!(read(BARE, b"7\r\n"), Some(('7', 160)));
        assert_eq!(read(BARE, b"#"), Some(('#', 160)));
    }

    #[test]
    fn what_is_no_digit_is_none() {
        assert_eq!(read(RELAY, b""), None);
        assert_eq!(read(RELAY, b"Signal=99"), None);
        assert_eq!(read(RELAY, b"Signal=hello"), None);
        assert_eq!(read(BARE, &[0xFF, 0xFE]), None);
    }

    #[test]
    fn what_we_send_is_what_we_read() {
        assert_eq!(read(RELAY, &relay('C', 120)), Some(('C', 120)));
    }
}
