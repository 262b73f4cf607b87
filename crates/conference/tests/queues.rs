//! Customers in queues, and the agents who serve them. Consults to a queue are in `queues_consult`.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, missing_docs)]

mod floor;
mod house;

use std::time::Duration;

use conference::{
    AgentState, Asker, Availability, Command, Cue, Destination, Ears, Effect, Ending, Event, Output, QueueExit,
    QueueSettings, Refusal, ReservationEnd, Role, Status, Strategy,
};
use floor::{queue, with_support};
use house::{House, IntoAgent as _, agent, outside, settings};

#[test]
fn a_customer_waits_hears_the_queue_and_talks_to_whoever_answers() {
    let mut house = House::on_duty(&["bob"]);
    let c = house.waits("+4930");
    assert!(house.did(&Effect::Answer { leg: c }), "a call to a queue is answered at once");
    assert_eq!((house.ears(c), house.status(c)), (Ears::Queue("support".into()), Status::Queued));
    assert_eq!((house.offered(), house.state("bob")), (vec!["bob".to_owned()], AgentState::Reserved));
    let b = house.rung();
    house.ringing(b);
    assert_eq!((house.ears(c), house.status(c)), (Ears::Queue("support".into()), Status::Queued));
    let view = house.board.call(house.call_of(c)).unwrap();
    let awaited = view.participants.iter().find(|person| person.role == Role::Agent).unwrap();
    assert_eq!((awaited.agent.clone(), awaited.name.as_str(), awaited.status), (None, "support", Status::Ringing));
    assert!(view.participants.iter().all(|person| person.queue == Some(("support".to_owned(), 1))));
    house.answers(b);
    assert!(house.talk(b, c) && house.masks_came_first());
    assert_eq!(
        (house.status(b), house.status(c), house.state("bob")),
        (Status::Live, Status::Live, AgentState::OnCall)
    );
    let view = house.board.call(house.call_of(c)).unwrap();
    let awaited = view.participant(awaited.who).unwrap();
    assert_eq!((awaited.agent.clone(), awaited.name.as_str()), (Some("bob".into_agent()), "bob"));
    assert_eq!(house.exits(), [("support".to_owned(), QueueExit::Answered)]);
    assert_eq!(house.offers_ended(), [("bob".to_owned(), ReservationEnd::Answered)]);
    house.ends(b, Ending::Bye);
    assert!(house.hung_up(c));
    house.is_over();
    assert_eq!(house.state("bob"), AgentState::Ready);
}

#[test]
fn the_participants_status_is_queued_then_calling_then_ringing_then_live() {
    let mut house = House::new();
    house.waits("+4930");
    house.registers("bob", 1);
    let b = house.rung();
    house.ringing(b);
    house.answers(b);
    let awaited = house.who(b);
    let told: Vec<Status> = house
        .all
        .iter()
        .filter_map(|output| match output {
            Output::Event(Event::StatusChanged { who, status, .. }) if *who == awaited => Some(*status),
            _ => None,
        })
        .collect();
    assert_eq!(told, [Status::Queued, Status::Calling, Status::Ringing, Status::Live]);
}

#[test]
fn the_agent_idle_longest_is_asked_first_and_a_missed_offer_does_not_change_that() {
    let mut house = House::on_duty(&["carol", "alice", "bob"]);
    let c = house.waits("+4930");
    house.fails(house.offer_leg("carol"), 486);
    assert_eq!(house.offered(), ["alice"], "busy: the next at once");
    house.wait(15);
    assert_eq!(house.offered(), ["bob"], "no answer in time: the next");
    house.rejects("bob").unwrap();
    assert_eq!(
        house.offered(),
        ["carol"],
        "nobody else is to be had: whoever was asked first, after more than five seconds"
    );
    house.answers(house.offer_leg("carol"));
    house.ends(c, Ending::Bye);
    house.waits("+4931");
    house.waits("+4932");
    house.waits("+4933");
    assert_eq!(house.offered(), ["alice", "bob", "carol"]);
    let how: Vec<ReservationEnd> = house.offers_ended().into_iter().map(|(_, how)| how).collect();
    let (rejected, expired) = (ReservationEnd::Rejected, ReservationEnd::Expired);
    assert_eq!(how, [rejected, expired, rejected, ReservationEnd::Answered]);
}

#[test]
fn whoever_rejects_is_asked_again_after_five_seconds_if_nobody_else_is_there() {
    let mut house = House::on_duty(&["bob"]);
    let c = house.waits("+4930");
    house.rejects("bob").unwrap();
    assert!(house.offered().is_empty() && house.state("bob") == AgentState::Ready);
    house.wait_for(Duration::from_millis(4999));
    assert!(house.offered().is_empty());
    house.wait_for(Duration::from_millis(1));
    assert_eq!(house.offered(), ["bob"]);
    assert_eq!(house.status(c), Status::Queued);
}

