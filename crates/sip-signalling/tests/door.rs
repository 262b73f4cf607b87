//! Who is let in: rows B of `trust.md` over real sockets, spoken by a sender that shares nothing with the crate.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod common;

use common::raw::{Login, Raw, ask};
use common::{Told, house, listener};
use sip_signalling::{Algorithm, News, Protocol};

fn register(user: &str) -> common::raw::Ask {
    let aor = format!("sip:{user}@baton.local");
    ask("REGISTER", "sip:baton.local", &aor, &aor).more("Expires: 600\r\n")
}

#[tokio::test]
async fn b1_known_and_unknown_users_get_the_same_401() {
    let server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    for method in ["REGISTER", "INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER"] {
        let mut answers = Vec::new();
        for user in ["alice", "nobody"] {
            let aor = format!("sip:{user}@baton.local");
            let mut request = ask(method, &aor, &aor, &aor);
            (request.call_id, request.branch, request.from) =
                (format!("{method}-same"), format!("z9hG4bK{method}"), "<sip:a@b>;tag=1".into());
            request.to = "<sip:x@baton.local>".into();
            let answer = raw.answer(&request).await;
            assert_eq!(answer.status(), 401, "{method} {user}");
            let nonce = answer.challenge("SHA-256").nonce;
            answers.push(answer.0.replace(&nonce, "NONCE"));
            // wrong credentials too
            let challenge = answer.challenge("MD5");
            let login = Login { user, password: "wrong", algorithm: "MD5", method, uri: &aor, nc: 1 };
            let mut again = request.clone().more(&login.header(&challenge));
            again.cseq = 2;
            let refused = raw.answer(&again).await;
            let nonce = refused.challenge("SHA-256").nonce;
            answers.push(refused.0.replace(&nonce, "NONCE"));
        }
        assert_eq!(answers[0], answers[2], "{method} without credentials");
        assert_eq!(answers[1], answers[3], "{method} with wrong ones");
    }
}

#[tokio::test]
async fn b2_ten_wrong_passwords_shut_an_address_out_and_no_other() {
    let mut server = house(|settings| settings.ban_loopback = true).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let mut statuses = Vec::new();
    for _ in 0..11 {
        let (_, _, answer) = raw.login(&register("alice"), "alice", "wrong", "SHA-256").await;
        statuses.push(answer.status());
    }
    assert_eq!(statuses[..9], [401; 9]);
    assert_eq!(statuses[10], 403);
    server.news.until(|news| matches!(news, News::Security { rule: "password-ban", .. })).await;
    let (_, _, answer) = raw.login(&register("alice"), "alice", "alice-secret", "SHA-256").await;
    assert_eq!(answer.status(), 403, "the right one comes too late");
    Raw::at("127.0.0.3", listener(&server.endpoint, Protocol::Udp)).await.register("alice").await;
}

#[tokio::test]
async fn b3_guesses_from_many_addresses_slow_the_user_down_and_lock_nobody_out() {
    let mut server = house(|settings| settings.ban_loopback = true).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let mut waiting = tokio::task::JoinSet::new();
    for last in 1..=200 {
        waiting.spawn(async move {
            let raw = Raw::at(&format!("127.0.1.{last}"), address).await;
            let challenge = raw.answer(&register("alice")).await.challenge("SHA-256");
            let login = Login {
                user: "alice",
                password: "guess",
                algorithm: "SHA-256",
                method: "REGISTER",
                uri: "sip:baton.local",
                nc: 1,
            };
            raw.ask(&register("alice").more(&login.header(&challenge))).await;
        });
    }
    while waiting.join_next().await.is_some() {}
    server.news.until(|news| matches!(news, News::Security { rule: "password-siege", .. })).await;
    let begun = std::time::Instant::now();
    let raw = Raw::at("127.0.2.1", address).await;
    let (_, _, refused) = raw.login(&register("alice"), "alice", "guess", "SHA-256").await;
    assert_eq!(refused.status(), 401);
    assert!(begun.elapsed().as_millis() > 200, "wrong answers are slow now");
    raw.register("alice").await;
}

