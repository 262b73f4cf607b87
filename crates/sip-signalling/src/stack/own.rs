//! Our own addresses: where we listen, what we call ourselves towards a peer, which names are ours.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::codec::SipUri;
use crate::flow::Flow;
use crate::gate::{contains, same_ip};
use crate::settings::{Network, Protocol, SipSettings};

/// Peers whose route is remembered.
const ROUTES: usize = 4096;

/// Asks the operating system from which address it would send to a peer.
pub(crate) type RouteTo = Box<dyn Fn(IpAddr) -> Option<IpAddr> + Send>;

/// Our addresses.
pub(crate) struct Own {
    listeners: Vec<(Protocol, SocketAddr)>,
    domain: String,
    external: Option<IpAddr>,
    local_networks: Vec<Network>,
    route_to: RouteTo,
    routes: BTreeMap<IpAddr, IpAddr>,
}

impl Own {
    /// `listeners` as they were bound.
    pub(crate) fn new(settings: &SipSettings, listeners: Vec<(Protocol, SocketAddr)>, route_to: RouteTo) -> Self {
        Self {
            listeners,
            domain: settings.domain.clone(),
            external: settings.external_address,
            local_networks: settings.local_networks.clone(),
            route_to,
            routes: BTreeMap::new(),
        }
    }

    /// The public address, for the peer of a flow that is to be told it: one outside our networks.
    fn told_outside(&self, flow: Flow) -> Option<IpAddr> {
        let peer = flow.peer.ip().to_canonical();
        let is_local = self.local_networks.iter().any(|network| contains(network, peer));
        self.external.filter(|external| !is_local && external.is_ipv4() == peer.is_ipv4())
    }

    /// Whether the peer of a flow is told the public address.
    pub(crate) fn is_outside(&self, flow: Flow) -> bool {
        self.told_outside(flow).is_some()
    }

    /// The address we show to the peer of a flow: in Via and Contact.
    pub(crate) fn shown(&mut self, flow: Flow) -> SocketAddr {
        let peer = flow.peer.ip().to_canonical();
        if let Some(external) = self.told_outside(flow) {
            return (external, flow.local.port()).into();
        }
        if !flow.local.ip().is_unspecified() {
            return flow.local;
        }
        (self.route(peer).unwrap_or(flow.local.ip()), flow.local.port()).into()
    }

    fn route(&mut self, peer: IpAddr) -> Option<IpAddr> {
        if let Some(known) = self.routes.get(&peer) {
            return Some(*known);
        }
        let found = (self.route_to)(peer)?;
        if self.routes.len() >= ROUTES {
            self.routes.clear();
        }
        self.routes.insert(peer, found);
        Some(found)
    }

    /// The flow from one of our listeners to an address: from the one the operating system would send from, if there is
    /// one at that address.
    pub(crate) fn flow_to(&mut self, protocol: Protocol, peer: SocketAddr) -> Option<Flow> {
        let from = self.route(peer.ip().to_canonical());
        let fits =
            |(listens, local): &&(Protocol, SocketAddr)| *listens == protocol && local.is_ipv4() == peer.is_ipv4();
        let best = |(_, local): &&(Protocol, SocketAddr)| from.is_some_and(|from| same_ip(from, local.ip()));
        let mut fitting = self.listeners.iter().filter(fits);
        let (protocol, local) = *fitting.clone().find(best).or_else(|| fitting.next())?;
        Some(Flow { protocol, local, peer })
    }

    /// What we speak, in no order.
    pub(crate) fn protocols(&self) -> Vec<Protocol> {
        let mut protocols: Vec<_> = self.listeners.iter().map(|(protocol, _)| *protocol).collect();
        protocols.sort_unstable();
        protocols.dedup();
        protocols
    }

    /// Whether we reach addresses of IPv4, and of IPv6.
    pub(crate) fn families(&self) -> (bool, bool) {
        let any = |six: bool| self.listeners.iter().any(|(_, local)| local.is_ipv6() == six);
        (any(false), any(true))
    }

    /// Whether one of our listeners stands at this end of a flow.
    pub(crate) fn listens(&self, flow: Flow) -> bool {
        self.listeners.contains(&(flow.protocol, flow.local))
    }

    /// Where we can be reached: our listeners, and their ports at the external address.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = SocketAddr> {
        let outside = |local: SocketAddr| self.external.map(|external| SocketAddr::new(external, local.port()));
        self.listeners.iter().flat_map(move |(_, local)| std::iter::once(*local).chain(outside(*local)))
    }

    /// Whether a Request-URI that came by this flow names us: the domain or an address of ours; ports do not matter.
    pub(crate) fn is_ours(&mut self, uri: &SipUri, flow: Flow) -> bool {
        if !uri.is_sip() || uri.host.eq_ignore_ascii_case(&self.domain) {
            return true;
        }
        let Some(ip) = uri.ip() else { return uri.host.eq_ignore_ascii_case("localhost") };
        let shown = self.shown(flow).ip();
        same_ip(ip, shown)
            || self.external.is_some_and(|external| same_ip(ip, external))
            || self.listeners.iter().any(|(_, local)| same_ip(ip, local.ip()))
            || self.listeners.iter().any(|(_, local)| local.ip().is_unspecified()) && ip.is_loopback()
    }
}
