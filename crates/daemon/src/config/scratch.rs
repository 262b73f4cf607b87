//! A folder of its own for a daemon whose settings name none: tests and the demo leave nothing behind and share nothing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A folder that is removed with whatever is in it when nobody uses it any more.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A folder of a new name; it is made by whoever first writes into it.
    pub(crate) fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { path: std::env::temp_dir().join(format!("baton-{}-{number}", std::process::id())) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // nobody may have written into it
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
