//! Requests inside dialogs, digests towards carriers, streams: rows C, B15 and B16 of `trust.md` over real sockets,
//! spoken by a sender that shares nothing with the crate.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::call::{inside, talks};
use common::raw::{Ask, Raw, Stream, ask};
use common::{Told, house, listener, offered};
use conference::{AgentName, Caller, Ending, Identity, LegId};
use sip_signalling::{Callee, News, Protocol, Wish};

fn body() -> Bytes {
    Bytes::from_static(b"v=0\r\n")
}

fn ring(agent: &str, leg: u64) -> Wish {
    Wish::Call {
        leg: LegId::rung(leg),
        to: Callee::Agent(AgentName(agent.into())),
        from: Identity { display: "Ann".into(), user: "+4930".into() },
        offer: body().into(),
    }
}

#[tokio::test]
async fn a_whole_call_by_hand() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let (dialog, leg) = talks(&mut server, &raw, "alice").await;
    // hold
    let mut hold = dialog.next("INVITE").offer();
    hold.cseq = 10;
    raw.ask(&hold).await;
    let number = offered(&server.news.until(|news| matches!(news, News::Offered { offer: Some(_), .. })).await);
    server.endpoint.wish(Wish::AnswerOffer { leg, number, body: body() });
    let ok = raw.until(|message| message.status() == 200 && message.one("CSeq") == "10 INVITE").await;
    assert!(ok.one("Contact").contains("127.0.0.1") && ok.one("Allow").contains("UPDATE"));
    let mut ack = hold.next("ACK");
    ack.cseq = 10;
    raw.ask(&ack).await;
    // digits, both forms, and what is no digit
    for (cseq, kind, text, status) in [
        (11, "application/dtmf-relay", "Signal=5\r\nDuration=200\r\n", 200),
        (12, "application/dtmf", "#", 200),
        (13, "text/plain", "hello", 415),
        (14, "application/dtmf", "hello", 400),
    ] {
        let mut info = dialog.next("INFO").more(&format!("Content-Type: {kind}\r\n"));
        (info.cseq, info.body) = (cseq, text.into());
        assert_eq!(raw.answer(&info).await.status(), status, "{kind}");
    }
    server.news.until(|news| matches!(news, News::Digit { digit: '5', duration_ms: 200, .. })).await;
    server.news.until(|news| matches!(news, News::Digit { digit: '#', .. })).await;
    // what may be asked inside, and what is not built
    for (cseq, method, status) in [
        (20, "OPTIONS", 200),
        (21, "UPDATE", 200),
        (22, "REFER", 400),
        (23, "MESSAGE", 405),
        (24, "SUBSCRIBE", 489),
        (25, "NOTIFY", 489),
    ] {
        let mut request = dialog.next(method);
        request.cseq = cseq;
        assert_eq!(raw.answer(&request).await.status(), status, "{method}");
    }
    let mut bye = dialog.next("BYE");
    bye.cseq = 30;
    assert_eq!(raw.answer(&bye).await.status(), 200);
    server.news.until(|news| matches!(news, News::Ended { how: Ending::Bye, .. })).await;
    // C11: after the BYE there is nothing to re-invite
    let mut late = dialog.next("INVITE");
    late.cseq = 31;
    assert_eq!(raw.answer(&late).await.status(), 481);
    assert_eq!(server.endpoint.counts().await.legs, 0);
}

