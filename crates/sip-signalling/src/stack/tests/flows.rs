//! Phones with several flows (RFC 5626) and phones behind a proxy (RFC 3327).

use std::net::SocketAddr;
use std::time::Duration;

use rsip::{Method, Request, Response, SipMessage};

use super::net::{Fate, Net, SERVER};
use crate::News;
use crate::codec::{all, one, parse, write};
use crate::digest::DigestClient;
use crate::flow::Flow;
use crate::settings::*;

const WITHIN: Duration = Duration::from_secs(1);

/// A house and a far end whose part the tests play: what the house sends there is lost, and kept on the wire.
fn house(seed: u64) -> Net {
    let mut net = Net::new(seed, Protocol::Udp, &["127.0.0.9"]);
    net.rule(|from, _| if from == SERVER { Fate::Lose } else { Fate::Pass });
    net
}

fn from(net: &Net, peer: &str) -> Flow {
    Flow { protocol: Protocol::Udp, local: net.stacks[SERVER].0, peer: peer.parse().unwrap() }
}

fn last_response(net: &Net) -> Response {
    let found = net.wire.iter().rev().find_map(|(_, from, message)| match message {
        SipMessage::Response(response) if *from == SERVER => Some(response.clone()),
        _ => None,
    });
    found.unwrap()
}

fn invites(net: &Net) -> Vec<Request> {
    let sent = net.wire.iter().filter_map(|(_, from, message)| match message {
        SipMessage::Request(request) if *from == SERVER && request.method == Method::Invite => Some(request.clone()),
        _ => None,
    });
    let mut seen: Vec<Request> = Vec::new();
    for invite in sent {
        if !seen.iter().any(|known| one(&known.headers, "Via") == one(&invite.headers, "Via")) {
            seen.push(invite);
        }
    }
    seen
}

/// Alice registers so, with her password; the answer.
fn registers(net: &mut Net, peer: &str, contact: &str, lines: &str) -> Response {
    let mut digest = DigestClient::new("alice", &Secret("alice-secret".into()));
    for number in 1..=2 {
        let text = format!(
            "REGISTER sip:baton.local SIP/2.0\r\nVia: SIP/2.0/UDP {peer};branch=z9hG4bK{number}{contact_id}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:alice@baton.local>;tag=x\r\nTo: <sip:alice@baton.local>\r\n\
             Call-ID: {contact_id}\r\nCSeq: {number} REGISTER\r\nContact: {contact}\r\n{lines}Content-Length: 0\r\n\r\n",
            contact_id = contact.bytes().filter(u8::is_ascii_alphanumeric).map(char::from).collect::<String>(),
        );
        let Ok(SipMessage::Request(mut request)) = parse(text.as_bytes()) else { panic!("{text}") };
        digest.authorize(&mut request, "c0ffee");
        let bytes = write(&SipMessage::Request(request));
        let flow = from(net, peer);
        net.inject(flow, std::str::from_utf8(&bytes).unwrap());
        let response = last_response(net);
        if response.status_code.code() != 401 {
            net.told(SERVER);
            return response;
        }
        digest.challenged(&response).unwrap();
    }
    panic!("challenged twice")
}

fn contact(host: &str, flow: u32) -> String {
    format!("<sip:alice@{host};ob>;+sip.instance=\"<urn:uuid:1>\";reg-id={flow}")
}

const OUTBOUND: &str = "Supported: path, outbound\r\n";

/// The far end answers an INVITE.
fn answers(net: &mut Net, invite: &Request, peer: &str, status: u16) {
    let response = crate::codec::respond(invite, status, Some("raw"));
    let bytes = write(&SipMessage::Response(response));
    let flow = from(net, peer);
    net.inject(flow, std::str::from_utf8(&bytes).unwrap());
}

