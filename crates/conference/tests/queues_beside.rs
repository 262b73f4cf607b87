//! Queues besides their callers: agents' states, new settings, restarts, fallbacks. Callers are in `queues`.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, missing_docs)]

mod floor;
mod house;

use std::time::Duration;

use conference::{
    AgentState, Asker, Availability, Command, Ears, Effect, Ending, Event, Refusal, Report, ReservationEnd, Status,
    Switchboard,
};
use floor::{queue, with_support};
use house::{House, IntoAgent as _, settings};

#[test]
fn agents_and_supervisors_say_what_an_agents_state_is_and_nobody_else() {
    let mut house = House::on_duty(&["bob"]);
    let set = |by| Command::SetState { agent: "bob".into_agent(), by, availability: Availability::Paused };
    assert_eq!(house.command(set(Asker::Agent("carol".into_agent()))), Err(Refusal::NotAllowed));
    for by in [Asker::Agent("susan".into_agent()), Asker::Operator] {
        house.says("bob", Availability::Ready).unwrap();
        house.command(set(by)).unwrap();
        assert_eq!(house.state("bob"), AgentState::Paused);
    }
    let nobody =
        Command::SetState { agent: "nobody".into_agent(), by: Asker::Operator, availability: Availability::Ready };
    assert_eq!(house.command(nobody), Err(Refusal::TargetUnknown));
    let before = house.board.agent(&"bob".into_agent()).unwrap();
    house.wait(3);
    let view = house.board.agent(&"bob".into_agent()).unwrap();
    assert_eq!((view.since, view.queues, view.phones), (before.since, vec!["support".to_owned()], 1));
}

#[test]
fn new_settings_keep_states_and_places() {
    let mut house = House::on_duty(&["bob", "carol"]);
    house.says("carol", Availability::Paused).unwrap();
    let c = house.waits("+4930");
    let d = house.waits("+4931");
    let mut fewer = settings();
    fewer.agents.get_mut(&"bob".into_agent()).unwrap().queues.clear();
    house.command(Command::Configure(fewer)).unwrap();
    assert_eq!((house.state("carol"), house.offered()), (AgentState::Paused, vec!["bob".to_owned()]));
    house.says("carol", Availability::Ready).unwrap();
    let offer = house.board.reservations().nth(1).unwrap();
    assert_eq!((offer.agent.0.as_str(), offer.call), ("carol", house.call_of(d)));
    let mut none = settings();
    none.queues.clear();
    house.command(Command::Configure(none)).unwrap();
    house.rejects("bob").unwrap();
    assert_eq!(house.ears(c), Ears::Announcement, "a queue that is gone lets nobody wait");
    assert!(house.board.queue("support").is_none());
}

#[test]
fn after_a_restart_calls_and_offers_are_numbered_on_and_the_paused_stay_paused() {
    let mut board = Switchboard::new();
    board.resume(41, 70, vec![("bob".into_agent(), Availability::Paused)]);
    let mut house = House::new();
    house.board = board;
    house.command(Command::Configure(settings())).unwrap();
    house.registers("bob", 1);
    let c = house.waits("+4930");
    assert_eq!((house.call_of(c).0, house.state("bob")), (42, AgentState::Paused));
    house.says("bob", Availability::Ready).unwrap();
    assert_eq!(house.offer("bob").0, 71, "no id of before accepts an offer of now");
}

#[test]
fn an_agent_may_wait_in_a_queue_as_well_and_dial_it_from_the_desktop() {
    let mut house = House::on_duty(&["alice", "bob"]);
    let a = house.dials("alice", queue("support"));
    assert!(house.did(&Effect::Answer { leg: a }));
    assert_eq!((house.status(a), house.offered()), (Status::Queued, vec!["bob".to_owned()]), "never to themselves");
    house.answers(house.offer_leg("bob"));
    assert_eq!(house.status(a), Status::Live);
    house.ends(a, Ending::Bye);
    house.command(Command::Dial { from: "alice".into_agent(), to: queue("support") }).unwrap();
    house.answers(house.rung());
    assert_eq!(house.offered(), ["bob"]);
    let wrong = Command::Dial { from: "carol".into_agent(), to: queue("nowhere") };
    assert_eq!(house.command(wrong), Err(Refusal::TargetUnknown));
}

#[test]
fn a_customer_whom_nobody_serves_any_more_goes_to_the_fallback_queue_once() {
    let mut settings = with_support(|support| support.max_wait = Duration::from_secs(30));
    settings.transfer.fallback = Some(queue("support"));
    let mut house = House::on_duty_with(settings, &["bob"]);
    let (a, c) = house.call_with_customer();
    house.ends(a, Ending::Dead);
    assert_eq!((house.ears(c), house.offered()), (Ears::Queue("support".into()), vec!["bob".to_owned()]));
    assert!(house.saw(|event| matches!(event, Event::FellBack { .. })));
    house.wait_alive(31);
    assert_eq!(house.ears(c), Ears::Announcement);
    house.wait_alive(5);
    house.is_over();
}

