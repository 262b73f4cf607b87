//! Offers inside a dialog: re-INVITE both ways, UPDATE, and what happens when two of them meet.
//!
//! ```text
//!   Rest ── their INVITE or UPDATE ──> Theirs ── AnswerOffer, RefuseOffer ──> Rest
//!   Rest ── Offer ──> Ours ── 2xx: ACK ──> Rest
//!                      ├── 1xx and then nothing: CANCEL ── 487, or nothing ──> Rest     RFC 3261 §9.1
//!                      └── 491 ──> Glare ── 2.1-4 s or 0-2 s ──> Ours          RFC 3261 §14.1
//!   Ours, or a 200 with an offer unacknowledged: theirs gets 491
//!   Glare: theirs goes first, ours after it
//!   Theirs: theirs gets 500 with Retry-After                                   RFC 3261 §14.2
//! ```

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
            return self.offered_early(leg, back, request);
        };
        if session.over {
            return self.reply(back, request, &Refusal::plain(481));
        }
        if let Some(refusal) = Self::too_short(&request) {
            return self.reply(back, request, &refusal);
        }
        let Some(session) = self.session_mut(leg) else { return };
        let updating = matches!(session.offers, Offers::Theirs { update: true, .. });
        if update && !offered && !updating {
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
        if let Some((request, _)) = self.transactions.opened(server) {
            let headers = request.headers.clone();
            self.see(leg, &headers);
        }
        if !update {
            self.respond_plain(server, 100);
            self.waiting.insert(server, leg);
        }
        let Some(session) = self.session_mut(leg) else { return };
        session.told_offers = session.told_offers.wrapping_add(1);
        let number = session.told_offers;
        let theirs = Offers::Theirs { server, number, update, offered };
        if let Offers::Glare { body, wanted } = std::mem::replace(&mut session.offers, theirs) {
            // what the endpoint wanted would say what holds no longer: it is asked for again, if it is needed still
            if wanted {
                session.upkeep.said = None;
            } else {
                session.queued.get_or_insert(body);
            }
            self.alarms.disarm(&Alarm::Retry(leg));
        }
        self.tell(News::Offered { leg, number, offer });
    }

    /// An UPDATE that offers nothing: answered at once.
    fn refreshed(&mut self, leg: LegId, back: Flow, request: Request) {
        let Some(session) = self.session_mut(leg) else { return };
        session.dialog.refresh(&request.headers);
        let dialog = session.dialog.clone();
        self.see(leg, &request.headers);
        let mut response = self.in_dialog(&request, 200, &dialog);
        self.introduce(dialog.flow, &mut response.headers, Some(leg), None);
        self.grant_timer(leg, &request, &mut response);
        if let Some(server) = self.transactions.open(back, request) {
            self.transactions.respond(self.now, server, response);
        }
    }

    /// Takes the offer of theirs that waits, if there is one.
    fn take_theirs(&mut self, leg: LegId) -> Option<(ServerId, bool, bool)> {
        let session = self.session_mut(leg)?;
        let Offers::Theirs { server, update, offered, .. } = session.offers else { return None };
        session.offers = Offers::Rest;
        self.waiting.remove(&server);
        Some((server, update, offered))
    }

    /// Whether an offer of theirs with this number waits.
    fn waits(&mut self, leg: LegId, wanted: u32) -> bool {
        let session = self.session_mut(leg);
        session.is_some_and(|session| matches!(session.offers, Offers::Theirs { number, .. } if number == wanted))
    }

    /// 200 to the offer that waits.
    pub(super) fn answer_offer(&mut self, leg: LegId, number: u32, body: Bytes) {
        if !self.waits(leg, number) {
            return;
        }
        let Some((server, update, offered)) = self.take_theirs(leg) else { return };
        let Some(dialog) = self.session_mut(leg).map(|session| session.dialog.clone()) else { return };
        let Some((request, back)) = self.transactions.opened(server) else { return };
        let request = request.clone();
        let number = cseq(&request.headers).map_or(0, |cseq| cseq.number);
        let mut response = self.in_dialog(&request, 200, &dialog);
        if let Some(session) = self.session_mut(leg) {
            session.dialog.refresh(&request.headers);
        }
        self.introduce(dialog.flow, &mut response.headers, Some(leg), None);
        self.grant_timer(leg, &request, &mut response);
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
    pub(super) fn refuse_offer(&mut self, leg: LegId, number: u32, status: u16) {
        if !self.waits(leg, number) {
            return;
        }
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
        let Some(session) = self.session_mut(leg) else { return };
        match session.offers {
            Offers::Theirs { server: known, number, .. } if known == server => {
                self.tell(News::OfferCancelled { leg, number });
                self.refuse_offer(leg, number, 487);
            }
            Offers::Rest | Offers::Theirs { .. } | Offers::Ours { .. } | Offers::Glare { .. } => {}
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
        let Some(session) = self.session_mut(leg).filter(|session| session.is_free()) else { return };
        match session.queued.take() {
            Some(body) => self.send_offer(leg, body, false),
            None => self.attend(leg),
        }
    }

    /// The offer that the endpoint wanted.
    pub(super) fn repeated(&mut self, leg: LegId, body: Bytes) {
        let Some(session) = self.session_mut(leg) else { return };
        session.upkeep.asked = false;
        if session.is_free() && session.queued.is_none() {
            self.send_offer(leg, body, true);
        }
    }

    pub(super) fn send_offer(&mut self, leg: LegId, body: Bytes, wanted: bool) {
        let Some(known) = self.legs.get_mut(&leg) else { return };
        let party = known.party.clone();
        let Phase::Talking(session) = &mut known.phase else { return };
        session.offers = Offers::Ours { body: body.clone(), wanted };
        let mut dialog = session.dialog.clone();
        let mut request = self.inside(&mut dialog, Method::Invite);
        self.keep_number(leg, &dialog);
        let way = dialog.way();
        self.introduce(way, &mut request.headers, Some(leg), None);
        self.keep_up(leg, &mut request);
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
        self.timer_granted(leg, response);
        self.see(leg, &response.headers);
        self.acknowledge(client, leg, &Bytes::new());
        let Some(session) = self.session_mut(leg) else { return };
        let Offers::Ours { wanted, .. } = session.offers else { return };
        session.offers = Offers::Rest;
        if !session.over {
            self.tell(News::OfferAnswered { leg, answer: Bytes::from(response.body.clone()), wanted });
        }
        self.next_offer(leg);
    }

    /// Our re-INVITE was refused; `status` 408 and 503 also stand for no answer and no way.
    pub(super) fn offer_refused(&mut self, leg: LegId, status: u16) {
        let Some(session) = self.session_mut(leg) else { return };
        let Offers::Ours { body, wanted } = &session.offers else { return };
        let wanted = *wanted;
        if status == 491 && !session.over {
            let body = body.clone();
            session.offers = Offers::Glare { body, wanted };
            let caller = session.caller;
            let span = self.glare_span(caller);
            return self.alarms.arm(self.now + span, Alarm::Retry(leg));
        }
        // RFC 3261 §12.2.1.2: the other side is gone, or does not know the dialog
        if matches!(status, 408 | 481) {
            session.offers = Offers::Rest;
            return self.lost(leg);
        }
        self.offer_failed(leg, status);
    }

    /// Our re-INVITE came to nothing, and the dialog goes on as it was (RFC 3261 §14.1).
    pub(super) fn offer_failed(&mut self, leg: LegId, status: u16) {
        let Some(session) = self.session_mut(leg) else { return };
        let Offers::Ours { wanted, .. } = session.offers else { return };
        session.offers = Offers::Rest;
        if wanted {
            self.refresh_refused(leg);
        }
        if self.session_mut(leg).is_some_and(|session| !session.over) {
            self.tell(News::OfferRefused { leg, wanted, status });
        }
        self.next_offer(leg);
    }

    /// The second try after a 491, with the newest offer there is.
    pub(super) fn retry_offer(&mut self, leg: LegId) {
        let Some(session) = self.session_mut(leg) else { return };
        let Offers::Glare { body, wanted } = session.offers.clone() else { return };
        session.offers = Offers::Rest;
        match (wanted, session.is_free() && session.queued.is_none()) {
            (true, true) => return self.send_offer(leg, body, true),
            (true, false) => session.upkeep.said = None,
            (false, _) => _ = session.queued.get_or_insert(body),
        }
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
