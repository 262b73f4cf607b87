//! A certificate with its key: what proves who we are. Can be replaced while it is in use: connections there are go on, new ones
//! get the new one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, SignatureScheme};

use crate::validity::Validity;

/// Bytes of a PEM file.
const FILE: u64 = 1 << 20;

/// Why there is no identity. Each is one line that names the file.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("cannot be read: {}: {why}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What the operating system says.
        why: String,
    },
    /// A file has no certificate in it.
    #[error("has no certificate in PEM form in it: {}", .0.display())]
    NoCertificate(PathBuf),
    /// A file has no key in it, or one of a kind we cannot sign with.
    #[error("has no private key in PEM form in it that can be used (RSA, ECDSA P-256 or P-384, Ed25519; not encrypted): {}", .0.display())]
    NoKey(PathBuf),
    /// The first certificate of one file is not about the key of the other.
    #[error("and private_key do not fit: {} is not the key of the first certificate in {}", key.display(), certificate.display())]
    DoNotFit {
        /// The file of certificates.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}

#[derive(Clone)]
struct Held {
    certified: Arc<CertifiedKey>,
    validity: Option<Validity>,
}

/// A certificate with its key. Clones share it: what replaces one replaces all.
#[derive(Clone)]
pub struct Identity {
    held: Arc<RwLock<Held>>,
}

impl Identity {
    /// Reads PEM files: the certificate first, then those above it; one unencrypted key.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let chain = certificates(certificate)?;
        let read = read(key)?;
        let no_key = || IdentityError::NoKey(key.to_owned());
        let private = PrivateKeyDer::from_pem_slice(&read).map_err(|_| no_key())?;
        let signing = rustls::crypto::ring::sign::any_supported_type(&private).map_err(|_| no_key())?;
        let validity = chain.first().and_then(|first| Validity::of(first));
        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            // a key that cannot say which it is cannot be found wrong before it is used
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(IdentityError::DoNotFit { certificate: certificate.to_owned(), key: key.to_owned() });
            }
            Err(_) => return Err(IdentityError::NoCertificate(certificate.to_owned())),
        }
        Ok(Self { held: Arc::new(RwLock::new(Held { certified: Arc::new(certified), validity })) })
    }

    /// Takes over what another one holds, here and in all clones.
    pub fn replace(&self, new: &Self) {
        let new = new.held();
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// Until when the certificate holds, if it can be read from it.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.held().validity.map(|validity| validity.until)
    }

    /// From when it holds.
    #[must_use]
    pub fn begins(&self) -> Option<SystemTime> {
        self.held().validity.map(|validity| validity.from)
    }

    fn held(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The same certificate; the keys then are the same, too.
impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.held, &other.held) || self.held().certified.cert == other.held().certified.cert
    }
}

impl Eq for Identity {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.held().certified)
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.held().certified)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The certificates of a PEM file, in its order.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let none = || IdentityError::NoCertificate(file.to_owned());
    let read = read(file)?;
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&read).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or_else(none)
}

fn read(file: &Path) -> Result<Vec<u8>, IdentityError> {
    let failed = |why: String| IdentityError::Unreadable { file: file.to_owned(), why };
    let about = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?;
    if !about.is_file() || about.len() > FILE {
        return Err(failed(format!("no file of at most {FILE} bytes")));
    }
    std::fs::read(file).map_err(|error| failed(error.to_string()))
}
