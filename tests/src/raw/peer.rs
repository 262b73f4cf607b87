//! One socket that speaks SIP by text, over UDP or TCP.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::Instant;

use super::credentials::authorize;
use super::message::Message;
use crate::house::DOMAIN;

/// How long an answer may take.
pub const LIMIT: Duration = Duration::from_secs(4);
/// A request over UDP is repeated after so long.
const AGAIN: Duration = Duration::from_millis(500);

/// A word that was never used before in this process.
#[must_use]
pub fn token() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:x}x{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// One dialog, or one not begun, as its own side keeps it.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Its Call-ID.
    pub call_id: String,
    /// Our From.
    pub local: String,
    /// Their To, with their tag once known.
    pub remote: String,
    /// Where requests go.
    pub target: String,
    /// The number of the last request.
    pub cseq: u32,
}

#[derive(Debug)]
enum Way {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

/// One socket.
#[derive(Debug)]
pub struct Peer {
    way: Way,
    /// Our address.
    pub own: SocketAddr,
    /// The server's.
    pub server: SocketAddr,
    inbox: VecDeque<Message>,
}

impl Peer {
    /// A UDP socket at a free port of `from`.
    pub async fn udp(from: IpAddr, server: SocketAddr) -> Self {
        Self::udp_at(SocketAddr::new(from, 0), server).await
    }

    /// A UDP socket at this very address.
    pub async fn udp_at(own: SocketAddr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(own).await.expect("a UDP socket");
        let own = socket.local_addr().expect("an address");
        Self { way: Way::Udp(socket), own, server, inbox: VecDeque::new() }
    }

    /// A TCP connection from a free port of `from`.
    pub async fn tcp(from: IpAddr, server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a TCP socket");
        socket.bind(SocketAddr::new(from, 0)).expect("a free port");
        let stream = socket.connect(server).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        let own = stream.local_addr().expect("an address");
        Self { way: Way::Tcp(stream, Vec::new()), own, server, inbox: VecDeque::new() }
    }

    /// `UDP` or `TCP`.
    #[must_use]
    pub fn transport(&self) -> &'static str {
        match self.way {
            Way::Udp(_) => "UDP",
            Way::Tcp(..) => "TCP",
        }
    }

    /// A dialog to come: `user` calls `dialled` in our domain.
    #[must_use]
    pub fn dialog(&self, user: &str, dialled: &str) -> Dialog {
        Dialog {
            call_id: format!("{}@{}", token(), self.own.ip()),
            local: format!("<sip:{user}@{}>;tag={}", DOMAIN, token()),
            remote: format!("<sip:{dialled}@{DOMAIN}>"),
            target: format!("sip:{dialled}@{DOMAIN}"),
            cseq: 0,
        }
    }

    /// Our Contact.
    #[must_use]
    pub fn contact(&self, user: &str) -> String {
        let transport = if matches!(self.way, Way::Tcp(..)) { ";transport=tcp" } else { "" };
        format!("<sip:{user}@{}{transport}>", self.own)
    }

    /// The text of the dialog's next request; `more` are whole lines. Does not send it.
    #[must_use]
    pub fn request(&self, dialog: &mut Dialog, method: &str, more: &str, body: &str) -> String {
        if method != "ACK" && method != "CANCEL" {
            dialog.cseq += 1;
        }
        self.text(dialog, method, &format!("z9hG4bK{}", token()), more, body)
    }

