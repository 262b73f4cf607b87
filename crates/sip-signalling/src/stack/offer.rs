//! Offers inside a dialog: re-INVITE both ways, UPDATE, and what happens when two of them meet.
//!
//! ```text
//!   Rest ── their INVITE or UPDATE ──> Theirs ── AnswerOffer, RefuseOffer ──> Rest
//!   Rest ── Offer ──> Ours ── 2xx: ACK ──> Rest
//!                      └── 491 ──> Glare ── 2.1-4 s or 0-2 s ──> Ours          RFC 3261 §14.1
//!   Ours, or a 200 with an offer unacknowledged: theirs gets 491
//!   Glare: theirs goes first, ours after it
//!   Theirs: theirs gets 500 with Retry-After                                   RFC 3261 §14.2
//! ```

use std::time::Duration;

use bytes::Bytes;
use conference::{Ending, LegId};
use rsip::{Method, Request, Response, SipMessage};

use super::{Alarm, Stack};
use crate::codec::headers::cseq;
use crate::codec::write;
use crate::flow::Flow;
use crate::fork::Branch;
use crate::gate::Refusal;
use crate::leg::{Offers, Phase, Unacked};
use crate::news::News;
use crate::transaction::{ClientId, ServerId};

impl Stack {
    /// A re-INVITE or UPDATE of theirs.
    pub(super) fn offered(&mut self, leg: LegId, back: Flow, request: Request) {
        let update = request.method == Method::Update;
        let offered = !request.body.is_empty();
        let Some(session) = self.session_mut(leg) else {
            // early: only an UPDATE that refreshes the target has something to change
            let status = if update && !offered { 200 } else { 491 };
            return self.reply(back, request, &Refusal::plain(status));
        };
        if session.over {
            return self.reply(back, request, &Refusal::plain(481));
        }
        if update && !offered {
            return self.refreshed(leg, back, request);
        }
        let owed = session.owes_answer.is_some() || session.unacked.as_ref().is_some_and(|unacked| unacked.offers);
        let refusal = match &session.offers {
            Offers::Theirs { .. } => Some(500),
            Offers::Ours { .. } => Some(491),
            Offers::Rest | Offers::Glare { .. } if owed => Some(491),
            Offers::Rest | Offers::Glare { .. } => None,
        };
        let offer = offered.then(|| Bytes::from(request.body.clone()));
        let Some(server) = self.transactions.open(back, request) else { return };
        if let Some(status) = refusal {
            return self.respond_plain(server, status);
        }
        if !update {
            self.respond_plain(server, 100);
            self.waiting.insert(server, leg);
        }
        if let Some(session) = self.session_mut(leg)
            && let Offers::Glare { body } =
                std::mem::replace(&mut session.offers, Offers::Theirs { server, update, offered })
        {
            session.queued.get_or_insert(body);
            self.alarms.disarm(&Alarm::Retry(leg));
        }
        self.tell(News::Offered { leg, offer });
    }

    /// An UPDATE that offers nothing: answered at once.
    fn refreshed(&mut self, leg: LegId, back: Flow, request: Request) {
        let Some(session) = self.session_mut(leg) else { return };
        session.dialog.refresh(&request.headers);
        let dialog = session.dialog.clone();
        let mut response = self.in_dialog(&request, 200, &dialog);
        self.introduce(dialog.flow, &mut response.headers, None);
        if let Some(server) = self.transactions.open(back, request) {
            self.transactions.respond(self.now, server, response);
        }
    }

    /// Takes the offer of theirs that waits, if there is one.
    fn take_theirs(&mut self, leg: LegId) -> Option<(ServerId, bool, bool)> {
        let session = self.session_mut(leg)?;
        let Offers::Theirs { server, update, offered } = session.offers else { return None };
        session.offers = Offers::Rest;
        self.waiting.remove(&server);
        Some((server, update, offered))
    }

    /// 200 to the offer that waits.
    pub(super) fn answer_offer(&mut self, leg: LegId, body: Bytes) {
        let Some((server, update, offered)) = self.take_theirs(leg) else { return };
        let Some(dialog) = self.session_mut(leg).map(|session| session.dialog.clone()) else { return };
        let Some((request, back)) = self.transactions.opened(server) else { return };
        let number = cseq(&request.headers).map_or(0, |cseq| cseq.number);
        let mut response = self.in_dialog(request, 200, &dialog);
        let headers = request.headers.clone();
        if let Some(session) = self.session_mut(leg) {
            session.dialog.refresh(&headers);
        }
        self.introduce(dialog.flow, &mut response.headers, None);
        Self::describe(&mut response.headers, &mut response.body, &body);
        let bytes = write(&SipMessage::Response(response.clone()));
        self.transactions.respond(self.now, server, response);
        if update {
            return self.next_offer(leg);
        }
        let interval = Self::first_interval();
        let unacked = Unacked { cseq: number, response: bytes, flow: back, interval, first: false, offers: !offered };
        self.await_ack(leg, unacked);
    }

