//! Watches between the server and a phone of its own kind in this test: transactions, digest and a parser of XML, and nothing
//! of the code under test; over good networks and bad ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conference::{AgentName, Identity, LegId, Moment, ParticipantId, Role};
use quick_xml::events::Event;
use rsip::{Method, Request, SipMessage};

use super::net::settings;
use crate::chance::Chance;
use crate::codec::headers::to;
use crate::codec::{one, parse, push, respond};
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
    chance: Chance,
    packets: BTreeMap<(Moment, u64), (bool, Flow, Bytes)>,
    now: Moment,
    sent: u64,
    loss: u64,
    digest: DigestClient,
    number: u32,
    tag: String,
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

#[test]
fn a_lamp_follows_every_stage_of_a_call() {
    let mut desk = Desk::new(1, 0);
    let watch = desk.watching("bob", "dialog;id=7", bob(&[]));
    let first = desk.last();
    assert_eq!((first.root["state"].as_str(), first.root["entity"].as_str()), ("full", "sip:bob@baton.local"));
    assert_eq!((first.version(), first.said.len()), (0, 0));
    let notice = desk.notices.last().unwrap();
    assert_eq!(one(&notice.headers, "Event"), Some("dialog;id=7"));
    assert_eq!(one(&notice.headers, "Content-Type"), Some("application/dialog-info+xml"));
    assert!(one(&notice.headers, "Subscription-State").unwrap().starts_with("active;expires="));
    let stages = [
        (DialogStage::Trying, false, "trying", "yes"),
        (DialogStage::Early, false, "early", "yes"),
        (DialogStage::Confirmed, false, "confirmed", "yes"),
        (DialogStage::Confirmed, true, "confirmed", "no"),
        (DialogStage::Confirmed, false, "confirmed", "yes"),
    ];
    for (number, (stage, held, word, renders)) in (1..).zip(stages) {
        let before = desk.now;
        desk.tell(watch, bob(&[(9, stage, held)]));
        desk.until(|desk| desk.notices.len() == number);
        desk.until(|desk| desk.notices.len() == number + 1);
        assert!(desk.now.since(before) < Duration::from_millis(500));
        let said = desk.last();
        assert_eq!((said.version() as usize, said.root["state"].as_str()), (number, "partial"));
        let dialog = "dialog[direction=recipient,id=r9]";
        assert!(said.has(&format!("{dialog}/state={word}")), "{said:?}");
        let param =
            format!("{dialog}/local/target[uri=sip:bob@baton.local]/param[pname=+sip.rendering,pval={renders}]");
        assert!(said.has(&param), "{said:?}");
        assert!(said.has(&format!("{dialog}/remote/identity[display=Ann <&> \"Co\"]")), "{said:?}");
    }
    desk.tell(watch, bob(&[]));
    desk.until(|desk| desk.notices.len() == 7);
    assert!(desk.last().has("dialog[direction=recipient,id=r9]/state=terminated"));
    // the same again says nothing
    desk.tell(watch, bob(&[]));
    desk.pass(Duration::from_secs(5));
    assert_eq!(desk.notices.len(), 7);
}

#[test]
fn a_room_is_told_whole_then_by_its_changes() {
    let mut desk = Desk::new(2, 0);
    let alice = (1, "alice", Role::Agent, Attendance::Connected);
    let watch = desk.watching("room-standup", "conference", room(&[alice]));
    let first = desk.last();
    assert_eq!((first.root["state"].as_str(), first.version()), ("full", 1));
    assert_eq!(first.root["entity"], "sip:room-standup@baton.local");
    for said in ["conference-state/user-count=1", "conference-description/subject=Stand-up", "users[state=full]"] {
        assert!(first.has(said), "{said} {first:?}");
    }
    let user = "users[state=full]/user[entity=sip:alice@baton.local,state=full]";
    assert!(first.has(&format!("{user}/endpoint[entity=sip:a1@baton.local,state=full]/status=connected")), "{first:?}");
    let nobody = |who, attendance| (who, "", Role::Customer, attendance);
    desk.tell(watch, room(&[alice, nobody(2, Attendance::Connected), nobody(3, Attendance::Muted)]));
    desk.until(|desk| desk.notices.len() == 2);
    let joined = desk.last();
    assert_eq!((joined.root["state"].as_str(), joined.version()), ("partial", 2));
    assert!(joined.has("conference-state/user-count=3"));
    for (who, status, media) in [(2, "connected", "sendrecv"), (3, "muted-via-focus", "recvonly")] {
        let user = format!(
            "users[state=partial]/user[entity=sip:anonymous@anonymous.invalid;participant=p{who},state=full]/\
             endpoint[entity=sip:a{who}@baton.local,state=full]"
        );
        assert!(joined.has(&format!("{user}/status={status}")), "{joined:?}");
        assert!(joined.has(&format!("{user}/media[id=1]/status={media}")), "{joined:?}");
    }
    assert!(!joined.said.iter().any(|said| said.contains("alice")), "who is as before is not told again");
    desk.tell(watch, room(&[alice, nobody(3, Attendance::OnHold)]));
    desk.until(|desk| desk.notices.len() == 3);
    let held = desk.last();
    assert!(held.has("users[state=partial]/user[entity=sip:anonymous@anonymous.invalid;participant=p2,state=deleted]"));
    assert!(held.said.iter().any(|said| said.ends_with("/status=on-hold")), "{held:?}");
    assert!(held.said.iter().any(|said| said.ends_with("/media[id=1]/status=inactive")));
    desk.wish(Wish::EndWatch { watch });
    desk.until(|desk| desk.notices.len() == 4);
    assert_eq!(desk.last().root["state"], "deleted");
    let over = one(&desk.notices[3].headers, "Subscription-State").unwrap().to_owned();
    assert_eq!((over.as_str(), desk.ended()), ("terminated;reason=noresource", 0));
    desk.pass(Duration::from_secs(70));
    assert_eq!(desk.server.counts().subscriptions, 0);
}

