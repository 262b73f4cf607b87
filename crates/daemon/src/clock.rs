//! The one clock: monotonic time as the core's `Moment`. Whoever sets the machine's clock changes nothing here.

use std::time::Instant;

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

    /// When a moment is for timers. A moment beyond all time is in a day.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        let span = moment.since(Moment::ZERO);
        self.epoch.checked_add(span).unwrap_or_else(|| Instant::now() + std::time::Duration::from_secs(86_400))
    }
}
