//! The operator's token: made at the first start, kept in a file that nobody else can read, never logged.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use control_api::Secret;
use tracing::{info, warn};

/// Random bytes of a new token.
const RANDOM: usize = 32;
/// Bytes of a token that somebody wrote into the file: the shortest and the longest.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=256;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or made.
    #[error("http.admin_token_file: {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is in it is no token.
    #[error("http.admin_token_file: {path}: must hold one line of {} to {} letters, digits or signs", LENGTH.start(), LENGTH.end())]
    NotOne {
        /// The file.
        path: PathBuf,
    },
    /// The system has no random numbers.
    #[error("no random numbers for the operator's token")]
    Random,
}

/// The token in the file; of a file that is not there: a new one.
///
/// # Errors
/// As [`TokenError`] says. A file that is there is never changed.
pub(crate) fn read_or_make(path: &Path) -> Result<Secret, TokenError> {
    let failed = |source| TokenError::File { path: path.to_owned(), source };
    match File::open(path) {
        Ok(file) => read(path, file),
        Err(error) if error.kind() == ErrorKind::NotFound => make(path),
        Err(error) => Err(failed(error)),
    }
}

fn read(path: &Path, file: File) -> Result<Secret, TokenError> {
    let failed = |source| TokenError::File { path: path.to_owned(), source };
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        warn!(file = %path.display(), "others than its owner can read the operator's token: chmod 600 it");
    }
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).map_err(failed)?;
    let token = text.trim_end_matches(['\r', '\n']);
    if !LENGTH.contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError::NotOne { path: path.to_owned() });
    }
    Ok(Secret::new(token.to_owned()))
}

fn make(path: &Path) -> Result<Secret, TokenError> {
    let failed = |source| TokenError::File { path: path.to_owned(), source };
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random).map_err(|_| TokenError::Random)?;
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    // whole or not at all: half a token would stop every later start
    let mut unfinished = path.to_owned().into_os_string();
    unfinished.push(".new");
    drop(std::fs::remove_file(&unfinished));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).map_err(failed)?;
    file.write_all(format!("{token}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&unfinished, path).map_err(failed)?;
    info!(file = %path.display(), "the operator's token was made");
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("baton-token-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_token_is_made_once_and_nobody_else_can_read_it() {
        let folder = folder("made");
        let path = folder.join("below/admin.token");
        read_or_make(&path).unwrap();
        let first = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(folder.join("below/admin.token.new"), "hal").unwrap();
        read_or_make(&path).unwrap();
        assert_ne!(
            std::fs::read_to_string(&path).unwrap(),
            first,
            "a start that was broken off leaves nothing in the way"
        );
        let first = std::fs::read_to_string(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(first.trim().len(), 2 * RANDOM);
        read_or_make(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_without_a_token_is_one_clear_reason() {
        let path = folder("empty");
        for text in ["", "\n", "short\n", "two lines of a text\nthat is no token\n"] {
            std::fs::write(&path, text).unwrap();
            let error = read_or_make(&path).unwrap_err().to_string();
            assert!(error.contains("must hold one line") && error.contains(&path.display().to_string()), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        let error = read_or_make(Path::new("/proc/nowhere/admin.token")).unwrap_err().to_string();
        assert!(error.starts_with("http.admin_token_file: /proc/nowhere"), "{error}");
    }
}
