//! The dial plan as a table: who dials what, and whom it reaches.

#![allow(clippy::unwrap_used)]

use conference::Phone;

use super::*;
use crate::config::from_text;

const HOUSE: &str = r#"
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
route_in = "queue:support"
numbers = { "+15551234" = "queue:support", "+15551111" = "agent:alice", "102" = "agent:alice", "/^room(\\d+)$/" = "room:r$1", "/^7(.*)$/" = "agent:$1" }
match_out = "^\\+?[0-9]{3,15}$"
[[trunks]]
name = "second"
address = "127.0.0.1:5091"
match_out = "^\\*?9"
"#;

fn plan() -> DialPlan {
    DialPlan::new(&from_text(HOUSE).unwrap())
}

fn from_alice(dialled: &str) -> Destination {
    let alice = Caller::Agent { name: AgentName("alice".to_owned()), phone: Phone("p".to_owned()) };
    plan().look_up(&alice, dialled, true)
}

fn from_trunk(trunk: &str, dialled: &str) -> Destination {
    let customer = Caller::Customer { trunk: trunk.to_owned(), number: "+49".to_owned() };
    plan().look_up(&customer, dialled, false)
}

fn agent(name: &str) -> Destination {
    Destination::Agent(AgentName(name.to_owned()))
}

fn outside(trunk: &str, number: &str) -> Destination {
    Destination::Outside { trunk: trunk.to_owned(), number: number.to_owned() }
}

#[test]
fn an_agents_call_goes_by_extension_agent_queue_room_chosen_room_number_and_outside() {
    let table = [
        ("102", agent("bob")), // the extension goes before the trunk's number
        ("bob", agent("bob")),
        ("Bob", agent("bob")),
        ("200", Destination::Queue("support".to_owned())),
        ("support", Destination::Queue("support".to_owned())),
        ("300", Destination::Room("standup".to_owned())),
        ("standup", Destination::Room("standup".to_owned())),
        ("room-fish", Destination::Room("fish".to_owned())),
        ("room-Fish", Destination::Room("fish".to_owned())),
        ("ROOM-fish", Destination::Room("fish".to_owned())),
        ("conference", Destination::NewRoom),
        ("room-", Destination::Unknown),
        ("room-a b", Destination::Unknown),
        ("room12", Destination::Room("r12".to_owned())),
        ("+15551111", agent("alice")),
        ("+4930123456", outside("pstn", "+4930123456")),
        ("*9", outside("second", "*9")),
        ("*43", Destination::Service(Service::Echo)),
        ("*44", Destination::Service(Service::Tone)),
        ("*45", Destination::Service(Service::Music)),
        ("*46", Destination::Unknown),
        ("carol", Destination::Unknown),
        ("", Destination::Unknown),
    ];
    for (dialled, expected) in table {
        assert_eq!(from_alice(dialled), expected, "{dialled}");
    }
}

#[test]
fn a_trunks_call_goes_by_its_numbers_first_and_never_out_again() {
    let support = Destination::Queue("support".to_owned());
    let table = [
        ("102", agent("alice")), // the trunk's number goes before the extension
        ("101", agent("alice")),
        ("bob", agent("bob")),
        ("+15551234", support.clone()),
        ("+15551111", agent("alice")),
        ("room7", Destination::Room("r7".to_owned())),
        ("300", Destination::Room("standup".to_owned())),
        ("7bob", agent("bob")),
        ("7zed", Destination::Unknown),
        ("*43", Destination::Service(Service::Echo)),
        ("room-fish", support.clone()),
        ("+4930123456", support.clone()),
        ("conference", support),
    ];
    for (dialled, expected) in table {
        assert_eq!(from_trunk("pstn", dialled), expected, "{dialled}");
    }
}

#[test]
fn a_trunk_without_route_in_turns_unknown_numbers_away() {
    assert_eq!(from_trunk("second", "+4930123456"), Destination::Unknown);
    assert_eq!(from_trunk("second", "+15551111"), Destination::Unknown);
    assert_eq!(from_trunk("second", "101"), agent("alice"));
    assert_eq!(from_trunk("gone", "101"), Destination::Unknown);
}

#[test]
fn an_agent_who_dials_another_house_reaches_nobody() {
    let alice = Caller::Agent { name: AgentName("alice".to_owned()), phone: Phone("p".to_owned()) };
    assert_eq!(plan().look_up(&alice, "102", false), Destination::Unknown);
}

#[test]
fn what_is_far_too_long_reaches_nobody() {
    assert_eq!(from_alice(&"1".repeat(10_000)), Destination::Unknown);
}
