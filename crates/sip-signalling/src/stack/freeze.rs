//! Freeze and thaw: a leg leaves as a value and comes back, and what arrived for it meanwhile is handled then.

use std::collections::VecDeque;
use std::time::Duration;

use conference::{LegId, Moment};
use rsip::{Method, Request, SipMessage};

use super::replaces::tag_fits;
use super::{Alarm, Pending, Stack, User};
use crate::codec::headers::{Replaces, call_id, to};
use crate::codec::one;
use crate::flow::Flow;
use crate::leg::{DialogState, Leg, Offers, Phase};
use crate::news::ReferId;
use crate::refer::{OWNER, Subscription};
use crate::transaction::TIMEOUT;
use crate::wish::Wish;

/// What may wait for one frozen leg.
const KEPT: usize = 64;

/// What came for a leg while it was frozen.
#[derive(Debug)]
enum Kept {
    Message(Flow, Box<SipMessage>),
    Wish(Wish),
}

/// A leg that was taken out.
#[derive(Debug, Default)]
pub(super) struct Frozen {
    kept: VecDeque<Kept>,
    dialog: (String, String),
    refers: Vec<ReferId>,
}

impl Frozen {
    /// Keeps a message for later; over a datagram transport what does not fit comes again.
    pub(super) fn keep_message(&mut self, flow: Flow, message: SipMessage) {
        if self.kept.len() < KEPT {
            self.kept.push_back(Kept::Message(flow, Box::new(message)));
        }
    }
}

impl Stack {
    /// Takes an answered leg out. `None` if there is no such leg, or it was not answered yet.
    pub(crate) fn freeze(&mut self, now: Moment, id: LegId) -> Option<DialogState> {
        self.now = now;
        self.session_mut(id)?;
        let refers = self.take_refers(id);
        let referring = self.referring.remove(&id).unwrap_or_default();
        // it has not ended: an INVITE that names it meanwhile is kept for it
        let Leg { party, phase, focus, .. } = self.take_leg(id)?;
        let Phase::Talking(session) = phase else { return None };
        let dialog = (session.dialog.call_id.clone(), session.dialog.local_tag.clone());
        self.dialogs.insert(dialog.clone(), id);
        let known = refers.iter().map(|refer| refer.id).collect();
        self.frozen.insert(id, Frozen { kept: VecDeque::new(), dialog, refers: known });
        self.alarms.arm(now + TIMEOUT, Alarm::Frozen(id));
        Some(DialogState { leg: id, party, session: *session, refers, referring, focus })
    }

    /// Puts a leg back, in this process or another; the dialog goes on where it was.
    pub(crate) fn thaw(&mut self, now: Moment, state: DialogState) {
        self.now = now;
        let DialogState { leg: id, party, session, refers, referring, focus } = state;
        if self.legs.contains_key(&id) {
            return;
        }
        if !id.is_rung() {
            self.next_leg = self.next_leg.max(id.0);
        }
        let kept = self.frozen.remove(&id).map(|frozen| frozen.kept).unwrap_or_default();
        self.alarms.disarm(&Alarm::Frozen(id));
        let key = (session.dialog.call_id.clone(), session.dialog.local_tag.clone());
        self.dialogs.insert(key, id);
        let call = session.dialog.call_id.clone();
        self.add_leg(Leg { id, party, phase: Phase::Talking(Box::new(session)), focus });
        if !referring.is_empty() {
            self.referring.insert(id, referring);
        }
        self.resume(id);
        self.resume_refers(id, &call, refers);
        for kept in kept {
            match kept {
                Kept::Message(flow, message) => self.receive(now, flow, Ok(*message)),
                Kept::Wish(wish) => self.wish(now, wish),
            }
        }
        self.settle();
    }

    /// Timers and transactions of a leg that came back. What its transactions have forgotten is over.
    fn resume(&mut self, id: LegId) {
        let Some(session) = self.session_mut(id) else { return };
        let (call, offers) = (session.dialog.call_id.clone(), session.offers.clone());
        if let Some(unacked) = session.unacked.take() {
            self.await_ack(id, unacked);
        }
        let lives = match &offers {
            Offers::Rest => true,
            Offers::Theirs { server, .. } => {
                let opened = self.transactions.opened(*server);
                opened.is_some_and(|(request, _)| call_id(&request.headers) == call)
            }
            Offers::Ours { .. } => {
                self.branches.values().any(|branch| branch.leg == id && branch.again && !branch.closed)
            }
            Offers::Glare { .. } => {
                self.alarms.arm(self.now + Duration::from_secs(2), Alarm::Retry(id));
                true
            }
        };
        self.resume_upkeep(id);
        let Some(session) = self.session_mut(id).filter(|_| !lives) else { return };
        session.offers = Offers::Rest;
        if let Offers::Ours { body, wanted: false } = offers {
            session.queued.get_or_insert(body);
        }
        self.next_offer(id);
    }

