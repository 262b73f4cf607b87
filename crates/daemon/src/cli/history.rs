//! `baton history`: the records of calls that are over, newest first.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;

use super::client::wire::Record;
use super::client::{Client, HistoryAsked, Reach};
use super::outcome::{Failure, line, lines};
use super::table::{Cell, Table};
use super::terminal::{Paint, json_line, width};
use super::times::{between, date, moment};

/// Which records.
#[derive(Args, Clone, Debug)]
pub(super) struct History {
    /// Only calls in which this agent was.
    #[arg(long)]
    agent: Option<String>,
    /// Only calls in which this number or name was.
    #[arg(long)]
    number: Option<String>,
    /// Only calls that waited in this queue.
    #[arg(long)]
    queue: Option<String>,
    /// Only calls that began then or later: 2026-11-22T10:00:00Z, 2026-11-22 (UTC), or how long ago: 90m, 2h, 7d.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<String>,
    /// Only calls that began before.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<String>,
    /// At most so many.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Write CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    reach: Reach,
}

fn time(said: &str) -> Result<String, String> {
    moment(said, Timestamp::now())
}

/// Shows them.
pub(super) async fn history(history: &History) -> Result<(), Failure> {
    let client = Client::new(&history.reach)?;
    let asked = HistoryAsked {
        agent: history.agent.clone(),
        number: history.number.clone(),
        queue: history.queue.clone(),
        from: history.from.clone(),
        to: history.to.clone(),
        most: history.limit,
    };
    if history.csv {
        return Ok(std::io::stdout().lock().write_all(&client.history_csv(&asked).await?)?);
    }
    let records = client.history(&asked).await?;
    if history.reach.json {
        return records.iter().try_for_each(|record| line(&json_line(record)));
    }
    let records: Vec<Record> = records.iter().map(|record| client.read(record)).collect::<Result<_, _>>()?;
    lines(&table(&records).lines(width(), Paint::of_stdout()))
}

/// How something came out, in words: `no answer`, `rejected (603)`.
pub(super) fn outcome(word: &str, sip_status: Option<u16>) -> String {
    let words = word.replace('_', " ");
    sip_status.map_or_else(|| words.clone(), |status| format!("{words} ({status})"))
}

fn table(records: &[Record]) -> Table {
    let mut table = Table::new(&["CALL", "BEGAN", ">LASTED", "WHO", "TRANSFERS", "QUEUES"]);
    for record in records {
        let who = record.participants.iter().map(|party| party.agent.as_deref().unwrap_or(&party.name));
        let transfers = record.transfers.iter().map(|transfer| {
            let came = transfer.outcome.as_deref().unwrap_or("under way");
            format!("→ {} {}", transfer.target.words(), outcome(came, transfer.sip_status))
        });
        let queues = record.queues.iter().map(|stay| {
            let how = stay.how.as_deref().unwrap_or("waits");
            format!("{} {}", stay.queue, outcome(how, None))
        });
        let lasted =
            record.ended_at.as_deref().map_or_else(|| "goes on".to_owned(), |to| between(&record.started_at, to));
        table.row(vec![
            Cell::of(&record.id),
            Cell::of(date(&record.started_at)),
            Cell::of(lasted),
            Cell::of(who.collect::<Vec<_>>().join(", ")),
            Cell::of(transfers.collect::<Vec<_>>().join(", ")),
            Cell::of(queues.collect::<Vec<_>>().join(", ")),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_is_one_line() {
        let record = json!({
            "id": "c-0001", "started_at": "2026-11-22T10:00:00Z", "ended_at": "2026-11-22T10:02:00Z",
            "participants": [{"name": "+4930"}, {"agent": "alice"}, {"agent": "bob"}],
            "transfers": [{"target": {"agent": "bob"}, "outcome": "rejected", "sip_status": 603}],
            "queues": [{"queue": "support", "how": "timed_out"}]
        });
        let lines = table(&[serde_json::from_value(record).unwrap()]).lines(None, Paint(false));
        assert_eq!(
            lines[1],
            "c-0001  2026-11-22 10:00:00    2:00  +4930, alice, bob  → bob rejected (603)  support timed out"
        );
    }
}
