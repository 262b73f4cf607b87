//! All transactions of one endpoint: finds the machine for a message, carries out its acts as outputs.
//!
//! Decides nothing about calls; what it tells is for its user to act on.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use conference::Moment;
use rsip::{Method, Request, Response, SipMessage};
use serde::{Deserialize, Serialize};

use super::client::{self, Client};
use super::invite_client::{self, InviteClient};
use super::invite_server::{self, InviteServer};
use super::key::{Key, MergeKey};
use super::server::{self, Server};
use super::{Act, Alarms, Timer};
use crate::codec::headers::{CSeq, cseq, to, top_via};
use crate::codec::{all, field, push, write};
use crate::flow::Flow;

/// Server transactions there may be at once; beyond, requests are answered 503 without state.
pub(crate) const MOST_SERVERS: usize = 65_536;

/// A client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ClientId(u64);

/// A server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ServerId(u64);

/// What comes out.
#[derive(Debug)]
pub(crate) enum Out {
    /// To be sent.
    Send(Flow, Bytes),
    /// To the user of a client transaction. Nothing comes after `Ended`.
    Client(ClientId, ClientEvent),
}

/// What a client transaction tells.
#[derive(Debug)]
pub(crate) enum ClientEvent {
    /// A response, and from where. A final one comes once, but every 2xx to an INVITE.
    Response(Box<Response>, Flow),
    /// No answer came in time.
    Timeout,
    /// The request could not be sent.
    Failed,
    /// It is forgotten.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Client(ClientId),
    Server(ServerId),
}

#[derive(Debug)]
enum ClientMachine {
    Invite(InviteClient),
    Other(Client),
}

#[derive(Debug)]
struct ClientEntry {
    machine: ClientMachine,
    flow: Flow,
    request: Request,
    bytes: Bytes,
    ack: Option<Bytes>,
    branch: (String, bool),
}

#[derive(Debug)]
enum ServerMachine {
    Invite(InviteServer),
    Other(Server),
}

#[derive(Debug)]
struct ServerEntry {
    machine: ServerMachine,
    /// Where responses go.
    flow: Flow,
    request: Request,
    last: Option<Bytes>,
    /// The To tag of its answers, once one had it.
    tag: Option<String>,
    key: Key,
    merge: Option<MergeKey>,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    clients: HashMap<ClientId, ClientEntry>,
    branches: HashMap<(String, bool), ClientId>,
    servers: HashMap<ServerId, ServerEntry>,
    keys: HashMap<Key, ServerId>,
    merges: HashMap<MergeKey, ServerId>,
    alarms: Alarms<(Owner, Timer)>,
    out: VecDeque<Out>,
    drawn: u64,
}

impl Transactions {
    /// Starts a client transaction. The request has its Via with a new branch (a CANCEL that of its INVITE).
    pub(crate) fn send(&mut self, now: Moment, flow: Flow, request: Request) -> ClientId {
        self.drawn += 1;
        let id = ClientId(self.drawn);
        let branch = top_via(&request.headers).ok().and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
        let branch = (branch, request.method == Method::Cancel);
        let (machine, acts) = if request.method == Method::Invite {
            let (machine, acts) = InviteClient::start(flow.is_reliable());
            (ClientMachine::Invite(machine), acts)
        } else {
            let (machine, acts) = Client::start(flow.is_reliable());
            (ClientMachine::Other(machine), acts)
        };
        let bytes = write(&SipMessage::Request(request.clone()));
        self.branches.insert(branch.clone(), id);
        self.clients.insert(id, ClientEntry { machine, flow, request, bytes, ack: None, branch });
        self.client_acts(now, id, acts, None);
        id
    }

    /// A response came. One that belongs to nothing is dropped (RFC 6026 §8.3).
    pub(crate) fn response(&mut self, now: Moment, source: Flow, response: Response) {
        let Some(id) = self.client_of(&response) else { return };
        let Some(entry) = self.clients.get_mut(&id) else { return };
        let status = response.status_code.code();
        let acts = match &mut entry.machine {
            ClientMachine::Invite(machine) => machine.on(match status {
                ..200 => invite_client::Input::Provisional,
                200..300 => invite_client::Input::Success,
                300.. => invite_client::Input::Failure,
            }),
            ClientMachine::Other(machine) => machine.on(match status {
                ..200 => client::Input::Provisional,
                200.. => client::Input::Final,
            }),
        };
        if status >= 300 && entry.ack.is_none() && matches!(entry.machine, ClientMachine::Invite(_)) {
            entry.ack = Some(write(&SipMessage::Request(ack_for_failure(&entry.request, &response))));
        }
        self.client_acts(now, id, acts, Some((response, source)));
    }

