//! The virtual network: packets are delayed, lost, doubled and reordered by a seed; time jumps to what is next.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use conference::{AgentName, Identity, LegId, Moment};
use rsip::SipMessage;

use crate::chance::Chance;
use crate::codec::parse;
use crate::flow::Flow;
use crate::settings::*;
use crate::stack::{Counts, Output, Stack};
use crate::{Callee, News, PhoneAccount, Wish};

pub(super) const SERVER: usize = 0;

/// How bad the network is.
#[derive(Clone, Copy, Default)]
pub(super) struct Weather {
    /// Packets lost, in percent.
    pub(super) loss: u64,
    /// Packets doubled, in percent.
    pub(super) double: u64,
    /// Delay beyond 1 ms, at most.
    pub(super) jitter: Duration,
}

/// What a rule says of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Pass,
    Lose,
    Delay(Duration),
}

type Rule = Box<dyn FnMut(usize, &SipMessage) -> Fate>;

pub(super) struct Net {
    pub(super) stacks: Vec<(SocketAddr, Stack)>,
    pub(super) news: Vec<VecDeque<News>>,
    /// Everything that was sent: when, from whom, what.
    pub(super) wire: Vec<(Moment, usize, SipMessage)>,
    pub(super) keep_wire: bool,
    /// What the server told to be kept of its registrations.
    pub(super) bound: Vec<News>,
    packets: BTreeMap<(Moment, u64), (Flow, Bytes)>,
    pub(super) now: Moment,
    chance: Chance,
    pub(super) weather: Weather,
    rule: Rule,
    sent: u64,
}

pub(super) fn settings(doorkeeping: Doorkeeping) -> SipSettings {
    let account = |name: &str| Account {
        name: AgentName(name.into()),
        password: Password::Plain(Secret(format!("{name}-secret"))),
    };
    SipSettings {
        domain: "baton.local".into(),
        listen: Vec::new(),
        identity: None,
        name_servers: Vec::new(),
        trust: None,
        external_address: None,
        local_networks: vec![Network { address: "127.0.0.0".parse().unwrap(), prefix: 8 }],
        digest: vec![Algorithm::Sha256, Algorithm::Md5],
        directory: Directory {
            accounts: vec![account("alice"), account("bob")],
            trunks: vec![Trunk {
                name: "pstn".into(),
                place: Place::Address("127.0.0.9:5060".parse().unwrap()),
                protocol: Some(Protocol::Udp),
                security: TrunkSecurity::default(),
                credentials: Some(("baton".into(), Secret("carrier-secret".into()))),
                register: false,
                from_account: false,
                trusted: true,
                caller_id: "+15550000".into(),
                accept_from: vec![Source::Network(Network { address: "127.0.0.9".parse().unwrap(), prefix: 32 })],
                max_calls: 3,
            }],
        },
        doorkeeping,
        user_agent: "baton test".into(),
        ban_loopback: false,
        keep_alive: Duration::from_secs(25),
        session_expires: Duration::from_secs(1800),
        dropped_user_agents: vec!["friendly-scanner".into()],
        bindings: Vec::new(),
    }
}

impl Net {
    /// A server at 127.0.0.1 and phones at the addresses given.
    pub(super) fn new(seed: u64, protocol: Protocol, phones: &[&str]) -> Self {
        let mut net = Self {
            stacks: Vec::new(),
            news: Vec::new(),
            wire: Vec::new(),
            keep_wire: true,
            bound: Vec::new(),
            packets: BTreeMap::new(),
            now: Moment(1_000_000_000_000),
            chance: Chance::new(seed_of(seed, 255)),
            weather: Weather::default(),
            rule: Box::new(|_, _| Fate::Pass),
            sent: 0,
        };
        let addresses = std::iter::once("127.0.0.1").chain(phones.iter().copied());
        for (at, ip) in addresses.enumerate() {
            let kind = if at == SERVER { Doorkeeping::Server } else { Doorkeeping::Phone };
            let address: SocketAddr = format!("{ip}:5060").parse().unwrap();
            let number = u8::try_from(at).unwrap();
            let stack =
                Stack::new(settings(kind), vec![(protocol, address)], Box::new(|_| None), seed_of(seed, number));
            net.stacks.push((address, stack));
            net.news.push(VecDeque::new());
        }
        net
    }

    pub(super) fn rule(&mut self, rule: impl FnMut(usize, &SipMessage) -> Fate + 'static) {
        self.rule = Box::new(rule);
    }

    pub(super) fn wish(&mut self, at: usize, wish: Wish) {
        let now = self.now;
        self.stacks[at].1.wish(now, wish);
        self.collect(at);
    }

    /// Puts a message of the tester's own on the wire.
    pub(super) fn inject(&mut self, flow: Flow, text: &str) {
        let to = self.stacks.iter().position(|(address, _)| *address == flow.local).unwrap();
        let now = self.now;
        self.stacks[to].1.receive(now, flow, parse(text.as_bytes()));
        self.collect(to);
    }

