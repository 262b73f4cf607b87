//! What the daemon refuses: exit code 1, one line on standard error that ends in the stable code, and nothing changes. What the
//! command line itself does not understand: exit code 2, and nobody is asked.

use baton_tests::desk::http_client;
use baton_tests::house::tones;
use baton_tests::people::SOON;
use baton_tests::stage::scene;

use super::Typed;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_end_with_1_and_their_code() {
    let typed = Typed::open().await;
    let (shell, stage, id) = (&typed.shell, &typed.stage, typed.call.as_str());
    let refused: &[(&[&str], &str)] = &[
        (&["transfer", id, "--by", "alice", "--to", "alice"], "target_unknown"),
        (&["transfer", id, "--by", "alice", "--to", "nobody"], "target_unknown"),
        (&["transfer", id, "--by", "alice", "--to", "queue:nowhere"], "target_unknown"),
        (&["transfer", id, "--by", "alice", "--to", "carol"], "target_unavailable"),
        (&["transfer", id, "--by", "bob", "--to", "carol"], "not_allowed"),
        (&["swap", id], "no_transfer"),
        (&["merge", id], "no_transfer"),
        (&["cancel", id], "no_transfer"),
        (&["complete", id], "no_transfer"),
        (&["hold", id, "p99"], "participant_not_found"),
        (&["hold", id, "carol"], "participant_not_found"),
        (&["hangup", "c-ffff"], "call_not_found"),
        (&["call", "c-ffff"], "call_not_found"),
        (&["accept", "r-ffff"], "reservation_not_found"),
        (&["state", "nobody", "ready"], "agent_not_found"),
        (&["dial", "carol", "102"], "target_unavailable"),
    ];
    for (arguments, code) in refused {
        assert_eq!(shell.runs(arguments).await.refused(), *code, "{arguments:?}");
        let json = [arguments, &["--json"][..]].concat();
        assert_eq!(shell.runs(&json).await.refused(), *code, "the same with --json: {arguments:?}");
    }
    stage.alice_and_customer_talk().await;
    let his = typed.consults().await;
    for (arguments, code) in [
        (&["transfer", id, "--by", "alice", "--to", "carol"][..], "transfer_in_progress"),
        (&["swap", id, "--by", "bob"], "not_allowed"),
    ] {
        assert_eq!(shell.runs(arguments).await.refused(), code, "{arguments:?}");
    }
    stage.is_private(his).await;
    stage.kept_private(his);
    stage.alice_is_quiet();
    typed.steps("cancel").await;
    typed.stage.customer_closes().await;
}

/// While it rings; and an agent whom somebody put on hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_wait_is_refused_with_the_reason() {
    let typed = Typed::open().await;
    let (shell, stage, id) = (&typed.shell, &typed.stage, typed.call.as_str());
    let his = typed.calls_bob().await;
    for arguments in [&["merge", id][..], &["hold", id, "bob", "--by", "alice"]] {
        assert_eq!(shell.runs(arguments).await.refused(), "target_not_live", "{arguments:?}");
    }
    stage.alice_is_quiet();
    typed.steps("cancel").await;
    stage.bob.is_let_go(his).await;
    shell.does(&["hold", id, "alice"]).await;
    let refused = shell.runs(&["transfer", id, "--by", "alice", "--to", "bob"]).await;
    assert_eq!(refused.refused(), "initiator_on_hold");
    scene(&[stage.customer_hears_music()]).await;
    shell.does(&["unhold", id, "alice"]).await;
    stage.alice.says(stage.hers, tones::ALICE);
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice_and_customer_talk().await;
    typed.stage.customer_closes().await;
}

/// An agent's own token does what the agent may: nothing in a call of others, and no step in another's name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_token_and_one_that_is_none() {
    let typed = Typed::open().await;
    let url = format!("http://{}/v1/login", typed.stage.house.running.http());
    let login = serde_json::json!({"name": "carol", "password": "carol-secret"});
    let answer = http_client().post(url).json(&login).timeout(SOON).send().await.expect("an answer");
    let known: serde_json::Value = answer.json().await.expect("JSON");
    let carols = typed.shell.with_token(known["token"].as_str().expect("a token"));
    assert_eq!(carols.does(&["calls"]).await, "");
    assert_eq!(carols.runs(&["call", &typed.call]).await.refused(), "call_not_found");
    assert_eq!(carols.runs(&["hangup", &typed.call]).await.refused(), "call_not_found");
    assert_eq!(carols.runs(&["drain"]).await.refused(), "not_allowed");
    assert_eq!(carols.runs(&["user", "list"]).await.refused(), "not_allowed");
    assert_eq!(carols.runs(&["trace"]).await.refused(), "not_allowed");
    assert_eq!(carols.does(&["state", "carol", "paused"]).await, "");
    let nobody = typed.shell.with_token("guessed");
    for command in [&["calls"][..], &["agents"], &["drain"], &["trace"], &["reload"]] {
        assert_eq!(nobody.runs(command).await.refused(), "unauthenticated", "{command:?}");
    }
    typed.stage.alice_and_customer_talk().await;
    typed.stage.customer_closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_command_is_usage_and_ends_with_2() {
    let typed = Typed::open().await;
    let id = typed.call.as_str();
    for arguments in [
        &["swap"][..],
        &["swap", "7f3a"],
        &["transfer", id, "--by", "alice"],
        &["transfer", id, "--by", "alice", "--to", "room:x"],
        &["sing"],
        &["calls", "--once", "--follow"],
        &["user", "add", "x", "--password", "y"],
    ] {
        let said = typed.shell.runs(arguments).await;
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        assert!(said.err.starts_with("error: ") && said.err.contains("--help"), "{said:?}");
    }
    typed.stage.alice_and_customer_talk().await;
    typed.stage.customer_closes().await;
}
