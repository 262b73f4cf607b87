//! TLS at the door: who shakes hands badly, slowly or not at all loses nothing for others; trunks that prove themselves by a
//! certificate, and carriers that must.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

#[path = "../../secure-wire/tests/authority/mod.rs"]
mod authority;
mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use authority::{Authority, Issued, NAMES};
use bytes::Bytes;
use common::raw::{Stream, ask};
use common::{House, LIMIT, Told, house, listener};
use conference::{Caller, Identity as Shown, LegId};
use secure_wire::{Acceptor, Connector, Identity, Roots};
use sip_signalling::{Callee, News, Protocol, SipSettings, TrunkSecurity, Wish};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

fn identity(issued: &Issued) -> Identity {
    Identity::load(&issued.certificate, &issued.key).unwrap()
}

fn roots(authority: &Authority) -> Roots {
    Roots::load(&authority.certificate()).unwrap()
}

async fn secure_house(authority: &Authority, change: impl FnOnce(&mut SipSettings)) -> (House, SocketAddr) {
    let server = house(|settings| {
        settings.identity = Some(identity(&authority.issue(NAMES, 30)));
        settings.listen.push((Protocol::Tls, "127.0.0.1:0".parse().unwrap()));
        change(settings);
    })
    .await;
    let address = listener(&server.endpoint, Protocol::Tls);
    (server, address)
}

async fn from(ip: &str, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{ip}:0").parse().unwrap()).unwrap();
    socket.connect(server).await.unwrap()
}

async fn secured(ip: &str, server: SocketAddr, connector: &Connector) -> Stream<secure_wire::Stream> {
    Stream::secured(connector.connect("baton.local", from(ip, server).await).await.unwrap())
}

/// How long until the server closes.
async fn closes(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    let mut rest = Vec::new();
    // an alert may come first; a reset is an end, too
    let _end = tokio::time::timeout(2 * LIMIT, stream.read_to_end(&mut rest)).await.unwrap();
    begun.elapsed()
}

#[tokio::test]
async fn a_handshake_that_is_none_is_cut_and_everybody_else_is_served() {
    let authority = Authority::new();
    let (server, address) = secure_house(&authority, |_| {}).await;
    let connector = Connector::new(&roots(&authority), None);
    let aor = "sip:x@baton.local";
    let plain = ask("OPTIONS", aor, aor, aor).text("TLS", address);
    let garbage: Vec<u8> = (0..2000_u32).map(|at| (at * 7 % 251) as u8).collect();
    // a record of a handshake that claims more than any may have
    let boastful = [0x16, 0x03, 0x01, 0xFF, 0xFF, 0x01, 0x00, 0xFF, 0xFF];
    for bytes in [plain.as_bytes(), &garbage, &boastful] {
        let mut stream = from("127.0.0.3", address).await;
        stream.write_all(bytes).await.unwrap();
        assert!(closes(&mut stream).await < Duration::from_secs(2), "{bytes:?}");
    }
    let dawdler = async {
        let mut stream = from("127.0.0.3", address).await;
        stream.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
        let cut = closes(&mut stream).await;
        assert!((Duration::from_secs(4)..Duration::from_secs(8)).contains(&cut), "cut after {cut:?}");
    };
    let honest = async {
        let mut stream = secured("127.0.0.4", address, &connector).await;
        stream.send(&plain).await;
        assert_eq!(stream.hear().await.unwrap().status(), 401);
        // another handshake under way holds up nobody
        let begun = Instant::now();
        secured("127.0.0.3", address, &connector).await;
        assert!(begun.elapsed() < Duration::from_secs(2));
    };
    tokio::join!(dawdler, honest);
    nothing_is_left(&server).await;
}

