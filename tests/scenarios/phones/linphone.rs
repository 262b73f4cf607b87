//! Linphone: the remote target without parameters, also while dialog 2 is early; and calls repaired by INVITE with Replaces.

use baton_tests::field::naming;
use baton_tests::house::tones;
use baton_tests::raw::LIMIT;
use baton_tests::stage::{Stage, scene};
use softphone::LineState;

use crate::transferred::{comes_off, is_told_that_it_came_off, refers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn linphone_transfers_and_hangs_up_when_told() {
    let mut stage = Stage::open("linphone").await;
    let (second, his) = stage.consults().await;
    let sound = refers(&mut stage, &second, his, "refer").await;
    is_told_that_it_came_off(&stage).await;
    stage.alice.hangs_up(&mut stage.first).await;
    comes_off(stage, &second, his, sound).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn linphone_transfers_while_it_still_rings() {
    let mut stage = Stage::open("linphone").await;
    stage.holds().await;
    let (dialling, his) = stage.dials_bob().await;
    stage.house.freeze_and_thaw(2).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    let answer = stage.alice.refers_naming(&mut stage.first, "refer", &dialling.dialog().clone()).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    assert_eq!(stage.alice.is_notified(&stage.first).await.0, 100);
    stage.bob.phone.answer(his).expect("it rings on");
    assert_eq!(stage.alice.is_told(&stage.first).await, 200);
    stage.alice.hangs_up(&mut stage.first).await;
    // the early call of hers ended without her
    let ended = stage.alice.answer_to(dialling.invite(), |status| status >= 200).await;
    assert!(ended.status().is_some_and(|status| status >= 400), "{ended:?}");
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// RFC 3891: the new INVITE takes the old dialog's place, which gets BYE; whoever listens hears one Alice all along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn linphone_repairs_a_call_by_invite_with_replaces() {
    for section in ["repair-exactly", "repair"] {
        let stage = Stage::open("linphone").await;
        stage.house.freeze_and_thaw(2).await;
        let gaps = naming(&stage.first.dialog);
        let dialling = stage.alice.dials_with("+15550100", tones::BOB, section, &gaps).await;
        let repaired = stage.alice.gets_through(dialling).await;
        stage.alice.is_let_go_within(&stage.first, LIMIT).await;
        scene(&[stage.customer_hears(&[tones::BOB]), repaired.hears(&[tones::CUSTOMER])]).await;
        stage.customer.hangs_up(stage.theirs);
        stage.alice.is_let_go(&repaired).await;
        assert!(matches!(stage.customer.is_let_go(stage.theirs).await, LineState::Ended(_)));
        stage.house.close().await;
    }
}
