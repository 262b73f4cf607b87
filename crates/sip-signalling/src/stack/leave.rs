//! How legs end from our side: BYE, CANCEL, a final status; and BYEs that are challenged.

use std::net::IpAddr;

use conference::{Ending, LegId, Moment};
use rsip::{Method, Request, Response, SipMessage};

use super::{Output, Pending, Stack, User};
use crate::codec::headers::{CSeq, Reason, cseq};
use crate::codec::{push, remove, set, write};
use crate::dialog::Dialog;
use crate::digest::DigestClient;
use crate::flow::Flow;
use crate::gate::same_ip;
use crate::leg::{Leg, Party, Phase};
use crate::transaction::ClientId;

/// How often a challenge is answered before we give up (B16).
const TRIES: u8 = 2;

impl Stack {
    /// The owner ends a leg. Nothing is told of it afterwards.
    pub(super) fn end(&mut self, leg: LegId, status: Option<u16>, reason: Option<String>) {
        let Some(known) = self.legs.get_mut(&leg) else { return };
        match &mut known.phase {
            Phase::Arrived(_) => self.turn_down(leg, status.unwrap_or(480), reason.as_deref()),
            Phase::Ringing(ringing) => {
                let open = std::mem::take(&mut ringing.open);
                let why = reason.map(|text| Reason::sip(status.unwrap_or(487), &text));
                self.drop_leg(leg);
                for client in open {
                    self.call_off(client, why.clone());
                }
            }
            Phase::Talking(session) => {
                session.reason = reason;
                session.over = true;
                session.queued = None;
                // RFC 3261 §15: the one who was called waits for the ACK before it says BYE
                if session.unacked.as_ref().is_some_and(|unacked| unacked.first) {
                    return self.refuse_waiting_offer(leg, 487);
                }
                self.farewell(leg);
            }
        }
    }

    /// The endpoint is about to close its sockets: whoever could not be told yet is told now.
    ///
    /// Deviation: RFC 3261 §15 waits for the ACK before BYE and §9.1 for a provisional response before CANCEL; a moment
    /// later nobody is there to wait, and a phone would ring or listen for ever.
    pub(crate) fn last_words(&mut self, now: Moment) {
        self.now = now;
        let over = |leg: &Leg| matches!(&leg.phase, Phase::Talking(session) if session.over);
        let mut over: Vec<_> = self.legs.values().filter(|leg| over(leg)).map(|leg| leg.id).collect();
        over.sort_unstable();
        for leg in over {
            self.bye(leg);
        }
        self.leave_watchers();
        self.call_off_unheard();
        self.settle();
    }

    /// BYE; the leg is gone.
    pub(super) fn bye(&mut self, leg: LegId) {
        self.refuse_waiting_offer(leg, 487);
        self.answer_owed(leg);
        let Some(known) = self.drop_leg(leg) else { return };
        let Phase::Talking(session) = known.phase else { return };
        let mut dialog = session.dialog;
        let mut request = self.inside(&mut dialog, Method::Bye);
        if let Some(text) = &session.reason {
            push(&mut request.headers, "Reason", Reason::sip(200, text).to_string());
        }
        self.send(dialog.way(), request, User::Bye(known.party));
    }

    /// An offer in a 200 that nobody answered: its ACK is owed all the same.
    fn answer_owed(&mut self, leg: LegId) {
        if self.session_mut(leg).is_some_and(|session| session.owes_answer.is_some()) {
            self.answer_by_ack(leg, bytes::Bytes::new());
        }
    }

    /// No ACK to a 200 of ours in 64*T1 (RFC 3261 §13.3.1.4): BYE, and it is dead.
    pub(super) fn no_ack(&mut self, leg: LegId) {
        let Some(session) = self.session_mut(leg) else { return };
        session.unacked = None;
        self.lost(leg);
    }

    /// Somebody who is no trunk, or not where the trunk is, asks for our credentials inside a dialog (B15).
    pub(super) fn close_unproved(&mut self, leg: LegId) {
        let over = self.session_mut(leg).is_some_and(|session| session.over);
        self.bye(leg);
        if !over {
            self.tell(crate::news::News::Ended { leg, how: Ending::Dead });
        }
    }

    /// ACK for a 2xx to a re-INVITE whose leg is gone.
    pub(super) fn acknowledge_alone(&mut self, client: ClientId, response: &Response) {
        let Some((request, flow)) = self.transactions.sent(client) else { return };
        let number = cseq(&request.headers).map_or(0, |cseq| cseq.number);
        let routed = self.branches.get(&client).is_some_and(|branch| matches!(branch.party, Party::Trunk(_)));
        let flow = self.meant(client, flow);
        let Some(dialog) = Dialog::called_again(request, response, flow, routed) else { return };
        let mut ack = dialog.ack(number);
        let way = dialog.way();
        self.sign(way, &mut ack);
        let bytes = write(&SipMessage::Request(ack));
        self.out.push_back(Output::Send(way, bytes));
    }