    pub(super) fn collect(&mut self, at: usize) {
        while let Some(output) = self.stacks[at].1.next() {
            match output {
                Output::News(news @ News::Bound { .. }) => self.bound.push(news),
                Output::News(news) => self.news[at].push_back(news),
                Output::Expect(..) | Output::Find(..) => {}
                Output::Send(flow, bytes) => self.carry(at, flow, bytes),
            }
        }
    }

    fn carry(&mut self, at: usize, flow: Flow, bytes: Bytes) {
        let Ok(message) = parse(&bytes) else {
            // only the refusal of what could not be read may repeat what cannot be read
            assert!(bytes.starts_with(b"SIP/2.0 4") || bytes.starts_with(b"SIP/2.0 5"));
            return;
        };
        let fate = (self.rule)(at, &message);
        if self.keep_wire {
            self.wire.push((self.now, at, message));
        }
        let lost = !flow.is_reliable() && self.chance.number() % 100 < self.weather.loss;
        let delay = match fate {
            Fate::Lose => return,
            Fate::Pass if lost => return,
            Fate::Pass => Duration::ZERO,
            Fate::Delay(delay) => delay,
        };
        let doubled = !flow.is_reliable() && self.chance.number() % 100 < self.weather.double;
        for _ in 0..1 + usize::from(doubled) {
            let jitter = match u64::try_from(self.weather.jitter.as_micros()).unwrap() {
                most if flow.is_reliable() || most == 0 => 0,
                most => self.chance.number() % most,
            };
            self.sent += 1;
            let when = self.now + Duration::from_millis(1) + Duration::from_micros(jitter) + delay;
            let turned = Flow { protocol: flow.protocol, local: flow.peer, peer: flow.local };
            self.packets.insert((when, self.sent), (turned, bytes.clone()));
        }
    }

