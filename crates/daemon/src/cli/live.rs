//! `baton calls`, `baton agents`, `baton queues`: a table that redraws as things happen, or one that is written once.
//!
//! A table is asked for anew whenever the daemon told an event; the events themselves are not drawn.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::client::{Client, ClientError, Reach, Stream};
use super::outcome::{Failure, line, lines};
use super::table::Table;
use super::terminal::{Ink, Paint, Screen, json_line, size, width};
use super::{board, table};

/// Durations count on, and a lost daemon is looked for, this often.
const TICK: Duration = Duration::from_secs(1);
/// Events that come together are one drawing.
const TOGETHER: Duration = Duration::from_millis(50);

/// How a table is shown.
#[derive(Args, Clone, Debug)]
pub(super) struct Watched {
    /// Write it once, also on a terminal.
    #[arg(long)]
    once: bool,
    /// Write it again as things change; with --json, one line for each thing that changed.
    #[arg(long, short, conflicts_with = "once")]
    follow: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shown {
    /// The calls.
    Calls,
    /// The agents.
    Agents,
    /// The queues.
    Queues,
}

impl Shown {
    async fn ask(self, client: &Client) -> Result<Vec<Value>, ClientError> {
        match self {
            Self::Calls => client.calls().await,
            Self::Agents => client.agents().await,
            Self::Queues => client.queues().await,
        }
    }

    fn table(self, items: &[Value], now: Timestamp) -> Table {
        fn read<T: DeserializeOwned>(items: &[Value]) -> Vec<T> {
            items.iter().filter_map(|item| T::deserialize(item).ok()).collect()
        }
        match self {
            Self::Calls => board::calls(&read(items), now),
            Self::Agents => board::agents(&read(items), now),
            Self::Queues => board::queues(&read(items), now),
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Calls => "id",
            Self::Agents | Self::Queues => "name",
        }
    }

    const fn none(self) -> &'static str {
        match self {
            Self::Calls => "no calls",
            Self::Agents => "no agents",
            Self::Queues => "no queues",
        }
    }
}

/// Shows it.
pub(super) async fn show(shown: Shown, how: &Watched) -> Result<(), Failure> {
    let client = Client::new(&how.reach)?;
    let items = shown.ask(&client).await?;
    if how.reach.json {
        for item in &items {
            line(&json_line(item))?;
        }
        return if how.follow { changes(shown, &client, items).await } else { Ok(()) };
    }
    if how.follow || (size().is_some() && !how.once) {
        return redraw(shown, &client, items).await;
    }
    if items.is_empty() {
        note(shown.none())
    } else {
        lines(&shown.table(&items, Timestamp::now()).lines(width(), Paint::of_stdout()))
    }
}

/// Said where there is nothing to show; a script that reads lines gets none.
fn note(text: &str) -> Result<(), Failure> {
    if size().is_some() { line(text) } else { Ok(()) }
}

/// What is watched: the items as they were last, and whether there is a daemon to ask.
struct Watch<'a> {
    shown: Shown,
    client: &'a Client,
    events: Option<Stream>,
    items: Vec<Value>,
    trouble: Option<String>,
}

impl Watch<'_> {
    /// Until something is new, a second is over, or the watching ends (`false`).
    async fn turn(&mut self, until: &mut Interrupts) -> bool {
        if self.events.is_none() {
            self.events = self.client.events().await.ok();
        }
        let tick = Instant::now() + TICK;
        let Some(events) = &mut self.events else {
            tokio::select! {
                () = until.next() => return false,
                () = sleep_until(tick) => {}
            }
            self.ask().await;
            return true;
        };
        let told = tokio::select! {
            () = until.next() => return false,
            () = sleep_until(tick) => return true,
            told = events.next() => told,
        };
        let together = Instant::now() + TOGETHER;
        let mut lost = told.is_err();
        while !lost {
            tokio::select! {
                biased;
                () = sleep_until(together) => break,
                told = events.next() => lost = told.is_err(),
            }
        }
        if lost {
            self.events = None;
        }
        self.ask().await;
        true
    }

    async fn ask(&mut self) {
        match self.shown.ask(self.client).await {
            Ok(items) => {
                self.items = items;
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(error.to_string()),
        }
    }
}

/// The table, drawn again and again until Ctrl-C.
async fn redraw(shown: Shown, client: &Client, items: Vec<Value>) -> Result<(), Failure> {
    let mut until = Interrupts::listen()?;
    let mut watch = Watch { shown, client, events: None, items, trouble: None };
    // on a pipe `--follow` writes one table after another
    let screen = if size().is_some() { Some(Screen::take()?) } else { None };
    let mut before = Vec::new();
    loop {
        let drawing = drawing(&watch, Paint::of_stdout());
        match &screen {
            Some(screen) => screen.draw(&drawing)?,
            None if watch.items != before => {
                lines(&drawing)?;
                line("")?;
            }
            None => {}
        }
        before.clone_from(&watch.items);
        if !watch.turn(&mut until).await {
            return Ok(());
        }
    }
}

fn drawing(watch: &Watch<'_>, paint: Paint) -> Vec<String> {
    let room = width();
    let mut drawing = watch.shown.table(&watch.items, Timestamp::now()).lines(room, paint);
    if watch.items.is_empty() {
        drawing.push(paint.put(Ink::Faint, &table::cut(watch.shown.none(), room.unwrap_or(usize::MAX))));
    }
    if let Some(trouble) = &watch.trouble {
        drawing.push(paint.put(Ink::Bad, &table::cut(trouble, room.unwrap_or(usize::MAX))));
    }
    drawing
}

/// One line of JSON for each thing that changed, until Ctrl-C. What is gone is `{"id": …, "gone": true}`.
async fn changes(shown: Shown, client: &Client, items: Vec<Value>) -> Result<(), Failure> {
    let key = |item: &Value| item.get(shown.key()).and_then(Value::as_str).unwrap_or_default().to_owned();
    let by_key = |items: &[Value]| items.iter().map(|item| (key(item), item.clone())).collect::<BTreeMap<_, _>>();
    let mut until = Interrupts::listen()?;
    let mut known = by_key(&items);
    let mut watch = Watch { shown, client, events: None, items, trouble: None };
    while watch.turn(&mut until).await {
        let now = by_key(&watch.items);
        for (name, item) in &now {
            if known.get(name) != Some(item) {
                line(&json_line(item))?;
            }
        }
        for name in known.keys().filter(|name| !now.contains_key(*name)) {
            line(&json_line(&json!({ shown.key(): name, "gone": true })))?;
        }
        known = now;
    }
    Ok(())
}

/// The signals that end a watching: Ctrl-C, and whoever closes the terminal.
pub(super) struct Interrupts {
    all: [tokio::signal::unix::Signal; 3],
}

impl Interrupts {
    /// From here on none of them ends the process by itself.
    ///
    /// # Errors
    /// The system refused.
    pub(super) fn listen() -> std::io::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        Ok(Self { all: [interrupt?, terminate?, hangup?] })
    }

    /// The next one. Cancel-safe.
    pub(super) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.all;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
