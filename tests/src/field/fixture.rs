//! What one make of phone sends, as text to be held against its row of the phones' table: whole messages with gaps for what differs
//! from call to call. It fills the gaps and judges nothing.
//!
//! A file is comment lines (`#`), and sections: `== NAME`, then the message as it goes out. `{auth}` on a line of its own is
//! the Authorization line, or none.

use std::collections::BTreeMap;

/// The messages of one make.
#[derive(Clone, Debug)]
pub struct Fixture {
    sections: BTreeMap<String, String>,
}

/// What is put into the gaps.
pub type Gaps = BTreeMap<&'static str, String>;

impl Fixture {
    /// The make `name`; what its file does not say is as in `plain`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let mut sections = read("plain");
        sections.extend(read(name));
        Self { sections }
    }

    /// The text of a message with its gaps filled.
    #[must_use]
    pub fn fill(&self, section: &str, gaps: &Gaps) -> String {
        let text = self.sections.get(section).unwrap_or_else(|| panic!("no section {section}"));
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let body = filled(body, gaps).replace('\n', "\r\n");
        let mut head = head.replace("{length}", &body.len().to_string());
        if gaps.get("auth").is_none_or(String::is_empty) {
            head = head.replace("{auth}\n", "");
        }
        let head = filled(&head, gaps).trim_end().replace("\r\n", "\n").replace('\n', "\r\n");
        let whole = format!("{head}\r\n\r\n{body}");
        assert!(!whole.contains('{'), "a gap of {section} is open:\n{whole}");
        whole
    }
}

fn filled(text: &str, gaps: &Gaps) -> String {
    gaps.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value.trim_end()))
}

fn read(name: &str) -> BTreeMap<String, String> {
    let path = format!("{}/fixtures/phones/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut sections = BTreeMap::new();
    for section in text.split("\n== ").skip(1) {
        let (name, message) = section.split_once('\n').unwrap_or((section, ""));
        let message: Vec<&str> = message.lines().filter(|line| !line.starts_with('#')).collect();
        let mut message = message.join("\n").trim_end().to_owned();
        if message.contains("\n\n") {
            message.push('\n');
        }
        sections.insert(name.trim().to_owned(), message);
    }
    sections
}
