//! Ports for one scenario: nobody else's, so that scenarios can run side by side.
//!
//! All are below the system's ephemeral range. Single ports are probed and handed out once; RTP ranges are not probed: the daemon
//! and the phones skip a port that is taken.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// RTP ports one program may use.
/// A freed port rests for half a minute in the daemon, so a range is wide enough for all the legs of a scenario.
pub(crate) const RTP_SPAN: u16 = 300;

const RTP_FIRST: u16 = 20_000;
const RTP_LAST: u16 = 32_600;

/// Ports below the system's ephemeral range: whoever asks the system for any port never gets one of them between our look and
/// its use.
const FIRST: u16 = 10_000;
const LAST: u16 = RTP_FIRST - 1;
/// A program that was given one port may take some behind it as well: SIPp takes the next even one for video.
const STEP: u16 = 8;

/// A port that is free on 127.0.0.1 right now for UDP and for TCP, and was given to nobody else.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let all = (LAST - FIRST + 1) / STEP;
    // programs that run side by side begin far from each other
    let own_start = u16::try_from(std::process::id() % 12).unwrap_or(0) * 101;
    for _ in 0..all {
        let port = FIRST + STEP * ((NEXT.fetch_add(1, Ordering::Relaxed) % all + own_start) % all);
        let address = (Ipv4Addr::LOCALHOST, port);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return port;
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
