//! The timers of the transaction machines, RFC 3261 §17 table 4: deadlines, never clocks.

use std::time::Duration;

use conference::Moment;

/// Round-trip estimate (RFC 3261 §17.1.1.1).
pub(crate) const T1: Duration = Duration::from_millis(500);
/// The longest interval between repeats of a non-INVITE request or an INVITE response.
pub(crate) const T2: Duration = Duration::from_secs(4);
/// The longest time a message stays in the network.
pub(crate) const T4: Duration = Duration::from_secs(5);
/// 64*T1: timers B, F, H, J, L and M, and D over UDP (at least 32 s).
pub(crate) const PATIENCE: Duration = Duration::from_secs(32);

/// A message that is repeated at growing intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    at: Moment,
    interval: Duration,
    longest: Duration,
}

impl Repeat {
    /// Repeats first after T1, then at doubled intervals up to `longest`.
    pub(crate) fn from(now: Moment, longest: Duration) -> Self {
        Self { at: now + T1, interval: T1, longest }
    }

    /// When the next repeat is due.
    pub(crate) fn at(&self) -> Moment {
        self.at
    }

    /// One repeat was sent: the next interval is twice as long, at most `longest`.
    pub(crate) fn sent(&mut self, now: Moment) {
        self.interval = (self.interval * 2).min(self.longest);
        self.at = now + self.interval;
    }

    /// From here on at the longest interval (RFC 3261 §17.1.2.2: a provisional response came).
    pub(crate) fn slow(&mut self, now: Moment) {
        self.interval = self.longest;
        self.at = now + self.interval;
    }
}

/// The earlier of two deadlines that may not be set.
pub(crate) fn earlier(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, None) => one,
        (None, other) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_double_up_to_the_longest() {
        let mut repeat = Repeat::from(Moment::ZERO, T2);
        let mut times = Vec::new();
        for _ in 0..6 {
            times.push(repeat.at().0 / 1_000);
            repeat.sent(repeat.at());
        }
        assert_eq!(times, [500, 1_500, 3_500, 7_500, 11_500, 15_500]);
    }
}
