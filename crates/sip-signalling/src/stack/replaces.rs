//! Which leg a Replaces names: exactly, in an INVITE (RFC 3891 §3); loosely, in an agent's REFER (`phones.md`).
//!
//! Whatever is not the sender's own looks like what does not exist (trust.md C4, C5).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use conference::{AgentName, LegId, Moment};
use rsip::Request;

use super::Stack;
use super::door::Sender;
use crate::codec::all;
use crate::codec::headers::Replaces;
use crate::flow::Flow;
use crate::fork::Cancel;
use crate::gate::Refusal;
use crate::leg::{Leg, Party, Phase};
use crate::refer::Named;
use crate::settings::Doorkeeping;
use crate::transaction::ClientId;

/// Ended dialogs that are remembered, and for how long.
const MOST_ENDED: usize = 4096;
const REMEMBERED: Duration = Duration::from_secs(60);
/// Names of legs an agent may guess wrong in a minute before it is told.
const GUESSES: usize = 5;
const GUESSED_WITHIN: Duration = Duration::from_secs(60);

/// What is remembered of dialogs that ended, and of wrong guesses.
#[derive(Debug, Default)]
pub(super) struct Memory {
    ended: VecDeque<Ended>,
    guesses: BTreeMap<AgentName, VecDeque<Moment>>,
}

#[derive(Debug)]
struct Ended {
    when: Moment,
    agent: AgentName,
    call_id: String,
    local_tag: String,
    remote_tag: String,
}

impl Memory {
    /// Remembers an agent's dialog that ended.
    pub(super) fn ended(&mut self, now: Moment, leg: &Leg) {
        let (Party::Agent { name, .. }, Some(dialog)) = (&leg.party, leg.dialog()) else { return };
        while self.ended.len() >= MOST_ENDED || self.ended.front().is_some_and(|first| is_past(first, now)) {
            self.ended.pop_front();
        }
        self.ended.push_back(Ended {
            when: now,
            agent: name.clone(),
            call_id: dialog.call_id.clone(),
            local_tag: dialog.local_tag.clone(),
            remote_tag: dialog.remote_tag.clone(),
        });
    }

    fn has_ended(&self, now: Moment, agent: &AgentName, replaces: &Replaces) -> bool {
        let fits = |ended: &&Ended| {
            !is_past(ended, now)
                && ended.agent == *agent
                && ended.call_id == replaces.call_id
                && tag_fits(replaces.to_tag.as_deref(), &ended.local_tag)
                && tag_fits(replaces.from_tag.as_deref(), &ended.remote_tag)
        };
        self.ended.iter().rev().any(|ended| fits(&ended))
    }
}

fn is_past(ended: &Ended, now: Moment) -> bool {
    now.since(ended.when) > REMEMBERED
}

/// Exactly, or `0` for a tag that the sender does not know (RFC 3891 §3: a dialog without a tag; Linphone sends it when
/// it repairs a call).
pub(super) fn tag_fits(named: Option<&str>, known: &str) -> bool {
    named.is_some_and(|named| named == known || named == "0")
}

impl Stack {
    /// The leg of this agent that a REFER names, other than the one it came in; `None` if there is none or more than one.
    pub(super) fn leg_named(&self, agent: &AgentName, own: Option<LegId>, named: &Named) -> Option<LegId> {
        let fits = |leg: &&Leg| {
            Some(leg.id) != own
                && is_of(leg, agent)
                && !is_over(leg)
                && leg.dialog().is_some_and(|dialog| named.fits(dialog))
        };
        let mut found = self.legs.values().filter(fits);
        let first = found.next()?.id;
        found.next().is_none().then_some(first)
    }

    /// An agent named a leg that is not there, or not its own (C4).
    pub(super) fn guessed(&mut self, agent: &AgentName, flow: Flow) {
        let now = self.now;
        let recent = |when: &Moment| now.since(*when) < GUESSED_WITHIN;
        self.memory.guesses.retain(|_, guesses| guesses.back().is_some_and(recent));
        let guesses = self.memory.guesses.entry(agent.clone()).or_default();
        guesses.retain(recent);
        guesses.push_back(now);
        if guesses.len() > GUESSES {
            guesses.pop_front();
            self.alert("replaces-guessed", flow.peer, agent.to_string());
        }
    }

