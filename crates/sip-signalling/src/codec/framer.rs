//! Messages out of a byte stream (RFC 3261 §18.3): Content-Length framing, keep-alives between messages (RFC 5626
//! §3.5.1), limits.
//!
//! Keeps no clock: [`StreamFramer::unfinished`] tells the connection which message it waits for, so that the connection
//! can cut a sender who dawdles.

use rsip::SipMessage;

use super::limits;
use super::malformed::{Fault, Malformed};
use super::parse::{content_length, parse, refuse};
use super::scan::{head_end, scan};

/// What came out of the stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Framed {
    /// A message.
    Message(Box<SipMessage>),
    /// A message that is refused; where the next one starts is still known.
    Refused(Malformed),
    /// CRLF CRLF: to be answered by CRLF.
    Ping,
    /// CRLF: the answer to our ping.
    Pong,
    /// Where the next message starts is no longer known: answer if an answer is due, then close. Nothing more comes out.
    Broken(Malformed),
}

/// Cuts a stream into messages. Holds at most one message and what was fed since.
#[derive(Debug, Default)]
pub(crate) struct StreamFramer {
    buffer: Vec<u8>,
    /// How far the search for the empty line came.
    searched: usize,
    /// Head and body length of the message at the start of the buffer, once its head is complete.
    expected: Option<usize>,
    /// A CRLF was just told as a pong; another one at once makes it a ping.
    half_ping: bool,
    begun: u64,
    broken: bool,
}

impl StreamFramer {
    /// Takes what was read. Call [`Self::next`] until it gives nothing before feeding more.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if !self.broken {
            if self.buffer.is_empty() {
                self.begun += 1;
            }
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next thing complete, if any.
    pub(crate) fn next(&mut self) -> Option<Framed> {
        if self.broken || self.buffer.is_empty() {
            return None;
        }
        if self.expected.is_none() {
            if let Some(keep_alive) = self.keep_alive() {
                return Some(keep_alive);
            }
            if let Err(refused) = self.find_end()? {
                return Some(self.break_off(refused));
            }
        }
        let length = self.expected.filter(|length| self.buffer.len() >= *length)?;
        let message = parse(&self.buffer[..length]);
        self.consume(length);
        Some(match message {
            Ok(message) => Framed::Message(Box::new(message)),
            Err(refused) => Framed::Refused(refused),
        })
    }

    /// The ordinal of the message that has begun and is not complete; it changes with every message, so a deadline set
    /// when it changes limits the time one message may take.
    pub(crate) fn unfinished(&self) -> Option<u64> {
        (!self.broken && !self.buffer.is_empty()).then_some(self.begun)
    }

    /// Empty lines at a message's start. A lone CRLF is told as a pong at once (nobody knows whether more will come),
    /// and the next CRLF, if it comes before anything else, as a ping.
    fn keep_alive(&mut self) -> Option<Framed> {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.half_ping = false;
            self.consume(4);
            return Some(Framed::Ping);
        }
        if self.buffer.starts_with(b"\r\n") {
            self.consume(2);
            self.half_ping = !self.half_ping;
            return Some(if self.half_ping { Framed::Pong } else { Framed::Ping });
        }
        if self.buffer.as_slice() != b"\r" {
            self.half_ping = false;
        }
        None
    }

    /// Looks for the end of the head; `None` while it is not there.
    fn find_end(&mut self) -> Option<Result<(), Malformed>> {
        let Some(end) = head_end(&self.buffer, self.searched) else {
            // the empty line may be split over two reads: its LF must be searched again
            self.searched = self.buffer.len().saturating_sub(2);
            let too_large = self.buffer.len() > limits::MESSAGE;
            return too_large.then(|| Err(refuse(Fault::TooLarge, &scan(&self.buffer[..limits::MESSAGE]))));
        };
        let head = scan(&self.buffer[..end]);
        let body = match content_length(&head) {
            Ok(Some(body)) => body,
            Ok(None) => return Some(Err(refuse(Fault::NoLength, &head))),
            Err(fault) => return Some(Err(refuse(fault, &head))),
        };
        if end.saturating_add(body) > limits::MESSAGE {
            return Some(Err(refuse(Fault::TooLarge, &head)));
        }
        self.expected = Some(end + body);
        Some(Ok(()))
    }

    fn break_off(&mut self, refused: Malformed) -> Framed {
        self.broken = true;
        self.buffer = Vec::new();
        Framed::Broken(refused)
    }

    fn consume(&mut self, length: usize) {
        self.buffer.drain(..length);
        self.searched = 0;
        self.expected = None;
        if !self.buffer.is_empty() {
            self.begun += 1;
        }
    }
}
