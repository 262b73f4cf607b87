//! Takes keys out of a settings tree, one after the other, and collects every mistake instead of stopping at the first.
//!
//! A section of the file lies over the same section of `default.toml`: a key that is absent, or wrong, has its default.
//! What `default.toml` does not know is an unknown key. It knows no key by name.

use std::cell::RefCell;

use super::mistake::Mistake;
use super::tree::{Branch, Content, Node, Place};

/// Mistakes and warnings as they are found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<Mistake>>,
    #[cfg(test)]
    pub(crate) asked: RefCell<std::collections::BTreeSet<String>>,
}

impl Findings {
    /// Notes something wrong.
    pub(crate) fn mistake(&self, place: &Place, what: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake::new(place.clone(), what.into()));
    }

    /// Notes something that works but that the operator should know.
    pub(crate) fn warn(&self, place: &Place, what: impl Into<String>) {
        self.warnings.borrow_mut().push(Mistake::new(place.clone(), what.into()));
    }

    /// Mistakes and warnings, each in the order of the file.
    pub(crate) fn take(self) -> (Vec<Mistake>, Vec<Mistake>) {
        let (mut mistakes, mut warnings) = (self.mistakes.into_inner(), self.warnings.into_inner());
        mistakes.sort();
        mistakes.dedup();
        warnings.sort();
        warnings.dedup();
        (mistakes, warnings)
    }
}

/// A value that was read, and its place.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

impl<T> At<T> {
    /// Whether the file or the environment says it (else it is the default).
    pub(crate) fn said(&self) -> bool {
        self.place != Place::Default
    }
}

/// The elements of a list that are good.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) value: Vec<At<T>>,
    pub(crate) place: Place,
    /// Whether nothing was turned down: then an empty list is what the file says.
    pub(crate) whole: bool,
}

impl<T> Listed<T> {
    /// The values alone.
    pub(crate) fn plain(self) -> Vec<T> {
        self.value.into_iter().map(|value| value.value).collect()
    }
}

