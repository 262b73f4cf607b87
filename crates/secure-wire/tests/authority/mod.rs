//! An authority of the tests' own, by the `openssl` command: it shares no code with what is tested. Its files go with it.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Whoever may be met in the tests.
pub(crate) const NAMES: &str = "DNS:baton.local,DNS:localhost,IP:127.0.0.1,IP:::1";

/// An authority with a folder of its own.
#[derive(Debug)]
pub(crate) struct Authority {
    folder: PathBuf,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    /// The certificate.
    pub(crate) certificate: PathBuf,
    /// The key.
    pub(crate) key: PathBuf,
}

impl Authority {
    /// A new one.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("baton-authority-{}-{number}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        let made = Self { folder };
        made.openssl(&format!(
            "req -x509 {NEW_KEY} -keyout ca.key -out ca.pem -days 30 -subj /CN=authority {AUTHORITY}"
        ));
        made
    }

    /// Its own certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Its folder, for files of the tests.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A certificate for names (`DNS:…,IP:…`) that holds for so many days; in the past if that is negative.
    pub(crate) fn issue(&self, names: &str, days: i32) -> Issued {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("issued-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let about =
            format!("subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n");
        std::fs::write(self.folder.join(format!("{name}.ext")), about).unwrap();
        self.openssl(&format!("req {NEW_KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -set_serial {days_apart} -days {days} -extfile {name}.ext -out {name}.pem",
            days_apart = NEXT.fetch_add(1, Ordering::Relaxed) + 1,
        ));
        Issued { certificate: self.folder.join(format!("{name}.pem")), key: self.folder.join(format!("{name}.key")) }
    }

    fn openssl(&self, arguments: &str) {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(&self.folder).output();
        let done = done.unwrap_or_else(|why| panic!("openssl: {why}"));
        assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
const AUTHORITY: &str = "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign";
