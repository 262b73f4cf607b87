//! REFER between a phone of ours and the server: told, answered, notified in order, over good networks and bad ones.

use std::time::Duration;

use bytes::Bytes;
use conference::{Ending, LegId};
use rsip::{Method, SipMessage};

use super::net::{Fate, Net, SERVER, Weather, phone_net, talking};
use super::races::{is_request, status_of};
use crate::codec::one;
use crate::settings::Protocol;
use crate::{News, ReferId, ReferTo, Referral, ReferredAt, Wish};

pub(super) const PHONE: usize = 1;
const OTHER: usize = 2;

pub(super) fn end(leg: LegId) -> Wish {
    Wish::End { leg, status: None, reason: None }
}

/// A second call of Alice's phone, answered: the server's leg and the phone's.
fn dialled(net: &mut Net, leg: u64) -> (LegId, LegId) {
    let there = net.dial(PHONE, Some("alice"), "102", leg);
    let here = net.arrived(SERVER).leg;
    net.wish(SERVER, Wish::Answer { leg: here, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::Acknowledged { .. }).then_some(()));
    net.wait(PHONE, |news| matches!(news, News::Answered { .. }).then_some(()));
    (here, there)
}

/// A REFER as the server is told it.
pub(super) fn referred(net: &mut Net) -> (ReferId, ReferredAt, Referral) {
    net.wait(SERVER, |news| match news {
        News::Referred { refer, at, asks } => Some((*refer, at.clone(), asks.clone())),
        _ => None,
    })
}

fn answered(net: &mut Net) -> u16 {
    net.wait(PHONE, |news| match news {
        News::ReferAnswered { status, .. } => Some(*status),
        _ => None,
    })
}

fn notified(net: &mut Net) -> (u16, bool) {
    net.wait(PHONE, |news| match news {
        News::Notified { status, last, .. } => Some((*status, *last)),
        _ => None,
    })
}

/// Whether the server raised an alarm over a REFER that names no leg of its sender.
fn told_of_guess(net: &mut Net) -> (bool, ReferId) {
    let mut alarmed = false;
    let refer = net.wait(SERVER, |news| match news {
        News::Security { rule, .. } => {
            alarmed |= *rule == "replaces-guessed";
            None
        }
        News::Referred { refer, asks: Referral::NoSuchLeg, .. } => Some(*refer),
        _ => None,
    });
    (alarmed, refer)
}

/// A phone with two calls joins them; the server tells how it goes, ends both, and nothing is left.
fn a_transfer_with_a_consult(net: &mut Net) {
    let (first, first_there) = talking(net, 7);
    let (second, second_there) = dialled(net, 8);
    net.wish(PHONE, Wish::Refer { leg: first_there, to: ReferTo::Leg(second_there) });
    let (refer, at, asks) = referred(net);
    assert_eq!((at, asks), (ReferredAt::Leg(first), Referral::Join(second)));
    net.wish(SERVER, Wish::AcceptRefer { refer });
    assert_eq!(net.counts(SERVER).subscriptions, 1);
    for (status, last) in [(180, false), (183, false), (200, true)] {
        net.wish(SERVER, Wish::Notify { refer, status, last });
    }
    // nothing is said after the last word
    net.wish(SERVER, Wish::Notify { refer, status: 503, last: true });
    let mut told = Vec::new();
    while told.last().is_none_or(|(_, last)| !last) {
        told.push(notified(net));
    }
    assert_eq!(told, [(100, false), (180, false), (183, false), (200, true)]);
    for leg in [first, second] {
        net.wish(SERVER, end(leg));
    }
    for _ in 0..2 {
        net.wait(PHONE, |news| matches!(news, News::Ended { how: Ending::Bye, .. }).then_some(()));
    }
    assert!(!net.told(SERVER).iter().any(|news| matches!(news, News::Ended { .. })), "who ends is told nothing");
    net.nothing_is_left();
}

#[test]
fn a_phone_joins_its_two_calls_and_hears_how_it_goes() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        a_transfer_with_a_consult(&mut phone_net(100, protocol));
    }
}

#[test]
fn a_transfer_survives_loss_doubling_and_reordering() {
    for seed in 0..40 {
        let mut net = phone_net(101 + seed, Protocol::Udp);
        let percent = 5 + 5 * (seed % 4);
        net.weather = Weather { loss: percent, double: percent, jitter: Duration::from_millis(40) };
        a_transfer_with_a_consult(&mut net);
    }
}

