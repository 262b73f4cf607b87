//! Messages as they went over the wire, for whoever looks on (`baton trace`). Costs nothing while nobody does.
//!
//! Credentials, digits and keys are taken out here, before anybody is told.

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;
use conference::{LegId, Moment};
use tokio::sync::broadcast;

use crate::settings::Protocol;

/// One message that was sent or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedMessage {
    /// When.
    pub at: Moment,
    /// Whether we sent it (else it was received).
    pub sent: bool,
    /// Over what.
    pub protocol: Protocol,
    /// The other side.
    pub peer: SocketAddr,
    /// Its Call-ID.
    pub call_id: String,
    /// The leg it belongs to, if it belongs to one that is known.
    pub leg: Option<LegId>,
    /// The message, header by header as we write them, without what is secret: Authorization and Proxy-Authorization, the
    /// body of an INFO, keys of encrypted media.
    pub bytes: Bytes,
}

/// Messages that wait for an onlooker; one who does not keep up misses the oldest, and is told how many.
const WAITING: usize = 4096;
/// Calls whose legs are remembered while somebody looks on.
const REMEMBERED: usize = 8192;
/// Headers that prove who somebody is.
const CREDENTIALS: [&str; 2] = ["Authorization:", "Proxy-Authorization:"];

/// Tells onlookers.
pub(crate) struct Tracer {
    told: broadcast::Sender<TracedMessage>,
    /// Legs by Call-ID: the last messages of a leg come when it is gone already.
    legs: HashMap<String, LegId>,
}

impl Tracer {
    /// One whom nobody looks at yet.
    pub(crate) fn new() -> Self {
        Self { told: broadcast::Sender::new(WAITING), legs: HashMap::new() }
    }

    /// Where onlookers come from.
    pub(crate) fn source(&self) -> broadcast::Sender<TracedMessage> {
        self.told.clone()
    }

    /// Whether anybody looks on.
    pub(crate) fn is_watched(&self) -> bool {
        self.told.receiver_count() > 0
    }

    /// The leg of a call, as it was or is known.
    pub(crate) fn leg(&mut self, call_id: &str, known: Option<LegId>) -> Option<LegId> {
        let Some(leg) = known else { return self.legs.get(call_id).copied() };
        if self.legs.len() >= REMEMBERED {
            self.legs.clear();
        }
        self.legs.insert(call_id.to_owned(), leg);
        Some(leg)
    }

    /// Tells a message.
    pub(crate) fn tell(&mut self, message: TracedMessage) {
        let bytes = without_secrets(&message.bytes);
        // nobody looks on any more
        let _gone = self.told.send(TracedMessage { bytes, ..message });
    }
}

/// The Call-ID of a message as we write it; empty if it has none.
pub(crate) fn call_id_of(bytes: &[u8]) -> String {
    let (head, _) = head_and_body(bytes);
    let mut values = lines(head).filter_map(|line| line.strip_prefix(b"Call-ID:"));
    values.next().map(|value| String::from_utf8_lossy(value).trim().to_owned()).unwrap_or_default()
}

fn without_secrets(bytes: &[u8]) -> Bytes {
    let (head, body) = head_and_body(bytes);
    let secret = |line: &[u8]| {
        let is = |name: &&str| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()));
        CREDENTIALS.iter().any(is)
    };
    let mut kept = Vec::with_capacity(bytes.len());
    for line in lines(head).filter(|line| !secret(line)) {
        kept.extend_from_slice(line);
        kept.extend_from_slice(b"\r\n");
    }
    kept.extend_from_slice(b"\r\n");
    // digits are what people type for a PIN or a card
    if !head.starts_with(b"INFO ") {
        // in whatever form a phone writes the attribute, its keys follow this word (RFC 4568 §9.2)
        let key = |line: &&[u8]| line.windows(7).any(|word| word.eq_ignore_ascii_case(b"inline:"));
        body.split_inclusive(|byte| *byte == b'\n')
            .filter(|line| !key(line))
            .for_each(|line| kept.extend_from_slice(line));
    }
    kept.into()
}

fn head_and_body(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or((bytes, &[]), |end| (&bytes[..end], &bytes[end + 4..]))
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn shown(text: &str) -> String {
        String::from_utf8(without_secrets(text.as_bytes()).to_vec()).unwrap()
    }

    #[test]
    fn nobody_reads_credentials_digits_or_keys() {
        let text = "INVITE sip:b@h SIP/2.0\r\nCall-ID: abc\r\nAuthorization: Digest username=\"a\"\r\n\
                    Proxy-Authorization: Digest x\r\nContent-Length: 3\r\n\r\nv=0\r\na=crypto:1 AES inline:KEY\r\na=ptime:20\r\n";
        let expected = "INVITE sip:b@h SIP/2.0\r\nCall-ID: abc\r\nContent-Length: 3\r\n\r\nv=0\r\na=ptime:20\r\n";
        assert_eq!(shown(text), expected);
        assert_eq!(call_id_of(text.as_bytes()), "abc");
        let digit =
            "INFO sip:b@h SIP/2.0\r\nauthorization: Digest x\r\nCall-ID: abc\r\n\r\nSignal=5\r\nDuration=160\r\n";
        assert_eq!(shown(digit), "INFO sip:b@h SIP/2.0\r\nCall-ID: abc\r\n\r\n");
    }

    #[test]
    fn what_is_no_message_harms_nobody() {
        for text in ["", "\r\n\r\n", "x", "Call-ID", "Call-ID:\r\n\r\n", "A\r\n\r\n\r\n\r\n"] {
            assert!(call_id_of(text.as_bytes()).is_empty());
            shown(text);
        }
    }

    #[test]
    fn the_last_words_of_a_leg_are_its_own() {
        let mut tracer = Tracer::new();
        let leg = LegId::arrived(7);
        assert_eq!(
            (tracer.leg("c", None), tracer.leg("c", Some(leg)), tracer.leg("c", None)),
            (None, Some(leg), Some(leg))
        );
        assert!((0..REMEMBERED + 10).all(|number| tracer.leg(&number.to_string(), Some(leg)) == Some(leg)));
        assert!(tracer.legs.len() <= REMEMBERED);
    }
}
