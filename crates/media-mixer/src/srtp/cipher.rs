//! One direction of one leg: packets sealed and opened in place under known indices. Nothing here allocates once it is made.
//!
//! It keeps no index and no window: who calls it knows which packet this is, and whether it came before.
//!
//! ```text
//!   RTP    header | payload encrypted | tag                     RFC 3711 §3.1: SHA-1 over all and the roll-overs
//!                                                               RFC 7714 §8.1: GCM, the header is associated data
//!   RTCP   8 bytes | rest encrypted | E, index | tag            RFC 3711 §3.4
//!          8 bytes | rest encrypted | tag | E, index            RFC 7714 §9.1
//! ```

use rtc_crypto::{
    AeadAlgorithm, AeadCipher, CryptoError, HmacAlgorithm, Mac, RTCCrypto, StreamCipher, StreamCipherAlgorithm,
    constant_time_eq,
};

use super::derive::{SessionKeys, Stream};
use super::key::{MasterKey, Suite};

/// Bytes of the tag of GCM.
const GCM_TAG: usize = 16;
/// Bytes of the tag of SHA-1 that are sent (RFC 3711 §5.2).
const SHA_TAG: usize = 10;
/// Bytes of a whole one.
const SHA_WHOLE: usize = 20;
/// The part of a report that stays readable: its first header and its sender.
pub(super) const CONTROL_HEAD: usize = 8;
/// Bytes of the word with the bit E and the index.
const INDEX: usize = 4;
/// The bit E: this report is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// The ciphers of one stream.
enum Half {
    Gcm { cipher: Box<dyn AeadCipher>, salt: [u8; 14] },
    Sha { cipher: Box<dyn StreamCipher>, mac: Box<dyn Mac>, salt: [u8; 14] },
}

/// Seals, or opens, what one side sends.
pub(super) struct Cipher {
    rtp: Half,
    rtcp: Half,
}

impl Cipher {
    pub(super) fn new(crypto: &dyn RTCCrypto, master: &MasterKey) -> Result<Cipher, CryptoError> {
        let half = |stream| Half::new(crypto, master, stream);
        Ok(Cipher { rtp: half(Stream::Rtp)?, rtcp: half(Stream::Rtcp)? })
    }

    /// Seals the first `length` bytes of `room`, of which `header` are an RTP header; their new length. `None` if there is too
    /// little room.
    pub(super) fn seal_rtp(&mut self, room: &mut [u8], header: usize, length: usize, index: u64) -> Option<usize> {
        match &mut self.rtp {
            Half::Gcm { cipher, salt } => {
                let nonce = gcm_rtp_nonce(salt, room, index)?;
                let (text, free) = room.split_at_mut_checked(length)?;
                let (head, payload) = text.split_at_mut_checked(header)?;
                cipher.seal_in_place(&nonce, head, payload, free.get_mut(..GCM_TAG)?).ok()?;
                Some(length + GCM_TAG)
            }
            Half::Sha { cipher, mac, salt } => {
                let iv = counter(salt, word_at(room, 8)?, index);
                let (text, free) = room.split_at_mut_checked(length)?;
                cipher.apply_keystream(&iv, text.get_mut(header..)?).ok()?;
                let tag = sign(mac, &[text, &rolls(index)])?;
                free.get_mut(..SHA_TAG)?.copy_from_slice(&tag[..SHA_TAG]);
                Some(length + SHA_TAG)
            }
        }
    }

    /// Opens `sealed`, of which `header` bytes are an RTP header; the length of what was in it. `None`: not by who has the key,
    /// and what stands there then is of no use to anybody but SHA-1, which leaves it as it came.
    pub(super) fn open_rtp(&mut self, sealed: &mut [u8], header: usize, index: u64) -> Option<usize> {
        match &mut self.rtp {
            Half::Gcm { cipher, salt } => {
                let nonce = gcm_rtp_nonce(salt, sealed, index)?;
                let length = sealed.len().checked_sub(GCM_TAG)?;
                let (text, tag) = sealed.split_at_mut(length);
                let (head, payload) = text.split_at_mut_checked(header)?;
                open_gcm(cipher.as_mut(), &nonce, head, payload, tag).then_some(length)
            }
            Half::Sha { cipher, mac, salt } => {
                let iv = counter(salt, word_at(sealed, 8)?, index);
                let length = sealed.len().checked_sub(SHA_TAG).filter(|length| *length >= header)?;
                let (text, tag) = sealed.split_at_mut(length);
                let proof = sign(mac, &[text, &rolls(index)])?;
                (constant_time_eq(&proof[..SHA_TAG], tag)).then_some(())?;
                cipher.apply_keystream(&iv, text.get_mut(header..)?).ok()?;
                Some(length)
            }
        }
    }

    /// The same for a compound of reports.
    pub(super) fn seal_rtcp(&mut self, room: &mut [u8], length: usize, index: u32) -> Option<usize> {
        let ssrc = word_at(room, 4)?;
        let word = (index | ENCRYPTED).to_be_bytes();
        match &mut self.rtcp {
            Half::Gcm { cipher, salt } => {
                let (text, free) = room.split_at_mut_checked(length)?;
                let (head, rest) = text.split_at_mut_checked(CONTROL_HEAD)?;
                let (tag, behind) = free.get_mut(..GCM_TAG + INDEX)?.split_at_mut(GCM_TAG);
                let nonce = gcm_rtcp_nonce(salt, ssrc, index);
                cipher.seal_in_place(&nonce, &associated(head, word)?, rest, tag).ok()?;
                behind.copy_from_slice(&word);
                Some(length + GCM_TAG + INDEX)
            }
            Half::Sha { cipher, mac, salt } => {
                let iv = counter(salt, ssrc, u64::from(index));
                cipher.apply_keystream(&iv, room.get_mut(CONTROL_HEAD..length)?).ok()?;
                room.get_mut(length..length + INDEX)?.copy_from_slice(&word);
                let (text, free) = room.split_at_mut_checked(length + INDEX)?;
                let tag = sign(mac, &[text])?;
                free.get_mut(..SHA_TAG)?.copy_from_slice(&tag[..SHA_TAG]);
                Some(length + INDEX + SHA_TAG)
            }
        }
    }

