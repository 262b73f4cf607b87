//! The one clock: monotonic time as the core's `Moment`. Whoever sets the machine's clock changes no span; only what is shown to
//! people and written down follows the wall.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use conference::Moment;

/// Microseconds since the service's epoch: the start of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    /// Starts at the epoch.
    pub(crate) fn start() -> Self {
        Self { epoch: Instant::now() }
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

    /// The moment 0 by the clock on the wall as it stands now, in microseconds of Unix time.
    pub(crate) fn epoch(&self) -> i64 {
        Self::wall().saturating_sub(i64::try_from(self.now().0).unwrap_or(i64::MAX))
    }

    /// When a moment is for timers. A moment beyond all time is in a day.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        let span = moment.since(Moment::ZERO);
        self.epoch.checked_add(span).unwrap_or_else(|| Instant::now() + std::time::Duration::from_secs(86_400))
    }
}
