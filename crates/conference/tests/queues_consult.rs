//! Rows 15 and 16: a consult to a queue, by REFER, by a second line, by keypad, by command.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, missing_docs)]

mod floor;
mod house;

use std::time::Duration;

use conference::{
    AgentState, Asker, Availability, CallId, Command, Cue, Destination, Direction, Ears, Effect, Ending, Event, LegId,
    Outcome, Output, QueueExit, QueueSettings, Refusal, ReservationEnd, Status, Strategy,
};
use floor::{queue, with_support};
use house::{House, IntoAgent as _, agent, settings};

/// How an agent who talks to a customer consults the queue.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Surface {
    Refer,
    SecondLine,
    Keypad,
    Command,
}

const SURFACES: [Surface; 4] = [Surface::Refer, Surface::SecondLine, Surface::Keypad, Surface::Command];

/// Alice talks to a customer and consults the queue: the leg by which she waits there, and the customer's.
fn consults(house: &mut House, surface: Surface) -> (LegId, LegId) {
    let (a, c) = house.call_with_customer();
    match surface {
        Surface::Refer => drop(house.starts(a, queue("support")).unwrap()),
        Surface::SecondLine => {
            house.offers(a, Direction::Away);
            return (house.dials("alice", queue("support")), c);
        }
        Surface::Keypad => {
            house.presses(a, "*2200#");
            house.looks_up(a, "200", queue("support"));
        }
        Surface::Command => {
            let by = Asker::Agent("alice".into_agent());
            let (call, shown) = (house.call_of(a), "support".to_owned());
            house.command(Command::Start { call, by, target: queue("support"), shown }).unwrap();
        }
    }
    (a, c)
}

fn cancels(house: &mut House, a: LegId) {
    let call = house.call_of(a);
    house.command(Command::Cancel { call, by: Asker::Agent("alice".into_agent()) }).unwrap();
}

fn hears_the_queue(house: &House, leg: LegId) -> bool {
    house.ears(leg) == Ears::Queue("support".to_owned())
}

#[test]
fn the_initiator_hears_the_queue_the_customer_music_and_the_agent_answers_into_the_consult() {
    for surface in SURFACES {
        let mut house = House::on_duty(&["alice", "bob"]);
        let (a, c) = consults(&mut house, surface);
        assert!(house.masks_came_first(), "{surface:?}");
        assert!(hears_the_queue(&house, a), "{surface:?}");
        assert_eq!((house.ears(c), house.status(c)), (Ears::HoldMusic, Status::Held), "{surface:?}");
        assert!(house.heard(a).contains(&Cue::Position(1)) && house.heard(c).is_empty(), "{surface:?}");
        assert_eq!(house.offered(), ["bob"], "never the initiator");
        if surface == Surface::SecondLine {
            assert!(house.did(&Effect::Answer { leg: a }), "a call to a queue is answered at once");
        }
        let b = house.offer_leg("bob");
        house.ringing(b);
        assert!(hears_the_queue(&house, a));
        let notified = house.did(&Effect::NotifyReferrer { leg: a, status: 180, last: false });
        assert_eq!(notified, surface == Surface::Refer);
        house.answers(b);
        assert!(house.talk(a, b) && house.apart(a, c) && house.apart(b, c), "{surface:?}");
        let notified = house.did(&Effect::NotifyReferrer { leg: a, status: 200, last: true });
        assert_eq!(notified, surface == Surface::Refer);
        house.completes(a).unwrap();
        assert!(house.talk(b, c), "{surface:?}");
        assert_eq!(house.outcomes(), [Outcome::Completed]);
        house.ends(c, Ending::Bye);
        house.is_over();
    }
}

