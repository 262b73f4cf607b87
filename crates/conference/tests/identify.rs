//! Whom a phone shows as the other side: told after a hand-over, never on a swap, never to who knows.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;

use conference::{Command, Direction, Effect, Ending, Identity, LegId, Output};
use house::{House, IntoAgent as _, agent, outside};

fn house() -> House {
    let mut settings = house::settings();
    settings.transfer.fallback = Some(agent("carol"));
    for (name, known) in &mut settings.agents {
        known.display_name = name.0.to_uppercase();
    }
    House::at_desks(settings)
}

fn person(name: &str) -> Identity {
    Identity { display: name.to_uppercase(), user: name.to_owned() }
}

fn number(number: &str) -> Identity {
    Identity { display: String::new(), user: number.to_owned() }
}

/// What legs were told so far.
fn told(house: &House) -> Vec<(LegId, Identity)> {
    let told = house.all.iter().filter_map(|output| match output {
        Output::Effect(Effect::Identify { leg, peer }) => Some((*leg, peer.clone())),
        Output::Effect(_) | Output::Event(_) => None,
    });
    told.collect()
}

#[track_caller]
fn are_told(house: &House, mut expected: Vec<(LegId, Identity)>) {
    let mut told = told(house);
    told.sort_by_key(|(leg, _)| *leg);
    expected.sort_by_key(|(leg, _)| *leg);
    assert_eq!(told, expected);
}

#[test]
fn after_a_completed_transfer_each_sees_the_other() {
    let mut house = house();
    let (a, c, b) = house.consult();
    house.swaps(a).unwrap();
    house.swaps(a).unwrap();
    house.merges(a).unwrap();
    are_told(&house, vec![]);
    house.completes(a).unwrap();
    are_told(&house, vec![(b, number("+4930")), (c, person("bob"))]);
}

#[test]
fn a_cold_hand_over_is_shown_at_its_answer() {
    let mut house = house();
    let (a, c, b) = house.ringing_consult();
    house.ends(a, Ending::Bye);
    are_told(&house, vec![]);
    house.answers(b);
    are_told(&house, vec![(b, number("+4930")), (c, person("bob"))]);
}

#[test]
fn two_calls_that_become_one_are_shown_to_those_who_meet() {
    let mut house = house();
    let (a1, c) = house.call_with_customer();
    house.offers(a1, Direction::Away);
    let b = house.dials("bob", agent("alice"));
    let a2 = house.rung();
    house.answers(a2);
    house.command(Command::Join { by: a1, named: a2 }).unwrap();
    are_told(&house, vec![(b, number("+4930")), (c, person("bob"))]);
}

#[test]
fn a_ringing_number_that_is_handed_a_customer_sees_him_at_its_answer() {
    let mut house = house();
    let (a1, c) = house.call_with_customer();
    house.offers(a1, Direction::Away);
    let a2 = house.dials("alice", outside("+4977"));
    let x = house.rung();
    house.command(Command::Join { by: a1, named: a2 }).unwrap();
    are_told(&house, vec![]);
    house.answers(x);
    are_told(&house, vec![(x, number("+4930")), (c, number("+4977"))]);
}

#[test]
fn the_fallback_is_shown_to_the_customer_and_an_agent_who_is_back_to_nobody() {
    let mut house = house();
    let (a, c) = house.call_with_customer();
    house.ends(a, Ending::Dead);
    house.answers(house.rung());
    are_told(&house, vec![(c, person("carol"))]);

    let mut house = self::house();
    let (a, _, b) = house.ringing_consult();
    house.ends(a, Ending::Bye);
    house.fails(b, 486);
    house.answers(house.rung());
    are_told(&house, vec![]);
}

#[test]
fn agents_whose_customer_is_gone_see_each_other() {
    let mut house = house();
    let (a, c, b) = house.consult();
    house.ends(c, Ending::Bye);
    are_told(&house, vec![(a, person("bob"))]);
    assert!(house.talk(a, b));
}

#[test]
fn a_cancelled_a_failed_and_a_plain_call_show_nothing_new() {
    let mut house = house();
    let (a, _, b) = house.ringing_consult();
    house.cancels(a).unwrap();
    house.starts(a, agent("bob")).unwrap();
    house.fails(house.rung(), 486);
    house.command(Command::Dial { from: "dave".into_agent(), to: outside("+4911") }).unwrap();
    house.answers(house.rung());
    house.answers(house.rung());
    are_told(&house, vec![]);
    assert!(house.is_gone(b));
}
