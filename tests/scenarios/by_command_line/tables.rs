//! `baton calls`, `agents` and `queues` while people come and go: in a terminal they redraw and have colours, in a pipe they are
//! written once and plain.

use std::time::Duration;

use baton_tests::house::{House, SUPPORTS_NUMBER, Setup, tones};
use baton_tests::people::SOON;
use baton_tests::shell::Shell;
use serde_json::{Value, json};
use softphone::LineState;

use super::Typed;
use super::terminal::Terminal;

/// What makes the table redraw while people do nothing.
const LOOK: Duration = Duration::from_millis(20);

/// Waits, without keeping the phones from their work, until something was written to a terminal.
async fn until(terminal: &mut Terminal, wanted: &str) {
    let end = std::time::Instant::now() + SOON;
    while !terminal.has(wanted) {
        assert!(std::time::Instant::now() < end, "no {wanted:?} in {:?}", terminal.seen);
        tokio::time::sleep(LOOK).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_is_followed_in_a_terminal_with_colours() {
    let typed = Typed::open().await;
    let mut terminal = Terminal::run(typed.shell.command(&["calls"]), 100);
    until(&mut terminal, "alice").await;
    until(&mut terminal, "\u{1b}[32mLive").await;
    let his = typed.calls_bob().await;
    until(&mut terminal, "\u{1b}[36mRinging").await;
    until(&mut terminal, "\u{1b}[33mOn hold").await;
    until(&mut terminal, "→ bob, calling").await;
    typed.stage.bob.phone.answer(his).expect("it rings");
    until(&mut terminal, "→ bob, private").await;
    typed.stage.alice_is_quiet();
    typed.steps("cancel").await;
    typed.stage.customer.hangs_up(typed.stage.theirs);
    until(&mut terminal, "no calls").await;
    terminal.interrupt();
    until(&mut terminal, "\u{1b}[?1049l").await;
    assert_eq!(terminal.child.wait().expect("it ends").code(), Some(0));
    assert!(terminal.echoes(), "the terminal is as before");
    typed.stage.alice.is_let_go(typed.stage.hers).await;
    typed.stage.house.close().await;
}

/// NO_COLOR: it redraws all the same, without a colour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_redraw_without_colours_where_nobody_wants_them() {
    let house = House::open().await;
    let mut command = Shell::of(&house).command(&["agents"]);
    command.env("NO_COLOR", "1");
    let mut terminal = Terminal::run(command, 100);
    until(&mut terminal, "Offline").await;
    let bob = house.bob().await;
    until(&mut terminal, "Ready").await;
    Shell::of(&house).does(&["state", "bob", "paused"]).await;
    until(&mut terminal, "Paused").await;
    terminal.interrupt();
    until(&mut terminal, "\u{1b}[?1049l").await;
    for colour in ["[1m", "[2m", "[31m", "[32m", "[33m", "[36m"] {
        assert!(!terminal.seen.contains(&format!("\u{1b}{colour}")), "{:?}", terminal.seen);
    }
    bob.phone.unregister();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_followed_in_a_terminal() {
    let house = House::with(Setup { queue: "position_every_s = 0", ..Setup::USUAL }).await;
    let shell = Shell::of(&house);
    let mut terminal = Terminal::run(shell.command(&["queues"]), 100);
    until(&mut terminal, "support").await;
    let customer = house.customer().await;
    let theirs = customer.calls(SUPPORTS_NUMBER);
    customer.comes_to(theirs, LineState::Live).await;
    let call = shell.only_call().await;
    until(&mut terminal, &call).await;
    let queue = shell.runs(&["queues", "--json"]).await.json();
    assert_eq!((&queue["length"], &queue["waiting"][0]["call"]), (&json!(1), &json!(call)), "{queue}");
    let shown = shell.does(&["calls"]).await;
    assert!(shown.contains("Queued") && shown.contains("place 1 in support"), "{shown}");
    customer.hangs_up(theirs);
    house.close().await;
}

/// Into a pipe: written once, no colour, no movement; with `--json` one object a line, of the interface's shape.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_in_a_pipe_are_plain_and_in_json_each_line_is_an_object() {
    let typed = Typed::open().await;
    let (shell, call) = (&typed.shell, typed.call.as_str());
    for (table, wanted) in [("calls", call), ("agents", "On a call"), ("queues", "support")] {
        let shown = shell.does(&[table]).await;
        assert!(shown.contains(wanted) && !shown.contains('\u{1b}'), "{table}: {shown}");
    }
    let keys: [(&str, &[&str]); 3] = [
        ("calls", &["id", "room", "started_at", "participants", "transfer", "allowed_actions"]),
        (
            "agents",
            &["name", "display_name", "extension", "state", "since", "phones", "calls", "queues", "reservation"],
        ),
        ("queues", &["name", "extension", "open", "length", "waiting", "ready", "agents"]),
    ];
    for (table, keys) in keys {
        let items = shell.runs(&[table, "--json"]).await.json_lines();
        assert_eq!(items.len(), if table == "agents" { 3 } else { 1 });
        for item in items {
            assert!(keys.iter().all(|key| item.get(key).is_some()), "{table}: {item}");
        }
    }
    let agents = shell.runs(&["agents", "--json"]).await.json_lines();
    let alice = agents.iter().find(|agent| agent["name"] == "alice").expect("alice");
    assert_eq!((&alice["state"], &alice["calls"]), (&json!("on_call"), &json!([call])));
    typed.stage.customer_closes().await;
}

/// `--follow --json`: one line for each thing that changed, and one for what is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_followed_line_by_line() {
    let typed = Typed::open().await;
    let mut follows = typed.shell.starts(&["calls", "--follow", "--json"]);
    let says =
        |line: &str, so: &dyn Fn(&Value) -> bool| serde_json::from_str(line).is_ok_and(|value: Value| so(&value));
    follows.until("call", |line| says(line, &|call| call["transfer"].is_null() && call["id"].is_string())).await;
    let his = typed.consults().await;
    follows.until("consult", |line| says(line, &|call| call["transfer"]["phase"] == "private")).await;
    typed.stage.alice.says(typed.stage.hers, tones::SECRET);
    typed.shell.does(&["hangup", &typed.call]).await;
    typed.stage.bob.is_let_go(his).await;
    let gone = json!({"id": typed.call, "gone": true});
    follows.until("end", |line| says(line, &|call| *call == gone)).await;
    follows.interrupt();
    assert_eq!(follows.ends().await, 0);
    typed.stage.alice.is_let_go(typed.stage.hers).await;
    typed.stage.customer.is_let_go(typed.stage.theirs).await;
    typed.stage.house.close().await;
}
