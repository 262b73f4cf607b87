//! TCP sockets (RFC 3261 §18): listening, connecting, and what is asked of the kernel for both.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

use super::Inbound;
use crate::flow::Flow;
use crate::settings::Protocol;

/// Connections that wait to be accepted by us.
const BACKLOG: u32 = 1024;
/// How long the other side may be silently gone before the kernel asks, and how often it asks again.
const PROBE: Duration = Duration::from_secs(30);

/// Binds a listener.
///
/// # Errors
/// What the operating system says.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        // as over UDP: one family, one listener
        SockRef::from(&socket).set_only_v6(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until the endpoint is gone. Over TLS the handshake is yet to come.
pub(crate) async fn accept(
    listener: TcpListener,
    protocol: Protocol,
    local: SocketAddr,
    inbound: mpsc::Sender<Inbound>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let flow = Flow { protocol, local, peer };
                if inbound.send(Inbound::Accepted(flow, stream)).await.is_err() {
                    return;
                }
            }
            // no descriptor left, or the peer has gone again: a moment later there may be one
            Err(error) => {
                tracing::debug!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Connects to the other side of a flow.
///
/// # Errors
/// What the operating system says.
pub(crate) async fn connect(flow: Flow) -> io::Result<TcpStream> {
    let socket = if flow.peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if !flow.local.ip().is_unspecified() {
        socket.bind((flow.local.ip(), 0).into())?;
    }
    socket.connect(flow.peer).await
}

/// Small messages at once, and a peer that is silently gone is found out within a minute (fault 18 of trust.md).
pub(crate) fn prepare(stream: &TcpStream) {
    let keep_alive = TcpKeepalive::new().with_time(PROBE).with_interval(PROBE / 3).with_retries(3);
    let set = stream.set_nodelay(true).and(SockRef::from(stream).set_tcp_keepalive(&keep_alive));
    if let Err(error) = set {
        tracing::debug!(%error, "socket options");
    }
}
