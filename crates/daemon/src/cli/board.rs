//! What `baton calls`, `baton agents` and `baton queues` show: one table each, made anew from what the daemon says.
//!
//! It asks nobody and writes nothing; `live` does.

use jiff::Timestamp;

use super::client::wire::{Agent, Call, Participant, Queue, Transfer};
use super::table::{Cell, Table};
use super::terminal::Ink;
use super::times::since;

/// Of a room with more people than these only so many are shown; `baton call ID` shows all.
const PEOPLE: usize = 12;

/// The word the desktop shows for a status, and how it looks.
pub(super) fn status(word: &str) -> Cell {
    match word {
        "live" => Cell::of("Live").ink(Ink::Good),
        "held" => Cell::of("On hold").ink(Ink::Warm),
        "calling" => Cell::of("Calling").ink(Ink::Cool),
        "ringing" => Cell::of("Ringing").ink(Ink::Cool),
        "queued" => Cell::of("Queued").ink(Ink::Warm),
        other => Cell::of(other),
    }
}

/// Who somebody is: the agent's name, else what is shown of them.
pub(super) fn named(person: &Participant) -> String {
    match &person.agent {
        Some(agent) => format!("{} {agent}", person.id),
        None => format!("{} {}", person.id, person.name),
    }
}

/// A transfer in words: `→ bob, private, faces the customer`.
pub(super) fn transfer(transfer: &Transfer) -> String {
    let facing = match (transfer.phase.as_str(), transfer.facing.as_str()) {
        ("private" | "calling", "customer") => ", faces the customer",
        _ => "",
    };
    format!("→ {}, {}{facing}", transfer.target.words(), transfer.phase)
}

/// What is to be said of somebody beside their status.
fn remarks(call: &Call, person: &Participant) -> String {
    let mut remarks = Vec::new();
    if let Some(under_way) = call.transfer.as_ref().filter(|transfer| transfer.by == person.id) {
        remarks.push(transfer(under_way));
    }
    if let Some(place) = &person.queue {
        remarks.push(format!("place {} in {}", place.position, place.name));
    }
    if person.muted {
        remarks.push("muted".to_owned());
    }
    if person.legs.iter().any(|leg| leg.direction == "away") {
        remarks.push("away".to_owned());
    }
    remarks.join(", ")
}

/// The calls, with everybody in them.
pub(super) fn calls(calls: &[Call], now: Timestamp) -> Table {
    let mut table = Table::new(&["CALL", ">AGE", "WHO", "STATUS", ">FOR", "ROLE", ""]);
    for call in calls {
        let mut name = call.id.clone();
        if let Some(room) = &call.room {
            name += &format!(" {room}{}", if call.locked { " (locked)" } else { "" });
        }
        let mut head = Some((Cell::of(name).ink(Ink::Strong), Cell::of(since(&call.started_at, now))));
        for person in call.participants.iter().take(PEOPLE) {
            let (id, age) = head.take().unwrap_or_default();
            table.row(vec![
                id,
                age,
                Cell::of(named(person)),
                status(&person.status),
                Cell::of(since(&person.since, now)),
                Cell::of(&person.role).ink(Ink::Faint),
                Cell::of(remarks(call, person)),
            ]);
        }
        let (id, age) = head.take().unwrap_or_default();
        match call.participants.len() {
            0 => table.row(vec![id, age]),
            people if people > PEOPLE => {
                table.row(vec![id, age, Cell::of(format!("… {} more", people - PEOPLE)).ink(Ink::Faint)]);
            }
            _ => {}
        }
    }
    table
}

/// The agents.
pub(super) fn agents(agents: &[Agent], now: Timestamp) -> Table {
    let mut table = Table::new(&["AGENT", "NAME", ">EXT", "STATE", ">FOR", ">PHONES", "CALLS", "QUEUES"]);
    for agent in agents {
        let state = match agent.state.as_str() {
            "ready" => Cell::of("Ready").ink(Ink::Good),
            "paused" => Cell::of("Paused").ink(Ink::Warm),
            "wrap_up" => Cell::of("Wrap-up").ink(Ink::Warm),
            "reserved" => Cell::of("Reserved").ink(Ink::Cool),
            "on_call" => Cell::of("On a call").ink(Ink::Strong),
            "offline" => Cell::of("Offline").ink(Ink::Faint),
            other => Cell::of(other),
        };
        let mut calls = agent.calls.join(" ");
        if let Some(offer) = &agent.reservation {
            let said = if offer.accepted { "accepted" } else { "offered" };
            calls = format!("{calls} {} {said} {} from {}", offer.id, offer.call, offer.queue);
        }
        table.row(vec![
            Cell::of(&agent.name).ink(Ink::Strong),
            Cell::of(&agent.display_name),
            Cell::of(&agent.extension),
            state,
            Cell::of(since(&agent.since, now)),
            Cell::of(agent.phones.to_string()),
            Cell::of(calls.trim()),
            Cell::of(agent.queues.join(", ")),
        ]);
    }
    table
}

