//! The rows of "What happens when" of the warm transfer from a program: every step is asked of the HTTP API, on real sockets, one tone
//! per person. Alice's phone has one line and no key of it is pressed.
//!
//! Which scenario plays which row stands in `tests/rows.md`; `gestures` are the source page's pause and hang-up buttons, literally,
//! `events` what is told meanwhile.

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
mod two_customers;
