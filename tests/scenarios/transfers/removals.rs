//! Rows 12, 13, 31 and 32: one agent removes another, or the customer, by REFER with `;method=BYE` (RFC 4579 §5.12).

use baton_tests::field::{FieldLine, FieldPhone, Gaps};
use baton_tests::hearing::until_heard;
use baton_tests::house::tones;
use baton_tests::people::SOON;
use baton_tests::stage::{Stage, scene};
use softphone::{LineId, LineState};

async fn removes(phone: &FieldPhone, line: &mut FieldLine, whom: &str) {
    let gaps = Gaps::from([("dialled", whom.to_owned())]);
    let answer = phone.ask(&mut line.dialog, "remove", &gaps).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
}

/// Alice brought Bob in by REFER and merged by code.
async fn merged() -> (Stage, LineId) {
    let mut stage = Stage::open("plain").await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
    let his = stage.bob.answers().await;
    assert_eq!(stage.alice.is_told(&stage.first).await, 200);
    stage.ends_privacy(his);
    scene(&[stage.first.hears(&[tones::BOB]), stage.customer_hears_music()]).await;
    stage.alice.keys(&mut stage.first, "*3").await;
    assert!(until_heard(&stage.customer.ear(stage.theirs), tones::BOB, SOON).await);
    scene(&[
        stage.first.hears(&[tones::BOB, tones::CUSTOMER]),
        stage.bob.hears(his, &[tones::ALICE, tones::CUSTOMER]),
        stage.customer_hears(&[tones::ALICE, tones::BOB]),
    ])
    .await;
    stage.house.freeze_and_thaw(3).await;
    (stage, his)
}

/// Row 12.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_removes_bob_after_the_merge() {
    let (mut stage, his) = merged().await;
    removes(&stage.alice, &mut stage.first, "102").await;
    stage.bob.is_let_go(his).await;
    scene(&[stage.first.hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::ALICE])]).await;
    stage.customer_closes().await;
}

/// Row 31.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_removes_the_customer() {
    let (mut stage, his) = merged().await;
    removes(&stage.alice, &mut stage.first, "+15550100").await;
    assert!(matches!(stage.customer.is_let_go(stage.theirs).await, LineState::Ended(_)));
    scene(&[stage.first.hears(&[tones::BOB]), stage.bob.hears(his, &[tones::ALICE])]).await;
    stage.bob.hangs_up(his);
    stage.alice.is_let_go(&stage.first).await;
    stage.house.close().await;
}

/// Rows 13 and 32: any agent removes any other; here the target the initiator. Bob's phone is one of the field.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_removes_alice() {
    let mut stage = Stage::open("plain").await;
    let carols = FieldPhone::register("plain", "carol", stage.house.udp).await;
    assert_eq!(stage.alice.refers_to(&mut stage.first, "103").await.status(), Some(202));
    let invite = carols.is_rung().await;
    let mut carol = carols.answers(&invite, tones::CAROL).await;
    assert_eq!(stage.alice.is_told(&stage.first).await, 200);
    stage.alice.keys(&mut stage.first, "*3").await;
    assert!(until_heard(&stage.customer.ear(stage.theirs), tones::CAROL, SOON).await);
    stage.house.freeze_and_thaw(3).await;
    removes(&carols, &mut carol, "alice").await;
    stage.alice.is_let_go(&stage.first).await;
    scene(&[stage.customer_hears(&[tones::CAROL]), carol.hears(&[tones::CUSTOMER])]).await;
    carols.hangs_up(&mut carol).await;
    assert!(matches!(stage.customer.is_let_go(stage.theirs).await, LineState::Ended(_)));
    stage.house.close().await;
}

/// Row 32: in a room, any agent removes any other, and whoever leaves ends nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_room_anybody_may_go_and_the_others_stay() {
    let stage = Stage::open("plain").await;
    let carols = FieldPhone::register("plain", "carol", stage.house.udp).await;
    let dialling = carols.dials("300", tones::CAROL).await;
    let mut carol = carols.gets_through(dialling).await;
    let his = stage.bob.calls("300");
    stage.bob.comes_to(his, LineState::Live).await;
    scene(&[carol.hears(&[tones::BOB]), stage.bob.hears(his, &[tones::CAROL])]).await;
    stage.house.freeze_and_thaw(4).await;
    removes(&carols, &mut carol, "bob").await;
    stage.bob.is_let_go(his).await;
    assert!(!carols.is_over(&carol), "Carol waits on in the room");
    scene(&[stage.first.hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::ALICE])]).await;
    carols.hangs_up(&mut carol).await;
    stage.customer_closes().await;
}
