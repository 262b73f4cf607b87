//! The transfer by keypad codes: every step of it, what is said to whoever presses, and whose keys are nobody's business.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;

use std::time::Duration;

use conference::{
    Caller, Cue, Destination, Direction, Effect, Ending, Event, Key, LegId, Outcome, Output, Refusal, Report, Service,
};
use house::{House, agent, outside};

/// Alice consults Bob, started by keypad: (Alice, customer, Bob).
fn consult(house: &mut House) -> (LegId, LegId, LegId) {
    let (a, c) = house.call_with_customer();
    house.dials_code(a, agent("bob"));
    let b = house.rung();
    house.answers(b);
    assert!(house.talk(a, b) && house.apart(a, c) && house.apart(b, c));
    (a, c, b)
}

fn collected(house: &House, leg: LegId) -> bool {
    house.all.contains(&Output::Effect(Effect::CollectDigits { leg }))
}

#[test]
fn the_keys_of_agents_are_collected_from_their_answer_on_and_nobody_elses() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    let b = house.dials("bob", outside("+4977"));
    let x = house.rung();
    assert!(!collected(&house, b), "not before the answer");
    house.answers(x);
    house.starts(a, outside("+4978")).unwrap();
    let y = house.rung();
    house.answers(y);
    assert!(collected(&house, a) && collected(&house, b));
    assert!(!collected(&house, c) && !collected(&house, x) && !collected(&house, y));
    let echo = house.dials("carol", Destination::Service(Service::Echo));
    assert!(!collected(&house, echo), "a service has nobody to be transferred");
}

#[test]
fn all_six_steps_by_keypad() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.presses(a, "*2102#");
    assert_eq!(house.relayed(a), "", "nobody hears a code");
    house.looks_up(a, "102", agent("bob"));
    let b = house.rung();
    assert!(house.apart(a, c) && house.heard(a).is_empty(), "ringback says it");
    assert!(
        !house
            .all
            .iter()
            .any(|output| matches!(output, Output::Effect(Effect::AcceptRefer { .. } | Effect::NotifyReferrer { .. })))
    );
    house.answers(b);
    assert!(house.talk(a, b));
    house.presses(a, "*4");
    assert!(house.talk(a, c) && house.apart(a, b) && house.heard(a) == [Cue::Done]);
    house.presses(a, "*4");
    assert!(house.talk(a, b) && house.apart(a, c));
    house.presses(a, "*3");
    assert!(house.all_talk(&[a, b, c]) && house.heard(a) == [Cue::Done]);
    house.presses(a, "*2");
    assert!(house.hung_up(a) && house.talk(b, c) && house.heard(a).is_empty());
    assert_eq!(house.outcomes(), [Outcome::Completed]);
}

#[test]
fn row_01_a_cancel_by_keypad_while_the_target_rings() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.dials_code(a, agent("bob"));
    let b = house.rung();
    house.presses(a, "*1");
    assert!(house.hung_up(b) && house.talk(a, c) && house.heard(a) == [Cue::Done]);
    assert_eq!(house.outcomes(), [Outcome::Cancelled]);
}

#[test]
fn row_02_a_failure_is_a_tone_and_says_why_to_who_has_no_screen() {
    for (status, word) in [
        (486, Cue::Busy),
        (600, Cue::Busy),
        (603, Cue::Rejected),
        (403, Cue::Rejected),
        (408, Cue::NoAnswer),
        (404, Cue::Unknown),
        (480, Cue::Unreachable),
        (503, Cue::Unreachable),
    ] {
        let mut house = House::new();
        let (a, c) = house.call_with_customer();
        house.dials_code(a, agent("bob"));
        house.fails(house.rung(), status);
        assert!(house.talk(a, c));
        assert_eq!(house.heard(a), [Cue::Failure, word], "{status}");
        assert!(house.heard(c).is_empty());
    }
    let mut house = House::new();
    let (a, _, b) = consult(&mut house);
    house.ends(b, Ending::Bye);
    assert_eq!(house.heard(a), [Cue::Failure], "who hung up needs no words");
    let mut house = House::new();
    let (a, _, b) = house.ringing_consult();
    house.fails(b, 486);
    assert_eq!(house.heard(a), [Cue::Failure], "a phone that sent a REFER shows why");
}

