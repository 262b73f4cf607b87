//! Which address of ours a peer is told, by where its signalling comes from: our own, or the public one of the NAT we stand behind.
//!
//! Sockets and descriptions are made elsewhere; nothing is sent here.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::settings::MediaSettings;

/// Our addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addresses {
    address: IpAddr,
    address_v6: Option<IpAddr>,
    external: Option<IpAddr>,
    local_networks: Vec<(IpAddr, u8)>,
}

impl Addresses {
    pub(super) fn of(settings: &MediaSettings) -> Self {
        Self {
            address: settings.address,
            address_v6: settings.address_v6,
            external: settings.external_address,
            local_networks: settings.local_networks.clone(),
        }
    }

    /// Where we receive what is sent by somebody whose signalling comes from there.
    pub(super) fn own(&self, signalling: IpAddr) -> IpAddr {
        match signalling.to_canonical() {
            IpAddr::V4(_) => self.address,
            IpAddr::V6(_) => self.address_v6.unwrap_or(self.address),
        }
    }

    /// The address that somebody is told whose signalling comes from there.
    pub(super) fn described(&self, signalling: IpAddr) -> IpAddr {
        let peer = signalling.to_canonical();
        if self.local_networks.iter().any(|network| contains(*network, peer)) {
            return self.inside(signalling);
        }
        self.outside(signalling).unwrap_or_else(|| self.inside(signalling))
    }

    /// What he is told if he is in our networks: where we receive, or the address by which we reach him if we receive at all of them.
    pub(super) fn inside(&self, signalling: IpAddr) -> IpAddr {
        match self.own(signalling) {
            everywhere if everywhere.is_unspecified() => way_to(signalling).unwrap_or(everywhere),
            own => own,
        }
    }

    /// What he is told if he is elsewhere, if that is something else.
    pub(super) fn outside(&self, signalling: IpAddr) -> Option<IpAddr> {
        self.external.filter(|external| external.is_ipv4() == signalling.to_canonical().is_ipv4())
    }
}

/// Whether an address is in a network: its address, and how many of its leading bits count.
fn contains((network, bits): (IpAddr, u8), address: IpAddr) -> bool {
    let bits = u32::from(bits);
    match (network, address) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(32 - bits.min(32)).unwrap_or(0) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(128 - bits.min(128)).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// The address that the system would send from. Connecting a UDP socket sends nothing.
fn way_to(peer: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if peer.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(peer, 9)).ok()?;
    socket.local_addr().ok().map(|own| own.ip())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ip(written: &str) -> IpAddr {
        written.parse().unwrap()
    }

    fn behind(external: &str) -> Addresses {
        Addresses::of(&MediaSettings {
            address: ip("10.0.0.5"),
            address_v6: Some(ip("fd00::5")),
            external_address: Some(ip(external)),
            local_networks: vec![(ip("10.0.0.0"), 8), (ip("fd00::"), 8)],
            ..MediaSettings::default()
        })
    }

    #[test]
    fn whoever_is_in_our_networks_is_told_our_own_address_and_all_others_the_external_one() {
        let told = |of: &Addresses, peer: &str| of.described(ip(peer)).to_string();
        let four = behind("198.51.100.1");
        let expected = [
            ("10.9.9.9", "10.0.0.5"),
            ("::ffff:10.9.9.9", "10.0.0.5"),
            ("203.0.113.7", "198.51.100.1"),
            // private, and not ours: behind another NAT, or by a tunnel that the settings do not know
            ("192.168.1.2", "198.51.100.1"),
            ("fd00::9", "fd00::5"),
            // there is no external address of that family
            ("2001:db8::9", "fd00::5"),
        ];
        for (peer, own) in expected {
            assert_eq!(told(&four, peer), own, "{peer}");
        }
        let six = behind("2001:db8::1");
        for (peer, own) in [("2001:db8::9", "2001:db8::1"), ("fd00::9", "fd00::5"), ("203.0.113.7", "10.0.0.5")] {
            assert_eq!(told(&six, peer), own, "{peer}");
        }
    }

    #[test]
    fn a_network_is_as_large_as_its_bits_say() {
        assert!(contains((ip("0.0.0.0"), 0), ip("203.0.113.7")) && contains((ip("::"), 0), ip("2001:db8::1")));
        assert!(!contains((ip("0.0.0.0"), 0), ip("::1")));
        assert!(contains((ip("10.1.0.0"), 15), ip("10.0.255.255")) && !contains((ip("10.1.0.0"), 16), ip("10.0.0.1")));
        assert!(contains((ip("10.1.2.3"), 32), ip("10.1.2.3")) && !contains((ip("10.1.2.3"), 32), ip("10.1.2.2")));
        assert!(contains((ip("fe80::"), 10), ip("febf::1")) && !contains((ip("fe80::"), 10), ip("fec0::1")));
    }
}
