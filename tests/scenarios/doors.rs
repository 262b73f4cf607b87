//! Doors of rooms: PIN by keypad, waiting for an agent, a lock, a limit; and a warm transfer from within a room.

use std::time::Duration;

use baton_tests::desk::Desk;
use baton_tests::hearing::{judge, no_trace_of, they_talk, until};
use baton_tests::house::{DOMAIN, House, Setup, tones};
use baton_tests::people::{Person, SOON};
use serde_json::json;
use softphone::{Goodbye, Keypad, LineId, LineState, Mark, PhoneSettings, Voice};

const ROOMS: Setup = Setup {
    more: "[[rooms]]\nname = \"vault\"\nextension = \"301\"\npin = \"4711\"\n\
           [[rooms]]\nname = \"clinic\"\nextension = \"302\"\nwait_for = \"agent\"\nmax_participants = 3\n",
    ..Setup::USUAL
};

async fn enters(person: &Person, room: &str) -> LineId {
    let line = person.calls(room);
    person.comes_to(line, LineState::Live).await;
    line
}

/// Whoever stands at the door hears a prompt, is heard by nobody and hears nobody of those inside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_in_before_the_right_pin_was_typed() {
    let house = House::with(ROOMS).await;
    let (alice, bob) = (house.alice().await, house.bob().await);
    let since = Mark::now();
    let hers = enters(&alice, "vault").await;
    alice.phone.press(hers, "4711#", Keypad::Rtp);
    let ear = alice.ear(hers);
    let his = enters(&bob, "301").await;
    let asked = until(SOON, || bob.ear(his).since(since).loudness() > -40.0).await;
    assert!(asked, "he is asked for the number");
    bob.phone.press(his, "1234#", Keypad::Rtp);
    bob.says(his, tones::SECRET);
    assert!(!until(Duration::from_millis(1_500), || ear.since(since).present_ms(tones::SECRET) > 0).await);
    // a spoken prompt has a little of every pitch; Alice never stops
    let alices = bob.ear(his).since(since).present_ms(tones::ALICE);
    assert!(alices <= 60, "he heard Alice for {alices} ms");
    bob.says(his, tones::BOB);
    bob.phone.press(his, "4711#", Keypad::Rtp);
    they_talk((&alice, hers), (&bob, his)).await;
    no_trace_of("alice", &ear.since(since), tones::SECRET);
    house.freeze_and_thaw(2).await;
    they_talk((&alice, hers), (&bob, his)).await;
    alice.hangs_up(hers);
    bob.hangs_up(his);
    house.close().await;
}

/// Three wrong numbers, and the door stays shut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_wrong_pins_end_the_call() {
    let house = House::with(ROOMS).await;
    let bob = house.bob().await;
    let his = enters(&bob, "vault").await;
    bob.phone.press(his, "1111#2222#3333#", Keypad::Rtp);
    let over = bob.phone.until_over(his, Duration::from_secs(15)).await;
    assert!(matches!(over, Ok(LineState::Ended(_))), "{over:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_room_that_waits_for_an_agent_customers_hear_music_until_one_is_in() {
    let setup = Setup {
        trunk: "",
        more: "[[rooms]]\nname = \"r77\"\nextension = \"377\"\nwait_for = \"agent\"\nmax_participants = 3\n",
        ..Setup::USUAL
    };
    let house = House::with(setup).await;
    let (one, other) = (house.customer().await, house.outside("other", tones::STRANGER).await);
    let (ones, others) = (enters(&one, "room77").await, enters(&other, "room77").await);
    judge(&[one.hears_music(ones), other.hears_music(others)]).await;
    let alice = house.alice().await;
    let hers = enters(&alice, "377").await;
    let all = || {
        [
            one.hears(ones, &[tones::STRANGER, tones::ALICE]),
            other.hears(others, &[tones::CUSTOMER, tones::ALICE]),
            alice.hears(hers, &[tones::CUSTOMER, tones::STRANGER]),
        ]
    };
    judge(&all()).await;
    house.freeze_and_thaw(3).await;
    judge(&all()).await;
    // three may be in it
    let bob = house.bob().await;
    let full = bob.calls("377");
    assert!(matches!(bob.is_let_go(full).await, LineState::Failed(486)));
    alice.hangs_up(hers);
    judge(&[one.hears_music(ones), other.hears_music(others)]).await;
    one.hangs_up(ones);
    other.hangs_up(others);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_room_lets_nobody_in() {
    let house = House::open().await;
    let (alice, bob) = (house.alice().await, house.bob().await);
    let hers = enters(&alice, "standup").await;
    let desk = Desk::of(&house, "alice").await;
    let call = desk.only_call().await;
    assert_eq!((&call["room"], &call["locked"]), (&json!("standup"), &json!(false)), "{call}");
    let path = format!("/v1/calls/{}", call["id"].as_str().expect("an id"));
    assert_eq!(desk.patch(&path, json!({"locked": true})).await.status, 200);
    let refused = bob.calls("standup");
    assert!(matches!(bob.is_let_go(refused).await, LineState::Failed(403 | 486)));
    assert_eq!(desk.patch(&path, json!({"locked": false})).await.status, 200);
    let his = enters(&bob, "standup").await;
    they_talk((&alice, hers), (&bob, his)).await;
    house.freeze_and_thaw(2).await;
    alice.hangs_up(hers);
    bob.hangs_up(his);
    house.close().await;
}

/// By what Alice starts and ends a transfer from within a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Program,
    Keypad,
    Refer,
}

