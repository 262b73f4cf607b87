//! One scenario or more per row of "What happens when" of the warm transfer, on real sockets, one tone per person: 0 ms of Bob at the
//! customer and of the customer at Bob while it is private. Every scenario freezes and thaws each live leg in the middle.
//!
//! Here a phone's own buttons (second line, REFER) and the keypad of a phone with one line; from a program in `scenarios/by_api`.
//! Which scenario plays which row from which surface stands in `tests/rows.md`. `bad_wires` is all of it at 5 % loss and 40 ms jitter,
//! `codecs` a transfer with every pair of codecs.

mod bad_wires;
mod cancels;
mod codecs;
mod cold;
mod crossings;
mod customer_goes;
mod dead_phones;
mod leaving;
mod merges;
mod not_had;
mod onward;
mod refusals;
mod removals;
mod swaps;
mod two_customers;