    /// A response to a request of ours other than INVITE.
    pub(super) fn answered(&mut self, client: ClientId, response: &Response, source: Flow) {
        let status = response.status_code.code();
        if status < 200 {
            return;
        }
        let Some(Pending { user, tries }) = self.pending.remove(&client) else { return };
        let challenged = matches!(status, 401 | 407);
        match user {
            User::Bye(party) if challenged => {
                if let Some((flow, request)) = self.answer_challenge(client, response, source, &party, tries) {
                    self.send_signed(flow, request, User::Bye(party), tries + 1);
                }
            }
            User::Digit(leg) | User::Probe(leg) | User::Update(leg) if challenged => {
                self.challenged_inside(client, response, source, leg, tries, user);
            }
            User::Prack(invite, tag) if challenged => {
                self.prack_challenged(client, response, source, (invite, tag), tries);
            }
            User::Update(leg) => self.updated(client, leg, status, Some(response)),
            User::Refer(leg, number) => self.refer_answered(client, response, source, (leg, number), tries),
            User::Notify(id) if challenged => self.notify_challenged(id, source),
            User::Notify(id) => self.notify_answered(client, id, status),
            User::Tell(id) if challenged => self.tell_challenged(id, source),
            User::Tell(id) => self.tell_answered(client, id, status),
            User::Digit(leg) if matches!(status, 408 | 481) => self.lost(leg),
            User::Probe(leg) => self.probed(leg, !matches!(status, 408 | 481)),
            User::Account(user) => self.phone_answered(&user, response, source),
            User::Enrol(trunk, call_id) => self.enrolment_answered(&trunk, &call_id, response, source),
            User::Bye(_) | User::Digit(_) | User::Prack(..) | User::Nobody => {}
        }
    }

    fn challenged_inside(
        &mut self,
        client: ClientId,
        response: &Response,
        source: Flow,
        leg: LegId,
        tries: u8,
        user: User,
    ) {
        let Some(party) = self.legs.get(&leg).map(|leg| leg.party.clone()) else { return };
        let Some((flow, request)) = self.answer_challenge(client, response, source, &party, tries) else {
            return self.close_unproved(leg);
        };
        if let Some(session) = self.session_mut(leg) {
            session.dialog.number_used(cseq(&request.headers).map_or(0, |cseq| cseq.number));
        }
        let update = matches!(user, User::Update(_));
        let again = self.send_signed(flow, request, user, tries + 1);
        if let Some(session) = self.session_mut(leg).filter(|_| update) {
            session.upkeep.updating = Some(again);
        }
    }

    /// A request of ours other than INVITE got no answer (408) or could not be sent (503).
    pub(super) fn unanswered(&mut self, client: ClientId, status: u16) {
        let Some(Pending { user, .. }) = self.pending.remove(&client) else { return };
        match user {
            User::Probe(leg) => self.probed(leg, false),
            User::Update(leg) => self.updated(client, leg, status, None),
            User::Account(user) => self.phone_failed(&user, status),
            User::Enrol(trunk, call_id) => self.enrolment_unanswered(&trunk, &call_id, status),
            User::Notify(id) => self.notify_answered(client, id, 408),
            User::Tell(id) => self.tell_answered(client, id, 408),
            User::Refer(leg, number) => self.refer_unanswered(leg, number, status),
            // a digit that was lost is lost; the leg's own signs of life decide
            User::Bye(_) | User::Digit(_) | User::Prack(..) | User::Nobody => {}
        }
    }

    /// The request again with credentials, if whoever challenges may have them: the configured host of the leg's trunk,
    /// or a phone's own server, and nobody else (B15).
    pub(super) fn answer_challenge(
        &mut self,
        client: ClientId,
        response: &Response,
        source: Flow,
        party: &Party,
        tries: u8,
    ) -> Option<(Flow, Request)> {
        let (request, flow) = self.transactions.sent(client)?;
        let mut request = request.clone();
        let (mut digest, host) = match self.credentials(party, flow.peer.ip()) {
            Some((digest, host)) if same_ip(host, source.peer.ip()) && same_ip(host, flow.peer.ip()) => (digest, host),
            Some(_) | None => {
                self.alert("digest-leak", source.peer, format!("challenge to {}", request.method));
                return None;
            }
        };
        tracing::debug!(%host, tries, "challenged");
        if tries >= TRIES || digest.challenged(response).is_err() {
            return None;
        }
        let number = cseq(&request.headers).ok()?.number.saturating_add(1);
        set(&mut request.headers, "CSeq", CSeq::new(number, request.method).to_string());
        for name in ["Authorization", "Proxy-Authorization"] {
            remove(&mut request.headers, name);
        }
        digest.authorize(&mut request, &self.chance.word());
        self.sign(flow, &mut request);
        Some((flow, request))
    }

    /// What a challenge is answered with, and who may challenge; `sent_to`: where the request went.
    fn credentials(&self, party: &Party, sent_to: IpAddr) -> Option<(DigestClient, IpAddr)> {
        match party {
            Party::Trunk(name) => {
                let trunk = self.trunk(name).filter(|trunk| self.is_host_of(trunk, sent_to))?;
                let (user, password) = trunk.credentials.as_ref()?;
                Some((DigestClient::new(user, password), sent_to))
            }
            Party::Server(Some(account)) => self.accounts.get(account).map(|known| known.credentials()),
            Party::Server(None) | Party::Agent { .. } => None,
        }
    }
}