impl By {
    async fn starts(self, house: &House, alice: &Person, hers: LineId) {
        match self {
            Self::Program => {
                let desk = Desk::of(house, "alice").await;
                let call = desk.only_call().await["id"].as_str().expect("an id").to_owned();
                let path = format!("/v1/calls/{call}/transfer");
                desk.post(&path, json!({"target": {"agent": "carol"}})).await.done(201);
            }
            Self::Keypad => alice.phone.press(hers, "*2103#", Keypad::Rtp),
            Self::Refer => {
                alice.phone.refer(hers, "103").expect("the line is up");
                let answer = alice.phone.until_refer_answered(hers).await;
                assert_eq!(answer.expect("an answer"), 202);
            }
        }
    }

    /// The room has Carol in Alice's place: a program completes, a phone hangs up.
    async fn leaves(self, house: &House, alice: &Person, hers: LineId) {
        if self != Self::Program {
            return alice.hangs_up(hers);
        }
        let desk = Desk::of(house, "alice").await;
        let call = desk.only_call().await["id"].as_str().expect("an id").to_owned();
        let done = desk.post(&format!("/v1/calls/{call}/transfer/complete"), json!({})).await;
        assert!(matches!(done.status, 200 | 204), "{}", done.body);
        alice.is_let_go(hers).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_transfer_from_within_a_room_by_a_program() {
    a_warm_transfer_from_within_a_room(By::Program).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_transfer_from_within_a_room_by_keypad() {
    a_warm_transfer_from_within_a_room(By::Keypad).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_transfer_from_within_a_room_by_refer() {
    a_warm_transfer_from_within_a_room(By::Refer).await;
}

/// The others go on talking while Alice consults Carol in private; no tone of the door is heard in the consult.
async fn a_warm_transfer_from_within_a_room(by: By) {
    let house = House::open().await;
    // a phone that stays on the line it sent REFER on, until she hangs up
    let stays = PhoneSettings {
        goodbye: Goodbye::Never,
        ..PhoneSettings::agent("alice", "alice-secret", DOMAIN, house.udp, Voice::Tone(tones::ALICE))
    };
    let alice = Person::start("alice", tones::ALICE, stays).await;
    alice.phone.register().await.expect("she is let in");
    let (bob, carol) = (house.bob().await, house.carol().await);
    let since = Mark::now();
    let (hers, his) = (enters(&alice, "standup").await, enters(&bob, "standup").await);
    they_talk((&alice, hers), (&bob, his)).await;
    by.starts(&house, &alice, hers).await;
    let carols = carol.is_rung().await;
    alice.says(hers, tones::SECRET);
    carol.phone.answer(carols).expect("it rings");
    bob.says(his, tones::BOB_TOO);
    judge(&[alice.hears(hers, &[tones::CAROL]), carol.hears(carols, &[tones::SECRET])]).await;
    // somebody comes into the room and is heard there
    let customer = house.customer().await;
    let theirs = enters(&customer, "standup").await;
    judge(&[bob.hears(his, &[tones::CUSTOMER]), customer.hears(theirs, &[tones::BOB_TOO])]).await;
    house.freeze_and_thaw(4).await;
    judge(&[
        alice.hears(hers, &[tones::CAROL]),
        carol.hears(carols, &[tones::SECRET]),
        bob.hears(his, &[tones::CUSTOMER]),
        customer.hears(theirs, &[tones::BOB_TOO]),
    ])
    .await;
    for (name, ear) in [("bob", bob.ear(his)), ("customer", customer.ear(theirs))] {
        no_trace_of(name, &ear.since(since), tones::SECRET);
        no_trace_of(name, &ear.since(since), tones::CAROL);
    }
    bob.says(his, tones::BOB);
    alice.phone.say(hers, Voice::Silence);
    by.leaves(&house, &alice, hers).await;
    judge(&[
        bob.hears(his, &[tones::CAROL, tones::CUSTOMER]),
        carol.hears(carols, &[tones::BOB, tones::CUSTOMER]),
        customer.hears(theirs, &[tones::BOB, tones::CAROL]),
    ])
    .await;
    for (person, line) in [(&bob, his), (&carol, carols), (&customer, theirs)] {
        person.hangs_up(line);
    }
    house.close().await;
}
