//! What time brings, by name.
//!
//! What is done then is in the files of the duties.

use conference::LegId;

use crate::flow::Flow;
use crate::news::{ReferId, WatchId};
use crate::transaction::{ClientId, ServerId};

/// What time brings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Alarm {
    /// The 200 of a leg is repeated.
    Resend(LegId),
    /// The ACK of a leg did not come.
    NoAck(LegId),
    /// An offer that met another is tried again.
    Retry(LegId),
    /// An INVITE that came has expired.
    Expires(LegId),
    /// A re-INVITE of ours got a provisional answer and then none.
    Patience(ClientId),
    /// A cancelled INVITE got no final answer.
    GiveUp(ClientId),
    /// A carrier's server has said nothing, and there is another.
    NextServer(ClientId),
    /// A phone has said nothing by one flow, and there is another.
    NextFlow(ClientId),
    /// A challenge that was held back after wrong passwords.
    Challenge(ServerId, bool),
    /// A contact is kept alive by one of its flows.
    KeepAlive(String, String, Flow),
    /// Registrations end.
    Bindings,
    /// A phone's registration is refreshed or tried again.
    Account(String),
    /// A registration at a trunk's carrier is refreshed or tried again.
    Enrol(String),
    /// A provisional answer of ours is repeated until its PRACK.
    Reliable(LegId),
    /// A leg's session must be refreshed, or was not.
    Session(LegId),
    /// A leg has something to say that was put off.
    Attend(LegId),
    /// A frozen leg was not thawed.
    Frozen(LegId),
    /// A REFER got no word of its owner, or its subscription ends.
    Refer(ReferId),
    /// A BYE waits no longer for the answer to the last NOTIFY.
    Farewell(LegId),
    /// A SUBSCRIBE got no word of the owner, or the watch ends.
    Watch(WatchId),
}

impl Alarm {
    /// Those of a leg, all of which end with it.
    pub(super) fn of_leg(leg: LegId) -> [Self; 8] {
        [
            Self::Resend(leg),
            Self::NoAck(leg),
            Self::Retry(leg),
            Self::Expires(leg),
            Self::Farewell(leg),
            Self::Reliable(leg),
            Self::Session(leg),
            Self::Attend(leg),
        ]
    }
}