    /// The client transaction a response belongs to (RFC 3261 §17.1.3).
    pub(crate) fn client_of(&self, response: &Response) -> Option<ClientId> {
        let branch = top_via(&response.headers).ok()?.branch()?.to_owned();
        let cseq = cseq(&response.headers).ok()?;
        let id = self.branches.get(&(branch, cseq.is(Method::Cancel)))?;
        let entry = self.clients.get(id)?;
        cseq.is(entry.request.method).then_some(*id)
    }

    /// The request of a client transaction, Via and all, and where it went.
    pub(crate) fn sent(&self, id: ClientId) -> Option<(&Request, Flow)> {
        self.clients.get(&id).map(|entry| (&entry.request, entry.flow))
    }

    /// Forgets a client transaction whose answer nobody waits for any more.
    pub(crate) fn abandon(&mut self, id: ClientId) {
        self.end_client(id);
    }

    /// Whether a request is one that came before; then the last answer went out again.
    pub(crate) fn absorb(&mut self, now: Moment, request: &Request) -> bool {
        let Some(id) = Key::of(request).and_then(|key| self.keys.get(&key).copied()) else { return false };
        self.server_input(now, id, invite_server::Input::Again, server::Input::Again);
        true
    }

    /// Whether the same request came by another way (RFC 3261 §8.2.2.2).
    pub(crate) fn is_merged(&self, request: &Request) -> bool {
        MergeKey::of(request).is_some_and(|merge| self.merges.contains_key(&merge))
    }

    /// Whether there is no room for another server transaction.
    pub(crate) fn is_full(&self) -> bool {
        self.servers.len() >= MOST_SERVERS
    }

    /// Starts a server transaction; responses go by `flow`.
    pub(crate) fn open(&mut self, flow: Flow, request: Request) -> Option<ServerId> {
        let key = Key::of(&request)?;
        self.drawn += 1;
        let id = ServerId(self.drawn);
        let machine = if request.method == Method::Invite {
            ServerMachine::Invite(InviteServer::start(flow.is_reliable()))
        } else {
            ServerMachine::Other(Server::start(flow.is_reliable()))
        };
        let merge = MergeKey::of(&request);
        if let Some(merge) = &merge {
            self.merges.insert(merge.clone(), id);
        }
        self.keys.insert(key.clone(), id);
        self.servers.insert(id, ServerEntry { machine, flow, request, last: None, tag: None, key, merge });
        Some(id)
    }

    /// The request of a server transaction and where its answers go, while it lives.
    pub(crate) fn opened(&self, id: ServerId) -> Option<(&Request, Flow)> {
        self.servers.get(&id).map(|entry| (&entry.request, entry.flow))
    }

    /// The To tag that was given in the answers to a request.
    pub(crate) fn answered_as(&self, id: ServerId) -> Option<&str> {
        self.servers.get(&id)?.tag.as_deref()
    }

    /// Answers a request. After its final answer nothing else is sent, but a 2xx to an INVITE again.
    pub(crate) fn respond(&mut self, now: Moment, id: ServerId, response: Response) {
        let Some(entry) = self.servers.get_mut(&id) else { return };
        let status = response.status_code.code();
        let to = to(&response.headers).ok();
        entry.tag = to.and_then(|to| to.tag().map(str::to_owned)).or(entry.tag.take());
        entry.last = Some(write(&SipMessage::Response(response)));
        let (invite, other) = match status {
            ..200 => (invite_server::Input::Provisional, server::Input::Provisional),
            200..300 => (invite_server::Input::Success, server::Input::Final),
            300.. => (invite_server::Input::Failure, server::Input::Final),
        };
        self.server_input(now, id, invite, other);
    }

