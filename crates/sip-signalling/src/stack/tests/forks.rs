//! Several phones of one agent, and one INVITE that proxies spread: one wins, nobody else hears anything.

use std::time::Duration;

use bytes::Bytes;
use conference::{AgentName, Ending, Identity, LegId};
use rsip::Method;

use super::net::{Fate, Net, SERVER};
use super::races::{is_request, status_of};
use crate::settings::Protocol;
use crate::wish::{Callee, Offer};
use crate::{News, Wish};

const DESK: usize = 1;
const SOFT: usize = 2;

/// Two phones of Alice.
fn two_phones(seed: u64) -> Net {
    let mut net = Net::new(seed, Protocol::Udp, &["127.0.0.2", "127.0.0.3"]);
    net.register(DESK, "alice");
    net.register(SOFT, "alice");
    net
}

fn answer(leg: LegId) -> Wish {
    Wish::Answer { leg, body: Bytes::from_static(b"v=0") }
}

fn failed(news: &News) -> Option<u16> {
    match news {
        News::Failed { status, .. } => Some(*status),
        _ => None,
    }
}

#[test]
fn all_phones_ring_the_first_answer_wins_and_the_others_stop() {
    let mut net = two_phones(20);
    let rung = net.ring("alice", 7);
    let (desk, soft) = (net.arrived(DESK), net.arrived(SOFT));
    assert_ne!(desk.call_id, soft.call_id, "two INVITEs of two calls: one phone may be registered twice");
    net.wish(DESK, Wish::Ringing { leg: desk.leg });
    net.wish(SOFT, Wish::Ringing { leg: soft.leg });
    net.pass(Duration::from_millis(50));
    let progress = net.told(SERVER).iter().filter(|news| matches!(news, News::Progress { .. })).count();
    assert_eq!(progress, 1, "told once per leg");
    net.wish(SOFT, answer(soft.leg));
    let phone = net.wait(SERVER, |news| match news {
        News::Answered { phone, .. } => Some(phone.clone().unwrap()),
        _ => None,
    });
    assert!(phone.0.contains("127.0.0.3"), "{phone:?}");
    let how = net.wait(DESK, |news| match news {
        News::Ended { how, .. } => Some(*how),
        _ => None,
    });
    assert_eq!(how, Ending::Cancelled);
    net.wish(SERVER, Wish::End { leg: rung, status: None, reason: None });
    net.nothing_is_left();
}

#[test]
fn a_late_second_200_gets_ack_and_bye_and_is_told_to_nobody() {
    let mut net = two_phones(21);
    let rung = net.ring("alice", 7);
    let (desk, soft) = (net.arrived(DESK), net.arrived(SOFT));
    net.wish(DESK, answer(desk.leg));
    net.wish(SOFT, answer(soft.leg));
    for at in [DESK, SOFT] {
        net.wait(at, |news| matches!(news, News::Acknowledged { .. }).then_some(()));
    }
    net.pass(Duration::from_secs(1));
    let answered = net.told(SERVER).iter().filter(|news| matches!(news, News::Answered { .. })).count();
    assert_eq!(answered, 1);
    let byes = net.wire.iter().filter(|(_, at, message)| *at == SERVER && is_request(message, Method::Bye)).count();
    assert_eq!(byes, 1, "one of them, once");
    assert_eq!(net.counts(DESK).legs + net.counts(SOFT).legs, 1);
    net.wish(SERVER, Wish::End { leg: rung, status: None, reason: None });
    net.nothing_is_left();
}

/// The desk phone must encrypt and turns the open form down; the other one rings beside it all the time.
#[test]
fn a_phone_that_turns_the_offer_down_is_offered_the_strict_form_once_while_the_others_ring() {
    for takes_it in [true, false] {
        let mut net = two_phones(24);
        let form = |body: &'static [u8]| Offer::from(Bytes::from_static(body));
        let offer = Offer {
            strict: Some(Box::new(form(b"v=0 strict"))),
            over_tls: Some(Box::new(form(b"v=0 for tls alone"))),
            ..form(b"v=0 open")
        };
        let from = Identity { display: String::new(), user: "+4930111".into() };
        let to = Callee::Agent(AgentName("alice".into()));
        net.wish(SERVER, Wish::Call { leg: LegId::rung(7), to, from, offer });
        let (desk, soft) = (net.arrived(DESK), net.arrived(SOFT));
        for phone in [&desk, &soft] {
            assert_eq!(phone.offer, Some(Bytes::from_static(b"v=0 open")), "what is for TLS goes by nothing else");
        }
        net.wish(SOFT, Wish::Ringing { leg: soft.leg });
        net.wish(DESK, Wish::Reject { leg: desk.leg, status: 488, reason: None });
        let again = net.arrived(DESK);
        assert_eq!((again.offer, again.call_id), (Some(Bytes::from_static(b"v=0 strict")), desk.call_id));
        assert!(net.told(SERVER).iter().all(|news| failed(news).is_none()), "the other one rings");
        if takes_it {
            net.wish(DESK, answer(again.leg));
            net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
            net.wait(SOFT, |news| matches!(news, News::Ended { .. }).then_some(()));
            net.wish(SERVER, Wish::End { leg: LegId::rung(7), status: None, reason: None });
        } else {
            net.wish(DESK, Wish::Reject { leg: again.leg, status: 488, reason: None });
            net.pass(Duration::from_secs(1));
            assert!(net.told(SERVER).iter().all(|news| failed(news).is_none()));
            net.wish(SOFT, Wish::Reject { leg: soft.leg, status: 486, reason: None });
            assert_eq!(net.wait(SERVER, failed), 486);
        }
        net.nothing_is_left();
    }
}