/// One table of the file over the same table of `default.toml`.
#[derive(Clone)]
pub(crate) struct Section<'a> {
    /// Its name for complaints: `sip`, `agents[2]`.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) place: Place,
    said: Option<&'a Branch>,
    default: &'a Branch,
    pub(crate) findings: &'a Findings,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(crate) fn root(said: &'a Branch, default: &'a Branch, findings: &'a Findings) -> Self {
        let section = Self { name: String::new(), place: Place::File, said: Some(said), default, findings };
        section.complain_of_unknown_keys();
        section
    }

    /// The table `key`.
    pub(crate) fn table(&self, key: &str) -> Section<'a> {
        let empty = Section { name: self.path(key), place: self.place.clone(), said: None, ..self.clone() };
        let default = branch_of(self.default.get(key));
        let section = match self.said.and_then(|branch| branch.get(key)) {
            None => Section { default, ..empty },
            Some(Node { place, value: Content::Table(branch) }) => {
                Section { place: place.clone(), said: Some(branch), default, ..empty }
            }
            Some(node) => {
                self.wrong_kind(key, node, "a table");
                Section { default, ..empty }
            }
        };
        section.complain_of_unknown_keys();
        section
    }

    /// The tables of `[[key]]`; each lies over the one that `default.toml` has.
    pub(crate) fn tables(&self, key: &str) -> Vec<Section<'a>> {
        let default = match self.default.get(key).map(|node| &node.value) {
            Some(Content::List(items)) => branch_of(items.first()),
            _ => unreachable!("default.toml has [[{key}]]"),
        };
        let items = match self.said.and_then(|branch| branch.get(key)) {
            None => return Vec::new(),
            Some(Node { value: Content::List(items), .. }) => items,
            Some(node) => {
                self.wrong_kind(key, node, &format!("a list: write [[{key}]]"));
                return Vec::new();
            }
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let name = format!("{key}[{index}]");
            let Content::Table(branch) = &item.value else {
                self.findings.mistake(&item.place, format!("{name} must be a table"));
                continue;
            };
            let section =
                Section { name, place: item.place.clone(), said: Some(branch), default, findings: self.findings };
            section.complain_of_unknown_keys();
            sections.push(section);
        }
        sections
    }

    /// Reads `key` by `parse`. What `parse` turns down is a mistake, and the default stands.
    pub(crate) fn read<T>(&self, key: &str, parse: impl Fn(&Node) -> Result<T, String>) -> At<T> {
        #[cfg(test)]
        self.findings.asked.borrow_mut().insert(format!("{}.{key}", self.name.split('[').next().unwrap_or_default()));
        if let Some(node) = self.said.and_then(|branch| branch.get(key)) {
            match parse(node) {
                Ok(value) => return At { value, place: node.place.clone() },
                Err(what) => self.findings.mistake(&node.place, format!("{} {what}", self.path(key))),
            }
        }
        let default = self.default.get(key).map(parse);
        match default {
            Some(Ok(value)) => At { value, place: Place::Default },
            Some(Err(what)) => unreachable!("default.toml: {} {what}", self.path(key)),
            None => unreachable!("default.toml has no {}", self.path(key)),
        }
    }

    /// Reads a list, element by element, so that every bad element is named.
    pub(crate) fn list<T>(&self, key: &str, parse: impl Fn(&Node) -> Result<T, String>) -> Listed<T> {
        let raw = self.read(key, |node| {
            let Content::List(items) = &node.value else { return Err(node.must_be("a list")) };
            Ok(items.clone())
        });
        let (mut values, mut whole) = (Vec::new(), true);
        for node in &raw.value {
            match parse(node) {
                Ok(value) => values.push(At { value, place: node.place.clone() }),
                Err(what) => {
                    whole = false;
                    self.findings.mistake(&node.place, format!("{} {what}", self.path(key)));
                }
            }
        }
        Listed { value: values, place: raw.place, whole }
    }

    /// Reads a table whose keys are the operator's own.
    pub(crate) fn free_table(&self, key: &str) -> At<Branch> {
        self.read(key, |node| {
            let Content::Table(branch) = &node.value else { return Err(node.must_be("a table")) };
            Ok(branch.clone())
        })
    }

    /// A mistake about this section's `key`.
    pub(crate) fn mistake(&self, key: &str, place: &Place, what: &str) {
        self.findings.mistake(place, format!("{} {what}", self.path(key)));
    }

    /// Whether the file or the environment has `key`, right or wrong.
    pub(crate) fn says(&self, key: &str) -> bool {
        self.said.is_some_and(|branch| branch.get(key).is_some())
    }

    /// The key with its section: `sip.listen`.
    pub(crate) fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn wrong_kind(&self, key: &str, node: &Node, wanted: &str) {
        self.findings.mistake(&node.place, format!("{} {}", self.path(key), node.must_be(wanted)));
    }

    fn complain_of_unknown_keys(&self) {
        for entry in self.said.iter().flat_map(|branch| &branch.entries) {
            if self.default.get(&entry.key).is_some() {
                continue;
            }
            let near =
                self.default.entries.iter().map(|known| known.key.as_str()).find(|known| near(known, &entry.key));
            let hint = near.map(|known| format!("; did you mean {known}?")).unwrap_or_default();
            self.findings.mistake(&entry.place, format!("{} is not a key of ours{hint}", self.path(&entry.key)));
        }
    }
}

fn branch_of(node: Option<&Node>) -> &Branch {
    match node.map(|node| &node.value) {
        Some(Content::Table(branch)) => branch,
        _ => unreachable!("default.toml has every table"),
    }
}

/// Whether two keys differ by one typing slip: at most two edits, and not most of the word.
pub(crate) fn near(known: &str, written: &str) -> bool {
    let (known, written): (Vec<char>, Vec<char>) = (known.chars().collect(), written.chars().take(64).collect());
    let mut row: Vec<usize> = (0..=known.len()).collect();
    for (i, letter) in written.iter().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, wanted) in known.iter().enumerate() {
            let swapped = before + usize::from(letter != wanted);
            before = row[j + 1];
            row[j + 1] = swapped.min(row[j] + 1).min(before + 1);
        }
    }
    row.last().is_some_and(|edits| *edits <= 2 && *edits * 2 < known.len().max(2))
}