    /// Whether an ACK was for a failure of ours, and so ends here.
    pub(crate) fn ack(&mut self, now: Moment, ack: &Request) -> bool {
        let Some(id) = Key::of(ack).and_then(|key| self.keys.get(&key).copied()) else { return false };
        let Some(ServerEntry { machine: ServerMachine::Invite(machine), .. }) = self.servers.get_mut(&id) else {
            return false;
        };
        let acts = machine.on(invite_server::Input::Ack);
        let for_user = acts.contains(&Act::Tell);
        self.server_acts(now, id, acts);
        !for_user
    }

    /// The INVITE a CANCEL means, while its transaction lives.
    pub(crate) fn cancelled(&self, cancel: &Request) -> Option<ServerId> {
        Key::of_cancelled(cancel).and_then(|key| self.keys.get(&key).copied())
    }

    /// Nothing can be sent by this flow any more.
    pub(crate) fn flow_failed(&mut self, now: Moment, flow: Flow) {
        let concerned = self.clients.iter().filter(|(_, entry)| entry.flow == flow).map(|(id, _)| *id);
        let mut concerned: Vec<_> = concerned.collect();
        concerned.sort_unstable();
        concerned.into_iter().for_each(|id| self.failed(now, id));
    }

    /// A request of ours cannot be delivered.
    pub(crate) fn failed(&mut self, now: Moment, id: ClientId) {
        let Some(entry) = self.clients.get_mut(&id) else { return };
        let acts = match &mut entry.machine {
            ClientMachine::Invite(machine) => machine.on(invite_client::Input::TransportFailed),
            ClientMachine::Other(machine) => machine.on(client::Input::TransportFailed),
        };
        self.client_acts(now, id, acts, None);
    }

