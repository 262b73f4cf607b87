//! The one clock: monotonic time as the core's `Moment`. Whoever sets the machine's clock changes no span; only what is shown to
//! people and written down follows the wall, and that only when the wall's clock was set: its small corrections would make the
//! same moment another each time it is shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use conference::Moment;
use tracing::warn;

/// Microseconds by which the wall may be off what it was at the start before it counts as set.
const SET: i64 = 1_000_000;

/// Microseconds since the service's epoch: the start of this process.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
    /// The epoch by the clock on the wall, in microseconds of Unix time.
    wall: Arc<AtomicI64>,
}

impl Clock {
    /// Starts at the epoch.
    pub(crate) fn start() -> Self {
        Self { epoch: Instant::now(), wall: Arc::new(AtomicI64::new(Self::wall())) }
    }

    /// Now.
    pub(crate) fn now(&self) -> Moment {
        Moment::ZERO + self.epoch.elapsed()
    }

    /// Now by the clock on the wall, in microseconds of Unix time.
    pub(crate) fn wall() -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    /// The moment 0 by the clock on the wall, in microseconds of Unix time. The same until that clock is set.
    pub(crate) fn epoch(&self) -> i64 {
        self.epoch_at(Self::wall())
    }

    fn epoch_at(&self, wall: i64) -> i64 {
        let (known, now) = (self.wall.load(Ordering::Relaxed), i64::try_from(self.now().0).unwrap_or(i64::MAX));
        let seen = wall.saturating_sub(now);
        let off = seen.saturating_sub(known);
        if off.abs() <= SET {
            return known;
        }
        if self.wall.compare_exchange(known, seen, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            warn!(seconds = off / 1_000_000, "the machine's clock was set: times of calls move with it");
        }
        seen
    }

    /// When a moment is for timers. A moment beyond all time is in a day.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        let span = moment.since(Moment::ZERO);
        self.epoch.checked_add(span).unwrap_or_else(|| Instant::now() + std::time::Duration::from_secs(86_400))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_stays_until_the_clock_on_the_wall_is_set() {
        let clock = Clock::start();
        let epoch = clock.epoch();
        let wall = |off: i64| epoch + i64::try_from(clock.now().0).unwrap_or(0) + off;
        assert_eq!([clock.epoch_at(wall(900_000)), clock.epoch_at(wall(-900_000))], [epoch; 2], "it is kept in order");
        let hour = 3_600_000_000;
        let set = clock.epoch_at(wall(hour));
        assert!((set - epoch - hour).abs() < 10_000, "it was wrong by an hour: {}", set - epoch);
        assert_eq!(clock.clone().epoch_at(wall(hour) + 500_000), set);
    }
}
