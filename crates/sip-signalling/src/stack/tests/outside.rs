//! Behind a NAT: whoever is in our networks is told our own address, and all others the external one.

use std::net::SocketAddr;

use bytes::Bytes;
use conference::{AgentName, Identity, LegId};
use rsip::{Method, SipMessage};

use super::net::{Net, SERVER, settings};
use crate::codec::headers::{Contacts, contacts};
use crate::settings::*;
use crate::stack::Stack;
use crate::{Callee, News, Offer, Wish};

const EXTERNAL: &str = "198.51.100.1";

/// The server behind a NAT, in a network with the first phone and without the second.
fn behind_a_nat(seed: u64) -> Net {
    let mut net = Net::new(seed, Protocol::Udp, &["127.0.0.2", "127.0.0.9"]);
    let house = SipSettings {
        external_address: Some(EXTERNAL.parse().unwrap()),
        local_networks: vec![Network { address: "127.0.0.0".parse().unwrap(), prefix: 29 }],
        ..settings(Doorkeeping::Server)
    };
    let listeners = vec![(Protocol::Udp, net.stacks[SERVER].0)];
    net.stacks[SERVER].1 = Stack::new(house, listeners, Box::new(|_| None), [9; 32]);
    net.register(1, "alice");
    net.register(2, "alice");
    net
}

#[test]
fn an_agents_phones_are_each_told_the_address_that_reaches_us_from_where_they_are() {
    let mut net = behind_a_nat(1);
    let offer =
        Offer { near: Bytes::from_static(b"v=0 near"), far: Some(Bytes::from_static(b"v=0 far")), ..Offer::default() };
    let from = Identity { display: "Customer".into(), user: "+4930111".into() };
    let to = Callee::Agent(AgentName("alice".into()));
    net.wish(SERVER, Wish::Call { leg: LegId::rung(7), to, from, offer });
    for (phone, body, host) in [(1, "v=0 near", "127.0.0.1"), (2, "v=0 far", EXTERNAL)] {
        assert_eq!(net.arrived(phone).offer, Some(Bytes::from_static(body.as_bytes())));
        let mut invites = net.wire.iter().filter_map(|(_, from, message)| match message {
            SipMessage::Request(request) if *from == SERVER && request.method == Method::Invite => Some(request),
            _ => None,
        });
        let invite = invites.find(|invite| invite.body == body.as_bytes()).unwrap();
        let Ok(Contacts::These(ours)) = contacts(&invite.headers) else { panic!("no Contact") };
        assert_eq!(ours[0].uri.host, host);
        let via = crate::codec::one(&invite.headers, "Via").unwrap();
        assert!(via.contains(&format!("SIP/2.0/UDP {host}:5060")), "{via}");
    }
}

#[test]
fn the_owner_is_told_when_a_phone_in_a_call_comes_from_another_address_and_not_for_another_port() {
    let mut net = behind_a_nat(2);
    let phone: SocketAddr = net.stacks[1].0;
    let leg = net.ring("alice", 8);
    let arrival = net.arrived(1);
    net.wish(1, Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::Answered { .. }).then_some(()));
    let now = net.now;
    let server = &mut net.stacks[SERVER].1;
    let bound = server.registrar.lookup(now, "alice");
    let named = Stack::phone_name(bound.iter().find(|binding| binding.source == phone).unwrap());
    let hers = crate::leg::Party::Agent { name: AgentName("alice".into()), phone: named };
    let way = |peer: &str| crate::flow::Flow {
        protocol: Protocol::Udp,
        local: "127.0.0.1:5060".parse().unwrap(),
        peer: peer.parse().unwrap(),
    };
    for (peer, expected) in [("127.0.0.2:5062", 0), ("127.0.0.10:5060", 1), ("127.0.0.10:5062", 0)] {
        net.stacks[SERVER].1.move_legs(way(peer), |party, _| *party == hers);
        net.collect(SERVER);
        let moved = News::Moved { leg, source: peer.parse().unwrap() };
        let told = net.told(SERVER).into_iter().filter(|news| *news == moved).count();
        assert_eq!(told, expected, "{peer}");
    }
}
