//! The record of a call as people and programs are shown it.

use conference::record::{self, CallRecord, LegRecord, PartyRecord, QueueRecord};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LeftReason, OutcomeName, Quality, QueueExit, Role, Target};

/// The record of one call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Record {
    /// The call's id.
    pub id: String,
    /// The room's name, if it was one.
    #[schema(required)]
    pub room: Option<String>,
    /// The room before whose door somebody stood and typed its PIN, if it was that; they waited (`queued_s`) and did not talk.
    #[schema(required)]
    pub door: Option<String>,
    /// When it began.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When it ended; null: it goes on.
    #[schema(required, format = DateTime)]
    pub ended_at: Option<String>,
    /// The call it became part of, if it did.
    #[schema(required)]
    pub joined_into: Option<String>,
    /// Everybody who was in it, in the order in which they joined.
    pub participants: Vec<Party>,
    /// Its transfers, oldest first.
    pub transfers: Vec<TransferRecord>,
    /// The queues it waited in, oldest first.
    pub queues: Vec<QueueStay>,
    /// Participants, transfers and waits before these that are not kept any more; zero but for rooms that never close.
    pub forgotten: u64,
}

/// Somebody who was in a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Party {
    /// Their id in the call.
    pub id: String,
    /// Their role.
    pub role: Role,
    /// The agent's name, or null.
    #[schema(required)]
    pub agent: Option<String>,
    /// The name or number shown.
    pub name: String,
    /// When they were called, or arrived.
    #[schema(format = DateTime)]
    pub joined_at: String,
    /// When they first were live, if ever.
    #[schema(required, format = DateTime)]
    pub answered_at: Option<String>,
    /// When they left; null: they are in.
    #[schema(required, format = DateTime)]
    pub left_at: Option<String>,
    /// Why they left.
    #[schema(required)]
    pub reason: Option<LeftReason>,
    /// The SIP status, where the reason has one.
    #[schema(required)]
    pub sip_status: Option<u16>,
    /// How long each phase lasted.
    pub times: Times,
    /// Their legs.
    pub legs: Vec<RecordLeg>,
}

/// How long each phase lasted, in seconds. The phases do not overlap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Times {
    /// Called and ringing.
    pub ring_s: f64,
    /// Waiting in a queue.
    pub queued_s: f64,
    /// Talking, outside any private consult; an initiator who has swapped to the customer as well.
    pub talk_s: f64,
    /// On hold; or live and facing nobody, because everybody else is on hold.
    pub hold_s: f64,
    /// In a private consult, as its target, or as its initiator who faces the target or waits for its answer.
    pub consult_s: f64,
}

/// A leg that was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecordLeg {
    /// Its id.
    pub id: String,
    /// How it sounded.
    #[schema(required)]
    pub quality: Option<Quality>,
}

/// A transfer that was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TransferRecord {
    /// The initiator.
    pub by: String,
    /// The target.
    pub participant: String,
    /// Whom the target was asked as.
    pub target: Target,
    /// When it began.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When the target answered.
    #[schema(required, format = DateTime)]
    pub answered_at: Option<String>,
    /// When it was merged.
    #[schema(required, format = DateTime)]
    pub merged_at: Option<String>,
    /// When it ended.
    #[schema(required, format = DateTime)]
    pub ended_at: Option<String>,
    /// How it came out; null: it goes on.
    #[schema(required)]
    pub outcome: Option<OutcomeName>,
    /// The SIP status, where the outcome has one.
    #[schema(required)]
    pub sip_status: Option<u16>,
}

/// A wait in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueueStay {
    /// The queue.
    pub queue: String,
    /// When the call entered it.
    #[schema(format = DateTime)]
    pub entered_at: String,
    /// When it left.
    #[schema(required, format = DateTime)]
    pub left_at: Option<String>,
    /// How.
    #[schema(required)]
    pub how: Option<QueueExit>,
    /// To whom it was offered, in that order.
    pub offered: Vec<String>,
}

impl Record {
    pub(crate) fn of(record: &CallRecord) -> Self {
        Self {
            id: record.call.to_string(),
            room: record.room.clone(),
            door: record.door.clone(),
            started_at: super::time(record.started_at),
            ended_at: record.ended_at.map(super::time),
            joined_into: record.joined_into.map(|call| call.to_string()),
            participants: record.parties.iter().map(Party::of).collect(),
            transfers: record.transfers.iter().map(TransferRecord::of).collect(),
            queues: record.queues.iter().map(QueueStay::of).collect(),
            forgotten: record.forgotten,
        }
    }
}

impl Party {
    fn of(party: &PartyRecord) -> Self {
        let (reason, sip_status) = party.why.map(LeftReason::of).map_or((None, None), |(why, sip)| (Some(why), sip));
        Self {
            id: party.who.to_string(),
            role: party.role.into(),
            agent: party.agent.as_ref().map(|agent| agent.0.clone()),
            name: party.name.clone(),
            joined_at: super::time(party.joined_at),
            answered_at: party.answered_at.map(super::time),
            left_at: party.left_at.map(super::time),
            reason,
            sip_status,
            times: Times::of(&party.times),
            legs: party.legs.iter().map(RecordLeg::of).collect(),
        }
    }
}

impl Times {
    pub(super) fn of(times: &record::AgentTimes) -> Self {
        Self {
            ring_s: super::seconds(times.ring_us),
            queued_s: super::seconds(times.queued_us),
            talk_s: super::seconds(times.talk_us),
            hold_s: super::seconds(times.hold_us),
            consult_s: super::seconds(times.consult_us),
        }
    }
}

impl RecordLeg {
    fn of(leg: &LegRecord) -> Self {
        Self { id: leg.leg.to_string(), quality: leg.quality.as_ref().map(Quality::of) }
    }
}

impl TransferRecord {
    fn of(transfer: &record::TransferRecord) -> Self {
        let ended = transfer.outcome.map(OutcomeName::of);
        Self {
            by: transfer.by.to_string(),
            participant: transfer.target.to_string(),
            target: Target::of(&transfer.to),
            started_at: super::time(transfer.started_at),
            answered_at: transfer.answered_at.map(super::time),
            merged_at: transfer.merged_at.map(super::time),
            ended_at: transfer.ended_at.map(super::time),
            outcome: ended.map(|(outcome, _)| outcome),
            sip_status: ended.and_then(|(_, sip)| sip),
        }
    }
}

impl QueueStay {
    fn of(stay: &QueueRecord) -> Self {
        Self {
            queue: stay.queue.clone(),
            entered_at: super::time(stay.entered_at),
            left_at: stay.left_at.map(super::time),
            how: stay.how.map(Into::into),
            offered: stay.offered.iter().map(|agent| agent.0.clone()).collect(),
        }
    }
}
