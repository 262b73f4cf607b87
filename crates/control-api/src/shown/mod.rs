//! What people and programs are shown, in JSON: one type per thing, each made from the core's own.
//!
//! It holds no rule. The command line reads the same types.

/// An enum whose words are those of the core's enum of the same name, in snake case.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$word_doc])* $word),+ }

        impl From<conference::$name> for $name {
            fn from(core: conference::$name) -> Self {
                match core { $(conference::$name::$word => Self::$word),+ }
            }
        }
    };
}

mod audibility;
mod call;
mod event;
mod history;
mod people;
mod service;

pub use audibility::{Audibility, Cause, Change, Pair, Span};
pub use call::{
    ActionName, AllowedAction, Call, Direction, Facing, Leg, Participant, Phase, Quality, QueuePlace, Role, Status,
    Target, There, Transfer,
};
pub use event::{Event, EventMessage, LeftReason, OutcomeName, QueueExit, ReservationEnd, Snapshot};
pub use history::{Party, QueueStay, Record, RecordLeg, Times, TransferRecord};
pub use people::{Agent, AgentState, Availability, DirectoryEntry, Queue, Reservation, User, Waiting, Worked};
pub use service::{Health, Part, Reloaded, Session, TraceLine};

use jiff::Timestamp;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct List<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// The `cursor` of the next page; null: there is none.
    #[schema(required)]
    pub next: Option<String>,
}

/// Microseconds of Unix time as RFC 3339, in UTC.
pub(crate) fn time(at: i64) -> String {
    Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// Microseconds as seconds.
pub(crate) fn seconds(span_us: u64) -> f64 {
    std::time::Duration::from_micros(span_us).as_secs_f64()
}

/// A moment of the core as RFC 3339.
pub(crate) fn moment(epoch: i64, moment: conference::Moment) -> String {
    time(epoch.saturating_add(i64::try_from(moment.0).unwrap_or(i64::MAX)))
}
