//! The rows 17 to 32 of "What happens when…" that concern the core, one sentence each; the earlier ones are in `rows`.
//!
//! Initiators have one line here; those with two are in `two_lines`, the refusal table is in `refusals`.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;

use conference::{Command, Cue, Direction, Ears, Effect, Ending, Outcome, Refusal, Report, Role};
use house::{House, agent, outside};

/// Whom a fallback reaches in these tests.
fn house_with_fallback() -> House {
    let mut settings = house::settings();
    settings.transfer.fallback = Some(agent("carol"));
    House::at_desks(settings)
}

#[test]
fn row_17_a_second_transfer_in_one_call_is_refused_and_the_first_goes_on() {
    let mut house = House::new();
    let (a, _, b) = house.ringing_consult();
    assert_eq!(house.starts(a, agent("carol")).unwrap_err(), Refusal::TransferInProgress);
    house.answers(b);
    assert_eq!(house.starts(b, agent("carol")).unwrap_err(), Refusal::TransferInProgress);
    assert!(house.talk(a, b));
}

#[test]
fn row_18_the_colleague_transfers_onward_after_completion() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.completes(a).unwrap();
    assert!(house.hung_up(a) && house.talk(b, c));
    house.starts(b, agent("carol")).unwrap();
    let d = house.rung();
    house.answers(d);
    assert!(house.talk(b, d) && house.apart(c, d) && house.apart(b, c));
    house.completes(b).unwrap();
    assert!(house.talk(c, d));
    assert_eq!(house.outcomes(), [Outcome::Completed, Outcome::Completed]);
}

#[test]
fn row_19_an_agent_on_hold_cannot_transfer() {
    let mut house = House::new();
    let (a, _, b) = house.consult();
    house.merges(a).unwrap();
    house.holds(b, a).unwrap();
    assert_eq!(house.starts(a, agent("carol")).unwrap_err(), Refusal::InitiatorOnHold);
    assert_eq!(house.unholds(a, a).unwrap_err(), Refusal::InitiatorOnHold);
}

#[test]
fn row_20_a_cancel_and_a_200_that_cross_leave_no_leg_behind() {
    let mut house = House::new();
    let (a, c, b) = house.ringing_consult();
    house.cancels(a).unwrap();
    house.answers(b);
    assert!(house.hung_up(b) && house.talk(a, c));
}

#[test]
fn row_20_the_early_bye_of_a_blind_transfer_never_aborts_it() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.starts(a, agent("bob")).unwrap();
    house.ends(a, Ending::Bye);
    house.answers(house.rung());
    assert!(house.talk(house.rung(), c));
}

#[test]
fn row_22_a_dead_agent_of_a_held_customer_is_the_fallback_never_endless_music() {
    let mut house = house_with_fallback();
    let (a, c) = house.call_with_customer();
    house.holds(a, c).unwrap();
    house.report(Report::Silent { leg: a });
    assert!(house.is_gone(a));
    house.answers(house.rung());
    assert!(house.talk(house.rung(), c));

    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.ends(a, Ending::Dead);
    assert_eq!(house.ears(c), Ears::Announcement);
    house.wait(5);
    assert!(house.hung_up(c));
    house.is_over();
}

#[test]
fn row_22_the_fallback_may_be_a_number() {
    let mut settings = house::settings();
    settings.transfer.fallback = Some(outside("+4999"));
    let mut house = House::at_desks(settings);
    let (a, c) = house.call_with_customer();
    house.ends(a, Ending::Dead);
    house.answers(house.rung());
    assert!(house.talk(house.rung(), c));
    house.ends(house.rung(), Ending::Bye);
    assert!(house.hung_up(c));
    house.is_over();
}

#[test]
fn row_23_both_held_then_the_agent_leaves() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.holds(a, c).unwrap();
    house.holds(a, b).unwrap();
    house.ends(a, Ending::Bye);
    assert_eq!(house.ears(c), Ears::HoldMusic);
    house.unholds(b, b).unwrap();
    assert!(house.talk(b, c));
}

#[test]
fn row_24_the_colleagues_own_call_is_joined_with_the_customers() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    house.offers(a1, Direction::Away);
    let b = house.dials("bob", agent("alice"));
    let a2 = house.rung();
    house.answers(a2);
    assert!(house.talk(a2, b));
    let older = house.call_of(a1);
    house.command(Command::Join { by: a1, named: a2 }).unwrap();
    assert!(house.hung_up(a1) && house.hung_up(a2) && house.talk(b, c));
    assert_eq!(house.call_of(b), older);
    assert_eq!(house.board.calls().count(), 1);
    assert_eq!(house.outcomes(), [Outcome::Completed]);
    house.command(Command::Join { by: a1, named: a2 }).unwrap();
    assert!(house.talk(b, c), "a repeat is absorbed");
}

