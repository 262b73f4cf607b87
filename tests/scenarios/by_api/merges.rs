//! Rows 5, 6 and 29: merge, and leaving after it.

use baton_tests::by_api::ByApi;
use baton_tests::desk::person;
use baton_tests::hearing::until;
use baton_tests::house::tones;
use baton_tests::one_line::JITTER;
use baton_tests::people::SOON;
use baton_tests::stage::{Unbroken, scene};
use serde_json::json;
use softphone::{LineId, Mark};

/// Everybody changes their tone the moment the merge is asked for; what was said before is heard by nobody else.
async fn merges(api: &ByApi, his: LineId) {
    api.stage.ends_privacy(his);
    api.steps("merge").await;
    api.stage.is_merged(his).await;
    let call = api.sheet().await;
    assert_eq!(call["transfer"]["phase"], "merged");
    for who in ["alice", "bob", "customer"] {
        assert_eq!(
            (&person(&call, who)["status"], &person(&call, who)["held"]),
            (&json!("live"), &json!(false)),
            "{who}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_three_hear_each_other_and_alice_leaves() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    api.stage.bob.phone.wire(his, JITTER);
    api.stage.customer.phone.wire(api.stage.theirs, JITTER);
    // their jitter buffers have found the new delay: private speech arrives late, and goes on arriving
    let (ear, from) = (api.stage.alice.ear(api.stage.hers), Mark::now());
    assert!(until(SOON, || ear.since(from).present_ms(tones::BOB_TOO) >= 300).await, "she hears Bob");
    merges(&api, his).await;
    api.stage.house.freeze_and_thaw(3).await;
    let stage = &api.stage;
    let sound = Unbroken::of(vec![("bob", stage.bob.ear(his)), ("customer", stage.customer.ear(stage.theirs))]);
    assert!(matches!(api.removes("alice").await.status, 200 | 204), "oneself: leave");
    stage.alice.is_let_go(stage.hers).await;
    stage.joined(his).await;
    sound.was_unbroken();
    api.stage.bob_closes(his).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_completes_after_the_merge() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    merges(&api, his).await;
    assert_eq!(api.step("swap").await.refusal(), (409, "no_transfer"));
    assert_eq!(api.step("cancel").await.refusal(), (409, "no_transfer"));
    api.steps("complete").await;
    api.stage.alice.is_let_go(api.stage.hers).await;
    api.stage.joined(his).await;
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.bob_closes(his).await;
}

/// Row 29.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_while_bob_rings_is_refused() {
    let api = ByApi::open().await;
    let his = api.calls_bob().await;
    assert_eq!(api.why_not("merge").await, "target_not_live");
    assert_eq!(api.step("merge").await.refusal(), (409, "target_not_live"));
    assert_eq!(api.pauses("bob", true).await.refusal(), (409, "target_not_live"));
    scene(&[api.stage.customer_hears_music()]).await;
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.bob.phone.answer(his).expect("it rings on");
    api.stage.bob.says(his, tones::BOB_TOO);
    api.stage.is_private(his).await;
    assert_eq!(api.why_not("merge").await, "");
    api.stage.kept_private(his);
    api.stage.alice_is_quiet();
    api.steps("cancel").await;
    api.stage.customer_closes().await;
}