async fn nothing_is_left(server: &House) {
    let begun = Instant::now();
    while server.endpoint.counts().await.flows > 0 {
        assert!(begun.elapsed() < LIMIT, "no connection is left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What a handshake of another version or with a bit turned over does is for TLS to say; that the endpoint goes on is ours.
#[tokio::test]
async fn a_thousand_mutated_hellos_leave_nothing_and_the_next_phone_is_served() {
    let authority = Authority::new();
    let (server, address) = secure_house(&authority, |_| {}).await;
    let hello = hello(&authority).await;
    let mut state = 0x9E37_79B9_u32;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for _ in 0..1000 {
        let mut bytes = hello.clone();
        for _ in 0..=draw(4) {
            let at = draw(bytes.len());
            bytes[at] = u8::try_from(draw(256)).unwrap();
        }
        bytes.truncate(1 + draw(bytes.len()));
        let mut stream = from("127.0.0.3", address).await;
        // it may be closed before all is written
        let _cut = stream.write_all(&bytes).await;
    }
    let mut stream = secured("127.0.0.4", address, &Connector::new(&roots(&authority), None)).await;
    let aor = "sip:x@baton.local";
    stream.send(&ask("OPTIONS", aor, aor, aor).text("TLS", stream.local)).await;
    assert_eq!(stream.hear().await.unwrap().status(), 401);
    drop(stream);
    nothing_is_left(&server).await;
}

/// The first flight of a client of ours.
async fn hello(authority: &Authority) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connector = Connector::new(&roots(authority), None);
    let calling = tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        connector.connect("baton.local", stream).await
    });
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = vec![0; 4096];
    let length = stream.read(&mut bytes).await.unwrap();
    calling.abort();
    bytes.truncate(length);
    bytes
}

#[tokio::test]
async fn one_address_cannot_take_all_handshakes_there_may_be() {
    let authority = Authority::new();
    let (server, address) = secure_house(&authority, |_| {}).await;
    let mut silent = Vec::new();
    for _ in 0..140 {
        silent.push(from("127.0.0.3", address).await);
    }
    let begun = Instant::now();
    while server.endpoint.counts().await.flows != 128 {
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", server.endpoint.counts().await.flows);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let connector = Connector::new(&roots(&authority), None);
    secured("127.0.0.4", address, &connector).await;
    nothing_is_left(&server).await;
    // and its place is free again
    secured("127.0.0.3", address, &connector).await;
}

#[tokio::test]
async fn a_trunk_is_known_by_its_certificate_wherever_it_calls_from() {
    let (authority, carriers) = (Authority::new(), Authority::new());
    let (mut server, address) = secure_house(&authority, |settings| {
        let trunk = &mut settings.directory.trunks[0];
        trunk.accept_from.clear();
        trunk.security = TrunkSecurity { clients: Some(roots(&carriers)), ..TrunkSecurity::default() };
    })
    .await;
    let invite = |stream: &Stream<secure_wire::Stream>| {
        let to = "sip:+15551111@baton.local";
        ask("INVITE", to, "sip:+15550100@carrier.example", to).offer().text("TLS", stream.local)
    };
    let carrier = Connector::new(&roots(&authority), Some(&identity(&carriers.issue("DNS:carrier.example", 30))));
    let mut stream = secured("127.0.0.7", address, &carrier).await;
    stream.send(&invite(&stream)).await;
    let arrival = server.news.arrival().await;
    assert!(matches!(&arrival.caller, Caller::Customer { trunk, .. } if trunk == "pstn"), "{arrival:?}");
    server.endpoint.wish(Wish::Reject { leg: arrival.leg, status: 486, reason: None });

    let nobody = Connector::new(&roots(&authority), None);
    let mut stream = secured("127.0.0.7", address, &nobody).await;
    stream.send(&invite(&stream)).await;
    assert_eq!(stream.hear().await.unwrap().status(), 401);

    let liar = Connector::new(&roots(&authority), Some(&identity(&authority.issue("DNS:carrier.example", 30))));
    let mut turned_away = liar.connect("baton.local", from("127.0.0.7", address).await).await.unwrap();
    assert!(matches!(turned_away.read(&mut [0]).await, Ok(0) | Err(_)));
}

/// A carrier that listens, and what it hears first.
async fn carrier(acceptor: Acceptor) -> (SocketAddr, tokio::task::JoinHandle<Option<String>>) {
    let listener = TcpListener::bind("127.0.0.9:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = Stream::secured(acceptor.accept(stream).await.ok()?);
        let invite = stream.hear().await?;
        let text = format!(
            "SIP/2.0 486 Busy Here\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=c\r\nCall-ID: {}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
            invite.one("Via"),
            invite.one("From"),
            invite.one("To"),
            invite.one("Call-ID"),
            invite.one("CSeq")
        );
        stream.send(&text).await;
        assert_eq!(stream.hear().await?.method(), "ACK");
        Some(invite.0)
    });
    (address, heard)
}

fn call() -> Wish {
    let to = Callee::Trunk { trunk: "pstn".into(), number: "+33123".into() };
    Wish::Call { leg: LegId::rung(1), to, from: Shown::default(), offer: Bytes::from_static(b"v=0\r\n").into() }
}

