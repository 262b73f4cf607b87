//! Trunks that are given as names (RFC 3263): which servers are tried, in which order, and what becomes of a call when one is not
//! there; with a name server on loopback. And large requests, which go over TCP.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod common;
#[path = "common/dns.rs"]
mod dns;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::raw::{Message, Raw, Stream};
use common::{House, Told, house, listener};
use conference::{Identity, LegId};
use dns::Dns;
use sip_signalling::{Callee, News, Place, Protocol, Wish};
use tokio::net::TcpListener;

const CARRIER: &str = "carrier.example";

async fn calling(dns: &Dns, port: Option<u16>, protocol: Option<Protocol>) -> House {
    let servers = vec![dns.address];
    house(|settings| {
        settings.name_servers = servers;
        let trunk = &mut settings.directory.trunks[0];
        trunk.place = Place::Name { host: CARRIER.into(), port };
        (trunk.protocol, trunk.max_calls) = (protocol, 10);
    })
    .await
}

/// A server of the carrier.
async fn server_at(ip: &str) -> Raw {
    Raw::at(ip, "127.0.0.1:9".parse().unwrap()).await
}

fn call(number: u64) -> Wish {
    call_with(number, Bytes::from_static(b"v=0\r\n"))
}

fn call_with(number: u64, offer: Bytes) -> Wish {
    let to = Callee::Trunk { trunk: "pstn".into(), number: "+33123".into() };
    Wish::Call { leg: LegId::rung(number), to, from: Identity::default(), offer: offer.into() }
}

/// The next INVITE that comes, answered.
async fn answers(server: &mut Raw, house: &House, status: &str) -> Message {
    let invite = server.until(|message| message.method() == "INVITE").await;
    server.server = listener(&house.endpoint, Protocol::Udp);
    server.reply(&invite, status, "carrier", "", "").await;
    invite
}

async fn fails(house: &mut House, wanted: u16) {
    let failed = house.news.until(|news| matches!(news, News::Failed { .. })).await;
    assert!(matches!(failed, News::Failed { status, .. } if status == wanted), "{failed:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_or_refuses_is_followed_by_the_next_in_order() {
    let dns = Dns::start().await;
    let closed = server_at("127.0.0.9").await.local;
    let (mut refusing, mut silent, mut last) =
        (server_at("127.0.0.9").await, server_at("127.0.0.9").await, server_at("127.0.0.9").await);
    let service = format!("_sip._udp.{CARRIER}");
    dns.service(&service, 40, 0, last.local.port(), "four.example");
    dns.service(&service, 10, 0, closed.port(), "one.example");
    dns.service(&service, 30, 0, silent.local.port(), "three.example");
    dns.service(&service, 20, 0, refusing.local.port(), "two.example");
    for name in ["one.example", "two.example", "three.example", "four.example"] {
        dns.host(name, "127.0.0.9");
    }
    let mut house = calling(&dns, None, Some(Protocol::Udp)).await;
    let begun = Instant::now();
    house.endpoint.wish(call(1));
    let first = answers(&mut refusing, &house, "503 Service Unavailable").await;
    assert!(first.0.starts_with(&format!("INVITE sip:+33123@{CARRIER} SIP/2.0")), "{}", first.0);
    let unheard = silent.until(|message| message.method() == "INVITE").await;
    let answered = answers(&mut last, &house, "486 Busy Here").await;
    let took = begun.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(6)).contains(&took), "{took:?}");
    fails(&mut house, 486).await;
    for other in [&unheard, &answered] {
        assert_eq!(other.one("Call-ID"), first.one("Call-ID"), "one call, tried again");
        assert_ne!(other.one("Via"), first.one("Via"), "by a transaction of its own");
    }
    // one that was not there comes last for a while
    house.endpoint.wish(call(2));
    answers(&mut last, &house, "486 Busy Here").await;
    fails(&mut house, 486).await;
    silent.server = last.server;
}

