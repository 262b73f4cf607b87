//! A phone that watches, of its own kind: transactions, digest and a parser of XML, on a network as bad as is asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conference::{Identity, LegId, Moment, ParticipantId, Role};
use quick_xml::events::Event;
use rsip::{Method, Request, SipMessage};

use super::net::settings;
use crate::chance::Chance;
use crate::codec::headers::to;
use crate::codec::{parse, push, respond};
use crate::digest::DigestClient;
use crate::flow::Flow;
use crate::settings::*;
use crate::stack::{Output, Stack};
use crate::transaction::{ClientEvent, Out, Transactions};
use crate::*;

const PHONE: &str = "127.0.0.2:5060";
const SERVER: &str = "127.0.0.1:5060";

/// A server and one phone that watches.
pub(super) struct Desk {
    pub(super) server: Stack,
    pub(super) news: Vec<News>,
    phone: Transactions,
    pub(super) chance: Chance,
    packets: BTreeMap<(Moment, u64), (bool, Flow, Bytes)>,
    pub(super) now: Moment,
    sent: u64,
    loss: u64,
    digest: DigestClient,
    number: u32,
    pub(super) tag: String,
    /// Final answers to its requests.
    pub(super) answers: Vec<rsip::Response>,
    /// NOTIFYs in the order they came, repetitions left out.
    pub(super) notices: Vec<Request>,
    /// How it answers NOTIFYs.
    pub(super) says: u16,
    /// Whether it answers them at all.
    pub(super) mute: bool,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Desk {
    pub(super) fn new(seed: u64, loss: u64) -> Self {
        let mut key = [3; 32];
        key[..8].copy_from_slice(&seed.to_be_bytes());
        let listeners = vec![(Protocol::Udp, SERVER.parse().unwrap())];
        Self {
            server: Stack::new(settings(Doorkeeping::Server), listeners, Box::new(|_| None), key),
            news: Vec::new(),
            phone: Transactions::default(),
            chance: Chance::new(key),
            packets: BTreeMap::new(),
            now: Moment(1_000_000_000_000),
            sent: 0,
            loss,
            digest: DigestClient::new("alice", &Secret("alice-secret".into())),
            number: 0,
            tag: String::new(),
            answers: Vec::new(),
            notices: Vec::new(),
            says: 200,
            mute: false,
            headers: Vec::new(),
        }
    }

    fn flow(here: &str, there: &str) -> Flow {
        Flow { protocol: Protocol::Udp, local: here.parse().unwrap(), peer: there.parse().unwrap() }
    }

    /// Sends SUBSCRIBE, with credentials once it was challenged, and in the dialog once there is one.
    pub(super) fn subscribe(&mut self, user: &str, event: &str, expires: u32) {
        self.number += 1;
        let branch = format!("z9hG4bK{}", self.chance.word());
        let to = if self.tag.is_empty() { String::new() } else { format!(";tag={}", self.tag) };
        let whom = if user.is_empty() { "baton.local".to_owned() } else { format!("{user}@baton.local") };
        let text = format!(
            "SUBSCRIBE sip:{whom} SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:alice@baton.local>;tag=w\r\nTo: <sip:{whom}>{to}\r\n\
             Call-ID: watching\r\nCSeq: {} SUBSCRIBE\r\nContact: <sip:alice@{PHONE}>\r\nEvent: {event}\r\n\
             Expires: {expires}\r\n\r\n",
            self.number
        );
        let Ok(SipMessage::Request(mut request)) = parse(text.as_bytes()) else { panic!("{text}") };
        for (name, value) in &self.headers {
            push(&mut request.headers, name, value.as_str());
        }
        self.digest.authorize(&mut request, "c0ffee");
        self.phone.send(self.now, Self::flow(PHONE, SERVER), request);
        self.pump();
    }

    /// Sends until it was not challenged any more; the final answer's status.
    pub(super) fn subscribed(&mut self, user: &str, event: &str, expires: u32) -> u16 {
        for _ in 0..3 {
            let (before, asked) = (self.answers.len(), self.asked());
            self.subscribe(user, event, expires);
            self.until(|desk| desk.answers.len() > before || desk.asked() > asked);
            match self.answers.last().map(|answer| answer.status_code.code()).filter(|_| self.answers.len() > before) {
                Some(401) => {
                    let challenge = self.answers.last().cloned().unwrap();
                    self.digest.challenged(&challenge).unwrap();
                }
                Some(status) => return status,
                None => return 100,
            }
        }
        panic!("challenged again and again");
    }

    /// Subscribes, and the server's owner lets it.
    pub(super) fn watching(&mut self, user: &str, event: &str, state: WatchedState) -> WatchId {
        assert_eq!(self.subscribed(user, event, 600), 100);
        let watch = self.watched();
        self.tell(watch, state);
        self.until(|desk| !desk.notices.is_empty());
        watch
    }

    pub(super) fn watched(&self) -> WatchId {
        let found = self.news.iter().rev().find_map(|news| match news {
            News::Watched { watch, .. } => Some(*watch),
            _ => None,
        });
        found.unwrap()
    }

    pub(super) fn tell(&mut self, watch: WatchId, state: WatchedState) {
        self.wish(Wish::Watch { watch, state: Arc::new(state) });
    }

    pub(super) fn wish(&mut self, wish: Wish) {
        self.server.wish(self.now, wish);
        self.pump();
    }

    fn asked(&self) -> usize {
        self.news.iter().filter(|news| matches!(news, News::Watched { .. })).count()
    }

    pub(super) fn ended(&self) -> usize {
        self.news.iter().filter(|news| matches!(news, News::WatchEnded { .. })).count()
    }

    fn pump(&mut self) {
        while let Some(output) = self.server.next() {
            match output {
                Output::News(news) => self.news.push(news),
                Output::Expect(..) | Output::Find(..) => {}
                Output::Send(flow, bytes) => self.carry(true, flow, bytes),
            }
        }
        while let Some(out) = self.phone.next() {
            match out {
                Out::Send(flow, bytes) => self.carry(false, flow, bytes),
                Out::Client(_, ClientEvent::Response(response, _)) if response.status_code.code() >= 200 => {
                    let to = to(&response.headers).unwrap();
                    if response.status_code.code() < 300 {
                        self.tag = to.tag().unwrap_or_default().to_owned();
                    }
                    self.answers.push(*response);
                }
                Out::Client(..) => {}
            }
        }
    }

    fn carry(&mut self, from_server: bool, flow: Flow, bytes: Bytes) {
        self.sent += 1;
        if self.chance.number() % 100 < self.loss {
            return;
        }
        let doubled = self.chance.number() % 100 < self.loss / 3;
        for copy in 0..1 + u64::from(doubled) {
            let jitter = if self.loss == 0 { 0 } else { self.chance.number() % 40_000 };
            let at = self.now + Duration::from_millis(1) + Duration::from_micros(jitter);
            let turned = Flow { local: flow.peer, peer: flow.local, ..flow };
            self.packets.insert((at, self.sent * 2 + copy), (from_server, turned, bytes.clone()));
        }
    }

    fn phone_hears(&mut self, flow: Flow, bytes: &Bytes) {
        match parse(bytes).unwrap() {
            SipMessage::Response(response) => self.phone.response(self.now, flow, response),
            SipMessage::Request(request) => {
                if self.phone.absorb(self.now, &request) || self.mute {
                    return;
                }
                assert_eq!(request.method, Method::Notify);
                let server = self.phone.open(flow, request.clone()).unwrap();
                let answer = respond(&request, self.says, None);
                self.phone.respond(self.now, server, answer);
                self.notices.push(request);
            }
        }
    }

    fn step(&mut self, until: Moment) -> bool {
        let packet = self.packets.first_key_value().map(|((at, _), _)| *at);
        let timers = [self.server.deadline(), self.phone.deadline()].into_iter().flatten().min();
        let Some(next) = packet.into_iter().chain(timers).min().filter(|next| *next <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        if packet == Some(next) {
            let (_, (from_server, flow, bytes)) = self.packets.pop_first().unwrap();
            if from_server {
                self.phone_hears(flow, &bytes);
            } else {
                self.server.receive(self.now, flow, parse(&bytes));
            }
        } else {
            self.server.expire(self.now);
            self.phone.expire(self.now);
        }
        self.pump();
        true
    }

    pub(super) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while self.step(until) {}
    }

    pub(super) fn until(&mut self, mut met: impl FnMut(&Self) -> bool) {
        let limit = self.now + Duration::from_secs(60);
        while !met(self) {
            assert!(self.step(limit), "it did not come in a minute");
        }
    }

    /// What the last NOTIFY says.
    pub(super) fn last(&self) -> Document {
        Document::of(self.notices.last().unwrap())
    }
}

/// What a document says: its root's attributes, and every element's path with its attributes and text.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: BTreeMap<String, String>,
    pub(super) said: Vec<String>,
}

