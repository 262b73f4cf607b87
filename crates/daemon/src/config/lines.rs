//! Reads `[[queues]]` and `[[rooms]]`: where calls wait and where people meet.

use std::collections::BTreeMap;
use std::path::PathBuf;

use conference::Strategy;

use super::directory::Directory;
use super::house::{DAY_S, last_resort, required_name};
use super::model::{HoldMusic, Queue, Room, Target};
use super::reader::Section;
use super::values::{NAME, choice, extension, flag, number, seconds, text};
use crate::hours::{Hours, Span, zone};

/// Skills of one agent or queue.
const SKILLS: usize = 64;
/// Spans of one queue's hours.
const SPANS: usize = 64;
/// The highest level of a skill.
const BEST: u32 = 10;

pub(crate) fn queues(root: &Section<'_>, directory: &mut Directory) -> Vec<Queue> {
    root.tables("queues").iter().map(|section| queue(section, directory)).collect()
}

fn queue(section: &Section<'_>, directory: &mut Directory) -> Queue {
    let name = required_name(section);
    let extension = section.read("extension", extension);
    directory.add("queue", &section.name, &name, &extension);
    let strategies = [
        ("longest-idle", Strategy::LongestIdle),
        ("round-robin", Strategy::RoundRobin),
        ("ring-all", Strategy::RingAll),
        ("skills", Strategy::Skills),
    ];
    let overflow = last_resort(section, "overflow", directory);
    if overflow.as_ref().is_some_and(|target| *target == Target::Queue(name.value.clone())) {
        let place = section.read("overflow", text).place;
        section.mistake("overflow", &place, "names the queue itself");
    }
    Queue {
        strategy: section.read("strategy", |node| choice(node, &strategies)).value,
        ring_timeout: section.read("ring_timeout_s", |node| seconds(node, 1, 3600)).value,
        wrap_up: section.read("wrap_up_s", |node| seconds(node, 0, DAY_S)).value,
        music: section.read("music", music).value,
        max_length: section.read("max_length", |node| number(node, 0, 100_000)).value,
        max_wait: section.read("max_wait_s", |node| seconds(node, 0, DAY_S)).value,
        overflow,
        wait_when_empty: section.read("when_empty", |node| choice(node, &[("wait", true), ("overflow", false)])).value,
        hours: hours(section),
        position_every: section.read("position_every_s", |node| seconds(node, 0, 3600)).value,
        priority: section.read("priority", |node| number(node, 0, 255)).value.try_into().unwrap_or(u8::MAX),
        skills: skills(section),
        name: name.value,
        extension: extension.value,
    }
}

/// When it is open; `None`: always.
fn hours(section: &Section<'_>) -> Option<Hours> {
    let spans = section.list("hours", |node| Span::read(&text(node)?));
    if spans.value.len() > SPANS {
        section.mistake("hours", &spans.place, &format!("has more than {SPANS} entries"));
    }
    let zone = section.read("timezone", |node| zone(&text(node)?)).value;
    let spans = spans.plain();
    (!spans.is_empty()).then(|| Hours::new(spans, zone))
}

/// What somebody can do, or must be able to do, and how well.
pub(super) fn skills(section: &Section<'_>) -> BTreeMap<String, u8> {
    let table = section.free_table("skills");
    if table.value.entries.len() > SKILLS {
        section.mistake("skills", &table.place, &format!("has more than {SKILLS} entries"));
    }
    let mut skills = BTreeMap::new();
    for entry in &table.value.entries {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        if entry.key.is_empty() || entry.key.len() > NAME || !entry.key.chars().all(allowed) {
            let what = format!("has no good name of a skill: \"{}\"", entry.key.escape_debug());
            section.mistake("skills", &entry.place, &what);
        }
        match number(&entry.node, 1, BEST) {
            Ok(level) => _ = skills.insert(entry.key.clone(), u8::try_from(level).unwrap_or(u8::MAX)),
            Err(what) => section.mistake(&format!("skills.{}", entry.key), &entry.node.place, &what),
        }
    }
    skills
}

pub(crate) fn rooms(root: &Section<'_>, directory: &mut Directory) -> Vec<Room> {
    root.tables("rooms").iter().map(|section| room(section, directory)).collect()
}

fn room(section: &Section<'_>, directory: &mut Directory) -> Room {
    let name = required_name(section);
    let extension = section.read("extension", extension);
    directory.add("room", &section.name, &name, &extension);
    let pin = section.read("pin", |node| {
        let written = text(node)?;
        let digits = written.len() <= 16 && written.chars().all(|c| c.is_ascii_digit());
        if digits { Ok(written) } else { Err("must be at most 16 digits".to_owned()) }
    });
    Room {
        name: name.value,
        extension: extension.value,
        max_participants: section.read("max_participants", |node| number(node, 1, 1000)).value,
        wait_for_agent: section.read("wait_for", |node| choice(node, &[("", false), ("agent", true)])).value,
        pin: pin.value,
        tones: section.read("tones", flag).value,
    }
}

/// `builtin`, `silence`, or a file or folder that is there.
pub(crate) fn music(node: &super::tree::Node) -> Result<HoldMusic, String> {
    match text(node)?.as_str() {
        "builtin" => Ok(HoldMusic::Builtin),
        "silence" => Ok(HoldMusic::Silence),
        path => match std::fs::metadata(path) {
            Ok(_) => Ok(HoldMusic::Path(PathBuf::from(path))),
            Err(error) => Err(format!(
                "must be \"builtin\", \"silence\" or a file or folder: \"{}\": {error}",
                path.escape_debug()
            )),
        },
    }
}
