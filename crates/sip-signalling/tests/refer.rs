//! REFERs as real phones write them, and rows C of `trust.md` about them, over real sockets, spoken by a sender that shares
//! nothing with the crate.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod common;

use bytes::Bytes;
use common::call::{dials, replaces, rings, tag, talks};
use common::raw::{Ask, Login, Message, Raw, ask};
use common::{House, Told, house, listener};
use conference::{AgentName, Ending, LegId};
use sip_signalling::{News, Protocol, ReferId, Referral, ReferredAt, Wish};

/// What the server is told of a REFER.
async fn referred(server: &mut House) -> (ReferId, ReferredAt, Referral) {
    match server.news.until(|news| matches!(news, News::Referred { .. })).await {
        News::Referred { refer, at, asks } => (refer, at, asks),
        other => panic!("{other:?}"),
    }
}

async fn answer_to(raw: &Raw, request: &Ask) -> Message {
    let cseq = format!("{} {}", request.cseq, request.method);
    raw.until(|message| message.status() >= 200 && message.one("CSeq") == cseq).await
}

async fn notify(raw: &Raw) -> Message {
    raw.until(|message| message.method() == "NOTIFY").await
}

/// A REFER in a dialog whose numbers go on; `lines` are whole.
fn refer(dialog: &mut Ask, lines: &str) -> Ask {
    let request = dialog.next("REFER").more(lines);
    dialog.cseq = request.cseq;
    request
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('@', "%40").replace(';', "%3B").replace('=', "%3D")
}

/// A server at which Alice has two calls.
async fn two_calls() -> (House, Raw, (Ask, LegId), (Ask, LegId)) {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let first = talks(&mut server, &raw, "alice").await;
    let second = dials(&mut server, &raw, "alice").await;
    (server, raw, first, second)
}

#[tokio::test]
async fn the_refers_of_all_phones_name_the_other_call() {
    let (mut server, raw, (mut one, first), (mut two, second)) = two_calls().await;
    let named = replaces(&two);
    let swapped = format!("{};to-tag={};from-tag={}", two.call_id, tag(&two.from), tag(&two.to));
    let forms = [
        // baresip: the Call-ID as it is; Linphone, SIP.js: our Contact, a name; PJSIP: Require inside; Yealink: junk around
        format!(
            "Refer-To: <sip:102@baton.local?Replaces={}>\r\nReferred-By: <sip:alice@baton.local>\r\n",
            named.replace(';', "%3B").replace('=', "%3D")
        ),
        format!("Refer-To: \"Bob \\\"B\\\", home\" <{}?Replaces={}>\r\n", two.uri, escaped(&named)),
        format!("Refer-To: <sip:102@elsewhere.example?Require=replaces&Replaces={}>\r\n", escaped(&named)),
        format!(
            "Refer-To: <sip:102@baton.local?Replaces={}>\r\nEvent: refer\r\nProxy-Require: 0\r\nReferred-By: <sip:x\r\n",
            escaped(&named)
        ),
        // Jitsi: tags it does not know; FreeSWITCH's tolerance: the other order; compact name, no brackets
        format!("Refer-To: <sip:102@baton.local?Replaces={}%3Bto-tag%3D0%3Bfrom-tag%3D0>\r\n", escaped(&two.call_id)),
        format!("Refer-To: <sip:102@baton.local?Replaces={}>\r\n", escaped(&swapped)),
        format!("r: sip:102@baton.local?Replaces={}\r\n", escaped(&named)),
        // C3: nothing but Replaces counts
        format!(
            "Refer-To: <sip:102@baton.local?X-Role=admin&Replaces={}&Body=evil>\r\nb: <sip:eve@x>\r\n",
            escaped(&named)
        ),
    ];
    for lines in &forms {
        let request = refer(&mut one, lines);
        raw.ask(&request).await;
        let (id, at, asks) = referred(&mut server).await;
        assert_eq!((at, asks), (ReferredAt::Leg(first), Referral::Join(second)), "{lines}");
        server.endpoint.wish(Wish::RefuseRefer { refer: id, status: 403, reason: Some("not_allowed".into()) });
        let refused = answer_to(&raw, &request).await;
        assert_eq!(refused.status(), 403);
        assert_eq!(refused.one("Reason"), "SIP;cause=403;text=\"not_allowed\"");
    }
    // some phones send it in the other dialog
    let other = replaces(&one);
    let request = refer(&mut two, &format!("Refer-To: <sip:102@baton.local?Replaces={}>\r\n", escaped(&other)));
    raw.ask(&request).await;
    let (_, at, asks) = referred(&mut server).await;
    assert_eq!((at, asks), (ReferredAt::Leg(second), Referral::Join(first)));
    // baresip once named the very dialog it sent it in
    let request = refer(&mut two, &format!("Refer-To: <sip:102@baton.local?Replaces={}>\r\n", escaped(&named)));
    raw.ask(&request).await;
    assert_eq!(referred(&mut server).await.2, Referral::NoSuchLeg);
}

