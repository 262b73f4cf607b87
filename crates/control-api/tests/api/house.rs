//! A house for the API's tests: a real switchboard with phones that do what a test says, and nothing on any wire.
//!
//! It also serves `examples/api_house.rs`, where phones answer by themselves.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use conference::record::{AudibilityChange, AudibilityHistory, CallRecord, Cause, Recorder};
use conference::{
    AgentName, AgentSettings, Asker, CallId, Caller, ChangeSet, Command, Destination, Direction, Effect, Event, LegId,
    Moment, Output, Phone, QueueSettings, Refusal, Report, RoomSettings, Settings, Switchboard,
};
use control_api::{
    Api, ApiSettings, Ask, AudibilitySheet, CallSheet, Calls, Credential, Doors, Health, House, HouseError, Known,
    Page, Secret, Snapshot, Told, Traced, User,
};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

#[path = "house_users.rs"]
mod users;

/// The operator's token.
pub const ADMIN: &str = "the-operator's-token";

/// Something done to the house from outside: what its phones do.
type Deed = Box<dyn FnOnce(&mut Inside) + Send>;

/// The house, its API, and a client of it.
pub struct TestHouse {
    deeds: mpsc::Sender<Deed>,
    pub address: SocketAddr,
    api: Option<Api>,
}

/// What is inside.
pub struct Inside {
    pub board: Switchboard,
    recorder: Recorder,
    begun: Instant,
    epoch: i64,
    seq: u64,
    house: House,
    /// Who is being rung, on which leg: oldest first.
    pub rung: Vec<(LegId, Destination)>,
    arrived: u64,
    over: VecDeque<CallRecord>,
    heard: BTreeMap<CallId, AudibilityHistory>,
    users: BTreeMap<String, (User, String)>,
    traces: Vec<mpsc::Sender<Traced>>,
    draining: bool,
    /// Whether phones answer by themselves.
    pub answers: bool,
    /// Commands are answered this much later.
    pub slow: Duration,
    pub commands: u32,
}

impl TestHouse {
    /// Alice, bob, carol and dan at their phones, a queue, a room, and the API in front.
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// The same, with other settings of the API.
    pub async fn open_with(change: impl FnOnce(&mut Doors)) -> Self {
        Self::open_at("127.0.0.1:0", change).await
    }

    pub async fn open_at(address: &str, change: impl FnOnce(&mut Doors)) -> Self {
        let (asks, asked) = mpsc::channel(256);
        let (deeds, done) = mpsc::channel(256);
        let house = House::new(asks);
        tokio::spawn(Inside::new(house.clone()).live(asked, done));
        let listener = TcpListener::bind(address).await.expect("a free port");
        let settings = ApiSettings::new(Secret::new(ADMIN.to_owned()));
        settings.doors.send_modify(change);
        let api = Api::start(listener, house, settings).expect("it starts");
        Self { deeds, address: api.address(), api: Some(api) }
    }

    /// Does something inside the house.
    pub async fn inside<T: Send + 'static>(&self, deed: impl FnOnce(&mut Inside) -> T + Send + 'static) -> T {
        let (done, result) = oneshot::channel();
        let deed: Deed = Box::new(move |inside| {
            let _ = done.send(deed(inside));
        });
        assert!(self.deeds.send(deed).await.is_ok(), "the house stands");
        result.await.expect("the house stands")
    }

    /// A customer calls an agent, who answers: the call's id.
    pub async fn customer_with(&self, agent: &'static str) -> String {
        self.inside(move |inside| {
            let call = inside.customer("+4930111", Destination::Agent(name(agent)));
            inside.answer(agent);
            call.to_string()
        })
        .await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn stop(mut self) {
        if let Some(api) = self.api.take() {
            api.stop().await;
        }
    }
}

pub fn name(name: &str) -> AgentName {
    AgentName(name.to_owned())
}

fn settings() -> Settings {
    let queues = || ["support".to_owned()].into();
    let agent = |display_name: &str, supervisor| AgentSettings {
        display_name: display_name.to_owned(),
        max_calls: 2,
        supervisor,
        queues: queues(),
        ..AgentSettings::default()
    };
    let mut settings = Settings::default();
    for (who, shown) in [("alice", "Alice A"), ("bob", "Bob B"), ("carol", "Carol C"), ("dan", "Dan D")] {
        settings.agents.insert(name(who), agent(shown, who == "dan"));
    }
    // Dan answers no queue and has no phone to begin with.
    settings.agents.entry(name("dan")).and_modify(|dan| dan.queues.clear());
    settings.queues.insert("support".to_owned(), QueueSettings::default());
    settings.rooms.insert("standup".to_owned(), RoomSettings::default());
    settings
}

