//! INVITEs that arrive: let in, told, answered.
//!
//! ```text
//!   phone            baton            owner
//!     |-- INVITE ----->|                |   door: 401, 403, 503 …
//!     |<- 100 ---------|-- Arrived ---->|
//!     |<- 180 ---------|<- Ringing -----|
//!     |<- 200 ---------|<- Answer ------|   repeated until the ACK (RFC 3261 §13.3.1.4)
//!     |-- ACK -------->|-- Acknowledged>|
//!     |-- CANCEL ----->|                |   before the 200: 200 to it, 487 to the INVITE, Ended
//! ```

use std::time::Duration;

use bytes::Bytes;
use conference::{AgentName, Caller, Ending, LegId, Phone};
use rsip::{Method, Request, Response, SipMessage};

use super::door::Sender;
use super::identity::ANONYMOUS;
use super::{Alarm, MOST_LEGS, Stack};
use crate::Protocol;
use crate::codec::headers::{Reason, addresses, contacts, cseq, expires, from, tokens};
use crate::codec::{SipUri, push, respond, write};
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::gate::{Refusal, same_ip};
use crate::leg::reliable::Reliable;
use crate::leg::upkeep::Upkeep;
use crate::leg::{Arrived, Leg, Party, Phase, Session, Unacked};
use crate::news::{Arrival, News};

impl Stack {
    /// An INVITE from a known sender, outside any dialog.
    pub(super) fn arrive(&mut self, flow: Flow, back: Flow, request: Request, sender: Sender) {
        if let Some(refusal) = Self::too_short(&request).or_else(|| self.no_room(&sender)) {
            return self.refuse(back, &request, &refusal);
        }
        let replaces = match self.replaced(&request, &sender, flow) {
            Ok(replaces) => replaces,
            Err(refusal) => return self.refuse(back, &request, &refusal),
        };
        let withheld = matches!(sender, Sender::Trunk(_)) && is_withheld(&request);
        let (party, caller) = self.caller(flow, &request, sender);
        let dialled = self.dialled(&party, &request);
        let tag = self.chance.word();
        let routed = matches!(party, Party::Trunk(_));
        let Some(dialog) = Dialog::called(&request, flow, routed, &tag) else {
            return self.refuse_with(back, &request, 400);
        };
        let Some(server) = self.transactions.open(back, request.clone()) else { return };
        self.transactions.respond(self.now, server, respond(&request, 100, None));
        self.next_leg += 1;
        let id = LegId::arrived(self.next_leg);
        let uri = SipUri::from(&request.uri);
        let offer = (!request.body.is_empty()).then(|| Bytes::from(request.body.clone()));
        let arrival = Arrival {
            leg: id,
            caller,
            display: from(&request.headers)
                .ok()
                .filter(|_| !withheld)
                .and_then(|from| from.display)
                .unwrap_or_default(),
            dialled,
            ours: self.own.is_ours(&uri, flow),
            host: uri.host,
            offer,
            source: Self::source_of(flow),
            secure: flow.protocol == Protocol::Tls,
            call_id: dialog.call_id.clone(),
            replaces,
        };
        if let Ok(Some(seconds @ 1..)) = expires(&request.headers) {
            self.alarms.arm(self.now + Duration::from_secs(u64::from(seconds)), Alarm::Expires(id));
        }
        self.dialogs.insert((dialog.call_id.clone(), dialog.local_tag.clone()), id);
        self.waiting.insert(server, id);
        let offered = arrival.offer.is_some();
        let arrived = Arrived { server, dialog, offered, reliable: Reliable::default(), shown: None, seen: None };
        self.add_leg(Leg { id, party, phase: Phase::Arrived(Box::new(arrived)), focus: None });
        self.tell(News::Arrived(arrival));
        self.see(id, &request.headers);
    }

    fn no_room(&self, sender: &Sender) -> Option<Refusal> {
        let full = match sender {
            Sender::Trunk(name) => self.trunk_is_full(name),
            Sender::Agent(_) | Sender::Anyone => false,
        };
        let shut = self.draining || (self.shut && !self.is_in_a_call(sender));
        let turned_away = shut || self.congested || full || self.legs.len() >= MOST_LEGS;
        let seconds = 5 + self.now.0 % 26;
        turned_away.then(|| Refusal { status: 503, headers: vec![("Retry-After", seconds.to_string())] })
    }

    fn is_in_a_call(&self, sender: &Sender) -> bool {
        let Sender::Agent(sender) = sender else { return false };
        let is_theirs = |leg: &Leg| matches!(&leg.party, Party::Agent { name, .. } if name.0 == *sender);
        self.legs.values().any(is_theirs)
    }

    /// Whether a trunk carries as many calls as it may.
    pub(super) fn trunk_is_full(&self, name: &str) -> bool {
        let trunk = self.settings.directory.trunks.iter().find(|trunk| trunk.name == name);
        let most = trunk.map_or(0, |trunk| trunk.max_calls);
        self.trunk_legs.get(name).copied().unwrap_or(0) >= most
    }

