//! Alice's phones, all on one socket: ring and answer every INVITE at once, answer BYE and OPTIONS.
//!
//! It sends nothing itself; `traffic` carries its messages.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::media::Voice;
use crate::traffic::{CALLER_SAYS, PATIENCE, PHONE_SAYS, voice};
use crate::wire::{Message, audio_address, sdp};

/// RFC 3261 §13.3.1.4: a 2xx is sent again after T1, then twice as long each time up to T2, until its ACK.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

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
    response: String,
    since: Instant,
    again_at: Option<Instant>,
    again_after: Duration,
}

pub(crate) struct Answerer {
    own: SocketAddr,
    calls: HashMap<String, Answered>,
}

impl Answerer {
    pub(crate) fn new(own: SocketAddr) -> Answerer {
        Answerer { own, calls: HashMap::new() }
    }

    pub(crate) fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// A REGISTER of this socket as Alice's phone.
    pub(crate) fn registration(&self, domain: &str, sequence: u32, authorization: &str) -> String {
        let own = self.own;
        format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKr{sequence};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:alice@{domain}>;tag=r\r\nTo: <sip:alice@{domain}>\r\nCall-ID: load-register-{own}\r\n\
             CSeq: {sequence} REGISTER\r\nContact: <sip:alice@{own}>\r\nExpires: 3600\r\n{authorization}Content-Length: 0\r\n\r\n"
        )
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
            "OPTIONS" => Ok(just(message.respond("200 OK", "load", "", ""))),
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
        if let Some(call) = self.calls.get(call_id) {
            return Ok(just(call.response.clone()));
        }
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|_| "no socket for a phone's media")?;
        socket.set_nonblocking(true).map_err(|_| "no socket for a phone's media")?;
        let port = socket.local_addr().map_err(|_| "no socket for a phone's media")?.port();
        let begins = voice(socket, audio_address(message.body()), PHONE_SAYS, vec![CALLER_SAYS]);
        let contact = format!("Contact: <sip:alice@{}>\r\n", self.own);
        let tag = format!("p{leg}");
        let ringing = message.respond("180 Ringing", &tag, &contact, "");
        let response = message.respond("200 OK", &tag, &contact, &sdp(port));
        let now = Instant::now();
        let call = Answered { leg, response: response.clone(), since: now, again_at: Some(now + T1), again_after: T1 };
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
