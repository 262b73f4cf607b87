//! Decides, from commands and reports, who is in a call, who hears whom, and what must be done next.
//!
//! Pure: no socket, no clock, no task, no log. Time comes in as a [`Moment`], ids come from counters, maps are
//! ordered: the same inputs give the same outputs.

mod agent;
mod audibility;
mod books;
mod conference;
mod consult;
mod event;
mod floor;
mod ids;
mod input;
mod keypad;
mod mask;
mod moment;
#[cfg(feature = "break")]
pub mod mutants;
#[cfg(not(feature = "break"))]
mod mutants;
mod output;
mod participant;
mod pins;
mod queue;
mod reaction;
pub mod record;
mod refusal;
mod reservation;
mod settings;
mod switchboard;

pub use ids::{AgentName, CallId, LegId, ParticipantId, Phone, ReservationId};
pub use input::{
    Asker, Availability, Caller, Command, Destination, Direction, Ending, Key, Report, Service, SuperviseMode,
};
pub use mask::{ChangeSet, Ears, LegMask, Place, Supervision};
pub use moment::Moment;
pub use output::{
    AgentState, Cue, Effect, Event, Identity, Left, Outcome, Output, Phase, QueueExit, ReservationEnd, Role, Status,
};
pub use refusal::Refusal;
pub use settings::{AgentSettings, Codes, QueueSettings, RoomSettings, Settings, Strategy, TransferSettings};
pub use switchboard::{
    Action, AgentView, Allowed, CallView, LegView, ParticipantView, QueueView, ReservationView, Switchboard,
    TransferView,
};
