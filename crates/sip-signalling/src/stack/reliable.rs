//! Reliable provisional answers (RFC 3262) both ways, and what may be said in a dialog before its answer (RFC 3311).
//!
//! ```text
//!   phone                  baton                             baton                  carrier
//!     |-- INVITE ------------>|  Require: 100rel               |-- INVITE ------------>|  Supported: 100rel
//!     |<- 180 RSeq 7 ---------|  again and again, until        |<- 183 RSeq 1 ---------|
//!     |-- PRACK 7 1 INVITE -->|                                |-- PRACK 1 1 INVITE -->|  one per early dialog
//!     |<- 200 ----------------|                                |<- 200 ----------------|
//! ```
//!
//! Ours are reliable only where the caller requires it: our 180 tells nothing that is not told by the 200 as well, so it
//! may get lost, and phones that merely support it are spared the two messages. To an INVITE without an offer that
//! requires it there is no 180: the first reliable answer would have to bring our offer (RFC 3262 §5), which the owner
//! gives with its 200.
//!
//! What is offered before the answer is refused: nobody could be asked for an answer to it yet.

use conference::{Ending, LegId};
use rsip::{Method, Request, Response, SipMessage};

use super::{Alarm, Output, Stack, User};
use crate::codec::headers::{call_id, cseq, from, to};
use crate::codec::{push, write};
use crate::dialog::{Dialog, Order};
use crate::flow::Flow;
use crate::fork::{Early, MOST_EARLY};
use crate::gate::{self, Refusal};
use crate::leg::Phase;
use crate::leg::reliable::{Open, RAck, TAG, requires, rseq};
use crate::news::News;
use crate::transaction::timer::T1;
use crate::transaction::{ClientId, ServerId};

impl Stack {
    /// Whether whoever sent an INVITE that waits requires its provisional answers to be reliable.
    pub(super) fn wants_reliable(&self, server: ServerId) -> bool {
        self.transactions.opened(server).is_some_and(|(request, _)| requires(&request.headers))
    }

    /// A provisional answer that must arrive; it waits while another one does.
    pub(super) fn progress_reliably(&mut self, leg: LegId, status: u16) {
        let drawn = self.chance.number();
        let Some(Phase::Arrived(arrived)) = self.legs.get_mut(&leg).map(|leg| &mut leg.phase) else { return };
        if !arrived.offered {
            return;
        }
        if arrived.reliable.open.is_some() {
            arrived.reliable.next = Some(status);
            return;
        }
        let number = arrived.reliable.number(drawn);
        let Some((server, mut response, flow)) = self.provisional(leg, status) else { return };
        self.introduce(flow, &mut response.headers, Some(leg), None);
        push(&mut response.headers, "Require", TAG);
        push(&mut response.headers, "RSeq", number.to_string());
        let bytes = write(&SipMessage::Response(response.clone()));
        self.transactions.respond(self.now, server, response);
        let open = Open { rseq: number, bytes, interval: T1, since: self.now };
        self.alarms.arm(open.due(self.now), Alarm::Reliable(leg));
        if let Some(Phase::Arrived(arrived)) = self.legs.get_mut(&leg).map(|leg| &mut leg.phase) {
            arrived.reliable.open = Some(open);
        }
    }

    /// No PRACK yet: once more, over every transport; after 64*T1 the INVITE is turned down (RFC 3262 §3).
    pub(super) fn repeat_progress(&mut self, leg: LegId) {
        let now = self.now;
        let Some(Phase::Arrived(arrived)) = self.legs.get_mut(&leg).map(|leg| &mut leg.phase) else { return };
        let server = arrived.server;
        let Some(open) = &mut arrived.reliable.open else { return };
        if open.is_lost(now) {
            self.turn_down(leg, 504, None);
            return self.tell(News::Ended { leg, how: Ending::Dead });
        }
        open.interval *= 2;
        let (due, bytes) = (open.due(now), open.bytes.clone());
        let Some((_, flow)) = self.transactions.opened(server) else { return };
        self.out.push_back(Output::Send(flow, bytes));
        self.alarms.arm(due, Alarm::Reliable(leg));
    }