#[test]
fn a_refusal_is_heard_by_who_pressed_and_changes_nothing() {
    let mut house = House::new();
    house.report(Report::Hours { queue: "support".to_owned(), open: false });
    let (a, c) = house.call_with_customer();
    for (code, refused) in [("*1", Cue::Refused), ("*3", Cue::Refused), ("*4", Cue::Refused)] {
        house.presses(a, code);
        assert_eq!((house.heard(a), house.heard(c)), (vec![refused], vec![]));
        assert!(house.talk(a, c) && house.relayed(a).is_empty());
    }
    for (target, said) in [
        (Destination::Unknown, Cue::Unknown),
        (agent("alice"), Cue::Unknown),
        (Destination::Queue("support".to_owned()), Cue::Closed),
        (Destination::Queue("nowhere".to_owned()), Cue::Unknown),
    ] {
        house.dials_code(a, target);
        assert_eq!(house.heard(a), [said]);
        assert!(house.talk(a, c) && house.outcomes().is_empty());
    }
    for _ in 0..2 {
        house.customer_dials("+4930", agent("bob"));
        house.answers(house.rung());
    }
    house.dials_code(a, agent("bob"));
    assert_eq!(house.heard(a), [Cue::Busy]);
}

#[test]
fn c16_the_codes_of_customers_and_outside_parties_are_no_codes() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.presses(c, "*2102#");
    assert_eq!(house.relayed(c), "*2102#");
    assert!(house.talk(a, c));
    house.starts(a, outside("+4977")).unwrap();
    let x = house.rung();
    house.answers(x);
    for code in ["*1", "*2", "*3", "*4"] {
        house.presses(c, code);
        house.presses(x, code);
        assert_eq!(house.relayed(x), code);
    }
    assert!(house.talk(a, x) && house.apart(a, c) && house.apart(c, x) && house.outcomes().is_empty());
    house.report(Report::Looked { leg: c, target: agent("bob"), shown: "102".to_owned() });
    assert!(house.last.is_empty());
}

#[test]
fn the_colleague_may_leave_the_codes_to_the_initiator() {
    let mut house = House::new();
    let (a, c, b) = consult(&mut house);
    for code in ["*1", "*2", "*3", "*4"] {
        house.presses(b, code);
        assert_eq!(house.heard(b), [Cue::Refused]);
    }
    assert!(house.talk(a, b) && house.apart(a, c));
}

#[test]
fn digits_that_are_no_code_are_replayed_with_their_own_durations() {
    let mut house = House::new();
    let (a, _) = house.call_with_customer();
    house.presses(a, "5");
    assert_eq!(house.relayed(a), "5");
    house.presses(a, "*");
    assert_eq!(house.relayed(a), "");
    house.wait_for(Duration::from_millis(1499));
    assert_eq!(house.relayed(a), "");
    house.wait_for(Duration::from_millis(1));
    assert_eq!(house.relayed(a), "*");
    house.presses(a, "*210");
    house.wait_for(Duration::from_millis(4999));
    assert_eq!(house.relayed(a), "");
    house.wait_for(Duration::from_millis(1));
    let keys = [('*', 80), ('2', 90), ('1', 100), ('0', 110)];
    let keys = keys.map(|(digit, duration_ms)| Key { digit, duration_ms }).to_vec();
    assert!(house.did(&Effect::Relay { leg: a, keys }));
    house.ends(a, Ending::Bye);
    house.is_over();
}

#[test]
fn digits_of_a_leg_that_ends_vanish() {
    let mut house = House::new();
    let (a, c, _) = consult(&mut house);
    house.presses(a, "*21");
    house.ends(a, Ending::Bye);
    house.wait_alive(10);
    assert!(!house.all.iter().any(|output| matches!(output, Output::Effect(Effect::Relay { .. }))));
    house.ends(c, Ending::Bye);
    house.is_over();
    house.presses(a, "*1");
    assert!(house.last.is_empty());
}

#[test]
fn a_late_complete_after_the_target_is_gone_is_a_tone_and_nothing_else() {
    let mut house = House::new();
    let (a, c, b) = consult(&mut house);
    house.ends(b, Ending::Bye);
    house.wait_for(Duration::from_millis(2_900));
    house.presses(a, "*2");
    assert_eq!(house.heard(a), [Cue::Refused]);
    house.wait_alive(6);
    assert!(house.talk(a, c) && house.relayed(a).is_empty());
    house.presses(a, "*2");
    assert!(house.heard(a).is_empty(), "later it is the beginning of a number");
    house.presses(a, "102#");
    house.looks_up(a, "102", agent("bob"));
    assert!(house.apart(a, c));
}

