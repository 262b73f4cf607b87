//! UDP (RFC 3261 §18): one datagram, one message.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol as IpProtocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::Inbound;
use crate::codec::{is_keep_alive, parse};
use crate::flow::Flow;
use crate::settings::Protocol;

/// How long reading pauses after an error, so that one that stays does not eat a core.
const ERROR_PAUSE: Duration = Duration::from_millis(5);
/// How often a datagram is given to the kernel again that took the chance to tell of another.
const TRIES: usize = 4;
/// The largest datagram.
const DATAGRAM: usize = 65_536;
/// What the kernel is asked to keep for us in each direction, in bytes; it may give less.
const KERNEL_BUFFER: usize = 4 << 20;

/// Binds a socket.
///
/// # Errors
/// What the operating system says.
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(IpProtocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // IPv4 peers would come as ::ffff:a.b.c.d, which is nobody's address elsewhere: theirs is a listener of its own
        socket.set_only_v6(true)?;
    }
    // how much we get is the operator's limit; less is no reason not to start
    let _less = socket.set_recv_buffer_size(KERNEL_BUFFER).and(socket.set_send_buffer_size(KERNEL_BUFFER));
    super::icmp::ask(&socket);
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Sends a datagram if the kernel takes it now.
///
/// # Errors
/// What the operating system says of this datagram.
pub(crate) fn send(socket: &UdpSocket, bytes: &[u8], peer: SocketAddr) -> io::Result<()> {
    let mut sent = socket.try_send_to(bytes, peer);
    for _ in 0..TRIES {
        match &sent {
            Err(error) if is_about_another(error) => sent = socket.try_send_to(bytes, peer),
            Ok(_) | Err(_) => break,
        }
    }
    sent.map(|_| ())
}

/// Whether an error may be about a datagram sent before (ICMP): then it is told once, to whoever asks the socket next.
fn is_about_another(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
    )
}

/// Reads until the endpoint is gone. Reads no faster than the endpoint takes; the kernel drops the rest.
pub(crate) async fn read(socket: Arc<UdpSocket>, local: SocketAddr, inbound: mpsc::Sender<Inbound>) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let (length, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) if is_about_another(&error) => continue,
            // the system is short of something; the socket itself goes on
            Err(error) => {
                tracing::debug!(%local, %error, "not received");
                tokio::time::sleep(ERROR_PAUSE).await;
                continue;
            }
        };
        let datagram = &buffer[..length];
        if peer.port() == 0 || is_keep_alive(datagram) {
            continue;
        }
        let flow = Flow { protocol: Protocol::Udp, local, peer };
        if inbound.send(Inbound::Message(flow, Box::new(parse(datagram)))).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A port that is free for both families is found at once, unless somebody else has the IPv4 one.
    #[tokio::test]
    async fn everywhere_of_ipv6_leaves_ipv4_to_a_listener_of_its_own() {
        let both = (0..20).find_map(|_| {
            let six = bind("[::]:0".parse().unwrap()).unwrap();
            let port = six.local_addr().unwrap().port();
            Some((six, bind(SocketAddr::from(([127, 0, 0, 1], port))).ok()?))
        });
        assert!(both.is_some(), "the IPv6 listener has the IPv4 port too");
        let both = (0..20).find_map(|_| {
            let six = super::super::tcp::bind("[::]:0".parse().unwrap()).unwrap();
            let port = six.local_addr().unwrap().port();
            Some((six, super::super::tcp::bind(SocketAddr::from(([127, 0, 0, 1], port))).ok()?))
        });
        assert!(both.is_some(), "over TCP as well");
    }
}
