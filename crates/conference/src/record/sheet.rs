//! The record of one call, as it is stored and shown. All times are microseconds of Unix time, all spans microseconds of
//! the monotonic clock, so that a clock that is set right does not change them.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentName, CallId, LegId, ParticipantId};
use crate::input::Destination;
use crate::output::{Left, Outcome, QueueExit, Role};

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Its id.
    pub call: CallId,
    /// The room's name, if it was one.
    pub room: Option<String>,
    /// The room before whose door somebody stood, if it was that; `queued_us` is the time there.
    #[serde(default)]
    pub door: Option<String>,
    /// When it began.
    pub started_at: i64,
    /// When it ended; `None`: it goes on.
    pub ended_at: Option<i64>,
    /// The call it became part of, if it did.
    pub joined_into: Option<CallId>,
    /// Everybody who was in it, in the order in which they joined.
    pub parties: Vec<PartyRecord>,
    /// Its transfers, oldest first.
    pub transfers: Vec<TransferRecord>,
    /// The queues it waited in, oldest first.
    pub queues: Vec<QueueRecord>,
    /// Parties, transfers and waits before these that are not kept any more; zero but for rooms that never close.
    #[serde(default)]
    pub forgotten: u64,
}

impl CallRecord {
    /// Notes how a leg sounded, when that becomes known after the call's end. False: the leg is nobody's here.
    pub fn set_quality(&mut self, leg: LegId, quality: Quality) -> bool {
        let own = self.parties.iter_mut().flat_map(|party| &mut party.legs).find(|own| own.leg == leg);
        own.map(|own| own.quality = Some(quality)).is_some()
    }
}

/// Somebody in a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartyRecord {
    /// Their id in the call.
    pub who: ParticipantId,
    /// Their role.
    pub role: Role,
    /// The agent, if it was one.
    pub agent: Option<AgentName>,
    /// The name or number shown.
    pub name: String,
    /// When they joined (were called, or arrived).
    pub joined_at: i64,
    /// When they first were live, if ever.
    pub answered_at: Option<i64>,
    /// When they left; `None`: they are in.
    pub left_at: Option<i64>,
    /// Why.
    pub why: Option<Left>,
    /// How long they rang, talked, were on hold, and waited in a queue.
    pub times: AgentTimes,
    /// Their legs.
    pub legs: Vec<LegRecord>,
}

/// How long each phase lasted for one party, in microseconds. The phases do not overlap; their sum is the time in the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentTimes {
    /// Called and ringing.
    pub ring_us: u64,
    /// Waiting in a queue, or before the door of a room.
    pub queued_us: u64,
    /// Live, outside any private consult; an initiator who has swapped to the customer as well.
    pub talk_us: u64,
    /// On hold; or live and facing nobody, because everybody else is on hold.
    pub hold_us: u64,
    /// In a private consult, as its target, or as its initiator who faces the target or waits for its answer.
    pub consult_us: u64,
}

impl AgentTimes {
    /// All of it.
    #[must_use]
    pub const fn sum_us(&self) -> u64 {
        self.ring_us + self.queued_us + self.talk_us + self.hold_us + self.consult_us
    }
}

/// What an agent did over all calls, in microseconds; one of the phases of [`AgentTimes`] per call and instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentTotals {
    /// Calls in which they were live.
    pub calls: u64,
    /// In calls, phase by phase.
    pub times: AgentTimes,
    /// In wrap-up.
    pub wrap_up_us: u64,
}

/// One leg of a party.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegRecord {
    /// Its id.
    pub leg: LegId,
    /// How it sounded.
    pub quality: Option<Quality>,
}

/// How a leg sounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Packets that came.
    pub received: u64,
    /// Packets that were lost on the way to us.
    pub lost: u64,
    /// Packets that came too late to be played.
    #[serde(default)]
    pub discarded: u64,
    /// Interarrival jitter, in milliseconds.
    pub jitter_ms: f32,
    /// Round trip by RTCP, in milliseconds, once it is known.
    pub round_trip_ms: Option<f32>,
    /// From the phone's mouth to the ears here, in milliseconds: half the round trip, one packet, and the wait in the jitter buffer.
    #[serde(default)]
    pub delay_ms: Option<f32>,
    /// Estimated mean opinion score, 1 to 4.5 (ITU-T G.107).
    pub mos: Option<f32>,
    /// How our sound arrives there, as far as the phone tells.
    #[serde(default)]
    pub there: Option<There>,
    /// The codec in which it was sent to, by its name in SDP.
    #[serde(default)]
    pub codec: Option<String>,
    /// The SRTP suite by which its media was encrypted; `None`: it was not.
    #[serde(default)]
    pub encryption: Option<String>,
}

/// How our sound arrives at a phone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct There {
    /// Lost on the way, in a hundred.
    pub loss_percent: f32,
    /// Interarrival jitter there, in milliseconds.
    pub jitter_ms: f32,
    /// The phone's own estimate (RFC 3611 §4.7.5), if it makes one.
    pub mos: Option<f32>,
}

/// One transfer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferRecord {
    /// The initiator.
    pub by: ParticipantId,
    /// The target.
    pub target: ParticipantId,
    /// Whom the target was asked as.
    pub to: Destination,
    /// When it began.
    pub started_at: i64,
    /// When the target answered, if it did.
    pub answered_at: Option<i64>,
    /// When it was merged, if it was.
    pub merged_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// How it came out.
    pub outcome: Option<Outcome>,
}

/// One wait in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueRecord {
    /// The queue.
    pub queue: String,
    /// When the call entered it.
    pub entered_at: i64,
    /// When it left.
    pub left_at: Option<i64>,
    /// How.
    pub how: Option<QueueExit>,
    /// To whom it was offered, in that order.
    pub offered: Vec<AgentName>,
}
