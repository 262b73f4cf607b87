//! Dialogs (RFC 3261 §12): who talks to whom under which names, where requests go, which numbers they bear.
//!
//! A value that can be stored. Sends nothing; knows neither offers nor timers.

use std::net::IpAddr;

use rsip::{Method, Request, Response};
use serde::{Deserialize, Serialize};

use crate::codec::headers::{CSeq, Contacts, NameAddr, addresses, call_id, contacts, cseq, from, to, tokens};
use crate::codec::{Scheme, SipUri, one, push};
use crate::flow::Flow;
use crate::settings::Protocol;

#[cfg(test)]
mod tests;

/// What Max-Forwards our requests start with (RFC 3261 §8.1.1.6).
pub(crate) const MAX_FORWARDS: u8 = 70;

/// The largest number a request may bear (RFC 3261 §8.1.1.5: less than 2^31).
pub(crate) const MOST_CSEQ: u32 = (1 << 31) - 1;

/// One dialog, seen from our side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dialog {
    /// The Call-ID.
    pub(crate) call_id: String,
    /// Our tag; with the Call-ID it finds the dialog.
    pub(crate) local_tag: String,
    /// Their tag; empty from senders of RFC 2543.
    pub(crate) remote_tag: String,
    /// Our From in requests, as it is written.
    local: String,
    /// Our To in requests, as it is written.
    remote: String,
    /// The number of our last request.
    local_cseq: u32,
    /// The number of their last request.
    remote_cseq: Option<u32>,
    /// The proxies between, nearest first.
    route_set: Vec<String>,
    /// Their Contact.
    remote_target: SipUri,
    /// By which way requests go to an agent's phone, and from where its requests come.
    pub(crate) flow: Flow,
    /// Whether their Contact and the route say where requests go; else the flow does.
    routed: bool,
    /// Whether it was made under `sips:`: then both Contacts stay so (RFC 3261 §12.1.1).
    #[serde(default)]
    secure: bool,
    /// Whether a REFER of theirs came.
    #[serde(default)]
    referred: bool,
    /// Whether their last Allow had UPDATE (RFC 3311 §4).
    takes_update: bool,
    /// The P-Asserted-Identity of our messages, as it is written (RFC 3325, RFC 5876).
    pub(crate) asserted: Option<String>,
}

/// How a request's number stands to those before (RFC 3261 §12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Higher than all before.
    New,
    /// Not higher: late, or a copy.
    Old,
}

impl Dialog {
    /// As the one who is called (RFC 3261 §12.1.1).
    pub(crate) fn called(invite: &Request, flow: Flow, routed: bool, local_tag: &str) -> Option<Self> {
        let from = from(&invite.headers).ok()?;
        let to = to(&invite.headers).ok()?;
        let remote_target = contact(&invite.headers).unwrap_or_else(|| from.uri.clone());
        let route_set = addresses(&invite.headers, "Record-Route").unwrap_or_default();
        let next = route_set.first().map_or(&remote_target, |first| &first.uri);
        let secure = SipUri::from(&invite.uri).scheme == Scheme::Sips || next.scheme == Scheme::Sips;
        Some(Self {
            call_id: call_id(&invite.headers).to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: from.tag().unwrap_or_default().to_owned(),
            local: to.with_tag(local_tag).to_string(),
            remote: from.to_string(),
            local_cseq: 0,
            remote_cseq: cseq(&invite.headers).ok().map(|cseq| cseq.number),
            route_set: routes(route_set),
            remote_target,
            flow,
            routed,
            secure,
            referred: false,
            takes_update: takes_update(&invite.headers).unwrap_or(false),
            asserted: None,
        })
    }

    /// As the caller, once a response made it (RFC 3261 §12.1.2).
    pub(crate) fn calling(invite: &Request, response: &Response, flow: Flow, routed: bool) -> Option<Self> {
        let from = from(&invite.headers).ok()?;
        let to = to(&response.headers).ok()?;
        let mut route_set = addresses(&response.headers, "Record-Route").unwrap_or_default();
        route_set.reverse();
        Some(Self {
            call_id: call_id(&invite.headers).to_owned(),
            local_tag: from.tag()?.to_owned(),
            remote_tag: to.tag().unwrap_or_default().to_owned(),
            local: from.to_string(),
            remote: to.to_string(),
            local_cseq: cseq(&invite.headers).ok()?.number,
            remote_cseq: None,
            route_set: routes(route_set),
            remote_target: contact(&response.headers).unwrap_or_else(|| SipUri::from(&invite.uri)),
            flow,
            routed,
            secure: SipUri::from(&invite.uri).scheme == Scheme::Sips,
            referred: false,
            takes_update: takes_update(&response.headers).unwrap_or(false),
            asserted: None,
        })
    }

