//! What becomes of INVITEs we sent: who answers first, what the others get, what is told when nobody answers.
//!
//! A branch outlives its leg: a 200 that comes late gets its ACK and a BYE and is told to nobody (RFC 3261 §13.2.2.4).

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use conference::LegId;
use rsip::{Method, Request, Response, SipMessage};

use super::{Alarm, Output, Stack, User};
use crate::codec::headers::{CSeq, Reason, cseq, from, to};
use crate::codec::{all, field, push, reason_phrase, remove, set, write};
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::fork::{Branch, Cancel, is_global};
use crate::leg::upkeep::Upkeep;
use crate::leg::{Party, Phase, Session};
use crate::news::News;
use crate::transaction::{ClientId, TIMEOUT};
use crate::wish::ELSEWHERE;

/// A re-INVITE of ours that got a provisional answer is called off so long after the last one: until its final answer no
/// other offer can be made in that dialog. As long as one that got none (64*T1).
const PATIENCE: Duration = TIMEOUT;

impl Stack {
    /// A response to an INVITE or re-INVITE of ours.
    pub(super) fn invited(&mut self, client: ClientId, response: &Response, source: Flow) {
        match response.status_code.code() {
            ..200 => self.invite_progress(client, response),
            200..300 => self.invite_accepted(client, response, source),
            status => self.invite_refused(client, status, response, source),
        }
    }

    fn invite_progress(&mut self, client: ClientId, response: &Response) {
        let Some(branch) = self.branches.get_mut(&client) else { return };
        branch.heard = true;
        if let Some(tag) = to(&response.headers).ok().and_then(|to| to.tag().map(str::to_owned)) {
            branch.remote_tag = Some(tag);
        }
        let (leg, again, cancel) = (branch.leg, branch.again, branch.cancel);
        if again && cancel == Cancel::No {
            self.alarms.arm(self.now + PATIENCE, Alarm::Patience(client));
        }
        // also while it is called off: whoever waits for the PRACK would turn the INVITE down for its lack
        let counts = self.prove(client, response);
        if cancel == Cancel::Wanted {
            return self.send_cancel(client);
        }
        if !counts {
            return;
        }
        let status = response.status_code.code();
        let Some(Phase::Ringing(ringing)) = self.legs.get_mut(&leg).map(|leg| &mut leg.phase) else { return };
        if again || status == 100 || (ringing.told && response.body.is_empty()) {
            return;
        }
        ringing.told = true;
        self.tell(News::Progress { leg, status, body: Bytes::from(response.body.clone()) });
    }

    fn invite_accepted(&mut self, client: ClientId, response: &Response, source: Flow) {
        let tag = to(&response.headers).ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default();
        let Some(branch) = self.branches.get_mut(&client) else { return };
        branch.closed = true;
        if let Some((_, ack)) = branch.acks.iter().find(|(known, _)| *known == tag) {
            // the same 200 again: its ACK was lost
            let again = ack.clone().map(|(flow, bytes)| Output::Send(flow, bytes));
            self.out.extend(again);
            return;
        }
        branch.acks.push((tag, None));
        let (leg, again) = (branch.leg, branch.again);
        self.alarms.disarm(&Alarm::Patience(client));
        if again {
            return self.offer_accepted(client, leg, response);
        }
        let rings = self.legs.get(&leg).is_some_and(|leg| matches!(leg.phase, Phase::Ringing(_)));
        let Some(dialog) = self.made_dialog(client, response) else { return };
        if rings { self.winner(client, leg, dialog, response, source) } else { self.stray(client, dialog) }
    }

    /// The dialog a 2xx of this branch makes.
    pub(super) fn made_dialog(&self, client: ClientId, response: &Response) -> Option<Dialog> {
        let (request, flow) = self.transactions.sent(client)?;
        let routed = matches!(self.branches.get(&client)?.party, Party::Trunk(_));
        let flow = self.meant(client, flow);
        let mut dialog = Dialog::calling(request, response, flow, routed)?;
        self.goes_on(client, &mut dialog);
        Some(dialog)
    }

