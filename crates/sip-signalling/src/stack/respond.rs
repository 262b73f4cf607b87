//! Refusals that keep no state, and the answers to requests whose transaction is kept.

use rsip::{Request, SipMessage};

use super::{Output, Stack};
use crate::codec::{push, write};
use crate::flow::Flow;
use crate::gate::Refusal;
use crate::leg::Unacked;
use crate::transaction::timer::{T1, doubled};
use crate::transaction::{ServerId, TIMEOUT};

use super::Alarm;
use conference::LegId;

impl Stack {
    /// Turns a request down without keeping anything (RFC 3261 §8.2.7): what comes again is turned down again.
    pub(super) fn refuse(&mut self, back: Flow, request: &Request, refusal: &Refusal) {
        let response = self.stateless(request, refusal);
        self.out.push_back(Output::Send(back, write(&SipMessage::Response(response))));
    }

    /// The same with a status alone.
    pub(super) fn refuse_with(&mut self, back: Flow, request: &Request, status: u16) {
        self.refuse(back, request, &Refusal::plain(status));
    }

    /// Answers a request once, with a transaction that answers it again when it comes again.
    pub(super) fn reply(&mut self, back: Flow, request: Request, refusal: &Refusal) {
        let response = self.stateless(&request, refusal);
        if let Some(server) = self.transactions.open(back, request) {
            self.transactions.respond(self.now, server, response);
        }
    }

    /// 401 with fresh challenges.
    pub(super) fn challenge(&mut self, back: Flow, request: &Request, stale: bool) {
        let refusal = self.challenges(back, stale);
        self.refuse(back, request, &refusal);
    }

    /// The challenges of a 401.
    pub(super) fn challenges(&mut self, back: Flow, stale: bool) -> Refusal {
        let salt = self.chance.number();
        let challenges = self.digest.challenges(self.now, back.peer.ip(), stale, salt);
        Refusal { status: 401, headers: challenges.into_iter().map(|value| ("WWW-Authenticate", value)).collect() }
    }

    /// The challenge that was held back after wrong passwords.
    pub(super) fn late_challenge(&mut self, server: ServerId, stale: bool) {
        self.held_back = self.held_back.saturating_sub(1);
        let Some((request, back)) = self.transactions.opened(server) else { return };
        let request = request.clone();
        let refusal = self.challenges(back, stale);
        let response = self.stateless(&request, &refusal);
        self.transactions.respond(self.now, server, response);
    }

    /// Answers the transaction of a request inside a dialog with a status alone; `Retry-After` where it is due.
    pub(super) fn respond_plain(&mut self, server: ServerId, status: u16) {
        let Some((request, _)) = self.transactions.opened(server) else { return };
        let mut response = self.stateless(request, &Refusal::plain(status));
        if status == 500 {
            let seconds = self.chance.number() % 10;
            push(&mut response.headers, "Retry-After", seconds.to_string());
        }
        self.transactions.respond(self.now, server, response);
    }

    /// Sends a leg's 200 again, until its ACK comes.
    pub(super) fn resend(&mut self, leg: LegId) {
        let Some(unacked) = self.session_mut(leg).and_then(|session| session.unacked.as_mut()) else { return };
        unacked.interval = doubled(unacked.interval);
        let (interval, flow, bytes) = (unacked.interval, unacked.flow, unacked.response.clone());
        self.out.push_back(Output::Send(flow, bytes));
        self.alarms.arm(self.now + interval, Alarm::Resend(leg));
    }

    /// Arms both timers of a 200 that waits for its ACK. It is repeated over every transport (RFC 3261 §13.3.1.4).
    pub(super) fn await_ack(&mut self, leg: LegId, unacked: Unacked) {
        let Some(session) = self.session_mut(leg) else { return };
        let interval = unacked.interval;
        session.unacked = Some(unacked);
        self.alarms.arm(self.now + interval, Alarm::Resend(leg));
        self.alarms.arm(self.now + TIMEOUT, Alarm::NoAck(leg));
    }

    /// The interval to the first repetition.
    pub(super) fn first_interval() -> std::time::Duration {
        T1
    }
}
