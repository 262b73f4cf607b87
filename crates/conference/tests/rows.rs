//! The rows 1 to 14 of "What happens when…" that concern the core, one sentence each; the later ones are in `rows_from_17`.
//!
//! Initiators have one line here; those with two are in `two_lines`, the refusal table is in `refusals`.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;

use conference::{Cue, Direction, Ears, Effect, Ending, Event, Outcome, Output, Phase, Refusal, Report, Status};
use house::{House, IntoAgent as _, agent};

/// Whom a fallback reaches in these tests.
fn house_with_fallback() -> House {
    let mut settings = house::settings();
    settings.transfer.fallback = Some(agent("carol"));
    House::at_desks(settings)
}

#[test]
fn a_start_takes_the_customer_away_before_the_target_rings() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    assert!(matches!(&house.last[0], Output::Effect(Effect::SetAudibility(change)) if change.tightens));
    assert!(house.did(&Effect::AcceptRefer { leg: a }));
    assert_eq!(house.ears(c), Ears::HoldMusic);
    assert_eq!(house.ears(a), Ears::Ringback);
    assert_eq!((house.status(c), house.status(b)), (Status::Held, Status::Calling));
    house.ringing(b);
    assert!(house.did(&Effect::NotifyReferrer { leg: a, status: 180, last: false }));
    house.answers(b);
    assert!(house.did(&Effect::NotifyReferrer { leg: a, status: 200, last: true }));
    assert!(
        house.saw(|event| matches!(event, Event::TransferChanged { phase: Phase::Private, faces_target: true, .. }))
    );
}

#[test]
fn row_01_a_cancel_while_the_target_rings_brings_the_agent_back_to_the_customer() {
    let mut house = House::new();
    let (a, c, b) = house.ringing_consult();
    house.cancels(a).unwrap();
    assert!(house.hung_up(b) && house.talk(a, c));
    assert_eq!(house.outcomes(), [Outcome::Cancelled]);
}

#[test]
fn row_02_a_target_who_rejects_is_a_tone_and_the_agent_is_back_with_the_customer() {
    for (status, outcome) in [
        (486, Outcome::Rejected(486)),
        (603, Outcome::Rejected(603)),
        (408, Outcome::NoAnswer),
        (480, Outcome::Unreachable(480)),
        (503, Outcome::Unreachable(503)),
    ] {
        let mut house = House::new();
        let (a, c, b) = house.ringing_consult();
        house.fails(b, status);
        assert!(house.did(&Effect::Cue { leg: a, cue: Cue::Failure }) && house.talk(a, c));
        assert_eq!(house.outcomes(), [outcome]);
    }
    let mut house = House::new();
    let (a, c, b) = house.ringing_consult();
    house.wait_alive(26);
    assert!(house.is_gone(b) && house.talk(a, c));
    assert_eq!(house.outcomes(), [Outcome::NoAnswer]);
    assert!(house.all.contains(&Output::Effect(Effect::NotifyReferrer { leg: a, status: 480, last: true })));
}

#[test]
fn row_03_a_target_who_hangs_up_is_a_tone_and_the_agent_is_back_with_the_customer() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.ends(b, Ending::Bye);
    assert!(house.did(&Effect::Cue { leg: a, cue: Cue::Failure }) && house.talk(a, c));
    assert_eq!(house.outcomes(), [Outcome::TargetGone]);
}

#[test]
fn row_04_ten_swaps_never_let_both_hear_the_agent() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    for turn in 0..10 {
        house.swaps(a).unwrap();
        let (with, without) = if turn % 2 == 0 { (c, b) } else { (b, c) };
        assert!(house.talk(a, with) && house.apart(a, without) && house.apart(b, c));
        assert_eq!(house.ears(without), Ears::HoldMusic);
        assert_eq!(house.status(without), Status::Held);
    }
}

#[test]
fn row_05_a_merge_lets_all_three_talk() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.holds(a, c).unwrap();
    house.merges(a).unwrap();
    assert!(house.all_talk(&[a, b, c]));
}

#[test]
fn un_holding_the_customer_while_the_target_talks_is_the_merge() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.unholds(a, c).unwrap();
    assert!(house.all_talk(&[a, b, c]));
}

#[test]
fn holding_the_target_and_un_holding_the_customer_is_the_swap() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.holds(a, b).unwrap();
    assert!(house.apart(a, b));
    house.unholds(a, c).unwrap();
    assert!(house.talk(a, c) && house.apart(a, b) && house.apart(b, c));
    house.unholds(a, b).unwrap();
    assert!(house.all_talk(&[a, b, c]), "everyone un-held is the merge");
}

#[test]
fn row_06_and_13_after_the_merge_the_agent_leaves_or_is_removed_and_the_others_go_on() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.merges(a).unwrap();
    house.ends(a, Ending::Bye);
    assert!(house.talk(b, c));
    assert_eq!(house.outcomes(), [Outcome::Completed]);
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.merges(a).unwrap();
    house.removes(b, a).unwrap();
    assert!(house.hung_up(a) && house.talk(b, c));
}

#[test]
fn row_07_an_agent_who_leaves_mid_consult_joins_customer_and_colleague() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.ends(a, Ending::Bye);
    assert!(house.talk(b, c));
    assert_eq!(house.outcomes(), [Outcome::Completed]);
}