#[test]
fn a_phone_that_keeps_flows_is_told_that_we_do_and_others_are_not_bound_to_it() {
    let mut net = house(1);
    let answer = registers(&mut net, "127.0.0.9:5060", &contact("127.0.0.9", 1), OUTBOUND);
    assert_eq!((answer.status_code.code(), one(&answer.headers, "Require")), (200, Some("outbound")));
    assert!(one(&answer.headers, "Supported").unwrap().contains("outbound"));
    let required = registers(&mut net, "127.0.0.9:5062", &contact("127.0.0.9:5062", 2), "Require: outbound\r\n");
    assert_eq!((required.status_code.code(), one(&required.headers, "Require")), (200, Some("outbound")));
    for (host, lines, contact) in [
        ("127.0.0.9:5064", "", contact("127.0.0.9:5064", 3)),
        ("127.0.0.9:5066", OUTBOUND, "<sip:alice@127.0.0.9:5066>;reg-id=1".to_owned()),
    ] {
        let answer = registers(&mut net, host, &contact, lines);
        assert_eq!((answer.status_code.code(), one(&answer.headers, "Require")), (200, None), "{contact}");
    }
}

#[test]
fn a_proxy_before_the_phone_that_keeps_no_flows_is_439_and_only_where_flows_are_asked_for() {
    let hop = "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKedge\r\n";
    let kept = "Path: <sip:core@127.0.0.9;lr>\r\nPath: <sip:edge@127.0.0.8;lr;ob>\r\n";
    let not_kept = "Path: <sip:edge@127.0.0.8;lr>\r\n";
    for (lines, status) in [
        (format!("{OUTBOUND}{hop}"), 439),
        (format!("{OUTBOUND}{hop}{not_kept}"), 439),
        (format!("{OUTBOUND}{hop}{kept}"), 200),
        (format!("{hop}{not_kept}"), 200),
        (hop.to_owned(), 200),
    ] {
        let mut net = house(2);
        let answer = registers(&mut net, "127.0.0.9:5060", &contact("10.0.0.5", 1), &lines);
        assert_eq!(answer.status_code.code(), status, "{lines}");
        assert_eq!(net.counts(SERVER).registrations, usize::from(status == 200));
    }
}

#[test]
fn a_phone_is_rung_by_its_newest_flow_and_by_the_next_one_when_that_is_dead() {
    let mut net = house(3);
    for (port, flow) in [(5060, 1), (5062, 2), (5064, 3)] {
        let place = format!("127.0.0.9:{port}");
        registers(&mut net, &place, &contact(&place, flow), OUTBOUND);
        net.pass(WITHIN);
    }
    let leg = net.ring("alice", 7);
    let to = |invite: &Request| invite.uri.to_string();
    assert_eq!(invites(&net).len(), 1, "one phone, one INVITE");
    assert!(to(&invites(&net)[0]).contains(":5064"));
    // the network says that nobody is there
    let (now, dead) = (net.now, from(&net, "127.0.0.9:5064"));
    net.stacks[SERVER].1.unreachable(now, dead);
    net.collect(SERVER);
    let second = invites(&net)[1].clone();
    assert!(to(&second).contains(":5062"), "{}", second.uri);
    assert_eq!(second.body, invites(&net)[0].body);
    // a proxy says that it has lost the flow
    answers(&mut net, &second, "127.0.0.9:5062", 430);
    let third = invites(&net)[2].clone();
    assert!(to(&third).contains(":5060"), "{}", third.uri);
    assert!(net.told(SERVER).is_empty(), "nobody was told of a failure so far");
    answers(&mut net, &third, "127.0.0.9:5060", 430);
    assert_eq!(invites(&net).len(), 3);
    let failed =
        net.told(SERVER).into_iter().any(|news| matches!(news, News::Failed { leg: known, .. } if known == leg));
    assert!(failed, "no flow is left");
}

