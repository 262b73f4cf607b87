//! The user agent: messages, wishes and time in; messages and news out. No socket, no clock, no task.
//! One file per duty below; each is an `impl Stack`. This one keeps the state, takes the inputs and hands them on.
//!
//! ```text
//!   message ─> form, absorb ─> arrive │ register │ session        (requests)
//!           ─> transactions ─> ring │ offer │ leave │ account     (responses)
//!   wish    ─> arrive │ ring │ offer │ leave │ account │ freeze
//!   time    ─> transactions, alarms
//! ```

mod account;
mod alarm;
mod arrive;
mod bound;
mod branch;
mod build;
mod carriers;
mod counts;
mod door;
mod enrol;
mod freeze;
mod identity;
mod leave;
mod legs;
mod notify;
mod offer;
pub(crate) mod own;
mod probe;
mod refer;
mod referring;
mod register;
pub use counts::Counts;
pub use register::RegistrationView;
mod reliable;
mod reload;
mod replaces;
mod respond;
mod ring;
mod secrets;
mod secure;
mod session;
mod subscribe;
#[cfg(test)]
mod tests;
mod unreachable;
mod upkeep;
mod watch;
mod watching;
mod wide;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use conference::{LegId, Moment};
use rsip::{Method, Request, Response, SipMessage};

use crate::chance::Chance;
use crate::codec::headers::{call_id, cseq, to};
use crate::codec::{Malformed, stamp_source, write};
use crate::dialog::MOST_CSEQ;
use crate::digest::DigestServer;
use crate::flow::Flow;
use crate::fork::Branch;
use crate::leg::{Leg, Party};
use crate::news::{News, ReferId, WatchId};
use crate::refer::{End, Referring, Refers};
use crate::registrar::Registrar;
use crate::servers::Question;
use crate::settings::{Directory, Protocol, SipSettings};
use crate::transaction::{Alarms, ClientEvent, ClientId, Out, ServerId, Transactions};
use crate::transport::Expected;
use crate::watch::Watches;
use crate::wish::Wish;
use account::PhoneState;
use alarm::Alarm;
use carriers::Carriers;
use freeze::Frozen;
use own::{Own, RouteTo};
use replaces::Memory;
use secure::Secure;
use wide::Wide;

/// Legs there may be at once; beyond, calls are answered 503.
pub(crate) const MOST_LEGS: usize = 20_000;
/// Security news told in one second; beyond, they are counted only.
const SECURITY_PER_SECOND: u32 = 20;

/// What comes out.
#[derive(Debug)]
pub(crate) enum Output {
    /// To be sent.
    Send(Flow, Bytes),
    /// Who must be there when a connection to this address is made over TLS.
    Expect(SocketAddr, Expected),
    /// To be looked up: where a trunk's name leads.
    Find(String, Question),
    /// To be told.
    News(News),
}

/// What a request of ours, INVITEs apart, was for.
#[derive(Debug)]
enum User {
    /// BYE of a leg that is gone already.
    Bye(Party),
    /// A digit of a leg.
    Digit(LegId),
    /// An UPDATE of a leg.
    Update(LegId),
    /// A PRACK: the INVITE whose answer it acknowledges, and their tag.
    Prack(ClientId, String),
    /// The question whether a leg lives.
    Probe(LegId),
    /// Nobody waits for the answer.
    Nobody,
    /// A phone's registration.
    Account(String),
    /// A registration at a trunk's carrier, by its Call-ID.
    Enrol(String, String),
    /// A NOTIFY about a REFER.
    Notify(ReferId),
    /// A NOTIFY of a watch.
    Tell(WatchId),
    /// A phone's REFER with its number.
    Refer(LegId, u32),
}

/// A request of ours, INVITEs apart, that waits for its answer.
#[derive(Debug)]
struct Pending {
    user: User,
    tries: u8,
}

