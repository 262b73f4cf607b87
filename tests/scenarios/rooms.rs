//! Rooms: of a chosen name, of the settings, and by the trunk's numbers; all hear all, nobody themselves.

use baton_tests::hearing::{judge, they_talk};
use baton_tests::house::{House, tones};
use softphone::LineState;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_in_a_room_hear_each_other_and_the_last_one_waits() {
    let house = House::open().await;
    let (alice, bob, carol) = (house.alice().await, house.bob().await, house.carol().await);
    let (hers, his, carols) =
        (alice.calls("room-fish"), bob.calls("sip:room-fish@baton.local"), carol.calls("room-Fish"));
    for (person, line) in [(&alice, hers), (&bob, his), (&carol, carols)] {
        person.comes_to(line, LineState::Live).await;
    }
    let all = || {
        [
            alice.hears(hers, &[tones::BOB, tones::CAROL]),
            bob.hears(his, &[tones::ALICE, tones::CAROL]),
            carol.hears(carols, &[tones::ALICE, tones::BOB]),
        ]
    };
    judge(&all()).await;
    house.freeze_and_thaw(3).await;
    judge(&all()).await;
    carol.hangs_up(carols);
    they_talk((&alice, hers), (&bob, his)).await;
    bob.hangs_up(his);
    judge(&[alice.hears_music(hers)]).await;
    let again = bob.calls("room-fish");
    bob.comes_to(again, LineState::Live).await;
    they_talk((&alice, hers), (&bob, again)).await;
    alice.hangs_up(hers);
    bob.hangs_up(again);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_enter_a_room_by_the_trunks_number() {
    let house = House::open().await;
    let (customer, other) = (house.customer().await, house.outside("other", tones::STRANGER).await);
    let alice = house.alice().await;
    let (theirs, others) = (customer.calls("room42"), other.calls("room42"));
    customer.comes_to(theirs, LineState::Live).await;
    other.comes_to(others, LineState::Live).await;
    they_talk((&customer, theirs), (&other, others)).await;
    let hers = alice.calls("room-r42");
    alice.comes_to(hers, LineState::Live).await;
    house.freeze_and_thaw(3).await;
    judge(&[
        customer.hears(theirs, &[tones::STRANGER, tones::ALICE]),
        other.hears(others, &[tones::CUSTOMER, tones::ALICE]),
        alice.hears(hers, &[tones::CUSTOMER, tones::STRANGER]),
    ])
    .await;
    for (person, line) in [(&customer, theirs), (&other, others), (&alice, hers)] {
        person.hangs_up(line);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_of_the_settings_is_reached_by_name_and_extension() {
    let house = House::open().await;
    let (alice, bob) = (house.alice().await, house.bob().await);
    let (hers, his) = (alice.calls("300"), bob.calls("standup"));
    alice.comes_to(hers, LineState::Live).await;
    bob.comes_to(his, LineState::Live).await;
    they_talk((&alice, hers), (&bob, his)).await;
    house.freeze_and_thaw(2).await;
    they_talk((&alice, hers), (&bob, his)).await;
    alice.hangs_up(hers);
    bob.hangs_up(his);
    house.close().await;
}
