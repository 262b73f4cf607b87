//! Via (RFC 3261 §20.42) with rport and received (RFC 3581).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use rsip::Headers;

use crate::codec::fields::all;
use crate::codec::text::{Params, Unreadable, is_token, split, trim};
use crate::codec::uri::{host_ip, host_port};

/// What a branch of RFC 3261 starts with, §8.1.1.7.
pub(crate) const COOKIE: &str = "z9hG4bK";

/// One Via value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Via {
    /// The transport as it was written: `UDP`, `TCP`, `WSS` …
    pub(crate) transport: String,
    /// Name or address of `sent-by`; IPv6 in brackets.
    pub(crate) host: String,
    /// The port of `sent-by`, if one was written.
    pub(crate) port: Option<u16>,
    /// The parameters.
    pub(crate) params: Params,
}

impl Via {
    /// A Via of ours: asks for rport, carries a branch.
    pub(crate) fn ours(transport: &str, sent_by: SocketAddr, branch: &str) -> Self {
        let host = match sent_by.ip() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let mut params = Params::default();
        params.set("rport", None);
        params.set("branch", Some(branch));
        Self { transport: transport.to_owned(), host, port: Some(sent_by.port()), params }
    }

    /// Reads one value; blanks around the slashes, colon and equal signs are allowed.
    ///
    /// # Errors
    /// What cannot be read.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let mut parts = text.splitn(3, '/').map(trim);
        let (name, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let rest = parts.next().ok_or(Unreadable::Protocol)?;
        if !name.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return Err(Unreadable::Protocol);
        }
        let (transport, rest) = rest.split_once([' ', '\t']).ok_or(Unreadable::Host)?;
        if !is_token(transport) {
            return Err(Unreadable::Protocol);
        }
        let (sent_by, params) = rest.find(';').map_or((rest, ""), |semicolon| rest.split_at(semicolon));
        let (host, port) = match sent_by.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => host_port(&format!("{}:{}", trim(host), trim(port)))?,
            Some(_) | None => host_port(trim(sent_by))?,
        };
        Ok(Self { transport: transport.to_owned(), host, port, params: Params::parse(params)? })
    }

    /// The branch.
    pub(crate) fn branch(&self) -> Option<&str> {
        self.params.get("branch")
    }

    /// The branch if it names a transaction by RFC 3261 §17.2.3: with the cookie and more than the cookie.
    pub(crate) fn rfc3261_branch(&self) -> Option<&str> {
        let branch = self.branch()?;
        let cookie = branch.get(..COOKIE.len())?;
        (cookie.eq_ignore_ascii_case(COOKIE) && branch.len() > COOKIE.len()).then_some(branch)
    }

    /// `sent-by` in small letters with the port that holds if none is written (5060, or 5061 for TLS).
    pub(crate) fn sent_by(&self) -> (String, u16) {
        (self.host.to_ascii_lowercase(), self.port.unwrap_or_else(|| default_port(&self.transport)))
    }

    /// The `received` parameter.
    pub(crate) fn received(&self) -> Option<IpAddr> {
        self.params.get("received").and_then(host_ip)
    }

    /// The value of `rport`, once filled in.
    pub(crate) fn rport(&self) -> Option<u16> {
        self.params.get("rport").and_then(|port| port.parse().ok())
    }

    /// Whether the sender asks for rport (RFC 3581 §3) or has it already.
    pub(crate) fn wants_rport(&self) -> bool {
        self.params.has("rport")
    }

    /// Notes where the request came from: `received` if `sent-by` says anything else or rport was asked for, and
    /// `rport` if asked for (RFC 3261 §18.2.1, RFC 3581 §4). What the sender wrote there itself is replaced.
    pub(crate) fn set_received(&mut self, source: SocketAddr) {
        self.params.remove("received");
        if self.wants_rport() {
            self.params.set("rport", Some(&source.port().to_string()));
        }
        if self.wants_rport() || host_ip(&self.host) != Some(source.ip()) {
            self.params.set("received", Some(&source.ip().to_string()));
        }
    }

    /// Where a response over a datagram transport goes: received and rport, else `sent-by`'s port (RFC 3261 §18.2.2,
    /// RFC 3581 §4). `None` if `sent-by` is a name and `set_received` was not called. `maddr` is not obeyed: we answer
    /// whoever asked, never a third party.
    pub(crate) fn response_target(&self) -> Option<SocketAddr> {
        let ip = self.received().or_else(|| host_ip(&self.host))?;
        Some(SocketAddr::new(ip, self.rport().unwrap_or_else(|| self.sent_by().1)))
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}

/// The topmost Via.
///
/// # Errors
/// What cannot be read; `Missing` if there is none.
pub(crate) fn top_via(headers: &Headers) -> Result<Via, Unreadable> {
    let value = all(headers, "Via").next().ok_or(Unreadable::Missing)?;
    Via::parse(split(value, b',')?.first().ok_or(Unreadable::Missing)?)
}

fn default_port(transport: &str) -> u16 {
    if transport.eq_ignore_ascii_case("TLS") || transport.eq_ignore_ascii_case("WSS") { 5061 } else { 5060 }
}
