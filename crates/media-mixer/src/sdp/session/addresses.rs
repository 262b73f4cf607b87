//! The address of ours that a leg's descriptions name, where peers are told different ones.
//!
//! Which of them a peer is told is not decided here.

use std::net::IpAddr;

use bytes::Bytes;

use super::Session;

impl Session {
    /// From here on peers are told this address. An offer that waits for its answer is taken to have said so to whoever answers it,
    /// as [`Session::offered_at`] has it.
    pub fn move_to(&mut self, address: IpAddr) {
        if address == self.local.address {
            return;
        }
        match &mut self.described {
            Some(described) if self.outstanding => {
                described.0 = with_address(&described.0, self.local.address, address)
            }
            // what is in force names the old one: it cannot be repeated
            Some(_) | None => self.settled = None,
        }
        self.local.address = address;
    }

    /// A description of ours as it is told to somebody else who sends to another address of ours.
    pub fn offered_at(&self, offer: &Bytes, address: IpAddr) -> Bytes {
        Bytes::from(with_address(&String::from_utf8_lossy(offer), self.local.address, address))
    }
}

/// A description of ours with another address of ours: in `o=` and `c=`, nothing else names one.
fn with_address(described: &str, from: IpAddr, to: IpAddr) -> String {
    let family = |address: IpAddr| if address.is_ipv4() { "IP4" } else { "IP6" };
    let named = |address: IpAddr| format!(" {} {address}\r\n", family(address));
    described.replace(&named(from), &named(to))
}
