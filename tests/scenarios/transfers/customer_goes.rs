//! Rows 10 and 11: the customer hangs up.

use baton_tests::house::tones;
use baton_tests::one_line::{NOTICE, OneLine};
use baton_tests::stage::{Stage, scene};
use softphone::Mark;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mid_consult() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    stage.customer.hangs_up(stage.theirs);
    stage.alice.is_let_go(&stage.first).await;
    scene(&[second.hears(&[tones::BOB_TOO]), stage.bob.hears(his, &[tones::SECRET])]).await;
    stage.house.freeze_and_thaw(2).await;
    stage.kept_private(his);
    stage.alice.hangs_up(&mut second).await;
    stage.bob.is_let_go(his).await;
    stage.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mid_consult_by_keypad() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    let from = Mark::now();
    let bob = stage.bob.ear(his);
    stage.customer.hangs_up(stage.theirs);
    stage.alice_hears_a_tone(from, NOTICE).await;
    assert!(bob.since(from).present_ms(NOTICE) >= 40, "Bob hears it too");
    scene(&[stage.alice_hears(&[tones::BOB_TOO]), stage.bob.hears(his, &[tones::SECRET])]).await;
    stage.house.freeze_and_thaw(2).await;
    stage.kept_private(his);
    stage.alice.hangs_up(stage.hers);
    stage.bob.is_let_go(his).await;
    stage.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_bob_rings_on_a_second_line() {
    let mut stage = Stage::open("plain").await;
    stage.holds().await;
    let (dialling, his) = stage.dials_bob().await;
    stage.house.freeze_and_thaw(2).await;
    stage.customer.hangs_up(stage.theirs);
    stage.bob.is_let_go(his).await;
    let told = stage.alice.is_turned_down(dialling).await;
    assert!(told >= 400, "her second call was told {told}");
    stage.alice.is_let_go(&stage.first).await;
    stage.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_bob_rings_by_refer() {
    let mut stage = Stage::open("plain").await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
    let his = stage.bob.is_rung().await;
    stage.house.freeze_and_thaw(2).await;
    stage.customer.hangs_up(stage.theirs);
    stage.bob.is_let_go(his).await;
    assert!(stage.alice.is_told(&stage.first).await >= 400);
    stage.alice.is_let_go(&stage.first).await;
    stage.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_bob_rings_by_keypad() {
    let stage = OneLine::open().await;
    let his = stage.dials_bob().await;
    stage.house.freeze_and_thaw(2).await;
    stage.customer.hangs_up(stage.theirs);
    stage.bob.is_let_go(his).await;
    stage.alice.is_let_go(stage.hers).await;
    stage.house.close().await;
}