    /// A final answer that is no 200 to the offer that waits.
    pub(super) fn refuse_offer(&mut self, leg: LegId, status: u16) {
        self.refuse_waiting_offer(leg, if (300..700).contains(&status) { status } else { 488 });
        self.next_offer(leg);
    }

    /// The same, when the leg ends.
    pub(super) fn refuse_waiting_offer(&mut self, leg: LegId, status: u16) {
        if let Some((server, _, _)) = self.take_theirs(leg) {
            self.respond_plain(server, status);
        }
    }

    /// CANCEL of the re-INVITE that waits.
    pub(super) fn offer_cancelled(&mut self, leg: LegId, server: ServerId) {
        let session = self.session_mut(leg);
        if session
            .is_some_and(|session| matches!(session.offers, Offers::Theirs { server: known, .. } if known == server))
        {
            self.tell(News::OfferCancelled { leg });
            self.refuse_offer(leg, 487);
        }
    }

    /// A new offer of ours, now or as soon as the dialog is free; a newer one takes the place of one that waits.
    pub(super) fn offer(&mut self, leg: LegId, body: Bytes) {
        let Some(session) = self.session_mut(leg).filter(|session| !session.over) else { return };
        session.queued = Some(body);
        self.next_offer(leg);
    }

    /// Sends the offer that waits, if the dialog is free.
    pub(super) fn next_offer(&mut self, leg: LegId) {
        let Some(known) = self.legs.get_mut(&leg) else { return };
        let party = known.party.clone();
        let Phase::Talking(session) = &mut known.phase else { return };
        let free = session.offers == Offers::Rest
            && session.unacked.is_none()
            && session.owes_answer.is_none()
            && !session.over;
        if !free {
            return;
        }
        let Some(body) = session.queued.take() else { return };
        session.offers = Offers::Ours { body: body.clone() };
        let mut dialog = session.dialog.clone();
        let mut request = self.inside(&mut dialog, Method::Invite);
        self.keep_number(leg, &dialog);
        let way = dialog.way();
        self.introduce(way, &mut request.headers, None);
        Self::describe(&mut request.headers, &mut request.body, &body);
        self.sign(way, &mut request);
        let mut branch = Branch::new(leg, party, true);
        branch.again = true;
        self.send_invite(way, request, branch);
    }

    /// 2xx to our re-INVITE: ACK in any case, also when the leg is gone by now.
    pub(super) fn offer_accepted(&mut self, client: ClientId, leg: LegId, response: &Response) {
        if self.session_mut(leg).is_none() {
            return self.acknowledge_alone(client, response);
        }
        if let Some(session) = self.session_mut(leg) {
            session.dialog.refresh(&response.headers);
        }
        self.acknowledge(client, leg, &Bytes::new());
        let Some(session) = self.session_mut(leg) else { return };
        if !matches!(session.offers, Offers::Ours { .. }) {
            return;
        }
        session.offers = Offers::Rest;
        if !session.over {
            self.tell(News::OfferAnswered { leg, answer: Bytes::from(response.body.clone()) });
        }
        self.next_offer(leg);
    }

    /// Our re-INVITE was refused; `status` 408 and 503 also stand for no answer and no way.
    pub(super) fn offer_refused(&mut self, leg: LegId, status: u16) {
        let Some(session) = self.session_mut(leg) else { return };
        let Offers::Ours { body } = &session.offers else { return };
        if status == 491 && !session.over {
            let body = body.clone();
            session.offers = Offers::Glare { body };
            let (least, most) = if session.caller { (2100, 4000) } else { (0, 2000) };
            let span = self.chance.span(Duration::from_millis(least), Duration::from_millis(most));
            return self.alarms.arm(self.now + span, Alarm::Retry(leg));
        }
        session.offers = Offers::Rest;
        // RFC 3261 §12.2.1.2: the other side is gone, or does not know the dialog
        if matches!(status, 408 | 481) {
            return self.lost(leg);
        }
        if !session.over {
            self.tell(News::OfferRefused { leg, status });
        }
        self.next_offer(leg);
    }

    /// The second try after a 491, with the newest offer there is.
    pub(super) fn retry_offer(&mut self, leg: LegId) {
        let Some(session) = self.session_mut(leg) else { return };
        let Offers::Glare { body } = &session.offers else { return };
        let body = body.clone();
        session.queued.get_or_insert(body);
        session.offers = Offers::Rest;
        self.next_offer(leg);
    }

    /// The other side does not know the dialog any more, or does not answer: BYE all the same, and it is dead.
    pub(super) fn lost(&mut self, leg: LegId) {
        let over = self.session_mut(leg).is_some_and(|session| session.over);
        self.bye(leg);
        if !over {
            self.tell(News::Ended { leg, how: Ending::Dead });
        }
    }
}
