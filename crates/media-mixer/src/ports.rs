//! UDP port pairs for RTP and RTCP: random even ports of a range, never one after the other, drained before they are used again.
//!
//! It opens sockets and nothing else; who reads them and when is the engine's business. Time is passed in.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Microseconds for which a freed port rests, so that stragglers of the old call do not reach the next one.
pub const DRAIN_US: u64 = 30_000_000;
/// What a freed port rests at least. When no pair has rested for [`DRAIN_US`], the one that rested longest is taken: a
/// call that is refused is worse than a straggler, which the latch turns away.
pub const SHORTEST_DRAIN_US: u64 = 1_000_000;
/// Pairs tried for one request before it fails.
const TRIES: usize = 64;
/// Draws to find a port that is not beside the last one.
const DRAWS: usize = 8;

/// Why no port pair was had.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The range holds no even port with its odd neighbour.
    #[error("rtp_ports {first} to {last} holds no port pair")]
    Range {
        /// First port given.
        first: u16,
        /// Last port given.
        last: u16,
    },
    /// Every pair is in use, or was until a moment ago.
    #[error("no RTP port is free ({in_use} in use, {draining} draining)")]
    Exhausted {
        /// Pairs in use.
        in_use: usize,
        /// Pairs that rest.
        draining: usize,
    },
    /// As many pairs as are tried could not be bound; they are skipped for a while.
    #[error("no RTP port could be bound on {address}")]
    Unbindable {
        /// The address asked for.
        address: IpAddr,
        /// What the system said last.
        source: std::io::Error,
    },
    /// The system gave no random number.
    #[error("no random number for an RTP port")]
    NoRandom,
}

/// Two bound, non-blocking sockets.
#[derive(Debug)]
pub struct PortPair {
    /// The even port.
    pub port: u16,
    /// Bound to `port`.
    pub rtp: UdpSocket,
    /// Bound to `port + 1`.
    pub rtcp: UdpSocket,
}

/// The port pairs of a configured range.
#[derive(Debug)]
pub struct PortRange {
    free: Vec<u16>,
    /// Freed pairs and when they may be used again, oldest first.
    draining: VecDeque<(u64, u16)>,
    in_use: Vec<u16>,
    last: Option<u16>,
    unbindable: u64,
}

impl PortRange {
    /// The pairs from `first` to `last`, both included.
    ///
    /// # Errors
    /// `Range` if there is none.
    pub fn new(first: u16, last: u16) -> Result<PortRange, PortError> {
        let start = u32::from(first).max(2).next_multiple_of(2);
        let free: Vec<u16> = (start..u32::from(last)).step_by(2).filter_map(|port| u16::try_from(port).ok()).collect();
        if free.is_empty() {
            return Err(PortError::Range { first, last });
        }
        Ok(PortRange { free, draining: VecDeque::new(), in_use: Vec::new(), last: None, unbindable: 0 })
    }

    /// Binds a random free pair on `address`. Pairs that cannot be bound are counted and rest like freed ones.
    ///
    /// # Errors
    /// `Exhausted`, `Unbindable` or `NoRandom`; no port is lost by it.
    pub fn bind(&mut self, address: IpAddr, now_us: u64) -> Result<PortPair, PortError> {
        self.end_drain(now_us);
        let mut refused = None;
        for _ in 0..TRIES {
            let Some(port) = self.draw()?.or_else(|| self.longest_rested(now_us)) else { break };
            match open(address, port) {
                Ok(pair) => {
                    self.in_use.push(port);
                    self.last = Some(port);
                    return Ok(pair);
                }
                Err(error) => {
                    self.unbindable += 1;
                    self.rest(port, now_us);
                    refused = Some(error);
                }
            }
        }
        Err(match refused {
            Some(source) => PortError::Unbindable { address, source },
            None => PortError::Exhausted { in_use: self.in_use.len(), draining: self.draining.len() },
        })
    }

    /// Binds exactly this pair again, for a leg that is taken up after a restart.
    ///
    /// # Errors
    /// `Unbindable` if the system refuses, `Exhausted` if the pair is not free.
    pub fn rebind(&mut self, address: IpAddr, port: u16) -> Result<PortPair, PortError> {
        let Some(place) = self.free.iter().position(|free| *free == port) else {
            return Err(PortError::Exhausted { in_use: self.in_use.len(), draining: self.draining.len() });
        };
        let pair = open(address, port).map_err(|source| {
            self.unbindable += 1;
            PortError::Unbindable { address, source }
        })?;
        self.free.swap_remove(place);
        self.in_use.push(port);
        Ok(pair)
    }

    /// Takes a pair back; its sockets must be closed. It rests for [`DRAIN_US`]. A port that is not in use is ignored.
    pub fn free(&mut self, port: u16, now_us: u64) {
        if let Some(place) = self.in_use.iter().position(|used| *used == port) {
            self.in_use.swap_remove(place);
            self.rest(port, now_us);
        }
    }

    /// Pairs that could not be bound so far, for the counters.
    pub fn unbindable(&self) -> u64 {
        self.unbindable
    }

    /// Pairs in use.
    pub fn in_use(&self) -> usize {
        self.in_use.len()
    }

    fn rest(&mut self, port: u16, now_us: u64) {
        self.draining.push_back((now_us + DRAIN_US, port));
    }

