//! A peer that speaks SIP by hand over one UDP socket: no code of ours between the test and the wire.
#![allow(dead_code, reason = "every test takes what it needs")]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

/// No answer is waited for longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(8);

/// A customer's phone behind a trunk.
pub(crate) struct Peer {
    socket: UdpSocket,
    server: SocketAddr,
    here: SocketAddr,
    call_id: String,
    to_tag: String,
    cseq: u32,
    branch: u32,
    dialled: String,
    /// What stands before the address in From, and the address's user part.
    pub(crate) shown: (String, String),
}

impl Peer {
    /// A peer at an address of loopback. The demo's trunk takes calls from 127.0.0.2.
    pub(crate) async fn new(host: &str, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((host, 0)).await.unwrap();
        let here = socket.local_addr().unwrap();
        let call_id = format!("{}-{host}", here.port());
        let (nothing, shown) = (String::new(), (String::new(), "+491234".to_owned()));
        Self { socket, server, here, call_id, to_tag: nothing.clone(), cseq: 1, branch: 0, dialled: nothing, shown }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.here
    }

    /// Sends an INVITE.
    pub(crate) async fn invite(&mut self, dialled: &str, offer: Option<&str>) {
        self.dialled = dialled.to_owned();
        self.to_tag.clear();
        self.branch += 1;
        self.send("INVITE", offer.unwrap_or_default()).await;
    }

    /// Sends a re-INVITE.
    pub(crate) async fn reinvite(&mut self, offer: &str) {
        self.cseq += 1;
        self.branch += 1;
        self.send("INVITE", offer).await;
    }

    /// Sends the ACK to a 200.
    pub(crate) async fn ack(&mut self, answer: &str) {
        self.branch += 1;
        self.send("ACK", answer).await;
    }

    /// Sends a CANCEL of the INVITE.
    pub(crate) async fn cancel(&mut self) {
        self.send("CANCEL", "").await;
    }

    /// Hangs up and waits for the 200.
    pub(crate) async fn bye(&mut self) {
        self.cseq += 1;
        self.branch += 1;
        self.send("BYE", "").await;
        self.status("BYE", 200).await;
    }

    /// Waits for a response to `method`; provisional ones but the wanted are passed over. Returns the whole message.
    pub(crate) async fn status(&mut self, method: &str, wanted: u16) -> String {
        loop {
            let message = self.receive().await;
            let Some(line) = message.strip_prefix("SIP/2.0 ") else { continue };
            let status: u16 = line[..3].parse().unwrap();
            if !header(&message, "CSeq").ends_with(method) || (status < 200 && status != wanted) {
                continue;
            }
            assert_eq!(status, wanted, "{message}");
            if let Some((_, tag)) = header(&message, "To").split_once("tag=") {
                self.to_tag = tag.split(';').next().unwrap().to_owned();
            }
            if method == "INVITE" && status >= 300 {
                // the ACK of a failure belongs to the INVITE's own transaction (RFC 3261 §17.1.1.3)
                self.send("ACK", "").await;
            }
            return message;
        }
    }

    /// Waits for a request and answers it with 200.
    pub(crate) async fn request(&mut self, method: &str) -> String {
        loop {
            let message = self.receive().await;
            if message.starts_with("SIP/2.0") {
                continue;
            }
            let copied: Vec<String> = ["Via", "From", "To", "Call-ID", "CSeq"]
                .iter()
                .map(|name| format!("{name}: {}", header(&message, name)))
                .collect();
            let answer = format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", copied.join("\r\n"));
            self.socket.send_to(answer.as_bytes(), self.server).await.unwrap();
            if message.starts_with(method) {
                return message;
            }
        }
    }

    /// Waits for a request and gives no answer, as if it had been lost.
    pub(crate) async fn lose(&mut self, method: &str) {
        while !self.receive().await.starts_with(method) {}
    }

    async fn receive(&self) -> String {
        let mut bytes = vec![0; 65_535];
        let (length, _) = timeout(LIMIT, self.socket.recv_from(&mut bytes)).await.expect("no message came").unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    async fn send(&self, method: &str, body: &str) {
        let (server, here, dialled, (display, user)) = (self.server, self.here, &self.dialled, &self.shown);
        let to_tag = if self.to_tag.is_empty() { String::new() } else { format!(";tag={}", self.to_tag) };
        let body_type = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let message = format!(
            "{method} sip:{dialled}@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK-{}-{}\r\n\
             Max-Forwards: 70\r\n\
             From: {display}<sip:{user}@{here}>;tag=peer\r\n\
             To: <sip:{dialled}@{server}>{to_tag}\r\n\
             Call-ID: {}\r\n\
             CSeq: {} {method}\r\n\
             Contact: <sip:peer@{here}>\r\n\
             {body_type}Content-Length: {}\r\n\r\n{body}",
            here.port(),
            self.branch,
            self.call_id,
            self.cseq,
            body.len(),
        );
        self.socket.send_to(message.as_bytes(), server).await.unwrap();
    }
}

/// A header's value; of several Via lines the first.
pub(crate) fn header(message: &str, name: &str) -> String {
    let prefix = format!("{}:", name.to_ascii_lowercase());
    message
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with(&prefix))
        .map(|line| line[prefix.len()..].trim().to_owned())
        .unwrap_or_default()
}

/// The body.
pub(crate) fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// A description that offers one payload type at a port.
pub(crate) fn offer(host: &str, port: u16, payload: &str, direction: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP {payload}\r\n\
         a={direction}\r\n"
    )
}

/// A house with one agent, one room and one trunk, on free ports.
pub(crate) const HOUSE: &str = r#"
[sip]
listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
[media]
rtp_ports = [21000, 29999]
hold_music = "silence"
[[agents]]
name = "alice"
extension = "101"
password = "x1y2z3"
[[rooms]]
name = "standup"
extension = "300"
[[trunks]]
name = "pstn"
address = "127.0.0.1:5999"
accept_from = ["127.0.0.2/32", "127.0.0.3/32"]
numbers = { "/^room(\\d+)$/" = "room:r$1" }
"#;
