//! The floor that the mixer is measured against: the same packets through the same kind of loop, without any mixing.
//!
//! A process of its own (`load reflect`), so that its processor time can be told from the generator's. One socket per
//! leg, read and written once every 20 ms on an absolute clock, spread over slots as the mixer's legs are.

use std::io::{BufRead, BufReader, ErrorKind, Write, stdout};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::house::cpu_seconds;

const SLOTS: usize = 20;

/// A running reflector and the ports of its legs.
pub(crate) struct Reflector {
    child: Child,
    pub(crate) ports: Vec<SocketAddr>,
}

impl Reflector {
    pub(crate) fn start(legs: usize) -> Result<Reflector, String> {
        let program = std::env::current_exe().map_err(|why| why.to_string())?;
        let mut child = Command::new(program)
            .args(["reflect", "--legs", &legs.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|why| why.to_string())?;
        let told = child.stdout.take().ok_or("no stdout")?;
        let mut ports = Vec::new();
        for line in BufReader::new(told).lines().take(legs) {
            let port: u16 = line.ok().and_then(|line| line.parse().ok()).ok_or("a reflector without ports")?;
            ports.push(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        Ok(Reflector { child, ports })
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.child.id())
    }
}

impl Drop for Reflector {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The reflector itself; ends only by being killed.
pub(crate) fn reflect(legs: usize) -> Result<(), String> {
    let mut sockets = Vec::new();
    for _ in 0..legs {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|why| why.to_string())?;
        socket.set_nonblocking(true).map_err(|why| why.to_string())?;
        let port = socket.local_addr().map_err(|why| why.to_string())?.port();
        writeln!(stdout(), "{port}").map_err(|why| why.to_string())?;
        sockets.push((socket, false));
    }
    let start = Instant::now();
    for slot in 0_u32.. {
        let due = start + Duration::from_millis(1) * slot;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for (socket, connected) in sockets.iter_mut().skip(slot as usize % SLOTS).step_by(SLOTS) {
            pass(socket, connected);
        }
    }
    Ok(())
}

fn pass(socket: &UdpSocket, connected: &mut bool) {
    let mut buffer = [0; 1500];
    loop {
        let read = if *connected {
            socket.recv(&mut buffer)
        } else {
            socket.recv_from(&mut buffer).inspect(|(_, from)| *connected = socket.connect(from).is_ok()).map(|(n, _)| n)
        };
        match read {
            Ok(length) => drop(socket.send(&buffer[..length])),
            Err(why) if why.kind() == ErrorKind::ConnectionRefused => {}
            Err(_) => return,
        }
    }
}
