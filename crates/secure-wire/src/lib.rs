//! Encrypts what goes over TCP: certificates, keys, and the TLS we speak (1.2 and 1.3). What is said over it is for others.
//!
//! ring is the only crypto provider, named wherever one is needed: no process-wide default is set or asked for.

mod acceptor;
mod connector;
mod identity;
mod roots;
mod validity;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use tokio::net::TcpStream;

pub use acceptor::Acceptor;
pub use connector::{BadName, Connector};
pub use identity::{Identity, IdentityError};
pub use roots::{Roots, RootsError};

/// A TCP connection that is encrypted; either end of it.
pub type Stream = tokio_rustls::TlsStream<TcpStream>;

/// What speaks TLS here: 1.2 and 1.3 (trust.md E13), with the suites that ring has.
const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The certificate, DER, that the other end of a connection proved itself by, and those above it; empty if by none.
#[must_use]
pub fn proof_of(stream: &Stream) -> Vec<Vec<u8>> {
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    certificates.iter().map(|certificate| certificate.as_ref().to_vec()).collect()
}
