//! Decides, from commands and reports, who is in a call, who hears whom, and what must be done next.
//!
//! Pure: no socket, no clock, no task, no log. Time comes in as a [`Moment`], ids come from counters, maps are
//! ordered: the same inputs give the same outputs.

mod ids;
mod input;
mod mask;
mod moment;
mod output;
mod refusal;
mod settings;

pub use ids::{AgentName, CallId, LegId, ParticipantId, Phone};
pub use input::{Asker, Caller, Command, Destination, Direction, Ending, Report, Service, SuperviseMode};
pub use mask::{ChangeSet, Ears, LegMask, Place, Supervision};
pub use moment::Moment;
pub use output::{Cue, Effect, Event, Identity, Left, Outcome, Output, Phase, Role, Status};
pub use refusal::Refusal;
pub use settings::{AgentSettings, RoomSettings, Settings, TransferSettings};
