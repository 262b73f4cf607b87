//! The transfer from a phone with two lines: implied consults, swaps by hold and resume, hang-ups in every order.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;

use std::time::Duration;

use conference::{Command, Cue, Destination, Direction, Ears, Effect, Ending, Event, Outcome, Refusal, Report, Status};
use house::{House, agent};

#[test]
fn two_lines_the_second_call_to_a_colleague_is_the_consult_and_the_first_goes_away_at_once() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    let a2 = house.dials("alice", agent("bob"));
    assert_eq!(house.call_of(a1), house.call_of(a2));
    assert_eq!(house.ears(c), Ears::HoldMusic);
    let b = house.rung();
    house.answers(b);
    assert!(house.did(&Effect::Answer { leg: a2 }));
    assert!(house.talk(a2, b) && house.apart(a1, c) && house.apart(b, c));
}

#[test]
fn two_lines_hold_and_resume_is_the_swap_in_either_order() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.offers(a2, Direction::Away);
    house.offers(a1, Direction::Both);
    assert!(house.talk(a1, c) && house.apart(a2, b) && house.apart(b, c));
    assert_eq!(house.status(b), Status::Held);
    // Row 30: the other order.
    house.offers(a2, Direction::Both);
    assert!(house.saw(|event| matches!(event, Event::BridgedByPhone { bridged: true, .. })));
    assert!(house.apart(b, c), "the server mixes nothing");
    assert_eq!(house.swaps(a1).unwrap_err(), Refusal::BridgedByPhone);
    assert_eq!(house.merges(a1).unwrap_err(), Refusal::BridgedByPhone);
    house.offers(a1, Direction::Away);
    assert!(house.talk(a2, b) && house.apart(a1, c) && house.apart(b, c));
}

#[test]
fn two_lines_a_swap_by_command_turns_both_lines() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.swaps(a2).unwrap();
    assert!(house.talk(a2, c) && house.apart(a2, b));
    house.offers(a2, Direction::Away);
    house.offers(a1, Direction::Both);
    assert!(house.talk(a1, b) && house.apart(a1, c) && house.apart(b, c));
}

#[test]
fn two_lines_refer_with_replaces_completes_on_either_dialog() {
    for swapped in [false, true] {
        let mut house = House::new();
        let (a1, a2, c, b) = house.consult_on_two_lines();
        let (by, named) = if swapped { (a2, a1) } else { (a1, a2) };
        house.command(Command::Join { by, named }).unwrap();
        assert!(house.talk(b, c) && house.hung_up(a1) && house.hung_up(a2));
        assert!(house.did(&Effect::NotifyReferrer { leg: by, status: 200, last: true }));
        assert_eq!(house.outcomes(), [Outcome::Completed]);
    }
}

#[test]
fn two_lines_refer_with_replaces_while_the_target_rings_is_a_cold_hand_over() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    let a2 = house.dials("alice", agent("bob"));
    let b = house.rung();
    house.ringing(b);
    assert!(house.did(&Effect::Progress { leg: a2 }));
    house.command(Command::Join { by: a1, named: a2 }).unwrap();
    assert_eq!(house.ears(c), Ears::Ringback);
    house.answers(b);
    assert!(house.talk(b, c));
}

#[test]
fn two_lines_a_bye_just_before_the_refer_never_aborts_it() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.ends(a1, Ending::Bye);
    house.command(Command::Join { by: a2, named: a1 }).unwrap();
    assert!(house.talk(b, c));
}

#[test]
fn two_lines_a_failed_target_ends_the_line_that_faced_it() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    let a2 = house.dials("alice", agent("bob"));
    house.fails(house.rung(), 486);
    assert!(house.did(&Effect::Reject { leg: a2, status: 486, refusal: None }));
    assert!(house.talk(a1, c), "an away that was only assumed ends with the second line");
    assert_eq!(house.heard(a1), [Cue::Failure], "and the line that is back hears why");
    assert_eq!(house.changes(), 1, "all in one change of the masks");

    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.ends(b, Ending::Bye);
    assert!(house.hung_up(a2));
    assert_eq!(house.ears(c), Ears::HoldMusic);
    house.offers(a1, Direction::Both);
    assert!(house.talk(a1, c));
}