    fn caller(&self, flow: Flow, request: &Request, sender: Sender) -> (Party, Caller) {
        match sender {
            Sender::Agent(name) => {
                let (name, phone) = (AgentName(name.clone()), self.phone_of(&name, flow, request));
                (Party::Agent { name: name.clone(), phone: phone.clone() }, Caller::Agent { name, phone })
            }
            Sender::Trunk(trunk) => {
                let believed = self.trunk(&trunk).is_some_and(|trunk| trunk.trusted);
                let number = if is_withheld(request) { ANONYMOUS.to_owned() } else { number_of(request, believed) };
                (Party::Trunk(trunk.clone()), Caller::Customer { trunk, number })
            }
            Sender::Anyone => {
                let account = self.accounts.values().find(|account| same_ip(account.server(), flow.peer.ip()));
                let party = Party::Server(account.map(|account| account.user().to_owned()));
                (party, Caller::Customer { trunk: String::new(), number: number_of(request, true) })
            }
        }
    }

    /// Which of an agent's phones this is: by the way it came, else by its Contact, else by its address.
    fn phone_of(&self, agent: &str, flow: Flow, request: &Request) -> Phone {
        let bindings = self.registrar.lookup(self.now, agent);
        // behind a proxy others have the same flow
        let by_flow = bindings.iter().find(|binding| binding.flow == flow && binding.path.is_empty());
        let contact = match contacts(&request.headers) {
            Ok(crate::codec::headers::Contacts::These(these)) => these.into_iter().next(),
            Ok(crate::codec::headers::Contacts::Star) | Err(_) => None,
        };
        let is_its = |uri: &SipUri| contact.as_ref().is_some_and(|contact| contact.uri.same_as(uri));
        let by_contact = || bindings.iter().find(|binding| is_its(&binding.contact));
        let by_proxy = || bindings.iter().find(|binding| binding.flow == flow);
        by_flow
            .or_else(by_contact)
            .or_else(by_proxy)
            .map_or_else(|| Phone(flow.peer.to_string()), |binding| Self::phone_name(binding))
    }

    /// 180.
    pub(super) fn ringing(&mut self, leg: LegId) {
        let Some((server, mut response, flow)) = self.provisional(leg, 180) else { return };
        if self.wants_reliable(server) {
            return self.progress_reliably(leg, 180);
        }
        self.introduce(flow, &mut response.headers, Some(leg), None);
        self.transactions.respond(self.now, server, response);
    }

    /// 183 with a description. Where provisional answers must be reliable it would be the whole answer (RFC 3262 §5), and what the phone
    /// then changes before our 200 would have to be agreed with it: such a caller rings without sound.
    pub(super) fn early(&mut self, leg: LegId, body: &Bytes) {
        let Some((server, mut response, flow)) = self.provisional(leg, 183) else { return };
        if self.wants_reliable(server) {
            return self.progress_reliably(leg, 180);
        }
        self.introduce(flow, &mut response.headers, Some(leg), None);
        Self::describe(&mut response.headers, &mut response.body, body);
        self.transactions.respond(self.now, server, response);
    }

    pub(super) fn provisional(
        &self,
        leg: LegId,
        status: u16,
    ) -> Option<(crate::transaction::ServerId, Response, Flow)> {
        let Phase::Arrived(arrived) = &self.legs.get(&leg)?.phase else { return None };
        let (request, _) = self.transactions.opened(arrived.server)?;
        Some((arrived.server, self.in_dialog(request, status, &arrived.dialog), arrived.dialog.flow))
    }

    /// 200.
    pub(super) fn answer(&mut self, leg: LegId, body: Bytes) {
        let Some((server, mut response, flow)) = self.provisional(leg, 200) else { return };
        self.introduce(flow, &mut response.headers, Some(leg), None);
        Self::describe(&mut response.headers, &mut response.body, &body);
        let Some((request, back)) = self.transactions.opened(server) else { return };
        let number = cseq(&request.headers).map_or(0, |cseq| cseq.number);
        let mut upkeep = Upkeep::default();
        upkeep.raise(&request.headers);
        let timer = upkeep.grant(&request.headers, &mut response.headers, self.session_seconds(), self.now);
        upkeep.refreshed(Some(timer));
        let bytes = write(&SipMessage::Response(response.clone()));
        self.transactions.respond(self.now, server, response);
        self.waiting.remove(&server);
        self.alarms.disarm(&Alarm::Expires(leg));
        let Some(known) = self.legs.get_mut(&leg) else { return };
        let Phase::Arrived(arrived) = &known.phase else { return };
        let offers = !arrived.offered;
        let unproved = arrived.reliable.open.as_ref().map(|open| (open.rseq, number));
        self.alarms.disarm(&Alarm::Reliable(leg));
        // the 200 says it
        (upkeep.shown, upkeep.said) = (arrived.shown.clone(), arrived.shown.clone());
        upkeep.seen.clone_from(&arrived.seen);
        known.phase =
            Phase::Talking(Box::new(Session { upkeep, unproved, ..Session::new(arrived.dialog.clone(), false) }));
        self.arm_session(leg);
        let interval = Self::first_interval();
        self.await_ack(leg, Unacked { cseq: number, response: bytes, flow: back, interval, first: true, offers });
    }

