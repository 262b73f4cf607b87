//! Watches between the server and a phone of its own kind (`desk`), which shares nothing with the code under test; over good
//! networks and bad ones.

use std::collections::BTreeMap;
use std::time::Duration;

use conference::{AgentName, Role};

use super::desk::{Desk, Document, bob, room};
use super::net::settings;
use crate::codec::one;
use crate::settings::*;
use crate::*;

#[test]
fn a_lamp_follows_every_stage_of_a_call() {
    let mut desk = Desk::new(1, 0);
    let watch = desk.watching("bob", "dialog;id=7", bob(&[]));
    let first = desk.last();
    assert_eq!((first.root["state"].as_str(), first.root["entity"].as_str()), ("full", "sip:bob@baton.local"));
    assert_eq!((first.version(), first.said.len()), (0, 0));
    let notice = desk.notices.last().unwrap();
    assert_eq!(one(&notice.headers, "Event"), Some("dialog;id=7"));
    assert_eq!(one(&notice.headers, "Content-Type"), Some("application/dialog-info+xml"));
    assert!(one(&notice.headers, "Subscription-State").unwrap().starts_with("active;expires="));
    let stages = [
        (DialogStage::Trying, false, "trying", "yes"),
        (DialogStage::Early, false, "early", "yes"),
        (DialogStage::Confirmed, false, "confirmed", "yes"),
        (DialogStage::Confirmed, true, "confirmed", "no"),
        (DialogStage::Confirmed, false, "confirmed", "yes"),
    ];
    for (number, (stage, held, word, renders)) in (1..).zip(stages) {
        let before = desk.now;
        desk.tell(watch, bob(&[(9, stage, held)]));
        desk.until(|desk| desk.notices.len() == number);
        desk.until(|desk| desk.notices.len() == number + 1);
        assert!(desk.now.since(before) < Duration::from_millis(500));
        let said = desk.last();
        assert_eq!((said.version() as usize, said.root["state"].as_str()), (number, "partial"));
        let dialog = "dialog[direction=recipient,id=r9]";
        assert!(said.has(&format!("{dialog}/state={word}")), "{said:?}");
        let param =
            format!("{dialog}/local/target[uri=sip:bob@baton.local]/param[pname=+sip.rendering,pval={renders}]");
        assert!(said.has(&param), "{said:?}");
        assert!(said.has(&format!("{dialog}/remote/identity[display=Ann <&> \"Co\"]")), "{said:?}");
    }
    desk.tell(watch, bob(&[]));
    desk.until(|desk| desk.notices.len() == 7);
    assert!(desk.last().has("dialog[direction=recipient,id=r9]/state=terminated"));
    // the same again says nothing
    desk.tell(watch, bob(&[]));
    desk.pass(Duration::from_secs(5));
    assert_eq!(desk.notices.len(), 7);
}

#[test]
fn a_room_is_told_whole_then_by_its_changes() {
    let mut desk = Desk::new(2, 0);
    let alice = (1, "alice", Role::Agent, Attendance::Connected);
    let watch = desk.watching("room-standup", "conference", room(&[alice]));
    let first = desk.last();
    assert_eq!((first.root["state"].as_str(), first.version()), ("full", 1));
    assert_eq!(first.root["entity"], "sip:room-standup@baton.local");
    for said in ["conference-state/user-count=1", "conference-description/subject=Stand-up", "users[state=full]"] {
        assert!(first.has(said), "{said} {first:?}");
    }
    let user = "users[state=full]/user[entity=sip:alice@baton.local,state=full]";
    assert!(first.has(&format!("{user}/endpoint[entity=sip:a1@baton.local,state=full]/status=connected")), "{first:?}");
    let nobody = |who, attendance| (who, "", Role::Customer, attendance);
    desk.tell(watch, room(&[alice, nobody(2, Attendance::Connected), nobody(3, Attendance::Muted)]));
    desk.until(|desk| desk.notices.len() == 2);
    let joined = desk.last();
    assert_eq!((joined.root["state"].as_str(), joined.version()), ("partial", 2));
    assert!(joined.has("conference-state/user-count=3"));
    for (who, status, media) in [(2, "connected", "sendrecv"), (3, "muted-via-focus", "recvonly")] {
        let user = format!(
            "users[state=partial]/user[entity=sip:anonymous@anonymous.invalid;participant=p{who},state=full]/\
             endpoint[entity=sip:a{who}@baton.local,state=full]"
        );
        assert!(joined.has(&format!("{user}/status={status}")), "{joined:?}");
        assert!(joined.has(&format!("{user}/media[id=1]/status={media}")), "{joined:?}");
    }
    assert!(!joined.said.iter().any(|said| said.contains("alice")), "who is as before is not told again");
    desk.tell(watch, room(&[alice, nobody(3, Attendance::OnHold)]));
    desk.until(|desk| desk.notices.len() == 3);
    let held = desk.last();
    assert!(held.has("users[state=partial]/user[entity=sip:anonymous@anonymous.invalid;participant=p2,state=deleted]"));
    assert!(held.said.iter().any(|said| said.ends_with("/status=on-hold")), "{held:?}");
    assert!(held.said.iter().any(|said| said.ends_with("/media[id=1]/status=inactive")));
    desk.wish(Wish::EndWatch { watch });
    desk.until(|desk| desk.notices.len() == 4);
    assert_eq!(desk.last().root["state"], "deleted");
    let over = one(&desk.notices[3].headers, "Subscription-State").unwrap().to_owned();
    assert_eq!((over.as_str(), desk.ended()), ("terminated;reason=noresource", 0));
    desk.pass(Duration::from_secs(70));
    assert_eq!(desk.server.counts().subscriptions, 0);
}