impl Document {
    /// Reads the body of a NOTIFY by a parser that takes nothing but well-formed XML.
    pub(super) fn of(notice: &Request) -> Self {
        let text = std::str::from_utf8(&notice.body).unwrap();
        let mut reader = quick_xml::Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        let (mut root, mut said, mut path) = (BTreeMap::new(), Vec::new(), Vec::<String>::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) | Event::Empty(start) if root.is_empty() => {
                    root = attributes(&start);
                    path.push(start.name().0.to_owned());
                }
                Event::Start(start) => {
                    path.push(named(&start));
                    said.push(path[1..].join("/"));
                }
                Event::Empty(start) => said.push(format!("{}/{}", path[1..].join("/"), named(&start))),
                Event::Text(text) => {
                    let text = &*text;
                    said.push(format!("{}={text}", path[1..].join("/")));
                }
                Event::GeneralRef(reference) => {
                    let name = &*reference;
                    said.push(format!("{}&{name}", path[1..].join("/")));
                }
                Event::End(_) => drop(path.pop()),
                Event::Eof => break,
                _ => {}
            }
        }
        Self { root, said }
    }

    pub(super) fn has(&self, said: &str) -> bool {
        self.said.iter().any(|known| known == said)
    }

    pub(super) fn version(&self) -> u32 {
        self.root["version"].parse().unwrap()
    }
}

