//! What is refused, with its status and code, and that nothing changes by it: rows 17, 19 and 26, and what is none of somebody's.

use baton_tests::by_api::ByApi;
use baton_tests::desk::{Desk, id_of};
use baton_tests::house::tones;
use baton_tests::stage::scene;
use serde_json::json;

/// Row 17.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_transfer_is_refused() {
    let api = ByApi::open().await;
    let carol = api.stage.house.carol().await;
    let his = api.consults().await;
    assert_eq!(api.why_not("transfer").await, "transfer_in_progress");
    assert_eq!(api.starts(json!({"agent": "carol"})).await.refusal(), (409, "transfer_in_progress"));
    assert!(!carol.is_busy());
    api.stage.is_private(his).await;
    api.stage.kept_private(his);
    api.stage.alice_is_quiet();
    api.steps("cancel").await;
    api.stage.customer_closes().await;
}

/// Row 19.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_on_hold_transfers_nobody() {
    let api = ByApi::open().await;
    let operator = Desk::operator(&api.stage.house);
    let me = id_of(&api.sheet().await, "alice");
    let path = api.path(&format!("/participants/{me}"));
    assert_eq!(operator.patch(&path, json!({"hold": true})).await.status, 200);
    assert_eq!(api.why_not("transfer").await, "initiator_on_hold");
    assert_eq!(api.starts(json!({"agent": "bob"})).await.refusal(), (409, "initiator_on_hold"));
    assert!(!api.stage.bob.is_busy());
    scene(&[api.stage.customer_hears_music()]).await;
    assert_eq!(operator.patch(&path, json!({"hold": false})).await.status, 200);
    api.stage.alice_and_customer_talk().await;
    api.stage.customer_closes().await;
}

/// Row 26, and targets that are not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_that_are_none_are_unknown() {
    let api = ByApi::open().await;
    for target in [
        json!({"agent": "alice"}),
        json!({"agent": "nobody"}),
        json!({"queue": "nowhere"}),
        json!({"uri": "12"}),
        json!({"uri": "sip:x@elsewhere.example"}),
    ] {
        assert_eq!(api.starts(target.clone()).await.refusal(), (422, "target_unknown"), "{target}");
    }
    api.stage.alice_and_customer_talk().await;
    api.stage.customer_closes().await;
}

/// Steps without a transfer; calls that are not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_without_a_transfer_are_refused() {
    let api = ByApi::open().await;
    for step in ["cancel", "swap", "merge", "complete"] {
        assert_eq!(api.why_not(step).await, "no_transfer");
        assert_eq!(api.step(step).await.refusal(), (409, "no_transfer"), "{step}");
    }
    let nowhere = api.desk.post("/v1/calls/c-ffff/transfer/merge", json!({})).await;
    assert_eq!(nowhere.refusal(), (404, "call_not_found"));
    api.stage.alice_and_customer_talk().await;
    api.stage.customer_closes().await;
}

/// An agent's token is good for their own calls alone; whoever is not the initiator takes no step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_call_is_not_found_and_the_targets_steps_are_not_allowed() {
    let api = ByApi::open().await;
    let (bobs, carols) = (Desk::of(&api.stage.house, "bob").await, Desk::of(&api.stage.house, "carol").await);
    let his = api.consults().await;
    assert_eq!(carols.get(&api.path("")).await.refusal(), (404, "call_not_found"));
    assert_eq!(carols.post(&api.path("/transfer/merge"), json!({})).await.refusal(), (404, "call_not_found"));
    assert_eq!(carols.delete(&api.path("")).await.refusal(), (404, "call_not_found"));
    assert_eq!(carols.get("/v1/calls").await.done(200)["items"], json!([]));
    for step in ["cancel", "swap", "merge", "complete"] {
        let answer = bobs.post(&api.path(&format!("/transfer/{step}")), json!({})).await;
        assert_eq!(answer.refusal(), (403, "not_allowed"), "{step}");
    }
    assert_eq!(bobs.post(&api.path("/transfer/merge"), json!({"by": "alice"})).await.status, 403, "not in her name");
    let nobody = Desk::with_token(&api.stage.house, "guessed".to_owned());
    assert_eq!(nobody.get(&api.path("")).await.status, 401);
    api.stage.is_private(his).await;
    api.stage.kept_private(his);
    scene(&[api.stage.alice_hears(&[tones::BOB_TOO])]).await;
    api.stage.alice_is_quiet();
    api.steps("cancel").await;
    api.stage.customer_closes().await;
}

/// The phone's own two lines are both open: the server mixes nothing, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_phone_mixes_both_lines_nothing_is_started() {
    use baton_tests::stage::Stage;
    let mut stage = Stage::open("plain").await;
    let desk = Desk::of(&stage.house, "alice").await;
    let (second, his) = stage.consults().await;
    stage.alice.resumes(&mut stage.first).await;
    let call = desk.only_call().await["id"].as_str().expect("an id").to_owned();
    for step in ["swap", "merge"] {
        let answer = desk.post(&format!("/v1/calls/{call}/transfer/{step}"), json!({})).await;
        assert_eq!(answer.refusal(), (409, "bridged_by_phone"), "{step}");
    }
    let cancelled = desk.post(&format!("/v1/calls/{call}/transfer/cancel"), json!({})).await;
    assert!(matches!(cancelled.status, 200 | 204), "{}", cancelled.body);
    stage.bob.is_let_go(his).await;
    stage.alice.is_let_go(&second).await;
    stage.customer_closes().await;
}
