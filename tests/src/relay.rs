//! A bad wire in both directions between one line of a phone of the field and the server: two sockets and a seeded chance.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use softphone::Wire;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::field::FieldLine;

/// The wire; dropping it cuts it.
#[derive(Debug)]
pub struct Relay {
    tasks: [JoinHandle<()>; 2],
}

impl Relay {
    /// Puts a wire between a line and the server. The line speaks into it from now on; its next offer names the wire's far end.
    pub async fn between(line: &mut FieldLine, wire: Wire) -> Self {
        let ip = line.audio.own.ip();
        let near = Arc::new(UdpSocket::bind((ip, 0)).await.expect("a UDP socket"));
        let far = Arc::new(UdpSocket::bind((ip, 0)).await.expect("a UDP socket"));
        let (phone, server) = (line.audio.own, line.remote);
        line.remote = near.local_addr().expect("an address");
        line.port = far.local_addr().expect("an address").port();
        line.audio.goes_by(line.remote);
        let tasks = [
            tokio::spawn(carry(near.clone(), far.clone(), server, wire, 1)),
            tokio::spawn(carry(far, near, phone, wire, 2)),
        ];
        Self { tasks }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn carry(from: Arc<UdpSocket>, by: Arc<UdpSocket>, to: SocketAddr, wire: Wire, seed: u64) {
    let mut seed = seed;
    let mut chance = move || {
        // Knuth's MMIX generator, its upper bits
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / (1_u64 << 24) as f64
    };
    let mut datagram = [0; 2_048];
    loop {
        let Ok((length, _)) = from.recv_from(&mut datagram).await else { continue };
        if chance() < wire.loss {
            continue;
        }
        let late: Duration = wire.delay + wire.jitter.mul_f64(chance());
        let (by, packet) = (by.clone(), datagram[..length].to_vec());
        tokio::spawn(async move {
            tokio::time::sleep(late).await;
            drop(by.send_to(&packet, to).await);
        });
    }
}
