//! Watches over real sockets, written by hand: who may, what is told, how a phone learns what it may watch; and the trace of
//! all that, and a phone whose port is closed.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::call::{inside, rings, taken};
use common::raw::{Ask, Message, Raw, ask};
use common::{House, Told, house, listener};
use conference::{AgentName, Identity, LegId, ParticipantId, Role};
use sip_signalling::{
    Attendance, Callee, DialogStage, News, Package, Protocol, WatchId, WatchedAt, WatchedConference, WatchedDialog,
    WatchedDialogs, WatchedEndpoint, WatchedState, WatchedUser, Wish,
};

fn subscribe(user: &str, event: &str) -> Ask {
    let aor = format!("sip:{user}@baton.local");
    ask("SUBSCRIBE", &aor, "sip:alice@baton.local", &aor).more(&format!("Event: {event}\r\nExpires: 600\r\n"))
}

/// Sends SUBSCRIBE as Alice; it is with the owner now.
async fn asks(server: &mut House, raw: &Raw, first: &Ask) -> (Ask, WatchId, Package, WatchedAt) {
    let challenge = raw.answer(first).await.challenge("SHA-256");
    let login = common::raw::Login {
        user: "alice",
        password: "alice-secret",
        algorithm: "SHA-256",
        method: "SUBSCRIBE",
        uri: &first.uri,
        nc: 1,
    };
    let second = first.next("SUBSCRIBE").more(&first.more).more(&login.header(&challenge));
    raw.ask(&second).await;
    let told = server.news.until(|news| matches!(news, News::Watched { .. })).await;
    let News::Watched { watch, package, at, watcher } = told else { panic!() };
    assert_eq!(watcher, AgentName("alice".into()));
    (second, watch, package, at)
}

/// The next NOTIFY, answered; and its body.
async fn notice(raw: &Raw) -> (Message, String) {
    let notice = raw.until(|message| message.0.starts_with("NOTIFY ")).await;
    raw.reply(&notice, "200 OK", "x", "", "").await;
    let body = notice.0.split_once("\r\n\r\n").unwrap().1.to_owned();
    (notice, body)
}

fn bob(stage: DialogStage, on_hold: bool) -> Arc<WatchedState> {
    Arc::new(WatchedState::Dialogs(WatchedDialogs {
        owner: Identity { display: "Bob".into(), user: "bob".into() },
        dialogs: vec![WatchedDialog {
            leg: LegId::rung(4),
            stage,
            calls: false,
            peer: Identity { display: "<script>".into(), user: "+49301112233".into() },
            on_hold,
        }],
    }))
}

#[tokio::test]
async fn a_lamp_shows_a_colleagues_call_from_trying_to_hold() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let (asked, watch, package, at) = asks(&mut server, &raw, &subscribe("bob", "dialog")).await;
    assert_eq!((package, at), (Package::Dialog, WatchedAt::User("bob".into())));
    server.endpoint.wish(Wish::Watch { watch, state: bob(DialogStage::Early, false) });
    let granted = raw.until(|message| message.status() == 200).await;
    assert_eq!((granted.one("Expires"), granted.one("Call-ID")), ("600", asked.call_id.as_str()));
    let (first, body) = notice(&raw).await;
    assert_eq!((first.one("Event"), first.one("Content-Type")), ("dialog", "application/dialog-info+xml"));
    assert!(first.one("Allow-Events").contains("dialog") && first.one("Allow-Events").contains("conference"));
    assert!(body.contains("state=\"full\"") && body.contains("<state>early</state>"), "{body}");
    assert!(body.contains("&lt;script&gt;") && !body.contains("<script>"), "{body}");
    let begun = Instant::now();
    for (version, held) in [(1, true), (2, false)] {
        server.endpoint.wish(Wish::Watch { watch, state: bob(DialogStage::Confirmed, held) });
        let (_, body) = notice(&raw).await;
        assert!(body.contains(&format!("version=\"{version}\"")) && body.contains("state=\"partial\""), "{body}");
        assert_eq!(body.contains("pname=\"+sip.rendering\" pval=\"no\""), held, "{body}");
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
    let dialog = inside(&asked, &granted);
    let unsubscribe = dialog.next("SUBSCRIBE").more("Event: dialog\r\nExpires: 0\r\n");
    assert_eq!(raw.answer(&unsubscribe).await.status(), 200);
    let (last, body) = notice(&raw).await;
    assert_eq!(last.one("Subscription-State"), "terminated;reason=timeout");
    assert!(body.contains("version=\"3\""), "{body}");
    server.news.until(|news| matches!(news, News::WatchEnded { .. })).await;
}

