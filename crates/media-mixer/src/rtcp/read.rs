//! Reads an arriving RTCP compound down to what a leg needs: the sender's clock, the report about us, BYE.
//!
//! Everything else in the compound is stepped over. Lengths are checked before anything is read (`trust.md` D5).

use rtc_rtcp::header::{Header, PacketType};
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_shared::marshal::{Marshal, Unmarshal};

use super::extended::{Extended, PACKET_TYPE};
use crate::rtp::MAX_PACKET;

/// Shortest compound taken, in bytes: an empty receiver report alone (8) says nothing.
const SHORTEST: usize = 12;
const HEADER: usize = 4;
const SSRC: usize = 4;
/// Header, SSRC and sender information.
const SENDER_REPORT: usize = 28;
const RECEPTION_REPORT: usize = 24;

/// Why a datagram is not a sound RTCP compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// Shorter than 12 bytes, or longer than a frame.
    #[error("RTCP compound of impossible length")]
    Length,
    /// It does not begin with a sender or receiver report (RFC 3550 §6.1).
    #[error("RTCP compound does not begin with a report")]
    NoReport,
    /// A packet in it is longer than what is left, or shorter than what it announces.
    #[error("RTCP packet of false length")]
    Packet,
}

/// Sender information (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// The sender's clock, as an NTP timestamp.
    pub ntp: u64,
    /// The same moment in RTP time.
    pub rtp: u32,
    /// Packets sent since the beginning.
    pub packets: u32,
    /// Payload bytes sent since the beginning.
    pub octets: u32,
}

/// What the peer says about our stream (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Share lost since its last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; negative where duplicates arrived.
    pub lost: i32,
    /// Highest sequence number it received, with cycles.
    pub highest: u32,
    /// Interarrival jitter, in the codec's clock.
    pub jitter: u32,
    /// Middle bits of our last report's clock, 0 if it has none.
    pub last_sr: u32,
    /// Time from that report's arrival to this one, in 1/65536 s.
    pub delay: u32,
}

/// An arriving compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// Who sent it: the SSRC of the first report.
    pub sender: u32,
    /// Its sender information, if it sends media.
    pub sender_info: Option<SenderInfo>,
    /// Its report about `ours`.
    pub about_us: Option<Block>,
    /// Its extended report, if it sent one.
    pub extended: Extended,
    /// It says goodbye for `sender`.
    pub bye: bool,
}

/// Reads one datagram; `ours` is the SSRC under which we send. Does not allocate.
///
/// # Errors
/// Everything unsound, see [`RtcpError`]; nothing of such a datagram is used.
pub fn read(datagram: &[u8], ours: u32) -> Result<Arrived, RtcpError> {
    if !(SHORTEST..=MAX_PACKET).contains(&datagram.len()) {
        return Err(RtcpError::Length);
    }
    let mut rest = datagram;
    let mut arrived = None;
    while !rest.is_empty() {
        let (header, packet, behind) = split(rest, rest.len() == datagram.len())?;
        rest = behind;
        let known = arrived.get_or_insert(Arrived {
            sender: ssrc_at(packet, HEADER)?,
            sender_info: None,
            about_us: None,
            extended: Extended::default(),
            bye: false,
        });
        take(known, &header, packet, ours)?;
    }
    arrived.ok_or(RtcpError::NoReport)
}

/// The first packet and what is behind it.
fn split(bytes: &[u8], first: bool) -> Result<(Header, &[u8], &[u8]), RtcpError> {
    let header = Header::unmarshal(&mut &*bytes).map_err(|_| RtcpError::Packet)?;
    let report = matches!(header.packet_type, PacketType::SenderReport | PacketType::ReceiverReport);
    // RFC 3550 A.2: a report first, and no padding on it
    if first && (!report || header.padding) {
        return Err(RtcpError::NoReport);
    }
    let length = (usize::from(header.length) + 1) * HEADER;
    let (packet, behind) = bytes.split_at_checked(length).ok_or(RtcpError::Packet)?;
    Ok((header, packet, behind))
}

/// Takes what a leg needs from one packet. A type that we do not name says nothing to us.
fn take(arrived: &mut Arrived, header: &Header, packet: &[u8], ours: u32) -> Result<(), RtcpError> {
    let count = usize::from(header.count);
    if header.packet_type == PacketType::SenderReport {
        let sender = ssrc_at(packet, HEADER)?;
        let info = sender_info(packet)?;
        let block = block_about(ours, packet, SENDER_REPORT, count)?;
        if sender == arrived.sender {
            arrived.sender_info = arrived.sender_info.or(Some(info));
            arrived.about_us = arrived.about_us.or(block);
        }
    } else if header.packet_type == PacketType::ReceiverReport {
        let sender = ssrc_at(packet, HEADER)?;
        let block = block_about(ours, packet, HEADER + SSRC, count)?;
        if sender == arrived.sender {
            arrived.about_us = arrived.about_us.or(block);
        }
    } else if header.packet_type as u8 == PACKET_TYPE {
        if ssrc_at(packet, HEADER)? == arrived.sender {
            arrived.extended.take(packet, ours)?;
        }
    } else if header.packet_type == PacketType::Goodbye {
        for index in 0..count {
            let leaving = ssrc_at(packet, HEADER + index * SSRC)?;
            arrived.bye |= leaving == arrived.sender;
        }
    }
    Ok(())
}

