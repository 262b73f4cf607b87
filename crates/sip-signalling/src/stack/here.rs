//! Where we are, as a peer sees us: our address in Via and Contact, and which listener a request leaves by.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use crate::codec::{SipUri, host_ip};
use crate::flow::Flow;
use crate::settings::{Network, Protocol, SipSettings};

/// Tells which of our addresses the system would use to reach an address; asked only for listeners on all addresses.
pub(crate) type RouteFrom = Box<dyn Fn(IpAddr) -> Option<IpAddr> + Send>;

/// Remembered answers of [`RouteFrom`]; more, and all are asked anew.
const ROUTES: usize = 4_096;

/// Our addresses.
pub(crate) struct Here {
    domain: String,
    listeners: Vec<(Protocol, SocketAddr)>,
    external: Option<IpAddr>,
    local: Vec<Network>,
    route_from: RouteFrom,
    routes: HashMap<IpAddr, IpAddr>,
}

impl Here {
    pub(crate) fn new(settings: &SipSettings, listeners: Vec<(Protocol, SocketAddr)>, route_from: RouteFrom) -> Self {
        Self {
            domain: settings.domain.clone(),
            listeners,
            external: settings.external_address,
            local: settings.local_networks.clone(),
            route_from,
            routes: HashMap::new(),
        }
    }

    /// The domain.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// Every address we listen on.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|(_, address)| *address).collect()
    }

    /// Our address as the peer of this flow must be told.
    pub(crate) fn shown(&mut self, flow: Flow) -> SocketAddr {
        let ip = match self.external {
            Some(external) if !self.is_local(flow.remote.ip()) => external,
            Some(_) | None if flow.local.ip().is_unspecified() => self.routed(flow.remote.ip()),
            Some(_) | None => flow.local.ip(),
        };
        SocketAddr::new(ip, flow.local.port())
    }

    /// The flow by which a request to a peer we have not heard from leaves. `None`: nothing listens for that protocol.
    pub(crate) fn flow_to(&self, protocol: Protocol, remote: SocketAddr) -> Option<Flow> {
        let fits = |address: &SocketAddr| address.is_ipv4() == remote.is_ipv4();
        let loopback = |address: &SocketAddr| {
            address.ip().is_unspecified() || address.ip().is_loopback() == remote.ip().is_loopback()
        };
        let of_protocol =
            || self.listeners.iter().filter(|(known, _)| *known == protocol).map(|(_, address)| *address);
        let local = of_protocol()
            .find(|address| fits(address) && loopback(address))
            .or_else(|| of_protocol().find(fits))?;
        Some(Flow { protocol, local, remote, connection: 0 })
    }

    /// Whether a Request-URI names us: the domain, or an address we listen on.
    pub(crate) fn is_ours(&mut self, uri: &SipUri, flow: Flow) -> bool {
        if uri.host.eq_ignore_ascii_case(&self.domain) {
            return true;
        }
        let Some(ip) = host_ip(&uri.host) else { return false };
        let port = uri.port.unwrap_or(5060);
        let shown = self.shown(flow);
        let listens =
            self.listeners.iter().any(|(_, address)| address.port() == port && address.ip() == ip);
        listens || (shown.port() == port && (shown.ip() == ip || self.external == Some(ip)))
    }

    fn is_local(&self, ip: IpAddr) -> bool {
        ip.to_canonical().is_loopback() || self.local.iter().any(|network| contains(network, ip))
    }

    fn routed(&mut self, remote: IpAddr) -> IpAddr {
        if let Some(known) = self.routes.get(&remote) {
            return *known;
        }
        let Some(from) = (self.route_from)(remote) else { return IpAddr::from([127, 0, 0, 1]) };
        if self.routes.len() >= ROUTES {
            self.routes.clear();
        }
        self.routes.insert(remote, from);
        from
    }
}

/// Whether an address lies in a network.
pub(crate) fn contains(network: &Network, ip: IpAddr) -> bool {
    match (network.address.to_canonical(), ip.to_canonical()) {
        (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(network.prefix.min(32))).unwrap_or(0);
            ours.to_bits() & mask == theirs.to_bits() & mask
        }
        (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(network.prefix.min(128))).unwrap_or(0);
            ours.to_bits() & mask == theirs.to_bits() & mask
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

impl std::fmt::Debug for Here {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Here").field("domain", &self.domain).field("listeners", &self.listeners).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        Network {
            address: address.parse().unwrap_or(IpAddr::from([0, 0, 0, 0])),
            prefix: prefix.parse().unwrap_or_default(),
        }
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let within = |net: &str, ip: &str| ip.parse().is_ok_and(|ip| contains(&network(net), ip));
        assert!(within("192.168.7.0/24", "192.168.7.255"));
        assert!(!within("192.168.7.0/24", "192.168.8.0"));
        assert!(within("0.0.0.0/0", "8.8.8.8"));
        assert!(within("10.1.2.3/32", "10.1.2.3"));
        assert!(!within("10.1.2.3/32", "10.1.2.4"));
        assert!(within("fd00::/8", "fd12::1"));
        assert!(!within("fd00::/8", "fe80::1"));
        assert!(within("::/0", "fe80::1"));
        assert!(!within("::/0", "10.0.0.1"));
        assert!(within("10.0.0.0/8", "::ffff:10.2.3.4"));
    }
}