#[test]
fn whoever_rejects_one_call_is_offered_the_next_in_line_at_once() {
    let mut house = House::on_duty(&["bob"]);
    let first = house.waits("+4930");
    let second = house.waits("+4931");
    house.rejects("bob").unwrap();
    assert_eq!(house.board.reservations().next().unwrap().call, house.call_of(second));
    house.answers(house.offer_leg("bob"));
    house.ends(second, Ending::Bye);
    assert!(house.offered().is_empty(), "the first is not offered to them again within five seconds");
    house.wait(5);
    assert_eq!(house.board.reservations().next().unwrap().call, house.call_of(first), "and kept its place");
}

#[test]
fn an_agent_who_logs_out_pauses_or_takes_another_call_is_offered_nothing_any_more() {
    type Leaving = fn(&mut House);
    let leavings: [Leaving; 4] = [
        |house| house.registers("bob", 0),
        |house| drop(house.says("bob", Availability::Paused).unwrap()),
        |house| {
            house.dials("bob", agent("dave"));
        },
        |house| {
            house.customer_dials("+4999", agent("bob"));
            house.answers(house.rung());
        },
    ];
    for leaving in leavings {
        let mut house = House::on_duty(&["bob", "carol"]);
        house.waits("+4930");
        let b = house.offer_leg("bob");
        leaving(&mut house);
        assert_eq!(house.offered(), ["carol"]);
        assert_eq!(house.offers_ended(), [("bob".to_owned(), ReservationEnd::Withdrawn)]);
        house.answers(b);
        assert!(house.hung_up(b), "a late 200 is taken back");
    }
}

#[test]
fn a_caller_who_hangs_up_leaves_at_once_and_the_others_move_up() {
    let mut house = House::new();
    let first = house.waits("+4930");
    let second = house.waits("+4931");
    let third = house.waits("+4932");
    house.ends(first, Ending::Bye);
    assert_eq!(house.exits(), [("support".to_owned(), QueueExit::Abandoned)]);
    let place = |house: &House, leg| {
        let view = house.board.call(house.call_of(leg)).unwrap();
        view.participant(house.who(leg)).unwrap().queue.clone().unwrap().1
    };
    assert_eq!((place(&house, second), place(&house, third)), (1, 2));
    assert!(house.saw(|event| matches!(event, Event::QueueMoved { position: 1, .. })));
    house.registers("bob", 1);
    assert_eq!(house.board.reservations().next().unwrap().call, house.call_of(second));
    let b = house.offer_leg("bob");
    house.ends(second, Ending::Bye);
    assert!(house.hung_up(b), "nobody is rung for a caller who is gone");
    assert_eq!(house.board.reservations().next().unwrap().call, house.call_of(third));
    house.ends(third, Ending::Bye);
    house.is_over();
}

#[test]
fn places_are_said_on_entry_and_from_time_to_time() {
    let mut house = House::with(with_support(|support| support.position_every = Duration::from_secs(20)));
    let c = house.waits("+4930");
    assert_eq!(house.heard(c), [Cue::Position(1)]);
    let d = house.waits("+4931");
    assert_eq!((house.heard(d), house.heard(c)), (vec![Cue::Position(2)], vec![]));
    house.wait_for(Duration::from_secs(10));
    house.ends(c, Ending::Bye);
    assert!(house.heard(d).is_empty(), "no oftener than said");
    house.wait(10);
    assert_eq!(house.heard(d), [Cue::Position(1)]);
    let mut house = House::with(with_support(|support| support.position_every = Duration::ZERO));
    let c = house.waits("+4930");
    assert!(house.heard(c).is_empty());
}

#[test]
fn ring_all_rings_all_and_the_first_answer_wins() {
    let ring_all = |support: &mut QueueSettings| support.strategy = Strategy::RingAll;
    let mut house = House::on_duty_with(with_support(ring_all), &["alice", "bob"]);
    let c = house.waits("+4930");
    let (a, b) = (house.offer_leg("alice"), house.offer_leg("bob"));
    house.registers("carol", 1);
    assert_eq!(house.offered(), ["alice", "bob", "carol"], "whoever becomes ready rings along");
    let view = house.board.call(house.call_of(c)).unwrap();
    assert_eq!(view.participants.len(), 2, "they are one participant until somebody answers");
    house.fails(a, 486);
    assert_eq!(house.offered(), ["bob", "carol"]);
    let k = house.offer_leg("carol");
    house.answers(b);
    assert!(house.hung_up(k) && house.talk(b, c));
    house.answers(k);
    assert!(house.hung_up(k) && house.talk(b, c), "answers that cross: one wins, the other is hung up");
    assert_eq!((house.state("carol"), house.state("alice")), (AgentState::Ready, AgentState::Ready));
    assert!(house.offers_ended().contains(&("carol".to_owned(), ReservationEnd::Elsewhere)));
}

