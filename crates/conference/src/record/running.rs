//! The record of a call that goes on: every event moves somebody from one phase into another.
//!
//! A party is in exactly one phase at any time, so that the phases add up to the time in the call whatever happens.

use std::collections::BTreeMap;

use super::sheet::{AgentTimes, AgentTotals, CallRecord, LegRecord, PartyRecord, Quality, QueueRecord, TransferRecord};
use crate::ids::{AgentName, CallId, LegId, ParticipantId};
use crate::input::Destination;
use crate::moment::Moment;
use crate::output::{Left, Outcome, Phase, QueueExit, Role, Status};

/// Parties of one call that are kept; of a room that never closes the oldest who left are forgotten.
const PARTIES_KEPT: usize = 10_000;
/// Transfers of one call that are kept, and waits in queues, and offers of one wait.
const ATTEMPTS_KEPT: usize = 1_000;

/// What somebody is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Ringing,
    Queued,
    Talking,
    OnHold,
    Consulting,
}

impl Doing {
    fn count(self, times: &mut AgentTimes, span_us: u64) {
        let counter = match self {
            Self::Ringing => &mut times.ring_us,
            Self::Queued => &mut times.queued_us,
            Self::Talking => &mut times.talk_us,
            Self::OnHold => &mut times.hold_us,
            Self::Consulting => &mut times.consult_us,
        };
        *counter += span_us;
    }
}

/// Somebody who is in the call.
#[derive(Clone, Debug)]
struct Present {
    status: Status,
    doing: Doing,
    since: Moment,
}

/// The transfer that is under way.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    by: ParticipantId,
    target: ParticipantId,
    phase: Phase,
    /// Whether the initiator faces the target.
    faces_target: bool,
}

impl UnderWay {
    fn is_private(&self) -> bool {
        matches!(self.phase, Phase::Calling | Phase::Private)
    }
}

/// A span of one agent's time that is over.
#[derive(Clone, Debug)]
pub(super) struct Spent {
    pub(super) agent: AgentName,
    pub(super) times: AgentTimes,
    /// Whether they became live with it for the first time in this call.
    pub(super) answered: bool,
}

impl Spent {
    fn of(agent: AgentName, did: Doing, span_us: u64) -> Self {
        let mut times = AgentTimes::default();
        did.count(&mut times, span_us);
        Self { agent, times, answered: false }
    }

    pub(super) fn total(&self) -> AgentTotals {
        AgentTotals { calls: u64::from(self.answered), times: self.times, wrap_up_us: 0 }
    }
}

/// One call that goes on.
#[derive(Clone, Debug)]
pub(super) struct Running {
    epoch_us: i64,
    record: CallRecord,
    present: BTreeMap<ParticipantId, Present>,
    legs: BTreeMap<LegId, (ParticipantId, Option<Quality>)>,
    transfer: Option<UnderWay>,
    /// What agents spent since this was asked last.
    spent: Vec<Spent>,
}

impl Running {
    pub(super) fn new(
        epoch_us: i64,
        now: Moment,
        call: CallId,
        (room, door): (Option<String>, Option<String>),
    ) -> Self {
        let record = CallRecord {
            call,
            room,
            door,
            started_at: at(epoch_us, now),
            ended_at: None,
            joined_into: None,
            parties: Vec::new(),
            transfers: Vec::new(),
            queues: Vec::new(),
            forgotten: 0,
        };
        let (present, legs) = (BTreeMap::new(), BTreeMap::new());
        Self { epoch_us, record, present, legs, transfer: None, spent: Vec::new() }
    }

    pub(super) fn take_spent(&mut self) -> Vec<Spent> {
        std::mem::take(&mut self.spent)
    }

    fn party(&mut self, who: ParticipantId) -> Option<&mut PartyRecord> {
        self.record.parties.iter_mut().rev().find(|party| party.who == who)
    }

    /// Somebody joined; or somebody who is in turned out to be somebody else (an agent who took a waiting call).
    pub(super) fn joined(
        &mut self,
        now: Moment,
        who: ParticipantId,
        role: Role,
        agent: Option<AgentName>,
        name: String,
    ) {
        if let Some(party) = self.party(who).filter(|party| party.left_at.is_none()) {
            (party.role, party.agent, party.name) = (role, agent, name);
            return;
        }
        self.make_room();
        self.record.parties.push(PartyRecord {
            who,
            role,
            agent,
            name,
            joined_at: at(self.epoch_us, now),
            answered_at: None,
            left_at: None,
            why: None,
            times: AgentTimes::default(),
            legs: Vec::new(),
        });
        self.present.insert(who, Present { status: Status::Calling, doing: Doing::Ringing, since: now });
    }