#[test]
fn the_answer_to_a_refer_comes_before_its_notifies_and_both_say_what_they_must() {
    let mut net = phone_net(150, Protocol::Udp);
    let (_, there) = talking(&mut net, 7);
    for round in 0..2 {
        net.wire.clear();
        net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address("sip:102@baton.local".into()) });
        let (refer, _, asks) = referred(&mut net);
        assert_eq!(asks, Referral::Bring { dialled: "102".into(), host: "baton.local".into(), ours: true });
        net.wish(SERVER, Wish::AcceptRefer { refer });
        assert_eq!(answered(&mut net), 202);
        assert_eq!(notified(&mut net), (100, false));
        net.wish(SERVER, Wish::Notify { refer, status: 486, last: true });
        assert_eq!(notified(&mut net), (486, true));
        net.pass(Duration::from_secs(1));
        assert_eq!(net.counts(SERVER).subscriptions + net.counts(PHONE).subscriptions, 0);
        let sent: Vec<_> = net.wire.iter().filter(|(_, at, _)| *at == SERVER).map(|(_, _, message)| message).collect();
        assert_eq!(status_of(sent[0]), Some((202, Method::Refer)), "first the answer");
        let notifies = sent.iter().filter_map(|message| match message {
            SipMessage::Request(request) if request.method == Method::Notify => Some(request),
            _ => None,
        });
        let notifies: Vec<_> = notifies.collect();
        let text = |request: &rsip::Request, name: &str| one(&request.headers, name).unwrap_or("").to_owned();
        assert_eq!(notifies.len(), 2);
        let SipMessage::Request(asked) = &net.wire.iter().find(|(_, at, _)| *at == PHONE).unwrap().2 else {
            panic!("the REFER")
        };
        assert_eq!(text(asked, "Referred-By"), "<sip:alice@baton.local>");
        let number = crate::codec::headers::cseq(&asked.headers).unwrap().number;
        // RFC 3515 §2.4.6: from the second REFER of a dialog on
        let event = if round == 0 { "refer".to_owned() } else { format!("refer;id={number}") };
        let bodies = [&b"SIP/2.0 100 Trying\r\n"[..], b"SIP/2.0 486 Busy Here\r\n"];
        for (request, body) in notifies.iter().zip(bodies) {
            assert_eq!(text(request, "Event"), event);
            assert_eq!(text(request, "Content-Type"), "message/sipfrag;version=2.0");
            assert!(text(request, "Contact").contains("isfocus"));
            assert_eq!(request.body, body);
        }
        assert_eq!(text(notifies[0], "Subscription-State"), "active;expires=600");
        assert_eq!(text(notifies[1], "Subscription-State"), "terminated;reason=noresource");
    }
    net.wish(PHONE, end(there));
    net.nothing_is_left();
}

#[test]
fn a_call_that_still_rings_can_be_named() {
    let mut net = phone_net(151, Protocol::Udp);
    let (first, first_there) = talking(&mut net, 7);
    let there = net.dial(PHONE, Some("alice"), "102", 8);
    let here = net.arrived(SERVER).leg;
    net.pass(Duration::from_millis(20));
    net.wish(PHONE, Wish::Refer { leg: first_there, to: ReferTo::Leg(there) });
    assert_eq!(answered(&mut net), 481, "nothing but 100 has come: nobody knows the dialog yet");
    net.wish(SERVER, Wish::Ringing { leg: here });
    net.wait(PHONE, |news| matches!(news, News::Progress { status: 180, .. }).then_some(()));
    net.wish(PHONE, Wish::Refer { leg: first_there, to: ReferTo::Leg(there) });
    let (refer, at, asks) = referred(&mut net);
    assert_eq!((at, asks), (ReferredAt::Leg(first), Referral::Join(here)));
    net.wish(SERVER, Wish::AcceptRefer { refer });
    net.wish(SERVER, Wish::Notify { refer, status: 200, last: true });
    net.wish(SERVER, end(first));
    net.wish(SERVER, end(here));
    net.nothing_is_left();
}

