//! Kernel sockets: one unconnected UDP socket per port, read without waiting, with the kernel's arrival times.
//!
//! Unconnected, because the latch must see who else sends here and a translator may move its port.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::{Datagram, Net, Wire, Wires};
use crate::ports::{PortError, PortPair, PortRange};
use crate::realtime;

/// The ports of this machine.
pub(crate) struct PlainNet {
    range: PortRange,
}

impl PlainNet {
    pub(crate) fn new((first, last): (u16, u16)) -> Result<Self, PortError> {
        Ok(Self { range: PortRange::new(first, last)? })
    }
}

impl Net for PlainNet {
    fn bind(&mut self, address: IpAddr, now_us: u64) -> Result<Wires, PortError> {
        Ok(wires(self.range.bind(address, now_us)?))
    }

    fn rebind(&mut self, address: IpAddr, port: u16) -> Result<Wires, PortError> {
        Ok(wires(self.range.rebind(address, port)?))
    }

    fn free(&mut self, port: u16, now_us: u64) {
        self.range.free(port, now_us);
    }

    fn unbindable(&self) -> u64 {
        self.range.unbindable()
    }

    fn stamps(&self) -> bool {
        true
    }
}

fn wires(pair: PortPair) -> Wires {
    Wires { port: pair.port, rtp: Box::new(PlainWire::new(pair.rtp)), rtcp: Box::new(PlainWire::new(pair.rtcp)) }
}

struct PlainWire {
    socket: UdpSocket,
}

impl PlainWire {
    fn new(socket: UdpSocket) -> Self {
        realtime::stamp_arrivals(&socket);
        Self { socket }
    }
}

impl Wire for PlainWire {
    fn receive(&mut self, buffer: &mut [u8], now_us: u64) -> Option<Datagram> {
        // an error that an earlier packet of ours brought back is read once and is no packet
        let (length, from, at_us) = realtime::receive(&self.socket, buffer, now_us).ok()?;
        Some(Datagram { length, from, at_us })
    }

    fn send(&mut self, bytes: &[u8], to: SocketAddr) -> bool {
        self.socket.send_to(bytes, to).is_ok()
    }
}