#[test]
fn two_lines_a_bye_on_the_consult_is_the_cancel_half_a_second_later() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.ends(a2, Ending::Bye);
    assert!(house.apart(a1, c) && house.apart(b, c) && !house.is_gone(b));
    house.wait_for(Duration::from_millis(499));
    assert!(!house.is_gone(b));
    house.wait_for(Duration::from_millis(1));
    assert!(house.hung_up(b));
    assert_eq!(house.outcomes(), [Outcome::Cancelled]);
    house.offers(a1, Direction::Both);
    assert!(house.talk(a1, c));
}

#[test]
fn two_lines_a_bye_on_the_customers_line_releases_the_customer() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.ends(a1, Ending::Bye);
    house.wait_for(Duration::from_millis(500));
    assert!(house.hung_up(c) && house.talk(a2, b));
    assert_eq!(house.outcomes(), [Outcome::CustomerGone]);
}

#[test]
fn two_lines_a_bye_on_both_joins_customer_and_colleague() {
    for order in [true, false] {
        let mut house = House::new();
        let (a1, a2, c, b) = house.consult_on_two_lines();
        let (first, second) = if order { (a1, a2) } else { (a2, a1) };
        house.ends(first, Ending::Bye);
        house.wait_for(Duration::from_millis(300));
        house.ends(second, Ending::Bye);
        assert!(house.talk(b, c), "judged by the state before the first of the two ended");
        assert_eq!(house.outcomes(), [Outcome::Completed]);
    }
}

#[test]
fn two_lines_a_cancel_of_the_second_invite_is_the_cancel_at_once() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    let a2 = house.dials("alice", agent("bob"));
    let b = house.rung();
    house.ends(a2, Ending::Cancelled);
    assert!(house.hung_up(b) && house.talk(a1, c));
    assert_eq!(house.outcomes(), [Outcome::Cancelled]);
}

/// The CANCEL crossed the 200 that was on its way out: to the core the second leg is answered already.
#[test]
fn two_lines_a_cancel_that_crosses_the_answer_is_the_cancel_at_once() {
    let mut house = House::new();
    let (_, a2, c, b) = house.consult_on_two_lines();
    house.ends(a2, Ending::Cancelled);
    assert!(house.hung_up(b), "Bob is not left on hold");
    assert_eq!(house.outcomes(), [Outcome::Cancelled]);
    assert_eq!(house.ears(c), Ears::HoldMusic);
}

#[test]
fn two_lines_a_cancel_after_the_bye_of_line_one_ends_everything() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    let a2 = house.dials("alice", agent("bob"));
    let b = house.rung();
    house.ends(a1, Ending::Bye);
    house.ends(a2, Ending::Cancelled);
    assert!(house.hung_up(b) && house.hung_up(c));
    assert_eq!(house.outcomes(), [Outcome::Cancelled]);
    house.is_over();
}

#[test]
fn two_lines_a_bye_on_line_one_while_the_colleague_rings_lets_the_second_call_go_on() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    let a2 = house.dials("alice", agent("bob"));
    let b = house.rung();
    house.ends(a1, Ending::Bye);
    house.wait_for(Duration::from_millis(500));
    assert!(house.hung_up(c) && !house.is_gone(b));
    house.answers(b);
    assert!(house.talk(a2, b));
}

#[test]
fn two_lines_of_a_dead_phone_end_in_one_reaction() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.report(Report::Silent { leg: a2 });
    assert!(house.did(&Effect::Probe { leg: a1 }));
    assert!(!house.is_gone(a2) && house.apart(a2, b));
    house.report(Report::Probed { leg: a1, alive: false });
    assert!(house.hung_up(a1) && house.hung_up(a2) && house.talk(b, c));
}

