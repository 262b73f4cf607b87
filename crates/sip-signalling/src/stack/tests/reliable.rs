//! Provisional answers that must arrive (RFC 3262), both ways, and UPDATE before the answer (RFC 3311).

use std::time::Duration;

use bytes::Bytes;
use conference::{Ending, LegId};
use rsip::{Method, Request, SipMessage};

use super::net::{Fate, Net, SERVER, phone_net};
use super::races::{is_request, status_of};
use crate::codec::headers::{cseq, to};
use crate::codec::{one, push, remove, respond, set, write};
use crate::flow::Flow;
use crate::settings::Protocol;
use crate::{News, Wish};

const PHONE: usize = 1;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ended(news: &News) -> Option<Ending> {
    match news {
        News::Ended { how, .. } => Some(*how),
        _ => None,
    }
}

fn flow(net: &Net, to: usize) -> Flow {
    Flow { protocol: Protocol::Udp, local: net.stacks[to].0, peer: net.stacks[1 - to].0 }
}

fn put(net: &mut Net, to: usize, message: impl Into<SipMessage>) {
    let bytes = write(&message.into());
    let flow = flow(net, to);
    net.inject(flow, std::str::from_utf8(&bytes).unwrap());
}

/// Alice is rung by an INVITE of the server's that requires reliable answers. PRACKs are lost as long as `lost` says.
fn required(net: &mut Net, offer: &'static [u8], lost: impl Fn(&Request) -> bool + 'static) -> LegId {
    net.rule(move |from, message| match message {
        SipMessage::Request(request) if from == SERVER && request.method == Method::Invite => Fate::Lose,
        SipMessage::Request(request) if request.method == Method::PRack && lost(request) => Fate::Lose,
        _ => Fate::Pass,
    });
    let to = crate::Callee::Agent(conference::AgentName("alice".into()));
    let from = conference::Identity { display: String::new(), user: "+49".into() };
    net.wish(SERVER, Wish::Call { leg: LegId::rung(7), to, from, offer: Bytes::from_static(offer).into() });
    let mut invite = net.sent(SERVER, Method::Invite);
    push(&mut invite.headers, "Require", "100rel");
    put(net, PHONE, invite);
    net.arrived(PHONE).leg
}

fn progress(net: &Net) -> Vec<(conference::Moment, SipMessage)> {
    let is = |message: &SipMessage| status_of(message) == Some((180, Method::Invite));
    let sent = net.wire.iter().filter(|(_, at, message)| *at == PHONE && is(message));
    sent.map(|(when, _, message)| (*when, message.clone())).collect()
}

fn header(message: &SipMessage, name: &str) -> Option<String> {
    one(rsip::prelude::HasHeaders::headers(message), name).map(str::to_owned)
}

fn answers(net: &Net, at: usize, wanted: Method) -> Vec<u16> {
    let sent = net.wire.iter().filter(|(_, from, _)| *from == at);
    sent.filter_map(|(_, _, message)| status_of(message))
        .filter(|(_, method)| *method == wanted)
        .map(|it| it.0)
        .collect()
}

#[test]
fn a_reliable_180_is_repeated_until_its_prack() {
    let mut net = phone_net(140, Protocol::Udp);
    let heard = std::rc::Rc::new(std::cell::Cell::new(false));
    let open = heard.clone();
    let there = required(&mut net, b"v=0", move |_| !open.get());
    net.wish(PHONE, Wish::Ringing { leg: there });
    net.wait(SERVER, |news| matches!(news, News::Progress { status: 180, .. }).then_some(()));
    net.pass(seconds(12));
    let sent = progress(&net);
    let gaps: Vec<_> = sent.windows(2).map(|two| two[1].0.since(two[0].0).as_millis()).collect();
    assert_eq!(gaps, [500, 1000, 2000, 4000], "doubling, without T2");
    assert!(sent.iter().all(|(_, message)| *message == sent[0].1));
    assert_eq!(header(&sent[0].1, "Require").as_deref(), Some("100rel"));
    let prack = net.sent(SERVER, Method::PRack);
    let rack = format!("{} 1 INVITE", header(&sent[0].1, "RSeq").unwrap());
    assert_eq!(one(&prack.headers, "RAck"), Some(rack.as_str()));
    heard.set(true);
    net.pass(seconds(30));
    assert_eq!(answers(&net, PHONE, Method::PRack), [200]);
    let numbers: std::collections::BTreeSet<_> = net
        .wire
        .iter()
        .filter(|(_, _, message)| is_request(message, Method::PRack))
        .filter_map(|it| header(&it.2, "CSeq"))
        .collect();
    assert_eq!(numbers.len(), 1, "copies of the 180 get no PRACK of their own");
    assert!(progress(&net).len() <= 6);
    let told = net.told(SERVER);
    assert!(told.is_empty(), "told once: {told:?}");
    // and the dialog goes on with the next numbers
    net.wish(PHONE, Wish::Answer { leg: there, body: Bytes::from_static(b"v=0") });
    net.wait(PHONE, |news| matches!(news, News::Acknowledged { .. }).then_some(()));
    net.wish(SERVER, Wish::End { leg: LegId::rung(7), status: None, reason: None });
    assert_eq!(net.wait(PHONE, ended), Ending::Bye);
    net.nothing_is_left();
}

