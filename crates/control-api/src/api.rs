//! The API as a whole: takes connections, serves each within its limits, stops in good order.
//!
//! It knows no route; `routes` does.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use secure_wire::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::debug;

use crate::house::House;
use crate::limits::{
    CONNECTIONS, CONNECTIONS_OF_ONE, HANDSHAKE_TIME, HEAD_BYTES, HEAD_TIME, HEADERS, STOP_TIME, TAKE_TIME,
};
use crate::patient::Patient;
use crate::settings::ApiSettings;

/// The API, serving. Stop it with [`Api::stop`]; dropped, it serves no longer.
#[derive(Debug)]
pub struct Api {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<()>>,
}

impl Api {
    /// Serves the API on a listener.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn start(listener: TcpListener, house: House, settings: ApiSettings) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let acceptor = settings.identity.as_ref().map(|identity| Acceptor::new(identity, None));
        let router = crate::routes::router(house, settings, stopped.clone());
        let server = tokio::spawn(serve(listener, acceptor, router, stopped));
        Ok(Self { address, stop, server: Some(server) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, lets those under way end, closes the subscribers.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(server) = self.server.take() {
            // It ends by itself within STOP_TIME.
            let _ended = server.await;
        }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

async fn serve(listener: TcpListener, acceptor: Option<Acceptor>, router: Router, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut of_address: HashMap<IpAddr, usize> = HashMap::new();
    loop {
        let taken = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            taken = taken => taken,
            _ = stopped.wait_for(|stop| *stop) => break,
            Some(over) = connections.join_next() => {
                if let Some(count) = over.ok().and_then(|peer: IpAddr| of_address.get_mut(&peer)) {
                    *count -= 1;
                }
                if connections.is_empty() {
                    // a connection that panicked was not counted down
                    of_address.clear();
                }
                of_address.retain(|_, count| *count > 0);
                continue;
            }
        };
        match accepted {
            Ok((stream, peer)) => {
                let address = peer.ip().to_canonical();
                let count = of_address.entry(address).or_default();
                if *count >= CONNECTIONS_OF_ONE && !address.is_loopback() {
                    debug!(%peer, "too many connections from this address");
                    continue;
                }
                *count += 1;
                let (acceptor, router, stopped) = (acceptor.clone(), router.clone(), stopped.clone());
                connections.spawn(async move {
                    let _place = place;
                    // A small answer must not wait for the acknowledgement of the one before.
                    let _best_effort = stream.set_nodelay(true);
                    match acceptor {
                        Some(acceptor) => shake_hands(stream, peer, &acceptor, router, stopped).await,
                        None => converse(stream, peer, router, stopped).await,
                    }
                    address
                });
            }
            Err(error) => {
                // Out of descriptors, or the peer is gone again: neither ends the API.
                debug!(%error, "no connection");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIME, all).await.is_err() {
        connections.shutdown().await;
    }
}

/// One connection over TLS, to its end. Whoever does not finish the handshake in time is sent away.
async fn shake_hands(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: &Acceptor,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(HANDSHAKE_TIME, acceptor.accept(stream)) => shaken,
        _ = stopped.wait_for(|stop| *stop) => return,
    };
    match shaken {
        Ok(Ok(stream)) => converse(stream, peer, router, stopped).await,
        Ok(Err(error)) => debug!(%peer, %error, "no handshake"),
        Err(_) => debug!(%peer, "no handshake in time"),
    }
}

/// One connection, to its end.
async fn converse<S>(stream: S, peer: SocketAddr, router: Router, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router.layer(axum::Extension(ConnectInfo(peer))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(Patient::new(stream, TAKE_TIME)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return note(peer, ended),
        _ = stopped.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    note(peer, connection.await);
}

fn note(peer: SocketAddr, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        debug!(%peer, %error, "connection ended");
    }
}
