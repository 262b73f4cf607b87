//! All transactions of an endpoint: finds the right machine for a message, keeps the timers, sends what the machines say.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use conference::Moment;
use rsip::{Headers, Method, Request, Response, SipMessage, Uri};

use super::client::Client;
use super::invite_client::{InviteClient, Step as ClientStep};
use super::invite_server::{InviteServer, Step as ServerStep};
use super::key::{ClientKey, ServerKey};
use super::server::Server;
use crate::codec::headers::CSeq;
use crate::codec::{all, one, push, respond, write};
use crate::flow::Flow;

/// More transactions than this at once, and new requests from outside are ignored until some have ended.
const MOST_TRANSACTIONS: usize = 200_000;

/// Names a transaction of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClientId(u64);

/// Names a transaction of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ServerId(u64);

/// One message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Which way.
    pub(crate) flow: Flow,
    /// The message.
    pub(crate) bytes: Bytes,
}

/// What the user of the layer must know.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    /// A new request other than ACK and CANCEL.
    Request {
        /// Answer it by this.
        id: ServerId,
        /// The request.
        request: Request,
        /// Where it came from.
        flow: Flow,
    },
    /// An ACK to a 2xx.
    Ack {
        /// The ACK.
        request: Request,
        /// Where it came from.
        flow: Flow,
    },
    /// A CANCEL, and the INVITE it names.
    Cancel {
        /// Answer the CANCEL by this.
        id: ServerId,
        /// The INVITE's transaction; it is not answered by this layer.
        invite: Option<ServerId>,
        /// The CANCEL.
        request: Request,
        /// Where it came from.
        flow: Flow,
    },
    /// A response that matters: provisional, final, or one more 2xx to an INVITE.
    Response {
        /// To which of our requests.
        id: ClientId,
        /// The response.
        response: Response,
        /// Where it came from.
        flow: Flow,
    },
    /// Timer B or F.
    TimedOut {
        /// Which of our requests.
        id: ClientId,
    },
    /// The flow failed before an answer.
    Unreachable {
        /// Which of our requests.
        id: ClientId,
    },
    /// Timer H: a final non-2xx was never acknowledged.
    Unanswered {
        /// Which.
        id: ServerId,
    },
}

#[derive(Clone, Debug)]
enum ClientMachine {
    Invite(InviteClient, Box<AckParts>),
    Other(Client),
}

/// What an ACK to a non-2xx repeats of its INVITE (RFC 3261 §17.1.1.3).
#[derive(Clone, Debug)]
struct AckParts {
    uri: Uri,
    headers: Headers,
    sent: Option<Bytes>,
}

#[derive(Clone, Debug)]
struct ClientEntry {
    machine: ClientMachine,
    key: ClientKey,
    flow: Flow,
    bytes: Bytes,
    told: bool,
    due: Option<Moment>,
}

#[derive(Clone, Debug)]
enum ServerMachine {
    Invite(InviteServer),
    Other(Server),
}

#[derive(Clone, Debug)]
struct ServerEntry {
    machine: ServerMachine,
    key: ServerKey,
    flow: Flow,
    last: Option<Bytes>,
    due: Option<Moment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Either {
    Client(ClientId),
    Server(ServerId),
}

/// The layer.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    counter: u64,
    clients: HashMap<ClientId, ClientEntry>,
    client_keys: HashMap<ClientKey, ClientId>,
    servers: HashMap<ServerId, ServerEntry>,
    server_keys: HashMap<ServerKey, ServerId>,
    timers: BTreeSet<(Moment, Either)>,
}

impl Layer {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Transactions of both kinds.
    pub(crate) fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Sends a request of ours, its top Via in place. Not for the ACK to a 2xx.
    pub(crate) fn request(&mut self, now: Moment, request: Request, flow: Flow, sends: &mut Vec<Packet>) -> ClientId {
        self.counter += 1;
        let id = ClientId(self.counter);
        let key = ClientKey::of_request(&request);
        let reliable = flow.is_reliable();
        let machine = if request.method == Method::Invite {
            ClientMachine::Invite(InviteClient::new(now, reliable), Box::new(AckParts::of(&request)))
        } else {
            ClientMachine::Other(Client::new(now, reliable))
        };
        let bytes = write(&SipMessage::Request(request));
        sends.push(Packet { flow, bytes: bytes.clone() });
        if let Some(key) = key {
            self.client_keys.insert(key.clone(), id);
            self.clients.insert(id, ClientEntry { machine, key, flow, bytes, told: true, due: None });
            self.reschedule_client(id);
        }
        id
    }