#[test]
fn the_agent_who_is_rung_sees_who_consults_and_then_the_customer_who_waits() {
    let shown = |house: &House| {
        let ring = house.all.iter().rev().find_map(|output| match output {
            Output::Effect(Effect::Ring { shown, .. }) => Some(shown.user.clone()),
            _ => None,
        });
        ring.unwrap()
    };
    let mut house = House::on_duty(&["bob", "carol"]);
    let (a, _) = consults(&mut house, Surface::Refer);
    assert_eq!(shown(&house), "alice");
    house.completes(a).unwrap();
    house.rejects("bob").unwrap();
    assert_eq!((house.offered(), shown(&house)), (vec!["carol".to_owned()], "+4930".to_owned()));
}

#[test]
fn cancel_works_at_every_moment_and_late_answers_are_taken_back() {
    for surface in SURFACES {
        for moment in 0..3 {
            let ready: &[&str] = if moment == 0 { &["alice"] } else { &["alice", "bob"] };
            let mut house = House::on_duty(ready);
            house.registers("carol", 1);
            house.says("carol", Availability::Paused).unwrap();
            let (a, c) = consults(&mut house, surface);
            let b = (moment > 0).then(|| house.offer_leg("bob"));
            if let Some(b) = b.filter(|_| moment == 2) {
                house.ringing(b);
                house.accepts("bob").unwrap();
            }
            cancels(&mut house, a);
            assert_eq!(house.outcomes(), [Outcome::Cancelled]);
            assert_eq!(house.exits(), [("support".to_owned(), QueueExit::Cancelled)]);
            if let Some(b) = b {
                assert!(house.hung_up(b));
                assert_eq!(house.state("bob"), AgentState::Ready);
                house.answers(b);
                assert!(house.hung_up(b), "{surface:?}: the answer that crossed is taken back");
            }
            if surface == Surface::SecondLine {
                assert!(house.is_gone(a), "the second line ends");
            } else {
                assert!(house.talk(a, c), "{surface:?} {moment}");
            }
            house.ends(c, Ending::Bye);
            house.is_over();
        }
    }
}

#[test]
fn a_second_line_that_hangs_up_in_the_queue_is_the_cancel() {
    let mut house = House::on_duty(&["alice", "bob"]);
    let (a2, c) = consults(&mut house, Surface::SecondLine);
    house.ends(a2, Ending::Bye);
    house.wait_for(Duration::from_millis(500));
    assert_eq!(house.outcomes(), [Outcome::Cancelled]);
    assert_eq!((house.ears(c), house.offered().len()), (Ears::HoldMusic, 0), "until the phone resumes line 1");
}

#[test]
fn an_empty_or_closed_queue_says_so_at_once_and_an_unknown_one_is_unknown() {
    type Shut = fn(&mut House);
    let shut: [(Shut, Refusal); 4] = [
        (|_| {}, Refusal::TargetUnavailable),
        (|house| house.registers("alice", 1), Refusal::TargetUnavailable),
        (
            |house| {
                house.registers("bob", 1);
                house.hours("support", false);
            },
            Refusal::TargetUnavailable,
        ),
        (
            |house| {
                house.registers("bob", 1);
                house.says("bob", Availability::Paused).unwrap();
                house.waits("+4931");
            },
            Refusal::TargetBusy,
        ),
    ];
    for (shut, refusal) in shut {
        let mut house = House::with(with_support(|support| support.max_length = 1));
        shut(&mut house);
        let (a, c) = house.call_with_customer();
        assert_eq!(house.starts(a, queue("support")), Err(refusal));
        assert!(house.talk(a, c));
        house.dials_code(a, queue("support"));
        let said = if refusal == Refusal::TargetBusy { Cue::Busy } else { Cue::Closed };
        assert_eq!(house.heard(a), [said]);
        house.offers(a, Direction::Away);
        let a2 = house.dials("alice", queue("support"));
        let status = if refusal == Refusal::TargetBusy { 486 } else { 480 };
        assert!(house.did(&Effect::Reject { leg: a2, status, refusal: Some(refusal) }), "{:?}", house.last);
        house.offers(a, Direction::Both);
        assert!(house.talk(a, c));
        assert_eq!(house.starts(a, queue("nowhere")), Err(Refusal::TargetUnknown));
    }
}

