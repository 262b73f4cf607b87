//! SIP URIs (RFC 3261 §19.1), and other schemes as far as a SIP element must carry them.
//!
//! Kept as text, escapes included, so that what is written is what was read. Resolves nothing.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rsip::common::uri::{Auth, Host as RsipHost, HostWithPort, Param, Scheme as RsipScheme};
use serde::{Deserialize, Serialize};

use super::text::{Params, Unreadable, escape_user, number, unescape};

#[cfg(test)]
mod tests;

/// Which kind of URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`, `urn:` and whatever else, in small letters. The rest of the URI is in `host`, unread.
    Other(String),
}

/// A URI. For schemes other than `sip` and `sips` everything after the colon is in `host` and all else is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct SipUri {
    /// Its scheme.
    pub(crate) scheme: Scheme,
    /// The user part as it stands on the wire, escapes included.
    pub(crate) user: Option<String>,
    /// The password, deprecated, kept as it came.
    pub(crate) password: Option<String>,
    /// Name or address; an IPv6 address is in brackets.
    pub(crate) host: String,
    /// The port, if one was written.
    pub(crate) port: Option<u16>,
    /// `;name=value`
    pub(crate) params: Params,
    /// `?name=value&…`, escapes included.
    pub(crate) headers: Vec<(String, String)>,
}

impl SipUri {
    /// Reads a URI without brackets or blanks around it.
    ///
    /// # Errors
    /// Which part cannot be read.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let (scheme, rest) = text.split_once(':').ok_or(Unreadable::Scheme)?;
        let named = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if !named || !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Err(Unreadable::Scheme);
        }
        if rest
            .chars()
            .any(|character| character.is_control() || character.is_whitespace() || "<>\"".contains(character))
        {
            return Err(Unreadable::Address);
        }
        match scheme.to_ascii_lowercase().as_str() {
            "sip" => sip(Scheme::Sip, rest),
            "sips" => sip(Scheme::Sips, rest),
            _ if rest.is_empty() => Err(Unreadable::Missing),
            other => Ok(Self::bare(Scheme::Other(other.to_owned()), rest)),
        }
    }

    /// `sip:user@host:port`; the user is escaped as needed. `host` may be a bare IPv6 address.
    pub(crate) fn new(user: Option<&str>, host: &str, port: Option<u16>) -> Self {
        let host = match host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => host.to_owned(),
        };
        Self { user: user.map(escape_user), port, ..Self::bare(Scheme::Sip, &host) }
    }

    /// `sip:user@address:port`.
    pub(crate) fn at(user: Option<&str>, address: SocketAddr) -> Self {
        Self::new(user, &address.ip().to_string(), Some(address.port()))
    }

    fn bare(scheme: Scheme, host: &str) -> Self {
        let (params, headers) = (Params::default(), Vec::new());
        Self { scheme, user: None, password: None, host: host.to_owned(), port: None, params, headers }
    }

    /// Whether it is `sip:` or `sips:`.
    pub(crate) fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The user part with its escapes decoded; the number of a `tel:` URI without its parameters.
    pub(crate) fn user_text(&self) -> Option<Cow<'_, str>> {
        match &self.scheme {
            Scheme::Other(scheme) if scheme == "tel" => self.host.split(';').next().map(unescape),
            Scheme::Sip | Scheme::Sips | Scheme::Other(_) => self.user.as_deref().map(unescape),
        }
    }

    /// The host as an address, if it is one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        host_ip(&self.host)
    }

    /// The port, or the one that holds where none is written (RFC 3261 §19.1.2).
    pub(crate) fn port_or_default(&self) -> u16 {
        let secure = self.scheme == Scheme::Sips || self.transport().as_deref() == Some("tls");
        self.port.unwrap_or(if secure { 5061 } else { 5060 })
    }

    /// The `transport` parameter in small letters.
    pub(crate) fn transport(&self) -> Option<String> {
        self.params.get("transport").map(str::to_ascii_lowercase)
    }

    /// A header of the `?` part, unescaped: `Replaces` of a Refer-To.
    #[cfg(test)]
    pub(crate) fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| unescape(value))
    }

    /// Whether both name the same resource, RFC 3261 §19.1.4.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && same_text(self.user.as_deref(), other.user.as_deref())
            && same_text(self.password.as_deref(), other.password.as_deref())
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && same_params(&self.params, &other.params)
            && same_headers(&self.headers, &other.headers)
    }

    /// As rsip's value. IPv6 goes in as a bracketed name and other schemes as a host, because rsip would print them wrong.
    pub(crate) fn to_rsip(&self) -> rsip::Uri {
        let scheme = match &self.scheme {
            Scheme::Sip => RsipScheme::Sip,
            Scheme::Sips => RsipScheme::Sips,
            Scheme::Other(other) => RsipScheme::Other(other.clone()),
        };
        let host = match self.host.parse::<Ipv4Addr>() {
            Ok(address) if self.is_sip() => RsipHost::IpAddr(IpAddr::V4(address)),
            Ok(_) | Err(_) => RsipHost::Domain(self.host.clone().into()),
        };
        rsip::Uri {
            scheme: Some(scheme),
            auth: self.user.clone().map(|user| Auth { user, password: self.password.clone() }),
            host_with_port: HostWithPort { host, port: self.port.map(Into::into) },
            params: self.params.iter().map(rsip_param).collect(),
            headers: Vec::new(),
        }
    }
}

