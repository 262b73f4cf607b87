//! Whether losses come one by one or in bursts: counted packet by packet as RFC 3611 §4.7.2 describes it.
//!
//! A burst begins and ends with a lost packet, and has fewer than [`GMIN`] packets in a row that came; a loss that is alone between so many
//! belongs to a gap. A packet that comes out of its order counts as lost: it was not there when its turn was near.

use serde::{Deserialize, Serialize};

/// So many packets in a row that came end a burst; the value that RFC 3611 §4.7.2 recommends.
pub(super) const GMIN: u8 = 16;
/// A step of the sequence beyond this is another beginning and no loss.
const MOST_LOST: u16 = 3_000;

/// The losses of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Bursts {
    last: Option<u16>,
    /// Packets that came since the last loss.
    came: u64,
    /// Packets, and losses among them, of what may be a burst: since its first loss, up to its last.
    open: Share,
    bursts: u32,
    in_bursts: Share,
    in_gaps: Share,
    /// Losses, and how often packets were lost in a row.
    lost: u64,
    runs: u64,
}

/// Some packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Share {
    packets: u64,
    lost: u64,
}

impl Share {
    fn add(&mut self, other: Share) {
        self.packets += other.packets;
        self.lost += other.lost;
    }

    /// Lost packets of each 256.
    fn density(self) -> u8 {
        (self.lost * 256).checked_div(self.packets).map_or(0, |density| density.min(255) as u8)
    }
}

/// What is told of the losses so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct BurstPicture {
    /// Losses of each 256 packets in bursts, in gaps.
    pub(super) burst_density: u8,
    pub(super) gap_density: u8,
    /// Mean lengths in packets.
    pub(super) burst_packets: u64,
    pub(super) gap_packets: u64,
}

impl Bursts {
    /// A packet came.
    pub(super) fn received(&mut self, sequence: u16) {
        let step = self.last.map_or(1, |last| sequence.wrapping_sub(last));
        match step {
            // again, or too late
            0 | 0x8000.. => return,
            1 => {}
            2..=MOST_LOST => {
                self.runs += 1;
                for _ in 1..step {
                    self.loses();
                }
            }
            _ => {}
        }
        self.last = Some(sequence);
        self.came += 1;
    }

    fn loses(&mut self) {
        self.lost += 1;
        let goes_on = self.open.lost > 0 && self.came < u64::from(GMIN);
        if goes_on {
            self.open.add(Share { packets: self.came + 1, lost: 1 });
        } else {
            self.close();
            self.in_gaps.packets += self.came;
            self.open = Share { packets: 1, lost: 1 };
        }
        self.came = 0;
    }

    /// What was open is over: a burst, or a loss by itself.
    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        if open.lost > 1 {
            self.bursts += 1;
            self.in_bursts.add(open);
        } else {
            self.in_gaps.add(open);
        }
    }

    /// What is told of them now.
    pub(super) fn picture(mut self) -> BurstPicture {
        self.close();
        self.in_gaps.packets += self.came;
        let bursts = u64::from(self.bursts);
        BurstPicture {
            burst_density: self.in_bursts.density(),
            gap_density: self.in_gaps.density(),
            burst_packets: self.in_bursts.packets.checked_div(bursts).unwrap_or(0),
            gap_packets: self.in_gaps.packets / (bursts + 1),
        }
    }

    /// How many packets are lost in a row, on average; 1 if none were.
    pub(super) fn mean_run(&self) -> f64 {
        if self.runs == 0 { 1.0 } else { self.lost as f64 / self.runs as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(lost: impl Fn(u16) -> bool, packets: u16) -> Bursts {
        let mut bursts = Bursts::default();
        (0..packets).filter(|sequence| !lost(*sequence)).for_each(|sequence| bursts.received(sequence));
        bursts
    }

    #[test]
    fn losses_far_apart_are_no_bursts() {
        let picture = heard(|n| n % 20 == 10, 1_000).picture();
        assert_eq!((picture.burst_density, picture.burst_packets), (0, 0));
        // one in twenty of 256
        assert_eq!((picture.gap_density, picture.gap_packets), (12, 1_000));
    }

    #[test]
    fn losses_close_together_are_one_burst_with_what_came_between_them() {
        // 100 and 104 are lost, and 500 alone
        let bursts = heard(|n| [100, 104, 500].contains(&n), 1_000);
        let picture = bursts.picture();
        assert_eq!((picture.burst_packets, picture.burst_density), (5, 102), "two of five");
        assert_eq!(picture.gap_packets, 995 / 2);
        assert!((bursts.mean_run() - 1.0).abs() < 1e-9);
        assert!((heard(|n| (300..306).contains(&n), 1_000).mean_run() - 6.0).abs() < 1e-9);
    }

    #[test]
    fn sixteen_that_came_end_a_burst_and_fifteen_do_not() {
        let apart =
            |came: u16| heard(|n| [100, 101, 102 + came, 103 + came].contains(&n), 1_000).picture().burst_packets;
        assert_eq!((apart(16), apart(15)), (2, 19));
    }

    #[test]
    fn a_packet_again_or_out_of_its_order_and_a_new_beginning_lose_nothing_more() {
        let mut bursts = Bursts::default();
        for sequence in [65_534, 65_535, 0, 1, 1, 0, 2, 30_000, 30_001] {
            bursts.received(sequence);
        }
        assert_eq!((bursts.lost, bursts.picture().gap_packets), (0, 7));
    }
}
