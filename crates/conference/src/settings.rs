//! What the core must know of the configuration: agents, rooms, and the rules of transfers. No addresses, no secrets.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::AgentName;
use crate::input::Destination;

/// The settings of the core; replaced whole by `Command::Configure`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Settings {
    /// The agents by name.
    pub agents: BTreeMap<AgentName, AgentSettings>,
    /// Rooms with settings of their own.
    pub rooms: BTreeMap<String, RoomSettings>,
    /// The rules of transfers.
    pub transfer: TransferSettings,
}

/// What is known of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSettings {
    /// Shown to people.
    pub display_name: String,
    /// Calls others may put on the agent at once.
    pub max_calls: u32,
    /// Whether the agent may supervise.
    pub supervisor: bool,
}

/// What is known of one room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSettings {
    /// How many may be in it.
    pub max_participants: u32,
    /// Whether participants hear music until an agent is in.
    pub wait_for_agent: bool,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self { max_participants: 1000, wait_for_agent: false }
    }
}

/// The rules of transfers (`[transfer]`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferSettings {
    /// How long a target, or anybody else, is rung.
    pub ring_timeout: Duration,
    /// How long an initiator is rung again after a failed cold hand-over.
    pub recall: Duration,
    /// Where a customer goes whom nobody is left to serve; `None`: the announcement, then BYE.
    pub fallback: Option<Destination>,
    /// How long an agent or outside party on hold may be without anybody open in the call.
    pub held_alone: Duration,
    /// Whether supervisors hear consults.
    pub supervise_consults: bool,
    /// How long digits wait for the next one inside a code.
    pub code_timeout: Duration,
    /// The keypad's codes.
    pub codes: Codes,
}

/// The keypad's codes (`[transfer.codes]`); no code begins with another, but `start` and `complete` may be the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codes {
    /// Start a transfer: followed by an extension or number and `#`.
    pub start: String,
    /// Cancel it.
    pub cancel: String,
    /// Complete it.
    pub complete: String,
    /// Merge.
    pub merge: String,
    /// Swap.
    pub swap: String,
}

impl Default for Codes {
    fn default() -> Self {
        let code = str::to_owned;
        Self { start: code("*2"), cancel: code("*1"), complete: code("*2"), merge: code("*3"), swap: code("*4") }
    }
}

impl Default for TransferSettings {
    fn default() -> Self {
        Self {
            ring_timeout: Duration::from_secs(25),
            recall: Duration::from_secs(25),
            fallback: None,
            held_alone: Duration::from_secs(60),
            supervise_consults: false,
            code_timeout: Duration::from_millis(1500),
            codes: Codes::default(),
        }
    }
}
