//! Reads an arriving RTP packet without copying and without allocating; whatever is not sound is refused (`trust.md` D10).
//!
//! Header extensions and contributing sources are stepped over, not understood.

/// Longest datagram taken, in bytes; audio never needs more than one Ethernet frame.
pub const MAX_PACKET: usize = 1500;

/// Why a datagram is not a sound RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// Shorter than the fixed header.
    #[error("shorter than an RTP header")]
    TooShort,
    /// Longer than [`MAX_PACKET`], or than the buffer it should be written to.
    #[error("RTP packet too long")]
    TooLong,
    /// Not version 2.
    #[error("not RTP version 2")]
    Version,
    /// More contributing sources announced than bytes there are.
    #[error("contributing sources beyond the packet")]
    Sources,
    /// The header extension is longer than the packet.
    #[error("header extension beyond the packet")]
    Extension,
    /// Padding of length zero, or longer than what it pads.
    #[error("impossible padding")]
    Padding,
}

/// An arriving RTP packet; the payload is borrowed from the datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The marker bit: first packet of a talk spurt or of a telephone event.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the codec's clock rate.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// What remains without header, extension and padding; may be empty.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads one datagram.
    ///
    /// # Errors
    /// Every unsound length, see [`RtpError`].
    pub fn read(datagram: &'a [u8]) -> Result<Packet<'a>, RtpError> {
        if datagram.len() > MAX_PACKET {
            return Err(RtpError::TooLong);
        }
        let (fixed, rest) = datagram.split_first_chunk::<12>().ok_or(RtpError::TooShort)?;
        let [flags, kind, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if flags >> 6 != 2 {
            return Err(RtpError::Version);
        }
        let contributing = usize::from(flags & 0x0f) * 4;
        let mut payload = rest.get(contributing..).ok_or(RtpError::Sources)?;
        if flags & 0x10 != 0 {
            payload = behind_extension(payload).ok_or(RtpError::Extension)?;
        }
        if flags & 0x20 != 0 {
            payload = without_padding(payload).ok_or(RtpError::Padding)?;
        }
        Ok(Packet {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload,
        })
    }
}

/// Whether a datagram on a shared port is RTCP (RFC 5761 §4: its packet types look like payload types 64 to 95).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

/// RFC 3550 §5.3.1: 16 bits of profile, 16 bits of length in words.
fn behind_extension(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
    rest.get(words * 4..)
}

/// The last byte counts the padding, itself included (RFC 3550 §5.1).
fn without_padding(bytes: &[u8]) -> Option<&[u8]> {
    let padding = usize::from(*bytes.last()?);
    if padding == 0 {
        return None;
    }
    bytes.get(..bytes.len().checked_sub(padding)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 14] = [0x80, 0x80, 0x12, 0x34, 0, 0, 0, 160, 0, 0, 0, 7, 0xaa, 0xbb];

    fn with(edit: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = PLAIN.to_vec();
        edit(&mut bytes);
        bytes
    }

    #[test]
    fn a_plain_packet_is_read() {
        assert_eq!(
            Packet::read(&PLAIN),
            Ok(Packet {
                marker: true,
                payload_type: 0,
                sequence: 0x1234,
                timestamp: 160,
                ssrc: 7,
                payload: &[0xaa, 0xbb],
            })
        );
    }

    #[test]
    fn d10_unsound_lengths_are_refused() {
        let fifteen_sources = with(|bytes| {
            bytes[0] = 0x8f;
            bytes.truncate(12);
        });
        let endless_extension = with(|bytes| {
            bytes[0] = 0x90;
            bytes.extend([0xff, 0xff, 0xff, 0xff]);
        });
        let padding_beyond = with(|bytes| {
            bytes[0] = 0xa0;
            bytes[13] = 200;
        });
        let padding_zero = with(|bytes| {
            bytes[0] = 0xa0;
            bytes[13] = 0;
        });
        for (datagram, error) in [
            (fifteen_sources, RtpError::Sources),
            (endless_extension, RtpError::Extension),
            (padding_beyond, RtpError::Padding),
            (padding_zero, RtpError::Padding),
            (with(|bytes| bytes[0] = 0x00), RtpError::Version),
            (with(|bytes| bytes.truncate(11)), RtpError::TooShort),
            (with(|bytes| bytes.resize(9000, 0)), RtpError::TooLong),
        ] {
            assert_eq!(Packet::read(&datagram), Err(error));
        }
    }

    #[test]
    fn an_extension_and_padding_are_not_payload() {
        let packet = with(|bytes| {
            bytes[0] = 0xb0;
            bytes.truncate(12);
            bytes.extend([0xbe, 0xde, 0, 1, 0x10, 9, 0, 0, 0xaa, 0, 2]);
        });
        assert_eq!(Packet::read(&packet).map(|packet| packet.payload.to_vec()), Ok(vec![0xaa]));
    }
}
