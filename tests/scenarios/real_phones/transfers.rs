//! Warm and cold transfers by the phones' own buttons, judged by what every ear recorded.
//!
//! The customer comes by the trunk, Alice's phone is the initiator, Bob the target. Everybody says one tone all the time,
//! so that whoever could hear somebody did. What goes over the wire is not looked at: that is for SIPp and the raw peers.

use std::thread::sleep;
use std::time::Duration;

use crate::phones::Kind::{self, Baresip, Linphone, Pjsua};
use crate::phones::Phone;
use crate::phones::ear::{Heard, Recording};
use crate::phones::house::House;
use crate::{ALICE, BOB, WELL_HEARD, WHILE, connect, digests, open_house};

const CAROL: f64 = 2283.0;
pub(crate) const CUSTOMER: f64 = 2715.0;
const EVERYBODY: &[f64] = &[ALICE, BOB, CAROL, CUSTOMER];

/// Part of any sound that may lie at the pitch of somebody who must not be heard: what hold music itself has there. A
/// voice of full strength beside the music is more than ten times that.
const NO_TRACE: f64 = 0.03;

/// How long a target rings in a transfer without a consult.
const RINGING: Duration = Duration::from_millis(1500);

#[test]
fn linphone_hands_its_customer_over_after_a_consult() {
    hands_over_after_a_consult(Linphone, Baresip, Pjsua);
}

#[test]
fn pjsua_hands_its_customer_over_after_a_consult() {
    hands_over_after_a_consult(Pjsua, Linphone, Baresip);
}

#[test]
fn linphone_hands_its_customer_over_without_a_consult() {
    hands_over_without_a_consult(Linphone, Pjsua, Linphone);
}

#[test]
fn pjsua_hands_its_customer_over_without_a_consult() {
    hands_over_without_a_consult(Pjsua, Baresip, Linphone);
}

#[test]
fn baresip_hands_its_customer_over_without_a_consult() {
    hands_over_without_a_consult(Baresip, Linphone, Pjsua);
}

#[test]
fn a_hand_over_after_a_consult_survives_a_freeze_in_its_middle_and_one_after_it() {
    let house = House::open_inside("real-phones-frozen", digests(&[Linphone, Pjsua]));
    let mut cast = Cast::start(&house, Linphone, Pjsua, Pjsua);
    cast.talk_hold_and_consult(&house);
    house.freeze_and_thaw(4);
    sleep(WHILE);
    cast.alice_completes();
    // they talk before the freeze: a voice that begins and is frozen at once would be a scrap that no judge can place
    sleep(WHILE);
    house.freeze_and_thaw(2);
    sleep(WHILE);
    cast.end().judge();
    house.close();
}

#[test]
fn whoever_got_the_customer_hands_him_on_to_a_third() {
    let house = open_house("onward", &[Pjsua, Linphone, Baresip]);
    let mut cast = Cast::start(&house, Pjsua, Linphone, Pjsua);
    let mut carol = Baresip.start(house.person("carol", CAROL));
    cast.talk_hold_and_consult(&house);
    cast.alice_completes();
    sleep(WHILE);
    cast.bob.hold();
    sleep(WHILE);
    connect(&mut *cast.bob, &mut *carol, "sip:carol@baton.local");
    sleep(WHILE);
    cast.bob.transfer_attended();
    cast.bob.wait_until_ended();
    cast.bob.wait_until_ended();
    sleep(WHILE);
    carol.hang_up();
    cast.customer.wait_until_ended();
    let carol = carol.switch_off();
    let ears = cast.switch_off();
    let [alices, bobs, carols, customers] = [ALICE, BOB, CAROL, CUSTOMER].map(Heard::Tone);
    assert_eq!(ears.alice.story(EVERYBODY), [customers, bobs], "what Alice heard in order");
    assert_eq!(ears.bob.story(EVERYBODY), [alices, customers, carols], "what Bob heard in order");
    assert_eq!(carol.story(EVERYBODY), [bobs, customers], "what Carol heard in order");
    let music = Heard::Music;
    assert_eq!(
        ears.customer.story(EVERYBODY),
        [alices, music, bobs, music, carols],
        "what the customer heard in order"
    );
    no_trace("the customer", &ears.customer, &[BOB, CAROL]);
    no_trace("Bob", &ears.bob, &[CUSTOMER, CAROL]);
    no_trace("Carol", &carol, &[CUSTOMER]);
    house.close();
}

fn hands_over_after_a_consult(alices: Kind, bobs: Kind, customers: Kind) {
    let house = open_house(&format!("consult-{alices:?}-{bobs:?}"), &[alices, bobs, customers]);
    Cast::start(&house, alices, bobs, customers).hands_over_after_a_consult(&house);
    house.close();
}

fn hands_over_without_a_consult(alices: Kind, bobs: Kind, customers: Kind) {
    let house = open_house(&format!("blind-{alices:?}-{bobs:?}"), &[alices, bobs, customers]);
    Cast::start(&house, alices, bobs, customers).hands_over_without_a_consult(&house);
    house.close();
}

/// The three of a transfer.
pub(crate) struct Cast {
    pub(crate) alice: Box<dyn Phone>,
    pub(crate) bob: Box<dyn Phone>,
    pub(crate) customer: Box<dyn Phone>,
}

