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

#[test]
fn c06_a_hand_over_to_and_fro_ends_at_the_limit() {
    let mut house = House::new();
    let (mut here, c) = house.call_with_customer();
    for turn in 0..100 {
        house.now = house.now + std::time::Duration::from_millis(500);
        let target = if turn < 5 && turn % 2 == 1 { "alice" } else { "bob" };
        let started = house.starts(here, agent(target));
        if turn == 5 {
            assert_eq!(house.starts(here, agent("alice")).unwrap_err(), Refusal::LimitReached);
        } else if turn < 5 {
            started.unwrap();
            let there = house.rung();
            house.answers(there);
            house.completes(here).unwrap();
            assert!(house.talk(there, c));
            here = there;
        } else {
            assert!(started.is_err(), "{turn}");
        }
    }
    assert!(house.talk(here, c));
}

#[test]
fn c06_a_transfer_back_to_somebody_in_the_call_is_refused() {
    let mut house = House::new();
    let (a, _, b) = house.consult();
    house.merges(a).unwrap();
    assert_eq!(house.starts(b, agent("alice")).unwrap_err(), Refusal::TargetUnknown);
    assert_eq!(house.starts(a, agent("alice")).unwrap_err(), Refusal::TargetUnknown);
    for room in ["standup", "lobby"] {
        let room = conference::Destination::Room(room.to_owned());
        assert_eq!(house.starts(a, room).unwrap_err(), Refusal::TargetUnknown);
    }
}

#[test]
fn c06_joins_across_calls_count_as_transfers() {
    let mut house = House::new();
    let (mut a, c) = house.call_with_customer();
    let mut refused = None;
    for turn in 0..7 {
        house.offers(a, Direction::Away);
        let (mine, theirs) = if turn % 2 == 0 { ("alice", "bob") } else { ("bob", "alice") };
        // Their call comes in on another line, so that no consult is implied.
        let b = house.dials_on(theirs, "other", agent(mine));
        let second = house.rung();
        house.answers(second);
        match house.command(Command::Join { by: a, named: second }) {
            Ok(_) => a = b,
            Err(refusal) => {
                refused = Some((turn, refusal));
                break;
            }
        }
        assert!(house.talk(a, c));
    }
    assert_eq!(refused, Some((5, Refusal::LimitReached)));
}

#[test]
fn an_exact_repeat_of_a_refer_gets_the_same_answer_and_does_nothing() {
    use conference::{Effect, Output};
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    let answer = [
        Output::Effect(Effect::AcceptRefer { leg: a1 }),
        Output::Effect(Effect::NotifyReferrer { leg: a1, status: 200, last: true }),
    ];
    let first = house.command(Command::Join { by: a1, named: a2 }).unwrap();
    assert!(answer.iter().all(|effect| first.contains(effect)));
    let before = house.board.clone();
    assert_eq!(house.command(Command::Join { by: a1, named: a2 }).unwrap(), answer);
    assert_eq!(house.board, before);
    assert!(house.talk(b, c));
}

#[test]
fn only_a_refer_is_accepted_and_told() {
    use conference::{Effect, Output};
    let refers = |outputs: &[Output]| {
        let told = |output: &&Output| {
            matches!(output, Output::Effect(Effect::AcceptRefer { .. } | Effect::NotifyReferrer { .. }))
        };
        outputs.iter().filter(told).count()
    };
    for (by, count) in [("refer", 2), ("keypad", 0), ("name", 0)] {
        let mut house = House::new();
        let (a, _, b) = house.consult();
        house.merges(a).unwrap();
        let (call, who) = (house.call_of(a), house.who(b));
        let by = match by {
            "refer" => Asker::Leg(a),
            "keypad" => Asker::Keypad(a),
            _ => Asker::Agent("alice".into_agent()),
        };
        let outputs = house.command(Command::Remove { call, by: by.clone(), who }).unwrap();
        assert_eq!(refers(&outputs), count);
        assert!(house.hung_up(b));
        let all = house.all.len();
        let (target, shown) = (agent("carol"), "103".to_owned());
        house.command(Command::Start { call, by, target, shown }).unwrap();
        let carol = house.rung();
        house.ringing(carol);
        house.answers(carol);
        assert_eq!(refers(&house.all[all..]), if count == 0 { 0 } else { 3 });
    }
}

#[test]
fn a_referrer_whose_dialog_is_over_is_told_nothing_more() {
    use conference::{Effect, Output};
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    house.starts(a1, agent("bob")).unwrap();
    let b = house.rung();
    house.ends(a1, Ending::Bye);
    house.ringing(b);
    house.answers(b);
    assert!(house.talk(b, c));
    assert!(!house.all.iter().any(|output| matches!(output, Output::Effect(Effect::NotifyReferrer { .. }))));
}