#[tokio::test]
async fn c9_requests_from_elsewhere_are_481_or_challenged_and_the_right_password_moves_the_flow() {
    let mut server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let raw = Raw::at("127.0.0.1", address).await;
    let (dialog, leg) = talks(&mut server, &raw, "alice").await;
    let thief = Raw::at("127.0.0.66", address).await;
    for method in ["BYE", "INVITE", "INFO", "UPDATE"] {
        let mut wrong = dialog.next(method);
        (wrong.cseq, wrong.to) = (50, format!("{}x", dialog.to));
        assert_eq!(thief.answer(&wrong).await.status(), 481, "{method} with a wrong tag");
        let mut right = dialog.next(method);
        right.cseq = 51;
        assert_eq!(thief.answer(&right).await.status(), 401, "{method} with the right tags");
        let (_, _, other) = thief.login(&right, "bob", "bob-secret", "SHA-256").await;
        assert_eq!(other.status(), 403, "{method} by somebody else");
    }
    // an ACK from elsewhere is nothing; the leg lives and its numbers have not moved
    thief.ask(&dialog.next("ACK")).await;
    let mut own = dialog.next("INFO");
    own.cseq = 5;
    assert_eq!(raw.answer(&own).await.status(), 200);
    assert!(server.news.now().iter().all(|news| !matches!(news, News::Ended { .. } | News::Offered { .. })));
    // Wi-Fi to LTE: the same phone from another address
    let moved = Raw::at("127.0.0.77", address).await;
    let mut again = dialog.next("INVITE").offer();
    again.cseq = 60;
    let challenge = moved.answer(&again).await.challenge("SHA-256");
    let mut proved = again.next("INVITE").offer();
    let login = common::raw::Login {
        user: "alice",
        password: "alice-secret",
        algorithm: "SHA-256",
        method: "INVITE",
        uri: &again.uri,
        nc: 1,
    };
    proved = proved.more(&login.header(&challenge));
    moved.ask(&proved).await;
    let number = offered(&server.news.until(|news| matches!(news, News::Offered { .. })).await);
    server.endpoint.wish(Wish::AnswerOffer { leg, number, body: body() });
    moved.until(|message| message.status() == 200 && message.one("CSeq").ends_with("INVITE")).await;
    let mut ack = proved.next("ACK");
    ack.cseq = proved.cseq;
    moved.ask(&ack).await;
    server.endpoint.wish(Wish::End { leg, status: None, reason: None });
    moved.until(|message| message.method() == "BYE").await;
}

#[tokio::test]
async fn all_lines_of_a_phone_move_with_the_one_that_said_so() {
    let mut server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let raw = Raw::at("127.0.0.1", address).await;
    let (first, _) = talks(&mut server, &raw, "alice").await;
    let (_, second) = talks(&mut server, &raw, "alice").await;
    let moved = Raw::at("127.0.0.77", address).await;
    let info = Ask { cseq: 60, ..first.next("INFO") };
    let (_, _, answer) = moved.login(&info, "alice", "alice-secret", "SHA-256").await;
    assert_eq!(answer.status(), 200);
    server.endpoint.wish(Wish::End { leg: second, status: None, reason: None });
    moved.until(|message| message.method() == "BYE").await;
}

