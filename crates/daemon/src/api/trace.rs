//! SIP messages for whoever looks on: of one call or of all. Nobody is waited for, and nothing is kept back for who lags.

use std::collections::BTreeMap;
use std::time::Duration;

use conference::{CallId, LegId};
use control_api::Traced;
use sip_signalling::TracedMessage;
use tokio::sync::{broadcast, mpsc};

use super::Clerk;
use crate::switch::Input;

/// Messages that one onlooker may be behind before more are left out.
const BEHIND: usize = 1_024;
/// Dialogs whose call is remembered.
const REMEMBERED: usize = 4_096;
/// A leg's first message is told before the core has heard of the leg.
const NOT_YET: Duration = Duration::from_millis(50);

impl Clerk {
    /// Messages from here on.
    pub(super) fn trace(&self, only: Option<CallId>) -> mpsc::Receiver<Traced> {
        let (to, receiver) = mpsc::channel(BEHIND);
        let follower =
            Follower { source: self.endpoint.trace(), inputs: self.inputs.clone(), only, known: BTreeMap::new() };
        tokio::spawn(follower.run(to));
        receiver
    }
}

struct Follower {
    source: broadcast::Receiver<TracedMessage>,
    inputs: mpsc::Sender<Input>,
    only: Option<CallId>,
    /// The call of a dialog, by Call-ID: a leg that has ended is in no call any more.
    known: BTreeMap<String, CallId>,
}

impl Follower {
    /// Until nobody looks on any more.
    async fn run(mut self, to: mpsc::Sender<Traced>) {
        loop {
            let message = tokio::select! {
                message = self.source.recv() => message,
                () = to.closed() => return,
            };
            match message {
                Ok(message) => {
                    let call = self.call_of(&message).await;
                    if self.only.is_some() && call != self.only {
                        continue;
                    }
                    // who does not keep up misses some
                    if let Err(mpsc::error::TrySendError::Closed(_)) = to.try_send(traced(message, call)) {
                        return;
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    async fn call_of(&mut self, message: &TracedMessage) -> Option<CallId> {
        if let Some(call) = self.known.get(&message.call_id) {
            return Some(*call);
        }
        let leg = message.leg?;
        let call = match self.ask(leg).await {
            Some(call) => call,
            None => {
                tokio::time::sleep(NOT_YET).await;
                self.ask(leg).await?
            }
        };
        if self.known.len() >= REMEMBERED {
            self.known.pop_first();
        }
        self.known.insert(message.call_id.clone(), call);
        Some(call)
    }

    async fn ask(&self, leg: LegId) -> Option<CallId> {
        let (to, answer) = tokio::sync::oneshot::channel();
        self.inputs.send(Input::CallOf(leg, to)).await.ok()?;
        answer.await.ok().flatten()
    }
}

fn traced(message: TracedMessage, call: Option<CallId>) -> Traced {
    Traced {
        // the signalling counts from 1970
        at: i64::try_from(message.at.0).unwrap_or(i64::MAX),
        sent: message.sent,
        protocol: message.protocol.name(),
        peer: message.peer.to_string(),
        call,
        call_id: message.call_id,
        text: message.bytes,
    }
}
