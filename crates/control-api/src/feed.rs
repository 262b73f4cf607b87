//! The feed: follows the house's events, keeps the mirror, remembers the last events, and hands each on to subscribers.
//!
//! It never waits for a subscriber: whoever is too far behind is told everything anew (`routes::events`).

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use std::{future, sync::Arc};

use axum::extract::ws::Utf8Bytes;
use conference::{AgentName, Event};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tracing::debug;

use crate::house::{Ask, House, Snapshot, Told};
use crate::limits::{BEHIND, PATIENCE, RING};
use crate::mirror::{Audience, Mirror};
use crate::shown::EventMessage;

/// How long changes of agents are collected before the agents are looked at again.
const COLLECT: Duration = Duration::from_millis(100);
/// How long to wait before the house is asked again after it did not answer.
const AGAIN: Duration = Duration::from_millis(200);
/// Agents that are looked at in one go.
const LOOKED_AT: usize = 512;

/// One event, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) seq: u64,
    pub(crate) audience: Audience,
    pub(crate) json: Utf8Bytes,
    /// The same as the operator is told it, where that differs.
    pub(crate) for_operator: Option<Utf8Bytes>,
}

impl Line {
    /// As an agent (`None`: the operator) is told it.
    pub(crate) fn text(&self, who: Option<&AgentName>) -> &Utf8Bytes {
        self.for_operator.as_ref().filter(|_| who.is_none()).unwrap_or(&self.json)
    }
}

/// What subscribers receive.
#[derive(Clone, Debug)]
pub(crate) enum Sent {
    /// The next event.
    Line(Arc<Line>),
    /// Some events were lost: everything must be told anew.
    Gap,
}

#[derive(Debug, Default)]
struct Ring {
    /// The number of the last event that is not in `lines` any more (or never was).
    before: u64,
    last: u64,
    lines: VecDeque<Arc<Line>>,
}

