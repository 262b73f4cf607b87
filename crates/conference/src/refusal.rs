//! Every reason for which a command can be turned down. A refusal is an answer, not an error; it changes nothing.

use serde::{Deserialize, Serialize};

/// Why a command is not done. The texts of `code` are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// No such dialog or call at all.
    CallNotFound,
    /// The call is ringing or ending.
    CallNotLive,
    /// Another transfer is under way in this call.
    TransferInProgress,
    /// Whoever asks is on hold.
    InitiatorOnHold,
    /// Whoever asks is not an agent of this call, not the initiator, or policy forbids it.
    NotAllowed,
    /// A step without a transfer; cancel or swap after the merge.
    NoTransfer,
    /// Merge, or hold or un-hold of the target, while it rings.
    TargetNotLive,
    /// No leg of the initiator is open.
    InitiatorAway,
    /// The phone mixes both its lines itself.
    BridgedByPhone,
    /// No such agent, queue or route; or Replaces names no leg of this agent; or the target is in the call already.
    TargetUnknown,
    /// No reachable phone.
    TargetUnavailable,
    /// Busy.
    TargetBusy,
    /// A limit of this call (participants, room size) is reached.
    LimitReached,
    /// No such reservation, or it is over.
    ReservationNotFound,
    /// No such participant in this call.
    ParticipantNotFound,
    /// The room is locked.
    Locked,
    /// The house lets no new calls in for now. The core never says it; whoever stands before it does.
    Draining,
}

impl Refusal {
    /// The stable code, as in Reason headers and problem documents.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::CallNotFound => "call_not_found",
            Self::CallNotLive => "call_not_live",
            Self::TransferInProgress => "transfer_in_progress",
            Self::InitiatorOnHold => "initiator_on_hold",
            Self::NotAllowed => "not_allowed",
            Self::NoTransfer => "no_transfer",
            Self::TargetNotLive => "target_not_live",
            Self::InitiatorAway => "initiator_away",
            Self::BridgedByPhone => "bridged_by_phone",
            Self::TargetUnknown => "target_unknown",
            Self::TargetUnavailable => "target_unavailable",
            Self::TargetBusy => "target_busy",
            Self::LimitReached => "limit_reached",
            Self::ReservationNotFound => "reservation_not_found",
            Self::ParticipantNotFound => "participant_not_found",
            Self::Locked => "locked",
            Self::Draining => "draining",
        }
    }
}
