//! REFER with Replaces: the completion of a consult, or two calls that become one.
//!
//! ```text
//!   agent, line 1          baton           agent, line 2
//!   |--- REFER ------------->|                   |      names line 2; RFC 3891 §3, RFC 5589 §7
//!   |                        |  masks of both calls: one change
//!   |<-- 202, NOTIFY 200 ----|                   |
//!   |<-- BYE ----------------|---- BYE --------->|      customer and colleague go on
//! ```

use super::Switchboard;
use crate::conference::Call;
use crate::ids::{AgentName, CallId, LegId};
use crate::moment::Moment;
use crate::output::{Effect, Event, Output};
use crate::reaction::Reaction;
use crate::refusal::Refusal;

/// Two calls of one agent that are to become one.
struct Union {
    /// The call that goes on.
    stays: CallId,
    /// The call that becomes part of it.
    goes: CallId,
    agent: AgentName,
}

impl Switchboard {
    /// `by` names another leg of the same agent.
    pub(super) fn join(&mut self, now: Moment, by: LegId, named: LegId) -> Result<Vec<Output>, Refusal> {
        if self.books.was_joined(by, named) {
            return Ok(accepted(by).into_iter().map(Output::Effect).collect());
        }
        let here = self.books.legs.get(&by).copied().ok_or(Refusal::CallNotFound)?;
        let there = self.books.legs.get(&named).copied().unwrap_or(here);
        let mut out = Reaction::default();
        if here == there {
            let call = self.calls.get(&here).ok_or(Refusal::CallNotFound)?;
            let initiator = call.may_join_within(by, named)?;
            for effect in accepted(by) {
                out.effect(effect);
            }
            self.with(now, here, &mut out, |call, desk| call.hand_over(desk, initiator));
            self.books.note_join(by, named);
            return Ok(self.finish(now, out, vec![here]));
        }
        let union = self.may_unite(now, (by, here), (named, there))?;
        for effect in accepted(by) {
            out.effect(effect);
        }
        let touched = vec![union.goes, union.stays];
        self.unite(now, &union, &mut out);
        self.books.note_join(by, named);
        Ok(self.finish(now, out, touched))
    }

    /// Whether the two calls of these legs may become one, and which of them goes on.
    fn may_unite(&self, now: Moment, by: (LegId, CallId), named: (LegId, CallId)) -> Result<Union, Refusal> {
        let first = self.calls.get(&by.1).ok_or(Refusal::CallNotFound)?;
        let second = self.calls.get(&named.1).ok_or(Refusal::TargetUnknown)?;
        let owner = |call: &Call, leg: LegId| call.person_of(leg).and_then(|who| call.people.get(&who).cloned());
        let asker = owner(first, by.0).ok_or(Refusal::CallNotFound)?;
        let other = owner(second, named.0).ok_or(Refusal::TargetUnknown)?;
        if !asker.commands() {
            return Err(Refusal::NotAllowed);
        }
        if other.agent != asker.agent || !other.commands() {
            return Err(Refusal::TargetUnknown);
        }
        first.may_be_united(by.0)?;
        second.may_be_united(named.0)?;
        if first.shares_ringing(second) {
            return Err(Refusal::CallNotLive);
        }
        let early = (first.is_early(by.0), second.is_early(named.0));
        let (stays, goes) = match (early, (first.is_room(), second.is_room())) {
            ((true, true), _) => return Err(Refusal::CallNotLive),
            (_, (true, true)) => return Err(Refusal::NotAllowed),
            (_, (true, false)) => (first, second),
            (_, (false, true)) => (second, first),
            ((true, false), _) => (second, first),
            ((false, true), _) => (first, second),
            ((false, false), _) if first.id < second.id => (first, second),
            ((false, false), _) => (second, first),
        };
        if first.starts_too_often(now) || second.starts_too_often(now) {
            return Err(Refusal::LimitReached);
        }
        let people = stays.people.len() + goes.people.len();
        if people.saturating_sub(2) > stays.capacity(&self.settings) {
            return Err(Refusal::LimitReached);
        }
        let agent = asker.agent.ok_or(Refusal::NotAllowed)?;
        Ok(Union { stays: stays.id, goes: goes.id, agent })
    }

    /// Everybody but the agent meets in Main of the call that stays.
    fn unite(&mut self, now: Moment, union: &Union, out: &mut Reaction) {
        let movers = self.with(now, union.goes, out, |call, desk| {
            call.ready_for_union(desk);
            (call.take_everybody(desk), call.take_starts())
        });
        let (movers, starts) = movers.unwrap_or_default();
        out.event(Event::CallsJoined { call: union.stays, joined: union.goes });
        self.with(now, union.stays, out, |call, desk| {
            call.ready_for_union(desk);
            call.count_union(starts, desk.now);
            call.receive(desk, union.goes, movers, &union.agent);
        });
    }
}

/// What a REFER that is carried out at once is told.
fn accepted(by: LegId) -> [Effect; 2] {
    [Effect::AcceptRefer { leg: by }, Effect::NotifyReferrer { leg: by, status: 200, last: true }]
}