#[test]
fn refreshed_it_is_told_whole_and_taken_back_it_ends() {
    let mut desk = Desk::new(3, 0);
    desk.watching("bob", "dialog", bob(&[(9, DialogStage::Early, false)]));
    assert_eq!(desk.subscribed("bob", "dialog", 600), 200);
    desk.until(|desk| desk.notices.len() == 2);
    let again = desk.last();
    assert_eq!((again.root["state"].as_str(), again.version()), ("full", 1));
    assert!(again.has("dialog[direction=recipient,id=r9]/state=early"));
    assert_eq!(desk.subscribed("bob", "conference", 600), 481, "another event in its dialog");
    assert_eq!(desk.subscribed("bob", "dialog", 0), 200);
    desk.until(|desk| desk.notices.len() == 3);
    let state = one(&desk.notices[2].headers, "Subscription-State").unwrap().to_owned();
    assert_eq!((state.as_str(), desk.ended()), ("terminated;reason=timeout", 1));
    desk.pass(Duration::from_secs(70));
    assert_eq!(desk.server.counts().subscriptions, 0);
    assert_eq!(desk.subscribed("bob", "dialog", 600), 481, "it is gone");
}

#[test]
fn it_runs_out_and_whoever_asks_for_no_time_is_told_once() {
    let mut desk = Desk::new(4, 0);
    desk.watching("bob", "dialog", bob(&[]));
    desk.pass(Duration::from_secs(601));
    assert_eq!((desk.ended(), desk.notices.len()), (1, 2));
    let mut desk = Desk::new(5, 0);
    assert_eq!(desk.subscribed("bob", "dialog", 0), 100);
    let watch = desk.watched();
    desk.tell(watch, bob(&[(9, DialogStage::Confirmed, false)]));
    desk.until(|desk| desk.notices.len() == 1);
    assert!(desk.last().has("dialog[direction=recipient,id=r9]/state=confirmed"));
    assert_eq!(desk.ended(), 1);
    desk.pass(Duration::from_secs(70));
    assert_eq!((desk.server.counts().subscriptions, desk.notices.len()), (0, 1));
}

#[test]
fn a_phone_that_knows_nothing_of_it_or_is_gone_ends_it() {
    for (says, mute) in [(481, false), (489, false), (200, true)] {
        let mut desk = Desk::new(6, 0);
        let watch = desk.watching("bob", "dialog", bob(&[]));
        desk.pass(Duration::from_secs(1));
        (desk.says, desk.mute) = (says, mute);
        desk.tell(watch, bob(&[(9, DialogStage::Early, false)]));
        desk.pass(Duration::from_secs(40));
        assert_eq!((desk.ended(), desk.server.counts().subscriptions), (1, 0), "{says} {mute}");
    }
}

