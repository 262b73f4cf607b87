//! What happens at the same time, and what gets lost: CANCEL against 200, lost ACKs and BYEs, offers that meet.

use std::time::Duration;

use bytes::Bytes;
use conference::{Ending, LegId};
use rsip::{Method, SipMessage};

use super::net::{Fate, Net, SERVER, Weather, phone_net, talking};
use crate::flow::Flow;
use crate::settings::Protocol;
use crate::stack::Output;
use crate::{News, Wish};

const PHONE: usize = 1;

pub(super) fn is_request(message: &SipMessage, method: Method) -> bool {
    matches!(message, SipMessage::Request(request) if request.method == method)
}

pub(super) fn status_of(message: &SipMessage) -> Option<(u16, Method)> {
    let SipMessage::Response(response) = message else { return None };
    let cseq = crate::codec::headers::cseq(&response.headers).unwrap();
    Some((response.status_code.code(), cseq.method.parse().unwrap()))
}

fn end(leg: LegId) -> Wish {
    Wish::End { leg, status: None, reason: None }
}

fn ended(news: &News) -> Option<Ending> {
    match news {
        News::Ended { how, .. } => Some(*how),
        _ => None,
    }
}

#[test]
fn a_cancelled_call_ends_with_487_and_nothing_is_left() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut net = phone_net(3, protocol);
        let rung = net.ring("alice", 7);
        let arrival = net.arrived(PHONE);
        net.wish(PHONE, Wish::Ringing { leg: arrival.leg });
        net.wait(SERVER, |news| matches!(news, News::Progress { status: 180, .. }).then_some(()));
        net.wish(SERVER, end(rung));
        assert_eq!(net.wait(PHONE, ended), Ending::Cancelled);
        net.pass(Duration::from_secs(1));
        let answers: Vec<_> =
            net.wire.iter().filter_map(|(_, at, message)| (*at == PHONE).then(|| status_of(message))?).collect();
        assert!(answers.contains(&(487, Method::Invite)) && answers.contains(&(200, Method::Cancel)));
        assert!(net.told(SERVER).is_empty(), "who ended it is told nothing more");
        net.nothing_is_left();
    }
}

#[test]
fn a_cancel_waits_until_something_was_heard() {
    let mut net = phone_net(4, Protocol::Udp);
    // the first provisional answer is lost, so that nothing is heard before the second INVITE
    let mut lost = 0;
    net.rule(move |from, message| {
        let provisional = from == PHONE && status_of(message).is_some_and(|(status, _)| status < 200);
        lost += usize::from(provisional);
        if provisional && lost == 1 { Fate::Lose } else { Fate::Pass }
    });
    let rung = net.ring("alice", 7);
    net.arrived(PHONE);
    net.wish(SERVER, end(rung));
    assert!(!net.wire.iter().any(|(_, _, message)| is_request(message, Method::Cancel)), "RFC 3261 §9.1");
    assert_eq!(net.wait(PHONE, ended), Ending::Cancelled);
    net.nothing_is_left();
}

#[test]
fn a_cancel_that_crosses_the_200_becomes_ack_and_bye() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut net = phone_net(5, protocol);
        let rung = net.ring("alice", 7);
        let arrival = net.arrived(PHONE);
        net.wish(PHONE, Wish::Ringing { leg: arrival.leg });
        net.wait(SERVER, |news| matches!(news, News::Progress { .. }).then_some(()));
        net.wish(PHONE, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
        net.wish(SERVER, end(rung));
        net.wait(PHONE, |news| matches!(news, News::Acknowledged { .. }).then_some(()));
        assert_eq!(net.wait(PHONE, ended), Ending::Bye);
        assert!(!net.told(SERVER).iter().any(|news| matches!(news, News::Answered { .. })));
        net.nothing_is_left();
    }
}

#[test]
fn a_cancel_nobody_answers_is_given_up() {
    let mut net = phone_net(6, Protocol::Udp);
    let rung = net.ring("alice", 7);
    net.arrived(PHONE);
    net.pass(Duration::from_secs(1));
    net.rule(|_, _| Fate::Lose);
    net.wish(SERVER, end(rung));
    net.pass(Duration::from_secs(70));
    let counts = net.counts(SERVER);
    assert_eq!((counts.legs, counts.dialogs), (0, 0));
    // only keep-alives to a phone that is not there
    assert!(counts.branches <= 2 && counts.transactions <= 2, "{counts:?}");
}