#[test]
fn nobody_in_time_is_a_queue_timeout_and_the_initiator_is_back() {
    for surface in SURFACES {
        let patience = |support: &mut QueueSettings| support.max_wait = Duration::from_secs(12);
        let mut house = House::on_duty_with(with_support(patience), &["bob"]);
        let (a, c) = consults(&mut house, surface);
        let b = house.offer_leg("bob");
        house.wait_alive(12);
        assert_eq!(house.outcomes(), [Outcome::QueueTimeout]);
        assert_eq!(house.exits(), [("support".to_owned(), QueueExit::TimedOut)]);
        assert!(house.hung_up(b) && house.board.reservations().next().is_none());
        if surface == Surface::SecondLine {
            assert!(house.hung_up(a) && house.ears(c) == Ears::HoldMusic);
        } else {
            assert!(house.talk(a, c));
            assert!(house.heard(a).contains(&Cue::Failure));
            assert_eq!(house.heard(a).contains(&Cue::NoAnswer), surface == Surface::Keypad);
        }
    }
}

#[test]
fn over_fifty_consults_three_agents_ring_in_the_order_of_their_idleness() {
    let mut house = House::on_duty(&["alice", "dave", "bob", "carol"]);
    let mut settings = settings();
    settings.agents.get_mut(&"dave".into_agent()).unwrap().queues.insert("support".to_owned());
    settings.agents.get_mut(&"alice".into_agent()).unwrap().queues.clear();
    house.command(Command::Configure(settings)).unwrap();
    let mut idle: Vec<String> = ["dave", "bob", "carol"].map(str::to_owned).to_vec();
    for round in 0..50_usize {
        house.wait(1);
        let (a, c) = consults(&mut house, SURFACES[round % 4]);
        // Some who are asked do not take it; they do not lose their turn.
        let missed = round % 3;
        for next in idle.iter().take(missed) {
            assert_eq!(house.offered(), std::slice::from_ref(next), "round {round}: {idle:?}");
            match round % 5 {
                0 => drop(house.rejects(next).unwrap()),
                1 => house.fails(house.offer_leg(next), 480),
                2 => house.wait_alive(15),
                _ => house.fails(house.offer_leg(next), 603),
            }
        }
        let taker = idle.remove(missed);
        assert_eq!(house.offered(), std::slice::from_ref(&taker), "round {round}");
        let b = house.offer_leg(&taker);
        house.ringing(b);
        house.answers(b);
        assert!(house.talk(a, b));
        house.completes(a).unwrap();
        house.wait_alive(3);
        house.ends(c, Ending::Bye);
        idle.push(taker);
    }
    house.is_over();
}

#[test]
fn two_initiators_and_one_free_agent_exactly_one_wins_and_the_other_waits_on() {
    let mut house = House::on_duty(&["bob"]);
    let (a, c) = consults(&mut house, Surface::Refer);
    let d = house.customer_dials("+4931", agent("dave"));
    let e = house.rung();
    house.answers(e);
    house.starts(e, queue("support")).unwrap();
    assert_eq!(house.offered(), ["bob"]);
    assert!(hears_the_queue(&house, a) && hears_the_queue(&house, e));
    assert_eq!(house.heard(e), [Cue::Position(2)]);
    let b = house.offer_leg("bob");
    house.answers(b);
    assert!(house.talk(a, b) && hears_the_queue(&house, e) && house.offered().is_empty());
    house.completes(a).unwrap();
    house.ends(c, Ending::Bye);
    assert_eq!(house.board.reservations().next().unwrap().call, house.call_of(d));
    house.answers(house.offer_leg("bob"));
    assert!(house.talk(e, house.offer_leg_of_last()));
}