#[test]
fn round_robin_goes_by_name_after_whoever_was_asked_last() {
    let in_turn = |support: &mut QueueSettings| support.strategy = Strategy::RoundRobin;
    let mut house = House::on_duty_with(with_support(in_turn), &["carol", "alice", "bob"]);
    for expected in ["alice", "bob", "carol", "alice"] {
        let c = house.waits("+4930");
        assert_eq!(house.offered(), [expected]);
        house.ends(c, Ending::Bye);
    }
}

#[test]
fn skills_first_ask_whoever_has_most_and_never_whoever_lacks_one() {
    let mut settings = with_support(|support| {
        support.strategy = Strategy::Skills;
        support.skills.insert("french".to_owned(), 3);
    });
    for (name, level) in [("alice", 2), ("bob", 5), ("carol", 9)] {
        settings.agents.get_mut(&name.into_agent()).unwrap().skills.insert("french".to_owned(), level);
    }
    let mut house = House::on_duty_with(settings, &["alice", "bob", "carol"]);
    assert_eq!(house.board.queue("support").unwrap().ready, 2);
    house.waits("+4930");
    house.waits("+4931");
    house.waits("+4932");
    assert_eq!(house.offered(), ["carol", "bob"]);
}

#[test]
fn an_agent_of_two_queues_takes_the_more_important_call_first() {
    let mut settings = settings();
    settings.queues.insert("gold".to_owned(), QueueSettings { priority: 5, ..QueueSettings::default() });
    for name in ["bob", "carol"] {
        settings.agents.get_mut(&name.into_agent()).unwrap().queues.insert("gold".to_owned());
    }
    let mut house = House::with(settings);
    let plain = house.waits("+4930");
    let gold = house.customer_dials("+4931", queue("gold"));
    house.registers("bob", 1);
    assert_eq!(house.board.reservations().next().unwrap().call, house.call_of(gold));
    house.registers("alice", 1);
    assert_eq!(house.board.reservations().nth(1).unwrap().call, house.call_of(plain));
}

#[test]
fn accept_takes_the_call_for_the_agent_and_rings_on() {
    let ring_all = |support: &mut QueueSettings| support.strategy = Strategy::RingAll;
    let mut house = House::on_duty_with(with_support(ring_all), &["alice", "bob"]);
    let c = house.waits("+4930");
    let a = house.offer_leg("alice");
    assert_eq!(
        house.command(Command::Accept { reservation: house.offer("bob"), by: Asker::Agent("alice".into_agent()) }),
        Err(Refusal::NotAllowed)
    );
    house.accepts("bob").unwrap();
    assert!(house.hung_up(a));
    assert_eq!((house.offered(), house.state("alice")), (vec!["bob".to_owned()], AgentState::Ready));
    house.accepts("bob").unwrap();
    house.wait_alive(24);
    assert_eq!(house.offered(), ["bob"], "rung as long as any other");
    assert!(house.board.reservations().next().unwrap().accepted);
    let b = house.offer_leg("bob");
    house.answers(b);
    assert!(house.talk(b, c));
    let stale = Command::Accept { reservation: conference::ReservationId(1), by: Asker::Operator };
    assert_eq!(house.command(stale), Err(Refusal::ReservationNotFound));
}

#[test]
fn who_accepts_and_does_not_answer_is_passed_over() {
    let mut house = House::on_duty(&["alice", "bob"]);
    house.waits("+4930");
    house.accepts("alice").unwrap();
    house.wait_alive(25);
    assert_eq!(house.offered(), ["bob"]);
}

#[test]
fn wrap_up_follows_the_call_and_ends_by_itself_or_by_command() {
    let wraps = |support: &mut QueueSettings| support.wrap_up = Duration::from_secs(30);
    let mut house = House::on_duty_with(with_support(wraps), &["bob"]);
    let c = house.waits("+4930");
    house.answers(house.offer_leg("bob"));
    let next = house.waits("+4931");
    house.ends(c, Ending::Bye);
    assert_eq!((house.state("bob"), house.offered()), (AgentState::WrapUp, vec![]));
    house.wait_alive(29);
    assert_eq!(house.state("bob"), AgentState::WrapUp);
    house.wait_alive(1);
    assert_eq!(house.board.reservations().next().unwrap().call, house.call_of(next));
    house.answers(house.offer_leg("bob"));
    house.ends(next, Ending::Bye);
    house.says("bob", Availability::Ready).unwrap();
    assert_eq!(house.state("bob"), AgentState::Ready);
    house.customer_dials("+4932", agent("bob"));
    let b = house.rung();
    assert_eq!(house.state("bob"), AgentState::Reserved, "rung by a caller");
    house.answers(b);
    house.ends(b, Ending::Bye);
    assert_eq!(house.state("bob"), AgentState::Ready, "no wrap-up after a call of no queue");
}

