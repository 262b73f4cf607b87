//! What a REFER asks, as a command for the core, and the core's refusal as the answer that phones understand.
//!
//! ```text
//!   agent            baton                           RFC 3515 §2.4
//!   |--- REFER ------->|   no Replaces: Start          RFC 5589 §6
//!   |                  |   Replaces: Join              RFC 3891 §3, RFC 5589 §7
//!   |                  |   ;method=BYE: Remove         RFC 4579 §5.12
//!   |<-- 403, Reason --|   refused; nothing changes    RFC 3326
//!   |<-- 202 ----------|   accepted; behind the masks
//!   |<-- NOTIFY … -----|
//! ```
//!
//! A request inside a dialog is never refused with a status that makes a phone drop that dialog (481, 404, 408 …) or try
//! again by itself (491). Whether something is allowed the core decides.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use conference::{
    AgentName, Asker, CallId, Command, Destination, Effect, LegId, Moment, Output, ParticipantId, Refusal,
};
use sip_signalling::{ReferId, Referral, ReferredAt, Wish};
use tracing::{info, warn};

use crate::events::masked;
use crate::switch::Switch;

#[cfg(test)]
pub(crate) mod tests;

/// Replaces that name no leg of theirs which an agent may send within [`GUESSES_WITHIN`] (trust C4).
const GUESSES: usize = 5;
/// The span in which they are counted.
const GUESSES_WITHIN: Duration = Duration::from_secs(60);

/// How a REFER that is not done is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TurnedDown {
    /// A final status at once, with the code in a Reason header.
    Refused(u16),
    /// 202, and this status in the last NOTIFY.
    Accepted(u16),
}

/// The table of refusals, in the words of SIP. `joins`: the REFER had a Replaces.
const fn turned_down(refusal: Refusal, joins: bool) -> TurnedDown {
    match refusal {
        Refusal::CallNotFound => TurnedDown::Refused(481),
        Refusal::CallNotLive
        | Refusal::TransferInProgress
        | Refusal::InitiatorOnHold
        | Refusal::NotAllowed
        | Refusal::NoTransfer
        | Refusal::TargetNotLive
        | Refusal::InitiatorAway
        | Refusal::BridgedByPhone
        | Refusal::ReservationNotFound
        | Refusal::ParticipantNotFound
        | Refusal::Locked
        | Refusal::Draining
        | Refusal::LimitReached => TurnedDown::Refused(403),
        Refusal::TargetUnknown => TurnedDown::Accepted(if joins { 481 } else { 404 }),
        Refusal::TargetUnavailable => TurnedDown::Accepted(480),
        Refusal::TargetBusy => TurnedDown::Accepted(486),
    }
}

/// Who sent Replaces that name nothing of theirs, and when.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    by: BTreeMap<AgentName, VecDeque<Moment>>,
}

impl Guesses {
    /// Notes one more; whether that is too many.
    fn note(&mut self, by: AgentName, now: Moment) -> bool {
        self.by.retain(|_, times| times.back().is_some_and(|last| now.since(*last) < GUESSES_WITHIN));
        let times = self.by.entry(by).or_default();
        times.retain(|time| now.since(*time) < GUESSES_WITHIN);
        if times.len() >= GUESSES {
            return true;
        }
        times.push_back(now);
        false
    }
}

impl Switch {
    /// A REFER came: asks the core for what it asks, or turns it down.
    pub(crate) fn referred(&mut self, refer: ReferId, at: ReferredAt, asks: Referral) {
        let inside = matches!(at, ReferredAt::Leg(_));
        let Some((leg, call)) = self.referring_leg(at) else {
            // inside a dialog it is one that ends just now, and 481 would be told of another
            let refusal = if inside { Refusal::CallNotLive } else { Refusal::CallNotFound };
            return self.turn_refer_down(None, refer, refusal, false);
        };
        let joins = matches!(asks, Referral::Join(_) | Referral::NoSuchLeg);
        let asked = self.asked_by_refer((call, leg), asks);
        let done = asked.and_then(|command| self.command_by_refer(leg, refer, command));
        if let Err(refusal) = done {
            self.turn_refer_down(Some((call, leg)), refer, refusal, joins);
        }
    }

    /// The leg a REFER speaks for: the one it came on, or its sender's own in the conference it names.
    fn referring_leg(&self, at: ReferredAt) -> Option<(LegId, CallId)> {
        match at {
            ReferredAt::Leg(leg) => Some((leg, self.board.call_of(leg)?)),
            ReferredAt::Conference { user, agent } => {
                let call = self.conference(&user)?;
                let people = self.board.call(call)?.participants;
                let own = people.into_iter().find(|person| person.agent.as_ref() == Some(&agent))?;
                Some((own.legs.iter().rev().find(|leg| leg.live)?.leg, call))
            }
        }
    }

