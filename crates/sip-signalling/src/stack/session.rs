//! Requests inside a dialog: found, let in, put in order, handed on.
//!
//! ```text
//!   no such dialog            481
//!   from somewhere else       401, or 481 where nobody could answer that (C9)
//!   number not higher         500 (C12); a retransmission never comes this far
//!   BYE                       200, Ended
//!   INVITE, UPDATE            offer
//!   INFO                      200, Digit; 415
//!   OPTIONS                   200
//!   REFER, SUBSCRIBE, NOTIFY  `refer`, `subscribe`, `referring`
//!   others                    405, 489, 481
//! ```

use bytes::Bytes;
use conference::{Ending, LegId};
use rsip::{Method, Request};

use super::{Alarm, Stack};
use crate::codec::headers::{call_id, content_type, cseq, to};
use crate::codec::push;
use crate::dialog::Order;
use crate::flow::Flow;
use crate::gate::{self, Refusal};
use crate::leg::{Phase, Session, digits};
use crate::news::News;

impl Stack {
    /// The session of an answered leg.
    pub(super) fn session_mut(&mut self, leg: LegId) -> Option<&mut Session> {
        match &mut self.legs.get_mut(&leg)?.phase {
            Phase::Talking(session) => Some(session),
            Phase::Arrived(_) | Phase::Ringing(_) => None,
        }
    }

    /// The leg in whose dialog, or by whose INVITE, messages of this Call-ID go. Looks everywhere: for onlookers.
    pub(crate) fn leg_of_call(&self, call_id: &str) -> Option<LegId> {
        let dialog = self.dialogs.iter().find(|((known, _), _)| known == call_id).map(|(_, leg)| *leg);
        let early = || self.early.iter().find(|((known, _), _)| known == call_id).map(|(_, client)| *client);
        dialog.or_else(|| Some(self.branches.get(&early()?)?.leg))
    }

    /// A request with a To tag.
    pub(super) fn inside_dialog(&mut self, flow: Flow, back: Flow, request: Request, tag: &str) {
        let key = (call_id(&request.headers).to_owned(), tag.to_owned());
        let leg = self.dialogs.get(&key).copied().filter(|leg| {
            let dialog = self.legs.get(leg).and_then(|leg| leg.dialog());
            dialog.is_some_and(|dialog| dialog.is_from_peer(&request))
        });
        let Some(leg) = leg else {
            if let Some(refer) = self.alone(&key, &request) {
                return self.inside_alone(refer, flow, back, request);
            }
            return match self.watch_with(&key, &request) {
                Some(watch) => self.inside_watch(watch, flow, back, request),
                None => self.unknown_dialog(back, &request, &key),
            };
        };
        if !self.may_speak(leg, flow, back, &request) {
            return;
        }
        if let Some(refusal) = gate::form(&request) {
            return self.refuse(back, &request, &refusal);
        }
        let Some(dialog) = self.legs.get_mut(&leg).and_then(|leg| leg.dialog_mut()) else { return };
        match dialog.order(&request) {
            Order::Old => return self.refuse_with(back, &request, 500),
            Order::New => dialog.note(&request),
        }
        match request.method {
            Method::Bye => self.said_bye(leg, back, request),
            Method::Invite | Method::Update => self.offered(leg, back, request),
            Method::Info => self.info(leg, back, request),
            Method::Options => self.tell_abilities(back, &request),
            Method::Refer => self.referred(leg, back, request),
            Method::Subscribe => self.subscribed(leg, back, request),
            Method::Notify => self.notified(leg, back, request),
            Method::PRack => self.pracked(leg, back, request),
            Method::Ack | Method::Cancel | Method::Message | Method::Publish | Method::Register => {
                let refusal = gate::outside_dialog(request.method, self.allow);
                self.reply(back, request, &refusal);
            }
        }
    }

    /// A dialog that is not there. One that may yet be (its 200 is on the way and the network changed the order) gets no
    /// answer to BYE, so that it comes again.
    fn unknown_dialog(&mut self, back: Flow, request: &Request, key: &(String, String)) {
        if self.updated_early(back, request, key) {
            return;
        }
        let early = self.early.get(key).and_then(|client| self.branches.get(client)).is_some_and(|early| !early.closed);
        match (early, request.method == Method::Bye && !back.is_reliable()) {
            (true, true) => {}
            (true, false) => {
                let refusal = Refusal { status: 500, headers: vec![("Retry-After", "2".to_owned())] };
                self.refuse(back, request, &refusal);
            }
            (false, _) => self.refuse_with(back, request, 481),
        }
    }