    /// Forgets the oldest who left, if there are too many.
    fn make_room(&mut self) {
        if self.record.parties.len() < PARTIES_KEPT {
            return;
        }
        if let Some(oldest) = self.record.parties.iter().position(|party| party.left_at.is_some()) {
            let gone = self.record.parties.remove(oldest).who;
            self.legs.retain(|_, (who, _)| *who != gone);
            self.record.forgotten += 1;
        }
    }

    /// Who takes a waiting call is known now.
    pub(super) fn is_agent(&mut self, now: Moment, who: ParticipantId, agent: &AgentName) {
        self.turn(now, who);
        if let Some(party) = self.party(who) {
            party.agent = Some(agent.clone());
            party.name.clone_from(&agent.0);
        }
    }

    pub(super) fn status(&mut self, now: Moment, who: ParticipantId, status: Status) {
        if let Some(present) = self.present.get_mut(&who) {
            present.status = status;
        }
        if matches!(status, Status::Live | Status::Held) {
            let moment = at(self.epoch_us, now);
            if let Some(party) = self.party(who).filter(|party| party.answered_at.is_none()) {
                party.answered_at = Some(moment);
                let agent = party.agent.clone();
                let times = AgentTimes::default();
                self.spent.extend(agent.map(|agent| Spent { agent, times, answered: true }));
            }
        }
        self.settle(now);
    }

    /// How many are live, and how many are on hold.
    fn crowd(&self) -> (usize, usize) {
        let count = |status| self.present.values().filter(|present| present.status == status).count();
        (count(Status::Live), count(Status::Held))
    }

    /// What somebody does. Whoever is live and faces nobody is on hold as those are whom they put there: they talk to
    /// nobody. An initiator counts as consulting while the target is faced, or called and no customer is faced instead.
    fn doing(&self, who: ParticipantId, (live, held): (usize, usize)) -> Option<Doing> {
        let present = self.present.get(&who)?;
        let consult = self.transfer.filter(|transfer| transfer.is_private());
        Some(match present.status {
            Status::Queued => Doing::Queued,
            Status::Calling | Status::Ringing => Doing::Ringing,
            Status::Held => Doing::OnHold,
            Status::Live if consult.is_some_and(|it| it.target == who || (it.by == who && it.faces_target)) => {
                Doing::Consulting
            }
            Status::Live if live > 1 => Doing::Talking,
            Status::Live if consult.is_some_and(|it| it.by == who && it.phase == Phase::Calling) => Doing::Consulting,
            Status::Live if held > 0 => Doing::OnHold,
            Status::Live => Doing::Talking,
        })
    }

    /// What one does may change what the others do.
    fn settle(&mut self, now: Moment) {
        let crowd = self.crowd();
        let others = self.present.iter().filter(|(who, present)| self.doing(**who, crowd) != Some(present.doing));
        for who in others.map(|(who, _)| *who).collect::<Vec<_>>() {
            self.turn(now, who);
        }
    }

    /// What somebody does from now on; what they did till now is counted.
    fn turn(&mut self, now: Moment, who: ParticipantId) {
        let Some(doing) = self.doing(who, self.crowd()) else { return };
        let Some(present) = self.present.get_mut(&who) else { return };
        let (did, span_us) = (present.doing, micros(now, present.since));
        present.doing = doing;
        present.since = now;
        let Some(party) = self.party(who) else { return };
        did.count(&mut party.times, span_us);
        if let Some(agent) = party.agent.clone().filter(|_| span_us > 0) {
            self.spent.push(Spent::of(agent, did, span_us));
        }
    }

    pub(super) fn left(&mut self, now: Moment, who: ParticipantId, why: Option<Left>) {
        self.turn(now, who);
        self.present.remove(&who);
        self.settle(now);
        let moment = at(self.epoch_us, now);
        if let Some(party) = self.party(who) {
            party.left_at = Some(moment);
            party.why = why;
        }
    }

    pub(super) fn transfer_started(&mut self, now: Moment, by: ParticipantId, target: ParticipantId, to: Destination) {
        let started_at = at(self.epoch_us, now);
        self.record.forgotten += forget(&mut self.record.transfers);
        self.record.transfers.push(TransferRecord {
            by,
            target,
            to,
            started_at,
            answered_at: None,
            merged_at: None,
            ended_at: None,
            outcome: None,
        });
        self.transfer = Some(UnderWay { by, target, phase: Phase::Calling, faces_target: true });
        self.settle(now);
    }

