//! Writes our RTP packets, by the `rtp` crate, into a buffer that the caller keeps.
//!
//! It chooses no number: sequence, timestamp and source come from the leg.

use rtp::header::Header;
use webrtc_util::marshal::Marshal;

use super::packet::RtpError;

/// Bytes of the header we write: no contributing sources, no extensions.
pub const HEADER: usize = 12;

/// The numbers on one packet of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The marker bit.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the codec's clock rate.
    pub timestamp: u32,
    /// Our synchronisation source.
    pub ssrc: u32,
}

impl Stamp {
    /// Writes the header into the first [`HEADER`] bytes of `buffer` and returns that length. Does not allocate.
    ///
    /// # Errors
    /// `TooLong` if the buffer is shorter than a header.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, RtpError> {
        let header = Header {
            version: 2,
            marker: self.marker,
            payload_type: self.payload_type & 0x7f,
            sequence_number: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            ..Header::default()
        };
        header.marshal_to(buffer).map_err(|_| RtpError::TooLong)
    }

    /// Writes header and payload into `buffer` and returns the packet's length. Does not allocate.
    ///
    /// # Errors
    /// `TooLong` if the buffer is too short.
    pub fn packet(&self, payload: &[u8], buffer: &mut [u8]) -> Result<usize, RtpError> {
        let length = HEADER + payload.len();
        if buffer.len() < length {
            return Err(RtpError::TooLong);
        }
        let header = self.write(buffer)?;
        buffer[header..length].copy_from_slice(payload);
        Ok(length)
    }
}
