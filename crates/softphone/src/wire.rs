//! A bad line on the way from a phone: delay, jitter and loss of what it says, from a seed, so that a run can be repeated.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How bad the line is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wire {
    /// Every packet is late by this.
    pub delay: Duration,
    /// And by up to this more, evenly spread; packets overtake each other.
    pub jitter: Duration,
    /// This share of packets is lost, 0 to 1.
    pub loss: f64,
}

/// Packets on their way.
#[derive(Debug, Default)]
pub(crate) struct Journey {
    wire: Wire,
    seed: u64,
    sent: u64,
    under_way: BTreeMap<(Instant, u64), (Vec<u8>, SocketAddr)>,
}

impl Journey {
    pub(crate) fn change(&mut self, wire: Wire) {
        self.wire = wire;
    }

    /// Sends a packet, now or later or never. A far end that is gone (ICMP) is told by signalling, not here.
    pub(crate) fn send(&mut self, socket: &UdpSocket, now: Instant, packet: &[u8], to: SocketAddr) {
        if self.wire == Wire::default() {
            let _ = socket.send_to(packet, to);
            return;
        }
        if self.chance() < self.wire.loss {
            return;
        }
        let due = now + self.wire.delay + self.wire.jitter.mul_f64(self.chance());
        self.sent += 1;
        self.under_way.insert((due, self.sent), (packet.to_vec(), to));
    }

    /// Delivers what is due.
    pub(crate) fn deliver(&mut self, socket: &UdpSocket, now: Instant) {
        while let Some(first) = self.under_way.first_entry() {
            if first.key().0 > now {
                return;
            }
            let (packet, to) = first.remove();
            let _ = socket.send_to(&packet, to);
        }
    }

    /// A number from 0 to 1 (Knuth's MMIX generator, its upper bits).
    fn chance(&mut self) -> f64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 40) as f64 / (1_u64 << 24) as f64
    }
}
