//! Smaller rules: what is shown outside, who is still known after a reload, time limits, UPDATE, lost streams.

use std::time::Duration;

use bytes::Bytes;
use conference::{AgentName, Ending, LegId};
use rsip::{Method, SipMessage};

use super::net::{Fate, Net, SERVER, phone_net, settings, talking};
use super::races::{is_request, status_of};
use crate::codec::{one, push, set};
use crate::flow::Flow;
use crate::settings::{Directory, Doorkeeping, Protocol};
use crate::stack::{Output, Stack};
use crate::{News, Wish};

const PHONE: usize = 1;

#[test]
fn strangers_are_shown_the_external_address_and_neighbours_our_own() {
    let mut shown = settings(Doorkeeping::Server);
    shown.external_address = Some("203.0.113.1".parse().unwrap());
    shown.directory.trunks[0].accept_from =
        vec![crate::Source::Network(crate::Network { address: "0.0.0.0".parse().unwrap(), prefix: 0 })];
    let local = "0.0.0.0:5060".parse().unwrap();
    let route = |_| Some("192.0.2.200".parse().unwrap());
    let mut stack = Stack::new(shown, vec![(Protocol::Udp, local)], Box::new(route), [1; 32]);
    for (peer, host) in [("198.51.100.7:5060", "203.0.113.1"), ("127.0.0.5:5060", "192.0.2.200")] {
        let text = format!(
            "INVITE sip:1@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP {peer};branch=z9hG4bK{host}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:1@x>\r\nCall-ID: {host}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@{peer}>\r\nContent-Length: 0\r\n\r\n"
        );
        let now = conference::Moment(1_000_000);
        let flow = Flow { protocol: Protocol::Udp, local, peer: peer.parse().unwrap() };
        stack.receive(now, flow, crate::codec::parse(text.as_bytes()));
        let mut leg = None;
        while let Some(output) = stack.next() {
            if let Output::News(News::Arrived(arrival)) = output {
                assert!(arrival.ours);
                leg = Some(arrival.leg);
            }
        }
        stack.wish(now, Wish::Ringing { leg: leg.unwrap() });
        let Some(Output::Send(_, bytes)) = stack.next() else { panic!("a 180") };
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.contains(&format!("@{host}:5060>;isfocus")), "{text}");
    }
}