    /// Sends a response to a peer's request, the way it came. False: the transaction takes none any more.
    pub(crate) fn respond(&mut self, now: Moment, id: ServerId, response: Response, sends: &mut Vec<Packet>) -> bool {
        let Some(entry) = self.servers.get_mut(&id) else { return false };
        let status = response.status_code.code();
        let taken = match &mut entry.machine {
            ServerMachine::Invite(machine) => machine.respond(now, status),
            ServerMachine::Other(machine) => machine.respond(now, status),
        };
        if taken {
            let bytes = write(&SipMessage::Response(response));
            entry.last = Some(bytes.clone());
            sends.push(Packet { flow: entry.flow, bytes });
            self.reschedule_server(id);
        }
        taken
    }

    /// Takes a message; `None` when it is absorbed, or stray.
    pub(crate) fn receive(
        &mut self,
        now: Moment,
        message: SipMessage,
        flow: Flow,
        sends: &mut Vec<Packet>,
    ) -> Option<Incoming> {
        match message {
            SipMessage::Response(response) => self.receive_response(now, response, flow, sends),
            SipMessage::Request(request) if request.method == Method::Ack => self.receive_ack(now, request, flow),
            SipMessage::Request(request) => self.receive_request(now, request, flow, sends),
        }
    }

    /// No news of this request any more; its repeats are still absorbed.
    pub(crate) fn forget(&mut self, id: ClientId) {
        if let Some(entry) = self.clients.get_mut(&id) {
            entry.told = false;
        }
    }

    /// Ends a request of ours without a final response: it was cancelled 64*T1 ago (RFC 3261 §9.1).
    pub(crate) fn abandon(&mut self, id: ClientId) {
        if let Some(entry) = self.clients.remove(&id) {
            self.client_keys.remove(&entry.key);
            move_timer(&mut self.timers, Either::Client(id), entry.due, None);
        }
    }

    /// When to call [`Self::expire`] next.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Does what is due.
    pub(crate) fn expire(&mut self, now: Moment, sends: &mut Vec<Packet>) -> Vec<Incoming> {
        let mut news = Vec::new();
        while let Some((_, which)) = self.timers.first().copied().filter(|(due, _)| *due <= now) {
            match which {
                Either::Client(id) => news.extend(self.expire_client(now, id, sends)),
                Either::Server(id) => news.extend(self.expire_server(now, id, sends)),
            }
        }
        news
    }

    /// A flow failed: our requests on it that wait for an answer are over.
    pub(crate) fn flow_failed(&mut self, flow: Flow) -> Vec<Incoming> {
        let on_it: Vec<ClientId> =
            self.clients.iter().filter(|(_, entry)| entry.flow == flow).map(|(id, _)| *id).collect();
        on_it
            .into_iter()
            .filter_map(|id| {
                let entry = self.clients.get_mut(&id)?;
                let waiting = match &mut entry.machine {
                    ClientMachine::Invite(machine, _) => machine.fail(),
                    ClientMachine::Other(machine) => machine.fail(),
                };
                let told = entry.told;
                self.reschedule_client(id);
                (waiting && told).then_some(Incoming::Unreachable { id })
            })
            .collect()
    }

