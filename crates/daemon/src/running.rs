//! Starts the parts, wires them, and stops them again: the daemon as a value that a program, a demo or a test can hold.
//!
//! Nothing is half-started: when one part cannot start, those before it are stopped again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use conference::{CallView, Command, Event, Refusal};
use control_api::{Api, ApiSettings, Ask, House, HouseError, Told};
use media_mixer::{MediaNews, Mixer};
use sip_signalling::{Endpoint, News, Protocol, SipSettings};
use store::{Restored, Store, StoreError, StoreSettings};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::api::{ASKS, Clerk, MediaHealth};
use crate::carry::{Carry, Edges};
use crate::clock::Clock;
use crate::config::{Config, Http};
use crate::freeze::FreezeError;
use crate::hours;
use crate::keeper::{self, JustEnded, Keeper};
use crate::people::{self, People};
use crate::switch::{INPUTS, Input, Load, Sources, Switch};
use crate::token::{self, TokenError};
use crate::told::{Reserved, Teller};
use crate::translate;
use crate::view::Masks;

/// Everybody has answered their BYE after so long, or never will. Who could not be told before (no ACK, no sign of life
/// yet) is told then: within 5 s of the word to stop.
const GOODBYE: Duration = Duration::from_millis(4500);
/// How often it is looked whether everybody has.
const LOOK: Duration = Duration::from_millis(20);

