//! What the network says of datagrams it could not deliver (ICMP), read from a socket's error queue (Linux ip(7), IP_RECVERR).
//!
//! Only that nobody is there is handed on. What follows from it is for others, who know that anybody between may have said it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use socket2::Socket;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::Inbound;
use crate::flow::Flow;
use crate::settings::Protocol;

/// How long reading pauses after an error of the queue itself.
const ERROR_PAUSE: Duration = Duration::from_millis(5);
/// Room for one report with the address of who made it.
type Report = [u8; 128];

/// Asks the kernel to keep such reports. Without them a phone that is gone is found out by its silence.
pub(crate) fn ask(socket: &Socket) {
    let asked = setsockopt(socket, Ipv4RecvErr, &true).or_else(|_| setsockopt(socket, Ipv6RecvErr, &true));
    // a socket of IPv6 reports of IPv4 as well only if it is asked for both
    let _only_ipv4 = setsockopt(socket, Ipv6RecvErr, &true);
    if let Err(error) = asked {
        tracing::debug!(%error, "no reports of undelivered datagrams");
    }
}

/// Reads reports until the endpoint is gone. Those it has no room for are lost like any datagram.
pub(crate) async fn read_errors(socket: Arc<UdpSocket>, local: SocketAddr, inbound: mpsc::Sender<Inbound>) {
    loop {
        match socket.async_io(Interest::ERROR, || next_report(&socket)).await {
            Ok(Some(peer)) => {
                let flow = Flow { protocol: Protocol::Udp, local, peer };
                if let Err(mpsc::error::TrySendError::Closed(_)) = inbound.try_send(Inbound::Unreachable(flow)) {
                    return;
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%local, %error, "no report read");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
        }
    }
}

/// The next report: to whom a datagram went where nobody is; `None` if it says something else.
fn next_report(socket: &UdpSocket) -> io::Result<Option<SocketAddr>> {
    let mut control = nix::cmsg_space!(Report);
    // the datagram comes back as well, and is not needed
    let report = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut [], Some(&mut control), MsgFlags::MSG_ERRQUEUE)?;
    let number = report.cmsgs()?.find_map(|message| {
        if let ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) = message {
            return Some(error.ee_errno);
        }
        None
    });
    let nobody = number.is_some_and(is_nobody);
    Ok(report.address.filter(|_| nobody).and_then(|address| address_of(&address)))
}

fn is_nobody(number: u32) -> bool {
    let Ok(number) = i32::try_from(number) else { return false };
    matches!(Errno::from_raw(number), Errno::ECONNREFUSED | Errno::EHOSTUNREACH)
}

fn address_of(address: &SockaddrStorage) -> Option<SocketAddr> {
    let ipv4 = address.as_sockaddr_in().map(|address| SocketAddr::from((address.ip(), address.port())));
    ipv4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::from((address.ip(), address.port()))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::transport::udp;

    #[tokio::test]
    async fn a_closed_port_is_told_once_for_each_datagram_and_holds_up_nobody_else() {
        let socket = Arc::new(udp::bind("127.0.0.1:0".parse().unwrap()).unwrap());
        let local = socket.local_addr().unwrap();
        let (inbound, mut came) = mpsc::channel(16);
        let reader = tokio::spawn(read_errors(Arc::clone(&socket), local, inbound));
        let there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let gone = {
            let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            gone.local_addr().unwrap()
        };
        socket.writable().await.unwrap();
        let mut buffer = [0; 64];
        for _ in 0..20 {
            udp::send(&socket, b"to nobody", gone).unwrap();
            udp::send(&socket, b"to somebody", there.local_addr().unwrap()).unwrap();
            let limit = Duration::from_secs(5);
            let told = tokio::time::timeout(limit, came.recv()).await.unwrap();
            assert!(matches!(told, Some(Inbound::Unreachable(Flow { peer, .. })) if peer == gone), "{told:?}");
            let (length, _) = tokio::time::timeout(limit, there.recv_from(&mut buffer)).await.unwrap().unwrap();
            assert_eq!(&buffer[..length], b"to somebody");
        }
        reader.abort();
    }
}
