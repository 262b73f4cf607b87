//! The words of labels.

use conference::{AgentState, Outcome, Phase, QueueExit, ReservationEnd, Status};
use media_mixer::DropReason;

pub(super) const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Joined => "joined",
        Outcome::Cancelled => "cancelled",
        Outcome::Rejected(_) => "rejected",
        Outcome::NoAnswer => "no_answer",
        Outcome::Unreachable(_) => "unreachable",
        Outcome::TargetGone => "target_gone",
        Outcome::CustomerGone => "customer_gone",
        Outcome::QueueTimeout => "queue_timeout",
        Outcome::CallEnded => "call_ended",
    }
}

pub(super) const fn reservation(how: ReservationEnd) -> &'static str {
    match how {
        ReservationEnd::Answered => "answered",
        ReservationEnd::Rejected => "rejected",
        ReservationEnd::Expired => "expired",
        ReservationEnd::Elsewhere => "elsewhere",
        ReservationEnd::Withdrawn => "withdrawn",
        ReservationEnd::Unreachable => "unreachable",
    }
}

pub(super) const fn exit(how: QueueExit) -> &'static str {
    match how {
        QueueExit::Answered => "answered",
        QueueExit::Abandoned => "abandoned",
        QueueExit::Cancelled => "cancelled",
        QueueExit::TimedOut => "timed_out",
        QueueExit::Full => "full",
        QueueExit::Closed => "closed",
        QueueExit::Empty => "empty",
    }
}

pub(super) const STATUSES: [Status; 5] = [Status::Queued, Status::Calling, Status::Ringing, Status::Live, Status::Held];

pub(super) const fn status(status: Status) -> &'static str {
    match status {
        Status::Queued => "queued",
        Status::Calling => "calling",
        Status::Ringing => "ringing",
        Status::Live => "live",
        Status::Held => "held",
    }
}

pub(super) const STATES: [AgentState; 6] = [
    AgentState::Offline,
    AgentState::Ready,
    AgentState::Paused,
    AgentState::WrapUp,
    AgentState::Reserved,
    AgentState::OnCall,
];

pub(super) const fn state(state: AgentState) -> &'static str {
    match state {
        AgentState::Offline => "offline",
        AgentState::Ready => "ready",
        AgentState::Paused => "paused",
        AgentState::WrapUp => "wrap_up",
        AgentState::Reserved => "reserved",
        AgentState::OnCall => "on_call",
    }
}

pub(super) const PHASES: [Phase; 3] = [Phase::Calling, Phase::Private, Phase::Merged];

pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Calling => "calling",
        Phase::Private => "private",
        Phase::Merged => "merged",
    }
}

pub(super) const fn drop(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Unsound => "unsound",
        DropReason::PayloadType => "payload_type",
        DropReason::NotAgreed => "not_agreed",
        DropReason::NotSdp => "not_sdp",
        DropReason::Stranger => "stranger",
        DropReason::Locked => "locked",
        DropReason::Outranked => "outranked",
        DropReason::UnsoundRtcp => "unsound_rtcp",
        DropReason::Unheard => "unheard",
        DropReason::Unplayable => "unplayable",
        DropReason::Unproved => "unproved",
        DropReason::Replayed => "replayed",
    }
}