    /// A PRACK. The answer it names is heard; 481 where none of that name waits.
    ///
    /// Deviation: RFC 3262 §3 has 2xx for every PRACK that fits; one with an offer gets 488, since its INVITE's own offer is
    /// unanswered then and nobody could have offered again (§5). The answer counts as heard all the same.
    pub(super) fn pracked(&mut self, leg: LegId, back: Flow, request: Request) {
        let Some(rack) = RAck::of(&request.headers) else { return self.reply(back, request, &Refusal::plain(400)) };
        let status = if request.body.is_empty() { 200 } else { 488 };
        let next = match self.legs.get_mut(&leg).map(|leg| &mut leg.phase) {
            Some(Phase::Arrived(arrived)) => {
                let invite =
                    self.transactions.opened(arrived.server).and_then(|(invite, _)| cseq(&invite.headers).ok());
                let fits = invite.is_some_and(|invite| invite.number == rack.cseq);
                let open = arrived.reliable.open.take_if(|open| fits && open.rseq == rack.rseq);
                open.map(|_| arrived.reliable.next.take())
            }
            // the 200 was faster
            Some(Phase::Talking(session)) => {
                session.unproved.take_if(|unproved| *unproved == (rack.rseq, rack.cseq)).map(|_| None)
            }
            Some(Phase::Ringing(_)) | None => None,
        };
        let Some(next) = next else { return self.reply(back, request, &Refusal::plain(481)) };
        self.alarms.disarm(&Alarm::Reliable(leg));
        self.reply(back, request, &Refusal::plain(status));
        if let Some(status) = next {
            self.progress_reliably(leg, status);
        }
    }

    /// An UPDATE or re-INVITE of theirs before our answer to their INVITE (RFC 3311 §5.2, RFC 3261 §14.2).
    pub(super) fn offered_early(&mut self, leg: LegId, back: Flow, request: Request) {
        let offered = !request.body.is_empty();
        let Some(Phase::Arrived(arrived)) = self.legs.get_mut(&leg).map(|leg| &mut leg.phase) else {
            return self.reply(back, request, &Refusal::plain(491));
        };
        match (request.method == Method::Update, offered, arrived.offered) {
            (true, false, _) => {}
            // our offer is still to come
            (true, true, false) => return self.reply(back, request, &Refusal::plain(491)),
            // theirs is not answered yet
            (false, _, _) | (true, true, true) => {
                let seconds = self.chance.number() % 10;
                let refusal = Refusal { status: 500, headers: vec![("Retry-After", seconds.to_string())] };
                return self.reply(back, request, &refusal);
            }
        }
        arrived.dialog.refresh(&request.headers);
        let dialog = arrived.dialog.clone();
        self.see(leg, &request.headers);
        let mut response = self.in_dialog(&request, 200, &dialog);
        self.introduce(dialog.flow, &mut response.headers, Some(leg), None);
        if let Some(server) = self.transactions.open(back, request) {
            self.transactions.respond(self.now, server, response);
        }
    }

    /// Notes the early dialog that a provisional answer to an INVITE of ours makes, and acknowledges the answer if it
    /// asks for that. `false`: it is a copy, or came before its turn, and counts for nothing.
    pub(super) fn prove(&mut self, client: ClientId, response: &Response) -> bool {
        let tag = to(&response.headers).ok().and_then(|to| to.tag().map(str::to_owned));
        let (Some(tag), 101..200) = (tag, response.status_code.code()) else { return true };
        let made = self.made_dialog(client, response);
        let Some(branch) = self.branches.get_mut(&client) else { return true };
        if !branch.earlies.iter().any(|early| early.tag == tag)
            && let Some(dialog) = made.filter(|_| branch.earlies.len() < MOST_EARLY)
        {
            branch.earlies.push(Early { tag: tag.clone(), dialog, rseq: None, answered: false });
        }
        let early = branch.earlies.iter_mut().find(|early| early.tag == tag);
        let (Some(rseq), Some(early)) = (rseq(&response.headers), early) else { return true };
        if early.rseq.is_some_and(|last| last.checked_add(1) != Some(rseq)) {
            return false;
        }
        early.rseq = Some(rseq);
        early.answered |= !response.body.is_empty();
        self.send_prack(client, &tag, rseq);
        true
    }