#[test]
fn a_180_that_is_never_heard_ends_the_call_with_504() {
    let mut net = phone_net(141, Protocol::Udp);
    let there = required(&mut net, b"v=0", |_| true);
    net.wish(PHONE, Wish::Ringing { leg: there });
    let begun = net.now;
    assert_eq!(net.wait(PHONE, ended), Ending::Dead);
    assert_eq!(net.now.since(begun), seconds(32));
    let status = net.wait(SERVER, |news| match news {
        News::Failed { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!(status, 504);
    net.nothing_is_left();
}

#[test]
fn the_200_may_be_faster_and_the_next_180_waits_its_turn() {
    let mut net = phone_net(142, Protocol::Udp);
    let heard = std::rc::Rc::new(std::cell::Cell::new(false));
    let open = heard.clone();
    let there = required(&mut net, b"v=0", move |_| !open.get());
    net.wish(PHONE, Wish::Ringing { leg: there });
    net.wish(PHONE, Wish::Ringing { leg: there });
    net.pass(Duration::from_millis(100));
    assert_eq!(progress(&net).len(), 1);
    heard.set(true);
    while answers(&net, PHONE, Method::PRack).is_empty() {
        net.pass(Duration::from_micros(500));
    }
    let sent = progress(&net);
    let number = |at: usize| header(&sent[at].1, "RSeq").unwrap().parse::<u32>().unwrap();
    assert_eq!((number(sent.len() - 1), answers(&net, PHONE, Method::PRack).len()), (number(0) + 1, 1));
    heard.set(false);
    let before = progress(&net).len();
    net.wish(PHONE, Wish::Answer { leg: there, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
    heard.set(true);
    net.pass(seconds(5));
    assert!(progress(&net).len() <= before, "not repeated after the 200");
    assert_eq!(answers(&net, PHONE, Method::PRack), [200, 200]);
    net.wish(PHONE, Wish::End { leg: there, status: None, reason: None });
    net.nothing_is_left();
}

#[test]
fn a_prack_that_fits_nothing_is_481_and_one_with_an_offer_488() {
    let mut net = phone_net(143, Protocol::Udp);
    let there = required(&mut net, b"v=0", |_| true);
    net.wish(PHONE, Wish::Ringing { leg: there });
    net.pass(Duration::from_millis(50));
    let prack = net.sent(SERVER, Method::PRack);
    let good = one(&prack.headers, "RAck").unwrap().to_owned();
    let number = cseq(&prack.headers).unwrap().number;
    for (at, (rack, body, expected)) in [
        ("1 1 INVITE".to_owned(), &b""[..], 481),
        (good.replace(" 1 ", " 2 "), b"", 481),
        ("nonsense".to_owned(), b"", 400),
        (good.clone(), b"v=0", 488),
        (good, b"", 481),
    ]
    .into_iter()
    .enumerate()
    {
        let mut asked = prack.clone();
        set(&mut asked.headers, "RAck", rack.as_str());
        set(&mut asked.headers, "CSeq", format!("{} PRACK", number + u32::try_from(at).unwrap()));
        set(&mut asked.headers, "Via", format!("SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bKp{at}"));
        if !body.is_empty() {
            set(&mut asked.headers, "Content-Type", "application/sdp");
            asked.body = body.to_vec();
        }
        put(&mut net, PHONE, asked);
        assert_eq!(answers(&net, PHONE, Method::PRack).last(), Some(&expected), "{rack}");
    }
    let repeated = progress(&net).len();
    net.pass(seconds(10));
    assert_eq!(progress(&net).len(), repeated, "it was heard");
}

#[test]
fn nothing_is_reliable_that_need_not_be_and_no_offer_is_forced() {
    // merely supported
    let mut net = phone_net(144, Protocol::Udp);
    net.ring("alice", 7);
    assert!(one(&net.sent(SERVER, Method::Invite).headers, "Supported").unwrap().contains("100rel"));
    let there = net.arrived(PHONE).leg;
    net.wish(PHONE, Wish::Ringing { leg: there });
    net.pass(seconds(3));
    assert_eq!((progress(&net).len(), net.count(SERVER, Method::PRack)), (1, 0));
    assert_eq!(header(&progress(&net)[0].1, "RSeq"), None);
    // required, but the first reliable answer would be an offer
    let mut net = phone_net(145, Protocol::Udp);
    let there = required(&mut net, b"", |_| false);
    assert!(!one(&net.sent(SERVER, Method::Invite).headers, "Supported").unwrap().contains("100rel"));
    net.wish(PHONE, Wish::Ringing { leg: there });
    net.pass(seconds(3));
    assert!(progress(&net).is_empty());
    net.wish(PHONE, Wish::Answer { leg: there, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
}

#[test]
fn sound_before_the_answer_comes_by_a_183_and_not_where_it_would_have_to_be_reliable() {
    let mut net = phone_net(146, Protocol::Udp);
    net.ring("alice", 7);
    let there = net.arrived(PHONE).leg;
    net.wish(PHONE, Wish::Ringing { leg: there });
    net.wish(PHONE, Wish::Early { leg: there, body: Bytes::from_static(b"v=0 early") });
    let body = net.wait(SERVER, |news| match news {
        News::Progress { status: 183, body, .. } => Some(body.clone()),
        _ => None,
    });
    assert_eq!(&body[..], b"v=0 early");
    net.wish(PHONE, Wish::Answer { leg: there, body: Bytes::from_static(b"v=0 early") });
    net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
    net.wish(PHONE, Wish::Early { leg: there, body: Bytes::from_static(b"v=0 late") });
    net.pass(seconds(1));
    assert!(!net.told(SERVER).iter().any(|news| matches!(news, News::Progress { .. })), "it is answered");
    let mut net = phone_net(147, Protocol::Udp);
    let there = required(&mut net, b"v=0", |_| false);
    net.wish(PHONE, Wish::Early { leg: there, body: Bytes::from_static(b"v=0 early") });
    let told = net.wait(SERVER, |news| match news {
        News::Progress { status, body, .. } => Some((*status, body.len())),
        _ => None,
    });
    assert_eq!(told, (180, 0));
}

/// Somebody at the phone's address answers the server's INVITE.
fn provisional(net: &mut Net, status: u16, tag: &str, rseq: u32) {
    let invite = net.sent(SERVER, Method::Invite);
    let mut response = respond(&invite, status, Some(tag));
    let contact = format!("<sip:fork@{}>", net.stacks[PHONE].0);
    push(&mut response.headers, "Contact", contact);
    push(&mut response.headers, "Require", "100rel");
    push(&mut response.headers, "RSeq", rseq.to_string());
    put(net, SERVER, response);
}

fn pracks(net: &Net) -> Vec<(String, String, u32)> {
    let sent = net.wire.iter().filter_map(|(_, at, message)| match message {
        SipMessage::Request(request) if *at == SERVER && request.method == Method::PRack => Some(request.clone()),
        _ => None,
    });
    let mut seen = Vec::new();
    for prack in sent {
        let tag = to(&prack.headers).unwrap().tag().unwrap().to_owned();
        let rack = one(&prack.headers, "RAck").unwrap().to_owned();
        let one = (tag, rack, cseq(&prack.headers).unwrap().number);
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}

#[test]
fn every_fork_is_acknowledged_in_order_and_copies_and_gaps_are_not() {
    let mut net = phone_net(146, Protocol::Udp);
    net.rule(|from, _| if from == SERVER { Fate::Lose } else { Fate::Pass });
    let here = net.ring("alice", 7);
    for (status, tag, rseq) in [
        (180, "one", 10),
        (180, "one", 10),
        (183, "one", 12),
        (183, "two", 500),
        (183, "one", 11),
        (183, "one", 12),
        (180, "two", 499),
    ] {
        provisional(&mut net, status, tag, rseq);
    }
    let names = |tag: &str, rack: &str, number| (tag.to_owned(), rack.to_owned(), number);
    let expected = [
        names("one", "10 1 INVITE", 2),
        names("two", "500 1 INVITE", 2),
        names("one", "11 1 INVITE", 3),
        names("one", "12 1 INVITE", 4),
    ];
    assert_eq!(pracks(&net), expected);
    // also when the call is called off on the way
    net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
    provisional(&mut net, 183, "one", 13);
    provisional(&mut net, 183, "three", 1);
    assert_eq!(pracks(&net).len(), 6);
    assert!(net.count(SERVER, Method::Cancel) >= 1);
    let invite = net.sent(SERVER, Method::Invite);
    net.rule(|_, _| Fate::Pass);
    net.answer(SERVER, &invite, 487, &[]);
    net.nothing_is_left();
}

#[test]
fn the_numbers_of_an_early_dialog_go_on_in_its_200() {
    let mut net = phone_net(147, Protocol::Udp);
    net.rule(|from, _| if from == SERVER { Fate::Lose } else { Fate::Pass });
    net.ring("alice", 7);
    provisional(&mut net, 183, "one", 1);
    provisional(&mut net, 183, "one", 2);
    let invite = net.sent(SERVER, Method::Invite);
    let mut ok = respond(&invite, 200, Some("one"));
    push(&mut ok.headers, "Contact", "<sip:fork@127.0.0.2>");
    ok.body = b"v=0".to_vec();
    put(&mut net, SERVER, ok);
    net.wish(SERVER, Wish::Probe { leg: LegId::rung(7) });
    assert_eq!(cseq(&net.sent(SERVER, Method::Options).headers).unwrap().number, 4);
    assert_eq!(cseq(&net.sent(SERVER, Method::Ack).headers).unwrap().number, 1);
}

#[test]
fn a_carrier_that_challenges_a_prack_gets_it_again() {
    let mut net = Net::new(148, Protocol::Udp, &["127.0.0.9"]);
    net.rule(|from, _| if from == SERVER { Fate::Lose } else { Fate::Pass });
    let to = crate::Callee::Trunk { trunk: "pstn".into(), number: "+4930222".into() };
    let from = conference::Identity { display: String::new(), user: "alice".into() };
    net.wish(SERVER, Wish::Call { leg: LegId::rung(3), to, from, offer: Bytes::from_static(b"v=0").into() });
    provisional(&mut net, 183, "one", 1);
    let first = net.sent(SERVER, Method::PRack);
    let challenge = "Digest realm=\"carrier\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"";
    net.answer(SERVER, &first, 401, &[("WWW-Authenticate", challenge)]);
    let second = net.sent(SERVER, Method::PRack);
    assert!(one(&second.headers, "Authorization").is_some());
    assert_eq!(one(&second.headers, "RAck"), one(&first.headers, "RAck"));
    provisional(&mut net, 183, "one", 2);
    assert_eq!(cseq(&net.sent(SERVER, Method::PRack).headers).unwrap().number, 4);
}

#[test]
fn before_the_answer_an_update_may_move_and_not_offer() {
    let mut net = phone_net(149, Protocol::Udp);
    net.rule(|from, _| if from == SERVER { Fate::Lose } else { Fate::Pass });
    net.ring("alice", 7);
    provisional(&mut net, 183, "one", 1);
    // theirs, while we ring
    let invite = net.sent(SERVER, Method::Invite);
    let mut update = invite.clone();
    let from = format!("{};tag=one", one(&invite.headers, "To").unwrap());
    let to = one(&invite.headers, "From").unwrap().to_owned();
    for name in ["Content-Type", "Session-Expires", "P-Asserted-Identity"] {
        remove(&mut update.headers, name);
    }
    set(&mut update.headers, "From", from);
    set(&mut update.headers, "To", to);
    (update.method, update.body) = (Method::Update, Vec::new());
    for (number, body, expected) in [(5, &b""[..], 200), (6, b"v=0", 491), (4, b"", 500), (7, b"", 200)] {
        let mut asked = update.clone();
        set(&mut asked.headers, "CSeq", format!("{number} UPDATE"));
        set(&mut asked.headers, "Via", format!("SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKu{number}"));
        set(&mut asked.headers, "Contact", "<sip:moved@127.0.0.2>");
        if !body.is_empty() {
            push(&mut asked.headers, "Content-Type", "application/sdp");
            asked.body = body.to_vec();
        }
        put(&mut net, SERVER, asked);
        assert_eq!(answers(&net, SERVER, Method::Update).last(), Some(&expected), "{number}");
    }
    provisional(&mut net, 183, "one", 2);
    assert!(net.sent(SERVER, Method::PRack).uri.to_string().contains("moved"), "the target has moved");

    // and the other way round: the phone is the one who is called
    let mut net = phone_net(150, Protocol::Udp);
    net.ring("alice", 7);
    let there = net.arrived(PHONE).leg;
    net.wish(PHONE, Wish::Ringing { leg: there });
    let invite = net.sent(SERVER, Method::Invite);
    let tag = net.stacks[PHONE].1.legs[&there].dialog().unwrap().local_tag.clone();
    for (number, method, body, expected) in
        [(2, Method::Update, &b""[..], 200), (3, Method::Update, b"v=0", 500), (4, Method::Invite, b"v=0", 500)]
    {
        let mut asked = invite.clone();
        let to = format!("{};tag={tag}", one(&invite.headers, "To").unwrap());
        set(&mut asked.headers, "To", to);
        set(&mut asked.headers, "CSeq", format!("{number} {method}"));
        set(&mut asked.headers, "Via", format!("SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bKe{number}"));
        asked.method = method;
        asked.body = body.to_vec();
        put(&mut net, PHONE, asked);
        assert_eq!(answers(&net, PHONE, method).last(), Some(&expected), "{number}");
    }
}
