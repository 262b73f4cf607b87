//! Writes our compounds into a buffer that the caller keeps: SR or RR, SDES with the CNAME, and BYE at the end.
//!
//! The report blocks and headers are written by `rtc-rtcp`; the rest by hand, because its types would allocate.

use rtc_rtcp::header::{Header, PacketType};
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_shared::marshal::Marshal;

use super::read::SenderInfo;

/// Bytes that every compound of ours fits in.
pub const MAX_COMPOUND: usize = 192;
/// Length of our CNAME. With it the SDES chunk ends on a word without further padding.
pub(super) const CNAME: usize = 25;
/// SDES item type (RFC 3550 §6.5.1).
const CNAME_ITEM: u8 = 1;

/// What one compound says.
pub(super) struct Compound<'a> {
    pub(super) ssrc: u32,
    /// Makes it a sender report.
    pub(super) sender: Option<SenderInfo>,
    pub(super) about_peer: Option<ReceptionReport>,
    pub(super) cname: &'a [u8; CNAME],
    /// An extended report, whole; empty: there is none.
    pub(super) extended: &'a [u8],
    pub(super) bye: bool,
}

impl Compound<'_> {
    /// The bytes written, or `None` if `buffer` is shorter than [`MAX_COMPOUND`].
    pub(super) fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut out = Cursor { buffer: buffer.get_mut(..MAX_COMPOUND)?, length: 0 };
        self.report(&mut out)?;
        self.description(&mut out)?;
        out.put(self.extended)?;
        if self.bye {
            out.header(PacketType::Goodbye, 1, 1)?;
            out.put(&self.ssrc.to_be_bytes())?;
        }
        Some(out.length)
    }

    fn report(&self, out: &mut Cursor<'_>) -> Option<()> {
        let blocks = u8::from(self.about_peer.is_some());
        let block_words = u16::from(blocks) * 6;
        match &self.sender {
            Some(info) => {
                out.header(PacketType::SenderReport, blocks, 6 + block_words)?;
                out.put(&self.ssrc.to_be_bytes())?;
                out.put(&info.ntp.to_be_bytes())?;
                out.put(&info.rtp.to_be_bytes())?;
                out.put(&info.packets.to_be_bytes())?;
                out.put(&info.octets.to_be_bytes())?;
            }
            None => {
                out.header(PacketType::ReceiverReport, blocks, 1 + block_words)?;
                out.put(&self.ssrc.to_be_bytes())?;
            }
        }
        match &self.about_peer {
            Some(report) => out.marshal(report),
            None => Some(()),
        }
    }

    fn description(&self, out: &mut Cursor<'_>) -> Option<()> {
        // SSRC, item type and length, the name, and the zero that ends the chunk
        const WORDS: u16 = ((4 + 2 + CNAME + 1) / 4) as u16;
        const { assert!((4 + 2 + CNAME + 1).is_multiple_of(4)) };
        out.header(PacketType::SourceDescription, 1, WORDS)?;
        out.put(&self.ssrc.to_be_bytes())?;
        out.put(&[CNAME_ITEM, CNAME as u8])?;
        out.put(self.cname)?;
        out.put(&[0])
    }
}

struct Cursor<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl Cursor<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length + bytes.len();
        self.buffer.get_mut(self.length..end)?.copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    fn marshal(&mut self, value: &impl Marshal) -> Option<()> {
        let free = self.buffer.get_mut(self.length..)?;
        self.length += value.marshal_to(free).ok()?;
        Some(())
    }

    /// `words` counts what follows the header.
    fn header(&mut self, packet_type: PacketType, count: u8, words: u16) -> Option<()> {
        self.marshal(&Header { padding: false, count, packet_type, length: words })
    }
}
