//! Our registrations at carriers (`register = true`): REGISTER, its challenges, refreshes, the next server, and taking them back.
//!
//! ```text
//!   start, reload ──> (where is it? DNS) ──> REGISTER ── 200 ──> told; again at four fifths of the time granted
//!                                              ├── 401, 407 ──> again with credentials, twice at most (B16)
//!                                              ├── 423 ──> again with its Min-Expires
//!                                              ├── 503, silence, no connection ──> the next server
//!                                              └── anything else, or no server left ──> told; again after 30 s, 60 s … half an hour
//!   stop, reload without it ──> REGISTER with Expires: 0
//! ```
//!
//! Where a carrier is, `carriers` says. Whose a call is that comes by a registration is asked here.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use conference::Moment;
use rsip::{Method, Request, Response};

use super::{Alarm, Output, Stack, User};
use crate::codec::headers::{Contacts, NameAddr, contacts, expires, min_expires, to};
use crate::codec::{SipUri, one, push};
use crate::digest::DigestClient;
use crate::flow::Flow;
use crate::gate::same_ip;
use crate::leg::Party;
use crate::news::News;
use crate::servers::{Found, Question};
use crate::settings::{Doorkeeping, Place, Protocol, Secret, Trunk};

/// Seconds asked for.
const ASKED_S: u32 = 3600;
/// Seconds of a longer time that a carrier may make us ask for.
const MOST_S: u32 = 86_400;
/// Challenges and intervals taken in a row.
const TRIES: u8 = 2;
/// What is told of a carrier that took the REGISTER and keeps nothing of it: we cannot be reached there.
const NOT_KEPT: u16 = 480;
/// How long until the next try: first, and at most (RFC 5626 §4.5).
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(1800);
/// The same when a connection broke that a registration came by.
const AFTER_BREAK: Duration = Duration::from_secs(2);

/// What a registration is made from; with something else in it, it is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Terms {
    place: Place,
    protocol: Option<Protocol>,
    user: String,
    password: Secret,
}

impl Terms {
    fn of(trunk: &Trunk) -> Option<Self> {
        let (user, password) = trunk.credentials.clone().filter(|_| trunk.register)?;
        Some(Self { place: trunk.place.clone(), protocol: trunk.protocol, user, password })
    }

    fn host(&self) -> (String, Option<u16>) {
        host_of(&self.place)
    }
}

/// The domain of an account at a carrier: its name, or the address it is at.
pub(super) fn host_of(place: &Place) -> (String, Option<u16>) {
    match place {
        Place::Name { host, port } => (host.clone(), *port),
        Place::Address(address) => (SipUri::at(None, *address).host, Some(address.port()).filter(|port| *port != 5060)),
    }
}

/// One registration and how far it is.
#[derive(Debug)]
pub(super) struct Enrolment {
    terms: Terms,
    call_id: String,
    tag: String,
    number: u32,
    digest: DigestClient,
    tries: u8,
    expires_s: u32,
    failures: u32,
    /// Where it is to be tried next.
    servers: VecDeque<(Protocol, SocketAddr)>,
    /// Where it was sent last, and as whom.
    at: Option<(Flow, SipUri)>,
    /// What the carrier holds of us.
    held: Option<Held>,
    finds: bool,
    leaving: bool,
}

/// A registration that was granted: it holds until its end, whatever becomes of its refreshes.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// The way it went, and the carrier's calls come.
    flow: Flow,
    until: Moment,
    /// Whether the next REGISTER goes that way: not if the last one failed there.
    good: bool,
}

impl Enrolment {
    /// Whether it is being taken back.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }
}