    /// A final answer that is no 200.
    pub(super) fn reject(&mut self, leg: LegId, status: u16, reason: Option<&str>) {
        self.turn_down(leg, status, reason);
    }

    /// Ends a leg that was not answered, with this status. Tells nothing.
    pub(super) fn turn_down(&mut self, leg: LegId, status: u16, reason: Option<&str>) {
        let status = if (300..700).contains(&status) { status } else { 480 };
        let Some((server, mut response, _)) = self.provisional(leg, status) else { return };
        if let Some(text) = reason {
            push(&mut response.headers, "Reason", Reason::sip(status, text).to_string());
        }
        self.transactions.respond(self.now, server, response);
        self.waiting.remove(&server);
        self.drop_leg(leg);
    }

    /// The time the caller gave has run out (RFC 3261 §13.3.1).
    pub(super) fn arrival_expired(&mut self, leg: LegId) {
        if self.legs.get(&leg).is_some_and(|leg| matches!(leg.phase, Phase::Arrived(_))) {
            self.turn_down(leg, 487, None);
            self.tell(News::Ended { leg, how: Ending::Cancelled });
        }
    }

    /// CANCEL: of a first INVITE that waits, or of a re-INVITE. It cannot be challenged (RFC 3261 §9.2, §22.1), so it must
    /// come from where the INVITE came from.
    pub(super) fn cancel(&mut self, flow: Flow, back: Flow, request: Request) {
        let meant = self.transactions.cancelled(&request);
        let same = |server| {
            self.transactions.opened(server).is_some_and(|(_, invited)| same_ip(invited.peer.ip(), flow.peer.ip()))
        };
        let Some(server) = meant.filter(|server| same(*server)) else {
            return self.refuse_with(back, &request, 481);
        };
        // the tag of the 200 to CANCEL should be that of the INVITE's answers, also if it comes too late (RFC 3261 §9.2)
        let leg = self.waiting.get(&server).copied();
        let tag = leg.and_then(|leg| self.legs.get(&leg)?.dialog().map(|dialog| dialog.local_tag.clone()));
        let tag = tag.or_else(|| self.transactions.answered_as(server).map(str::to_owned));
        let tag = tag.unwrap_or_else(|| self.chance.word());
        let response = respond(&request, 200, Some(&tag));
        if let Some(cancel) = self.transactions.open(back, request) {
            self.transactions.respond(self.now, cancel, response);
        }
        let Some(leg) = leg else { return };
        match self.legs.get(&leg).map(|leg| &leg.phase) {
            Some(Phase::Arrived(_)) => {
                self.turn_down(leg, 487, None);
                self.tell(News::Ended { leg, how: Ending::Cancelled });
            }
            Some(Phase::Talking(_)) => self.offer_cancelled(leg, server),
            Some(Phase::Ringing(_)) | None => {}
        }
    }

    /// OPTIONS: what we can (RFC 3261 §11.2).
    pub(super) fn tell_abilities(&mut self, back: Flow, request: &Request) {
        let refusal = Refusal {
            status: 200,
            headers: vec![
                ("Allow", self.allow.to_owned()),
                ("Accept", crate::gate::SDP.to_owned()),
                ("Accept-Encoding", "identity".to_owned()),
                ("Accept-Language", "en".to_owned()),
                ("Supported", super::build::supported(self.settings.doorkeeping).to_owned()),
            ],
        };
        debug_assert!(request.method == Method::Options);
        self.refuse(back, request, &refusal);
    }
}

/// Whether a caller asked that nobody be told who it is (RFC 3323 §4.2, RFC 3325 §9.3). The whole house is told nothing then,
/// agents too: what nobody knows is shown to nobody, whoever joins the call later and by whichever trunk.
fn is_withheld(request: &Request) -> bool {
    let asked = tokens(&request.headers, "Privacy").into_iter().flat_map(|value| value.split(';'));
    asked.into_iter().any(|value| ["id", "header", "user"].iter().any(|kind| value.trim().eq_ignore_ascii_case(kind)))
}

/// The number to show of a caller that a trunk brings: what the trunk asserts, if it is believed, else what the caller says.
fn number_of(request: &Request, believed: bool) -> String {
    let asserted = addresses(&request.headers, "P-Asserted-Identity").unwrap_or_default().into_iter().next();
    let asserted = asserted.filter(|_| believed);
    let user = |uri: &SipUri| uri.user_text().map(|user| user.into_owned()).filter(|user| !user.is_empty());
    let said = from(&request.headers).ok();
    asserted
        .and_then(|asserted| user(&asserted.uri))
        .or_else(|| said.as_ref().and_then(|said| user(&said.uri)))
        .or_else(|| said.and_then(|said| said.display))
        .unwrap_or_default()
}