#[tokio::test]
async fn a_carrier_must_prove_its_name_before_it_is_told_anything() {
    let (authority, other) = (Authority::new(), Authority::new());
    let cases = [
        (&authority, "IP:127.0.0.9", 30, 486),
        (&authority, "IP:127.0.0.8", 30, 503),
        (&authority, "IP:127.0.0.9", -1, 503),
        (&other, "IP:127.0.0.9", 30, 503),
    ];
    for (issuer, names, days, status) in cases {
        let (address, heard) = carrier(Acceptor::new(&identity(&issuer.issue(names, days)), None)).await;
        let (mut server, own) = secure_house(&authority, |settings| {
            let trunk = &mut settings.directory.trunks[0];
            (trunk.place, trunk.protocol) = (address.into(), Some(Protocol::Tls));
            trunk.security = TrunkSecurity { trust: Some(roots(&authority)), ..TrunkSecurity::default() };
        })
        .await;
        server.endpoint.wish(call());
        let failed = server.news.until(|news| matches!(news, News::Failed { .. })).await;
        assert!(matches!(failed, News::Failed { status: told, .. } if told == status), "{names} {days}: {failed:?}");
        let heard = heard.await.unwrap();
        assert_eq!(heard.is_some(), status == 486);
        if let Some(invite) = heard {
            assert!(invite.starts_with(&format!("INVITE sip:+33123@{address};transport=tls SIP/2.0")), "{invite}");
            assert!(invite.contains("Via: SIP/2.0/TLS 127.0.0.1"), "{invite}");
            assert!(invite.contains(&format!("@{own};transport=tls>;isfocus")), "{invite}");
        }
    }
}

#[tokio::test]
async fn a_carrier_that_asks_is_shown_who_we_are() {
    let (authority, house_authority) = (Authority::new(), Authority::new());
    let own = authority.issue("IP:127.0.0.9", 30);
    for (shown, status) in [(true, 486), (false, 503)] {
        let acceptor = Acceptor::demanding(&identity(&own), &roots(&house_authority));
        let (address, heard) = carrier(acceptor).await;
        let (mut server, _) = secure_house(&authority, |settings| {
            let trunk = &mut settings.directory.trunks[0];
            (trunk.place, trunk.protocol) = (address.into(), Some(Protocol::Tls));
            let ours = shown.then(|| identity(&house_authority.issue("DNS:baton.local", 30)));
            trunk.security =
                TrunkSecurity { trust: Some(roots(&authority)), identity: ours, ..TrunkSecurity::default() };
        })
        .await;
        server.endpoint.wish(call());
        let failed = server.news.until(|news| matches!(news, News::Failed { .. })).await;
        assert!(matches!(failed, News::Failed { status: told, .. } if told == status), "{shown}: {failed:?}");
        assert_eq!(heard.await.unwrap().is_some(), shown);
    }
}

#[tokio::test]
async fn sips_is_kept_or_turned_down() {
    let authority = Authority::new();
    let (mut server, address) = secure_house(&authority, |settings| {
        settings.directory.trunks[0].accept_from = vec![sip_signalling::Source::Network(sip_signalling::Network {
            address: "127.0.0.2".parse().unwrap(),
            prefix: 32,
        })];
    })
    .await;
    let to = "sips:+15551111@baton.local";
    let invite = ask("INVITE", to, "sip:+15550100@carrier.example", to).offer();
    // the promise cannot be kept over TCP
    let mut plain = Stream::to(listener(&server.endpoint, Protocol::Tcp)).await;
    plain.send(&invite.text("TCP", plain.local)).await;
    assert_eq!(plain.hear().await.unwrap().status(), 416);
    let aor = "sip:alice@baton.local";
    let register = ask("REGISTER", "sip:baton.local", aor, aor).text("TCP", plain.local);
    plain.send(&register.replace("<sip:raw@", "<sips:raw@")).await;
    assert_eq!(plain.hear().await.unwrap().status(), 403);

    let mut stream = secured("127.0.0.2", address, &Connector::new(&roots(&authority), None)).await;
    stream.send(&invite.text("TLS", stream.local)).await;
    let arrival = server.news.arrival().await;
    assert!(arrival.ours);
    server.endpoint.wish(Wish::Ringing { leg: arrival.leg });
    assert_eq!(stream.hear().await.unwrap().status(), 100);
    let ringing = stream.hear().await.unwrap();
    assert!(ringing.one("Contact").starts_with("<sips:"), "{}", ringing.0);
    assert!(!ringing.one("Contact").contains("transport"), "{}", ringing.0);
}