impl Cast {
    fn start(house: &House, alices: Kind, bobs: Kind, customers: Kind) -> Cast {
        Cast {
            alice: alices.start(house.person("alice", ALICE)),
            bob: bobs.start(house.person("bob", BOB)),
            customer: customers.start(house.customer(CUSTOMER)),
        }
    }

    /// A whole warm transfer, judged by all three ears.
    pub(crate) fn hands_over_after_a_consult(mut self, house: &House) {
        self.talk_hold_and_consult(house);
        self.alice_completes();
        sleep(WHILE);
        self.end().judge();
    }

    /// A whole transfer without a consult, likewise.
    pub(crate) fn hands_over_without_a_consult(mut self, house: &House) {
        connect(&mut *self.customer, &mut *self.alice, &house.alices_number());
        sleep(WHILE);
        let (alice, bob) = (&mut self.alice, &mut self.bob);
        std::thread::scope(|scope| {
            let answering = scope.spawn(|| {
                sleep(RINGING);
                bob.answer();
            });
            alice.transfer_blind("sip:102@baton.local");
            if let Err(panic) = answering.join() {
                std::panic::resume_unwind(panic);
            }
        });
        sleep(WHILE);
        let ears = self.end();
        ears.judge_customer();
        no_trace("Bob", &ears.bob, &[CUSTOMER]);
        assert_eq!(ears.bob.story(EVERYBODY).last(), Some(&Heard::Tone(CUSTOMER)), "whom Bob heard in the end");
        assert!(
            ears.bob.seconds_of(CUSTOMER) > WELL_HEARD,
            "Bob heard the customer for {} s",
            ears.bob.seconds_of(CUSTOMER)
        );
        let heard_first = ears.alice.story(EVERYBODY).first().copied();
        assert_eq!(heard_first, Some(Heard::Tone(CUSTOMER)), "whom Alice heard first");
    }

    /// Up to the consult: the customer waits, Alice and Bob have talked.
    pub(crate) fn talk_hold_and_consult(&mut self, house: &House) {
        connect(&mut *self.customer, &mut *self.alice, &house.alices_number());
        sleep(WHILE);
        self.alice.hold();
        sleep(WHILE);
        connect(&mut *self.alice, &mut *self.bob, "sip:bob@baton.local");
        sleep(WHILE);
    }

    /// Alice presses Transfer, was told that it has worked, and both her lines have ended.
    pub(crate) fn alice_completes(&mut self) {
        self.alice.transfer_attended();
        self.alice.wait_until_ended();
        self.alice.wait_until_ended();
    }

    /// Bob hangs up, and the customer is told.
    pub(crate) fn end(mut self) -> Ears {
        self.bob.hang_up();
        self.customer.wait_until_ended();
        self.switch_off()
    }

    fn switch_off(self) -> Ears {
        Ears { alice: self.alice.switch_off(), bob: self.bob.switch_off(), customer: self.customer.switch_off() }
    }
}

/// What the three recorded.
pub(crate) struct Ears {
    alice: Recording,
    bob: Recording,
    customer: Recording,
}

impl Ears {
    /// A warm transfer: customer and target never hear each other before its completion, and then they do.
    pub(crate) fn judge(&self) {
        self.judge_customer();
        let [alices, bobs, customers] = [ALICE, BOB, CUSTOMER].map(Heard::Tone);
        assert_eq!(self.alice.story(EVERYBODY), [customers, bobs], "what Alice heard in order");
        assert_eq!(self.bob.story(EVERYBODY), [alices, customers], "what Bob heard in order");
        no_trace("Bob", &self.bob, &[CUSTOMER]);
        no_trace("Alice", &self.alice, &[BOB]);
        let heard = [(&self.alice, CUSTOMER), (&self.alice, BOB), (&self.bob, ALICE), (&self.bob, CUSTOMER)];
        for (ear, pitch) in heard {
            assert!(ear.seconds_of(pitch) > WELL_HEARD, "{pitch} Hz was heard for {} s", ear.seconds_of(pitch));
        }
        for (own, others, ear) in [(ALICE, [CUSTOMER, BOB], &self.alice), (BOB, [ALICE, CUSTOMER], &self.bob)] {
            assert_eq!(ear.seconds_of_own(own, &others), 0.0, "seconds of one's own {own} Hz");
        }
    }

    /// The customer hears Alice, then music and nothing else, then Bob.
    fn judge_customer(&self) {
        let [alices, bobs] = [ALICE, BOB].map(Heard::Tone);
        let customer = &self.customer;
        assert_eq!(customer.story(EVERYBODY), [alices, Heard::Music, bobs], "what the customer heard in order");
        no_trace("the customer", customer, &[BOB]);
        for pitch in [ALICE, BOB] {
            let seconds = customer.seconds_of(pitch);
            assert!(seconds > WELL_HEARD, "the customer heard {pitch} Hz for {seconds} s");
        }
        assert_eq!(customer.seconds_of_own(CUSTOMER, &[ALICE, BOB]), 0.0, "seconds of the customer's own voice");
    }
}

/// Nobody is in what somebody hears before it is their turn.
fn no_trace(whose: &str, ear: &Recording, of: &[f64]) {
    for pitch in of {
        let trace = ear.largest_trace_before_it_is_heard(*pitch);
        assert!(trace < NO_TRACE, "{whose} heard {pitch} Hz before its time: {trace:.4} of a window");
    }
}
