//! Lamps and lists on the wire: whoever watches knows after every change what the API says, by versions without a gap, and
//! nothing of a consult that is not theirs.

use std::time::{Duration, Instant};

use baton_tests::desk::Desk;
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, House, tones};
use baton_tests::one_line::OneLine;
use baton_tests::people::connect;
use baton_tests::raw::{Peer, RawCall};
use baton_tests::watcher::{Watcher, lamps};
use serde_json::Value;
use softphone::{Hold, LineState};

/// As whom Alice asked for Bob: so he is shown in a call to which he was brought.
const BOB: &str = "102";

fn is(watcher: &Watcher, users: &[(&str, &str)]) -> bool {
    let users: Vec<_> = users.iter().map(|(name, status)| ((*name).to_owned(), (*status).to_owned())).collect();
    watcher.users() == users
}

/// Waits until a conference's watcher knows just these.
async fn until(watcher: &mut Watcher, users: &[(&str, &str)]) {
    while !is(watcher, users) {
        watcher.is_told().await;
    }
}

/// Waits until a lamp is so.
async fn until_lamp(watcher: &mut Watcher, lamp: &[(&str, &str, bool)]) {
    let wanted: Vec<_> = lamp.iter().map(|(state, user, held)| (*state, format!("sip:{user}@"), *held)).collect();
    let so = |known: &Value| {
        let lamps = lamps(known);
        lamps.len() == wanted.len()
            && lamps.iter().zip(&wanted).all(|((state, peer, held), (is, whom, away))| {
                state == is && peer.starts_with(whom.as_str()) && held == away
            })
    };
    watcher.until(&format!("{lamp:?}"), so).await;
}

/// What the API says of the same call: names, and how each attends.
fn by_api(call: &Value) -> Vec<(String, String)> {
    let people = call["participants"].as_array().into_iter().flatten();
    let attends = |person: &Value| match (&person["legs"][0], person["held"] == true) {
        (leg, held) if leg["live"] == true && (held || leg["direction"] == "away") => "on-hold",
        (leg, _) if leg["live"] == true => "connected",
        (_, _) if person["status"] == "ringing" => "alerting",
        _ => "dialing-out",
    };
    let mut people: Vec<_> = people
        .map(|person| (person["name"].as_str().unwrap_or_default().to_owned(), attends(person).to_owned()))
        .collect();
    people.sort();
    people
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rooms_watcher_sees_joins_holds_and_leaves() {
    let house = House::open().await;
    let (alice, bob) = (house.alice().await, house.bob().await);
    let mut carol = Watcher::begins(&house, "carol", "conference", "room-fish").await;
    assert!(is(&carol, &[]) && carol.known["entity"] == "sip:room-fish@baton.local", "{:#}", carol.known);
    let hers = alice.calls("room-fish");
    alice.comes_to(hers, LineState::Live).await;
    until(&mut carol, &[("alice", "connected")]).await;
    let his = bob.calls("room-fish");
    bob.comes_to(his, LineState::Live).await;
    until(&mut carol, &[("alice", "connected"), ("bob", "connected")]).await;
    assert_eq!(carol.known["extent"], "partial");
    alice.holds(hers, Hold::SendOnly).await;
    until(&mut carol, &[("alice", "on-hold"), ("bob", "connected")]).await;
    house.freeze_and_thaw(2).await;
    let whole = carol.refreshes(600).await;
    assert_eq!(whole["extent"], "full");
    assert!(is(&carol, &[("alice", "on-hold"), ("bob", "connected")]), "{whole:#}");
    assert!(carol.state().starts_with("active;expires="), "{}", carol.state());
    let room = Desk::operator(&house).only_call().await;
    assert_eq!(carol.users(), by_api(&room));
    alice.resumes(hers).await;
    until(&mut carol, &[("alice", "connected"), ("bob", "connected")]).await;
    bob.hangs_up(his);
    until(&mut carol, &[("alice", "connected")]).await;
    alice.hangs_up(hers);
    until(&mut carol, &[]).await;
    carol.refreshes(0).await;
    assert_eq!(carol.state(), "terminated;reason=timeout");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lamp_follows_a_colleague_through_ringing_hold_and_the_end() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let mut carol = Watcher::begins(&house, "carol", "dialog", "alice").await;
    let mut by_extension = Watcher::begins(&house, "bob", "dialog", "101").await;
    assert!(carol.dialogs().is_empty());
    let theirs = customer.calls(ALICES_NUMBER);
    let hers = alice.is_rung().await;
    let peer = "+15550100";
    until_lamp(&mut carol, &[("early", peer, false)]).await;
    alice.phone.answer(hers).expect("it rings");
    customer.comes_to(theirs, LineState::Live).await;
    until_lamp(&mut carol, &[("confirmed", peer, false)]).await;
    alice.holds(hers, Hold::Inactive).await;
    until_lamp(&mut carol, &[("confirmed", peer, true)]).await;
    alice.resumes(hers).await;
    until_lamp(&mut carol, &[("confirmed", peer, false)]).await;
    assert_eq!(carol.refreshes(300).await["extent"], "full");
    customer.hangs_up(theirs);
    let over = carol.until("the end", |known| lamps(known).is_empty()).await;
    assert!(over["dialogs"].as_object().is_some_and(|dialogs| dialogs.len() == 1), "told once as over: {over:#}");
    by_extension.until("the end", |known| known["version"].as_u64() > Some(3) && lamps(known).is_empty()).await;
    house.close().await;
}

/// The call's focus is watched by who is in it; every step of a warm transfer is told, and the same as the API tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_transfer_is_told_step_by_step_to_who_is_in_it() {
    let stage = OneLine::open().await;
    let call = Desk::operator(&stage.house).only_call().await;
    let focus = call["id"].as_str().expect("an id").to_owned();
    let (mut alice, operator) =
        (Watcher::begins(&stage.house, "alice", "conference", &focus).await, Desk::operator(&stage.house));
    let customer = "+15550100";
    until(&mut alice, &[(customer, "connected"), ("alice", "connected")]).await;
    let his = stage.consults().await;
    until(&mut alice, &[(customer, "on-hold"), (BOB, "connected"), ("alice", "connected")]).await;
    assert_eq!(alice.users(), by_api(&operator.only_call().await));
    assert!(alice.was_told_of("alerting"), "it rang first");
    stage.house.freeze_and_thaw(3).await;
    stage.swaps_to_the_customer().await;
    until(&mut alice, &[(customer, "connected"), (BOB, "on-hold"), ("alice", "connected")]).await;
    assert_eq!(alice.users(), by_api(&operator.only_call().await));
    stage.ends_privacy(his);
    stage.keys("*3");
    stage.is_merged(his).await;
    until(&mut alice, &[(customer, "connected"), (BOB, "connected"), ("alice", "connected")]).await;
    let mut bob = Watcher::begins(&stage.house, "bob", "conference", &focus).await;
    // a call that is no room is for those who are in it: she is told nothing of what comes after her
    stage.alice.hangs_up(stage.hers);
    ends(&mut alice).await;
    until(&mut bob, &[(customer, "connected"), (BOB, "connected")]).await;
    stage.bob.hangs_up(his);
    stage.customer.is_let_go(stage.theirs).await;
    ends(&mut bob).await;
    stage.house.close().await;
}