/// The user agent.
pub(crate) struct Stack {
    settings: SipSettings,
    allow: &'static str,
    dropped_agents: Vec<String>,
    own: Own,
    chance: Chance,
    digest: DigestServer,
    secrets: secrets::Secrets,
    secure: Secure,
    carriers: Carriers,
    wide: Wide,
    registrar: Registrar<Flow>,
    transactions: Transactions,
    branches: HashMap<ClientId, Branch>,
    pending: HashMap<ClientId, Pending>,
    legs: HashMap<LegId, Leg>,
    frozen: HashMap<LegId, Frozen>,
    /// By Call-ID and our tag.
    dialogs: HashMap<(String, String), LegId>,
    /// INVITEs of ours by Call-ID and our tag, as long as their transactions live.
    early: HashMap<(String, String), ClientId>,
    /// INVITEs that came and have no final answer yet, for CANCEL.
    waiting: HashMap<ServerId, LegId>,
    trunk_legs: HashMap<String, u32>,
    accounts: BTreeMap<String, PhoneState>,
    /// Registrations at carriers, by trunk.
    enrolments: BTreeMap<String, enrol::Enrolment>,
    /// REFERs of theirs.
    refers: Refers,
    /// REFERs of a phone of ours, by leg.
    referring: HashMap<LegId, Vec<Referring>>,
    watches: Watches,
    memory: Memory,
    alarms: Alarms<Alarm>,
    out: VecDeque<Output>,
    now: Moment,
    next_leg: u64,
    draining: bool,
    /// Only whoever is in a call may make another.
    shut: bool,
    congested: bool,
    dropped: u64,
    /// Challenges that wait.
    held_back: usize,
    alarmed: (Moment, u32),
}

impl Stack {
    /// A new one. `listeners` as they were bound; `seed` is random (or chosen, in tests).
    pub(crate) fn new(
        settings: SipSettings,
        listeners: Vec<(Protocol, SocketAddr)>,
        route_to: RouteTo,
        seed: [u8; 32],
    ) -> Self {
        let own = Own::new(&settings, listeners, route_to);
        let digest = DigestServer::new(&settings.domain, settings.digest.clone(), seed, settings.ban_loopback);
        let mut stack = Self {
            allow: build::allow(settings.doorkeeping),
            dropped_agents: settings.dropped_user_agents.iter().map(|agent| agent.to_ascii_lowercase()).collect(),
            own,
            chance: Chance::new(seed),
            digest,
            secrets: BTreeMap::new(),
            secure: Secure::new(&settings),
            carriers: Carriers::default(),
            wide: Wide::default(),
            registrar: Registrar::default(),
            transactions: Transactions::default(),
            branches: HashMap::new(),
            pending: HashMap::new(),
            legs: HashMap::new(),
            frozen: HashMap::new(),
            dialogs: HashMap::new(),
            early: HashMap::new(),
            waiting: HashMap::new(),
            trunk_legs: HashMap::new(),
            accounts: BTreeMap::new(),
            enrolments: BTreeMap::new(),
            refers: Refers::default(),
            referring: HashMap::new(),
            watches: Watches::default(),
            memory: Memory::default(),
            alarms: Alarms::default(),
            out: VecDeque::new(),
            now: Moment::ZERO,
            next_leg: 0,
            draining: false,
            shut: false,
            congested: false,
            dropped: 0,
            held_back: 0,
            alarmed: (Moment::ZERO, 0),
            settings,
        };
        let nobody = (&Directory::default(), &BTreeMap::new());
        (stack.secrets, _) = secrets::of(&stack.settings.directory, &stack.settings.domain, nobody);
        stack
    }

    /// A message came, or what was to be one.
    pub(crate) fn receive(&mut self, now: Moment, flow: Flow, message: Result<SipMessage, Malformed>) {
        self.now = now;
        match message {
            Ok(SipMessage::Request(request)) => self.request(flow, request),
            Ok(SipMessage::Response(response)) => self.response(flow, response),
            Err(malformed) => {
                tracing::debug!(peer = %flow.peer, fault = %malformed, "malformed message");
                let tag = self.chance.word();
                if let Some(response) = malformed.response(&tag) {
                    self.out.push_back(Output::Send(flow, write(&SipMessage::Response(response))));
                }
            }
        }
        self.settle();
    }

    /// A wish of the owner.
    pub(crate) fn wish(&mut self, now: Moment, wish: Wish) {
        self.now = now;
        self.carry_out(wish);
        self.settle();
    }

    /// A connection is gone, or could not be made.
    pub(crate) fn flow_failed(&mut self, now: Moment, flow: Flow) {
        self.now = now;
        self.stream_lost(flow);
        self.enrolment_lost(flow);
        self.secure_lost(flow);
        self.transactions.flow_failed(now, flow);
        let gone = self.registrar.flow_ended(&flow);
        self.tell_registrations(gone.into_iter().map(|(aor, _)| aor));
        self.settle();
    }

