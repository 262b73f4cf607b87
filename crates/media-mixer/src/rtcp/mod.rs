//! RTCP of one leg (RFC 3550 §6): what we report, what the peer reports about us, and BYE.
//!
//! Arriving compounds are walked by a length check of our own and read by `rtc-rtcp` (never by the old `rtcp` crate, which
//! panics on short packets). Building and reading allocate nothing. It sends nothing, and it trusts no address: the latch has
//! judged before.
//!
//! Deviation: RFC 3550 §6.3; a leg is a session of two, so the interval is the five-second minimum, randomised and halved at the
//! start, without member counting and timer reconsideration.

mod build;
mod bursts;
mod extended;
mod read;
mod reporter;

pub use build::MAX_COMPOUND;
pub use extended::{Extended, ExtendedTerms, Hearing, PeerMetrics};
pub use read::{Arrived, Block, RtcpError, SenderInfo, read};
pub use reporter::{Clock, Counters, Reporter};

/// Mean interval between reports, in microseconds (RFC 3550 §6.2).
pub const INTERVAL_US: u64 = 5_000_000;

/// Microseconds since an epoch as an NTP timestamp, 32.32 bits.
///
/// Our reports count from the service's epoch, not from 1900: only differences are ever used (RFC 3550 §6.4.1 permits it),
/// and a step of the wall clock cannot spoil them.
fn ntp(us: u64) -> u64 {
    let seconds = us / 1_000_000;
    let fraction = ((us % 1_000_000) << 32) / 1_000_000;
    (seconds << 32) | fraction
}

/// The middle 32 bits of an NTP timestamp: units of 1/65536 s.
fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}
