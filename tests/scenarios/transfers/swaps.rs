//! Rows 4, 28 and 30, and phones that open both their lines: who hears Alice when she changes sides.

use std::time::Duration;

use baton_tests::hearing::{no_trace_of, until_heard};
use baton_tests::house::tones;
use baton_tests::one_line::{NOTICE, OneLine};
use baton_tests::stage::{Stage, scene};
use softphone::{Keypad, Mark};

/// A hundred swaps at ten a second; on either line she always says another tone, whether it is held or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_by_hold_and_resume() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    stage.alice.holds(&mut second).await;
    stage.alice.resumes(&mut stage.first).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let began = Mark::now();
    for swap in 0..100 {
        ticks.tick().await;
        if swap % 2 == 0 {
            stage.alice.holds(&mut stage.first).await;
            stage.alice.resumes(&mut second).await;
        } else {
            stage.alice.holds(&mut second).await;
            stage.alice.resumes(&mut stage.first).await;
        }
        if swap == 50 {
            stage.house.freeze_and_thaw(4).await;
        }
    }
    let customer = stage.customer.ear(stage.theirs).since(began);
    let bob = stage.bob.ear(his).since(began);
    no_trace_of("customer", &customer, tones::BOB_TOO);
    no_trace_of("customer", &customer, tones::SECRET);
    no_trace_of("bob", &bob, tones::STRANGER);
    no_trace_of("bob", &bob, tones::ALICE);
    scene(&[
        stage.customer_hears(&[tones::ALICE]),
        stage.bob.hears_music(his),
        stage.first.hears(&[tones::STRANGER]),
        second.hears_nobody(),
    ])
    .await;
    stage.alice.holds(&mut stage.first).await;
    stage.alice.resumes(&mut second).await;
    stage.is_private(&second, his).await;
    stage.ends_privacy(his);
    assert_eq!(stage.alice.refers(&mut stage.first, "refer", &second).await.status(), Some(202));
    stage.alice_is_out(&[&stage.first, &second]).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// She falls silent before each swap: what she says afterwards is never heard by whom she turned away from, nor what she said before
/// by whom she turned to. Whoever waits hears music.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_by_keypad_keep_each_side_from_the_other() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    for swap in 0..10 {
        stage.alice_is_quiet();
        stage.keys("*4");
        let to_customer = swap % 2 == 0;
        let (ear, say) = if to_customer {
            (stage.alice.ear(stage.hers), tones::ALICE)
        } else {
            (stage.alice.ear(stage.hers), tones::SECRET)
        };
        let heard = if to_customer { tones::STRANGER } else { tones::BOB_TOO };
        assert!(until_heard(&ear, heard, Duration::from_secs(3)).await, "swap {swap}: {heard} Hz");
        stage.alice.says(stage.hers, say);
        if swap == 5 {
            stage.house.freeze_and_thaw(3).await;
        }
        if to_customer {
            let scene_heard = [
                stage.customer_hears(&[tones::ALICE]),
                stage.bob.hears_music(his),
                stage.alice_hears(&[tones::STRANGER]),
            ];
            scene(&scene_heard).await;
        } else {
            stage.is_private(his).await;
        }
    }
    no_trace_of("bob", &stage.bob.ear(his).since(stage.since), tones::ALICE);
    stage.kept_private(his);
    stage.alice_is_quiet();
    stage.keys("*1");
    stage.bob.is_let_go(his).await;
    stage.customer_closes().await;
}

/// A hundred codes by INFO at ten a second: she is quiet, the others talk all the time, and neither ever hears the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_by_keypad_ten_a_second_never_let_the_sides_meet() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    stage.alice_is_quiet();
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..100 {
        ticks.tick().await;
        stage.alice.phone.press(stage.hers, "*4", Keypad::Info);
    }
    stage.house.freeze_and_thaw(3).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.alice.says(stage.hers, tones::SECRET);
    stage.is_private(his).await;
    stage.kept_private(his);
    stage.alice_is_quiet();
    stage.alice.phone.press(stage.hers, "*1", Keypad::Info);
    stage.bob.is_let_go(his).await;
    stage.customer_closes().await;
}

/// Row 28.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_swaps_while_bob_rings() {
    let stage = OneLine::open().await;
    let his = stage.dials_bob().await;
    stage.alice_is_quiet();
    stage.keys("*4");
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    let ear = stage.alice.ear(stage.hers);
    assert!(until_heard(&ear, tones::CUSTOMER, Duration::from_secs(3)).await, "she is back with the customer");
    stage.alice.says(stage.hers, tones::ALICE);
    stage.alice_and_customer_talk().await;
    stage.house.freeze_and_thaw(2).await;
    let from = Mark::now();
    stage.bob.phone.answer(his).expect("it rings on");
    stage.bob.says(his, tones::BOB_TOO);
    stage.alice_hears_a_tone(from, NOTICE).await;
    scene(&[stage.bob.hears_music(his)]).await;
    stage.alice_and_customer_talk().await;
    no_trace_of("bob", &stage.bob.ear(his).since(stage.since), tones::ALICE);
    no_trace_of("bob", &stage.bob.ear(his).since(stage.since), tones::CUSTOMER);
    stage.customer_heard_nothing_private();
    stage.alice_is_quiet();
    stage.keys("*1");
    stage.bob.is_let_go(his).await;
    stage.customer_closes().await;
}

/// Row 30.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn line_one_is_resumed_before_line_two_is_held() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    for _ in 0..5 {
        stage.alice.resumes(&mut stage.first).await;
        stage.alice.holds(&mut second).await;
        scene(&[
            stage.customer_hears(&[tones::ALICE]),
            stage.first.hears(&[tones::STRANGER]),
            stage.bob.hears_music(his),
            second.hears_nobody(),
        ])
        .await;
        stage.alice.resumes(&mut second).await;
        stage.alice.holds(&mut stage.first).await;
        stage.is_private(&second, his).await;
    }
    stage.house.freeze_and_thaw(4).await;
    stage.kept_private(his);
    stage.alice.hangs_up(&mut second).await;
    stage.bob.is_let_go(his).await;
    stage.customer_closes().await;
}

/// House §3 (c): the phone mixes, the server does not; a merge or swap by code is nothing it could do now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_open_lines_are_mixed_by_the_phone_alone() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    stage.alice.resumes(&mut stage.first).await;
    scene(&[
        stage.customer_hears(&[tones::ALICE]),
        stage.bob.hears(his, &[tones::SECRET]),
        stage.first.hears(&[tones::STRANGER]),
        second.hears(&[tones::BOB_TOO]),
    ])
    .await;
    stage.house.freeze_and_thaw(4).await;
    stage.alice.holds(&mut stage.first).await;
    stage.is_private(&second, his).await;
    stage.kept_private(his);
    stage.alice.hangs_up(&mut second).await;
    stage.bob.is_let_go(his).await;
    stage.customer_closes().await;
}
