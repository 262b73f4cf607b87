//! Endpoints over real loopback sockets, UDP and TCP: a phone of ours registers at a server of ours, calls and is called.

#![allow(clippy::unwrap_used)]

#[path = "../../secure-wire/tests/authority/mod.rs"]
mod authority;
mod common;

use std::net::IpAddr;
use std::time::Duration;

use authority::{Authority, NAMES};
use bytes::Bytes;
use common::{House, Told, house, offered, phone};
use conference::{AgentName, Caller, Ending, Identity as Shown, LegId};
use secure_wire::{Identity, Roots};
use sip_signalling::{Callee, Counts, News, Protocol, SipSettings, Wish};

/// Over TLS with certificates of an authority of its own.
async fn calls_both_ways(protocol: Protocol, ip: &str) {
    let authority = Authority::new();
    let House { endpoint: server, news: mut told } = house(|settings| {
        let issued = authority.issue(NAMES, 30);
        settings.identity = Some(Identity::load(&issued.certificate, &issued.key).unwrap());
        settings.listen = vec![(protocol, (ip.parse::<IpAddr>().unwrap(), 0).into())];
    })
    .await;
    let trusting = |settings: &mut SipSettings| settings.trust = Some(Roots::load(&authority.certificate()).unwrap());
    let (alice, mut ears) = common::phone_that("alice", &server, protocol, trusting).await;

    // Alice calls
    let out = LegId::rung(1);
    let address = common::listener(&server, protocol);
    let to =
        Callee::Address { account: Some("alice".into()), uri: "sip:*43@baton.local".into(), server: address, protocol };
    let offer = Bytes::from_static(b"v=0\r\n");
    alice.wish(Wish::Call { leg: out, to, from: Shown::default(), offer: offer.clone().into() });
    let arrival = told.arrival().await;
    assert!(matches!(&arrival.caller, Caller::Agent { name, .. } if name.0 == "alice"));
    assert_eq!(arrival.dialled, "*43");
    server.wish(Wish::Ringing { leg: arrival.leg });
    server.wish(Wish::Answer { leg: arrival.leg, body: offer.clone() });
    ears.until(|news| matches!(news, News::Answered { .. })).await;
    told.until(|news| matches!(news, News::Acknowledged { .. })).await;

    // frozen and thawed, then held
    let state = server.freeze(arrival.leg).await.unwrap();
    server.thaw(state);
    alice.wish(Wish::Offer { leg: out, body: offer.clone() });
    let number = offered(&told.until(|news| matches!(news, News::Offered { .. })).await);
    server.wish(Wish::AnswerOffer { leg: arrival.leg, number, body: offer.clone() });
    ears.until(|news| matches!(news, News::OfferAnswered { .. })).await;
    server.wish(Wish::End { leg: arrival.leg, status: None, reason: None });
    ears.until(|news| matches!(news, News::Ended { how: Ending::Bye, .. })).await;

    // Alice is called, and the caller gives up once, and is answered once
    let ring = |leg| Wish::Call {
        leg,
        to: Callee::Agent(AgentName("alice".into())),
        from: Shown { display: "Customer".into(), user: "+49301112233".into() },
        offer: Bytes::from_static(b"v=0\r\n").into(),
    };
    server.wish(ring(LegId::rung(2)));
    let arrival = ears.arrival().await;
    alice.wish(Wish::Ringing { leg: arrival.leg });
    told.until(|news| matches!(news, News::Progress { status: 180, .. })).await;
    server.wish(Wish::End { leg: LegId::rung(2), status: None, reason: None });
    ears.until(|news| matches!(news, News::Ended { how: Ending::Cancelled, .. })).await;

    server.wish(ring(LegId::rung(3)));
    let arrival = ears.arrival().await;
    alice.wish(Wish::Answer { leg: arrival.leg, body: offer });
    told.until(|news| matches!(news, News::Answered { phone: Some(_), .. })).await;
    ears.until(|news| matches!(news, News::Acknowledged { .. })).await;
    alice.wish(Wish::End { leg: arrival.leg, status: None, reason: None });
    told.until(|news| matches!(news, News::Ended { how: Ending::Bye, .. })).await;

    assert_eq!(server.registrations().await.len(), 1);
    alice.wish(Wish::Unregister { user: "alice".into() });
    told.until(|news| matches!(news, News::Registered { phones: 0, .. })).await;
    let Counts { legs, dialogs, .. } = server.counts().await;
    assert_eq!((legs, dialogs), (0, 0));
    alice.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn a_phone_calls_and_is_called_over_udp() {
    calls_both_ways(Protocol::Udp, "127.0.0.1").await;
}

#[tokio::test]
async fn a_phone_calls_and_is_called_over_tcp() {
    calls_both_ways(Protocol::Tcp, "127.0.0.1").await;
}

#[tokio::test]
async fn a_phone_calls_and_is_called_over_tls() {
    calls_both_ways(Protocol::Tls, "127.0.0.1").await;
}

#[tokio::test]
async fn a_phone_calls_and_is_called_over_ipv6_whatever_the_transport() {
    for protocol in [Protocol::Udp, Protocol::Tcp, Protocol::Tls] {
        calls_both_ways(protocol, "::1").await;
    }
}

#[tokio::test]
async fn an_address_in_use_starts_nothing_and_is_named() {
    let first = house(|_| {}).await;
    let taken = common::listener(&first.endpoint, Protocol::Udp);
    let mut settings = common::settings();
    settings.listen = vec![(Protocol::Tcp, "127.0.0.1:0".parse().unwrap()), (Protocol::Udp, taken)];
    let refused = sip_signalling::Endpoint::start(settings).await.err().unwrap().to_string();
    assert!(refused.contains(&format!("udp:{taken}")), "{refused}");
}

#[tokio::test]
async fn all_addresses_in_use_are_named_one_a_line() {
    let first = house(|_| {}).await;
    let taken = first.endpoint.addresses().to_vec();
    let mut settings = common::settings();
    settings.listen = taken.clone();
    settings.listen.insert(1, (Protocol::Udp, "127.0.0.1:0".parse().unwrap()));
    let refused = sip_signalling::Endpoint::start(settings).await.err().unwrap().to_string();
    let lines: Vec<&str> = refused.lines().collect();
    assert_eq!(lines.len(), 2, "{refused}");
    for ((_, address), line) in taken.iter().zip(lines) {
        assert!(line.starts_with("cannot listen on ") && line.contains(&address.to_string()), "{refused}");
    }
}

#[tokio::test]
async fn what_a_call_hangs_on_is_never_lost() {
    let mut server = house(|_| {}).await;
    let address = common::listener(&server.endpoint, Protocol::Udp);
    let raw = common::raw::Raw::at("127.0.0.2", address).await;
    raw.ask(&common::raw::ask("INVITE", "sip:+1555@baton.local", "sip:+49@x", "sip:+1555@baton.local").offer()).await;
    let leg = server.news.arrival().await.leg;
    // one thread, and nothing awaited: the endpoint takes none of these before all are given
    for _ in 0..30_000 {
        server.endpoint.wish(Wish::Probe { leg: LegId::rung(99) });
    }
    server.endpoint.wish(Wish::Reject { leg, status: 486, reason: None });
    raw.until(|message| message.status() == 486).await;
    assert!(server.endpoint.counts().await.lost_wishes > 10_000);
}

#[tokio::test]
async fn a_stopped_endpoint_gives_its_addresses_back() {
    let House { endpoint, news: _told } = house(|_| {}).await;
    let listen = endpoint.addresses().to_vec();
    endpoint.stop().await;
    let mut settings = common::settings();
    settings.listen = listen;
    let again = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            if let Ok(started) = sip_signalling::Endpoint::start(settings.clone()).await {
                break started;
            }
            tokio::task::yield_now().await;
        }
    });
    assert!(again.await.is_ok());
}