/// The feed.
#[derive(Debug)]
pub(crate) struct Feed {
    mirror: RwLock<Mirror>,
    ring: Mutex<Ring>,
    sent: broadcast::Sender<Sent>,
    /// The number of the last event that was followed; `None`: nothing is known yet.
    followed: watch::Sender<Option<u64>>,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            mirror: RwLock::default(),
            ring: Mutex::default(),
            sent: broadcast::Sender::new(BEHIND),
            followed: watch::Sender::new(None),
        }
    }

    /// The mirror. Empty until the house has answered once: see `reach`.
    pub(crate) fn mirror(&self) -> RwLockReadGuard<'_, Mirror> {
        self.mirror.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the event of a number was followed; the wait has its limit.
    pub(crate) async fn reach(&self, seq: u64) {
        let mut followed = self.followed.subscribe();
        let there = followed.wait_for(|last| last.is_some_and(|last| last >= seq));
        if tokio::time::timeout(PATIENCE, there).await.is_err() {
            debug!(seq, "this event is long in coming");
        }
    }

    /// The events from here on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Sent> {
        self.sent.subscribe()
    }

    /// The events after a number, and those from here on; `None`: they are not all kept, or were never told.
    pub(crate) fn resume(&self, since: u64) -> Option<(Vec<Arc<Line>>, broadcast::Receiver<Sent>)> {
        let ring = self.ring();
        if since < ring.before || since > ring.last {
            return None;
        }
        let missed = ring.lines.iter().filter(|line| line.seq > since).cloned().collect();
        Some((missed, self.sent.subscribe()))
    }

    /// Follows the house until it is no more, or the API stops.
    pub(crate) async fn follow(&self, house: House, mut stopped: watch::Receiver<bool>) {
        tokio::select! {
            () = self.follow_on(house) => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    }

    async fn follow_on(&self, house: House) {
        let mut events = house.events.subscribe();
        let mut anew = true;
        loop {
            let looked = match house.ask(Ask::Everything).await {
                Ok(all) => {
                    if anew {
                        self.begin(&all);
                    } else {
                        self.write().renew(&all);
                    }
                    all.seq
                }
                Err(error) => {
                    debug!(%error, "the house does not answer");
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            };
            match self.until_renewed(&house, &mut events, looked).await {
                Next::Renew => anew = false,
                Next::Anew => anew = true,
                Next::Over => return,
            }
        }
    }

    /// Takes events in until everything must be asked for again. `looked`: the last event before it was asked for.
    async fn until_renewed(&self, house: &House, events: &mut broadcast::Receiver<Told>, mut looked: u64) -> Next {
        let mut changed: BTreeSet<AgentName> = BTreeSet::new();
        let mut look_at: Option<Instant> = None;
        // Whoever is not known is asked for once in a while, not with every event.
        let patient = Instant::now() + 5 * COLLECT;
        let mut missing = false;
        loop {
            let look = async {
                match look_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                told = events.recv() => match told {
                    Ok(told) => {
                        if let Event::AgentChanged { agent, .. } = &told.event {
                            changed.insert(agent.clone());
                            look_at.get_or_insert_with(|| Instant::now() + COLLECT);
                        }
                        // of many changes in a row a look after the last shows all
                        if told.event == Event::SettingsChanged && told.seq > looked {
                            // whoever is told of it may ask at once
                            match house.ask(Ask::Everything).await {
                                Ok(all) => {
                                    looked = all.seq;
                                    self.write().renew(&all);
                                }
                                Err(error) => {
                                    debug!(%error, "the house does not answer");
                                    missing = true;
                                }
                            }
                        }
                        missing |= self.take(&told);
                        if missing && Instant::now() >= patient {
                            return Next::Renew;
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => return Next::Anew,
                    Err(broadcast::error::RecvError::Closed) => return Next::Over,
                },
                () = tokio::time::sleep_until(patient), if missing => return Next::Renew,
                () = look => {
                    let some: Vec<AgentName> = (0..LOOKED_AT).map_while(|_| changed.pop_first()).collect();
                    look_at = (!changed.is_empty()).then(|| Instant::now() + COLLECT);
                    if let Ok(views) = house.ask(|reply| Ask::Agents(some, reply)).await {
                        self.write().correct(&views);
                    }
                }
            }
        }
    }

    /// Starts over from a snapshot.
    fn begin(&self, all: &Snapshot) {
        self.write().replace(all);
        {
            let mut ring = self.ring();
            *ring = Ring { before: all.seq, last: all.seq, lines: VecDeque::new() };
            // Nobody listens before the first snapshot; later, whoever does has missed something.
            let _listeners = self.sent.send(Sent::Gap);
        }
        self.followed.send_replace(Some(all.seq));
    }

    /// Takes one event in; whether it speaks of somebody unknown.
    fn take(&self, told: &Told) -> bool {
        if told.seq <= self.ring().last {
            // Part of the snapshot already.
            return false;
        }
        let (audience, misses, epoch) = {
            let mut mirror = self.write();
            let misses = mirror.misses(&told.event);
            (mirror.follow(told), misses, mirror.epoch())
        };
        let message = EventMessage::of(told, epoch);
        let json = |message: &EventMessage| serde_json::to_string(message).unwrap_or_default().into();
        let for_operator = message.for_operator(told).as_ref().map(json);
        let line = Arc::new(Line { seq: told.seq, audience, json: json(&message), for_operator });
        {
            let mut ring = self.ring();
            if told.seq > ring.last + 1 {
                ring.lines.clear();
                ring.before = told.seq - 1;
                let _listeners = self.sent.send(Sent::Gap);
            }
            ring.last = told.seq;
            ring.lines.push_back(Arc::clone(&line));
            if ring.lines.len() > RING
                && let Some(oldest) = ring.lines.pop_front()
            {
                ring.before = oldest.seq;
            }
            let _listeners = self.sent.send(Sent::Line(line));
        }
        self.followed.send_replace(Some(told.seq));
        misses
    }

    fn write(&self) -> RwLockWriteGuard<'_, Mirror> {
        self.mirror.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a time of following ended.
enum Next {
    /// Somebody is not known who should be.
    Renew,
    /// Events were missed.
    Anew,
    /// The house is no more.
    Over,
}