fn ssrc_at(packet: &[u8], offset: usize) -> Result<u32, RtcpError> {
    packet
        .get(offset..)
        .and_then(<[u8]>::first_chunk::<4>)
        .map(|bytes| u32::from_be_bytes(*bytes))
        .ok_or(RtcpError::Packet)
}

/// The sender information, read by `rtc-rtcp` from a copy without report blocks: for those it would allocate.
fn sender_info(packet: &[u8]) -> Result<SenderInfo, RtcpError> {
    let mut alone = *packet.first_chunk::<SENDER_REPORT>().ok_or(RtcpError::Packet)?;
    let header = Header {
        padding: false,
        count: 0,
        packet_type: PacketType::SenderReport,
        length: (SENDER_REPORT / HEADER - 1) as u16,
    };
    header.marshal_to(&mut alone).map_err(|_| RtcpError::Packet)?;
    let report = SenderReport::unmarshal(&mut &alone[..]).map_err(|_| RtcpError::Packet)?;
    Ok(SenderInfo {
        ntp: report.ntp_time,
        rtp: report.rtp_time,
        packets: report.packet_count,
        octets: report.octet_count,
    })
}

/// The report block about `ours` among `count` blocks from `offset` on; all of them must be there.
fn block_about(ours: u32, packet: &[u8], offset: usize, count: usize) -> Result<Option<Block>, RtcpError> {
    let blocks = packet.get(offset..offset + count * RECEPTION_REPORT).ok_or(RtcpError::Packet)?;
    let mut found = None;
    for mut bytes in blocks.chunks_exact(RECEPTION_REPORT) {
        let report = ReceptionReport::unmarshal(&mut bytes).map_err(|_| RtcpError::Packet)?;
        if report.ssrc == ours && found.is_none() {
            found = Some(block(&report));
        }
    }
    Ok(found)
}

fn block(report: &ReceptionReport) -> Block {
    Block {
        fraction_lost: report.fraction_lost,
        // 24 bits with a sign
        lost: ((report.total_lost << 8) as i32) >> 8,
        highest: report.last_sequence_number,
        jitter: report.jitter,
        last_sr: report.last_sender_report,
        delay: report.delay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty_report() -> Vec<u8> {
        vec![0x80, 201, 0, 1, 0, 0, 0, 9]
    }

    fn sdes() -> [u8; 12] {
        [0x81, 202, 0, 2, 0, 0, 0, 9, 1, 1, b'x', 0]
    }

    #[test]
    fn d5_short_and_false_lengths_are_dropped() {
        let bye = [0x81, 203, 0, 1, 0, 0, 0, 9];
        let overlong = [&empty_report()[..], &[0x81, 203, 0xff, 0xff, 0, 0, 0, 9]].concat();
        let no_blocks = [&[0x83, 201, 0, 1, 0, 0, 0, 9], &sdes()[..]].concat();
        let half = [&empty_report()[..], &sdes()[..11]].concat();
        let cut_bye = [&empty_report()[..], &[0x85, 203, 0, 1, 0, 0, 0, 9]].concat();
        for (datagram, error) in [
            (empty_report()[..4].to_vec(), RtcpError::Length),
            (empty_report(), RtcpError::Length),
            (vec![0x80; 2000], RtcpError::Length),
            ([&bye[..], &bye[..]].concat(), RtcpError::NoReport),
            (overlong, RtcpError::Packet),
            (no_blocks, RtcpError::Packet),
            (half, RtcpError::Packet),
            (cut_bye, RtcpError::Packet),
        ] {
            assert_eq!(read(&datagram, 1), Err(error), "{datagram:?}");
        }
    }

    #[test]
    fn goodbye_counts_for_the_sender_of_the_compound_only() {
        let with = |leaving: u8| {
            let bye = [0x81, 203, 0, 1, 0, 0, 0, leaving];
            read(&[&empty_report()[..], &sdes()[..], &bye[..]].concat(), 1).map(|arrived| arrived.bye)
        };
        assert_eq!((with(9), with(8)), (Ok(true), Ok(false)));
    }
}
