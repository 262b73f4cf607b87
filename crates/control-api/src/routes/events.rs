//! Events over WebSocket: in order, with numbers to go on from after a lost connection.
//!
//! ```text
//!   client                          baton
//!    |--- GET /v1/events?since=41 --->|
//!    |<-- 42, 43, 44 ... -------------|  all that were missed, if they are still kept
//!    |<-- snapshot (seq 44) ----------|  else: everything, then what happens after it
//! ```
//!
//! Nothing is asked over this connection, and nobody waits for it: whoever is too far behind gets a snapshot.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio::time::{Instant, interval_at, timeout};
use utoipa::{IntoParams, OpenApi};

use super::Shared;
use crate::asking::{Asking, TOKEN_PROTOCOL, read_only};
use crate::body::Wanted;
use crate::counter::Counter;
use crate::feed::{Line, Sent};
use crate::house::Ask;
use crate::limits::{PING, SAID, SAID_BYTES, SEND_TIME};
use crate::problem::Problem;
use crate::shown::{Call, Event, EventMessage, Snapshot, time};
use crate::subscriptions::Subscription;

/// The OpenAPI of this file.
#[derive(OpenApi)]
#[openapi(paths(subscribe), components(schemas(EventMessage)))]
pub(crate) struct EventsApi;

/// The subprotocol that is agreed on when it is offered.
const PROTOCOL: &str = "baton";
/// Close codes (RFC 6455 §7.4.1, RFC 7.4.2 registry).
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;
const TRY_AGAIN: u16 = 1013;

/// Where to go on.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// The number of the last event that was received.
    since: Option<u64>,
}

/// Every state change, in order. A browser gives its token as the subprotocol `bearer.TOKEN`.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(Since), responses(
    (status = 101, description = "Text messages, each an EventMessage"),
    (status = 426, description = "Not a WebSocket", content((crate::problem::ProblemText = "application/problem+json")))))]
pub(super) async fn subscribe(
    State(counter): Shared,
    asking: Asking,
    Wanted(Since { since }): Wanted<Since>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| {
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", "events are told over a WebSocket")
    })?;
    let place = Arc::clone(&counter.subscribers).try_acquire_owned().map_err(|_| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "there are too many subscribers already")
    })?;
    let own_place = match asking.agent() {
        None => None,
        Some(agent) => Some(counter.subscriptions.enter(asking.token, agent).ok_or_else(|| {
            let detail = "this login or agent has too many subscribers already: close some";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
        })?),
    };
    // A browser closes the connection when none of the protocols it offered is agreed on.
    let offered = headers.get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|offered| offered.to_str().ok());
    let offered: Vec<String> = offered.unwrap_or_default().split(',').map(|name| name.trim().to_owned()).collect();
    let agreed = offered.iter().find(|name| *name == PROTOCOL);
    let agreed = agreed.or_else(|| offered.iter().find(|name| name.starts_with(TOKEN_PROTOCOL))).cloned();
    let upgrade = upgrade.max_message_size(SAID_BYTES).max_frame_size(SAID_BYTES).protocols(agreed);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let subscriber =
            Subscriber { counter, asking, socket, last: since, said: 0, _place: place, _own_place: own_place };
        subscriber.serve().await;
    }))
}

struct Subscriber {
    counter: Arc<Counter>,
    asking: Asking,
    socket: WebSocket,
    /// The last event that was sent, or received before the connection was lost.
    last: Option<u64>,
    said: u32,
    _place: OwnedSemaphorePermit,
    _own_place: Option<Subscription>,
}

/// Why a subscriber is not served any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// It is gone, or takes too long.
    Gone,
    /// It is told why.
    Close(u16, &'static str),
}

impl Subscriber {
    async fn serve(mut self) {
        let over = self.serve_on().await;
        if let Err(Over::Close(code, reason)) = over {
            let frame = CloseFrame { code, reason: reason.into() };
            let _best_effort = timeout(SEND_TIME, self.socket.send(Message::Close(Some(frame)))).await;
        }
    }

