//! The format of the spool file. It opens no file.
//!
//! ```text
//! head     "BATON-SPOOL-1\n\0\0" (16)   identity (16)   checksum of these 32 (4)   zeros to 64
//! record   length of the body, its top bit set (4)   checksum of length, number and body (4)   number (8)   body: JSON of a `Write`
//! end      a length of 0
//! ```
//!
//! Numbers are little-endian and rise from record to record. The end is written together with each record and is
//! overwritten by the next one, so that nothing older behind it is ever taken for a record.

use crate::kept::Write;

/// Bytes of the head.
pub(crate) const HEAD: u64 = 64;
/// Bytes of a record before its body.
pub(crate) const PREFIX: usize = 16;
/// The end mark.
pub(crate) const END: [u8; 4] = [0; 4];
/// Bytes of a body at most. What is longer is no record.
pub(crate) const MOST: usize = 32 << 20;

/// Set in every length, so that no single flipped bit makes one the end.
const IS_RECORD: u32 = 1 << 31;
const MAGIC: &[u8; 16] = b"BATON-SPOOL-1\n\0\0";

/// What stands at a place of the file.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// A record: its number, and its length with the prefix; the body, unless this version cannot read it.
    Record { number: u64, length: u64, write: Option<Box<Write>> },
    /// The end.
    End,
    /// Neither: torn or damaged.
    Damage,
}

/// The head of a file with that identity.
pub(crate) fn head(identity: [u8; 16]) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend(identity);
    head.extend(checksum(&[&head]).to_le_bytes());
    head.resize(usize::try_from(HEAD).unwrap_or(0), 0);
    head
}

/// The identity of a file with that head; `None`: it is no head.
pub(crate) fn read_head(head: &[u8]) -> Option<[u8; 16]> {
    let (said, rest) = head.split_at_checked(32)?;
    let sum: [u8; 4] = rest.get(..4)?.try_into().ok()?;
    let good = said.starts_with(MAGIC) && u32::from_le_bytes(sum) == checksum(&[said]);
    good.then(|| said[16..].try_into().ok())?
}

/// A record, and the end behind it. `None`: too long.
pub(crate) fn record(number: u64, body: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(body.len()).ok().filter(|_| !body.is_empty() && body.len() <= MOST)?;
    let length = (length | IS_RECORD).to_le_bytes();
    let number = number.to_le_bytes();
    let mut bytes = Vec::with_capacity(PREFIX + body.len() + END.len());
    bytes.extend(length);
    bytes.extend(checksum(&[&length, &number, body]).to_le_bytes());
    bytes.extend(number);
    bytes.extend(body);
    bytes.extend(END);
    Some(bytes)
}

/// The length of the body that stands at the start of these bytes; `None`: there is no record.
pub(crate) fn body_length(prefix: &[u8]) -> Option<usize> {
    let length = prefix.get(..4)?.try_into().ok().map(u32::from_le_bytes)?;
    usize::try_from(length ^ IS_RECORD).ok().filter(|length| (1..=MOST).contains(length))
}

/// What stands at the start of these bytes, behind a record of the number `before`.
pub(crate) fn read(bytes: &[u8], before: u64) -> Found {
    if bytes.starts_with(&END) {
        return Found::End;
    }
    let found = || {
        let length = body_length(bytes)?;
        let (prefix, rest) = bytes.split_at_checked(PREFIX)?;
        let body = rest.get(..length)?;
        let sum = u32::from_le_bytes(prefix[4..8].try_into().ok()?);
        let number = u64::from_le_bytes(prefix[8..16].try_into().ok()?);
        let good = number > before && sum == checksum(&[&prefix[..4], &prefix[8..], body]);
        let write = serde_json::from_slice(body).ok();
        good.then_some(Found::Record { number, length: (PREFIX + length) as u64, write })
    };
    found().unwrap_or(Found::Damage)
}

/// CRC-32 as in ISO 3309, a byte at a time.
fn checksum(parts: &[&[u8]]) -> u32 {
    const TABLE: [u32; 256] = table();
    let step = |sum: u32, byte: &u8| TABLE[usize::from(sum.to_le_bytes()[0] ^ byte)] ^ (sum >> 8);
    !parts.iter().copied().flatten().fold(u32::MAX, step)
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0_u32;
    while at < 256 {
        let (mut sum, mut bit) = (at, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 };
            bit += 1;
        }
        table[at as usize] = sum;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_everybody_has() {
        assert_eq!(checksum(&[b"1234", b"56789"]), 0xcbf4_3926);
    }

    #[test]
    fn a_head_is_read_back_and_a_damaged_one_is_none() {
        let good = head([7; 16]);
        assert_eq!(read_head(&good), Some([7; 16]));
        for at in 0..36 {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(read_head(&bad), None);
            assert_eq!(read_head(&good[..at]), None);
        }
    }
}
