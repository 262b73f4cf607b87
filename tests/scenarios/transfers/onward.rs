//! Rows 18 and 24: transfers onward, and consult calls that came in.

use baton_tests::field::FieldPhone;
use baton_tests::house::tones;
use baton_tests::one_line::OneLine;
use baton_tests::people::Person;
use baton_tests::stage::{Stage, scene};
use softphone::{Keypad, LineState};

/// Row 18: after a completed transfer Bob is the initiator of the next one; his phone is one of the field.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_transfers_onward() {
    let mut stage = Stage::open("plain").await;
    let carols = FieldPhone::register("plain", "carol", stage.house.udp).await;
    stage.holds().await;
    let dialling = stage.alice.dials("103", tones::SECRET).await;
    let invite = carols.is_rung().await;
    let mut carol = carols.answers(&invite, tones::CAROL).await;
    let second = stage.alice.gets_through(dialling).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    assert_eq!(stage.alice.refers(&mut stage.first, "refer", &second).await.status(), Some(202));
    stage.alice_is_out(&[&stage.first, &second]).await;
    scene(&[stage.customer_hears(&[tones::CAROL]), carol.hears(&[tones::CUSTOMER])]).await;
    stage.house.freeze_and_thaw(2).await;
    carols.holds(&mut carol).await;
    let dialling = carols.dials("102", tones::SECRET).await;
    let his = stage.bob.answers().await;
    let carol_too = carols.gets_through(dialling).await;
    scene(&[stage.bob.hears(his, &[tones::SECRET]), stage.customer_hears_music()]).await;
    assert_eq!(carols.refers(&mut carol, "refer", &carol_too).await.status(), Some(202));
    scene(&[stage.customer_hears(&[tones::BOB]), stage.bob.hears(his, &[tones::CUSTOMER])]).await;
    for line in [&carol, &carol_too] {
        if !carols.is_over(line) {
            carols.is_let_go(line).await;
        }
    }
    stage.bob_closes(his).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_transfers_onward_by_keypad() {
    let stage = OneLine::open().await;
    let carol: Person = stage.house.carol().await;
    let his = stage.consults().await;
    stage.ends_privacy(his);
    stage.keys("*2");
    stage.alice.is_let_go(stage.hers).await;
    stage.joined(his).await;
    stage.bob.phone.press(his, "*2103#", Keypad::Rtp);
    let carols = carol.answers().await;
    scene(&[carol.hears(carols, &[tones::BOB]), stage.bob.hears(his, &[tones::CAROL]), stage.customer_hears_music()])
        .await;
    stage.house.freeze_and_thaw(3).await;
    stage.bob.phone.press(his, "*2", Keypad::Rtp);
    stage.bob.is_let_go(his).await;
    scene(&[carol.hears(carols, &[tones::CUSTOMER]), stage.customer_hears(&[tones::CAROL])]).await;
    carol.hangs_up(carols);
    assert!(matches!(stage.customer.is_let_go(stage.theirs).await, LineState::Ended(_)));
    stage.house.close().await;
}

/// Row 24: the consult call came in; Alice joins both by REFER with Replaces across the two calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_called_alice_and_she_joins_them() {
    let mut stage = Stage::open("plain").await;
    stage.holds().await;
    let his = stage.bob.calls("101");
    let invite = stage.alice.is_rung().await;
    let second = stage.alice.answers(&invite, tones::SECRET).await;
    stage.bob.comes_to(his, LineState::Live).await;
    stage.bob.says(his, tones::BOB_TOO);
    stage.is_private(&second, his).await;
    stage.house.freeze_and_thaw(4).await;
    stage.ends_privacy(his);
    let sound = stage.goes_on(his);
    let answer = stage.alice.refers(&mut stage.first, "refer", &second).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    assert_eq!(stage.alice.is_told(&stage.first).await, 200);
    stage.alice_is_out(&[&stage.first, &second]).await;
    stage.joined(his).await;
    sound.was_unbroken();
    stage.bob_closes(his).await;
}
