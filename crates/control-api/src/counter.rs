//! The counter at which everybody asks: what all routes share. It serves nobody itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use conference::{Command, Event};
use tokio::sync::{Semaphore, watch};

use crate::feed::Feed;
use crate::house::{Ask, House, Reply};
use crate::kept::KeptAnswers;
use crate::limits::{SUBSCRIBERS, TRACES};
use crate::logins::Logins;
use crate::problem::Problem;
use crate::rates::{Rate, Rates};
use crate::settings::ApiSettings;
use crate::subscriptions::Subscriptions;

/// What all routes share.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) house: House,
    pub(crate) settings: ApiSettings,
    pub(crate) logins: Logins,
    pub(crate) rates: Rates,
    pub(crate) kept: KeptAnswers,
    pub(crate) feed: Arc<Feed>,
    pub(crate) subscribers: Arc<Semaphore>,
    pub(crate) subscriptions: Arc<Subscriptions>,
    pub(crate) traces: Arc<Semaphore>,
    pub(crate) stopped: watch::Receiver<bool>,
    pub(crate) tally: Tally,
}

/// What the API counts of itself.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Answers by class: 1xx and 2xx, 3xx, 4xx, 5xx.
    answers: [AtomicU64; 4],
    /// Subscribers that were too slow and were told everything anew.
    pub(crate) resyncs: AtomicU64,
}

impl Counter {
    pub(crate) fn new(house: House, settings: ApiSettings, feed: Arc<Feed>, stopped: watch::Receiver<bool>) -> Self {
        Self {
            rates: Rates::default(),
            house,
            settings,
            logins: Logins::default(),
            kept: KeptAnswers::default(),
            feed,
            subscribers: Arc::new(Semaphore::new(SUBSCRIBERS)),
            subscriptions: Arc::default(),
            traces: Arc::new(Semaphore::new(TRACES)),
            stopped,
            tally: Tally::default(),
        }
    }

    /// How often anybody may ask, as the settings say now.
    pub(crate) fn rate(&self) -> Rate {
        let doors = self.settings.doors.borrow();
        Rate::new(doors.rate_per_s, doors.burst)
    }

    /// Asks the house.
    pub(crate) async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, Problem> {
        Ok(self.house.ask(ask).await?)
    }

    /// Gives a command: the events of its reaction.
    pub(crate) async fn command(&self, command: Command) -> Result<Vec<Event>, Problem> {
        Ok(self.ask(|reply| Ask::Command(Box::new(command), reply)).await??)
    }
}

impl Tally {
    pub(crate) fn note(&self, status: u16) {
        let class = usize::from(status / 100).saturating_sub(2).min(3);
        self.answers[class].fetch_add(1, Ordering::Relaxed);
    }

    /// In the text format of Prometheus.
    pub(crate) fn text(&self, subscribers: usize) -> String {
        let mut text = String::from(
            "# HELP baton_api_answers Answers of the HTTP API, by class of status.\n# TYPE baton_api_answers counter\n",
        );
        for (class, count) in ["2xx", "3xx", "4xx", "5xx"].iter().zip(&self.answers) {
            let count = count.load(Ordering::Relaxed);
            text.push_str(&format!("baton_api_answers_total{{class=\"{class}\"}} {count}\n"));
        }
        text.push_str("# HELP baton_api_subscribers Subscribers of /v1/events.\n# TYPE baton_api_subscribers gauge\n");
        text.push_str(&format!("baton_api_subscribers {subscribers}\n"));
        text.push_str("# HELP baton_api_resyncs Subscribers that were too slow and were told everything anew.\n");
        text.push_str("# TYPE baton_api_resyncs counter\n");
        text.push_str(&format!("baton_api_resyncs_total {}\n", self.resyncs.load(Ordering::Relaxed)));
        text
    }
}
