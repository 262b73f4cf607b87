//! A sender that shares nothing with the crate but the wire: writes messages by hand, reads them by hand, and computes
//! digests by itself.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use md5::Md5;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::LIMIT;

static COUNT: AtomicU32 = AtomicU32::new(1);

/// A number nobody has had.
pub(crate) fn fresh() -> u32 {
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// One message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Message(pub(crate) String);

impl Message {
    pub(crate) fn status(&self) -> u16 {
        let status = self.0.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        status.and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn method(&self) -> &str {
        self.0.split(' ').next().unwrap()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap();
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    pub(crate) fn one(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or("")
    }

    pub(crate) fn tag(&self, name: &str) -> String {
        self.one(name).split(";tag=").nth(1).unwrap_or("").to_owned()
    }

    /// The challenge of one algorithm.
    pub(crate) fn challenge(&self, algorithm: &str) -> Challenge {
        let wanted = format!("algorithm={algorithm}");
        let value = self.all("WWW-Authenticate").into_iter().find(|value| value.contains(&wanted)).unwrap();
        let part = |name: &str| {
            let from = value.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
            value[from..].split('"').next().unwrap().to_owned()
        };
        Challenge { realm: part("realm"), nonce: part("nonce"), stale: value.contains("stale=true") }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) realm: String,
    pub(crate) nonce: String,
    pub(crate) stale: bool,
}

pub(crate) fn hash(algorithm: &str, text: &str) -> String {
    let bytes = match algorithm {
        "MD5" => Md5::digest(text).to_vec(),
        _ => Sha256::digest(text).to_vec(),
    };
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Credentials, every part of them open to abuse.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) algorithm: &'a str,
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    pub(crate) nc: u32,
}

impl Login<'_> {
    pub(crate) fn header(&self, challenge: &Challenge) -> String {
        let Self { user, password, algorithm, method, uri, nc } = self;
        let ha1 = hash(algorithm, &format!("{user}:{}:{password}", challenge.realm));
        let ha2 = hash(algorithm, &format!("{method}:{uri}"));
        let nonce = &challenge.nonce;
        let response = hash(algorithm, &format!("{ha1}:{nonce}:{nc:08x}:cafe:auth:{ha2}"));
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"{}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm={algorithm}, qop=auth, nc={nc:08x}, cnonce=\"cafe\"\r\n",
            challenge.realm
        )
    }
}

/// What one request is made of.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) branch: String,
    /// Whole lines with their ends.
    pub(crate) more: String,
    pub(crate) body: String,
}

pub(crate) fn ask(method: &str, uri: &str, from: &str, to: &str) -> Ask {
    let number = fresh();
    Ask {
        method: method.into(),
        uri: uri.into(),
        from: format!("<{from}>;tag=f{number}"),
        to: format!("<{to}>"),
        call_id: format!("call-{number}"),
        cseq: 1,
        branch: format!("z9hG4bK-{number}"),
        more: String::new(),
        body: String::new(),
    }
}

impl Ask {
    pub(crate) fn more(mut self, lines: &str) -> Self {
        self.more.push_str(lines);
        self
    }

    pub(crate) fn offer(mut self) -> Self {
        self.body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n".into();
        self.more("Content-Type: application/sdp\r\n")
    }

    /// The same dialog or call, a new transaction with the next number.
    pub(crate) fn next(&self, method: &str) -> Self {
        Self {
            method: method.into(),
            branch: format!("z9hG4bK-{}", fresh()),
            cseq: self.cseq + 1,
            more: String::new(),
            body: String::new(),
            ..self.clone()
        }
    }

    pub(crate) fn text(&self, transport: &str, local: SocketAddr) -> String {
        let Self { method, uri, from, to, call_id, cseq, branch, more, body } = self;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};rport;branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:raw@{local};transport={}>\r\n{more}Content-Length: {}\r\n\r\n{body}",
            transport.to_lowercase(),
            body.len()
        )
    }
}

/// A UDP socket that speaks to one server.
pub(crate) struct Raw {
    pub(crate) socket: UdpSocket,
    pub(crate) local: SocketAddr,
    pub(crate) server: SocketAddr,
}

