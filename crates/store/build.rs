//! Builds the crate anew when a migration was added. It decides nothing else.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