#[tokio::test]
async fn any_phone_of_the_agent_may_name_a_call_of_another_and_one_that_rings() {
    let mut server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let (desk, mobile) = (Raw::at("127.0.0.1", address).await, Raw::at("127.0.0.3", address).await);
    let (mut one, _) = talks(&mut server, &desk, "alice").await;
    mobile.register("alice").await;
    let (invite, arrival) = rings(&mut server, &mobile, "alice", "").await;
    server.endpoint.wish(Wish::Ringing { leg: arrival.leg });
    let ringing = mobile.until(|message| message.status() == 180).await;
    let named = format!("{};to-tag={};from-tag={}", invite.call_id, ringing.tag("To"), tag(&invite.from));
    desk.ask(&refer(&mut one, &format!("Refer-To: <sip:1@baton.local?Replaces={}>\r\n", escaped(&named)))).await;
    assert_eq!(referred(&mut server).await.2, Referral::Join(arrival.leg));
}

#[tokio::test]
async fn c8_a_refer_needs_one_refer_to_and_may_ask_for_silence() {
    let (mut server, raw, (mut one, _), _) = two_calls().await;
    for lines in [
        "",
        "Refer-To: <sip:1@x>\r\nRefer-To: <sip:2@x>\r\n",
        "Refer-To: <sip:1@x>, <sip:2@x>\r\n",
        "Refer-To: 102\r\n",
    ] {
        let request = refer(&mut one, lines);
        assert_eq!(raw.answer(&request).await.status(), 400, "{lines}");
    }
    for lines in ["Refer-Sub: false\r\nSupported: norefersub\r\n", "Require: norefersub\r\n"] {
        let request = refer(&mut one, &format!("Refer-To: <sip:102@baton.local>\r\n{lines}"));
        raw.ask(&request).await;
        let (id, ..) = referred(&mut server).await;
        server.endpoint.wish(Wish::AcceptRefer { refer: id });
        server.endpoint.wish(Wish::Notify { refer: id, status: 200, last: true });
        let accepted = answer_to(&raw, &request).await;
        assert_eq!((accepted.status(), accepted.one("Refer-Sub")), (202, "false"));
        raw.silence().await;
    }
    let request = refer(&mut one, "Refer-To: <sip:102@baton.local>\r\nRequire: teleport\r\n");
    assert_eq!(raw.answer(&request).await.status(), 420);
    assert_eq!(server.endpoint.counts().await.subscriptions, 0);
}

#[tokio::test]
async fn c12_a_repeated_refer_is_one_and_a_new_number_is_another() {
    let (mut server, raw, (mut one, _), _) = two_calls().await;
    let request = refer(&mut one, "Refer-To: <sip:102@baton.local>\r\n");
    for _ in 0..3 {
        raw.ask(&request).await;
    }
    let (id, ..) = referred(&mut server).await;
    server.endpoint.wish(Wish::AcceptRefer { refer: id });
    assert_eq!(answer_to(&raw, &request).await.status(), 202);
    let first = notify(&raw).await;
    raw.reply(&first, "200 OK", "", "", "").await;
    raw.ask(&request).await;
    assert_eq!(answer_to(&raw, &request).await.status(), 202, "the same answer again");
    assert!(!server.news.now().iter().any(|news| matches!(news, News::Referred { .. })));
    let mut lower = one.next("REFER").more("Refer-To: <sip:102@baton.local>\r\n");
    lower.cseq = request.cseq;
    assert_eq!(raw.answer(&lower).await.status(), 500);
    let again = refer(&mut one, "Refer-To: <sip:102@baton.local>\r\n");
    raw.ask(&again).await;
    let (second, ..) = referred(&mut server).await;
    assert_ne!(second, id);
    server.endpoint.wish(Wish::AcceptRefer { refer: second });
    assert_eq!(notify(&raw).await.one("Event"), format!("refer;id={}", again.cseq));
}

