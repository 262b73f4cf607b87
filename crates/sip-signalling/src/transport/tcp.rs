//! TCP (RFC 3261 §18): framed streams, one connection per flow, used again as long as it lives.
//!
//! Owned by the endpoint's loop, so without locks. A connection that dawdles, floods or stops reading is closed.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::Inbound;
use crate::codec::{Framed, StreamFramer};
use crate::flow::Flow;
use crate::settings::Protocol;

/// Connections there may be at once.
const MOST: usize = 8192;
/// Connections one address may have: an eighth of all, so that one alone takes nobody's place.
const MOST_PER_SOURCE: usize = MOST / 8;
/// How long one message may take to arrive (A20).
const MESSAGE_TIME: Duration = Duration::from_secs(10);
/// How long a new connection may be there before anything it asks is granted. Keep-alives and refused requests do not
/// count.
const STRANGER_TIME: Duration = Duration::from_secs(60);
/// How long a connection may say nothing after that: longer than any registration.
const IDLE_TIME: Duration = Duration::from_secs(7200);
/// How long connecting may take, and a write.
const SEND_TIME: Duration = Duration::from_secs(5);
/// Messages that wait to be written to one connection.
const QUEUE: usize = 512;
/// Connections that wait to be accepted by us.
const BACKLOG: u32 = 1024;
/// How long the other side may be silently gone before the kernel asks, and how often it asks again.
const PROBE: Duration = Duration::from_secs(30);
/// How long closing may take when the endpoint stops.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// Binds a listener.
///
/// # Errors
/// What the operating system says.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until the endpoint is gone.
pub(crate) async fn accept(listener: TcpListener, local: SocketAddr, inbound: mpsc::Sender<Inbound>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let flow = Flow { protocol: Protocol::Tcp, local, peer };
                if inbound.send(Inbound::Accepted(flow, stream)).await.is_err() {
                    return;
                }
            }
            // no descriptor left, or the peer has gone again: a moment later there may be one
            Err(error) => {
                tracing::debug!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

struct Connection {
    number: u64,
    /// Whether something it asked was granted, or it is one we made.
    known: Arc<AtomicBool>,
    queue: mpsc::Sender<Bytes>,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

/// All connections.
pub(crate) struct Connections {
    open: HashMap<Flow, Connection>,
    sources: HashMap<IpAddr, usize>,
    inbound: mpsc::Sender<Inbound>,
    drawn: u64,
}

impl Connections {
    /// None yet.
    pub(crate) fn new(inbound: mpsc::Sender<Inbound>) -> Self {
        Self { open: HashMap::new(), sources: HashMap::new(), inbound, drawn: 0 }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Somebody connected; beyond the limits they are sent away.
    pub(crate) fn accepted(&mut self, flow: Flow, stream: TcpStream) {
        let source = self.sources.get(&flow.peer.ip()).copied().unwrap_or(0);
        if self.open.len() >= MOST || source >= MOST_PER_SOURCE || self.open.contains_key(&flow) {
            tracing::debug!(peer = %flow.peer, "connection refused");
            return;
        }
        prepare(&stream);
        let (read, write) = stream.into_split();
        let (queue, written) = mpsc::channel(QUEUE);
        let number = self.number();
        let known = Arc::new(AtomicBool::new(false));
        let reader = tokio::spawn(read_all(read, flow, number, Arc::clone(&known), self.inbound.clone()));
        let writer = tokio::spawn(write_all(write, written));
        self.add(flow, Connection { number, known, queue, reader, writer });
    }

    /// Sends by the connection of a flow; a request makes one if there is none (a response has nowhere to go then: the
    /// port it would be sent to is not one its receiver listens on). A connection that does not take what it is sent is
    /// closed; what could not be sent is told as `Closed`.
    pub(crate) fn send(&mut self, flow: Flow, bytes: Bytes) {
        let is_request = !bytes.starts_with(b"SIP/2.0 ") && !bytes.starts_with(b"\r\n");
        if is_request && !self.open.contains_key(&flow) && self.open.len() < MOST {
            self.connect(flow);
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
            let inbound = self.inbound.clone();
            tokio::spawn(async move { inbound.send(Inbound::Closed(flow, number)).await });
        }
    }

    /// Forgets a connection that is gone; whether it was the one there is.
    pub(crate) fn closed(&mut self, flow: Flow, number: u64) -> bool {
        if self.open.get(&flow).is_none_or(|connection| connection.number != number) {
            return false;
        }
        self.open.remove(&flow);
        if let Some(count) = self.sources.get_mut(&flow.peer.ip()) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(&flow.peer.ip());
            }
        }
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

    fn connect(&mut self, flow: Flow) {
        let (queue, written) = mpsc::channel(QUEUE);
        let number = self.number();
        let inbound = self.inbound.clone();
        let (hand, write) = tokio::sync::oneshot::channel();
        let known = Arc::new(AtomicBool::new(true));
        let ours = Arc::clone(&known);
        let reader = tokio::spawn(async move {
            match timeout(SEND_TIME, open(flow)).await {
                Ok(Ok(stream)) => {
                    prepare(&stream);
                    let (read, write) = stream.into_split();
                    if hand.send(write).is_ok() {
                        read_all(read, flow, number, ours, inbound).await;
                    }
                }
                Ok(Err(_)) | Err(_) => {
                    // when the endpoint is gone nobody needs to know
                    let _gone = inbound.send(Inbound::Closed(flow, number)).await;
                }
            }
        });
        let writer = tokio::spawn(async move {
            if let Ok(write) = write.await {
                write_all(write, written).await;
            }
        });
        self.add(flow, Connection { number, known, queue, reader, writer });
    }

    fn add(&mut self, flow: Flow, connection: Connection) {
        *self.sources.entry(flow.peer.ip()).or_default() += 1;
        self.open.insert(flow, connection);
    }

    fn number(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }
}

async fn open(flow: Flow) -> io::Result<TcpStream> {
    let socket = if flow.peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if !flow.local.ip().is_unspecified() {
        socket.bind((flow.local.ip(), 0).into())?;
    }
    socket.connect(flow.peer).await
}

/// Small messages at once, and a peer that is silently gone is found out within a minute (fault 18 of trust.md).
fn prepare(stream: &TcpStream) {
    let keep_alive = TcpKeepalive::new().with_time(PROBE).with_interval(PROBE / 3).with_retries(3);
    let set = stream.set_nodelay(true).and(SockRef::from(stream).set_tcp_keepalive(&keep_alive));
    if let Err(error) = set {
        tracing::debug!(%error, "socket options");
    }
}

/// Reads and frames until the end. Whoever is not `known` in time is sent away.
async fn read_all(
    mut read: OwnedReadHalf,
    flow: Flow,
    number: u64,
    known: Arc<AtomicBool>,
    inbound: mpsc::Sender<Inbound>,
) {
    let mut framer = StreamFramer::default();
    let mut buffer = vec![0; 16 << 10];
    let begun = Instant::now();
    let idle = |heard: Instant| {
        if known.load(Ordering::Relaxed) { heard + IDLE_TIME } else { begun + STRANGER_TIME }
    };
    let (mut heard, mut message) = (begun, None);
    let mut deadline = idle(begun);
    loop {
        let length = tokio::select! {
            read = read.read(&mut buffer) => read.unwrap_or(0),
            // it may have become known since it last said something
            () = sleep_until(deadline) => match idle(heard) {
                later if message.is_none() && later > Instant::now() => {
                    deadline = later;
                    continue;
                }
                _ => 0,
            },
        };
        if length == 0 || !hand_on(&mut framer, &buffer[..length], flow, &inbound).await {
            break;
        }
        heard = Instant::now();
        let unfinished = framer.unfinished();
        if unfinished.is_none() {
            deadline = idle(heard);
        } else if unfinished != message {
            deadline = heard + MESSAGE_TIME;
        }
        message = unfinished;
    }
    // when the endpoint is gone nobody needs to know
    let _gone = inbound.send(Inbound::Closed(flow, number)).await;
}

/// Takes what was read and hands on what is complete; whether the connection goes on.
async fn hand_on(framer: &mut StreamFramer, bytes: &[u8], flow: Flow, inbound: &mpsc::Sender<Inbound>) -> bool {
    framer.feed(bytes);
    while let Some(framed) = framer.next() {
        let (told, goes_on) = match framed {
            Framed::Message(message) => (Inbound::Message(flow, Box::new(Ok(*message))), true),
            Framed::Refused(malformed) => (Inbound::Message(flow, Box::new(Err(malformed))), true),
            Framed::Broken(malformed) => (Inbound::Message(flow, Box::new(Err(malformed))), false),
            Framed::Ping => (Inbound::Ping(flow), true),
            Framed::Pong => continue,
        };
        if inbound.send(told).await.is_err() || !goes_on {
            return false;
        }
    }
    true
}

/// Writes what is queued; ends when the queue is given up, or the other side does not read.
async fn write_all(mut write: OwnedWriteHalf, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = queue.recv().await {
        match timeout(SEND_TIME, write.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
    // closing what is closed already is no fault
    let _closed = write.shutdown().await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// How long a connection that says `\r\n\r\n` and nothing more is there after it was sent `sent`.
    async fn lives(sent: &'static str) -> Duration {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (inbound, mut came) = mpsc::channel(16);
        let mut connections = Connections::new(inbound);
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
