//! The endpoint: binds sockets and runs the loop that feeds the stack. The only file that reads the clock.
//!
//! ```text
//!   sockets ── Inbound ──> ┌──────┐ ── Output::Send ──> sockets
//!   owner ──── Order ────> │ loop │ ── News ──────────> owner (bounded: who lags gets no new calls)
//!   clock ───────────────> └──────┘
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use conference::{LegId, Moment};
use rsip::SipMessage;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::codec::{Malformed, write};
use crate::flow::Flow;
use crate::leg::DialogState;
use crate::news::News;
use crate::orders::{self, Given, Orders, Weight};
use crate::servers::Question;
use crate::settings::{Doorkeeping, Protocol, SipSettings};
use crate::stack::{Counts, Output, RegistrationView, Stack};
use crate::trace::{self, TracedMessage, Tracer};
use crate::traffic::Traffic;
use crate::transport::{Connections, Inbound, Names, read_errors, route_to, tcp, udp};
use crate::wish::Wish;

/// News that wait for the owner before the endpoint keeps them itself and lets no new calls in.
const NEWS: usize = 4096;
/// News the endpoint keeps itself before it stops reading its sockets.
const BACKLOG: usize = 65_536;
/// Messages that wait for the endpoint.
const INBOUND: usize = 4096;
/// Messages taken before the clock is looked at again.
const AT_ONCE: usize = 64;

/// Why an endpoint did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Addresses that could not be bound: all of them, one a line.
    #[error("{}", lines(.0))]
    Bind(Vec<BindError>),
    /// No address to listen on was given.
    #[error("no address to listen on")]
    NoListener,
    /// TLS is to be listened on, and nothing proves who we are.
    #[error("cannot listen on tls:{0}: there is no certificate")]
    NoIdentity(SocketAddr),
    /// The operating system has no random numbers.
    #[error("no random numbers")]
    Random,
}

/// Why one address is not listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {}:{address}: {cause}", protocol.name())]
pub struct BindError {
    /// Over what.
    pub protocol: Protocol,
    /// Where.
    pub address: SocketAddr,
    /// What the operating system says.
    pub cause: std::io::Error,
}

fn lines(refused: &[BindError]) -> String {
    refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What the owner sends into the loop.
enum Order {
    Wish(Box<Wish>),
    Freeze(LegId, oneshot::Sender<Option<DialogState>>),
    Thaw(Box<DialogState>),
    Counts(oneshot::Sender<Counts>),
    Traffic(oneshot::Sender<Traffic>),
    Registrations(oneshot::Sender<Vec<RegistrationView>>),
    Stop(oneshot::Sender<()>),
}

/// A running endpoint. Cheap to clone; it runs until `stop`, or until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Endpoint {
    orders: Orders<Order>,
    addresses: Arc<[(Protocol, SocketAddr)]>,
    lost: Arc<AtomicU64>,
    traced: broadcast::Sender<TracedMessage>,
}

