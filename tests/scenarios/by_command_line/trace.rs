//! `baton trace`: every message while people call and transfer, as a ladder and in JSON; nothing secret is in it.

use baton_tests::house::House;
use baton_tests::shell::Shell;
use serde_json::Value;
use softphone::Hold;

use super::Typed;

/// A phone registers by digest, by way of a challenge: the messages are there, what proves who it is is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_is_drawn_and_what_is_secret_is_not() {
    let house = House::open().await;
    let shell = Shell::of(&house);
    let mut follows =
        [shell.starts(&["trace"]), shell.starts(&["trace", "--full"]), shell.starts(&["trace", "--json"])];
    for follow in &mut follows {
        follow.until_watching(&house).await;
    }
    let bob = house.bob().await;
    let [ladder, full, json] = &mut follows;
    ladder.until("200", |line| line.contains("200 OK (REGISTER)")).await;
    assert!(ladder.seen().iter().any(|line| line.contains("baton") && line.contains("127.0.0.1:")), "the lanes");
    assert!(ladder.seen().iter().any(|line| line.contains("401 ") && line.contains("(REGISTER)")));
    assert_eq!(ladder.seen().iter().filter(|line| line.contains("REGISTER ") && line.contains("<")).count(), 2);
    full.until("200", |line| line.contains("200 OK (REGISTER)")).await;
    full.until("contact", |line| line.trim_start().starts_with("Contact:") && line.contains("bob@")).await;
    let registers = |line: &str| {
        message(line).is_some_and(|(text, _)| text.starts_with("SIP/2.0 200") && text.contains("REGISTER"))
    };
    json.until("200", registers).await;
    for follow in &mut follows {
        let seen = follow.seen().join("\n");
        for secret in ["Authorization", "bob-secret", "response=", "cnonce"] {
            assert!(!seen.contains(secret), "{secret}: {seen}");
        }
        assert!(!seen.contains('\u{1b}'), "no colour into a pipe");
        follow.interrupt();
        assert_eq!(follow.ends().await, 0);
    }
    drop(bob);
    house.close().await;
}

/// The text and the call of a traced message.
fn message(line: &str) -> Option<(String, Option<String>)> {
    let value: Value = serde_json::from_str(line).ok()?;
    Some((value["text"].as_str()?.to_owned(), value["call"].as_str().map(str::to_owned)))
}

/// `--call ID`: this call's messages, of all its legs, and no other's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ladder_of_one_call_has_all_its_legs_and_no_other_call() {
    let typed = Typed::open().await;
    let (stage, call) = (&typed.stage, typed.call.as_str());
    let mut follows =
        [typed.shell.starts(&["trace", "--call", call]), typed.shell.starts(&["trace", "--json", "--call", call])];
    for follow in &mut follows {
        while follow.seen().is_empty() {
            stage.alice.holds(stage.hers, Hold::SendOnly).await;
            stage.alice.resumes(stage.hers).await;
        }
    }
    // a call that is another
    let other = stage.house.outside("other", 3_050.0).await;
    let theirs = other.calls("*44");
    other.comes_to(theirs, softphone::LineState::Live).await;
    other.hangs_up(theirs);
    other.is_let_go(theirs).await;
    let his = typed.consults().await;
    stage.alice_is_quiet();
    typed.steps("cancel").await;
    stage.bob.is_let_go(his).await;
    let [ladder, json] = &mut follows;
    for wanted in ["INVITE bob", "180 Ringing (INVITE)", "200 OK (INVITE)", "BYE 127.0.0.1:", "200 OK (BYE)"] {
        ladder.until(wanted, |line| line.contains(wanted)).await;
    }
    json.until("the end", |line| {
        message(line).is_some_and(|(text, _)| text.starts_with("SIP/2.0 200") && text.contains("BYE"))
    })
    .await;
    for line in json.seen() {
        let (text, of) = message(line).unwrap_or_else(|| panic!("no message: {line}"));
        assert_eq!(of.as_deref(), Some(call), "{line}");
        assert!(!text.contains("*44"), "{text}");
    }
    stage.customer.hangs_up(stage.theirs);
    stage.alice.is_let_go(stage.hers).await;
    typed.stage.house.close().await;
}

/// `-n` ends it by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_ends_after_as_many_messages_as_asked() {
    let house = House::open().await;
    let mut follows = [Shell::of(&house).starts(&["trace", "--json", "-n", "2"])];
    let [trace] = &mut follows;
    trace.until_drawn(&house, 2).await;
    assert_eq!(trace.ends().await, 0);
    assert_eq!(trace.seen().len(), 2);
    house.close().await;
}
