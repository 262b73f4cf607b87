//! An agent's phone that watches: SUBSCRIBE by text, and what the NOTIFYs say as Python's own parser reads it
//! (`phones/watcher.py`, which holds each document against its schema). It shares no code with the server.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house::House;
use crate::raw::{Dialog, LIMIT, Message, Peer, response};

const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/phones/watcher.py");

/// A watch that was granted.
#[derive(Debug)]
pub struct Watcher {
    /// Its socket.
    pub peer: Peer,
    /// Its dialog.
    pub dialog: Dialog,
    user: String,
    event: String,
    reader: Reader,
    /// What is known after the last NOTIFY.
    pub known: Value,
    /// Every NOTIFY so far.
    pub notices: Vec<Message>,
}

/// The parser in a process of its own.
#[derive(Debug)]
struct Reader {
    child: Child,
    into: ChildStdin,
    out: BufReader<ChildStdout>,
}

impl Watcher {
    /// A SUBSCRIBE of an agent; the answer, whatever it is.
    pub async fn asks(peer: &mut Peer, agent: &str, event: &str, whom: &str, seconds: u32) -> (Dialog, Message) {
        let mut dialog = peer.dialog(agent, whom);
        let more = format!("Event: {event}\r\nExpires: {seconds}\r\n");
        let answer = peer.ask_as(&mut dialog, agent, "SUBSCRIBE", &more, "").await;
        (dialog, answer)
    }

    /// `agent` watches `whom` for an hour, and has been told how it stands.
    pub async fn begins(house: &House, agent: &str, event: &str, whom: &str) -> Self {
        let mut peer = Peer::udp(IpAddr::from([127, 0, 0, 1]), house.udp).await;
        let (mut dialog, answer) = Self::asks(&mut peer, agent, event, whom, 3600).await;
        assert_eq!((answer.status(), answer.header("Expires")), (Some(200), Some("3600")), "{answer:?}");
        answer.need("To").clone_into(&mut dialog.remote);
        dialog.target = answer.address("Contact").unwrap_or_else(|| panic!("no Contact in {answer:?}"));
        let (user, event) = (agent.to_owned(), event.to_owned());
        let mut watcher =
            Self { peer, dialog, user, event, reader: Reader::start(), known: Value::Null, notices: Vec::new() };
        let first = watcher.is_told().await;
        assert_eq!(first["extent"], "full");
        watcher
    }

    /// The next NOTIFY, answered and read. Its document is one more than the one before.
    pub async fn is_told(&mut self) -> Value {
        self.is_told_within(LIMIT).await
    }

    /// The same, of what may take so long.
    pub async fn is_told_within(&mut self, limit: Duration) -> Value {
        let told = self.told_within(limit).await;
        told.unwrap_or_else(|| panic!("no NOTIFY came; known is {:#}", self.known))
    }

    async fn told_within(&mut self, limit: Duration) -> Option<Value> {
        let notify = loop {
            let notify = self.peer.next_that(limit, |message| message.method() == Some("NOTIFY")).await?;
            self.peer.send(response(&notify, 200, "", "", "")).await;
            // one that was repeated because nobody looked in time is the same one
            if self.notices.iter().all(|known| known.need("CSeq") != notify.need("CSeq")) {
                break notify;
            }
        };
        assert_eq!(notify.need("Event"), self.event);
        let known = self.reader.reads(&notify.body);
        assert!(known["wrong"].is_null(), "{known} in\n{}", notify.body);
        self.known.clone_from(&known);
        self.notices.push(notify);
        Some(known)
    }

    /// Waits until what is known is so.
    pub async fn until(&mut self, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + LIMIT;
        while !so(&self.known) {
            let left = end.saturating_duration_since(Instant::now());
            let told = self.told_within(left).await;
            assert!(told.is_some(), "{what} was not told; known is {:#}", self.known);
        }
        self.known.clone()
    }

    /// Refreshes, or with 0 ends it; the whole state is told.
    pub async fn refreshes(&mut self, seconds: u32) -> Value {
        let more = format!("Event: {}\r\nExpires: {seconds}\r\n", self.event);
        let answer = self.peer.ask_as(&mut self.dialog, &self.user, "SUBSCRIBE", &more, "").await;
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        self.is_told().await
    }

    /// The `Subscription-State` of the last NOTIFY.
    #[must_use]
    pub fn state(&self) -> &str {
        self.notices.last().map(|notify| notify.need("Subscription-State")).unwrap_or_default()
    }

    /// Who is in the conference, as name and status of their first leg, by name.
    #[must_use]
    pub fn users(&self) -> Vec<(String, String)> {
        let users = self.known["users"].as_object().into_iter().flat_map(|users| users.values());
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut users: Vec<_> = users.map(|user| (word(&user["shown"]), word(&user["status"][0]))).collect();
        users.sort();
        users
    }

    /// State, peer and whether on hold of every dialog that is not over.
    #[must_use]
    pub fn dialogs(&self) -> Vec<(String, String, bool)> {
        lamps(&self.known)
    }

    /// Whether any NOTIFY held this text.
    #[must_use]
    pub fn was_told_of(&self, text: &str) -> bool {
        self.notices.iter().any(|notify| notify.body.contains(text))
    }
}

/// State, peer and whether on hold of every dialog that is not over.
#[must_use]
pub fn lamps(known: &Value) -> Vec<(String, String, bool)> {
    let dialogs = known["dialogs"].as_object().into_iter().flat_map(|dialogs| dialogs.values());
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let live = dialogs.filter(|dialog| dialog["state"] != "terminated");
    live.map(|dialog| (word(&dialog["state"]), word(&dialog["remote"]), dialog["held"] == true)).collect()
}

impl Reader {
    fn start() -> Self {
        let mut command = Command::new("python3");
        command.arg(READER).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3");
        let (into, out) = (child.stdin.take().expect("its input"), child.stdout.take().expect("its output"));
        Self { child, into, out: BufReader::new(out) }
    }

    fn reads(&mut self, document: &str) -> Value {
        writeln!(self.into, "{}", Value::from(document)).expect("it reads");
        let mut line = String::new();
        self.out.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?} to\n{document}"))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
