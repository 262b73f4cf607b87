//! How a client command ends: done, refused with a reason on stderr, or nobody reads what it writes.
#![allow(clippy::print_stderr, reason = "a command line speaks by printing")]

use std::io::{self, Write};
use std::process::ExitCode;

use super::client::ClientError;
use crate::events::masked;

/// Why a command ended without having done what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The daemon was not there, or said no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What we would write cannot be written, or the terminal cannot be had.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Something else; its words.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// Says it on stderr, in one line. A reader who has gone away is no failure.
    pub(super) fn tell(&self) -> ExitCode {
        if let Self::Io(error) = self
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            return ExitCode::SUCCESS;
        }
        // words of other programs and of files may be long, but never more than one line
        let words: Vec<char> = self.to_string().chars().collect();
        let clean: String = words.chunks(100).map(|part| masked(&part.iter().collect::<String>())).collect();
        eprintln!("baton: {clean}");
        ExitCode::FAILURE
    }
}

/// Writes one line to standard output.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Failure::Io)
}

/// Writes lines to standard output.
pub(super) fn lines(all: &[String]) -> Result<(), Failure> {
    let mut text = all.join("\n");
    text.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Io)
}
