//! What an operator types beside transfers: an agent's answer to an offer, their state, a room's door, all of it with `--json` too.

use baton_tests::desk::Desk;
use baton_tests::hearing::they_talk;
use baton_tests::house::{House, SUPPORTS_NUMBER, Setup};
use baton_tests::people::Person;
use baton_tests::shell::Shell;
use serde_json::json;
use softphone::LineState;

const QUIET: Setup = Setup { queue: "position_every_s = 0", ..Setup::USUAL };

async fn ready(house: &House, person: Person) -> Person {
    let path = format!("/v1/agents/{}", person.name);
    Desk::operator(house).until(&path, |agent| agent["state"] == "ready").await;
    person
}

/// The id of the offer that an agent has, as `baton agents --json` says it.
async fn offer(shell: &Shell, agent: &str) -> String {
    let agents = shell.runs(&["agents", "--json"]).await.json_lines();
    let found = agents.iter().find(|known| known["name"] == agent).expect("the agent");
    assert_eq!(found["state"], "reserved", "{found}");
    found["reservation"]["id"].as_str().expect("an offer").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_is_rejected_for_one_agent_and_accepted_for_the_next() {
    let house = House::with(QUIET).await;
    let shell = Shell::of(&house);
    let bob = ready(&house, house.bob().await).await;
    let carol = ready(&house, house.carol().await).await;
    let customer = house.customer().await;
    let theirs = customer.calls(SUPPORTS_NUMBER);
    let his = bob.is_rung().await;
    let bobs = offer(&shell, "bob").await;
    let shown = shell.does(&["agents"]).await;
    assert!(shown.contains("Reserved") && shown.contains(&bobs), "{shown}");
    assert!(shell.runs(&["reject", &bobs, "--json"]).await.json().is_object());
    bob.is_let_go(his).await;
    let hers = carol.is_rung().await;
    let carols = offer(&shell, "carol").await;
    assert_eq!(shell.does(&["accept", &carols]).await, "");
    carol.phone.answer(hers).expect("it rings on");
    they_talk((&customer, theirs), (&carol, hers)).await;
    house.freeze_and_thaw(2).await;
    assert_eq!(shell.runs(&["reject", &bobs]).await.refused(), "reservation_not_found");
    carol.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_agent_is_offered_nothing_until_ready_is_typed() {
    let house = House::with(QUIET).await;
    let shell = Shell::of(&house);
    let bob = ready(&house, house.bob().await).await;
    let paused = shell.runs(&["state", "bob", "paused", "--json"]).await.json();
    assert!(paused.is_object(), "{paused}");
    let customer = house.customer().await;
    let theirs = customer.calls(SUPPORTS_NUMBER);
    customer.comes_to(theirs, LineState::Live).await;
    let queue = shell.runs(&["queues", "--json"]).await.json();
    assert_eq!((&queue["length"], &queue["ready"]), (&json!(1), &json!(0)), "{queue}");
    assert!(!bob.is_busy(), "he is paused");
    assert_eq!(shell.does(&["state", "bob", "ready"]).await, "");
    let his = bob.answers().await;
    they_talk((&customer, theirs), (&bob, his)).await;
    house.freeze_and_thaw(2).await;
    bob.hangs_up(his);
    customer.is_let_go(theirs).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_room_lets_nobody_in_until_unlock_is_typed() {
    let house = House::open().await;
    let shell = Shell::of(&house);
    let (alice, bob) = (house.alice().await, house.bob().await);
    let hers = alice.calls("300");
    alice.comes_to(hers, LineState::Live).await;
    let room = shell.only_call().await;
    let locked = shell.runs(&["lock", &room, "--json"]).await.json();
    assert_eq!(locked["locked"], true, "{locked}");
    assert!(shell.does(&["calls"]).await.contains("standup (locked)"));
    let turned_away = bob.calls("300");
    assert!(matches!(bob.is_let_go(turned_away).await, LineState::Failed(_)));
    assert_eq!(shell.does(&["unlock", &room]).await, "");
    let his = bob.calls("300");
    bob.comes_to(his, LineState::Live).await;
    they_talk((&alice, hers), (&bob, his)).await;
    house.freeze_and_thaw(2).await;
    alice.hangs_up(hers);
    bob.hangs_up(his);
    house.close().await;
}