#[test]
fn a_full_queue_overflows_to_another_queue_an_agent_a_number_or_the_announcement() {
    let overflow = |to: Option<Destination>| {
        let mut settings = with_support(|support| {
            support.max_length = 1;
            support.overflow = to;
        });
        settings.queues.insert("second".to_owned(), QueueSettings::default());
        let mut house = House::with(settings);
        house.waits("+4930");
        let c = house.waits("+4931");
        assert_eq!(house.exits(), [("support".to_owned(), QueueExit::Full)]);
        (house, c)
    };
    let (house, c) = overflow(Some(queue("second")));
    assert_eq!((house.ears(c), house.status(c)), (Ears::Queue("second".into()), Status::Queued));
    let (mut house, c) = overflow(Some(agent("dave")));
    assert_eq!(house.ears(c), Ears::Ringback);
    let d = house.rung();
    house.answers(d);
    assert!(house.talk(d, c));
    let (mut house, c) = overflow(Some(outside("+4977")));
    let d = house.rung();
    house.answers(d);
    assert!(house.talk(d, c));
    for to in [None, Some(queue("support")), Some(queue("nowhere")), Some(agent("nobody"))] {
        let (mut house, c) = overflow(to);
        assert_eq!(house.ears(c), Ears::Announcement);
        house.wait(5);
        assert!(house.hung_up(c));
    }
}

#[test]
fn a_loop_of_overflows_ends_in_the_announcement() {
    let mut settings = with_support(|support| support.overflow = Some(queue("second")));
    settings
        .queues
        .insert("second".to_owned(), QueueSettings { overflow: Some(queue("support")), ..QueueSettings::default() });
    let mut house = House::with(settings);
    house.hours("support", false);
    house.hours("second", false);
    let c = house.waits("+4930");
    assert_eq!(house.ears(c), Ears::Announcement);
    assert_eq!(house.exits().len(), 2);
    house.wait(5);
    house.is_over();
}

#[test]
fn who_waits_too_long_overflows_even_while_it_rings_and_not_once_an_agent_said_yes() {
    let patience = |support: &mut QueueSettings| {
        support.max_wait = Duration::from_secs(10);
        support.overflow = Some(agent("dave"));
    };
    let mut house = House::on_duty_with(with_support(patience), &["bob"]);
    let c = house.waits("+4930");
    let b = house.offer_leg("bob");
    house.wait(10);
    assert!(house.hung_up(b) && house.state("bob") == AgentState::Ready);
    assert_eq!(house.exits(), [("support".to_owned(), QueueExit::TimedOut)]);
    let d = house.rung();
    assert_eq!(house.rings_at(d), "dave");
    house.answers(d);
    assert!(house.talk(c, d));
    let e = house.waits("+4931");
    house.accepts("bob").unwrap();
    house.wait_alive(11);
    house.answers(house.offer_leg("bob"));
    assert_eq!(house.status(e), Status::Live);
}

#[test]
fn a_queue_that_closes_sends_those_who_wait_away_and_lets_a_phone_ring_on() {
    let mut house = House::on_duty(&["bob"]);
    let ringing = house.waits("+4930");
    let waiting = house.waits("+4931");
    house.hours("support", false);
    assert_eq!((house.ears(ringing), house.ears(waiting)), (Ears::Queue("support".into()), Ears::Announcement));
    assert!(house.saw(|event| matches!(event, Event::QueueChanged { open: false, waiting: 1, .. })));
    house.answers(house.offer_leg("bob"));
    assert_eq!(house.status(ringing), Status::Live);
    house.wait(5);
    house.hours("support", true);
    let later = house.waits("+4932");
    assert_eq!(house.status(later), Status::Queued);
}

#[test]
fn an_empty_queue_lets_wait_or_does_not() {
    let strict = |support: &mut QueueSettings| support.wait_when_empty = false;
    let mut house = House::on_duty_with(with_support(strict), &["bob"]);
    let c = house.waits("+4930");
    assert_eq!(house.status(c), Status::Queued);
    house.registers("bob", 0);
    assert_eq!(house.ears(c), Ears::Announcement);
    let d = house.waits("+4931");
    assert_eq!(house.ears(d), Ears::Announcement);
    assert!(house.exits().iter().all(|(_, how)| *how == QueueExit::Empty));
    let mut house = House::new();
    let c = house.waits("+4930");
    assert_eq!(house.status(c), Status::Queued, "by default it lets wait");
}
