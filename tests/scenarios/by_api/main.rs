//! The rows of "What happens when" of the warm transfer from a program: every step is asked of the HTTP API, on real sockets, one tone
//! per person. Alice's phone has one line and no key of it is pressed.
//!
//! | row | test |
//! |---|---|
//! | 1 cancel while it rings | `cancels::while_bob_rings` |
//! | 2 rejected, unreachable, no answer | `not_had::*` |
//! | 3 the target hangs up | `not_had::bob_hangs_up_mid_consult` |
//! | 4 swaps, 28 swap while it rings | `swaps::*` |
//! | 5, 6, 29 merge and after | `merges::*` |
//! | 7, 8, 9, 23 leaving | `leaving::*` |
//! | 10, 11 the customer hangs up | `others::the_customer_*` |
//! | 12, 13, 31, 32 removals | `removals::*` |
//! | 14, 22 a phone dies | `others::*dies*` |
//! | 17, 19, 26 refusals | `refusals::*` |
//! | 18 onward | `others::bob_transfers_onward` |
//! | 20 crossings | `others::two_programs_*` |
//! | the source page's pause buttons | `gestures::*` |
//!
//! Rows 15 and 16 are in `scenarios/queues`; 24, 25, 27 and 30 are what phones do by themselves, and 21 is not built yet.

mod cancels;
mod events;
mod gestures;
mod leaving;
mod merges;
mod not_had;
mod others;
mod refusals;
mod removals;
mod swaps;