#[tokio::test]
async fn an_ack_by_another_way_counts_unless_it_describes_what_nobody_proved() {
    let mut server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let raw = Raw::at("127.0.0.1", address).await;
    let (dialog, leg) = talks(&mut server, &raw, "alice").await;
    let elsewhere = Raw::at("127.0.0.77", address).await;
    let acknowledge = |number| Ask { cseq: number, ..dialog.next("ACK") };
    // a re-INVITE without offer: our 200 makes one, the ACK brings the answer
    let hold = Ask { cseq: 10, ..dialog.next("INVITE") };
    raw.ask(&hold).await;
    let number = offered(&server.news.until(|news| matches!(news, News::Offered { offer: None, .. })).await);
    server.endpoint.wish(Wish::AnswerOffer { leg, number, body: body() });
    raw.until(|message| message.status() == 200 && message.one("CSeq") == "10 INVITE").await;
    elsewhere.ask(&acknowledge(9)).await;
    elsewhere.ask(&acknowledge(10).offer()).await;
    elsewhere.ask(&acknowledge(10)).await;
    server.news.until(|news| matches!(news, News::Security { rule: "foreign-request", .. })).await;
    elsewhere.silence().await;
    assert!(server.news.now().iter().all(|news| !matches!(news, News::Acknowledged { .. })));
    // with the password it counts: here a copy of what a request of the INVITE's method would bring
    let probe = ask("OPTIONS", "sip:x@baton.local", "sip:alice@baton.local", "sip:x@baton.local");
    let challenge = elsewhere.answer(&probe).await.challenge("SHA-256");
    let login = common::raw::Login {
        user: "alice",
        password: "alice-secret",
        algorithm: "SHA-256",
        method: "INVITE",
        uri: &dialog.uri,
        nc: 1,
    };
    elsewhere.ask(&acknowledge(10).offer().more(&login.header(&challenge))).await;
    server.news.until(|news| matches!(news, News::Acknowledged { answer: Some(_), .. })).await;
    // and one that describes nothing ends the repetition of our 200 from anywhere
    raw.ask(&Ask { cseq: 11, ..dialog.next("INVITE") }.offer()).await;
    let number = offered(&server.news.until(|news| matches!(news, News::Offered { offer: Some(_), .. })).await);
    server.endpoint.wish(Wish::AnswerOffer { leg, number, body: body() });
    raw.until(|message| message.status() == 200 && message.one("CSeq") == "11 INVITE").await;
    elsewhere.ask(&acknowledge(11)).await;
    elsewhere.silence().await;
    // an offer of ours goes out only when nothing waits for an ACK; requests still go to Alice's own address
    server.endpoint.wish(Wish::Offer { leg, body: body() });
    raw.until(|message| message.method() == "INVITE").await;
}

#[tokio::test]
async fn c9_a_trunks_leg_is_spoken_for_by_its_addresses_only() {
    let mut server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let trunk = Raw::at("127.0.0.2", address).await;
    let call = ask("INVITE", "sip:+1555@baton.local", "sip:+49@x", "sip:+1555@baton.local")
        .offer()
        .more("P-Asserted-Identity: \"Boss\" <sip:+4930123@carrier>\r\n");
    trunk.ask(&call).await;
    let arrival = server.news.arrival().await;
    assert_eq!(arrival.caller, Caller::Customer { trunk: "pstn".into(), number: "+4930123".into() });
    server.endpoint.wish(Wish::Answer { leg: arrival.leg, body: body() });
    let ok = trunk.until(|message| message.status() == 200).await;
    let dialog = inside(&call, &ok);
    let mut ack = dialog.next("ACK");
    ack.cseq = call.cseq;
    trunk.ask(&ack).await;
    server.news.until(|news| matches!(news, News::Acknowledged { .. })).await;
    let thief = Raw::at("127.0.0.66", address).await;
    let mut bye = dialog.next("BYE");
    bye.cseq = 9;
    let (_, _, answer) = thief.login(&bye, "alice", "alice-secret", "SHA-256").await;
    assert_eq!(answer.status(), 403, "no agent speaks for a customer");
    // another gateway of the same carrier
    let other = Raw::at("127.0.0.2", address).await;
    assert_eq!(other.answer(&bye).await.status(), 200);
    server.news.until(|news| matches!(news, News::Ended { how: Ending::Bye, .. })).await;
}

#[tokio::test]
async fn c12_numbers_that_do_not_rise_are_refused_and_repeated_requests_answered_again() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let (dialog, _) = talks(&mut server, &raw, "alice").await;
    let mut info = dialog.next("OPTIONS");
    info.cseq = 40;
    assert_eq!(raw.answer(&info).await.status(), 200);
    let mut lower = dialog.next("BYE");
    lower.cseq = 39;
    assert_eq!(raw.answer(&lower).await.status(), 500);
    let mut equal = dialog.next("BYE");
    equal.cseq = 40;
    assert_eq!(raw.answer(&equal).await.status(), 500, "another request with the same number");
    let mut bye = dialog.next("BYE");
    bye.cseq = 41;
    assert_eq!(raw.answer(&bye).await.status(), 200);
    assert_eq!(raw.answer(&bye).await.status(), 200, "the same request again");
    let ends = server.news.now().iter().filter(|news| matches!(news, News::Ended { .. })).count();
    assert!(ends <= 1);
}

