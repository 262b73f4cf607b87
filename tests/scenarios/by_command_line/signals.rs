//! `baton serve` as the system runs it: a SIGHUP has its settings file read anew while a program listens.
//!
//! The service is a process of its own here, with a folder of its own; what `baton reload` says is told in `service`.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use baton_tests::desk::Desk;
use baton_tests::people::SOON;
use baton_tests::program::baton;
use serde_json::json;

/// A service in a process of its own; it and its folder go with the test.
struct Service {
    child: Child,
    folder: PathBuf,
    http: SocketAddr,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Service {
    /// Starts it; the operator's token is there when it takes calls.
    fn start(agents: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("baton-signals-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).expect("a folder");
        let http = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        std::fs::write(folder.join("baton.toml"), settings(&folder, http, agents)).expect("the settings file");
        let mut command = Command::new(baton());
        command.arg("serve").arg("--config").arg(folder.join("baton.toml")).current_dir(&folder);
        command.env("RUST_LOG", "info").env("NO_COLOR", "1").stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let other = sender.clone();
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| other.send(line))
        });
        std::thread::spawn(move || {
            BufReader::new(err).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut service = Self { child, folder, http, lines, said: Vec::new() };
        service.says("Baton takes calls");
        service
    }

    fn operator(&self) -> Desk {
        let token = std::fs::read_to_string(self.folder.join("admin.token")).expect("the operator's token");
        Desk::at(self.http, token.trim().to_owned())
    }

    /// Waits for a line that it prints or logs.
    fn says(&mut self, wanted: &str) {
        let end = Instant::now() + SOON;
        while !self.said.iter().any(|line| line.contains(wanted)) {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            self.said.push(line.unwrap_or_else(|_| panic!("no {wanted:?} in {:#?}", self.said)));
        }
    }

    /// What follows is waited for anew.
    fn hangup_with(&mut self, text: &str) {
        self.said.clear();
        std::fs::write(self.folder.join("baton.toml"), text).expect("the settings file");
        self.signal("-HUP");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(name).arg(self.child.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()));
    }

    /// Stops it by SIGTERM; the exit code.
    fn stops(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.says("stopped");
        self.child.wait().expect("a child").code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn settings(folder: &std::path::Path, http: SocketAddr, agents: &[&str]) -> String {
    let folder = folder.display();
    let place = format!(
        "[server]\ndomain = \"baton.local\"\ndata_dir = \"{folder}\"\n\
         [http]\nlisten = \"{http}\"\nadmin_token_file = \"{folder}/admin.token\"\n\
         [sip]\nlisten = [\"udp:127.0.0.1:0\"]\n[media]\nrtp_ports = [30000, 30099]\nhold_music = \"silence\"\n"
    );
    let agents = agents.iter().map(|name| format!("[[agents]]\nname = \"{name}\"\npassword = \"{name}-secret\"\n"));
    place + &agents.collect::<String>()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_signal_brings_agents_and_takes_agents_and_a_mistake_changes_nothing() {
    let mut service = Service::start(&["alice", "bob"]);
    let operator = service.operator();
    let mut events = operator.listens(None).await;
    events.until("snapshot", |_| true).await;
    operator.get("/v1/agents/bob").await.done(200);
    assert_eq!(operator.get("/v1/agents/dora").await.status, 404);

    let good = settings(&service.folder, service.http, &["alice", "dora"]);
    service.hangup_with(&good);
    // whoever is told of it finds it done
    events.until("settings_changed", |_| true).await;
    operator.get("/v1/agents/dora").await.done(200);
    assert_eq!(operator.get("/v1/agents/bob").await.status, 404, "he is not in the file any more");
    operator.get("/v1/agents/alice").await.done(200);

    service.hangup_with(&format!("{good}[[agents]]\nname = 5\n"));
    service.says("the old ones stay in force");
    assert!(service.said.iter().any(|line| line.contains("agents[2].name must be a string")), "{:#?}", service.said);
    let agents = operator.get("/v1/agents").await.done(200);
    let names =
        agents["items"].as_array().map(|agents| agents.iter().map(|agent| agent["name"].clone()).collect::<Vec<_>>());
    assert_eq!(names, Some(vec!["alice".into(), "dora".into()]), "{agents}");
    // nothing is told of it: whatever comes next is what comes next
    let state = operator.put("/v1/agents/alice/state", json!({"state": "paused"})).await;
    assert!(matches!(state.status, 200 | 204), "{}", state.body);
    loop {
        let event = events.next().await;
        assert_ne!(event["type"], "settings_changed", "{event}");
        if event["type"] == "agent_changed" && event["agent"] == "alice" {
            break;
        }
    }
    // and the next good file is taken as ever
    service.hangup_with(&settings(&service.folder, service.http, &["alice", "dora", "erin"]));
    events.until("settings_changed", |_| true).await;
    operator.get("/v1/agents/erin").await.done(200);
    drop(events);
    assert_eq!(service.stops(), Some(0));
}
