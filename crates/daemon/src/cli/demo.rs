//! `baton demo`: plays the demo and says by its exit code whether everybody heard what they should, and nothing else.
#![allow(clippy::print_stderr, reason = "a command line speaks by printing")]

use std::process::ExitCode;

use crate::demo::{Options, play};

pub(super) fn demo(options: &Options) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("baton: no threads can be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(play(options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("baton demo: {error}");
            ExitCode::FAILURE
        }
    }
}