#[test]
fn a_flow_that_says_nothing_is_given_up_in_seconds_and_its_late_answer_still_counts() {
    let mut net = house(6);
    for (port, flow) in [(5060, 1), (5062, 2), (5064, 3)] {
        let place = format!("127.0.0.9:{port}");
        // as phones do it over TCP: one Contact for all their flows
        registers(&mut net, &place, &contact("127.0.0.9", flow), OUTBOUND);
        net.pass(WITHIN);
    }
    let leg = net.ring("alice", 10);
    net.pass(Duration::from_secs(3));
    assert_eq!(invites(&net).len(), 1, "it may be slow");
    net.pass(Duration::from_secs(1));
    assert_eq!(invites(&net).len(), 2, "the next flow after four seconds");
    net.pass(Duration::from_secs(4));
    assert_eq!(invites(&net).len(), 3);
    // it has heard the first after all, and takes the others for the same call come round again
    let [first, second, third] = invites(&net).try_into().unwrap();
    answers(&mut net, &first, "127.0.0.9:5064", 180);
    answers(&mut net, &second, "127.0.0.9:5062", 482);
    answers(&mut net, &third, "127.0.0.9:5060", 482);
    net.pass(Duration::from_secs(20));
    let told = net.told(SERVER);
    assert!(!told.iter().any(|news| matches!(news, News::Failed { .. })), "the phone rings: {told:?}");
    assert_eq!(invites(&net).len(), 3);
    answers(&mut net, &first, "127.0.0.9:5064", 486);
    let failed =
        net.told(SERVER).into_iter().any(|news| matches!(news, News::Failed { leg: known, .. } if known == leg));
    assert!(failed, "nothing is left of the call");
}

#[test]
fn every_flow_over_udp_is_kept_open_though_the_contact_is_the_same() {
    let mut net = house(7);
    for (port, flow) in [(5060, 1), (5062, 2)] {
        registers(&mut net, &format!("127.0.0.9:{port}"), &contact("127.0.0.9", flow), OUTBOUND);
    }
    assert_eq!(net.counts(SERVER).registrations, 2);
    net.pass(Duration::from_secs(30));
    let mut vias: Vec<_> = net
        .wire
        .iter()
        .filter_map(|(_, from, message)| match message {
            SipMessage::Request(request) if *from == SERVER && request.method == Method::Options => {
                Some(one(&request.headers, "Via").unwrap().to_owned())
            }
            _ => None,
        })
        .collect();
    vias.sort_unstable();
    vias.dedup();
    assert_eq!(vias.len(), 2, "one for each flow");
}

#[test]
fn whoever_has_answered_by_one_flow_is_not_rung_by_the_next() {
    for status in [180, 486] {
        let mut net = house(4);
        for (port, flow) in [(5060, 1), (5062, 2)] {
            let place = format!("127.0.0.9:{port}");
            registers(&mut net, &place, &contact(&place, flow), OUTBOUND);
            net.pass(WITHIN);
        }
        net.ring("alice", 8);
        let invite = invites(&net)[0].clone();
        answers(&mut net, &invite, "127.0.0.9:5062", status);
        net.pass(Duration::from_secs(200));
        assert_eq!(invites(&net).len(), 1, "{status}");
    }
}

#[test]
fn a_phone_behind_a_proxy_is_called_by_its_path() {
    let mut net = house(5);
    let path = "Path: <sip:core@127.0.0.9;lr>\r\nPath: <sip:edge@10.0.0.1;lr;ob>\r\n";
    let answer = registers(&mut net, "127.0.0.9:5060", &contact("10.0.0.5", 1), &format!("{OUTBOUND}{path}"));
    let told: Vec<_> = all(&answer.headers, "Path").collect();
    assert_eq!(told, ["<sip:core@127.0.0.9;lr>", "<sip:edge@10.0.0.1;lr;ob>"]);
    net.ring("alice", 9);
    let invite = invites(&net).remove(0);
    assert_eq!(invite.uri.to_string(), "sip:alice@10.0.0.5;ob");
    let route: Vec<_> = all(&invite.headers, "Route").collect();
    assert_eq!(route, ["<sip:core@127.0.0.9;lr>", "<sip:edge@10.0.0.1;lr;ob>"]);
    let by = net.stacks[SERVER].1.registrar.lookup(net.now, "alice")[0].flow;
    assert_eq!(by.peer, "127.0.0.9:5060".parse::<SocketAddr>().unwrap(), "not to the Contact");
}