#[test]
fn when_all_fail_the_best_failure_is_told_once() {
    let mut net = two_phones(22);
    net.ring("alice", 7);
    let (desk, soft) = (net.arrived(DESK), net.arrived(SOFT));
    net.wish(DESK, Wish::Reject { leg: desk.leg, status: 486, reason: None });
    net.pass(Duration::from_secs(1));
    assert!(net.told(SERVER).iter().all(|news| failed(news).is_none()), "the other one still rings");
    net.wish(SOFT, Wish::Reject { leg: soft.leg, status: 480, reason: None });
    assert_eq!(net.wait(SERVER, failed), 486);
    net.nothing_is_left();
}

#[test]
fn a_decline_everywhere_stops_all_phones() {
    let mut net = two_phones(23);
    net.ring("alice", 7);
    let (desk, _soft) = (net.arrived(DESK), net.arrived(SOFT));
    net.wish(DESK, Wish::Reject { leg: desk.leg, status: 603, reason: Some("no".into()) });
    assert_eq!(net.wait(SERVER, failed), 603);
    net.wait(SOFT, |news| matches!(news, News::Ended { how: Ending::Cancelled, .. }).then_some(()));
    net.nothing_is_left();
}

#[test]
fn nobody_registered_fails_at_once_and_a_dead_phone_after_its_time() {
    let mut net = two_phones(24);
    net.ring("bob", 8);
    assert_eq!(net.wait(SERVER, failed), 480);
    net.rule(|from, _| if from == SERVER { Fate::Pass } else { Fate::Lose });
    net.ring("alice", 9);
    assert_eq!(net.wait(SERVER, failed), 408);
    net.rule(|_, _| Fate::Pass);
    for at in [DESK, SOFT] {
        let leg = net.arrived(at).leg;
        net.wish(at, Wish::Reject { leg, status: 480, reason: None });
    }
    net.nothing_is_left();
}

#[test]
fn a_redirection_is_not_followed() {
    let mut net = two_phones(25);
    net.ring("alice", 7);
    let (desk, soft) = (net.arrived(DESK), net.arrived(SOFT));
    net.wish(DESK, Wish::Reject { leg: desk.leg, status: 302, reason: None });
    net.wish(SOFT, Wish::Reject { leg: soft.leg, status: 486, reason: None });
    assert_eq!(net.wait(SERVER, failed), 302);
    let invites =
        net.wire.iter().filter(|(_, at, message)| *at == SERVER && is_request(message, Method::Invite)).count();
    assert_eq!(invites, 2);
    net.nothing_is_left();
}

#[test]
fn an_invite_that_a_proxy_spread_answers_twice_and_one_hears_bye() {
    let mut net = two_phones(26);
    // the proxy's second branch: the same 200 from another phone, with another To tag
    let rung = net.ring("alice", 7);
    let desk = net.arrived(DESK);
    net.wish(DESK, answer(desk.leg));
    net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
    let accepted =
        net.wire.iter().rev().find(|(_, at, message)| *at == DESK && status_of(message) == Some((200, Method::Invite)));
    let rsip::SipMessage::Response(mut second) = accepted.unwrap().2.clone() else { panic!("a response") };
    let to = crate::codec::headers::to(&second.headers).unwrap().with_tag("other-branch").to_string();
    crate::codec::set(&mut second.headers, "To", to);
    let text = crate::codec::write(&rsip::SipMessage::Response(second));
    let (server, peer) = (net.stacks[SERVER].0, "127.0.0.2:5060".parse().unwrap());
    let flow = crate::flow::Flow { protocol: Protocol::Udp, local: server, peer };
    net.inject(flow, std::str::from_utf8(&text).unwrap());
    let sent: Vec<_> = net.wire.iter().rev().take(2).map(|(_, _, message)| message.clone()).collect();
    assert!(is_request(&sent[1], Method::Ack) && is_request(&sent[0], Method::Bye));
    assert!(sent.iter().all(|message| message.to_string().contains("other-branch")));
    assert_eq!(net.counts(SERVER).legs, 1, "the first goes on");
    net.wish(SERVER, Wish::End { leg: rung, status: None, reason: None });
    net.nothing_is_left();
}