    /// The first 2xx of a leg.
    fn winner(&mut self, client: ClientId, leg: LegId, dialog: Dialog, response: &Response, source: Flow) {
        let Some(branch) = self.branches.get(&client) else { return };
        let (party, phone, offered) = (branch.party.clone(), branch.phone().cloned(), branch.offered);
        let Some(known) = self.legs.get_mut(&leg) else { return };
        let Phase::Ringing(ringing) = &mut known.phase else { return };
        let (said, shown) = (ringing.said.take(), ringing.shown.take());
        let others: Vec<_> = std::mem::take(&mut ringing.open).into_iter().filter(|other| *other != client).collect();
        known.party = party;
        self.dialogs.insert((dialog.call_id.clone(), dialog.local_tag.clone()), leg);
        let mut session = Session::new(dialog, true);
        session.owes_answer = (!offered).then_some(client);
        known.phase = Phase::Talking(Box::new(session));
        for other in others {
            self.call_off(other, Some(Reason::sip(200, ELSEWHERE)));
        }
        if offered {
            self.acknowledge(client, leg, &Bytes::new());
        }
        let body = Bytes::from(response.body.clone());
        self.tell(News::Answered { leg, body, phone, source: source.peer });
        self.see(leg, &response.headers);
        self.timer_granted(leg, response);
        self.introduced(leg, said, shown);
    }

    /// ACK for the answer of a leg, with our answer if the 2xx made the offer. Kept, to be sent when the 2xx comes again.
    pub(super) fn acknowledge(&mut self, client: ClientId, leg: LegId, body: &Bytes) {
        let Some((request, _)) = self.transactions.sent(client) else { return };
        let number = cseq(&request.headers).map_or(0, |cseq| cseq.number);
        let credentials = credentials(request);
        let Some(dialog) = self.session_mut(leg).map(|session| session.dialog.clone()) else { return };
        let ack = self.send_ack(&dialog, number, credentials, body);
        if let Some(branch) = self.branches.get_mut(&client)
            && let Some((_, kept)) = branch.acks.iter_mut().find(|(tag, _)| *tag == dialog.remote_tag)
        {
            *kept = Some(ack);
        }
    }

    fn send_ack(
        &mut self,
        dialog: &Dialog,
        number: u32,
        credentials: Vec<rsip::Header>,
        body: &Bytes,
    ) -> (Flow, Bytes) {
        let mut ack = dialog.ack(number);
        ack.headers.extend(credentials);
        Self::describe(&mut ack.headers, &mut ack.body, body);
        let way = dialog.way();
        self.sign(way, &mut ack);
        let bytes = write(&SipMessage::Request(ack));
        self.out.push_back(Output::Send(way, bytes.clone()));
        (way, bytes)
    }

    /// A 2xx nobody waits for any more: ACK and BYE.
    fn stray(&mut self, client: ClientId, mut dialog: Dialog) {
        let Some((request, _)) = self.transactions.sent(client) else { return };
        let number = cseq(&request.headers).map_or(0, |cseq| cseq.number);
        let credentials = credentials(request);
        let ack = self.send_ack(&dialog, number, credentials, &Bytes::new());
        if let Some(branch) = self.branches.get_mut(&client) {
            let party = branch.party.clone();
            if let Some((_, kept)) = branch.acks.iter_mut().find(|(tag, _)| *tag == dialog.remote_tag) {
                *kept = Some(ack);
            }
            let bye = self.inside(&mut dialog, Method::Bye);
            self.send(dialog.way(), bye, User::Bye(party));
        }
    }

    /// The answer to an offer that came in a 200.
    pub(super) fn answer_by_ack(&mut self, leg: LegId, body: Bytes) {
        let Some(client) = self.session_mut(leg).and_then(|session| session.owes_answer.take()) else { return };
        self.acknowledge(client, leg, &body);
        self.next_offer(leg);
    }

