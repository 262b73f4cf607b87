//! Names of things: calls, legs, participants, agents. They come from counters or from the edges, never from chance.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One call: one conversation, from the first INVITE until nobody is left. Shown as `c-7f3a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c-{:04x}", self.0)
    }
}

/// One leg: one SIP dialog together with its media stream. Unique in the service.
///
/// Legs that arrive are numbered by the signalling edge, legs that the core asks to ring are numbered by the core; the
/// top bit keeps the two counters apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LegId(pub u64);

impl LegId {
    const RUNG: u64 = 1 << 63;

    /// The `n`th leg that arrived from outside (numbered by the signalling edge).
    #[must_use]
    pub const fn arrived(n: u64) -> Self {
        Self(n & !Self::RUNG)
    }

    /// The `n`th leg that the core asked the signalling edge to ring.
    #[must_use]
    pub const fn rung(n: u64) -> Self {
        Self(n | Self::RUNG)
    }

    /// Whether we rang it (true) or it arrived (false).
    #[must_use]
    pub const fn is_rung(self) -> bool {
        self.0 & Self::RUNG != 0
    }
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_rung() { 'r' } else { 'a' };
        write!(f, "{kind}{}", self.0 & !Self::RUNG)
    }
}

/// One offer of a waiting call to one agent. Shown as `r-0001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReservationId(pub u64);

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r-{:04x}", self.0)
    }
}

/// One person in one call; counted within the call. Shown as `p1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ParticipantId(pub u32);

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

/// An agent's name as configured (`alice`), lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AgentName(pub String);

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One phone of an agent, as the signalling edge tells phones apart (its registration's flow); two legs of one phone are
/// two lines of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Phone(pub String);
