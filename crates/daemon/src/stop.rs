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

    /// Tells it if the house gives this answer in time.
    pub(crate) async fn tell<T>(&mut self, answer: impl Future<Output = T>) {
        let Some(every) = self.every else { return };
        if timeout(every, answer).await.is_ok() {
            tell_systemd(&[NotifyState::Watchdog]);
        } else {
            warn!("the house does not answer: systemd is given no sign of life");
        }
        self.next = Instant::now() + every;
    }
}
