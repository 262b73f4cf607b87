//! What every message of ours has in common: Via, Contact, Allow, Server; and how requests are sent.

use std::net::SocketAddr;

use conference::LegId;
use rsip::{Headers, Method, Request, Response};

use super::{Pending, Stack, User};
use crate::codec::headers::{NameAddr, Via};
use crate::codec::{SipUri, push, push_first, remove, respond, respond_in_dialog, set};
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::gate::{ALLOW, EVENTS, PHONE_ALLOW, PHONE_SUPPORTED, Refusal, SDP, SUPPORTED};
use crate::settings::Doorkeeping;
use crate::transaction::ClientId;

/// What branches start with (RFC 3261 §8.1.1.7).
const COOKIE: &str = "z9hG4bK";

/// The methods an endpoint takes.
pub(super) fn allow(doorkeeping: Doorkeeping) -> &'static str {
    match doorkeeping {
        Doorkeeping::Server => ALLOW,
        Doorkeeping::Phone => PHONE_ALLOW,
    }
}

/// The extensions an endpoint has.
pub(super) fn supported(doorkeeping: Doorkeeping) -> &'static str {
    match doorkeeping {
        Doorkeeping::Server => SUPPORTED,
        Doorkeeping::Phone => PHONE_SUPPORTED,
    }
}

impl Stack {
    /// Puts a new Via on a request.
    pub(super) fn sign(&mut self, flow: Flow, request: &mut Request) {
        remove(&mut request.headers, "Via");
        let branch = format!("{COOKIE}{}", self.chance.word());
        let shown = self.own.shown(flow);
        push_first(&mut request.headers, "Via", Via::ours(flow.via_transport(), shown, &branch).to_string());
    }

    /// Sends a request other than INVITE, CANCEL and ACK by a transaction of its own.
    pub(super) fn send(&mut self, flow: Flow, mut request: Request, user: User) -> ClientId {
        self.sign(flow, &mut request);
        self.send_signed(flow, request, user, 0)
    }

    /// The same with a Via already there.
    pub(super) fn send_signed(&mut self, flow: Flow, request: Request, user: User, tries: u8) -> ClientId {
        let mut request = request;
        let (flow, meant) = if self.is_for_trunk(&user) { self.widened(flow, &mut request) } else { (flow, None) };
        let client = self.transactions.send(self.now, flow, request);
        self.note_widened(client, meant);
        self.pending.insert(client, Pending { user, tries });
        client
    }

    /// Our Contact towards the peer of a flow.
    pub(super) fn contact(&mut self, flow: Flow, user: Option<&str>) -> NameAddr {
        let shown = self.own.shown(flow);
        let mut uri = SipUri::at(user.filter(|user| !user.is_empty()), shown);
        if let Some(transport) = flow.uri_transport() {
            uri.params.set("transport", Some(transport));
        }
        NameAddr::new(uri)
    }

    /// What a message that makes or changes a session or subscription says of us. The Contact of a server is a conference's
    /// (RFC 4579 §5.1): its user part is the leg's name, by which a REFER outside the dialog finds it. That of a phone has
    /// the user part given.
    pub(super) fn introduce(&mut self, flow: Flow, headers: &mut Headers, leg: Option<LegId>, user: Option<&str>) {
        let contact = self.contact_in(flow, leg, user);
        push(headers, "Contact", contact.to_string());
        if leg.and_then(|leg| self.legs.get(&leg)?.dialog()).is_some_and(Dialog::is_secure) {
            super::secure::promise(headers);
        }
        push(headers, "Allow", self.allow);
        let supported = supported(self.settings.doorkeeping);
        push(headers, "Supported", supported);
        if self.settings.doorkeeping == Doorkeeping::Server {
            push(headers, "Allow-Events", EVENTS);
        }
    }

    /// Our Contact in a leg.
    pub(super) fn contact_in(&mut self, flow: Flow, leg: Option<LegId>, user: Option<&str>) -> NameAddr {
        match self.settings.doorkeeping {
            Doorkeeping::Server => {
                let room = leg.and_then(|leg| self.legs.get(&leg)?.focus.clone());
                let mut contact = self.contact(flow, room.or_else(|| leg.map(|leg| leg.to_string())).as_deref());
                if leg.is_some() {
                    contact.params.set("isfocus", None);
                }
                contact
            }
            Doorkeeping::Phone => self.contact(flow, user),
        }
    }