impl Stack {
    /// Registers wherever the settings say so, and takes back what they say no longer.
    pub(crate) fn enrol(&mut self, now: Moment) {
        self.now = now;
        if self.settings.doorkeeping == Doorkeeping::Phone || self.draining {
            return;
        }
        let trunks = &self.settings.directory.trunks;
        let wanted: BTreeMap<_, _> =
            trunks.iter().filter_map(|trunk| Some((trunk.name.clone(), Terms::of(trunk)?))).collect();
        let known: Vec<_> = self.enrolments.keys().cloned().collect();
        for name in known {
            let changed = self.enrolments.get(&name).is_some_and(|known| wanted.get(&name) != Some(&known.terms));
            if changed {
                self.unenrol(&name);
                // its answer is nobody's any more: another registration may take its place
                self.enrolments.remove(&name);
                self.alarms.disarm(&Alarm::Enrol(name));
            }
        }
        for (name, terms) in wanted {
            if self.enrolments.contains_key(&name) {
                continue;
            }
            let enrolment = Enrolment {
                digest: DigestClient::new(&terms.user, &terms.password),
                call_id: self.call_id(),
                tag: self.chance.word(),
                number: 0,
                tries: 0,
                expires_s: ASKED_S,
                failures: 0,
                servers: VecDeque::new(),
                at: None,
                held: None,
                finds: false,
                leaving: false,
                terms,
            };
            self.enrolments.insert(name.clone(), enrolment);
            self.enrol_anew(&name);
        }
        self.settle();
    }

    /// Takes every registration back: nobody is to call any more.
    pub(super) fn unenrol_all(&mut self) {
        for name in self.enrolments.keys().cloned().collect::<Vec<_>>() {
            self.unenrol(&name);
        }
    }

    fn unenrol(&mut self, name: &str) {
        self.alarms.disarm(&Alarm::Enrol(name.to_owned()));
        let Some(enrolment) = self.enrolments.get_mut(name) else { return };
        (enrolment.leaving, enrolment.expires_s, enrolment.tries) = (true, 0, 0);
        match enrolment.held.map(|held| held.flow) {
            Some(flow) => self.send_enrolment(name, flow),
            None => _ = self.enrolments.remove(name),
        }
    }

    /// A registration is due: from the first server on, as far as we know them.
    pub(super) fn enrol_anew(&mut self, name: &str) {
        self.alarms.disarm(&Alarm::Enrol(name.to_owned()));
        let Some(enrolment) = self.enrolments.get_mut(name) else { return };
        enrolment.tries = 0;
        // who knows us is asked first: the call that comes next comes from there
        if let Some(held) = enrolment.held.filter(|held| held.good) {
            return self.send_enrolment(name, held.flow);
        }
        let terms = enrolment.terms.clone();
        match terms.place {
            Place::Address(address) => {
                self.enrol_at(name, [(terms.protocol.unwrap_or(Protocol::Udp), address)].into());
            }
            Place::Name { host, port } => {
                let question = self.question(host, port, terms.protocol);
                self.find_for_enrolment(name, question);
            }
        }
    }

    fn find_for_enrolment(&mut self, name: &str, question: Question) {
        if let Some(found) = self.known_fresh(name, &question) {
            return self.enrolment_found(name, Some(&found));
        }
        if let Some(enrolment) = self.enrolments.get_mut(name) {
            enrolment.finds = true;
        }
        if self.ask_where(name) {
            self.out.push_back(Output::Find(name.to_owned(), question));
        }
    }

    /// DNS has answered, or will not.
    pub(super) fn enrolment_found(&mut self, name: &str, found: Option<&Found>) {
        let Some(enrolment) = self.enrolments.get_mut(name) else { return };
        enrolment.finds = false;
        match found {
            Some(found) => {
                let servers = self.servers_of(found);
                self.enrol_at(name, servers);
            }
            None => self.enrolment_failed(name, 503, None),
        }
    }

    /// Whether a registration waits to know where its carrier is.
    pub(super) fn finds_for_enrolment(&self, name: &str) -> bool {
        self.enrolments.get(name).is_some_and(|enrolment| enrolment.finds)
    }

    fn enrol_at(&mut self, name: &str, mut servers: VecDeque<(Protocol, SocketAddr)>) {
        while let Some((protocol, address)) = servers.pop_front() {
            let Some(flow) = self.own.flow_to(protocol, address) else { continue };
            if let Some(enrolment) = self.enrolments.get_mut(name) {
                enrolment.servers = servers;
            }
            return self.send_enrolment(name, flow);
        }
        self.enrolment_failed(name, 503, None);
    }