    /// When to call `expire` next.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        [self.transactions.deadline(), self.alarms.deadline()].into_iter().flatten().min()
    }

    /// Time has passed.
    pub(crate) fn expire(&mut self, now: Moment) {
        self.now = now;
        self.transactions.expire(now);
        self.settle();
        while let Some(alarm) = self.alarms.due(now) {
            self.alarm(alarm);
            self.settle();
        }
    }

    /// The next output.
    pub(crate) fn next(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Whether the owner lags behind with its news: then new calls are turned away.
    pub(crate) fn set_congested(&mut self, congested: bool) {
        self.congested = congested;
    }

    fn request(&mut self, flow: Flow, mut request: Request) {
        if crate::gate::is_dropped(&request, &self.dropped_agents) {
            self.dropped += 1;
            return;
        }
        let Some(via) = stamp_source(&mut request, flow.peer) else { return };
        tracing::debug!(peer = %flow.peer, method = %request.method, call_id = call_id(&request.headers), "request");
        if self.is_kept_for_thaw(flow, &request) {
            return;
        }
        let back = match flow.protocol {
            Protocol::Udp => flow.toward(via.response_target().unwrap_or(flow.peer)),
            Protocol::Tcp | Protocol::Tls => flow,
        };
        if request.method == Method::Ack {
            return self.ack(flow, request);
        }
        if cseq(&request.headers).is_ok_and(|cseq| cseq.number > MOST_CSEQ) {
            return self.refuse_with(back, &request, 400);
        }
        if self.transactions.absorb(self.now, &request) {
            return;
        }
        if request.method == Method::Cancel {
            return self.cancel(flow, back, request);
        }
        if self.transactions.is_merged(&request) {
            return self.refuse(back, &request, &crate::gate::Refusal::plain(482));
        }
        if self.transactions.is_full() {
            return self.refuse(back, &request, &crate::gate::Refusal::plain(503));
        }
        let tag = to(&request.headers).ok().and_then(|to| to.tag().map(str::to_owned));
        match tag {
            Some(tag) => self.inside_dialog(flow, back, request, &tag),
            None => self.outside_dialog(flow, back, request),
        }
    }

    fn response(&mut self, flow: Flow, response: Response) {
        let status = response.status_code.code();
        tracing::debug!(peer = %flow.peer, status, call_id = call_id(&response.headers), "response");
        let Some(client) = self.transactions.client_of(&response) else { return };
        if let Some(frozen) = self.leg_of(client).and_then(|leg| self.frozen.get_mut(&leg)) {
            frozen.keep_message(flow, SipMessage::Response(response));
            return;
        }
        self.transactions.response(self.now, flow, response);
    }

    /// The leg a request of ours was sent for.
    fn leg_of(&self, client: ClientId) -> Option<LegId> {
        if let Some(branch) = self.branches.get(&client) {
            return Some(branch.leg);
        }
        let pending = self.pending.get(&client)?;
        match pending.user {
            User::Digit(leg) | User::Probe(leg) | User::Update(leg) => Some(leg),
            User::Notify(_) | User::Refer(..) => self.leg_of_refer(pending),
            User::Bye(_) | User::Nobody | User::Account(_) | User::Enrol(..) | User::Prack(..) | User::Tell(_) => None,
        }
    }

    /// Hands on what the transactions tell, until they are quiet.
    fn settle(&mut self) {
        while let Some(out) = self.transactions.next() {
            match out {
                Out::Send(flow, bytes) => self.out.push_back(Output::Send(flow, bytes)),
                Out::Client(client, event) => self.client_event(client, event),
            }
        }
    }

    fn client_event(&mut self, client: ClientId, event: ClientEvent) {
        let invite = self.branches.contains_key(&client);
        match (invite, event) {
            (_, ClientEvent::Failed) if self.narrowed(client) => {}
            (true, ClientEvent::Response(response, source)) => self.invited(client, &response, source),
            (true, ClientEvent::Timeout) => self.invite_failed(client, 408),
            (true, ClientEvent::Failed) => self.invite_failed(client, 503),
            (true, ClientEvent::Ended) => {
                self.wide.forget(client);
                self.alarms.disarm(&Alarm::NextServer(client));
                self.alarms.disarm(&Alarm::NextFlow(client));
                self.alarms.disarm(&Alarm::GiveUp(client));
                self.alarms.disarm(&Alarm::Patience(client));
                let early = self.branches.remove(&client).and_then(|branch| branch.early);
                // the same INVITE with credentials may have taken its place
                if let Some(early) = early.filter(|early| self.early.get(early) == Some(&client)) {
                    self.early.remove(&early);
                }
            }
            (false, ClientEvent::Response(response, source)) => self.answered(client, &response, source),
            (false, ClientEvent::Timeout) => self.unanswered(client, 408),
            (false, ClientEvent::Failed) => self.unanswered(client, 503),
            (false, ClientEvent::Ended) => {
                self.wide.forget(client);
                self.pending.remove(&client);
            }
        }
    }

    fn carry_out(&mut self, wish: Wish) {
        let Some(wish) = self.kept_for_thaw(wish) else { return };
        match wish {
            Wish::Call { leg, to, from, offer } => self.call(leg, &to, &from, offer),
            Wish::AnswerByAck { leg, body } => self.answer_by_ack(leg, body),
            Wish::Ringing { leg } => self.ringing(leg),
            Wish::Early { leg, body } => self.early(leg, &body),
            Wish::Answer { leg, body } => self.answer(leg, body),
            Wish::Reject { leg, status, reason } => self.reject(leg, status, reason.as_deref()),
            Wish::AnswerOffer { leg, number, body } => self.answer_offer(leg, number, body),
            Wish::RefuseOffer { leg, number, status } => self.refuse_offer(leg, number, status),
            Wish::Offer { leg, body } => self.offer(leg, body),
            Wish::Refresh { leg, body } => self.repeated(leg, body),
            Wish::Focus { leg, user } => self.set_focus(leg, user),
            Wish::End { leg, status, reason } => self.end(leg, status, reason),
            Wish::Digit { leg, digit, duration_ms } => self.send_digit(leg, digit, duration_ms),
            Wish::Probe { leg } => self.probe(leg),
            Wish::AcceptRefer { refer } => self.accept_refer(refer),
            Wish::RefuseRefer { refer, status, reason } => self.refuse_refer(refer, status, reason.as_deref()),
            Wish::Notify { refer, status, last } => self.notify(refer, status, last),
            Wish::Refer { leg, to } => self.refer(leg, &to),
            Wish::Identify { leg, peer } => self.identify(leg, peer),
            Wish::Watch { watch, state } => self.watch(watch, state),
            Wish::RefuseWatch { watch, status } => self.refuse_watch(watch, status),
            Wish::EndWatch { watch } => self.end_watch(watch, End::NoResource),
            Wish::Register(account) => self.register_phone(account),
            Wish::Unregister { user } => self.unregister_phone(&user),
            Wish::Reload(directory) => self.reload(directory),
            Wish::Drain => {
                self.draining = true;
                self.unenrol_all();
            }
            Wish::Doors { shut } => self.shut = shut,
        }
    }

    fn alarm(&mut self, alarm: Alarm) {
        match alarm {
            Alarm::Resend(leg) => self.resend(leg),
            Alarm::NoAck(leg) => self.no_ack(leg),
            Alarm::Retry(leg) => self.retry_offer(leg),
            Alarm::Expires(leg) => self.arrival_expired(leg),
            Alarm::Patience(client) => self.call_off(client, None),
            Alarm::GiveUp(client) => {
                self.invite_given_up(client);
                self.transactions.abandon(client);
            }
            Alarm::NextServer(client) => self.server_is_silent(client),
            Alarm::NextFlow(client) => self.flow_is_silent(client),
            Alarm::Challenge(server, stale) => self.late_challenge(server, stale),
            Alarm::KeepAlive(aor, contact, flow) => self.keep_alive(&aor, &contact, flow),
            Alarm::Bindings => self.expire_bindings(),
            Alarm::Account(user) => self.refresh_phone(&user),
            Alarm::Enrol(trunk) => self.enrol_anew(&trunk),
            Alarm::Reliable(leg) => self.repeat_progress(leg),
            Alarm::Session(leg) => self.session_alarm(leg),
            Alarm::Attend(leg) => self.attend_again(leg),
            Alarm::Frozen(leg) => self.forget_frozen(leg),
            Alarm::Refer(id) => self.refer_expired(id),
            Alarm::Farewell(leg) => self.bye(leg),
            Alarm::Watch(watch) => self.watch_expired(watch),
        }
    }

    fn tell(&mut self, news: News) {
        self.out.push_back(Output::News(news));
    }

    fn alert(&mut self, rule: &'static str, source: SocketAddr, detail: impl Into<String>) {
        let (since, told) = &mut self.alarmed;
        if self.now.since(*since).as_secs() >= 1 {
            (*since, *told) = (self.now, 0);
        }
        *told += 1;
        if *told <= SECURITY_PER_SECOND {
            self.tell(News::Security { rule, source, detail: detail.into() });
        }
    }
}
