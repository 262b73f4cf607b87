//! How much there is of everything: for gauges, and for tests that look for what was left behind.

use super::{Stack, User};

/// How much there is of everything: zero, listeners apart, when all calls and registrations have ended and their timers
/// have run out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Legs, frozen ones included.
    pub legs: usize,
    /// Dialogs, early ones included.
    pub dialogs: usize,
    /// Transactions of both sides.
    pub transactions: usize,
    /// INVITEs of ours that may still be answered.
    pub branches: usize,
    /// INVITEs and BYEs of ours that have no final answer yet, and registrations at carriers that are being taken back.
    pub unanswered: usize,
    /// REFERs that wait for their answer or whose subscriptions live, both ways; watches.
    pub subscriptions: usize,
    /// Timers.
    pub timers: usize,
    /// Contacts of agents.
    pub registrations: usize,
    /// Open connections (TCP).
    pub flows: usize,
    /// Wishes that were lost because the endpoint could not keep up, since the start.
    pub lost_wishes: u64,
    /// Requests dropped without a word because of their User-Agent, since the start.
    pub dropped: u64,
}

impl Stack {
    /// How much there is; flows and lost wishes are the endpoint's to fill in.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            legs: self.legs.len() + self.frozen.len(),
            dialogs: self.dialogs.len(),
            transactions: self.transactions.len(),
            branches: self.branches.len() + self.pending.len() + self.waiting.len(),
            unanswered: self.branches.values().filter(|branch| !branch.closed).count()
                + self.pending.values().filter(|pending| matches!(pending.user, User::Bye(_))).count()
                + self.enrolments.values().filter(|enrolment| enrolment.is_leaving()).count(),
            subscriptions: self.refers.all.len()
                + self.referring.values().map(Vec::len).sum::<usize>()
                + self.watches.all.len(),
            timers: self.transactions.timers() + self.alarms.len(),
            registrations: self.registrar.iter().count(),
            flows: 0,
            lost_wishes: 0,
            dropped: self.dropped,
        }
    }
}