impl Endpoint {
    /// Binds every listener and starts, or starts nothing. Port 0 takes a free port. Must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// Which addresses could not be bound, and why.
    #[expect(clippy::unused_async, reason = "sockets belong to the runtime this runs in")]
    pub async fn start(settings: SipSettings) -> Result<(Self, mpsc::Receiver<News>), StartError> {
        let secure = settings.listen.iter().find(|(protocol, _)| *protocol == Protocol::Tls);
        // a phone is called by the connection it made, and listens for show
        let must_prove = settings.identity.is_none() && settings.doorkeeping == Doorkeeping::Server;
        if let Some((_, address)) = secure.filter(|_| must_prove) {
            return Err(StartError::NoIdentity(*address));
        }
        let sockets = Sockets::bind(&settings.listen)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| StartError::Random)?;
        let addresses: Arc<[_]> = sockets.addresses().into();
        let (orders, given) = orders::channel();
        let (news, told) = mpsc::channel(NEWS);
        let lost = Arc::new(AtomicU64::new(0));
        let (mut settings, clock) = (settings, Clock::new());
        let bindings = std::mem::take(&mut settings.bindings);
        let (identity, name_servers) = (settings.identity.clone(), settings.name_servers.clone());
        let clients = settings.directory.clients();
        let mut stack = Stack::new(settings, addresses.to_vec(), Box::new(route_to), seed);
        stack.restore(clock.now(), bindings);
        stack.enrol(clock.now());
        let (inbound, came) = mpsc::channel(INBOUND);
        let tasks = sockets.read(&inbound);
        let mut connections = Connections::new(inbound.clone(), identity);
        connections.admit(clients.as_ref());
        let tracer = Tracer::new();
        let traced = tracer.source();
        let running = Running {
            stack,
            clock,
            udp: tasks.udp,
            readers: tasks.readers,
            connections,
            names: None,
            name_servers,
            inbound,
            news,
            backlog: VecDeque::new(),
            lost: Arc::clone(&lost),
            tracer,
            traffic: Traffic::default(),
        };
        tokio::spawn(running.run(given, came));
        Ok((Self { orders, addresses, lost, traced }, told))
    }

    /// What was bound, in the order of the settings.
    #[must_use]
    pub fn addresses(&self) -> &[(Protocol, SocketAddr)] {
        &self.addresses
    }

    /// Asks for something. Never waits: if the endpoint cannot keep up, a wish nobody's call hangs on is lost, counted
    /// and logged.
    pub fn wish(&self, wish: Wish) {
        let weight = if wish.is_needed() { Weight::Needed } else { Weight::Ordinary };
        if !self.orders.give(Order::Wish(Box::new(wish)), weight) {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::warn!(lost, "the SIP endpoint does not keep up or has stopped; a wish is lost");
        }
    }

    /// Takes an answered leg out as a value. What arrives for it is kept until `thaw`, for half a minute.
    pub async fn freeze(&self, leg: LegId) -> Option<DialogState> {
        let (reply, answer) = oneshot::channel();
        self.orders.give(Order::Freeze(leg, reply), Weight::Awaited);
        answer.await.ok().flatten()
    }

    /// Puts a leg back; its dialog goes on.
    pub fn thaw(&self, state: DialogState) {
        self.orders.give(Order::Thaw(Box::new(state)), Weight::Awaited);
    }

    /// Every message from here on, in both directions. Who does not keep up misses some and is told how many; while nobody
    /// listens it costs nothing.
    #[must_use]
    pub fn trace(&self) -> broadcast::Receiver<TracedMessage> {
        self.traced.subscribe()
    }

    /// How much there is of everything; for leak checks and gauges.
    pub async fn counts(&self) -> Counts {
        let (reply, answer) = oneshot::channel();
        // a stopped endpoint has nothing
        self.orders.give(Order::Counts(reply), Weight::Awaited);
        Counts { lost_wishes: self.lost.load(Ordering::Relaxed), ..answer.await.unwrap_or_default() }
    }

    /// How many messages went each way since the start.
    pub async fn traffic(&self) -> Traffic {
        let (reply, answer) = oneshot::channel();
        // a stopped endpoint has counted nothing
        self.orders.give(Order::Traffic(reply), Weight::Awaited);
        answer.await.unwrap_or_default()
    }

    /// All contacts of all agents.
    pub async fn registrations(&self) -> Vec<RegistrationView> {
        let (reply, answer) = oneshot::channel();
        // a stopped endpoint has none
        self.orders.give(Order::Registrations(reply), Weight::Awaited);
        answer.await.unwrap_or_default()
    }

    /// Sends what is left to send and closes the sockets. Says no BYE: whoever stops has ended the legs before.
    pub async fn stop(self) {
        let (reply, done) = oneshot::channel();
        if self.orders.give(Order::Stop(reply), Weight::Awaited) {
            // an error means that it has stopped already
            let _stopped = done.await;
        }
    }
}

/// Bound sockets.
struct Sockets {
    bound: Vec<(Protocol, SocketAddr, Socket)>,
}

enum Socket {
    Udp(Arc<UdpSocket>),
    Tcp(TcpListener),
}

struct Tasks {
    udp: Vec<(SocketAddr, Arc<UdpSocket>)>,
    readers: Vec<JoinHandle<()>>,
}

impl Sockets {
    fn bind(listen: &[(Protocol, SocketAddr)]) -> Result<Self, StartError> {
        if listen.is_empty() {
            return Err(StartError::NoListener);
        }
        let (mut bound, mut refused) = (Vec::new(), Vec::new());
        for &(protocol, address) in listen {
            match Self::bind_one(protocol, address) {
                Ok((local, socket)) => bound.push((protocol, local, socket)),
                Err(cause) => refused.push(BindError { protocol, address, cause }),
            }
        }
        if refused.is_empty() { Ok(Self { bound }) } else { Err(StartError::Bind(refused)) }
    }

