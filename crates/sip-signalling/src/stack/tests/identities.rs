//! Who the other side talks to: P-Asserted-Identity said once, at the right time, to the right people; and read by a phone.

use std::time::Duration;

use bytes::Bytes;
use conference::{Caller, Identity, LegId};
use rsip::Method;

use super::net::{Fate, Net, SERVER, phone_net, talking};
use super::races::{is_request, status_of};
use crate::codec::headers::addresses;
use crate::codec::one;
use crate::flow::Flow;
use crate::settings::Protocol;
use crate::{Callee, News, Wish};

const PHONE: usize = 1;

fn person(display: &str, user: &str) -> Identity {
    Identity { display: display.into(), user: user.into() }
}

fn identify(net: &mut Net, leg: LegId, display: &str, user: &str) {
    net.wish(SERVER, Wish::Identify { leg, peer: person(display, user) });
}

fn seen(news: &News) -> Option<Identity> {
    match news {
        News::Identified { peer, .. } => Some(peer.clone()),
        _ => None,
    }
}

#[test]
fn a_new_identity_is_told_at_once_and_never_twice() {
    let mut net = phone_net(120, Protocol::Udp);
    net.ring("alice", 7);
    let arrival = net.arrived(PHONE);
    assert_eq!(net.wait(PHONE, seen), person("Customer", "+4930111"), "by the INVITE");
    net.wish(PHONE, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
    let here = LegId::rung(7);
    identify(&mut net, here, "Customer", "+4930111");
    net.pass(Duration::from_secs(1));
    assert_eq!(net.count(SERVER, Method::Update), 0, "the INVITE said it");
    identify(&mut net, here, "Bob", "bob");
    assert_eq!(net.wait(PHONE, seen), person("Bob", "bob"));
    let update = net.sent(SERVER, Method::Update);
    assert_eq!(one(&update.headers, "P-Asserted-Identity"), Some("Bob <sip:bob@baton.local>"));
    assert!(update.body.is_empty());
    identify(&mut net, here, "Bob", "bob");
    net.pass(Duration::from_secs(700));
    assert_eq!(net.count(SERVER, Method::Update), 1);
    // every later message says it, and a phone tells only what is new
    net.wish(SERVER, Wish::Digit { leg: here, digit: '1', duration_ms: 100 });
    let info = net.sent(SERVER, Method::Info);
    assert!(one(&info.headers, "P-Asserted-Identity").is_some());
    assert!(net.told(PHONE).iter().all(|news| seen(news).is_none()));
    identify(&mut net, here, "Carol", "carol");
    assert_eq!(net.wait(PHONE, seen), person("Carol", "carol"));
    net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
    net.nothing_is_left();
}

#[test]
fn a_phone_without_update_is_told_by_a_re_invite() {
    let mut net = phone_net(121, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    net.stacks[SERVER].1.session_mut(here).unwrap().dialog.takes_no_update();
    identify(&mut net, here, "Bob", "bob");
    net.wait(SERVER, |news| matches!(news, News::OfferWanted { .. }).then_some(()));
    net.wish(SERVER, Wish::Refresh { leg: here, body: Bytes::from_static(b"v=0 same") });
    assert_eq!(net.wait(PHONE, seen), person("Bob", "bob"));
    let number = net.offered(PHONE);
    net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0 same") });
    net.wait(SERVER, |news| matches!(news, News::OfferAnswered { wanted: true, .. }).then_some(()));
    identify(&mut net, here, "Bob", "bob");
    net.pass(Duration::from_secs(5));
    assert!(net.told(SERVER).is_empty());
}

#[test]
fn while_an_offer_is_under_way_it_waits() {
    let mut net = phone_net(122, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 hold") });
    let number = net.offered(SERVER);
    identify(&mut net, here, "Bob", "bob");
    net.pass(Duration::from_secs(1));
    assert_eq!(net.count(SERVER, Method::Update), 0);
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0 held") });
    assert_eq!(net.wait(PHONE, seen), person("Bob", "bob"));
    net.pass(Duration::from_secs(1));
    // ours, in the same way; what it says is said once
    net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 ours") });
    identify(&mut net, here, "Carol", "carol");
    let number = net.offered(PHONE);
    let before = net.count(SERVER, Method::Update);
    net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0") });
    assert_eq!(net.wait(PHONE, seen), person("Carol", "carol"));
    net.pass(Duration::from_secs(5));
    assert_eq!(net.count(SERVER, Method::Update), before + 1);
}

#[test]
fn a_refusal_does_no_harm_and_is_not_asked_again() {
    for status in [403, 488, 500, 603] {
        let mut net = phone_net(123, Protocol::Udp);
        let (here, _) = talking(&mut net, 7);
        net.rule(|_, message| if is_request(message, Method::Update) { Fate::Lose } else { Fate::Pass });
        identify(&mut net, here, "Bob", "bob");
        // every try is answered alike
        let (mut answered, mut last) = (0, None);
        for _ in 0..600 {
            let update = net.sent(SERVER, Method::Update);
            if last.as_ref() != one(&update.headers, "CSeq").map(str::to_owned).as_ref() {
                last = one(&update.headers, "CSeq").map(str::to_owned);
                answered += 1;
                net.answer(SERVER, &update, status, &[]);
            }
            net.pass(Duration::from_secs(1));
        }
        let most = if status == 500 { 4 } else { 1 };
        assert_eq!(answered, most, "{status}");
        assert!(net.told(SERVER).is_empty(), "the call goes on");
    }
}

#[test]
fn a_name_of_evil_make_is_quoted() {
    let mut net = phone_net(124, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    let evil = "Eve\" <sip:eve@evil>, \"Mallory\\\r\nX-Evil: yes";
    identify(&mut net, here, evil, "ev il@x;y");
    let told = net.wait(PHONE, seen);
    assert_eq!((told.display, told.user), (evil.replace(['\r', '\n'], ""), "ev il@x;y".to_owned()));
    let update = net.sent(SERVER, Method::Update);
    assert_eq!(addresses(&update.headers, "P-Asserted-Identity").unwrap().len(), 1);
    assert!(one(&update.headers, "X-Evil").is_none());
}

#[test]
fn our_200_says_who_answers_and_a_phone_reads_it() {
    let mut net = phone_net(125, Protocol::Udp);
    net.dial(PHONE, Some("alice"), "101", 1);
    let here = net.arrived(SERVER).leg;
    identify(&mut net, here, "Bob", "bob");
    net.wish(SERVER, Wish::Answer { leg: here, body: Bytes::from_static(b"v=0") });
    assert_eq!(net.wait(PHONE, seen), person("Bob", "bob"));
    net.wait(SERVER, |news| matches!(news, News::Acknowledged { .. }).then_some(()));
    net.pass(Duration::from_secs(5));
    assert_eq!(net.count(SERVER, Method::Update), 0);
    let ok =
        net.wire.iter().find(|(_, at, message)| *at == SERVER && status_of(message) == Some((200, Method::Invite)));
    assert!(ok.unwrap().2.to_string().contains("P-Asserted-Identity: Bob <sip:bob@baton.local>"));
}

#[test]
fn who_changes_while_it_rings_is_told_after_the_answer() {
    let mut net = phone_net(126, Protocol::Udp);
    let here = net.ring("alice", 7);
    let arrival = net.arrived(PHONE);
    net.wait(PHONE, seen);
    identify(&mut net, here, "Carol", "carol");
    net.pass(Duration::from_secs(2));
    assert!(net.told(PHONE).is_empty());
    net.wish(PHONE, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
    assert_eq!(net.wait(PHONE, seen), person("Carol", "carol"));
}

#[test]
fn a_carrier_is_shown_its_own_number_and_a_phone_of_ours_asserts_nothing() {
    let mut net = Net::new(127, Protocol::Udp, &["127.0.0.9"]);
    let to = Callee::Trunk { trunk: "pstn".into(), number: "+4930222".into() };
    net.wish(
        SERVER,
        Wish::Call {
            leg: LegId::rung(3),
            to,
            from: person("Alice", "alice"),
            offer: Bytes::from_static(b"v=0").into(),
        },
    );
    let there = net.arrived(PHONE).leg;
    net.wish(PHONE, Wish::Answer { leg: there, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
    net.told(PHONE);
    identify(&mut net, LegId::rung(3), "Bob", "bob");
    assert_eq!(net.wait(PHONE, seen), person("Bob", "+15550000"), "the carrier's number for us stays");
    net.wish(PHONE, Wish::Identify { leg: there, peer: person("Nobody", "nobody") });
    net.pass(Duration::from_secs(5));
    assert_eq!(net.count(PHONE, Method::Update), 0);
}

const CARRIER: &str = "127.0.0.9:5060";

/// An INVITE of the carrier's with these lines.
fn from_carrier(net: &mut Net, id: u32, more: &str) -> crate::Arrival {
    let flow = Flow { protocol: Protocol::Udp, local: net.stacks[SERVER].0, peer: CARRIER.parse().unwrap() };
    let text = format!(
        "INVITE sip:+15550000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER};branch=z9hG4bK{id}\r\nMax-Forwards: 70\r\n\
         From: \"Ann Secret\" <sip:+4930999@carrier.example>;tag=c{id}\r\nTo: <sip:+15550000@127.0.0.1>\r\nCall-ID: c{id}\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:{CARRIER}>\r\n{more}Content-Length: 0\r\n\r\n"
    );
    net.inject(flow, &text);
    net.arrived(SERVER)
}

#[test]
fn whoever_withheld_the_number_is_anonymous_in_all_the_house() {
    let mut net = phone_net(130, Protocol::Udp);
    net.stacks[SERVER].1.settings.directory.trunks[0].max_calls = 100;
    let asserted = "P-Asserted-Identity: \"Ann\" <sip:+4930999@carrier.example>\r\n";
    let withheld = ["id", "ID", "header", "user", "id;critical", "session;user", "header;user;id"];
    let open = ["none", "session", "critical"];
    let values = withheld.iter().map(|value| (value, true)).chain(open.iter().map(|value| (value, false)));
    for (id, (value, hidden)) in values.enumerate() {
        let id = u32::try_from(id).unwrap();
        let arrival = from_carrier(&mut net, id, &format!("{asserted}Privacy: {value}\r\n"));
        let number = if hidden { "anonymous" } else { "+4930999" };
        assert_eq!(arrival.caller, Caller::Customer { trunk: "pstn".into(), number: number.into() }, "{value}");
        assert_eq!(arrival.display, if hidden { "" } else { "Ann Secret" }, "{value}");
    }
}

#[test]
fn a_carrier_is_shown_nothing_of_an_anonymous_caller() {
    for (own_number, from, said) in [
        ("", "Anonymous <sip:anonymous@anonymous.invalid>", None),
        ("+15550000", "<sip:+15550000@baton.local>", Some("<sip:+15550000@baton.local>")),
    ] {
        let mut net = phone_net(131, Protocol::Udp);
        net.stacks[SERVER].1.settings.directory.trunks[0].caller_id = own_number.into();
        let leg = LegId::rung(3);
        let to = Callee::Trunk { trunk: "pstn".into(), number: "+33123".into() };
        let who = person("Ann Secret", "anonymous");
        net.wish(SERVER, Wish::Call { leg, to, from: who.clone(), offer: Bytes::from_static(b"v=0").into() });
        let invite = net.sent(SERVER, Method::Invite);
        let told = one(&invite.headers, "From").unwrap();
        assert!(told.starts_with(&format!("{from};tag=")), "{told}");
        assert_eq!(one(&invite.headers, "P-Asserted-Identity"), said);
        assert!(!invite.to_string().contains("Ann"));
        // and the same when it takes the place of somebody who was shown
        let mut ok = crate::codec::respond(&invite, 200, Some("carrier"));
        crate::codec::push(&mut ok.headers, "Contact", format!("<sip:{CARRIER}>"));
        let flow = Flow { protocol: Protocol::Udp, local: net.stacks[SERVER].0, peer: CARRIER.parse().unwrap() };
        net.inject(flow, &ok.to_string());
        net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
        net.wish(SERVER, Wish::Identify { leg, peer: person("Bob", "bob") });
        let asserted = |net: &mut Net| net.stacks[SERVER].1.session_mut(leg).unwrap().dialog.asserted.clone();
        assert!(asserted(&mut net).is_some_and(|asserted| asserted.starts_with("Bob <")));
        net.wish(SERVER, Wish::Identify { leg, peer: who });
        assert_eq!(asserted(&mut net).as_deref(), said);
    }
}
