//! What we want of a stream when we describe it, and what a look at a peer's description shows. Plain values.

use conference::Direction;
use serde::{Deserialize, Serialize};

use super::choose::Way;

/// What *we* want of the stream. A leg of the server always talks; a softphone holds and resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Wish {
    /// `sendrecv`.
    #[default]
    Talk,
    /// `recvonly`: listen only.
    Listen,
    /// `sendonly`: hold (RFC 3264 §8.4).
    SendOnly,
    /// `inactive`: hold, both ways.
    Inactive,
    /// Address zero and `sendrecv`: hold as RFC 2543 had it.
    AddressZero,
}

impl Wish {
    pub(super) fn way(self) -> Way {
        match self {
            Wish::Talk | Wish::AddressZero => Way::SendRecv,
            Wish::Listen => Way::RecvOnly,
            Wish::SendOnly => Way::SendOnly,
            Wish::Inactive => Way::Inactive,
        }
    }
}

/// What a look at an offer shows. Nothing was agreed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What the phone asks of its leg.
    pub direction: Direction,
    /// There is a stream; `false` when its port is 0.
    pub stream: bool,
}
