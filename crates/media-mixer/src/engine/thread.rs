//! A media thread: wakes at each slot by the absolute clock and lets its worker do what is due.
//!
//! The only loop here. It ends when the worker has stopped, or when everybody who could command it is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, Thread};

use super::stats::Counters;
use super::worker::Worker;
use crate::realtime;

/// Starts the media thread number `number`, pinned to `core` if one is named.
///
/// `listener` is woken after turns; it takes the words from the ring.
pub(crate) fn start(
    number: usize,
    core: Option<usize>,
    mut worker: Worker,
    counters: Arc<Counters>,
    abandoned: Arc<AtomicBool>,
    listener: Thread,
) -> std::io::Result<JoinHandle<()>> {
    let body = move || {
        let scheduling = realtime::claim(core);
        counters.scheduled(scheduling);
        tracing::info!(thread = number, scheduling = scheduling.label(), "media thread runs");
        while !worker.is_stopped() && !abandoned.load(Ordering::Relaxed) {
            realtime::sleep_until(worker.next_turn_us());
            let began_us = realtime::now_us();
            worker.turn(began_us);
            let ended_us = realtime::now_us();
            let took_us = ended_us - began_us;
            worker.worked(took_us, ended_us);
            counters.add(&counters.busy_us, took_us);
            counters.raise(&counters.longest_turn_us, took_us);
            if worker.has_spoken() {
                listener.unpark();
            }
        }
        listener.unpark();
    };
    std::thread::Builder::new().name(format!("media-{number}")).spawn(body)
}