    fn bind_one(protocol: Protocol, address: SocketAddr) -> std::io::Result<(SocketAddr, Socket)> {
        match protocol {
            Protocol::Udp => {
                let socket = udp::bind(address)?;
                Ok((socket.local_addr()?, Socket::Udp(Arc::new(socket))))
            }
            Protocol::Tcp | Protocol::Tls => {
                let listener = tcp::bind(address)?;
                Ok((listener.local_addr()?, Socket::Tcp(listener)))
            }
        }
    }

    fn addresses(&self) -> Vec<(Protocol, SocketAddr)> {
        self.bound.iter().map(|(protocol, local, _)| (*protocol, *local)).collect()
    }

    fn read(self, inbound: &mpsc::Sender<Inbound>) -> Tasks {
        let mut tasks = Tasks { udp: Vec::new(), readers: Vec::new() };
        for (protocol, local, socket) in self.bound {
            let reader = match socket {
                Socket::Udp(socket) => {
                    tasks.udp.push((local, Arc::clone(&socket)));
                    tasks.readers.push(tokio::spawn(read_errors(Arc::clone(&socket), local, inbound.clone())));
                    tokio::spawn(udp::read(socket, local, inbound.clone()))
                }
                Socket::Tcp(listener) => tokio::spawn(tcp::accept(listener, protocol, local, inbound.clone())),
            };
            tasks.readers.push(reader);
        }
        tasks
    }
}

/// Microseconds since 1970 that never go back.
struct Clock {
    base: Moment,
    start: Instant,
}

impl Clock {
    fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { base: Moment::ZERO + since, start: Instant::now() }
    }

    fn now(&self) -> Moment {
        self.base + self.start.elapsed()
    }

    fn at(&self, moment: Moment) -> Instant {
        self.start + moment.since(self.base)
    }
}

/// The loop's state.
struct Running {
    stack: Stack,
    clock: Clock,
    udp: Vec<(SocketAddr, Arc<UdpSocket>)>,
    readers: Vec<JoinHandle<()>>,
    connections: Connections,
    /// Whom to ask where names lead; nobody is before a name comes up.
    names: Option<Names>,
    name_servers: Vec<SocketAddr>,
    inbound: mpsc::Sender<Inbound>,
    news: mpsc::Sender<News>,
    backlog: VecDeque<News>,
    lost: Arc<AtomicU64>,
    tracer: Tracer,
    traffic: Traffic,
}

impl Running {
    async fn run(mut self, mut orders: Given<Order>, mut inbound: mpsc::Receiver<Inbound>) {
        let far = Duration::from_secs(3600);
        loop {
            self.flush();
            let deadline = self.stack.deadline().map_or_else(|| Instant::now() + far, |at| self.clock.at(at));
            let news = self.news.clone();
            tokio::select! {
                order = orders.next() => match order {
                    Some(Order::Stop(reply)) => {
                        self.close().await;
                        // whoever asked may have gone
                        let _gone = reply.send(());
                        return;
                    }
                    Some(order) => self.take(order),
                    None => return self.close().await,
                },
                permit = news.reserve(), if !self.backlog.is_empty() => match (permit, self.backlog.pop_front()) {
                    (Ok(permit), Some(first)) => permit.send(first),
                    (Err(_), _) => self.backlog.clear(),
                    (Ok(_), None) => {}
                },
                Some(first) = inbound.recv(), if self.backlog.len() < BACKLOG => {
                    self.brought(first);
                    for _ in 1..AT_ONCE {
                        let Ok(next) = inbound.try_recv() else { break };
                        self.brought(next);
                    }
                }
                () = sleep_until(deadline) => {}
            }
            self.stack.expire(self.clock.now());
        }
    }

    fn take(&mut self, order: Order) {
        let now = self.clock.now();
        match order {
            Order::Wish(wish) => {
                if let Wish::Reload(directory) = &*wish {
                    self.connections.admit(directory.clients().as_ref());
                }
                self.stack.wish(now, *wish);
            }
            Order::Thaw(state) => self.stack.thaw(now, *state),
            // whoever asked may have gone; a leg nobody takes goes back
            Order::Freeze(leg, reply) => {
                if let Err(Some(state)) = reply.send(self.stack.freeze(now, leg)) {
                    self.stack.thaw(now, state);
                }
            }
            Order::Counts(reply) => {
                let counts = Counts {
                    flows: self.connections.len(),
                    lost_wishes: self.lost.load(Ordering::Relaxed),
                    ..self.stack.counts()
                };
                let _gone = reply.send(counts);
            }
            Order::Traffic(reply) => {
                let _gone = reply.send(self.traffic.clone());
            }
            Order::Registrations(reply) => {
                let _gone = reply.send(self.stack.registrations(now));
            }
            Order::Stop(reply) => drop(reply),
        }
    }