    /// The leg whose place an INVITE is to take.
    ///
    /// # Errors
    /// Why it is refused: 400 malformed or two of them, 481 no such dialog of this sender, 486 `early-only` and it is
    /// answered, 603 it has ended (RFC 3891 §3).
    pub(super) fn replaced(
        &mut self,
        request: &Request,
        sender: &Sender,
        flow: Flow,
    ) -> Result<Option<LegId>, Refusal> {
        let mut values = all(&request.headers, "Replaces");
        let Some(value) = values.next().filter(|_| self.settings.doorkeeping == Doorkeeping::Server) else {
            return Ok(None);
        };
        let beside = values.next().is_some() || all(&request.headers, "Join").next().is_some();
        let read = Replaces::parse(value).ok().filter(|read| !value.contains(',') && read.has_tags());
        let Some(replaces) = read.filter(|_| !beside) else { return Err(Refusal::plain(400)) };
        let agent = match sender {
            Sender::Agent(name) => AgentName(name.clone()),
            Sender::Trunk(_) | Sender::Anyone => return Err(Refusal::plain(481)),
        };
        if let Some(leg) = self.rings_there(&agent, &replaces) {
            return Ok(Some(leg));
        }
        let Some(leg) = self.exactly(&agent, &replaces) else {
            if self.memory.has_ended(self.now, &agent, &replaces) {
                return Err(Refusal::plain(603));
            }
            self.guessed(&agent, flow);
            return Err(Refusal::plain(481));
        };
        match &leg.phase {
            Phase::Talking(session) if session.over => Err(Refusal::plain(603)),
            Phase::Talking(_) if replaces.early_only => Err(Refusal::plain(486)),
            Phase::Talking(_) => Ok(Some(leg.id)),
            // an early dialog that we did not begin (RFC 3891 §3)
            Phase::Arrived(_) | Phase::Ringing(_) => Err(Refusal::plain(481)),
        }
    }

    /// The leg of an INVITE of ours that still rings at a phone of this agent: another of its phones picks it up, as it may
    /// with an early dialog that we began (RFC 3891 §3), `early-only` or not.
    fn rings_there(&self, agent: &AgentName, replaces: &Replaces) -> Option<LegId> {
        let fits = |(early, client): &(&(String, String), &ClientId)| {
            let Some(branch) = self.branches.get(client) else { return false };
            early.0 == replaces.call_id
                && tag_fits(replaces.to_tag.as_deref(), &early.1)
                && branch.remote_tag.as_deref().is_some_and(|tag| tag_fits(replaces.from_tag.as_deref(), tag))
                && !branch.closed
                && branch.cancel == Cancel::No
        };
        let mut found = self.early.iter().filter(fits);
        let client = found.next().filter(|_| found.next().is_none())?.1;
        let leg = self.legs.get(&self.branches.get(client)?.leg)?;
        (is_of(leg, agent) && matches!(leg.phase, Phase::Ringing(_))).then_some(leg.id)
    }

    fn exactly(&self, agent: &AgentName, replaces: &Replaces) -> Option<&Leg> {
        let fits = |leg: &&Leg| {
            let Some(dialog) = leg.dialog() else { return false };
            is_of(leg, agent)
                && dialog.call_id == replaces.call_id
                && tag_fits(replaces.to_tag.as_deref(), &dialog.local_tag)
                && tag_fits(replaces.from_tag.as_deref(), &dialog.remote_tag)
        };
        let mut found = self.legs.values().filter(fits);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }
}

fn is_of(leg: &Leg, agent: &AgentName) -> bool {
    matches!(&leg.party, Party::Agent { name, .. } if name == agent)
}

fn is_over(leg: &Leg) -> bool {
    matches!(&leg.phase, Phase::Talking(session) if session.over)
}
