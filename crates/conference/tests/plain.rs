//! Plain calls: agents, customers, rooms, services, holds by phones. Transfers are in `rows`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

mod house;

use conference::{Command, Destination, Direction, Ears, Effect, Ending, Output, Refusal, Report, Service, Status};
use house::{House, agent, outside};

#[test]
fn an_agent_calls_an_agent_and_both_hear_each_other() {
    let mut house = House::new();
    let a = house.dials("alice", agent("bob"));
    let b = house.rung();
    assert!(!house.hears(a, b));
    house.ringing(b);
    assert!(house.did(&Effect::Progress { leg: a }));
    house.answers(b);
    assert!(house.masks_came_first());
    assert!(house.did(&Effect::Answer { leg: a }));
    assert!(house.hears(a, b) && house.hears(b, a));
}

#[test]
fn nobody_is_rung_for_a_caller_who_gave_up() {
    let mut house = House::new();
    let c = house.customer_dials("+4930", agent("bob"));
    let b = house.rung();
    house.ends(c, Ending::Cancelled);
    assert!(house.did(&Effect::Hangup { leg: b, status: None }));
    house.is_over();
    house.answers(b);
    assert!(house.did(&Effect::Hangup { leg: b, status: None }), "a late 200 is taken back");
}

#[test]
fn a_busy_callee_is_the_callers_answer() {
    let mut house = House::new();
    let c = house.customer_dials("+4930", agent("bob"));
    let b = house.rung();
    house.fails(b, 486);
    assert!(house.did(&Effect::Reject { leg: c, status: 486, refusal: None }));
    house.is_over();
}

#[test]
fn a_callee_who_does_not_answer_is_480_after_the_time_out() {
    let mut house = House::new();
    let c = house.customer_dials("+4930", agent("bob"));
    let b = house.rung();
    house.ringing(b);
    house.wait(25);
    assert!(house.did(&Effect::Hangup { leg: b, status: None }));
    assert!(house.did(&Effect::Reject { leg: c, status: 480, refusal: None }));
    house.is_over();
}

#[test]
fn an_agent_with_max_calls_is_busy_for_others_but_not_for_themselves() {
    let mut house = House::new();
    for _ in 0..2 {
        house.customer_dials("+4930", agent("bob"));
        let b = house.rung();
        house.answers(b);
    }
    let c = house.customer_dials("+4931", agent("bob"));
    assert!(house.did(&Effect::Reject { leg: c, status: 486, refusal: Some(Refusal::TargetBusy) }));
    house.dials("bob", agent("carol"));
    let _ = house.rung();
}

#[test]
fn unknown_addresses_and_oneself_cannot_be_called() {
    let mut house = House::new();
    let a = house.dials("alice", Destination::Unknown);
    assert!(house.did(&Effect::Reject { leg: a, status: 404, refusal: None }));
    let a = house.dials("alice", agent("nobody"));
    assert!(house.did(&Effect::Reject { leg: a, status: 404, refusal: None }));
    let a = house.dials("alice", agent("alice"));
    assert!(house.did(&Effect::Reject { leg: a, status: 486, refusal: None }));
    let c = house.customer_dials("+4930", outside("+4931"));
    assert!(house.did(&Effect::Reject { leg: c, status: 404, refusal: None }));
    house.is_over();
}

#[test]
fn a_hold_by_the_phone_gives_the_other_music_and_its_end_takes_it_away() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.offers(a, Direction::Away);
    assert!(house.masks_came_first());
    assert!(house.did(&Effect::AnswerOffer { leg: a }));
    assert!(!house.hears(a, c) && !house.hears(c, a));
    assert_eq!(house.ears(c), Ears::HoldMusic);
    assert_eq!(house.ears(a), Ears::Nothing);
    assert_eq!(house.status(c), Status::Held);
    house.offers(a, Direction::Both);
    assert!(house.hears(a, c) && house.hears(c, a));
    assert_eq!(house.status(c), Status::Live);
}

#[test]
fn a_phone_that_only_listens_hears_and_is_not_heard() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.offers(a, Direction::Listens);
    assert!(house.hears(a, c) && !house.hears(c, a));
}

#[test]
fn the_agents_bye_releases_the_customer_and_the_customers_bye_the_agent() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.ends(a, Ending::Bye);
    assert!(house.did(&Effect::Hangup { leg: c, status: None }));
    house.is_over();
    let (a, c) = house.call_with_customer();
    house.ends(c, Ending::Bye);
    assert!(house.did(&Effect::Hangup { leg: a, status: None }));
    house.is_over();
}

