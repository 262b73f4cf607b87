//! Rows 12, 13, 31 and 32: "Hang up" under somebody's name.

use baton_tests::by_api::ByApi;
use baton_tests::desk::{Desk, id_of};
use baton_tests::house::tones;
use baton_tests::stage::scene;
use serde_json::json;
use softphone::{LineId, LineState};

async fn merged() -> (ByApi, LineId) {
    let api = ByApi::open().await;
    let his = api.consults().await;
    api.stage.ends_privacy(his);
    api.steps("merge").await;
    api.stage.is_merged(his).await;
    api.stage.house.freeze_and_thaw(3).await;
    (api, his)
}

/// Row 12.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_removes_bob_after_the_merge() {
    let (api, his) = merged().await;
    assert!(matches!(api.removes("bob").await.status, 200 | 204));
    api.stage.bob.is_let_go(his).await;
    api.stage.alice_and_customer_talk().await;
    api.stage.customer_closes().await;
}

/// Rows 13 and 32: any agent removes any other; here the target the initiator.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_removes_alice() {
    let (api, his) = merged().await;
    let bobs = Desk::of(&api.stage.house, "bob").await;
    let her = id_of(&bobs.only_call().await, "alice");
    assert!(matches!(bobs.delete(&api.path(&format!("/participants/{her}"))).await.status, 200 | 204));
    api.stage.alice.is_let_go(api.stage.hers).await;
    api.stage.joined(his).await;
    api.stage.bob_closes(his).await;
}

/// Row 31: the transfer ends; the agents go on talking.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_removes_the_customer() {
    let (api, his) = merged().await;
    assert!(matches!(api.removes("customer").await.status, 200 | 204));
    assert!(matches!(api.stage.customer.is_let_go(api.stage.theirs).await, LineState::Ended(_)));
    scene(&[api.stage.alice_hears(&[tones::BOB]), api.stage.bob.hears(his, &[tones::ALICE])]).await;
    assert!(api.sheet().await["transfer"].is_null());
    api.stage.bob.hangs_up(his);
    api.stage.alice.is_let_go(api.stage.hers).await;
    api.stage.house.close().await;
}

/// DELETE of the call ends it for everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ending_the_call_ends_it_for_everybody() {
    let (api, his) = merged().await;
    let answer = api.desk.delete(&api.path("")).await;
    assert!(matches!(answer.status, 200 | 204), "{}", answer.body);
    api.stage.bob.is_let_go(his).await;
    api.stage.alice.is_let_go(api.stage.hers).await;
    api.stage.customer.is_let_go(api.stage.theirs).await;
    assert_eq!(api.desk.get(&api.path("")).await.refusal(), (404, "call_not_found"));
    assert_eq!(api.desk.get("/v1/calls").await.done(200)["items"], json!([]));
    api.stage.house.close().await;
}