#[tokio::test]
async fn b15_nobody_but_the_carrier_gets_an_answer_to_a_challenge() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let (_, leg) = talks(&mut server, &raw, "alice").await;
    let challenge = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n\
                     Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n";
    server.endpoint.wish(Wish::Offer { leg, body: body() });
    let offer = raw.until(|message| message.method() == "INVITE").await;
    raw.reply(&offer, "407 Proxy Authentication Required", "t", challenge, "").await;
    server.news.until(|news| matches!(news, News::Security { rule: "digest-leak", .. })).await;
    server.news.until(|news| matches!(news, News::Ended { how: Ending::Dead, .. })).await;
    let bye = raw.until(|message| message.method() == "BYE").await;
    raw.reply(&bye, "401 Unauthorized", "t", challenge, "").await;
    server.news.until(|news| matches!(news, News::Security { rule: "digest-leak", .. })).await;
    raw.silence().await;
    assert_eq!(server.endpoint.counts().await.legs, 0);
}

#[tokio::test]
async fn b16_a_carrier_gets_its_digest_and_no_more_than_two_tries() {
    let carrier_address = "127.0.0.9";
    let socket = tokio::net::UdpSocket::bind((carrier_address, 0)).await.unwrap();
    let carrier_at = socket.local_addr().unwrap();
    let mut server = house(|settings| settings.directory.trunks[0].place = carrier_at.into()).await;
    let carrier = Raw { local: carrier_at, socket, server: listener(&server.endpoint, Protocol::Udp) };
    let call = |leg| Wish::Call {
        leg: LegId::rung(leg),
        to: Callee::Trunk { trunk: "pstn".into(), number: "+33123".into() },
        from: Identity { display: "Ann".into(), user: "+4930".into() },
        offer: body().into(),
    };
    let challenge =
        |n: u32| format!("WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n{n}\", algorithm=MD5, qop=\"auth\"\r\n");
    server.endpoint.wish(call(1));
    let mut seen = Vec::new();
    for n in 0..3 {
        let invite = carrier.until(|message| message.method() == "INVITE").await;
        seen.push((invite.one("CSeq").to_owned(), !invite.one("Authorization").is_empty()));
        carrier.reply(&invite, "401 Unauthorized", &format!("t{n}"), &challenge(n), "").await;
        carrier.until(|message| message.method() == "ACK").await;
    }
    let expected = [("1 INVITE", false), ("2 INVITE", true), ("3 INVITE", true)];
    assert_eq!(seen, expected.map(|(cseq, proved)| (cseq.to_owned(), proved)));
    server.news.until(|news| matches!(news, News::Failed { status: 503, .. })).await;

    // and one that is content: the numbers go on inside the dialog
    server.endpoint.wish(call(2));
    let invite = carrier.until(|message| message.method() == "INVITE").await;
    assert!(invite.0.starts_with(&format!("INVITE sip:+33123@{carrier_at} ")));
    assert!(invite.one("P-Asserted-Identity").contains("+4930"));
    carrier.reply(&invite, "401 Unauthorized", "t", &challenge(9), "").await;
    let proved =
        carrier.until(|message| message.method() == "INVITE" && !message.one("Authorization").is_empty()).await;
    carrier.reply(&proved, "183 Session Progress", "far", "Content-Type: application/sdp\r\n", "v=0\r\n").await;
    server.news.until(|news| matches!(news, News::Progress { status: 183, body, .. } if !body.is_empty())).await;
    carrier.reply(&proved, "200 OK", "far", "Content-Type: application/sdp\r\n", "v=0\r\n").await;
    server.news.until(|news| matches!(news, News::Answered { phone: None, .. })).await;
    let ack = carrier.until(|message| message.method() == "ACK" && message.one("CSeq").starts_with('2')).await;
    assert_eq!(ack.tag("To"), "far");
    server.endpoint.wish(Wish::End { leg: LegId::rung(2), status: None, reason: Some("caller_gone".into()) });
    let bye = carrier.until(|message| message.method() == "BYE").await;
    assert_eq!(bye.one("CSeq"), "3 BYE");
    assert!(bye.one("Reason").contains("caller_gone"));
    carrier.reply(&bye, "200 OK", "far", "", "").await;
}