#[test]
fn an_initiator_who_leaves_puts_the_customer_into_the_queue_at_that_place() {
    type Leaving = fn(&mut House, LegId);
    let leavings: [Leaving; 3] = [
        |house, a| drop(house.completes(a).unwrap()),
        |house, a| house.ends(a, Ending::Bye),
        |house, a| house.ends(a, Ending::Dead),
    ];
    for leaving in leavings {
        let mut house = House::on_duty(&["bob"]);
        house.says("bob", Availability::Paused).unwrap();
        let (a, c) = consults(&mut house, Surface::Refer);
        let later = house.waits("+4999");
        leaving(&mut house, a);
        assert!(hears_the_queue(&house, c));
        assert_eq!(house.status(c), Status::Queued);
        let places: Vec<CallId> =
            house.board.queue("support").unwrap().waiting.into_iter().map(|(call, ..)| call).collect();
        assert_eq!(places, [house.call_of(c), house.call_of(later)]);
        house.says("bob", Availability::Ready).unwrap();
        let b = house.offer_leg("bob");
        house.answers(b);
        assert!(house.talk(b, c));
        assert_eq!(house.outcomes(), [Outcome::Completed]);
        assert_eq!(house.exits(), [("support".to_owned(), QueueExit::Answered)], "one entry, one exit");
    }
}

#[test]
fn no_agent_in_the_end_recalls_the_initiator_and_then_falls_back_but_not_to_the_same_queue() {
    for (fallback, expected) in [("support", None), ("second", Some("second"))] {
        let mut settings = with_support(|support| support.max_wait = Duration::from_secs(10));
        settings.queues.insert("second".to_owned(), QueueSettings::default());
        settings.transfer.fallback = Some(queue(fallback));
        let mut house = House::on_duty_with(settings, &["bob"]);
        house.says("bob", Availability::Paused).unwrap();
        let (a, c) = consults(&mut house, Surface::Command);
        house.completes(a).unwrap();
        house.wait(10);
        assert_eq!(house.outcomes(), [Outcome::QueueTimeout]);
        assert!(house.saw(|event| matches!(event, Event::Recalling { .. })));
        assert_eq!((house.ears(c), house.rings_at(house.rung())), (Ears::Ringback, "alice".to_owned()));
        house.fails(house.rung(), 486);
        let ears = expected.map_or(Ears::Announcement, |name| Ears::Queue(name.to_owned()));
        assert_eq!(house.ears(c), ears);
    }
}

#[test]
fn a_customer_who_hangs_up_ends_the_wait_at_once() {
    for cold in [false, true] {
        let mut house = House::on_duty(&["bob"]);
        let (a, c) = consults(&mut house, Surface::Refer);
        let b = house.offer_leg("bob");
        if cold {
            house.completes(a).unwrap();
        }
        house.ends(c, Ending::Bye);
        assert!(house.hung_up(b));
        assert_eq!(house.outcomes(), [Outcome::CustomerGone]);
        let how = if cold { QueueExit::Abandoned } else { QueueExit::Cancelled };
        assert_eq!(house.exits(), [("support".to_owned(), how)]);
        assert_eq!(house.offers_ended(), [("bob".to_owned(), ReservationEnd::Withdrawn)]);
        house.is_over();
    }
}

#[test]
fn an_agent_who_lets_the_customer_go_keeps_waiting_in_the_queue_on_the_second_line() {
    let mut house = House::on_duty(&["bob"]);
    let (a1, c) = house.call_with_customer();
    house.offers(a1, Direction::Away);
    let a2 = house.dials("alice", queue("support"));
    house.ends(a1, Ending::Bye);
    house.wait_for(Duration::from_millis(500));
    assert!(house.hung_up(c));
    assert_eq!((house.outcomes(), house.status(a2)), (vec![Outcome::CustomerGone], Status::Queued));
    let b = house.offer_leg("bob");
    house.answers(b);
    assert!(house.talk(a2, b));
}