/// The queues.
pub(super) fn queues(queues: &[Queue], now: Timestamp) -> Table {
    let mut table = Table::new(&["QUEUE", ">EXT", "STATE", ">WAITING", ">LONGEST", ">READY", ">AGENTS", "NEXT"]);
    for queue in queues {
        let state = if queue.open { Cell::of("Open").ink(Ink::Good) } else { Cell::of("Closed").ink(Ink::Warm) };
        let waiting = queue.waiting.len();
        let nobody = waiting > 0 && queue.ready == 0;
        let longest = queue.waiting.iter().map(|wait| wait.since.as_str()).min();
        table.row(vec![
            Cell::of(&queue.name).ink(Ink::Strong),
            Cell::of(&queue.extension),
            state,
            Cell::of(waiting.to_string()).ink(if waiting > 0 { Ink::Warm } else { Ink::Plain }),
            Cell::of(longest.map(|at| since(at, now)).unwrap_or_default()),
            Cell::of(queue.ready.to_string()).ink(if nobody { Ink::Bad } else { Ink::Plain }),
            Cell::of(queue.agents.len().to_string()),
            Cell::of(queue.waiting.iter().take(3).map(|wait| wait.call.as_str()).collect::<Vec<_>>().join(" ")),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cli::terminal::Paint;
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-11-22T10:01:02Z".parse().unwrap()
    }

    fn drawn(table: &Table) -> String {
        table.lines(Some(110), Paint(false)).join("\n")
    }

    #[test]
    fn a_consult_is_seen_at_a_glance() {
        let call = json!({
            "id": "c-0001", "started_at": "2026-11-22T10:00:00Z", "participants": [
                {"id": "p1", "role": "customer", "name": "+49301112233", "status": "held", "since": "2026-11-22T10:00:50Z"},
                {"id": "p2", "role": "agent", "agent": "alice", "status": "live", "since": "2026-11-22T10:00:02Z"},
                {"id": "p3", "role": "agent", "agent": "bob", "status": "ringing", "since": "2026-11-22T10:00:50Z"}],
            "transfer": {"phase": "calling", "by": "p2", "target": {"agent": "bob"}, "participant": "p3", "facing": "target"}
        });
        let calls = [serde_json::from_value(call).unwrap()];
        assert_eq!(
            drawn(&super::calls(&calls, now())),
            "CALL     AGE  WHO              STATUS    FOR  ROLE\n\
             c-0001  1:02  p1 +49301112233  On hold  12 s  customer\n\
             \x20             p2 alice         Live     1:00  agent     → bob, calling\n\
             \x20             p3 bob           Ringing  12 s  agent"
        );
    }

    #[test]
    fn of_a_large_room_not_everybody_is_shown() {
        let people: Vec<_> = (0..1_000).map(|n| json!({"id": format!("p{n}"), "name": "x"})).collect();
        let call = json!({"id": "c-0002", "room": "standup", "locked": true, "participants": people});
        let table = calls(&[serde_json::from_value(call).unwrap()], now());
        let lines = table.lines(None, Paint(false));
        assert_eq!(lines.len(), 1 + PEOPLE + 1);
        assert!(lines[1].starts_with("c-0002 standup (locked)"), "{}", lines[1]);
        assert!(lines[1 + PEOPLE].contains("… 988 more"), "{}", lines[1 + PEOPLE]);
    }

    #[test]
    fn agents_and_queues_say_since_when() {
        let agent = json!({"name": "alice", "display_name": "Alice", "extension": "101", "state": "reserved",
            "since": "2026-11-22T10:00:00Z", "phones": 1, "queues": ["support"],
            "reservation": {"id": "r-0001", "queue": "support", "call": "c-0001"}});
        assert_eq!(
            drawn(&agents(&[serde_json::from_value(agent).unwrap()], now())),
            "AGENT  NAME   EXT  STATE      FOR  PHONES  CALLS                               QUEUES\n\
             alice  Alice  101  Reserved  1:02       1  r-0001 offered c-0001 from support  support"
        );
        let queue = json!({"name": "support", "extension": "200", "open": true, "ready": 0, "agents": ["alice"],
            "waiting": [{"call": "c-0001", "since": "2026-11-22T10:00:00Z"}]});
        assert_eq!(
            drawn(&queues(&[serde_json::from_value(queue).unwrap()], now())),
            "QUEUE    EXT  STATE  WAITING  LONGEST  READY  AGENTS  NEXT\n\
             support  200  Open         1     1:02      0       1  c-0001"
        );
    }
}