#[tokio::test]
async fn a_refused_notify_ends_its_subscription_and_neither_call_nor_transfer() {
    let (mut server, raw, (mut one, leg), _) = two_calls().await;
    for status in ["481 Gone", "403 Wrong Status", "489 Bad Event", "400 Bad sipfrag"] {
        let request = refer(&mut one, "Refer-To: <sip:102@baton.local>\r\n");
        raw.ask(&request).await;
        let (id, ..) = referred(&mut server).await;
        server.endpoint.wish(Wish::AcceptRefer { refer: id });
        let first = notify(&raw).await;
        raw.reply(&first, status, "", "", "").await;
        server.endpoint.wish(Wish::Notify { refer: id, status: 200, last: true });
        // the call goes on both ways, and nothing more is notified
        raw.silence().await;
        let options = one.next("OPTIONS");
        one.cseq = options.cseq;
        assert_eq!(raw.answer(&options).await.status(), 200, "{status}");
        assert_eq!(server.endpoint.counts().await.subscriptions, 0, "{status}");
    }
    // one that was overtaken comes again, with another number
    let request = refer(&mut one, "Refer-To: <sip:102@baton.local>\r\n");
    raw.ask(&request).await;
    let (id, ..) = referred(&mut server).await;
    server.endpoint.wish(Wish::AcceptRefer { refer: id });
    let first = notify(&raw).await;
    raw.reply(&first, "500 Server Internal Error", "", "", "").await;
    let second = raw.until(|message| message.method() == "NOTIFY" && message.one("CSeq") != first.one("CSeq")).await;
    assert!(second.0.ends_with("SIP/2.0 100 Trying\r\n"), "{}", second.0);
    raw.reply(&second, "200 OK", "", "", "").await;
    assert!(!server.news.now().iter().any(|news| matches!(news, News::Ended { .. })));
    // B15: whoever challenges a NOTIFY gets nothing, and the leg is closed
    server.endpoint.wish(Wish::Notify { refer: id, status: 180, last: false });
    let third = raw.until(|message| message.method() == "NOTIFY" && message.0.contains("180 Ringing")).await;
    raw.reply(&third, "401 Unauthorized", "", "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n", "").await;
    server.news.until(|news| matches!(news, News::Security { rule: "digest-leak", .. })).await;
    let ended = server.news.until(|news| matches!(news, News::Ended { .. })).await;
    assert_eq!(ended, News::Ended { leg, how: Ending::Dead });
}

#[tokio::test]
async fn subscribe_refreshes_and_ends_what_a_refer_began_and_begins_nothing() {
    let (mut server, raw, (mut one, _), _) = two_calls().await;
    let mut subscribe = |lines: &str| {
        let request = one.next("SUBSCRIBE").more(lines);
        one.cseq = request.cseq;
        request
    };
    assert_eq!(raw.answer(&subscribe("Event: refer\r\n")).await.status(), 403);
    for lines in ["Event: presence\r\n", ""] {
        let refused = raw.answer(&subscribe(lines)).await;
        assert_eq!((refused.status(), refused.one("Allow-Events")), (489, "refer, dialog, conference"), "{lines}");
    }
    let request = subscribe("");
    let request = Ask { method: "REFER".into(), ..request }.more("Refer-To: <sip:102@baton.local>\r\n");
    raw.ask(&request).await;
    let (id, ..) = referred(&mut server).await;
    server.endpoint.wish(Wish::AcceptRefer { refer: id });
    let first = notify(&raw).await;
    raw.reply(&first, "200 OK", "", "", "").await;
    server.endpoint.wish(Wish::Notify { refer: id, status: 180, last: false });
    let second = raw.until(|message| message.method() == "NOTIFY" && message.0.contains("180 Ringing")).await;
    raw.reply(&second, "200 OK", "", "", "").await;
    let wrong = raw.answer(&subscribe("Event: refer;id=77777\r\n")).await;
    assert_eq!(wrong.status(), 403);
    let refreshed = raw.answer(&subscribe(&format!("Event: refer;id={}\r\nExpires: 60\r\n", request.cseq))).await;
    assert_eq!((refreshed.status(), refreshed.one("Expires")), (200, "60"));
    let state = notify(&raw).await;
    assert!(state.one("Subscription-State").starts_with("active;expires=") && state.0.contains("180 Ringing"));
    raw.reply(&state, "200 OK", "", "", "").await;
    // PJSIP ends one whose last word was no last NOTIFY
    let ended = raw.answer(&subscribe("Event: refer\r\nExpires: 0\r\n")).await;
    assert_eq!((ended.status(), ended.one("Expires")), (200, "0"));
    let state = notify(&raw).await;
    assert_eq!(state.one("Subscription-State"), "terminated;reason=timeout");
    raw.reply(&state, "200 OK", "", "", "").await;
    server.endpoint.wish(Wish::Notify { refer: id, status: 200, last: true });
    raw.silence().await;
    assert_eq!(server.endpoint.counts().await.subscriptions, 0);
}

