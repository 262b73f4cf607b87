//! Signals: SIGTERM and SIGINT stop the service, SIGHUP reads the settings again. And the word to systemd.
//!
//! What stopping means stands in `running`.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Stop.
    Stop,
    /// Read the settings again.
    Reload,
}

/// The signals of this process.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes the signals over; from here on none of them kills the process.
    ///
    /// # Errors
    /// The system refused.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

/// Tells systemd, if it started us.
pub(crate) fn tell_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        debug!(%error, "systemd was not told");
    }
}

/// That the settings are being read again; `Ready` must follow. Since systemd 253 the time has to be said as well.
pub(crate) fn reloading() -> Vec<NotifyState<'static>> {
    std::iter::once(NotifyState::Reloading).chain(NotifyState::monotonic_usec_now().ok()).collect()
}

/// The signs of life that systemd wants (`WatchdogSec=`), given only while the house answers: a process that is merely there
/// is killed and started anew.
#[derive(Debug)]
pub(crate) struct Watchdog {
    every: Option<Duration>,
    next: Instant,
}

impl Watchdog {
    /// As systemd asked for them; without systemd it is never due.
    pub(crate) fn start() -> Self {
        let every = sd_notify::watchdog_enabled().map(|limit| limit / 3);
        Self { every, next: Instant::now() }
    }

    /// When the next is due. Cancel-safe.
    pub(crate) async fn due(&self) {
        match self.every {
            Some(_) => sleep_until(self.next).await,
            None => std::future::pending().await,
        }
    }

    /// Tells it if the house says in time that it is well.
    pub(crate) async fn tell(&mut self, answer: impl Future<Output = Result<(), String>>) {
        let Some(every) = self.every else { return };
        match well(every, answer).await {
            Ok(()) => tell_systemd(&[NotifyState::Watchdog]),
            Err(why) => warn!("{why}: systemd is given no sign of life"),
        }
        self.next = Instant::now() + every;
    }
}

/// Whether the house is well, as it says within this time.
async fn well(within: Duration, answer: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    timeout(within, answer).await.unwrap_or_else(|_| Err("the house does not answer".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_house_that_is_silent_or_says_that_a_part_stands_still_gives_no_sign_of_life() {
        let within = Duration::from_secs(3);
        assert_eq!(well(within, async { Ok(()) }).await, Ok(()));
        let stands = "media thread 0 stands still".to_owned();
        assert_eq!(well(within, async { Err(stands.clone()) }).await, Err(stands.clone()));
        assert_eq!(well(within, std::future::pending()).await, Err("the house does not answer".to_owned()));
    }
}
