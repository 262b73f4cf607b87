//! Whom we believe: certificates of authorities, from a file or those the operating system trusts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;

use crate::identity::{IdentityError, certificates};
use crate::provider;

/// Why there is nobody to believe.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] IdentityError),
    /// A certificate of the file cannot be an authority's.
    #[error("has a certificate in it that is no authority's: {}", .0.display())]
    NoAuthority(PathBuf),
    /// The operating system trusts nobody, or does not say whom.
    #[error("this machine trusts no authority (Debian has them in ca-certificates)")]
    NoneHere,
}

/// Authorities whose word counts. Cheap to clone.
#[derive(Clone)]
pub struct Roots {
    certificates: Arc<Vec<CertificateDer<'static>>>,
    store: Arc<RootCertStore>,
}

impl Roots {
    /// Those of a PEM file; all of them must be usable.
    ///
    /// # Errors
    /// The file or a certificate in it cannot be used.
    pub fn load(file: &Path) -> Result<Self, RootsError> {
        let certificates = certificates(file)?;
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store.add(certificate.clone()).map_err(|_| RootsError::NoAuthority(file.to_owned()))?;
        }
        Ok(Self { certificates: Arc::new(certificates), store: Arc::new(store) })
    }

    /// Those this machine trusts.
    ///
    /// # Errors
    /// There are none.
    pub fn of_this_machine() -> Result<Self, RootsError> {
        let certificates = rustls_native_certs::load_native_certs().certs;
        let mut store = RootCertStore::empty();
        let (usable, _) = store.add_parsable_certificates(certificates.iter().cloned());
        if usable == 0 {
            return Err(RootsError::NoneHere);
        }
        Ok(Self { certificates: Arc::new(certificates), store: Arc::new(store) })
    }

    /// All of these together; `None` if there are none.
    #[must_use]
    pub fn all_of<'a>(roots: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut certificates: Vec<CertificateDer<'static>> = Vec::new();
        for certificate in roots.into_iter().flat_map(|roots| roots.certificates.iter()) {
            if !certificates.contains(certificate) {
                certificates.push(certificate.clone());
            }
        }
        let mut store = RootCertStore::empty();
        let (usable, _) = store.add_parsable_certificates(certificates.iter().cloned());
        (usable > 0).then(|| Self { certificates: Arc::new(certificates), store: Arc::new(store) })
    }

    /// Whether one of these authorities vouches now for the first of these certificates, DER, as a client's; the others are those
    /// between. That the other side has its key is proved by the handshake alone.
    #[must_use]
    pub fn vouch_for(&self, chain: &[Vec<u8>]) -> bool {
        let Some((first, between)) = chain.split_first() else { return false };
        let Ok(verifier) = WebPkiClientVerifier::builder_with_provider(self.store(), provider()).build() else {
            return false;
        };
        let between: Vec<_> = between.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        verifier.verify_client_cert(&CertificateDer::from(first.as_slice()), &between, UnixTime::now()).is_ok()
    }

    pub(crate) fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.store)
    }
}

impl PartialEq for Roots {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates
    }
}

impl Eq for Roots {}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.certificates.len())
    }
}
