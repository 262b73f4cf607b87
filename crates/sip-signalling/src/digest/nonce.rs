//! Nonces that carry their own proof: when they were made and for whom, signed by a key all nodes share, so that nothing
//! need be kept about those never used. Of those used the highest count is kept (`Counts`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conference::Moment;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How long a nonce is good; also how far the clock of another node may be ahead of ours.
pub(super) const LIFE: Duration = Duration::from_secs(60);
/// Used nonces kept at once. Only proven owners of a password get one in.
const KEPT: usize = 65_536;

const STAMP: usize = 16;
const MAC: usize = 16;
const PLACE: usize = 8;

/// The key nonces are signed with; shared by all nodes of one service.
pub(crate) type NonceKey = [u8; 32];

/// What a nonce turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Ours and good.
    Good(Stamp),
    /// Ours, but too old or given to another address.
    Stale,
    /// Not ours.
    Forged,
}

/// When a nonce was made, and what tells it from others of that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    made: Moment,
    salt: u64,
}

/// Signs and reads nonces.
pub(super) struct Mint {
    key: NonceKey,
    realm: String,
}

impl Mint {
    pub(super) fn new(key: NonceKey, realm: &str) -> Self {
        Self { key, realm: realm.to_owned() }
    }

    /// A new nonce. `salt` tells apart what is made in the same microsecond.
    pub(super) fn make(&self, now: Moment, source: IpAddr, salt: u64) -> String {
        let mut bytes = Vec::with_capacity(STAMP + MAC + PLACE);
        bytes.extend_from_slice(&now.0.to_be_bytes());
        bytes.extend_from_slice(&salt.to_be_bytes());
        let (mac, place) = self.sign(&bytes, source);
        bytes.extend_from_slice(&mac);
        bytes.extend_from_slice(&place);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(super) fn read(&self, now: Moment, source: IpAddr, nonce: &str) -> Read {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else { return Read::Forged };
        if bytes.len() != STAMP + MAC + PLACE {
            return Read::Forged;
        }
        let (stamp, rest) = bytes.split_at(STAMP);
        let (mac, place) = self.sign(stamp, source);
        if !bool::from(rest[..MAC].ct_eq(&mac)) {
            return Read::Forged;
        }
        let stamp = Stamp { made: Moment(number(&stamp[..8])), salt: number(&stamp[8..]) };
        let fresh = now.since(stamp.made) <= LIFE && stamp.made.since(now) <= LIFE;
        if fresh && bool::from(rest[MAC..].ct_eq(&place)) { Read::Good(stamp) } else { Read::Stale }
    }

    /// The proof that it is ours, and the proof of whom it was given to.
    fn sign(&self, stamp: &[u8], source: IpAddr) -> ([u8; MAC], [u8; PLACE]) {
        let place = match source.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let mac = self.hmac(&[b"nonce", stamp, self.realm.as_bytes()]);
        let place = self.hmac(&[b"place", stamp, &place]);
        (first(&mac), first(&place))
    }

    fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC takes keys of any length, so there is nothing that could fail
        let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return [0; 32] };
        for part in parts {
            hmac.update(part);
        }
        hmac.finalize().into_bytes().into()
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn first<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| bytes[at])
}

/// The highest count each used nonce has seen. A count must rise: what comes again, or late, is stale, and the phone
/// asks again with a new nonce.
#[derive(Debug, Default)]
pub(super) struct Counts {
    highest: BTreeMap<Stamp, u32>,
    /// Nonces made until then are stale whatever they say: their counts had to be forgotten.
    forgotten: Option<Moment>,
}

impl Counts {
    /// Whether this count of a good nonce is new; from then on it is not.
    pub(super) fn take(&mut self, now: Moment, stamp: Stamp, count: u32) -> bool {
        if self.forgotten.is_some_and(|until| stamp.made <= until) {
            return false;
        }
        match self.highest.get_mut(&stamp) {
            Some(highest) if *highest >= count => false,
            Some(highest) => {
                *highest = count;
                true
            }
            None => {
                self.make_room(now);
                self.highest.insert(stamp, count);
                true
            }
        }
    }

    /// Forgets what is too old to be good, and the oldest when there is no room: those become stale.
    fn make_room(&mut self, now: Moment) {
        while let Some(oldest) = self.highest.first_entry() {
            let made = oldest.key().made;
            let expired = now.since(made) > LIFE;
            if !expired && self.highest.len() < KEPT {
                return;
            }
            self.highest.pop_first();
            if !expired {
                self.forgotten = self.forgotten.max(Some(made));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.highest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn at(seconds: u64) -> Moment {
        Moment(seconds * 1_000_000)
    }

    #[test]
    fn a_nonce_is_good_for_a_minute_at_its_own_address() {
        let mint = Mint::new([1; 32], "r");
        let nonce = mint.make(at(100), HOME, 1);
        assert!(matches!(mint.read(at(160), HOME, &nonce), Read::Good(_)));
        assert_eq!(mint.read(at(161), HOME, &nonce), Read::Stale);
        assert_eq!(mint.read(at(100), AWAY, &nonce), Read::Stale);
    }

    #[test]
    fn another_node_with_the_key_takes_it_and_one_without_does_not() {
        let nonce = Mint::new([1; 32], "r").make(at(100), HOME, 1);
        assert!(matches!(Mint::new([1; 32], "r").read(at(90), HOME, &nonce), Read::Good(_)));
        assert_eq!(Mint::new([2; 32], "r").read(at(100), HOME, &nonce), Read::Forged);
        assert_eq!(Mint::new([1; 32], "other").read(at(100), HOME, &nonce), Read::Forged);
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let mint = Mint::new([1; 32], "r");
        let nonce = mint.make(at(100), HOME, 1);
        for at_byte in 0..nonce.len() {
            let mut bytes = nonce.clone().into_bytes();
            bytes[at_byte] = if bytes[at_byte] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!matches!(mint.read(at(100), HOME, &changed), Read::Good(_)), "byte {at_byte}");
        }
        assert_eq!(mint.read(at(100), HOME, ""), Read::Forged);
    }

    #[test]
    fn used_nonces_stay_bounded_and_none_forgotten_is_taken_again() {
        let mut counts = Counts::default();
        for salt in 0..2 * KEPT as u64 {
            assert!(counts.take(Moment(salt + 1), Stamp { made: Moment(salt + 1), salt }, 1));
        }
        assert!(counts.kept() <= KEPT);
        assert!(!counts.take(Moment(5), Stamp { made: Moment(1), salt: 0 }, 1), "a forgotten nonce was taken again");
        counts.take(at(1000), Stamp { made: at(1000), salt: 0 }, 1);
        assert_eq!(counts.kept(), 1, "what expired is gone");
    }
}
