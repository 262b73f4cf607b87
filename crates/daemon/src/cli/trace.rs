//! `baton trace`: every SIP message as it comes and goes, drawn as a ladder, until Ctrl-C.

use clap::Args;

use super::client::wire::Traced;
use super::client::{Client, Reach};
use super::ladder::Ladder;
use super::live::Interrupts;
use super::outcome::{Failure, line, lines};
use super::steps::call_id;
use super::terminal::{Ink, Paint, json_line, width};
use crate::events::masked;

/// What of the SIP messages.
#[derive(Args, Clone, Debug)]
pub(super) struct Trace {
    /// Only this call's messages.
    #[arg(long, value_name = "CALL", value_parser = call_id)]
    call: Option<String>,
    /// Write each message in full below its arrow.
    #[arg(long)]
    full: bool,
    /// End after so many messages.
    #[arg(long, short = 'n', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    reach: Reach,
}

/// Draws until Ctrl-C, or until the daemon is gone.
pub(super) async fn trace(trace: &Trace) -> Result<(), Failure> {
    let client = Client::new(&trace.reach)?;
    let mut until = Interrupts::listen()?;
    let mut stream = client.trace(trace.call.as_deref()).await?;
    let paint = Paint::of_stdout();
    let mut ladder = Ladder::new(width(), paint);
    let mut left = trace.count;
    while left != Some(0) {
        let message = tokio::select! {
            () = until.next() => return Ok(()),
            message = stream.next() => message?,
        };
        left = left.map(|left| left - 1);
        if trace.reach.json {
            line(&json_line(&message))?;
            continue;
        }
        let traced: Traced = client.read(&message)?;
        lines(&ladder.lines(&traced))?;
        if trace.full {
            let full = |text: &str| format!("    {}", paint.put(Ink::Faint, &whole(text)));
            lines(&traced.text.trim_end().lines().map(full).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

/// A line of a message, however long, with nothing in it that moves a terminal.
fn whole(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(100).map(|part| masked(&part.iter().collect::<String>())).collect()
}
