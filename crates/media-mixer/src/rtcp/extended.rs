//! Extended reports (RFC 3611): how a leg's sound arrives here, told to phones that want to know, and what they tell of ours.
//!
//! ```text
//!   4  receiver reference time (§4.4)   our clock, so that who only listens has a round trip too
//!   5  DLRR (§4.5)                      the answer to theirs
//!   7  VoIP metrics (§4.7)              loss, bursts, delay, R and MOS
//! ```
//!
//! Blocks of other types are stepped over. Written by hand, since nothing may allocate; lengths are checked before anything is read.

use super::bursts::{BurstPicture, GMIN};
use super::read::RtcpError;

/// Packet type of an extended report (RFC 3611 §2).
pub(super) const PACKET_TYPE: u8 = 207;
/// Bytes that ours have at most: header and SSRC, and one block of each type.
pub(super) const LONGEST: usize = 8 + 12 + 16 + 36;

const REFERENCE_TIME: u8 = 4;
const DLRR: u8 = 5;
const VOIP_METRICS: u8 = 7;
/// Bytes of a block's header.
const HEADER: usize = 4;
/// Bytes of a DLRR block's part about one source.
const SUB_BLOCK: usize = 12;
/// Bytes of VoIP metrics with their header.
const METRICS: usize = 36;
/// "Not known" of a level, of R and of a MOS (RFC 3611 §4.7.4, §4.7.5).
const UNKNOWN: u8 = 127;
/// Losses are hidden well, the buffer adapts itself (RFC 3611 §4.7.6).
const RECEIVER: u8 = 0b1011_0000;

/// What a peer wants to be told (RFC 3611 §5.1, `a=rtcp-xr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct ExtendedTerms {
    /// VoIP metrics.
    pub metrics: bool,
    /// Reference times, to be answered, and answers to its own.
    pub round_trip: bool,
}

/// How a leg's sound arrives, as its own side of the mixer knows it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Hearing {
    /// From the packet's arrival to the ear of whoever hears it: one packet and the wait in the jitter buffer, in milliseconds.
    pub delay_ms: f32,
    /// The wait in the jitter buffer, in milliseconds.
    pub buffer_ms: f32,
    /// Length of a packet, in milliseconds.
    pub packet_ms: f32,
    /// Packets that came too late to be played.
    pub discarded: u64,
    /// R of ITU-T G.107, once it is known.
    pub rating: Option<f32>,
    /// The mean opinion scores of it: listening alone, and talking to each other, which counts delay.
    pub opinions: Option<(f32, f32)>,
}

/// What a peer tells of our stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct PeerMetrics {
    /// Lost on the way, in 256ths.
    pub loss: u8,
    /// Thrown away as too late, in 256ths.
    pub discard: u8,
    /// Delay of its own end, in milliseconds.
    pub end_delay_ms: u16,
    /// MOS of listening, times ten; `None`: not known there.
    pub mos_listening: Option<u8>,
    /// MOS of the conversation, times ten.
    pub mos_conversation: Option<u8>,
}

/// What one extended report brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extended {
    /// The middle bits of the sender's clock.
    pub reference: Option<u32>,
    /// Of a reference time of ours: its middle bits, and how long it was held, in 1/65536 s.
    pub answered: Option<(u32, u32)>,
    /// How our stream arrives there.
    pub metrics: Option<PeerMetrics>,
}