#[test]
fn a_refused_refer_bears_its_reason_and_no_status_that_ends_the_call() {
    let mut net = phone_net(152, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    for status in [400, 401, 403, 404, 405, 407, 408, 410, 416, 480, 481, 482, 484, 489, 491, 500, 501, 603, 604, 42] {
        net.wire.clear();
        net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address("sip:102@baton.local".into()) });
        let (refer, ..) = referred(&mut net);
        net.wish(SERVER, Wish::RefuseRefer { refer, status, reason: Some("transfer_in_progress".into()) });
        let given = answered(&mut net);
        assert!(
            if [400, 403, 500, 603].contains(&status) { given == status } else { given == 403 },
            "{status} {given}"
        );
        let refused = net.wire.iter().find(|(_, _, message)| status_of(message) == Some((given, Method::Refer)));
        let SipMessage::Response(refused) = &refused.unwrap().2 else { panic!("an answer") };
        let reason = format!("SIP;cause={given};text=\"transfer_in_progress\"");
        assert_eq!(one(&refused.headers, "Reason"), Some(reason.as_str()));
        net.pass(Duration::from_secs(1));
        assert!(!net.wire.iter().any(|(_, _, message)| is_request(message, Method::Notify)));
    }
    net.told(SERVER);
    net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 on") });
    net.wait(SERVER, |news| matches!(news, News::Offered { leg, .. } if *leg == here).then_some(()));
    net.wish(PHONE, end(there));
    net.nothing_is_left();
}

#[test]
fn an_owner_who_says_nothing_refuses_after_ten_seconds() {
    let mut net = phone_net(153, Protocol::Udp);
    let (_, there) = talking(&mut net, 7);
    net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address("sip:102@baton.local".into()) });
    let (refer, ..) = referred(&mut net);
    let begun = net.now;
    assert_eq!(answered(&mut net), 500);
    assert_eq!(net.now.since(begun).as_secs(), 10);
    net.told(PHONE);
    net.wish(SERVER, Wish::AcceptRefer { refer });
    net.wish(SERVER, Wish::Notify { refer, status: 200, last: true });
    net.pass(Duration::from_secs(1));
    assert!(net.told(PHONE).is_empty(), "too late is not at all");
    net.wish(PHONE, end(there));
    net.nothing_is_left();
}

#[test]
fn a_subscription_ends_with_its_time() {
    let mut net = phone_net(154, Protocol::Udp);
    let (_, there) = talking(&mut net, 7);
    net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address("sip:102@baton.local".into()) });
    let (refer, ..) = referred(&mut net);
    net.wish(SERVER, Wish::AcceptRefer { refer });
    net.wish(SERVER, Wish::Notify { refer, status: 180, last: false });
    let begun = net.now;
    net.pass(Duration::from_secs(590));
    while notified(&mut net) != (180, true) {}
    assert_eq!(net.now.since(begun).as_secs(), 600);
    net.pass(Duration::from_secs(1));
    assert_eq!(net.counts(SERVER).subscriptions, 0);
    net.wish(PHONE, end(there));
    net.nothing_is_left();
}

#[test]
fn too_many_refers_in_one_dialog_are_refused_and_cost_nothing() {
    let mut net = phone_net(155, Protocol::Udp);
    let (_, there) = talking(&mut net, 7);
    let refer = Wish::Refer { leg: there, to: ReferTo::Address("sip:102@baton.local".into()) };
    let told: Vec<_> = (0..12)
        .filter_map(|_| {
            net.wish(PHONE, refer.clone());
            net.pass(Duration::from_millis(20));
            net.told(SERVER).into_iter().find(|news| matches!(news, News::Referred { .. }))
        })
        .collect();
    assert_eq!(told.len(), 8);
    assert_eq!(net.counts(SERVER).subscriptions, 8);
    assert_eq!(answered(&mut net), 403);
    net.wish(PHONE, end(there));
    net.nothing_is_left();
}

#[test]
fn a_refer_while_offers_are_under_way_is_told_and_the_offers_go_on() {
    let mut net = phone_net(156, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    // ours is unanswered, as when a phone sends hold and REFER back to back
    net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 ours") });
    let number = net.offered(PHONE);
    net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address("sip:102@baton.local".into()) });
    let (refer, ..) = referred(&mut net);
    net.wish(SERVER, Wish::AcceptRefer { refer });
    assert_eq!(answered(&mut net), 202);
    net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
    // theirs is unanswered
    net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 hold") });
    let number = net.offered(SERVER);
    net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address("sip:103@baton.local".into()) });
    let (second, ..) = referred(&mut net);
    assert_ne!(second, refer, "names are never used twice");
    net.wish(SERVER, Wish::AcceptRefer { refer: second });
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0") });
    net.wait(PHONE, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
    net.wish(PHONE, end(there));
    net.nothing_is_left();
}

