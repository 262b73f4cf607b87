//! The `baton` binary. Everything is in the library, so that tests start the same daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::cli::main()
}