#[tokio::test]
async fn b4_b5_a_nonce_counts_up_and_never_down() {
    let server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let (challenge, second, answer) = raw.login(&register("alice"), "alice", "alice-secret", "SHA-256").await;
    assert_eq!(answer.status(), 200);
    let mut number = second.cseq;
    let mut with = |nc| {
        number += 1;
        let mut request = second.next("REGISTER");
        request.cseq = number;
        let login = Login {
            user: "alice",
            password: "alice-secret",
            algorithm: "SHA-256",
            method: "REGISTER",
            uri: "sip:baton.local",
            nc,
        };
        request.more(&login.header(&challenge))
    };
    for (nc, status) in [(1, 401), (5, 200), (3, 401), (6, 200)] {
        let answer = raw.answer(&with(nc)).await;
        assert_eq!(answer.status(), status, "nc {nc}");
        if status == 401 {
            assert!(answer.challenge("SHA-256").stale, "the password was right");
            assert_ne!(answer.challenge("SHA-256").nonce, challenge.nonce);
        }
    }
}

#[tokio::test]
async fn b6_a_forged_nonce_is_challenged_anew() {
    let server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let mut challenge = raw.answer(&register("alice")).await.challenge("MD5");
    challenge.nonce = "AAAA".repeat(14);
    let login = Login {
        user: "alice",
        password: "alice-secret",
        algorithm: "MD5",
        method: "REGISTER",
        uri: "sip:baton.local",
        nc: 1,
    };
    let answer = raw.answer(&register("alice").more(&login.header(&challenge))).await;
    assert_eq!((answer.status(), answer.challenge("MD5").stale), (401, false));
}

#[tokio::test]
async fn b7_challenges_come_best_first_and_what_is_off_is_refused() {
    let server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let answer = raw.answer(&register("alice")).await;
    let challenges = answer.all("WWW-Authenticate");
    assert!(challenges[0].contains("SHA-256") && challenges[1].contains("MD5") && challenges.len() == 2);
    let (_, _, answer) = raw.login(&register("alice"), "alice", "alice-secret", "MD5").await;
    assert_eq!(answer.status(), 200);

    let server = house(|settings| settings.digest = vec![Algorithm::Sha256]).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let challenge = raw.answer(&register("alice")).await.challenge("SHA-256");
    let login = Login {
        user: "alice",
        password: "alice-secret",
        algorithm: "MD5",
        method: "REGISTER",
        uri: "sip:baton.local",
        nc: 1,
    };
    assert_eq!(raw.answer(&register("alice").more(&login.header(&challenge))).await.status(), 401);
}

#[tokio::test]
async fn b8_b9_credentials_for_something_else_or_broken_are_none() {
    let server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let right =
        |method, uri| Login { user: "alice", password: "alice-secret", algorithm: "SHA-256", method, uri, nc: 1 };
    for (method, uri) in [("REGISTER", "sip:elsewhere.local"), ("INVITE", "sip:baton.local")] {
        let challenge = raw.answer(&register("alice")).await.challenge("SHA-256");
        let answer = raw.answer(&register("alice").more(&right(method, uri).header(&challenge))).await;
        assert!(matches!(answer.status(), 400 | 401), "{method} {uri}");
    }
    let challenge = raw.answer(&register("alice")).await.challenge("SHA-256");
    let good = right("REGISTER", "sip:baton.local").header(&challenge);
    for header in [
        "Authorization: Digest\r\n".to_owned(),
        "Authorization: Digest username=\"alice\"\r\n".to_owned(),
        "Authorization: Basic YWxpY2U6YWxpY2Utc2VjcmV0\r\n".to_owned(),
        "Authorization: \r\n".to_owned(),
        "Authorization: Digest username=\"alice, realm=\r\n".to_owned(),
        format!("{good}{good}"),
    ] {
        assert_eq!(raw.answer(&register("alice").more(&header)).await.status(), 401, "{header}");
    }
}

#[tokio::test]
async fn b10_nobody_registers_for_somebody_else_or_calls_as_somebody_else() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let other = ask("REGISTER", "sip:baton.local", "sip:alice@baton.local", "sip:bob@baton.local");
    let (_, _, answer) = raw.login(&other, "alice", "alice-secret", "SHA-256").await;
    assert_eq!(answer.status(), 403);
    let call = ask("INVITE", "sip:101@baton.local", "sip:bob@baton.local", "sip:101@baton.local").offer();
    let (_, _, answer) = raw.login(&call, "alice", "alice-secret", "SHA-256").await;
    assert_eq!(answer.status(), 403);
    server.news.until(|news| matches!(news, News::Security { rule: "false-from", .. })).await;
    assert!(server.news.now().iter().all(|news| !matches!(news, News::Arrived(_))));
}

