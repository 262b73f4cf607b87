//! One scenario or more per row of "What happens when" of the warm transfer, on real sockets, one tone per person: 0 ms of Bob at the
//! customer and of the customer at Bob while it is private. Every scenario freezes and thaws each live leg in the middle.
//!
//! | row | by buttons (second line, REFER) | by keypad |
//! |---|---|---|
//! | 1 cancel while it rings | `cancels::alice_gives_up_while_bob_rings` | `cancels::alice_keys_cancel_while_bob_rings` |
//! | 2 rejected, unreachable, no answer | `not_had::*_by_refer`, `not_had::a_second_line_*` | `not_had::*_by_keypad` |
//! | 3 the target hangs up | `not_had::bob_hangs_up_mid_consult*` | `not_had::bob_hangs_up_mid_consult_by_keypad` |
//! | 4 swaps | `swaps::a_hundred_swaps_by_hold_and_resume` | `swaps::swaps_by_keypad_*` |
//! | 5 merge | (a phone's own mixing: `swaps::two_open_lines_*`) | `merges::all_three_hear_each_other` |
//! | 6 leaves after the merge | – | `merges::alice_leaves_after_the_merge` |
//! | 7 leaves mid consult | `leaving::alice_hangs_up_both_lines_mid_consult` | `leaving::alice_hangs_up_mid_consult` |
//! | 8 leaves while the target is held | `leaving::alice_hangs_up_while_she_faces_the_customer` | `leaving::*_by_keypad` |
//! | 9 leaves while it rings | `cold::*` | `cold::alice_hangs_up_while_bob_rings_by_keypad` |
//! | 10 the customer hangs up mid consult | `customer_goes::*` | `customer_goes::*_by_keypad` |
//! | 11 the customer hangs up while it rings | `customer_goes::while_bob_rings*` | `customer_goes::while_bob_rings_by_keypad` |
//! | 12, 13, 31, 32 removals | `removals::*` | – |
//! | 14 the initiator's phone dies | `dead_phones::*` (both lines, either side) | – |
//! | 17 two transfers at once | `refusals::a_second_transfer_is_refused` | – |
//! | 18 onward | `onward::bob_transfers_onward` | `onward::bob_transfers_onward_by_keypad` |
//! | 19 on hold | `refusals::whoever_is_on_hold_transfers_nobody` | – |
//! | 20 crossings | `crossings::*`, and `scenarios/races.rs` | – |
//! | 22 | `scenarios/fallback.rs` | – |
//! | 23 both held | `leaving::alice_holds_both_and_hangs_up` | – |
//! | 24 the consult call came in | `onward::bob_called_alice_and_she_joins_them` | – |
//! | 25 two customers | `two_customers::*` | – |
//! | 26 the target is in the call | `refusals::nobody_is_transferred_to_herself` | `refusals::*_by_keypad` |
//! | 27 no codec, 407, 302 | `not_had::a_target_that_*` | – |
//! | 28 swap while it rings | – | `swaps::alice_swaps_while_bob_rings` |
//! | 29 merge while it rings | – | `merges::a_merge_while_bob_rings_is_refused` |
//! | 30 crosswise re-INVITEs | `swaps::line_one_is_resumed_before_line_two_is_held` | – |
//! | 5 % loss, 40 ms jitter | `bad_wires::*` | `bad_wires::*` |
//!
//! Rows 15 and 16 are in `scenarios/queues`, every row from a program in `scenarios/by_api`; row 21 (recovery) is not built yet.

mod bad_wires;
mod cancels;
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
