//! `baton call ID`: who is in, who hears whom and heard whom, the transfer, how it sounds. Of a call that is over: its record.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::board::{named, status, transfer};
use super::client::wire::{Audibility, Call, Leg, Party, Record, There};
use super::client::{Client, Reach};
use super::history::outcome;
use super::matrix::{self, Person};
use super::outcome::{Failure, line, lines};
use super::steps::call_id;
use super::table::{Cell, Table};
use super::terminal::{Ink, Paint, json_line, width};
use super::times::{between, date, since, span};

/// Which call.
#[derive(Args, Clone, Debug)]
pub(super) struct Sheet {
    /// The call's id, as `baton calls` or `baton history` shows it: c-7f3a.
    #[arg(value_name = "CALL", value_parser = call_id)]
    call: String,
    #[command(flatten)]
    reach: Reach,
}

/// Shows it.
pub(super) async fn show(sheet: &Sheet) -> Result<(), Failure> {
    let client = Client::new(&sheet.reach)?;
    let (width, paint) = (width(), Paint::of_stdout());
    match client.call(&sheet.call).await {
        Ok(call) => {
            let audibility = client.audibility(&sheet.call).await?;
            if sheet.reach.json {
                return line(&json_line(&json!({"call": call, "audibility": audibility})));
            }
            lines(&live(&client.read(&call)?, &client.read(&audibility)?, Timestamp::now(), width, paint))
        }
        Err(refused) if refused.is_not_found() => {
            // of a call that is over there is a record; else the first answer stands
            let Ok(record) = client.record(&sheet.call).await else { return Err(refused.into()) };
            let audibility = client.audibility(&sheet.call).await.unwrap_or_else(|_| json!({}));
            if sheet.reach.json {
                return line(&json_line(&json!({"record": record, "audibility": audibility})));
            }
            lines(&over(&client.read(&record)?, &client.read(&audibility)?, width, paint))
        }
        Err(error) => Err(error.into()),
    }
}

fn heading(text: &str, paint: Paint) -> [String; 2] {
    [String::new(), paint.put(Ink::Strong, text)]
}

fn live(call: &Call, audibility: &Audibility, now: Timestamp, width: Option<usize>, paint: Paint) -> Vec<String> {
    let mut title = Table::new(&["CALL", "BEGAN", ">AGE", "TRANSFER"]);
    let id = call.room.as_ref().map_or_else(|| call.id.clone(), |room| format!("{} room {room}", call.id));
    title.row(vec![
        Cell::of(id).ink(Ink::Strong),
        Cell::of(date(&call.started_at)),
        Cell::of(since(&call.started_at, now)),
        Cell::of(
            call.transfer
                .as_ref()
                .map_or_else(|| "none".to_owned(), |under_way| format!("{} {}", under_way.by, transfer(under_way))),
        ),
    ]);
    let mut drawn = title.lines(width, paint);
    drawn.extend(heading("Participants", paint));
    let mut table = Table::new(&["WHO", "ROLE", "STATUS", ">FOR", "ADDRESS", "LEGS"]);
    for person in &call.participants {
        let leg = |leg: &Leg| if leg.direction == "away" { format!("{} (away)", leg.id) } else { leg.id.clone() };
        table.row(vec![
            Cell::of(named(person)).ink(Ink::Strong),
            Cell::of(&person.role),
            status(&person.status),
            Cell::of(since(&person.since, now)),
            Cell::of(&person.address),
            Cell::of(person.legs.iter().map(leg).collect::<Vec<_>>().join(" ")),
        ]);
    }
    drawn.extend(table.lines(width, paint));
    let people: Vec<Person> = call
        .participants
        .iter()
        .map(|person| Person {
            id: person.id.clone(),
            name: person.agent.clone().unwrap_or_else(|| person.name.clone()),
            else_hears: match person.status.as_str() {
                "held" => "On hold".to_owned(),
                "queued" => "Queued".to_owned(),
                _ => String::new(),
            },
        })
        .collect();
    drawn.extend(heading("Who hears whom", paint));
    drawn.extend(matrix::now(&people, audibility, width, paint));
    drawn.extend(past(&people, audibility, width, paint));
    let legs = call.participants.iter().flat_map(|person| person.legs.iter().map(move |leg| (named(person), leg)));
    drawn.extend(quality(legs, width, paint));
    drawn
}

