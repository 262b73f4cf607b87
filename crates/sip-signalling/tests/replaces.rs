//! INVITE with Replaces (RFC 3891 §3): row C5 of `trust.md`, over real sockets, spoken by a sender that shares nothing with
//! the crate.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod common;

use bytes::Bytes;
use common::call::{authorized, replaces, rings, tag, taken, talks};
use common::raw::{Raw, ask};
use common::{Told, house, listener};
use conference::{AgentName, Ending, Identity, LegId};
use sip_signalling::{Callee, News, Protocol, Wish};

#[tokio::test]
async fn a_phone_takes_its_own_call_over_and_repairs_it() {
    let mut server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let (desk, mobile) = (Raw::at("127.0.0.1", address).await, Raw::at("127.0.0.3", address).await);
    let (dialog, leg) = talks(&mut server, &desk, "alice").await;
    let exact = replaces(&dialog);
    // Linphone's repair may not know our tag
    let repair = format!("{};to-tag=0;from-tag={}", dialog.call_id, tag(&dialog.from));
    for (phone, value, require) in [(&mobile, &exact, "Require: replaces\r\n"), (&desk, &repair, "")] {
        let more = format!("Replaces: {value}\r\n{require}");
        let (_, arrival) = rings(&mut server, phone, "alice", &more).await;
        assert_eq!(arrival.replaces, Some(leg), "{value}");
        server.endpoint.wish(Wish::Reject { leg: arrival.leg, status: 486, reason: None });
    }
    let (_, arrival) = rings(&mut server, &desk, "alice", "").await;
    assert_eq!(arrival.replaces, None);
}

#[tokio::test]
async fn c5_calls_of_others_are_not_there_and_early_only_means_it() {
    let mut server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let (desk, other) = (Raw::at("127.0.0.1", address).await, Raw::at("127.0.0.3", address).await);
    let (dialog, _) = talks(&mut server, &desk, "alice").await;
    other.register("bob").await;
    let (named, call) = (replaces(&dialog), &dialog.call_id);
    let early = rings(&mut server, &desk, "alice", "").await;
    server.endpoint.wish(Wish::Ringing { leg: early.1.leg });
    let ringing = desk.until(|message| message.status() == 180).await;
    let unanswered = format!("{};to-tag={};from-tag={}", early.0.call_id, ringing.tag("To"), tag(&early.0.from));
    let swapped = format!("{call};to-tag={};from-tag={}", tag(&dialog.from), tag(&dialog.to));
    for (phone, user, values, status) in [
        (&other, "bob", vec![named.clone()], 481),
        (&other, "bob", vec![format!("{call};to-tag=0;from-tag=0")], 481),
        (&desk, "alice", vec![swapped], 481),
        (&desk, "alice", vec![format!("none{named}")], 481),
        (&desk, "alice", vec![unanswered], 481),
        (&desk, "alice", vec![format!("{named};early-only")], 486),
        (&desk, "alice", vec![call.clone()], 400),
        (&desk, "alice", vec![";to-tag=1;from-tag=2".into()], 400),
        (&desk, "alice", vec![named.clone(), named.clone()], 400),
        (&desk, "alice", vec![format!("{named}, {named}")], 400),
    ] {
        let more: String = values.iter().map(|value| format!("Replaces: {value}\r\n")).collect();
        let invite = authorized(phone, user, &more).await;
        assert_eq!(phone.answer(&invite).await.status(), status, "{user} {values:?}");
    }
    let trunk = Raw::at("127.0.0.2", address).await;
    let invite = ask("INVITE", "sip:1@baton.local", "sip:+1@x", "sip:1@baton.local").offer();
    assert_eq!(trunk.answer(&invite.more(&format!("Replaces: {named}\r\n"))).await.status(), 481);
    assert!(!server.news.now().iter().any(|news| matches!(news, News::Arrived(_))));
}

#[tokio::test]
async fn c5_a_call_that_has_ended_is_declined_to_its_owner_alone() {
    let mut server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let (desk, other) = (Raw::at("127.0.0.1", address).await, Raw::at("127.0.0.3", address).await);
    let (dialog, _) = talks(&mut server, &desk, "alice").await;
    other.register("bob").await;
    assert_eq!(desk.answer(&dialog.next("BYE")).await.status(), 200);
    server.news.until(|news| matches!(news, News::Ended { how: Ending::Bye, .. })).await;
    let more = format!("Replaces: {}\r\n", replaces(&dialog));
    let late = authorized(&desk, "alice", &more).await;
    assert_eq!(desk.answer(&late).await.status(), 603);
    let foreign = authorized(&other, "bob", &more).await;
    assert_eq!(other.answer(&foreign).await.status(), 481);
    // and the one that took its place may be named in turn
    let (invite, arrival) = rings(&mut server, &desk, "alice", "").await;
    server.endpoint.wish(Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0\r\n") });
    let next = taken(&desk, &invite).await;
    let (_, again) = rings(&mut server, &desk, "alice", &format!("Replaces: {}\r\n", replaces(&next))).await;
    assert_eq!(again.replaces, Some(arrival.leg));
}

#[tokio::test]
async fn a_phone_picks_up_what_rings_at_another_of_the_same_agent_and_nobody_elses() {
    let mut server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Udp);
    let (desk, mobile) = (Raw::at("127.0.0.1", address).await, Raw::at("127.0.0.3", address).await);
    desk.register("alice").await;
    mobile.register("bob").await;
    let leg = LegId::rung(1);
    let from = Identity { display: String::new(), user: "+4930111".into() };
    let to = Callee::Agent(AgentName("alice".into()));
    server.endpoint.wish(Wish::Call { leg, to, from, offer: Bytes::from_static(b"v=0\r\n").into() });
    let invite = desk.until(|message| message.method() == "INVITE").await;
    let (call, ours) = (invite.one("Call-ID"), invite.tag("From"));
    let unheard = format!("Replaces: {call};to-tag={ours};from-tag=desk\r\n");
    let early = authorized(&mobile, "alice", &unheard).await;
    assert_eq!(mobile.answer(&early).await.status(), 481, "nobody rings there yet");
    desk.reply(&invite, "180 Ringing", "desk", "", "").await;
    server.news.until(|news| matches!(news, News::Progress { .. })).await;
    for (user, value) in [
        ("bob", format!("{call};to-tag={ours};from-tag=desk")),
        ("alice", format!("{call};to-tag={ours};from-tag=other")),
        ("alice", format!("{call};to-tag=desk;from-tag={ours}")),
    ] {
        let foreign = authorized(&mobile, user, &format!("Replaces: {value}\r\n")).await;
        assert_eq!(mobile.answer(&foreign).await.status(), 481, "{user} {value}");
    }
    for more in ["", ";early-only"] {
        let named = format!("Replaces: {call};to-tag={ours};from-tag=desk{more}\r\n");
        let (_, arrival) = rings(&mut server, &mobile, "alice", &named).await;
        assert_eq!(arrival.replaces, Some(leg), "{more}");
        server.endpoint.wish(Wish::Reject { leg: arrival.leg, status: 486, reason: None });
    }
}
