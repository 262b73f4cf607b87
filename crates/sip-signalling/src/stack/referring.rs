//! REFERs of a phone of ours, and the NOTIFYs that come for them.
//!
//! ```text
//!   owner          phone of ours           server
//!     |-- Refer ------->|-- REFER ------------>|   Refer-To: <sip:target?Replaces=…>, Referred-By (RFC 3892)
//!     |<- ReferAnswered-|<- 202 ---------------|
//!     |<- Notified -----|<- NOTIFY 100, 200 ---|   answered 200; one that nobody waits for 481, another event 489
//! ```
//!
//! A NOTIFY may come before the 202 (RFC 6665 §4.1.2.4).

use conference::LegId;
use rsip::{Method, Request, Response};

use super::{Pending, Stack, User};
use crate::codec::headers::{EventValue, NameAddr, call_id, content_type, cseq, from};
use crate::codec::{SipUri, escape_uri_header, one, push};
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::gate::{Refusal, bad_event};
use crate::leg::Phase;
use crate::news::News;
use crate::refer::{EVENT, MOST_REFERRING, Referring, sipfrag};
use crate::transaction::ClientId;
use crate::wish::ReferTo;

impl Stack {
    /// Sends a REFER.
    pub(super) fn refer(&mut self, leg: LegId, to: &ReferTo) {
        let Some(session) = self.session_mut(leg).filter(|session| !session.over) else { return };
        let mut dialog = session.dialog.clone();
        let waiting = self.referring.get(&leg).map_or(0, Vec::len);
        let target = match to {
            ReferTo::Address(text) => SipUri::parse(text).map(NameAddr::new).map_err(|_| 416),
            ReferTo::Leg(other) => self.replacing(*other).ok_or(481),
        };
        let target = match target {
            Ok(target) if waiting < MOST_REFERRING => target,
            Ok(_) => return self.tell(News::ReferAnswered { leg, status: 503 }),
            Err(status) => return self.tell(News::ReferAnswered { leg, status }),
        };
        let mut request = self.inside(&mut dialog, Method::Refer);
        self.keep_number(leg, &dialog);
        let way = dialog.way();
        self.introduce(way, &mut request.headers, Some(leg), None);
        push(&mut request.headers, "Refer-To", target.to_string());
        if let Ok(local) = from(&request.headers) {
            push(&mut request.headers, "Referred-By", NameAddr::new(local.uri).to_string());
        }
        let number = dialog.last_number();
        self.referring.entry(leg).or_default().push(Referring { number });
        self.send(way, request, User::Refer(leg, number));
    }

    /// Whoever is at the other end of a leg, as Refer-To: its address with the dialog that is to be replaced.
    fn replacing(&self, other: LegId) -> Option<NameAddr> {
        let (mut uri, call_id, to_tag, from_tag) = match &self.legs.get(&other)?.phase {
            Phase::Talking(session) => named(&session.dialog),
            Phase::Arrived(arrived) => named(&arrived.dialog),
            // it rings yet: what the INVITE and its provisional answers say
            Phase::Ringing(ringing) => {
                let client = ringing.open.first()?;
                let (invite, _) = self.transactions.sent(*client)?;
                let from_tag = from(&invite.headers).ok()?.tag()?.to_owned();
                let to_tag = self.branches.get(client)?.remote_tag.clone();
                (SipUri::from(&invite.uri), call_id(&invite.headers).to_owned(), to_tag?, from_tag)
            }
        };
        let tag = |tag: String| if tag.is_empty() { "0".to_owned() } else { tag };
        let value = format!("{call_id};to-tag={};from-tag={}", tag(to_tag), tag(from_tag));
        uri.headers = vec![("Replaces".to_owned(), escape_uri_header(&value))];
        Some(NameAddr::new(uri))
    }

