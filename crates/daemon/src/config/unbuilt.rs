//! Says, one line each, which settings of the file are understood but not built yet. Never an error: a file that is
//! right stays right.
//!
//! Only what the file or the environment says is mentioned: nobody is warned of a default he did not choose.

use super::reader::Section;
use super::values::text;
use super::wires::{Way, listener};

pub(crate) fn warn(root: &Section<'_>) {
    server(&root.table("server"));
    sip(&root.table("sip"));
}

fn server(section: &Section<'_>) {
    let database = section.read("database", text);
    if database.value != "sqlite" {
        let what = "server.database: only \"sqlite\" is built yet; a file in data_dir is used";
        section.findings.warn(&database.place, what);
    }
}

fn sip(section: &Section<'_>) {
    for entry in section.list("listen", listener).value {
        if let Way::Unbuilt(word) = entry.value.0 {
            section.findings.warn(&entry.place, format!("sip.listen: {word}: is not built yet and not listened on"));
        }
    }
}
