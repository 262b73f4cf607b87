//! How many messages went each way, by method and by status; for gauges. It looks at first lines only.

use std::collections::BTreeMap;

use rsip::SipMessage;

/// Methods that are told apart; any other is `other`, so that nobody makes more of them.
const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "INFO",
    "PRACK",
    "UPDATE",
    "MESSAGE",
    "PUBLISH",
];
const OTHER: &str = "other";

/// Messages since the start, repeats included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that came, by method.
    pub requests_received: BTreeMap<&'static str, u64>,
    /// Requests that were sent.
    pub requests_sent: BTreeMap<&'static str, u64>,
    /// Responses that came, by status.
    pub responses_received: BTreeMap<u16, u64>,
    /// Responses that were sent.
    pub responses_sent: BTreeMap<u16, u64>,
    /// What came and was no message.
    pub malformed: u64,
}

impl Traffic {
    /// A message came; `None`: it was none.
    pub(crate) fn received(&mut self, message: Option<&SipMessage>) {
        match message {
            Some(SipMessage::Request(request)) => {
                let method = request.method.to_string();
                *self.requests_received.entry(known(method.as_bytes())).or_default() += 1;
            }
            Some(SipMessage::Response(response)) => {
                *self.responses_received.entry(response.status_code.code()).or_default() += 1;
            }
            None => self.malformed += 1,
        }
    }

    /// A message is sent. A keep-alive is none.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        let mut words = bytes.split(|byte| *byte == b' ').map(<[u8]>::trim_ascii);
        let Some(first) = words.next().filter(|word| !word.is_empty()) else { return };
        if first != b"SIP/2.0" {
            *self.requests_sent.entry(known(first)).or_default() += 1;
            return;
        }
        let status = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
        if let Some(status) = status {
            *self.responses_sent.entry(status).or_default() += 1;
        }
    }
}

fn known(method: &[u8]) -> &'static str {
    METHODS.into_iter().find(|known| known.as_bytes() == method).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_their_first_line_and_strange_methods_are_one() {
        let mut traffic = Traffic::default();
        for sent in
            ["INVITE sip:a@b SIP/2.0\r\n", "SIP/2.0 200 OK\r\n", "SIP/2.0 200 Fine\r\n", "FOO x", "BAR y", "\r\n"]
        {
            traffic.sent(sent.as_bytes());
        }
        traffic.received(None);
        assert_eq!(traffic.requests_sent, BTreeMap::from([("INVITE", 1), ("other", 2)]));
        assert_eq!(traffic.responses_sent, BTreeMap::from([(200, 2)]));
        assert_eq!(traffic.malformed, 1);
    }
}
