//! Datagrams in and out of one port, behind one trait with two implementations: kernel sockets, and the virtual net of the
//! tests.
//!
//! It reads no packet. Nothing here blocks, and what cannot be sent is dropped: a tick waits for nobody.

mod plain;
pub(crate) mod virtual_net;

use std::net::{IpAddr, SocketAddr};

use crate::ports::PortError;
pub(crate) use plain::PlainNet;

/// A datagram that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// Its bytes lie at the front of the buffer; longer ones were cut to the buffer's length.
    pub(crate) length: usize,
    /// Who sent it.
    pub(crate) from: SocketAddr,
    /// When it arrived, on the engine's clock, if somebody noted that.
    pub(crate) at_us: Option<u64>,
}

/// One port.
pub(crate) trait Wire: Send {
    /// The next datagram that waits, if any.
    fn receive(&mut self, buffer: &mut [u8], now_us: u64) -> Option<Datagram>;

    /// Sends a datagram, or fails without a trace: whether it went out is all that is said.
    fn send(&mut self, bytes: &[u8], to: SocketAddr) -> bool;
}

/// A leg's two ports.
pub(crate) struct Wires {
    /// The number of the first.
    pub(crate) port: u16,
    /// RTP, and RTCP where both share one port.
    pub(crate) rtp: Box<dyn Wire>,
    /// RTCP.
    pub(crate) rtcp: Box<dyn Wire>,
}

impl Wires {
    /// Ports that nothing comes from and nothing goes to, until real ones take their place.
    pub(crate) fn none(port: u16) -> Self {
        Self { port, rtp: Box::new(NoWire), rtcp: Box::new(NoWire) }
    }
}

struct NoWire;

impl Wire for NoWire {
    fn receive(&mut self, _buffer: &mut [u8], _now_us: u64) -> Option<Datagram> {
        None
    }

    fn send(&mut self, _bytes: &[u8], _to: SocketAddr) -> bool {
        false
    }
}

/// Where ports come from.
pub(crate) trait Net: Send {
    /// A free pair at this address of ours.
    fn bind(&mut self, address: IpAddr, now_us: u64) -> Result<Wires, PortError>;

    /// Exactly this pair, which a leg had before a restart.
    fn rebind(&mut self, address: IpAddr, port: u16) -> Result<Wires, PortError>;

    /// Takes a pair back whose wires are dropped already.
    fn free(&mut self, port: u16, now_us: u64);

    /// Ports that could not be bound so far.
    fn unbindable(&self) -> u64;

    /// Whether arrival times are noted where datagrams arrive, rather than when they are read.
    fn stamps(&self) -> bool;
}
