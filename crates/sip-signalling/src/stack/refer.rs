//! REFERs that arrive: let in, read, told, answered.
//!
//! ```text
//!   agent's phone        baton               owner
//!     |-- REFER ---------->|                   |   customers 403 (C1), unreadable 400 (C8)
//!     |                    |-- Referred ------>|
//!     |<- 202 -------------|<- AcceptRefer ----|   RFC 3515 §2.4.2
//!     |<- NOTIFY 100 ------|                   |   `notify`
//!     |<- 403 -------------|<- RefuseRefer ----|   never a status that ends the dialog (RFC 5057 §5.1)
//!     |<- 500 -------------|                   |   no word of the owner in ten seconds
//! ```
//!
//! A REFER outside dialogs names the leg it means by Target-Dialog (RFC 4538) or by our Contact in that leg's dialog, else
//! a conference by its address. Who may refer whom whither is the owner's to decide.

use conference::{AgentName, LegId};
use rsip::{Request, Response};

use super::{Alarm, Stack};
use crate::codec::headers::{Reason, cseq};
use crate::codec::{SipUri, one, push};
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::gate::Refusal;
use crate::leg::{Party, Phase};
use crate::news::{News, ReferId, Referral, ReferredAt};
use crate::refer::{Alone, Asked, At, LIFE, MOST, MOST_AT_ONE_PLACE, Named, OWNER, Subscription, Target, Word, leg_of};

/// Statuses that refuse a REFER in a dialog and nothing else: no phone drops its dialog or tries again for them.
const REFUSALS: [u16; 11] = [400, 403, 406, 415, 429, 486, 488, 500, 503, 603, 606];

impl Stack {
    /// A REFER in the dialog of a leg.
    pub(super) fn referred(&mut self, leg: LegId, back: Flow, request: Request) {
        let Some(known) = self.legs.get_mut(&leg) else { return };
        if matches!(&known.phase, Phase::Talking(session) if session.over) {
            return self.reply(back, request, &Refusal::plain(481));
        }
        let named = known.dialog_mut().is_some_and(Dialog::refer_again);
        let agent = match &known.party {
            Party::Agent { name, .. } => name.clone(),
            Party::Trunk(_) | Party::Server(_) => return self.refer_forbidden(back, request),
        };
        let asked = match Asked::read(&request.headers) {
            Ok(asked) => asked,
            Err(_) => return self.reply(back, request, &Refusal::plain(400)),
        };
        if self.refers.of(leg).len() >= MOST_AT_ONE_PLACE || self.refers.all.len() >= MOST {
            return self.reply(back, request, &forbidden("transfer_in_progress"));
        }
        self.refer_came(back, request, At::Leg(leg), ReferredAt::Leg(leg), &agent, (asked, named));
    }

    /// An authenticated agent's REFER outside dialogs.
    pub(super) fn referred_outside(&mut self, flow: Flow, back: Flow, request: Request, agent: &str) {
        let agent = AgentName(agent.to_owned());
        let (Ok(asked), Ok(target)) = (Asked::read(&request.headers), Named::target_dialog(&request.headers)) else {
            return self.refuse_with(back, &request, 400);
        };
        let uri = SipUri::from(&request.uri);
        let user = uri.user_text().map(|user| user.into_owned()).unwrap_or_default();
        let owned = |leg: &LegId| self.is_legs_agent(*leg, &agent);
        let found = match target {
            Some(named) => match self.leg_named(&agent, None, &named) {
                Some(leg) => ReferredAt::Leg(leg),
                None => return self.refuse_with(back, &request, 481),
            },
            None => match leg_of(&user).filter(owned) {
                Some(leg) => ReferredAt::Leg(leg),
                None if !user.is_empty() && self.own.is_ours(&uri, flow) => {
                    ReferredAt::Conference { user, agent: agent.clone() }
                }
                None => return self.refuse_with(back, &request, 404),
            },
        };
        if self.refers.alone(&agent) >= MOST_AT_ONE_PLACE || self.refers.all.len() >= MOST {
            return self.refuse(back, &request, &forbidden("transfer_in_progress"));
        }
        let tag = self.chance.word();
        let Some(dialog) = Dialog::called(&request, flow, false, &tag) else {
            return self.refuse_with(back, &request, 400);
        };
        let at = At::Alone(Box::new(Alone { dialog, agent: agent.clone() }));
        self.refer_came(back, request, at, found, &agent, (asked, false));
    }

    /// REFER from somebody who commands nothing (C1).
    pub(super) fn refer_forbidden(&mut self, back: Flow, request: Request) {
        self.alert("refer-by-customer", back.peer, "REFER");
        self.reply(back, request, &forbidden("not_allowed"));
    }

    fn refer_came(
        &mut self,
        back: Flow,
        request: Request,
        at: At,
        came: ReferredAt,
        agent: &AgentName,
        (asked, named): (Asked, bool),
    ) {
        let by = one(&request.headers, "Referred-By").unwrap_or_default();
        tracing::debug!(%agent, referred_by = %by.escape_debug(), "REFER");
        let number = cseq(&request.headers).map_or(0, |cseq| cseq.number);
        let own = match came {
            ReferredAt::Leg(leg) => Some(leg),
            ReferredAt::Conference { .. } => None,
        };
        let Some(asks) = self.referral(asked.target, agent, own, back) else {
            return self.reply(back, request, &forbidden("not_allowed"));
        };
        let Some(server) = self.transactions.open(back, request) else { return };
        let id = self.refers.draw(self.now);
        let mut subscription = Subscription::new(id, at, number, server);
        (subscription.named, subscription.quiet) = (named, asked.quiet);
        self.refers.insert(subscription);
        self.alarms.arm(self.now + OWNER, Alarm::Refer(id));
        self.tell(News::Referred { refer: id, at: came, asks });
    }

