//! Real phones, of three kinds, against the daemon as operators run it: register, call, be called, answer, hold,
//! resume, hang up, each judged by what the ears recorded. Their transfers and their NATs lie beside this file.
//!
//! A phone that is not installed fails its scenarios.

#[path = "real_phones/behind_nat.rs"]
mod behind_nat;
#[path = "real_phones/manners.rs"]
mod manners;
#[path = "../phones/mod.rs"]
#[allow(dead_code, reason = "SIPp's scenarios use the rest")]
mod phones;
#[path = "real_phones/transfers.rs"]
mod transfers;

use std::thread::sleep;
use std::time::Duration;

use phones::Kind::{Baresip, Linphone, Pjsua};
use phones::ear::{Heard, Recording};
use phones::house::House;
use phones::manner::{Encryption, Manner};
use phones::{Kind, Phone};

/// Pitches between the notes of any scale at 440 Hz, so that hold music cannot be taken for a person.
const ALICE: f64 = 1013.0;
const BOB: f64 = 1687.0;
const BOTH: &[f64] = &[ALICE, BOB];

/// How long people talk, or hold, before the next step. Real phones play in real time; what must be heard in it is
/// a good half, because phones differ in how long they take to open their sound.
const WHILE: Duration = Duration::from_millis(2500);
const WELL_HEARD: f64 = 1.25;

#[test]
fn baresip_hears_its_own_voice_in_the_echo() {
    hears_its_own_voice_in_the_echo(Baresip);
}

#[test]
fn linphone_hears_its_own_voice_in_the_echo() {
    hears_its_own_voice_in_the_echo(Linphone);
}

#[test]
fn pjsua_hears_its_own_voice_in_the_echo() {
    hears_its_own_voice_in_the_echo(Pjsua);
}

#[test]
fn baresip_calls_linphone_holds_resumes_and_hangs_up() {
    calls_holds_resumes_and_hangs_up(Baresip, Linphone);
}

#[test]
fn linphone_calls_pjsua_holds_resumes_and_hangs_up() {
    calls_holds_resumes_and_hangs_up(Linphone, Pjsua);
}

#[test]
fn pjsua_calls_baresip_holds_resumes_and_hangs_up() {
    calls_holds_resumes_and_hangs_up(Pjsua, Baresip);
}

#[test]
fn baresip_is_called_holds_resumes_and_hangs_up() {
    is_called_holds_resumes_and_hangs_up(Baresip, Pjsua);
}

#[test]
fn linphone_is_called_holds_resumes_and_hangs_up() {
    is_called_holds_resumes_and_hangs_up(Linphone, Baresip);
}

#[test]
fn pjsua_is_called_holds_resumes_and_hangs_up() {
    is_called_holds_resumes_and_hangs_up(Pjsua, Linphone);
}

#[test]
fn baresip_encrypts_its_sound_whoever_calls() {
    encrypts_its_sound_whoever_calls(Baresip, Pjsua);
}

#[test]
fn linphone_encrypts_its_sound_whoever_calls() {
    encrypts_its_sound_whoever_calls(Linphone, Baresip);
}

#[test]
fn pjsua_encrypts_its_sound_whoever_calls() {
    encrypts_its_sound_whoever_calls(Pjsua, Linphone);
}

/// A phone that takes nothing but encrypted sound, over UDP, and one that knows of none.
fn encrypts_its_sound_whoever_calls(alices: Kind, bobs: Kind) {
    for alice_calls in [true, false] {
        let name = format!("encrypts-{alices:?}-{}", if alice_calls { "calls" } else { "is-called" });
        let house = open_house(&name, &[alices, bobs]);
        let encrypts = Manner { encryption: Encryption::Sdes, ..Manner::default() };
        let mut alice = alices.start(house.person_who("alice", ALICE, encrypts));
        let mut bob = bobs.start(house.person("bob", BOB));
        if alice_calls {
            connect(&mut *alice, &mut *bob, "sip:bob@baton.local");
        } else {
            connect(&mut *bob, &mut *alice, "sip:101@baton.local");
        }
        talk_and_judge(house, alices, alice, bob);
    }
}