    /// As it was when a re-INVITE of ours went out, with the Contact of its 2xx: a dialog's route set stays as it is, whatever
    /// that says of it (RFC 3261 §12.2, §12.2.1.2).
    pub(crate) fn called_again(invite: &Request, response: &Response, flow: Flow, routed: bool) -> Option<Self> {
        let mut dialog = Self::calling(invite, response, flow, routed)?;
        let uri = SipUri::from(&invite.uri);
        let mut routes = routes(addresses(&invite.headers, "Route").unwrap_or_default());
        // a strict router was the Request-URI, and the remote target the last route (see `routing`)
        let strict =
            routes.last().and_then(|last| NameAddr::parse(last).ok()).filter(|last| !last.uri.params.has("lr"));
        let target = match strict {
            Some(target) => {
                routes.pop();
                routes.insert(0, NameAddr::new(uri).to_string());
                target.uri
            }
            None => uri,
        };
        dialog.route_set = routes;
        dialog.remote_target = contact(&response.headers).unwrap_or(target);
        Some(dialog)
    }

    /// A new request inside the dialog, without Via and Contact (RFC 3261 §12.2.1.1).
    pub(crate) fn request(&mut self, method: Method) -> Request {
        // nobody sends so many requests in one dialog; whoever writes such a state down is not followed beyond the end
        self.local_cseq = self.local_cseq.saturating_add(1).min(MOST_CSEQ);
        self.numbered(method, self.local_cseq)
    }

    /// The ACK for a 2xx to an INVITE of this number (RFC 3261 §13.2.2.4), without Via.
    pub(crate) fn ack(&self, invite_cseq: u32) -> Request {
        self.numbered(Method::Ack, invite_cseq)
    }

    fn numbered(&self, method: Method, number: u32) -> Request {
        let mut headers = rsip::Headers::default();
        let (uri, routes) = self.routing();
        push(&mut headers, "Max-Forwards", MAX_FORWARDS.to_string());
        push(&mut headers, "From", &self.local);
        push(&mut headers, "To", &self.remote);
        push(&mut headers, "Call-ID", &self.call_id);
        push(&mut headers, "CSeq", CSeq::new(number, method).to_string());
        for route in routes {
            push(&mut headers, "Route", route);
        }
        if let Some(asserted) = self.asserted.as_ref().filter(|_| method != Method::Ack) {
            push(&mut headers, "P-Asserted-Identity", asserted);
        }
        Request { method, uri: uri.to_rsip(), version: rsip::Version::V2, headers, body: Vec::new() }
    }

    /// Request-URI and Route values. A first route without `lr` is a strict router: it becomes the Request-URI and the
    /// remote target the last route.
    fn routing(&self) -> (SipUri, Vec<String>) {
        let first = self.route_set.first().and_then(|first| NameAddr::parse(first).ok());
        match first {
            Some(strict) if !strict.uri.params.has("lr") => {
                let mut routes = self.route_set[1..].to_vec();
                routes.push(NameAddr::new(self.remote_target.clone()).to_string());
                (strict.uri, routes)
            }
            Some(_) | None => (self.remote_target.clone(), self.route_set.clone()),
        }
    }