#[test]
fn ring_all_serves_a_consult_as_well() {
    let ring_all = |support: &mut QueueSettings| support.strategy = Strategy::RingAll;
    let mut house = House::on_duty_with(with_support(ring_all), &["alice", "bob", "carol"]);
    let (a, c) = consults(&mut house, Surface::Refer);
    assert_eq!(house.offered(), ["bob", "carol"]);
    let (b, k) = (house.offer_leg("bob"), house.offer_leg("carol"));
    house.answers(k);
    assert!(house.talk(a, k) && house.apart(k, c) && house.hung_up(b));
}

#[test]
fn the_initiator_may_talk_to_the_customer_while_the_queue_is_waited_for() {
    let mut house = House::on_duty(&["bob"]);
    let (a, c) = consults(&mut house, Surface::Refer);
    house.swaps(a).unwrap();
    assert!(house.talk(a, c));
    house.wait_alive(31);
    assert!(!house.heard(a).iter().any(|cue| matches!(cue, Cue::Position(_))), "no prompt into a talk");
    let b = house.offer_leg("bob");
    house.answers(b);
    assert!(house.talk(a, c) && house.apart(b, c));
    assert_eq!(house.heard(a), [Cue::Notice]);
    assert_eq!(house.merges(a).map(drop), Ok(()));
    assert!(house.all_talk(&[a, b, c]));
}

#[test]
fn a_call_that_waits_keeps_its_place_when_it_becomes_part_of_another() {
    let mut house = House::on_duty(&["bob"]);
    house.says("bob", Availability::Paused).unwrap();
    let (a1, c) = house.call_with_customer();
    // Alice's other phone waits in the queue: a call of its own.
    let a2 = house.dials_on("alice", "mobile", queue("support"));
    assert_ne!(house.call_of(a1), house.call_of(a2));
    let later = house.waits("+4999");
    house.command(Command::Join { by: a1, named: a2 }).unwrap();
    assert!(hears_the_queue(&house, c));
    house.says("bob", Availability::Ready).unwrap();
    let b = house.offer_leg("bob");
    house.answers(b);
    assert!(house.talk(b, c) && house.status(later) == Status::Queued);
    assert_eq!(house.exits().len(), 2, "left with the old call, answered in the new one");
}

#[test]
fn who_enters_the_room_themselves_is_not_offered_its_consult_any_more_and_counts_as_being_there() {
    let room = || Destination::Room("hall".to_owned());
    let mut house = House::on_duty(&["bob", "carol"]);
    let a = house.dials("alice", room());
    let c = house.customer_dials("+4930", room());
    house.starts(a, queue("support")).unwrap();
    house.accepts("bob").unwrap();
    let b = house.dials("bob", room());
    assert_eq!(house.offered(), ["carol"]);
    assert_eq!(house.offers_ended(), [("bob".to_owned(), ReservationEnd::Withdrawn)]);
    assert!(house.talk(b, c) && house.state("bob") == AgentState::OnCall);
    house.dials("bob", agent("dave"));
    assert!(house.apart(b, c), "the first line is away while they dial on the second");
}

#[test]
fn a_queue_that_nobody_used_for_a_year_works_the_same() {
    const YEAR: u64 = 365 * 24 * 3600;
    let wraps = |support: &mut QueueSettings| support.wrap_up = Duration::from_secs(30);
    for surface in SURFACES {
        let mut house = House::on_duty_with(with_support(wraps), &["alice", "bob", "carol"]);
        let c = house.waits("+4930");
        house.answers(house.offer_leg("alice"));
        house.ends(c, Ending::Bye);
        house.wait(YEAR);
        assert!(house.board.is_idle() && house.board.deadline().is_none(), "an idle queue costs nothing");
        let (a, c) = consults(&mut house, surface);
        assert_eq!(house.offered(), ["bob"]);
        house.wait_alive(15);
        assert_eq!(house.offered(), ["carol"]);
        let k = house.offer_leg("carol");
        house.answers(k);
        assert!(house.talk(a, k) && house.apart(k, c));
        house.completes(a).unwrap();
        assert!(house.talk(k, c));
    }
}