#[tokio::test]
async fn a_cancel_from_elsewhere_cancels_nothing() {
    let mut server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let trunk = Raw::at("127.0.0.2", address).await;
    let call = ask("INVITE", "sip:+1555@baton.local", "sip:+49@x", "sip:+1555@baton.local").offer();
    trunk.ask(&call).await;
    let arrival = server.news.arrival().await;
    let cancel = Ask { method: "CANCEL".into(), more: String::new(), body: String::new(), ..call.clone() };
    let thief = Raw::at("127.0.0.66", address).await;
    // the thief must also lie about its address to name the transaction
    thief.send(&cancel.text("UDP", trunk.local)).await;
    assert_eq!(thief.hear().await.status(), 481);
    assert!(server.news.now().is_empty());
    trunk.ask(&cancel).await;
    server.news.until(|news| matches!(news, News::Ended { leg, how: Ending::Cancelled } if *leg == arrival.leg)).await;
    trunk.until(|message| message.status() == 487).await;
}

#[tokio::test]
async fn the_same_invite_by_two_ways_is_one_call() {
    let mut server = house(|_| {}).await;
    let trunk = Raw::at("127.0.0.2", listener(&server.endpoint, Protocol::Udp)).await;
    let call = ask("INVITE", "sip:+1555@baton.local", "sip:+49@x", "sip:+1555@baton.local").offer();
    trunk.ask(&call).await;
    server.news.arrival().await;
    let merged = Ask { branch: "z9hG4bK-other-way".into(), ..call.clone() };
    trunk.ask(&merged).await;
    trunk.until(|message| message.status() == 482).await;
    assert!(server.news.now().is_empty());
}

#[tokio::test]
async fn a_registered_phone_is_rung_by_its_flow_and_not_by_its_contact() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let aor = "sip:alice@baton.local";
    let first = ask("REGISTER", "sip:baton.local", aor, aor);
    let challenge = raw.answer(&first).await.challenge("MD5");
    let login = common::raw::Login {
        user: "alice",
        password: "alice-secret",
        algorithm: "MD5",
        method: "REGISTER",
        uri: "sip:baton.local",
        nc: 1,
    };
    let text = first.next("REGISTER").more(&login.header(&challenge)).text("UDP", raw.local);
    let contact = format!("<sip:raw@{};transport=udp>", raw.local);
    raw.send(&text.replace(&contact, "<sip:alice@10.11.12.13:5070;ob>;+sip.instance=\"<urn:uuid:1>\"")).await;
    assert_eq!(raw.hear().await.status(), 200);
    server.endpoint.wish(ring("alice", 4));
    let invite = raw.until(|message| message.method() == "INVITE").await;
    assert!(invite.0.starts_with("INVITE sip:alice@10.11.12.13:5070;ob SIP/2.0"), "{}", invite.0);
    assert_eq!(invite.one("From").split(";tag").next(), Some("Ann <sip:+4930@baton.local>"));
    raw.reply(&invite, "200 OK", "far", "Content-Type: application/sdp\r\n", "v=0\r\n").await;
    let News::Answered { phone, source, .. } = server.news.until(|news| matches!(news, News::Answered { .. })).await
    else {
        panic!("answered")
    };
    assert_eq!((phone.unwrap().0.as_str(), source), ("urn:uuid:1", raw.local));
    raw.until(|message| message.method() == "ACK").await;
}

