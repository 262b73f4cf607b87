//! A warm transfer by the command line alone, a tone at every ear; and the pause and hang-up buttons as commands.

use baton_tests::desk::person;
use baton_tests::house::tones;
use baton_tests::stage::{Unbroken, scene};
use serde_json::json;
use softphone::LineState;

use super::Typed;

/// The six steps: talk, transfer, answer, swap and back, merge, complete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_six_steps_are_typed() {
    let typed = Typed::open().await;
    let his = typed.consults().await;
    let stage = &typed.stage;
    stage.alice_is_quiet();
    typed.steps("swap").await;
    typed.alice_comes_to_hear(tones::STRANGER).await;
    stage.alice.says(stage.hers, tones::ALICE);
    scene(&[stage.customer_hears(&[tones::ALICE]), stage.bob.hears_music(his)]).await;
    assert_eq!(typed.sheet().await["transfer"]["facing"], "customer");
    stage.alice_is_quiet();
    typed.steps("swap").await;
    typed.alice_comes_to_hear(tones::BOB_TOO).await;
    stage.alice.says(stage.hers, tones::SECRET);
    stage.is_private(his).await;
    stage.kept_private(his);
    stage.ends_privacy(his);
    typed.steps("merge").await;
    stage.is_merged(his).await;
    stage.house.freeze_and_thaw(3).await;
    let sound = Unbroken::of(vec![("bob", stage.bob.ear(his)), ("customer", stage.customer.ear(stage.theirs))]);
    typed.steps("complete").await;
    stage.alice.is_let_go(stage.hers).await;
    stage.joined(his).await;
    sound.was_unbroken();
    typed.stage.bob_closes(his).await;
}

/// "Put one participant on hold and unhold the other using the pause button in each call"; then nobody is paused any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pause_buttons_are_typed() {
    let typed = Typed::open().await;
    let his = typed.consults().await;
    let stage = &typed.stage;
    stage.alice_is_quiet();
    typed.pauses("hold", "bob").await;
    scene(&[stage.customer_hears_music(), stage.bob.hears_music(his), stage.alice_hears(&[])]).await;
    typed.pauses("unhold", "customer").await;
    typed.alice_comes_to_hear(tones::STRANGER).await;
    stage.alice.says(stage.hers, tones::ALICE);
    scene(&[stage.customer_hears(&[tones::ALICE]), stage.bob.hears_music(his)]).await;
    stage.house.freeze_and_thaw(3).await;
    stage.ends_privacy(his);
    typed.pauses("unhold", "bob").await;
    stage.is_merged(his).await;
    // hang up under the agent's name
    assert_eq!(typed.shell.does(&["hangup", &typed.call, "bob", "--by", "alice"]).await, "");
    stage.bob.is_let_go(his).await;
    stage.alice_and_customer_talk().await;
    typed.stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_is_cancelled_while_it_rings() {
    let typed = Typed::open().await;
    let his = typed.calls_bob().await;
    let stage = &typed.stage;
    stage.alice_is_quiet();
    typed.steps("cancel").await;
    stage.bob.is_let_go(his).await;
    stage.alice.says(stage.hers, tones::ALICE);
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice_and_customer_talk().await;
    stage.customer_heard_nothing_private();
    stage.house.freeze_and_thaw(2).await;
    typed.stage.customer_closes().await;
}

/// `hangup CALL` ends it for everybody; a call that is over has a record, and no steps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_hung_up_for_everybody() {
    let typed = Typed::open().await;
    let his = typed.consults().await;
    typed.stage.house.freeze_and_thaw(3).await;
    assert_eq!(typed.shell.does(&["hangup", &typed.call]).await, "");
    typed.stage.bob.is_let_go(his).await;
    typed.stage.alice.is_let_go(typed.stage.hers).await;
    assert!(matches!(typed.stage.customer.is_let_go(typed.stage.theirs).await, LineState::Ended(_)));
    assert_eq!(typed.shell.does(&["calls"]).await, "");
    assert_eq!(typed.shell.runs(&["swap", &typed.call]).await.refused(), "call_not_found");
    typed.stage.house.close().await;
}

/// Every step with `--json`: what the API answered, in one line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_says_its_answer_in_json() {
    let typed = Typed::open().await;
    let (shell, stage, id) = (&typed.shell, &typed.stage, typed.call.as_str());
    let started = shell.runs(&["transfer", id, "--by", "alice", "--to", "bob", "--json"]).await.json();
    assert_eq!((&started["id"], &started["transfer"]["phase"]), (&json!(id), &json!("calling")), "{started}");
    assert_eq!(started["transfer"]["target"], json!({"agent": "bob"}));
    let his = stage.bob.answers().await;
    typed.until_phase("private").await;
    let customer = typed.id("customer").await;
    for step in ["swap", "swap", "merge"] {
        let call = shell.runs(&[step, id, "--json"]).await.json();
        assert_eq!(call["id"], id, "{step}: {call}");
    }
    assert_eq!(typed.sheet().await["transfer"]["phase"], "merged");
    stage.house.freeze_and_thaw(3).await;
    for (verb, held, muted) in
        [("hold", true, false), ("unhold", false, false), ("mute", false, true), ("unmute", false, false)]
    {
        let call = shell.runs(&[verb, id, &customer, "--json"]).await.json();
        let shown = person(&call, "customer");
        assert_eq!((&shown["held"], &shown["muted"]), (&json!(held), &json!(muted)), "{verb}: {call}");
    }
    for arguments in [&["dtmf", id, "bob", "5", "--json"][..], &["complete", id, "--by", "alice", "--json"]] {
        let answer = shell.runs(arguments).await.json();
        assert!(answer.is_object(), "{arguments:?}: {answer}");
    }
    stage.bob.hears_keys(his, "5").await;
    stage.alice.is_let_go(stage.hers).await;
    let dialled = shell.runs(&["dial", "alice", "103", "--json"]).await.json();
    assert!(dialled["id"].as_str().is_some_and(|id| id.starts_with("c-")), "{dialled}");
    let again = stage.alice.is_rung().await;
    let ended = shell.runs(&["hangup", dialled["id"].as_str().expect("an id"), "--json"]).await.json();
    assert!(ended.is_object(), "{ended}");
    stage.alice.is_let_go(again).await;
    typed.stage.bob_closes(his).await;
}
