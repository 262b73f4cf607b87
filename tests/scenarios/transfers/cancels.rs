//! Row 1: Alice cancels while Bob rings.

use baton_tests::house::tones;
use baton_tests::one_line::OneLine;
use baton_tests::stage::{Stage, scene};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_gives_up_while_bob_rings() {
    let mut stage = Stage::open("plain").await;
    stage.holds().await;
    let (dialling, his) = stage.dials_bob().await;
    stage.house.freeze_and_thaw(2).await;
    let (cancelled, answer) = stage.alice.gives_up(&dialling).await;
    assert_eq!((cancelled, answer.status()), (200, Some(487)));
    stage.bob.is_let_go(his).await;
    assert!(stage.bob.ear(his).since(stage.since).packets == 0, "no sample reached Bob");
    scene(&[stage.customer_hears_music()]).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice.resumes(&mut stage.first).await;
    scene(&[stage.customer_hears(&[tones::ALICE]), stage.first.hears(&[tones::CUSTOMER])]).await;
    stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_keys_cancel_while_bob_rings() {
    let stage = OneLine::open().await;
    let his = stage.dials_bob().await;
    stage.house.freeze_and_thaw(2).await;
    stage.alice_is_quiet();
    stage.keys("*1");
    stage.bob.is_let_go(his).await;
    stage.alice.says(stage.hers, tones::ALICE);
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice_and_customer_talk().await;
    assert!(stage.bob.ear(his).since(stage.since).packets == 0, "no sample reached Bob");
    stage.customer_heard_nothing_private();
    stage.customer_closes().await;
}

/// Mid consult: Bob is ended, and Alice is back with the customer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_keys_cancel_mid_consult() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    stage.alice_is_quiet();
    stage.keys("*1");
    stage.bob.is_let_go(his).await;
    stage.alice.says(stage.hers, tones::ALICE);
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice_and_customer_talk().await;
    stage.kept_private(his);
    stage.customer_closes().await;
}
