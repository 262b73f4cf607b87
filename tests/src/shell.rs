//! An operator at a shell: runs the `baton` program against a house, and says what it wrote and how it ended.
//!
//! The house runs in this process, the program does not: they share nothing but sockets. It judges nothing but that whoever is
//! done says nothing on standard error, and that whoever is refused says why in one line of it and nothing else.

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house::House;
use crate::people::SOON;
use crate::program::baton;
use crate::raw::Peer;

/// How a command came out.
#[derive(Clone, Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// What was written by a command that was done.
    #[must_use]
    pub fn done(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// The lines of JSON of a command that was done.
    #[must_use]
    pub fn json_lines(self) -> Vec<Value> {
        let out = self.done();
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        out.lines().map(read).collect()
    }

    /// The one line of JSON of a command that was done.
    #[must_use]
    pub fn json(self) -> Value {
        let mut lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    /// The stable code of a refusal, which stands at the end of its only line.
    #[must_use]
    pub fn refused(&self) -> &str {
        assert_eq!((self.code, self.out.as_str(), self.err.lines().count()), (1, "", 1), "{self:?}");
        assert!(self.err.starts_with("baton: "), "{self:?}");
        let code = self.err.trim_end().strip_suffix(')').and_then(|line| line.rsplit_once('('));
        code.unwrap_or_else(|| panic!("no code: {self:?}")).1
    }
}

/// Somebody who types `baton …`.
#[derive(Clone, Debug)]
pub struct Shell {
    url: String,
    token_file: PathBuf,
    folder: PathBuf,
}

impl Shell {
    /// The operator of a house.
    #[must_use]
    pub fn of(house: &House) -> Self {
        let folder = house.data().to_owned();
        Self { url: format!("http://{}", house.running.http()), token_file: folder.join("admin.token"), folder }
    }

    /// The same shell with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        let token_file = self.folder.join("other.token");
        std::fs::write(&token_file, token).expect("a file for a token");
        Self { token_file, ..self.clone() }
    }

    /// The command, to be started.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(baton());
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.env_remove("BATON_TOKEN").env_remove("NO_COLOR").env("TERM", "xterm").env("BATON_URL", &self.url);
        command.env("BATON_HTTP__ADMIN_TOKEN_FILE", &self.token_file);
        command
    }

    /// Runs `baton ARGUMENTS` to its end.
    pub async fn runs(&self, arguments: &[&str]) -> Said {
        let mut command = self.command(arguments);
        said(move || command.output().expect("the program runs")).await
    }

    /// The same with something typed into it by a pipe.
    pub async fn runs_with(&self, arguments: &[&str], input: &str) -> Said {
        let (mut command, input) = (self.command(arguments), input.to_owned());
        said(move || {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().expect("the program runs");
            let mut stdin = child.stdin.take().expect("a pipe");
            stdin.write_all(input.as_bytes()).expect("it reads");
            drop(stdin);
            child.wait_with_output().expect("it ends")
        })
        .await
    }

    /// Done, or the test ends.
    pub async fn does(&self, arguments: &[&str]) -> String {
        let said = self.runs(arguments).await;
        assert_eq!(said.code, 0, "baton {arguments:?}: {}", said.err);
        said.done()
    }

    /// Starts `baton ARGUMENTS`; its lines are read as they come.
    #[must_use]
    pub fn starts(&self, arguments: &[&str]) -> Following {
        let mut child = self.command(arguments).stdout(Stdio::piped()).spawn().expect("the program runs");
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Following { child, lines, seen: Vec::new() }
    }

    /// The id of the only call there is.
    pub async fn only_call(&self) -> String {
        let call = self.runs(&["calls", "--json"]).await.json();
        call["id"].as_str().expect("an id").to_owned()
    }

    /// The call as `baton call ID --json` writes it.
    pub async fn sheet(&self, call: &str) -> Value {
        self.runs(&["call", call, "--json"]).await.json()
    }
}

async fn said(run: impl FnOnce() -> Output + Send + 'static) -> Said {
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(run).await.expect("the program ran");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Said { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// A program whose lines are read as they come. Dropping it ends it.
#[derive(Debug)]
pub struct Following {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Following {
    /// The lines that have come until now.
    pub fn seen(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// Waits for a line that is so.
    pub async fn until(&mut self, what: &str, so: impl Fn(&str) -> bool) {
        let end = Instant::now() + SOON;
        while !self.seen().iter().any(|line| so(line)) {
            assert!(Instant::now() < end, "no {what} in {:#?}", self.seen);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Somebody asks the house how it is until a message is drawn: `baton trace` looks on from then.
    pub async fn until_watching(&mut self, house: &House) {
        self.until_drawn(house, 1).await;
    }

    /// As [`Following::until_watching`], for so many lines.
    pub async fn until_drawn(&mut self, house: &House, lines: usize) {
        let mut peer = Peer::udp(Ipv4Addr::new(127, 0, 0, 9).into(), house.udp).await;
        let end = Instant::now() + SOON;
        while self.seen().len() < lines {
            assert!(Instant::now() < end, "nothing is drawn");
            let mut dialog = peer.dialog("nobody", "100");
            let options = peer.request(&mut dialog, "OPTIONS", "", "");
            peer.ask(&options).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether it has not ended yet.
    #[must_use]
    pub fn goes_on(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits until it has ended by itself; the exit code.
    pub async fn ends(&mut self) -> i32 {
        let end = Instant::now() + SOON;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < end, "it goes on: {:#?}", self.seen());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        let status = Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
