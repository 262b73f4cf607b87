//! Rows 7, 8 and 23: Alice leaves mid consult without completing. Who faced her as she left decides who may go on at once.

use baton_tests::hearing::no_trace_of;
use baton_tests::house::tones;
use baton_tests::one_line::OneLine;
use baton_tests::people::Person;
use baton_tests::stage::{Stage, scene};
use softphone::{Hold, Keypad, LineId, LineState};

/// Bob, on hold after Alice left, takes himself back by his phone's own hold and resume.
async fn bob_comes_back_by_his_phone(bob: &Person, his: LineId) {
    bob.holds(his, Hold::SendOnly).await;
    bob.resumes(his).await;
}

/// Row 7 on two lines: both BYEs within the grace of 500 ms, while line 2 was open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_hangs_up_both_lines_mid_consult() {
    for line_one_first in [true, false] {
        let mut stage = Stage::open("plain").await;
        let (mut second, his) = stage.consults().await;
        stage.ends_privacy(his);
        let sound = stage.goes_on(his);
        if line_one_first {
            stage.alice.says_bye(&mut stage.first).await;
            stage.alice.says_bye(&mut second).await;
        } else {
            stage.alice.says_bye(&mut second).await;
            stage.alice.says_bye(&mut stage.first).await;
        }
        stage.joined(his).await;
        sound.was_unbroken();
        stage.house.freeze_and_thaw(2).await;
        stage.bob_closes(his).await;
    }
}

/// Row 7 on one line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_hangs_up_mid_consult() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    stage.ends_privacy(his);
    stage.alice.hangs_up(stage.hers);
    stage.joined(his).await;
    stage.house.freeze_and_thaw(2).await;
    stage.bob_closes(his).await;
}

/// Row 8 on two lines: she talked to the customer while Bob waited; he must come back by himself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_hangs_up_while_she_faces_the_customer() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    stage.alice.holds(&mut second).await;
    stage.alice.resumes(&mut stage.first).await;
    scene(&[stage.customer_hears(&[tones::ALICE]), stage.bob.hears_music(his)]).await;
    stage.alice.says_bye(&mut stage.first).await;
    stage.alice.says_bye(&mut second).await;
    scene(&[stage.customer_hears_music(), stage.bob.hears_music(his)]).await;
    stage.house.freeze_and_thaw(2).await;
    scene(&[stage.customer_hears_music(), stage.bob.hears_music(his)]).await;
    stage.ends_privacy(his);
    bob_comes_back_by_his_phone(&stage.bob, his).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// Row 8 by keypad, and Bob comes back by `*4`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_hangs_up_after_a_swap_by_keypad() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    stage.swaps_to_the_customer().await;
    scene(&[stage.bob.hears_music(his), stage.alice_hears(&[tones::STRANGER])]).await;
    stage.alice.hangs_up(stage.hers);
    scene(&[stage.customer_hears_music(), stage.bob.hears_music(his)]).await;
    stage.house.freeze_and_thaw(2).await;
    stage.ends_privacy_of_others(his);
    stage.bob.phone.press(his, "*4", Keypad::Rtp);
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// Row 8 with the other way back: hold and resume on Bob's phone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_comes_back_by_hold_and_resume_by_keypad() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    stage.swaps_to_the_customer().await;
    scene(&[stage.bob.hears_music(his), stage.alice_hears(&[tones::STRANGER])]).await;
    stage.alice.hangs_up(stage.hers);
    scene(&[stage.customer_hears_music(), stage.bob.hears_music(his)]).await;
    stage.house.freeze_and_thaw(2).await;
    stage.ends_privacy_of_others(his);
    bob_comes_back_by_his_phone(&stage.bob, his).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// Row 23.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_holds_both_and_hangs_up() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    stage.alice.holds(&mut second).await;
    scene(&[stage.customer_hears_music(), stage.bob.hears_music(his), second.hears_nobody()]).await;
    stage.alice.says_bye(&mut second).await;
    stage.alice.says_bye(&mut stage.first).await;
    scene(&[stage.customer_hears_music(), stage.bob.hears_music(his)]).await;
    stage.house.freeze_and_thaw(2).await;
    stage.ends_privacy(his);
    bob_comes_back_by_his_phone(&stage.bob, his).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// House §3 (d): BYE on the consult's line alone is cancel, judged after half a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bye_on_the_second_line_alone_is_cancel() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    stage.alice.hangs_up(&mut second).await;
    stage.bob.is_let_go(his).await;
    scene(&[stage.customer_hears_music()]).await;
    stage.house.freeze_and_thaw(2).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice.resumes(&mut stage.first).await;
    scene(&[stage.customer_hears(&[tones::ALICE]), stage.first.hears(&[tones::CUSTOMER])]).await;
    stage.kept_private(his);
    stage.customer_closes().await;
}

/// House §3 (d): BYE on the customer's line alone releases the customer; the agents go on talking.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bye_on_the_first_line_alone_releases_the_customer() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    stage.alice.hangs_up(&mut stage.first).await;
    assert!(matches!(stage.customer.is_let_go(stage.theirs).await, LineState::Ended(_)));
    no_trace_of("customer", &stage.customer.ear(stage.theirs).since(stage.since), tones::BOB_TOO);
    scene(&[second.hears(&[tones::BOB_TOO]), stage.bob.hears(his, &[tones::SECRET])]).await;
    stage.house.freeze_and_thaw(2).await;
    stage.alice.hangs_up(&mut second).await;
    stage.bob.is_let_go(his).await;
    stage.house.close().await;
}
