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
mod past;
mod sheets;
mod trace;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use control_api::{Ask, Doors, HouseError, Reply};
use media_mixer::Mixer;
use sip_signalling::Endpoint;
use store::Store;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

pub(crate) use health::MediaHealth;

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::keeper::JustEnded;
use crate::look::Look;
use crate::metrics::Metrics;
use crate::people::People;
use crate::switch::Input;
use crate::translate;

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
    pub(crate) metrics: Metrics,
    /// When the last text of all numbers was begun, and the text.
    pub(crate) scrape: Mutex<Option<(Instant, String)>>,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) just_ended: JustEnded,
    pub(crate) people: Arc<People>,
    /// The settings file, if the service was started with one.
    pub(crate) file: Option<PathBuf>,
    /// Woken so that it is not missed: the feed may be at work just then.
    /// Whom the API lets in.
    pub(crate) doors: watch::Sender<Doors>,
    /// The domain of the house.
    pub(crate) domain: String,
    /// Where SIP is listened on.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Clerk {
    /// Answers until nobody can ask any more.
    pub(crate) async fn run(clerk: Arc<Self>, mut asks: mpsc::Receiver<Ask>) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        while let Some(ask) = asks.recv().await {
            if let Ask::Command(command, reply) = ask {
                // in the order in which they came
                clerk.give(Input::Command(command, reply)).await;
                continue;
            }
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let clerk = Arc::clone(&clerk);
            tokio::spawn(async move {
                clerk.answer(ask).await;
                drop(place);
            });
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
            Ask::Worked(names, reply) => self.give(Input::Look(Look::Worked(names, reply))).await,
            Ask::Queues(names, reply) => self.give(Input::Look(Look::Queues(names, reply))).await,
            Ask::Audibility(call, reply) => _ = reply.send(self.audibility(call).await),
            Ask::Record(call, reply) => _ = reply.send(self.record(call).await),
            Ask::Drain(drain, reply) => {
                let done = self.ask(|to| Input::Drain(drain, to)).await.ok_or_else(stopping);
                _ = reply.send(done);
            }
            Ask::Health(reply) => _ = reply.send(self.health().await),
            Ask::History(query, reply) => _ = reply.send(self.history(query).await),
            Ask::Login { name, password, reply } => _ = reply.send(self.people.login(&name, password)),
            Ask::Trace(only, reply) => _ = reply.send(self.trace(only)),
            Ask::Reload(reply) => _ = reply.send(self.reload().await),
            Ask::Users(reply) => _ = reply.send(Ok(self.people.users())),
            Ask::AddUser { user, password, reply } => {
                let added = self.people.add(user, password).await;
                _ = reply.send(added);
            }
            Ask::SetPassword { name, password, reply } => {
                _ = reply.send(self.people.set_password(&name, password).await);
            }
            Ask::DeleteUser { name, reply } => {
                let deleted = self.people.delete(&name).await;
                _ = reply.send(deleted);
            }
            Ask::Metrics(reply) => _ = reply.send(self.metrics().await),
        }
    }

    /// Reads the settings file again. Mistakes change nothing.
    async fn reload(&self) -> Result<Vec<String>, HouseError> {
        let Some(file) = self.file.clone() else {
            return Err(HouseError::Conflict("the service was started without a settings file".to_owned()));
        };
        let read = tokio::task::spawn_blocking(move || config::load(&file, &config::variables())).await;
        let checked = match read {
            Ok(Ok(checked)) => checked,
            Ok(Err(mistakes)) => return Err(HouseError::Invalid(mistakes.to_string())),
            Err(error) => return Err(HouseError::Unavailable(error.to_string())),
        };
        let path = checked.config.source.clone().unwrap_or_default();
        let mut lines: Vec<String> = checked.warnings.iter().map(|warning| warning.line(&path)).collect();
        lines.extend(self.put_in_force(checked.config).await?);
        Ok(lines)
    }

    /// Puts settings in force, and says what the operator should know.
    pub(crate) async fn put_in_force(&self, config: Config) -> Result<Vec<String>, HouseError> {
        // nothing of it is in force if anything cannot be
        self.people.check(&config).await.map_err(|lines| HouseError::Invalid(lines.join("\n")))?;
        let (mixer, music) = (self.mixer.clone(), translate::queue_music(&config));
        let load = move || mixer.set_queue_music(&music);
        match tokio::task::spawn_blocking(load).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(HouseError::Invalid(error.to_string())),
            Err(error) => return Err(HouseError::Unavailable(error.to_string())),
        }
        let (doors, days) = (translate::doors(&config), config.server.retention_days);
        let lines = self.people.reload(config).await.map_err(|lines| HouseError::Invalid(lines.join("\n")))?;
        self.doors.send_replace(doors);
        self.store.retain(days);
        Ok(lines)
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
