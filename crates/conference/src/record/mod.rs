//! What is kept of a call once it is over: who was in it, what was tried, how long each phase lasted, how it sounded.
//!
//! Pure: made from the core's own events. It decides nothing and writes nothing down (`store` does).

mod audibility;
mod recorder;
mod running;
mod sheet;

pub use audibility::{AudibilityChange, AudibilityHistory, AudibilitySpan, Cause};
pub use recorder::Recorder;
pub use sheet::{
    AgentTimes, AgentTotals, CallRecord, LegRecord, PartyRecord, Quality, QueueRecord, There, TransferRecord,
};