#[tokio::test]
async fn a_late_answer_of_a_server_that_was_given_up_is_called_off() {
    let dns = Dns::start().await;
    let (mut late, mut next) = (server_at("127.0.0.9").await, server_at("127.0.0.9").await);
    let service = format!("_sip._udp.{CARRIER}");
    dns.service(&service, 10, 0, late.local.port(), "one.example").host("one.example", "127.0.0.9");
    dns.service(&service, 20, 0, next.local.port(), "two.example").host("two.example", "127.0.0.9");
    let mut house = calling(&dns, None, Some(Protocol::Udp)).await;
    house.endpoint.wish(call(1));
    let unheard = late.until(|message| message.method() == "INVITE").await;
    answers(&mut next, &house, "200 OK").await;
    house.news.until(|news| matches!(news, News::Answered { .. })).await;
    next.until(|message| message.method() == "ACK").await;
    late.server = listener(&house.endpoint, Protocol::Udp);
    late.reply(&unheard, "180 Ringing", "late", "", "").await;
    late.until(|message| message.method() == "CANCEL").await;
    // it was picked up at the same moment
    late.reply(&unheard, "200 OK", "late", "", "").await;
    late.until(|message| message.method() == "ACK").await;
    late.until(|message| message.method() == "BYE").await;
}

#[tokio::test]
async fn what_dns_said_is_kept_as_long_as_it_holds_and_longer_if_dns_is_silent() {
    let dns = Dns::start().await;
    let mut server = server_at("127.0.0.9").await;
    let service = format!("_sip._udp.{CARRIER}");
    dns.service(&service, 10, 0, server.local.port(), "one.example").host("one.example", "127.0.0.9").ttl(1);
    let mut house = calling(&dns, None, Some(Protocol::Udp)).await;
    let mut rings = async |number| {
        house.endpoint.wish(call(number));
        answers(&mut server, &house, "486 Busy Here").await;
        fails(&mut house, 486).await;
    };
    rings(1).await;
    rings(2).await;
    assert_eq!(dns.asked_for_services(), 1);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    rings(3).await;
    assert_eq!(dns.asked_for_services(), 2);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    dns.fall_silent();
    rings(4).await;
}

#[tokio::test]
async fn a_silent_dns_holds_up_nobody_and_a_call_can_be_given_up_meanwhile() {
    let dns = Dns::start().await;
    dns.fall_silent();
    let mut house = calling(&dns, None, None).await;
    let begun = Instant::now();
    house.endpoint.wish(call(1));
    house.endpoint.wish(call(2));
    let raw = Raw::at("127.0.0.3", listener(&house.endpoint, Protocol::Udp)).await;
    raw.register("alice").await;
    assert!(begun.elapsed() < Duration::from_secs(1), "somebody else waits for DNS");
    house.endpoint.wish(Wish::End { leg: LegId::rung(2), status: None, reason: None });
    fails(&mut house, 503).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
    let nobody = house.news.now().into_iter().filter(|news| matches!(news, News::Failed { .. })).count();
    assert_eq!((nobody, house.endpoint.counts().await.legs), (0, 0));
}

#[tokio::test]
async fn naptr_says_the_transport_and_a_port_leaves_only_the_address_open() {
    let dns = Dns::start().await;
    let carrier = TcpListener::bind("127.0.0.9:0").await.unwrap();
    let port = carrier.local_addr().unwrap().port();
    dns.pointer(CARRIER, 20, "SIP+D2U", "udp.carrier.example").pointer(CARRIER, 10, "SIP+D2T", "tcp.carrier.example");
    dns.pointer(CARRIER, 5, "SIPS+D2T", "tls.carrier.example");
    dns.service("tcp.carrier.example", 0, 0, port, "host.example").host("host.example", "127.0.0.9");
    let house = calling(&dns, None, None).await;
    house.endpoint.wish(call(1));
    let (stream, _) = carrier.accept().await.unwrap();
    let invite = Stream::over(stream).hear().await.unwrap();
    assert!(invite.one("Via").starts_with("SIP/2.0/TCP "), "{}", invite.0);
    assert!(invite.one("Contact").contains("transport=tcp"), "{}", invite.0);

    let dns = Dns::start().await;
    let mut server = server_at("127.0.0.9").await;
    dns.host(CARRIER, "127.0.0.9");
    let mut house = calling(&dns, Some(server.local.port()), None).await;
    house.endpoint.wish(call(1));
    let invite = answers(&mut server, &house, "486 Busy Here").await;
    assert!(invite.0.starts_with(&format!("INVITE sip:+33123@{CARRIER}:{} ", server.local.port())), "{}", invite.0);
    fails(&mut house, 486).await;
    assert_eq!(dns.asked_for_services(), 0);
}