impl From<&rsip::Uri> for SipUri {
    fn from(uri: &rsip::Uri) -> Self {
        let scheme = match &uri.scheme {
            Some(RsipScheme::Sips) => Scheme::Sips,
            Some(RsipScheme::Other(other)) => Scheme::Other(other.clone()),
            Some(RsipScheme::Sip) | None => Scheme::Sip,
        };
        let host = match &uri.host_with_port.host {
            RsipHost::IpAddr(IpAddr::V6(address)) => format!("[{address}]"),
            host @ (RsipHost::IpAddr(IpAddr::V4(_)) | RsipHost::Domain(_)) => host.to_string(),
        };
        let mut params = Params::default();
        for param in &uri.params {
            if let Param::Transport(transport) = param {
                params.push("transport", Some(&transport.to_string().to_ascii_lowercase()));
                continue;
            }
            let text = param.to_string();
            let text = text.trim_start_matches(';');
            let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
            params.push(name, value);
        }
        Self {
            scheme,
            user: uri.auth.as_ref().map(|auth| auth.user.clone()),
            password: uri.auth.as_ref().and_then(|auth| auth.password.clone()),
            host,
            port: uri.host_with_port.port.as_ref().map(|port| *port.value()),
            params,
            headers: Vec::new(),
        }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scheme {
            Scheme::Sip => f.write_str("sip:")?,
            Scheme::Sips => f.write_str("sips:")?,
            Scheme::Other(scheme) => write!(f, "{scheme}:")?,
        }
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        for (at, (name, value)) in self.headers.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl TryFrom<String> for SipUri {
    type Error = Unreadable;

    fn try_from(text: String) -> Result<Self, Unreadable> {
        Self::parse(&text)
    }
}

impl From<SipUri> for String {
    fn from(uri: SipUri) -> Self {
        uri.to_string()
    }
}

/// `host` or `host:port`, the host as it is written (IPv6 in brackets).
pub(crate) fn host_port(text: &str) -> Result<(String, Option<u16>), Unreadable> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(within) => {
            let (address, rest) = within.split_once(']').ok_or(Unreadable::Host)?;
            address.parse::<Ipv6Addr>().map_err(|_| Unreadable::Host)?;
            (&text[..address.len() + 2], rest)
        }
        None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
    };
    let named =
        host.starts_with('[') || host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if host.is_empty() || !named {
        return Err(Unreadable::Host);
    }
    let port = match rest.strip_prefix(':') {
        Some(port) => {
            Some(number(port, 65_535).ok().and_then(|port| u16::try_from(port).ok()).ok_or(Unreadable::Port)?)
        }
        None if rest.is_empty() => None,
        None => return Err(Unreadable::Host),
    };
    Ok((host.to_owned(), port))
}