impl Extended {
    /// Takes what a packet of type 207 says; `ours` is the SSRC under which we send.
    ///
    /// # Errors
    /// A block is longer than the packet, or shorter than its type.
    pub(super) fn take(&mut self, packet: &[u8], ours: u32) -> Result<(), RtcpError> {
        let mut rest = packet.get(8..).ok_or(RtcpError::Packet)?;
        while !rest.is_empty() {
            let (kind, words) = (rest[0], u16::from_be_bytes([byte(rest, 2)?, byte(rest, 3)?]));
            let length = HEADER + usize::from(words) * 4;
            let (block, behind) = rest.split_at_checked(length).ok_or(RtcpError::Packet)?;
            rest = behind;
            match kind {
                // seconds and their fraction: the middle is what is asked back
                REFERENCE_TIME => {
                    let middle = (word(block, HEADER)? << 16) | (word(block, HEADER + 4)? >> 16);
                    self.reference = self.reference.or(Some(middle));
                }
                DLRR => {
                    for part in block[HEADER..].chunks(SUB_BLOCK) {
                        if word(part, 0)? == ours && self.answered.is_none() {
                            self.answered = Some((word(part, 4)?, word(part, 8)?)).filter(|(when, _)| *when != 0);
                        }
                    }
                }
                VOIP_METRICS if word(block, HEADER)? == ours && self.metrics.is_none() => {
                    self.metrics = Some(metrics(block)?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn metrics(block: &[u8]) -> Result<PeerMetrics, RtcpError> {
    if block.len() < METRICS {
        return Err(RtcpError::Packet);
    }
    // a score is 10 to 50; anything else is none
    let score = |at: usize| Some(block[at]).filter(|score| (10..=50).contains(score));
    Ok(PeerMetrics {
        loss: block[8],
        discard: block[9],
        end_delay_ms: u16::from_be_bytes([block[18], block[19]]),
        mos_listening: score(26),
        mos_conversation: score(27),
    })
}

fn byte(bytes: &[u8], at: usize) -> Result<u8, RtcpError> {
    bytes.get(at).copied().ok_or(RtcpError::Packet)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, RtcpError> {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>);
    found.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(RtcpError::Packet)
}

/// What one extended report of ours says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Telling {
    /// Our clock, as an NTP timestamp.
    pub(super) reference: Option<u64>,
    /// Of a reference time of the peer's: whose, its middle bits, how long we held it.
    pub(super) answer: Option<(u32, u32, u32)>,
    pub(super) metrics: Option<Metrics>,
}

/// VoIP metrics of one source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metrics {
    pub(super) source: u32,
    /// In 256ths.
    pub(super) loss: u8,
    pub(super) discard: u8,
    pub(super) bursts: BurstPicture,
    pub(super) round_trip_ms: u16,
    pub(super) hearing: Hearing,
}

impl Telling {
    /// Writes it as `sender`, and says how long it is; nothing if there is nothing to be told.
    pub(super) fn write(&self, sender: u32) -> ([u8; LONGEST], usize) {
        let mut bytes = [0; LONGEST];
        let mut length = 8;
        let mut put = |block: &[u8]| {
            bytes[length..length + block.len()].copy_from_slice(block);
            length += block.len();
        };
        if let Some(ntp) = self.reference {
            put(&[REFERENCE_TIME, 0, 0, 2]);
            put(&ntp.to_be_bytes());
        }
        if let Some((source, when, held)) = self.answer {
            put(&[DLRR, 0, 0, 3]);
            [source, when, held].iter().for_each(|word| put(&word.to_be_bytes()));
        }
        if let Some(metrics) = &self.metrics {
            put(&metrics.block());
        }
        if length == 8 {
            return (bytes, 0);
        }
        bytes[..4].copy_from_slice(&[0x80, PACKET_TYPE, 0, (length / 4 - 1) as u8]);
        bytes[4..8].copy_from_slice(&sender.to_be_bytes());
        (bytes, length)
    }
}

impl Metrics {
    fn block(&self) -> [u8; METRICS] {
        let Hearing { delay_ms, buffer_ms, packet_ms, rating, opinions, .. } = self.hearing;
        let ms = |value: f32| (value.round() as u16).to_be_bytes();
        let long = |packets: u64| ms((packets as f32 * packet_ms).min(65_535.0));
        let tenths = |score: f32| (score * 10.0).round() as u8;
        let (listening, conversation) = opinions.map_or((UNKNOWN, UNKNOWN), |(l, c)| (tenths(l), tenths(c)));
        let mut block = [0; METRICS];
        block[..4].copy_from_slice(&[VOIP_METRICS, 0, 0, (METRICS / 4 - 1) as u8]);
        block[4..8].copy_from_slice(&self.source.to_be_bytes());
        block[8..12].copy_from_slice(&[self.loss, self.discard, self.bursts.burst_density, self.bursts.gap_density]);
        block[12..14].copy_from_slice(&long(self.bursts.burst_packets));
        block[14..16].copy_from_slice(&long(self.bursts.gap_packets));
        block[16..18].copy_from_slice(&self.round_trip_ms.to_be_bytes());
        block[18..20].copy_from_slice(&ms(delay_ms));
        block[20..24].copy_from_slice(&[UNKNOWN, UNKNOWN, UNKNOWN, GMIN]);
        let rating = rating.map_or(UNKNOWN, |rating| rating.clamp(0.0, 100.0).round() as u8);
        block[24..28].copy_from_slice(&[rating, UNKNOWN, listening, conversation]);
        block[28..30].copy_from_slice(&[RECEIVER, 0]);
        for at in [30, 32, 34] {
            // how much waits now is all it will wait for, as far as anybody knows
            block[at..at + 2].copy_from_slice(&ms(buffer_ms));
        }
        block
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn told() -> Telling {
        let hearing = Hearing {
            delay_ms: 60.4,
            buffer_ms: 40.0,
            packet_ms: 20.0,
            discarded: 3,
            rating: Some(87.6),
            opinions: Some((4.26, 4.2)),
        };
        let bursts = BurstPicture { burst_density: 102, gap_density: 1, burst_packets: 5, gap_packets: 500 };
        let metrics = Metrics { source: 9, loss: 13, discard: 2, bursts, round_trip_ms: 80, hearing };
        Telling { reference: Some(0x1122_3344_5566_7788), answer: Some((9, 77, 65_536)), metrics: Some(metrics) }
    }

    #[test]
    fn the_blocks_lie_as_the_rfc_draws_them() {
        let (bytes, length) = told().write(0xabcd);
        #[rustfmt::skip]
        let expected = [
            0x80, 207, 0, 17, 0, 0, 0xab, 0xcd,
            4, 0, 0, 2, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
            5, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0, 77, 0, 1, 0, 0,
            7, 0, 0, 8, 0, 0, 0, 9, 13, 2, 102, 1, 0, 100, 0x27, 0x10, 0, 80, 0, 60,
            127, 127, 127, 16, 88, 127, 43, 42, 0xb0, 0, 0, 40, 0, 40, 0, 40,
        ];
        assert_eq!(bytes[..length], expected);
    }

    #[test]
    fn what_is_written_is_read_by_whom_it_is_about_and_by_nobody_else() {
        let (bytes, length) = told().write(0xabcd);
        let read = |ours| {
            let mut extended = Extended::default();
            extended.take(&bytes[..length], ours).map(|()| extended)
        };
        let heard = read(9).unwrap();
        assert_eq!((heard.reference, heard.answered), (Some(0x3344_5566), Some((77, 65_536))));
        let metrics = heard.metrics.unwrap();
        assert_eq!((metrics.loss, metrics.discard, metrics.end_delay_ms), (13, 2, 60));
        assert_eq!((metrics.mos_listening, metrics.mos_conversation), (Some(43), Some(42)));
        assert_eq!(read(10).unwrap(), Extended { reference: Some(0x3344_5566), ..Extended::default() });
    }

    #[test]
    fn nothing_to_tell_is_nothing() {
        assert_eq!(Telling::default().write(1).1, 0);
    }

    #[test]
    fn cut_and_false_blocks_are_turned_down_and_unknown_ones_stepped_over() {
        let (bytes, length) = told().write(1);
        for cut in 9..length {
            let cut = &bytes[..cut];
            let mut extended = Extended::default();
            let whole = [8, 20, 36].contains(&cut.len());
            assert_eq!(extended.take(cut, 9).is_ok(), whole, "{}", cut.len());
        }
        let mut extended = Extended::default();
        let unknown =
            [&[0x80, 207, 0, 4, 0, 0, 0, 1][..], &[99, 1, 0, 1, 5, 6, 7, 8], &[4, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0, 0]];
        extended.take(&unknown.concat(), 9).unwrap();
        assert_eq!(extended.reference, Some(0x1_0002));
        let short = [&[0x80, 207, 0, 4, 0, 0, 0, 1][..], &[7, 0, 0, 1, 0, 0, 0, 9]].concat();
        assert_eq!(Extended::default().take(&short, 9), Err(RtcpError::Packet));
    }
}
