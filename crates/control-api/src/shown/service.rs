//! The service itself as people and programs are shown it: logins, health, SIP messages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::house;

/// A login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// For `Authorization: Bearer TOKEN`.
    pub token: String,
    /// Whose it is.
    pub name: String,
    /// Until when it is good.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Whether it can only read.
    pub read_only: bool,
    /// Whether its owner is a supervisor.
    pub supervisor: bool,
}

/// Whether calls can be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Whether calls are let in.
    pub ready: bool,
    /// Each part of the service.
    pub parts: Vec<Part>,
}

/// One part of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Part {
    /// `signalling`, `media`, `store`.
    pub name: String,
    /// What is wrong with it; null: nothing.
    #[schema(required)]
    pub trouble: Option<String>,
}

/// What reading the settings again came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// One line for each thing worth saying: what changed, and what takes a restart.
    pub notes: Vec<String>,
}

/// One SIP message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceLine {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Whether we sent it.
    pub sent: bool,
    /// `udp`, `tcp`.
    pub protocol: String,
    /// From or to where.
    pub peer: String,
    /// The call it belongs to, if that is known.
    #[schema(required)]
    pub call: Option<String>,
    /// Its Call-ID.
    pub call_id: String,
    /// The message; what is no UTF-8 is replaced.
    pub text: String,
}

impl Health {
    pub(crate) fn of(health: &house::Health) -> Self {
        let part = |(name, trouble): &(String, Option<String>)| Part { name: name.clone(), trouble: trouble.clone() };
        Self { ready: health.ready, parts: health.parts.iter().map(part).collect() }
    }
}

impl TraceLine {
    pub(crate) fn of(traced: &house::Traced) -> Self {
        Self {
            at: super::time(traced.at),
            sent: traced.sent,
            protocol: traced.protocol.to_owned(),
            peer: traced.peer.clone(),
            call: traced.call.map(|call| call.to_string()),
            call_id: traced.call_id.clone(),
            text: String::from_utf8_lossy(&traced.text).into_owned(),
        }
    }
}
