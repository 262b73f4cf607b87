//! What the sections say of one another: names and extensions share one namespace, and every target must be there.
//!
//! The sections are read elsewhere; this looks only at names.

use std::collections::BTreeMap;

use super::model::{Target, TargetKind, Trunk};
use super::reader::{At, Findings};
use super::tree::Place;

/// The start of the addresses that open a room of a chosen name.
pub(crate) const ROOM_PREFIX: &str = "room-";
/// The RFC 4579 conference factory.
pub(crate) const FACTORY: &str = "conference";

/// Names and references as the sections are read.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    names: Vec<Named>,
    wanted: Vec<Wanted>,
}

/// A name or an extension.
#[derive(Debug)]
struct Named {
    kind: &'static str,
    owner: String,
    path: String,
    written: At<String>,
}

/// A target that somebody names.
#[derive(Debug)]
struct Wanted {
    path: String,
    place: Place,
    target: Target,
}

impl Directory {
    /// Notes the name and the extension of an agent, queue or room.
    pub(crate) fn add(&mut self, kind: &'static str, section: &str, name: &At<String>, extension: &At<String>) {
        for (key, written) in [("name", name), ("extension", extension)] {
            if !written.value.is_empty() {
                let path = format!("{section}.{key}");
                self.names.push(Named { kind, owner: section.to_owned(), path, written: written.clone() });
            }
        }
    }

    /// Notes that a key names a target.
    pub(crate) fn want(&mut self, path: String, place: &Place, target: Target) {
        self.wanted.push(Wanted { path, place: place.clone(), target });
    }

    /// Finds names that two share, names that are taken by the house, and targets that are not there.
    pub(crate) fn check(&self, trunks: &[Trunk], findings: &Findings) {
        let mut seen: BTreeMap<&str, &Named> = BTreeMap::new();
        for named in &self.names {
            let written = named.written.value.as_str();
            if written == FACTORY || written.starts_with(ROOM_PREFIX) {
                let what = format!("{} \"{written}\" is an address of the house itself", named.path);
                findings.mistake(&named.written.place, what);
            }
            let Some(first) = seen.get(written) else {
                seen.insert(written, named);
                continue;
            };
            if first.owner != named.owner {
                let (kind, place) = (first.kind, &first.written.place);
                let what = format!("{} \"{written}\" is taken already by the {kind} at {place}", named.path);
                findings.mistake(&named.written.place, what);
            }
        }
        for wanted in &self.wanted {
            if let Some(what) = self.missing(&wanted.target, trunks) {
                findings.mistake(&wanted.place, format!("{} {what}", wanted.path));
            }
        }
    }

    fn missing(&self, target: &Target, trunks: &[Trunk]) -> Option<String> {
        let has = |kind: &str, name: &str| {
            self.names
                .iter()
                .any(|named| named.kind == kind && named.path.ends_with(".name") && named.written.value == name)
        };
        match target {
            Target::Agent(name) if !has("agent", &name.0) => Some(format!("names no agent of this file: \"{name}\"")),
            Target::Queue(name) if !has("queue", name) => Some(format!("names no queue of this file: \"{name}\"")),
            Target::Number(number) if !takes(trunks, number) => {
                Some(format!("names a number that no trunk's match_out takes: \"{}\"", number.escape_debug()))
            }
            Target::Agent(_) | Target::Queue(_) | Target::Number(_) | Target::Room(_) => None,
        }
    }
}

fn takes(trunks: &[Trunk], number: &str) -> bool {
    trunks.iter().any(|trunk| trunk.match_out.as_ref().is_some_and(|pattern| pattern.is_match(number)))
}

/// `agent:NAME`, `queue:NAME`, `room:NAME`, `number:NUMBER`, of the kinds that are allowed.
pub(crate) fn target(written: &str, allowed: &[TargetKind]) -> Result<(TargetKind, String), String> {
    let kinds = [
        ("agent", TargetKind::Agent),
        ("queue", TargetKind::Queue),
        ("room", TargetKind::Room),
        ("number", TargetKind::Number),
    ];
    let found = written.split_once(':').and_then(|(word, name)| {
        let (_, kind) = kinds.iter().find(|(known, kind)| *known == word && allowed.contains(kind))?;
        Some((*kind, name.trim()))
    });
    match found {
        Some((kind, name)) if !name.is_empty() && name.len() <= super::values::TEXT => Ok((kind, name.to_owned())),
        Some(_) | None => {
            let words: Vec<String> =
                kinds.iter().filter(|(_, kind)| allowed.contains(kind)).map(|(word, _)| format!("{word}:…")).collect();
            Err(format!("must be {}, not \"{}\"", words.join(" or "), written.escape_debug()))
        }
    }
}