    /// The ACK of a 2xx of ours; that of a failure ends in its transaction.
    pub(super) fn ack(&mut self, flow: Flow, request: Request) {
        if self.transactions.ack(self.now, &request) {
            return;
        }
        let Some(tag) = to(&request.headers).ok().and_then(|to| to.tag().map(str::to_owned)) else { return };
        let Some(leg) = self.dialogs.get(&(call_id(&request.headers).to_owned(), tag)).copied() else { return };
        if !self.legs.get(&leg).and_then(|leg| leg.dialog()).is_some_and(|dialog| dialog.is_from_peer(&request)) {
            return;
        }
        let number = cseq(&request.headers).map_or(0, |cseq| cseq.number);
        let Some(session) = self.session_mut(leg) else { return };
        let Some(describes) =
            session.unacked.as_ref().filter(|unacked| unacked.cseq == number).map(|unacked| unacked.offers)
        else {
            return;
        };
        if !self.may_acknowledge(leg, flow, &request, describes) {
            return;
        }
        let Some(session) = self.session_mut(leg) else { return };
        let Some(unacked) = session.unacked.take_if(|unacked| unacked.cseq == number) else { return };
        let over = session.over;
        self.alarms.disarm(&Alarm::Resend(leg));
        self.alarms.disarm(&Alarm::NoAck(leg));
        if over {
            return self.farewell(leg);
        }
        let answer = (unacked.offers && !request.body.is_empty()).then(|| Bytes::from(request.body));
        if unacked.first || unacked.offers {
            self.tell(News::Acknowledged { leg, answer });
        }
        self.next_offer(leg);
    }

    fn said_bye(&mut self, leg: LegId, back: Flow, request: Request) {
        self.reply(back, request, &Refusal::plain(200));
        let Some(known) = self.legs.get(&leg) else { return };
        match &known.phase {
            // the caller may end an early dialog by BYE too (RFC 3261 §15)
            Phase::Arrived(_) => {
                self.turn_down(leg, 487, None);
                self.tell(News::Ended { leg, how: Ending::Cancelled });
            }
            Phase::Talking(_) => self.gone(leg, Ending::Bye),
            Phase::Ringing(_) => {}
        }
    }

    /// A leg has ended by itself: told, unless its owner had ended it before.
    pub(super) fn gone(&mut self, leg: LegId, how: Ending) {
        self.refuse_waiting_offer(leg, 487);
        let over = self.session_mut(leg).is_some_and(|session| session.over);
        self.drop_leg(leg);
        if !over {
            self.tell(News::Ended { leg, how });
        }
    }

    fn info(&mut self, leg: LegId, back: Flow, request: Request) {
        let kind = content_type(&request.headers).unwrap_or_default();
        if request.body.is_empty() {
            return self.reply(back, request, &Refusal::plain(200));
        }
        if kind != digits::RELAY && kind != digits::BARE {
            let mut refusal = Refusal::plain(415);
            refusal.headers.push(("Accept", format!("{}, {}", digits::RELAY, digits::BARE)));
            return self.reply(back, request, &refusal);
        }
        let digit = digits::read(&kind, &request.body);
        self.reply(back, request, &Refusal::plain(if digit.is_some() { 200 } else { 400 }));
        let talks = self.session_mut(leg).is_some_and(|session| !session.over);
        if let Some((digit, duration_ms)) = digit.filter(|_| talks) {
            self.tell(News::Digit { leg, digit, duration_ms });
        }
    }

    /// Says a digit by INFO.
    pub(super) fn send_digit(&mut self, leg: LegId, digit: char, duration_ms: u16) {
        let Some(session) = self.session_mut(leg).filter(|session| !session.over) else { return };
        let mut dialog = session.dialog.clone();
        let mut request = self.inside(&mut dialog, Method::Info);
        push(&mut request.headers, "Content-Type", digits::RELAY);
        request.body = digits::relay(digit, duration_ms);
        let way = dialog.way();
        self.keep_number(leg, &dialog);
        self.send(way, request, super::User::Digit(leg));
    }

    /// Writes the number of a request just made back into the leg's dialog.
    pub(super) fn keep_number(&mut self, leg: LegId, dialog: &crate::dialog::Dialog) {
        if let Some(session) = self.session_mut(leg) {
            session.dialog.number_used(dialog.last_number());
        }
    }
}
