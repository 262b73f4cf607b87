//! The phone of an agent of the queue: it rings, and does not answer. It says when it was rung, and turns down or logs out when told.
//!
//! A thread of its own waits at its socket, so that an INVITE is timed when it comes.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::house::DOMAIN;
use crate::register::register_again;
use crate::wire::Message;

/// How long it waits at its socket before it looks for what it is told.
const TURN: Duration = Duration::from_millis(1);

/// What it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Do {
    TurnDown,
    LogOut,
    LogIn,
    End,
}

/// What it tells: that it was rung, or that something was done; and when that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Which phone.
    pub(crate) who: usize,
    pub(crate) what: What,
    pub(crate) at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Rung,
    /// The 486 went out, or the first REGISTER of a logout.
    Began,
    LoggedIn,
    Failed,
}

/// Somebody's phone.
pub(crate) struct Taker {
    pub(crate) name: String,
    to: Sender<Do>,
}

impl Taker {
    /// Registers it and lets it wait.
    pub(crate) fn start(who: usize, server: SocketAddr, told: Sender<Told>) -> Result<Self, String> {
        let name = format!("taker{who}");
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|why| why.to_string())?;
        socket.set_read_timeout(Some(TURN)).map_err(|why| why.to_string())?;
        register_again(&socket, server, DOMAIN, &name, 3600, 0)?;
        let (to, orders) = channel();
        let phone = Phone {
            who,
            name: name.clone(),
            socket,
            server,
            told,
            rings: HashMap::new(),
            last: String::new(),
            registered: 0,
        };
        std::thread::spawn(move || phone.run(&orders));
        Ok(Self { name, to })
    }

    pub(crate) fn tell(&self, what: Do) {
        // a phone whose thread has ended has said so
        let _gone = self.to.send(what);
    }
}

struct Phone {
    who: usize,
    name: String,
    socket: UdpSocket,
    server: SocketAddr,
    told: Sender<Told>,
    /// The INVITEs that are not answered, by Call-ID: a CANCEL may come late.
    rings: HashMap<String, String>,
    /// The Call-ID of the last one.
    last: String,
    /// How often it registered, or took that back.
    registered: u32,
}

impl Phone {
    fn run(mut self, orders: &Receiver<Do>) {
        let mut buffer = [0; 8192];
        loop {
            if let Ok(length) = self.socket.recv(&mut buffer) {
                self.receive(&buffer[..length]);
            }
            match orders.try_recv() {
                Ok(Do::TurnDown) => {
                    self.says(What::Began);
                    let last = self.last.clone();
                    self.finish(&last, "486 Busy Here");
                }
                Ok(Do::LogOut) => {
                    self.says(What::Began);
                    self.registers(0, None);
                }
                Ok(Do::LogIn) => self.registers(3600, Some(What::LoggedIn)),
                Ok(Do::End) | Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                    self.registers(0, None);
                    return;
                }
                Err(std::sync::mpsc::TryRecvError::Empty) => {}
            }
        }
    }

    fn registers(&mut self, expires_s: u32, done: Option<What>) {
        self.registered += 1;
        let answer = register_again(&self.socket, self.server, DOMAIN, &self.name, expires_s, self.registered);
        match (answer, done) {
            (Ok(()), Some(what)) => self.says(what),
            (Ok(()), None) => {}
            (Err(_), _) => self.says(What::Failed),
        }
    }

    fn says(&self, what: What) {
        let _gone = self.told.send(Told { who: self.who, what, at: Instant::now() });
    }

    fn receive(&mut self, datagram: &[u8]) {
        let at = Instant::now();
        let Some(message) = Message::read(datagram).filter(|message| message.status().is_none()) else { return };
        let Some(call_id) = message.header("Call-ID") else { return };
        match message.method() {
            "INVITE" => {
                self.send(&message.respond("180 Ringing", "ring", &self.contact(), ""));
                call_id.clone_into(&mut self.last);
                let text = String::from_utf8_lossy(datagram).into_owned();
                if self.rings.insert(call_id.to_owned(), text).is_none() {
                    let _gone = self.told.send(Told { who: self.who, what: What::Rung, at });
                }
            }
            "CANCEL" => {
                self.send(&message.respond("200 OK", "ring", "", ""));
                self.finish(call_id, "487 Request Terminated");
            }
            "ACK" => {}
            _ => self.send(&message.respond("200 OK", "ring", "", "")),
        }
    }

    /// The final answer to an INVITE.
    fn finish(&mut self, call_id: &str, status: &str) {
        let Some(invite) = self.rings.remove(call_id) else { return };
        if let Some(message) = Message::read(invite.as_bytes()) {
            self.send(&message.respond(status, "ring", "", ""));
        }
    }

    fn contact(&self) -> String {
        let own = self.socket.local_addr().map(|own| own.to_string()).unwrap_or_default();
        format!("Contact: <sip:{}@{own}>\r\n", self.name)
    }

    fn send(&self, text: &str) {
        drop(self.socket.send_to(text.as_bytes(), self.server));
    }
}
