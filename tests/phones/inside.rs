//! The daemon inside this process, for what only its owner can ask: freeze every call and thaw it, count what is left.
//!
//! What the phones see is the same. It judges nothing but that nothing of a call is left once all have hung up.

use std::time::{Duration, Instant};

use daemon::Running;
use daemon::config::from_text;
use tokio::runtime::Runtime;

/// Nothing may be left of a call after so long.
const CLEAN_UP: Duration = Duration::from_secs(8);

pub(crate) struct Inside {
    runtime: Runtime,
    running: Running,
}

impl Inside {
    pub(crate) fn start(settings: &str) -> Inside {
        let config = from_text(settings).unwrap_or_else(|mistakes| panic!("{mistakes}\n{settings}"));
        let runtime = Runtime::new().unwrap_or_else(|why| panic!("no threads: {why}"));
        let running = runtime.block_on(daemon::run(config)).unwrap_or_else(|why| panic!("no daemon: {why}"));
        Inside { runtime, running }
    }

    /// Freezes and thaws every live call; says how many legs there were.
    pub(crate) fn freeze_and_thaw(&self) -> usize {
        let frozen = self.runtime.block_on(self.running.freeze_and_thaw());
        frozen.unwrap_or_else(|why| panic!("freeze and thaw: {why}"))
    }

    /// Everybody has hung up: nothing may be left, and the daemon stops.
    pub(crate) fn close(self) {
        let end = Instant::now() + CLEAN_UP;
        loop {
            let counts = self.runtime.block_on(self.running.counts());
            if (counts.calls, counts.legs, counts.dialogs, counts.media_legs) == (0, 0, 0, 0) {
                break;
            }
            assert!(Instant::now() < end, "left behind: {counts:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.runtime.block_on(self.running.stop());
    }
}
