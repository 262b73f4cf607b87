//! Digits in the body of an INFO request, as `application/dtmf-relay` has them: `Signal=5` and `Duration=160`, one a line.
//!
//! There is no RFC for the form; it is what phones send. The content type is signalling's business.

use super::{Digit, LONGEST_MS, SHORTEST_MS, event_of, symbol_of};

/// Bytes of a body that are looked at.
const BODY: usize = 1024;
/// Length of a digit whose body names none, in milliseconds.
const DURATION_MS: u16 = 160;

/// The body is not a digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    /// Longer than a kilobyte, or not text.
    #[error("not a dtmf-relay body")]
    Malformed,
    /// No `Signal` line, or not one of the sixteen digits (a hook flash, for example).
    #[error("no digit in the dtmf-relay body")]
    NoDigit,
}

/// Reads the body of an `application/dtmf-relay` INFO.
///
/// # Errors
/// As [`InfoError`] says. A missing or odd duration is no error.
pub fn parse_relay(body: &[u8]) -> Result<Digit, InfoError> {
    if body.len() > BODY {
        return Err(InfoError::Malformed);
    }
    let text = std::str::from_utf8(body).map_err(|_| InfoError::Malformed)?;
    let value = |name: &str| {
        text.lines()
            .filter_map(|line| line.split_once(['=', ':']))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let symbol = value("signal").and_then(symbol).ok_or(InfoError::NoDigit)?;
    let duration_ms = value("duration")
        .and_then(|duration| duration.parse::<u16>().ok())
        .map_or(DURATION_MS, |ms| ms.clamp(SHORTEST_MS, LONGEST_MS));
    Ok(Digit { symbol, duration_ms })
}

/// The key itself, or, as some phones have it, the event number of `*`, `#` and the letters.
fn symbol(signal: &str) -> Option<char> {
    let mut chars = signal.chars();
    match (chars.next(), chars.next()) {
        (Some(key), None) => event_of(key).and_then(symbol_of),
        (Some(_), Some(_)) => symbol_of(signal.parse().ok()?),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digit(symbol: char, duration_ms: u16) -> Result<Digit, InfoError> {
        Ok(Digit { symbol, duration_ms })
    }

    #[test]
    fn the_forms_that_phones_send_are_read() {
        assert_eq!(parse_relay(b"Signal=5\r\nDuration=250\r\n"), digit('5', 250));
        assert_eq!(parse_relay(b"Signal= *\nDuration= 100"), digit('*', 100));
        assert_eq!(parse_relay(b"signal=11\r\n"), digit('#', 160));
        assert_eq!(parse_relay(b"Signal=d\r\nDuration=65000\r\n"), digit('D', 8000));
        assert_eq!(parse_relay(b"Signal=0\r\nDuration=x\r\n"), digit('0', 160));
    }

    #[test]
    fn what_is_no_digit_is_refused() {
        assert_eq!(parse_relay(b"Signal=16\r\n"), Err(InfoError::NoDigit));
        assert_eq!(parse_relay(b"Signal=!\r\n"), Err(InfoError::NoDigit));
        assert_eq!(parse_relay(b""), Err(InfoError::NoDigit));
        assert_eq!(parse_relay(&[0xff]), Err(InfoError::Malformed));
        assert_eq!(parse_relay(&[b'a'; 2000]), Err(InfoError::Malformed));
    }
}
