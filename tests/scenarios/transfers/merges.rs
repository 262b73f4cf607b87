//! Rows 5, 6 and 29: merge, and leaving after it.

use std::time::Duration;

use baton_tests::hearing::{no_trace_of, until_heard};
use baton_tests::house::tones;
use baton_tests::one_line::{JITTER, OneLine, REFUSED};
use baton_tests::stage::{Unbroken, scene};
use softphone::{LineId, Mark};

/// Alice merges; what was said in private before it is heard by nobody else after it.
async fn merges(stage: &OneLine, his: LineId) {
    stage.ends_privacy(his);
    stage.keys("*3");
    stage.is_merged(his).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_three_hear_each_other() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    merges(&stage, his).await;
    stage.house.freeze_and_thaw(3).await;
    scene(&[stage.customer_hears(&[tones::ALICE, tones::BOB])]).await;
    stage.customer.hangs_up(stage.theirs);
    // the agents go on talking
    scene(&[stage.alice_hears(&[tones::BOB]), stage.bob.hears(his, &[tones::ALICE])]).await;
    stage.bob.hangs_up(his);
    stage.alice.is_let_go(stage.hers).await;
    stage.house.close().await;
}

/// Law 3 on the wire: private speech still under way when she merges reaches nobody it was not for, ten times over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_spoken_before_a_merge_is_heard_after_it() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    stage.bob.phone.wire(his, JITTER);
    stage.customer.phone.wire(stage.theirs, JITTER);
    stage.is_private(his).await;
    // the code's last key goes out while the private tones still do; the tones change before it is up
    stage.keys("*");
    tokio::time::sleep(Duration::from_millis(150)).await;
    merges_by_last_key(&stage, his).await;
    stage.house.freeze_and_thaw(3).await;
    scene(&[stage.customer_hears(&[tones::ALICE, tones::BOB])]).await;
    stage.alice.hangs_up(stage.hers);
    stage.bob.hangs_up(his);
    stage.customer.is_let_go(stage.theirs).await;
    stage.house.close().await;
}

async fn merges_by_last_key(stage: &OneLine, his: LineId) {
    stage.ends_privacy(his);
    stage.alice.phone.key_by_info(stage.hers, '3');
    assert!(until_heard(&stage.customer.ear(stage.theirs), tones::BOB, Duration::from_secs(4)).await);
    assert!(until_heard(&stage.bob.ear(his), tones::CUSTOMER, Duration::from_secs(4)).await);
    stage.kept_private(his);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_leaves_after_the_merge() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    merges(&stage, his).await;
    let sound = Unbroken::of(vec![("bob", stage.bob.ear(his)), ("customer", stage.customer.ear(stage.theirs))]);
    let (from, began) = (Mark::now(), std::time::Instant::now());
    stage.alice.hangs_up(stage.hers);
    stage.joined(his).await;
    sound.was_unbroken();
    let allowed = 40 + baton_tests::stalls::longest_ms_since(began);
    for (ear, hertz) in [(stage.bob.ear(his), tones::CUSTOMER), (stage.customer.ear(stage.theirs), tones::BOB)] {
        let hole = ear.since(from).longest_hole_ms(hertz);
        assert!(hole <= allowed, "a hole of {hole} ms in {hertz} Hz");
    }
    stage.house.freeze_and_thaw(2).await;
    stage.bob_closes(his).await;
}

/// Row 29.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_while_bob_rings_is_refused() {
    let stage = OneLine::open().await;
    let his = stage.dials_bob().await;
    let from = Mark::now();
    stage.keys("*3");
    stage.alice_hears_a_tone(from, REFUSED).await;
    scene(&[stage.customer_hears_music()]).await;
    stage.house.freeze_and_thaw(2).await;
    stage.bob.phone.answer(his).expect("it rings on");
    stage.bob.says(his, tones::BOB_TOO);
    stage.is_private(his).await;
    no_trace_of("alice", &stage.alice.ear(stage.hers).since(from), tones::STRANGER);
    stage.kept_private(his);
    stage.alice_is_quiet();
    stage.keys("*1");
    stage.bob.is_let_go(his).await;
    stage.customer_closes().await;
}

/// `*2` while a transfer is under way: Bob and the customer go on, Alice gets BYE.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_completes_by_keypad() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    stage.ends_privacy(his);
    let sound = Unbroken::of(vec![("bob", stage.bob.ear(his)), ("customer", stage.customer.ear(stage.theirs))]);
    stage.keys("*2");
    stage.alice.is_let_go(stage.hers).await;
    stage.joined(his).await;
    sound.was_unbroken();
    stage.house.freeze_and_thaw(2).await;
    stage.bob_closes(his).await;
}