#[tokio::test]
async fn c1_nobody_refers_from_outside_without_a_password_and_no_customer_ever() {
    let mut server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let refer = || {
        ask("REFER", "sip:room@baton.local", "sip:alice@baton.local", "sip:room@baton.local")
            .more("Refer-To: <sip:+15559@baton.local>\r\n")
    };
    let stranger = Raw::at("127.0.0.66", address).await;
    assert_eq!(stranger.answer(&refer()).await.status(), 401);
    let trunk = Raw::at("127.0.0.2", address).await;
    let refused = trunk.answer(&refer()).await;
    assert_eq!((refused.status(), refused.one("Reason")), (403, "SIP;cause=403;text=\"not_allowed\""));
    server.news.until(|news| matches!(news, News::Security { rule: "refer-by-customer", .. })).await;
    // in a dialog that is not there
    let mut nowhere = refer();
    nowhere.to.push_str(";tag=none");
    assert_eq!(stranger.answer(&nowhere).await.status(), 481);
    assert!(!server.news.now().iter().any(|news| matches!(news, News::Referred { .. })));
}

/// A REFER outside dialogs with credentials, once challenged.
async fn outside(raw: &Raw, uri: &str, lines: &str) -> Ask {
    let first = ask("REFER", uri, "sip:alice@baton.local", uri).more(lines);
    let challenge = raw.answer(&first).await.challenge("SHA-256");
    let login = Login { user: "alice", password: "alice-secret", algorithm: "SHA-256", method: "REFER", uri, nc: 1 };
    first.next("REFER").more(lines).more(&login.header(&challenge))
}

