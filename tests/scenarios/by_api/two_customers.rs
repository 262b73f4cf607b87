//! Row 25: Alice has two customers, and a program takes her out of both calls. They never hear each other.

use baton_tests::desk::{Desk, id_of};
use baton_tests::hearing::never_heard;
use baton_tests::house::{ALICES_NUMBER, House, Setup, tones};
use baton_tests::people::connect;
use baton_tests::stage::scene;
use serde_json::Value;
use softphone::{Hold, LineState, Mark};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_is_taken_out_of_both_calls_and_the_held_customer_goes_to_the_fallback() {
    let house = House::with(Setup { fallback: "agent:bob", ..Setup::USUAL }).await;
    let (alice, bob, customer) = (house.alice().await, house.bob().await, house.customer().await);
    let other = house.outside("other", tones::STRANGER).await;
    let since = Mark::now();
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    alice.holds(hers, Hold::SendOnly).await;
    let (others, second) = connect(&other, ALICES_NUMBER, &alice).await;
    alice.says(second, tones::SECRET);
    scene(&[customer.hears_music(theirs), other.hears(others, &[tones::SECRET])]).await;
    house.freeze_and_thaw(4).await;
    let desk = Desk::of(&house, "alice").await;
    let calls = desk.get("/v1/calls").await.done(200);
    let leaves = |call: &Value| {
        let id = call["id"].as_str().expect("an id");
        format!("/v1/calls/{id}/participants/{}", id_of(call, "alice"))
    };
    // the younger call first: the one she talks in
    let mut paths: Vec<String> = calls["items"].as_array().expect("a list").iter().map(leaves).collect();
    paths.sort();
    assert_eq!(paths.len(), 2, "{calls}");
    for path in paths.iter().rev() {
        let left = desk.delete(path).await;
        assert!(matches!(left.status, 200 | 204), "{}", left.body);
    }
    alice.is_let_go(hers).await;
    alice.is_let_go(second).await;
    assert!(matches!(other.is_let_go(others).await, LineState::Ended(_)), "the one she talked with is released");
    let his = bob.answers().await;
    scene(&[customer.hears(theirs, &[tones::BOB]), bob.hears(his, &[tones::CUSTOMER])]).await;
    never_heard(&customer, theirs, since, tones::STRANGER);
    never_heard(&customer, theirs, since, tones::SECRET);
    never_heard(&other, others, since, tones::CUSTOMER);
    bob.hangs_up(his);
    customer.is_let_go(theirs).await;
    house.close().await;
}