#[test]
fn what_the_agent_ended_is_no_surprise_to_him() {
    let mut house = House::new();
    let (a, _, b) = consult(&mut house);
    house.presses(a, "*1");
    house.presses(a, "*2");
    assert!(house.heard(a).is_empty() && house.is_gone(b));
    let mut house = House::new();
    let (a, c, b) = consult(&mut house);
    house.removes(a, c).unwrap();
    house.presses(a, "*2");
    assert!(house.heard(a).is_empty() && house.talk(a, b));
}

#[test]
fn row_08_a_held_colleague_un_holds_himself_by_the_swap_code() {
    let mut house = House::new();
    let (a, c, b) = consult(&mut house);
    house.presses(a, "*4");
    house.presses(b, "*4");
    assert_eq!(house.heard(b), [Cue::Refused], "not while the holder is there");
    house.ends(a, Ending::Bye);
    assert!(house.apart(b, c));
    house.presses(b, "*4");
    assert!(house.talk(b, c) && house.heard(b) == [Cue::Done]);
}

#[test]
fn row_19_an_agent_on_hold_cannot_start_by_keypad() {
    let mut house = House::new();
    let (a, _, b) = consult(&mut house);
    house.presses(a, "*3");
    house.holds(b, a).unwrap();
    house.presses(a, "*2");
    assert_eq!(house.heard(a), [Cue::Refused]);
    assert!(!house.is_gone(a));
}

#[test]
fn row_28_and_29_swap_and_merge_by_keypad_while_the_target_rings() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.dials_code(a, agent("bob"));
    let b = house.rung();
    house.presses(a, "*3");
    assert_eq!(house.heard(a), [Cue::Refused]);
    house.presses(a, "*4");
    assert!(house.talk(a, c));
    house.answers(b);
    assert_eq!(house.heard(a), [Cue::Notice]);
    assert!(house.talk(a, c) && house.apart(a, b) && house.apart(b, c));
}

#[test]
fn row_09_a_complete_by_keypad_while_the_target_rings_is_the_cold_hand_over() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.dials_code(a, agent("bob"));
    let b = house.rung();
    house.presses(a, "*2");
    assert!(house.hung_up(a));
    house.answers(b);
    assert!(house.talk(b, c));
    assert_eq!(house.outcomes(), [Outcome::Completed]);
}

#[test]
fn nothing_is_played_into_a_phone_that_mixes_or_is_away() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.offers(a1, Direction::Both);
    house.presses(a1, "*4");
    assert!(house.heard(a1).is_empty() && house.heard(a2).is_empty());
    assert!(house.apart(b, c));
    house.offers(a1, Direction::Away);
    house.presses(a1, "*1*1");
    assert!(house.heard(a1).is_empty() && house.is_gone(b));
}

#[test]
fn an_answer_of_the_dial_plan_that_nobody_waits_for_starts_nothing() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    let looked = Report::Looked { leg: a, target: agent("bob"), shown: "102".to_owned() };
    assert!(house.report(looked.clone()).is_empty());
    house.presses(a, "*2103#");
    assert!(house.report(looked.clone()).is_empty(), "another number was asked for");
    house.looks_up_now(a);
    assert!(house.report(looked).is_empty() && house.apart(a, c));
    assert_eq!(house.starts(a, agent("carol")).unwrap_err(), Refusal::TransferInProgress);
}

impl House {
    fn looks_up_now(&mut self, leg: LegId) {
        let shown = "103".to_owned();
        self.report(Report::Looked { leg, target: agent("bob"), shown });
    }
}

#[test]
fn a_code_by_a_person_with_two_calls_is_about_the_call_it_is_pressed_in() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    house.offers(a1, Direction::Away);
    let caller = Caller::Customer { trunk: "pstn".into(), number: "+4931".into() };
    let d = house.arrives(caller, agent("alice"), Direction::Both);
    let a2 = house.rung();
    house.answers(a2);
    house.dials_code(a2, agent("bob"));
    let b = house.rung();
    house.answers(b);
    house.presses(a1, "*2");
    assert!(!house.is_gone(a2) && house.talk(a2, b) && house.apart(a2, d), "line 1 has no transfer");
    house.presses(a2, "*2");
    assert!(house.talk(b, d) && house.apart(b, c));
    assert!(!house.saw(|event| matches!(event, Event::CallsJoined { .. })));
}