#[test]
fn refreshed_it_is_told_whole_and_taken_back_it_ends() {
    let mut desk = Desk::new(3, 0);
    desk.watching("bob", "dialog", bob(&[(9, DialogStage::Early, false)]));
    assert_eq!(desk.subscribed("bob", "dialog", 600), 200);
    desk.until(|desk| desk.notices.len() == 2);
    let again = desk.last();
    assert_eq!((again.root["state"].as_str(), again.version()), ("full", 1));
    assert!(again.has("dialog[direction=recipient,id=r9]/state=early"));
    assert_eq!(desk.subscribed("bob", "conference", 600), 481, "another event in its dialog");
    assert_eq!(desk.subscribed("bob", "dialog", 0), 200);
    desk.until(|desk| desk.notices.len() == 3);
    let state = one(&desk.notices[2].headers, "Subscription-State").unwrap().to_owned();
    assert_eq!((state.as_str(), desk.ended()), ("terminated;reason=timeout", 1));
    desk.pass(Duration::from_secs(70));
    assert_eq!(desk.server.counts().subscriptions, 0);
    assert_eq!(desk.subscribed("bob", "dialog", 600), 481, "it is gone");
}

#[test]
fn it_runs_out_and_whoever_asks_for_no_time_is_told_once() {
    let mut desk = Desk::new(4, 0);
    desk.watching("bob", "dialog", bob(&[]));
    desk.pass(Duration::from_secs(601));
    assert_eq!((desk.ended(), desk.notices.len()), (1, 2));
    let mut desk = Desk::new(5, 0);
    assert_eq!(desk.subscribed("bob", "dialog", 0), 100);
    let watch = desk.watched();
    desk.tell(watch, bob(&[(9, DialogStage::Confirmed, false)]));
    desk.until(|desk| desk.notices.len() == 1);
    assert!(desk.last().has("dialog[direction=recipient,id=r9]/state=confirmed"));
    assert_eq!(desk.ended(), 1);
    desk.pass(Duration::from_secs(70));
    assert_eq!((desk.server.counts().subscriptions, desk.notices.len()), (0, 1));
}

#[test]
fn a_phone_that_knows_nothing_of_it_or_is_gone_ends_it() {
    for (says, mute) in [(481, false), (489, false), (200, true)] {
        let mut desk = Desk::new(6, 0);
        let watch = desk.watching("bob", "dialog", bob(&[]));
        desk.pass(Duration::from_secs(1));
        (desk.says, desk.mute) = (says, mute);
        desk.tell(watch, bob(&[(9, DialogStage::Early, false)]));
        desk.pass(Duration::from_secs(40));
        assert_eq!((desk.ended(), desk.server.counts().subscriptions), (1, 0), "{says} {mute}");
    }
}