    /// Takes the REFERs of a leg out.
    fn take_refers(&mut self, leg: LegId) -> Vec<Subscription> {
        let ids = self.refers.of(leg);
        ids.iter().for_each(|id| self.alarms.disarm(&Alarm::Refer(*id)));
        ids.into_iter().filter_map(|id| self.refers.remove(id)).collect()
    }

    /// Puts them back. One whose transaction is forgotten is over; a NOTIFY that is forgotten is sent again.
    fn resume_refers(&mut self, leg: LegId, call: &str, refers: Vec<Subscription>) {
        for mut refer in refers {
            let id = refer.id;
            if let Some(server) = refer.waits {
                let opened = self.transactions.opened(server);
                if opened.is_none_or(|(request, _)| call_id(&request.headers) != call) {
                    continue;
                }
                self.alarms.arm(self.now + OWNER, Alarm::Refer(id));
            } else {
                self.alarms.arm(refer.ends.max(self.now), Alarm::Refer(id));
            }
            let ours = |client| matches!(self.pending.get(&client), Some(Pending { user: User::Notify(known), .. }) if *known == id);
            if refer.unanswered().is_some_and(|client| !ours(client)) {
                refer.forget_sent();
            }
            self.refers.insert(refer);
            self.next_notify(id);
        }
        let waits = self.session_mut(leg).is_some_and(|session| session.over && session.unacked.is_none());
        if waits {
            self.farewell(leg);
        }
    }

    /// The frozen leg in whose dialog a REFER came.
    pub(super) fn frozen_with(&self, refer: ReferId) -> Option<LegId> {
        self.frozen.iter().find(|(_, frozen)| frozen.refers.contains(&refer)).map(|(leg, _)| *leg)
    }

    /// Whether a request belongs to a frozen leg, or is to take its place; then it is kept.
    pub(super) fn is_kept_for_thaw(&mut self, flow: Flow, request: &Request) -> bool {
        if self.frozen.is_empty() {
            return false;
        }
        let tag = to(&request.headers).ok().and_then(|to| to.tag().map(str::to_owned));
        let leg = match tag {
            Some(tag) => self.dialogs.get(&(call_id(&request.headers).to_owned(), tag)).copied(),
            None => self.frozen_replaced(request),
        };
        let Some(frozen) = leg.and_then(|leg| self.frozen.get_mut(&leg)) else { return false };
        frozen.keep_message(flow, SipMessage::Request(request.clone()));
        true
    }

    /// The frozen leg that the Replaces of an INVITE names. Whether its sender may, is asked when it thaws.
    fn frozen_replaced(&self, request: &Request) -> Option<LegId> {
        let value = one(&request.headers, "Replaces").filter(|_| request.method == Method::Invite)?;
        let named = Replaces::parse(value).ok()?;
        let fits =
            |frozen: &Frozen| frozen.dialog.0 == named.call_id && tag_fits(named.to_tag.as_deref(), &frozen.dialog.1);
        self.frozen.iter().find(|(_, frozen)| fits(frozen)).map(|(leg, _)| *leg)
    }

    /// A wish for a frozen leg is kept; any other is given back.
    pub(super) fn kept_for_thaw(&mut self, wish: Wish) -> Option<Wish> {
        let leg = match &wish {
            Wish::AnswerByAck { leg, .. }
            | Wish::Ringing { leg }
            | Wish::Early { leg, .. }
            | Wish::Answer { leg, .. }
            | Wish::Reject { leg, .. }
            | Wish::AnswerOffer { leg, .. }
            | Wish::RefuseOffer { leg, .. }
            | Wish::Offer { leg, .. }
            | Wish::Refresh { leg, .. }
            | Wish::Focus { leg, .. }
            | Wish::End { leg, .. }
            | Wish::Digit { leg, .. }
            | Wish::Identify { leg, .. }
            | Wish::Refer { leg, .. }
            | Wish::Probe { leg } => *leg,
            Wish::AcceptRefer { refer } | Wish::RefuseRefer { refer, .. } | Wish::Notify { refer, .. } => {
                match self.frozen_with(*refer) {
                    Some(leg) => leg,
                    None => return Some(wish),
                }
            }
            Wish::Call { .. }
            | Wish::Watch { .. }
            | Wish::RefuseWatch { .. }
            | Wish::EndWatch { .. }
            | Wish::Register(_)
            | Wish::Unregister { .. }
            | Wish::Reload(_)
            | Wish::Drain
            | Wish::Doors { .. } => return Some(wish),
        };
        let Some(frozen) = self.frozen.get_mut(&leg) else { return Some(wish) };
        // the owner gives only so many, and a call would hang without some of them
        if frozen.kept.len() < KEPT || wish.is_needed() {
            frozen.kept.push_back(Kept::Wish(wish));
        }
        None
    }

    /// Nobody thawed it: whoever took it out has it now.
    pub(super) fn forget_frozen(&mut self, leg: LegId) {
        if let Some(frozen) = self.frozen.remove(&leg) {
            self.dialogs.remove(&frozen.dialog);
            self.waiting.retain(|_, waiting| *waiting != leg);
        }
    }
}
