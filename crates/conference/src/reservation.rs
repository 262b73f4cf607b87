//! One offer of a waiting call to one agent, for a limited time.
//!
//! It does not say who is offered what (`queue`); the leg that is rung for it belongs to the call.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentName, CallId, ParticipantId, ReservationId};
use crate::moment::Moment;
use crate::output::ReservationEnd;
use crate::queue::Ticket;

/// An offer that is out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reservation {
    pub(crate) id: ReservationId,
    pub(crate) agent: AgentName,
    pub(crate) queue: String,
    pub(crate) ticket: Ticket,
    pub(crate) call: CallId,
    /// The participant who will be the agent.
    pub(crate) who: ParticipantId,
    /// When it ends.
    pub(crate) until: Moment,
    /// Whether the agent said yes by command.
    pub(crate) accepted: bool,
}

/// How an offer ended whose phone could not be had; by its SIP status.
pub(crate) fn ended_by(status: u16) -> ReservationEnd {
    match status {
        408 | 487 => ReservationEnd::Expired,
        486 | 600 | 603 => ReservationEnd::Rejected,
        _ => ReservationEnd::Unreachable,
    }
}

/// Whether whoever was offered the call did not take it, and is passed over for it while others are to be had.
pub(crate) fn is_missed(how: ReservationEnd) -> bool {
    match how {
        ReservationEnd::Rejected
        | ReservationEnd::Expired
        | ReservationEnd::Withdrawn
        | ReservationEnd::Unreachable => true,
        ReservationEnd::Answered | ReservationEnd::Elsewhere => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_how_an_offer_ended() {
        assert_eq!(ended_by(486), ReservationEnd::Rejected);
        assert_eq!(ended_by(603), ReservationEnd::Rejected);
        assert_eq!(ended_by(408), ReservationEnd::Expired);
        assert_eq!(ended_by(480), ReservationEnd::Unreachable);
        assert_eq!(ended_by(503), ReservationEnd::Unreachable);
    }

    #[test]
    fn only_who_did_not_take_the_call_is_passed_over_for_it() {
        assert!(is_missed(ReservationEnd::Expired) && is_missed(ReservationEnd::Rejected));
        assert!(!is_missed(ReservationEnd::Elsewhere) && !is_missed(ReservationEnd::Answered));
    }
}
