//! Session keys out of a master key (RFC 3711 §4.3; RFC 7714 §11 for GCM). The rate of derivation is zero: once for all packets.

use rtc_crypto::{CryptoError, RTCCrypto, StreamCipherAlgorithm};

use super::key::MasterKey;

/// Bytes of a key of HMAC-SHA1 (RFC 3711 §4.2.1).
const AUTHENTICATION: usize = 20;
/// Bytes of the longest session key.
const LONGEST: usize = 32;
/// Where the label stands in the salt: before the 48 bits of an index that is always zero here.
const LABEL: usize = 7;

/// What of the stream keys are for: the first of three labels in a row (RFC 3711 §4.3.2).
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Rtp = 0,
    Rtcp = 3,
}

/// Keys of one stream and one direction.
pub(super) struct SessionKeys {
    encryption: [u8; LONGEST],
    encryption_length: usize,
    pub(super) authentication: [u8; AUTHENTICATION],
    /// Filled up with zeros where it is shorter (RFC 7714 §11).
    pub(super) salt: [u8; 14],
}

impl SessionKeys {
    pub(super) fn derive(
        crypto: &dyn RTCCrypto,
        master: &MasterKey,
        stream: Stream,
    ) -> Result<SessionKeys, CryptoError> {
        let algorithm = match master.key().len() {
            32 => StreamCipherAlgorithm::Aes256Ctr,
            _ => StreamCipherAlgorithm::Aes128Ctr,
        };
        let mut cipher = crypto.new_stream_cipher(algorithm, master.key())?;
        let mut fill = |label: u8, output: &mut [u8]| {
            let mut iv = [0; 16];
            iv[..master.salt().len()].copy_from_slice(master.salt());
            iv[LABEL] ^= label;
            cipher.apply_keystream(&iv, output)
        };
        let first = stream as u8;
        let mut keys = SessionKeys {
            encryption: [0; LONGEST],
            encryption_length: master.key().len(),
            authentication: [0; AUTHENTICATION],
            salt: [0; 14],
        };
        fill(first, &mut keys.encryption[..master.key().len()])?;
        fill(first + 1, &mut keys.authentication)?;
        fill(first + 2, &mut keys.salt[..master.salt().len()])?;
        Ok(keys)
    }

    pub(super) fn encryption(&self) -> &[u8] {
        &self.encryption[..self.encryption_length]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rtc_crypto::default_provider;

    use super::*;
    use crate::srtp::Suite;

    fn bytes(hex: &str) -> Vec<u8> {
        let digit = |c: u8| (c as char).to_digit(16).unwrap() as u8;
        hex.as_bytes().chunks(2).map(|two| digit(two[0]) << 4 | digit(two[1])).collect()
    }

    /// RFC 3711 §B.3.
    #[test]
    fn session_keys_are_those_of_rfc_3711() {
        let master = bytes("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6");
        let master = MasterKey::from_bytes(Suite::Sha80, &master).unwrap();
        let provider = default_provider().unwrap();
        let keys = SessionKeys::derive(provider.crypto(), &master, Stream::Rtp).unwrap();
        assert_eq!(keys.encryption(), bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(keys.salt.to_vec(), bytes("30CBBC08863D8C85D49DB34A9AE1"));
        // the first twenty of the ninety-four bytes that stand there
        assert_eq!(keys.authentication.to_vec(), bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    #[test]
    fn the_two_streams_of_a_key_have_nothing_in_common() {
        let provider = default_provider().unwrap();
        for suite in Suite::ALL {
            let master = MasterKey::random(suite).unwrap();
            let derive = |stream| SessionKeys::derive(provider.crypto(), &master, stream).unwrap();
            let (rtp, rtcp) = (derive(Stream::Rtp), derive(Stream::Rtcp));
            assert_ne!(rtp.encryption(), rtcp.encryption());
            assert_ne!((rtp.authentication, rtp.salt), (rtcp.authentication, rtcp.salt));
        }
    }
}