    fn brought(&mut self, inbound: Inbound) {
        let now = self.clock.now();
        match inbound {
            Inbound::Message(flow, message) => self.received(now, flow, *message),
            Inbound::Accepted(flow, stream) => self.connections.accepted(flow, stream),
            Inbound::Secured(flow, number, proof) => {
                if self.connections.secured(flow, number) {
                    self.stack.flow_proved(flow, proof);
                }
            }
            Inbound::Ping(flow) => self.connections.send(flow, Bytes::from_static(b"\r\n")),
            Inbound::Found(trunk, question, found) => self.stack.found(now, &trunk, &question, found),
            Inbound::Unreachable(flow) => self.stack.unreachable(now, flow),
            Inbound::Closed(flow, number) => {
                if self.connections.closed(flow, number) {
                    self.stack.flow_failed(now, flow);
                }
            }
        }
        // at once: what answers a message must go out before the connection it came by is found closed
        self.flush();
    }

    fn received(&mut self, now: Moment, flow: Flow, message: Result<SipMessage, Malformed>) {
        self.traffic.received(message.as_ref().ok());
        let traced = message.as_ref().ok().filter(|_| self.tracer.is_watched()).map(write);
        let Some(bytes) = traced else { return self.stack.receive(now, flow, message) };
        let call_id = trace::call_id_of(&bytes);
        // a BYE ends its leg, an INVITE begins one
        let before = self.stack.leg_of_call(&call_id);
        self.stack.receive(now, flow, message);
        let leg = before.or_else(|| self.stack.leg_of_call(&call_id));
        self.trace(now, flow, false, bytes, call_id, leg);
    }

    fn trace(&mut self, at: Moment, flow: Flow, sent: bool, bytes: Bytes, call_id: String, leg: Option<LegId>) {
        let leg = self.tracer.leg(&call_id, leg);
        let Flow { protocol, peer, .. } = flow;
        self.tracer.tell(TracedMessage { at, sent, protocol, peer, call_id, leg, bytes });
    }

    /// Carries the stack's outputs out.
    fn flush(&mut self) {
        while let Some(output) = self.stack.next() {
            match output {
                Output::Send(flow, bytes) => self.send(flow, bytes),
                Output::Expect(peer, expected) => self.connections.expect(peer, expected),
                Output::Find(trunk, question) => self.find(trunk, question),
                Output::News(news) => self.tell(news),
            }
        }
        let lags = !self.backlog.is_empty() || self.news.capacity() < NEWS / 4;
        self.stack.set_congested(lags && !self.news.is_closed());
    }

    /// Asks DNS, beside the loop.
    fn find(&mut self, trunk: String, question: Question) {
        let names = self.names.get_or_insert_with(|| Names::new(&self.name_servers)).clone();
        let inbound = self.inbound.clone();
        tokio::spawn(async move {
            let found = names.find(&question).await;
            // when the endpoint is gone nobody needs to know
            let _gone = inbound.send(Inbound::Found(trunk, question, found)).await;
        });
    }

    fn tell(&mut self, news: News) {
        if !self.backlog.is_empty() {
            return self.backlog.push_back(news);
        }
        if let Err(mpsc::error::TrySendError::Full(news)) = self.news.try_send(news) {
            self.backlog.push_back(news);
        }
    }

    fn send(&mut self, flow: Flow, bytes: Bytes) {
        self.traffic.sent(&bytes);
        if self.tracer.is_watched() {
            let call_id = trace::call_id_of(&bytes);
            let leg = self.stack.leg_of_call(&call_id);
            self.trace(self.clock.now(), flow, true, bytes.clone(), call_id, leg);
        }
        match flow.protocol {
            Protocol::Tcp | Protocol::Tls => self.connections.send(flow, bytes),
            Protocol::Udp => {
                let socket = self.udp.iter().find(|(local, _)| *local == flow.local).map(|(_, socket)| socket);
                // what the kernel does not take now is lost as on the wire; transactions repeat it
                if let Some(Err(error)) = socket.map(|socket| udp::send(socket, &bytes, flow.peer)) {
                    tracing::debug!(peer = %flow.peer, %error, "not sent");
                }
            }
        }
    }

    async fn close(mut self) {
        self.stack.last_words(self.clock.now());
        self.flush();
        for reader in self.readers {
            reader.abort();
        }
        self.connections.close().await;
    }
}
