//! Digits in INFO bodies: `application/dtmf-relay` (`Signal=5`, `Duration=160`) and `application/dtmf` (`5`).
//!
//! No standard but what phones send; both forms are read generously.

/// The media type we send.
pub(crate) const RELAY: &str = "application/dtmf-relay";
/// The shorter form.
pub(crate) const PLAIN: &str = "application/dtmf";
/// Milliseconds if none are said.
const USUAL_MS: u16 = 160;
/// No key is held longer, in milliseconds.
const LONGEST_MS: u16 = 10_000;

/// The digit and its length in milliseconds; `None` if there is none.
pub(crate) fn read(media: &str, body: &[u8]) -> Option<(char, u16)> {
    let text = std::str::from_utf8(body).ok()?;
    let value = |name: &str| {
        text.lines().filter_map(|line| line.split_once(['=', ':'])).find_map(|(known, value)| {
            known.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let signal = value("signal").or_else(|| (media == PLAIN).then(|| text.trim()))?;
    let duration = value("duration").and_then(|text| text.parse::<u32>().ok());
    let duration = duration.and_then(|ms| u16::try_from(ms).ok()).unwrap_or(USUAL_MS).min(LONGEST_MS);
    Some((digit(signal)?, duration))
}

/// The body that says a digit.
pub(crate) fn write(digit: char, duration_ms: u16) -> String {
    format!("Signal={digit}\r\nDuration={duration_ms}\r\n")
}

fn digit(signal: &str) -> Option<char> {
    match signal {
        "10" => return Some('*'),
        "11" => return Some('#'),
        _ => {}
    }
    let mut all = signal.chars();
    let first = all.next()?.to_ascii_uppercase();
    (all.next().is_none() && matches!(first, '0'..='9' | '*' | '#' | 'A'..='D')).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_in_every_form_phones_send() {
        assert_eq!(read(RELAY, b"Signal=5\r\nDuration=160\r\n"), Some(('5', 160)));
        assert_eq!(read(RELAY, b"Signal= *\nDuration= 250"), Some(('*', 250)));
        assert_eq!(read(RELAY, b"signal=11\r\n"), Some(('#', USUAL_MS)));
        assert_eq!(read(PLAIN, b"d"), Some(('D', USUAL_MS)));
        assert_eq!(read(PLAIN, b" 7 \r\n"), Some(('7', USUAL_MS)));
        assert_eq!(read(RELAY, b"Signal=1\r\nDuration=99999999"), Some(('1', USUAL_MS)));
        assert_eq!(read(RELAY, write('#', 100).as_bytes()), Some(('#', 100)));
    }

    #[test]
    fn what_is_no_digit_is_none() {
        for body in [&b""[..], b"Signal=", b"Signal=12", b"Signal=E", b"5", b"\xff\xfe", b"Duration=5"] {
            assert_eq!(read(RELAY, body), None, "{body:?}");
        }
        assert_eq!(read(PLAIN, b"55"), None);
    }
}
