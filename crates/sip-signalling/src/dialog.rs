//! Dialogs, RFC 3261 §12: what both sides call the dialog, whose turn the CSeq is, and which way requests go.
//!
//! A pure value that can be stored. It sends nothing; Via, Contact and bodies are for whoever sends.

use rsip::{Headers, Method, Request, Response};
use serde::{Deserialize, Serialize};

use crate::codec::headers::{CSeq, Contacts, NameAddr, addresses, call_id, contacts, cseq, from, to};
use crate::codec::{SipUri, push};

/// How far our CSeq is moved when a dialog comes back from a store that may be older than what was sent.
const RESERVE: u32 = 100;

/// What finds a dialog. A tag that a peer left out (RFC 2543) is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DialogKey {
    /// The Call-ID.
    pub(crate) call_id: String,
    /// Our tag.
    pub(crate) local_tag: String,
    /// Theirs.
    pub(crate) remote_tag: String,
}

impl DialogKey {
    /// The dialog a request of the peer belongs to, by its To tag; `None` if it has none.
    pub(crate) fn of_request(request: &Request) -> Option<Self> {
        Some(Self {
            call_id: call_id(&request.headers).to_owned(),
            local_tag: to(&request.headers).ok()?.tag()?.to_owned(),
            remote_tag: from(&request.headers).ok()?.tag().unwrap_or_default().to_owned(),
        })
    }
}

/// What a request's CSeq says about its turn (RFC 3261 §12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is the next.
    Next,
    /// It is older than what was seen: 500.
    Late,
}

/// One dialog, early or confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dialog {
    call_id: String,
    /// Our address with our tag, as it stands in From (or To) of every message.
    local: String,
    remote: String,
    local_tag: String,
    remote_tag: String,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    routes: Vec<String>,
    /// Where requests are addressed to.
    pub(crate) target: SipUri,
    /// Whether the Call-ID is ours (RFC 3261 §14.1 asks).
    pub(crate) ours: bool,
}

impl Dialog {
    /// The dialog that an INVITE from a peer makes, under our tag (RFC 3261 §12.1.1). `None` if From, To, CSeq, Contact or
    /// Record-Route cannot be read.
    pub(crate) fn arrived(invite: &Request, tag: &str, first_cseq: u32) -> Option<Self> {
        let remote = from(&invite.headers).ok()?;
        Some(Self {
            call_id: call_id(&invite.headers).to_owned(),
            local: to(&invite.headers).ok()?.with_tag(tag).to_string(),
            local_tag: tag.to_owned(),
            remote_tag: remote.tag().unwrap_or_default().to_owned(),
            target: contact(&invite.headers)?,
            remote: remote.to_string(),
            local_cseq: first_cseq,
            remote_cseq: Some(cseq(&invite.headers).ok()?.number),
            routes: routes(&invite.headers)?,
            ours: false,
        })
    }

    /// The dialog that a response to our INVITE makes (RFC 3261 §12.1.2). A response without Contact is survived: requests
    /// then go on being addressed as the INVITE was.
    pub(crate) fn rung(invite: &Request, response: &Response) -> Option<Self> {
        let (local, remote) = (from(&response.headers).ok()?, to(&response.headers).ok()?);
        let mut routes = routes(&response.headers)?;
        routes.reverse();
        Some(Self {
            call_id: call_id(&invite.headers).to_owned(),
            local_tag: local.tag().unwrap_or_default().to_owned(),
            remote_tag: remote.tag().unwrap_or_default().to_owned(),
            local: local.to_string(),
            remote: remote.to_string(),
            local_cseq: cseq(&invite.headers).ok()?.number,
            remote_cseq: None,
            routes,
            target: contact(&response.headers).unwrap_or_else(|| SipUri::from(&invite.uri)),
            ours: true,
        })
    }

    /// What finds it.
    pub(crate) fn key(&self) -> DialogKey {
        DialogKey {
            call_id: self.call_id.clone(),
            local_tag: self.local_tag.clone(),
            remote_tag: self.remote_tag.clone(),
        }
    }

    /// The Call-ID.
    pub(crate) fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag.
    pub(crate) fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// The user part of our address.
    pub(crate) fn local_user(&self) -> Option<String> {
        NameAddr::parse(&self.local).ok()?.uri.user_text().map(std::borrow::Cow::into_owned)
    }

    /// Judges the CSeq of a request of the peer, and remembers it if it is the next.
    pub(crate) fn turn(&mut self, number: u32) -> Turn {
        if self.remote_cseq.is_some_and(|seen| number <= seen) {
            return Turn::Late;
        }
        self.remote_cseq = Some(number);
        Turn::Next
    }

    /// Takes the Contact of a re-INVITE or UPDATE, or of its 2xx, as the new target (RFC 3261 §12.2.1.2, §12.2.2).
    pub(crate) fn refresh(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.target = target;
        }
    }

    /// Our next request (RFC 3261 §12.2.1.1), still without Via, Contact and body.
    pub(crate) fn request(&mut self, method: Method) -> Request {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.compose(method, self.local_cseq)
    }

    /// The ACK to a 2xx of our INVITE with this CSeq number (RFC 3261 §13.2.2.4).
    pub(crate) fn ack(&self, number: u32) -> Request {
        self.compose(Method::Ack, number)
    }

    /// Moves our CSeq past whatever was sent since this value was stored.
    pub(crate) fn skip_ahead(&mut self) {
        self.local_cseq = self.local_cseq.saturating_add(RESERVE);
    }

    /// Where a request goes first: the topmost route, else the target.
    pub(crate) fn next_hop(&self) -> SipUri {
        let route = self.routes.first().and_then(|route| NameAddr::parse(route).ok());
        route.map_or_else(|| self.target.clone(), |route| route.uri)
    }

    fn compose(&self, method: Method, number: u32) -> Request {
        let mut headers = Headers::default();
        let first = self.routes.first().and_then(|route| NameAddr::parse(route).ok());
        let strict = first.filter(|route| !route.uri.params.has("lr"));
        let uri = match &strict {
            // RFC 3261 §12.2.1.1: a strict router wants itself as the Request-URI and the target as the last route
            Some(route) => {
                for route in &self.routes[1..] {
                    push(&mut headers, "Route", route);
                }
                push(&mut headers, "Route", NameAddr::new(self.target.clone()).to_string());
                route.uri.clone()
            }
            None => {
                for route in &self.routes {
                    push(&mut headers, "Route", route);
                }
                self.target.clone()
            }
        };
        push(&mut headers, "From", &self.local);
        push(&mut headers, "To", &self.remote);
        push(&mut headers, "Call-ID", &self.call_id);
        push(&mut headers, "CSeq", CSeq::new(number, method).to_string());
        Request { method, uri: uri.to_rsip(), version: rsip::Version::V2, headers, body: Vec::new() }
    }
}

/// The one Contact of a message that makes or refreshes a dialog.
fn contact(headers: &Headers) -> Option<SipUri> {
    match contacts(headers).ok()? {
        Contacts::These(these) => {
            let mut uri = these.into_iter().next()?.uri;
            uri.headers.clear();
            Some(uri)
        }
        Contacts::Star => None,
    }
}

/// More hops than this, and the sender is lost or lies.
const ROUTES: usize = 32;

fn routes(headers: &Headers) -> Option<Vec<String>> {
    let found = addresses(headers, "Record-Route").ok()?;
    (found.len() <= ROUTES).then(|| found.iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests;