fn hears_its_own_voice_in_the_echo(kind: Kind) {
    let house = open_house(&format!("echo-{kind:?}"), &[kind]);
    let mut alice = kind.start(house.person("alice", ALICE));
    alice.call("sip:*43@baton.local");
    sleep(WHILE);
    alice.hang_up();
    let heard = alice.switch_off();
    assert!(heard.seconds_of(ALICE) > WELL_HEARD, "the echo came back for {} s", heard.seconds_of(ALICE));
    house.close();
}

fn calls_holds_resumes_and_hangs_up(alices: Kind, bobs: Kind) {
    let house = open_house(&format!("calls-{alices:?}-{bobs:?}"), &[alices, bobs]);
    let (mut alice, mut bob) = (alices.start(house.person("alice", ALICE)), bobs.start(house.person("bob", BOB)));
    connect(&mut *alice, &mut *bob, "sip:bob@baton.local");
    talk_and_judge(house, alices, alice, bob);
}

fn is_called_holds_resumes_and_hangs_up(alices: Kind, bobs: Kind) {
    let house = open_house(&format!("is-called-{alices:?}-{bobs:?}"), &[alices, bobs]);
    let (mut alice, mut bob) = (alices.start(house.person("alice", ALICE)), bobs.start(house.person("bob", BOB)));
    connect(&mut *bob, &mut *alice, "sip:101@baton.local");
    talk_and_judge(house, alices, alice, bob);
}

/// Alice and Bob are connected: she holds him, resumes and hangs up.
fn talk_and_judge(house: House, alices: Kind, mut alice: Box<dyn Phone>, mut bob: Box<dyn Phone>) {
    talk_hold_and_resume(&mut *alice);
    alice.hang_up();
    bob.wait_until_ended();
    judge(alices, &alice.switch_off(), &bob.switch_off());
    house.close();
}

fn open_house(name: &str, kinds: &[Kind]) -> House {
    House::open(&format!("real-phones-{}", name.to_lowercase()), digests(kinds))
}

/// baresip 1.0 gives up when it is offered SHA-256, so its houses offer MD5 alone.
fn digests(kinds: &[Kind]) -> &'static [&'static str] {
    if kinds.iter().all(|kind| kind.knows_sha256()) { &["SHA-256", "MD5"] } else { &["MD5"] }
}

fn connect(caller: &mut dyn Phone, callee: &mut dyn Phone, address: &str) {
    std::thread::scope(|scope| {
        let answering = scope.spawn(|| callee.answer());
        caller.call(address);
        if let Err(panic) = answering.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn talk_hold_and_resume(holder: &mut dyn Phone) {
    sleep(WHILE);
    holder.hold();
    sleep(WHILE);
    holder.resume();
    sleep(WHILE);
}

/// Alice held Bob: Bob hears Alice, music, Alice; Alice hears Bob; nobody hears themselves.
fn judge(holder: Kind, alice: &Recording, bob: &Recording) {
    let said = Heard::Tone(ALICE);
    assert_eq!(bob.story(BOTH), [said, Heard::Music, said], "what Bob heard in order");
    assert!(bob.seconds_of(ALICE) > 2.0 * WELL_HEARD, "Bob heard Alice for {} s", bob.seconds_of(ALICE));
    assert!(bob.seconds_of_music(BOTH) > WELL_HEARD, "Bob heard music for {} s", bob.seconds_of_music(BOTH));
    // baresip 1.0 stops recording when it holds: only what it heard before can be judged.
    let stretches = if holder == Baresip { 1.0 } else { 2.0 };
    assert!(alice.seconds_of(BOB) > stretches * WELL_HEARD, "Alice heard Bob for {} s", alice.seconds_of(BOB));
    assert_eq!(alice.story(BOTH), [Heard::Tone(BOB)], "the holder hears no music, and nobody but Bob");
    for (own, others, heard) in [(ALICE, [BOB], alice), (BOB, [ALICE], bob)] {
        assert_eq!(heard.seconds_of_own(own, &others), 0.0, "seconds of one's own {own} Hz");
    }
}