#[test]
fn row_24_an_outside_number_of_ones_own_is_joined_by_naming_both() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    house.offers(a1, Direction::Away);
    let a2 = house.dials("alice", outside("+4977"));
    let x = house.rung();
    house.answers(x);
    assert!(house.call_of(a1) != house.call_of(a2) && house.talk(a2, x));
    house.command(Command::Join { by: a2, named: a1 }).unwrap();
    assert!(house.talk(x, c));
    let call = house.board.call(house.call_of(c)).unwrap();
    assert_eq!(call.participant(house.who(x)).unwrap().role, Role::Outside);
}

#[test]
fn a_ringing_outside_number_is_handed_the_customer_at_its_answer() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    house.offers(a1, Direction::Away);
    let a2 = house.dials("alice", outside("+4977"));
    let x = house.rung();
    house.ringing(x);
    house.command(Command::Join { by: a1, named: a2 }).unwrap();
    assert!(house.did(&Effect::Reject { leg: a2, status: 487, refusal: None }));
    assert_eq!(house.ears(c), Ears::Ringback);
    house.answers(x);
    assert!(house.talk(x, c));
    assert_eq!(house.outcomes(), [Outcome::Completed]);
}

#[test]
fn row_25_two_customers_of_one_agent_never_hear_each_other() {
    for how in [Ending::Bye, Ending::Dead] {
        let mut house = house_with_fallback();
        let (a1, held) = house.call_with_customer();
        house.offers(a1, Direction::Away);
        let talking = house.customer_dials("+4931", agent("alice"));
        let a2 = house.rung();
        house.answers(a2);
        house.ends(a2, how);
        if how == Ending::Bye {
            assert!(house.hung_up(talking));
        } else {
            assert!(house.did(&Effect::Probe { leg: a1 }), "the other line of the phone is asked at once");
            assert!(!house.is_gone(talking));
        }
        house.ends(a1, how);
        assert!(!house.is_gone(held));
        assert!(house.apart(held, talking));
    }
}

#[test]
fn row_25_an_outside_party_whom_nobody_asked_to_join_is_never_joined_by_a_hang_up() {
    let mut house = house_with_fallback();
    let (a1, c) = house.call_with_customer();
    house.offers(a1, Direction::Away);
    let a2 = house.dials("alice", outside("+4977"));
    let x = house.rung();
    house.answers(x);
    house.ends(a1, Ending::Bye);
    house.ends(a2, Ending::Bye);
    assert!(house.hung_up(x) && !house.is_gone(c));
}

#[test]
fn row_26_oneself_or_somebody_in_the_call_is_no_target() {
    let mut house = House::new();
    let (a, _, b) = house.consult();
    house.merges(a).unwrap();
    for name in ["alice", "bob", "nobody"] {
        assert_eq!(house.starts(b, agent(name)).unwrap_err(), Refusal::TargetUnknown);
    }
}

#[test]
fn row_27_what_is_of_technical_interest_only_is_unreachable() {
    for status in [488, 407, 302] {
        let mut house = House::new();
        let (a, c, b) = house.ringing_consult();
        house.fails(b, status);
        assert_eq!(house.outcomes(), [Outcome::Unreachable(503)]);
        assert!(house.talk(a, c));
    }
}

#[test]
fn row_28_a_swap_while_the_target_rings_lets_the_agent_talk_to_the_customer() {
    let mut house = House::new();
    let (a, c, b) = house.ringing_consult();
    house.swaps(a).unwrap();
    assert!(house.talk(a, c));
    house.answers(b);
    assert!(house.did(&Effect::Cue { leg: a, cue: Cue::Notice }));
    assert_eq!(house.ears(b), Ears::HoldMusic);
    assert!(house.talk(a, c) && house.apart(b, c) && house.apart(a, b));
}

#[test]
fn row_29_a_ringing_target_is_not_merged() {
    let mut house = House::new();
    let (a, _, b) = house.ringing_consult();
    assert_eq!(house.merges(a).unwrap_err(), Refusal::TargetNotLive);
    assert_eq!(house.holds(a, b).unwrap_err(), Refusal::TargetNotLive);
}

#[test]
fn row_31_the_agent_removes_the_customer_and_goes_on_with_the_colleague() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.removes(a, c).unwrap();
    assert!(house.hung_up(c) && house.talk(a, b));
    assert_eq!(house.outcomes(), [Outcome::CustomerGone]);
}

#[test]
fn row_32_any_agent_removes_any_other_a_customer_nobody() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.merges(a).unwrap();
    assert_eq!(house.removes(c, a).unwrap_err(), Refusal::NotAllowed);
    house.removes(b, c).unwrap();
    assert!(house.talk(a, b));
    house.removes(b, b).unwrap();
    assert!(house.hung_up(a));
    house.is_over();
}