async fn ends(watcher: &mut Watcher) {
    while !watcher.state().starts_with("terminated") {
        watcher.is_told().await;
    }
    assert_eq!((watcher.state(), &watcher.known["extent"]), ("terminated;reason=noresource", &Value::from("deleted")));
}

/// A colleague's lamp tells whom the colleague talks to; in a consult that is the other agent, not the customer on hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lamp_of_whoever_is_consulted_names_who_consults() {
    let stage = OneLine::open().await;
    let mut carol = Watcher::begins(&stage.house, "carol", "dialog", "bob").await;
    let his = stage.consults().await;
    until_lamp(&mut carol, &[("confirmed", "alice", false)]).await;
    assert!(!carol.was_told_of("15550100"), "the customer is not there yet");
    stage.keys("#");
    stage.ends_privacy(his);
    stage.alice.hangs_up(stage.hers);
    until_lamp(&mut carol, &[("confirmed", "+15550100", false)]).await;
    stage.joined(his).await;
    stage.bob_closes(his).await;
}

/// The least there is are 60 seconds; nobody refreshes after them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_is_not_refreshed_runs_out_and_says_so() {
    let house = House::open().await;
    let mut carol = Watcher::begins(&house, "carol", "dialog", "alice").await;
    let whole = carol.refreshes(60).await;
    let granted = Instant::now();
    assert_eq!(whole["extent"], "full");
    let left: Option<u32> = carol.state().strip_prefix("active;expires=").and_then(|left| left.parse().ok());
    assert!(left.is_some_and(|left| (50..=60).contains(&left)), "{}", carol.state());
    let last = carol.is_told_within(Duration::from_secs(75)).await;
    assert_eq!((carol.state(), &last["extent"]), ("terminated;reason=timeout", &Value::from("full")));
    assert!(granted.elapsed() > Duration::from_secs(55), "not before its time");
    let refresh = "Event: dialog\r\nExpires: 60\r\n";
    let answer = carol.peer.ask_as(&mut carol.dialog, "carol", "SUBSCRIBE", refresh, "").await;
    assert_eq!(answer.status(), Some(481), "it is over: {answer:?}");
    house.close().await;
}

