//! What crosses on the wire: every order of it has one result, and no leg is left behind.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;

use conference::{Command, Direction, Effect, Ending, LegId, Outcome, Output, Refusal};
use house::{House, agent};

/// How far the transfer is when things cross.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Ringing,
    Private,
    Swapped,
    Merged,
}

/// How it was started.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Refer,
    Keypad,
    SecondLine,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    /// The initiator leaves, by every line.
    Leaves,
    Answers,
    Declines,
    TargetHangsUp,
    CustomerHangsUp,
}

use Event::{Answers, CustomerHangsUp, Declines, Leaves, TargetHangsUp};

/// The initiator's lines, the customer's leg, the target's.
struct Legs {
    lines: Vec<LegId>,
    c: LegId,
    b: LegId,
}

fn reach(house: &mut House, stage: Stage, by: By) -> Legs {
    let (a, c) = house.call_with_customer();
    let mut lines = vec![a];
    match by {
        By::Refer => _ = house.starts(a, agent("bob")).unwrap(),
        By::Keypad => house.dials_code(a, agent("bob")),
        By::SecondLine => {
            house.offers(a, Direction::Away);
            lines.push(house.dials("alice", agent("bob")));
        }
    }
    let b = house.rung();
    house.ringing(b);
    let line = *lines.last().unwrap();
    if stage != Stage::Ringing {
        house.answers(b);
    }
    match stage {
        Stage::Ringing | Stage::Private => {}
        Stage::Swapped => _ = house.swaps(line).unwrap(),
        Stage::Merged => _ = house.merges(line).unwrap(),
    }
    Legs { lines, c, b }
}

fn happens(house: &mut House, legs: &Legs, event: Event, stage: Stage) {
    match event {
        Leaves => {
            for (at, line) in legs.lines.iter().enumerate() {
                let answered = at == 0 || stage != Stage::Ringing || house.all.contains(&answer(*line));
                house.ends(*line, if answered { Ending::Bye } else { Ending::Cancelled });
            }
        }
        Answers => house.answers(legs.b),
        Declines => house.fails(legs.b, 486),
        TargetHangsUp => house.ends(legs.b, Ending::Bye),
        CustomerHangsUp => house.ends(legs.c, Ending::Bye),
    }
}

fn answer(leg: LegId) -> Output {
    Output::Effect(Effect::Answer { leg })
}

/// What the first event, and for who left while the target rang the second, decides.
fn result(order: [Event; 3], stage: Stage, by: By) -> Outcome {
    let cancels = stage == Stage::Ringing && by == By::SecondLine;
    match (order[0], order[1]) {
        (CustomerHangsUp, _) | (Answers, CustomerHangsUp) => Outcome::CustomerGone,
        (Leaves, _) if cancels => Outcome::Cancelled,
        (Leaves, CustomerHangsUp) if stage == Stage::Ringing => Outcome::CustomerGone,
        (Leaves, Declines) | (Declines, _) => Outcome::Rejected(486),
        (TargetHangsUp, _) => Outcome::TargetGone,
        (Leaves | Answers, _) => Outcome::Completed,
    }
}

fn orders(events: [Event; 3]) -> Vec<[Event; 3]> {
    let order = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    order.iter().map(|order| order.map(|at: usize| events[at])).collect()
}

#[test]
fn c18_every_order_of_leaving_answering_and_hanging_up_has_one_result_and_no_orphan() {
    let mut walked = 0;
    for by in [By::Refer, By::Keypad, By::SecondLine] {
        for (stage, third) in [
            (Stage::Ringing, Answers),
            (Stage::Ringing, Declines),
            (Stage::Private, TargetHangsUp),
            (Stage::Swapped, TargetHangsUp),
            (Stage::Merged, TargetHangsUp),
        ] {
            for order in orders([Leaves, third, CustomerHangsUp]) {
                let mut house = House::new();
                let legs = reach(&mut house, stage, by);
                for event in order {
                    happens(&mut house, &legs, event, stage);
                }
                assert_eq!(house.outcomes(), [result(order, stage, by)], "{by:?} {stage:?} {order:?}");
                house.wait(1);
                house.is_over();
                walked += 1;
            }
        }
    }
    assert_eq!(walked, 90);
}

#[test]
fn c07_of_two_transfers_at_once_one_wins_and_a_refer_completes_the_ringing_consult() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.starts(a, agent("bob")).unwrap();
    assert_eq!(house.starts(a, agent("carol")).unwrap_err(), Refusal::TransferInProgress);
    house.ends(a, Ending::Bye);
    house.answers(house.rung());
    assert!(house.talk(house.rung(), c));
    assert_eq!(house.outcomes(), [Outcome::Completed]);

    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    let a2 = house.dials("alice", agent("bob"));
    let b = house.rung();
    house.command(Command::Join { by: a1, named: a2 }).unwrap();
    assert!(house.did(&Effect::NotifyReferrer { leg: a1, status: 200, last: true }));
    assert!(house.command(Command::Join { by: a2, named: a1 }).is_ok(), "the same once more, from the other line");
    house.answers(b);
    assert!(house.talk(b, c));
    assert_eq!(house.outcomes(), [Outcome::Completed]);
}

#[test]
fn a_bye_right_after_notify_100_never_aborts_a_blind_transfer() {
    for rings_first in [false, true] {
        let mut house = House::new();
        let (a, c) = house.call_with_customer();
        house.starts(a, agent("bob")).unwrap();
        let b = house.rung();
        if rings_first {
            house.ringing(b);
        }
        house.ends(a, Ending::Bye);
        assert!(!house.is_gone(b) && !house.is_gone(c));
        house.answers(b);
        assert!(house.talk(b, c));
    }
}

#[test]
fn a_bye_of_either_line_right_after_the_refer_that_names_both_changes_nothing() {
    for by_first in [true, false] {
        for late in [0, 1] {
            let mut house = House::new();
            let (a1, a2, c, b) = house.consult_on_two_lines();
            let (by, named) = if by_first { (a1, a2) } else { (a2, a1) };
            house.command(Command::Join { by, named }).unwrap();
            house.ends([a1, a2][late], Ending::Bye);
            assert!(house.talk(b, c) && house.is_gone(a1) && house.is_gone(a2));
            assert_eq!(house.outcomes(), [Outcome::Completed]);
        }
    }
}