#[test]
fn a_room_waits_for_others_and_ends_when_it_is_empty() {
    let mut house = House::new();
    let a = house.dials("alice", Destination::Room("standup".into()));
    assert!(house.did(&Effect::Answer { leg: a }));
    let c = house.customer_dials("+4930", Destination::Room("standup".into()));
    let d = house.customer_dials("+4931", Destination::Room("standup".into()));
    assert!(house.hears(c, d) && house.hears(a, c) && house.hears(d, a));
    house.ends(a, Ending::Bye);
    assert!(house.hears(c, d), "customers in a room do not wait for an agent");
    house.ends(c, Ending::Bye);
    assert_eq!(house.ears(d), Ears::HoldMusic);
    house.ends(d, Ending::Bye);
    house.is_over();
}

#[test]
fn a_room_that_is_full_is_busy() {
    let mut house = House::new();
    for n in 0..3 {
        house.customer_dials(&format!("+49{n}"), Destination::Room("small".into()));
    }
    let c = house.customer_dials("+4999", Destination::Room("small".into()));
    assert!(house.did(&Effect::Reject { leg: c, status: 486, refusal: Some(Refusal::LimitReached) }));
}

#[test]
fn a_room_that_waits_for_an_agent_plays_music_until_one_is_in() {
    let mut house = House::new();
    let c = house.customer_dials("+4930", Destination::Room("lobby".into()));
    let d = house.customer_dials("+4931", Destination::Room("lobby".into()));
    assert!(!house.hears(c, d));
    assert_eq!(house.ears(c), Ears::HoldMusic);
    let a = house.dials("alice", Destination::Room("lobby".into()));
    assert!(house.hears(c, d) && house.hears(a, c));
}

#[test]
fn services_answer_at_once() {
    for (service, ears) in
        [(Service::Echo, Ears::Echo), (Service::Tone, Ears::TestTone), (Service::Music, Ears::HoldMusic)]
    {
        let mut house = House::new();
        let c = house.customer_dials("+4930", Destination::Service(service));
        assert!(house.did(&Effect::Answer { leg: c }));
        assert_eq!(house.ears(c), ears);
        house.ends(c, Ending::Bye);
        house.is_over();
    }
}

#[test]
fn a_closed_queue_says_that_nobody_can_take_the_call_and_hangs_up() {
    let mut house = House::new();
    house.report(Report::Hours { queue: "support".into(), open: false });
    let c = house.customer_dials("+4930", Destination::Queue("support".into()));
    assert!(house.did(&Effect::Answer { leg: c }));
    assert_eq!(house.ears(c), Ears::Announcement);
    house.wait(5);
    assert!(house.did(&Effect::Hangup { leg: c, status: None }));
    house.is_over();
}

#[test]
fn the_house_can_open_a_call_for_an_agent() {
    let mut house = House::new();
    house.command(Command::Dial { from: "alice".into_agent(), to: outside("+4930") }).unwrap();
    let a = house.rung();
    house.answers(a);
    let c = house.rung();
    assert_eq!(house.ears(a), Ears::Ringback);
    house.answers(c);
    assert!(house.hears(a, c) && house.hears(c, a));
}

#[test]
fn the_whole_house_can_stop() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    let x = house.customer_dials("+4932", agent("carol"));
    house.command(Command::Shutdown).unwrap();
    assert!(house.did(&Effect::Hangup { leg: a, status: None }) && house.did(&Effect::Hangup { leg: c, status: None }));
    assert!(house.did(&Effect::Reject { leg: x, status: 503, refusal: None }));
    house.is_over();
}

#[test]
fn reports_about_unknown_legs_change_nothing() {
    let mut house = House::new();
    house.call_with_customer();
    let before = house.board.clone();
    let leg = conference::LegId::arrived(4711);
    for report in [
        Report::Ringing { leg },
        Report::Failed { leg, status: 486 },
        Report::Ended { leg, how: Ending::Bye },
        Report::Silent { leg },
        Report::Probed { leg, alive: false },
    ] {
        assert!(house.report(report).is_empty());
    }
    let answer = vec![Output::Effect(Effect::AnswerOffer { leg })];
    assert_eq!(house.report(Report::Offered { leg, direction: Direction::Both }), answer);
    assert_eq!(house.board, before);
}

#[test]
fn a_room_of_a_thousand_is_served() {
    let mut house = House::new();
    let start = std::time::Instant::now();
    let legs: Vec<_> =
        (0..1000).map(|n| house.customer_dials(&format!("+49{n}"), Destination::Room("all".into()))).collect();
    let filled = start.elapsed();
    assert!(house.hears(legs[0], legs[999]));
    let extra = house.customer_dials("+481", Destination::Room("all".into()));
    assert!(house.did(&Effect::Reject { leg: extra, status: 486, refusal: Some(Refusal::LimitReached) }));
    let start = std::time::Instant::now();
    house.offers(legs[500], Direction::Away);
    let one = start.elapsed();
    assert!(!house.hears(legs[0], legs[500]));
    println!("a thousand entered one room in {filled:?}; one hold among them took {one:?}");
}

use house::IntoAgent as _;