#[tokio::test]
async fn credentials_go_to_the_servers_of_the_name_and_nobody_else() {
    let dns = Dns::start().await;
    let mut server = server_at("127.0.0.9").await;
    dns.host(CARRIER, "127.0.0.9");
    let mut house = calling(&dns, Some(server.local.port()), None).await;
    house.endpoint.wish(call(1));
    let first = server.until(|message| message.method() == "INVITE").await;
    server.server = listener(&house.endpoint, Protocol::Udp);
    let challenge = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n";
    server.reply(&first, "401 Unauthorized", "c", challenge, "").await;
    let second = server.until(|message| message.method() == "INVITE").await;
    assert!(second.one("Authorization").contains("username=\"baton\""), "{}", second.0);
    server.reply(&second, "486 Busy Here", "c", "", "").await;
    fails(&mut house, 486).await;
}

/// An offer that makes an INVITE too large for a datagram.
fn large() -> Bytes {
    Bytes::from(format!("v=0\r\n{}", "a=fmtp:101 0-16\r\n".repeat(80)))
}

async fn at_address(address: SocketAddr) -> House {
    house(|settings| settings.directory.trunks[0].place = Place::Address(address)).await
}

#[tokio::test]
async fn a_large_invite_goes_over_tcp_and_what_is_small_goes_as_before() {
    let carrier = TcpListener::bind("127.0.0.9:0").await.unwrap();
    let address = carrier.local_addr().unwrap();
    let socket = tokio::net::UdpSocket::bind(address).await.unwrap();
    let mut house = at_address(address).await;
    let small = Raw { local: address, socket, server: listener(&house.endpoint, Protocol::Udp) };
    house.endpoint.wish(call_with(1, large()));
    let (stream, _) = carrier.accept().await.unwrap();
    let mut stream = Stream::over(stream);
    let invite = stream.hear().await.unwrap();
    assert!(invite.one("Via").starts_with("SIP/2.0/TCP "), "{}", invite.0);
    assert!(!invite.one("Contact").contains("tcp"), "what comes back may come as ever: {}", invite.0);
    stream.reply(&invite, "200 OK", "c", &format!("Contact: <sip:c@{address}>\r\n"), "v=0\r\n").await;
    house.news.until(|news| matches!(news, News::Answered { .. })).await;
    small.until(|message| message.method() == "ACK").await;
    house.endpoint.wish(Wish::End { leg: LegId::rung(1), status: None, reason: None });
    let bye = small.until(|message| message.method() == "BYE").await;
    assert!(bye.one("Via").starts_with("SIP/2.0/UDP "), "{}", bye.0);
}

#[tokio::test]
async fn a_large_invite_goes_by_udp_where_nobody_takes_connections() {
    let mut server = server_at("127.0.0.9").await;
    let mut house = at_address(server.local).await;
    for number in 1..3 {
        house.endpoint.wish(call_with(number, large()));
        let invite = answers(&mut server, &house, "486 Busy Here").await;
        assert!(invite.one("Via").starts_with("SIP/2.0/UDP ") && invite.0.len() > 1300, "{}", invite.0);
        fails(&mut house, 486).await;
    }
    assert_eq!(house.endpoint.counts().await.flows, 0);
}
