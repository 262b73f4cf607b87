//! Rows 7, 8, 9 and 23: Alice leaves before the transfer is complete.

use baton_tests::by_api::ByApi;
use baton_tests::desk::{Desk, id_of};
use baton_tests::house::{Setup, tones};
use baton_tests::stage::scene;
use serde_json::json;
use softphone::LineState;

async fn leaves(api: &ByApi) {
    let answer = api.removes("alice").await;
    assert!(matches!(answer.status, 200 | 204), "{}", answer.body);
    api.stage.alice.is_let_go(api.stage.hers).await;
}

/// Row 7: the customer off hold, Bob and the customer talk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mid_consult() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    api.stage.ends_privacy_of_others(his);
    api.stage.alice_is_quiet();
    leaves(&api).await;
    api.stage.joined(his).await;
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.bob_closes(his).await;
}

/// The transfer's last step from a program: complete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_complete() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    api.stage.ends_privacy_of_others(his);
    api.stage.alice_is_quiet();
    api.steps("complete").await;
    api.stage.alice.is_let_go(api.stage.hers).await;
    api.stage.joined(his).await;
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.bob_closes(his).await;
}

/// Row 8: while she faced the customer; row 23: with both on hold. Bob takes himself back at the API.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_bob_is_on_hold() {
    for both_held in [false, true] {
        let api = ByApi::open().await;
        let his = api.consults().await;
        api.stage.alice_is_quiet();
        if both_held {
            assert_eq!(api.pauses("bob", true).await.status, 200);
        } else {
            api.swaps_to_the_customer().await;
        }
        scene(&[api.stage.bob.hears_music(his)]).await;
        leaves(&api).await;
        scene(&[api.stage.customer_hears_music(), api.stage.bob.hears_music(his)]).await;
        api.stage.house.freeze_and_thaw(2).await;
        api.stage.ends_privacy_of_others(his);
        let bobs = Desk::of(&api.stage.house, "bob").await;
        let me = id_of(&bobs.only_call().await, "bob");
        let path = api.path(&format!("/participants/{me}"));
        assert_eq!(bobs.patch(&path, json!({"hold": false})).await.status, 200);
        api.stage.joined(his).await;
        api.stage.bob_closes(his).await;
    }
}

/// Row 9: a cold transfer completes at Bob's answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_bob_rings() {
    for complete in [true, false] {
        let api = ByApi::open().await;
        let his = api.calls_bob().await;
        api.stage.house.freeze_and_thaw(2).await;
        api.stage.alice_is_quiet();
        if complete {
            api.steps("complete").await;
            api.stage.alice.is_let_go(api.stage.hers).await;
        } else {
            leaves(&api).await;
        }
        api.stage.ends_privacy_of_others(his);
        api.stage.bob.phone.answer(his).expect("it rings on");
        api.stage.joined(his).await;
        api.stage.bob_closes(his).await;
    }
}

/// Row 9: no answer, and Alice is recalled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_is_recalled_when_bob_does_not_answer() {
    let api = ByApi::with(Setup { ring_timeout_s: 2, ..Setup::USUAL }).await;
    let his = api.calls_bob().await;
    api.stage.alice_is_quiet();
    leaves(&api).await;
    api.stage.house.freeze_and_thaw(1).await;
    let again = api.stage.alice.answers().await;
    assert!(matches!(api.stage.bob.is_let_go(his).await, LineState::Ended(_) | LineState::Failed(_)));
    api.stage.customer.says(api.stage.theirs, tones::CUSTOMER);
    scene(&[api.stage.alice.hears(again, &[tones::CUSTOMER]), api.stage.customer_hears(&[tones::ALICE])]).await;
    api.stage.alice.hangs_up(again);
    api.stage.customer.is_let_go(api.stage.theirs).await;
    api.stage.house.close().await;
}