    pub(super) fn transfer_changed(&mut self, now: Moment, phase: Phase, faces_target: bool) {
        let moment = at(self.epoch_us, now);
        let Some(known) = self.transfer.as_mut() else { return };
        (known.phase, known.faces_target) = (phase, faces_target);
        if let Some(transfer) = self.record.transfers.last_mut() {
            match phase {
                Phase::Calling => {}
                Phase::Private => transfer.answered_at = transfer.answered_at.or(Some(moment)),
                Phase::Merged => {
                    transfer.answered_at = transfer.answered_at.or(Some(moment));
                    transfer.merged_at = Some(moment);
                }
            }
        }
        self.settle(now);
    }

    pub(super) fn transfer_ended(&mut self, now: Moment, outcome: Outcome) {
        let moment = at(self.epoch_us, now);
        if self.transfer.take().is_none() {
            return;
        }
        if let Some(transfer) = self.record.transfers.last_mut() {
            transfer.ended_at = Some(moment);
            transfer.outcome = Some(outcome);
            if outcome == Outcome::Completed {
                transfer.answered_at = transfer.answered_at.or(Some(moment));
            }
        }
        self.settle(now);
    }

    pub(super) fn queue_entered(&mut self, now: Moment, queue: String) {
        let entered_at = at(self.epoch_us, now);
        self.record.forgotten += forget(&mut self.record.queues);
        self.record.queues.push(QueueRecord { queue, entered_at, left_at: None, how: None, offered: Vec::new() });
    }

    fn wait(&mut self, queue: &str) -> Option<&mut QueueRecord> {
        self.record.queues.iter_mut().rev().find(|wait| wait.queue == queue && wait.left_at.is_none())
    }

    pub(super) fn offered(&mut self, queue: &str, agent: AgentName) {
        if let Some(wait) = self.wait(queue) {
            let forgotten = forget(&mut wait.offered);
            wait.offered.push(agent);
            self.record.forgotten += forgotten;
        }
    }

    pub(super) fn queue_left(&mut self, now: Moment, queue: &str, how: QueueExit) {
        let moment = at(self.epoch_us, now);
        if let Some(wait) = self.wait(queue) {
            wait.left_at = Some(moment);
            wait.how = Some(how);
        }
    }

    pub(super) fn leg(&mut self, who: ParticipantId, leg: LegId) {
        self.legs.entry(leg).or_insert((who, None)).0 = who;
    }

    pub(super) fn quality(&mut self, leg: LegId, quality: Quality) -> bool {
        self.legs.get_mut(&leg).map(|(_, known)| *known = Some(quality)).is_some()
    }

    /// It became part of another call: its people go on there.
    pub(super) fn joined_into(&mut self, now: Moment, other: CallId) {
        self.record.joined_into = Some(other);
        for who in self.present.keys().copied().collect::<Vec<_>>() {
            self.left(now, who, None);
        }
    }

    /// The record as it stands, all phases counted up to now.
    pub(super) fn so_far(&self, now: Moment) -> CallRecord {
        let mut running = self.clone();
        for who in self.present.keys() {
            running.turn(now, *who);
        }
        running.with_legs()
    }

    /// What agents who are in have spent since it was counted last.
    pub(super) fn unspent(&self, now: Moment) -> impl Iterator<Item = Spent> + '_ {
        self.present.iter().filter_map(move |(who, present)| {
            let party = self.record.parties.iter().rev().find(|party| party.who == *who)?;
            Some(Spent::of(party.agent.clone()?, present.doing, micros(now, present.since)))
        })
    }

    pub(super) fn ended(mut self, now: Moment) -> (CallRecord, Vec<Spent>) {
        for who in self.present.keys().copied().collect::<Vec<_>>() {
            self.left(now, who, None);
        }
        self.record.ended_at = Some(at(self.epoch_us, now));
        let spent = self.take_spent();
        (self.with_legs(), spent)
    }

    fn with_legs(mut self) -> CallRecord {
        for (leg, (who, quality)) in std::mem::take(&mut self.legs) {
            if let Some(party) = self.party(who) {
                party.legs.push(LegRecord { leg, quality });
            }
        }
        self.record
    }
}

/// Makes room for one more; how many were forgotten.
fn forget<T>(attempts: &mut Vec<T>) -> u64 {
    if attempts.len() < ATTEMPTS_KEPT {
        return 0;
    }
    attempts.remove(0);
    1
}

/// A moment in microseconds of Unix time.
fn at(epoch_us: i64, now: Moment) -> i64 {
    epoch_us.saturating_add(i64::try_from(now.0).unwrap_or(i64::MAX))
}

fn micros(now: Moment, since: Moment) -> u64 {
    now.0.saturating_sub(since.0)
}
