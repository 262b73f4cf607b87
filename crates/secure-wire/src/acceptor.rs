//! The listening side: shows its identity, and asks for the other's where somebody wants to know it.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientCertVerifierBuilder, NoServerSessionStorage, WebPkiClientVerifier};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::{Identity, Roots, Stream, VERSIONS, provider};

/// Makes encrypted connections of those that came. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// With `clients` a client may show a certificate of one of these authorities, and need not; one that shows another's, or
    /// one that has expired, is turned away.
    #[must_use]
    pub fn new(identity: &Identity, clients: Option<&Roots>) -> Self {
        // fails only without authorities, and `Roots` has some
        let verifier = clients.and_then(|roots| verifier(roots).allow_unauthenticated().build().ok());
        Self::with(identity, verifier)
    }

    /// Every client must show a certificate of one of these authorities.
    #[must_use]
    pub fn demanding(identity: &Identity, clients: &Roots) -> Self {
        Self::with(identity, verifier(clients).build().ok())
    }

    fn with(identity: &Identity, verifier: Option<Arc<dyn ClientCertVerifier>>) -> Self {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&VERSIONS)
            .expect("ring speaks both versions");
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(identity.clone()));
        // who comes again is proved again: a session taken up would outlive a certificate that was replaced
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Self(TlsAcceptor::from(Arc::new(config)))
    }

    /// The handshake. It has no time limit of its own.
    ///
    /// # Errors
    /// What the other side sent is no TLS that we speak, or it is gone.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        self.0.accept(stream).await.map(Stream::from)
    }
}

fn verifier(roots: &Roots) -> ClientCertVerifierBuilder {
    WebPkiClientVerifier::builder_with_provider(roots.store(), provider())
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor(…)")
    }
}