    fn receive_response(
        &mut self,
        now: Moment,
        response: Response,
        flow: Flow,
        sends: &mut Vec<Packet>,
    ) -> Option<Incoming> {
        let id = *self.client_keys.get(&ClientKey::of_response(&response)?)?;
        let entry = self.clients.get_mut(&id)?;
        let status = response.status_code.code();
        let step = match &mut entry.machine {
            ClientMachine::Invite(machine, ack) => {
                let step = machine.response(now, status);
                if matches!(step, ClientStep::AckAndPass | ClientStep::Ack) {
                    sends.push(Packet { flow: entry.flow, bytes: ack.for_response(&response) });
                }
                step
            }
            ClientMachine::Other(machine) => machine.response(now, status),
        };
        let told = entry.told;
        self.reschedule_client(id);
        match step {
            ClientStep::Pass | ClientStep::AckAndPass if told => Some(Incoming::Response { id, response, flow }),
            ClientStep::Pass
            | ClientStep::AckAndPass
            | ClientStep::Ack
            | ClientStep::Nothing
            | ClientStep::Repeat
            | ClientStep::TimedOut => None,
        }
    }

    fn receive_ack(&mut self, now: Moment, request: Request, flow: Flow) -> Option<Incoming> {
        let invite = ServerKey::of(&request, &Method::Invite).and_then(|key| self.server_keys.get(&key).copied());
        let Some(id) = invite else { return Some(Incoming::Ack { request, flow }) };
        let step = match &mut self.servers.get_mut(&id)?.machine {
            ServerMachine::Invite(machine) => machine.ack(now),
            ServerMachine::Other(_) => ServerStep::Nothing,
        };
        self.reschedule_server(id);
        (step == ServerStep::Pass).then_some(Incoming::Ack { request, flow })
    }

    fn receive_request(
        &mut self,
        now: Moment,
        request: Request,
        flow: Flow,
        sends: &mut Vec<Packet>,
    ) -> Option<Incoming> {
        let key = ServerKey::of(&request, &request.method)?;
        if let Some(id) = self.server_keys.get(&key) {
            self.repeat_response(*id, sends);
            return None;
        }
        if self.len() >= MOST_TRANSACTIONS {
            return None;
        }
        self.counter += 1;
        let id = ServerId(self.counter);
        let reliable = flow.is_reliable();
        let is_invite = request.method == Method::Invite;
        let machine = if is_invite {
            ServerMachine::Invite(InviteServer::new(reliable))
        } else {
            ServerMachine::Other(Server::new(reliable))
        };
        self.server_keys.insert(key.clone(), id);
        self.servers.insert(id, ServerEntry { machine, key, flow, last: None, due: None });
        if is_invite {
            self.respond(now, id, respond(&request, 100, None), sends);
        }
        if request.method == Method::Cancel {
            let invite = ServerKey::of(&request, &Method::Invite).and_then(|key| self.server_keys.get(&key).copied());
            return Some(Incoming::Cancel { id, invite, request, flow });
        }
        Some(Incoming::Request { id, request, flow })
    }

    fn repeat_response(&mut self, id: ServerId, sends: &mut Vec<Packet>) {
        let Some(entry) = self.servers.get(&id) else { return };
        let again = match &entry.machine {
            ServerMachine::Invite(machine) => machine.repeated() == ServerStep::Repeat,
            ServerMachine::Other(_) => true,
        };
        if let Some(bytes) = entry.last.as_ref().filter(|_| again) {
            sends.push(Packet { flow: entry.flow, bytes: bytes.clone() });
        }
    }

    fn expire_client(&mut self, now: Moment, id: ClientId, sends: &mut Vec<Packet>) -> Option<Incoming> {
        let entry = self.clients.get_mut(&id)?;
        let step = match &mut entry.machine {
            ClientMachine::Invite(machine, _) => machine.expire(now),
            ClientMachine::Other(machine) => machine.expire(now),
        };
        let told = entry.told;
        if step == ClientStep::Repeat {
            sends.push(Packet { flow: entry.flow, bytes: entry.bytes.clone() });
        }
        self.reschedule_client(id);
        (step == ClientStep::TimedOut && told).then_some(Incoming::TimedOut { id })
    }