/// A host as an address, if it is one; brackets are taken off.
pub(crate) fn host_ip(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn sip(scheme: Scheme, rest: &str) -> Result<SipUri, Unreadable> {
    let (user, rest) = split_user(rest);
    let (rest, headers) = rest.split_once('?').map_or((rest, None), |(rest, headers)| (rest, Some(headers)));
    let (host, params) = rest.find(';').map_or((rest, ""), |semicolon| rest.split_at(semicolon));
    let (host, port) = host_port(host)?;
    let (user, password) = match user {
        Some(user) => user_and_password(user)?,
        None => (None, None),
    };
    let headers = headers.map_or(Ok(Vec::new()), uri_headers)?;
    Ok(SipUri { scheme, user, password, host, port, params: Params::parse(params)?, headers })
}

/// The user part ends at the first `@` (it must be escaped elsewhere), unless that one stands in the `?` part of a URI
/// without user, where some phones leave the Call-ID of a Replaces unescaped.
fn split_user(rest: &str) -> (Option<&str>, &str) {
    let Some((user, after)) = rest.split_once('@') else { return (None, rest) };
    if let Some((before, headers)) = user.split_once('?') {
        let host = before.split(';').next().unwrap_or(before);
        let header = headers.split_once('=').is_some_and(|(name, _)| name.eq_ignore_ascii_case("replaces"));
        if header && host_port(host).is_ok() {
            return (None, rest);
        }
    }
    (Some(user), after)
}

type UserAndPassword = (Option<String>, Option<String>);

fn user_and_password(text: &str) -> Result<UserAndPassword, Unreadable> {
    let (user, password) = text.split_once(':').map_or((text, None), |(user, password)| (user, Some(password)));
    // `#` stands unescaped in what many phones dial; `[`, `]` and the like do in provider user names.
    let readable = |text: &str| text.bytes().all(|byte| byte > b' ' && byte != b'@' && byte != 0x7F);
    if user.is_empty() || !readable(user) || !password.is_none_or(readable) {
        return Err(Unreadable::User);
    }
    Ok((Some(user.to_owned()), password.map(str::to_owned)))
}

fn uri_headers(text: &str) -> Result<Vec<(String, String)>, Unreadable> {
    let mut headers = Vec::new();
    for header in text.split('&') {
        let (name, value) = header.split_once('=').ok_or(Unreadable::UriHeaders)?;
        if name.is_empty() {
            return Err(Unreadable::UriHeaders);
        }
        headers.push((unescape(name).into_owned(), value.to_owned()));
    }
    Ok(headers)
}

fn same_text(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => unescape(one) == unescape(other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Parameters in both must agree; `user`, `ttl`, `method`, `maddr` and `transport` must be in both or in neither.
fn same_params(one: &Params, other: &Params) -> bool {
    let agrees = |name: &str, one: &Params, other: &Params| {
        let must = ["user", "ttl", "method", "maddr", "transport"].iter().any(|must| name.eq_ignore_ascii_case(must));
        match (one.get(name), other.get(name)) {
            (Some(ours), Some(theirs)) => unescape(theirs).eq_ignore_ascii_case(&unescape(ours)),
            (ours, theirs) => {
                if other.has(name) {
                    ours == theirs
                } else {
                    !must
                }
            }
        }
    };
    one.iter().all(|(name, _)| agrees(name, one, other)) && other.iter().all(|(name, _)| agrees(name, other, one))
}

fn same_headers(one: &[(String, String)], other: &[(String, String)]) -> bool {
    let within = |(name, value): &(String, String), all: &[(String, String)]| {
        all.iter().any(|(known, theirs)| known.eq_ignore_ascii_case(name) && unescape(theirs) == unescape(value))
    };
    one.len() == other.len() && one.iter().all(|header| within(header, other))
}

fn rsip_param((name, value): (&str, Option<&str>)) -> Param {
    match (name, value) {
        (name, None) if name.eq_ignore_ascii_case("lr") => Param::Lr,
        (name, Some(value)) if name.eq_ignore_ascii_case("transport") => match value.parse() {
            Ok(transport) => Param::Transport(transport),
            Err(_) => Param::Other(name.into(), Some(value.into())),
        },
        (name, value) => Param::Other(name.into(), value.map(Into::into)),
    }
}