/// What Python's own parser reads in a document: its root, and every element with its text.
fn read_by_python(body: &str) -> String {
    let script = "import sys, xml.etree.ElementTree as E\n\
                  root = E.fromstring(sys.stdin.read())\n\
                  print(root.tag, sorted(root.attrib.items()))\n\
                  for e in root.iter():\n  print(e.tag.split('}')[1], (e.text or '').strip(), sorted(e.attrib.items()))\n";
    let mut python = std::process::Command::new("python3")
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), body.as_bytes()).unwrap();
    let said = python.wait_with_output().unwrap();
    assert!(said.status.success(), "{body}");
    String::from_utf8(said.stdout).unwrap()
}

#[tokio::test]
async fn a_parser_that_is_none_of_ours_reads_both_kinds_of_documents() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    let (_, watch, ..) = asks(&mut server, &raw, &subscribe("bob", "dialog")).await;
    server.endpoint.wish(Wish::Watch { watch, state: bob(DialogStage::Confirmed, true) });
    let said = read_by_python(&notice(&raw).await.1);
    for line in [
        "{urn:ietf:params:xml:ns:dialog-info}dialog-info [('entity', 'sip:bob@baton.local'), ('state', 'full'), ('version', '0')]",
        "dialog  [('direction', 'recipient'), ('id', 'r4')]",
        "state confirmed []",
        "identity sip:+49301112233@baton.local [('display', '<script>')]",
        "param  [('pname', '+sip.rendering'), ('pval', 'no')]",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}\n{said}");
    }
    let (_, watch, ..) = asks(&mut server, &raw, &subscribe("room-a", "conference")).await;
    let guest = WatchedUser {
        who: ParticipantId(2),
        shown: Identity { display: "]]> & \u{202e}\u{0} \"'".into(), user: "+49 30;x=<y>".into() },
        role: Role::Customer,
        endpoints: vec![WatchedEndpoint { leg: LegId::arrived(5), attendance: Attendance::OnHold }],
    };
    let state =
        WatchedConference { user: "room-a".into(), subject: "<&>".into(), users: vec![guest], ..Default::default() };
    server.endpoint.wish(Wish::Watch { watch, state: Arc::new(WatchedState::Conference(state)) });
    let said = read_by_python(&notice(&raw).await.1);
    for line in [
        "{urn:ietf:params:xml:ns:conference-info}conference-info \
         [('entity', 'sip:room-a@baton.local'), ('state', 'full'), ('version', '1')]",
        "subject <&> []",
        "user-count 1 []",
        "status on-hold []",
        "status inactive []",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}\n{said}");
    }
}