#[test]
fn an_update_with_an_offer_is_an_offer_and_one_without_is_answered_at_once() {
    for offer in [true, false] {
        let mut net = phone_net(50, Protocol::Udp);
        let (here, there) = talking(&mut net, 7);
        let phone = &mut net.stacks[PHONE].1;
        let mut dialog = phone.session_mut(there).unwrap().dialog.clone();
        let mut update = phone.inside(&mut dialog, Method::Update);
        if offer {
            Stack::describe(&mut update.headers, &mut update.body, b"v=0 update");
        }
        push(&mut update.headers, "Contact", "<sip:moved@127.0.0.2>");
        phone.keep_number(there, &dialog);
        let flow = dialog.flow;
        phone.send(flow, update, crate::stack::User::Nobody);
        phone.settle();
        net.collect(PHONE);
        if offer {
            let number = net.offered(SERVER);
            net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0 fine") });
        }
        net.pass(Duration::from_secs(1));
        assert!(
            net.wire.iter().any(|(_, at, message)| *at == SERVER && status_of(message) == Some((200, Method::Update)))
        );
        assert!(net.told(SERVER).is_empty());
        // the target has moved with it, and offers of ours are free again
        net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 ours") });
        let number = net.offered(PHONE);
        let sent = net.wire.iter().rev().find(|(_, _, message)| is_request(message, Method::Invite)).unwrap();
        assert!(sent.2.to_string().starts_with("INVITE sip:moved@127.0.0.2"), "{}", sent.2);
        net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0") });
        net.wait(SERVER, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
        net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
        net.nothing_is_left();
    }
}

#[test]
fn an_invite_that_expires_is_given_up() {
    let mut net = phone_net(51, Protocol::Udp);
    net.ring("alice", 7);
    let sent = net.wire.iter().rev().find(|(_, _, message)| is_request(message, Method::Invite)).unwrap().2.clone();
    let SipMessage::Request(mut invite) = sent else { panic!("an INVITE") };
    // another call of the same kind, with a limit
    set(&mut invite.headers, "Call-ID", "limited");
    set(&mut invite.headers, "Via", "SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bKlimited");
    push(&mut invite.headers, "Expires", "5");
    let (local, peer) = (net.stacks[PHONE].0, net.stacks[SERVER].0);
    let text = crate::codec::write(&SipMessage::Request(invite));
    net.inject(Flow { protocol: Protocol::Udp, local, peer }, std::str::from_utf8(&text).unwrap());
    let limited = net.wait(PHONE, |news| match news {
        News::Arrived(arrival) if arrival.call_id == "limited" => Some(arrival.leg),
        _ => None,
    });
    let begun = net.now;
    let ended = net.wait(PHONE, |news| match news {
        News::Ended { leg, how } => Some((*leg, *how)),
        _ => None,
    });
    assert_eq!((ended, net.now.since(begun)), ((limited, Ending::Cancelled), Duration::from_secs(5)));
}

#[test]
fn a_cancelled_offer_is_no_offer() {
    let mut net = phone_net(52, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 1") });
    let number = net.offered(SERVER);
    net.pass(Duration::from_millis(20));
    let phone = &mut net.stacks[PHONE].1;
    let client = *phone.branches.iter().find(|(_, branch)| branch.again).unwrap().0;
    phone.call_off(client, None);
    phone.settle();
    net.collect(PHONE);
    let status = net.wait(PHONE, |news| match news {
        News::OfferRefused { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!(status, 487);
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0 late") });
    net.wish(PHONE, Wish::End { leg: there, status: None, reason: None });
    net.wait(SERVER, |news| matches!(news, News::Ended { how: Ending::Bye, .. }).then_some(()));
    net.nothing_is_left();
}

#[test]
fn a_reload_ends_registrations_of_accounts_that_are_gone_and_no_call() {
    let mut net = phone_net(53, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    net.told(SERVER);
    net.wish(SERVER, Wish::Reload(Directory { accounts: Vec::new(), trunks: Vec::new() }));
    let told = net.told(SERVER);
    assert!(
        matches!(&told[..], [News::Registered { agent: AgentName(name), phones: 0 }] if name == "alice"),
        "{told:?}"
    );
    net.ring("alice", 8);
    net.wait(SERVER, |news| matches!(news, News::Failed { status: 480, .. }).then_some(()));
    net.wish(PHONE, Wish::End { leg: there, status: None, reason: None });
    net.wait(SERVER, |news| matches!(news, News::Ended { leg, .. } if *leg == here).then_some(()));
}

#[test]
fn a_reload_with_another_password_ends_what_was_registered_with_the_old_one() {
    let mut net = phone_net(56, Protocol::Udp);
    let same = net.stacks[SERVER].1.settings.directory.clone();
    net.wish(SERVER, Wish::Reload(same.clone()));
    assert!(net.told(SERVER).is_empty(), "nothing has changed");
    let mut changed = same;
    changed
        .accounts
        .iter_mut()
        .for_each(|account| account.password = crate::Password::Plain(crate::Secret("another".into())));
    net.wish(SERVER, Wish::Reload(changed));
    let told = net.told(SERVER);
    assert!(matches!(&told[..], [News::Registered { phones: 0, .. }]), "{told:?}");
}

#[test]
fn a_registration_ends_when_it_is_not_refreshed_and_lives_while_it_is() {
    let mut net = phone_net(54, Protocol::Udp);
    net.pass(Duration::from_secs(3 * 3600));
    assert!(net.told(SERVER).is_empty(), "refreshed in time, again and again");
    net.rule(|from, _| if from == PHONE { Fate::Lose } else { Fate::Pass });
    net.pass(Duration::from_secs(3601));
    let told = net.told(SERVER);
    assert!(matches!(&told[..], [News::Registered { phones: 0, .. }]), "{told:?}");
}

#[test]
fn a_phone_that_registers_again_from_elsewhere_takes_its_legs_along() {
    let mut net = phone_net(55, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    let before = net.stacks[SERVER].1.session_mut(here).unwrap().dialog.flow;
    // its router gives it another port; the Contact is the same
    let sent = net.wire.iter().rev().find(|(_, at, message)| *at == PHONE && is_request(message, Method::Register));
    let SipMessage::Request(register) = sent.unwrap().2.clone() else { panic!("a REGISTER") };
    assert!(one(&register.headers, "Authorization").is_some());
    net.wish(PHONE, Wish::End { leg: LegId::rung(99), status: None, reason: None });
    let now = net.now;
    let server = &mut net.stacks[SERVER].1;
    let moved = Flow { peer: "127.0.0.2:6060".parse().unwrap(), ..before };
    let mut again = register;
    set(&mut again.headers, "CSeq", "77 REGISTER");
    server.now = now;
    server.register(moved, moved, again, "alice");
    assert_eq!(server.session_mut(here).unwrap().dialog.flow, moved);
}

#[test]
fn a_stream_that_breaks_fails_what_waits_and_no_call() {
    let mut net = phone_net(56, Protocol::Tcp);
    let (here, _) = talking(&mut net, 7);
    net.rule(|_, _| Fate::Lose);
    net.wish(SERVER, Wish::Probe { leg: here });
    net.ring("alice", 8);
    let flow = net.stacks[SERVER].1.session_mut(here).unwrap().dialog.flow;
    let now = net.now;
    net.stacks[SERVER].1.flow_failed(now, flow);
    net.collect(SERVER);
    let told = net.told(SERVER);
    assert!(told.iter().any(|news| matches!(news, News::Probed { alive: false, .. })));
    assert!(told.iter().any(|news| matches!(news, News::Failed { status: 503, .. })));
    assert!(told.iter().any(|news| matches!(news, News::Registered { phones: 0, .. })));
    assert!(!told.iter().any(|news| matches!(news, News::Ended { .. })), "the phone may come back");
    assert_eq!(net.counts(SERVER).legs, 1);
}

#[test]
fn a_phone_forgets_nothing_when_its_server_is_away_for_a_while() {
    let mut net = Net::new(57, Protocol::Udp, &["127.0.0.2"]);
    net.rule(|_, _| Fate::Lose);
    let account = crate::PhoneAccount {
        user: "alice".into(),
        password: crate::Secret("alice-secret".into()),
        domain: "baton.local".into(),
        server: net.stacks[SERVER].0,
        protocol: Protocol::Udp,
        expires_s: 30,
    };
    net.wish(PHONE, Wish::Register(account));
    let status = |news: &News| match news {
        News::PhoneRegistered { status, .. } => Some(*status),
        _ => None,
    };
    assert_eq!(net.wait(PHONE, status), 408);
    net.rule(|_, _| Fate::Pass);
    // 30 s are too short for the server: it says so, and the phone asks for what it wants
    assert_eq!(net.wait(PHONE, status), 200);
    net.nothing_is_left();
}

#[test]
fn a_number_beyond_31_bits_is_400_in_and_out_of_a_dialog() {
    let mut net = phone_net(58, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    let dialog = net.stacks[SERVER].1.session_mut(here).unwrap().dialog.clone();
    let (local, peer) = (net.stacks[SERVER].0, net.stacks[PHONE].0);
    let inside = format!(
        "From: <sip:a@b>;tag={}\r\nTo: <sip:x@y>;tag={}\r\nCall-ID: {}\r\n",
        dialog.remote_tag, dialog.local_tag, dialog.call_id
    );
    let outside = "From: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: elsewhere\r\n".to_owned();
    for (names, method, number, status) in [
        (&inside, "OPTIONS", 1_u32 << 31, 400),
        (&outside, "OPTIONS", u32::MAX, 400),
        (&outside, "INVITE", 1 << 31, 400),
        (&inside, "OPTIONS", (1 << 31) - 1, 200),
    ] {
        let flow = Flow { protocol: Protocol::Udp, local, peer };
        let via = format!("SIP/2.0/UDP {peer};branch=z9hG4bK{number}{method}{status}");
        net.inject(
            flow,
            &format!("{method} sip:x@127.0.0.1 SIP/2.0\r\nVia: {via}\r\n{names}CSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n"),
        );
        let sent = net.wire.last().unwrap();
        assert_eq!((sent.1, status_of(&sent.2).unwrap().0), (SERVER, status), "{method} {number}");
    }
    // a state somebody has written by hand
    let session = net.stacks[SERVER].1.session_mut(here).unwrap();
    session.dialog.number_used(u32::MAX);
    assert_eq!(session.dialog.last_number(), crate::dialog::MOST_CSEQ);
    session.dialog.request(Method::Info);
    assert_eq!(session.dialog.last_number(), crate::dialog::MOST_CSEQ);
}

#[test]
fn a_cancel_is_answered_with_the_tag_of_the_invite_also_when_it_is_late() {
    for late in [false, true] {
        let mut net = phone_net(59, Protocol::Udp);
        let rung = net.ring("alice", 7);
        let arrival = net.arrived(PHONE);
        net.wish(PHONE, Wish::Ringing { leg: arrival.leg });
        net.wait(SERVER, |news| matches!(news, News::Progress { .. }).then_some(()));
        if late {
            net.wish(PHONE, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
        }
        net.wish(SERVER, Wish::End { leg: rung, status: None, reason: None });
        net.pass(Duration::from_secs(1));
        let tags = |wanted: Method| {
            let sent = net.wire.iter().filter(move |(_, at, message)| {
                *at == PHONE && status_of(message).is_some_and(|(status, method)| method == wanted && status > 100)
            });
            sent.map(|(_, _, message)| {
                crate::codec::headers::to(rsip::prelude::HasHeaders::headers(message))
                    .unwrap()
                    .tag()
                    .unwrap()
                    .to_owned()
            })
            .collect::<Vec<_>>()
        };
        let (invited, cancelled) = (tags(Method::Invite), tags(Method::Cancel));
        assert_eq!(cancelled.len(), 1);
        assert!(invited.iter().chain(&cancelled).all(|tag| *tag == invited[0]), "{invited:?} {cancelled:?}");
    }
}

#[test]
fn a_phone_without_a_password_is_told_that_it_was_challenged() {
    let mut net = Net::new(60, Protocol::Udp, &["127.0.0.2"]);
    net.dial(PHONE, None, "101", 1);
    let status = net.wait(PHONE, |news| match news {
        News::Failed { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!(status, 401);
}
