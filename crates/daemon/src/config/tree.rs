//! A settings file as a tree in which every key and value knows where it stands.
//!
//! It knows TOML and nothing of Baton: no key, no default, no rule.

use std::fmt;
use std::ops::Range;

use toml_edit::{Document, Item, Table, TableLike, Value};

use super::mistake::Mistake;

/// Bytes of a settings file that are read; a larger one is a mistake.
pub(crate) const FILE_BYTES: u64 = 4 << 20;

/// Where a key or a value was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the compiled-in `default.toml`.
    Default,
    /// In the file; both count from 1, columns in characters.
    Line {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// In an environment variable of this name.
    Variable(String),
    /// The file as a whole.
    File,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Line { line, column } => write!(f, "{line}:{column}"),
            Self::Variable(name) => f.write_str(name),
            Self::File => f.write_str("file"),
        }
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Content,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Text(String),
    Integer(i64),
    Flag(bool),
    List(Vec<Node>),
    Table(Branch),
    /// A float or a date: no key of ours takes one.
    Other(&'static str),
}

impl Content {
    /// What to call it in a complaint.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a whole number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

impl Node {
    /// What to say of a value of the wrong kind.
    pub(crate) fn must_be(&self, wanted: &str) -> String {
        format!("must be {wanted}, not {}", self.value.kind())
    }
}

/// A table: its entries in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Branch {
    pub(crate) entries: Vec<Entry>,
}

/// One `key = value`.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Branch {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
    }

    /// Puts a value in the place of whatever `key` had.
    pub(crate) fn set(&mut self, key: &str, node: Node) {
        match self.get_mut(key) {
            Some(old) => *old = node,
            None => self.entries.push(Entry { key: key.to_owned(), place: node.place.clone(), node }),
        }
    }
}

/// Reads TOML text.
///
/// # Errors
/// The first place where it is no TOML.
pub(crate) fn parse(text: &str) -> Result<Branch, Mistake> {
    let places = Places::of(text);
    match Document::parse(text) {
        Ok(document) => Ok(branch(document.as_table(), &places)),
        Err(error) => {
            let place = error.span().map_or(Place::File, |span| places.at(&span));
            let what = error.message().trim().replace('\n', "; ");
            Err(Mistake::new(place, format!("this is not TOML: {what}")))
        }
    }
}

/// Reads one TOML value, every part of which is said to stand at `place`.
pub(crate) fn parse_value(text: &str, place: &Place) -> Result<Node, String> {
    let value: Value = text.trim().parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    let mut node = self::value(&value, &Places::of(""), &Place::File);
    put_all(&mut node, place);
    Ok(node)
}

/// Says that a whole tree stands at one place.
pub(crate) fn put_branch(branch: &mut Branch, place: &Place) {
    for entry in &mut branch.entries {
        entry.place = place.clone();
        put_all(&mut entry.node, place);
    }
}

fn put_all(node: &mut Node, place: &Place) {
    node.place = place.clone();
    match &mut node.value {
        Content::List(items) => items.iter_mut().for_each(|item| put_all(item, place)),
        Content::Table(branch) => put_branch(branch, place),
        Content::Text(_) | Content::Integer(_) | Content::Flag(_) | Content::Other(_) => {}
    }
}

/// Turns byte positions into lines and columns.
struct Places<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    fn at(&self, span: &Range<usize>) -> Place {
        let line = self.starts.partition_point(|start| *start <= span.start).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..span.start).map_or(1, |before| before.chars().count() + 1);
        Place::Line { line, column }
    }
}

fn branch(table: &dyn TableLike, places: &Places<'_>) -> Branch {
    let mut entries = Vec::new();
    for (key, item) in table.iter() {
        let span = table.key(key).and_then(toml_edit::Key::span);
        let place = span.or_else(|| item.span()).map_or(Place::File, |span| places.at(&span));
        if let Some(node) = node(item, places, &place) {
            entries.push(Entry { key: key.to_owned(), place, node });
        }
    }
    Branch { entries }
}

fn node(item: &Item, places: &Places<'_>, key: &Place) -> Option<Node> {
    match item {
        Item::None => None,
        Item::Value(found) => Some(value(found, places, key)),
        Item::Table(table) => Some(from_table(table, places, key)),
        Item::ArrayOfTables(tables) => {
            let items = tables.iter().map(|table| from_table(table, places, key)).collect();
            Some(Node { place: key.clone(), value: Content::List(items) })
        }
    }
}

fn from_table(table: &Table, places: &Places<'_>, key: &Place) -> Node {
    let place = table.span().map_or_else(|| key.clone(), |span| places.at(&span));
    Node { place, value: Content::Table(branch(table, places)) }
}

fn value(found: &Value, places: &Places<'_>, key: &Place) -> Node {
    let place = found.span().map_or_else(|| key.clone(), |span| places.at(&span));
    let value = match found {
        Value::String(text) => Content::Text(text.value().clone()),
        Value::Integer(number) => Content::Integer(*number.value()),
        Value::Boolean(flag) => Content::Flag(*flag.value()),
        Value::Float(_) => Content::Other("a number with a fraction"),
        Value::Datetime(_) => Content::Other("a date"),
        Value::Array(items) => Content::List(items.iter().map(|item| value(item, places, &place)).collect()),
        Value::InlineTable(table) => Content::Table(branch(table, places)),
    };
    Node { place, value }
}
