//! `baton check FILE`: every mistake in the file in one go, on stderr; what the operator should know, too.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks by printing")]

use std::path::Path;
use std::process::ExitCode;

use crate::config;

pub(super) fn check(file: &Path) -> ExitCode {
    match config::load(file, &config::variables()) {
        Ok(checked) => {
            for warning in &checked.warnings {
                eprintln!("{} (warning)", warning.line(file));
            }
            println!("{}: no mistakes", file.display());
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            eprintln!("{mistakes}");
            let count = mistakes.all.len();
            eprintln!("{}: {count} mistake{}", file.display(), if count == 1 { "" } else { "s" });
            ExitCode::FAILURE
        }
    }
}
