//! The door: what a request must look like before anybody asks who sent it, and which addresses are a trunk's.
//!
//! Pure questions with answers; the stack asks them in order and carries the answers out. What comes here before
//! authentication is the same for everybody, so that it tells nothing about who exists (trust.md B1).

use std::net::{IpAddr, SocketAddr};

use rsip::{Method, Request};

use crate::codec::headers::{Contacts, accepts, contacts, content_type, max_forwards, tokens};
use crate::codec::{Scheme, SipUri, all, one};
use crate::flow::Flow;
use crate::settings::{Network, Protocol, Source, Trunk};

#[cfg(test)]
mod tests;

/// What we speak; what is not built is not listed.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REGISTER, REFER, SUBSCRIBE, NOTIFY";
/// What a phone of ours speaks.
pub(crate) const PHONE_ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, NOTIFY";
/// Extensions by option tag.
pub(crate) const SUPPORTED: &str = "path, replaces, norefersub, tdialog, timer, 100rel";
/// Several flows of one phone (RFC 5626), which a registrar has.
pub(crate) const OUTBOUND: &str = "outbound";
/// What a phone of ours has of them.
pub(crate) const PHONE_SUPPORTED: &str = "norefersub, timer, 100rel";
/// What can be subscribed to.
pub(crate) const EVENTS: &str = "refer, dialog, conference";
/// The one body we carry in calls.
pub(crate) const SDP: &str = "application/sdp";

/// Why a request is turned down: a status and the headers that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status.
    pub(crate) status: u16,
    /// Further headers.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A status alone.
    pub(crate) fn plain(status: u16) -> Self {
        Self { status, headers: Vec::new() }
    }

    fn with(status: u16, name: &'static str, value: impl Into<String>) -> Self {
        Self { status, headers: vec![(name, value.into())] }
    }
}

/// Whether a request is dropped without a word because of what sends it (B17). `fragments` are in small letters.
pub(crate) fn is_dropped(request: &Request, fragments: &[String]) -> bool {
    let Some(agent) = one(&request.headers, "User-Agent") else { return false };
    let agent = agent.to_ascii_lowercase();
    fragments.iter().any(|fragment| agent.contains(fragment.as_str()))
}

/// What is wrong with a request whoever sent it: RFC 3261 §8.2.2.3, §8.2.3, §16.3 step 3.
pub(crate) fn form(request: &Request) -> Option<Refusal> {
    let unsupported: Vec<&str> =
        tokens(&request.headers, "Require").into_iter().filter(|tag| !supports(request.method, tag)).collect();
    if !unsupported.is_empty() {
        return Some(Refusal::with(420, "Unsupported", unsupported.join(", ")));
    }
    let hops = max_forwards(&request.headers).unwrap_or(0);
    // whoever asks for OPTIONS with 0 wants to know who stands here (RFC 3261 §11.2)
    if hops == 0 && request.method != Method::Options {
        return Some(Refusal::plain(483));
    }
    if request.method == Method::Invite || request.method == Method::Update { session_body(request) } else { None }
}

/// What a request promises that the way it came does not keep: `sips:` means TLS on every hop (RFC 3261 §26.2.2), and whoever
/// registers such a contact must be reachable that way.
pub(crate) fn promise(request: &Request, flow: Flow) -> Option<Refusal> {
    if flow.protocol == Protocol::Tls {
        return None;
    }
    if SipUri::from(&request.uri).scheme == Scheme::Sips {
        return Some(Refusal::plain(416));
    }
    let bound = matches!(contacts(&request.headers), Ok(Contacts::These(these))
        if these.iter().any(|contact| contact.uri.scheme == Scheme::Sips));
    (request.method == Method::Register && bound).then(|| Refusal::plain(403))
}

/// Whether we do what a Require asks; a path and flows are for registrations alone (RFC 3327 §5.3, RFC 5626 §6).
fn supports(method: Method, tag: &str) -> bool {
    let is = |known: &str| known.eq_ignore_ascii_case(tag);
    let known = is(OUTBOUND) || SUPPORTED.split(", ").any(is);
    known && (method == Method::Register || !(is("path") || is(OUTBOUND)))
}

/// 489 with the events there are (RFC 6665 §8.3.2).
pub(crate) fn bad_event() -> Refusal {
    Refusal::with(489, "Allow-Events", EVENTS)
}

/// Whether an INVITE or UPDATE brings a body we carry and takes one we make.
fn session_body(request: &Request) -> Option<Refusal> {
    if !request.body.is_empty() {
        if content_type(&request.headers).as_deref() != Some(SDP) {
            return Some(Refusal::with(415, "Accept", SDP));
        }
        if all(&request.headers, "Content-Encoding").any(|coding| !coding.trim().eq_ignore_ascii_case("identity")) {
            return Some(Refusal::with(415, "Accept-Encoding", "identity"));
        }
    }
    (!accepts(&request.headers, SDP)).then(|| Refusal::with(406, "Accept", SDP))
}

/// The answer to a known sender's request outside a dialog whose method is not for that.
pub(crate) fn outside_dialog(method: Method, allow: &str) -> Refusal {
    match method {
        Method::Message | Method::Register => Refusal::with(405, "Allow", allow),
        Method::Subscribe | Method::Publish => bad_event(),
        Method::Refer => Refusal::plain(403),
        Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Info
        | Method::Notify
        | Method::PRack
        | Method::Update
        | Method::Invite
        | Method::Options => Refusal::plain(481),
    }
}

/// Whether an address is in a range.
pub(crate) fn contains(network: &Network, address: IpAddr) -> bool {
    let prefix = u32::from(network.prefix);
    match (network.address.to_canonical(), address.to_canonical()) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            prefix == 0 || (one.to_bits() ^ other.to_bits()).checked_shr(32 - prefix.min(32)).unwrap_or(0) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            prefix == 0 || (one.to_bits() ^ other.to_bits()).checked_shr(128 - prefix.min(128)).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// Whether a trunk's calls may come from here.
pub(crate) fn accepts_from(trunk: &Trunk, source: SocketAddr) -> bool {
    trunk.accept_from.iter().any(|from| match from {
        Source::Network(network) => contains(network, source.ip()),
        Source::Exactly(address) => address.port() == source.port() && same_ip(address.ip(), source.ip()),
    })
}

/// The trunk whose calls may come from here by their address alone; the most exact statement wins.
pub(crate) fn trunk_of(trunks: &[Trunk], source: SocketAddr) -> Option<&Trunk> {
    let exactly = |trunk: &&Trunk| {
        trunk.accept_from.iter().any(|from| match from {
            Source::Exactly(address) => address.port() == source.port() && same_ip(address.ip(), source.ip()),
            Source::Network(_) => false,
        })
    };
    let mut by_address = trunks.iter().filter(|trunk| trunk.security.clients.is_none());
    by_address.clone().find(exactly).or_else(|| by_address.find(|trunk| accepts_from(trunk, source)))
}

/// Whether both are the same address, IPv4 in IPv6 included.
pub(crate) fn same_ip(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}