#[tokio::test]
async fn contacts_are_kept_alive() {
    let server = house(|settings| settings.keep_alive = Duration::from_millis(100)).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    raw.register("alice").await;
    let mut calls = std::collections::BTreeSet::new();
    while calls.len() < 3 {
        calls.insert(raw.until(|message| message.method() == "OPTIONS").await.one("Call-ID").to_owned());
    }
    let removal =
        ask("REGISTER", "sip:baton.local", "sip:alice@baton.local", "sip:alice@baton.local").more("Expires: 0\r\n");
    let (_, _, gone) = raw.login(&removal, "alice", "alice-secret", "MD5").await;
    assert_eq!(gone.status(), 200);
    assert_eq!(server.endpoint.counts().await.registrations, 0);
}

#[tokio::test]
async fn an_owner_who_does_not_listen_gets_no_new_calls_and_loses_nothing() {
    let mut server = house(|settings| settings.directory.trunks[0].max_calls = 100_000).await;
    let trunk = Raw::at("127.0.0.2", listener(&server.endpoint, Protocol::Udp)).await;
    let call = ask("INVITE", "sip:+1555@baton.local", "sip:+49@x", "sip:+1555@baton.local").offer();
    trunk.ask(&call).await;
    let arrival = server.news.arrival().await;
    server.endpoint.wish(Wish::Answer { leg: arrival.leg, body: body() });
    let ok = trunk.until(|message| message.status() == 200).await;
    let dialog = inside(&call, &ok);
    let mut ack = dialog.next("ACK");
    ack.cseq = call.cseq;
    trunk.ask(&ack).await;
    let sent = 6000_u32;
    for n in 0..sent {
        let mut info = dialog.next("INFO").more("Content-Type: application/dtmf\r\n");
        (info.cseq, info.body) = (10 + n, "1".into());
        assert_eq!(trunk.answer(&info).await.status(), 200);
    }
    let new = ask("INVITE", "sip:+1555@baton.local", "sip:+49@x", "sip:+1555@baton.local").offer();
    assert_eq!(trunk.answer(&new).await.status(), 503);
    let mut heard = 0;
    while heard < sent {
        server.news.until(|news| matches!(news, News::Digit { .. })).await;
        heard += 1;
    }
    let _drained = server.endpoint.counts().await;
    trunk.ask(&ask("INVITE", "sip:+1555@baton.local", "sip:+49@x", "sip:+1555@baton.local").offer()).await;
    server.news.arrival().await;
}

#[tokio::test]
async fn streams_carry_many_messages_keep_alives_and_calls() {
    let mut server = house(|_| {}).await;
    let mut stream = Stream::to(listener(&server.endpoint, Protocol::Tcp)).await;
    stream.send("\r\n\r\n").await;
    let mut pong = [0; 2];
    tokio::io::AsyncReadExt::read_exact(&mut stream.stream, &mut pong).await.unwrap();
    assert_eq!(&pong, b"\r\n");
    // a thousand at once (A20), in pieces of any size
    let aor = "sip:x@baton.local";
    let all: String = (0..1000).map(|_| ask("OPTIONS", aor, aor, aor).text("TCP", stream.local)).collect();
    let (first, rest) = all.split_at(777);
    stream.send(first).await;
    stream.send(rest).await;
    for _ in 0..1000 {
        assert_eq!(stream.hear().await.unwrap().status(), 401);
    }
    // a call that is cut in the middle leaves nothing behind
    let invite = ask("INVITE", aor, aor, aor).offer().text("TCP", stream.local);
    stream.send(&invite[..200]).await;
    drop(stream);
    let begun = Instant::now();
    while server.endpoint.counts().await.flows > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    assert!(server.news.now().is_empty());
}

#[tokio::test]
async fn a_phone_whose_stream_is_gone_is_registered_no_longer() {
    let mut server = house(|_| {}).await;
    let (alice, _ears) = common::phone("alice", &server.endpoint, Protocol::Tcp).await;
    server.news.until(|news| matches!(news, News::Registered { phones: 1, .. })).await;
    alice.stop().await;
    server.news.until(|news| matches!(news, News::Registered { phones: 0, .. })).await;
    server.endpoint.wish(ring("alice", 5));
    server.news.until(|news| matches!(news, News::Failed { status: 480, .. })).await;
}
