//! A flow: the way to one peer and back, RFC 5626 §2. Everything that is sent names the flow it takes.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::settings::Protocol;

/// One flow. A value without handles: it can be kept, compared and stored; whether it still works is the transport's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Flow {
    /// The transport protocol.
    pub(crate) protocol: Protocol,
    /// Our end: the listener's address (for connections we opened: a listener of that protocol).
    pub(crate) local: SocketAddr,
    /// Their end.
    pub(crate) remote: SocketAddr,
    /// For TCP the connection's number; 0: any connection to `remote`, opened if there is none. Always 0 for UDP.
    pub(crate) connection: u64,
}

impl Flow {
    /// Whether the transport repeats what gets lost (RFC 3261 §17).
    pub(crate) const fn is_reliable(self) -> bool {
        match self.protocol {
            Protocol::Udp => false,
            Protocol::Tcp => true,
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        };
        write!(f, "{protocol}:{}", self.remote)?;
        if self.connection == 0 { Ok(()) } else { write!(f, "#{}", self.connection) }
    }
}
