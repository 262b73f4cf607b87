//! How the house is, truly: each part is asked, and one that does not answer in time is not well.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use control_api::Health;
use media_mixer::{Stats, WorkerStats};
use tokio::time::{Instant, timeout};

use super::Clerk;
use crate::look::Look;
use crate::metrics::Scraped;
use crate::switch::Input;

/// A part that has not answered after so long is not well.
const ANSWER: Duration = Duration::from_secs(2);

impl Clerk {
    pub(super) async fn health(&self) -> Health {
        let load = timeout(ANSWER, self.ask(Input::Counts)).await.ok().flatten();
        let signalling = timeout(ANSWER, self.endpoint.counts()).await.ok();
        let switch = load.is_none().then(|| "the switch does not answer".to_owned());
        let sip = signalling.is_none().then(|| "the signalling does not answer".to_owned());
        let media = self.media.trouble(Instant::now(), &Ticks::of(&self.mixer.stats()));
        let draining = load.as_ref().is_some_and(|load| load.draining);
        let ready = switch.is_none() && sip.is_none() && media.is_none() && !draining;
        let mut parts =
            vec![("switch".to_owned(), switch), ("signalling".to_owned(), sip), ("media".to_owned(), media)];
        // without it calls go on, and nothing is lost that fits into the spool
        parts.push(("store".to_owned(), self.store.health().degraded));
        if draining {
            parts.push(("calls".to_owned(), Some("draining: no new calls are let in".to_owned())));
        }
        Health { ready, parts }
    }

    /// All numbers. Whoever asks while they are put together waits for the next text, together with all others who wait.
    pub(super) async fn metrics(&self) -> String {
        let asked = Instant::now();
        let mut last = self.scrape.lock().await;
        if let Some((begun, text)) = last.as_ref()
            && *begun >= asked
        {
            return text.clone();
        }
        let begun = Instant::now();
        let text = self.put_numbers_together().await;
        *last = Some((begun, text.clone()));
        text
    }

    async fn put_numbers_together(&self) -> String {
        let (everything, load) =
            tokio::join!(self.ask(|to| Input::Look(Look::Everything(to))), self.ask(Input::Counts));
        let (Some(everything), Some(load)) = (everything, load) else { return String::new() };
        let scraped = Scraped {
            now: self.clock.now(),
            everything,
            load,
            signalling: self.endpoint.counts().await,
            traffic: self.endpoint.traffic().await,
            media: self.mixer.stats(),
            store: self.store.counts(),
            store_up: self.store.health().degraded.is_none(),
        };
        self.metrics.text(&scraped).await
    }
}

/// What of the media threads is remembered from one question to the next, thread by thread: one that stands still is not
/// made good by others that do not.
#[derive(Debug, Default)]
pub(crate) struct MediaHealth {
    last: Mutex<Vec<Seen>>,
}

/// What one media thread has done.
#[derive(Clone, Copy, Debug)]
struct Ticks {
    made: u64,
    lost: u64,
    calls: u64,
}

impl Ticks {
    fn of(stats: &Stats) -> Vec<Self> {
        let ticks = |worker: &WorkerStats| Self { made: worker.ticks, lost: worker.lost_ticks, calls: worker.calls };
        stats.workers.iter().map(ticks).collect()
    }
}

/// How a thread was when it was last asked about.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Instant,
    ticks: u64,
    lost: u64,
    calls: u64,
    trouble_until: Option<Instant>,
}

/// After ticks were lost the media is called unwell for so long.
const TROUBLE: Duration = Duration::from_secs(10);
/// Of so many ticks one may be lost.
const BEARABLE: u64 = 1_000;
/// Ticks come every 20 ms: a thread that has calls and made none for so long stands still.
const STANDSTILL: Duration = Duration::from_secs(1);
/// What is said of it.
const STANDS_STILL: &str = "stands still";

impl MediaHealth {
    /// What is wrong with the media threads, if anything is.
    fn trouble(&self, now: Instant, threads: &[Ticks]) -> Option<String> {
        self.look(now, threads, |_| true)
    }