#[tokio::test]
async fn a_server_that_listens_everywhere_shows_the_address_its_peer_can_reach() {
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let mut server =
        house(|settings| settings.listen = vec![(Protocol::Udp, everywhere), (Protocol::Tcp, everywhere)]).await;
    let port = common::listener(&server.endpoint, Protocol::Udp).port();
    let raw = common::raw::Raw::at("127.0.0.2", ([127, 0, 0, 1], port).into()).await;
    let call = common::raw::ask("INVITE", "sip:+1555@127.0.0.1", "sip:+49@x", "sip:+1555@127.0.0.1").offer();
    raw.ask(&call).await;
    let arrival = server.news.arrival().await;
    assert!(arrival.ours);
    server.endpoint.wish(Wish::Ringing { leg: arrival.leg });
    let ringing = raw.until(|message| message.status() == 180).await;
    assert!(!ringing.one("Contact").contains("0.0.0.0"), "{}", ringing.0);
    assert!(ringing.one("Contact").contains("@127.0.0."), "{}", ringing.0);
}

#[tokio::test]
async fn a_phone_registers_again_when_its_stream_broke() {
    let House { endpoint, mut news } = house(|_| {}).await;
    let listen = endpoint.addresses().to_vec();
    let (_alice, mut ears) = phone("alice", &endpoint, Protocol::Tcp).await;
    news.until(|news| matches!(news, News::Registered { phones: 1, .. })).await;
    endpoint.stop().await;
    let mut settings = common::settings();
    settings.listen = listen;
    let (_again, _news) = sip_signalling::Endpoint::start(settings).await.unwrap();
    ears.until(|news| matches!(news, News::PhoneRegistered { status: 200, .. })).await;
}

#[tokio::test]
async fn what_is_asked_of_a_stopped_endpoint_is_lost_and_harmless() {
    let House { endpoint, news: _told } = house(|_| {}).await;
    let other = endpoint.clone();
    endpoint.stop().await;
    other.wish(Wish::Drain);
    assert!(other.freeze(LegId::arrived(1)).await.is_none());
    assert_eq!(other.counts().await, Counts { lost_wishes: 1, ..Counts::default() });
    assert!(other.registrations().await.is_empty());
    other.stop().await;
}
