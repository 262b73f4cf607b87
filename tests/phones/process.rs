//! A program under test: started, followed line by line, and always stopped by its own process id.
//!
//! It does not interpret what the program says; waiting for a line has a limit and fails with the end of the log.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A program to be started, in a network namespace or here. `ip netns exec` becomes the program: its process id stays.
pub(crate) fn command_in(namespace: Option<&str>, program: &str) -> Command {
    let Some(namespace) = namespace else { return Command::new(program) };
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, program]);
    command
}

/// Everything a program has said so far, and a mark up to which it has been read.
#[derive(Clone, Default)]
pub(crate) struct Lines {
    shared: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Lines {
    pub(crate) fn push(&self, line: String) {
        self.lock().push(line);
        self.shared.1.notify_all();
    }

    /// Follows a stream in a thread of its own until it ends.
    pub(crate) fn follow(&self, stream: impl Read + Send + 'static) {
        let lines = self.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(reader.read_until(b'\n', &mut line), Ok(n) if n > 0) {
                lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        });
    }

    /// Waits for the first line at or after `from` that matches, and returns the index after it.
    pub(crate) fn wait(&self, from: usize, limit: Duration, what: &str, matches: impl Fn(&str) -> bool) -> usize {
        let end = Instant::now() + limit;
        let mut seen = from;
        let mut lines = self.lock();
        loop {
            if let Some(at) = lines.iter().skip(seen).position(|line| matches(line)) {
                return seen + at + 1;
            }
            seen = lines.len().max(from);
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited {limit:?} for {what}; the log ends:\n{}", tail(&lines, 40));
            lines = self.shared.1.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether a line matches by now.
    pub(crate) fn has(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.lock().iter().any(|line| matches(line))
    }

    /// The last `count` lines.
    pub(crate) fn tail(&self, count: usize) -> String {
        tail(&self.lock(), count)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tail(lines: &[String], count: usize) -> String {
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// A running program. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    name: String,
    /// What it wrote to stdout and stderr, mixed in the order of arrival.
    pub(crate) lines: Lines,
}

impl Process {
    /// Starts the program with its output followed and its stdin kept open. A program that is not installed is a
    /// failure, never a skipped test.
    pub(crate) fn start(command: &mut Command) -> Process {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("cannot start {name}: {why} (scripts/test installs it)"));
        let lines = Lines::default();
        if let Some(stdout) = child.stdout.take() {
            lines.follow(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            lines.follow(stderr);
        }
        let stdin = child.stdin.take();
        Process { child, stdin, name, lines }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Types one line into the program.
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap_or_else(|| panic!("{} has no stdin", self.name));
        let written = stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush());
        if let Err(why) = written {
            panic!("{} does not listen any more: {why}; it said:\n{}", self.name, self.lines.tail(40));
        }
    }

    /// Asks the program to end (SIGTERM). It need not obey.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        drop(Command::new("kill").args(["-TERM", &pid]).status());
    }

    /// Waits until the program has ended by itself and says whether it ended well; kills it after `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<std::process::ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if Instant::now() >= end {
                self.kill();
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
