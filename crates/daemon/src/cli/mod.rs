//! The `baton` command: reads the command line and calls what it asks for. The only place that prints.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 usage.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks by printing")]

mod check;
mod demo;
mod log;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A SIP conferencing media server built around the warm transfer.
#[derive(Debug, Parser)]
#[command(name = "baton", version, about, max_term_width = 100)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the service.
    Serve {
        /// The settings. Without it: the defaults, and BATON_SECTION__KEY from the environment.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Play the demo: scripted phones over real SIP and RTP; exit 0 if everybody heard what they should, and nothing else.
    Demo {
        /// How the transfer is made: by the buttons of a phone with two lines, or by codes on a keypad.
        #[arg(long, value_enum, default_value_t)]
        by: crate::demo::By,
        /// Where the timeline is written.
        #[arg(long, value_name = "FILE", default_value = "baton-demo.svg")]
        timeline: PathBuf,
        /// Break one of the three laws of the mixer, and show what it is there for.
        #[cfg(feature = "break")]
        #[arg(long = "break", value_name = "LAW")]
        broken: Option<crate::demo::Broken>,
    },
    /// Name every mistake in a settings file, with line and column.
    Check {
        /// The settings.
        file: PathBuf,
    },
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    match Line::parse().verb {
        Verb::Serve { config } => serve::serve(config.as_deref()),
        #[cfg(feature = "break")]
        Verb::Demo { by, timeline, broken } => demo::demo(&crate::demo::Options { by, timeline, broken }),
        #[cfg(not(feature = "break"))]
        Verb::Demo { by, timeline } => demo::demo(&crate::demo::Options { by, timeline }),
        Verb::Check { file } => check::check(&file),
    }
}