    fn invite_refused(&mut self, client: ClientId, status: u16, response: &Response, source: Flow) {
        let Some(branch) = self.branches.get_mut(&client) else { return };
        branch.closed = true;
        let (leg, again, tries, party) = (branch.leg, branch.again, branch.tries, branch.party.clone());
        let wanted = branch.cancel == Cancel::No && self.legs.contains_key(&leg);
        self.alarms.disarm(&Alarm::Patience(client));
        if matches!(status, 401 | 407) && wanted {
            if let Some((flow, request)) = self.answer_challenge(client, response, source, &party, tries) {
                return self.invite_again(client, flow, request, tries + 1);
            }
            if again {
                return self.close_unproved(leg);
            }
        }
        if status == 503 && !again && wanted && self.next_server(client, leg) {
            return;
        }
        // the proxy before the phone has lost its flow (RFC 5626 §5.3.1)
        if status == 430 && wanted && self.next_flow(client) {
            return;
        }
        if status == 488 && !again && wanted && self.insists(client) {
            return;
        }
        if status == 422 && wanted && self.longer(client, leg, again, response) {
            return;
        }
        if again { self.offer_refused(leg, status) } else { self.branch_failed(client, leg, status) }
    }

    /// 422: the INVITE goes out again with the interval the other side can live with. `false` if that cannot help.
    fn longer(&mut self, client: ClientId, leg: LegId, again: bool, response: &Response) -> bool {
        if again {
            return self.offer_too_short(leg, response);
        }
        let wanted = self.session_seconds();
        let Some(branch) = self.branches.get_mut(&client) else { return false };
        let Some((request, flow)) = self.transactions.sent(client) else { return false };
        let Some(least) = Self::larger_interval(request, response, branch.intervals) else { return false };
        // whoever challenges gets new credentials for the new request
        (branch.intervals, branch.tries) = (branch.intervals + 1, 0);
        let mut request = request.clone();
        let number = cseq(&request.headers).map_or(1, |cseq| cseq.number).saturating_add(1);
        set(&mut request.headers, "CSeq", CSeq::new(number, Method::Invite).to_string());
        for name in ["Session-Expires", "Min-SE", "Authorization", "Proxy-Authorization"] {
            remove(&mut request.headers, name);
        }
        Upkeep { least, ..Upkeep::default() }.ask(&mut request.headers, wanted);
        self.sign(flow, &mut request);
        self.invite_again(client, flow, request, 0);
        true
    }

    /// The same INVITE, changed by what its answer asked for, takes its place.
    pub(super) fn invite_again(&mut self, client: ClientId, flow: Flow, mut request: Request, tries: u8) {
        // what had become large may be small now, or the other way round
        let meant = self.meant(client, flow);
        if meant != flow {
            self.sign(meant, &mut request);
        }
        let Some(old) = self.branches.get(&client) else { return };
        let mut branch = Branch::new(old.leg, old.party.clone(), old.offered);
        (branch.again, branch.tries, branch.intervals) = (old.again, tries, old.intervals);
        branch.spares.clone_from(&old.spares);
        branch.strict.clone_from(&old.strict);
        let leg = branch.leg;
        match self.legs.get_mut(&leg).map(|leg| &mut leg.phase) {
            Some(Phase::Ringing(ringing)) => ringing.open.retain(|open| *open != client),
            Some(Phase::Talking(session)) => {
                session.dialog.number_used(cseq(&request.headers).map_or(0, |cseq| cseq.number));
            }
            Some(Phase::Arrived(_)) | None => {}
        }
        self.send_invite(meant, request, branch);
    }

    /// A cancelled INVITE got no final answer: it counts as cancelled (RFC 3261 §9.1). With a re-INVITE the offer is all that
    /// comes to nothing: the other side answered something, and its dialog lives as long as its session timer.
    pub(super) fn invite_given_up(&mut self, client: ClientId) {
        let Some(branch) = self.branches.get_mut(&client).filter(|branch| !branch.closed) else { return };
        if !branch.again {
            return self.invite_failed(client, 408);
        }
        branch.closed = true;
        let leg = branch.leg;
        self.offer_failed(leg, 408);
    }

    /// An INVITE got no answer in time (408) or could not be sent (503).
    pub(super) fn invite_failed(&mut self, client: ClientId, status: u16) {
        let Some(branch) = self.branches.get_mut(&client).filter(|branch| !branch.closed) else { return };
        branch.closed = true;
        let (leg, again, heard) = (branch.leg, branch.again, branch.heard);
        if again {
            return self.offer_refused(leg, status);
        }
        if !self.next_server(client, leg) && (heard || !self.next_flow(client)) {
            self.branch_failed(client, leg, status);
        }
    }

