//! `baton drain` and `baton reload`: what is asked of the daemon as a whole.
#![allow(clippy::print_stderr, reason = "a command line speaks by printing")]

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::client::{Client, Reach};
use super::live::Interrupts;
use super::outcome::{Failure, line};
use super::steps::done;
use super::terminal::json_line;
use crate::events::masked;

/// How often it is looked whether calls are left.
const LOOK: Duration = Duration::from_millis(500);

/// How the daemon is drained.
#[derive(Args, Clone, Debug)]
pub(super) struct Drain {
    /// Let new calls in again.
    #[arg(long, conflicts_with = "wait")]
    undo: bool,
    /// Wait until the last call is over.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Lets no new calls in; those there are go on.
pub(super) async fn drain(drain: &Drain) -> Result<(), Failure> {
    let client = Client::new(&drain.reach)?;
    let answer = client.drain(!drain.undo).await?;
    if drain.wait {
        let mut until = Interrupts::listen()?;
        let mut before = usize::MAX;
        loop {
            let left = client.calls().await?.len();
            if left == 0 {
                break;
            }
            if left != before && std::io::stderr().is_terminal() {
                eprintln!(
                    "{left} call{} left; Ctrl-C ends the waiting, not the draining",
                    if left == 1 { "" } else { "s" }
                );
            }
            before = left;
            tokio::select! {
                () = until.next() => return Err(Failure::Other(format!("{left} calls are left; no new ones are let in"))),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
    done(&drain.reach, &answer, None)
}

/// Has the settings read again; what is worth saying of it, one line each.
pub(super) async fn reload(reach: &Reach) -> Result<(), Failure> {
    let client = Client::new(reach)?;
    let answer = client.reload().await?;
    if reach.json {
        return line(&json_line(&answer));
    }
    let notes = answer.get("notes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    notes.iter().filter_map(Value::as_str).try_for_each(|note| line(&masked(note)))
}