    /// What is asked, as the owner is told it; `None` for what nobody can do.
    fn referral(&mut self, target: Target, agent: &AgentName, own: Option<LegId>, flow: Flow) -> Option<Referral> {
        match target {
            // whoever guesses is counted by the owner, who has the last word on it
            Target::Dialog(named) => {
                Some(self.leg_named(agent, own, &named).map_or(Referral::NoSuchLeg, Referral::Join))
            }
            Target::Address(uri) => {
                let dialled = uri.user_text().map(|user| user.into_owned()).unwrap_or_default();
                let ours = self.own.is_ours(&uri, flow);
                let host = if uri.is_sip() { uri.host } else { String::new() };
                Some(Referral::Bring { dialled, host, ours })
            }
            Target::Removed(uri) => {
                Some(Referral::Remove { user: uri.user_text().map(|user| user.into_owned()).unwrap_or_default() })
            }
            Target::Other => None,
        }
    }

    /// 202, and NOTIFY 100 at once.
    pub(super) fn accept_refer(&mut self, id: ReferId) {
        let Some(known) = self.refers.all.get_mut(&id) else { return };
        let Some(server) = known.waits.take() else { return };
        let quiet = known.quiet;
        known.ends = self.now + LIFE;
        known.say(Word::new(100, None));
        let (mut response, flow, leg) = match self.refer_answer(id, server, 202) {
            Some(answer) => answer,
            None => return self.remove_refer(id),
        };
        self.introduce(flow, &mut response.headers, leg, None);
        if quiet {
            push(&mut response.headers, "Refer-Sub", "false"); // RFC 4488 §4
        }
        self.transactions.respond(self.now, server, response);
        let gone = self.refers.all.get(&id).is_some_and(|known| known.at == At::Gone);
        if quiet || gone {
            return self.remove_refer(id);
        }
        self.alarms.arm(self.now + LIFE, Alarm::Refer(id));
        self.next_notify(id);
    }

    /// A final status that is no 202.
    pub(super) fn refuse_refer(&mut self, id: ReferId, status: u16, reason: Option<&str>) {
        let Some(known) = self.refers.all.get_mut(&id) else { return };
        let Some(server) = known.waits.take() else { return };
        // outside dialogs there is none that a status could end
        let harmless = matches!(known.at, At::Alone(_)) && (400..700).contains(&status) || REFUSALS.contains(&status);
        let status = if harmless { status } else { 403 };
        if let Some((mut response, ..)) = self.refer_answer(id, server, status) {
            if let Some(text) = reason {
                push(&mut response.headers, "Reason", Reason::sip(status, text).to_string());
            }
            self.transactions.respond(self.now, server, response);
        }
        self.remove_refer(id);
    }

    /// The time of a REFER has run out: its owner's, or its subscription's.
    pub(super) fn refer_expired(&mut self, id: ReferId) {
        let Some(known) = self.refers.all.get_mut(&id) else { return };
        if known.waits.is_some() {
            return self.refuse_refer(id, 500, None);
        }
        known.repeat(Some(crate::refer::End::Timeout));
        self.next_notify(id);
    }

    /// A response to a REFER, by which way it goes, and the leg it is in.
    fn refer_answer(
        &self,
        id: ReferId,
        server: crate::transaction::ServerId,
        status: u16,
    ) -> Option<(Response, Flow, Option<LegId>)> {
        let (request, back) = self.transactions.opened(server)?;
        let known = self.refers.all.get(&id)?;
        let (dialog, leg) = match &known.at {
            At::Leg(leg) => (self.legs.get(leg)?.dialog(), Some(*leg)),
            At::Alone(alone) => (Some(&alone.dialog), None),
            At::Gone => (None, None),
        };
        Some(match dialog {
            Some(dialog) => (self.in_dialog(request, status, dialog), dialog.flow, leg),
            None => (self.stateless(request, &Refusal::plain(status)), back, leg),
        })
    }

    /// A leg has ended. What it had accepted is told to nobody any more; what waits for its owner gets that answer.
    pub(super) fn leave_refers(&mut self, leg: LegId) {
        for id in self.refers.of(leg) {
            match self.refers.all.get_mut(&id) {
                Some(known) if known.waits.is_some() => known.at = At::Gone,
                Some(_) | None => self.remove_refer(id),
            }
        }
    }

    /// Forgets a REFER.
    pub(super) fn remove_refer(&mut self, id: ReferId) {
        self.alarms.disarm(&Alarm::Refer(id));
        self.refers.remove(id);
    }

    pub(super) fn is_legs_agent(&self, leg: LegId, agent: &AgentName) -> bool {
        self.legs.get(&leg).is_some_and(|leg| matches!(&leg.party, Party::Agent { name, .. } if name == agent))
    }
}

/// 403 with the word of the refusal table for its cause.
pub(super) fn forbidden(code: &str) -> Refusal {
    Refusal { status: 403, headers: vec![("Reason", Reason::sip(403, code).to_string())] }
}