#[test]
fn two_lines_one_dead_consult_line_of_a_living_phone_is_the_cancel() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.report(Report::Silent { leg: a2 });
    house.report(Report::Probed { leg: a1, alive: true });
    assert!(house.hung_up(a2) && house.hung_up(b) && !house.is_gone(a1));
    house.offers(a1, Direction::Both);
    assert!(house.talk(a1, c));
}

#[test]
fn two_lines_that_were_merged_and_both_resumed_can_start_again_and_neither_reaches_the_customer() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.merges(a2).unwrap();
    house.offers(a1, Direction::Both);
    assert!(house.talk(a1, c) && house.apart(a2, c), "one line speaks, the other is silent");
    house.starts(a1, agent("carol")).unwrap();
    let d = house.rung();
    house.answers(d);
    assert!(house.talk(a1, d) && house.talk(b, c));
    for line in [a1, a2] {
        assert!(house.apart(line, c) && house.apart(line, b));
    }
    house.swaps(a1).unwrap();
    assert!(house.talk(a1, c) && house.apart(a1, d) && house.apart(a2, d));
    house.ends(a2, Ending::Bye);
    assert!(!house.is_gone(d) && house.talk(a1, c), "the other line goes on where this one was");
    house.ends(d, Ending::Bye);
    assert!(!house.is_gone(a1) && house.talk(a1, c));
}

#[test]
fn two_lines_both_facing_a_target_who_is_gone_both_stay() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.merges(a2).unwrap();
    house.offers(a1, Direction::Both);
    house.starts(a1, agent("carol")).unwrap();
    house.fails(house.rung(), 486);
    assert!(!house.is_gone(a1) && !house.is_gone(a2) && house.talk(a1, c) && house.talk(a1, b));
}

#[test]
fn an_agent_in_a_room_on_two_phones_is_no_bridge() {
    let mut house = House::new();
    let room = || Destination::Room("standup".to_owned());
    let c = house.customer_dials("+4930", room());
    let desk = house.dials_on("alice", "desk", room());
    let mobile = house.dials_on("alice", "mobile", room());
    assert!(house.talk(desk, c) && house.apart(mobile, c));
    house.starts(desk, agent("bob")).unwrap();
    let b = house.rung();
    house.answers(b);
    assert!(house.talk(desk, b));
    for phone in [desk, mobile] {
        assert!(house.apart(phone, c), "neither phone is in the room while the consult is private");
    }
    house.merges(desk).unwrap();
    assert!(house.all_talk(&[desk, b, c]));
    assert!(!house.saw(|event| matches!(event, Event::BridgedByPhone { .. })));
}

#[test]
fn row_11_with_two_lines_the_unanswered_second_call_is_480() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    let a2 = house.dials("alice", agent("bob"));
    let b = house.rung();
    house.ends(c, Ending::Bye);
    assert!(house.hung_up(b) && house.hung_up(a1));
    assert!(house.did(&Effect::Reject { leg: a2, status: 480, refusal: None }));
    assert_eq!(house.outcomes(), [Outcome::CustomerGone]);
    house.is_over();
}

#[test]
fn row_30_line_one_resumed_before_line_two_is_held_ends_in_the_swap_and_never_joins_the_two() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    for _ in 0..3 {
        house.offers(a1, Direction::Both);
        assert!(
            house.talk(a1, c) && house.talk(a2, b) && house.apart(b, c),
            "the phone has both, the server joins none"
        );
        house.offers(a2, Direction::Away);
        assert!(house.talk(a1, c) && house.apart(a2, b) && house.apart(b, c));
        house.offers(a2, Direction::Both);
        assert!(house.apart(b, c));
        house.offers(a1, Direction::Away);
        assert!(house.talk(a2, b) && house.apart(a1, c) && house.apart(b, c));
    }
}