#[test]
fn a_lost_ack_is_sent_again_with_every_200() {
    let mut net = phone_net(7, Protocol::Udp);
    let mut acks = 0;
    net.rule(move |_, message| {
        acks += usize::from(is_request(message, Method::Ack));
        if is_request(message, Method::Ack) && acks <= 4 { Fate::Lose } else { Fate::Pass }
    });
    net.ring("alice", 7);
    let arrival = net.arrived(PHONE);
    net.wish(PHONE, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
    net.wait(PHONE, |news| matches!(news, News::Acknowledged { .. }).then_some(()));
    let answered = net.told(SERVER).iter().filter(|news| matches!(news, News::Answered { .. })).count();
    assert_eq!(answered, 1, "a repeated 200 is told once");
    net.wish(SERVER, end(LegId::rung(7)));
    assert_eq!(net.wait(PHONE, ended), Ending::Bye);
    net.nothing_is_left();
}

#[test]
fn a_200_that_is_never_acknowledged_ends_with_bye_after_32_seconds() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut net = phone_net(8, protocol);
        net.rule(|_, message| if is_request(message, Method::Ack) { Fate::Lose } else { Fate::Pass });
        net.dial(PHONE, Some("alice"), "101", 1);
        let arrival = net.arrived(SERVER);
        net.wish(SERVER, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
        let begun = net.now;
        assert_eq!(net.wait(SERVER, ended), Ending::Dead);
        assert_eq!(net.now.since(begun), Duration::from_secs(32));
        assert_eq!(net.wait(PHONE, ended), Ending::Bye);
        net.nothing_is_left();
    }
}

