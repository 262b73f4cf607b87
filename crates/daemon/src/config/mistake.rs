//! What is wrong with a settings file, and where: one line each, all of them in one go.

use std::fmt;
use std::path::{Path, PathBuf};

use super::tree::Place;

/// One thing that is wrong, or that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// What, beginning with the key.
    pub what: String,
}

impl Mistake {
    pub(crate) const fn new(place: Place, what: String) -> Self {
        Self { place, what }
    }

    /// The line to print: `FILE:LINE:COLUMN: what`, or `VARIABLE: what`.
    #[must_use]
    pub fn line(&self, file: &Path) -> String {
        match &self.place {
            Place::Line { line, column } => format!("{}:{line}:{column}: {}", file.display(), self.what),
            Place::Variable(name) => format!("{name}: {}", self.what),
            Place::File | Place::Default => format!("{}: {}", file.display(), self.what),
        }
    }
}

/// Everything that is wrong with one file, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes {
    /// The file.
    pub file: PathBuf,
    /// At least one.
    pub all: Vec<Mistake>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.all.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&mistake.line(&self.file))?;
        }
        Ok(())
    }
}