#[tokio::test]
async fn a_phone_learns_the_rooms_address_in_its_call_and_watches_it() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    raw.register("alice").await;
    let (invite, arrival) = rings(&mut server, &raw, "alice", "").await;
    server.endpoint.wish(Wish::Focus { leg: arrival.leg, user: "room-standup".into() });
    server.endpoint.wish(Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0\r\n") });
    let dialog = taken(&raw, &invite).await;
    assert!(dialog.uri.starts_with("sip:room-standup@"), "{}", dialog.uri);
    // also after it was frozen and thawed
    let state = server.endpoint.freeze(arrival.leg).await.unwrap();
    server.endpoint.thaw(state);
    server.endpoint.wish(Wish::Offer { leg: arrival.leg, body: Bytes::from_static(b"v=0\r\n") });
    let offer = raw.until(|message| message.0.starts_with("INVITE ")).await;
    assert!(offer.one("Contact").starts_with("<sip:room-standup@") && offer.one("Contact").ends_with(";isfocus"));
    let target = dialog.uri.clone();
    let first =
        ask("SUBSCRIBE", &target, "sip:alice@baton.local", &target).more("Event: conference\r\nExpires: 600\r\n");
    let (_, watch, package, at) = asks(&mut server, &raw, &first).await;
    assert_eq!((package, at), (Package::Conference, WatchedAt::User("room-standup".into())));
    let alice = WatchedUser {
        who: ParticipantId(1),
        shown: Identity { display: "Alice".into(), user: "alice".into() },
        role: Role::Agent,
        endpoints: vec![WatchedEndpoint { leg: arrival.leg, attendance: Attendance::OnHold }],
    };
    let state = WatchedConference { user: "room-standup".into(), users: vec![alice], ..WatchedConference::default() };
    server.endpoint.wish(Wish::Watch { watch, state: Arc::new(WatchedState::Conference(state)) });
    let (told, body) = notice(&raw).await;
    assert_eq!(told.one("Content-Type"), "application/conference-info+xml");
    for said in ["entity=\"sip:room-standup@baton.local\"", "<status>on-hold</status>", "<user-count>1</user-count>"] {
        assert!(body.contains(said), "{said} {body}");
    }
}

#[tokio::test]
async fn a_phone_that_talks_already_is_told_at_once_that_its_call_is_a_room_now_and_told_once() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    raw.register("alice").await;
    let (invite, arrival) = rings(&mut server, &raw, "alice", "Allow: INVITE, ACK, BYE, UPDATE\r\n").await;
    server.endpoint.wish(Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0\r\n") });
    let dialog = taken(&raw, &invite).await;
    assert!(!dialog.uri.contains("room-"), "at the door it is told nothing: {}", dialog.uri);
    let focus = || Wish::Focus { leg: arrival.leg, user: "room-vault".into() };
    server.endpoint.wish(focus());
    let told = raw.until(|message| message.0.starts_with("UPDATE ")).await;
    assert!(told.one("Contact").starts_with("<sip:room-vault@") && told.one("Contact").ends_with(";isfocus"));
    raw.reply(&told, "200 OK", "", "", "").await;
    server.endpoint.wish(focus());
    server.endpoint.wish(Wish::Offer { leg: arrival.leg, body: Bytes::from_static(b"v=0\r\n") });
    let next = raw.until(|message| message.0.starts_with("INVITE ") || message.0.starts_with("UPDATE ")).await;
    assert!(next.0.starts_with("INVITE ") && next.one("Contact").starts_with("<sip:room-vault@"), "{}", next.0);
}

#[tokio::test]
async fn the_call_of_ones_own_leg_may_be_watched_and_nobody_elses() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    raw.register("alice").await;
    let bob = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    bob.register("bob").await;
    for (phone, user) in [(&raw, "alice"), (&bob, "bob")] {
        let (invite, arrival) = rings(&mut server, phone, user, "").await;
        server.endpoint.wish(Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0\r\n") });
        let dialog = taken(phone, &invite).await;
        let first = ask("SUBSCRIBE", &dialog.uri, "sip:alice@baton.local", &dialog.uri)
            .more("Event: conference\r\nExpires: 60\r\n");
        let (_, watch, _, at) = asks(&mut server, &raw, &first).await;
        let expected =
            if user == "alice" { WatchedAt::Leg(arrival.leg) } else { WatchedAt::User(arrival.leg.to_string()) };
        assert_eq!(at, expected);
        server.endpoint.wish(Wish::RefuseWatch { watch, status: 404 });
        raw.until(|message| message.status() == 404).await;
        // in the dialog of the call itself it is not taken, and the call goes on
        let within = dialog.next("SUBSCRIBE").more("Event: conference\r\nExpires: 60\r\n");
        assert_eq!(phone.answer(&within).await.status(), 403);
    }
}