#[test]
fn customers_refer_nobody() {
    let mut net = Net::new(157, Protocol::Udp, &["127.0.0.2", "127.0.0.9"]);
    let there = net.dial(OTHER, None, "+15551234", 1);
    let here = net.arrived(SERVER).leg;
    net.wish(SERVER, Wish::Answer { leg: here, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::Acknowledged { .. }).then_some(()));
    net.wish(OTHER, Wish::Refer { leg: there, to: ReferTo::Address("sip:alice@baton.local".into()) });
    let status = net.wait(OTHER, |news| match news {
        News::ReferAnswered { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!(status, 403);
    let told = net.told(SERVER);
    assert!(matches!(&told[..], [News::Security { rule: "refer-by-customer", .. }]), "{told:?}");
    net.wish(SERVER, end(here));
    net.nothing_is_left();
}

#[test]
fn a_call_of_somebody_else_does_not_exist_and_guessing_is_told() {
    let mut net = Net::new(158, Protocol::Udp, &["127.0.0.2", "127.0.0.3"]);
    net.register(PHONE, "alice");
    net.register(OTHER, "bob");
    let (_, there) = talking(&mut net, 7);
    // Bob's call, whose names Alice has got hold of
    net.dial(OTHER, Some("bob"), "103", 8);
    let bobs = net.arrived(SERVER);
    net.wish(SERVER, Wish::Answer { leg: bobs.leg, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::Acknowledged { .. }).then_some(()));
    let dialog = net.stacks[SERVER].1.legs[&bobs.leg].dialog().unwrap().clone();
    let theirs = format!("{}%3Bto-tag%3D{}%3Bfrom-tag%3D{}", dialog.call_id, dialog.local_tag, dialog.remote_tag);
    let mut bodies = Vec::new();
    for round in 0..7 {
        let named = if round % 2 == 0 { theirs.clone() } else { "none%3Bto-tag%3D1%3Bfrom-tag%3D2".into() };
        net.wire.clear();
        let to = format!("sip:103@baton.local?Replaces={named}");
        net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address(to) });
        let (alarmed, refer) = told_of_guess(&mut net);
        assert!(!alarmed, "its owner counts them, round {round}");
        net.wish(SERVER, Wish::AcceptRefer { refer });
        net.wish(SERVER, Wish::Notify { refer, status: 481, last: true });
        assert_eq!(answered(&mut net), 202);
        while notified(&mut net) != (481, true) {}
        let last = net.wire.iter().rev().find(|(_, at, message)| *at == SERVER && is_request(message, Method::Notify));
        let SipMessage::Request(last) = &last.unwrap().2 else { panic!("a NOTIFY") };
        bodies.push(last.body.clone());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one text for what is not there and what is not hers");
}

#[test]
fn a_notify_nobody_waits_for_is_refused_by_both_sides() {
    let mut net = phone_net(159, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    for (from, to, leg) in [(SERVER, PHONE, here), (PHONE, SERVER, there)] {
        for (event, body, wanted) in [("refer", "SIP/2.0 200 OK\r\n", 481), ("message-summary", "", 489)] {
            let stack = &mut net.stacks[from].1;
            let mut dialog = stack.session_mut(leg).unwrap().dialog.clone();
            let mut request = stack.inside(&mut dialog, Method::Notify);
            crate::codec::push(&mut request.headers, "Event", event);
            crate::codec::push(&mut request.headers, "Content-Type", "message/sipfrag");
            request.body = body.as_bytes().to_vec();
            stack.keep_number(leg, &dialog);
            stack.send(dialog.flow, request, crate::stack::User::Nobody);
            stack.settle();
            net.collect(from);
            net.pass(Duration::from_millis(50));
            let answer = net.wire.iter().rev().find(|(_, at, message)| *at == to && status_of(message).is_some());
            assert_eq!(status_of(&answer.unwrap().2), Some((wanted, Method::Notify)));
        }
    }
    net.wish(PHONE, end(there));
    net.nothing_is_left();
}

#[test]
fn a_phone_whose_refer_nobody_answers_is_told_and_its_call_goes_on() {
    let mut net = phone_net(160, Protocol::Udp);
    let (_, there) = talking(&mut net, 7);
    net.rule(|_, message| if is_request(message, Method::Refer) { Fate::Lose } else { Fate::Pass });
    net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address("sip:102@baton.local".into()) });
    assert_eq!(answered(&mut net), 408);
    assert_eq!(net.counts(PHONE).subscriptions, 0);
    net.wish(PHONE, end(there));
    net.nothing_is_left();
}