    fn send_enrolment(&mut self, name: &str, flow: Flow) {
        self.expect_trunk(name, flow);
        let Some(enrolment) = self.enrolments.get(name) else { return };
        let user = enrolment.terms.user.clone();
        let ours = self.contact(flow, Some(&user));
        let cnonce = self.chance.word();
        let Some(enrolment) = self.enrolments.get_mut(name) else { return };
        enrolment.number += 1;
        enrolment.at = Some((flow, ours.uri.clone()));
        let (host, port) = enrolment.terms.host();
        let (number, call_id, expires_s) = (enrolment.number, enrolment.call_id.clone(), enrolment.expires_s);
        let aor = NameAddr::new(SipUri::new(Some(&user), &host, port));
        let from = aor.clone().with_tag(&enrolment.tag);
        let registrar = SipUri::new(None, &host, port);
        let mut request = self.outside_as(Method::Register, &registrar, &from, &aor, &call_id, number);
        push(&mut request.headers, "Contact", ours.to_string());
        push(&mut request.headers, "Expires", expires_s.to_string());
        push(&mut request.headers, "Allow", self.allow);
        push(&mut request.headers, "Supported", "path");
        if let Some(enrolment) = self.enrolments.get_mut(name) {
            enrolment.digest.authorize(&mut request, &cnonce);
        }
        self.send(flow, request, User::Enrol(name.to_owned(), call_id));
    }

    /// The carrier's answer to a REGISTER; `call_id` says of which registration.
    pub(super) fn enrolment_answered(&mut self, name: &str, call_id: &str, response: &Response, source: Flow) {
        let now = self.now;
        let Some(enrolment) = self.enrolments.get_mut(name).filter(|known| known.call_id == call_id) else { return };
        let Some((flow, ours)) = enrolment.at.clone() else { return };
        let status = response.status_code.code();
        match status {
            200..300 if enrolment.leaving => self.enrolment_over(name),
            200..300 => {
                let granted = granted(response, &ours).unwrap_or(enrolment.expires_s).min(MOST_S);
                if granted == 0 {
                    // said politely, but it does not know us
                    enrolment.held = None;
                    return self.enrolment_failed(name, NOT_KEPT, retry_after(response));
                }
                (enrolment.tries, enrolment.failures) = (0, 0);
                let span = Duration::from_secs(u64::from(granted));
                enrolment.held = Some(Held { flow, until: now + span, good: true });
                self.alarms.arm(now + span.mul_f64(0.8), Alarm::Enrol(name.to_owned()));
                self.tell(News::Enrolled { trunk: name.to_owned(), status, expires_s: granted });
            }
            // the account's password is for whom it was sent to, and nobody else (B15)
            401 | 407 if same_ip(flow.peer.ip(), source.peer.ip()) && enrolment.tries < TRIES => {
                enrolment.tries += 1;
                match enrolment.digest.challenged(response) {
                    Ok(()) => self.send_enrolment(name, flow),
                    Err(_) => self.enrolment_failed(name, status, None),
                }
            }
            423 if enrolment.tries < TRIES && !enrolment.leaving => {
                let least = min_expires(&response.headers).ok().flatten().unwrap_or(0);
                if least <= enrolment.expires_s || least > MOST_S {
                    return self.enrolment_failed(name, status, None);
                }
                (enrolment.tries, enrolment.expires_s) = (enrolment.tries + 1, least);
                self.send_enrolment(name, flow);
            }
            503 => self.next_enrolment_server(name, status, retry_after(response)),
            status => self.enrolment_failed(name, status, retry_after(response)),
        }
    }

    /// No answer in time (408), or no way there (503).
    pub(super) fn enrolment_unanswered(&mut self, name: &str, call_id: &str, status: u16) {
        if self.enrolments.get(name).is_some_and(|known| known.call_id == call_id) {
            self.next_enrolment_server(name, status, None);
        }
    }

    fn next_enrolment_server(&mut self, name: &str, status: u16, after: Option<Duration>) {
        let Some(enrolment) = self.enrolments.get_mut(name) else { return };
        let servers = std::mem::take(&mut enrolment.servers);
        if enrolment.leaving || servers.is_empty() {
            return self.enrolment_failed(name, status, after);
        }
        if let Some((flow, _)) = enrolment.at.take() {
            self.shun(flow.peer);
        }
        self.enrol_at(name, servers);
    }

