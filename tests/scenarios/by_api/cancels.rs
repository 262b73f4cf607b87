//! Row 1: Alice cancels, while Bob rings and in the middle of the consult.

use baton_tests::by_api::ByApi;
use baton_tests::house::tones;

async fn is_back_with_the_customer(api: &ByApi) {
    api.stage.alice.says(api.stage.hers, tones::ALICE);
    api.stage.customer.says(api.stage.theirs, tones::CUSTOMER);
    api.stage.alice_and_customer_talk().await;
    api.stage.customer_heard_nothing_private();
    assert!(api.sheet().await["transfer"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_bob_rings() {
    let api = ByApi::open().await;
    let his = api.calls_bob().await;
    api.stage.house.freeze_and_thaw(2).await;
    api.stage.alice_is_quiet();
    api.steps("cancel").await;
    api.stage.bob.is_let_go(his).await;
    assert!(api.stage.bob.ear(his).since(api.stage.since).packets == 0, "no sample reached Bob");
    is_back_with_the_customer(&api).await;
    api.stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mid_consult() {
    let api = ByApi::open().await;
    let his = api.consults().await;
    api.stage.alice_is_quiet();
    api.steps("cancel").await;
    api.stage.bob.is_let_go(his).await;
    is_back_with_the_customer(&api).await;
    api.stage.kept_private(his);
    api.stage.customer_closes().await;
}
