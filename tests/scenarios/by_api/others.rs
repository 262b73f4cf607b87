//! Rows 10, 11, 14, 18, 20 and 22: what others do in the middle of a transfer that a program asked for.

use std::time::Duration;

use baton_tests::by_api::ByApi;
use baton_tests::desk::{Desk, id_of};
use baton_tests::house::{House, Setup, tones};
use baton_tests::one_line::NOTICE;
use baton_tests::stage::scene;
use serde_json::{Value, json};
use softphone::{LineState, LineView, Mark};

/// No sound for five seconds; one leg is asked by OPTIONS besides.
const FOUND_DEAD: Duration = Duration::from_secs(20);

/// Row 10.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_customer_hangs_up_mid_consult() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    let from = Mark::now();
    api.stage.customer.hangs_up(api.stage.theirs);
    api.stage.alice_hears_a_tone(from, NOTICE).await;
    scene(&[api.stage.alice_hears(&[tones::BOB_TOO]), api.stage.bob.hears(his, &[tones::SECRET])]).await;
    assert!(api.sheet().await["transfer"].is_null());
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.kept_private(his);
    api.stage.alice.hangs_up(api.stage.hers);
    api.stage.bob.is_let_go(his).await;
    api.stage.house.close().await;
}

/// Row 11.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_customer_hangs_up_while_bob_rings() {
    let api = ByApi::open().await;
    let his = api.calls_bob().await;
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.customer.hangs_up(api.stage.theirs);
    api.stage.bob.is_let_go(his).await;
    api.stage.alice.is_let_go(api.stage.hers).await;
    api.stage.house.close().await;
}

/// Row 14: Alice's phone dies mid consult; Bob and the customer talk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alices_phone_dies_mid_consult() {
    let house = House::with(Setup { media_timeout_s: 5, ..Setup::USUAL }).await;
    let (bob, customer) = (house.bob().await, house.customer().await);
    let (theirs, alice) = house.talks_with_raw_alice(&customer).await;
    let desk = Desk::of(&house, "alice").await;
    let call = desk.only_call().await["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/calls/{call}/transfer");
    desk.post(&path, json!({"target": {"agent": "bob"}})).await.done(201);
    let his = bob.answers().await;
    scene(&[customer.hears_music(theirs), bob.hears(his, &[tones::ALICE])]).await;
    house.freeze_and_thaw(3).await;
    drop(alice);
    let alone = |call: &Value| call["participants"].as_array().is_some_and(|people| people.len() == 2);
    let bobs = Desk::of(&house, "bob").await;
    bobs.until_call_within(FOUND_DEAD, &call, alone).await;
    scene(&[customer.hears(theirs, &[tones::BOB]), bob.hears(his, &[tones::CUSTOMER])]).await;
    bob.hangs_up(his);
    customer.is_let_go(theirs).await;
    house.close().await;
}

/// Row 18: after a completed transfer Bob is the initiator of the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_transfers_onward() {
    let api = ByApi::open().await;
    let carol = api.stage.house.carol().await;
    let his = api.consults().await;
    api.stage.ends_privacy_of_others(his);
    api.stage.alice_is_quiet();
    api.steps("complete").await;
    api.stage.joined(his).await;
    let bobs = Desk::of(&api.stage.house, "bob").await;
    let started = bobs.post(&api.path("/transfer"), json!({"target": {"agent": "carol"}})).await;
    started.done(201);
    api.stage.bob.says(his, tones::SECRET);
    let carols = carol.answers().await;
    scene(&[api.stage.customer_hears_music(), carol.hears(carols, &[tones::SECRET])]).await;
    api.stage.house.freeze_and_thaw(3).await;
    let done = bobs.post(&api.path("/transfer/complete"), json!({})).await;
    assert!(matches!(done.status, 200 | 204), "{}", done.body);
    api.stage.bob.is_let_go(his).await;
    scene(&[api.stage.customer_hears(&[tones::CAROL]), carol.hears(carols, &[tones::CUSTOMER])]).await;
    api.stage.customer_heard_nothing_private();
    carol.hangs_up(carols);
    api.stage.customer.is_let_go(api.stage.theirs).await;
    api.stage.house.close().await;
}

/// Row 20: two programs ask for different things at once, many times; exactly one order of the two is what happened, and nothing
/// private was heard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_that_ask_at_once_find_one_order() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    let operator = Desk::operator(&api.stage.house);
    api.stage.alice_is_quiet();
    for _ in 0..20 {
        let path = api.path("/transfer/swap");
        let (one, other) = tokio::join!(api.step("swap"), operator.post(&path, json!({"by": "alice"})));
        assert!(one.status < 300 && other.status < 300, "{} {}", one.body, other.body);
    }
    assert_eq!(api.sheet().await["transfer"]["facing"], "target", "forty swaps lead back");
    api.stage.alice.says(api.stage.hers, tones::SECRET);
    api.stage.is_private(his).await;
    api.stage.kept_private(his);
    // cancel and complete: one of them finds nothing to be done
    api.stage.ends_privacy_of_others(his);
    api.stage.alice_is_quiet();
    let (cancel, complete) = tokio::join!(api.step("cancel"), api.step("complete"));
    let done = [cancel.status < 300, complete.status < 300];
    assert_eq!(done.iter().filter(|done| **done).count(), 1, "{} {}", cancel.body, complete.body);
    if done[0] {
        api.stage.bob.is_let_go(his).await;
        api.stage.customer_closes().await;
    } else {
        api.stage.alice.is_let_go(api.stage.hers).await;
        api.stage.bob_closes(his).await;
    }
}

/// Row 22: Alice's phone dies while the customer is on simple hold; never endless music.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alices_phone_dies_while_the_customer_is_on_hold() {
    let house = House::with(Setup { media_timeout_s: 5, fallback: "agent:bob", ..Setup::USUAL }).await;
    let (bob, customer) = (house.bob().await, house.customer().await);
    let (theirs, alice) = house.talks_with_raw_alice(&customer).await;
    let desk = Desk::of(&house, "alice").await;
    let call = desk.only_call().await;
    let (id, who) = (call["id"].as_str().expect("an id"), id_of(&call, "customer"));
    let paused = desk.patch(&format!("/v1/calls/{id}/participants/{who}"), json!({"hold": true})).await;
    assert_eq!(paused.status, 200, "{}", paused.body);
    scene(&[customer.hears_music(theirs)]).await;
    drop(alice);
    let rings = |lines: &[LineView]| lines.iter().any(|line| line.state == LineState::RingingHere);
    // three questions without an answer, five seconds each
    bob.phone
        .until("the fallback rings", Duration::from_secs(40), rings)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let his = bob.answers().await;
    scene(&[customer.hears(theirs, &[tones::BOB]), bob.hears(his, &[tones::CUSTOMER])]).await;
    bob.hangs_up(his);
    customer.is_let_go(theirs).await;
    house.close().await;
}
