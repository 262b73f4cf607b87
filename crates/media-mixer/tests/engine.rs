//! The engine on the virtual net: two people talk, hold, numbers on the wire, digits, stalls.
#![allow(clippy::unwrap_used)]

mod lab;

use conference::CallId;
use lab::*;
use media_mixer::codec::Codec;

const CALL: CallId = CallId(1);

#[test]
fn two_people_in_a_call_hear_each_other_and_not_themselves() {
    let mut house = House::new(&settings());
    let (a, b) = (house.phone(1, Codec::Pcmu), house.phone(2, Codec::L16));
    let mut applied = house.masks(CALL, vec![mask(a, 1), mask(b, 2)], vec![]);
    house.frames(20, &[(a, 1_000), (b, -3_000)]);
    assert_eq!(applied.try_recv().unwrap().version, 1);
    let (heard_a, heard_b) = (house.heard(a), house.heard(b));
    assert!(heard_a.iter().skip(1_600).all(|s| (-3_100..=-2_900).contains(s)), "{heard_a:?}");
    assert!(heard_b.iter().skip(1_600).all(|s| (950..=1_050).contains(s)), "{heard_b:?}");
}