impl Inside {
    fn new(house: House) -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let epoch = i64::try_from(epoch).expect("not so late");
        let mut users = BTreeMap::new();
        for (who, agent) in &settings().agents {
            let user = User {
                name: who.0.clone(),
                display_name: agent.display_name.clone(),
                extension: extension(&who.0).to_owned(),
                queues: agent.queues.iter().cloned().collect(),
                supervisor: agent.supervisor,
                max_calls: agent.max_calls,
                from_file: true,
            };
            users.insert(who.0.clone(), (user, format!("{who}-secret")));
        }
        let mut inside = Self {
            board: Switchboard::new(),
            recorder: Recorder::new(epoch),
            begun: Instant::now(),
            epoch,
            seq: 0,
            house,
            rung: Vec::new(),
            arrived: 0,
            over: VecDeque::new(),
            heard: BTreeMap::new(),
            users,
            traces: Vec::new(),
            draining: false,
            answers: false,
            slow: Duration::ZERO,
            commands: 0,
        };
        inside.stand();
        inside.command(Command::Configure(settings())).expect("settings are taken");
        for who in ["alice", "bob", "carol"] {
            inside.report(Report::Registered { agent: name(who), phones: 1 });
        }
        inside
    }

    async fn live(mut self, mut asked: mpsc::Receiver<Ask>, mut deeds: mpsc::Receiver<Deed>) {
        loop {
            let due = self.board.deadline().map(|at| self.begun + Duration::from_micros(at.0));
            let wait = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(ask) = asked.recv() => self.answer_ask(ask).await,
                deed = deeds.recv() => match deed {
                    Some(deed) => deed(&mut self),
                    None => return,
                },
                () = wait => {
                    let now = self.now();
                    let outputs = self.board.expire(now);
                    self.carry(outputs, &Cause::Time);
                }
            }
            while self.answers && !self.rung.is_empty() {
                let (leg, to) = self.rung.remove(0);
                self.pick_up(leg, &to);
            }
        }
    }

    /// The number of the last event.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.begun.elapsed().as_micros()).expect("not so late"))
    }

    pub fn command(&mut self, command: Command) -> Result<Vec<Event>, Refusal> {
        self.commands += 1;
        let now = self.now();
        let cause = Cause::Command { name: named(&command).to_owned(), by: None };
        let outputs = self.board.command(now, command)?;
        Ok(self.carry(outputs, &cause))
    }

    pub fn report(&mut self, report: Report) {
        let now = self.now();
        let outputs = self.board.report(now, report);
        self.carry(outputs, &Cause::Time);
    }

    /// A customer calls: the call's id.
    pub fn customer(&mut self, number: &str, to: Destination) -> CallId {
        self.arrived += 1;
        let leg = LegId::arrived(self.arrived);
        let caller = Caller::Customer { trunk: "pstn".to_owned(), number: number.to_owned() };
        self.report(Report::Arrived { leg, caller, to, shown: "in".to_owned(), direction: Direction::Both });
        self.board.call_of(leg).expect("the customer is in a call")
    }

    /// An agent dials on their phone: the leg.
    pub fn agent_dials(&mut self, agent: &str, to: Destination) -> LegId {
        self.arrived += 1;
        let leg = LegId::arrived(self.arrived);
        let caller = Caller::Agent { name: name(agent), phone: Phone(format!("{agent}-1")) };
        self.report(Report::Arrived { leg, caller, to, shown: "out".to_owned(), direction: Direction::Both });
        leg
    }

    /// The leg on which an agent is rung.
    pub fn ringing(&mut self, agent: &str) -> LegId {
        let to = Destination::Agent(name(agent));
        let at = self.rung.iter().position(|(_, rung)| *rung == to).expect("the phone rings");
        self.rung.remove(at).0
    }

    /// An agent's phone that rings is answered.
    pub fn answer(&mut self, agent: &str) {
        let leg = self.ringing(agent);
        self.pick_up(leg, &Destination::Agent(name(agent)));
    }

    fn pick_up(&mut self, leg: LegId, to: &Destination) {
        let phone = if let Destination::Agent(agent) = to { Some(Phone(format!("{agent}-1"))) } else { None };
        self.report(Report::Ringing { leg });
        self.report(Report::Answered { leg, direction: Direction::Both, phone });
    }

    fn carry(&mut self, outputs: Vec<Output>, cause: &Cause) -> Vec<Event> {
        let now = self.now();
        let at = self.epoch + i64::try_from(now.0).expect("not so late");
        let mut events = Vec::new();
        for output in outputs {
            match output {
                Output::Event(event) => {
                    self.seq += 1;
                    self.over.extend(self.recorder.note(now, &event));
                    let _ = self.house.events.send(Told { seq: self.seq, at, event: event.clone() });
                    events.push(event);
                }
                Output::Effect(effect) => self.effect(effect, at, now, cause),
            }
        }
        events
    }

    fn effect(&mut self, effect: Effect, at: i64, now: Moment, cause: &Cause) {
        if let Effect::SetAudibility(change) = &effect {
            self.recorder.masks(change);
            let ChangeSet { call, version, legs, gone, .. } = change.clone();
            let sample = now.0 * 8 / 1_000;
            let change = AudibilityChange { version, sample, at, legs, gone, by: cause.clone() };
            self.heard.entry(call).or_insert_with(|| AudibilityHistory::new(call)).note(change);
        }
        if let Effect::Ring { leg, to, .. } = effect {
            self.rung.push((leg, to));
        } else if let Effect::Hangup { leg, .. } = effect {
            self.rung.retain(|(rung, _)| *rung != leg);
        }
    }

    fn sheet(&self, call: CallId, asker: Option<&AgentName>) -> Option<CallSheet> {
        let view = self.board.call(call)?;
        let within = |agent: &AgentName| view.participants.iter().any(|person| person.agent.as_ref() == Some(agent));
        if !asker.is_none_or(within) {
            return None;
        }
        let started_at = self.epoch + i64::try_from(view.started.0).expect("not so late");
        let addresses = view.participants.iter().map(|person| (person.who, format!("sip:{}@baton.local", person.name)));
        let allowed = asker.map(|agent| self.board.allowed(call, &Asker::Agent(agent.clone()), self.now()));
        Some(CallSheet {
            addresses: addresses.collect(),
            started_at,
            quality: BTreeMap::new(),
            allowed: allowed.unwrap_or_default(),
            view,
        })
    }

    fn sheets(&self, asker: Option<&AgentName>) -> Vec<CallSheet> {
        self.board.call_ids().filter_map(|call| self.sheet(call, asker)).collect()
    }

    fn everything(&self) -> Snapshot {
        let names = ["alice", "bob", "carol", "dan", "support"];
        Snapshot {
            seq: self.seq,
            calls: self.sheets(None),
            agents: self.board.agents().collect(),
            queues: self.board.queues().collect(),
            reservations: self.board.reservations().collect(),
            extensions: names.map(|name| (name.to_owned(), extension(name).to_owned())).into(),
            epoch: self.epoch,
        }
    }

    async fn answer_ask(&mut self, ask: Ask) {
        // Whoever asked may have gone: then nobody wants the answer.
        match ask {
            Ask::Command(command, reply) => {
                let done = self.command(*command);
                tokio::time::sleep(self.slow).await;
                let _ = reply.send(done);
            }
            Ask::LookUp(text, reply) => drop(reply.send(look_up(&text))),
            Ask::Everything(reply) => drop(reply.send(self.everything())),
            Ask::Calls { asker, reply } => {
                drop(reply.send(Calls { seq: self.seq, calls: self.sheets(asker.as_ref()) }));
            }
            Ask::Call { call, asker, reply } => drop(reply.send(self.sheet(call, asker.as_ref()))),
            Ask::Agents(names, reply) => {
                drop(reply.send(names.iter().filter_map(|name| self.board.agent(name)).collect()));
            }
            Ask::Worked(names, reply) => drop(reply.send(self.recorder.totals_of(&names, self.now()))),
            Ask::Queues(names, reply) => {
                drop(reply.send(names.iter().filter_map(|name| self.board.queue(name)).collect()));
            }
            Ask::Audibility(call, reply) => {
                let sheet = self.heard.get(&call).map(|history| AudibilitySheet {
                    now: self.pairs(call),
                    sample: self.board.call(call).map(|_| self.now().0 * 8 / 1_000),
                    history: history.clone(),
                });
                drop(reply.send(Ok(sheet)));
            }
            Ask::Record(call, reply) => drop(reply.send(Ok(self.record(call)))),
            Ask::History(query, reply) => drop(reply.send(self.history(&query))),
            Ask::Login { name, password, reply } => {
                let known = self.users.get(&name).filter(|(_, secret)| *secret == password);
                let known = known.map(|(user, secret)| Known {
                    name: AgentName(user.name.clone()),
                    credential: Credential(secret.clone()),
                    supervisor: user.supervisor,
                });
                drop(reply.send(known));
            }
            Ask::Trace(call, reply) => {
                let (sender, receiver) = mpsc::channel(16);
                let line = Traced {
                    at: self.epoch,
                    sent: true,
                    protocol: "udp",
                    peer: "127.0.0.1:5090".to_owned(),
                    call,
                    call_id: "one@two".to_owned(),
                    text: Bytes::from_static(b"BYE sip:x SIP/2.0\r\n\xff\r\n"),
                };
                let _ = sender.try_send(line);
                self.traces.push(sender);
                drop(reply.send(receiver));
            }
            Ask::Drain(draining, reply) => {
                self.draining = draining;
                drop(reply.send(Ok(())));
            }
            Ask::Reload(reply) => drop(reply.send(Ok(vec!["nothing changed".to_owned()]))),
            Ask::Users(reply) => drop(reply.send(Ok(self.users.values().map(|(user, _)| user.clone()).collect()))),
            Ask::AddUser { user, password, reply } => drop(reply.send(self.add_user(user, password))),
            Ask::SetPassword { name, password, reply } => {
                let set = self.own_user(&name).map(|known| known.1 = password);
                self.stand();
                drop(reply.send(set));
            }
            Ask::DeleteUser { name, reply } => {
                let gone = self.own_user(&name).map(|_| ());
                if gone.is_ok() {
                    self.users.remove(&name);
                    self.stand();
                }
                drop(reply.send(gone));
            }
            Ask::Health(reply) => {
                let parts = vec![("signalling".to_owned(), None), ("store".to_owned(), Some("away".to_owned()))];
                drop(reply.send(Health { ready: !self.draining, parts }));
            }
            Ask::Metrics(reply) => {
                drop(
                    reply
                        .send("# HELP baton_calls Calls.\n# TYPE baton_calls gauge\nbaton_calls 1\n# EOF\n".to_owned()),
                );
            }
        }
    }

    fn pairs(&self, call: CallId) -> Vec<(conference::ParticipantId, conference::ParticipantId)> {
        let masks: Vec<_> = self.board.masks(call).into_iter().flat_map(BTreeMap::values).collect();
        let pairs = masks.iter().flat_map(|listener| masks.iter().map(move |speaker| (listener, speaker)));
        pairs.filter(|(listener, speaker)| listener.hears(speaker)).map(|(l, s)| (l.person, s.person)).collect()
    }

    fn record(&self, call: CallId) -> Option<CallRecord> {
        let over = self.over.iter().find(|record| record.call == call).cloned();
        over.or_else(|| self.recorder.live(call, self.now()))
    }

    fn history(&self, query: &control_api::HistoryQuery) -> Result<Page<CallRecord>, HouseError> {
        let skip = match &query.cursor {
            Some(cursor) => cursor.parse().map_err(|_| HouseError::Invalid("cursor".to_owned()))?,
            None => 0_usize,
        };
        let wanted = |record: &&CallRecord| {
            query.agent.is_none() || record.parties.iter().any(|party| party.agent == query.agent)
        };
        let all: Vec<CallRecord> = self.over.iter().rev().filter(wanted).cloned().collect();
        let limit = usize::try_from(query.limit).expect("small");
        let items: Vec<CallRecord> = all.iter().skip(skip).take(limit).cloned().collect();
        let next = (all.len() > skip.saturating_add(limit)).then(|| (skip + limit).to_string());
        Ok(Page { items, next })
    }
}

fn named(command: &Command) -> &'static str {
    match command {
        Command::Start { .. } => "transfer",
        Command::Swap { .. } => "swap",
        Command::Merge { .. } => "merge",
        Command::Hold { .. } => "hold",
        _ => "other",
    }
}

fn extension(name: &str) -> &'static str {
    match name {
        "alice" => "101",
        "bob" => "102",
        "carol" => "103",
        "dan" => "104",
        "support" => "200",
        _ => "",
    }
}

fn look_up(text: &str) -> Destination {
    let dialled = text.strip_prefix("sip:").unwrap_or(text);
    let dialled = dialled.strip_suffix("@baton.local").unwrap_or(dialled);
    for who in ["alice", "bob", "carol", "dan"] {
        if dialled == who || dialled == extension(who) {
            return Destination::Agent(name(who));
        }
    }
    match dialled {
        "support" | "200" => Destination::Queue("support".to_owned()),
        "standup" => Destination::Room("standup".to_owned()),
        number if number.starts_with('+') && number[1..].bytes().all(|byte| byte.is_ascii_digit()) => {
            Destination::Outside { trunk: "pstn".to_owned(), number: number.to_owned() }
        }
        _ => Destination::Unknown,
    }
}
