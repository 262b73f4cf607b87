//! One agent's phone with many lines: rings and answers every INVITE at once, answers BYE, OPTIONS, and what tells it of
//! another person at the other end (UPDATE or re-INVITE).
//!
//! It sends nothing itself; `traffic` carries its messages.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::media::Voice;
use crate::traffic::{PATIENCE, voice};
use crate::wire::{Message, audio_address, sdp};

/// RFC 3261 §13.3.1.4: a 2xx is sent again after T1, then twice as long each time up to T2, until its ACK.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// Whose phone it is, what it says and what it ought to hear at first.
pub(crate) struct Manner {
    pub(crate) user: &'static str,
    pub(crate) says: usize,
    pub(crate) hears: usize,
    pub(crate) never: Option<usize>,
}

/// It takes UPDATE.
const ALLOW: &str = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE\r\n";

/// What one message leads to.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) send: Vec<String>,
    pub(crate) begins: Option<Voice>,
    /// The leg whose sound ends.
    pub(crate) ends: Option<u64>,
}

struct Answered {
    leg: u64,
    port: u16,
    response: String,
    since: Instant,
    again_at: Option<Instant>,
    again_after: Duration,
}

pub(crate) struct Answerer {
    own: SocketAddr,
    manner: Manner,
    calls: HashMap<String, Answered>,
}

impl Answerer {
    pub(crate) fn new(own: SocketAddr, manner: Manner) -> Answerer {
        Answerer { own, manner, calls: HashMap::new() }
    }

    pub(crate) fn user(&self) -> &'static str {
        self.manner.user
    }

    pub(crate) fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// Answers one request. `leg` is the name of the leg that an INVITE begins.
    pub(crate) fn receive(&mut self, message: &Message<'_>, leg: u64) -> Result<Answer, &'static str> {
        if message.status().is_some() {
            return Ok(Answer::default());
        }
        let call_id = message.header("Call-ID").ok_or("a request without Call-ID")?;
        match message.method() {
            "INVITE" => self.answer(message, call_id, leg),
            "ACK" => {
                if let Some(call) = self.calls.get_mut(call_id) {
                    call.again_at = None;
                }
                Ok(Answer::default())
            }
            "BYE" => {
                let ends = self.calls.remove(call_id).map(|call| call.leg);
                Ok(Answer { send: vec![message.respond("200 OK", "load", "", "")], begins: None, ends })
            }
            "OPTIONS" | "UPDATE" => Ok(just(message.respond("200 OK", "load", ALLOW, ""))),
            "CANCEL" => Err("an answered call was cancelled"),
            _ => Ok(just(message.respond("405 Method Not Allowed", "load", "", ""))),
        }
    }

    /// Answers that are to be sent again, and legs that were never acknowledged or never ended.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Result<String, (u64, &'static str)>> {
        let mut due = Vec::new();
        self.calls.retain(|_, call| {
            let Some(again_at) = call.again_at else { return true };
            if now > call.since + PATIENCE {
                due.push(Err((call.leg, "a phone's 200 was not acknowledged")));
                return false;
            }
            if now >= again_at {
                call.again_after = (call.again_after * 2).min(T2);
                call.again_at = Some(now + call.again_after);
                due.push(Ok(call.response.clone()));
            }
            true
        });
        due
    }

    fn answer(&mut self, message: &Message<'_>, call_id: &str, leg: u64) -> Result<Answer, &'static str> {
        let contact = format!("Contact: <sip:{}@{}>\r\n{ALLOW}", self.manner.user, self.own);
        if let Some(call) = self.calls.get(call_id) {
            let again = message.header("To").is_some_and(|to| to.contains(";tag="));
            let same = || message.respond("200 OK", "", &contact, &sdp(call.port));
            return Ok(just(if again { same() } else { call.response.clone() }));
        }
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|_| "no socket for a phone's media")?;
        socket.set_nonblocking(true).map_err(|_| "no socket for a phone's media")?;
        let port = socket.local_addr().map_err(|_| "no socket for a phone's media")?.port();
        let Manner { says, hears, never, .. } = self.manner;
        let begins = voice(socket, audio_address(message.body()), says, vec![hears], never);
        let tag = format!("p{leg}");
        let ringing = message.respond("180 Ringing", &tag, &contact, "");
        let response = message.respond("200 OK", &tag, &contact, &sdp(port));
        let now = Instant::now();
        let call =
            Answered { leg, port, response: response.clone(), since: now, again_at: Some(now + T1), again_after: T1 };
        self.calls.insert(call_id.to_owned(), call);
        match begins {
            Some(_) => Ok(Answer { send: vec![ringing, response], begins, ends: None }),
            None => Err("no usable SDP in an INVITE to a phone"),
        }
    }
}

fn just(text: String) -> Answer {
    Answer { send: vec![text], begins: None, ends: None }
}