/// Whoever watches a room from outside learns of nobody who is only consulted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_out_of_a_room_is_private_to_those_in_the_room() {
    let house = House::open().await;
    let (alice, bob, customer) = (house.alice().await, house.bob().await, house.customer().await);
    let theirs = customer.calls("room42");
    customer.comes_to(theirs, LineState::Live).await;
    let hers = alice.calls("room-r42");
    alice.comes_to(hers, LineState::Live).await;
    let mut outside = Watcher::begins(&house, "carol", "conference", "room-r42").await;
    let mut inside = Watcher::begins(&house, "alice", "conference", "room-r42").await;
    alice.phone.key(hers, "*2102#");
    let his = bob.answers().await;
    until(&mut inside, &[("+15550100", "connected"), (BOB, "connected"), ("alice", "connected")]).await;
    until(&mut outside, &[("+15550100", "connected"), ("alice", "connected")]).await;
    house.freeze_and_thaw(3).await;
    assert_eq!(outside.refreshes(600).await["count"], 2);
    assert!(!outside.was_told_of("bob"), "a consult is nobody else's");
    alice.hangs_up(hers);
    until(&mut inside, &[("+15550100", "connected"), (BOB, "connected")]).await;
    until(&mut outside, &[("+15550100", "connected"), (BOB, "connected")]).await;
    bob.hangs_up(his);
    customer.hangs_up(theirs);
    house.close().await;
}

/// Strangers and customers watch nobody; an agent watches no call of others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_watches_what_is_not_theirs() {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    let focus = Desk::operator(&house).only_call().await["id"].as_str().expect("an id").to_owned();
    let mut bob = Peer::udp([127, 0, 0, 1].into(), house.udp).await;
    for (event, whom, status) in [
        ("conference", focus.as_str(), 403),
        ("conference", "c-9999", 404),
        ("conference", "alice", 404),
        ("dialog", "nobody", 404),
        ("dialog", "200", 404),
        ("presence", "alice", 489),
    ] {
        let (_, answer) = Watcher::asks(&mut bob, "bob", event, whom, 600).await;
        assert_eq!(answer.status(), Some(status), "{event} of {whom}: {answer:?}");
    }
    let (_, answer) = Watcher::asks(&mut bob, "bob", "dialog", "alice", 10).await;
    assert_eq!((answer.status(), answer.header("Min-Expires")), (Some(423), Some("60")), "{answer:?}");
    let mut trunk = Peer::udp(CUSTOMERS, house.udp).await;
    for (event, whom) in [("dialog", "alice"), ("conference", focus.as_str()), ("conference", "standup")] {
        let mut dialog = trunk.dialog("+15550100", whom);
        let subscribe = trunk.request(&mut dialog, "SUBSCRIBE", &format!("Event: {event}\r\n"), "");
        assert_eq!(trunk.ask(&subscribe).await.status(), Some(403), "{event} of {whom}");
    }
    // nor in the dialog of their own call
    let mut echo = RawCall::dial(CUSTOMERS, house.udp, "*43", tones::STRANGER).await;
    let subscribe = echo.peer.request(&mut echo.dialog, "SUBSCRIBE", "Event: conference\r\n", "");
    assert_eq!(echo.peer.ask(&subscribe).await.status(), Some(403));
    echo.hangs_up().await;
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}

/// RFC 4579 §5.4: the factory gives everybody a focus of their own, and whoever knows its address dials it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_factory_makes_a_conference_that_others_dial() {
    let house = House::open().await;
    let (alice, other) = (house.alice().await, house.carol().await);
    let mut bob = Peer::udp([127, 0, 0, 1].into(), house.udp).await;
    assert_eq!(bob.register("bob").await.status(), Some(200));
    let audio = baton_tests::raw::Audio::open([127, 0, 0, 1].into()).await;
    let mut dialog = bob.dialog("bob", "conference");
    let described = baton_tests::raw::sdp(audio.own, "");
    let answer = bob.ask_as(&mut dialog, "bob", "INVITE", "Content-Type: application/sdp\r\n", &described).await;
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    let contact = answer.need("Contact").to_owned();
    assert!(contact.ends_with(";isfocus"), "{contact}");
    let focus = answer.address("Contact").expect("a Contact");
    let user = focus.strip_prefix("sip:").and_then(|rest| rest.split('@').next()).expect("its user").to_owned();
    assert!(user.starts_with("room-"), "the address of the conference, not of the leg: {user}");
    bob.takes_up(&mut dialog, &answer, "", "").await;
    let mut watch = Watcher::begins(&house, "bob", "conference", &user).await;
    until(&mut watch, &[("bob", "connected")]).await;
    let second = other.calls("conference");
    other.comes_to(second, LineState::Live).await;
    let hers = alice.calls(&user);
    alice.comes_to(hers, LineState::Live).await;
    until(&mut watch, &[("alice", "connected"), ("bob", "connected")]).await;
    house.freeze_and_thaw(3).await;
    assert!(!watch.was_told_of("carol"), "who dials the factory gets another");
    for (person, line) in [(&alice, hers), (&other, second)] {
        person.hangs_up(line);
    }
    until(&mut watch, &[("bob", "connected")]).await;
    let bye = bob.request(&mut dialog, "BYE", "", "");
    assert_eq!(bob.ask(&bye).await.status(), Some(200));
    house.close().await;
}
