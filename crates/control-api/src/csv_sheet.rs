//! Records as a sheet, one line a call. What a spreadsheet would take for a formula is defused, and what a terminal would obey
//! is replaced: names come from outside.

use conference::record::{CallRecord, PartyRecord};
use conference::{AgentName, Role};

use crate::shown::{OutcomeName, time};
use crate::unseen::masked;

const COLUMNS: [&str; 15] = [
    "call",
    "room",
    "started_at",
    "ended_at",
    "duration_s",
    "customers",
    "agents",
    "outside",
    "queues",
    "transfers",
    "outcomes",
    "talk_s",
    "hold_s",
    "consult_s",
    "queued_s",
];

/// The sheet; `None`: it could not be written.
pub(crate) fn write(records: &[CallRecord]) -> Option<Vec<u8>> {
    let mut sheet = csv::Writer::from_writer(Vec::new());
    sheet.write_record(COLUMNS).ok()?;
    for record in records {
        sheet.write_record(line(record).iter().map(|cell| defused(cell))).ok()?;
    }
    sheet.into_inner().ok()
}

fn line(record: &CallRecord) -> [String; 15] {
    let with = |role: Role| record.parties.iter().filter(move |party| party.role == role);
    let names = |role| joined(with(role).map(|party| party.name.clone()));
    let agents =
        joined(record.parties.iter().filter_map(|party| party.agent.as_ref()).map(|AgentName(name)| name.clone()));
    // Times of the agents together, but how long the customers waited.
    let agents_s = |span: fn(&PartyRecord) -> u64| seconds(with(Role::Agent).map(span).sum());
    let outcome = |transfer: &conference::record::TransferRecord| {
        let (name, status) = OutcomeName::of(transfer.outcome?);
        let name = serde_json::to_value(name).ok()?.as_str()?.to_owned();
        Some(status.map_or_else(|| name.clone(), |status| format!("{name} {status}")))
    };
    let duration = record.ended_at.map(|ended| u64::try_from(ended - record.started_at).unwrap_or(0));
    [
        record.call.to_string(),
        record.room.clone().unwrap_or_default(),
        time(record.started_at),
        record.ended_at.map(time).unwrap_or_default(),
        duration.map(seconds).unwrap_or_default(),
        names(Role::Customer),
        agents,
        names(Role::Outside),
        joined(record.queues.iter().map(|stay| stay.queue.clone())),
        record.transfers.len().to_string(),
        joined(record.transfers.iter().filter_map(outcome)),
        agents_s(|party| party.times.talk_us),
        agents_s(|party| party.times.hold_us),
        agents_s(|party| party.times.consult_us),
        seconds(with(Role::Customer).map(|party| party.times.queued_us).sum()),
    ]
}

fn joined(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join("; ")
}

fn seconds(us: u64) -> String {
    format!("{}.{:03}", us / 1_000_000, us / 1_000 % 1_000)
}

/// A cell that begins like a formula gets an apostrophe in front, as OWASP advises ("CSV injection"); so does one that would
/// begin like one for a program that leaves out what it does not know, or space.
fn defused(cell: &str) -> String {
    let cell = masked(cell);
    let seen = cell.trim_start_matches(|c: char| c.is_whitespace() || c == char::REPLACEMENT_CHARACTER);
    if seen.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use conference::record::{AgentTimes, TransferRecord};
    use conference::{CallId, Destination, Outcome, ParticipantId};

    use super::*;

    fn party(number: u32, role: Role, name: &str) -> PartyRecord {
        PartyRecord {
            who: ParticipantId(number),
            role,
            agent: (role == Role::Agent).then(|| AgentName(name.to_owned())),
            name: name.to_owned(),
            joined_at: 0,
            answered_at: None,
            left_at: None,
            why: None,
            times: AgentTimes { talk_us: 1_500_000, queued_us: 2_000_000, ..AgentTimes::default() },
            legs: Vec::new(),
        }
    }

    #[test]
    fn nothing_in_a_sheet_commands_a_terminal_or_hides_a_formula() {
        assert_eq!(defused("\u{1b}[2Jx\nB\u{f6}b"), "\u{fffd}[2Jx\u{fffd}B\u{f6}b");
        for hidden in ["\u{1}=cmd", "\u{feff}=cmd", "\u{a0}+1", " @x"] {
            assert!(defused(hidden).starts_with('\''), "{hidden:?}");
        }
    }

    #[test]
    fn a_name_that_looks_like_a_formula_is_defused() {
        let record = CallRecord {
            call: CallId(1),
            room: None,
            door: None,
            started_at: 1_000_000,
            ended_at: Some(3_250_000),
            joined_into: None,
            parties: vec![
                party(1, Role::Customer, "=HYPERLINK(\"http://evil\",\"x\")"),
                party(2, Role::Agent, "alice"),
                party(3, Role::Agent, "bob"),
                party(4, Role::Outside, "+4930111"),
            ],
            transfers: vec![TransferRecord {
                by: ParticipantId(2),
                target: ParticipantId(3),
                to: Destination::Agent(AgentName("bob".to_owned())),
                started_at: 1_500_000,
                answered_at: None,
                merged_at: None,
                ended_at: Some(2_000_000),
                outcome: Some(Outcome::Rejected(486)),
            }],
            queues: Vec::new(),
            forgotten: 0,
        };
        let sheet = String::from_utf8(write(&[record]).unwrap()).unwrap();
        let line = sheet.lines().nth(1).unwrap();
        assert_eq!(
            line,
            "c-0001,,1970-01-01T00:00:01Z,1970-01-01T00:00:03.25Z,2.250,\
             \"'=HYPERLINK(\"\"http://evil\"\",\"\"x\"\")\",alice; bob,'+4930111,,1,rejected 486,3.000,0.000,0.000,2.000"
        );
    }
}
