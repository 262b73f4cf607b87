//! How a connection comes to be: accepted or made, plain or by a TLS handshake. Limited in time either way.
//!
//! ```text
//!   accepted, TCP      ready at once
//!   accepted, TLS      the other side's handshake: 5 s, then it is cut (slow, garbage, or plain SIP on the port of TLS)
//!   made, TCP          5 s to connect
//!   made, TLS          5 s for both, and the server must prove the name that was meant
//! ```

use std::io;
use std::time::Duration;

use secure_wire::{Acceptor, Connector, Stream, proof_of};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::tcp;
use crate::flow::Flow;

/// How long a handshake may take, and connecting.
pub(super) const OPENING_TIME: Duration = Duration::from_secs(5);

/// What is read from.
pub(super) type Reads = Box<dyn AsyncRead + Send + Unpin>;
/// What is written to.
pub(super) type Writes = Box<dyn AsyncWrite + Send + Unpin>;

/// Whom we mean to reach over TLS, and how they prove to be it.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// Their name or address, as their certificate must have it.
    pub(crate) name: String,
    /// Whom we believe, and who we are.
    pub(crate) connector: Connector,
}

/// A connection that is to be.
pub(super) enum Opening {
    Accepted(TcpStream),
    AcceptedSecure(TcpStream, Acceptor),
    Connect,
    ConnectSecure(Expected),
    /// Nobody is known to be there.
    Nobody,
}

/// One that is.
pub(super) struct Opened {
    pub(super) reads: Reads,
    pub(super) writes: Writes,
    /// The certificates the other side has proved itself by, DER; of TLS alone.
    pub(super) proof: Vec<Vec<u8>>,
}

impl Opening {
    /// Does what is to be done before a byte of SIP can go.
    pub(super) async fn open(self, flow: Flow) -> io::Result<Opened> {
        let opening = async move {
            match self {
                Self::Accepted(stream) => Ok(plain(stream)),
                Self::AcceptedSecure(stream, acceptor) => {
                    tcp::prepare(&stream);
                    acceptor.accept(stream).await.map(secure)
                }
                Self::Nobody => Err(io::ErrorKind::NotConnected.into()),
                Self::Connect => tcp::connect(flow).await.map(plain),
                Self::ConnectSecure(expected) => {
                    let stream = tcp::connect(flow).await?;
                    tcp::prepare(&stream);
                    expected.connector.connect(&expected.name, stream).await.map(secure)
                }
            }
        };
        timeout(OPENING_TIME, opening).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn plain(stream: TcpStream) -> Opened {
    tcp::prepare(&stream);
    let (reads, writes) = stream.into_split();
    Opened { reads: Box::new(reads), writes: Box::new(writes), proof: Vec::new() }
}

fn secure(stream: Stream) -> Opened {
    let proof = proof_of(&stream);
    let (reads, writes) = tokio::io::split(stream);
    Opened { reads: Box::new(reads), writes: Box::new(writes), proof }
}