#[tokio::test]
async fn strangers_and_customers_watch_nobody() {
    let server = house(|_| {}).await;
    let at = listener(&server.endpoint, Protocol::Udp);
    let stranger = Raw::at("127.0.0.1", at).await;
    assert_eq!(stranger.answer(&subscribe("bob", "dialog")).await.status(), 401);
    let customer = Raw::at("127.0.0.2", at).await;
    assert_eq!(customer.answer(&subscribe("bob", "dialog")).await.status(), 403);
    let (_, _, answer) = stranger.login(&subscribe("bob", "presence"), "alice", "alice-secret", "MD5").await;
    assert_eq!((answer.status(), answer.one("Allow-Events")), (489, "refer, dialog, conference"));
    assert_eq!(server.endpoint.counts().await.subscriptions, 0);
}

#[tokio::test]
async fn the_trace_tells_every_message_with_its_leg_and_without_credentials() {
    let mut server = house(|_| {}).await;
    let raw = Raw::at("127.0.0.1", listener(&server.endpoint, Protocol::Udp)).await;
    raw.register("alice").await;
    let mut trace = server.endpoint.trace();
    let (invite, arrival) = rings(&mut server, &raw, "alice", "").await;
    server.endpoint.wish(Wish::Answer { leg: arrival.leg, body: Bytes::from_static(b"v=0\r\n") });
    let dialog = taken(&raw, &invite).await;
    server.news.until(|news| matches!(news, News::Acknowledged { .. })).await;
    assert_eq!(raw.answer(&dialog.next("BYE")).await.status(), 200);
    server.news.until(|news| matches!(news, News::Ended { .. })).await;
    let (mut lines, mut legs) = (Vec::new(), Vec::new());
    while let Ok(message) = trace.try_recv() {
        let text = String::from_utf8(message.bytes.to_vec()).unwrap();
        assert!(!text.contains("response="), "{text}");
        assert_eq!((message.peer, message.protocol), (raw.local, Protocol::Udp));
        if message.call_id == invite.call_id {
            let first = text.lines().next().unwrap();
            let word = first.strip_prefix("SIP/2.0 ").unwrap_or(first).split(' ').next().unwrap();
            lines.push(format!("{} {word}", if message.sent { "->" } else { "<-" }));
            legs.push(message.leg);
        }
    }
    let expected = ["<- INVITE", "-> 401", "<- ACK", "<- INVITE", "-> 100", "-> 200", "<- ACK", "<- BYE", "-> 200"];
    let expected: Vec<_> =
        expected.into_iter().filter(|line| lines.contains(&"<- ACK".into()) || *line != "<- ACK").collect();
    let without = |lines: Vec<String>| lines.into_iter().filter(|line| line != "<- ACK").collect::<Vec<_>>();
    let shown = without(lines);
    assert_eq!(shown, without(expected.into_iter().map(str::to_owned).collect()));
    assert!(legs.iter().rev().take(4).all(|leg| *leg == Some(arrival.leg)), "{legs:?}");
    drop(trace);
}

#[tokio::test]
async fn a_phone_whose_port_is_closed_fails_at_once_and_the_other_rings_on() {
    let mut server = house(|_| {}).await;
    let at = listener(&server.endpoint, Protocol::Udp);
    let gone = Raw::at("127.0.0.1", at).await;
    gone.register("alice").await;
    drop(gone);
    let ring = |leg| Wish::Call {
        leg: LegId::rung(leg),
        to: Callee::Agent(AgentName("alice".into())),
        from: Identity::default(),
        offer: Bytes::from_static(b"v=0\r\n").into(),
    };
    let begun = Instant::now();
    server.endpoint.wish(ring(1));
    let told = server.news.until(|news| matches!(news, News::Failed { .. })).await;
    assert_eq!(told, News::Failed { leg: LegId::rung(1), status: 503 });
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let there = Raw::at("127.0.0.1", at).await;
    there.register("alice").await;
    assert_eq!(server.endpoint.registrations().await.len(), 2, "the registration stays");
    server.endpoint.wish(ring(2));
    let invite = there.until(|message| message.0.starts_with("INVITE ")).await;
    there.reply(&invite, "180 Ringing", "t", "", "").await;
    server.news.until(|news| matches!(news, News::Progress { status: 180, .. })).await;
    there.reply(&invite, "200 OK", "t", "Content-Type: application/sdp\r\n", "v=0\r\n").await;
    server.news.until(|news| matches!(news, News::Answered { .. })).await;
}
