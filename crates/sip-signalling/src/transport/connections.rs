//! All connections, TCP and TLS: one per flow, used again as long as it lives (RFC 3261 §18).
//!
//! Owned by the endpoint's loop, so without locks. How one is opened is `opening`'s, what goes over it `stream`'s.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use secure_wire::{Acceptor, Identity, Roots};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Inbound;
use super::opening::{Expected, Opening};
use super::stream::{read_all, write_all};
use crate::flow::Flow;
use crate::settings::Protocol;

/// Connections there may be at once.
const MOST: usize = 8192;
/// Connections one address may have: an eighth of all, so that one alone takes nobody's place.
const MOST_PER_SOURCE: usize = MOST / 8;
/// Handshakes others may have under way with us at once: each costs a signature, and most of them memory.
const MOST_HANDSHAKES: usize = 1024;
/// And one address of them.
const HANDSHAKES_PER_SOURCE: usize = MOST_HANDSHAKES / 8;
/// Messages that wait to be written to one connection.
const QUEUE: usize = 512;
/// Servers whose names are known.
const EXPECTED: usize = 4096;
/// How long closing may take when the endpoint stops.
const CLOSE_TIME: Duration = Duration::from_secs(1);

struct Connection {
    number: u64,
    /// Whether something it asked was granted, or it is one we made.
    known: Arc<AtomicBool>,
    /// Whether its handshake is under way, the other side having begun it.
    handshakes: bool,
    queue: mpsc::Sender<Bytes>,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

/// What one address has.
#[derive(Default)]
struct Source {
    open: usize,
    handshakes: usize,
}

/// All connections.
pub(crate) struct Connections {
    open: HashMap<Flow, Connection>,
    sources: HashMap<IpAddr, Source>,
    handshakes: usize,
    inbound: mpsc::Sender<Inbound>,
    drawn: u64,
    identity: Option<Identity>,
    acceptor: Option<Acceptor>,
    expected: HashMap<SocketAddr, Expected>,
}

impl Connections {
    /// None yet. Over TLS we are `identity`.
    pub(crate) fn new(inbound: mpsc::Sender<Inbound>, identity: Option<Identity>) -> Self {
        let acceptor = identity.as_ref().map(|identity| Acceptor::new(identity, None));
        Self {
            open: HashMap::new(),
            sources: HashMap::new(),
            handshakes: 0,
            inbound,
            drawn: 0,
            identity,
            acceptor,
            expected: HashMap::new(),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Who may prove themselves by a certificate from here on: whom one of these authorities vouches for.
    pub(crate) fn admit(&mut self, clients: Option<&Roots>) {
        self.acceptor = self.identity.as_ref().map(|identity| Acceptor::new(identity, clients));
    }

    /// Who must be there when a connection to this address is encrypted.
    pub(crate) fn expect(&mut self, peer: SocketAddr, expected: Expected) {
        if self.expected.len() >= EXPECTED && !self.expected.contains_key(&peer) {
            self.expected.clear();
        }
        self.expected.insert(peer, expected);
    }

    /// Somebody connected; beyond the limits they are sent away.
    pub(crate) fn accepted(&mut self, flow: Flow, stream: TcpStream) {
        let source = self.sources.entry(flow.peer.ip()).or_default();
        let full = self.open.len() >= MOST || source.open >= MOST_PER_SOURCE || self.open.contains_key(&flow);
        let busy = self.handshakes >= MOST_HANDSHAKES || source.handshakes >= HANDSHAKES_PER_SOURCE;
        let opening = match flow.protocol {
            Protocol::Tls => {
                self.acceptor.clone().filter(|_| !busy).map(|acceptor| Opening::AcceptedSecure(stream, acceptor))
            }
            Protocol::Tcp | Protocol::Udp => Some(Opening::Accepted(stream)),
        };
        let Some(opening) = opening.filter(|_| !full) else {
            self.forget_if_empty(flow.peer.ip());
            tracing::debug!(peer = %flow.peer, "connection refused");
            return;
        };
        self.begin(flow, opening, false);
    }

    /// Sends by the connection of a flow; a request makes one if there is none (a response has nowhere to go then: the
    /// port it would be sent to is not one its receiver listens on). A connection that does not take what it is sent is
    /// closed; what could not be sent is told as `Closed`.
    pub(crate) fn send(&mut self, flow: Flow, bytes: Bytes) {
        let is_request = !bytes.starts_with(b"SIP/2.0 ") && !bytes.starts_with(b"\r\n");
        if is_request && !self.open.contains_key(&flow) {
            self.make(flow);
        }
        let Some(connection) = self.open.get(&flow) else { return };
        // 100 too is said only to whom the door let in
        if is_request || bytes.starts_with(b"SIP/2.0 1") || bytes.starts_with(b"SIP/2.0 2") {
            connection.known.store(true, Ordering::Relaxed);
        }
        if connection.queue.try_send(bytes).is_err() {
            let number = connection.number;
            tracing::debug!(peer = %flow.peer, "connection does not take what it is sent");
            connection.reader.abort();
            self.tell_closed(flow, number);
        }
    }

    /// The handshake of a connection is over; whether it is the one there is.
    pub(crate) fn secured(&mut self, flow: Flow, number: u64) -> bool {
        let Some(connection) = self.open.get_mut(&flow).filter(|connection| connection.number == number) else {
            return false;
        };
        if std::mem::take(&mut connection.handshakes) {
            self.handshake_over(flow.peer.ip());
        }
        true
    }

    /// Forgets a connection that is gone; whether it was the one there is.
    pub(crate) fn closed(&mut self, flow: Flow, number: u64) -> bool {
        if self.open.get(&flow).is_none_or(|connection| connection.number != number) {
            return false;
        }
        let handshakes = self.open.remove(&flow).is_some_and(|connection| connection.handshakes);
        if handshakes {
            self.handshake_over(flow.peer.ip());
        }
        if let Some(source) = self.sources.get_mut(&flow.peer.ip()) {
            source.open -= 1;
        }
        self.forget_if_empty(flow.peer.ip());
        true
    }

    /// Lets all connections write what is queued, then closes them.
    pub(crate) async fn close(self) {
        let until = Instant::now() + CLOSE_TIME;
        for connection in self.open.into_values() {
            connection.reader.abort();
            drop(connection.queue);
            // one that does not finish in time is cut off with its runtime
            let _late = tokio::time::timeout_at(until, connection.writer).await;
        }
    }

    /// Makes a connection. One that cannot be made is told as closed, like any other.
    fn make(&mut self, flow: Flow) {
        if self.open.len() >= MOST {
            return;
        }
        let opening = match flow.protocol {
            Protocol::Tls => self.expected.get(&flow.peer).cloned().map(Opening::ConnectSecure),
            Protocol::Tcp | Protocol::Udp => Some(Opening::Connect),
        };
        self.begin(flow, opening.unwrap_or(Opening::Nobody), true);
    }

    fn begin(&mut self, flow: Flow, opening: Opening, ours: bool) {
        let (queue, written) = mpsc::channel(QUEUE);
        self.drawn += 1;
        let number = self.drawn;
        let known = Arc::new(AtomicBool::new(ours));
        let handshakes = matches!(opening, Opening::AcceptedSecure(..));
        let (hand, write) = oneshot::channel();
        let (inbound, heard) = (self.inbound.clone(), Arc::clone(&known));
        let reader = tokio::spawn(async move {
            match opening.open(flow).await {
                Ok(opened) => {
                    // the endpoint may be gone, or the writer
                    let secured = Inbound::Secured(flow, number, opened.proof);
                    let told = flow.protocol != Protocol::Tls || inbound.send(secured).await.is_ok();
                    if told && hand.send(opened.writes).is_ok() {
                        read_all(opened.reads, flow, heard, &inbound).await;
                    }
                }
                Err(error) => tracing::debug!(peer = %flow.peer, %error, "no connection"),
            }
            // when the endpoint is gone nobody needs to know
            let _gone = inbound.send(Inbound::Closed(flow, number)).await;
        });
        let writer = tokio::spawn(async move {
            if let Ok(write) = write.await {
                write_all(write, written).await;
            }
        });
        let source = self.sources.entry(flow.peer.ip()).or_default();
        source.open += 1;
        source.handshakes += usize::from(handshakes);
        self.handshakes += usize::from(handshakes);
        self.open.insert(flow, Connection { number, known, handshakes, queue, reader, writer });
    }

    fn tell_closed(&self, flow: Flow, number: u64) {
        let inbound = self.inbound.clone();
        tokio::spawn(async move { inbound.send(Inbound::Closed(flow, number)).await });
    }

    fn handshake_over(&mut self, source: IpAddr) {
        self.handshakes -= 1;
        if let Some(source) = self.sources.get_mut(&source) {
            source.handshakes -= 1;
        }
    }

    fn forget_if_empty(&mut self, source: IpAddr) {
        if self.sources.get(&source).is_some_and(|source| source.open == 0) {
            self.sources.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::transport::stream::{IDLE_TIME, STRANGER_TIME};
    use crate::transport::tcp::bind;

    /// How long a connection that says `\r\n\r\n` and nothing more is there after it was sent `sent`.
    async fn lives(sent: &'static str) -> Duration {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (inbound, mut came) = mpsc::channel(16);
        let mut connections = Connections::new(inbound, None);
        let local = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(local), listener.accept());
        let (mut client, (stream, peer)) = (client.unwrap(), accepted.unwrap());
        let flow = Flow { protocol: Protocol::Tcp, local, peer };
        let begun = Instant::now();
        connections.accepted(flow, stream);
        client.write_all(b"\r\n\r\n").await.unwrap();
        assert!(matches!(came.recv().await, Some(Inbound::Ping(_))));
        connections.send(flow, Bytes::from_static(sent.as_bytes()));
        assert!(matches!(came.recv().await, Some(Inbound::Closed(_, _))));
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_is_sent_away_after_a_minute_and_whoever_was_let_in_may_be_quiet_for_hours() {
        for (sent, expected) in [
            ("\r\n", STRANGER_TIME),
            ("SIP/2.0 401 Unauthorized\r\n\r\n", STRANGER_TIME),
            ("SIP/2.0 200 OK\r\n\r\n", IDLE_TIME),
            ("OPTIONS sip:a@b SIP/2.0\r\n\r\n", IDLE_TIME),
        ] {
            let lived = lives(sent).await;
            assert!(lived >= expected && lived < expected + Duration::from_secs(1), "{sent:?}: {lived:?}");
        }
    }
}