    fn branch_failed(&mut self, client: ClientId, leg: LegId, status: u16) {
        self.alarms.disarm(&Alarm::GiveUp(client));
        let Some(known) = self.legs.get_mut(&leg) else { return };
        // a phone is told what its server says, a challenge too
        let plainly = matches!(known.party, Party::Server(_));
        let Phase::Ringing(ringing) = &mut known.phase else { return };
        ringing.open.retain(|open| *open != client);
        ringing.failures.note(status);
        if !ringing.open.is_empty() && !is_global(status) {
            return;
        }
        let status = if plainly { status } else { ringing.failures.told() };
        let rest = std::mem::take(&mut ringing.open);
        for other in rest {
            self.call_off(other, Some(Reason::sip(status, reason_phrase(status))));
        }
        self.drop_leg(leg);
        self.tell(News::Failed { leg, status });
    }

    /// CANCEL, now or as soon as something came back (RFC 3261 §9.1), and why (RFC 3326 §2).
    pub(super) fn call_off(&mut self, client: ClientId, why: Option<Reason>) {
        let Some(branch) = self.branches.get_mut(&client).filter(|branch| !branch.closed) else { return };
        branch.why = why;
        match (branch.cancel, branch.heard) {
            (Cancel::No, true) => self.send_cancel(client),
            (Cancel::No, false) => branch.cancel = Cancel::Wanted,
            (Cancel::Wanted | Cancel::Sent, _) => {}
        }
    }

    /// Calls off the INVITEs that nobody has heard of yet, without waiting for a provisional response any longer.
    pub(super) fn call_off_unheard(&mut self) {
        let waits = |branch: &Branch| branch.cancel == Cancel::Wanted && !branch.closed;
        let unheard = self.branches.iter().filter(|(_, branch)| waits(branch)).map(|(client, _)| *client);
        let mut unheard: Vec<_> = unheard.collect();
        unheard.sort_unstable();
        for client in unheard {
            self.send_cancel(client);
        }
    }

    fn send_cancel(&mut self, client: ClientId) {
        let Some((invite, flow)) = self.transactions.sent(client) else { return };
        let mut cancel = cancel_of(invite);
        if let Some(branch) = self.branches.get_mut(&client) {
            branch.cancel = Cancel::Sent;
            if let Some(why) = &branch.why {
                push(&mut cancel.headers, "Reason", why.to_string());
            }
        }
        self.send_signed(flow, cancel, User::Nobody, 0);
        self.alarms.arm(self.now + TIMEOUT, Alarm::GiveUp(client));
    }

    /// What finds the dialog to be of an INVITE: its Call-ID and our tag.
    pub(super) fn early_key(request: &Request) -> Option<(String, String)> {
        let tag = from(&request.headers).ok()?.tag()?.to_owned();
        Some((crate::codec::headers::call_id(&request.headers).to_owned(), tag))
    }
}

/// RFC 3261 §9.1: the same Request-URI, Via, From, To, Call-ID, CSeq number and Route.
fn cancel_of(invite: &Request) -> Request {
    let mut headers = rsip::Headers::default();
    for name in ["Via", "Max-Forwards", "From", "To", "Call-ID", "Route", "User-Agent"] {
        for value in all(&invite.headers, name) {
            push(&mut headers, name, value);
        }
    }
    let number = cseq(&invite.headers).map_or(0, |cseq| cseq.number);
    headers.push(field("CSeq", CSeq::new(number, Method::Cancel).to_string()));
    Request { method: Method::Cancel, uri: invite.uri.clone(), version: rsip::Version::V2, headers, body: Vec::new() }
}

/// The credentials of an INVITE, which its ACK repeats (RFC 3261 §22.1).
fn credentials(invite: &Request) -> Vec<rsip::Header> {
    let names: [Cow<'static, str>; 2] = ["Authorization".into(), "Proxy-Authorization".into()];
    let values = names.iter().flat_map(|name| all(&invite.headers, name).map(move |value| field(name, value)));
    values.collect()
}
