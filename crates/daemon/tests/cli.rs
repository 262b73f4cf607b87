//! The client commands of `baton` as an operator meets them, against a house that says what each test tells it.
#![allow(clippy::unwrap_used)]

mod house;
mod terminal;

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use house::House;
use terminal::Terminal;

/// Nothing is waited for longer.
const LIMIT: Duration = Duration::from_secs(20);

const CALLS: &str = r#"{"items":[{"id":"c-0001","started_at":"2026-11-22T10:00:00Z","participants":[
    {"id":"p1","role":"customer","agent":null,"name":"Al\u001b[31m\u202eice","status":"held","since":"2026-11-22T10:00:00Z"},
    {"id":"p2","role":"agent","agent":"alice","name":"Alice","status":"live","since":"2026-11-22T10:00:00Z"}],
    "transfer":{"phase":"private","by":"p2","target":{"agent":"bob"},"participant":"p3","facing":"target"}}],"next":null}"#;

fn baton(house: &House, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command.args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR")).stdin(Stdio::null());
    command.env("BATON_URL", &house.url).env("BATON_TOKEN", "t0ken").env_remove("NO_COLOR").env("TERM", "xterm");
    command
}

fn run(house: &House, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = baton(house, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

#[test]
fn every_command_asks_what_the_interface_says_and_exits_0() {
    let house = House::new();
    let steps = "/v1/calls/c-0001/transfer";
    let cases: &[(&[&str], &str, &str)] = &[
        (
            &["transfer", "c-0001", "--by", "alice", "--to", "bob"],
            "POST /v1/calls/c-0001/transfer",
            r#"{"by":"alice","target":{"agent":"bob"}}"#,
        ),
        (
            &["transfer", "c-0001", "--by", "alice", "--to", "queue:support"],
            "POST /v1/calls/c-0001/transfer",
            r#"{"by":"alice","target":{"queue":"support"}}"#,
        ),
        (
            &["transfer", "c-0001", "--by", "alice", "--to", "+4930"],
            "POST /v1/calls/c-0001/transfer",
            r#"{"by":"alice","target":{"uri":"+4930"}}"#,
        ),
        (&["cancel", "c-0001"], &format!("POST {steps}/cancel"), "{}"),
        (&["swap", "c-0001", "--by", "alice"], &format!("POST {steps}/swap"), r#"{"by":"alice"}"#),
        (&["merge", "c-0001"], &format!("POST {steps}/merge"), "{}"),
        (&["complete", "c-0001"], &format!("POST {steps}/complete"), "{}"),
        (&["hold", "c-0001", "p1"], "PATCH /v1/calls/c-0001/participants/p1", r#"{"hold":true}"#),
        (
            &["unhold", "c-0001", "p1", "--by", "bob"],
            "PATCH /v1/calls/c-0001/participants/p1",
            r#"{"by":"bob","hold":false}"#,
        ),
        (&["mute", "c-0001", "p2"], "PATCH /v1/calls/c-0001/participants/p2", r#"{"muted":true}"#),
        (&["unmute", "c-0001", "p2"], "PATCH /v1/calls/c-0001/participants/p2", r#"{"muted":false}"#),
        (&["hangup", "c-0001", "p1"], "DELETE /v1/calls/c-0001/participants/p1", "{}"),
        (&["hangup", "c-0001"], "DELETE /v1/calls/c-0001", "{}"),
        (&["dtmf", "c-0001", "p1", "12#a"], "POST /v1/calls/c-0001/participants/p1/dtmf", r##"{"digits":"12#A"}"##),
        (&["lock", "c-0001"], "PATCH /v1/calls/c-0001", r#"{"locked":true}"#),
        (&["unlock", "c-0001"], "PATCH /v1/calls/c-0001", r#"{"locked":false}"#),
        (&["dial", "alice", "+4930"], "POST /v1/calls", r#"{"from":"alice","to":"+4930"}"#),
        (&["accept", "r-0001"], "POST /v1/reservations/r-0001/accept", "{}"),
        (&["reject", "r-0001"], "POST /v1/reservations/r-0001/reject", "{}"),
        (&["state", "alice", "wrap-up"], "PUT /v1/agents/alice/state", r#"{"state":"wrap_up"}"#),
        (&["drain"], "POST /v1/drain", r#"{"draining":true}"#),
        (&["drain", "--undo"], "POST /v1/drain", r#"{"draining":false}"#),
        (&["reload"], "POST /v1/reload", "{}"),
        (&["user", "del", "dora"], "DELETE /v1/users/dora", ""),
    ];
    for (arguments, line, body) in cases {
        house.says(line, 200, "{}");
        let (code, said, complained) = run(&house, arguments);
        assert_eq!((code, said.as_str(), complained.as_str()), (0, "", ""), "{arguments:?}");
        let asked = house.asked();
        assert_eq!(asked.len(), 1, "{arguments:?}");
        assert_eq!((asked[0].line.as_str(), asked[0].body.as_str()), (*line, *body), "{arguments:?}");
        assert_eq!(asked[0].bearer, "Bearer t0ken");
        let (code, json, _) = run(&house, &[arguments, &["--json"][..]].concat());
        assert_eq!((code, json.as_str()), (0, "{}\n"), "{arguments:?}");
        house.asked();
        house.says(line, 204, "");
        assert_eq!(run(&house, arguments).0, 0, "{arguments:?}");
        house.says(line, 409, r#"{"code":"transfer_in_progress","detail":"another transfer is under way"}"#);
        let (code, said, complained) = run(&house, arguments);
        assert_eq!((code, said.as_str()), (1, ""), "{arguments:?}");
        assert_eq!(complained, "baton: another transfer is under way (transfer_in_progress)\n", "{arguments:?}");
        house.asked();
    }
}

#[test]
fn tables_are_written_once_and_without_colours_into_a_pipe() {
    let house = House::new();
    house.says("GET /v1/calls", 200, CALLS).says(
        "GET /v1/agents",
        200,
        r#"{"items":[{"name":"alice","state":"ready"}]}"#,
    );
    house.says("GET /v1/queues", 200, r#"{"items":[{"name":"support","open":true}],"next":null}"#);
    for (command, wanted) in [("calls", "p2 alice"), ("agents", "Ready"), ("queues", "Open")] {
        let (code, said, _) = run(&house, &[command]);
        assert_eq!(code, 0);
        assert!(said.contains(wanted) && !said.contains('\u{1b}') && !said.contains('\u{202e}'), "{said}");
        let (code, json, _) = run(&house, &[command, "--json"]);
        assert_eq!(code, 0);
        assert!(json.is_ascii() && json.lines().count() == 1, "{json}");
        assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap().is_object());
    }
}

#[test]
fn a_list_is_read_to_its_last_page() {
    let house = House::new();
    house.says("GET /v1/agents", 200, r#"{"items":[{"name":"a"}],"next":"abc"}"#);
    let mut child = baton(&house, &["agents", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + LIMIT;
    while !house.asked().iter().any(|asked| asked.line.contains("cursor=abc")) {
        assert!(Instant::now() < until, "the next page is not asked for");
        std::thread::yield_now();
    }
    house.says("GET /v1/agents", 200, r#"{"items":[{"name":"z"}],"next":null}"#);
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(said.starts_with("{\"name\":\"a\"}\n") && said.ends_with("{\"name\":\"z\"}\n"), "{said}");
}

#[test]
fn one_call_shows_who_hears_whom_and_a_call_that_is_over_its_record() {
    let house = House::new();
    let call = CALLS.trim_start_matches("{\"items\":[").replace("],\"next\":null}", "");
    house.says("GET /v1/calls/c-0001", 200, &call);
    house.says(
        "GET /v1/calls/c-0001/audibility",
        200,
        r#"{"sample_rate":8000,"now":[{"listener":"p1","speaker":"p2"}],"history":[{"listener":"p1","listener_leg":"a1",
            "speaker":"p2","speaker_leg":"a2","from_sample":8000,"to_sample":16000,"opened_by":{"kind":"time"},
            "shut_by":{"kind":"command","name":"hold","by":null}}]}"#,
    );
    let (code, said, complained) = run(&house, &["call", "c-0001"]);
    assert_eq!((code, complained.as_str()), (0, ""));
    for wanted in
        ["Who hears whom", "p2 → bob, private", "8000 (0:01.000)  16000 (0:02.000)", "hold by the operator", "●"]
    {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let (code, json, _) = run(&house, &["call", "c-0001", "--json"]);
    assert_eq!(code, 0);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["call"]["id"], "c-0001");
    house.says(
        "GET /v1/history/c-0002",
        200,
        r#"{"id":"c-0002","started_at":"2026-11-22T10:00:00Z","ended_at":"2026-11-22T10:01:00Z"}"#,
    );
    let (code, said, _) = run(&house, &["call", "c-0002"]);
    assert!(code == 0 && said.contains("1:00"), "{said}");
    let (code, _, complained) = run(&house, &["call", "c-0003"]);
    assert_eq!((code, complained.as_str()), (1, "baton: there is no such call (call_not_found)\n"));
}

#[test]
fn an_agent_in_a_call_is_meant_by_name() {
    let house = House::new();
    let call = CALLS.trim_start_matches("{\"items\":[").replace("],\"next\":null}", "");
    house.says("GET /v1/calls/c-0001", 200, &call).says("PATCH /v1/calls/c-0001/participants/p2", 200, "{}");
    assert_eq!(run(&house, &["hold", "c-0001", "alice"]).0, 0);
    assert_eq!(house.asked().last().unwrap().line, "PATCH /v1/calls/c-0001/participants/p2");
    let (code, _, complained) = run(&house, &["hold", "c-0001", "dora"]);
    assert!(code == 1 && complained.contains("participant_not_found"), "{complained}");
}

#[test]
fn history_passes_its_filters_on_and_writes_csv_as_it_comes() {
    let house = House::new();
    house.says(
        "GET /v1/history",
        200,
        r#"{"items":[{"id":"c-0001","started_at":"2026-11-22T10:00:00Z"}],"next":null}"#,
    );
    let arguments = ["history", "--agent", "a&b", "--queue", "support", "--from", "2026-11-22", "-n", "3"];
    let (code, said, _) = run(&house, &arguments);
    assert!(code == 0 && said.contains("c-0001"), "{said}");
    let asked = house.asked()[0].line.clone();
    assert_eq!(asked, "GET /v1/history?agent=a%26b&queue=support&from=2026-11-22T00%3A00%3A00Z&limit=3");
    house.says("GET /v1/history", 200, "call,began\nc-0001,x\n");
    let (code, said, _) = run(&house, &["history", "--csv"]);
    assert_eq!((code, said.as_str()), (0, "call,began\nc-0001,x\n"));
    assert!(house.asked()[0].line.ends_with("limit=50&format=csv"));
}

#[test]
fn a_trace_is_a_ladder_and_ends_after_as_many_messages_as_asked() {
    let house = House::new();
    let line = r#"{"at":"2026-11-22T10:00:00Z","sent":true,"protocol":"udp","peer":"127.0.0.1:5061","text":"SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n"}"#;
    house.says("GET /v1/trace", 200, &format!("{line}\n{line}\n"));
    let (code, said, _) = run(&house, &["trace", "--call", "c-0001", "-n", "2"]);
    assert_eq!(code, 0);
    assert!(said.contains("127.0.0.1:5061 udp") && said.matches("180 Ringing (INVITE)").count() == 2, "{said}");
    assert_eq!(house.asked()[0].line, "GET /v1/trace?call=c-0001");
    let (code, said, complained) = run(&house, &["trace", "--json"]);
    assert_eq!((code, said.lines().count()), (1, 2), "the daemon ended it: {complained}");
}

#[test]
fn who_is_not_there_is_one_clear_line() {
    let house = House::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, said, complained) = run(&house, &["calls", "--url", &format!("http://{port}")]);
    assert_eq!((code, said.as_str()), (1, ""));
    assert_eq!(complained.lines().count(), 1, "{complained}");
    assert!(complained.starts_with(&format!("baton: no daemon answers at http://{port}: ")), "{complained}");
    let mut without = baton(&house, &["calls"]);
    let output = without.env_remove("BATON_TOKEN").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("baton: no token: ./data/admin.token: "));
}

#[test]
fn usage_is_2() {
    let house = House::new();
    let wrong: &[&[&str]] = &[
        &["call"],
        &["call", "7f3a"],
        &["transfer", "c-1", "--by", "alice"],
        &["transfer", "c-1", "--by", "alice", "--to", "room:x"],
        &["state", "alice", "happy"],
        &["dtmf", "c-1", "p1", "1 2"],
        &["history", "--from", "noon"],
        &["user", "add", "dora", "--password", "secret"],
        &["accept", "c-1"],
    ];
    for arguments in wrong {
        assert_eq!(run(&house, arguments).0, 2, "{arguments:?}");
    }
    assert!(house.asked().is_empty());
}

#[test]
fn address_and_token_come_from_the_settings_too() {
    let house = House::new();
    house.says("GET /v1/calls", 200, r#"{"items":[],"next":null}"#);
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (file, token) = (folder.join("client.toml"), folder.join("client.token"));
    let listen = house.url.trim_start_matches("http://");
    std::fs::write(&token, "from-the-file\n").unwrap();
    std::fs::write(&file, format!("[http]\nlisten = \"{listen}\"\nadmin_token_file = \"{}\"\n", token.display()))
        .unwrap();
    let mut command = baton(&house, &["calls", "--config", file.to_str().unwrap()]);
    let output = command.env_remove("BATON_URL").env_remove("BATON_TOKEN").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len(), output.stderr.len()), (Some(0), 0, 0));
    assert_eq!(house.asked()[0].bearer, "Bearer from-the-file");
}

#[test]
fn a_password_comes_by_standard_input() {
    let house = House::new();
    house.says("POST /v1/users", 201, "{}").says("PUT /v1/users/dora/password", 204, "");
    for arguments in [&["user", "add", "dora", "--queue", "support"][..], &["user", "passwd", "dora"][..]] {
        let arguments = [arguments, &["--password-stdin"][..]].concat();
        let mut child = baton(&house, &arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"s3cret word\nmore\n").unwrap();
        assert!(child.wait().unwrap().success());
        let body: serde_json::Value = serde_json::from_str(&house.asked()[0].body).unwrap();
        assert_eq!(body["password"], "s3cret word");
    }
    let (code, _, complained) = run(&house, &["user", "passwd", "dora"]);
    assert!(code == 1 && complained.contains("--password-stdin"), "{complained}");
}

#[test]
fn draining_waits_until_the_last_call_is_over() {
    let house = House::new();
    house.says("POST /v1/drain", 204, "").says("GET /v1/calls", 200, CALLS);
    let mut child = baton(&house, &["drain", "--wait"]).spawn().unwrap();
    let until = Instant::now() + LIMIT;
    while !house.asked().iter().any(|asked| asked.line.starts_with("GET /v1/calls")) {
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    house.says("GET /v1/calls", 200, r#"{"items":[],"next":null}"#);
    assert!(child.wait().unwrap().success());
}

#[test]
fn shells_and_readers_are_served() {
    let house = House::new();
    let (code, script, _) = run(&house, &["completion", "bash"]);
    assert!(code == 0 && script.contains("passwd"));
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
    for shell in ["zsh", "fish"] {
        assert!(run(&house, &["completion", shell]).1.contains("baton"));
    }
    let (code, page, _) = run(&house, &["man"]);
    assert!(code == 0 && page.contains(".TH baton 1") && page.contains("baton\\-transfer"), "{page}");
    let (code, page, _) = run(&house, &["man", "transfer"]);
    assert!(code == 0 && page.contains("\\-\\-to"), "{page}");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("man1");
    assert_eq!(run(&house, &["man", "--dir", folder.to_str().unwrap()]).0, 0);
    assert!(folder.join("baton-calls.1").is_file() && folder.join("baton.1").is_file());
    if let Ok(output) = Command::new("man").arg("-l").arg(folder.join("baton.1")).env("MANWIDTH", "80").output() {
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("drain"));
    }
}

#[test]
fn a_reader_who_goes_away_is_no_failure() {
    let house = House::new();
    house.says("GET /v1/calls", 200, CALLS);
    let mut child = baton(&house, &["calls"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut complained = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complained).unwrap();
    assert_eq!((child.wait().unwrap().code(), complained.as_str()), (Some(0), ""));
}

#[test]
fn a_live_table_redraws_and_leaves_the_terminal_as_it_was() {
    let house = House::new();
    house.says("GET /v1/calls", 200, CALLS);
    let mut terminal = Terminal::run(baton(&house, &["calls"]), 60);
    terminal.until("alice");
    assert!(!terminal.echoes());
    house.says("GET /v1/calls", 200, r#"{"items":[],"next":null}"#);
    terminal.until("no calls");
    terminal.interrupt();
    terminal.until("\u{1b}[?1049l");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
    assert!(terminal.echoes());
    let seen = &terminal.seen;
    assert!(seen.contains("\u{1b}[?1049h") && seen.contains("\u{1b}[33mOn hold"), "{seen:?}");
    assert!(seen.rfind("\u{1b}[?25h") > seen.rfind("\u{1b}[?25l"), "the cursor is shown again: {seen:?}");
    assert!(!seen.contains("\u{1b}[31m") && !seen.contains('\u{202e}'), "nobody draws by a name: {seen:?}");
}

#[test]
fn a_table_that_is_written_once_fits_its_terminal() {
    let house = House::new();
    house.says("GET /v1/calls", 200, CALLS);
    let mut command = baton(&house, &["calls", "--once"]);
    command.env("NO_COLOR", "1");
    let mut terminal = Terminal::run(command, 40);
    terminal.until("p2 alice");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
    assert!(!terminal.seen.contains('\u{1b}'), "{:?}", terminal.seen);
    for line in terminal.seen.lines() {
        assert!(line.trim_end().chars().count() <= 40, "{line:?}");
    }
}

#[test]
fn a_password_that_is_typed_is_not_shown() {
    let house = House::new();
    house.says("PUT /v1/users/dora/password", 204, "");
    let mut terminal = Terminal::run(baton(&house, &["user", "passwd", "dora"]), 80);
    terminal.until("Password for dora: ");
    terminal.types("s3crex\u{7f}t\r");
    terminal.until("Once more: ");
    terminal.types("s3cret\r");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
    assert!(terminal.echoes());
    assert!(!terminal.seen.contains("s3c"), "{:?}", terminal.seen);
    assert_eq!(house.asked()[0].body, r#"{"password":"s3cret"}"#);
}

#[test]
fn whoever_gives_up_typing_a_password_changes_nothing() {
    let house = House::new();
    let mut terminal = Terminal::run(baton(&house, &["user", "passwd", "dora"]), 80);
    terminal.until("Password for dora: ");
    terminal.types("abc\u{3}");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(1));
    assert!(terminal.echoes() && house.asked().is_empty());
}
