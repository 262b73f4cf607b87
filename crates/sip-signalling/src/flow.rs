//! The way messages take between one of our listeners and one peer.
//!
//! A value that can be stored: what socket or connection carries it is known to the transport alone.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::settings::Protocol;

/// One of our listeners and one address on the other side. Over TCP and TLS there is at most one connection per flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Flow {
    /// Over what.
    pub(crate) protocol: Protocol,
    /// The listener, by the address it is bound to.
    pub(crate) local: SocketAddr,
    /// The other side.
    pub(crate) peer: SocketAddr,
}

impl Flow {
    /// Whether the transport repeats what gets lost, so that transactions need not (RFC 3261 §17).
    pub(crate) fn is_reliable(&self) -> bool {
        match self.protocol {
            Protocol::Udp => false,
            Protocol::Tcp | Protocol::Tls => true,
        }
    }

    /// The same listener to another address.
    pub(crate) fn toward(self, peer: SocketAddr) -> Self {
        Self { peer, ..self }
    }

    /// The name of its transport in a Via.
    pub(crate) fn via_transport(&self) -> &'static str {
        match self.protocol {
            Protocol::Udp => "UDP",
            Protocol::Tcp => "TCP",
            Protocol::Tls => "TLS",
        }
    }

    /// The `transport` parameter of a URI that leads here; UDP is understood without.
    pub(crate) fn uri_transport(&self) -> Option<&'static str> {
        match self.protocol {
            Protocol::Udp => None,
            Protocol::Tcp => Some("tcp"),
            // deprecated by RFC 3261 §26.2.2 in favour of sips:, which promises more than one hop; every phone writes it
            Protocol::Tls => Some("tls"),
        }
    }
}
