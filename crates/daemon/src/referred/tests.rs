//! The table of refusals row by row, and what each kind of REFER asks of the core.

#![allow(clippy::unwrap_used)]

use conference::{Caller, Direction, Event, Phone, Report, Role};
use media_mixer::Mixer;
use sip_signalling::Endpoint;

use tokio::sync::broadcast;

use super::*;
use crate::carry::{Carry, Edges, Leg, Waiting, next_of};
use crate::clock::Clock;
use crate::config::from_text;
use crate::told::{Reserved, Teller};
use crate::translate;

const HOUSE: &str = r#"
[sip]
listen = ["udp:127.0.0.1:0"]
[media]
hold_music = "silence"
[[agents]]
name = "alice"
extension = "101"
password = "x"
[[agents]]
name = "bob"
extension = "102"
password = "x"
[[queues]]
name = "support"
extension = "200"
[[rooms]]
name = "standup"
extension = "300"
[[trunks]]
name = "pstn"
address = "127.0.0.1:5090"
match_out = "^\\+49[0-9]+$"
"#;

/// Every row of the table of refusals that a REFER can meet.
#[test]
fn every_refusal_is_told_as_the_table_says() {
    use Refusal::*;
    let rows = [
        (CallNotFound, false, TurnedDown::Refused(481), "call_not_found"),
        (CallNotLive, false, TurnedDown::Refused(403), "call_not_live"),
        (TransferInProgress, false, TurnedDown::Refused(403), "transfer_in_progress"),
        (InitiatorOnHold, false, TurnedDown::Refused(403), "initiator_on_hold"),
        (NotAllowed, false, TurnedDown::Refused(403), "not_allowed"),
        (BridgedByPhone, false, TurnedDown::Refused(403), "bridged_by_phone"),
        (InitiatorAway, false, TurnedDown::Refused(403), "initiator_away"),
        (NoTransfer, true, TurnedDown::Refused(403), "no_transfer"),
        (TargetNotLive, true, TurnedDown::Refused(403), "target_not_live"),
        (LimitReached, false, TurnedDown::Refused(403), "limit_reached"),
        (TargetUnknown, false, TurnedDown::Accepted(404), "target_unknown"),
        (TargetUnknown, true, TurnedDown::Accepted(481), "target_unknown"),
        (TargetUnavailable, false, TurnedDown::Accepted(480), "target_unavailable"),
        (TargetBusy, false, TurnedDown::Accepted(486), "target_busy"),
    ];
    for (refusal, joins, answer, code) in rows {
        assert_eq!((turned_down(refusal, joins), refusal.code()), (answer, code), "{refusal:?}");
    }
}

#[test]
fn after_five_in_a_minute_a_guess_is_one_too_many() {
    let mut guesses = Guesses::default();
    let alice = || AgentName("alice".to_owned());
    let second = |n: u64| Moment(n * 1_000_000);
    assert!((0..5).all(|n| !guesses.note(alice(), second(n))));
    assert!(guesses.note(alice(), second(6)));
    assert!(!guesses.note(AgentName("bob".to_owned()), second(7)), "others are not held to account for it");
    assert!(!guesses.note(alice(), second(60)), "a minute after the first there is room again");
}

/// A switch for this house, with one phone of each of these agents.
pub(crate) async fn switch_of(house: &str, agents: &[&str]) -> Switch {
    let config = from_text(house).unwrap();
    let (endpoint, _news) = Endpoint::start(translate::signalling(&config)).await.unwrap();
    let (mixer, _news) = Mixer::start(translate::media(&config)).unwrap();
    let clock = Clock::start();
    let edges = Edges { endpoint, mixer, near: config.media.address };
    let mut switch = Switch::new(
        &config,
        Carry::new(edges, Teller::new(broadcast::Sender::new(64), Reserved::default()), clock.clone()),
        clock,
    );
    for name in agents {
        switch.report(Report::Registered { agent: AgentName((*name).to_owned()), phones: 1 });
    }
    switch
}

/// An agent calls out by a leg of this number, and somebody answers.
pub(crate) fn calls_out(switch: &mut Switch, agent: &str, number: u64) -> (LegId, CallId) {
    let leg = LegId::arrived(number);
    switch.carry.legs.add(leg, Leg::new(Waiting::Nothing, Direction::Both));
    let caller = Caller::Agent { name: AgentName(agent.to_owned()), phone: Phone("a".to_owned()) };
    let to = Destination::Outside { trunk: "pstn".to_owned(), number: "+49301112233".to_owned() };
    let shown = "+49301112233".to_owned();
    let ring = Report::Arrived { leg, caller, to, shown, direction: Direction::Both };
    switch.report(ring);
    let call = switch.board.call_of(leg).unwrap();
    let people = switch.board.call(call).unwrap().participants;
    let rung = people.iter().find(|person| person.role == Role::Customer).unwrap().legs[0].leg;
    switch.report(Report::Answered { leg: rung, direction: Direction::Both, phone: None });
    (leg, call)
}

/// Alice's leg of a call with a customer, both answered, and the switch that has it.
pub(crate) async fn talking() -> (Switch, LegId, CallId) {
    let mut switch = switch_of(HOUSE, &["alice", "bob"]).await;
    let (leg, call) = calls_out(&mut switch, "alice", 1);
    (switch, leg, call)
}