fn past(people: &[Person], audibility: &Audibility, width: Option<usize>, paint: Paint) -> Vec<String> {
    let history = matrix::history(people, audibility, width, paint);
    if history.is_empty() {
        history
    } else {
        heading("Who could hear whom", paint).into_iter().chain(history).collect()
    }
}

fn quality<'a>(legs: impl Iterator<Item = (String, &'a Leg)>, width: Option<usize>, paint: Paint) -> Vec<String> {
    let sent = ["WHO", "LEG", "CODEC", "SRTP"];
    let heard = [">RECEIVED", ">LOST", ">LATE", ">JITTER", ">ROUND TRIP", ">DELAY", ">MOS", "THERE"];
    let mut table = Table::new(&[&sent[..], &heard[..]].concat());
    let mut any = false;
    for (who, leg) in legs {
        let Some(quality) = &leg.quality else { continue };
        any = true;
        // two in a hundred are heard
        let lossy = quality.lost * 50 > quality.received + quality.lost;
        let mos =
            quality.mos.map(|mos| Cell::of(format!("{mos:.2}")).ink(if mos < 3.6 { Ink::Warm } else { Ink::Good }));
        let ms = |value: Option<f64>| Cell::of(value.map(|ms| format!("{ms:.1} ms")).unwrap_or_default());
        table.row(vec![
            Cell::of(who),
            Cell::of(&leg.id),
            Cell::of(quality.codec.clone().unwrap_or_default()),
            Cell::of(quality.encryption.clone().unwrap_or_default()),
            Cell::of(quality.received.to_string()),
            Cell::of(quality.lost.to_string()).ink(if lossy { Ink::Bad } else { Ink::Plain }),
            Cell::of(quality.discarded.to_string()),
            ms(Some(quality.jitter_ms)),
            ms(quality.round_trip_ms),
            ms(quality.delay_ms),
            mos.unwrap_or_default(),
            Cell::of(quality.there.as_ref().map(there).unwrap_or_default()),
        ]);
    }
    if any { heading("Quality", paint).into_iter().chain(table.lines(width, paint)).collect() } else { Vec::new() }
}

/// How our sound arrives at a phone, in a few words.
fn there(there: &There) -> String {
    let mos = there.mos.map(|mos| format!(", MOS {mos:.1}")).unwrap_or_default();
    format!("{:.1} % lost, {:.1} ms jitter{mos}", there.loss_percent, there.jitter_ms)
}

/// A length in seconds; nothing where there was none.
fn phase(seconds: f64) -> Cell {
    if seconds <= 0.0 {
        return Cell::default();
    }
    let whole = std::time::Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    Cell::of(span(whole.as_secs()))
}

fn party(party: &Party) -> String {
    format!("{} {}", party.id, party.agent.as_deref().unwrap_or(&party.name))
}

