//! Transactions (RFC 3261 §17, RFC 6026): repeats what gets lost, absorbs what comes twice, gives up in time.
//!
//! One file per machine; each turns an input into acts and touches nothing. `table` owns the machines of one endpoint
//! and carries their acts out as outputs. Nothing here knows a dialog, a leg or a clock.

pub(crate) mod client;
pub(crate) mod invite_client;
pub(crate) mod invite_server;
pub(crate) mod key;
pub(crate) mod server;
pub(crate) mod table;
pub(crate) mod timer;

#[cfg(test)]
mod tests;

pub(crate) use table::{ClientEvent, ClientId, Out, ServerId, Transactions};
pub(crate) use timer::{Alarms, TIMEOUT, Timer};

use std::time::Duration;

/// What a machine wants done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Client: send the request (again). Server: send the last response (again).
    Send,
    /// INVITE client: send the ACK for a final response that is no 2xx.
    Ack,
    /// Tell the user what came.
    Tell,
    /// Tell the user that nothing came in time.
    TellTimeout,
    /// Tell the user that nothing could be sent.
    TellFailed,
    /// Set a timer.
    Arm(Timer, Duration),
    /// Unset a timer.
    Disarm(Timer),
    /// It is over; forget the machine.
    End,
}
