//! What a phone dials to test itself, and what operators do with a daemon in service: stop it, change its users.

use std::time::{Duration, Instant};

use baton_tests::hearing::{judge, they_talk, until_heard};
use baton_tests::house::{ALICES_NUMBER, CARRIER, DOMAIN, House, Setup, tones};
use baton_tests::people::{Person, SOON, connect};
use softphone::{LineState, PhoneSettings, Voice};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_echo_comes_back() {
    let house = House::open().await;
    for person in [house.alice().await, house.customer().await] {
        let line = person.calls("*43");
        person.comes_to(line, LineState::Live).await;
        judge(&[person.hears(line, &[person.hertz])]).await;
        house.freeze_and_thaw(1).await;
        judge(&[person.hears(line, &[person.hertz])]).await;
        person.hangs_up(line);
        house.is_empty().await;
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tone_is_a_tone_and_the_music_is_music() {
    let house = House::open().await;
    let alice = house.alice().await;
    let tone = alice.calls("*44");
    alice.comes_to(tone, LineState::Live).await;
    assert!(until_heard(&alice.ear(tone), 440.0, SOON).await, "440 Hz");
    house.freeze_and_thaw(1).await;
    assert!(until_heard(&alice.ear(tone), 440.0, SOON).await, "440 Hz, still");
    alice.hangs_up(tone);
    let music = alice.calls("*45");
    alice.comes_to(music, LineState::Live).await;
    judge(&[alice.hears_music(music)]).await;
    house.freeze_and_thaw(1).await;
    judge(&[alice.hears_music(music)]).await;
    alice.hangs_up(music);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_there_under_an_unknown_name() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    for (person, dialled) in [(&alice, "zed"), (&alice, "*46"), (&customer, "zed"), (&customer, "+4930999")] {
        let line = person.calls(dialled);
        assert_eq!(person.is_let_go(line).await, LineState::Failed(404), "{} dials {dialled}", person.name);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_turned_away_and_nobody_rings() {
    let house = House::open().await;
    let alice = house.alice().await;
    let settings = PhoneSettings::outside("+15550100", DOMAIN, house.udp, CARRIER, Voice::Tone(tones::STRANGER));
    let stranger = Person::start("stranger", tones::STRANGER, settings).await;
    for dialled in ["101", ALICES_NUMBER, "*43", "room-fish", "+19005550100"] {
        let line = stranger.calls(dialled);
        let told = stranger.is_let_go(line).await;
        assert!(matches!(told, LineState::Failed(401 | 403)), "{dialled}: {told:?}");
    }
    assert!(!alice.is_busy());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_does_not_register() {
    let house = House::open().await;
    let settings = PhoneSettings::agent("alice", "guess", DOMAIN, house.udp, Voice::Silence);
    let alice = Person::start("alice", tones::ALICE, settings).await;
    let refused = alice.phone.register().await;
    assert!(matches!(refused, Err(softphone::PhoneError::Refused(_, 401 | 403))), "{refused:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_stops_says_bye_to_everybody() {
    let house = House::open().await;
    let (alice, bob, carol) = (house.alice().await, house.bob().await, house.carol().await);
    let (customer, other) = (house.customer().await, house.outside("other", tones::STRANGER).await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    let others = other.calls("102");
    let his = bob.is_rung().await;
    let carols = carol.calls("room-fish");
    carol.comes_to(carols, LineState::Live).await;
    they_talk((&customer, theirs), (&alice, hers)).await;
    house.freeze_and_thaw(3).await;
    let began = Instant::now();
    house.running.stop().await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    for (person, line) in [(&alice, hers), (&customer, theirs), (&bob, his), (&other, others), (&carol, carols)] {
        person.is_let_go(line).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_brings_new_users_takes_old_ones_and_leaves_calls_alone() {
    let house = House::open().await;
    let (alice, bob, customer) = (house.alice().await, house.bob().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    house.running.reload(house.settings(&Setup { agents: &["alice", "dave"], ..Setup::default() })).await;
    they_talk((&customer, theirs), (&alice, hers)).await;
    house.freeze_and_thaw(2).await;
    let dave = house.agent("dave", tones::CAROL).await;
    let refused = bob.phone.register().await;
    assert!(matches!(refused, Err(softphone::PhoneError::Refused(_, 401 | 403 | 404))), "{refused:?}");
    let other = house.outside("other", tones::STRANGER).await;
    let (others, daves) = connect(&other, "102", &dave).await;
    they_talk((&other, others), (&dave, daves)).await;
    let line = other.calls("bob");
    assert_eq!(other.is_let_go(line).await, LineState::Failed(404));
    they_talk((&customer, theirs), (&alice, hers)).await;
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    other.hangs_up(others);
    dave.is_let_go(daves).await;
    house.close().await;
}
