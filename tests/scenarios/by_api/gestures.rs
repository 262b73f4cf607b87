//! The pause and hang-up buttons of the desktop, literally as the source page says: "put one participant on hold and unhold the other
//! using the pause button in each call"; "unhold both calls"; "Hang up under the agent's name"; "If Agent B was put on hold before
//! Agent A left, Agent B can unhold themselves".

use baton_tests::by_api::ByApi;
use baton_tests::desk::{Desk, id_of, person};
use baton_tests::hearing::until_heard;
use baton_tests::house::tones;
use baton_tests::people::SOON;
use baton_tests::stage::scene;
use serde_json::json;
use softphone::LineId;

/// Alice turns from Bob to the customer: pause on Bob, then pause on the customer (who was on hold).
async fn turns_to_the_customer(api: &ByApi, his: LineId) {
    api.stage.alice_is_quiet();
    assert_eq!(api.pauses("bob", true).await.status, 200);
    // both are on hold now: nobody hears anybody
    scene(&[api.stage.customer_hears_music(), api.stage.bob.hears_music(his), api.stage.alice_hears(&[])]).await;
    assert_eq!(api.pauses("customer", false).await.status, 200);
    let heard = until_heard(&api.stage.alice.ear(api.stage.hers), tones::STRANGER, SOON).await;
    assert!(heard, "she does not hear the customer");
    api.stage.alice.says(api.stage.hers, tones::ALICE);
    scene(&[api.stage.customer_hears(&[tones::ALICE]), api.stage.bob.hears_music(his)]).await;
    let call = api.sheet().await;
    let status = |who| person(&call, who)["status"].clone();
    assert_eq!((status("bob"), status("customer")), (json!("held"), json!("live")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pausing_one_and_resuming_the_other_is_the_swap_and_back() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    turns_to_the_customer(&api, his).await;
    api.stage.house.freeze_and_thaw(3).await;
    // and back: pause the customer, resume Bob
    api.stage.alice_is_quiet();
    assert_eq!(api.pauses("customer", true).await.status, 200);
    assert_eq!(api.pauses("bob", false).await.status, 200);
    let heard = until_heard(&api.stage.alice.ear(api.stage.hers), tones::BOB_TOO, SOON).await;
    assert!(heard, "she does not hear Bob");
    api.stage.alice.says(api.stage.hers, tones::SECRET);
    api.stage.is_private(his).await;
    api.stage.kept_private(his);
    api.stage.alice_is_quiet();
    api.steps("cancel").await;
    api.stage.customer_closes().await;
}

/// Nobody is paused any more: all three talk, "a call merge".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resuming_both_is_the_merge() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    turns_to_the_customer(&api, his).await;
    api.stage.ends_privacy(his);
    assert_eq!(api.pauses("bob", false).await.status, 200);
    assert!(until_heard(&api.stage.customer.ear(api.stage.theirs), tones::BOB, SOON).await);
    scene(&[
        api.stage.alice_hears(&[tones::BOB, tones::CUSTOMER]),
        api.stage.bob.hears(his, &[tones::ALICE, tones::CUSTOMER]),
        api.stage.customer_hears(&[tones::ALICE, tones::BOB]),
    ])
    .await;
    assert_eq!(api.sheet().await["transfer"]["phase"], "merged");
    api.stage.house.freeze_and_thaw(3).await;
    // Hang up under the agent's name
    assert!(matches!(api.removes("bob").await.status, 200 | 204));
    api.stage.bob.is_let_go(his).await;
    api.stage.alice_and_customer_talk().await;
    api.stage.customer_heard_nothing_private();
    api.stage.customer_closes().await;
}

/// "If Agent B was put on hold before Agent A left, Agent B can unhold themselves and continue with the customer."
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_bob_unholds_himself_once_alice_has_left() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    turns_to_the_customer(&api, his).await;
    let bobs = Desk::of(&api.stage.house, "bob").await;
    let me = id_of(&api.sheet().await, "bob");
    let path = api.path(&format!("/participants/{me}"));
    let refused = bobs.patch(&path, json!({"hold": false})).await;
    assert_eq!(refused.refusal(), (409, "initiator_on_hold"), "not while whoever held him is there");
    assert!(matches!(api.removes("alice").await.status, 200 | 204));
    api.stage.alice.is_let_go(api.stage.hers).await;
    scene(&[api.stage.customer_hears_music(), api.stage.bob.hears_music(his)]).await;
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.ends_privacy_of_others(his);
    assert_eq!(bobs.patch(&path, json!({"hold": false})).await.status, 200);
    api.stage.joined(his).await;
    api.stage.bob_closes(his).await;
}

/// The pause button of a plain call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_customer_is_paused_and_resumed_without_a_transfer() {
    let api = ByApi::open().await;
    assert_eq!(api.pauses("customer", true).await.status, 200);
    api.stage.customer.says(api.stage.theirs, tones::STRANGER);
    scene(&[api.stage.customer_hears_music(), api.stage.alice_hears(&[])]).await;
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.customer.says(api.stage.theirs, tones::CUSTOMER);
    assert_eq!(api.pauses("customer", false).await.status, 200);
    api.stage.alice_and_customer_talk().await;
    api.stage.customer_closes().await;
}

/// Mute: heard by nobody, hears everybody; the volume of a voice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_muted_agent_hears_and_is_not_heard() {
    let api = ByApi::open().await;
    let me = id_of(&api.sheet().await, "alice");
    let path = api.path(&format!("/participants/{me}"));
    assert_eq!(api.desk.patch(&path, json!({"muted": true})).await.status, 200);
    api.stage.alice.says(api.stage.hers, tones::SECRET);
    scene(&[api.stage.alice_hears(&[tones::CUSTOMER]), api.stage.customer_hears(&[])]).await;
    assert_eq!(person(&api.sheet().await, "alice")["muted"], true);
    api.stage.alice.says(api.stage.hers, tones::ALICE);
    assert_eq!(api.desk.patch(&path, json!({"muted": false, "volume_db": -6})).await.status, 200);
    api.stage.alice_and_customer_talk().await;
    api.stage.customer_closes().await;
}
