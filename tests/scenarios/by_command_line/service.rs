//! `baton drain` and `baton reload`: what an operator does with a house in which people talk.

use baton_tests::desk::Desk;
use baton_tests::house::{ALICES_NUMBER, Setup, tones};
use softphone::LineState;

use super::Typed;

/// No new calls come in, those there are go on, transfers and all; `--undo` lets them in again; `--wait` ends with the last one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_lets_no_call_in_and_ends_with_the_last_one() {
    let typed = Typed::open().await;
    let (shell, stage) = (&typed.shell, &typed.stage);
    let drained = shell.runs(&["drain", "--json"]).await.json();
    assert!(drained.is_object(), "{drained}");
    let other = stage.house.outside("other", 3_050.0).await;
    let turned_away = other.calls(ALICES_NUMBER);
    assert_eq!(other.is_let_go(turned_away).await, LineState::Failed(503));
    let his = typed.consults().await;
    stage.alice_is_quiet();
    typed.steps("cancel").await;
    stage.bob.is_let_go(his).await;
    assert_eq!(shell.does(&["drain", "--undo"]).await, "");
    let let_in = other.calls("*44");
    other.comes_to(let_in, LineState::Live).await;
    let mut waits = shell.starts(&["drain", "--wait"]);
    other.hangs_up(let_in);
    other.is_let_go(let_in).await;
    stage.alice.says(stage.hers, stage.alice.hertz);
    stage.customer.says(stage.theirs, stage.customer.hertz);
    stage.alice_and_customer_talk().await;
    stage.customer.hangs_up(stage.theirs);
    stage.alice.is_let_go(stage.hers).await;
    assert_eq!(waits.ends().await, 0);
    typed.stage.house.close().await;
}

/// A consult that rings already goes on while the house drains: it is answered and completed, and who is left is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_while_a_consult_rings_waits_for_whom_the_transfer_leaves() {
    let typed = Typed::open().await;
    let (shell, stage) = (&typed.shell, &typed.stage);
    let his = typed.calls_bob().await;
    assert_eq!(shell.does(&["drain"]).await, "");
    let mut waits = shell.starts(&["drain", "--wait"]);
    let other = stage.house.outside("other", 3_050.0).await;
    let turned_away = other.calls(ALICES_NUMBER);
    assert_eq!(other.is_let_go(turned_away).await, LineState::Failed(503));
    stage.bob.phone.answer(his).expect("it rings on");
    stage.bob.says(his, tones::BOB_TOO);
    stage.is_private(his).await;
    stage.ends_privacy_of_others(his);
    stage.alice_is_quiet();
    typed.steps("complete").await;
    stage.alice.is_let_go(stage.hers).await;
    stage.joined(his).await;
    stage.house.freeze_and_thaw(2).await;
    stage.joined(his).await;
    assert!(waits.goes_on(), "Bob and the customer talk");
    stage.bob.hangs_up(his);
    stage.customer.is_let_go(stage.theirs).await;
    assert_eq!(waits.ends().await, 0);
    typed.stage.house.close().await;
}

/// New settings come into force while people talk; mistakes change nothing and are named with their lines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_brings_a_new_agent_and_a_mistake_changes_nothing() {
    let typed = Typed::open().await;
    let (shell, stage) = (&typed.shell, &typed.stage);
    let mut events = Desk::operator(&stage.house).listens(None).await;
    events.until("snapshot", |_| true).await;
    // writes the settings file
    drop(stage.house.settings(&Setup { agents: &["alice", "bob", "carol", "dora"], ..Setup::USUAL }));
    let notes = shell.runs(&["reload", "--json"]).await.json();
    let said = notes["notes"].as_array().expect("notes");
    assert!(
        said.len() == 1 && said[0].as_str().is_some_and(|note| note.ends_with("alice, bob, carol, dora")),
        "{notes}"
    );
    // whoever listens is told, and finds the new one at once
    events.until("settings_changed", |_| true).await;
    Desk::operator(&stage.house).get("/v1/agents/dora").await.done(200);
    let dora = stage.house.agent("dora", 2_900.0).await;
    let agents = shell.runs(&["agents", "--json"]).await.json_lines();
    assert!(agents.iter().any(|agent| agent["name"] == "dora"), "{agents:?}");
    std::fs::write(stage.house.settings_file(), "[sip]\nlisten = 5\n").expect("the settings file");
    let refused = shell.runs(&["reload"]).await;
    assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
    assert!(refused.err.contains(":2:10: sip.listen must be a list"), "{refused:?}");
    let agents = shell.runs(&["agents", "--json"]).await.json_lines();
    assert_eq!(agents.len(), 4, "the old settings stay in force: {agents:?}");
    dora.phone.unregister();
    stage.alice_and_customer_talk().await;
    typed.stage.customer_closes().await;
}