    fn end_drain(&mut self, now_us: u64) {
        while let Some((until, port)) = self.draining.front().copied() {
            if until > now_us {
                break;
            }
            self.draining.pop_front();
            self.free.push(port);
        }
    }

    /// The pair that has rested longest, if it is no less than [`SHORTEST_DRAIN_US`].
    fn longest_rested(&mut self, now_us: u64) -> Option<u16> {
        let (until, port) = self.draining.front().copied()?;
        if until + SHORTEST_DRAIN_US > now_us + DRAIN_US {
            return None;
        }
        self.draining.pop_front();
        Some(port)
    }

    /// A random free port, not beside the last one as long as there is a choice.
    fn draw(&mut self) -> Result<Option<u16>, PortError> {
        if self.free.is_empty() {
            return Ok(None);
        }
        let mut place = 0;
        for _ in 0..DRAWS {
            let random = getrandom::u32().map_err(|_| PortError::NoRandom)?;
            place = random as usize % self.free.len();
            let beside = |last: u16| last.abs_diff(self.free[place]) <= 2;
            if !self.last.is_some_and(beside) {
                break;
            }
        }
        Ok(Some(self.free.swap_remove(place)))
    }
}

fn open(address: IpAddr, port: u16) -> std::io::Result<PortPair> {
    let rtp = UdpSocket::bind(SocketAddr::new(address, port))?;
    let rtcp = UdpSocket::bind(SocketAddr::new(address, port + 1))?;
    rtp.set_nonblocking(true)?;
    rtcp.set_nonblocking(true)?;
    Ok(PortPair { port, rtp, rtcp })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::Ipv4Addr;

    use super::*;

    /// An address of its own for each test, so that they do not take ports from each other.
    fn host(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(127, 77, 1, last))
    }

    #[test]
    fn pairs_are_even_different_and_never_in_a_row() {
        let mut range = PortRange::new(16_383, 17_000).unwrap();
        let pairs: Vec<PortPair> = (0..100).map(|_| range.bind(host(1), 0).unwrap()).collect();
        let mut ports: Vec<u16> = pairs.iter().map(|pair| pair.port).collect();
        assert!(ports.iter().all(|port| port % 2 == 0 && (16_384..=16_998).contains(port)));
        assert!(ports.windows(2).all(|two| two[0].abs_diff(two[1]) > 2));
        for pair in &pairs {
            assert_eq!(pair.rtcp.local_addr().unwrap().port(), pair.port + 1);
            assert!(pair.rtp.recv(&mut [0; 8]).is_err(), "blocks");
        }
        ports.sort_unstable();
        ports.dedup();
        assert_eq!((ports.len(), range.in_use()), (100, 100));
    }

    #[test]
    fn a_freed_port_rests_for_thirty_seconds_while_there_are_others() {
        let mut range = PortRange::new(16_384, 16_389).unwrap();
        let pair = range.bind(host(2), 0).unwrap();
        let rests = pair.port;
        range.free(rests, 1_000);
        drop(pair);
        for _ in 0..20 {
            let pair = range.bind(host(2), 1_000 + DRAIN_US - 1).unwrap();
            assert_ne!(pair.port, rests);
            range.in_use.clear();
            range.free.push(pair.port);
        }
    }

    #[test]
    fn when_nothing_else_is_free_the_port_that_rested_longest_is_taken() {
        let mut range = PortRange::new(16_384, 16_385).unwrap();
        let pair = range.bind(host(5), 0).unwrap();
        assert!(matches!(range.bind(host(5), 0), Err(PortError::Exhausted { in_use: 1, draining: 0 })));
        range.free(pair.port, 1_000);
        drop(pair);
        let early = range.bind(host(5), 1_000 + SHORTEST_DRAIN_US - 1);
        assert!(matches!(early, Err(PortError::Exhausted { in_use: 0, draining: 1 })), "{early:?}");
        assert_eq!(range.bind(host(5), 1_000 + SHORTEST_DRAIN_US).unwrap().port, 16_384);
    }

    #[test]
    fn a_port_that_somebody_else_has_is_skipped_and_counted() {
        // the odd neighbour is enough to spoil a pair
        let _taken = UdpSocket::bind((host(3), 16_385)).unwrap();
        let mut range = PortRange::new(16_384, 16_385).unwrap();
        assert!(matches!(range.bind(host(3), 0), Err(PortError::Unbindable { .. })));
        assert_eq!((range.unbindable(), range.in_use()), (1, 0));
        let mut wider = PortRange::new(16_384, 16_391).unwrap();
        let ports: Vec<PortPair> = (0..3).map(|_| wider.bind(host(3), 0).unwrap()).collect();
        assert!(ports.iter().all(|pair| pair.port != 16_384));
    }

    #[test]
    fn a_pair_can_be_taken_up_again_by_its_number() {
        let mut range = PortRange::new(16_384, 16_399).unwrap();
        let pair = range.rebind(host(4), 16_390).unwrap();
        assert_eq!(pair.port, 16_390);
        assert!(matches!(range.rebind(host(4), 16_390), Err(PortError::Exhausted { .. })));
    }

    #[test]
    fn a_range_without_a_pair_is_refused() {
        assert!(PortRange::new(16_385, 16_386).is_err());
        assert!(PortRange::new(20_000, 10_000).is_err());
        assert!(PortRange::new(65_534, 65_535).is_ok());
    }
}