    /// Whether it was made under `sips:`.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// By which way the next request goes. Over TLS by the connection there is: whoever else were to be met at the address of a
    /// Contact could not prove to be the one (RFC 5923 §3). Names are not resolved: then, and to a registered phone, the flow holds.
    pub(crate) fn way(&self) -> Flow {
        if !self.routed || self.flow.protocol == Protocol::Tls {
            return self.flow;
        }
        let hop = match self.route_set.first().and_then(|first| NameAddr::parse(first).ok()) {
            Some(first) => first.uri,
            None => self.remote_target.clone(),
        };
        let transport = hop.transport().unwrap_or_else(|| "udp".to_owned());
        let same = transport.eq_ignore_ascii_case(self.flow.via_transport()) || hop.transport().is_none();
        match hop.ip().map(|ip| ip.to_canonical()) {
            Some(ip) if same && is_reachable(ip, self.flow.peer.ip().to_canonical()) => {
                self.flow.toward((ip, hop.port_or_default()).into())
            }
            Some(_) | None => self.flow,
        }
    }

    /// Whether a request from the other side is of this dialog (RFC 3261 §12.2.2); found by Call-ID and our tag before.
    pub(crate) fn is_from_peer(&self, request: &Request) -> bool {
        from(&request.headers).is_ok_and(|from| from.tag().unwrap_or_default() == self.remote_tag)
    }

    /// Where a request's number stands.
    pub(crate) fn order(&self, request: &Request) -> Order {
        let Ok(cseq) = cseq(&request.headers) else { return Order::Old };
        if self.remote_cseq.is_some_and(|last| cseq.number <= last) { Order::Old } else { Order::New }
    }

    /// Notes a request's number.
    pub(crate) fn note(&mut self, request: &Request) {
        if let Ok(cseq) = cseq(&request.headers) {
            self.remote_cseq = Some(cseq.number);
        }
    }

    /// Takes their new Contact from a request or response that may refresh it (RFC 3261 §12.2).
    pub(crate) fn refresh(&mut self, headers: &rsip::Headers) {
        if let Some(target) = contact(headers) {
            self.remote_target = target;
        }
        self.takes_update = takes_update(headers).unwrap_or(self.takes_update);
    }

    /// Whether an UPDATE of ours is welcome.
    pub(crate) fn takes_update(&self) -> bool {
        self.takes_update
    }

    /// An UPDATE was answered as a method nobody knows.
    pub(crate) fn takes_no_update(&mut self) {
        self.takes_update = false;
    }

    /// The next request gets at least this number (a challenge was answered with it).
    pub(crate) fn number_used(&mut self, number: u32) {
        self.local_cseq = self.local_cseq.max(number).min(MOST_CSEQ);
    }

    /// Notes a REFER of theirs; whether there was one before (RFC 3515 §2.4.6).
    pub(crate) fn refer_again(&mut self) -> bool {
        std::mem::replace(&mut self.referred, true)
    }

    /// The address of the other side, without parameters.
    pub(crate) fn target(&self) -> SipUri {
        let SipUri { scheme, user, host, port, .. } = self.remote_target.clone();
        SipUri { scheme, user, port, ..SipUri::new(None, &host, None) }
    }

    /// The numbers of both sides go on from the early dialog it was.
    pub(crate) fn go_on_from(&mut self, early: &Self) {
        self.number_used(early.local_cseq);
        self.remote_cseq = self.remote_cseq.max(early.remote_cseq);
    }

    /// The number of our last request.
    pub(crate) fn last_number(&self) -> u32 {
        self.local_cseq
    }
}

/// Whether a Contact can be believed: not a narrower address than the one it came from (then there is an address
/// translation between), nor anything but loopback from loopback.
fn is_reachable(target: IpAddr, peer: IpAddr) -> bool {
    let reach = |ip: IpAddr| match ip {
        _ if ip.is_loopback() => 0,
        IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() => 1,
        IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => 1,
        IpAddr::V4(_) | IpAddr::V6(_) => 2,
    };
    let nobody = target.is_unspecified() || target.is_multicast();
    !nobody && reach(target) >= reach(peer) && (!peer.is_loopback() || target.is_loopback())
}

/// What an Allow says of UPDATE; `None` if there is none.
fn takes_update(headers: &rsip::Headers) -> Option<bool> {
    one(headers, "Allow")?;
    Some(tokens(headers, "Allow").contains(&"UPDATE"))
}

fn contact(headers: &rsip::Headers) -> Option<SipUri> {
    match contacts(headers).ok()? {
        Contacts::These(these) => these.into_iter().map(|contact| contact.uri).find(SipUri::is_sip),
        Contacts::Star => None,
    }
}

fn routes(addresses: Vec<NameAddr>) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}
