//! Reads certificates and keys: who we are over TLS, and whom we believe. Whether TLS is spoken anywhere is `wires`' and
//! `trunks`'.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use secure_wire::{Identity, IdentityError, Roots};

use super::reader::{At, Section};
use super::tree::Node;
use super::values::text;

/// An operator is warned so long before a certificate expires.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// The identity of a section's `certificate` and `private_key`, if it has them.
pub(super) fn identity(section: &Section<'_>) -> Option<Identity> {
    let certificate = section.read("certificate", file);
    let key = section.read("private_key", file);
    let (certificate_file, key_file) = match (&certificate.value, &key.value) {
        (None, None) => return None,
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) | (None, Some(_)) => {
            let what = "and private_key belong together: one of them is empty";
            // one that cannot be opened has been complained of already
            let unreadable = [("certificate", certificate.said()), ("private_key", key.said())];
            if !unreadable.iter().any(|(key, said)| section.says(key) && !said) {
                section.mistake("certificate", &certificate.place, what);
            }
            return None;
        }
    };
    match Identity::load(certificate_file, key_file) {
        Ok(identity) => {
            warn_of_age(section, &certificate, &identity);
            Some(identity)
        }
        Err(error) => {
            let (name, place) = if is_about(&error, key_file) {
                ("private_key", &key.place)
            } else {
                ("certificate", &certificate.place)
            };
            section.mistake(name, place, &error.to_string());
            None
        }
    }
}

/// The authorities of a section's `key`, if it names a file of them.
pub(super) fn roots(section: &Section<'_>, key: &str) -> At<Option<Roots>> {
    section.read(key, |node| match file(node)? {
        None => Ok(None),
        Some(file) => Roots::load(&file).map(Some).map_err(|error| error.to_string()),
    })
}

/// A file that is named; empty: none. One that is named must be readable.
fn file(node: &Node) -> Result<Option<PathBuf>, String> {
    match text(node)?.as_str() {
        "" => Ok(None),
        path => match std::fs::File::open(path) {
            Ok(_) => Ok(Some(PathBuf::from(path))),
            Err(error) => Err(format!("cannot be read: \"{}\": {error}", path.escape_debug())),
        },
    }
}

fn is_about(error: &IdentityError, key: &Path) -> bool {
    match error {
        IdentityError::Unreadable { file, .. } => file == key,
        IdentityError::NoKey(_) => true,
        IdentityError::NoCertificate(_) | IdentityError::DoNotFit { .. } => false,
    }
}

fn warn_of_age(section: &Section<'_>, certificate: &At<Option<PathBuf>>, identity: &Identity) {
    let now = SystemTime::now();
    let what = match (identity.begins(), identity.expires()) {
        (_, Some(end)) if end <= now => format!("has expired on {}: whoever looks will not talk to us", day(end)),
        (Some(begin), _) if begin > now => format!("holds only from {}: whoever looks will not talk to us", day(begin)),
        (_, Some(end)) if end <= now + SOON => format!("expires on {}", day(end)),
        _ => return,
    };
    section.findings.warn(&certificate.place, format!("{} {what}", section.path("certificate")));
}

fn day(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map_or_else(|_| "an unknown day".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}