#[test]
fn who_may_not_or_asks_wrongly_is_told_so() {
    type Case = (&'static str, &'static str, u32, &'static [(&'static str, &'static str)], u16);
    let cases: [Case; 9] = [
        ("bob", "presence", 600, &[], 489),
        ("bob", "refer", 600, &[], 489),
        ("bob", "dialog", 600, &[("Accept", "application/pidf+xml")], 406),
        ("bob", "dialog", 600, &[("Accept", "application/dialog-info+xml, text/plain")], 100),
        ("bob", "dialog;call-id=x", 600, &[], 404),
        ("bob", "dialog;id=\"a b\"", 600, &[], 400),
        ("bob", "dialog", 5, &[], 423),
        ("", "dialog", 600, &[], 404),
        ("bob", "conference", 600, &[("Require", "eventlist")], 420),
    ];
    for (user, event, expires, headers, expected) in cases {
        let mut desk = Desk::new(7, 0);
        desk.headers =
            headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<Vec<(&'static str, String)>>();
        assert_eq!(desk.subscribed(user, event, expires), expected, "{event} {headers:?}");
    }
    for (wish, status) in [(Some(404), 404), (Some(200), 403), (None, 500)] {
        let mut desk = Desk::new(8, 0);
        assert_eq!(desk.subscribed("bob", "dialog", 600), 100);
        let before = desk.answers.len();
        if let Some(status) = wish {
            let watch = desk.watched();
            desk.wish(Wish::RefuseWatch { watch, status });
        }
        desk.until(|desk| desk.answers.len() > before);
        assert_eq!(desk.answers.last().unwrap().status_code.code(), status);
        assert_eq!((desk.server.counts().subscriptions, desk.ended()), (0, usize::from(wish.is_none())));
    }
}

#[test]
fn too_many_watches_are_turned_away_and_none_is_let_in_while_we_go() {
    let mut desk = Desk::new(9, 0);
    let mut granted = 0;
    for number in 0..watch::MOST_OF_ONE + 5 {
        desk.tag.clear();
        desk.news.clear();
        match desk.subscribed(&format!("user{number}"), "dialog", 600) {
            100 => granted += 1,
            status => assert_eq!(status, 503),
        }
        if let Some(News::Watched { watch, .. }) = desk.news.last().cloned() {
            desk.tell(watch, bob(&[]));
        }
        desk.pass(Duration::from_millis(20));
    }
    assert_eq!(granted, watch::MOST_OF_ONE);
    let mut desk = Desk::new(10, 0);
    desk.wish(Wish::Drain);
    assert_eq!(desk.subscribed("bob", "dialog", 600), 503);
}

#[test]
fn whoever_loses_the_account_watches_nobody_any_more() {
    let mut desk = Desk::new(11, 0);
    desk.watching("bob", "dialog", bob(&[]));
    let Directory { accounts, trunks } = settings(Doorkeeping::Server).directory;
    let accounts = accounts.into_iter().filter(|account| account.name != AgentName("alice".into())).collect();
    desk.wish(Wish::Reload(Directory { accounts, trunks }));
    desk.until(|desk| desk.notices.len() == 2);
    let state = one(&desk.notices[1].headers, "Subscription-State").unwrap().to_owned();
    assert_eq!((state.as_str(), desk.ended()), ("terminated;reason=rejected", 1));
}

#[test]
fn nothing_is_lost_and_every_version_is_one_more_over_a_bad_network() {
    for seed in 0..40 {
        let mut desk = Desk::new(100 + seed, 25);
        let watch = desk.watching("bob", "dialog", bob(&[]));
        let mut shown = BTreeMap::new();
        for round in 0..30_u64 {
            let leg = round % 3;
            let stages = [DialogStage::Trying, DialogStage::Early, DialogStage::Confirmed];
            match shown.remove(&leg) {
                Some(2) => {}
                Some(stage) => drop(shown.insert(leg, stage + 1)),
                None => drop(shown.insert(leg, 0)),
            }
            let now: Vec<_> = shown.iter().map(|(leg, stage)| (*leg, stages[*stage], round % 4 == 0)).collect();
            desk.tell(watch, bob(&now));
            let pause = desk.chance.number() % 900;
            desk.pass(Duration::from_millis(pause));
        }
        desk.pass(Duration::from_secs(60));
        // a phone that carries out every document ends with what there is
        let mut lamp: BTreeMap<String, String> = BTreeMap::new();
        for (number, notice) in desk.notices.iter().enumerate() {
            let document = Document::of(notice);
            assert_eq!(document.version() as usize, number, "seed {seed}");
            if document.root["state"] == "full" {
                lamp.clear();
            }
            for said in &document.said {
                let Some((id, state)) = said.split_once("/state=") else { continue };
                match state {
                    "terminated" => drop(lamp.remove(id)),
                    state => drop(lamp.insert(id.to_owned(), state.to_owned())),
                }
            }
        }
        let stages = ["trying", "early", "confirmed"];
        let expected: BTreeMap<_, _> = shown
            .iter()
            .map(|(leg, stage)| (format!("dialog[direction=recipient,id=r{leg}]"), stages[*stage].to_owned()))
            .collect();
        assert_eq!(lamp, expected, "seed {seed}");
        assert_eq!(desk.ended(), 0, "seed {seed}");
    }
}

#[test]
fn at_most_a_dozen_states_wait_and_the_newest_is_told() {
    let mut desk = Desk::new(12, 0);
    let watch = desk.watching("bob", "dialog", bob(&[]));
    desk.pass(Duration::from_secs(1));
    desk.mute = true;
    for leg in 1..=40 {
        desk.tell(watch, bob(&[(leg, DialogStage::Early, false)]));
    }
    desk.pass(Duration::from_secs(2));
    desk.mute = false;
    desk.pass(Duration::from_secs(10));
    // the one that was on its way, and the dozen
    assert_eq!(desk.notices.len(), 1 + 1 + watch::MOST_WAITING);
    let last = desk.last();
    assert!(last.has("dialog[direction=recipient,id=r40]/state=early"), "{last:?}");
    assert!(last.has("dialog[direction=recipient,id=r39]/state=terminated"));
    // those passed over were never shown, so nothing of them is left on the lamp
    let begun = desk.notices.iter().flat_map(|notice| Document::of(notice).said);
    let (mut on, mut off) = (0, 0);
    begun.for_each(|said| {
        on += usize::from(said.ends_with("/state=early"));
        off += usize::from(said.ends_with("/state=terminated"));
    });
    assert_eq!(on, off + 1);
}