    /// The call that an address stands for: a call's own name, or a room as agents dial it.
    pub(crate) fn conference(&self, user: &str) -> Option<CallId> {
        let own = user.strip_prefix("c-").and_then(|id| u64::from_str_radix(id, 16).ok()).map(CallId);
        if let Some(call) = own.filter(|call| self.board.call(*call).is_some()) {
            return Some(call);
        }
        match self.plan.for_agents(user, true) {
            Destination::Room(name) => self.board.room(&name),
            Destination::Agent(_)
            | Destination::Queue(_)
            | Destination::NewRoom
            | Destination::Outside { .. }
            | Destination::Service(_)
            | Destination::Unknown => None,
        }
    }

    /// What a REFER asks, as a command.
    fn asked_by_refer(&mut self, (call, leg): (CallId, LegId), asks: Referral) -> Result<Command, Refusal> {
        let by = Asker::Leg(leg);
        match asks {
            Referral::Join(named) => Ok(Command::Join { by: leg, named }),
            Referral::NoSuchLeg => Err(self.guessed(leg)),
            Referral::Bring { dialled, host: _, ours } => {
                let target = self.plan.for_agents(&dialled, ours);
                if target == Destination::Unknown && ours && self.plan.forbids(&dialled) {
                    self.warn_of(leg, "C2", "a REFER to a number that no trunk lets out");
                    return Err(Refusal::NotAllowed);
                }
                Ok(Command::Start { call, by, target, shown: dialled })
            }
            Referral::Remove { user } => {
                let who = self.participant(call, &user).ok_or(Refusal::TargetUnknown)?;
                Ok(Command::Remove { call, by, who })
            }
        }
    }

    /// A Replaces that names no leg of the sender: answered as what does not exist, but not for ever (trust C4).
    fn guessed(&mut self, leg: LegId) -> Refusal {
        let now = self.clock.now();
        let too_many = self.owner(leg).is_some_and(|agent| self.guesses.note(agent, now));
        if too_many {
            self.warn_of(leg, "C4", "again and again a Replaces that names none of their dialogs");
            return Refusal::LimitReached;
        }
        Refusal::TargetUnknown
    }

    /// Whom a REFER that removes somebody names: an agent by name or extension, anybody else by the number shown.
    fn participant(&self, call: CallId, user: &str) -> Option<ParticipantId> {
        let agent = match self.plan.for_agents(user, true) {
            Destination::Agent(agent) => Some(agent),
            Destination::Queue(_)
            | Destination::Room(_)
            | Destination::NewRoom
            | Destination::Outside { .. }
            | Destination::Service(_)
            | Destination::Unknown => None,
        };
        let people = self.board.call(call)?.participants;
        let named = people.into_iter().find(|person| match (&agent, &person.agent) {
            (Some(named), Some(agent)) => named == agent,
            (Some(_), None) => false,
            (None, _) => person.agent.is_none() && person.name == user,
        });
        named.map(|person| person.who)
    }

    /// Asks the core on behalf of a REFER; its answer waits where the reaction's other effects wait.
    fn command_by_refer(&mut self, leg: LegId, refer: ReferId, command: Command) -> Result<(), Refusal> {
        if !self.carry.referrals.came(leg, refer) {
            return Err(Refusal::LimitReached);
        }
        let cause = self.cause_of_command(&command);
        let outputs = self.board.command(self.clock.now(), command).inspect_err(|_| {
            self.carry.referrals.refused(leg, refer);
        })?;
        let answered = outputs.iter().any(|output| accepts(output, leg));
        let behind = self.carry.reaction(cause, outputs);
        self.settle();
        if !answered {
            // done without a word for whoever asked: that is a success
            self.carry.referrals.refused(leg, refer);
            let endpoint = self.carry.endpoint.clone();
            self.carry.say(behind, move || {
                endpoint.wish(Wish::AcceptRefer { refer });
                endpoint.wish(Wish::Notify { refer, status: 200, last: true });
            });
        }
        Ok(())
    }

    fn turn_refer_down(&self, at: Option<(CallId, LegId)>, refer: ReferId, refusal: Refusal, joins: bool) {
        let code = refusal.code();
        match at {
            Some((call, leg)) => info!(%call, %leg, code, "REFER turned down"),
            None => info!(code, "REFER turned down"),
        }
        match turned_down(refusal, joins) {
            TurnedDown::Refused(status) => {
                self.carry.endpoint.wish(Wish::RefuseRefer { refer, status, reason: Some(code.to_owned()) });
            }
            TurnedDown::Accepted(status) => {
                self.carry.endpoint.wish(Wish::AcceptRefer { refer });
                self.carry.endpoint.wish(Wish::Notify { refer, status, last: true });
            }
        }
    }

    fn warn_of(&self, leg: LegId, rule: &'static str, what: &str) {
        let agent = self.owner(leg).map_or_else(String::new, |agent| masked(&agent.0));
        warn!(rule, %leg, agent, what, "security");
    }
}

/// Whether an output is the word on which a leg's REFER is accepted.
fn accepts(output: &Output, on: LegId) -> bool {
    matches!(output, Output::Effect(Effect::AcceptRefer { leg }) if *leg == on)
}
