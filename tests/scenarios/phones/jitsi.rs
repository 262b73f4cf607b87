//! Jitsi desktop: both lines on hold before the REFER, tags of "0", and BYE on whatever NOTIFY comes first.

use baton_tests::house::tones;
use baton_tests::raw::Message;
use baton_tests::stage::{Stage, scene};

use crate::transferred::{comes_off, refers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jitsi_holds_both_lines_and_hangs_up_on_the_notify_of_100() {
    for section in ["refer", "refer-zero"] {
        let mut stage = Stage::open("jitsi").await;
        let (mut second, his) = stage.consults().await;
        stage.alice.holds(&mut second).await;
        scene(&[
            stage.bob.hears_music(his),
            stage.customer_hears_music(),
            stage.first.hears_nobody(),
            second.hears_nobody(),
        ])
        .await;
        let sound = refers(&mut stage, &second, his, section).await;
        stage.alice.hangs_up(&mut stage.first).await;
        comes_off(stage, &second, his, sound).await;
    }
}

/// Without Replaces: the BYE on the NOTIFY of 100, while Bob rings, makes it a blind transfer and aborts nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jitsi_hangs_up_while_bob_rings_and_bob_gets_the_customer() {
    let mut stage = Stage::open("jitsi").await;
    stage.holds().await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    assert_eq!(stage.alice.refers_to(&mut stage.first, "102").await.status(), Some(202));
    let any = |message: &Message| message.header("Event").is_some_and(|event| event.starts_with("refer"));
    stage.alice.notify(&stage.first, "a NOTIFY of refer", any).await;
    stage.alice.hangs_up(&mut stage.first).await;
    let his = stage.bob.is_rung().await;
    stage.house.freeze_and_thaw(1).await;
    stage.bob.phone.answer(his).expect("it rings");
    stage.joined(his).await;
    stage.bob_closes(his).await;
}
