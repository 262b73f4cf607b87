//! Turns the 16-bit sequence numbers of a stream into numbers that never wrap.

use serde::{Deserialize, Serialize};

/// Unwraps sequence numbers: each is taken as the nearest to the highest one seen.
///
/// The first number is placed one full cycle up, so that packets which were sent before it stay positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SequenceUnwrap {
    highest: Option<u64>,
}

impl SequenceUnwrap {
    /// The extended number of `sequence`.
    pub fn unwrap(&mut self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else {
            let first = (1 << 16) + u64::from(sequence);
            self.highest = Some(first);
            return first;
        };
        let ahead = sequence.wrapping_sub(highest as u16);
        let extended = if ahead < 0x8000 {
            highest + u64::from(ahead)
        } else {
            highest.saturating_sub(u64::from(ahead.wrapping_neg()))
        };
        self.highest = Some(highest.max(extended));
        extended
    }

    /// The highest extended number so far.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_across_the_wrap_and_late_ones_go_back() {
        let mut unwrap = SequenceUnwrap::default();
        let extended = [65_534, 0, 65_535, 1, 3, 2].map(|sequence| unwrap.unwrap(sequence));
        let first = (1 << 16) + 65_534;
        assert_eq!(extended, [first, first + 2, first + 1, first + 3, first + 5, first + 4]);
        assert_eq!(unwrap.highest(), Some(first + 5));
    }

    #[test]
    fn a_packet_sent_before_the_first_one_stays_before_it() {
        let mut unwrap = SequenceUnwrap::default();
        let first = unwrap.unwrap(0);
        assert_eq!(unwrap.unwrap(65_535), first - 1);
    }
}