fn bring(dialled: &str, ours: bool) -> Referral {
    Referral::Bring { dialled: dialled.to_owned(), host: "baton.local".to_owned(), ours }
}

fn refer(n: u64) -> ReferId {
    serde_json::from_value(serde_json::json!(n)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refer_without_replaces_starts_a_transfer_to_whomever_an_agent_would_dial() {
    let (mut switch, leg, call) = talking().await;
    let mut target = |dialled: &str, ours| match switch.asked_by_refer((call, leg), bring(dialled, ours)) {
        Ok(Command::Start { target, by: Asker::Leg(by), shown, .. }) => {
            assert_eq!((by, shown.as_str()), (leg, dialled));
            Ok(target)
        }
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal),
    };
    let bob = Destination::Agent(AgentName("bob".to_owned()));
    assert_eq!((target("102", true), target("bob", true)), (Ok(bob.clone()), Ok(bob)));
    assert_eq!(target("200", true), Ok(Destination::Queue("support".to_owned())));
    assert_eq!(target("nobody", true), Ok(Destination::Unknown));
    assert_eq!(target("102", false), Ok(Destination::Unknown), "somebody else's domain");
    assert_eq!(target("+19005550100", false), Ok(Destination::Unknown));
    assert_eq!(target("+19005550100", true), Err(Refusal::NotAllowed), "no trunk lets it out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refer_with_replaces_joins_and_one_that_names_nothing_is_as_unknown() {
    let (mut switch, leg, call) = talking().await;
    let named = LegId::arrived(9);
    let join = switch.asked_by_refer((call, leg), Referral::Join(named));
    assert_eq!(join, Ok(Command::Join { by: leg, named }));
    for _ in 0..5 {
        assert_eq!(switch.asked_by_refer((call, leg), Referral::NoSuchLeg), Err(Refusal::TargetUnknown));
    }
    assert_eq!(switch.asked_by_refer((call, leg), Referral::NoSuchLeg), Err(Refusal::LimitReached));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refer_by_bye_removes_whom_it_names() {
    let (mut switch, leg, call) = talking().await;
    let mut who = |user: &str| match switch.asked_by_refer((call, leg), Referral::Remove { user: user.to_owned() }) {
        Ok(Command::Remove { who, by: Asker::Leg(_), .. }) => Some(who),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => {
            assert_eq!(refusal, Refusal::TargetUnknown);
            None
        }
    };
    let (own, customer) = (who("101"), who("+49301112233"));
    assert!(own.is_some() && customer.is_some() && own != customer);
    assert_eq!(who("alice"), own);
    assert_eq!((who("102"), who("nobody")), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conference_is_named_by_its_call_or_its_room_and_only_its_people_are_heard() {
    let (mut switch, leg, call) = talking().await;
    let at =
        |user: &str, agent: &str| ReferredAt::Conference { user: user.to_owned(), agent: AgentName(agent.to_owned()) };
    assert_eq!(switch.referring_leg(at(&call.to_string(), "alice")), Some((leg, call)));
    assert_eq!(switch.referring_leg(at(&call.to_string(), "bob")), None);
    assert_eq!(switch.referring_leg(at("standup", "alice")), None, "nobody is in that room");
    let line = LegId::arrived(2);
    switch.carry.legs.add(line, Leg::new(Waiting::Nothing, Direction::Both));
    let caller = Caller::Agent { name: AgentName("bob".to_owned()), phone: Phone("b".to_owned()) };
    let to = Destination::Room("standup".to_owned());
    let shown = "300".to_owned();
    switch.report(Report::Arrived { leg: line, caller, to, shown, direction: Direction::Both });
    let room = switch.board.call_of(line).unwrap();
    assert_eq!(switch.referring_leg(at("300", "bob")), Some((line, room)));
    assert_eq!(switch.referring_leg(ReferredAt::Leg(LegId::arrived(77))), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_by_refer_rings_its_target_and_a_second_is_refused_and_changes_nothing() {
    let (mut switch, leg, call) = talking().await;
    switch.referred(refer(1), ReferredAt::Leg(leg), bring("bob", true));
    let transfer = switch.board.call(call).unwrap().transfer.unwrap();
    let before = switch.board.call(call);
    switch.referred(refer(2), ReferredAt::Leg(leg), bring("101", true));
    assert_eq!(switch.board.call(call), before);
    assert_eq!(switch.board.call(call).unwrap().transfer.unwrap().target, transfer.target);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refer_is_accepted_behind_the_mask_and_its_book_is_closed_with_the_leg() {
    let (mut switch, leg, call) = talking().await;
    let mut told = switch.carry.teller.listen();
    switch.referred(refer(1), ReferredAt::Leg(leg), bring("bob", true));
    let mut started = || std::iter::from_fn(|| told.try_recv().ok()).any(|told| is_start(&told.event));
    assert!(switch.carry.waits() && !started(), "nobody is told before the customer's music is in force");
    while switch.carry.waits() {
        let word = next_of(&mut switch.carry.acknowledgements);
        let word = tokio::time::timeout(Duration::from_secs(10), word).await.unwrap();
        switch.carry.go_on(word);
    }
    assert!(started());
    switch.report(Report::Ended { leg, how: conference::Ending::Bye });
    assert!(switch.board.call(call).is_none_or(|call| call.transfer.is_none_or(|transfer| transfer.cold)));
}

fn is_start(event: &Event) -> bool {
    matches!(event, Event::TransferStarted { .. })
}
