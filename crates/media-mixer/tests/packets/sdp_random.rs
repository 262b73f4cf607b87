//! Random offers: whatever we answer is a legal answer, and no damage makes us panic or forget ourselves.

use proptest::prelude::*;

use crate::legal::{assert_legal, fixture};
use crate::offers::session;
use crate::seed::Dice;

const FIXTURES: [&str; 21] = [
    "linphone",
    "pjsua",
    "baresip",
    "yealink",
    "zoiper",
    "sipp",
    "twinkle",
    "trunk",
    "untidy",
    "many-lines",
    "refused-browser",
    "refused-events-only",
    "hold-sendonly",
    "hold-inactive",
    "hold-session-level",
    "hold-zero",
    "hold-zero-on-the-line",
    "hold-zero-inactive",
    "hold-port-zero",
    "hold-no-line-end",
    "listener",
];
const MUTATIONS: usize = 100_000;

#[test]
fn a_hundred_thousand_damaged_offers_neither_panic_nor_confuse() {
    let offers: Vec<Vec<u8>> = FIXTURES.iter().map(|name| fixture(name)).collect();
    let mut dice = Dice::roll();
    let mut answered = 0;
    for _ in 0..MUTATIONS {
        let offer = dice.pick(&offers);
        let offer = dice.damage(offer);
        let mut leg = session();
        let read = leg.read(&offer);
        match leg.answer(&offer) {
            Ok((answer, agreement)) => {
                answered += 1;
                assert_eq!(read.map(|reading| reading.direction), Ok(agreement.direction));
                assert_legal(&offer, &answer);
                // a confused session would not survive its own words
                assert!(session().read(&leg.offer()).is_ok());
            }
            Err(error) => {
                assert_eq!(read, Err(error));
                assert_eq!(leg, session(), "a refused offer changes nothing");
            }
        }
        leg.offer();
        let _ = leg.accept(&offer);
    }
    assert!(answered > MUTATIONS / 20, "only {answered} were understood");
}

#[test]
fn random_bytes_are_refused() {
    let mut dice = Dice::roll();
    for _ in 0..10_000 {
        let length = dice.below(600);
        let bytes: Vec<u8> = (0..length).map(|_| dice.next() as u8).collect();
        assert!(session().answer(&bytes).is_err());
    }
}

fn media_line() -> impl Strategy<Value = String> {
    let media = prop_oneof![4 => Just("audio"), 1 => Just("video"), 1 => Just("image"), 1 => Just("x")];
    let proto = prop_oneof![
        5 => Just("RTP/AVP"),
        1 => Just("RTP/AVPF"),
        1 => Just("RTP/SAVP"),
        1 => Just("udptl"),
    ];
    let port = prop_oneof![6 => 1_u16.., 1 => Just(0)];
    let number = prop_oneof![3 => Just(0_u8), 3 => Just(8), 1 => 0_u8..=127, 2 => 96_u8..=127];
    let numbers = prop::collection::vec(number, 1..6);
    let address = prop_oneof![
        4 => Just(""),
        2 => Just("c=IN IP4 192.0.2.7\n"),
        1 => Just("c=IN IP4 0.0.0.0\r\n"),
        1 => Just("c=IN IP6 2001:db8::1\r\n"),
    ];
    let encoding = prop_oneof![
        Just("PCMU/8000"),
        Just("pcma/8000/1"),
        Just("telephone-event/8000"),
        Just("opus/48000/2"),
        Just("G722/8000"),
        Just("PCMU/16000"),
        Just("rubbish"),
    ];
    let maps = prop::collection::vec((96_u8..=127, encoding), 0..6);
    let extra = prop::collection::vec(attribute(), 0..4);
    (media, port, proto, numbers, address, maps, extra).prop_map(
        |(media, port, proto, numbers, address, maps, extra)| {
            let numbers: Vec<String> = numbers.iter().map(u8::to_string).collect();
            let maps: String =
                maps.iter().map(|(number, encoding)| format!("a=rtpmap:{number} {encoding}\r\n")).collect();
            let extra = extra.concat();
            format!("m={media} {port} {proto} {}\r\n{address}{maps}{extra}", numbers.join(" "))
        },
    )
}

fn attribute() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a=sendrecv\r\n".to_owned()),
        Just("a=sendonly\n".to_owned()),
        Just("a=recvonly\r\n".to_owned()),
        Just("a=inactive\r\n".to_owned()),
        Just("a=rtcp-mux\r\n".to_owned()),
        any::<u16>().prop_map(|port| format!("a=rtcp:{port}\r\n")),
        any::<u8>().prop_map(|ms| format!("a=ptime:{ms}\r\n")),
        any::<u8>().prop_map(|ms| format!("a=maxptime:{ms}\r\n")),
        "[ -~]{0,30}".prop_map(|text| format!("a={text}\r\n")),
        "[ -~]{0,30}".prop_map(|text| format!("i={text}\r\n")),
    ]
}

fn offer() -> impl Strategy<Value = String> {
    let head = prop_oneof![
        Just("v=0\r\no=a b 1 2 IN IP4 192.0.2.1\r\ns=\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"),
        Just("v=0\nc=IN IP4 192.0.2.1\n"),
        Just("v=0\r\nc=IN IP4 0.0.0.0\r\n"),
    ];
    let session_way = prop_oneof![4 => Just(""), 1 => Just("a=sendonly\r\n"), 1 => Just("a=inactive\r\n")];
    let lines = prop::collection::vec(media_line(), 1..5);
    (head, session_way, lines).prop_map(|(head, way, lines)| format!("{head}{way}{}", lines.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn the_answer_is_always_a_legal_answer_to_the_offer(first in offer(), second in offer()) {
        let mut leg = session();
        for offer in [&first, &second, &first] {
            if let Ok((answer, agreement)) = leg.answer(offer.as_bytes()) {
                assert_legal(offer.as_bytes(), &answer);
                prop_assert!(agreement.ptime_ms.is_multiple_of(10));
                prop_assert!((10..=60).contains(&agreement.ptime_ms));
                let again = leg.answer(offer.as_bytes());
                prop_assert_eq!(again, Ok((answer, agreement)), "an identical offer, an identical answer");
            }
        }
    }
}