    /// The next thing that happens; `false` if nothing ever will.
    fn step(&mut self, until: Moment) -> bool {
        let packet = self.packets.first_key_value().map(|((when, _), _)| *when);
        let timers = self.stacks.iter().filter_map(|(_, stack)| stack.deadline()).min();
        let Some(next) = packet.into_iter().chain(timers).min().filter(|next| *next <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        if packet == Some(next) {
            let (_, (flow, bytes)) = self.packets.pop_first().unwrap();
            if let Some(to) = self.stacks.iter().position(|(address, _)| *address == flow.local) {
                let now = self.now;
                self.stacks[to].1.receive(now, flow, parse(&bytes));
                self.collect(to);
            }
        } else {
            for at in 0..self.stacks.len() {
                let now = self.now;
                self.stacks[at].1.expire(now);
                self.collect(at);
            }
        }
        true
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while self.step(until) {}
    }

    /// Waits until a stack tells what is looked for; everything told before it is dropped.
    pub(super) fn wait<T>(&mut self, at: usize, looked_for: impl FnMut(&News) -> Option<T>) -> T {
        self.wait_long(at, Duration::from_secs(120), looked_for)
    }

    /// The same within another time.
    pub(super) fn wait_long<T>(
        &mut self,
        at: usize,
        limit: Duration,
        mut looked_for: impl FnMut(&News) -> Option<T>,
    ) -> T {
        let until = self.now + limit;
        loop {
            while let Some(news) = self.news[at].pop_front() {
                if let Some(found) = looked_for(&news) {
                    return found;
                }
            }
            assert!(self.step(until), "stack {at} did not tell it in {limit:?}");
        }
    }

    /// Waits for an offer with a description; its number.
    pub(super) fn offered(&mut self, at: usize) -> u32 {
        self.wait(at, |news| match news {
            News::Offered { number, offer: Some(_), .. } => Some(*number),
            _ => None,
        })
    }

    /// The last request of a kind that a stack sent.
    pub(super) fn sent(&self, at: usize, method: rsip::Method) -> rsip::Request {
        let mut sent = self.wire.iter().rev().filter(|(_, from, _)| *from == at);
        let found = sent.find_map(|(_, _, message)| match message {
            SipMessage::Request(request) if request.method == method => Some(request.clone()),
            _ => None,
        });
        found.unwrap()
    }

    /// How many requests of a kind a stack sent, each try counted.
    pub(super) fn count(&self, at: usize, method: rsip::Method) -> usize {
        let is = |message: &SipMessage| matches!(message, SipMessage::Request(request) if request.method == method);
        self.wire.iter().filter(|(_, from, message)| *from == at && is(message)).count()
    }

    /// Waits until the server has sent more REGISTERs than this.
    pub(super) fn wait_for_another(&mut self, before: usize, limit: Duration) {
        let until = self.now + limit;
        while self.count(SERVER, rsip::Method::Register) <= before {
            assert!(self.step(until), "no other REGISTER in {limit:?}");
        }
    }

    /// Answers a stack's request as somebody at the second stack's address, with these lines.
    pub(super) fn answer(&mut self, at: usize, request: &rsip::Request, status: u16, lines: &[(&'static str, &str)]) {
        let mut response = crate::codec::respond(request, status, Some("raw"));
        for (name, value) in lines {
            crate::codec::push(&mut response.headers, name, *value);
        }
        let other = self.stacks[1 - at].0;
        let flow = Flow { protocol: Protocol::Udp, local: self.stacks[at].0, peer: other };
        let bytes = crate::codec::write(&SipMessage::Response(response));
        self.inject(flow, std::str::from_utf8(&bytes).unwrap());
    }

    /// Everything told by a stack and not looked at yet.
    pub(super) fn told(&mut self, at: usize) -> Vec<News> {
        self.news[at].drain(..).collect()
    }

    pub(super) fn counts(&self, at: usize) -> Counts {
        self.stacks[at].1.counts()
    }

    /// Once every call has ended and the timers have run out nothing may be left but registrations and what keeps them.
    pub(super) fn nothing_is_left(&mut self) {
        self.weather = Weather::default();
        self.pass(Duration::from_secs(75));
        for at in 0..self.stacks.len() {
            let counts = self.counts(at);
            assert_eq!((counts.legs, counts.dialogs), (0, 0), "legs and dialogs of {at}");
        }
        // keep-alives come and go; without registrations nothing else may
        for at in 0..self.stacks.len() {
            let users: Vec<_> = self.stacks[at].1.accounts.keys().cloned().collect();
            for user in users {
                self.wish(at, Wish::Unregister { user });
            }
        }
        self.pass(Duration::from_secs(75));
        for at in 0..self.stacks.len() {
            assert_eq!(self.counts(at), Counts { dropped: self.counts(at).dropped, ..Counts::default() }, "stack {at}");
        }
    }

    /// Registers a phone at the server and waits for it.
    pub(super) fn register(&mut self, at: usize, user: &str) {
        let protocol = self.protocol();
        let server = self.stacks[SERVER].0;
        let account = PhoneAccount {
            user: user.into(),
            password: Secret(format!("{user}-secret")),
            domain: "baton.local".into(),
            server,
            protocol,
            expires_s: 3600,
        };
        self.wish(at, Wish::Register(account));
        let status = self.wait(at, |news| match news {
            News::PhoneRegistered { status, .. } => Some(*status),
            _ => None,
        });
        assert_eq!(status, 200);
    }

    /// A call from a phone by way of the server.
    pub(super) fn dial(&mut self, at: usize, account: Option<&str>, number: &str, leg: u64) -> LegId {
        let leg = LegId::rung(leg);
        let (server, protocol) = (self.stacks[SERVER].0, self.protocol());
        let to = Callee::Address {
            account: account.map(str::to_owned),
            uri: format!("sip:{number}@baton.local"),
            server,
            protocol,
        };
        let from = Identity { display: "Ann".into(), user: "+4930111".into() };
        self.wish(at, Wish::Call { leg, to, from, offer: Bytes::from_static(b"v=0 offer").into() });
        leg
    }

    /// Rings an agent's phones.
    pub(super) fn ring(&mut self, agent: &str, leg: u64) -> LegId {
        let leg = LegId::rung(leg);
        let from = Identity { display: "Customer".into(), user: "+4930111".into() };
        let to = Callee::Agent(AgentName(agent.into()));
        self.wish(SERVER, Wish::Call { leg, to, from, offer: Bytes::from_static(b"v=0 server offer").into() });
        leg
    }

    pub(super) fn arrived(&mut self, at: usize) -> crate::Arrival {
        self.wait(at, |news| match news {
            News::Arrived(arrival) => Some(arrival.clone()),
            _ => None,
        })
    }

    pub(super) fn protocol(&mut self) -> Protocol {
        self.stacks[SERVER].1.protocol()
    }
}

fn seed_of(seed: u64, at: u8) -> [u8; 32] {
    let mut bytes = [at; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes
}

impl Stack {
    fn protocol(&mut self) -> Protocol {
        self.own.flow_to(Protocol::Udp, "127.0.0.1:1".parse().unwrap()).map_or(Protocol::Tcp, |_| Protocol::Udp)
    }
}

/// A server and one registered phone, Alice's.
pub(super) fn phone_net(seed: u64, protocol: Protocol) -> Net {
    let mut net = Net::new(seed, protocol, &["127.0.0.2"]);
    net.register(1, "alice");
    net.told(SERVER);
    net
}

/// Rings Alice and waits until both sides talk: the server's leg and the phone's.
pub(super) fn talking(net: &mut Net, leg: u64) -> (LegId, LegId) {
    let here = net.ring("alice", leg);
    let arrival = net.arrived(1);
    net.wish(1, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
    net.wait(1, |news| matches!(news, News::Acknowledged { .. }).then_some(()));
    net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
    (here, arrival.leg)
}