/// Why the daemon does not start. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Addresses cannot be listened on, one a line, or the like.
    #[error(transparent)]
    Sip(#[from] sip_signalling::StartError),
    /// The mixer cannot start.
    #[error("media: {0}")]
    Media(#[from] media_mixer::StartError),
    /// The address of the API cannot be listened on.
    #[error("cannot listen on {}:{address}: {cause}", if *secure { "https" } else { "http" })]
    Http {
        /// Where.
        address: SocketAddr,
        /// Whether over TLS.
        secure: bool,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// The operator has no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// What was kept cannot be read.
    #[error("server.data_dir: {0}")]
    Store(#[from] StoreError),
    /// Users of the database who cannot be told from others, one a line.
    #[error("{0}")]
    Users(String),
}

/// What a daemon has in its hands, to find leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Calls that have a mask.
    pub calls: usize,
    /// Legs the switch knows.
    pub legs: usize,
    /// Dialogs, ringing or answered, that the signalling knows.
    pub dialogs: usize,
    /// Its transactions, both sides: the last are forgotten 32 s after their answer.
    pub transactions: usize,
    /// Its timers.
    pub timers: usize,
    /// Phones that are registered.
    pub registrations: usize,
    /// Legs the mixer knows; each has two ports.
    pub media_legs: usize,
    /// Open files of the process.
    pub files: usize,
    /// How often the mixer did not put a tightening in force in time.
    pub alarms: u64,
}

/// A daemon that runs.
pub struct Running {
    inputs: mpsc::Sender<Input>,
    house: House,
    api: Api,
    endpoint: Endpoint,
    mixer: Mixer,
    switch: JoinHandle<()>,
    hours: JoinHandle<()>,
    clerk: Arc<Clerk>,
    answering: JoinHandle<()>,
    store: Store,
    /// How the media threads were at the last sign of life.
    pulse: MediaHealth,
    /// The settings it was started with: their folder is gone when they are.
    _started: Config,
}

/// Starts a daemon. When this returns it takes calls.
///
/// # Errors
/// One clear reason; nothing is left running.
pub async fn run(config: Config) -> Result<Running, StartError> {
    let listener = listen(&config.http).await?;
    let (store, restored) = Store::open(StoreSettings {
        retention_days: config.server.retention_days,
        ..StoreSettings::new(config.server.data_dir.clone())
    })
    .await?;
    let started = start(config, listener, store.clone(), restored).await;
    if started.is_err() {
        // nothing was given to it
        let _ = store.close().await;
    }
    started
}

/// Everything but the store, which is there.
async fn start(config: Config, listener: TcpListener, store: Store, restored: Restored) -> Result<Running, StartError> {
    let clock = Clock::start();
    let token = token::read_or_make(&config.http.admin_token_file)?;
    let whole = people::household(&config, &restored.users).map_err(|lines| StartError::Users(lines.join("\n")))?;
    let (edges, news) = start_edges(&whole, &restored).await?;
    let (mixer, endpoint) = (edges.mixer.clone(), edges.endpoint.clone());
    let (asks, asked) = mpsc::channel(ASKS);
    let house = House::new(asks);
    let (inputs, receiver) = mpsc::channel(INPUTS);
    let taken = Reserved { calls: restored.last_call, events: restored.last_event, offers: restored.last_reservation };
    let carry = Carry::new(edges, Teller::new(house.events.clone(), taken), clock.clone());
    let metrics = carry.metrics.clone();
    let said: BTreeMap<_, _> =
        restored.availabilities.iter().map(|known| (known.agent.clone(), known.availability)).collect();
    let mut switch = Switch::new(&whole, carry, clock.clone());
    switch.board.resume(restored.last_call, restored.last_reservation, said.clone().into_iter().collect());
    let just_ended = JustEnded::default();
    switch.keeper = Some(Keeper::new(store.clone(), mixer.clone(), just_ended.clone(), said));
    let settings = ApiSettings::new(token);
    settings.doors.send_replace(translate::doors(&config));
    let hours = tokio::spawn(hours::watch(switch.hours(), inputs.clone()));
    let clerk = Arc::new(Clerk {
        inputs: inputs.clone(),
        endpoint: endpoint.clone(),
        mixer: mixer.clone(),
        media: MediaHealth::default(),
        metrics,
        scrape: tokio::sync::Mutex::default(),
        clock,
        store: store.clone(),
        just_ended,
        people: Arc::new(People::new(
            store.clone(),
            inputs.clone(),
            house.standing.clone(),
            (config.clone(), restored.users.clone(), whole),
        )),
        file: config.source.clone(),
        doors: settings.doors.clone(),
        domain: config.server.domain.clone(),
        addresses: endpoint.addresses().iter().map(|(_, address)| *address).collect(),
    });
    let answering = tokio::spawn(Clerk::run(Arc::clone(&clerk), asked));
    let (address, secure) = (config.http.listen, config.http.secure);
    let settings = ApiSettings { identity: config.identity.clone().filter(|_| secure), ..settings };
    let api =
        Api::start(listener, house.clone(), settings).map_err(|cause| StartError::Http { address, secure, cause })?;
    let switch = tokio::spawn(switch.run(Sources { inputs: receiver, sip: news.0, media: news.1 }));
    let pulse = MediaHealth::default();
    Ok(Running { inputs, house, api, clerk, answering, endpoint, mixer, store, switch, hours, pulse, _started: config })
}

type EdgeNews = (mpsc::Receiver<News>, mpsc::Receiver<MediaNews>);

/// Both edges, or neither.
async fn start_edges(config: &Config, restored: &Restored) -> Result<(Edges, EdgeNews), StartError> {
    let (mixer, media) = Mixer::start(translate::media(config))?;
    let settings = SipSettings { bindings: keeper::bindings(restored), ..translate::signalling(config) };
    let (endpoint, sip) = match Endpoint::start(settings).await {
        Ok(started) => started,
        Err(error) => {
            mixer.stop();
            return Err(error.into());
        }
    };
    Ok((Edges { endpoint, mixer, near: config.media.address }, (sip, media)))
}

async fn listen(http: &Http) -> Result<TcpListener, StartError> {
    let (address, secure) = (http.listen, http.secure);
    TcpListener::bind(address).await.map_err(|cause| StartError::Http { address, secure, cause })
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("addresses", &self.endpoint.addresses()).finish_non_exhaustive()
    }
}

impl Running {
    /// Where SIP is listened on; with the real port where the settings say 0.
    #[must_use]
    pub fn addresses(&self) -> Vec<(Protocol, SocketAddr)> {
        self.endpoint.addresses().to_vec()
    }

    /// The first UDP address.
    #[must_use]
    pub fn udp(&self) -> Option<SocketAddr> {
        self.addresses().into_iter().find(|(protocol, _)| *protocol == Protocol::Udp).map(|(_, address)| address)
    }

    /// Where the API is.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.api.address()
    }

    /// The house, as the API holds it.
    #[must_use]
    pub fn house(&self) -> &House {
        &self.house
    }

    /// Asks what the API may ask.
    ///
    /// # Errors
    /// The daemon stops, or did not answer in time.
    pub async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, HouseError> {
        self.house.ask(ask).await
    }

    /// Every event from here on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Told> {
        self.house.events.subscribe()
    }

    /// Gives the core a command.
    ///
    /// # Errors
    /// The core's refusal; `CallNotFound` when the daemon stops.
    pub async fn command(&self, command: Command) -> Result<(), Refusal> {
        self.command_for_events(command).await.map(|_| ())
    }

    /// Gives the core a command. Returns the events of its reaction, once the masks are in force.
    ///
    /// # Errors
    /// The core's refusal; `CallNotFound` when the daemon stops.
    pub async fn command_for_events(&self, command: Command) -> Result<Vec<Event>, Refusal> {
        self.give(|reply| Input::Command(Box::new(command), reply)).await.unwrap_or(Err(Refusal::CallNotFound))
    }

    /// Who hears whom, as the mixer was told.
    pub async fn masks(&self) -> Masks {
        self.give(Input::Masks).await.unwrap_or_default()
    }

    /// The calls as people are shown them.
    pub async fn calls(&self) -> Vec<CallView> {
        self.give(Input::Calls).await.unwrap_or_default()
    }

    /// Freezes every live call and thaws it again. Returns how many legs there were.
    ///
    /// # Errors
    /// As [`FreezeError`] says.
    pub async fn freeze_and_thaw(&self) -> Result<usize, FreezeError> {
        self.give(Input::FreezeAndThaw).await.unwrap_or(Err(FreezeError::Stopping))
    }

    /// Puts new users, trunks, queues, rooms and rules in force. Calls go on; addresses and media stay as they were: what
    /// else is new is named in the log. With a mistake in them the old ones stay.
    pub async fn reload(&self, config: Config) {
        match self.clerk.put_in_force(config).await {
            Ok(notes) => {
                notes.iter().for_each(|note| warn!("{note}"));
                info!("settings reloaded");
            }
            Err(error) => {
                error.to_string().lines().for_each(|line| error!("{line}"));
                error!("the settings have mistakes: the old ones stay in force");
            }
        }
    }

    /// What is in its hands now.
    pub async fn counts(&self) -> Counts {
        let load: Load = self.give(Input::Counts).await.unwrap_or_default();
        let signalling = self.endpoint.counts().await;
        Counts {
            calls: load.calls,
            legs: load.legs,
            dialogs: signalling.dialogs,
            transactions: signalling.transactions,
            timers: signalling.timers,
            registrations: signalling.registrations,
            media_legs: self.mixer.stats().legs,
            files: std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            alarms: load.alarms,
        }
    }

    /// Answers once switch and signalling have: whether all media threads go on since the last time this was asked. Ask
    /// it from one place alone.
    pub(crate) async fn alive(&self) -> Result<(), String> {
        self.counts().await;
        self.pulse.standstill(&self.mixer.stats()).map_or(Ok(()), Err)
    }

    /// Waits until a part of the daemon is lost; in a healthy one: for ever. Cancel-safe.
    pub async fn lost(&self) {
        self.inputs.closed().await;
    }

    /// Says BYE to everybody, waits until they have answered it, less than 5 s, and stops.
    pub async fn stop(self) {
        let until = Instant::now() + GOODBYE;
        self.give(Input::Shutdown).await;
        while Instant::now() < until {
            let waits = self.give(Input::Counts).await.is_some_and(|load: Load| load.waits);
            let left = self.endpoint.counts().await;
            if !waits && left.dialogs == 0 && left.unanswered == 0 {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.api.stop().await;
        let _ = self.inputs.send(Input::Quit).await;
        let _ = self.switch.await;
        self.hours.abort();
        self.endpoint.stop().await;
        // who still asks is told nothing any more, and the store's folder is free when it is closed
        self.answering.abort();
        let _ = self.answering.await;
        drop(self.clerk);
        if let Err(error) = self.store.close().await {
            error!(%error, "not everything could be kept");
        }
        tell_of_ticks(&self.mixer);
        self.mixer.stop();
    }

    /// `None` when the switch has ended.
    async fn give<T>(&self, input: impl FnOnce(oneshot::Sender<T>) -> Input) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.inputs.send(input(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// What the media threads have done. Lost ticks are the first sign of a machine that is too small.
fn tell_of_ticks(mixer: &Mixer) {
    for (thread, worker) in mixer.stats().workers.iter().enumerate() {
        let (ticks, lost_ticks) = (worker.ticks, worker.lost_ticks);
        info!(thread, ticks, lost_ticks, latest_us = worker.latest_us, "media thread ends");
    }
}
