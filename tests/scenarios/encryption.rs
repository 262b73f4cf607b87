//! Encrypted sound on the wire: phones that must have it, phones that can and phones that cannot meet in calls and warm transfers, a
//! tone at every ear. A phone of these scenarios that must encrypt takes no plain packet: what it hears was encrypted.

use std::time::Duration;

use baton_tests::hearing::{Talk, they_talk, until_heard};
use baton_tests::house::{ALICES_NUMBER, House, Setup, tones};
use baton_tests::one_line::{JITTER, OneLine};
use baton_tests::people::{Person, connect};
use baton_tests::raw::{RawAgent, response};
use media_mixer::sdp::{Codec, Encryption, SrtpTerms};
use media_mixer::srtp::Suite;
use softphone::{Hold, LineState};

/// The longest that anybody may be waited for after a change.
const PATIENCE: Duration = Duration::from_secs(4);

const PCMU: &[Codec] = &[Codec::Pcmu];

fn must(suite: Suite) -> SrtpTerms {
    SrtpTerms { suites: vec![suite], ..SrtpTerms::new(Encryption::Required) }
}

/// A phone that knows of no encryption.
fn plain() -> SrtpTerms {
    SrtpTerms::default()
}

async fn cast(house: &House, alice: SrtpTerms, bob: SrtpTerms, customer: SrtpTerms) -> (Person, Person, Person) {
    cast_in(house, [PCMU; 3], [alice, bob, customer]).await
}

