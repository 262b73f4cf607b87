//! What the core must know of the configuration: agents, rooms, and the rules of transfers. No addresses, no secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::AgentName;
use crate::input::Destination;

/// The settings of the core; replaced whole by `Command::Configure`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Settings {
    /// The agents by name.
    pub agents: BTreeMap<AgentName, AgentSettings>,
    /// The queues by name.
    pub queues: BTreeMap<String, QueueSettings>,
    /// Rooms with settings of their own.
    pub rooms: BTreeMap<String, RoomSettings>,
    /// The rules of transfers.
    pub transfer: TransferSettings,
}

/// What is known of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSettings {
    /// Shown to people.
    pub display_name: String,
    /// Calls others may put on the agent at once.
    pub max_calls: u32,
    /// Whether the agent may supervise.
    pub supervisor: bool,
    /// The queues they serve.
    pub queues: BTreeSet<String>,
    /// What they can, and how well (1 to 10).
    pub skills: BTreeMap<String, u8>,
}

/// Whom of the ready agents a queue offers a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Strategy {
    /// Whoever has been without a call longest.
    #[default]
    LongestIdle,
    /// Each in turn, by name, after whoever was offered one last.
    RoundRobin,
    /// All at once; the first answer wins.
    RingAll,
    /// Those who have every skill the queue asks for; of them the most skilled, then the longest idle.
    Skills,
}

/// What is known of one queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueSettings {
    /// Whom it offers a call.
    pub strategy: Strategy,
    /// How long one agent is offered a call.
    pub ring_timeout: Duration,
    /// How long an agent is in wrap-up after a call of this queue; zero: not at all.
    pub wrap_up: Duration,
    /// Calls that may wait; one more goes to `overflow`.
    pub max_length: u32,
    /// How long a call may wait before it goes to `overflow`; zero: for ever.
    pub max_wait: Duration,
    /// Where calls go that may not wait here (full, closed, too long, nobody there); `None`: the announcement, then BYE.
    pub overflow: Option<Destination>,
    /// Whether a call waits while no agent of the queue has a phone registered (else: `overflow`).
    pub wait_when_empty: bool,
    /// How often callers are told their position; zero: never.
    pub position_every: Duration,
    /// An agent of several queues takes the call of the highest priority first.
    pub priority: u8,
    /// What an agent must be able to do, and how well, for `Strategy::Skills`.
    pub skills: BTreeMap<String, u8>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            strategy: Strategy::LongestIdle,
            ring_timeout: Duration::from_secs(15),
            wrap_up: Duration::ZERO,
            max_length: 1000,
            max_wait: Duration::ZERO,
            overflow: None,
            wait_when_empty: true,
            position_every: Duration::from_secs(30),
            priority: 0,
            skills: BTreeMap::new(),
        }
    }
}

/// What is known of one room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSettings {
    /// How many may be in it.
    pub max_participants: u32,
    /// Whether participants hear music until an agent is in.
    pub wait_for_agent: bool,
    /// The digits to be typed at the door; empty: it is open.
    pub pin: String,
    /// Whether a short tone tells those inside that somebody came or went.
    pub tones: bool,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self { max_participants: 1000, wait_for_agent: false, pin: String::new(), tones: true }
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
