//! The health of one RTP source: is it one at all, what was lost, how much does it jitter (RFC 3550 A.1, A.3, A.8).
//!
//! It drops nothing by itself; the leg asks and decides.

use serde::{Deserialize, Serialize};

/// Sequence numbers a stream may jump ahead before it counts as restarted (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3000;
/// How far behind a packet may be and still count as reordered (RFC 3550 A.1).
const MAX_MISORDER: u16 = 100;
/// Packets in sequence until a source is valid (RFC 3550 A.1).
const MIN_SEQUENTIAL: u8 = 2;
const CYCLE: u32 = 1 << 16;

/// Sequence accounting of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    max_sequence: u16,
    cycles: u32,
    base: u32,
    /// The number after a big jump; if the next packet has it, the sender restarted.
    restart: Option<u16>,
    probation: u8,
    received: u32,
    expected_prior: u32,
    received_prior: u32,
}

impl Source {
    /// A source whose first packet has this number. It is valid after the second one in sequence.
    pub fn new(sequence: u16) -> Source {
        let mut source = Source {
            max_sequence: sequence.wrapping_sub(1),
            cycles: 0,
            base: 0,
            restart: None,
            probation: MIN_SEQUENTIAL,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
        };
        source.update(sequence);
        source
    }

    /// Counts a packet; says whether it belongs to a valid source.
    pub fn update(&mut self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.max_sequence);
        if self.probation > 0 {
            return self.prove(sequence, ahead == 1);
        }
        if ahead < MAX_DROPOUT {
            if sequence < self.max_sequence {
                self.cycles = self.cycles.wrapping_add(CYCLE);
            }
            self.max_sequence = sequence;
        } else if ahead <= u16::MAX - MAX_MISORDER {
            if self.restart != Some(sequence) {
                self.restart = Some(sequence.wrapping_add(1));
                return false;
            }
            self.begin(sequence);
        }
        self.received = self.received.wrapping_add(1);
        true
    }

    /// Whether enough packets came in sequence.
    pub fn is_valid(&self) -> bool {
        self.probation == 0
    }

    /// Highest sequence number received, with the count of cycles above it (RFC 3550 §6.4.1).
    pub fn highest(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.max_sequence))
    }

    /// Packets received, duplicates and late ones included.
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Packets lost since the beginning; negative where duplicates came (RFC 3550 A.3).
    pub fn lost(&self) -> i32 {
        let lost = i64::from(self.expected()) - i64::from(self.received);
        // 24 bits on the wire
        i32::try_from(lost.clamp(-0x80_0000, 0x7f_ffff)).unwrap_or(0)
    }

    /// The share lost since the last call, in 256ths (RFC 3550 A.3).
    pub fn fraction_lost(&mut self) -> u8 {
        let expected = self.expected().wrapping_sub(self.expected_prior);
        let received = self.received.wrapping_sub(self.received_prior);
        self.expected_prior = self.expected();
        self.received_prior = self.received;
        match expected.checked_sub(received) {
            Some(lost) if lost > 0 => u8::try_from(u64::from(lost) * 256 / u64::from(expected)).unwrap_or(u8::MAX),
            Some(_) | None => 0,
        }
    }

    fn expected(&self) -> u32 {
        if self.probation > 0 {
            return 0;
        }
        self.highest().wrapping_sub(self.base).wrapping_add(1)
    }

    fn prove(&mut self, sequence: u16, in_sequence: bool) -> bool {
        self.probation = if in_sequence { self.probation - 1 } else { MIN_SEQUENTIAL - 1 };
        self.max_sequence = sequence;
        if self.probation > 0 {
            return false;
        }
        self.begin(sequence);
        self.received = 1;
        true
    }

    fn begin(&mut self, sequence: u16) {
        self.base = u32::from(sequence);
        self.max_sequence = sequence;
        self.cycles = 0;
        self.restart = None;
        self.received = 0;
        self.expected_prior = 0;
        self.received_prior = 0;
    }
}

/// Interarrival jitter (RFC 3550 A.8), in the codec's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Jitter {
    /// Transit and timestamp of the packet before.
    last: Option<(u32, u32)>,
    /// Sixteen times the estimate, so that nothing is lost by rounding.
    sixteenfold: u32,
}

impl Jitter {
    /// Takes one packet: when it arrived, in the codec's clock, and its timestamp. Packets that share a timestamp (those of a
    /// telephone event) count once.
    pub fn update(&mut self, arrival: u32, timestamp: u32) {
        let transit = arrival.wrapping_sub(timestamp);
        if let Some((last, before)) = self.last {
            if before == timestamp {
                return;
            }
            let change = (transit.wrapping_sub(last) as i32).unsigned_abs();
            // one wild timestamp (a new base, for example) must not spoil the estimate for minutes
            let change = change.min(1 << 16);
            self.sixteenfold = self.sixteenfold + change - ((self.sixteenfold + 8) >> 4);
        }
        self.last = Some((transit, timestamp));
    }

    /// The estimate, in the codec's clock.
    pub fn estimate(&self) -> u32 {
        self.sixteenfold >> 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_valid_after_two_packets_in_sequence() {
        let mut source = Source::new(9);
        assert!(!source.is_valid());
        assert!(!source.update(20));
        assert!(source.update(21));
        assert_eq!((source.highest(), source.received(), source.lost()), (21, 1, 0));
    }

    #[test]
    fn losses_are_counted_across_the_wrap() {
        let mut source = Source::new(65_530);
        for sequence in [65_531, 65_532, 65_535, 0, 1, 5] {
            assert!(source.update(sequence));
        }
        // from 65531 on: 11 expected, 6 received
        assert_eq!((source.highest(), source.lost()), (CYCLE + 5, 5));
        assert_eq!(source.fraction_lost(), u8::try_from(5 * 256 / 11).unwrap_or(0));
        assert_eq!(source.fraction_lost(), 0);
    }

    #[test]
    fn duplicates_make_the_loss_negative() {
        let mut source = Source::new(1);
        for sequence in [2, 3, 3, 3] {
            source.update(sequence);
        }
        assert_eq!((source.lost(), source.fraction_lost()), (-2, 0));
    }

    #[test]
    fn a_restarted_sender_is_followed_from_its_second_packet_on() {
        let mut source = Source::new(1);
        source.update(2);
        assert!(!source.update(30_000));
        assert!(source.update(30_001));
        assert_eq!((source.highest(), source.lost()), (30_001, 0));
    }

    #[test]
    fn jitter_is_zero_for_an_even_stream_and_settles_for_an_uneven_one() {
        let mut even = Jitter::default();
        let mut uneven = Jitter::default();
        for packet in 0..1000 {
            even.update(packet * 160, packet * 160);
            uneven.update(packet * 160 + (packet % 2) * 80, packet * 160);
        }
        assert_eq!(even.estimate(), 0);
        assert!((79..=80).contains(&uneven.estimate()), "{}", uneven.estimate());
    }
}
