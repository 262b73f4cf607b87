//! Whole calls: registered, made, answered, held, ended, over good networks and bad ones.

use std::time::Duration;

use bytes::Bytes;
use conference::{Caller, Ending};

use super::net::{Net, SERVER, Weather};
use crate::settings::Protocol;
use crate::{News, Wish};

const PHONE: usize = 1;
const TRUNK: usize = 2;

fn storm(percent: u64) -> Weather {
    Weather { loss: percent, double: percent, jitter: Duration::from_millis(40) }
}

fn ended(news: &News) -> Option<Ending> {
    match news {
        News::Ended { how, .. } => Some(*how),
        _ => None,
    }
}

/// A registered phone calls the server, which answers; offers both ways; the phone hangs up.
fn a_call_in(net: &mut Net) {
    net.register(PHONE, "alice");
    let rung = net.dial(PHONE, Some("alice"), "101", 1);
    let arrival = net.arrived(SERVER);
    assert!(matches!(&arrival.caller, Caller::Agent { name, .. } if name.0 == "alice"));
    assert_eq!((arrival.dialled.as_str(), arrival.ours), ("101", true));
    assert_eq!(arrival.offer.as_deref(), Some(&b"v=0 offer"[..]));
    let leg = arrival.leg;
    net.wish(SERVER, Wish::Ringing { leg });
    net.wish(SERVER, Wish::Answer { leg, body: Bytes::from_static(b"v=0 answer") });
    let body = net.wait(PHONE, |news| match news {
        News::Answered { body, .. } => Some(body.clone()),
        _ => None,
    });
    assert_eq!(&body[..], b"v=0 answer");
    net.wait(SERVER, |news| matches!(news, News::Acknowledged { answer: None, .. }).then_some(()));
    // hold by the phone, then an offer of ours
    net.wish(PHONE, Wish::Offer { leg: rung, body: Bytes::from_static(b"v=0 hold") });
    let number = net.offered(SERVER);
    net.wish(SERVER, Wish::AnswerOffer { leg, number, body: Bytes::from_static(b"v=0 held") });
    net.wait(PHONE, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
    net.wish(SERVER, Wish::Offer { leg, body: Bytes::from_static(b"v=0 again") });
    let number = net.offered(PHONE);
    net.wish(PHONE, Wish::AnswerOffer { leg: rung, number, body: Bytes::from_static(b"v=0 fine") });
    net.wait(SERVER, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
    net.wish(PHONE, Wish::Digit { leg: rung, digit: '7', duration_ms: 120 });
    net.wait(SERVER, |news| matches!(news, News::Digit { digit: '7', duration_ms: 120, .. }).then_some(()));
    net.wish(SERVER, Wish::Probe { leg });
    assert!(net.wait(SERVER, |news| match news {
        News::Probed { alive, .. } => Some(*alive),
        _ => None,
    }));
    net.wish(PHONE, Wish::End { leg: rung, status: None, reason: None });
    assert_eq!(net.wait(SERVER, ended), Ending::Bye);
    net.nothing_is_left();
}

#[test]
fn a_registered_phone_calls_and_talks_and_hangs_up() {
    a_call_in(&mut Net::new(1, Protocol::Udp, &["127.0.0.2", "127.0.0.9"]));
    a_call_in(&mut Net::new(1, Protocol::Tcp, &["127.0.0.2", "127.0.0.9"]));
}

#[test]
fn a_call_survives_loss_doubling_and_reordering() {
    for seed in 0..60 {
        let mut net = Net::new(seed, Protocol::Udp, &["127.0.0.2", "127.0.0.9"]);
        net.weather = storm(10 + 5 * (seed % 5));
        a_call_in(&mut net);
    }
}

#[test]
fn a_customer_of_a_trunk_is_let_in_without_credentials() {
    let mut net = Net::new(2, Protocol::Udp, &["127.0.0.2", "127.0.0.9"]);
    let rung = net.dial(TRUNK, None, "+15551234", 1);
    let arrival = net.arrived(SERVER);
    assert_eq!(arrival.caller, Caller::Customer { trunk: "pstn".into(), number: "+4930111".into() });
    assert_eq!(arrival.display, "Ann");
    net.wish(SERVER, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0 answer") });
    net.wait(TRUNK, |news| matches!(news, News::Answered { .. }).then_some(()));
    net.wish(SERVER, Wish::End { leg: arrival.leg, status: None, reason: Some("over".into()) });
    assert_eq!(net.wait(TRUNK, ended), Ending::Bye);
    let _ = rung;
    net.nothing_is_left();
}
