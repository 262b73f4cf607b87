//! Who is shown as calling to a carrier, and whom a carrier is believed to bring.

use bytes::Bytes;
use conference::{Caller, Identity, LegId};
use rsip::{Method, Request};

use super::net::{Net, SERVER, settings};
use crate::codec::one;
use crate::flow::Flow;
use crate::settings::*;
use crate::stack::Stack;
use crate::{Callee, News, Wish};

/// A house whose trunk is changed by this.
fn house(seed: u64, change: impl FnOnce(&mut Trunk)) -> Net {
    let mut net = Net::new(seed, Protocol::Udp, &["127.0.0.9"]);
    let mut house = settings(Doorkeeping::Server);
    change(&mut house.directory.trunks[0]);
    let listeners = vec![(Protocol::Udp, net.stacks[SERVER].0)];
    net.stacks[SERVER].1 = Stack::new(house, listeners, Box::new(|_| None), [9; 32]);
    net
}

/// The INVITE that somebody's call outside becomes.
fn called_by(net: &mut Net, user: &str) -> Request {
    let to = Callee::Trunk { trunk: "pstn".into(), number: "+4930999".into() };
    let from = Identity { display: "Alice".into(), user: user.into() };
    let offer = Bytes::from_static(b"v=0").into();
    net.wish(SERVER, Wish::Call { leg: LegId::rung(5), to, from, offer });
    net.sent(SERVER, Method::Invite)
}

fn shown(invite: &Request) -> [Option<String>; 3] {
    let from = one(&invite.headers, "From").map(|from| from.split(";tag=").next().unwrap_or_default().to_owned());
    [
        from,
        one(&invite.headers, "P-Asserted-Identity").map(str::to_owned),
        one(&invite.headers, "Privacy").map(str::to_owned),
    ]
}

#[test]
fn a_carrier_is_shown_what_the_settings_say_and_an_untrusted_one_no_more_than_from() {
    type Change = fn(&mut Trunk);
    let number = "Alice <sip:+15550000@baton.local>";
    let account = "<sip:baton@127.0.0.9>";
    let cases: [(Change, &str, [Option<&str>; 3]); 7] = [
        (|_| {}, "alice", [Some(number), Some(number), None]),
        (|trunk| trunk.trusted = false, "alice", [Some(number), None, None]),
        (|trunk| trunk.from_account = true, "alice", [Some(account), Some(number), None]),
        (|trunk| (trunk.from_account, trunk.trusted) = (true, false), "alice", [Some(account), None, None]),
        // the house's number says nothing of who withheld his
        (|_| {}, "anonymous", [Some("<sip:+15550000@baton.local>"), Some("<sip:+15550000@baton.local>"), None]),
        (
            |trunk| trunk.caller_id.clear(),
            "anonymous",
            [Some("Anonymous <sip:anonymous@anonymous.invalid>"), None, Some("id")],
        ),
        (
            |trunk| (trunk.from_account, trunk.caller_id) = (true, String::new()),
            "anonymous",
            [Some(account), None, Some("id")],
        ),
    ];
    for (number, (change, user, expected)) in cases.into_iter().enumerate() {
        let mut net = house(1, change);
        let seen = shown(&called_by(&mut net, user)).map(|value| value.map(|value| value.replace('"', "")));
        assert_eq!(seen, expected.map(|value| value.map(str::to_owned)), "case {number}");
    }
}

#[test]
fn what_a_carrier_asserts_is_believed_only_of_one_that_is_trusted() {
    for (trusted, expected) in [(true, "+4930111"), (false, "+4930222")] {
        let mut net = house(2, |trunk| trunk.trusted = trusted);
        let flow =
            Flow { protocol: Protocol::Udp, local: net.stacks[SERVER].0, peer: "127.0.0.9:5060".parse().unwrap() };
        net.inject(
            flow,
            "INVITE sip:101@baton.local SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bKp\r\nMax-Forwards: 70\r\n\
             From: <sip:+4930222@carrier>;tag=x\r\nTo: <sip:101@baton.local>\r\nCall-ID: p\r\nCSeq: 1 INVITE\r\n\
             P-Asserted-Identity: <sip:+4930111@carrier>\r\nContact: <sip:c@127.0.0.9>\r\nContent-Length: 0\r\n\r\n",
        );
        let arrival = net.told(SERVER).into_iter().find_map(|news| match news {
            News::Arrived(arrival) => Some(arrival),
            _ => None,
        });
        let Caller::Customer { number, .. } = arrival.unwrap().caller else { panic!("no customer") };
        assert_eq!(number, expected);
    }
}