    /// When to call `expire` next.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.alarms.deadline()
    }

    /// Lets the timers fire whose time has come.
    pub(crate) fn expire(&mut self, now: Moment) {
        while let Some((owner, timer)) = self.alarms.due(now) {
            match owner {
                Owner::Client(id) => self.client_timer(now, id, timer),
                Owner::Server(id) => self.server_timer(now, id, timer),
            }
        }
    }

    /// The next output. A client transaction's request can be asked for until its `Ended` was taken.
    pub(crate) fn next(&mut self) -> Option<Out> {
        let out = self.out.pop_front()?;
        if let Out::Client(id, ClientEvent::Ended) = &out {
            self.clients.remove(id);
        }
        Some(out)
    }

    /// How many transactions there are.
    pub(crate) fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// How many timers are set.
    pub(crate) fn timers(&self) -> usize {
        self.alarms.len()
    }

    fn client_timer(&mut self, now: Moment, id: ClientId, timer: Timer) {
        let Some(entry) = self.clients.get_mut(&id) else { return };
        let acts = match (&mut entry.machine, timer) {
            (ClientMachine::Invite(machine), Timer::A) => machine.on(invite_client::Input::TimerA),
            (ClientMachine::Invite(machine), Timer::B) => machine.on(invite_client::Input::TimerB),
            (ClientMachine::Invite(machine), Timer::D) => machine.on(invite_client::Input::TimerD),
            (ClientMachine::Invite(machine), Timer::M) => machine.on(invite_client::Input::TimerM),
            (ClientMachine::Other(machine), Timer::E) => machine.on(client::Input::TimerE),
            (ClientMachine::Other(machine), Timer::F) => machine.on(client::Input::TimerF),
            (ClientMachine::Other(machine), Timer::K) => machine.on(client::Input::TimerK),
            (ClientMachine::Invite(_) | ClientMachine::Other(_), _) => Vec::new(),
        };
        self.client_acts(now, id, acts, None);
    }

    fn server_timer(&mut self, now: Moment, id: ServerId, timer: Timer) {
        let Some(entry) = self.servers.get_mut(&id) else { return };
        let acts = match (&mut entry.machine, timer) {
            (ServerMachine::Invite(machine), Timer::G) => machine.on(invite_server::Input::TimerG),
            (ServerMachine::Invite(machine), Timer::H) => machine.on(invite_server::Input::TimerH),
            (ServerMachine::Invite(machine), Timer::I) => machine.on(invite_server::Input::TimerI),
            (ServerMachine::Invite(machine), Timer::L) => machine.on(invite_server::Input::TimerL),
            (ServerMachine::Other(machine), Timer::J) => machine.on(server::Input::TimerJ),
            (ServerMachine::Invite(_) | ServerMachine::Other(_), _) => Vec::new(),
        };
        self.server_acts(now, id, acts);
    }

    fn server_input(&mut self, now: Moment, id: ServerId, invite: invite_server::Input, other: server::Input) {
        let Some(entry) = self.servers.get_mut(&id) else { return };
        let acts = match &mut entry.machine {
            ServerMachine::Invite(machine) => machine.on(invite),
            ServerMachine::Other(machine) => machine.on(other),
        };
        self.server_acts(now, id, acts);
    }

    fn client_acts(&mut self, now: Moment, id: ClientId, acts: Vec<Act>, came: Option<(Response, Flow)>) {
        let mut came = came;
        for act in acts {
            let Some(entry) = self.clients.get(&id) else { return };
            match act {
                Act::Send => self.out.push_back(Out::Send(entry.flow, entry.bytes.clone())),
                Act::Ack => {
                    let ack = entry.ack.clone().map(|ack| Out::Send(entry.flow, ack));
                    self.out.extend(ack);
                }
                Act::Tell => {
                    let told = came
                        .take()
                        .map(|(response, source)| Out::Client(id, ClientEvent::Response(Box::new(response), source)));
                    self.out.extend(told);
                }
                Act::TellTimeout => self.out.push_back(Out::Client(id, ClientEvent::Timeout)),
                Act::TellFailed => self.out.push_back(Out::Client(id, ClientEvent::Failed)),
                Act::Arm(timer, span) => self.alarms.arm(now + span, (Owner::Client(id), timer)),
                Act::Disarm(timer) => self.alarms.disarm(&(Owner::Client(id), timer)),
                Act::End => self.end_client(id),
            }
        }
    }

    fn server_acts(&mut self, now: Moment, id: ServerId, acts: Vec<Act>) {
        for act in acts {
            let Some(entry) = self.servers.get(&id) else { return };
            match act {
                Act::Send => {
                    let last = entry.last.clone().map(|last| Out::Send(entry.flow, last));
                    self.out.extend(last);
                }
                Act::Arm(timer, span) => self.alarms.arm(now + span, (Owner::Server(id), timer)),
                Act::Disarm(timer) => self.alarms.disarm(&(Owner::Server(id), timer)),
                Act::End => self.end_server(id),
                // an answer of ours that got no ACK or could not be sent changes nothing for its user
                Act::Ack | Act::Tell | Act::TellTimeout | Act::TellFailed => {}
            }
        }
    }

    fn end_client(&mut self, id: ClientId) {
        let Some(entry) = self.clients.get(&id) else { return };
        if self.branches.remove(&entry.branch).is_none() {
            return;
        }
        for timer in [Timer::A, Timer::B, Timer::D, Timer::E, Timer::F, Timer::K, Timer::M] {
            self.alarms.disarm(&(Owner::Client(id), timer));
        }
        self.out.push_back(Out::Client(id, ClientEvent::Ended));
    }

    fn end_server(&mut self, id: ServerId) {
        let Some(entry) = self.servers.remove(&id) else { return };
        self.keys.remove(&entry.key);
        if let Some(merge) = entry.merge.filter(|merge| self.merges.get(merge) == Some(&id)) {
            self.merges.remove(&merge);
        }
        for timer in [Timer::G, Timer::H, Timer::I, Timer::J, Timer::L] {
            self.alarms.disarm(&(Owner::Server(id), timer));
        }
    }
}

/// RFC 3261 §17.1.1.3: Request-URI, topmost Via, From, Call-ID, CSeq number and Route of the INVITE, To of the response.
fn ack_for_failure(invite: &Request, response: &Response) -> Request {
    let mut headers = rsip::Headers::default();
    for name in ["Via", "Max-Forwards", "From"] {
        if let Some(value) = all(&invite.headers, name).next() {
            push(&mut headers, name, value);
        }
    }
    for value in all(&response.headers, "To") {
        push(&mut headers, "To", value);
    }
    for name in ["Call-ID", "Route"] {
        for value in all(&invite.headers, name) {
            push(&mut headers, name, value);
        }
    }
    if let Ok(cseq) = cseq(&invite.headers) {
        headers.push(field("CSeq", CSeq::new(cseq.number, Method::Ack).to_string()));
    }
    Request { method: Method::Ack, uri: invite.uri.clone(), version: rsip::Version::V2, headers, body: Vec::new() }
}