    fn expire_server(&mut self, now: Moment, id: ServerId, sends: &mut Vec<Packet>) -> Option<Incoming> {
        let entry = self.servers.get_mut(&id)?;
        let step = match &mut entry.machine {
            ServerMachine::Invite(machine) => machine.expire(now),
            ServerMachine::Other(machine) => {
                machine.expire(now);
                ServerStep::Nothing
            }
        };
        if step == ServerStep::Repeat
            && let Some(bytes) = &entry.last
        {
            sends.push(Packet { flow: entry.flow, bytes: bytes.clone() });
        }
        self.reschedule_server(id);
        (step == ServerStep::Unanswered).then_some(Incoming::Unanswered { id })
    }

    /// Sets the timer anew after a machine moved; a machine that is over goes.
    fn reschedule_client(&mut self, id: ClientId) {
        let Some(entry) = self.clients.get_mut(&id) else { return };
        let (due, over) = match &entry.machine {
            ClientMachine::Invite(machine, _) => (machine.deadline(), machine.is_over()),
            ClientMachine::Other(machine) => (machine.deadline(), machine.is_over()),
        };
        let before = std::mem::replace(&mut entry.due, due);
        move_timer(&mut self.timers, Either::Client(id), before, due);
        if over && let Some(entry) = self.clients.remove(&id) {
            self.client_keys.remove(&entry.key);
        }
    }

    fn reschedule_server(&mut self, id: ServerId) {
        let Some(entry) = self.servers.get_mut(&id) else { return };
        let (due, over) = match &entry.machine {
            ServerMachine::Invite(machine) => (machine.deadline(), machine.is_over()),
            ServerMachine::Other(machine) => (machine.deadline(), machine.is_over()),
        };
        let before = std::mem::replace(&mut entry.due, due);
        move_timer(&mut self.timers, Either::Server(id), before, due);
        if over && let Some(entry) = self.servers.remove(&id) {
            self.server_keys.remove(&entry.key);
        }
    }
}

fn move_timer(timers: &mut BTreeSet<(Moment, Either)>, which: Either, before: Option<Moment>, due: Option<Moment>) {
    if before == due {
        return;
    }
    if let Some(before) = before {
        timers.remove(&(before, which));
    }
    if let Some(due) = due {
        timers.insert((due, which));
    }
}

impl AckParts {
    fn of(invite: &Request) -> Self {
        let mut headers = Headers::default();
        if let Some(via) = one(&invite.headers, "Via") {
            push(&mut headers, "Via", via);
        }
        push(&mut headers, "Max-Forwards", "70");
        for name in ["Route", "From", "Call-ID"] {
            for value in all(&invite.headers, name) {
                push(&mut headers, name, value);
            }
        }
        if let Ok(number) = crate::codec::headers::cseq(&invite.headers).map(|cseq| cseq.number) {
            push(&mut headers, "CSeq", CSeq::new(number, Method::Ack).to_string());
        }
        Self { uri: invite.uri.clone(), headers, sent: None }
    }

