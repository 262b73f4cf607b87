//! Phones whose port is closed: their INVITE fails at once, the others ring on, and whoever forges the news of it gains little.

use std::time::Duration;

use bytes::Bytes;
use conference::LegId;
use rsip::Method;

use super::net::{Fate, Net, SERVER, phone_net, talking};
use super::races::is_request;
use crate::codec::one;
use crate::flow::Flow;
use crate::settings::Protocol;
use crate::{News, Wish};

const DESK: usize = 1;
const SOFT: usize = 2;

fn closed(net: &mut Net, phone: usize) {
    let flow = Flow { protocol: Protocol::Udp, local: net.stacks[SERVER].0, peer: net.stacks[phone].0 };
    let now = net.now;
    net.stacks[SERVER].1.unreachable(now, flow);
    net.collect(SERVER);
}

fn failures(net: &mut Net) -> Vec<u16> {
    let status = |news: News| match news {
        News::Failed { status, .. } => Some(status),
        _ => None,
    };
    net.told(SERVER).into_iter().filter_map(status).collect()
}

#[test]
fn a_killed_phone_fails_at_once_and_is_not_rung_again_and_again() {
    let mut net = phone_net(1, Protocol::Udp);
    net.rule(|at, message| if at == SERVER && is_request(message, Method::Invite) { Fate::Lose } else { Fate::Pass });
    net.ring("alice", 7);
    closed(&mut net, DESK);
    assert_eq!(failures(&mut net), [503]);
    net.pass(Duration::from_secs(40));
    assert_eq!(net.count(SERVER, Method::Invite), 1, "it is not repeated to nobody");
    assert_eq!(net.counts(SERVER).registrations, 1, "anybody could have said so");
    net.nothing_is_left();
}

#[test]
fn the_other_phone_rings_on_and_answers() {
    let mut net = Net::new(2, Protocol::Udp, &["127.0.0.2", "127.0.0.3"]);
    net.register(DESK, "alice");
    net.register(SOFT, "alice");
    let rung = net.ring("alice", 7);
    closed(&mut net, DESK);
    assert_eq!(failures(&mut net), [] as [u16; 0]);
    let arrival = net.arrived(SOFT);
    net.wish(SOFT, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
    net.wish(SERVER, Wish::End { leg: rung, status: None, reason: None });
    net.pass(Duration::from_secs(1));
    // the desk phone was there after all, and took the INVITE
    for leg in net.told(DESK).into_iter().filter_map(|news| match news {
        News::Arrived(arrival) => Some(arrival.leg),
        _ => None,
    }) {
        net.wish(DESK, Wish::Reject { leg, status: 486, reason: None });
    }
    net.nothing_is_left();
}

#[test]
fn a_phone_that_rang_is_called_off_and_a_call_that_goes_on_is_not_touched() {
    let mut net = phone_net(3, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    closed(&mut net, DESK);
    net.pass(Duration::from_secs(2));
    assert!(!net.told(SERVER).iter().any(|news| matches!(news, News::Ended { .. } | News::Failed { .. })));
    net.wish(SERVER, Wish::Probe { leg: here });
    closed(&mut net, DESK);
    net.wait(SERVER, |news| matches!(news, News::Probed { alive: true, .. }).then_some(()));

    net.ring("alice", 8);
    let arrival = net.arrived(DESK);
    net.wish(DESK, Wish::Ringing { leg: arrival.leg });
    net.wait(SERVER, |news| matches!(news, News::Progress { .. }).then_some(()));
    closed(&mut net, DESK);
    assert_eq!(failures(&mut net), [503]);
    net.wait(DESK, |news| matches!(news, News::Ended { .. }).then_some(()));
    net.wish(DESK, Wish::End { leg: there, status: None, reason: None });
    net.nothing_is_left();
}

#[test]
fn a_phone_that_rang_and_is_really_gone_leaves_nothing_behind() {
    let mut net = phone_net(4, Protocol::Udp);
    net.ring("alice", 8);
    let arrival = net.arrived(DESK);
    net.wish(DESK, Wish::Ringing { leg: arrival.leg });
    net.wait(SERVER, |news| matches!(news, News::Progress { .. }).then_some(()));
    net.rule(|at, message| match message {
        rsip::SipMessage::Request(request) if at == SERVER && request.method != Method::Options => Fate::Lose,
        _ => Fate::Pass,
    });
    closed(&mut net, DESK);
    closed(&mut net, DESK);
    assert_eq!(failures(&mut net), [503]);
    net.wish(DESK, Wish::Reject { leg: arrival.leg, status: 486, reason: None });
    net.pass(Duration::from_secs(80));
    let counts = net.counts(SERVER);
    assert_eq!((counts.legs, counts.branches, counts.dialogs), (0, 0, 0));
}

#[test]
fn a_phone_that_stops_ringing_is_told_why() {
    let cases = [
        (Wish::answered_elsewhere(LegId::rung(7)), Some("SIP;cause=200;text=\"Call completed elsewhere\"")),
        (
            Wish::End { leg: LegId::rung(7), status: None, reason: Some("gone".into()) },
            Some("SIP;cause=487;text=\"gone\""),
        ),
        (Wish::End { leg: LegId::rung(7), status: None, reason: None }, None),
    ];
    for (early, (wish, expected)) in cases.into_iter().enumerate() {
        let mut net = phone_net(5, Protocol::Udp);
        net.ring("alice", 7);
        if early == 0 {
            // before anything came back: the CANCEL waits for that
            net.wish(SERVER, wish);
            let arrival = net.arrived(DESK);
            net.wish(DESK, Wish::Ringing { leg: arrival.leg });
        } else {
            let arrival = net.arrived(DESK);
            net.wish(DESK, Wish::Ringing { leg: arrival.leg });
            net.wait(SERVER, |news| matches!(news, News::Progress { .. }).then_some(()));
            net.wish(SERVER, wish);
        }
        net.wait(DESK, |news| matches!(news, News::Ended { .. }).then_some(()));
        assert_eq!(one(&net.sent(SERVER, Method::Cancel).headers, "Reason"), expected);
        net.nothing_is_left();
    }
    let mut net = Net::new(6, Protocol::Udp, &["127.0.0.2", "127.0.0.3"]);
    net.register(DESK, "alice");
    net.register(SOFT, "alice");
    let rung = net.ring("alice", 7);
    let (desk, soft) = (net.arrived(DESK), net.arrived(SOFT));
    net.wish(DESK, Wish::Ringing { leg: desk.leg });
    net.wish(SOFT, Wish::Answer { leg: soft.leg, body: Bytes::from_static(b"v=0") });
    net.wait(DESK, |news| matches!(news, News::Ended { .. }).then_some(()));
    let reason = one(&net.sent(SERVER, Method::Cancel).headers, "Reason").map(str::to_owned);
    assert_eq!(reason.as_deref(), Some("SIP;cause=200;text=\"Call completed elsewhere\""), "the agent's other phone");
    net.wish(SERVER, Wish::End { leg: rung, status: None, reason: None });
    net.nothing_is_left();
}
