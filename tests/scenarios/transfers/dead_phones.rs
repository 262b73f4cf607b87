//! Rows 14 and 25 with phones that die: their sockets are gone, no BYE was said.

use std::time::Duration;

use baton_tests::hearing::{never_heard, until_heard};
use baton_tests::house::{House, Setup, tones};
use baton_tests::stage::{Stage, scene};
use softphone::Mark;

/// A silent open leg is found dead after this, its phone's away leg by OPTIONS right after.
const SOON_DEAD: Setup = Setup { media_timeout_s: 5, held_alone_s: 5, ..Setup::USUAL };
/// Three questions without an answer in time, and some.
const FOUND_DEAD: Duration = Duration::from_secs(30);

/// As row 7: she faced Bob by an open line, so Bob and the customer go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alices_phone_dies_while_she_faces_bob() {
    let mut stage = Stage::with("plain", SOON_DEAD).await;
    let (second, his) = stage.consults().await;
    stage.ends_privacy(his);
    let Stage { house, alice, first, bob, customer, theirs, since } = stage;
    drop((alice, first, second));
    let heard = until_heard(&customer.ear(theirs), tones::BOB, FOUND_DEAD).await;
    assert!(heard, "the customer and Bob are not joined");
    scene(&[customer.hears(theirs, &[tones::BOB]), bob.hears(his, &[tones::CUSTOMER])]).await;
    never_heard(&customer, theirs, since, tones::SECRET);
    never_heard(&customer, theirs, since, tones::BOB_TOO);
    house.freeze_and_thaw(2).await;
    bob.hangs_up(his);
    customer.is_let_go(theirs).await;
    house.close().await;
}

/// The same with one line and its keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alices_phone_dies_mid_consult_by_keypad() {
    let house = House::with(SOON_DEAD).await;
    let (bob, customer) = (house.bob().await, house.customer().await);
    let since = Mark::now();
    let (theirs, mut alice) = house.talks_with_raw_alice(&customer).await;
    // `*2102#` as telephone events
    for event in [10, 2, 1, 0, 2, 11] {
        alice.keys(event).await;
    }
    let his = bob.answers().await;
    bob.says(his, tones::BOB_TOO);
    scene(&[customer.hears_music(theirs), bob.hears(his, &[tones::ALICE])]).await;
    house.freeze_and_thaw(3).await;
    never_heard(&customer, theirs, since, tones::BOB_TOO);
    bob.says(his, tones::BOB);
    drop(alice);
    let heard = until_heard(&customer.ear(theirs), tones::BOB, FOUND_DEAD).await;
    assert!(heard, "the customer and Bob are not joined");
    scene(&[customer.hears(theirs, &[tones::BOB]), bob.hears(his, &[tones::CUSTOMER])]).await;
    bob.hangs_up(his);
    customer.is_let_go(theirs).await;
    house.close().await;
}

/// As row 8: she faced the customer; Bob stays on hold until `held_alone_s` ends the music.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alices_phone_dies_while_she_faces_the_customer() {
    let mut stage = Stage::with("plain", SOON_DEAD).await;
    let (mut second, his) = stage.consults().await;
    stage.alice.holds(&mut second).await;
    stage.alice.resumes(&mut stage.first).await;
    scene(&[stage.customer_hears(&[tones::ALICE]), stage.bob.hears_music(his)]).await;
    stage.house.freeze_and_thaw(4).await;
    let Stage { house, alice, first, bob, customer, theirs, since } = stage;
    drop((alice, first, second));
    customer.says(theirs, tones::CUSTOMER);
    bob.says(his, tones::BOB);
    let heard = until_heard(&customer.ear(theirs), tones::BOB, FOUND_DEAD).await;
    assert!(heard, "Bob's hold never ended");
    scene(&[customer.hears(theirs, &[tones::BOB]), bob.hears(his, &[tones::CUSTOMER])]).await;
    never_heard(&customer, theirs, since, tones::SECRET);
    never_heard(&customer, theirs, since, tones::BOB_TOO);
    bob.hangs_up(his);
    customer.is_let_go(theirs).await;
    house.close().await;
}