async fn cast_in(
    house: &House,
    codecs: [&'static [Codec]; 3],
    [alice, bob, customer]: [SrtpTerms; 3],
) -> (Person, Person, Person) {
    (
        house.agent_encrypting("alice", tones::ALICE, codecs[0], alice).await,
        house.agent_encrypting("bob", tones::BOB, codecs[1], bob).await,
        house.outside_encrypting("customer", tones::CUSTOMER, codecs[2], customer).await,
    )
}

/// A consult that is frozen and thawed, a merge, and Alice leaves the other two: nothing private is heard by whom it is not for.
async fn hands_over(alice: SrtpTerms, bob: SrtpTerms, customer: SrtpTerms) {
    let house = House::open().await;
    let people = cast(&house, alice, bob, customer).await;
    let stage = OneLine::of(house, people).await;
    let his = stage.consults().await;
    stage.ends_privacy(his);
    stage.keys("*3");
    stage.is_merged(his).await;
    stage.alice.hangs_up(stage.hers);
    stage.joined(his).await;
    stage.house.freeze_and_thaw(2).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_customer_is_handed_over_by_plain_phones() {
    for suite in Suite::ALL {
        hands_over(plain(), plain(), must(suite)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_customer_is_handed_over_by_encrypted_phones() {
    hands_over(must(Suite::Gcm128), must(Suite::Sha80), plain()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_encrypted_phones_of_three_suites_hand_over() {
    hands_over(must(Suite::Sha80), must(Suite::Gcm256), must(Suite::Gcm128)).await;
}

/// Encoders with a memory behind the ciphers: each codec at each place once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encrypted_phones_of_opus_and_g722_hand_over() {
    let (opus, g722): (&[Codec], &[Codec]) = (&[Codec::Opus], &[Codec::G722]);
    for codecs in [[opus, g722, PCMU], [g722, PCMU, opus], [PCMU, opus, g722]] {
        let house = House::open().await;
        let terms = [must(Suite::Gcm128), must(Suite::Sha80), must(Suite::Gcm256)];
        let people = cast_in(&house, codecs, terms).await;
        let stage = OneLine::of_opus(house, people).await;
        let his = stage.consults().await;
        stage.ends_privacy(his);
        stage.keys("*3");
        for (ear, hertz) in [
            (stage.customer.ear(stage.theirs), tones::BOB),
            (stage.customer.ear(stage.theirs), tones::ALICE),
            (stage.bob.ear(his), tones::CUSTOMER),
            (stage.alice.ear(stage.hers), tones::CUSTOMER),
        ] {
            assert!(until_heard(&ear, hertz, PATIENCE).await, "{hertz} Hz after the merge");
        }
        stage.kept_private(his);
        stage.alice.hangs_up(stage.hers);
        for (ear, hertz) in [(stage.customer.ear(stage.theirs), tones::BOB), (stage.bob.ear(his), tones::CUSTOMER)] {
            assert!(until_heard(&ear, hertz, PATIENCE).await, "{hertz} Hz after Alice has left");
        }
        stage.kept_private(his);
        stage.bob_closes(his).await;
    }
}

/// Law 3: what is under way from before the merge is in nobody's ear after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_spoken_before_a_merge_is_heard_through_encryption() {
    let house = House::open().await;
    let people = cast(&house, plain(), must(Suite::Gcm128), must(Suite::Sha80)).await;
    let stage = OneLine::of(house, people).await;
    let his = stage.consults().await;
    for (person, line) in [(&stage.alice, stage.hers), (&stage.bob, his), (&stage.customer, stage.theirs)] {
        person.phone.wire(line, JITTER);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.alice_is_quiet();
    stage.keys("*");
    tokio::time::sleep(Duration::from_millis(150)).await;
    stage.ends_privacy(his);
    stage.alice.phone.key_by_info(stage.hers, '3');
    stage.is_merged(his).await;
    stage.alice.hangs_up(stage.hers);
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// In every form of hold: the keys that a phone says again go on, and what it hears never stops to be for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_and_resumes_keep_the_keys() {
    let house = House::open().await;
    for (alices, customers) in [(must(Suite::Gcm128), must(Suite::Sha80)), (must(Suite::Sha80), plain())] {
        let alice = house.agent_encrypting("alice", tones::ALICE, PCMU, alices).await;
        let customer = house.outside_encrypting("customer", tones::CUSTOMER, PCMU, customers).await;
        let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
        for how in [Hold::SendOnly, Hold::Inactive, Hold::AddressZero] {
            they_talk((&customer, theirs), (&alice, hers)).await;
            alice.holds(hers, how).await;
            baton_tests::hearing::judge(&[customer.hears_music(theirs)]).await;
            house.freeze_and_thaw(2).await;
            alice.resumes(hers).await;
            they_talk((&customer, theirs), (&alice, hers)).await;
            customer.holds(theirs, how).await;
            customer.resumes(theirs).await;
        }
        they_talk((&customer, theirs), (&alice, hers)).await;
        customer.hangs_up(theirs);
        alice.is_let_go(hers).await;
        alice.phone.stop().await;
    }
    house.close().await;
}

/// A phone that can, and is asked by nobody to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_encryption_off_a_phone_that_can_is_plain_and_one_that_must_is_told_488() {
    let house = House::with(Setup { media: "srtp = \"off\"", ..Setup::USUAL }).await;
    let can = SrtpTerms::new(Encryption::Optional);
    let alice = house.agent_encrypting("alice", tones::ALICE, PCMU, plain()).await;
    let customer = house.outside_encrypting("customer", tones::CUSTOMER, PCMU, can).await;
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    let mut talk = Talk::of((&customer, theirs), (&alice, hers)).await;
    talk.goes_on().await;
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    let stubborn = house.outside_encrypting("customer", tones::CUSTOMER, PCMU, must(Suite::Gcm128)).await;
    let line = stubborn.calls(ALICES_NUMBER);
    assert_eq!(stubborn.is_let_go(line).await, LineState::Failed(488));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_turns_the_open_form_down_is_rung_once_more_with_encryption_alone() {
    let house = House::open().await;
    let mut phone = RawAgent::register("alice", house.udp).await;
    let customer = house.customer().await;
    let line = customer.calls(ALICES_NUMBER);
    for profile in [" RTP/AVP ", " RTP/SAVP "] {
        let ringing = phone.is_rung().await;
        let offer = &ringing.invite.body;
        assert!(offer.contains(profile) && offer.matches("a=crypto:").count() == 3, "{offer}");
        phone.peer.send(response(&ringing.invite, 488, &ringing.tag, "", "")).await;
        phone.peer.next_request("ACK").await;
    }
    assert!(matches!(customer.is_let_go(line).await, LineState::Failed(_)));
    assert!(
        phone.peer.next_that(Duration::from_millis(500), |message| message.method() == Some("INVITE")).await.is_none()
    );
    house.close().await;
}

/// One trunk must, and nobody else; a reload asks nothing of it any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_has_a_setting_of_its_own_which_a_reload_changes() {
    let strict = Setup { media: "srtp = \"off\"", trunk: "srtp = \"required\"", ..Setup::USUAL };
    let house = House::with(strict).await;
    let alice = house.agent_encrypting("alice", tones::ALICE, PCMU, plain()).await;
    let open = house.outside_encrypting("customer", tones::CUSTOMER, PCMU, plain()).await;
    let line = open.calls(ALICES_NUMBER);
    assert_eq!(open.is_let_go(line).await, LineState::Failed(488));
    let customer = house.outside_encrypting("customer", tones::CUSTOMER, PCMU, must(Suite::Gcm256)).await;
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    they_talk((&customer, theirs), (&alice, hers)).await;
    // and calls that go out by it
    let carrier = house.at_the_carrier().await;
    let out = alice.calls("+15557777");
    let rung = carrier.is_rung().await;
    assert!(carrier.phone.answer(rung).is_err() || !carrier.is_busy(), "it is offered encryption alone");
    alice.hangs_up(out);
    carrier.phone.stop().await;
    house.running.reload(house.settings(&Setup { media: "srtp = \"off\"", ..Setup::USUAL })).await;
    they_talk((&customer, theirs), (&alice, hers)).await;
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    let (theirs, hers) = connect(&open, ALICES_NUMBER, &alice).await;
    they_talk((&open, theirs), (&alice, hers)).await;
    open.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}
