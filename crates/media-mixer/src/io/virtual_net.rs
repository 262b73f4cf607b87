//! The deterministic wire: datagrams lie in queues until somebody takes them, on a clock that is turned by hand.
//!
//! Delay, loss and reordering are the test's business: it puts in what should arrive, when it should arrive.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Datagram, Net, Wire, Wires};
use crate::ports::PortError;
use crate::rtp::MAX_PACKET;

/// A datagram on the virtual net.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// When it arrives, or was sent, in microseconds.
    pub at_us: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

#[derive(Default)]
struct Shelves {
    /// What waits for our ports.
    waiting: BTreeMap<SocketAddr, VecDeque<Parcel>>,
    /// What we sent.
    sent: VecDeque<Parcel>,
    next_port: u16,
    now_us: u64,
    /// Room is kept so that sending within a tick does not allocate.
    spare: Vec<Vec<u8>>,
}

/// The net itself; clones are the same net.
#[derive(Clone)]
pub struct VirtualNet {
    address: IpAddr,
    shelves: Arc<Mutex<Shelves>>,
}

/// First port that the virtual net gives out.
const FIRST_PORT: u16 = 20_000;
/// Datagrams for which room is kept ready on the way out.
const SPARE: usize = 4_096;

impl VirtualNet {
    /// An empty net whose ports have this address.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        let spare = (0..SPARE).map(|_| Vec::with_capacity(MAX_PACKET));
        let mut shelf = Vec::with_capacity(4 * SPARE);
        shelf.extend(spare);
        let shelves =
            Shelves { next_port: FIRST_PORT, sent: VecDeque::with_capacity(SPARE), spare: shelf, ..Shelves::default() };
        Self { address, shelves: Arc::new(Mutex::new(shelves)) }
    }

    /// Turns the net's clock.
    pub fn set_time(&self, now_us: u64) {
        self.shelves().now_us = now_us;
    }

    /// A datagram arrives at one of our ports. One for a port that nobody has is lost.
    pub fn arrive(&self, parcel: Parcel) {
        let mut shelves = self.shelves();
        // room of the usual size, so that it serves again on the way out
        let mut bytes = shelves.spare.pop().unwrap_or_else(|| Vec::with_capacity(MAX_PACKET));
        bytes.extend_from_slice(&parcel.bytes);
        if let Some(queue) = shelves.waiting.get_mut(&parcel.to) {
            queue.push_back(Parcel { bytes, ..parcel });
        }
    }

    /// The next datagram that we sent.
    #[must_use]
    pub fn take(&self) -> Option<Parcel> {
        self.shelves().sent.pop_front()
    }

    /// Gives the room of a datagram back, so that sending goes on without allocating.
    pub fn give_back(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        self.shelves().spare.push(bytes);
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wires(&self, port: u16) -> Wires {
        let wire = |port| {
            let own = SocketAddr::new(self.address, port);
            self.shelves().waiting.insert(own, VecDeque::with_capacity(SPARE));
            Box::new(VirtualWire { own, net: self.clone() })
        };
        Wires { port, rtp: wire(port), rtcp: wire(port + 1) }
    }
}

impl Net for VirtualNet {
    fn bind(&mut self, _address: IpAddr, _now_us: u64) -> Result<Wires, PortError> {
        let port = self.shelves().next_port;
        self.shelves().next_port = port.wrapping_add(2).max(FIRST_PORT);
        Ok(self.wires(port))
    }

    fn rebind(&mut self, _address: IpAddr, port: u16) -> Result<Wires, PortError> {
        Ok(self.wires(port))
    }

    fn free(&mut self, _port: u16, _now_us: u64) {}

    fn unbindable(&self) -> u64 {
        0
    }

    fn stamps(&self) -> bool {
        true
    }
}

struct VirtualWire {
    own: SocketAddr,
    net: VirtualNet,
}

impl Wire for VirtualWire {
    fn receive(&mut self, buffer: &mut [u8], now_us: u64) -> Option<Datagram> {
        let mut shelves = self.net.shelves();
        let queue = shelves.waiting.get_mut(&self.own)?;
        let arrived = queue.iter().enumerate().filter(|(_, parcel)| parcel.at_us <= now_us);
        let (place, _) = arrived.min_by_key(|(place, parcel)| (parcel.at_us, *place))?;
        let parcel = queue.remove(place)?;
        let length = parcel.bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&parcel.bytes[..length]);
        let mut room = parcel.bytes;
        room.clear();
        shelves.spare.push(room);
        Some(Datagram { length, from: parcel.from, at_us: Some(parcel.at_us) })
    }

    fn send(&mut self, bytes: &[u8], to: SocketAddr) -> bool {
        let mut shelves = self.net.shelves();
        let mut room = shelves.spare.pop().unwrap_or_default();
        room.clear();
        room.extend_from_slice(bytes);
        let at_us = shelves.now_us;
        shelves.sent.push_back(Parcel { from: self.own, to, at_us, bytes: room });
        true
    }
}
