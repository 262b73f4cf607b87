//! The connecting side: believes only who proves the name that was meant.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::identity::certificates;
use crate::{Identity, IdentityError, Roots, Stream, VERSIONS, provider};

/// What is neither a host's name nor an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no name or address of a server: \"{}\"", .0.escape_debug())]
pub struct BadName(pub String);

/// Makes encrypted connections to others. Cheap to clone.
#[derive(Clone)]
pub struct Connector(Arc<ClientConfig>);

impl Connector {
    /// Believes these authorities; shows `identity` to whoever asks for one.
    #[must_use]
    pub fn new(roots: &Roots, identity: Option<&Identity>) -> Self {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&VERSIONS)
            .expect("ring speaks both versions")
            .with_root_certificates(roots.store());
        let config = match identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(identity.clone())),
            None => builder.with_no_client_auth(),
        };
        Self(Arc::new(config))
    }

    /// Believes a server that shows the first certificate of this file, by whatever name it is reached and whoever vouches for it;
    /// else those this machine trusts.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn to_own(certificate: Option<&Path>) -> Result<Self, IdentityError> {
        let own = certificate.map(certificates).transpose()?.and_then(|all| all.into_iter().next());
        let machine = Roots::of_this_machine().ok();
        let others = machine
            .and_then(|roots| WebPkiServerVerifier::builder_with_provider(roots.store(), provider()).build().ok());
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&VERSIONS)
            .expect("ring speaks both versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OwnOrTrusted { own, others }))
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// The handshake with the server of this name (or address), over a connection that was made to it.
    ///
    /// # Errors
    /// It cannot prove that it is the one, speaks no TLS that we speak, or is gone.
    pub async fn connect(&self, name: &str, stream: TcpStream) -> io::Result<Stream> {
        let name = server_name(name).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await.map(Stream::from)
    }

    /// Whether a server can be verified by this name or address.
    ///
    /// # Errors
    /// It is neither.
    pub fn check_name(name: &str) -> Result<(), BadName> {
        server_name(name).map(|_| ())
    }

    /// The settings themselves, for a client that makes its own connections. `reqwest` must be given some, even to speak plain HTTP: it
    /// is built without a provider of its own, and looks for one of the process when it is given none.
    #[must_use]
    pub fn settings(&self) -> ClientConfig {
        self.0.as_ref().clone()
    }
}

/// Our own certificate, or one that somebody trusted vouches for.
#[derive(Debug)]
struct OwnOrTrusted {
    own: Option<CertificateDer<'static>>,
    others: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for OwnOrTrusted {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.own.as_ref().is_some_and(|own| own == shown) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.others {
            Some(others) => others.verify_server_cert(shown, between, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, BadName> {
    let bare = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(bare).map_err(|_| BadName(name.to_owned()))
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector(…)")
    }
}