#[test]
fn a_leg_ended_before_its_ack_says_bye_only_after_it() {
    let mut net = phone_net(9, Protocol::Udp);
    net.dial(PHONE, Some("alice"), "101", 1);
    let arrival = net.arrived(SERVER);
    net.wish(SERVER, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
    net.wish(SERVER, end(arrival.leg));
    assert!(!net.wire.iter().any(|(_, _, message)| is_request(message, Method::Bye)), "RFC 3261 §15");
    assert_eq!(net.wait(PHONE, ended), Ending::Bye);
    assert!(net.told(SERVER).iter().all(|news| !matches!(news, News::Acknowledged { .. } | News::Ended { .. })));
    net.nothing_is_left();
}

#[test]
fn who_was_not_told_yet_is_told_before_the_sockets_close() {
    let mut net = phone_net(11, Protocol::Udp);
    net.rule(|_, message| if is_request(message, Method::Ack) { Fate::Lose } else { Fate::Pass });
    net.dial(PHONE, Some("alice"), "101", 1);
    let arrival = net.arrived(SERVER);
    net.wish(SERVER, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
    net.wish(SERVER, end(arrival.leg));
    // and a phone that was rung but is not heard
    net.rule(|from, message| {
        let lost = from == PHONE && status_of(message).is_some() || is_request(message, Method::Ack);
        if lost { Fate::Lose } else { Fate::Pass }
    });
    let rung = net.ring("alice", 7);
    net.wish(SERVER, end(rung));
    assert_eq!(net.counts(SERVER).unanswered, 1, "the INVITE");

    let now = net.now;
    let server = &mut net.stacks[SERVER].1;
    server.last_words(now);
    let said: Vec<_> = std::iter::from_fn(|| server.next())
        .filter_map(|output| match output {
            Output::Send(_, bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            Output::News(_) | Output::Expect(..) | Output::Find(..) => None,
        })
        .filter_map(|text| text.split(' ').next().map(str::to_owned))
        .filter(|method| matches!(method.as_str(), "BYE" | "CANCEL"))
        .collect();
    assert_eq!(said, ["BYE", "CANCEL"]);
}

#[test]
fn a_lost_bye_is_repeated_and_one_nobody_answers_is_given_up() {
    let mut net = phone_net(10, Protocol::Udp);
    let (_, there) = talking(&mut net, 7);
    let mut byes = 0;
    net.rule(move |_, message| {
        byes += usize::from(is_request(message, Method::Bye));
        if is_request(message, Method::Bye) && byes <= 3 { Fate::Lose } else { Fate::Pass }
    });
    net.wish(PHONE, end(there));
    assert_eq!(net.wait(SERVER, ended), Ending::Bye);
    net.nothing_is_left();

    let mut net = phone_net(10, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    net.rule(|_, message| if is_request(message, Method::Bye) { Fate::Lose } else { Fate::Pass });
    net.wish(SERVER, end(here));
    net.pass(Duration::from_secs(60));
    assert_eq!(net.counts(SERVER).legs, 0);
    assert_eq!(net.counts(PHONE).legs, 1, "the phone knows nothing of it");
    // a BYE for a dialog that is not there any more
    net.wish(PHONE, end(there_of(&net)));
    net.rule(|_, _| Fate::Pass);
    net.nothing_is_left();
}

fn there_of(net: &Net) -> LegId {
    *net.stacks[PHONE].1.legs.keys().next().unwrap()
}

#[test]
fn a_bye_that_overtakes_its_200_is_not_lost() {
    let mut net = phone_net(11, Protocol::Udp);
    net.rule(|_, message| match status_of(message) {
        Some((200, Method::Invite)) => Fate::Delay(Duration::from_millis(300)),
        _ => Fate::Pass,
    });
    net.ring("alice", 7);
    let arrival = net.arrived(PHONE);
    net.wish(PHONE, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
    // a phone that does not wait for its ACK
    let now = net.now;
    net.stacks[PHONE].1.bye(arrival.leg);
    net.stacks[PHONE].1.expire(now);
    net.collect(PHONE);
    net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
    assert_eq!(net.wait(SERVER, ended), Ending::Bye);
    net.nothing_is_left();
}

#[test]
fn offers_that_meet_are_tried_again_and_both_are_answered() {
    for (seed, protocol) in [(12, Protocol::Udp), (13, Protocol::Tcp), (14, Protocol::Udp), (15, Protocol::Tcp)] {
        let mut net = phone_net(seed, protocol);
        let (here, there) = talking(&mut net, 7);
        net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 ours") });
        net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 theirs") });
        let (mut answered, mut refused) = ([false; 2], 0);
        for _ in 0..100 {
            net.pass(Duration::from_millis(100));
            for (at, leg) in [(SERVER, here), (PHONE, there)] {
                for news in net.told(at) {
                    match news {
                        News::Offered { number, .. } => {
                            net.wish(at, Wish::AnswerOffer { leg, number, body: Bytes::from_static(b"v=0") })
                        }
                        News::OfferAnswered { .. } => answered[at] = true,
                        News::OfferRefused { .. } => refused += 1,
                        _ => {}
                    }
                }
            }
        }
        let glares =
            net.wire.iter().filter(|(_, _, message)| status_of(message) == Some((491, Method::Invite))).count();
        assert!(glares >= 2, "both were refused at first");
        assert_eq!((answered, refused), ([true; 2], 0));
        net.wish(SERVER, end(here));
        net.nothing_is_left();
    }
}

#[test]
fn an_offer_while_theirs_waits_gets_500_and_ours_waits_its_turn() {
    let mut net = phone_net(16, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 1") });
    let number = net.offered(SERVER);
    net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 ours") });
    net.pass(Duration::from_secs(1));
    assert!(net.told(PHONE).is_empty(), "ours waits");
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0 2") });
    net.wait(PHONE, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
    let number = net.offered(PHONE);
    net.wish(PHONE, Wish::RefuseOffer { leg: there, number, status: 488 });
    assert_eq!(
        net.wait(SERVER, |news| match news {
            News::OfferRefused { status, .. } => Some(*status),
            _ => None,
        }),
        488
    );
    net.wish(PHONE, end(there));
    net.wait(SERVER, ended);
    net.nothing_is_left();
}

#[test]
fn an_offer_that_is_cancelled_before_its_answer_is_told_as_such() {
    let mut net = phone_net(19, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 hold") });
    let number = net.offered(SERVER);
    let sent = net.wire.iter().rev().find(|(_, _, message)| is_request(message, Method::Invite)).unwrap();
    let invite = sent.2.to_string();
    let (head, _) = invite.split_once("\r\n\r\n").unwrap();
    let kept = head.lines().filter(|line| !line.starts_with("Content-") && !line.starts_with("Contact"));
    let cancel: String = kept.map(|line| line.replace("INVITE", "CANCEL") + "\r\n").collect();
    let (local, peer) = (net.stacks[SERVER].0, net.stacks[PHONE].0);
    net.inject(Flow { protocol: Protocol::Udp, local, peer }, &format!("{cancel}Content-Length: 0\r\n\r\n"));
    assert_eq!(net.told(SERVER), [News::OfferCancelled { leg: here, number }]);
    // whoever answers it all the same is late
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0 late") });
    let status = net.wait(PHONE, |news| match news {
        News::OfferRefused { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!(status, 487);
    // and answers no later one by it
    net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 hold again") });
    let second = net.offered(SERVER);
    assert_ne!(second, number);
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0 late") });
    net.wish(SERVER, Wish::RefuseOffer { leg: here, number, status: 488 });
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number: second, body: Bytes::from_static(b"v=0 held") });
    let answer = net.wait(PHONE, |news| match news {
        News::OfferAnswered { answer, .. } => Some(answer.clone()),
        _ => None,
    });
    assert_eq!(&answer[..], b"v=0 held");
    net.wish(SERVER, end(here));
    net.nothing_is_left();
}

#[test]
fn an_offer_nobody_answers_ends_the_leg() {
    let mut net = phone_net(17, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    net.rule(|from, _| if from == PHONE { Fate::Lose } else { Fate::Pass });
    net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 ours") });
    assert_eq!(net.wait(SERVER, ended), Ending::Dead);
    net.rule(|_, _| Fate::Pass);
    let there = there_of(&net);
    net.wish(PHONE, end(there));
    net.nothing_is_left();
}

#[test]
fn an_invite_without_offer_gets_ours_and_the_ack_brings_theirs() {
    for late in [false, true] {
        let mut net = phone_net(18, Protocol::Udp);
        let leg = LegId::rung(9);
        let to = crate::Callee::Agent(conference::AgentName("alice".into()));
        net.wish(SERVER, Wish::Call { leg, to, from: conference::Identity::default(), offer: Bytes::new().into() });
        let arrival = net.arrived(PHONE);
        assert_eq!(arrival.offer, None);
        net.wish(PHONE, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0 their offer") });
        net.wait(SERVER, |news| {
            matches!(news, News::Answered { body, .. } if &body[..] == b"v=0 their offer").then_some(())
        });
        if late {
            net.pass(Duration::from_secs(5));
        }
        net.wish(SERVER, Wish::AnswerByAck { leg, body: Bytes::from_static(b"v=0 our answer") });
        let answer = net.wait(PHONE, |news| match news {
            News::Acknowledged { answer, .. } => answer.clone(),
            _ => None,
        });
        assert_eq!(&answer[..], b"v=0 our answer");
        net.wish(SERVER, end(leg));
        assert_eq!(net.wait(PHONE, ended), Ending::Bye);
        net.nothing_is_left();
    }
}

#[test]
fn every_race_of_hanging_up_ends_clean_in_any_weather() {
    for seed in 0..150 {
        let mut net = phone_net(1000 + seed, Protocol::Udp);
        net.weather = Weather { loss: seed % 31, double: seed % 23, jitter: Duration::from_millis(seed % 90) };
        let rung = net.ring("alice", 7);
        let arrival = net.arrived(PHONE);
        net.pass(Duration::from_millis(seed * 7 % 40));
        net.wish(PHONE, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
        net.pass(Duration::from_millis(seed * 13 % 80));
        if seed % 3 != 0 {
            net.wish(SERVER, end(rung));
        }
        if seed % 3 != 1 {
            net.wish(PHONE, end(arrival.leg));
        }
        net.pass(Duration::from_secs(70));
        net.nothing_is_left();
    }
}