    /// The final answer to a REFER.
    pub(super) fn refer_answered(
        &mut self,
        client: ClientId,
        response: &Response,
        source: Flow,
        (leg, number): (LegId, u32),
        tries: u8,
    ) {
        let status = response.status_code.code();
        if matches!(status, 401 | 407)
            && let Some(party) = self.legs.get(&leg).map(|leg| leg.party.clone())
            && let Some((flow, request)) = self.answer_challenge(client, response, source, &party, tries)
        {
            let again = cseq(&request.headers).map_or(0, |cseq| cseq.number);
            if let Some(session) = self.session_mut(leg) {
                session.dialog.number_used(again);
            }
            if let Some(known) = self.referring_mut(leg, number) {
                known.number = again;
            }
            self.send_signed(flow, request, User::Refer(leg, again), tries + 1);
            return;
        }
        let quiet = one(&response.headers, "Refer-Sub").is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
        if quiet || !(200..300).contains(&status) {
            self.forget_referring(leg, number);
        }
        self.told_referring(leg, status);
    }

    /// A REFER got no answer (408) or could not be sent (503).
    pub(super) fn refer_unanswered(&mut self, leg: LegId, number: u32, status: u16) {
        self.forget_referring(leg, number);
        self.told_referring(leg, status);
    }

    fn told_referring(&mut self, leg: LegId, status: u16) {
        if self.session_mut(leg).is_some_and(|session| !session.over) {
            self.tell(News::ReferAnswered { leg, status });
        }
    }

    /// NOTIFY in the dialog of a leg.
    pub(super) fn notified(&mut self, leg: LegId, back: Flow, request: Request) {
        let event = one(&request.headers, "Event").and_then(|value| EventValue::parse(value).ok());
        let Some(event) = event.filter(|event| event.word == EVENT) else {
            return self.reply(back, request, &bad_event());
        };
        let waiting = self.referring.get(&leg).map(Vec::as_slice).unwrap_or_default();
        let meant = match event.params.get("id") {
            Some(id) => waiting.iter().find(|known| known.number.to_string() == id),
            None => waiting.first(),
        };
        let Some(number) = meant.map(|known| known.number) else {
            return self.reply(back, request, &Refusal::plain(481));
        };
        let fits = content_type(&request.headers).is_some_and(|kind| kind == sipfrag::BARE_TYPE);
        let Some(status) = sipfrag::read(&request.body).filter(|_| fits) else {
            return self.reply(back, request, &Refusal::plain(400));
        };
        let state = one(&request.headers, "Subscription-State").and_then(|value| EventValue::parse(value).ok());
        let last = state.is_some_and(|state| state.word == "terminated");
        self.reply(back, request, &Refusal::plain(200));
        if last {
            self.forget_referring(leg, number);
        }
        if self.session_mut(leg).is_some_and(|session| !session.over) {
            self.tell(News::Notified { leg, status, last });
        }
    }

    fn referring_mut(&mut self, leg: LegId, number: u32) -> Option<&mut Referring> {
        self.referring.get_mut(&leg)?.iter_mut().find(|known| known.number == number)
    }

    fn forget_referring(&mut self, leg: LegId, number: u32) {
        let Some(known) = self.referring.get_mut(&leg) else { return };
        known.retain(|known| known.number != number);
        if known.is_empty() {
            self.referring.remove(&leg);
        }
    }

    /// The leg of a request of ours that a NOTIFY or REFER was, also while that leg is frozen.
    pub(super) fn leg_of_refer(&self, pending: &Pending) -> Option<LegId> {
        match &pending.user {
            User::Refer(leg, _) => Some(*leg),
            User::Notify(id) => match self.refers.all.get(id).map(|known| &known.at) {
                Some(crate::refer::At::Leg(leg)) => Some(*leg),
                Some(_) => None,
                None => self.frozen_with(*id),
            },
            User::Bye(_)
            | User::Digit(_)
            | User::Update(_)
            | User::Prack(..)
            | User::Probe(_)
            | User::Nobody
            | User::Tell(_)
            | User::Account(_)
            | User::Enrol(..) => None,
        }
    }
}

/// The dialog seen from its other end (RFC 3891 §3): its to-tag is theirs.
fn named(dialog: &Dialog) -> (SipUri, String, String, String) {
    (dialog.target(), dialog.call_id.clone(), dialog.remote_tag.clone(), dialog.local_tag.clone())
}
