//! Rows 17, 19 and 26: what is refused, with which reason, and that nothing changes by it.

use baton_tests::desk::{Desk, id_of};
use baton_tests::field::{FieldPhone, naming};
use baton_tests::hearing::until;
use baton_tests::house::tones;
use baton_tests::one_line::{OneLine, REFUSED};
use baton_tests::people::SOON;
use baton_tests::raw::Message;
use baton_tests::stage::{Stage, scene};
use serde_json::json;
use softphone::{Keypad, Mark};

/// 403 with `Reason: SIP;cause=403;text="CODE"`.
fn is_refused(answer: &Message, code: &str) {
    let reason = answer.header("Reason").unwrap_or_default().to_owned();
    assert_eq!(answer.status(), Some(403), "{answer:?}");
    assert!(reason.contains("cause=403") && reason.contains(code), "{reason}");
}

/// Row 17: while the consult is private another transfer is refused; so is one while the target rings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_transfer_is_refused() {
    let mut stage = Stage::open("plain").await;
    stage.holds().await;
    let (dialling, his) = stage.dials_bob().await;
    is_refused(&stage.alice.refers_to(&mut stage.first, "103").await, "transfer_in_progress");
    let mut second = stage.bob_answers(dialling, his).await;
    stage.is_private(&second, his).await;
    is_refused(&stage.alice.refers_to(&mut stage.first, "103").await, "transfer_in_progress");
    is_refused(&stage.alice.refers_to(&mut second, "103").await, "transfer_in_progress");
    stage.house.freeze_and_thaw(4).await;
    stage.is_private(&second, his).await;
    stage.ends_privacy(his);
    assert_eq!(stage.alice.refers(&mut stage.first, "refer", &second).await.status(), Some(202));
    stage.alice_is_out(&[&stage.first, &second]).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// Row 19: after Alice left while Carol waited, Carol is on hold; she transfers nobody, and may only take herself back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_on_hold_transfers_nobody() {
    let mut stage = Stage::open("plain").await;
    let carols = FieldPhone::register("plain", "carol", stage.house.udp).await;
    stage.holds().await;
    let dialling = stage.alice.dials("103", tones::SECRET).await;
    let invite = carols.is_rung().await;
    let mut carol = carols.answers(&invite, tones::CAROL).await;
    let mut second = stage.alice.gets_through(dialling).await;
    scene(&[carol.hears(&[tones::SECRET])]).await;
    stage.alice.holds(&mut second).await;
    stage.alice.says_bye(&mut second).await;
    stage.alice.says_bye(&mut stage.first).await;
    scene(&[carol.hears_music(), stage.customer_hears_music()]).await;
    is_refused(&carols.refers_to(&mut carol, "102").await, "initiator_on_hold");
    stage.house.freeze_and_thaw(2).await;
    scene(&[carol.hears_music(), stage.customer_hears_music()]).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    carols.holds(&mut carol).await;
    carols.resumes(&mut carol).await;
    scene(&[carol.hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::CAROL])]).await;
    carols.hangs_up(&mut carol).await;
    stage.customer.is_let_go(stage.theirs).await;
    stage.house.close().await;
}

/// Row 17: the transfer under way was keyed; the second one is asked for by a program, and by the target's own keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_keyed_transfer_a_second_one_is_refused() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    let alices = Desk::of(&stage.house, "alice").await;
    let call = alices.only_call().await["id"].as_str().expect("an id").to_owned();
    let second = alices.post(&format!("/v1/calls/{call}/transfer"), json!({"target": {"agent": "carol"}})).await;
    assert_eq!(second.refusal(), (409, "transfer_in_progress"));
    let ear = stage.bob.ear(his);
    let from = Mark::now();
    stage.bob.phone.press(his, "*2103#", Keypad::Rtp);
    let told = until(SOON, || ear.since(from).present_ms(REFUSED) > 50).await;
    assert!(told, "Bob is not told that he cannot");
    stage.is_private(his).await;
    stage.kept_private(his);
    stage.alice_is_quiet();
    stage.keys("*1");
    stage.bob.is_let_go(his).await;
    stage.customer_closes().await;
}

/// Row 19: somebody put her on hold; her keys start nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_on_hold_transfers_nobody_by_keypad() {
    let stage = OneLine::open().await;
    let operator = Desk::operator(&stage.house);
    let call = operator.only_call().await;
    let path = format!("/v1/calls/{}/participants/{}", call["id"].as_str().expect("an id"), id_of(&call, "alice"));
    assert_eq!(operator.patch(&path, json!({"hold": true})).await.status, 200);
    scene(&[stage.customer_hears_music(), stage.alice.hears_music(stage.hers)]).await;
    let from = Mark::now();
    stage.keys("*2102#");
    stage.alice_hears_a_tone(from, REFUSED).await;
    stage.house.freeze_and_thaw(2).await;
    scene(&[stage.customer_hears_music(), stage.alice.hears_music(stage.hers)]).await;
    assert!(!stage.bob.is_busy(), "nobody is rung");
    assert_eq!(operator.patch(&path, json!({"hold": false})).await.status, 200);
    stage.alice_and_customer_talk().await;
    stage.customer_closes().await;
}

/// Row 26: the target is Alice herself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_transferred_to_herself() {
    let mut stage = Stage::open("plain").await;
    for target in ["101", "alice"] {
        assert_eq!(stage.alice.refers_to(&mut stage.first, target).await.status(), Some(202));
        assert_eq!(stage.alice.is_told(&stage.first).await, 404);
        scene(&[stage.first.hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::ALICE])]).await;
    }
    stage.house.freeze_and_thaw(2).await;
    stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_transferred_to_herself_by_keypad() {
    let stage = OneLine::open().await;
    let from = Mark::now();
    stage.keys("*2101#");
    stage.alice_hears_more_than(from, tones::CUSTOMER).await;
    stage.house.freeze_and_thaw(2).await;
    stage.alice_and_customer_talk().await;
    stage.customer_closes().await;
}

/// Nothing is over by a refusal: the phone's dialog is as alive as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refer_that_names_nothing_is_told_481_and_nothing_changes() {
    let mut stage = Stage::open("plain").await;
    let mut nothing = stage.alice.dialog("102");
    nothing.remote = format!("{};tag=guessed", nothing.remote);
    let answer = stage.alice.ask(&mut stage.first.dialog, "refer", &naming(&nothing)).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    assert_eq!(stage.alice.is_told(&stage.first).await, 481);
    stage.house.freeze_and_thaw(2).await;
    scene(&[stage.first.hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::ALICE])]).await;
    stage.customer_closes().await;
}
