//! What is refused and why, what attackers and crossing events get, and what supervisors hear.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;

use conference::{Asker, Command, Direction, Ears, Ending, LegId, Refusal};
use house::{House, IntoAgent as _, agent};

#[test]
fn the_refusals_are_as_in_the_table() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    let call = house.call_of(a);
    assert_eq!(house.swaps(a).unwrap_err(), Refusal::NoTransfer);
    assert_eq!(house.completes(a).unwrap_err(), Refusal::NoTransfer);
    assert_eq!(house.starts(c, agent("bob")).unwrap_err(), Refusal::NotAllowed);
    let by = Asker::Agent("carol".into_agent());
    assert_eq!(house.command(Command::Cancel { call, by }).unwrap_err(), Refusal::CallNotFound);
    let by = Asker::Operator;
    assert_eq!(house.command(Command::Cancel { call, by }).unwrap_err(), Refusal::NoTransfer);
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    house.answers(b);
    assert_eq!(house.swaps(b).unwrap_err(), Refusal::NotAllowed);
    assert_eq!(house.cancels(b).unwrap_err(), Refusal::NotAllowed);
    house.offers(a, Direction::Away);
    assert_eq!(house.swaps(a).unwrap_err(), Refusal::InitiatorAway);
    assert_eq!(house.merges(a).unwrap_err(), Refusal::InitiatorAway);
    assert_eq!(house.unholds(a, c).unwrap_err(), Refusal::InitiatorAway);
    house.offers(a, Direction::Both);
    house.merges(a).unwrap();
    assert_eq!(house.cancels(a).unwrap_err(), Refusal::NoTransfer);
    assert_eq!(house.swaps(a).unwrap_err(), Refusal::NoTransfer);
    let stranger = LegId::arrived(999);
    assert_eq!(house.command(Command::Join { by: stranger, named: a }).unwrap_err(), Refusal::CallNotFound);
    assert_eq!(house.command(Command::Join { by: a, named: stranger }).unwrap_err(), Refusal::TargetUnknown);
    assert_eq!(house.command(Command::Join { by: a, named: b }).unwrap_err(), Refusal::TargetUnknown);
}

#[test]
fn a_ringing_call_cannot_be_transferred() {
    let mut house = House::new();
    let a = house.dials("alice", agent("bob"));
    assert_eq!(house.starts(a, agent("carol")).unwrap_err(), Refusal::CallNotLive);
}

#[test]
fn a_busy_target_is_refused_at_once() {
    let mut house = House::new();
    for _ in 0..2 {
        house.customer_dials("+4930", agent("bob"));
        house.answers(house.rung());
    }
    let (a, _) = house.call_with_customer();
    assert_eq!(house.starts(a, agent("bob")).unwrap_err(), Refusal::TargetBusy);
}

#[test]
fn c06_transfers_in_one_call_are_limited_to_five_a_minute() {
    let mut house = House::new();
    let (a, _) = house.call_with_customer();
    for _ in 0..5 {
        house.starts(a, agent("bob")).unwrap();
        house.cancels(a).unwrap();
    }
    assert_eq!(house.starts(a, agent("bob")).unwrap_err(), Refusal::LimitReached);
    house.wait(60);
    house.starts(a, agent("bob")).unwrap();
}

#[test]
fn c15_a_held_customers_own_resume_never_lets_them_into_the_consult() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.holds(a, c).unwrap();
    house.offers(c, Direction::Away);
    house.offers(c, Direction::Both);
    assert!(house.apart(a, c) && house.apart(b, c));
    assert_eq!(house.ears(c), Ears::HoldMusic);
}

#[test]
fn c18_every_order_of_three_events_ends_without_an_orphan() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let mut house = House::new();
        let (a, c, b) = house.ringing_consult();
        for event in order {
            match event {
                0 => house.ends(a, Ending::Bye),
                1 => house.answers(b),
                _ => house.ends(c, Ending::Bye),
            }
        }
        house.ends(b, Ending::Bye);
        house.is_over();
        assert_eq!(house.outcomes().len(), 1, "{order:?}");
    }
}

#[test]
fn a_supervisor_listens_whispers_and_barges() {
    use conference::SuperviseMode::{Barge, Listen, Whisper};
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    let supervise = |house: &mut House, mode| {
        let (by, agent) = ("susan".into_agent(), "alice".into_agent());
        house.command(Command::Supervise { call: house.call_of(a), by, agent, mode }).unwrap();
    };
    supervise(&mut house, Listen);
    let s = house.rung();
    house.answers(s);
    assert!(house.hears(s, a) && house.hears(s, c) && !house.hears(a, s) && !house.hears(c, s));
    supervise(&mut house, Whisper);
    assert!(house.hears(a, s) && !house.hears(c, s));
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    house.answers(b);
    assert!(!house.hears(s, a) && !house.hears(s, b) && !house.hears(s, c), "consults are not supervised by default");
    house.merges(a).unwrap();
    supervise(&mut house, Barge);
    assert!(house.all_talk(&[a, b, c, s]));
    let by = "bob".into_agent();
    let agent = "alice".into_agent();
    let refused = house.command(Command::Supervise { call: house.call_of(a), by, agent, mode: Listen });
    assert_eq!(refused.unwrap_err(), Refusal::NotAllowed);
}
