//! Who hears whom, drawn: now, as a matrix; and until now, by sample and by whose command. It decides nothing of it.

use std::collections::{BTreeMap, BTreeSet};

use super::client::wire::{Audibility, Cause};
use super::table::{Cell, Table};
use super::terminal::{Ink, Paint};
use super::times::of_sample;

/// With more people than these a matrix cannot be read any more, and a list is written.
const PEOPLE: usize = 24;

/// Somebody, as the matrix names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// Their id in the call.
    pub(super) id: String,
    /// Their name.
    pub(super) name: String,
    /// What they hear when they hear nobody: `On hold`, or nothing to be said.
    pub(super) else_hears: String,
}

/// Who hears whom now. Rows listen, columns speak.
pub(super) fn now(people: &[Person], audibility: &Audibility, width: Option<usize>, paint: Paint) -> Vec<String> {
    let hears: BTreeSet<(&str, &str)> =
        audibility.now.iter().map(|pair| (pair.listener.as_str(), pair.speaker.as_str())).collect();
    // a column of the matrix takes at least its id and a gap
    let fits = width.is_none_or(|width| people.len() * 5 + 30 <= width);
    if people.len() > PEOPLE || !fits { list(people, &hears, width, paint) } else { matrix(people, &hears, paint) }
}

fn matrix(people: &[Person], hears: &BTreeSet<(&str, &str)>, paint: Paint) -> Vec<String> {
    let name = |person: &Person| format!("{} {}", person.id, person.name);
    let names: Vec<String> = people.iter().map(name).collect();
    let table = Names::of(&names);
    let mut lines = vec![paint.put(Ink::Faint, &table.line("hears", people.iter().map(|person| person.id.clone())))];
    for (listener, name) in people.iter().zip(&names) {
        let marks = people.iter().map(|speaker| match () {
            () if speaker.id == listener.id => paint.put(Ink::Faint, &Names::centred("\\", &speaker.id)),
            () if hears.contains(&(listener.id.as_str(), speaker.id.as_str())) => {
                paint.put(Ink::Good, &Names::centred("●", &speaker.id))
            }
            () => paint.put(Ink::Faint, &Names::centred("·", &speaker.id)),
        });
        let mut line = table.line(name, marks);
        if !hears.iter().any(|(who, _)| *who == listener.id) && !listener.else_hears.is_empty() {
            line += &format!("   {}", paint.put(Ink::Warm, &listener.else_hears));
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// The first column of a matrix, and marks under their ids.
struct Names {
    width: usize,
}

impl Names {
    fn of(names: &[String]) -> Self {
        use unicode_width::UnicodeWidthStr;
        let masked = |name: &String| crate::events::masked(name).width();
        Self { width: names.iter().map(masked).max().unwrap_or(0).clamp(5, 24) }
    }

    fn line(&self, name: &str, marks: impl Iterator<Item = String>) -> String {
        use unicode_width::UnicodeWidthStr;
        let name = super::table::cut(&crate::events::masked(name), self.width);
        let rest = " ".repeat(self.width.saturating_sub(name.width()));
        marks.fold(format!("{name}{rest}"), |line, mark| line + "  " + &mark)
    }

    /// A mark in the middle of a column as wide as its id.
    fn centred(mark: &str, id: &str) -> String {
        format!("{mark:^width$}", width = id.len())
    }
}

fn list(people: &[Person], hears: &BTreeSet<(&str, &str)>, width: Option<usize>, paint: Paint) -> Vec<String> {
    let mut table = Table::new(&["WHO", "HEARS"]);
    for person in people {
        let heard: Vec<&str> = hears.iter().filter(|(who, _)| *who == person.id).map(|(_, heard)| *heard).collect();
        let text = match heard.len() {
            0 if person.else_hears.is_empty() => "nobody".to_owned(),
            0 => format!("nobody: {}", person.else_hears),
            n if n == people.len() - 1 && n > 3 => "everybody".to_owned(),
            _ => heard.join(" "),
        };
        table.row(vec![Cell::of(format!("{} {}", person.id, person.name)), Cell::of(text)]);
    }
    table.lines(width, paint)
}

/// What led to a change, in words: `swap by alice`, `p2's phone: answered`.
fn cause(cause: &Cause, owners: &BTreeMap<&str, String>) -> String {
    match cause.kind.as_str() {
        "command" => format!("{} by {}", cause.name, cause.by.as_deref().unwrap_or("the operator")),
        "phone" => {
            let owner = owners.get(cause.leg.as_str()).map_or(cause.leg.as_str(), String::as_str);
            format!("{owner}'s phone: {}", cause.did)
        }
        "time" => "a time that was over".to_owned(),
        other => other.to_owned(),
    }
}

/// Who could hear whom, from which sample to which, and what opened and shut it. Oldest first.
pub(super) fn history(people: &[Person], audibility: &Audibility, width: Option<usize>, paint: Paint) -> Vec<String> {
    let names: BTreeMap<&str, String> =
        people.iter().map(|person| (person.id.as_str(), format!("{} {}", person.id, person.name))).collect();
    let mut owners: BTreeMap<&str, String> = BTreeMap::new();
    for span in &audibility.history {
        owners.insert(&span.listener_leg, span.listener.clone());
        owners.insert(&span.speaker_leg, span.speaker.clone());
    }
    let named = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_owned());
    let at = |sample: u64| format!("{sample} ({})", of_sample(sample, audibility.sample_rate));
    let mut lines = Vec::new();
    if audibility.forgotten > 0 {
        lines.push(format!("(the oldest {} changes are not kept any more)", audibility.forgotten));
    }
    if audibility.history.is_empty() && !audibility.changes.is_empty() {
        let mut table = Table::new(&[">SAMPLE", "BY", "LEGS"]);
        for change in &audibility.changes {
            let gone = change.gone.iter().map(|leg| format!("-{leg}"));
            let legs: Vec<String> = change.legs.iter().cloned().chain(gone).collect();
            table.row(vec![
                Cell::of(at(change.sample)),
                Cell::of(cause(&change.by, &owners)),
                Cell::of(legs.join(" ")),
            ]);
        }
        lines.extend(table.lines(width, paint));
        return lines;
    }
    let mut table = Table::new(&["LISTENER", "HEARD", ">FROM SAMPLE", ">TO SAMPLE", "OPENED BY", "SHUT BY"]);
    for span in &audibility.history {
        table.row(vec![
            Cell::of(named(&span.listener)),
            Cell::of(named(&span.speaker)),
            Cell::of(at(span.from_sample)),
            span.to_sample.map_or_else(|| Cell::of("goes on").ink(Ink::Good), |sample| Cell::of(at(sample))),
            Cell::of(cause(&span.opened_by, &owners)),
            Cell::of(span.shut_by.as_ref().map(|shut| cause(shut, &owners)).unwrap_or_default()),
        ]);
    }
    if !audibility.history.is_empty() {
        lines.extend(table.lines(width, paint));
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn people() -> Vec<Person> {
        let person = |id: &str, name: &str, else_hears: &str| Person {
            id: id.to_owned(),
            name: name.to_owned(),
            else_hears: else_hears.to_owned(),
        };
        vec![person("p1", "Carol", "On hold"), person("p2", "alice", ""), person("p3", "bob", "")]
    }

    fn consult() -> Audibility {
        serde_json::from_value(json!({
            "sample_rate": 8000, "sample": 90_000,
            "now": [{"listener": "p2", "speaker": "p3"}, {"listener": "p3", "speaker": "p2"}],
            "history": [
                {"listener": "p1", "listener_leg": "a1", "speaker": "p2", "speaker_leg": "a2", "from_sample": 8000,
                 "to_sample": 80_160, "opened_by": {"kind": "phone", "leg": "a2", "did": "answered"},
                 "shut_by": {"kind": "command", "name": "transfer", "by": "alice"}},
                {"listener": "p3", "listener_leg": "r1", "speaker": "p2", "speaker_leg": "a2", "from_sample": 84_000,
                 "to_sample": null, "opened_by": {"kind": "command", "name": "swap", "by": null}, "shut_by": null}]
        }))
        .unwrap()
    }

    #[test]
    fn rows_listen_and_columns_speak() {
        assert_eq!(
            now(&people(), &consult(), Some(80), Paint(false)),
            ["hears     p1  p2  p3", "p1 Carol  \\   ·   ·    On hold", "p2 alice  ·   \\   ●", "p3 bob    ·   ●   \\"]
        );
    }

    #[test]
    fn where_there_is_no_room_for_a_matrix_it_is_a_list() {
        assert_eq!(
            now(&people(), &consult(), Some(30), Paint(false)),
            ["WHO       HEARS", "p1 Carol  nobody: On hold", "p2 alice  p3", "p3 bob    p2"]
        );
    }

    #[test]
    fn the_history_says_from_which_sample_to_which_and_by_whose_command() {
        assert_eq!(
            history(&people(), &consult(), None, Paint(false)),
            [
                "LISTENER  HEARD          FROM SAMPLE         TO SAMPLE  OPENED BY             SHUT BY",
                "p1 Carol  p2 alice   8000 (0:01.000)  80160 (0:10.020)  p2's phone: answered  transfer by alice",
                "p3 bob    p2 alice  84000 (0:10.500)           goes on  swap by the operator",
            ]
        );
    }

    #[test]
    fn what_is_not_kept_any_more_is_said() {
        let audibility = Audibility { forgotten: 7, ..Audibility::default() };
        assert_eq!(history(&[], &audibility, None, Paint(false)), ["(the oldest 7 changes are not kept any more)"]);
    }
}
