//! Ports for one scenario: nobody else's, so that scenarios can run side by side.
//!
//! RTP ranges are handed out below the system's ephemeral range and are not probed: the daemon and the phones skip a
//! port that is taken.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// RTP ports one program may use.
/// A freed port rests for half a minute in the daemon, so a range is wide enough for all the legs of a scenario.
pub(crate) const RTP_SPAN: u16 = 300;

const RTP_FIRST: u16 = 20_000;
const RTP_LAST: u16 = 32_600;

/// A port that is free on 127.0.0.1 right now for UDP and for TCP.
pub(crate) fn free_port() -> u16 {
    for _ in 0..100 {
        let Ok(tcp) = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) else { continue };
        let Ok(address) = tcp.local_addr() else { continue };
        if UdpSocket::bind(address).is_ok() {
            return address.port();
        }
    }
    panic!("no free port on 127.0.0.1");
}

/// The next range of RTP ports, first and last.
pub(crate) fn rtp_range() -> (u16, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let ranges = (RTP_LAST - RTP_FIRST) / RTP_SPAN;
    let own_start = u16::try_from(std::process::id() % 61).unwrap_or(0);
    let index = (NEXT.fetch_add(1, Ordering::Relaxed) + own_start) % ranges;
    let first = RTP_FIRST + index * RTP_SPAN;
    (first, first + RTP_SPAN - 1)
}