    fn enrolment_failed(&mut self, name: &str, status: u16, after: Option<Duration>) {
        let now = self.now;
        let Some(enrolment) = self.enrolments.get_mut(name) else { return };
        if enrolment.leaving {
            return self.enrolment_over(name);
        }
        // what the carrier still holds of us ends by itself, and it calls us until then; the next try begins from the start
        if let Some(held) = &mut enrolment.held {
            held.good = false;
        }
        enrolment.digest = DigestClient::new(&enrolment.terms.user, &enrolment.terms.password);
        enrolment.expires_s = ASKED_S;
        let pause = FIRST_PAUSE.saturating_mul(1 << enrolment.failures.min(6)).min(LONGEST_PAUSE);
        enrolment.failures = enrolment.failures.saturating_add(1);
        let pause = self.chance.span(pause / 2, pause).max(after.unwrap_or_default().min(LONGEST_PAUSE));
        self.alarms.arm(now + pause, Alarm::Enrol(name.to_owned()));
        self.tell(News::Enrolled { trunk: name.to_owned(), status, expires_s: 0 });
    }

    fn enrolment_over(&mut self, name: &str) {
        self.enrolments.remove(name);
        self.alarms.disarm(&Alarm::Enrol(name.to_owned()));
    }

    /// A connection is gone: a registration that went by it reaches us no more.
    pub(super) fn enrolment_lost(&mut self, flow: Flow) {
        for (name, enrolment) in &mut self.enrolments {
            let held = enrolment.held.take_if(|held| held.flow == flow);
            if held.is_some() && !enrolment.leaving {
                self.alarms.arm(self.now + AFTER_BREAK, Alarm::Enrol(name.clone()));
            }
        }
    }

    /// The trunk whose carrier knows us by a registration and calls by the way it went: of several accounts at one carrier
    /// the one whose Contact is called, else the first.
    pub(super) fn enrolled_by(&self, flow: Flow, called: &SipUri) -> Option<&Trunk> {
        let by_it =
            |enrolment: &Enrolment| enrolment.held.is_some_and(|held| held.flow == flow && held.until > self.now);
        let user = called.user_text();
        let is_called = |enrolment: &Enrolment| user.as_deref() == Some(enrolment.terms.user.as_str());
        let mut by_it = self.enrolments.iter().filter(|(_, enrolment)| by_it(enrolment));
        let first = by_it.clone().next();
        let (name, _) = by_it.find(|(_, enrolment)| is_called(enrolment)).or(first)?;
        // whoever must show a certificate does so
        self.trunk(name).filter(|trunk| trunk.security.clients.is_none())
    }

    /// What was dialled. A carrier that we registered at calls our Contact, whose user is our account: the number that its
    /// customer dialled stands in To then.
    pub(super) fn dialled(&self, party: &Party, request: &Request) -> String {
        let text = |uri: &SipUri| uri.user_text().map(|user| user.into_owned()).unwrap_or_default();
        let dialled = text(&SipUri::from(&request.uri));
        let Party::Trunk(name) = party else { return dialled };
        let account = self.enrolments.get(name).map(|enrolment| enrolment.terms.user.as_str());
        if account != Some(dialled.as_str()) {
            return dialled;
        }
        let meant = to(&request.headers).map(|to| text(&to.uri)).unwrap_or_default();
        if meant.is_empty() { dialled } else { meant }
    }
}

/// The seconds the carrier grants: to our Contact; if it knows us by another address (it wrote down the one it saw), the
/// least of those with our user; else as its header says.
fn granted(response: &Response, ours: &SipUri) -> Option<u32> {
    let of_contact = match contacts(&response.headers) {
        Ok(Contacts::These(these)) => {
            let told = |contact: &NameAddr| contact.expires().ok().flatten();
            match these.iter().find(|contact| contact.uri.same_as(ours)) {
                Some(own) => told(own),
                None if these.len() == 1 => these.first().and_then(told),
                None => {
                    let user = ours.user_text();
                    these.iter().filter(|contact| contact.uri.user_text() == user).filter_map(told).min()
                }
            }
        }
        Ok(Contacts::Star) | Err(_) => None,
    };
    of_contact.or_else(|| expires(&response.headers).ok().flatten())
}

/// How long the carrier wants to be left alone.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = one(&response.headers, "Retry-After")?.split([';', '(', ' ']).next()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
