//! What everybody in the stack may touch beside what is their own: the time, chance, transactions, deadlines, and what
//! goes out. Dresses messages with what is the same in all of them.
//!
//! Decides nothing about calls.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use conference::Moment;
use rsip::{Request, Response, SipMessage};

use super::asked::Asked;
use super::here::Here;
use super::random::Random;
use super::timers::{Timer, TimerId, Timers};
use crate::codec::headers::{Via, content_type};
use crate::codec::{SipUri, push, push_first, respond, set, write};
use crate::flow::Flow;
use crate::news::News;
use crate::settings::Protocol;
use crate::transaction::{ClientId, Layer, Packet, ServerId, T1};

/// 64*T1: after this a transaction is over, whatever happened (RFC 3261 §17).
pub(crate) const PATIENCE: Duration = T1.saturating_mul(64);
/// Max-Forwards of our requests, RFC 3261 §8.1.1.6.
const MAX_FORWARDS: &str = "70";
/// The only bodies that are read in calls.
pub(crate) const SDP: &str = "application/sdp";

/// See the module.
pub(crate) struct World {
    /// The time of the input that is being worked on.
    pub(crate) now: Moment,
    pub(crate) layer: Layer,
    pub(crate) random: Random,
    pub(crate) timers: Timers,
    pub(crate) here: Here,
    /// Our requests that wait for something, by transaction.
    pub(crate) asked: HashMap<ClientId, Asked>,
    /// What is built: the value of Allow.
    pub(crate) allow: &'static str,
    user_agent: String,
    pub(crate) sends: Vec<Packet>,
    pub(crate) news: Vec<News>,
}

impl World {
    pub(crate) fn new(here: Here, random: Random, user_agent: String, allow: &'static str) -> Self {
        Self {
            now: Moment::ZERO,
            layer: Layer::new(),
            random,
            timers: Timers::default(),
            here,
            asked: HashMap::new(),
            allow,
            user_agent,
            sends: Vec::new(),
            news: Vec::new(),
        }
    }

    /// Tells the owner.
    pub(crate) fn tell(&mut self, news: News) {
        self.news.push(news);
    }

    /// Sets a deadline from now.
    pub(crate) fn after(&mut self, span: Duration, timer: Timer) -> TimerId {
        self.timers.set(self.now + span, timer)
    }

    /// Our address for a peer as a Contact value.
    pub(crate) fn contact(&mut self, user: Option<&str>, flow: Flow) -> String {
        let mut uri = SipUri::at(user, self.here.shown(flow));
        if flow.protocol == Protocol::Tcp {
            uri.params.set("transport", Some("tcp"));
        }
        format!("<{uri}>")
    }

    /// A response with a fresh To tag, if the request has none.
    pub(crate) fn response(&mut self, request: &Request, status: u16) -> Response {
        let tag = self.random.token();
        respond(request, status, Some(&tag))
    }

    /// Answers a request with a bare status.
    pub(crate) fn reply(&mut self, id: ServerId, request: &Request, status: u16) {
        let response = self.response(request, status);
        self.respond(id, response);
    }

    /// Answers a request.
    pub(crate) fn respond(&mut self, id: ServerId, mut response: Response) {
        push(&mut response.headers, "Server", &self.user_agent);
        // False if the transaction is over: then nobody waits for it any more.
        self.layer.respond(self.now, id, response, &mut self.sends);
    }

    /// Puts on what a session description and the one who may be called back need.
    pub(crate) fn describe(&mut self, headers: &mut rsip::Headers, contact: &str) {
        push(headers, "Contact", contact);
        push(headers, "Allow", self.allow);
    }

    /// Sends a request in a transaction of its own. Returns the Via it went with, which CANCEL and an ACK to a failure share.
    pub(crate) fn ask(&mut self, mut request: Request, flow: Flow) -> (ClientId, String) {
        let via = self.via(flow);
        push_first(&mut request.headers, "Via", &via);
        self.dress(&mut request);
        (self.layer.request(self.now, request, flow, &mut self.sends), via)
    }

    /// Sends a request in a transaction and notes what it is for.
    pub(crate) fn ask_for(&mut self, request: Request, flow: Flow, what: Asked) -> ClientId {
        let (id, _) = self.ask(request, flow);
        self.asked.insert(id, what);
        id
    }

    /// The packet of an ACK to a 2xx: its own Via, no transaction (RFC 3261 §13.2.2.4).
    pub(crate) fn ack_packet(&mut self, mut ack: Request, flow: Flow) -> Packet {
        let via = self.via(flow);
        push_first(&mut ack.headers, "Via", &via);
        self.dress(&mut ack);
        Packet { flow, bytes: write(&SipMessage::Request(ack)) }
    }

    /// Drops what waits for a request, its transaction included if it still runs.
    pub(crate) fn abandon(&mut self, id: ClientId) {
        self.asked.remove(&id);
        self.layer.abandon(id);
    }

    fn via(&mut self, flow: Flow) -> String {
        let transport = match flow.protocol {
            Protocol::Udp => "UDP",
            Protocol::Tcp => "TCP",
        };
        let branch = format!("{}{}", crate::codec::headers::COOKIE, self.random.token());
        Via::ours(transport, self.here.shown(flow), &branch).to_string()
    }

    fn dress(&self, request: &mut Request) {
        set(&mut request.headers, "Max-Forwards", MAX_FORWARDS);
        set(&mut request.headers, "User-Agent", &self.user_agent);
    }
}

/// Puts a body into a message.
pub(crate) fn set_body(headers: &mut rsip::Headers, body: &mut Vec<u8>, media: &str, bytes: &[u8]) {
    if !bytes.is_empty() {
        set(headers, "Content-Type", media);
        *body = bytes.to_vec();
    }
}

/// The session description in a message; `None` if there is no body or it is something else.
pub(crate) fn description(headers: &rsip::Headers, body: &[u8]) -> Option<Bytes> {
    let is_sdp = content_type(headers).is_none_or(|media| media == SDP);
    (is_sdp && !body.is_empty()).then(|| Bytes::copy_from_slice(body))
}