#[test]
fn an_offer_is_picked_up_on_another_phone() {
    let mut house = House::on_duty(&["bob"]);
    let c = house.waits("+4930");
    let b = house.offer_leg("bob");
    house.next_leg += 1;
    let leg = conference::LegId::arrived(house.next_leg);
    let caller = |name: &str| conference::Caller::Agent {
        name: name.into_agent(),
        phone: conference::Phone(format!("{name}-other")),
    };
    let replaced =
        |name| Report::Replaced { leg, old: b, caller: caller(name), direction: conference::Direction::Both };
    house.report(replaced("carol"));
    assert!(house.did(&Effect::Reject { leg, status: 481, refusal: None }));
    house.report(replaced("bob"));
    assert!(house.talk(leg, c) && house.hung_up(b));
    assert_eq!(house.offers_ended(), [("bob".to_owned(), ReservationEnd::Answered)]);
}

#[test]
fn what_is_shown_of_an_agent_is_told_even_if_the_state_is_the_same() {
    let mut house = House::with(settings());
    let alice = |state| vec![("alice".to_owned(), state)];
    house.says("alice", Availability::Paused).unwrap();
    assert_eq!(house.states_told(), alice(AgentState::Offline), "said while offline");
    house.says("alice", Availability::Paused).unwrap();
    assert_eq!(house.states_told(), [], "said again");
    house.registers("alice", 1);
    assert_eq!(house.states_told(), alice(AgentState::Paused));
    house.registers("alice", 2);
    assert_eq!(house.states_told(), alice(AgentState::Paused), "one phone more");
    house.registers("alice", 2);
    assert_eq!(house.states_told(), [], "a refresh");
    house.registers("alice", 0);
    assert_eq!(house.states_told(), alice(AgentState::Offline));
    let since = house.board.agent(&"alice".into_agent()).unwrap().since;
    house.wait(5);
    house.says("alice", Availability::Ready).unwrap();
    assert_eq!(house.states_told(), alice(AgentState::Offline));
    assert_eq!(house.board.agent(&"alice".into_agent()).unwrap().since, since, "offline all the while");
}

#[test]
fn a_wrap_up_that_ends_by_itself_is_told_of_whoever_is_offline() {
    let mut house = House::with(with_support(|support| support.wrap_up = Duration::from_secs(10)));
    house.says("alice", Availability::WrapUp).unwrap();
    house.wait(9);
    assert_eq!(house.states_told(), []);
    house.wait(1);
    assert_eq!(house.board.agent(&"alice".into_agent()).unwrap().availability, Availability::Ready);
    assert_eq!(house.states_told(), [("alice".to_owned(), AgentState::Offline)]);
}

#[test]
fn an_agent_who_is_removed_is_told_of_as_gone_and_their_wrap_up_is_over() {
    let mut house = House::on_duty(&["alice", "bob", "carol"]);
    house.says("bob", Availability::WrapUp).unwrap();
    house.says("carol", Availability::Paused).unwrap();
    let mut recorder = conference::record::Recorder::new(0);
    let wrapping_up = Event::AgentChanged { agent: "bob".into_agent(), state: AgentState::WrapUp };
    recorder.note(house.now, &wrapping_up);
    house.wait(8);
    let mut fewer = settings();
    for name in ["alice", "bob", "carol", "dave"] {
        fewer.agents.remove(&name.into_agent());
    }
    let told = house.command(Command::Configure(fewer)).unwrap();
    let gone = |name: &str| (name.to_owned(), AgentState::Offline);
    assert_eq!(house.states_told(), [gone("alice"), gone("bob"), gone("carol")], "dave was offline all the while");
    for output in &told {
        if let conference::Output::Event(event) = output {
            recorder.note(house.now, event);
        }
    }
    house.wait(100);
    let totals = recorder.totals_of(&["bob".into_agent()], house.now);
    assert_eq!(totals[&"bob".into_agent()].wrap_up_us, 8_000_000);
    assert_eq!(recorder.totals_together(house.now).wrap_up_us, 8_000_000);
}

#[test]
fn what_rings_at_an_agent_who_is_removed_goes_to_the_next() {
    let mut house = House::on_duty(&["bob", "carol"]);
    house.waits("+4930");
    assert_eq!(house.offered(), ["bob"]);
    let mut fewer = settings();
    fewer.agents.remove(&"bob".into_agent());
    house.command(Command::Configure(fewer)).unwrap();
    assert_eq!(house.offered(), ["carol"]);
}