    async fn serve_on(&mut self) -> Result<(), Over> {
        let mut lines = self.begin().await?;
        let mut ping = interval_at(Instant::now() + PING, PING);
        let mut heard = Instant::now();
        let mut stopped = self.counter.stopped.clone();
        let mut lasts = self.asking.lasts.clone();
        loop {
            let ends = async {
                match &mut lasts {
                    // Its sender is dropped with the login.
                    Some(lasts) => while lasts.changed().await.is_ok() {},
                    None => std::future::pending().await,
                }
            };
            let stops = async {
                stopped.wait_for(|stop| *stop).await.ok();
            };
            tokio::select! {
                () = stops => return Err(Over::Close(GOING_AWAY, "the service is stopping")),
                () = ends => return Err(Over::Close(POLICY, "the login has ended")),
                sent = lines.recv() => match sent {
                    Ok(Sent::Line(line)) => self.tell(&line).await?,
                    Ok(Sent::Gap) | Err(RecvError::Lagged(_)) => {
                        self.counter.tally.resyncs.fetch_add(1, Ordering::Relaxed);
                        lines = self.snapshot().await?;
                    }
                    Err(RecvError::Closed) => return Err(Over::Close(GOING_AWAY, "the service is stopping")),
                },
                _ = ping.tick() => {
                    if self.login_is_over() {
                        return Err(Over::Close(POLICY, "the login has ended"));
                    }
                    if heard.elapsed() > 2 * PING + SEND_TIME {
                        return Err(Over::Gone);
                    }
                    self.send(Message::Ping(Default::default())).await?;
                }
                said = self.socket.recv() => {
                    heard = Instant::now();
                    self.hear(said).await?;
                }
            }
        }
    }

    /// What was missed, or a snapshot.
    async fn begin(&mut self) -> Result<broadcast::Receiver<Sent>, Over> {
        self.counter.feed.reach(0).await;
        if let Some((missed, lines)) = self.last.and_then(|since| self.counter.feed.resume(since)) {
            for line in missed {
                self.tell(&line).await?;
            }
            return Ok(lines);
        }
        self.snapshot().await
    }

    /// Everything, at one place in the order of events, and what comes after it.
    async fn snapshot(&mut self) -> Result<broadcast::Receiver<Sent>, Over> {
        let lines = self.counter.feed.subscribe();
        let asker = self.asking.agent().cloned();
        let asked = self.counter.ask(|reply| Ask::Calls { asker: asker.clone(), reply }).await;
        let calls = asked.map_err(|_| Over::Close(TRY_AGAIN, "the service does not answer"))?;
        self.counter.feed.reach(calls.seq).await;
        let snapshot = {
            let mirror = self.counter.feed.mirror();
            Snapshot {
                calls: calls.calls.iter().map(Call::of).collect(),
                agents: mirror.shown_agents(asker.as_ref()),
                queues: mirror.shown_queues(),
                reservations: mirror.shown_reservations(asker.as_ref()),
            }
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let at = time(i64::try_from(now).unwrap_or(i64::MAX));
        let message = EventMessage { seq: calls.seq, at, event: Event::Snapshot(snapshot) };
        let json = serde_json::to_string(&message).unwrap_or_default();
        self.send(Message::Text(json.into())).await?;
        self.last = Some(calls.seq);
        Ok(lines)
    }

    async fn tell(&mut self, line: &Line) -> Result<(), Over> {
        // Part of the snapshot already.
        if self.last.is_some_and(|last| line.seq <= last) {
            return Ok(());
        }
        self.last = Some(line.seq);
        if !line.audience.has(self.asking.agent()) {
            return Ok(());
        }
        self.send(Message::Text(Utf8Bytes::clone(line.text(self.asking.agent())))).await
    }

    /// Nothing is asked over this connection: whoever tries is told so.
    async fn hear(&mut self, said: Option<Result<Message, axum::Error>>) -> Result<(), Over> {
        match said {
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                self.said += 1;
                if self.said > SAID {
                    return Err(Over::Close(POLICY, "nothing is asked over this connection"));
                }
                let problem = if self.asking.read_only {
                    read_only()
                } else {
                    Problem::bad("not_understood", "nothing is asked over this connection: use the routes")
                };
                let mut told = serde_json::to_value(problem.text()).unwrap_or_default();
                told["type"] = "problem".into();
                self.send(Message::Text(told.to_string().into())).await
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Over::Gone),
        }
    }

    fn login_is_over(&self) -> bool {
        self.asking.agent().is_some() && self.counter.logins.find(&self.asking.token).is_none()
    }

    async fn send(&mut self, message: Message) -> Result<(), Over> {
        match timeout(SEND_TIME, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over::Gone),
        }
    }
}
