//! The body of a NOTIFY about a REFER: a status line as `message/sipfrag` (RFC 3420, RFC 3515 §2.4.5).

use crate::codec::reason_phrase;

/// The media type with the version RFC 3420 §5 asks for.
pub(crate) const TYPE: &str = "message/sipfrag;version=2.0";
/// The media type alone.
pub(crate) const BARE_TYPE: &str = "message/sipfrag";

/// The status line. Its reason phrase is never empty: some phones answer 400 to that.
pub(crate) fn write(status: u16) -> Vec<u8> {
    format!("SIP/2.0 {status} {}\r\n", reason_phrase(status)).into_bytes()
}

/// The status of the first line.
pub(crate) fn read(body: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(body).ok()?;
    let line = text.lines().next()?;
    let rest = line.trim().strip_prefix("SIP/2.0 ")?;
    let digits = rest.split(' ').next()?;
    let status = digits.parse().ok().filter(|status| (100..700).contains(status))?;
    (digits.len() == 3).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_has_a_reason() {
        for status in [100, 180, 199, 200, 299, 404, 480, 481, 486, 503, 603, 699] {
            let body = write(status);
            assert_eq!(read(&body), Some(status));
            let text = String::from_utf8(body).unwrap_or_default();
            assert!(text.ends_with("\r\n") && text.trim_end().len() > "SIP/2.0 200".len() + 1, "{text}");
        }
        assert_eq!(write(200), b"SIP/2.0 200 OK\r\n");
        assert_eq!(write(481), b"SIP/2.0 481 Call/Transaction Does Not Exist\r\n");
    }

    #[test]
    fn what_is_no_status_line_is_none() {
        assert_eq!(read(b"SIP/2.0 200"), Some(200), "a phrase is not asked for");
        assert_eq!(read(b"SIP/2.0 180 Ringing\r\nContact: <sip:x@y>\r\n"), Some(180));
        for bad in [&b""[..], b"SIP/2.0", b"SIP/2.0 abc", b"SIP/2.0 20", b"SIP/2.0 +20", b"SIP/2.0 700 x", b"\xFF\xFE"]
        {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