#[test]
fn who_may_not_or_asks_wrongly_is_told_so() {
    type Case = (&'static str, &'static str, u32, &'static [(&'static str, &'static str)], u16);
    let cases: [Case; 9] = [
        ("bob", "presence", 600, &[], 489),
        ("bob", "refer", 600, &[], 489),
        ("bob", "dialog", 600, &[("Accept", "application/pidf+xml")], 406),
        ("bob", "dialog", 600, &[("Accept", "application/dialog-info+xml, text/plain")], 100),
        ("bob", "dialog;call-id=x", 600, &[], 404),
        ("bob", "dialog;id=\"a b\"", 600, &[], 400),
        ("bob", "dialog", 5, &[], 423),
        ("", "dialog", 600, &[], 404),
        ("bob", "conference", 600, &[("Require", "eventlist")], 420),
    ];
    for (user, event, expires, headers, expected) in cases {
        let mut desk = Desk::new(7, 0);
        desk.headers =
            headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<Vec<(&'static str, String)>>();
        assert_eq!(desk.subscribed(user, event, expires), expected, "{event} {headers:?}");
    }
    for (wish, status) in [(Some(404), 404), (Some(200), 403), (None, 500)] {
        let mut desk = Desk::new(8, 0);
        assert_eq!(desk.subscribed("bob", "dialog", 600), 100);
        let before = desk.answers.len();
        if let Some(status) = wish {
            let watch = desk.watched();
            desk.wish(Wish::RefuseWatch { watch, status });
        }
        desk.until(|desk| desk.answers.len() > before);
        assert_eq!(desk.answers.last().unwrap().status_code.code(), status);
        assert_eq!((desk.server.counts().subscriptions, desk.ended()), (0, usize::from(wish.is_none())));
    }
}

#[test]
fn too_many_watches_are_turned_away_and_none_is_let_in_while_we_go() {
    let mut desk = Desk::new(9, 0);
    let mut granted = 0;
    for number in 0..watch::MOST_OF_ONE + 5 {
        desk.tag.clear();
        desk.news.clear();
        match desk.subscribed(&format!("user{number}"), "dialog", 600) {
            100 => granted += 1,
            status => assert_eq!(status, 503),
        }
        if let Some(News::Watched { watch, .. }) = desk.news.last().cloned() {
            desk.tell(watch, bob(&[]));
        }
        desk.pass(Duration::from_millis(20));
    }
    assert_eq!(granted, watch::MOST_OF_ONE);
    let mut desk = Desk::new(10, 0);
    desk.wish(Wish::Drain);
    assert_eq!(desk.subscribed("bob", "dialog", 600), 503);
}

#[test]
fn whoever_loses_the_account_watches_nobody_any_more() {
    let mut desk = Desk::new(11, 0);
    desk.watching("bob", "dialog", bob(&[]));
    let Directory { accounts, trunks } = settings(Doorkeeping::Server).directory;
    let accounts = accounts.into_iter().filter(|account| account.name != AgentName("alice".into())).collect();
    desk.wish(Wish::Reload(Directory { accounts, trunks }));
    desk.until(|desk| desk.notices.len() == 2);
    let state = one(&desk.notices[1].headers, "Subscription-State").unwrap().to_owned();
    assert_eq!((state.as_str(), desk.ended()), ("terminated;reason=rejected", 1));
}

#[test]
fn nothing_is_lost_and_every_version_is_one_more_over_a_bad_network() {
    for seed in 0..40 {
        let mut desk = Desk::new(100 + seed, 25);
        let watch = desk.watching("bob", "dialog", bob(&[]));
        let mut shown = BTreeMap::new();
        for round in 0..30_u64 {
            let leg = round % 3;
            let stages = [DialogStage::Trying, DialogStage::Early, DialogStage::Confirmed];
            match shown.remove(&leg) {
                Some(2) => {}
                Some(stage) => drop(shown.insert(leg, stage + 1)),
                None => drop(shown.insert(leg, 0)),
            }
            let now: Vec<_> = shown.iter().map(|(leg, stage)| (*leg, stages[*stage], round % 4 == 0)).collect();
            desk.tell(watch, bob(&now));
            let pause = desk.chance.number() % 900;
            desk.pass(Duration::from_millis(pause));
        }
        desk.pass(Duration::from_secs(60));
        // a phone that carries out every document ends with what there is
        let mut lamp: BTreeMap<String, String> = BTreeMap::new();
        for (number, notice) in desk.notices.iter().enumerate() {
            let document = Document::of(notice);
            assert_eq!(document.version() as usize, number, "seed {seed}");
            if document.root["state"] == "full" {
                lamp.clear();
            }
            for said in &document.said {
                let Some((id, state)) = said.split_once("/state=") else { continue };
                match state {
                    "terminated" => drop(lamp.remove(id)),
                    state => drop(lamp.insert(id.to_owned(), state.to_owned())),
                }
            }
        }
        let stages = ["trying", "early", "confirmed"];
        let expected: BTreeMap<_, _> = shown
            .iter()
            .map(|(leg, stage)| (format!("dialog[direction=recipient,id=r{leg}]"), stages[*stage].to_owned()))
            .collect();
        assert_eq!(lamp, expected, "seed {seed}");
        assert_eq!(desk.ended(), 0, "seed {seed}");
    }
}

#[test]
fn at_most_a_dozen_states_wait_and_the_newest_is_told() {
    let mut desk = Desk::new(12, 0);
    let watch = desk.watching("bob", "dialog", bob(&[]));
    desk.pass(Duration::from_secs(1));
    desk.mute = true;
    for leg in 1..=40 {
        desk.tell(watch, bob(&[(leg, DialogStage::Early, false)]));
    }
    desk.pass(Duration::from_secs(2));
    desk.mute = false;
    desk.pass(Duration::from_secs(10));
    // the one that was on its way, and the dozen
    assert_eq!(desk.notices.len(), 1 + 1 + watch::MOST_WAITING);
    let last = desk.last();
    assert!(last.has("dialog[direction=recipient,id=r40]/state=early"), "{last:?}");
    assert!(last.has("dialog[direction=recipient,id=r39]/state=terminated"));
    // those passed over were never shown, so nothing of them is left on the lamp
    let begun = desk.notices.iter().flat_map(|notice| Document::of(notice).said);
    let (mut on, mut off) = (0, 0);
    begun.for_each(|said| {
        on += usize::from(said.ends_with("/state=early"));
        off += usize::from(said.ends_with("/state=terminated"));
    });
    assert_eq!(on, off + 1);
}