#[tokio::test]
async fn whoever_registers_in_another_domain_is_at_the_wrong_registrar() {
    let server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let raw = Raw::at("127.0.0.1", address).await;
    let ours = address.ip().to_string();
    for (uri, aor, status) in [
        ("baton.local", "baton.local", 200),
        ("BATON.local", ours.as_str(), 200),
        (ours.as_str(), ours.as_str(), 200),
        ("elsewhere.local", "elsewhere.local", 404),
        ("baton.local", "elsewhere.local", 404),
        ("elsewhere.local", "baton.local", 404),
        ("192.0.2.7", "192.0.2.7", 404),
    ] {
        let aor = format!("sip:alice@{aor}");
        let (_, _, answer) =
            raw.login(&ask("REGISTER", &format!("sip:{uri}"), &aor, &aor), "alice", "alice-secret", "SHA-256").await;
        assert_eq!(answer.status(), status, "{uri} {aor}");
    }
    assert_eq!(server.endpoint.registrations().await.len(), 1);
}

#[tokio::test]
async fn b11_b12_b13_contacts_are_checked_counted_and_timed() {
    let server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let raw = Raw::at("127.0.0.1", address).await;
    let with = async |lines: String| {
        let aor = "sip:alice@baton.local";
        let request = ask("REGISTER", "sip:baton.local", aor, aor);
        let challenge = raw.answer(&request).await.challenge("SHA-256");
        let login = Login {
            user: "alice",
            password: "alice-secret",
            algorithm: "SHA-256",
            method: "REGISTER",
            uri: "sip:baton.local",
            nc: 1,
        };
        let mut second = request.next("REGISTER");
        second.more = login.header(&challenge);
        // these tests bring contacts of their own
        let text = second.text("UDP", raw.local);
        let contact = format!("Contact: <sip:raw@{};transport=udp>\r\n", raw.local);
        raw.send(&text.replace(&contact, &lines)).await;
        raw.until(|message| message.one("Call-ID") == second.call_id && message.one("CSeq") == "2 REGISTER").await
    };
    for forbidden in ["0.0.0.0", "[::1]", "224.0.0.1", "127.0.0.77", &address.to_string()] {
        let answer = with(format!("Contact: <sip:a@{forbidden}>\r\nExpires: 600\r\n")).await;
        assert_eq!(answer.status(), 403, "{forbidden}");
    }
    assert_eq!(with("Contact: *\r\nExpires: 60\r\n".into()).await.status(), 400);
    let short = with("Contact: <sip:a@127.0.0.1:7000>\r\nExpires: 5\r\n".into()).await;
    assert_eq!((short.status(), short.one("Min-Expires")), (423, "60"));
    let long = with("Contact: <sip:a@127.0.0.1:7000>\r\nExpires: 6048000\r\n".into()).await;
    assert!(long.status() == 200 && long.one("Contact").contains("expires=3600"), "{}", long.0);
    for port in 7001..=7009 {
        let answer = with(format!("Contact: <sip:a@127.0.0.1:{port}>\r\nExpires: 600\r\n")).await;
        assert_eq!(answer.status(), 200, "{port}");
    }
    let eleventh = with("Contact: <sip:a@127.0.0.1:7010>\r\nExpires: 600\r\n".into()).await;
    assert_eq!(eleventh.status(), 403);
    let thousand: String = (0..250).map(|n| format!("Contact: <sip:a{n}@127.0.0.1>\r\n")).collect();
    assert_eq!(with(thousand).await.status(), 400);
    assert_eq!(server.endpoint.registrations().await.len(), 10);
    assert_eq!(with("Contact: *\r\nExpires: 0\r\n".into()).await.status(), 200);
    assert_eq!(server.endpoint.registrations().await.len(), 0);
}

