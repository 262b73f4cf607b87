//! The `baton` program as operators run it: given by `$BATON_BIN` (as `scripts/test` does), else built here, once.
//!
//! It builds nothing but that: what is asked of the program is for its callers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the program is.
///
/// # Panics
/// If it does not build.
pub fn baton() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::var_os("BATON_BIN").map_or_else(build, PathBuf::from))
}

/// A test of the daemon's has its program built, with the features that all tests are built with: nothing else is built again.
fn build() -> PathBuf {
    let asked = ["test", "--workspace", "--locked", "--no-run", "--test", "cli"];
    let status = Command::new(env!("CARGO")).args(asked).status();
    assert!(status.is_ok_and(|status| status.success()), "the daemon does not build");
    // a test lies in `deps`, the programs of its profile lie beside that folder
    let test = std::env::current_exe().expect("the path of this test");
    test.ancestors().nth(2).expect("the profile's folder").join("baton")
}