    /// The call of a leg is a room: our Contact in that leg is the room's address from here on. A phone that talks already
    /// is told at once, as by a refresh.
    pub(super) fn set_focus(&mut self, leg: LegId, user: String) {
        let focus = Some(user).filter(|user| !user.is_empty());
        let Some(known) = self.legs.get_mut(&leg) else { return };
        if std::mem::replace(&mut known.focus, focus.clone()) == focus {
            return;
        }
        if let Some(session) = self.session_mut(leg) {
            session.upkeep.due = true;
            self.attend(leg);
        }
    }

    /// Puts a session description into a message.
    pub(super) fn describe(headers: &mut Headers, into: &mut Vec<u8>, body: &[u8]) {
        if !body.is_empty() {
            set(headers, "Content-Type", SDP);
            *into = body.to_vec();
        }
    }

    /// A response outside a dialog; its tag depends on the request alone, so that it is the same each time.
    pub(super) fn stateless(&self, request: &Request, refusal: &Refusal) -> Response {
        let via = crate::codec::one(&request.headers, "Via").unwrap_or_default();
        let tag = self.chance.of_text(via);
        let mut response = respond(request, refusal.status, Some(&tag));
        for (name, value) in &refusal.headers {
            push(&mut response.headers, name, value.as_str());
        }
        push(&mut response.headers, "Server", &self.settings.user_agent);
        response
    }

    /// A response inside a dialog, or one that makes it.
    pub(super) fn in_dialog(&self, request: &Request, status: u16, dialog: &Dialog) -> Response {
        let mut response = respond_in_dialog(request, status, &dialog.local_tag);
        push(&mut response.headers, "Server", &self.settings.user_agent);
        if let Some(asserted) = dialog.asserted.as_ref().filter(|_| (101..300).contains(&status)) {
            push(&mut response.headers, "P-Asserted-Identity", asserted);
        }
        response
    }

    /// A request outside a dialog: Max-Forwards, From with a new tag, To, Call-ID, CSeq, User-Agent.
    pub(super) fn outside(
        &mut self,
        method: Method,
        uri: &SipUri,
        from: NameAddr,
        to: NameAddr,
        number: u32,
    ) -> Request {
        let tag = self.chance.word();
        let call_id = self.call_id();
        self.outside_as(method, uri, &from.with_tag(&tag), &to, &call_id, number)
    }

    /// The same with a tag and a Call-ID that are there already.
    pub(super) fn outside_as(
        &self,
        method: Method,
        uri: &SipUri,
        from: &NameAddr,
        to: &NameAddr,
        call_id: &str,
        number: u32,
    ) -> Request {
        let mut headers = Headers::default();
        push(&mut headers, "Max-Forwards", crate::dialog::MAX_FORWARDS.to_string());
        push(&mut headers, "From", from.to_string());
        push(&mut headers, "To", to.to_string());
        push(&mut headers, "Call-ID", call_id);
        push(&mut headers, "CSeq", crate::codec::headers::CSeq::new(number, method).to_string());
        push(&mut headers, "User-Agent", &self.settings.user_agent);
        Request { method, uri: uri.to_rsip(), version: rsip::Version::V2, headers, body: Vec::new() }
    }

    /// A new Call-ID. Nothing of ours can be read from it.
    pub(super) fn call_id(&mut self) -> String {
        format!("{}{}", self.chance.word(), self.chance.word())
    }

    /// A request inside a dialog, with User-Agent.
    pub(super) fn inside(&self, dialog: &mut Dialog, method: Method) -> Request {
        let mut request = dialog.request(method);
        push(&mut request.headers, "User-Agent", &self.settings.user_agent);
        request
    }

    /// The address a leg's owner is told it comes from.
    pub(super) fn source_of(flow: Flow) -> SocketAddr {
        flow.peer
    }
}