fn attributes(start: &quick_xml::events::BytesStart<'_>) -> BTreeMap<String, String> {
    let pair = |attribute: quick_xml::events::attributes::Attribute<'_>| {
        let key = attribute.key.0.to_owned();
        let value = quick_xml::escape::unescape(&attribute.value).unwrap().into_owned();
        (key, value)
    };
    start.attributes().map(|attribute| pair(attribute.unwrap())).collect()
}

fn named(start: &quick_xml::events::BytesStart<'_>) -> String {
    let name = start.name().0.to_owned();
    let attributes: Vec<_> = attributes(start).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    if attributes.is_empty() { name } else { format!("{name}[{}]", attributes.join(",")) }
}

fn person(display: &str, user: &str) -> Identity {
    Identity { display: display.into(), user: user.into() }
}

/// Bob with calls of these stages; the second value says whether it is on hold.
pub(super) fn bob(dialogs: &[(u64, DialogStage, bool)]) -> WatchedState {
    let dialog = |(leg, stage, on_hold): &(u64, DialogStage, bool)| WatchedDialog {
        leg: LegId::rung(*leg),
        stage: *stage,
        calls: false,
        peer: person("Ann <&> \"Co\"\u{1}", "+49301112233"),
        on_hold: *on_hold,
    };
    WatchedState::Dialogs(WatchedDialogs { owner: person("Bob", "bob"), dialogs: dialogs.iter().map(dialog).collect() })
}

/// A room with these in it.
pub(super) fn room(users: &[(u32, &str, Role, Attendance)]) -> WatchedState {
    let user = |(who, name, role, attendance): &(u32, &str, Role, Attendance)| WatchedUser {
        who: ParticipantId(*who),
        shown: person("", name),
        role: *role,
        endpoints: vec![WatchedEndpoint { leg: LegId::arrived(u64::from(*who)), attendance: *attendance }],
    };
    WatchedState::Conference(WatchedConference {
        user: "room-standup".into(),
        subject: "Stand-up".into(),
        users: users.iter().map(user).collect(),
        ..WatchedConference::default()
    })
}
