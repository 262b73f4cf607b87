//! Many calls, and what no sender in its right mind would send: nothing is left, nothing breaks, live calls go on.

use std::time::{Duration, Instant};

use bytes::Bytes;
use conference::LegId;
use rsip::SipMessage;

use super::net::{Net, SERVER, phone_net, talking};
use crate::chance::Chance;
use crate::codec::{parse, write};
use crate::flow::Flow;
use crate::settings::Protocol;
use crate::{News, ReferId, ReferTo, Wish};

const PHONE: usize = 1;
const TRUNK: usize = 2;

#[test]
fn a_thousand_calls_leave_nothing_and_cost_little() {
    let mut net = Net::new(70, Protocol::Udp, &["127.0.0.2", "127.0.0.9"]);
    net.keep_wire = false;
    net.stacks[SERVER].1.settings.directory.trunks[0].max_calls = 10_000;
    let begun = Instant::now();
    for call in 0..1000 {
        let there = net.dial(TRUNK, None, "+1555", call);
        let arrival = net.arrived(SERVER);
        net.wish(SERVER, Wish::Ringing { leg: arrival.leg });
        net.wish(SERVER, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
        net.wait(SERVER, |news| matches!(news, News::Acknowledged { .. }).then_some(()));
        net.wish(TRUNK, Wish::End { leg: there, status: None, reason: None });
        net.wait(SERVER, |news| matches!(news, News::Ended { .. }).then_some(()));
    }
    // both sides and the network on one core, in a debug build; on a machine that is busy with other tests; a quiet one does ten times as many
    let rate = 1000.0 / begun.elapsed().as_secs_f64();
    assert!(rate > 100.0, "{rate:.0} calls a second");
    net.nothing_is_left();
}

/// Messages of a whole call as they were on the wire.
fn corpus() -> Vec<Vec<u8>> {
    let mut net = phone_net(71, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0") });
    let number = net.offered(SERVER);
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0") });
    net.wish(PHONE, Wish::Digit { leg: there, digit: '5', duration_ms: 100 });
    net.wish(PHONE, Wish::Probe { leg: there });
    let to = "sip:102@baton.local?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&X-Role=admin".to_owned();
    net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address(to) });
    let refer = net.wait(SERVER, |news| match news {
        News::Referred { refer, .. } => Some(*refer),
        _ => None,
    });
    net.wish(SERVER, Wish::AcceptRefer { refer });
    net.pass(Duration::from_secs(1));
    net.wish(PHONE, Wish::End { leg: there, status: None, reason: None });
    net.pass(Duration::from_secs(1));
    net.wire.iter().map(|(_, _, message)| write(message).to_vec()).collect()
}

pub(super) fn mutated(chance: &mut Chance, corpus: &[Vec<u8>]) -> Vec<u8> {
    let pick = |chance: &mut Chance, most: usize| usize::try_from(chance.number() % most as u64).unwrap();
    let mut bytes = corpus[pick(chance, corpus.len())].clone();
    for _ in 0..1 + pick(chance, 4) {
        let at = pick(chance, bytes.len().max(1));
        match chance.number() % 5 {
            0 => bytes[at] = u8::try_from(chance.number() % 256).unwrap(),
            1 => drop(bytes.remove(at)),
            2 => bytes.truncate(at.max(20)),
            3 => bytes.insert(at, b';'),
            _ => {
                let other = &corpus[pick(chance, corpus.len())];
                let from = pick(chance, other.len());
                let piece = other[from..(from + 30).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

#[test]
fn mutations_of_every_message_break_nothing_and_a_live_call_goes_on() {
    let corpus = corpus();
    let mut chance = Chance::new([7; 32]);
    let mut net = Net::new(72, Protocol::Udp, &["127.0.0.2", "127.0.0.9"]);
    net.keep_wire = false;
    net.register(PHONE, "alice");
    let (here, there) = talking(&mut net, 7);
    let server = net.stacks[SERVER].0;
    let sources = ["127.0.0.2:5060", "127.0.0.9:5060", "127.0.0.66:999"];
    for round in 0..30_000_usize {
        let bytes = mutated(&mut chance, &corpus);
        let peer = sources[round % sources.len()].parse().unwrap();
        let message = parse(&bytes);
        if let Ok(SipMessage::Request(request)) = &message {
            assert!(parse(&write(&SipMessage::Request(request.clone()))).is_ok());
        }
        let now = net.now;
        net.stacks[SERVER].1.receive(now, Flow { protocol: Protocol::Udp, local: server, peer }, message);
        net.collect(SERVER);
        if round % 100 == 0 {
            net.pass(Duration::from_millis(200));
        }
    }
    for news in net.told(SERVER) {
        match news {
            News::Arrived(arrival) => net.wish(SERVER, Wish::Reject { leg: arrival.leg, status: 404, reason: None }),
            News::Ended { leg, .. } => assert_ne!(leg, here, "the live call goes on"),
            _ => {}
        }
    }
    net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0") });
    let number = net.offered(SERVER);
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0") });
    net.wait(PHONE, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
    net.wish(PHONE, Wish::End { leg: there, status: None, reason: None });
    net.nothing_is_left();
}

#[test]
fn wishes_about_legs_that_are_not_there_do_nothing() {
    let mut net = phone_net(73, Protocol::Udp);
    let leg = LegId::arrived(999);
    let body = Bytes::from_static(b"v=0");
    let number = 1;
    for wish in [
        Wish::Ringing { leg },
        Wish::Answer { leg, body: body.clone() },
        Wish::AnswerByAck { leg, body: body.clone() },
        Wish::Reject { leg, status: 486, reason: None },
        Wish::AnswerOffer { leg, number, body: body.clone() },
        Wish::RefuseOffer { leg, number, status: 488 },
        Wish::Offer { leg, body },
        Wish::End { leg, status: None, reason: None },
        Wish::Digit { leg, digit: '1', duration_ms: 100 },
        Wish::Probe { leg },
        Wish::Refer { leg, to: ReferTo::Leg(leg) },
        Wish::AcceptRefer { refer: ReferId(7) },
        Wish::RefuseRefer { refer: ReferId(7), status: 403, reason: None },
        Wish::Notify { refer: ReferId(7), status: 200, last: true },
    ] {
        net.wish(SERVER, wish);
    }
    assert!(net.told(SERVER).is_empty());
    net.nothing_is_left();
}
