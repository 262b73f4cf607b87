//! `baton call ID` in the middle of a private consult: who is in, who hears whom, who could hear whom from which sample to which and
//! by whose command, how it sounds. And of a call that is over: its record.

use baton_tests::desk::{Desk, id_of, person};
use serde_json::{Value, json};

use super::Typed;

/// The lines below a heading, up to the next empty one.
fn part<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "no {heading}: {text}");
    lines.take_while(|line| !line.is_empty()).collect()
}

fn row<'a>(lines: &[&'a str], who: &str) -> &'a str {
    lines.iter().find(|line| line.starts_with(who)).unwrap_or_else(|| panic!("no {who}: {lines:#?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consult_is_shown_with_matrix_history_and_quality() {
    let typed = Typed::open().await;
    let his = typed.consults().await;
    let shown = typed.shell.does(&["call", &typed.call]).await;
    assert!(!shown.contains('\u{1b}'), "no colour into a pipe: {shown}");
    let call = typed.sheet().await;
    let [customer, alice, bob] = ["customer", "alice", "bob"].map(|who| id_of(&call, who));
    assert!(shown.lines().nth(1).is_some_and(|line| line.ends_with(&format!("{alice} → bob, private"))), "{shown}");
    let people = part(&shown, "Participants");
    for (who, role, status) in [(&customer, "customer", "On hold"), (&alice, "agent", "Live"), (&bob, "agent", "Live")]
    {
        let line = row(&people, &format!("{who} "));
        assert!(line.contains(role) && line.contains(status) && line.contains("sip:"), "{line}");
    }
    let matrix = part(&shown, "Who hears whom");
    let marks = |who: &str| row(&matrix, &format!("{who} ")).split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
    assert_eq!(matrix[0].split_whitespace().collect::<Vec<_>>(), ["hears", &customer, &alice, &bob]);
    assert_eq!((marks(&alice), marks(&bob)), ("· \\ ●".to_owned(), "· ● \\".to_owned()), "{matrix:#?}");
    assert_eq!(marks(&customer), "\\ · · On hold");
    let history = part(&shown, "Who could hear whom");
    let heard = |listener: &str, speaker: &str| {
        let found = history.iter().filter(|line| line.starts_with(listener)).find(|line| line.contains(speaker));
        (*found.unwrap_or_else(|| panic!("{listener} {speaker}: {history:#?}"))).to_owned()
    };
    let before = heard(&format!("{customer} "), &format!(" {alice} alice "));
    assert!(before.ends_with("transfer by alice") && !before.contains("goes on"), "{before}");
    let now = heard(&format!("{alice} alice"), &format!(" {bob} bob "));
    assert!(now.contains("goes on") && now.contains("phone: answered"), "{now}");
    assert!(!history.iter().any(|line| line.contains(&customer) && line.contains(&bob)), "{history:#?}");
    let quality = part(&shown, "Quality");
    assert!([&customer, &alice, &bob].iter().all(|who| row(&quality, who).contains(" ms")), "{quality:#?}");
    typed.stage.kept_private(his);
    typed.stage.alice_is_quiet();
    typed.steps("cancel").await;
    typed.stage.customer_closes().await;
}

/// The same in JSON; the samples are those of the API, and go forward.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sheet_in_json_has_samples_that_go_forward() {
    let typed = Typed::open().await;
    let his = typed.consults().await;
    let sheet = typed.shell.sheet(&typed.call).await;
    let (call, audibility) = (&sheet["call"], &sheet["audibility"]);
    let [customer, alice, bob] = ["customer", "alice", "bob"].map(|who| id_of(call, who));
    assert_eq!(call["transfer"]["by"], json!(alice));
    let leg = &person(call, "customer")["legs"][0];
    assert!(leg["quality"]["received"].as_u64().is_some_and(|packets| packets > 50), "{leg}");
    let pairs = audibility["now"].as_array().expect("pairs");
    let hears = |one: &str, other: &str| pairs.iter().any(|pair| pair["listener"] == one && pair["speaker"] == other);
    assert!(pairs.len() == 2 && hears(&alice, &bob) && hears(&bob, &alice), "{pairs:#?}");
    let spans = audibility["history"].as_array().expect("spans");
    let span = |one: &str, other: &str| -> &Value {
        let found = spans.iter().find(|span| span["listener"] == one && span["speaker"] == other);
        found.unwrap_or_else(|| panic!("{one} {other}: {spans:#?}"))
    };
    let (before, private) = (span(&customer, &alice), span(&alice, &bob));
    let shut = before["to_sample"].as_u64().expect("it is over");
    assert!(before["from_sample"].as_u64().is_some_and(|from| from < shut), "{before}");
    assert_eq!(before["shut_by"], json!({"kind": "command", "name": "transfer", "by": "alice"}));
    assert!(private["from_sample"].as_u64().is_some_and(|from| from > shut), "{private}");
    assert!(private["to_sample"].is_null() && private["shut_by"].is_null(), "{private}");
    assert!(audibility["sample"].as_u64().is_some_and(|now| now > shut), "the clock goes on");
    typed.stage.kept_private(his);
    typed.stage.alice_is_quiet();
    typed.steps("cancel").await;
    typed.stage.customer_closes().await;
}

/// A call that is over is shown by its record: outcome, times, and the whole history of who could hear whom.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_over_is_shown_by_its_record() {
    let typed = Typed::open().await;
    let his = typed.consults().await;
    typed.stage.ends_privacy_of_others(his);
    typed.stage.alice_is_quiet();
    typed.steps("complete").await;
    typed.stage.alice.is_let_go(typed.stage.hers).await;
    typed.stage.joined(his).await;
    typed.stage.bob.hangs_up(his);
    typed.stage.customer.is_let_go(typed.stage.theirs).await;
    // at once: before the store has it
    let shown = typed.shell.does(&["call", &typed.call]).await;
    let record = &typed.shell.sheet(&typed.call).await["record"];
    assert_eq!(record["transfers"][0]["outcome"], "completed", "{record}");
    assert!(record["ended_at"].is_string(), "{record}");
    let people = part(&shown, "Participants");
    assert!(people.len() == 4 && people.iter().any(|line| line.contains("bob")), "{people:#?}");
    assert!(part(&shown, "Transfers").iter().any(|line| line.ends_with("completed")), "{shown}");
    let history = part(&shown, "Who could hear whom");
    assert!(history.iter().any(|line| line.contains("complete by alice")), "{history:#?}");
    assert!(!history.iter().any(|line| line.contains("goes on")), "{history:#?}");
    let operator = Desk::operator(&typed.stage.house);
    operator
        .until("/v1/history?agent=bob", |page| page["items"].as_array().is_some_and(|calls| calls.len() == 1))
        .await;
    let listed = typed.shell.does(&["history", "--agent", "bob"]).await;
    assert!(listed.contains(&typed.call) && listed.contains("→ bob completed"), "{listed}");
    let csv = typed.shell.does(&["history", "--csv"]).await;
    assert!(csv.lines().count() > 1 && csv.contains(&typed.call), "{csv}");
    typed.stage.house.close().await;
}
