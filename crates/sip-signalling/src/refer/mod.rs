//! REFERs as values: what one asks, how far its subscription is, what a NOTIFY says. Sends nothing; knows no leg's life.
//!
//! ```text
//!   Waiting ──(AcceptRefer)──> Active ──(last NOTIFY answered, refused or lost)──> gone
//!      └──(RefuseRefer, no word of the owner)──> gone
//! ```

mod asked;
pub(crate) mod sipfrag;
mod subscription;

pub(crate) use asked::{Asked, Named, Target, leg_of};
pub(crate) use subscription::{Alone, At, End, Heard, Refers, Subscription, Word};

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// REFERs of one dialog, or of one agent outside dialogs, that wait or whose subscriptions live.
pub(crate) const MOST_AT_ONE_PLACE: usize = 8;
/// The same of everybody.
pub(crate) const MOST: usize = 10_000;
/// Words that wait while a NOTIFY is unanswered; beyond, newer take the place of older.
pub(crate) const MOST_WORDS: usize = 8;
/// REFERs of a phone of ours in one dialog whose end was not told yet.
pub(crate) const MOST_REFERRING: usize = 16;
/// How long the owner may think about a REFER. Well below the 32 s of its transaction (RFC 3261 §17.1.2.2).
pub(crate) const OWNER: Duration = Duration::from_secs(10);
/// How long a subscription lives unless it is refreshed.
pub(crate) const LIFE: Duration = Duration::from_secs(600);
/// How long a BYE of ours waits for the answer to the last NOTIFY.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);
/// How often a NOTIFY is sent again that met another request on its way (500, 491, 503).
pub(crate) const AGAIN: u8 = 2;
/// The event package (RFC 3515 §3).
pub(crate) const EVENT: &str = "refer";

/// A REFER of a phone of ours whose end was not told yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Referring {
    /// Its CSeq number, which NOTIFYs may name.
    pub(crate) number: u32,
}
