//! One line of a desk's phone: its dialog (RFC 3261 §12), the request of it that waits, and what a message leads to.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::wire::{Message, ending, sdp_with};

/// RFC 3261 §17.1.1.1: the first wait before a request is sent again.
const T1: Duration = Duration::from_millis(500);

/// What one message or moment leads to.
pub(crate) struct Reaction<W> {
    pub(crate) send: Vec<String>,
    pub(crate) words: Vec<W>,
    /// Whether what is sent was sent before.
    pub(crate) again: bool,
}

impl<W> Default for Reaction<W> {
    fn default() -> Reaction<W> {
        Reaction { send: Vec::new(), words: Vec::new(), again: false }
    }
}

impl<W> Reaction<W> {
    pub(crate) fn send(text: String) -> Reaction<W> {
        Reaction { send: vec![text], ..Reaction::default() }
    }

    pub(crate) fn again(text: Option<String>) -> Reaction<W> {
        Reaction { send: text.into_iter().collect(), again: true, ..Reaction::default() }
    }

    pub(crate) fn word(word: W) -> Reaction<W> {
        Reaction { words: vec![word], ..Reaction::default() }
    }

    pub(crate) fn add(&mut self, other: Reaction<W>) {
        self.send.extend(other.send);
        self.words.extend(other.words);
    }
}

/// A request that has no final answer yet.
pub(crate) struct Pending {
    pub(crate) method: &'static str,
    pub(crate) text: String,
    pub(crate) more: String,
    pub(crate) body: String,
    pub(crate) since: Instant,
    /// Whether it carries credentials.
    pub(crate) signed: bool,
    sequence: u32,
    again_at: Option<Instant>,
    again_after: Duration,
}

impl Pending {
    pub(crate) fn is(&self, method: &str, sequence: u32) -> bool {
        (self.method, self.sequence) == (method, sequence)
    }

    /// RFC 3261 §17.1.1.2: an INVITE is not sent again once it is being dealt with.
    pub(crate) fn provisional(&mut self) {
        if self.method == "INVITE" {
            self.again_at = None;
        }
    }

    /// The request again, if it is time.
    pub(crate) fn due(&mut self, now: Instant) -> Option<String> {
        if now < self.again_at? {
            return None;
        }
        self.again_after *= 2;
        self.again_at = Some(now + self.again_after);
        Some(self.text.clone())
    }
}

pub(crate) struct Line {
    call_id: String,
    local: String,
    remote: String,
    own: SocketAddr,
    name: String,
    pub(crate) target: String,
    sequence: u32,
    acknowledged: u32,
    port: u16,
    versions: u32,
    pub(crate) on_hold: bool,
    /// Until its sound begins.
    pub(crate) socket: Option<UdpSocket>,
}

impl Line {
    /// A line on which this INVITE came and is answered with `tag`.
    pub(crate) fn called(message: &Message<'_>, tag: &str, port: u16) -> Option<Line> {
        let local = format!("{};tag={tag}", message.header("To")?);
        let name = message.target_user()?.to_owned();
        let own = message.target_host()?.parse().ok()?;
        Some(Line {
            call_id: message.header("Call-ID")?.to_owned(),
            local,
            remote: message.header("From")?.to_owned(),
            own,
            name,
            target: message.contact()?.to_owned(),
            sequence: 0,
            acknowledged: 0,
            port,
            versions: 1,
            on_hold: false,
            socket: None,
        })
    }

    /// A line on which Bob is to be called.
    pub(crate) fn calls(name: &str, own: SocketAddr, domain: &str, tag: &str, port: u16) -> Line {
        Line {
            call_id: format!("{tag}-{}@{}", own.port(), own.ip()),
            local: format!("<sip:{name}@{domain}>;tag={tag}"),
            remote: format!("<sip:bob@{domain}>"),
            own,
            name: name.to_owned(),
            target: format!("sip:bob@{domain}"),
            sequence: 0,
            acknowledged: 0,
            port,
            versions: 1,
            on_hold: false,
            socket: None,
        }
    }

    /// Whether a message belongs to it.
    pub(crate) fn is(&self, message: &Message<'_>) -> bool {
        message.header("Call-ID") == Some(&self.call_id)
    }

    /// Its description as it is now.
    pub(crate) fn session(&self) -> String {
        sdp_with(self.port, self.versions + u32::from(self.on_hold), if self.on_hold { "sendonly" } else { "sendrecv" })
    }

    /// Its name in a Refer-To (RFC 3891 §3, escaped by RFC 3261 §19.1.2): the tags are the other side's and ours.
    pub(crate) fn replaces(&self) -> String {
        let tag = |header: &str| header.split_once(";tag=").map_or("", |(_, tag)| tag).to_owned();
        format!(
            "{}%3Bto-tag%3D{}%3Bfrom-tag%3D{}",
            self.call_id.replace('@', "%40"),
            tag(&self.remote),
            tag(&self.local)
        )
    }

    /// Its next request.
    pub(crate) fn ask(&mut self, method: &'static str, more: &str, body: &str) -> Pending {
        self.sequence += 1;
        let now = Instant::now();
        Pending {
            method,
            text: self.write(method, self.sequence, "r", more, body),
            more: more.to_owned(),
            body: body.to_owned(),
            since: now,
            signed: false,
            sequence: self.sequence,
            again_at: Some(now + T1),
            again_after: T1,
        }
    }

    /// The 2xx of its INVITE: learns the other side, and acknowledges.
    pub(crate) fn accept(&mut self, message: &Message<'_>) -> String {
        self.remote = message.header("To").unwrap_or(&self.remote).to_owned();
        self.target = message.contact().unwrap_or(&self.target).to_owned();
        self.acknowledged = self.sequence;
        self.acknowledge()
    }

    pub(crate) fn acknowledge(&self) -> String {
        self.write("ACK", self.acknowledged, "a", "", "")
    }

    /// RFC 3261 §17.1.1.3: the ACK to a refusal belongs to the INVITE's transaction.
    pub(crate) fn acknowledge_refusal(&self, message: &Message<'_>) -> String {
        let to = message.header("To").unwrap_or(&self.remote);
        self.text("ACK", self.sequence, "r", to, "", "")
    }

    fn write(&self, method: &str, sequence: u32, branch: &str, more: &str, body: &str) -> String {
        self.text(method, sequence, branch, &self.remote, more, body)
    }

    fn text(&self, method: &str, sequence: u32, branch: &str, to: &str, more: &str, body: &str) -> String {
        let Line { call_id, local, own, name, target, .. } = self;
        let word: String = local.chars().rev().take_while(|c| *c != '=').collect();
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{branch}{word}x{sequence};rport\r\n\
             Max-Forwards: 70\r\nFrom: {local}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} {method}\r\n\
             Contact: <sip:{name}@{own}>\r\nAllow: INVITE, ACK, BYE, NOTIFY, UPDATE\r\nSupported: replaces\r\n{rest}",
            rest = ending(more, body),
        )
    }
}