    fn send_prack(&mut self, client: ClientId, tag: &str, rseq: u32) {
        let Some((request, _)) = self.transactions.sent(client) else { return };
        let number = cseq(&request.headers).map_or(0, |cseq| cseq.number);
        let Some(branch) = self.branches.get(&client) else { return };
        let (leg, again) = (branch.leg, branch.again);
        // a re-INVITE's is sent in the dialog there is
        let known = branch.earlies.iter().find(|early| early.tag == tag).map(|early| early.dialog.clone());
        let dialog = if again { self.session_mut(leg).map(|session| session.dialog.clone()) } else { known };
        let Some(mut dialog) = dialog else { return };
        let mut prack = self.inside(&mut dialog, Method::PRack);
        push(&mut prack.headers, "RAck", format!("{rseq} {number} INVITE"));
        let way = dialog.way();
        self.note_number(client, tag, &dialog);
        self.send(way, prack, User::Prack(client, tag.to_owned()));
    }

    /// Writes the number of a request in an early dialog back.
    fn note_number(&mut self, client: ClientId, tag: &str, dialog: &Dialog) {
        let Some(branch) = self.branches.get_mut(&client) else { return };
        if let Some(early) = branch.earlies.iter_mut().find(|early| early.tag == tag) {
            early.dialog.number_used(dialog.last_number());
        }
        let (leg, again) = (branch.leg, branch.again);
        if again {
            self.keep_number(leg, dialog);
        }
    }

    /// A carrier challenges a PRACK. One that cannot be sent again is the INVITE's misfortune: it decides.
    pub(super) fn prack_challenged(
        &mut self,
        prack: ClientId,
        response: &Response,
        source: Flow,
        meant: (ClientId, String),
        tries: u8,
    ) {
        let (client, tag) = meant;
        let Some(party) = self.branches.get(&client).map(|branch| branch.party.clone()) else { return };
        let Some((flow, request)) = self.answer_challenge(prack, response, source, &party, tries) else { return };
        let number = cseq(&request.headers).map_or(0, |cseq| cseq.number);
        if let Some(branch) = self.branches.get_mut(&client)
            && let Some(early) = branch.earlies.iter_mut().find(|early| early.tag == tag)
        {
            early.dialog.number_used(number);
        }
        self.send_signed(flow, request, User::Prack(client, tag), tries + 1);
    }

    /// The numbers of an early dialog go on in the one its 2xx makes.
    pub(super) fn goes_on(&self, client: ClientId, dialog: &mut Dialog) {
        let Some(branch) = self.branches.get(&client) else { return };
        if let Some(early) = branch.earlies.iter().find(|early| early.tag == dialog.remote_tag) {
            dialog.go_on_from(&early.dialog);
        }
    }

    /// An UPDATE of theirs before they have answered our INVITE. `None` if it was answered; else it is given back.
    pub(super) fn updated_early(&mut self, back: Flow, request: &Request, key: &(String, String)) -> bool {
        let Some(client) = self.early.get(key).copied().filter(|_| request.method == Method::Update) else {
            return false;
        };
        let Some((_, way)) = self.transactions.sent(client) else { return false };
        let tag = from(&request.headers).ok().and_then(|from| from.tag().map(str::to_owned)).unwrap_or_default();
        let near = gate::same_ip(way.peer.ip(), back.peer.ip());
        let Some(branch) = self.branches.get_mut(&client).filter(|branch| !branch.closed && near) else { return false };
        let offered = branch.offered;
        let Some(early) = branch.earlies.iter_mut().find(|early| early.tag == tag) else { return false };
        match early.dialog.order(request) {
            Order::Old => {
                self.refuse_with(back, request, 500);
                return true;
            }
            Order::New => early.dialog.note(request),
        }
        let refusal = gate::form(request).or_else(|| match (request.body.is_empty(), offered, early.answered) {
            (true, _, _) => None,
            // ours is not answered yet (RFC 3311 §5.2)
            (false, true, false) => Some(Refusal::plain(491)),
            (false, _, _) => Some(Refusal::plain(488)),
        });
        if let Some(refusal) = refusal {
            self.reply(back, request.clone(), &refusal);
            return true;
        }
        early.dialog.refresh(&request.headers);
        let dialog = early.dialog.clone();
        let mut response = self.in_dialog(request, 200, &dialog);
        self.introduce(dialog.flow, &mut response.headers, None, None);
        if let Some(server) = self.transactions.open(back, request.clone()) {
            self.transactions.respond(self.now, server, response);
        }
        debug_assert_eq!(call_id(&request.headers), key.0);
        true
    }
}
