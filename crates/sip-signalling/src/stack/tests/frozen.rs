//! Legs that are frozen and thawed in the middle of a call, in the same stack and in another.

use std::time::Duration;

use bytes::Bytes;
use conference::Ending;
use rsip::{Response, SipMessage};

use super::net::{Fate, Net, SERVER, Weather, phone_net, talking};
use crate::codec::parse;
use crate::digest::DigestClient;
use crate::flow::Flow;
use crate::leg::DialogState;
use crate::settings::{Protocol, Secret};
use crate::{News, Wish};

const PHONE: usize = 1;

/// Through bytes, as a journal would keep it.
fn through_json(state: &DialogState) -> DialogState {
    let text = serde_json::to_string(state).unwrap();
    let back: DialogState = serde_json::from_str(&text).unwrap();
    assert_eq!(back, *state);
    back
}

fn freeze_and_thaw(net: &mut Net, leg: conference::LegId, between: Duration) {
    let now = net.now;
    let state = net.stacks[SERVER].1.freeze(now, leg).unwrap();
    net.collect(SERVER);
    net.pass(between);
    let now = net.now;
    net.stacks[SERVER].1.thaw(now, through_json(&state));
    net.collect(SERVER);
}

#[test]
fn a_thawed_leg_takes_a_hold_and_makes_one_and_ends() {
    for seed in 0..40 {
        let mut net = phone_net(40 + seed, if seed % 4 == 0 { Protocol::Tcp } else { Protocol::Udp });
        let (here, there) = talking(&mut net, 7);
        net.weather = Weather { loss: seed % 20, double: 5, jitter: Duration::from_millis(20) };
        // in the middle of whatever happens: their offer is on its way
        net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 hold") });
        freeze_and_thaw(&mut net, here, Duration::from_millis(seed * 3));
        let number = net.offered(SERVER);
        freeze_and_thaw(&mut net, here, Duration::from_millis(seed * 7 % 50));
        net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0 held") });
        freeze_and_thaw(&mut net, here, Duration::from_millis(seed));
        net.wait(PHONE, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
        net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 ours") });
        freeze_and_thaw(&mut net, here, Duration::from_millis(seed * 11 % 70));
        let number = net.offered(PHONE);
        net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0") });
        net.wait(SERVER, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
        freeze_and_thaw(&mut net, here, Duration::ZERO);
        net.wish(PHONE, Wish::End { leg: there, status: None, reason: None });
        net.wait(SERVER, |news| matches!(news, News::Ended { how: Ending::Bye, .. }).then_some(()));
        net.nothing_is_left();
    }
}

#[test]
fn a_wish_for_a_frozen_leg_is_carried_out_when_it_thaws() {
    let mut net = phone_net(90, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    let now = net.now;
    let state = net.stacks[SERVER].1.freeze(now, here).unwrap();
    net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
    net.pass(Duration::from_secs(2));
    let now = net.now;
    net.stacks[SERVER].1.thaw(now, state);
    net.collect(SERVER);
    net.wait(PHONE, |news| matches!(news, News::Ended { how: Ending::Bye, .. }).then_some(()));
    net.nothing_is_left();
}

#[test]
fn however_much_is_wished_of_a_frozen_leg_its_end_is_not_lost() {
    let mut net = phone_net(93, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    let now = net.now;
    let state = net.stacks[SERVER].1.freeze(now, here).unwrap();
    for _ in 0..100 {
        net.wish(SERVER, Wish::Digit { leg: here, digit: '5', duration_ms: 100 });
    }
    net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
    let now = net.now;
    net.stacks[SERVER].1.thaw(now, state);
    net.collect(SERVER);
    net.wait(PHONE, |news| matches!(news, News::Ended { how: Ending::Bye, .. }).then_some(()));
    net.nothing_is_left();
}

#[test]
fn a_leg_thawed_in_another_process_goes_on() {
    let mut net = phone_net(91, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    let now = net.now;
    let state = through_json(&net.stacks[SERVER].1.freeze(now, here).unwrap());
    // the process is gone: another one at the same address, which knows nothing
    let address = net.stacks[SERVER].0;
    let settings = super::net::settings(crate::Doorkeeping::Server);
    let stack = crate::stack::Stack::new(settings, vec![(Protocol::Udp, address)], Box::new(|_| None), [9; 32]);
    net.stacks[SERVER].1 = stack;
    net.stacks[SERVER].1.thaw(now, state);
    net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 after") });
    let number = net.offered(PHONE);
    net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
    net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 theirs") });
    let number = net.offered(SERVER);
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0") });
    net.wait(PHONE, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
    net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
    net.wait(PHONE, |news| matches!(news, News::Ended { how: Ending::Bye, .. }).then_some(()));
}

#[test]
fn a_leg_that_is_never_thawed_is_forgotten_here() {
    let mut net = phone_net(92, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    let now = net.now;
    assert!(net.stacks[SERVER].1.freeze(now, here).is_some());
    assert!(net.stacks[SERVER].1.freeze(now, here).is_none(), "once");
    net.wish(PHONE, Wish::End { leg: there, status: None, reason: None });
    net.nothing_is_left();
}

#[test]
fn an_invite_that_names_a_frozen_dialog_waits_for_the_thaw() {
    let mut net = phone_net(91, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    let flow = Flow { protocol: Protocol::Udp, local: net.stacks[SERVER].0, peer: net.stacks[PHONE].0 };
    let dialog = net.stacks[SERVER].1.session_mut(here).unwrap().dialog.clone();
    let mut client = DigestClient::new("alice", &Secret("alice-secret".into()));
    let mut invite = |branch: &str, challenged: Option<&Response>| {
        let text = format!(
            "INVITE sip:*43@baton.local SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:alice@baton.local>;tag=again\r\nTo: <sip:*43@baton.local>\r\nCall-ID: again\r\n\
             CSeq: {} INVITE\r\nContact: <sip:alice@127.0.0.2>\r\nReplaces: {};to-tag={};from-tag={}\r\n\
             Content-Length: 0\r\n\r\n",
            1 + u32::from(challenged.is_some()),
            dialog.call_id,
            dialog.local_tag,
            dialog.remote_tag
        );
        let SipMessage::Request(mut request) = parse(text.as_bytes()).unwrap() else { panic!("a request") };
        if let Some(response) = challenged {
            client.challenged(response).unwrap();
            client.authorize(&mut request, "cnonce");
        }
        request.to_string()
    };
    let first = invite("a", None);
    net.inject(flow, &first);
    let challenge = net.wire.iter().rev().find_map(|(_, _, message)| match message {
        SipMessage::Response(response) if response.status_code.code() == 401 => Some(response.clone()),
        _ => None,
    });
    let second = invite("b", Some(&challenge.unwrap()));
    let now = net.now;
    let state = net.stacks[SERVER].1.freeze(now, here).unwrap();
    net.wire.clear();
    net.inject(flow, &second);
    net.pass(Duration::from_millis(10));
    assert!(net.wire.is_empty(), "it has not ended: {:?}", net.wire);
    let now = net.now;
    net.stacks[SERVER].1.thaw(now, through_json(&state));
    net.collect(SERVER);
    assert_eq!(net.arrived(SERVER).replaces, Some(here));
}

#[test]
fn an_offer_that_was_lost_while_frozen_is_made_again_although_another_phone_never_answered_its_first_invite() {
    let mut net = Net::new(92, Protocol::Udp, &["127.0.0.2", "127.0.0.3"]);
    net.register(PHONE, "alice");
    net.register(2, "alice");
    net.rule(|from, _| if from == 2 { Fate::Lose } else { Fate::Pass });
    let (here, there) = talking(&mut net, 7);
    net.rule(|from, _| if from == SERVER { Fate::Lose } else { Fate::Pass });
    net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 ours") });
    let (now, local, peer) = (net.now, net.stacks[SERVER].0, net.stacks[PHONE].0);
    let state = net.stacks[SERVER].1.freeze(now, here).unwrap();
    net.stacks[SERVER].1.flow_failed(now, Flow { protocol: Protocol::Udp, local, peer });
    net.collect(SERVER);
    net.rule(|from, _| if from == 2 { Fate::Lose } else { Fate::Pass });
    net.stacks[SERVER].1.thaw(now, through_json(&state));
    net.collect(SERVER);
    let number = net.offered(PHONE);
    net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
}
