//! All desks of a run, on one socket: each is an agent of its own with a phone of two lines.
//!
//! A desk makes one transfer at a time; there are as many as transfers overlap.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::desk::{Desk, Word};
use crate::line::Reaction;
use crate::media::Media;
use crate::register;
use crate::wire::Message;

/// How often timers are looked at.
const SWEEP: Duration = Duration::from_millis(10);

pub(crate) struct Desks {
    socket: UdpSocket,
    server: SocketAddr,
    desks: Vec<Desk>,
    by_name: HashMap<String, usize>,
    /// Which desk a Call-ID belongs to.
    by_call: HashMap<String, usize>,
    swept: Instant,
    pub(crate) resent: u64,
}

impl Desks {
    pub(crate) fn open(server: SocketAddr, domain: &'static str, count: usize) -> std::io::Result<Desks> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let own = socket.local_addr()?;
        let desks: Vec<Desk> = (0..count).map(|number| Desk::new(number, own, domain)).collect();
        let by_name = desks.iter().enumerate().map(|(index, desk)| (desk.name(), index)).collect();
        Ok(Desks { socket, server, desks, by_name, by_call: HashMap::new(), swept: Instant::now(), resent: 0 })
    }

    /// Registers every desk; for no seconds: takes all registrations back.
    pub(crate) fn register(&self, domain: &str, expires_s: u32) -> Result<(), String> {
        self.desks
            .iter()
            .try_for_each(|desk| register::register(&self.socket, self.server, domain, &desk.name(), expires_s))
    }

    /// A desk for a customer to come, and what to dial to reach it.
    pub(crate) fn take(&mut self, legs: [u64; 2]) -> Option<(usize, String)> {
        let (index, desk) = self.desks.iter_mut().enumerate().find(|(_, desk)| desk.is_free())?;
        desk.expect(legs);
        Some((index, desk.name()))
    }

    /// Transfers under way, and lines that are ending.
    pub(crate) fn busy(&self) -> usize {
        self.desks.iter().filter(|desk| desk.is_busy()).count()
    }

    /// Reads and sends what is due; says what became of whose transfer.
    pub(crate) fn turn(&mut self, media: &Media) -> Vec<(usize, Word)> {
        let mut words = Vec::new();
        let mut buffer = [0; 8192];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let Some(message) = Message::read(&buffer[..length]) else { continue };
            let Some(index) = self.whose(&message) else { continue };
            let reaction = self.desks[index].receive(&message, media);
            self.carry(index, reaction, &mut words);
        }
        let now = Instant::now();
        if now >= self.swept + SWEEP {
            self.swept = now;
            for index in 0..self.desks.len() {
                let reaction = self.desks[index].due(now);
                self.carry(index, reaction, &mut words);
            }
        }
        words
    }

    fn whose(&mut self, message: &Message<'_>) -> Option<usize> {
        let call_id = message.header("Call-ID")?;
        if let Some(index) = self.by_call.get(call_id) {
            return Some(*index);
        }
        let user = if message.status().is_some() { message.user("From")? } else { message.target_user()? };
        let index = *self.by_name.get(user)?;
        if message.method() == "INVITE" {
            self.by_call.insert(call_id.to_owned(), index);
        }
        Some(index)
    }

    fn carry(&mut self, index: usize, reaction: Reaction<Word>, words: &mut Vec<(usize, Word)>) {
        if reaction.again {
            self.resent += reaction.send.len() as u64;
        }
        for text in &reaction.send {
            drop(self.socket.send_to(text.as_bytes(), self.server));
        }
        words.extend(reaction.words.into_iter().map(|word| (index, word)));
        if self.desks[index].is_free() {
            self.by_call.retain(|_, whose| *whose != index);
        }
    }
}
