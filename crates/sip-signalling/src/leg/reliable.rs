//! Provisional answers that must arrive (RFC 3262), as values: ours until their PRACK, and how far theirs were heard.
//!
//! ```text
//!   ours     180 RSeq n ── T1, 2*T1, 4*T1 … 64*T1 ──> 504 to the INVITE
//!               └── PRACK n ──> the next one, if one waits
//!   theirs   first: any number; then one more each time: PRACK.  Not higher: a copy.  Higher: something is missing, wait
//! ```
//!
//! Sends nothing.

use std::time::Duration;

use bytes::Bytes;
use conference::Moment;
use rsip::{Headers, Method};

use crate::codec::headers::tokens;
use crate::codec::one;
use crate::transaction::TIMEOUT;

/// The option tag.
pub(crate) const TAG: &str = "100rel";
/// The largest RSeq there may be (RFC 3262 §7.1).
const MOST_RSEQ: u32 = (1 << 31) - 1;

/// Our reliable provisional answers to one INVITE.
#[derive(Debug, Default)]
pub(crate) struct Reliable {
    /// The number of the last one; 0: there was none.
    last: u32,
    /// The one that waits for its PRACK.
    pub(crate) open: Option<Open>,
    /// The status that waits its turn: there is at most one without PRACK (RFC 3262 §3).
    pub(crate) next: Option<u16>,
}

/// One of ours that waits for its PRACK.
#[derive(Debug)]
pub(crate) struct Open {
    /// Its number.
    pub(crate) rseq: u32,
    /// The answer.
    pub(crate) bytes: Bytes,
    /// The interval to its next repetition.
    pub(crate) interval: Duration,
    /// When it went out first.
    pub(crate) since: Moment,
}

impl Reliable {
    /// The number of the next one; the first is drawn (RFC 3262 §3), by `drawn`.
    pub(crate) fn number(&mut self, drawn: u64) -> u32 {
        self.last = match self.last {
            // half of the numbers are left to count on
            0 => 1 + u32::try_from(drawn % u64::from(MOST_RSEQ / 2)).unwrap_or(0),
            last => last + 1,
        };
        self.last
    }
}

impl Open {
    /// When it is repeated, or given up, next.
    pub(crate) fn due(&self, now: Moment) -> Moment {
        (now + self.interval).min(self.since + TIMEOUT)
    }

    /// Whether nobody has heard it for 64*T1 (RFC 3262 §3).
    pub(crate) fn is_lost(&self, now: Moment) -> bool {
        now >= self.since + TIMEOUT
    }
}

/// A RAck value (RFC 3262 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RAck {
    /// The number of the answer.
    pub(crate) rseq: u32,
    /// The CSeq number of the INVITE.
    pub(crate) cseq: u32,
}

impl RAck {
    /// Reads the RAck of a PRACK that acknowledges an answer to an INVITE.
    pub(crate) fn of(headers: &Headers) -> Option<Self> {
        let mut parts = one(headers, "RAck")?.split_ascii_whitespace();
        let (rseq, cseq, method) = (parts.next()?, parts.next()?, parts.next()?);
        let number = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let invite = method == Method::Invite.to_string() && parts.next().is_none();
        Some(Self { rseq: number(rseq)?, cseq: number(cseq)? }).filter(|_| invite)
    }
}

/// The number of a provisional answer that asks for a PRACK.
pub(crate) fn rseq(headers: &Headers) -> Option<u32> {
    let asks = requires(headers);
    let number = one(headers, "RSeq")?.trim().parse().ok().filter(|number| (1..=MOST_RSEQ).contains(number));
    number.filter(|_| asks)
}

/// Whether a message requires this extension.
pub(crate) fn requires(headers: &Headers) -> bool {
    tokens(headers, "Require").iter().any(|tag| tag.eq_ignore_ascii_case(TAG))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::push;

    fn rack(value: &str) -> Option<RAck> {
        let mut headers = Headers::default();
        push(&mut headers, "RAck", value);
        RAck::of(&headers)
    }

    #[test]
    fn a_rack_names_an_answer_to_an_invite_and_nothing_else() {
        assert_eq!(rack("776656 1 INVITE"), Some(RAck { rseq: 776_656, cseq: 1 }));
        assert_eq!(rack(" 1   2\tINVITE "), Some(RAck { rseq: 1, cseq: 2 }));
        for bad in [
            "",
            "1",
            "1 2",
            "1 2 PRACK",
            "1 2 invite",
            "x 2 INVITE",
            "+1 2 INVITE",
            "4294967296 1 INVITE",
            "1 2 INVITE 3",
        ] {
            assert_eq!(rack(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_count_on_from_a_drawn_one() {
        let mut reliable = Reliable::default();
        let first = reliable.number(u64::MAX);
        assert!((1..=MOST_RSEQ / 2).contains(&first));
        assert_eq!((reliable.number(7), reliable.number(7)), (first + 1, first + 2));
    }

    #[test]
    fn an_answer_asks_for_a_prack_only_if_it_says_so_in_both_ways() {
        let read = |lines: &[(&'static str, &str)]| {
            let mut headers = Headers::default();
            for (name, value) in lines {
                push(&mut headers, name, *value);
            }
            rseq(&headers)
        };
        assert_eq!(read(&[("Require", "100REL"), ("RSeq", "17")]), Some(17));
        for lines in [&[("RSeq", "17")][..], &[("Require", "100rel")], &[("Require", "100rel"), ("RSeq", "0")]] {
            assert_eq!(read(lines), None);
        }
    }
}
