//! Where a request comes from, and by which name it was meant to come here.
//!
//! ```text
//!   browser --- Host: evil.example ---> 127.0.0.1     a name that was bound anew to this machine: 421
//!   somebody --> proxy (trusted) --- X-Forwarded-For: them ---> us     they count as them
//!   somebody --> proxy (any other) ------------------------> us        they count as the proxy, and as elsewhere if it says so
//! ```
//!
//! Who it is says `asking`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Extension;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::counter::Counter;
use crate::problem::Problem;
use crate::settings::Doors;

/// What proxies say of whom they speak for; any of these, and it is nobody of this machine.
const RELAYED: [&str; 4] = [FORWARDED_FOR, "forwarded", "via", "x-real-ip"];
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Whoever sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// Their address; a proxy's that is not trusted stands for all it speaks for.
    pub(crate) address: IpAddr,
    /// Whether they are on this machine, for all that is known.
    pub(crate) here: bool,
}

impl Visitor {
    /// `host`: whom the request is for.
    fn of(doors: &Doors, peer: IpAddr, host: Option<&str>, headers: &HeaderMap) -> Self {
        let peer = peer.to_canonical();
        let trusted = doors.trusted_proxies.contains(&peer);
        let named = trusted.then(|| last_hop(headers)).flatten();
        let relayed = trusted || RELAYED.iter().any(|said| headers.contains_key(*said));
        // whoever is here asks for this machine; a proxy that hides itself passes on another name
        let for_here = host.is_none_or(|host| {
            host == "localhost" || address_of(host).is_some_and(|address| address.to_canonical().is_loopback())
        });
        Self { address: named.unwrap_or(peer), here: !relayed && for_here && peer.is_loopback() }
    }
}

/// Whom the nearest proxy says it speaks for: the last entry, which it added itself.
fn last_hop(headers: &HeaderMap) -> Option<IpAddr> {
    let said = headers.get_all(header::HeaderName::from_static(FORWARDED_FOR)).iter().next_back()?.to_str().ok()?;
    let last = said.rsplit(',').next()?.trim();
    // some add the port
    let with_port = || last.parse::<SocketAddr>().ok().map(|address| address.ip());
    address_of(last).or_else(with_port).map(|address| address.to_canonical())
}

/// An address, an IPv6 one in brackets or without.
fn address_of(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// Finds out where a request comes from, and turns away one that was meant for a host of another name: a page of somebody else's
/// that binds its own name to this machine would read what only this machine may (DNS rebinding).
pub(crate) async fn receive(
    State(counter): State<Arc<Counter>>,
    Extension(ConnectInfo(peer)): Extension<ConnectInfo<SocketAddr>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (visitor, known) = {
        let doors = counter.settings.doors.borrow();
        let host = asked_host(&request);
        let visitor = Visitor::of(&doors, peer.ip(), host.as_deref(), request.headers());
        (visitor, host.is_none_or(|host| is_ours(&doors, &host)))
    };
    if !known {
        let detail =
            "this service does not go by that name: use its address or server.domain, or add it to http.origins";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", detail));
    }
    request.extensions_mut().insert(visitor);
    Ok(next.run(request).await)
}

/// The host a request is for, without its port. None where none is said: a browser always says one (RFC 9112 §3.2).
fn asked_host(request: &Request) -> Option<String> {
    let said = match request.uri().authority() {
        Some(authority) => authority.host().to_owned(),
        None => {
            let said = request.headers().get(header::HOST)?.to_str().unwrap_or_default();
            said.parse::<Authority>().map(|authority| authority.host().to_owned()).unwrap_or_default()
        }
    };
    Some(said.to_ascii_lowercase())
}

/// An address cannot be bound to another machine, a name can.
fn is_ours(doors: &Doors, host: &str) -> bool {
    let of_origin = |origin: &String| {
        let authority = origin.split_once("://").and_then(|(_, rest)| rest.parse::<Authority>().ok());
        authority.is_some_and(|authority| authority.host().eq_ignore_ascii_case(host))
    };
    address_of(host).is_some()
        || host == "localhost"
        || (!host.is_empty() && host.eq_ignore_ascii_case(&doors.domain))
        || doors.origins.iter().any(of_origin)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn doors() -> Doors {
        Doors {
            domain: "baton.local".to_owned(),
            origins: vec!["https://desk.example:8443".to_owned()],
            trusted_proxies: vec!["127.0.0.9".parse().unwrap(), "::1".parse().unwrap()],
            ..Doors::default()
        }
    }

    fn visitor(peer: &str, headers: &[(&'static str, &str)]) -> (String, bool) {
        let headers = headers.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), value.parse::<header::HeaderValue>().unwrap())
        });
        let mut map = HeaderMap::new();
        headers.for_each(|(name, value)| _ = map.append(name, value));
        let host = map.get(header::HOST).map(|host| host.to_str().unwrap());
        let Visitor { address, here } = Visitor::of(&doors(), peer.parse().unwrap(), host, &map);
        (address.to_string(), here)
    }

    #[test]
    fn only_a_trusted_proxy_says_who_somebody_is() {
        for (peer, headers, expected) in [
            ("127.0.0.1", &[][..], ("127.0.0.1", true)),
            ("::ffff:127.0.0.1", &[], ("127.0.0.1", true)),
            ("192.0.2.1", &[], ("192.0.2.1", false)),
            ("127.0.0.1", &[("x-forwarded-for", "192.0.2.7")], ("127.0.0.1", false)),
            ("127.0.0.1", &[("via", "1.1 proxy")], ("127.0.0.1", false)),
            ("127.0.0.1", &[("x-real-ip", "127.0.0.1")], ("127.0.0.1", false)),
            ("127.0.0.9", &[("x-forwarded-for", "127.0.0.1, 192.0.2.7")], ("192.0.2.7", false)),
            ("127.0.0.9", &[("x-forwarded-for", "10.0.0.1"), ("x-forwarded-for", "192.0.2.8")], ("192.0.2.8", false)),
            ("::1", &[("x-forwarded-for", "[2001:db8::7]")], ("2001:db8::7", false)),
            // what it says is no address: they are the proxy, and not of this machine
            ("127.0.0.9", &[("x-forwarded-for", "unknown")], ("127.0.0.9", false)),
            ("127.0.0.9", &[], ("127.0.0.9", false)),
            ("127.0.0.9", &[("x-forwarded-for", "192.0.2.7:4711")], ("192.0.2.7", false)),
            ("127.0.0.9", &[("x-forwarded-for", "[2001:db8::7]:80")], ("2001:db8::7", false)),
            ("127.0.0.1", &[("host", "[::1]")], ("127.0.0.1", true)),
            ("127.0.0.1", &[("host", "localhost")], ("127.0.0.1", true)),
            ("127.0.0.1", &[("host", "baton.local")], ("127.0.0.1", false)),
            ("127.0.0.1", &[("host", "192.0.2.1")], ("127.0.0.1", false)),
        ] {
            assert_eq!(visitor(peer, headers), (expected.0.to_owned(), expected.1), "{peer} {headers:?}");
        }
    }

    #[test]
    fn addresses_and_our_own_names_are_ours() {
        for host in ["127.0.0.1", "[::1]", "192.0.2.1", "localhost", "baton.local", "desk.example"] {
            assert!(is_ours(&doors(), host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "desk.example.evil"] {
            assert!(!is_ours(&doors(), host), "{host}");
        }
        assert!(!is_ours(&Doors { domain: String::new(), ..doors() }, ""), "no domain is no name");
    }
}