    /// The ACK with the To of the response; the same bytes each time.
    fn for_response(&mut self, response: &Response) -> Bytes {
        if let Some(sent) = &self.sent {
            return sent.clone();
        }
        let mut headers = self.headers.clone();
        push(&mut headers, "To", one(&response.headers, "To").unwrap_or_default());
        let ack = Request {
            method: Method::Ack,
            uri: self.uri.clone(),
            version: rsip::Version::V2,
            headers,
            body: Vec::new(),
        };
        let bytes = write(&SipMessage::Request(ack));
        self.sent = Some(bytes.clone());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::parse;
    use crate::settings::Protocol;

    fn flow() -> Flow {
        let local = ([127, 0, 0, 1], 5060).into();
        Flow { protocol: Protocol::Udp, local, remote: ([127, 0, 0, 1], 5080).into(), connection: 0 }
    }

    fn message(first: &str, method: &str, branch: &str) -> SipMessage {
        let text = format!(
            "{first}\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch={branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c1\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        );
        parse(text.as_bytes()).unwrap()
    }

    fn request(method: &str, branch: &str) -> SipMessage {
        message(&format!("{method} sip:b@x SIP/2.0"), method, branch)
    }

    fn text(packet: &Packet) -> String {
        String::from_utf8_lossy(&packet.bytes).into_owned()
    }

    #[test]
    fn an_invite_gets_100_and_its_repeat_the_last_response() {
        let (mut layer, mut sends) = (Layer::new(), Vec::new());
        let invite = request("INVITE", "z9hG4bK1");
        let first = layer.receive(Moment::ZERO, invite.clone(), flow(), &mut sends);
        let Some(Incoming::Request { id, request, .. }) = first else { panic!("{first:?}") };
        assert!(text(&sends[0]).starts_with("SIP/2.0 100"));
        layer.respond(Moment::ZERO, id, respond(&request, 180, Some("t")), &mut sends);
        assert!(layer.receive(Moment::ZERO, invite, flow(), &mut sends).is_none());
        assert!(text(&sends[2]).starts_with("SIP/2.0 180"));
    }

    #[test]
    fn a_cancel_names_its_invite() {
        let (mut layer, mut sends) = (Layer::new(), Vec::new());
        let first = layer.receive(Moment::ZERO, request("INVITE", "z9hG4bK1"), flow(), &mut sends);
        let Some(Incoming::Request { id: invited, .. }) = first else { panic!("{first:?}") };
        let cancel = layer.receive(Moment::ZERO, request("CANCEL", "z9hG4bK1"), flow(), &mut sends);
        assert!(matches!(cancel, Some(Incoming::Cancel { invite: Some(id), .. }) if id == invited), "{cancel:?}");
        let other = layer.receive(Moment::ZERO, request("CANCEL", "z9hG4bK2"), flow(), &mut sends);
        assert!(matches!(other, Some(Incoming::Cancel { invite: None, .. })), "{other:?}");
    }

    #[test]
    fn a_refused_invite_of_ours_is_acknowledged_with_the_tag_of_the_answer() {
        let (mut layer, mut sends) = (Layer::new(), Vec::new());
        let SipMessage::Request(invite) = request("INVITE", "z9hG4bKours") else { unreachable!() };
        let id = layer.request(Moment::ZERO, invite, flow(), &mut sends);
        let busy = message("SIP/2.0 486 Busy Here", "INVITE", "z9hG4bKours");
        let news = layer.receive(Moment::ZERO, busy.clone(), flow(), &mut sends);
        assert!(matches!(news, Some(Incoming::Response { id: told, .. }) if told == id), "{news:?}");
        assert!(text(&sends[1]).starts_with("ACK sip:b@x SIP/2.0"), "{}", text(&sends[1]));
        assert!(text(&sends[1]).contains("CSeq: 1 ACK"));
        assert!(layer.receive(Moment::ZERO, busy, flow(), &mut sends).is_none(), "told once");
        assert_eq!(sends[1], sends[2], "the same ACK again");
    }

    #[test]
    fn nothing_remains_after_the_timers() {
        let (mut layer, mut sends) = (Layer::new(), Vec::new());
        let first = layer.receive(Moment::ZERO, request("OPTIONS", "z9hG4bK1"), flow(), &mut sends);
        let Some(Incoming::Request { id, request: options, .. }) = first else { panic!("{first:?}") };
        layer.respond(Moment::ZERO, id, respond(&options, 200, Some("t")), &mut sends);
        let SipMessage::Request(invite) = request("INVITE", "z9hG4bKours") else { unreachable!() };
        layer.request(Moment::ZERO, invite, flow(), &mut sends);
        let mut timed_out = 0;
        while let Some(due) = layer.deadline() {
            timed_out += layer.expire(due, &mut sends).len();
        }
        assert_eq!((layer.len(), timed_out), (0, 1));
    }

    #[test]
    fn a_failed_flow_ends_what_waits_on_it() {
        let (mut layer, mut sends) = (Layer::new(), Vec::new());
        let SipMessage::Request(invite) = request("INVITE", "z9hG4bKours") else { unreachable!() };
        let id = layer.request(Moment::ZERO, invite, flow(), &mut sends);
        let news = layer.flow_failed(flow());
        assert!(matches!(news[..], [Incoming::Unreachable { id: told }] if told == id), "{news:?}");
        assert_eq!(layer.len(), 0);
    }
}
