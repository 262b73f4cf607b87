//! Keys: relayed exactly once to whoever hears the sender, as RTP events, however they were sent.

use std::time::Duration;

use baton_tests::hearing::judge;
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, House, tones};
use baton_tests::people::connect;
use baton_tests::raw::RawCall;
use softphone::{Hold, LineState};

/// Longer than any key here is under way.
const A_WHILE: Duration = Duration::from_millis(400);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_reach_the_far_end_once_and_nobody_hears_their_own() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER]), customer.hears(theirs, &[tones::ALICE])]).await;
    customer.phone.key(theirs, "12#");
    alice.hears_keys(hers, "12#").await;
    house.freeze_and_thaw(2).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER]), customer.hears(theirs, &[tones::ALICE])]).await;
    customer.phone.key_by_info(theirs, '5');
    alice.hears_keys(hers, "12#5").await;
    alice.phone.key(hers, "A9");
    customer.hears_keys(theirs, "A9").await;
    alice.phone.key_by_info(hers, '0');
    customer.hears_keys(theirs, "A90").await;
    tokio::time::sleep(A_WHILE).await;
    alice.hears_keys(hers, "12#5").await;
    customer.hears_keys(theirs, "A90").await;
    alice.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_on_hold_reach_nobody() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    alice.holds(hers, Hold::SendOnly).await;
    house.freeze_and_thaw(2).await;
    customer.phone.key(theirs, "1");
    customer.phone.key_by_info(theirs, '2');
    alice.phone.key(hers, "3");
    alice.phone.key_by_info(hers, '4');
    tokio::time::sleep(A_WHILE).await;
    alice.resumes(hers).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER]), customer.hears(theirs, &[tones::ALICE])]).await;
    customer.phone.key(theirs, "7");
    alice.hears_keys(hers, "7").await;
    alice.phone.key(hers, "8");
    customer.hears_keys(theirs, "8").await;
    alice.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_in_a_room_hears_a_key_but_whoever_pressed_it_and_whoever_is_away() {
    let house = House::open().await;
    let (alice, bob, carol) = (house.alice().await, house.bob().await, house.carol().await);
    let (hers, his, carols) = (alice.calls("room-keys"), bob.calls("room-keys"), carol.calls("room-keys"));
    for (person, line) in [(&alice, hers), (&bob, his), (&carol, carols)] {
        person.comes_to(line, LineState::Live).await;
    }
    judge(&[carol.hears(carols, &[tones::ALICE, tones::BOB]), bob.hears(his, &[tones::ALICE, tones::CAROL])]).await;
    alice.phone.key(hers, "4");
    bob.hears_keys(his, "4").await;
    carol.hears_keys(carols, "4").await;
    house.freeze_and_thaw(3).await;
    carol.holds(carols, Hold::Inactive).await;
    judge(&[bob.hears(his, &[tones::ALICE])]).await;
    alice.phone.key(hers, "2");
    bob.hears_keys(his, "42").await;
    tokio::time::sleep(A_WHILE).await;
    carol.hears_keys(carols, "4").await;
    alice.hears_keys(hers, "").await;
    for (person, line) in [(&alice, hers), (&bob, his), (&carol, carols)] {
        person.hangs_up(line);
    }
    house.close().await;
}

/// With a phone that shares no code: events as RFC 4733 has them, both ways, and INFO.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_events_to_a_phone_of_another_make() {
    let house = House::open().await;
    let alice = house.alice().await;
    let (mut customer, hers) =
        tokio::join!(RawCall::dial(CUSTOMERS, house.udp, ALICES_NUMBER, tones::CUSTOMER), alice.answers());
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    customer.keys(11).await;
    alice.hears_keys(hers, "#").await;
    assert_eq!(customer.keys_by_info('5').await.status(), Some(200));
    alice.hears_keys(hers, "#5").await;
    house.freeze_and_thaw(2).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    alice.phone.key(hers, "7*");
    let both = || customer.audio.events() == [7, 10];
    assert!(baton_tests::hearing::until(Duration::from_secs(3), both).await, "{:?}", customer.audio.events());
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(customer.audio.events(), [7, 10]);
    alice.hears_keys(hers, "#5").await;
    customer.hangs_up().await;
    alice.is_let_go(hers).await;
    house.close().await;
}
