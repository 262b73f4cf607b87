//! The house as the API sees it: takes what is asked and has it done by whom it concerns: the switch, the mixer, the
//! signalling, the store. It decides nothing, and the switch never waits for it.
//!
//! ```text
//!   control-api ──Ask──> clerk ──Input──> switch      commands, what can be seen
//!                          ├───────────-> mixer       how legs sound
//!                          └───────────-> signalling  what goes over the wire
//! ```

mod dialled;
mod health;
mod sheets;

use std::net::SocketAddr;
use std::sync::Arc;

use control_api::{Ask, HouseError, Reply};
use media_mixer::Mixer;
use sip_signalling::Endpoint;
use tokio::sync::{Semaphore, mpsc, oneshot};

pub(crate) use health::MediaHealth;

use crate::look::Look;
use crate::switch::Input;

/// Questions that may wait.
pub(crate) const ASKS: usize = 1024;
/// Questions that are answered at the same time.
const AT_ONCE: usize = 256;

/// What the clerk has to answer with.
pub(crate) struct Clerk {
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) endpoint: Endpoint,
    pub(crate) mixer: Mixer,
    pub(crate) media: MediaHealth,
    /// The domain of the house.
    pub(crate) domain: String,
    /// Where SIP is listened on.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Clerk {
    /// Answers until nobody can ask any more.
    pub(crate) async fn run(self, mut asks: mpsc::Receiver<Ask>) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let clerk = Arc::new(self);
        while let Some(ask) = asks.recv().await {
            match ask {
                // in the order in which they came
                Ask::Command(command, reply) => clerk.give(Input::Command(command, reply)).await,
                other => {
                    let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                    let clerk = Arc::clone(&clerk);
                    tokio::spawn(async move {
                        clerk.answer(other).await;
                        drop(place);
                    });
                }
            }
        }
    }

    /// Whoever asked may have gone meanwhile.
    async fn answer(&self, ask: Ask) {
        match ask {
            Ask::Command(command, reply) => self.give(Input::Command(command, reply)).await,
            Ask::LookUp(text, reply) => {
                let dialled = dialled::read(&text, &self.domain, &self.addresses);
                self.give(Input::LookUp(Box::new(dialled), reply)).await;
            }
            Ask::Everything(reply) => self.pass(Look::Everything, reply, |it| self.snapshot(it)).await,
            Ask::Calls { asker, reply } => {
                self.pass(|to| Look::Calls(asker, to), reply, |seen| self.calls(seen)).await;
            }
            Ask::Call { call, asker, reply } => {
                let sheet = |found: Option<_>| found.map(|(epoch, sight)| self.sheet(epoch, sight));
                self.pass(|to| Look::Call(call, asker, to), reply, sheet).await;
            }
            Ask::Agents(names, reply) => self.give(Input::Look(Look::Agents(names, reply))).await,
            Ask::Queues(names, reply) => self.give(Input::Look(Look::Queues(names, reply))).await,
            Ask::Audibility(call, reply) => _ = reply.send(self.audibility(call).await),
            Ask::Record(call, reply) => _ = reply.send(self.record(call).await),
            Ask::Drain(drain, reply) => {
                let done = self.ask(|to| Input::Drain(drain, to)).await.ok_or_else(stopping);
                _ = reply.send(done);
            }
            Ask::Health(reply) => _ = reply.send(self.health().await),
            other => drop(other),
        }
    }

    /// Gives the switch something; when it has ended, whoever waits is told by that.
    async fn give(&self, input: Input) {
        let _ = self.inputs.send(input).await;
    }

    /// Asks the switch; `None`: it has ended.
    async fn ask<T>(&self, input: impl FnOnce(oneshot::Sender<T>) -> Input) -> Option<T> {
        let (to, answer) = oneshot::channel();
        self.inputs.send(input(to)).await.ok()?;
        answer.await.ok()
    }

    /// Looks, and passes on what was seen in the words of the API.
    async fn pass<T, U>(
        &self,
        look: impl FnOnce(oneshot::Sender<T>) -> Look,
        reply: Reply<U>,
        shown: impl FnOnce(T) -> U,
    ) {
        if let Some(seen) = self.ask(|to| Input::Look(look(to))).await {
            let _ = reply.send(shown(seen));
        }
    }
}

/// The switch has ended.
fn stopping() -> HouseError {
    HouseError::Unavailable("the service is stopping".to_owned())
}