impl Raw {
    pub(crate) async fn at(ip: &str, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).await.unwrap();
        Self { local: socket.local_addr().unwrap(), socket, server }
    }

    pub(crate) async fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.server).await.unwrap();
    }

    pub(crate) async fn ask(&self, ask: &Ask) {
        self.send(&ask.text("UDP", self.local)).await;
    }

    pub(crate) async fn hear(&self) -> Message {
        let mut buffer = vec![0; 65_536];
        let (length, _) = tokio::time::timeout(LIMIT, self.socket.recv_from(&mut buffer)).await.unwrap().unwrap();
        Message(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// The next message that fits; what comes before is dropped.
    pub(crate) async fn until(&self, fits: impl Fn(&Message) -> bool) -> Message {
        loop {
            let message = self.hear().await;
            if fits(&message) {
                return message;
            }
        }
    }

    /// The final answer to a request, asked once.
    pub(crate) async fn answer(&self, ask: &Ask) -> Message {
        self.ask(ask).await;
        let cseq = format!("{} {}", ask.cseq, ask.method);
        self.until(|message| {
            message.status() >= 200 && message.one("CSeq") == cseq && message.one("Call-ID") == ask.call_id
        })
        .await
    }

    /// Nothing comes before the answer to an OPTIONS that is sent last: what was sent before was passed over in silence.
    pub(crate) async fn silence(&self) {
        let probe = ask("OPTIONS", "sip:x@baton.local", "sip:probe@x", "sip:x@baton.local");
        self.ask(&probe).await;
        let first = self.hear().await;
        assert_eq!(first.one("Call-ID"), probe.call_id, "something else came: {}", first.0);
    }

    /// Answers a request it received.
    pub(crate) async fn reply(&self, request: &Message, status: &str, tag: &str, more: &str, body: &str) {
        let vias: String = request.all("Via").iter().map(|via| format!("Via: {via}\r\n")).collect();
        let to = request.one("To");
        let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag={tag}") };
        self.send(&format!(
            "SIP/2.0 {status}\r\n{vias}From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:raw@{}>\r\n{more}Content-Length: {}\r\n\r\n{body}",
            request.one("From"),
            request.one("Call-ID"),
            request.one("CSeq"),
            self.local,
            body.len()
        ))
        .await;
    }

    /// A request with credentials for the challenge it gets: both answers.
    pub(crate) async fn login(
        &self,
        first: &Ask,
        user: &str,
        password: &str,
        algorithm: &str,
    ) -> (Challenge, Ask, Message) {
        let challenge = self.answer(first).await.challenge(algorithm);
        let login =
            Login { user, password, algorithm, method: &first.method, uri: &first.uri, nc: 1 }.header(&challenge);
        let mut second = first.next(&first.method);
        (second.more, second.body) = (format!("{}{login}", first.more), first.body.clone());
        let answer = self.answer(&second).await;
        (challenge, second, answer)
    }

    /// Registers this socket for a user.
    pub(crate) async fn register(&self, user: &str) {
        let aor = format!("sip:{user}@baton.local");
        let register = ask("REGISTER", "sip:baton.local", &aor, &aor).more("Expires: 600\r\n");
        let (_, _, answer) = self.login(&register, user, &format!("{user}-secret"), "SHA-256").await;
        assert_eq!(answer.status(), 200, "{}", answer.0);
    }
}

/// A connection to one server.
pub(crate) struct Stream<S = TcpStream> {
    pub(crate) stream: S,
    pub(crate) local: SocketAddr,
    heard: String,
}

impl Stream<secure_wire::Stream> {
    /// Over TLS.
    pub(crate) fn secured(stream: secure_wire::Stream) -> Self {
        Self { local: stream.get_ref().0.local_addr().unwrap(), stream, heard: String::new() }
    }
}

impl Stream {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        Self { local: stream.local_addr().unwrap(), stream, heard: String::new() }
    }
}

impl Stream {
    /// One that came.
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self { local: stream.local_addr().unwrap(), stream, heard: String::new() }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    /// Answers a request it received.
    pub(crate) async fn reply(&mut self, request: &Message, status: &str, tag: &str, more: &str, body: &str) {
        let (via, from, to) = (request.one("Via"), request.one("From"), request.one("To"));
        let (call_id, cseq) = (request.one("Call-ID"), request.one("CSeq"));
        self.send(&format!(
            "SIP/2.0 {status}\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to};tag={tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n\
             {more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next message, or `None` at the end.
    pub(crate) async fn hear(&mut self) -> Option<Message> {
        loop {
            if let Some(end) = self.heard.find("\r\n\r\n") {
                let head = Message(self.heard[..end + 4].to_owned());
                let length: usize = head.one("Content-Length").parse().unwrap_or(0);
                if self.heard.len() >= end + 4 + length {
                    let rest = self.heard.split_off(end + 4 + length);
                    return Some(Message(std::mem::replace(&mut self.heard, rest)));
                }
            }
            let mut buffer = vec![0; 65_536];
            let read = tokio::time::timeout(2 * LIMIT, self.stream.read(&mut buffer)).await.unwrap();
            match read {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.heard.push_str(&String::from_utf8_lossy(&buffer[..length])),
            }
        }
    }
}
