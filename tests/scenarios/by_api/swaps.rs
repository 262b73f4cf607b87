//! Rows 4 and 28: swaps. When the answer to a swap has come it is in force.

use baton_tests::by_api::ByApi;
use baton_tests::hearing::until_heard;
use baton_tests::house::tones;
use baton_tests::one_line::NOTICE;
use baton_tests::people::SOON;
use baton_tests::stage::scene;
use serde_json::json;
use softphone::Mark;

/// Row 4: ten times. She is quiet when she asks, and says what the side she then faces may hear once it was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_swaps_keep_each_side_from_the_other() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    for swap in 0..10 {
        api.stage.alice_is_quiet();
        let to_customer = swap % 2 == 0;
        api.steps("swap").await;
        let (heard, says, facing) = if to_customer {
            (tones::STRANGER, tones::ALICE, "customer")
        } else {
            (tones::BOB_TOO, tones::SECRET, "target")
        };
        assert_eq!(api.sheet().await["transfer"]["facing"], facing);
        assert!(until_heard(&api.stage.alice.ear(api.stage.hers), heard, SOON).await, "swap {swap}: {heard} Hz");
        api.stage.alice.says(api.stage.hers, says);
        if swap == 5 {
            api.stage.house.freeze_and_thaw(3).await;
        }
        if to_customer {
            scene(&[api.stage.customer_hears(&[tones::ALICE]), api.stage.bob.hears_music(his)]).await;
        } else {
            scene(&[api.stage.customer_hears_music(), api.stage.bob.hears(his, &[tones::SECRET])]).await;
        }
    }
    api.stage.kept_private(his);
    api.stage.ends_privacy_of_others(his);
    api.stage.alice_is_quiet();
    api.steps("complete").await;
    api.stage.alice.is_let_go(api.stage.hers).await;
    api.stage.joined(his).await;
    api.stage.bob_closes(his).await;
}

/// Row 28: she talks to the customer when Bob answers; he hears music, she a short tone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_while_bob_rings() {
    let api = ByApi::open().await;
    let his = api.calls_bob().await;
    api.swaps_to_the_customer().await;
    api.stage.alice.says(api.stage.hers, tones::ALICE);
    scene(&[api.stage.customer_hears(&[tones::ALICE]), api.stage.alice_hears(&[tones::STRANGER])]).await;
    api.stage.house.freeze_and_thaw(2).await;
    let from = Mark::now();
    api.stage.bob.phone.answer(his).expect("it rings on");
    api.stage.bob.says(his, tones::BOB_TOO);
    api.stage.alice_hears_a_tone(from, NOTICE).await;
    scene(&[api.stage.bob.hears_music(his), api.stage.customer_hears(&[tones::ALICE])]).await;
    let call = api.sheet().await;
    assert_eq!((&call["transfer"]["phase"], &call["transfer"]["facing"]), (&json!("private"), &json!("customer")));
    api.stage.alice_is_quiet();
    api.steps("swap").await;
    api.stage.alice.says(api.stage.hers, tones::SECRET);
    api.stage.is_private(his).await;
    api.stage.kept_private(his);
    api.stage.alice_is_quiet();
    api.steps("cancel").await;
    api.stage.bob.is_let_go(his).await;
    api.stage.customer_closes().await;
}
