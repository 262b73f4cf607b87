//! Which servers a carrier's name leads to, and in which order they are tried (RFC 3263 §4, RFC 2782).
//!
//! Asks nobody: what DNS says is the transport's to find out.

use std::net::SocketAddr;
use std::time::Duration;

use crate::chance::Chance;
use crate::settings::Protocol;

#[cfg(test)]
mod tests;

/// Servers of one name that are kept.
pub(crate) const MOST_SERVERS: usize = 32;
/// Addresses of one server that are kept.
pub(crate) const MOST_ADDRESSES: usize = 8;

/// What is to be found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The name.
    pub(crate) host: String,
    /// With a port there is nothing to be asked but addresses.
    pub(crate) port: Option<u16>,
    /// Over what, if that is settled.
    pub(crate) protocol: Option<Protocol>,
    /// What we speak.
    pub(crate) ours: Vec<Protocol>,
    /// Whether we reach addresses of IPv4, and of IPv6.
    pub(crate) families: (bool, bool),
}

/// One server, as DNS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// The rank of its transport by NAPTR; lower comes first.
    pub(crate) stage: usize,
    /// Lower comes first.
    pub(crate) priority: u16,
    /// Of those of one priority, how often it is the first.
    pub(crate) weight: u16,
    /// Over what.
    pub(crate) protocol: Protocol,
    /// Where.
    pub(crate) addresses: Vec<SocketAddr>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Servers in no order.
    pub(crate) servers: Vec<Server>,
    /// How long that holds: the shortest life of any record that led here.
    pub(crate) life: Duration,
}

impl Found {
    /// In the order in which they are to be tried this time.
    pub(crate) fn in_order(&self, chance: &mut Chance) -> Vec<(Protocol, SocketAddr)> {
        let mut servers: Vec<&Server> = self.servers.iter().collect();
        servers.sort_by_key(|server| (server.stage, server.priority));
        let groups = servers.chunk_by(|one, other| (one.stage, one.priority) == (other.stage, other.priority));
        let order = groups.flat_map(|group| by_weight(group, chance)).collect::<Vec<_>>();
        let all = order.into_iter();
        all.flat_map(|server| server.addresses.iter().map(|address| (server.protocol, *address))).collect()
    }

    /// Whether one of them is there.
    pub(crate) fn has(&self, address: SocketAddr) -> bool {
        self.servers.iter().any(|server| server.addresses.contains(&address))
    }
}

/// RFC 2782, "Weight": those without come first in the list, so that they are seldom drawn while others have some.
fn by_weight<'a>(group: &[&'a Server], chance: &mut Chance) -> Vec<&'a Server> {
    let mut left = group.to_vec();
    left.sort_by_key(|server| server.weight > 0);
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let total: u64 = left.iter().map(|server| u64::from(server.weight)).sum();
        let drawn = chance.number() % (total + 1);
        let mut sum = 0;
        let first = left.iter().position(|server| {
            sum += u64::from(server.weight);
            sum >= drawn
        });
        order.push(left.remove(first.unwrap_or(0)));
    }
    order
}