fn over(record: &Record, audibility: &Audibility, width: Option<usize>, paint: Paint) -> Vec<String> {
    let mut title = Table::new(&["CALL", "BEGAN", "ENDED", ">LASTED", ""]);
    let ended = record.ended_at.as_deref().unwrap_or_default();
    let joined = record.joined_into.as_ref().map(|call| format!("became part of {call}"));
    let id = record.room.as_ref().map_or_else(|| record.id.clone(), |room| format!("{} room {room}", record.id));
    title.row(vec![
        Cell::of(id).ink(Ink::Strong),
        Cell::of(date(&record.started_at)),
        Cell::of(date(ended)),
        Cell::of(between(&record.started_at, ended)),
        Cell::of(joined.unwrap_or_default()),
    ]);
    let mut drawn = title.lines(width, paint);
    drawn.extend(heading("Participants", paint));
    let mut table = Table::new(&["WHO", "ROLE", ">RANG", ">QUEUED", ">TALKED", ">ON HOLD", ">CONSULTED", "LEFT"]);
    for person in &record.participants {
        let times = &person.times;
        table.row(vec![
            Cell::of(party(person)).ink(Ink::Strong),
            Cell::of(&person.role),
            phase(times.ring_s),
            phase(times.queued_s),
            phase(times.talk_s),
            phase(times.hold_s),
            phase(times.consult_s),
            Cell::of(person.reason.as_deref().map(|why| outcome(why, person.sip_status)).unwrap_or_default()),
        ]);
    }
    drawn.extend(table.lines(width, paint));
    if !record.transfers.is_empty() {
        drawn.extend(heading("Transfers", paint));
        let mut table = Table::new(&["BY", "TO", "OUTCOME"]);
        for transfer in &record.transfers {
            let by = record.participants.iter().find(|person| person.id == transfer.by);
            let came = transfer
                .outcome
                .as_deref()
                .map_or_else(|| "under way".to_owned(), |how| outcome(how, transfer.sip_status));
            table.row(vec![
                Cell::of(by.map_or_else(|| transfer.by.clone(), party)),
                Cell::of(transfer.target.words()),
                Cell::of(came),
            ]);
        }
        drawn.extend(table.lines(width, paint));
    }
    let person = |person: &Party| Person {
        id: person.id.clone(),
        name: person.agent.clone().unwrap_or_else(|| person.name.clone()),
        else_hears: String::new(),
    };
    let people: Vec<Person> = record.participants.iter().map(person).collect();
    drawn.extend(past(&people, audibility, width, paint));
    let legs = record.participants.iter().flat_map(|person| person.legs.iter().map(move |leg| (party(person), leg)));
    drawn.extend(quality(legs, width, paint));
    drawn
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_call_that_is_over_tells_how_long_each_phase_was() {
        let record = json!({
            "id": "c-0001", "started_at": "2026-11-22T10:00:00Z", "ended_at": "2026-11-22T10:02:00Z",
            "participants": [
                {"id": "p1", "role": "customer", "name": "+4930", "reason": "hung_up", "times": {"talk_s": 90.2, "hold_s": 30}},
                {"id": "p2", "role": "agent", "agent": "alice", "reason": "completed", "times": {"ring_s": 3, "consult_s": 28}},
                {"id": "p3", "role": "agent", "agent": "bob", "reason": "failed", "sip_status": 480}],
            "transfers": [{"by": "p2", "target": {"queue": "support"}, "outcome": "no_answer"}]
        });
        let drawn = over(&serde_json::from_value(record).unwrap(), &Audibility::default(), Some(100), Paint(false));
        assert_eq!(
            drawn.join("\n"),
            "CALL    BEGAN                ENDED                LASTED\n\
             c-0001  2026-11-22 10:00:00  2026-11-22 10:02:00    2:00\n\
             \n\
             Participants\n\
             WHO       ROLE      RANG  QUEUED  TALKED  ON HOLD  CONSULTED  LEFT\n\
             p1 +4930  customer                  1:30     30 s             hung up\n\
             p2 alice  agent      3 s                                28 s  completed\n\
             p3 bob    agent                                               failed (480)\n\
             \n\
             Transfers\n\
             BY        TO             OUTCOME\n\
             p2 alice  queue support  no answer"
        );
    }

    #[test]
    fn a_live_call_shows_everybody_with_legs_and_quality() {
        let call = json!({
            "id": "c-0001", "started_at": "2026-11-22T10:00:00Z", "participants": [
                {"id": "p1", "role": "customer", "name": "x", "address": "sip:x@127.0.0.2", "status": "live",
                 "since": "2026-11-22T10:00:00Z", "legs": [{"id": "a1", "direction": "both",
                 "quality": {"received": 50, "lost": 50, "discarded": 3, "jitter_ms": 1.25, "delay_ms": 61.5, "mos": 2.0,
                             "codec": "opus", "encryption": "AEAD_AES_128_GCM",
                             "there": {"loss_percent": 1.5, "jitter_ms": 4.0, "mos": 3.9}}}]},
                {"id": "p2", "role": "agent", "agent": "alice", "status": "live", "since": "2026-11-22T10:00:00Z",
                 "legs": [{"id": "a2", "direction": "away"}]}]
        });
        let now = "2026-11-22T10:00:05Z".parse().unwrap();
        let drawn = live(&serde_json::from_value(call).unwrap(), &Audibility::default(), now, Some(180), Paint(false));
        let drawn = drawn.join("\n");
        for wanted in [
            "p1 x      customer  Live    5 s  sip:x@127.0.0.2  a1",
            "a2 (away)",
            "61.5 ms  2.00  1.5 % lost, 4.0 ms jitter, MOS 3.9",
            "p1 x  a1   opus   AEAD_AES_128_GCM        50    50     3  1.2 ms",
        ] {
            assert!(drawn.contains(wanted), "{wanted}\n{drawn}");
        }
    }
}
