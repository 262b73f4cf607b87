//! Lays environment variables over the file: `BATON_SIP__LISTEN=udp:127.0.0.1:5060,tcp:127.0.0.1:5060`.
//!
//! `BATON_`, then the section, then the key, each after two underscores, in capitals. One entry of a list of tables is
//! named by its number from 0, or by its name: `BATON_AGENTS__ALICE__PASSWORD`. Whether a value is good is checked later,
//! by the same checks as the file's; a complaint then names the variable.

use super::Variables;
use super::reader::{Findings, near};
use super::tree::{Branch, Content, Node, Place, parse_value};

const PREFIX: &str = "BATON_";

/// Whether a variable is meant for us: `BATON_SECTION__KEY`.
pub(crate) fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__"))
}

/// Puts the variables' values into the tree.
pub(crate) fn lay_over(said: &mut Branch, default: &Branch, variables: &Variables, findings: &Findings) {
    let mut variables: Vec<&(String, String)> = variables.iter().filter(|(name, _)| is_ours(name)).collect();
    variables.sort();
    for (name, value) in variables {
        let place = Place::Variable(name.clone());
        let path: Vec<String> = name.trim_start_matches(PREFIX).split("__").map(str::to_ascii_lowercase).collect();
        if let Err(what) = put(said, default, &path, value, &place) {
            findings.mistake(&place, what);
        }
    }
}

fn put(said: &mut Branch, default: &Branch, path: &[String], value: &str, place: &Place) -> Result<(), String> {
    let (key, rest) = path.split_first().ok_or("names no key")?;
    let Some(pattern) = default.get(key) else {
        let known = default.entries.iter().map(|entry| entry.key.as_str()).find(|known| near(known, key));
        let hint = known.map(|known| format!("; did you mean {}?", known.to_ascii_uppercase())).unwrap_or_default();
        return Err(format!("names no key of ours: {key}{hint}"));
    };
    match (&pattern.value, rest) {
        (Content::Table(default), [_, ..]) if !default.entries.is_empty() => {
            if said.get(key).is_none() {
                said.set(key, Node { place: place.clone(), value: Content::Table(Branch::default()) });
            }
            match said.get_mut(key).map(|node| &mut node.value) {
                Some(Content::Table(below)) => put(below, default, rest, value, place),
                Some(_) | None => Err(format!("{key} is no table in the file")),
            }
        }
        (Content::List(items), [entry, rest @ ..]) if !rest.is_empty() => match items.first().map(|node| &node.value) {
            Some(Content::Table(default)) => put(one_of(said, key, entry)?, default, rest, value, place),
            Some(_) | None => Err(format!("{key} has no keys below it")),
        },
        (_, []) => {
            said.set(key, node(&pattern.value, value, place)?);
            Ok(())
        }
        (_, [_, ..]) => Err(format!("{key} has no keys below it")),
    }
}

/// The entry of a list of tables that has this number or this name.
fn one_of<'a>(said: &'a mut Branch, key: &str, entry: &str) -> Result<&'a mut Branch, String> {
    let missing = || format!("the file has no [[{key}]] {entry}");
    let Some(Content::List(items)) = said.get_mut(key).map(|node| &mut node.value) else { return Err(missing()) };
    let is_named = |node: &Node| {
        let Content::Table(branch) = &node.value else { return false };
        matches!(branch.get("name").map(|name| &name.value), Some(Content::Text(name)) if name == entry)
    };
    let at = items.iter().position(is_named).or_else(|| entry.parse().ok().filter(|at| *at < items.len()));
    match at.and_then(|at| items.get_mut(at)).map(|node| &mut node.value) {
        Some(Content::Table(branch)) => Ok(branch),
        Some(_) | None => Err(missing()),
    }
}

/// Reads a variable's text as what the key's default is.
fn node(pattern: &Content, text: &str, place: &Place) -> Result<Node, String> {
    let here = |value| Node { place: place.clone(), value };
    let toml = || parse_value(text, place).map_err(|what| format!("cannot be read: {}", what.trim()));
    match pattern {
        Content::Text(_) => Ok(here(Content::Text(text.to_owned()))),
        Content::Integer(_) => match text.trim().parse() {
            Ok(number) => Ok(here(Content::Integer(number))),
            Err(_) => Err(format!("must be a whole number, not \"{}\"", text.escape_debug())),
        },
        Content::Flag(_) => match text.trim() {
            "true" | "1" | "yes" | "on" => Ok(here(Content::Flag(true))),
            "false" | "0" | "no" | "off" => Ok(here(Content::Flag(false))),
            other => Err(format!("must be true or false, not \"{}\"", other.escape_debug())),
        },
        Content::List(_) if text.trim_start().starts_with('[') => toml(),
        Content::List(items) => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            let numbers = matches!(items.first().map(|item| &item.value), Some(Content::Integer(_)));
            let item = |word: &str| match word.parse() {
                Ok(number) if numbers => here(Content::Integer(number)),
                Ok(_) | Err(_) => here(Content::Text(word.to_owned())),
            };
            Ok(here(Content::List(words.map(item).collect())))
        }
        Content::Table(_) | Content::Other(_) => toml(),
    }
}