    /// The text of a request with this branch and the dialog's present number.
    #[must_use]
    pub fn text(&self, dialog: &Dialog, method: &str, branch: &str, more: &str, body: &str) -> String {
        let Dialog { call_id, local, remote, target, cseq } = dialog;
        let (transport, own) = (self.transport(), self.own);
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: {contact}\r\n\
             {more}Content-Length: {length}\r\n\r\n{body}",
            contact = self.contact("raw"),
            length = body.len(),
        )
    }

    /// Sends bytes as they are. A connection that was closed by the server takes nothing.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("sent");
    }

    /// Sends bytes as they are, if that can be.
    ///
    /// # Errors
    /// The connection is closed, or the datagram too large.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        match &mut self.way {
            Way::Udp(socket) => socket.send_to(bytes.as_ref(), self.server).await.map(|_| ()),
            Way::Tcp(stream, _) => stream.write_all(bytes.as_ref()).await,
        }
    }

    /// The next message; `None` when there is none in time, or the connection was closed.
    pub async fn next(&mut self, limit: Duration) -> Option<Message> {
        if let Some(message) = self.inbox.pop_front() {
            return Some(message);
        }
        tokio::time::timeout(limit, self.read()).await.ok().flatten()
    }

    /// The next message that is so; others are kept for later.
    pub async fn next_that(&mut self, limit: Duration, so: impl Fn(&Message) -> bool) -> Option<Message> {
        if let Some(index) = self.inbox.iter().position(&so) {
            return self.inbox.remove(index);
        }
        let end = Instant::now() + limit;
        loop {
            let left = end.checked_duration_since(Instant::now())?;
            let message = tokio::time::timeout(left, self.read()).await.ok()??;
            if so(&message) {
                return Some(message);
            }
            self.inbox.push_back(message);
        }
    }

    /// The next request of this method, which must come.
    pub async fn next_request(&mut self, method: &str) -> Message {
        let found = self.next_that(LIMIT, |message| message.method() == Some(method)).await;
        found.unwrap_or_else(|| panic!("no {method} came; there is {:?}", self.inbox))
    }

    /// Whether the server closed the connection within `limit`; what came meanwhile is kept.
    pub async fn is_closed(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        loop {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            match tokio::time::timeout(left, self.read()).await {
                Err(_) => return false,
                Ok(None) => return true,
                Ok(Some(message)) => self.inbox.push_back(message),
            }
        }
    }

    /// Sends a request and waits for its final answer; over UDP it is repeated as a phone would.
    pub async fn ask(&mut self, request: &str) -> Message {
        let answer = self.try_ask(request, LIMIT).await;
        answer.unwrap_or_else(|| panic!("no answer to\n{request}\nthere is {:?}", self.inbox))
    }

    /// As [`Peer::ask`]; `None` when no final answer came.
    pub async fn try_ask(&mut self, request: &str, limit: Duration) -> Option<Message> {
        let asked = Message::read(request.as_bytes())?;
        let (call_id, cseq) = (asked.header("Call-ID")?.to_owned(), asked.header("CSeq")?.to_owned());
        let branch = asked.header("Via")?.split("branch=").nth(1)?.split(';').next()?.to_owned();
        let end = Instant::now() + limit;
        self.try_send(request).await.ok()?;
        while Instant::now() < end {
            let span = if self.transport() == "UDP" { AGAIN.min(limit) } else { limit };
            let found = self.next_that(span, |message| {
                message.status().is_some_and(|status| status >= 200)
                    && message.header("Call-ID") == Some(&call_id)
                    && message.header("CSeq") == Some(&cseq)
                    && message.header("Via").is_some_and(|via| via.contains(&branch))
            });
            if let Some(answer) = found.await {
                return Some(answer);
            }
            if self.transport() == "UDP" {
                self.try_send(request).await.ok()?;
            }
        }
        None
    }

    /// Sends a request of an agent: without credentials, then with.
    pub async fn ask_as(&mut self, dialog: &mut Dialog, user: &str, method: &str, more: &str, body: &str) -> Message {
        let request = self.request(dialog, method, more, body);
        let challenge = self.ask(&request).await;
        if challenge.status() != Some(401) {
            return challenge;
        }
        if method == "INVITE" {
            self.acknowledge_failure(&request, &challenge).await;
        }
        let header = authorize(&challenge, user, &format!("{user}-secret"), method, &dialog.target.clone());
        let request = self.request(dialog, method, &format!("{header}{more}"), body);
        let answer = self.ask(&request).await;
        if method == "INVITE" && answer.status().is_some_and(|status| status >= 300) {
            self.acknowledge_failure(&request, &answer).await;
        }
        answer
    }

    /// Takes the far end's tag and address out of its 200 and sends the ACK.
    pub async fn takes_up(&mut self, dialog: &mut Dialog, answer: &Message, more: &str, body: &str) {
        answer.need("To").clone_into(&mut dialog.remote);
        dialog.target = answer.address("Contact").unwrap_or_else(|| panic!("no Contact in {answer:?}"));
        let ack = self.request(dialog, "ACK", more, body);
        self.send(ack).await;
    }

    /// Registers this socket as a phone of an agent.
    pub async fn register(&mut self, user: &str) -> Message {
        let mut dialog = self.registration(user);
        let contact = format!("Expires: 300\r\nSupported: path\r\nX-Phone: {}\r\n", self.own);
        self.ask_as(&mut dialog, user, "REGISTER", &contact, "").await
    }

    /// The dialog, which is none, of a registration.
    #[must_use]
    pub fn registration(&self, user: &str) -> Dialog {
        let dialog = self.dialog(user, user);
        Dialog { target: format!("sip:{DOMAIN}"), ..dialog }
    }

    /// The ACK that ends a failed INVITE: same branch, their To (RFC 3261 §17.1.1.3).
    pub async fn acknowledge_failure(&mut self, invite: &str, answer: &Message) {
        let Some(asked) = Message::read(invite.as_bytes()) else { return };
        let uri = asked.start.split(' ').nth(1).unwrap_or_default();
        let number = asked.need("CSeq").split(' ').next().unwrap_or_default();
        let ack = format!(
            "ACK {uri} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} ACK\r\n\
             Content-Length: 0\r\n\r\n",
            asked.need("Via"),
            asked.need("From"),
            answer.need("To"),
            asked.need("Call-ID"),
        );
        self.send(ack).await;
    }

    async fn read(&mut self) -> Option<Message> {
        match &mut self.way {
            Way::Udp(socket) => {
                let mut datagram = vec![0; 65_536];
                loop {
                    // an ICMP error of what we sent before is told here; nothing came
                    let Ok((length, _)) = socket.recv_from(&mut datagram).await else { continue };
                    if let Some(message) = Message::read(&datagram[..length]) {
                        return Some(message);
                    }
                }
            }
            Way::Tcp(stream, waiting) => loop {
                if let Some(message) = Message::take(waiting) {
                    return Some(message);
                }
                let mut piece = [0; 16_384];
                match stream.read(&mut piece).await {
                    Ok(0) | Err(_) => return None,
                    Ok(length) => waiting.extend_from_slice(&piece[..length]),
                }
            },
        }
    }
}

/// The text of a response to a request, with `tag` in its To; `more` are whole lines.
#[must_use]
pub fn response(request: &Message, status: u16, tag: &str, more: &str, body: &str) -> String {
    let copied: String = ["Via", "Record-Route", "From", "Call-ID", "CSeq"]
        .iter()
        .flat_map(|name| request.all(name).map(move |value| format!("{name}: {value}\r\n")))
        .collect();
    let to = request.need("To");
    let to = if to.contains(";tag=") || status == 100 { to.to_owned() } else { format!("{to};tag={tag}") };
    format!(
        "SIP/2.0 {status} Said\r\n{copied}To: {to}\r\n{more}Content-Length: {length}\r\n\r\n{body}",
        length = body.len()
    )
}
