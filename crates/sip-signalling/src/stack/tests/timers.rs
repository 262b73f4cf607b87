//! Session timers, RFC 4028: asked for and granted, refreshed by half time, ended in time, over freeze and thaw.

use std::time::Duration;

use bytes::Bytes;
use conference::{Ending, LegId, Moment};
use rsip::Method;

use super::net::{Fate, Net, SERVER, phone_net, talking};
use super::races::{is_request, status_of};
use crate::codec::one;
use crate::flow::Flow;
use crate::leg::DialogState;
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

/// Alice calls, and the server answers: by its 200 her phone refreshes.
fn called(net: &mut Net) -> (LegId, LegId) {
    let there = net.dial(PHONE, Some("alice"), "101", 1);
    let here = net.arrived(SERVER).leg;
    net.wish(SERVER, Wish::Answer { leg: here, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::Acknowledged { .. }).then_some(()));
    net.wait(PHONE, |news| matches!(news, News::Answered { .. }).then_some(()));
    (here, there)
}

fn sent_at(net: &Net, at: usize, method: Method) -> Vec<Moment> {
    net.wire
        .iter()
        .filter(|(_, from, message)| *from == at && is_request(message, method))
        .map(|(when, _, _)| *when)
        .collect()
}

#[test]
fn our_refresh_comes_by_half_time_again_and_again() {
    let mut net = phone_net(100, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    let invite = net.sent(SERVER, Method::Invite);
    assert_eq!(one(&invite.headers, "Session-Expires"), Some("1800"));
    assert_eq!(one(&invite.headers, "Min-SE"), Some("90"));
    assert!(one(&invite.headers, "Supported").unwrap().contains("timer"));
    let begun = net.now;
    net.pass(seconds(3 * 3600));
    let refreshes = sent_at(&net, SERVER, Method::Update);
    assert!((11..=12).contains(&refreshes.len()), "every quarter of an hour: {}", refreshes.len());
    assert!(refreshes[0].since(begun) <= seconds(900));
    let update = net.sent(SERVER, Method::Update);
    assert_eq!(one(&update.headers, "Session-Expires"), Some("1800;refresher=uac"));
    assert!(update.body.is_empty());
    assert!(sent_at(&net, PHONE, Method::Update).is_empty(), "one side does it");
    assert!(!net.told(SERVER).iter().any(|news| matches!(news, News::Ended { .. })));
    net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
    net.nothing_is_left();
}

#[test]
fn a_phone_that_takes_no_update_is_refreshed_by_the_same_description_again() {
    let mut net = phone_net(101, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    for _ in 0..3 {
        // its answers say otherwise each time
        net.stacks[SERVER].1.session_mut(here).unwrap().dialog.takes_no_update();
        net.pass(seconds(890));
        net.wait(SERVER, |news| matches!(news, News::OfferWanted { .. }).then_some(()));
        net.wish(SERVER, Wish::Refresh { leg: here, body: Bytes::from_static(b"v=0 same") });
        let number = net.offered(PHONE);
        net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0 same") });
        net.wait(SERVER, |news| matches!(news, News::OfferAnswered { wanted: true, .. }).then_some(()));
    }
    assert_eq!(net.count(SERVER, Method::Update), 0);
    // an owner that gives none is asked again, and in the end the session is over
    net.stacks[SERVER].1.session_mut(here).unwrap().dialog.takes_no_update();
    net.stacks[PHONE].1.session_mut(there).unwrap().upkeep.timer = None;
    net.stacks[PHONE].1.arm_session(there);
    let asked = |net: &mut Net| net.told(SERVER).iter().filter(|news| matches!(news, News::OfferWanted { .. })).count();
    net.pass(seconds(1000));
    assert!(asked(&mut net) >= 2);
    assert_eq!(net.wait_long(SERVER, seconds(900), ended), Ending::Dead);
}

#[test]
fn an_update_that_is_no_known_method_is_followed_by_a_re_invite() {
    let mut net = phone_net(102, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    net.rule(|_, message| if is_request(message, Method::Update) { Fate::Lose } else { Fate::Pass });
    net.pass(seconds(901));
    let update = net.sent(SERVER, Method::Update);
    net.answer(SERVER, &update, 501, &[]);
    net.wait(SERVER, |news| matches!(news, News::OfferWanted { .. }).then_some(()));
    net.wish(SERVER, Wish::Refresh { leg: here, body: Bytes::from_static(b"v=0 same") });
    let number = net.offered(PHONE);
    net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0 same") });
    net.wait(SERVER, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
}

#[test]
fn a_peer_that_stops_refreshing_is_ended_in_time() {
    let mut net = phone_net(103, Protocol::Udp);
    let (here, there) = called(&mut net);
    let granted =
        net.wire.iter().find(|(_, at, message)| *at == SERVER && status_of(message) == Some((200, Method::Invite)));
    let text = granted.unwrap().2.to_string();
    assert!(text.contains("Session-Expires: 1800;refresher=uac") && text.contains("Require: timer"), "{text}");
    net.pass(seconds(3700));
    let refreshes = sent_at(&net, PHONE, Method::Update);
    assert_eq!(refreshes.len(), 4, "the phone does it");
    assert_eq!(net.count(SERVER, Method::Update), 0);
    net.told(SERVER);
    net.rule(|from, _| if from == PHONE { Fate::Lose } else { Fate::Pass });
    let how = net.wait_long(SERVER, seconds(1800), ended);
    let last = *refreshes.last().unwrap();
    assert_eq!(how, Ending::Dead);
    let after = net.now.since(last);
    assert!(after >= seconds(1768) && after < seconds(1769), "{after:?}");
    assert_eq!(net.count(SERVER, Method::Bye), 1);
    // the phone's own refresh had no answer: it gave up earlier
    assert_eq!(net.counts(SERVER).legs, 0);
    let _ = (here, there);
}

#[test]
fn an_interval_below_90_is_422_in_and_out_of_a_dialog() {
    let mut net = phone_net(104, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    let dialog = net.stacks[SERVER].1.session_mut(here).unwrap().dialog.clone();
    let trunk: std::net::SocketAddr = "127.0.0.9:5060".parse().unwrap();
    let outside = "From: <sip:a@b>;tag=1\r\nTo: <sip:101@x>\r\nCall-ID: other\r\n".to_owned();
    let names = (&dialog.remote_tag, &dialog.local_tag, &dialog.call_id);
    let inside =
        format!("From: <sip:a@b>;tag={}\r\nTo: <sip:x@y>;tag={}\r\nCall-ID: {}\r\n", names.0, names.1, names.2);
    let (local, phone) = (net.stacks[SERVER].0, net.stacks[PHONE].0);
    for (peer, names, method, asked, expected) in [
        (trunk, &outside, "INVITE", "89", 422),
        (trunk, &outside, "INVITE", "90", 100),
        (phone, &inside, "UPDATE", "89;refresher=uac", 422),
        (phone, &inside, "INVITE", "10", 422),
        (phone, &inside, "UPDATE", "90", 200),
    ] {
        let number = net.wire.len();
        let via = format!("SIP/2.0/UDP {peer};branch=z9hG4bK{number}");
        let text = format!(
            "{method} sip:101@127.0.0.1 SIP/2.0\r\nVia: {via}\r\n{names}CSeq: {number} {method}\r\nContact: <sip:a@{peer}>\r\n\
             Supported: timer\r\nSession-Expires: {asked}\r\nContent-Length: 0\r\n\r\n"
        );
        net.inject(Flow { protocol: Protocol::Udp, local, peer }, &text);
        let answer = &net.wire.last().unwrap().2;
        assert_eq!(status_of(answer).unwrap().0, expected, "{method} {asked}");
        assert_eq!(answer.to_string().contains("Min-SE: 90"), expected == 422);
    }
}

#[test]
fn a_422_is_followed_by_the_larger_interval_as_often_as_that_helps() {
    let mut net = phone_net(105, Protocol::Udp);
    net.rule(
        |from, message| if from == SERVER && is_request(message, Method::Invite) { Fate::Lose } else { Fate::Pass },
    );
    net.ring("alice", 7);
    for (number, least) in [(1, "3600"), (2, "7200"), (3, "86400")] {
        let invite = net.sent(SERVER, Method::Invite);
        assert_eq!(one(&invite.headers, "CSeq"), Some(format!("{number} INVITE").as_str()));
        net.answer(SERVER, &invite, 422, &[("Min-SE", least)]);
        let again = net.sent(SERVER, Method::Invite);
        let of = |name| (one(&again.headers, name), one(&invite.headers, name));
        assert_eq!((of("Session-Expires").0, of("Min-SE").0), (Some(least), Some(least)));
        assert_eq!((of("Call-ID").0, of("From").0), (of("Call-ID").1, of("From").1));
        assert_eq!(again.body, invite.body);
    }
    let invite = net.sent(SERVER, Method::Invite);
    net.answer(SERVER, &invite, 422, &[("Min-SE", "86400")]);
    assert!(matches!(net.told(SERVER)[..], [News::Failed { status: 422, .. }]));
    net.nothing_is_left();
}

#[test]
fn a_refresh_that_is_too_short_too_early_or_refused_is_tried_again_in_time() {
    let mut net = phone_net(106, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    net.rule(|_, message| if is_request(message, Method::Update) { Fate::Lose } else { Fate::Pass });
    net.pass(seconds(900));
    let first = net.sent(SERVER, Method::Update);
    net.answer(SERVER, &first, 422, &[("Min-SE", "2400")]);
    let second = net.sent(SERVER, Method::Update);
    assert_eq!(one(&second.headers, "Session-Expires"), Some("2400;refresher=uac"));
    for (status, lines) in [(491, &[][..]), (500, &[("Retry-After", "3")])] {
        let asked = net.sent(SERVER, Method::Update);
        net.answer(SERVER, &asked, status, lines);
        let (count, tried) = (net.count(SERVER, Method::Update), net.now);
        assert_eq!(net.sent(SERVER, Method::Update), asked, "not at once");
        while net.count(SERVER, Method::Update) == count {
            net.pass(Duration::from_millis(100));
        }
        assert!(net.now.since(tried) <= Duration::from_millis(4200));
    }
    // refused: again within the time, and well at last
    let asked = net.sent(SERVER, Method::Update);
    net.answer(SERVER, &asked, 488, &[]);
    let count = net.count(SERVER, Method::Update);
    net.pass(seconds(5));
    assert_eq!(net.count(SERVER, Method::Update), count);
    net.rule(|_, _| Fate::Pass);
    net.pass(seconds(60));
    assert!(net.count(SERVER, Method::Update) > count);
    assert!(net.told(SERVER).is_empty());
    assert!(net.stacks[SERVER].1.session_mut(here).unwrap().upkeep.timer.unwrap().since > asked_at(&net));
}

fn asked_at(net: &Net) -> Moment {
    sent_at(net, SERVER, Method::Update)[0]
}

#[test]
fn a_refresh_that_nobody_knows_or_answers_ends_the_leg() {
    for gone in [true, false] {
        let mut net = phone_net(107, Protocol::Udp);
        let (here, there) = talking(&mut net, 7);
        if gone {
            net.stacks[PHONE].1.drop_leg(there);
        } else {
            net.rule(|from, _| if from == PHONE { Fate::Lose } else { Fate::Pass });
        }
        let begun = net.now;
        let news = net.wait_long(SERVER, seconds(1000), |news| ended(news).map(|how| (how, news.clone())));
        assert_eq!(news.1, News::Ended { leg: here, how: Ending::Dead });
        assert!(net.now.since(begun) <= seconds(900 + if gone { 1 } else { 33 }));
        assert!(net.count(SERVER, Method::Bye) >= 1);
    }
}

#[test]
fn who_does_not_know_of_timers_and_refuses_refreshes_is_left_alone() {
    let mut net = phone_net(108, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    let session = net.stacks[SERVER].1.session_mut(here).unwrap();
    session.upkeep.timer.as_mut().unwrap().spoken = false;
    net.stacks[PHONE].1.session_mut(there).unwrap().upkeep.timer = None;
    net.stacks[PHONE].1.arm_session(there);
    net.rule(|_, message| if is_request(message, Method::Update) { Fate::Lose } else { Fate::Pass });
    for _ in 0..5 {
        let before = net.count(SERVER, Method::Update);
        while net.count(SERVER, Method::Update) == before {
            net.pass(Duration::from_millis(200));
        }
        let asked = net.sent(SERVER, Method::Update);
        net.answer(SERVER, &asked, 488, &[]);
    }
    assert!(net.told(SERVER).is_empty(), "the call goes on");
}

#[test]
fn the_refresher_survives_freeze_and_thaw_here_and_in_another_process() {
    for elsewhere in [false, true] {
        let mut net = phone_net(109, Protocol::Udp);
        let (here, there) = talking(&mut net, 7);
        let begun = net.now;
        net.pass(seconds(600));
        let now = net.now;
        let state = net.stacks[SERVER].1.freeze(now, here).unwrap();
        let state: DialogState = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        net.pass(seconds(20));
        if elsewhere {
            let address = net.stacks[SERVER].0;
            let settings = super::net::settings(crate::Doorkeeping::Server);
            let stack = crate::stack::Stack::new(settings, vec![(Protocol::Udp, address)], Box::new(|_| None), [9; 32]);
            net.stacks[SERVER].1 = stack;
        }
        let now = net.now;
        net.stacks[SERVER].1.thaw(now, state);
        net.collect(SERVER);
        net.pass(seconds(400));
        let refreshes = sent_at(&net, SERVER, Method::Update);
        assert_eq!(refreshes.len(), 1);
        assert!(refreshes[0].since(begun) <= seconds(900), "by half time of the first interval");
        // and one that was due while nobody was there comes at once
        let now = net.now;
        let state = net.stacks[SERVER].1.freeze(now, here).unwrap();
        net.now = net.now + seconds(1200);
        let now = net.now;
        net.stacks[SERVER].1.thaw(now, state);
        net.collect(SERVER);
        net.pass(seconds(1));
        assert_eq!(net.count(SERVER, Method::Update), 2);
        net.wish(PHONE, Wish::End { leg: there, status: None, reason: None });
        net.wait(SERVER, ended);
    }
}

#[test]
fn in_bad_weather_a_session_is_refreshed_for_hours() {
    for seed in 0..20 {
        let mut net = phone_net(2000 + seed, Protocol::Udp);
        let (here, _) = if seed % 2 == 0 { talking(&mut net, 7) } else { called(&mut net) };
        net.weather = super::net::Weather { loss: seed % 4 * 10, double: 10, jitter: Duration::from_millis(40) };
        net.keep_wire = false;
        net.pass(seconds(2 * 3600));
        assert!(net.told(SERVER).iter().all(|news| !matches!(news, News::Ended { .. })), "{seed}");
        net.weather = super::net::Weather::default();
        net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
        net.nothing_is_left();
    }
}
