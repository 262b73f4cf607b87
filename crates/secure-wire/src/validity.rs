//! From when to when a certificate holds (RFC 5280 §4.1.2.5): as much of DER as leads there, and no more.
//!
//! It is read to warn an operator of a certificate of their own. Whether another's holds is for rustls to say.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: SystemTime,
    pub(crate) until: SystemTime,
}

impl Validity {
    /// Of a certificate in DER; `None` if that cannot be read.
    pub(crate) fn of(certificate: &[u8]) -> Option<Self> {
        let (_, certificate, _) = value(certificate)?;
        let (_, signed, _) = value(certificate)?;
        // version (if any), serialNumber, signature, issuer, validity
        let (tag, _, after_first) = value(signed)?;
        let rest = if tag == VERSION { value(after_first)?.2 } else { after_first };
        let (_, _, rest) = value(rest)?;
        let (_, _, rest) = value(rest)?;
        let (tag, validity, _) = value(rest)?;
        if tag != SEQUENCE {
            return None;
        }
        let (from_tag, from, rest) = value(validity)?;
        let (until_tag, until, _) = value(rest)?;
        Some(Self { from: time(from_tag, from)?, until: time(until_tag, until)? })
    }
}

/// The tag and the contents of the first value, and what comes after it.
fn value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0x80.. => {
            let (digits, rest) =
                rest.split_at_checked(usize::from(first & 0x7F)).filter(|(digits, _)| digits.len() <= 4)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        short => (usize::from(*short), rest),
    };
    let (contents, after) = rest.split_at_checked(length)?;
    Some((*tag, contents, after))
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        // RFC 5280 §4.1.2.5.1
        UTC_TIME => match number(text.get(..2)?)? {
            year @ 50.. => (1900 + year, text.get(2..)?),
            year => (2000 + year, text.get(2..)?),
        },
        GENERALIZED_TIME => (number(text.get(..4)?)?, text.get(4..)?),
        _ => return None,
    };
    let part = |at: usize| number(rest.get(2 * at..2 * at + 2)?);
    let (month, day, hour, minute, second) = (part(0)?, part(1)?, part(2)?, part(3)?, part(4)?);
    if rest.len() != 10 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
        return None;
    }
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn number(digits: &str) -> Option<u64> {
    if digits.bytes().all(|digit| digit.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Days from 1970 to a day of the Gregorian calendar.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // years that begin in March have their leap day at the end
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_before_march = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days_before_march - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(tag: u8, text: &str) -> Option<u64> {
        Some(time(tag, text.as_bytes())?.duration_since(UNIX_EPOCH).ok()?.as_secs())
    }

    #[test]
    fn times_are_read_as_rfc_5280_writes_them() {
        assert_eq!(seconds(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(seconds(UTC_TIME, "260131235959Z"), Some(1_769_903_999));
        assert_eq!(seconds(GENERALIZED_TIME, "20500301000000Z"), Some(2_529_705_600));
        assert_eq!(seconds(GENERALIZED_TIME, "20000229120000Z"), Some(951_825_600));
        for odd in ["", "Z", "2601312359Z", "260031235959Z", "26013123595\u{e9}Z", "2601312359590Z", "-60131235959Z"] {
            assert_eq!(seconds(UTC_TIME, odd), None, "{odd}");
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_validity() {
        for bytes in
            [&[][..], &[0x30], &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], &[0x30, 0x03, 0x30, 0x01, 0x00], &[0x30, 0x80]]
        {
            assert_eq!(Validity::of(bytes), None, "{bytes:?}");
        }
    }
}
