//! How long this machine kept everybody waiting: a thread that wants to wake every 5 ms and notes when it could not.
//!
//! A hole in somebody's sound is judged against it: what the machine did to everybody at that moment the daemon did not do.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(5);
/// Shorter ones are the usual life of a machine.
const WORTH_NOTING: Duration = Duration::from_millis(10);
/// Stalls that are remembered.
const KEPT: usize = 10_000;

type Stalls = Mutex<VecDeque<(Instant, Duration)>>;

/// Begins the watch, if it has not begun.
pub fn begin() {
    drop(noted());
}

/// The longest stall since `from`, in milliseconds.
#[must_use]
pub fn longest_ms_since(from: Instant) -> usize {
    let longest = noted().iter().filter(|(at, _)| *at >= from).map(|(_, length)| length.as_millis()).max();
    longest.and_then(|ms| usize::try_from(ms).ok()).unwrap_or(0)
}

fn noted() -> MutexGuard<'static, VecDeque<(Instant, Duration)>> {
    static STALLS: OnceLock<Stalls> = OnceLock::new();
    let stalls = STALLS.get_or_init(|| {
        std::thread::spawn(watch);
        Stalls::default()
    });
    stalls.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch() {
    let mut before = Instant::now();
    loop {
        std::thread::sleep(STEP);
        let now = Instant::now();
        let late = now.duration_since(before).saturating_sub(STEP);
        before = now;
        if late >= WORTH_NOTING {
            let mut stalls = noted();
            if stalls.len() == KEPT {
                stalls.pop_front();
            }
            stalls.push_back((now, late));
        }
    }
}