    /// Which media threads stand still since the last question, if any does: they come back by a new start alone.
    pub(crate) fn standstill(&self, stats: &Stats) -> Option<String> {
        self.look(Instant::now(), &Ticks::of(stats), |trouble| trouble == STANDS_STILL)
    }

    fn look(&self, now: Instant, threads: &[Ticks], counts: impl Fn(&str) -> bool) -> Option<String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let first =
            |ticks: &Ticks| Seen { at: now, ticks: ticks.made, lost: ticks.lost, calls: 0, trouble_until: None };
        let known = last.len();
        last.extend(threads.iter().skip(known).map(first));
        let judged = last.iter_mut().zip(threads).enumerate();
        let troubles: Vec<String> = judged
            .filter_map(|(thread, (seen, ticks))| Some((thread, seen.trouble(now, *ticks)?)))
            .filter(|(_, trouble)| counts(trouble))
            .map(|(thread, trouble)| format!("media thread {thread} {trouble}"))
            .collect();
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }
}

impl Seen {
    /// What is wrong with the thread, if anything is.
    fn trouble(&mut self, now: Instant, ticks: Ticks) -> Option<&'static str> {
        let Ticks { made: ticks, lost, calls } = ticks;
        let (made, missed) = (ticks.saturating_sub(self.ticks), lost.saturating_sub(self.lost));
        let late = missed * BEARABLE > made + missed;
        let trouble_until = if late { Some(now + TROUBLE) } else { self.trouble_until.filter(|until| *until > now) };
        let stands = made == 0 && calls > 0 && self.calls > 0;
        if stands && now.duration_since(self.at) > STANDSTILL {
            return Some(STANDS_STILL);
        }
        if !stands {
            *self = Self { at: now, ticks, lost, calls, trouble_until };
        }
        trouble_until.map(|_| "comes too late")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_ticks_are_told_for_a_while_and_a_standstill_as_long_as_it_lasts() {
        let (media, begun) = (MediaHealth::default(), Instant::now());
        // another thread, all well, makes good nothing
        let at = |seconds, made, lost| {
            let other = Ticks { made: 1_000 * seconds, lost: 0, calls: 1 };
            media.trouble(begun + Duration::from_secs(seconds), &[Ticks { made, lost, calls: 1 }, other])
        };
        assert_eq!(at(0, 1_000, 5), None, "what was before the first question is nobody's trouble");
        assert_eq!(at(0, 3_000, 6), None);
        assert!(at(0, 3_100, 20).is_some());
        assert!(at(1, 3_200, 20).is_some());
        assert_eq!(at(11, 4_000, 20), None);
        assert!(at(13, 4_000, 20).is_some());
        assert!(at(14, 4_000, 20).is_some());
        assert_eq!(at(15, 4_001, 20), None);
    }

    #[test]
    fn a_thread_that_stands_still_is_told_though_others_go_on_and_one_that_is_merely_late_is_not() {
        let (media, begun) = (MediaHealth::default(), Instant::now());
        let at = |seconds, made, lost, calls| {
            let other = Ticks { made: 1_000 * seconds, lost: 0, calls: 1 };
            let threads = [other, Ticks { made, lost, calls }];
            media.look(begun + Duration::from_secs(seconds), &threads, |trouble| trouble == STANDS_STILL)
        };
        assert_eq!(at(0, 0, 0, 0), None);
        assert_eq!(at(3, 0, 0, 0), None, "without calls there are no ticks");
        assert_eq!(at(6, 0, 0, 1), None, "its first call is new");
        assert_eq!(at(9, 100, 50, 1), None, "late is not still");
        assert_eq!(at(12, 100, 50, 1).as_deref(), Some("media thread 1 stands still"));
        assert_eq!(at(15, 100, 50, 1).as_deref(), Some("media thread 1 stands still"), "until it goes on");
        assert_eq!(at(18, 101, 50, 1), None);
    }
}
