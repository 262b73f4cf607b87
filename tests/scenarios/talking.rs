//! Two people talk through the house: they hear each other, nobody hears themselves, and either may end it.

use baton_tests::hearing::{judge, they_talk};
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, House, tones};
use baton_tests::people::connect;
use baton_tests::raw::RawCall;
use softphone::LineState;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_calls_alice_by_the_trunks_number_and_they_talk() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    they_talk((&customer, theirs), (&alice, hers)).await;
    house.freeze_and_thaw(2).await;
    they_talk((&customer, theirs), (&alice, hers)).await;
    customer.hangs_up(theirs);
    assert!(matches!(alice.is_let_go(hers).await, LineState::Ended(_)));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_calls_bob_by_extension_and_by_name_and_either_may_hang_up() {
    let house = House::open().await;
    let (alice, bob) = (house.alice().await, house.bob().await);
    for dialled in ["102", "bob", "sip:bob@baton.local"] {
        let (hers, his) = connect(&alice, dialled, &bob).await;
        they_talk((&alice, hers), (&bob, his)).await;
        house.freeze_and_thaw(2).await;
        they_talk((&alice, hers), (&bob, his)).await;
        if dialled == "bob" {
            alice.hangs_up(hers);
            bob.is_let_go(his).await;
        } else {
            bob.hangs_up(his);
            alice.is_let_go(hers).await;
        }
        house.is_empty().await;
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_calls_an_outside_number_and_they_talk() {
    let house = House::open().await;
    let (alice, outside) = (house.alice().await, house.at_the_carrier().await);
    let (hers, theirs) = connect(&alice, "+4930123456", &outside).await;
    they_talk((&alice, hers), (&outside, theirs)).await;
    house.freeze_and_thaw(2).await;
    they_talk((&alice, hers), (&outside, theirs)).await;
    outside.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_heard_before_the_answer() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let theirs = customer.calls(ALICES_NUMBER);
    let hers = alice.is_rung().await;
    customer.comes_to(theirs, LineState::RingingThere).await;
    house.freeze_and_thaw(0).await;
    judge(&[customer.hears_nobody(theirs), alice.hears_nobody(hers)]).await;
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_may_come_with_the_answer() {
    let house = House::open().await;
    let alice = house.alice().await;
    let dialling = RawCall::dial_without_offer(CUSTOMERS, house.udp, ALICES_NUMBER, tones::CUSTOMER);
    let (mut customer, hers) = tokio::join!(dialling, alice.answers());
    assert!(customer.described.contains("m=audio"), "the server's 200 makes the offer");
    alice.comes_to(hers, LineState::Live).await;
    let heard_at = std::time::Instant::now();
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    house.freeze_and_thaw(2).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    let (of_alice, of_themselves) =
        (customer.audio.level(heard_at, tones::ALICE), customer.audio.level(heard_at, tones::CUSTOMER));
    assert!(of_alice > -20.0, "the customer hears Alice at {of_alice:.1} dBFS");
    assert!(of_themselves < -40.0, "the customer hears themselves at {of_themselves:.1} dBFS");
    assert_eq!(customer.hangs_up().await.status(), Some(200));
    alice.is_let_go(hers).await;
    house.close().await;
}
