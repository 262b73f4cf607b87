//! INVITEs to a carrier that are too large for a datagram: over TCP first, and by UDP when nothing is heard there.

use std::time::Duration;

use bytes::Bytes;
use conference::{Identity, LegId};
use rsip::{Method, Request, SipMessage};

use super::net::{Fate, Net, SERVER, settings};
use crate::codec::{one, respond, write};
use crate::flow::Flow;
use crate::settings::*;
use crate::stack::Stack;
use crate::wish::Callee;
use crate::{News, Wish};

/// A house that listens over UDP and TCP, and a carrier whose part the tests play.
fn house(seed: u64) -> Net {
    let mut net = Net::new(seed, Protocol::Udp, &["127.0.0.9"]);
    net.rule(|from, _| if from == SERVER { Fate::Lose } else { Fate::Pass });
    let own = net.stacks[SERVER].0;
    let listeners = vec![(Protocol::Udp, own), (Protocol::Tcp, own)];
    net.stacks[SERVER].1 = Stack::new(settings(Doorkeeping::Server), listeners, Box::new(|_| None), [9; 32]);
    net
}

fn calls_out(net: &mut Net, leg: u64) {
    let to = Callee::Trunk { trunk: "pstn".into(), number: "+4930222".into() };
    let from = Identity { display: "Alice".into(), user: "+4930111".into() };
    let offer = Bytes::from(vec![b'a'; 2000]).into();
    net.wish(SERVER, Wish::Call { leg: LegId::rung(leg), to, from, offer });
}

/// The INVITEs sent, each once.
fn invites(net: &Net) -> Vec<Request> {
    let mut seen: Vec<Request> = Vec::new();
    for (_, from, message) in &net.wire {
        if let SipMessage::Request(request) = message
            && *from == SERVER
            && request.method == Method::Invite
            && !seen.iter().any(|known| one(&known.headers, "Via") == one(&request.headers, "Via"))
        {
            seen.push(request.clone());
        }
    }
    seen
}

fn is_by(invite: &Request, transport: &str) -> bool {
    one(&invite.headers, "Via").unwrap().starts_with(&format!("SIP/2.0/{transport} "))
}

fn by_tcp(net: &Net) -> Flow {
    Flow { protocol: Protocol::Tcp, local: net.stacks[SERVER].0, peer: "127.0.0.9:5060".parse().unwrap() }
}

#[test]
fn a_firewall_that_swallows_connections_costs_seconds_once_and_no_call() {
    let mut net = house(1);
    calls_out(&mut net, 1);
    net.pass(Duration::from_secs(3));
    assert!(invites(&net).len() == 1 && is_by(&invites(&net)[0], "TCP"));
    net.pass(Duration::from_secs(1));
    assert!(invites(&net).len() == 2 && is_by(&invites(&net)[1], "UDP"));
    assert!(!net.told(SERVER).iter().any(|news| matches!(news, News::Failed { .. })));
    calls_out(&mut net, 2);
    assert!(invites(&net).len() == 3 && is_by(&invites(&net)[2], "UDP"), "it is remembered");
}

#[test]
fn an_invite_that_was_heard_over_a_connection_is_not_sent_again_when_that_breaks() {
    let mut net = house(2);
    calls_out(&mut net, 1);
    let invite = invites(&net).remove(0);
    let flow = by_tcp(&net);
    let ringing = write(&SipMessage::Response(respond(&invite, 180, Some("raw"))));
    net.inject(flow, std::str::from_utf8(&ringing).unwrap());
    net.pass(Duration::from_secs(5));
    let now = net.now;
    net.stacks[SERVER].1.flow_failed(now, flow);
    net.collect(SERVER);
    net.pass(Duration::from_secs(5));
    assert_eq!(invites(&net).len(), 1, "it would be another call");
}