    /// The index that a sealed report says it has; `None` if it is too short, or says that it is not encrypted: a report that
    /// anybody can read was not agreed on.
    pub(super) fn rtcp_index(&self, sealed: &[u8]) -> Option<u32> {
        let behind = match self.rtcp {
            Half::Gcm { .. } => INDEX,
            Half::Sha { .. } => INDEX + SHA_TAG,
        };
        let at = sealed.len().checked_sub(behind)?;
        let word = u32::from_be_bytes(word_at(sealed, at)?);
        (word & ENCRYPTED != 0).then_some(word & !ENCRYPTED)
    }

    /// Opens a compound of reports with the index that it says; the length of what was in it.
    pub(super) fn open_rtcp(&mut self, sealed: &mut [u8], index: u32) -> Option<usize> {
        let ssrc = word_at(sealed, 4)?;
        match &mut self.rtcp {
            Half::Gcm { cipher, salt } => {
                let length = sealed.len().checked_sub(GCM_TAG + INDEX).filter(|length| *length >= CONTROL_HEAD)?;
                let (text, behind) = sealed.split_at_mut(length);
                let (head, rest) = text.split_at_mut(CONTROL_HEAD);
                let data = associated(head, (index | ENCRYPTED).to_be_bytes())?;
                let nonce = gcm_rtcp_nonce(salt, ssrc, index);
                open_gcm(cipher.as_mut(), &nonce, &data, rest, &behind[..GCM_TAG]).then_some(length)
            }
            Half::Sha { cipher, mac, salt } => {
                let length = sealed.len().checked_sub(INDEX + SHA_TAG).filter(|length| *length >= CONTROL_HEAD)?;
                let (text, tag) = sealed.split_at_mut(length + INDEX);
                let proof = sign(mac, &[text])?;
                (constant_time_eq(&proof[..SHA_TAG], tag)).then_some(())?;
                let iv = counter(salt, ssrc, u64::from(index));
                cipher.apply_keystream(&iv, &mut text[CONTROL_HEAD..length]).ok()?;
                Some(length)
            }
        }
    }
}

impl Half {
    fn new(crypto: &dyn RTCCrypto, master: &MasterKey, stream: Stream) -> Result<Half, CryptoError> {
        let keys = SessionKeys::derive(crypto, master, stream)?;
        let gcm = |algorithm| Ok(Half::Gcm { cipher: crypto.new_aead(algorithm, keys.encryption())?, salt: keys.salt });
        match master.suite() {
            Suite::Gcm128 => gcm(AeadAlgorithm::Aes128Gcm),
            Suite::Gcm256 => gcm(AeadAlgorithm::Aes256Gcm),
            Suite::Sha80 => Ok(Half::Sha {
                cipher: crypto.new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, keys.encryption())?,
                mac: crypto.new_hmac(HmacAlgorithm::Sha1, &keys.authentication)?,
                salt: keys.salt,
            }),
        }
    }
}

/// RFC 3711 §4.1.1.
fn counter(salt: &[u8; 14], ssrc: [u8; 4], index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    mask(&mut iv[4..8], &ssrc);
    mask(&mut iv[8..14], &index.to_be_bytes()[2..]);
    iv
}

/// RFC 7714 §8.1.
fn gcm_rtp_nonce(salt: &[u8; 14], packet: &[u8], index: u64) -> Option<[u8; 12]> {
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&salt[..12]);
    mask(&mut nonce[2..6], &word_at(packet, 8)?);
    mask(&mut nonce[6..12], &index.to_be_bytes()[2..]);
    Some(nonce)
}

/// RFC 7714 §9.1.
fn gcm_rtcp_nonce(salt: &[u8; 14], ssrc: [u8; 4], index: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&salt[..12]);
    mask(&mut nonce[2..6], &ssrc);
    mask(&mut nonce[8..12], &index.to_be_bytes());
    nonce
}

/// RFC 7714 §9.2.
fn associated(head: &[u8], word: [u8; 4]) -> Option<[u8; CONTROL_HEAD + INDEX]> {
    let mut data = [0; CONTROL_HEAD + INDEX];
    data[..CONTROL_HEAD].copy_from_slice(head.get(..CONTROL_HEAD)?);
    data[CONTROL_HEAD..].copy_from_slice(&word);
    Some(data)
}

/// The roll-overs of an index.
fn rolls(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn mask(bytes: &mut [u8], with: &[u8]) {
    bytes.iter_mut().zip(with).for_each(|(byte, with)| *byte ^= with);
}

fn sign(mac: &mut Box<dyn Mac>, input: &[&[u8]]) -> Option<[u8; SHA_WHOLE]> {
    let mut tag = [0; SHA_WHOLE];
    mac.sign(input, &mut tag).ok()?;
    Some(tag)
}

fn open_gcm(cipher: &mut dyn AeadCipher, nonce: &[u8], data: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
    cipher.open_in_place(nonce, data, text, tag).is_ok()
}

fn word_at(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..)?.first_chunk().copied()
}