#[tokio::test]
async fn a_refer_outside_dialogs_finds_the_leg_it_means_or_the_conference() {
    let (mut server, raw, (one, first), (two, second)) = two_calls().await;
    let target = format!("Target-Dialog: {};local-tag={};remote-tag={}\r\n", one.call_id, tag(&one.from), tag(&one.to));
    let join = format!("Refer-To: <sip:102@baton.local?Replaces={}>\r\n", escaped(&replaces(&two)));
    let bring = "Refer-To: <sip:102@baton.local>\r\n";
    let remove = "Refer-To: <sip:102@baton.local;method=BYE>\r\n";
    let room = ReferredAt::Conference { user: "room".into(), agent: AgentName("alice".into()) };
    let brought = Referral::Bring { dialled: "102".into(), host: "baton.local".into(), ours: true };
    for (uri, lines, at, asks) in [
        (
            "sip:alice@baton.local",
            format!("{join}{target}Require: tdialog\r\n"),
            ReferredAt::Leg(first),
            Referral::Join(second),
        ),
        // our Contact in the leg's dialog
        (two.uri.as_str(), bring.to_owned(), ReferredAt::Leg(second), brought.clone()),
        ("sip:room@baton.local", bring.to_owned(), room.clone(), brought),
        ("sip:room@baton.local", remove.to_owned(), room, Referral::Remove { user: "102".into() }),
    ] {
        let request = outside(&raw, uri, &lines).await;
        raw.ask(&request).await;
        let (id, came, asked) = referred(&mut server).await;
        assert_eq!((came, asked), (at, asks), "{lines}");
        server.endpoint.wish(Wish::AcceptRefer { refer: id });
        let accepted = answer_to(&raw, &request).await;
        assert_eq!(accepted.status(), 202);
        let first = notify(&raw).await;
        assert_eq!((first.one("Call-ID"), first.one("From")), (request.call_id.as_str(), accepted.one("To")));
        raw.reply(&first, "200 OK", "", "", "").await;
        // the dialog it made can be refreshed, and carries no second REFER
        let dialog = Ask { to: accepted.one("To").to_owned(), ..request.clone() };
        assert_eq!(raw.answer(&dialog.next("REFER").more(bring)).await.status(), 403);
        let mut subscribe = dialog.next("SUBSCRIBE").more("Event: refer\r\n");
        subscribe.cseq += 1;
        assert_eq!(raw.answer(&subscribe).await.status(), 200);
        let again = notify(&raw).await;
        raw.reply(&again, "200 OK", "", "", "").await;
        server.endpoint.wish(Wish::Notify { refer: id, status: 200, last: true });
        let last = raw.until(|message| message.method() == "NOTIFY" && message.0.contains("200 OK")).await;
        assert_eq!(last.one("Subscription-State"), "terminated;reason=noresource");
        raw.reply(&last, "200 OK", "", "", "").await;
        let mut late = dialog.next("SUBSCRIBE").more("Event: refer\r\n");
        late.cseq += 2;
        assert_eq!(raw.answer(&late).await.status(), 481);
    }
    // no such conference: here no dialog could end by that (the table of refusals)
    let request = outside(&raw, "sip:room@baton.local", bring).await;
    raw.ask(&request).await;
    let (refer, ..) = referred(&mut server).await;
    let reason = Some("call_not_found".to_owned());
    server.endpoint.wish(Wish::RefuseRefer { refer, status: 481, reason });
    let refused = answer_to(&raw, &request).await;
    assert_eq!((refused.status(), refused.one("Reason")), (481, "SIP;cause=481;text=\"call_not_found\""));
    for (uri, lines, status) in [
        ("sip:alice@baton.local", format!("{bring}Target-Dialog: nobody;local-tag=1;remote-tag=2\r\n"), 481),
        ("sip:alice@baton.local", format!("{bring}{target}{target}"), 400),
        ("sip:alice@baton.local", target.clone(), 400),
        ("sip:room@elsewhere.example", bring.to_owned(), 404),
    ] {
        let request = outside(&raw, uri, &lines).await;
        assert_eq!(raw.answer(&request).await.status(), status, "{lines}");
    }
    assert_eq!(server.endpoint.counts().await.subscriptions, 0);
}

#[tokio::test]
async fn our_messages_say_what_phones_look_for_before_they_transfer() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    raw.register("alice").await;
    let says = |message: &Message, leg: LegId| {
        let supported = message.one("Supported");
        assert!(["replaces", "norefersub"].iter().all(|word| supported.contains(word)), "{supported}");
        assert!(["REFER", "SUBSCRIBE", "NOTIFY"].iter().all(|word| message.one("Allow").contains(word)));
        assert_eq!(message.one("Allow-Events"), "refer, dialog, conference");
        let contact = message.one("Contact");
        assert!(contact.starts_with(&format!("<sip:{leg}@")) && contact.ends_with(";isfocus"), "{contact}");
    };
    let (invite, arrival) = rings(&mut server, &raw, "alice", "").await;
    server.endpoint.wish(Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0\r\n") });
    let ok = raw.until(|message| message.status() == 200 && message.one("Call-ID") == invite.call_id).await;
    says(&ok, arrival.leg);
    let leg = LegId::rung(5);
    server.endpoint.wish(Wish::Call {
        leg,
        to: sip_signalling::Callee::Agent(AgentName("alice".into())),
        from: conference::Identity { display: "Ann".into(), user: "+4930".into() },
        offer: Bytes::from_static(b"v=0\r\n").into(),
    });
    let rung = raw.until(|message| message.method() == "INVITE").await;
    says(&rung, leg);
}