#[tokio::test]
async fn b14_known_senders_are_told_what_is_not_built() {
    let server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let trunk = Raw::at("127.0.0.2", address).await;
    let aor = "sip:x@baton.local";
    for (method, status) in [
        ("MESSAGE", 405),
        ("SUBSCRIBE", 403),
        ("PUBLISH", 489),
        ("REFER", 403),
        ("NOTIFY", 481),
        ("BYE", 481),
        ("INFO", 481),
        ("PRACK", 481),
        ("UPDATE", 481),
        ("CANCEL", 481),
        ("OPTIONS", 200),
    ] {
        let answer = trunk.answer(&ask(method, aor, aor, aor)).await;
        assert_eq!(answer.status(), status, "{method}");
        if status == 405 || status == 200 {
            assert!(answer.one("Allow").contains("INVITE") && !answer.one("Allow").contains("PUBLISH"));
        }
    }
}

#[tokio::test]
async fn b17_scanners_hear_nothing_and_are_counted() {
    let server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let aor = "sip:x@baton.local";
    for agent in ["friendly-scanner", "SIPVicious 0.3", "pplsip"] {
        raw.ask(&ask("OPTIONS", aor, aor, aor).more(&format!("User-Agent: {agent}\r\n"))).await;
    }
    raw.silence().await;
    assert_eq!(server.endpoint.counts().await.dropped, 3);
}

#[tokio::test]
async fn b18_a_stranger_reaches_nobody() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let call = ask("INVITE", "sip:+1900123@baton.local", "sip:mallory@x", "sip:+1900123@baton.local").offer();
    raw.ask(&call).await;
    let first = raw.hear().await;
    assert_eq!(first.status(), 401, "never a provisional answer");
    assert!(server.news.now().is_empty());
    assert_eq!(server.endpoint.counts().await.transactions, 0, "and nothing is kept of it");
}

#[tokio::test]
async fn what_nobody_could_take_is_refused_before_anybody_is_asked_who_they_are() {
    let server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let invite = || ask("INVITE", "sip:x@baton.local", "sip:a@b", "sip:x@baton.local");
    let answer = raw.answer(&invite().more("Require: nothingSupportsThis, nothingSupportsThisEither\r\n")).await;
    assert_eq!(answer.status(), 420);
    assert_eq!(answer.one("Unsupported"), "nothingSupportsThis, nothingSupportsThisEither");
    let mut odd = invite().more("Content-Type: application/unknown\r\n");
    odd.body = "x".into();
    let answer = raw.answer(&odd).await;
    assert_eq!((answer.status(), answer.one("Accept")), (415, "application/sdp"));
    assert_eq!(raw.answer(&invite().more("Accept: text/nobodyKnowsThis\r\n")).await.status(), 406);
    let text = invite().text("UDP", raw.local).replace("Max-Forwards: 70", "Max-Forwards: 0");
    raw.send(&text).await;
    assert_eq!(raw.hear().await.status(), 483);
    raw.send(&invite().text("UDP", raw.local).replace("INVITE sip:x@baton.local", "INVITE nobodyKnows:x")).await;
    assert_eq!(raw.hear().await.status(), 416);
    assert_eq!(raw.answer(&invite().more("Proxy-Require: 0\r\n")).await.status(), 401, "for proxies, not for us");
}

#[tokio::test]
async fn a_full_trunk_and_a_draining_house_turn_new_calls_away() {
    let mut server = house(|_| {}).await;
    let trunk = Raw::at("127.0.0.2", listener(&server.endpoint, Protocol::Udp)).await;
    let invite = || ask("INVITE", "sip:+1555@baton.local", "sip:+49@x", "sip:+1555@baton.local").offer();
    for _ in 0..2 {
        trunk.ask(&invite()).await;
        server.news.arrival().await;
    }
    let full = trunk.answer(&invite()).await;
    assert_eq!(full.status(), 503);
    assert!(!full.one("Retry-After").is_empty());
    let server = house(|_| {}).await;
    let trunk = Raw::at("127.0.0.2", listener(&server.endpoint, Protocol::Udp)).await;
    server.endpoint.wish(sip_signalling::Wish::Drain);
    let _drained = server.endpoint.counts().await;
    assert_eq!(trunk.answer(&invite()).await.status(), 503);
}