#[test]
fn row_08_a_held_colleague_whom_the_agent_leaves_can_un_hold_himself() {
    for swapped in [false, true] {
        let mut house = House::new();
        let (a, c, b) = house.consult();
        if swapped { house.swaps(a).map(drop) } else { house.holds(a, b).map(drop) }.unwrap();
        house.ends(a, Ending::Bye);
        assert!(house.apart(b, c));
        assert_eq!((house.ears(c), house.status(b)), (Ears::HoldMusic, Status::Held));
        assert_eq!(house.holds(b, c).unwrap_err(), Refusal::InitiatorOnHold);
        house.unholds(b, b).unwrap();
        assert!(house.talk(b, c));
    }
}

#[test]
fn row_08_hold_and_resume_on_the_colleagues_own_phone_does_it_too() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.swaps(a).unwrap();
    house.ends(a, Ending::Bye);
    house.offers(b, Direction::Away);
    house.offers(b, Direction::Both);
    assert!(house.talk(b, c));
}

#[test]
fn row_08_a_hold_that_nobody_ends_ends_by_itself() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.swaps(a).unwrap();
    house.ends(a, Ending::Bye);
    house.wait_alive(59);
    assert!(house.apart(b, c));
    house.wait_alive(1);
    assert!(house.talk(b, c));
}

#[test]
fn row_09_a_cold_hand_over_completes_at_the_answer() {
    let mut house = House::new();
    let (a, c, b) = house.ringing_consult();
    house.ends(a, Ending::Bye);
    assert_eq!(house.ears(c), Ears::Ringback);
    house.answers(b);
    assert!(house.talk(b, c));
    assert_eq!(house.outcomes(), [Outcome::Completed]);
}

#[test]
fn row_09_a_cold_hand_over_that_fails_recalls_the_agent_then_falls_back() {
    let mut house = house_with_fallback();
    let (a, c, b) = house.ringing_consult();
    house.ends(a, Ending::Bye);
    house.fails(b, 486);
    assert_eq!(house.outcomes(), [Outcome::Rejected(486)]);
    assert!(house.saw(|event| matches!(event, Event::Recalling { agent, .. } if *agent == "alice".into_agent())));
    let again = house.rung();
    house.answers(again);
    assert!(house.talk(again, c));

    let mut house = house_with_fallback();
    let (a, c, b) = house.ringing_consult();
    house.ends(a, Ending::Bye);
    house.fails(b, 486);
    let again = house.rung();
    house.fails(again, 480);
    let carol = house.rung();
    assert!(carol != again);
    assert_eq!(house.ears(c), Ears::Ringback);
    house.answers(carol);
    assert!(house.talk(carol, c));

    let mut house = House::new();
    let (a, c, b) = house.ringing_consult();
    house.ends(a, Ending::Bye);
    house.fails(b, 486);
    house.fails(house.rung(), 480);
    assert_eq!(house.ears(c), Ears::Announcement);
    house.wait_alive(5);
    house.is_over();
}

#[test]
fn row_10_a_customer_who_leaves_mid_consult_leaves_two_agents_talking() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.ends(c, Ending::Bye);
    assert!(house.talk(a, b));
    for leg in [a, b] {
        assert!(house.did(&Effect::Cue { leg, cue: Cue::Notice }));
    }
    assert_eq!(house.outcomes(), [Outcome::CustomerGone]);
    house.ends(b, Ending::Bye);
    assert!(house.hung_up(a));
    house.is_over();
}

#[test]
fn row_11_a_customer_who_leaves_while_the_target_rings_ends_everything() {
    let mut house = House::new();
    let (a, c, b) = house.ringing_consult();
    house.ends(c, Ending::Bye);
    assert!(house.hung_up(b) && house.hung_up(a));
    assert!(house.did(&Effect::NotifyReferrer { leg: a, status: 487, last: true }));
    assert_eq!(house.outcomes(), [Outcome::CustomerGone]);
    house.is_over();
}

#[test]
fn row_12_the_agent_removes_the_colleague_after_the_merge() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.merges(a).unwrap();
    house.removes(a, b).unwrap();
    assert!(house.hung_up(b) && house.talk(a, c));
    assert_eq!(house.outcomes(), [Outcome::TargetGone]);
}

#[test]
fn row_14_a_dead_phone_on_an_open_line_leaves_as_by_bye() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.report(Report::Silent { leg: a });
    assert!(house.hung_up(a) && house.talk(b, c));
}

#[test]
fn row_14_an_away_line_is_dead_after_three_probes_without_an_answer() {
    let mut house = house_with_fallback();
    let (a, c) = house.call_with_customer();
    house.offers(a, Direction::Away);
    house.wait(5);
    assert!(house.did(&Effect::Probe { leg: a }));
    for _ in 0..3 {
        assert!(!house.is_gone(a));
        house.report(Report::Probed { leg: a, alive: false });
    }
    assert!(house.is_gone(a));
    house.answers(house.rung());
    assert!(house.talk(house.rung(), c), "the held customer went to the fallback");
}

#[test]
fn row_14_an_answered_probe_starts_the_count_again() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.offers(a, Direction::Away);
    for _ in 0..5 {
        house.wait(5);
        house.report(Report::Probed { leg: c, alive: true });
        house.report(Report::Probed { leg: a, alive: false });
        house.report(Report::Probed { leg: a, alive: false });
        house.report(Report::Probed { leg: a, alive: true });
    }
    assert!(!house.is_gone(a));
}
